// mysql-program: the command line of kvasir-mysql.

import { readFileSync } from 'node:fs';
import { alert } from './alerts.js';
import { type Interrupt, type ProgramSpec } from '../../transfer/program/program.js';
import { type Options, type OptionTable, UsageError } from '../../transfer/program/options.js';
import { TransferError } from '../../transfer/record/record.js';
import { parseConfig, type SyncConfig } from '../config/sync-config.js';
import { ConfigError } from '../config/yaml-reader.js';
import { BinlogFormatError } from '../binlog/byte-cursor.js';
import { checkSource, checkTarget, type Finding } from '../engine/check.js';
import { StoppedAt } from '../engine/follower.js';
import { Sync, type SyncEnvironment } from '../engine/sync.js';
import { loadTransforms } from '../engine/transforms.js';
import { BinlogPurged } from '../source/binlog-dump.js';
import { readFacts } from '../source/server-facts.js';
import { addressesOf, SourceConnection, SourceLost, SourceRefused } from '../source/source-connection.js';
import { StreamError } from '../source/stream-reader.js';
import { CommandFailed, TakenOver, TargetLost } from '../target/redis-target.js';
import { runVerify } from './verify-command.js';
import { openStatusPage } from './status-page.js';

const options = {
  config: { kind: 'list', letter: 'c', value: 'FILE', help: 'Configuration; several files run side by side.' },
  check: { kind: 'flag', help: 'Look at source, target and mapping, tell what to change, and end.' },
  'snapshot-only': { kind: 'flag', help: 'End when the keys hold the tables, without following.' },
  snapshot: { kind: 'flag', help: 'Read all tables anew before following.' },
  from: {
    kind: 'text',
    value: 'POSITION',
    help: "Follow from there without a snapshot: FILE:OFFSET, GTIDs, or 'now'.",
  },
  once: { kind: 'flag', help: 'End when everything that is in the binlog now is applied.' },
  verify: { kind: 'flag', help: 'Compare tables and keys; exit code 1 when they differ.' },
  repair: { kind: 'flag', help: 'With --verify: read tables anew that differ.' },
  'http-port': { kind: 'integer', value: 'PORT', help: 'Port of the status page, instead of status.port.' },
  quiet: { kind: 'flag', letter: 'q', help: 'Print warnings only.' },
} as const satisfies OptionTable;

export const mysqlProgram: ProgramSpec = {
  name: 'kvasir-mysql',
  usage: `Usage: kvasir-mysql --config sync.yml [options]

Keeps keys of Redis equal to tables of MySQL or MariaDB: reads the tables once, then follows the binlog as a replica does.`,
  options,
  after: `Exit code: 0 done, 1 failed or differences, 2 wrong options or configuration, 130 interrupted (run it again to go on).
See docs/mysql.md.`,
  run,
};

function load(path: string): SyncConfig {
  const readFile = (name: string): string => readFileSync(name, 'utf8');
  return parseConfig(path, readFile(path), { env: process.env, readFile });
}

async function run(words: Options, interrupt: Interrupt): Promise<number> {
  const paths = words.list('config');
  if (paths.length === 0) throw new UsageError('--config is needed');
  if (words.flag('repair') && !words.flag('verify')) throw new UsageError('--repair goes with --verify');
  return inWords(async () => {
    const configs = paths.map(load);
    if (words.flag('check')) return runCheck(configs);
    if (words.flag('verify')) return runVerify(configs, { repairs: words.flag('repair'), quiet: words.flag('quiet') });
    return runSyncs(configs, words, interrupt);
  });
}

/** Errors that a user can do something about become one line. */
async function inWords(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ConfigError) throw new TransferError(error.message, 2);
    if (error instanceof BinlogPurged)
      throw new TransferError(
        `the source no longer has the binlog that is needed (${error.message}): a new snapshot is needed, run with --snapshot`,
      );
    if (error instanceof BinlogFormatError) throw new TransferError(`the binlog cannot be read: ${error.message}`);
    if (error instanceof CommandFailed)
      throw new TransferError(
        `${error.message}\nMend or remove the key, then run with --verify --repair: the change was made but for this key.`,
      );
    const known = [StoppedAt, StreamError, SourceRefused, SourceLost, TargetLost, TakenOver];
    if (known.some((kind) => error instanceof kind)) throw new TransferError((error as Error).message);
    throw error;
  }
}

const marks: Readonly<Record<Finding['level'], string>> = { ok: 'ok     ', warning: 'WARNING', error: 'ERROR  ' };

async function runCheck(configs: readonly SyncConfig[]): Promise<number> {
  let errors = 0;
  const tell = (level: Finding['level'], text: string): void => {
    if (level === 'error') errors++;
    process.stdout.write(`${marks[level]} ${text}\n`);
  };
  for (const config of configs) {
    for (const address of addressesOf(config.source)) {
      try {
        const connection = await SourceConnection.open(config.source, address);
        try {
          await checkSource(config, connection, await readFacts(connection), tell);
        } finally {
          connection.close();
        }
      } catch (error) {
        if (!(error instanceof SourceLost || error instanceof SourceRefused)) throw error;
        tell('error', error.message);
      }
    }
    try {
      await checkTarget(config, tell);
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      tell('error', error.message);
    }
  }
  return errors > 0 ? 1 : 0;
}

function environmentOf(config: SyncConfig, quiet: boolean, isOne: boolean): SyncEnvironment {
  const prefix = isOne ? '' : `${config.name}: `;
  return {
    now: () => Date.now(),
    say: (text) => {
      if (!quiet) process.stderr.write(`${prefix}${text}\n`);
    },
    warn: (text) => void process.stderr.write(`${prefix}warning: ${text}\n`),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

async function runSyncs(configs: readonly SyncConfig[], words: Options, interrupt: Interrupt): Promise<number> {
  const chosen = {
    snapshotOnly: words.flag('snapshot-only'),
    from: words.text('from'),
    resnapshot: words.flag('snapshot'),
    untilCurrent: words.flag('once'),
  };
  const closers: (() => void)[] = [];
  const runs = await Promise.all(
    configs.map(async (config) => {
      const environment = environmentOf(config, words.flag('quiet'), configs.length === 1);
      return { config, environment, sync: new Sync(config, chosen, environment, await loadTransforms(config)) };
    }),
  );
  interrupt.onAsk(() => runs.forEach(({ sync }) => sync.stop()));
  const failures: Error[] = [];
  try {
    for (const { config, sync, environment } of runs) {
      const port = words.number('http-port') ?? config.status?.port;
      if (port !== undefined)
        closers.push(await openStatusPage(port, config.status?.host ?? '127.0.0.1', sync, environment));
      if (config.alerts !== undefined) closers.push(alert(config.alerts, sync.progress, environment));
    }
    await Promise.all(
      runs.map(async ({ sync }) => {
        try {
          await sync.run();
        } catch (error) {
          // One that cannot go on does not end the others, but the program ends with its error.
          failures.push(error instanceof Error ? error : new Error(String(error)));
          sync.progress.lastError = failures[failures.length - 1]!.message;
          if (runs.length > 1) process.stderr.write(`${sync.progress.name}: ${sync.progress.lastError}\n`);
        } finally {
          sync.progress.phase = 'ended';
        }
      }),
    );
  } finally {
    for (const close of closers) close();
  }
  if (failures.length > 0) throw failures[0]!;
  return 0;
}
