// restore-program: kvasir-backup restore gives a backup back: as an RDB file, as a file for each shard of a cluster, or straight
// into a running server or cluster.
//
// Into a server, all files are read and checked before the first key is written; then they are read once more, because an encrypted
// backup must not lie decrypted in a temporary file.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { replyText } from '../../client/reply.js';
import type { ServerAddress } from '../link/address.js';
import { ClusterSink } from '../link/cluster.js';
import { KeyAccess } from '../link/key-access.js';
import { Pipeline } from '../link/pipeline.js';
import { probeServer } from '../link/probe.js';
import { addressOf } from '../program/connect.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import { openOutput, type Output } from '../program/output.js';
import type { Interrupt } from '../program/program.js';
import { humanBytes, Progress } from '../program/progress.js';
import { DerivedSource } from '../record/derived-source.js';
import { type Batch, NO_EXPIRY, type Sink, TransferError } from '../record/record.js';
import { runTransfer } from '../run-transfer.js';
import { restoreVersionOf, ServerSink, shownKey } from '../sinks/server-sink.js';
import { RdbSource } from '../sources/rdb-source.js';
import type { BackupName } from './backup-name.js';
import { keepOptions, readAll, sayer, secretOf, signalOf } from './backup-options.js';
import { atOption, type Found, findBackup } from './find-backup.js';
import { openBackup, type Opened, type OpenOptions, type Taker } from './store.js';

const ERRORS_SHOWN_MAX = 20;
const nowMs = (): number => Date.now();

export const restoreOptions = {
  ...atOption,
  file: { kind: 'text', letter: 'o', value: 'FILE', help: 'The RDB file to make; - for the standard output.' },
  folder: { kind: 'text', value: 'FOLDER', help: "Make the RDB files of a cluster's shards there." },
  into: { kind: 'text', value: 'SERVER', help: 'Put the keys into this server, or the cluster that it is a node of.' },
  force: { kind: 'flag', letter: 'f', help: 'Replace a file that exists; write into a server that has keys.' },
  'dry-run': keepOptions['dry-run'],
} as const satisfies OptionTable;

interface Restoring extends OpenOptions {
  readonly words: Options;
  readonly found: Found;
  readonly interrupt: Interrupt;
}

/** Makes a file of each; all of them get their names when all are good. */
async function restoreFiles(restoring: Restoring, pathOf: (name: BackupName) => string): Promise<Opened> {
  const { found, secret, signal } = restoring;
  const outputs: Output[] = [];
  const takerOf = (name: BackupName): Taker => {
    const output = openOutput(pathOf(name));
    outputs.push(output);
    return { take: (chunk) => void output.write(chunk), end: () => output.flush() };
  };
  try {
    const opened = await openBackup(found.target, found.backup, { secret, signal, takerOf });
    for (const output of outputs) await output.finish();
    return opened;
  } catch (error) {
    for (const output of outputs) output.abandon();
    throw error;
  }
}

function mayReplace(path: string, words: Options): void {
  if (path !== '-' && existsSync(path) && !words.flag('force') && !words.flag('dry-run'))
    throw new TransferError(`${path} exists; --force replaces it`);
}

/** The name of the file of a shard without its compression. */
function plainName({ file }: BackupName): string {
  return file.replace(/\.rdb.*$/, '.rdb');
}

class CountedSource extends DerivedSource {
  /** Keys without a time to live: those that must be there afterwards. */
  lasting = 0;

  protected override derive(batch: Batch): Batch {
    for (const record of batch.records)
      if (
        record.what === 'key' &&
        (record.part === 'whole' || record.part === 'last') &&
        record.expireAtMs === NO_EXPIRY
      )
        this.lasting++;
    return batch;
  }
}

/** All keys of a server or a cluster. */
async function keysThere(access: KeyAccess): Promise<number> {
  let keys = 0;
  for (const master of access.masters) {
    const pipeline = await access.pipelineOf(master);
    const text = replyText(await pipeline.must('INFO', 'keyspace'));
    for (const [, number] of text.matchAll(/^db\d+:keys=(\d+)/gm)) keys += Number(number);
  }
  return keys;
}

async function openSink(address: ServerAddress, onError: (text: string) => void): Promise<Sink> {
  const { version, isCluster } = await probeServer(address);
  const options = {
    mode: 'replace' as const,
    restoreVersion: version === undefined ? 0 : restoreVersionOf(version),
    nowMs,
    onError: (key: Uint8Array, message: string) => onError(`key '${shownKey(key)}': ${message}`),
  };
  return isCluster ? ClusterSink.open(address, options) : new ServerSink(await Pipeline.open(address), options);
}

/** A file on its way into a server, which takes its bytes when it has room. */
class Loading implements Taker {
  private readonly bytes = new PassThrough({ highWaterMark: 1 << 20 });
  private readonly loaded: Promise<void>;

  constructor(load: (bytes: AsyncIterable<Uint8Array>) => Promise<void>) {
    this.bytes.on('error', () => undefined);
    this.loaded = load(this.bytes);
    // Told by take or end.
    this.loaded.catch(() => undefined);
  }

