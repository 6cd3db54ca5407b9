// store: makes backups on a target and opens them again.
//
//   snapshot -> compress -> seal -> file with a temporary name, hashed on its way
//   file on disk -> its name at the target -> read back and checked -> the checksum file
//
// A backup without its checksum file is not whole: the run that made it did not end. Nothing here holds more of a backup in
// memory than a piece.

import { createHash, type Hash } from 'node:crypto';
import { closeSync, createWriteStream, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promises, Readable, type Transform } from 'node:stream';
import { constants, createBrotliCompress, createBrotliDecompress, createGunzip, createGzip } from 'node:zlib';
import { TransferError } from '../record/record.js';
import { backupName, type BackupName, CHECKSUM_SUFFIX, type Compression, type ShardNumber } from './backup-name.js';
import type { Backup } from './catalog.js';
import { RdbCheck } from './check.js';
import { sealStream, unsealStream } from './seal.js';
import { type Secret, sealingOf } from './secret.js';
import { PART_SUFFIX, syncFile } from './targets/folder-target.js';
import type { Target } from './targets/target.js';

/** A cluster has two lines for each of its masters. */
const CHECKSUM_BYTES_MAX = 1 << 20;

function compressor(compression: Compression, level: number | undefined): Transform[] {
  if (compression === 'gzip') return [createGzip({ level: level ?? constants.Z_DEFAULT_COMPRESSION })];
  const params = { [constants.BROTLI_PARAM_QUALITY]: level ?? 5 };
  return compression === 'brotli' ? [createBrotliCompress({ params })] : [];
}

function decompressor(compression: Compression): Transform[] {
  return compression === 'gzip' ? [createGunzip()] : compression === 'brotli' ? [createBrotliDecompress()] : [];
}

async function* tap(bytes: AsyncIterable<Uint8Array>, see: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    see(chunk);
    yield chunk;
  }
}

type Stage = Transform | ((input: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>);

async function sealStage(secret: Secret): Promise<Stage> {
  if (secret.kind !== 'age') return sealStream(secret);
  const { sealByAge } = await import('./age.js');
  return (input) => sealByAge(input, secret);
}

/** How a file is opened; refuses a secret of another kind. */
async function unsealStages({ file, sealing }: BackupName, secret: Secret | undefined): Promise<Stage[]> {
  if (sealing === undefined) return [];
  if (secret === undefined)
    throw new TransferError(
      `${file} is encrypted: ${sealing === 'age' ? '--age-identity opens it' : '--encrypt-key or --passphrase-file opens it'}`,
    );
  if (sealing === 'age') {
    if (secret.kind !== 'age') throw new TransferError(`${file} is encrypted by age: --age-identity opens it`);
    if (secret.identities.length === 0)
      throw new TransferError(`${file} is encrypted for a recipient: --age-identity opens it`);
    const { unsealByAge } = await import('./age.js');
    return [(input) => unsealByAge(input, secret, file)];
  }
  if (secret.kind === 'age')
    throw new TransferError(`${file} is not encrypted by age: --encrypt-key or --passphrase-file opens it`);
  return [unsealStream(secret, file)];
}

export interface MadeFile {
  readonly name: BackupName;
  /** The file, with a temporary name. */
  readonly path: string;
  readonly hash: string;
  readonly bytes: number;
  readonly rdbBytes: number;
  /** Of the snapshot, where it was checked on its way. */
  readonly keys?: number | undefined;
}

/** A file of one server, or those of a cluster. */
export interface MadeBackup {
  /** The name of the file, or the label of a cluster's files. */
  readonly file: string;
  readonly files: readonly MadeFile[];
  /** Lines about a cluster for the file of the checksums; sha256sum passes over them, as they begin with #. */
  readonly about: readonly string[];
}

export interface MakeOptions {
  readonly name: string;
  readonly timeMs: number;
  readonly shard?: ShardNumber;
  readonly compression: Compression;
  readonly level: number | undefined;
  readonly secret: Secret | undefined;
  /** Read the snapshot as if to load it on its way, because nobody here can read it afterwards. */
  readonly checks: boolean;
  readonly workFolder: string;
  readonly signal: AbortSignal;
}

/** The snapshot as a file in the work folder. */
export async function makeFile(snapshot: AsyncIterable<Uint8Array>, options: MakeOptions): Promise<MadeFile> {
  const { secret, compression, level, workFolder } = options;
  const { shard } = options;
  const name = backupName(options.name, options.timeMs, { compression, sealing: sealingOf(secret), shard });
  const path = join(workFolder, `.${name.file}.${process.pid}${PART_SUFFIX}`);
  const hash = createHash('sha256');
  let bytes = 0;
  let rdbBytes = 0;
  const check = options.checks ? new RdbCheck(options.name) : undefined;
  const stages: Stage[] = [
    ...compressor(compression, level),
    ...(secret === undefined ? [] : [await sealStage(secret)]),
    (input) =>
      tap(input, (chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
      }),
  ];
  try {
    const counted = Readable.from(
      tap(snapshot, (chunk) => {
        rdbBytes += chunk.length;
        check?.push(chunk);
      }),
    );
    const file = createWriteStream(path, { mode: 0o600, flags: 'wx' });
    await promises.pipeline([counted, ...stages, file] as never, { signal: options.signal });
    check?.finish();
    syncFile(path);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
  return { name, path, hash: hash.digest('hex'), bytes, rdbBytes, keys: check?.keys };
}

/** Brings the checksums to a target, which makes the backup whole. */
export async function storeChecksum(made: MadeBackup, target: Target, workFolder: string): Promise<void> {
  const name = made.file + CHECKSUM_SUFFIX;
  const path = join(workFolder, `.${name}.${process.pid}${PART_SUFFIX}`);
  const lines = [...made.about, ...made.files.map(({ hash, name: { file } }) => `${hash}  ${file}`)];
  try {
    const descriptor = openSync(path, 'w', 0o600);
    writeSync(descriptor, lines.map((line) => `${line}\n`).join(''));
    closeSync(descriptor);
    syncFile(path);
    await target.put(path, name);
  } finally {
    rmSync(path, { force: true });
  }
}

/** The hashes of a backup's files, in their order. */
async function readChecksum(target: Pick<Target, 'read'>, backup: Pick<Backup, 'file' | 'files'>): Promise<string[]> {
  const name = backup.file + CHECKSUM_SUFFIX;
  let text = '';
  for await (const chunk of target.read(name)) {
    text += Buffer.from(chunk).toString('latin1');
    if (text.length > CHECKSUM_BYTES_MAX) break;
  }
  const hashes = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]{64})\s+\*?(\S+)\s*$/i.exec(line);
    if (match !== null) hashes.set(match[2]!, match[1]!.toLowerCase());
  }
  return backup.files.map(({ file }) => {
    const hash = hashes.get(file);
    if (hash === undefined || hashes.size !== backup.files.length)
      throw new TransferError(`${name} is no checksum of ${file}`);
    return hash;
  });
}

