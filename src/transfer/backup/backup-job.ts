// backup-job: one backup from the snapshot to the last target, and the removal of old ones.

import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import { systemErrorText } from '../../base/system-error.js';
import { TransferError } from '../record/record.js';
import type { Compressing, SnapshotPlace } from './backup-options.js';
import { backupName } from './backup-name.js';
import { expendable, type RetentionRules } from './retention.js';
import type { Secret } from './seal.js';
import { type Backup, backupsOn, makeFile, type MadeFile, openBackup, removeBackup, storeChecksum } from './store.js';
import { CommandTarget } from './targets/command-target.js';
import { sweepParts } from './targets/folder-target.js';
import type { Target } from './targets/target.js';

/** What an interrupted run left goes when it is that old: nothing runs so long. */
const LEFTOVER_MS = 86_400_000;
const SECOND_MS = 1000;

export interface Job extends Compressing {
  readonly name: string;
  readonly source: SnapshotPlace;
  readonly targets: readonly Target[];
  readonly workFolder: string;
  readonly secret: Secret | undefined;
  readonly rules: RetentionRules;
  readonly verifies: boolean;
  readonly isDry: boolean;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

export interface Outcome {
  file: string;
  bytes: number;
  rdbBytes: number;
  keys: number | undefined;
  readonly stored: string[];
  readonly removed: string[];
  /** No good backup there. */
  readonly failures: string[];
  /** The backup is good, but something beside it went wrong. */
  readonly complaints: string[];
}

export function errorText(error: unknown): string {
  if (error instanceof TransferError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const path = 'path' in error ? `${String(error.path)}: ` : '';
  return 'code' in error ? `${path}${systemErrorText(error)}` : error.message;
}

function canList(target: Target): boolean {
  return !(target instanceof CommandTarget) || target.can('list');
}

/** The first second from now on that no target has a backup of. */
async function freeTime(job: Job): Promise<number> {
  const taken = new Set<number>();
  for (const target of job.targets) {
    if (!canList(target)) continue;
    for (const { timeMs } of await backupsOn(target, job.name)) taken.add(timeMs);
  }
  let timeMs = Math.floor(job.nowMs() / SECOND_MS) * SECOND_MS;
  while (taken.has(timeMs)) timeMs += SECOND_MS;
  return timeMs;
}

/** Stores the file on one target, reads it back, and makes it whole. */
async function deliver(job: Job, made: MadeFile, target: Target, outcome: Outcome): Promise<void> {
  const { name } = made;
  await target.put(made.path, name.file);
  if (job.verifies) {
    const isBlind = target instanceof CommandTarget && !target.can('get');
    if (isBlind) outcome.complaints.push('without --get-command only the local copy could be verified');
    const place = isBlind ? { read: () => createReadStream(made.path) } : target;
    try {
      const { keys } = await openBackup(place, name, { secret: job.secret, signal: job.signal, hash: made.hash });
      outcome.keys = keys;
    } catch (error) {
      await target.remove(name.file).catch(() => undefined);
      throw error;
    }
  }
  await storeChecksum(made, target, job.workFolder);
  outcome.stored.push(target.name);
}

/** Removes what the rules let go and what interrupted runs left; returns the names. */
export async function prune(
  target: Target,
  job: Pick<Job, 'name' | 'rules' | 'isDry' | 'nowMs' | 'say'>,
): Promise<string[]> {
  const removed: string[] = [];
  const beforeMs = job.nowMs() - LEFTOVER_MS;
  const all = await backupsOn(target, job.name);
  const whole = all.filter((backup) => backup.isWhole);
  const broken = all.filter((backup) => !backup.isWhole && backup.timeMs < beforeMs);
  const reasons: [readonly Backup[], string][] = [
    [expendable(whole, job.rules), ''],
    [broken, ', which is not whole'],
  ];
  for (const [backups, reason] of reasons)
    for (const backup of backups) {
      job.say(`${job.isDry ? 'would remove' : 'removed'} ${backup.file} from ${target.name}${reason}`);
      if (!job.isDry) await removeBackup(target, backup);
      removed.push(backup.file);
    }
  for (const leftover of await target.sweep(beforeMs, job.isDry)) {
    job.say(`${job.isDry ? 'would remove' : 'removed'} what an interrupted run left: ${leftover}`);
    removed.push(leftover);
  }
  return removed;
}

async function pruneAll(job: Job, targets: readonly Target[], outcome: Outcome): Promise<void> {
  if (!Object.values(job.rules).some((rule) => rule !== undefined)) return;
  for (const target of targets)
    try {
      outcome.removed.push(...(await prune(target, job)));
    } catch (error) {
      outcome.complaints.push(`old backups on ${target.name} stay: ${errorText(error)}`);
    }
}

/** Makes one backup. What fails on a target is in the outcome; without a snapshot there is an exception. */
export async function runJob(job: Job): Promise<Outcome> {
  const timeMs = await freeTime(job);
  const { file } = backupName(job.name, timeMs, job.compression, job.secret !== undefined);
  const outcome: Outcome = {
    file,
    bytes: 0,
    rdbBytes: 0,
    keys: undefined,
    stored: [],
    removed: [],
    failures: [],
    complaints: [],
  };
  if (job.isDry) {
    for (const target of job.targets) job.say(`would store ${file} from ${job.source.name} on ${target.name}`);
    await pruneAll(job, job.targets, outcome);
    return outcome;
  }
  mkdirSync(job.workFolder, { recursive: true, mode: 0o700 });
  sweepParts(job.workFolder, job.nowMs() - LEFTOVER_MS, false);
  const { compression, level, secret, workFolder, signal } = job;
  const options = { name: job.name, timeMs, compression, level, secret, workFolder, signal };
  const made = await makeFile(job.source.open(), options);
  outcome.bytes = made.bytes;
  outcome.rdbBytes = made.rdbBytes;
  const good: Target[] = [];
  try {
    for (const target of job.targets)
      try {
        await deliver(job, made, target, outcome);
        good.push(target);
      } catch (error) {
        if (signal.aborted) throw error;
        outcome.failures.push(`${target.name}: ${errorText(error)}`);
      }
  } finally {
    rmSync(made.path, { force: true });
  }
  await pruneAll(job, good, outcome);
  return outcome;
}
