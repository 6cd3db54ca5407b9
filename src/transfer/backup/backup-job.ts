// backup-job: one backup from the snapshot to the last target, and the removal of old ones.

import { createReadStream, mkdirSync } from 'node:fs';
import { systemErrorText } from '../../base/system-error.js';
import { TransferError } from '../record/record.js';
import { backupName, clusterLabel } from './backup-name.js';
import type { Compressing, SnapshotPlace } from './backup-options.js';
import { type Backup, backupsOn, removeBackup } from './catalog.js';
import { makeClusterFiles, readShards } from './cluster-snapshot.js';
import { expendable, type RetentionRules } from './retention.js';
import { canOpen, type Secret, sealingOf } from './secret.js';
import { compareFile, type MadeBackup, type MadeFile, makeFile, openFile, storeChecksum } from './store.js';
import { CommandTarget } from './targets/command-target.js';
import { sweepParts } from './targets/folder-target.js';
import { type Target, TargetUnreachable } from './targets/target.js';
import { forgetMade, recordMade, secondsInWork, unfinishedBackups } from './unfinished.js';

/** Files of an interrupted run are removed when they are this old: no run takes so long. */
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
  /** Masters of a cluster; 0: one server. */
  shards: number;
  bytes: number;
  rdbBytes: number;
  keys: number | undefined;
  readonly stored: string[];
  readonly removed: string[];
  /** Backups of interrupted runs that are whole now. */
  readonly resumed: string[];
  /** No good backup there. */
  readonly failures: string[];
  /** The backup is good, but something beside it went wrong. */
  readonly complaints: string[];
}