export interface Opened {
  readonly keys: number;
  readonly rdbBytes: number;
}

function readingError(error: unknown, file: string): unknown {
  if (error instanceof TransferError || !(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  return /^(Z_|ERR_BROTLI|ERR__ERROR|ERR_PADDING)/.test(code) || code.startsWith('ERR_')
    ? new TransferError(`${file}: the file is damaged: ${error.message}`)
    : error;
}

export interface OpenOptions {
  readonly secret: Secret | undefined;
  readonly signal: AbortSignal;
}

/** Gets the bytes of an RDB, which are known to be good only at the end. */
export interface Taker {
  /** A promise lets the next bytes wait. */
  take(chunk: Uint8Array): void | Promise<void>;
  end(): void | Promise<void>;
}

/** Reads a file from end to end: checksum, encryption, compression, and the RDB as if to load it. */
export async function openFile(
  target: Pick<Target, 'read'>,
  name: BackupName,
  hash: string,
  options: OpenOptions & { readonly taker?: Taker | undefined },
): Promise<Opened> {
  const { file } = name;
  const { secret, taker } = options;
  const unsealing = await unsealStages(name, secret);
  const found: Hash = createHash('sha256');
  const check = new RdbCheck(file);
  const stages = [
    Readable.from(tap(target.read(file), (chunk) => void found.update(chunk))),
    ...unsealing,
    ...decompressor(name.compression),
    async (input: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of input) {
        await taker?.take(chunk);
        // The reader keeps what it gets; a stream gives each chunk away.
        check.push(chunk);
      }
    },
  ];
  try {
    await promises.pipeline(stages as never, { signal: options.signal });
  } catch (error) {
    throw readingError(error, file);
  }
  compareHash(found, hash, file);
  check.finish();
  await taker?.end();
  return { keys: check.keys, rdbBytes: check.bytes };
}

function compareHash(found: Hash, wanted: string, file: string): void {
  if (found.digest('hex') !== wanted)
    throw new TransferError(`${file}: the checksum is another one: the file was changed or damaged`);
}

/** Reads a file that cannot be opened here, and compares its checksum. */
export async function compareFile(
  target: Pick<Target, 'read'>,
  { file }: BackupName,
  hash: string,
  signal: AbortSignal,
): Promise<void> {
  const found = createHash('sha256');
  for await (const chunk of target.read(file)) {
    signal.throwIfAborted();
    found.update(chunk);
  }
  compareHash(found, hash, file);
}

/** Reads all files of a backup; `takerOf` says who gets the bytes of each. */
export async function openBackup(
  target: Pick<Target, 'read'>,
  backup: Pick<Backup, 'file' | 'files'>,
  options: OpenOptions & { readonly takerOf?: (name: BackupName) => Taker },
): Promise<Opened> {
  const hashes = await readChecksum(target, backup);
  let keys = 0;
  let rdbBytes = 0;
  for (const [place, name] of backup.files.entries()) {
    const { secret, signal } = options;
    const opened = await openFile(target, name, hashes[place]!, { secret, signal, taker: options.takerOf?.(name) });
    keys += opened.keys;
    rdbBytes += opened.rdbBytes;
  }
  return { keys, rdbBytes };
}
