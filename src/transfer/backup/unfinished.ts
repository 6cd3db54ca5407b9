// unfinished: made files whose run ended before they were on every target, so that the next run goes on with them.
//
//   .NAME.PID.part    the file, as store makes it
//   .NAME.made.part   written when the file, or all files of a cluster, are whole and on disk: JSON with their hashes and sizes,
//                     and the PID
//
// A file without the second one is half, and nobody uses it. Both go when every target has the backup, or after a day. The record
// names no path, so that one that somebody else wrote leads nowhere, and the file must still have the hash that it says.

import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../base/system-error.js';
import { parseBackupName, parseClusterLabel } from './backup-name.js';
import type { MadeBackup, MadeFile } from './store.js';
import { PART_SUFFIX, syncFile } from './targets/folder-target.js';

const RECORD_SUFFIX = `.made${PART_SUFFIX}`;
/** A cluster has three hundred bytes for each of its masters. */
const RECORD_BYTES_MAX = 1 << 20;

function recordPath(folder: string, file: string): string {
  return join(folder, `.${file}${RECORD_SUFFIX}`);
}

/** Says that all of the backup is made and may be used by a later run. */
export function recordMade(made: MadeBackup, folder: string): void {
  const path = recordPath(folder, made.file);
  const files = made.files.map(({ name: { file }, hash, bytes, rdbBytes }) => ({ file, hash, bytes, rdbBytes }));
  const half = `${path}.${process.pid}${PART_SUFFIX}`;
  writeFileSync(half, JSON.stringify({ pid: process.pid, about: made.about, files }), { mode: 0o600 });
  syncFile(half);
  renameSync(half, path);
}

export function forgetMade(made: MadeBackup, folder: string): void {
  rmSync(recordPath(folder, made.file), { force: true });
  for (const { path } of made.files) rmSync(path, { force: true });
}

function isRunning(pid: number): boolean {
  // A container's processes have the same numbers again after a restart.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** Undefined when the file is not what its record says. */
async function readFile(folder: string, fields: unknown, pid: number): Promise<MadeFile | undefined> {
  if (!isObject(fields)) return undefined;
  const { file, hash, bytes, rdbBytes } = fields;
  if (typeof file !== 'string' || typeof hash !== 'string') return undefined;
  if (typeof bytes !== 'number' || typeof rdbBytes !== 'number') return undefined;
  const name = parseBackupName(file);
  if (name === undefined) return undefined;
  const path = join(folder, `.${file}.${pid}${PART_SUFFIX}`);
  const about = statSync(path, { throwIfNoEntry: false });
  if (about?.isFile() !== true || about.size !== bytes || (await hashOf(path)) !== hash) return undefined;
  return { name, path, hash, bytes, rdbBytes };
}

/** Whether the files are those that the name of the record promises. */
function belongs(label: string, files: readonly MadeFile[]): boolean {
  const whole = parseBackupName(label);
  if (whole !== undefined) return files.length === 1 && files[0]!.name.file === label && whole.shard === undefined;
  const cluster = parseClusterLabel(label);
  return (
    cluster !== undefined &&
    files.length > 0 &&
    files.every(({ name }, place) => {
      const isSame = name.name === cluster.name && name.timeMs === cluster.timeMs;
      return isSame && name.shard?.index === place + 1 && name.shard.count === files.length;
    })
  );
}

/** Undefined when the record or a file is not what a run of ours left. */
async function readRecord(folder: string, entry: string): Promise<MadeBackup | undefined> {
  const label = entry.slice(1, -RECORD_SUFFIX.length);
  const path = join(folder, entry);
  if (statSync(path).size > RECORD_BYTES_MAX) return undefined;
  let record: unknown;
  try {
    record = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(record)) return undefined;
  const { pid, about, files } = record;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0 || isRunning(pid)) return undefined;
  if (!Array.isArray(about) || !about.every((line) => typeof line === 'string' && /^# [^\n]*$/.test(line)))
    return undefined;
  if (!Array.isArray(files)) return undefined;
  const made: MadeFile[] = [];
  for (const fields of files) {
    const file = await readFile(folder, fields, pid);
    if (file === undefined) return undefined;
    made.push(file);
  }
  return belongs(label, made) ? { file: label, files: made, about: about as string[] } : undefined;
}

/** The seconds of the backups that runs of this name have made or are making in a folder. */
export function secondsInWork(folder: string, name: string): number[] {
  const seconds: number[] = [];
  for (const entry of existsSync(folder) ? readdirSync(folder) : []) {
    const label = /^\.(.+)\.(?:made|\d+)\.part$/.exec(entry)?.[1];
    const about = label === undefined ? undefined : (parseBackupName(label) ?? parseClusterLabel(label));
    if (about?.name === name) seconds.push(about.timeMs);
  }
  return seconds;
}

/** The complete files that interrupted runs left in a folder, oldest first. */
export async function unfinishedBackups(folder: string, name: string): Promise<MadeBackup[]> {
  const found: MadeBackup[] = [];
  for (const entry of readdirSync(folder).sort()) {
    if (!entry.startsWith(`.${name}-`) || !entry.endsWith(RECORD_SUFFIX)) continue;
    const made = await readRecord(folder, entry);
    if (made?.files[0]?.name.name === name) found.push(made);
  }
  return found;
}
