// exchange-routes: downloads and uploads of keys, and of single values.
import { randomUUID } from 'node:crypto';
import { createWriteStream, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import { isError, replyText } from '../../client/reply.js';
import type { AdminContext } from '../admin-context.js';
import { reachesKey } from '../access/roles.js';
import { ApiError } from '../api-error.js';
import { exportFormats, type ExportFormat, exportKeys } from '../exchange/export.js';
import { importCommands, importFormats, importKeys, importModes, type ImportQuery } from '../exchange/import.js';
import { ResponseOutput } from '../exchange/response-output.js';
import type { Route, Visit } from '../http/route.js';
import { type DataFolder, uploadPrefix } from '../store/data-folder.js';
import { bytesOfText, textOfBytes } from '../text-bytes.js';
import { DATABASE_MAX } from './key-routes.js';

const uploadBytesMax = 4 * 2 ** 30;
const pieceBytes = 1 << 20;
const endings: Readonly<Record<ExportFormat, string>> = { json: 'jsonl', csv: 'csv', commands: 'redis', rdb: 'rdb' };

export function exchangeRoutes(admin: AdminContext, folder: DataFolder): Route[] {
  return [
    { method: 'GET', path: '/api/servers/:id/export', role: 'viewer', run: (visit) => download(admin, visit) },
    { method: 'GET', path: '/api/servers/:id/value', role: 'viewer', run: (visit) => downloadValue(admin, visit) },
    {
      method: 'POST',
      path: '/api/servers/:id/import',
      role: 'editor',
      readsBody: true,
      run: (visit) => upload(admin, folder, visit),
    },
  ];
}

function databaseIn(query: URLSearchParams): number {
  const database = Number(query.get('database') ?? 0);
  if (!Number.isSafeInteger(database) || database < 0 || database > DATABASE_MAX)
    throw new ApiError('bad-input', 'database must be a number.');
  return database;
}

/** Lone surrogates do not survive a URL: bytes that are no UTF-8 come as base64url, under the name with 64. */
function bytesIn(query: URLSearchParams, name: string): Uint8Array {
  const coded = query.get(`${name}64`);
  return coded === null ? bytesOfText(query.get(name) ?? '') : Buffer.from(coded, 'base64url');
}

function oneOf<const Name extends string>(value: string | null, choices: readonly Name[], name: string): Name {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new ApiError('bad-input', `${name} must be one of ${choices.join(', ')}.`);
  return found;
}

function attach({ response }: Visit, name: string): void {
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Content-Disposition', `attachment; filename*=UTF-8''${encodeURIComponent(name)}`);
}

async function download(admin: AdminContext, visit: Visit): Promise<void> {
  const { query, response } = visit;
  const format = oneOf(query.get('format'), exportFormats, 'format');
  const link = admin.link(visit, visit.params.id!);
  const database = databaseIn(query);
  const pattern = bytesIn(query, 'pattern');
  await link.ask(); // errors are told before the download begins
  admin.record(visit, link.entry, 'export', 'started', {
    detail: `${format} database ${database} ${textOfBytes(pattern)}`,
  });
  attach(visit, `${link.name}-${database}.${endings[format]}`);
  const output = new ResponseOutput(response);
  await exportKeys(
    link,
    admin.parts.clock,
    { format, database, pattern: textOfBytes(pattern), limits: visit.rights.prefixes },
    output,
  );
}

/** A string as it is, in pieces. */
async function downloadValue(admin: AdminContext, visit: Visit): Promise<void> {
  const { query, response } = visit;
  const text = query.get('key') ?? '';
  const key = bytesIn(query, 'key');
  if (!reachesKey(visit.rights, textOfBytes(key))) throw new ApiError('forbidden', 'This is not your key.');
  const link = admin.link(visit, visit.params.id!);
  const database = databaseIn(query);
  const length = await link.call(database, ['STRLEN', key], key);
  if (isError(length)) throw new ApiError('server-error', replyText(length));
  attach(visit, `${text.replace(/[^\w.-]+/g, '_').slice(0, 80) || 'value'}.bin`);
  const output = new ResponseOutput(response);
  for (let at = 0; at < Number(length.kind === 'integer' ? length.value : 0) && !output.isGone; at += pieceBytes) {
    const piece = await link.call(database, ['GETRANGE', key, String(at), String(at + pieceBytes - 1)], key);
    if (piece.kind !== 'bulk' || piece.bytes.length === 0) break;
    output.write(piece.bytes);
    await output.flush();
  }
  await output.finish();
}

async function upload(admin: AdminContext, folder: DataFolder, visit: Visit): Promise<unknown> {
  const { query, request, rights } = visit;
  const format = oneOf(query.get('format'), importFormats, 'format');
  const mode = oneOf(query.get('mode') ?? 'skip', importModes, 'mode');
  const link = admin.link(visit, visit.params.id!);
  await admin.requireWritable(visit, link);
  const database = query.has('database') ? databaseIn(query) : undefined;
  const path = folder.pathOf(`${uploadPrefix}${randomUUID()}`);
  try {
    await receive(request, path);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
  const order: ImportQuery = { path, format, mode, database, reaches: (key) => reachesKey(rights, key) };
  admin.record(visit, link.entry, 'import', 'started', { detail: `${format} ${mode}` });
  const { clock, jobs } = admin.parts;
  const job = jobs.start(
    {
      owner: rights.name,
      serverId: link.entry.id,
      kind: 'import',
      title: query.get('name')?.slice(0, 200) ?? format,
      onEnd: (ended) => {
        rmSync(path, { force: true });
        admin.record(visit, link.entry, 'import', ended.message ?? ended.state, {
          detail: `${JSON.stringify(ended.result ?? {})} errors: ${ended.errors}`,
        });
      },
    },
    (running) =>
      format === 'commands'
        ? importCommands(link, order, running, async (args) => {
            const meaning = await admin.check(visit, link, args, undefined, false);
            if (meaning.changes) admin.note(visit, link.entry, meaning, args, 'import');
            return { key: meaning.keys[0] };
          })
        : importKeys(link, clock, order, running),
  );
  return { job: job.id };
}

async function receive(request: Visit['request'], path: string): Promise<void> {
  let length = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      length += chunk.length;
      if (length > uploadBytesMax) done(new ApiError('too-large', 'The file has more than 4 GB: use kvasir-load.'));
      else done(null, chunk);
    },
  });
  await pipeline(request, bounded, createWriteStream(path, { mode: 0o600 }));
}
