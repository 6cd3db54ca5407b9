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
import { backupName, type BackupName, CHECKSUM_SUFFIX, type Compression, parseBackupName } from './backup-name.js';
import { RdbCheck } from './check.js';
import { type Secret, sealStream, unsealStream } from './seal.js';
import { PART_SUFFIX, syncFile } from './targets/folder-target.js';
import type { Target } from './targets/target.js';

const CHECKSUM_BYTES_MAX = 4096;

export interface Backup extends BackupName {
  readonly bytes: number | undefined;
  readonly isWhole: boolean;
}

/** The backups of a name, oldest first. */
export async function backupsOn(target: Target, name: string): Promise<Backup[]> {
  const files = await target.list();
  const names = new Set(files.map((file) => file.name));
  const backups: Backup[] = [];
  for (const { name: file, bytes } of files) {
    const parsed = parseBackupName(file);
    if (parsed?.name === name) backups.push({ ...parsed, bytes, isWhole: names.has(file + CHECKSUM_SUFFIX) });
  }
  return backups.sort((a, b) => a.timeMs - b.timeMs || (a.file < b.file ? -1 : 1));
}

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

export interface MadeFile {
  readonly name: BackupName;
  /** The file, with a temporary name. */
  readonly path: string;
  readonly hash: string;
  readonly bytes: number;
  readonly rdbBytes: number;
}

export interface MakeOptions {
  readonly name: string;
  readonly timeMs: number;
  readonly compression: Compression;
  readonly level: number | undefined;
  readonly secret: Secret | undefined;
  readonly workFolder: string;
  readonly signal: AbortSignal;
}

/** The snapshot as a file in the work folder. */
export async function makeFile(snapshot: AsyncIterable<Uint8Array>, options: MakeOptions): Promise<MadeFile> {
  const { secret, compression, level, workFolder } = options;
  const name = backupName(options.name, options.timeMs, compression, secret !== undefined);
  const path = join(workFolder, `.${name.file}.${process.pid}${PART_SUFFIX}`);
  const hash = createHash('sha256');
  let bytes = 0;
  let rdbBytes = 0;
  const stages: (Transform | ((input: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>))[] = [
    ...compressor(compression, level),
    ...(secret === undefined ? [] : [await sealStream(secret)]),
    (input) =>
      tap(input, (chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
      }),
  ];
  try {
    const counted = Readable.from(tap(snapshot, (chunk) => (rdbBytes += chunk.length)));
    const file = createWriteStream(path, { mode: 0o600, flags: 'wx' });
    await promises.pipeline([counted, ...stages, file] as never, { signal: options.signal });
    syncFile(path);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
  return { name, path, hash: hash.digest('hex'), bytes, rdbBytes };
}

/** Brings the checksum to a target, which makes the backup whole. */
export async function storeChecksum(made: MadeFile, target: Target, workFolder: string): Promise<void> {
  const { file } = made.name;
  const path = join(workFolder, `.${file}${CHECKSUM_SUFFIX}.${process.pid}${PART_SUFFIX}`);
  try {
    const descriptor = openSync(path, 'w', 0o600);
    writeSync(descriptor, `${made.hash}  ${file}\n`);
    closeSync(descriptor);
    syncFile(path);
    await target.put(path, file + CHECKSUM_SUFFIX);
  } finally {
    rmSync(path, { force: true });
  }
}

async function readChecksum(target: Pick<Target, 'read'>, file: string): Promise<string> {
  let text = '';
  for await (const chunk of target.read(file + CHECKSUM_SUFFIX)) {
    text += Buffer.from(chunk).toString('latin1');
    if (text.length > CHECKSUM_BYTES_MAX) break;
  }
  const match = /^([0-9a-f]{64})\s+\*?(\S+)\s*$/i.exec(text);
  if (match === null || match[2] !== file)
    throw new TransferError(`${file}${CHECKSUM_SUFFIX} is no checksum of ${file}`);
  return match[1]!.toLowerCase();
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

/**
 * Reads a backup from end to end: checksum, encryption, compression, and the RDB as if to load it. `take` gets the RDB's
 * bytes, which are known to be good only after the end. With `hash` given, the checksum file is not read.
 */
export async function openBackup(
  target: Pick<Target, 'read'>,
  backup: BackupName,
  options: {
    readonly secret: Secret | undefined;
    readonly signal: AbortSignal;
    readonly hash?: string;
    readonly take?: (chunk: Uint8Array) => void;
  },
): Promise<Opened> {
  const { file } = backup;
  const { secret, take } = options;
  if (backup.isSealed && secret === undefined)
    throw new TransferError(`${file} is encrypted: --encrypt-key or --passphrase-file opens it`);
  const wanted = options.hash ?? (await readChecksum(target, file));
  const hash: Hash = createHash('sha256');
  const check = new RdbCheck(file);
  const stages = [
    Readable.from(tap(target.read(file), (chunk) => void hash.update(chunk))),
    ...(backup.isSealed ? [unsealStream(secret!, file)] : []),
    ...decompressor(backup.compression),
    async (input: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const chunk of input) {
        take?.(chunk);
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
  if (hash.digest('hex') !== wanted)
    throw new TransferError(`${file}: the checksum is another one: the file was changed or damaged`);
  check.finish();
  return { keys: check.keys, rdbBytes: check.bytes };
}

/** Removes the checksum first, so that a half removed backup does not look whole. */
export async function removeBackup(target: Target, backup: Backup): Promise<void> {
  if (backup.isWhole) await target.remove(backup.file + CHECKSUM_SUFFIX);
  await target.remove(backup.file);
}