  async take(chunk: Uint8Array): Promise<void> {
    if (this.bytes.write(chunk)) return;
    const hasRoom = new Promise<void>((resolve) => void this.bytes.once('drain', () => resolve()));
    await Promise.race([hasRoom, this.loaded]);
  }

  async end(): Promise<void> {
    this.bytes.end();
    await this.loaded;
  }

  abandon(): void {
    this.bytes.destroy();
  }
}

interface Loaded extends Opened {
  readonly errors: number;
  /** Keys that the server has too few. */
  readonly missing: number;
}

/** Puts the keys of all files into a server or a cluster, and counts what is there then. */
async function restoreInto(restoring: Restoring, address: ServerAddress): Promise<Loaded> {
  const { found, secret, signal, interrupt, words } = restoring;
  const access = await KeyAccess.open(address, nowMs);
  let loading: Loading | undefined;
  let errors = 0;
  try {
    const before = await keysThere(access);
    if (before > 0 && !words.flag('force'))
      throw new TransferError(`${address.name} has ${before} keys; --force replaces those that the backup has as well`);
    // All of it has to be good before the first key is written.
    await openBackup(found.target, found.backup, { secret, signal });
    const sink = await openSink(address, (text) => {
      if (++errors <= ERRORS_SHOWN_MAX) process.stderr.write(`${text}\n`);
    });
    let lasting = 0;
    const load = async (name: string, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
      const source = new CountedSource(new RdbSource(name, bytes, undefined, { skimsValues: true }));
      const progress = new Progress(source, { quiet: true, always: false, json: false });
      if (!(await runTransfer(source, sink, { progress, interrupt }))) throw new TransferError('interrupted', 130);
      lasting += source.lasting;
    };
    const takerOf = (name: BackupName): Taker => (loading = new Loading((bytes) => load(name.file, bytes)));
    const opened = await openBackup(found.target, found.backup, { secret, signal, takerOf });
    await sink.close();
    await access.refresh();
    return { ...opened, errors, missing: Math.max(0, lasting - (await keysThere(access))) };
  } finally {
    loading?.abandon();
    access.close();
  }
}

async function runInto(restoring: Restoring, address: ServerAddress): Promise<number> {
  const { found, words } = restoring;
  const { backup, target } = found;
  const { keys, rdbBytes, errors, missing } = await restoreInto(restoring, address);
  sayer(words)(
    `${backup.file} from ${target.name} is in ${address.name} (${keys} keys${errors > 0 ? `, ${errors} of them failed` : ''})`,
  );
  if (words.flag('json'))
    process.stdout.write(
      `${JSON.stringify({ target: target.name, file: backup.file, into: address.name, keys, rdbBytes, errors, missing })}\n`,
    );
  if (missing > errors) throw new TransferError(`${address.name} has ${missing} keys less than the backup`);
  return errors > 0 ? 1 : 0;
}

async function runFiles(restoring: Restoring, place: string, pathOf: (name: BackupName) => string): Promise<number> {
  const { found, words } = restoring;
  const { keys, rdbBytes } = await restoreFiles(restoring, pathOf);
  const say = place === '-' ? () => undefined : sayer(words);
  const { backup, target } = found;
  say(`${backup.file} from ${target.name} is ${place} (${keys} keys, ${humanBytes(rdbBytes)})`);
  if (words.flag('json') && place !== '-')
    process.stdout.write(
      `${JSON.stringify({ target: target.name, file: backup.file, path: place, keys, rdbBytes })}\n`,
    );
  return 0;
}

/** What `--file`, `--folder` or `--into` says. */
function goalOf(words: Options): readonly ['file' | 'folder' | 'into', string] {
  const chosen = (['file', 'folder', 'into'] as const).filter((name) => words.has(name));
  const [name, another] = chosen;
  if (name === undefined)
    throw new UsageError(
      '--file says where to put the RDB file (- is the standard output), --folder those of a cluster; --into loads a server',
    );
  if (another !== undefined) throw new UsageError(`--${name} and --${another} exclude each other`);
  return [name, words.text(name)!];
}

export async function runRestore(words: Options, interrupt: Interrupt): Promise<number> {
  readAll(words);
  const [goal, place] = goalOf(words);
  if (goal === 'file') mayReplace(place, words);
  const found = await findBackup(words);
  const { backup, target } = found;
  if (goal === 'file' && backup.isCluster)
    throw new UsageError(
      `${backup.file} has ${backup.files.length} shards: --folder makes a file of each, --into loads them into a cluster`,
    );
  const pathOf = (name: BackupName): string => (goal === 'file' ? place : join(place, plainName(name)));
  if (goal === 'folder') for (const name of backup.files) mayReplace(pathOf(name), words);
  if (words.flag('dry-run')) {
    if (place !== '-')
      sayer(words)(`would restore ${backup.file} from ${target.name} ${goal === 'into' ? 'into' : 'to'} ${place}`);
    return 0;
  }
  const restoring = { words, found, interrupt, secret: await secretOf(words), signal: signalOf(interrupt) };
  try {
    if (goal === 'into') return await runInto(restoring, addressOf(place, words));
    if (goal === 'folder') mkdirSync(place, { recursive: true, mode: 0o700 });
    return await runFiles(restoring, place, pathOf);
  } catch (error) {
    if (interrupt.isAsked) return 130;
    throw error;
  }
}
