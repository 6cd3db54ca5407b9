// backup-programs: the commands of kvasir-backup.
//
//   0  done
//   1  no backup, or not on every target; or a backup is damaged
//   2  wrong command line
//   3  the backup is good, but old ones could not be removed, or an alert about a failure could not be sent

import { randomBytes } from 'node:crypto';
import { openSync, closeSync, writeSync } from 'node:fs';
import { Pipeline } from '../link/pipeline.js';
import { addressOf, connectOptions } from '../program/connect.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import type { Interrupt, ProgramSpec } from '../program/program.js';
import { humanBytes } from '../program/progress.js';
import { fileSize } from '../sources/file-chunks.js';
import { alert } from './alert.js';
import { errorText, type Job, type Outcome, prune, runJob } from './backup-job.js';
import { parseDuration } from './backup-name.js';
import {
  alertOptions,
  compressionOf,
  keepOptions,
  nameOf,
  placesOf,
  readAll,
  rulesOf,
  runOptions,
  secretOf,
  sayer,
  secretOptions,
  signalOf,
  snapshotPlace,
  targetOptions,
} from './backup-options.js';
import { hasRules } from './retention.js';
import { type Backup, backupsOn } from './catalog.js';
import { atOption, type Found, findBackup } from './find-backup.js';
import { restoreOptions, runRestore } from './restore-program.js';
import { openBackup } from './store.js';

const nowMs = (): number => Date.now();

function complain(text: string): void {
  process.stderr.write(`kvasir-backup: ${text}\n`);
}

async function jobOf(words: Options, interrupt: Interrupt): Promise<Job> {
  const verify = words.text('verify') ?? 'full';
  if (verify !== 'full' && verify !== 'none') throw new UsageError("--verify is 'full' or 'none'");
  return {
    name: nameOf(words),
    source: snapshotPlace(words),
    ...placesOf(words),
    ...compressionOf(words),
    secret: await secretOf(words),
    rules: rulesOf(words),
    verifies: verify === 'full',
    isDry: words.flag('dry-run'),
    nowMs,
    signal: signalOf(interrupt),
    say: sayer(words),
  };
}

/** Checks the source as far as a dry run can. */
async function probeSource(words: Options): Promise<void> {
  const from = words.text('from') ?? '127.0.0.1:6379';
  if (from.startsWith('rdb:')) {
    fileSize(from.slice('rdb:'.length));
    return;
  }
  const pipeline = await Pipeline.open(addressOf(from, words));
  try {
    await pipeline.must('PING');
  } finally {
    pipeline.close();
  }
}

function report(words: Options, job: Job, outcome: Outcome): void {
  for (const complaint of outcome.complaints) complain(complaint);
  if (words.flag('json')) {
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
    return;
  }
  const keys = outcome.keys === undefined ? '' : `, ${outcome.keys} keys, verified`;
  const shards = outcome.shards === 0 ? '' : `${outcome.shards} shards, `;
  for (const target of outcome.stored)
    job.say(`${outcome.file} on ${target} (${shards}${humanBytes(outcome.bytes)}${keys})`);
}

async function runOnce(words: Options, job: Job): Promise<number> {
  let failures: readonly string[];
  let status = 0;
  try {
    if (job.isDry) await probeSource(words);
    const outcome = await runJob(job);
    report(words, job, outcome);
    ({ failures } = outcome);
    if (outcome.complaints.length > 0) status = 3;
  } catch (error) {
    if (job.signal.aborted) {
      complain('interrupted; nothing was stored');
      return 130;
    }
    failures = [errorText(error)];
  }
  if (failures.length === 0) return status;
  for (const failure of failures) complain(failure);
  if (job.isDry) return 1;
  const failure = {
    command: 'run',
    name: job.name,
    source: job.source.name,
    targets: job.targets.map((target) => target.name),
    error: failures.join('; '),
    timeMs: nowMs(),
  };
  const untold = await alert(failure, { command: words.text('on-failure'), webhook: words.text('webhook') });
  for (const text of untold) complain(text);
  return 1;
}

