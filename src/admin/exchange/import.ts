// import: keys out of an uploaded file into a server: JSON lines of kvasir-dump and redis-dump, CSV, an RDB file, or commands.
//
// The file lies in the data folder while the job runs. Keys outside the person's prefixes are refused one by one; a file of commands
// goes line by line through the same policy as the console.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { splitBytes } from '../../base/quoting.js';
import { isError, replyText } from '../../client/reply.js';
import type { Clock } from '../../io/clock.js';
import { ClusterSink } from '../../transfer/link/cluster.js';
import { Pipeline } from '../../transfer/link/pipeline.js';
import type { Sink, Source } from '../../transfer/record/record.js';
import {
  restoreVersionOf,
  ServerSink,
  type ServerSinkOptions,
  type WriteMode,
} from '../../transfer/sinks/server-sink.js';
import { fileChunks, fileSize } from '../../transfer/sources/file-chunks.js';
import { JsonSource } from '../../transfer/sources/json-source.js';
import { RdbSource } from '../../transfer/sources/rdb-source.js';
import { infoField, type ServerLink } from '../link/server-link.js';
import type { Job } from '../jobs/jobs.js';
import { textOfBytes } from '../text-bytes.js';
import { CsvSource } from './csv-source.js';
import { addressOf } from './export.js';

export const importFormats = ['json', 'csv', 'rdb', 'commands'] as const;
export type ImportFormat = (typeof importFormats)[number];
export const importModes = ['skip', 'replace', 'merge'] as const;

export interface ImportQuery {
  readonly path: string;
  readonly format: ImportFormat;
  readonly mode: WriteMode;
  /** All keys go into this database; undefined: into those of the file. */
  readonly database: number | undefined;
  readonly reaches: (key: string) => boolean;
}

export async function importKeys(link: ServerLink, clock: Clock, query: ImportQuery, job: Job): Promise<void> {
  job.total = fileSize(query.path);
  const source = openSource(query, clock, job);
  const sink = await openSink(link, clock, query, job);
  let keys = 0;
  try {
    for await (const batch of source.batches()) {
      const records = batch.records.filter((record) => {
        if (record.what !== 'key') return false;
        if (query.database !== undefined) record.database = query.database;
        if (query.reaches(textOfBytes(record.key))) return true;
        if (record.part === 'whole' || record.part === 'first')
          job.fault(`${textOfBytes(record.key.subarray(0, 200))}: outside of your prefixes`);
        return false;
      });
      for (const record of records)
        if (record.what === 'key' && (record.part === 'whole' || record.part === 'last')) keys++;
      await sink.write({ ...batch, records });
      job.done = batch.sourceBytes;
      job.matched = keys;
      if (job.isCancelled) break;
    }
  } finally {
    await sink.close();
  }
  for (const warning of source.warnings) job.say(warning);
  job.result = { keys };
}

function openSource({ path, format }: ImportQuery, clock: Clock, job: Job): Source {
  if (format === 'rdb') return new RdbSource('the file', fileChunks(path), fileSize(path));
  if (format === 'csv')
    return new CsvSource('the file', fileChunks(path), fileSize(path), (where, reason) =>
      job.fault(`${where}: ${reason}`),
    );
  return new JsonSource('the file', fileChunks(path), fileSize(path), {
    base64: false,
    acceptsAnyBytes: false,
    nowMs: () => clock.wallMs(),
    onBadRecord: (key, reason) => job.fault(`${key}: ${reason}`),
  });
}

async function openSink(link: ServerLink, clock: Clock, { mode }: ImportQuery, job: Job): Promise<Sink> {
  const { kind, info } = await link.ask();
  const version = infoField(info, 'redis_version');
  const options: ServerSinkOptions = {
    mode,
    restoreVersion: version === undefined ? 0 : restoreVersionOf(version),
    nowMs: () => clock.wallMs(),
    onError: (key, message) => job.fault(`${textOfBytes(key.subarray(0, 200))}: ${message}`),
  };
  const address = await addressOf(link);
  return kind === 'cluster'
    ? ClusterSink.open(address, options)
    : new ServerSink(await Pipeline.open(address), options);
}

/** Runs the lines of a file as commands; `check` throws for those that the person may not send. */
export async function importCommands(
  link: ServerLink,
  { path, database = 0 }: ImportQuery,
  job: Job,
  check: (args: readonly Uint8Array[]) => Promise<{ readonly key: Uint8Array | undefined }>,
): Promise<void> {
  job.total = fileSize(path);
  let number = 0;
  let selected = database;
  const stream = createReadStream(path, { encoding: 'latin1' });
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
      number++;
      job.done += line.length + 1;
      if (job.isCancelled) break;
      const bytes = Buffer.from(line, 'latin1');
      const args = /^\s*(#.*)?$/.test(line) ? [] : splitBytes(bytes, 0, bytes.length);
      if (args === undefined) job.fault(`line ${number}: a quote is not closed`);
      if (args === undefined || args.length === 0) continue;
      if (args.length === 2 && /^select$/i.test(textOfBytes(args[0]!))) {
        selected = Number(textOfBytes(args[1]!)) || 0;
        continue;
      }
      try {
        const { key } = await check(args);
        const reply = await link.call(selected, args, key);
        if (isError(reply)) job.fault(`line ${number}: ${replyText(reply)}`);
        else job.matched++;
      } catch (error) {
        job.fault(`line ${number}: ${(error as Error).message}`);
      }
    }
  } finally {
    stream.destroy();
  }
  job.done = job.total;
  job.result = { commands: job.matched };
}