function newOutcome(file: string): Outcome {
  return {
    file,
    shards: 0,
    bytes: 0,
    rdbBytes: 0,
    keys: undefined,
    stored: [],
    removed: [],
    resumed: [],
    failures: [],
    complaints: [],
  };
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

/** The first second from now on of which there is no backup, neither on a target nor on its way to one. */
async function freeTime(job: Job): Promise<number> {
  const taken = new Set(secondsInWork(job.workFolder, job.name));
  for (const target of job.targets) {
    if (!canList(target)) continue;
    for (const { timeMs } of await backupsOn(target, job.name)) taken.add(timeMs);
  }
  let timeMs = Math.floor(job.nowMs() / SECOND_MS) * SECOND_MS;
  while (taken.has(timeMs)) timeMs += SECOND_MS;
  return timeMs;
}

/** Brings the file to a target, unless an interrupted run did. */
async function bring(made: MadeFile, target: Target, isResumed: boolean): Promise<void> {
  const { file } = made.name;
  if (isResumed && canList(target)) {
    const there = (await target.list()).find(({ name }) => name === file);
    if (there?.bytes === made.bytes) return;
    if (there !== undefined) await target.remove(file);
  }
  await target.put(made.path, file);
}

/** Reads what a target has of a file; returns the number of keys. What cannot be opened here was checked when it was made. */
async function verify(job: Job, made: MadeFile, target: Target, isBlind: boolean): Promise<number | undefined> {
  const place = isBlind ? { read: () => createReadStream(made.path) } : target;
  const { secret, signal } = job;
  try {
    if (canOpen(secret)) return (await openFile(place, made.name, made.hash, { secret, signal })).keys;
    await compareFile(place, made.name, made.hash, signal);
    return made.keys;
  } catch (error) {
    if (!(error instanceof TargetUnreachable)) await target.remove(made.name.file).catch(() => undefined);
    throw error;
  }
}

/** Stores the files on one target, reads them back, and makes the backup whole. */
async function deliver(
  job: Job,
  made: MadeBackup,
  target: Target,
  outcome: Outcome,
  isResumed: boolean,
): Promise<void> {
  const isBlind = target instanceof CommandTarget && !target.can('get');
  if (job.verifies && isBlind) outcome.complaints.push('without --get-command only the local copy could be verified');
  let keys: number | undefined = 0;
  for (const file of made.files) {
    await bring(file, target, isResumed);
    const found = job.verifies ? await verify(job, file, target, isBlind) : undefined;
    keys = keys === undefined || found === undefined ? undefined : keys + found;
  }
  if (job.verifies) outcome.keys = keys;
  await storeChecksum(made, target, job.workFolder);
  outcome.stored.push(target.name);
}

/** Brings what was made to targets; returns those that have it. It stays for a later run where a target did not answer. */
async function deliverAll(
  job: Job,
  made: MadeBackup,
  targets: readonly Target[],
  outcome: Outcome,
  isResumed: boolean,
): Promise<Target[]> {
  const good: Target[] = [];
  let mayGoOn = false;
  try {
    for (const target of targets)
      try {
        await deliver(job, made, target, outcome, isResumed);
        good.push(target);
      } catch (error) {
        if (job.signal.aborted) throw error;
        mayGoOn ||= error instanceof TargetUnreachable;
        outcome.failures.push(`${target.name}: ${errorText(error)}`);
      }
  } finally {
    if (!mayGoOn) forgetMade(made, job.workFolder);
  }
  return good;
}

/** Ends what interrupted runs began: their files go to the targets that do not have them whole. */
async function goOn(job: Job, outcome: Outcome): Promise<void> {
  for (const made of await unfinishedBackups(job.workFolder, job.name)) {
    const { file } = made;
    const missing: Target[] = [];
    for (const target of job.targets) {
      const isThere =
        canList(target) && (await backupsOn(target, job.name)).some((one) => one.file === file && one.isWhole);
      if (!isThere) missing.push(target);
    }
    const own = { ...newOutcome(file), complaints: outcome.complaints };
    for (const target of await deliverAll(job, made, missing, own, true))
      job.say(`${file} on ${target.name}, which an interrupted run had made`);
    if (own.stored.length > 0) outcome.resumed.push(file);
    outcome.complaints.push(...own.failures.map((failure) => `${file}, which an interrupted run had made: ${failure}`));
  }
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

/** The snapshot, or those of all masters, as files in the work folder. */
async function make(job: Job, timeMs: number, isCluster: boolean): Promise<MadeBackup> {
  const { name, source, compression, level, secret, workFolder, signal, say } = job;
  const checks = job.verifies && !canOpen(secret);
  const options = { name, timeMs, compression, level, secret, workFolder, signal, checks };
  if (isCluster) return makeClusterFiles({ ...options, seed: source.address!, stallMs: source.stallMs, say });
  const made = await makeFile(source.open(), options);
  return { file: made.name.file, files: [made], about: [] };
}

/** Makes one backup. Failures of a target are in the outcome; without a snapshot there is an exception. */
export async function runJob(job: Job): Promise<Outcome> {
  const { source, compression, secret } = job;
  const timeMs = await freeTime(job);
  const isCluster = await source.isCluster();
  const outcome = newOutcome(
    isCluster
      ? clusterLabel(job.name, timeMs)
      : backupName(job.name, timeMs, { compression, sealing: sealingOf(secret) }).file,
  );
  if (job.isDry) {
    if (isCluster) outcome.shards = (await readShards(source.address!, source.stallMs)).length;
    const from = isCluster ? `${outcome.shards} masters of the cluster of ${source.name}` : source.name;
    for (const target of job.targets) job.say(`would store ${outcome.file} from ${from} on ${target.name}`);
    await pruneAll(job, job.targets, outcome);
    return outcome;
  }
  mkdirSync(job.workFolder, { recursive: true, mode: 0o700 });
  sweepParts(job.workFolder, job.nowMs() - LEFTOVER_MS, false);
  await goOn(job, outcome);
  const made = await make(job, timeMs, isCluster);
  if (isCluster) outcome.shards = made.files.length;
  for (const { bytes, rdbBytes } of made.files) {
    outcome.bytes += bytes;
    outcome.rdbBytes += rdbBytes;
  }
  recordMade(made, job.workFolder);
  const good = await deliverAll(job, made, job.targets, outcome, false);
  await pruneAll(job, good, outcome);
  return outcome;
}