/** Waits until the next multiple of the interval, so that hourly backups come at full hours. */
async function untilNext(everyMs: number, interrupt: Interrupt): Promise<void> {
  const waitMs = everyMs - (nowMs() % everyMs);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, waitMs);
    interrupt.onAsk(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function runRun(words: Options, interrupt: Interrupt): Promise<number> {
  readAll(words);
  const job = await jobOf(words, interrupt);
  const every = words.text('every');
  if (every === undefined) return runOnce(words, job);
  const everyMs = parseDuration(every);
  if (everyMs === undefined || everyMs < 1000 || everyMs > 7 * 86_400_000)
    throw new UsageError(`--every wants a time such as 15m, 1h or 1d, at most a week, not '${every}'`);
  while (!interrupt.isAsked) {
    await runOnce(words, job);
    if (!interrupt.isAsked) await untilNext(everyMs, interrupt);
  }
  return 0;
}

function statusText(backup: Backup): string {
  return backup.isWhole ? 'whole' : 'not whole';
}

async function runList(words: Options): Promise<number> {
  readAll(words);
  const name = nameOf(words);
  for (const target of placesOf(words).targets)
    for (const backup of await backupsOn(target, name)) {
      const time = new Date(backup.timeMs).toISOString().replace('.000', '');
      const { file, bytes, isWhole, isSealed, isCluster, files } = backup;
      const shards = isCluster ? { shards: files.map((one) => one.file) } : {};
      const line = words.flag('json')
        ? JSON.stringify({ target: target.name, file, time, bytes, isWhole, isEncrypted: isSealed, ...shards })
        : [
            time,
            (bytes === undefined ? '-' : humanBytes(bytes)).padStart(10),
            statusText(backup).padEnd(9),
            `${target.name}  ${file}${isCluster ? ` (${files.length} shards)` : ''}`,
          ].join('  ');
      process.stdout.write(`${line}\n`);
    }
  return 0;
}

async function runVerify(words: Options, interrupt: Interrupt): Promise<number> {
  readAll(words);
  const secret = await secretOf(words);
  const signal = signalOf(interrupt);
  const say = sayer(words);
  const found: Found[] = [];
  if (words.flag('all')) {
    for (const target of placesOf(words).targets)
      for (const backup of await backupsOn(target, nameOf(words))) if (backup.isWhole) found.push({ target, backup });
  } else found.push(await findBackup(words));
  let bad = 0;
  for (const { target, backup } of found)
    try {
      const { keys, rdbBytes } = await openBackup(target, backup, { secret, signal });
      say(`${backup.file} on ${target.name}: good, ${keys} keys`);
      if (words.flag('json'))
        process.stdout.write(`${JSON.stringify({ target: target.name, file: backup.file, keys, rdbBytes })}\n`);
    } catch (error) {
      if (interrupt.isAsked) return 130;
      bad++;
      complain(`${target.name}: ${errorText(error)}`);
    }
  return bad > 0 ? 1 : 0;
}

async function runPrune(words: Options): Promise<number> {
  readAll(words);
  const rules = rulesOf(words);
  if (!hasRules(rules)) throw new UsageError('--keep-hourly, --keep-daily ... say what stays');
  const job = { name: nameOf(words), rules, isDry: words.flag('dry-run'), nowMs, say: sayer(words) };
  for (const target of placesOf(words).targets) {
    const removed = await prune(target, job);
    if (words.flag('json')) process.stdout.write(`${JSON.stringify({ target: target.name, removed })}\n`);
  }
  return 0;
}

async function runKeygen(words: Options): Promise<number> {
  const [path, more] = words.words;
  if (path === undefined || more !== undefined) throw new UsageError('name the file for the key');
  const age = words.flag('age') ? await (await import('./age.js')).newAgeIdentity(nowMs()) : undefined;
  const descriptor = openSync(path, 'wx', 0o600);
  writeSync(descriptor, age?.text ?? `${randomBytes(32).toString('hex')}\n`);
  closeSync(descriptor);
  process.stdout.write(`${path} holds a new key; without it the backups cannot be opened, so keep a copy elsewhere\n`);
  if (age !== undefined) process.stdout.write(`recipient: ${age.recipient}\n`);
  return 0;
}

function program(
  name: string,
  usage: string,
  options: OptionTable,
  run: ProgramSpec['run'],
  after = 'See docs/backup.md for targets, names and the format of encrypted files.',
): ProgramSpec {
  return { name: `kvasir-backup ${name}`, usage: `Usage: kvasir-backup ${usage}`, options, after, run };
}

export const backupPrograms: Readonly<Record<string, ProgramSpec>> = {
  run: program(
    'run',
    'run --from SOURCE --to TARGET [options]\n\nStores a snapshot of a server now, or regularly with --every.',
    { ...runOptions, ...targetOptions, ...secretOptions, ...keepOptions, ...alertOptions, ...connectOptions },
    runRun,
    `Exit code: 0 done, 1 no backup or not on every target, 2 wrong options, 3 the backup is good but old ones stay.
See docs/backup.md for targets, names and the format of encrypted files.`,
  ),
  list: program('list', 'list --to TARGET\n\nThe backups, oldest first.', targetOptions, runList),
  verify: program(
    'verify',
    'verify --to TARGET [--at TIME | --all]\n\nReads a stored backup from end to end as if to load it.',
    { ...atOption, all: { kind: 'flag', help: 'All of them.' }, ...targetOptions, ...secretOptions },
    runVerify,
  ),
  restore: program(
    'restore',
    'restore --to TARGET --at TIME --file FILE | --folder FOLDER | --into SERVER\n\nGives back the newest backup at that time.',
    { ...restoreOptions, ...targetOptions, ...secretOptions, ...connectOptions },
    runRestore,
  ),
  prune: program(
    'prune',
    'prune --to TARGET --keep-hourly N ...\n\nRemoves old backups and what interrupted runs left.',
    { ...keepOptions, ...targetOptions },
    runPrune,
  ),
  keygen: program(
    'keygen',
    'keygen FILE [--age]\n\nMakes a key for --encrypt-key, or an identity for --age-identity.',
    { age: { kind: 'flag', help: 'Make an identity of age, and print its recipient.' } },
    runKeygen,
  ),
};
