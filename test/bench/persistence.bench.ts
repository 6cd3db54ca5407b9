// persistence: what saving costs while clients write: a snapshot under load, loading, the append-only file by policy.
//
// The load of a snapshot is 50 connections of redis-benchmark: 40 set random keys of the data set, 10 change members of one
// big sorted set. Pauses are those that a PING each millisecond sees; as on a machine with few processors the load itself
// makes some wait, the same is measured without a snapshot, right before. The limit for a PING during a snapshot is the
// goal or the longest time without one, whichever is more.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { median } from '../../src/bench/versus.js';
import { fill, watchPings } from './fill.js';
import { log, marked, type Section } from './report.js';
import { type BenchServer, kinds, redisCli, residentBytes, type ServerKind, startServer } from './servers.js';

const execute = promisify(execFile);
const megabyte = 2 ** 20;

const pauseGoalMs = 20;
const throughputGoal = 0.7;
const memoryShareGoal = 0.1;
const memoryMegabytesGoal = 64;
const loadGoal = 1.5;
const savingGoal = 1.5;
const everysecGoal = 0.8;
const alwaysGoal = 1;
/** Turns of each server with each policy in a round. */
const slicesOfRound = 4;
/** Of the load without a snapshot. */
const baselineMs = 5000;

export interface PersistenceSizes {
  /** Small keys, and members of the one big sorted set, while a snapshot is taken. */
  readonly keys: number;
  readonly members: number;
  /** Keys that are loaded. */
  readonly loadKeys: number;
  readonly rounds: number;
  readonly requests: number;
}

const command = 'npm run bench -- --only persistence';

async function info(port: number, field: string): Promise<number> {
  return Number(new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(await redisCli(port, 'info', 'all'))?.[1]);
}

/** Both servers, the other one first in every second round. */
const inTurn = (round: number): readonly ServerKind[] => (round % 2 === 0 ? kinds : [...kinds].reverse());

/** The median of the ratios of what was measured right after one another. */
const medianRatio = (left: readonly number[], right: readonly number[]): number =>
  median(left.map((figure, round) => figure / right[round]!));

const keyOf = (index: number): string => `key:${String(index).padStart(12, '0')}`;

/** Writes until it is stopped. */
function startLoad(port: number, keys: number, members: number): () => Promise<void> {
  const forever = String(2 ** 31 - 1);
  const run = (clients: number, range: number, ...words: string[]): ChildProcess =>
    spawn(
      'redis-benchmark',
      ['-p', String(port), '-c', String(clients), '-n', forever, '-r', String(range), ...words],
      { stdio: 'ignore' },
    );
  const loads = [
    run(40, keys, 'SET', 'key:__rand_int__', 'another-value-16'),
    run(10, members, 'ZADD', 'big', '__rand_int__', 'member:__rand_int__'),
  ];
  return async () => {
    for (const load of loads) {
      const ended = new Promise((resolve) => load.once('exit', resolve));
      load.kill('SIGKILL');
      await ended;
    }
  };
}

interface Under {
  readonly perSecond: number;
  readonly longestMs: number;
}

async function watch(port: number, until: () => Promise<void>): Promise<Under & { readonly seconds: number }> {
  const pings = await watchPings(port);
  const before = await info(port, 'total_commands_processed');
  const started = performance.now();
  await until();
  const seconds = (performance.now() - started) / 1000;
  const done = (await info(port, 'total_commands_processed')) - before;
  return { perSecond: done / seconds, longestMs: pings.stop(), seconds };
}

interface SnapshotFigures {
  readonly without: Under;
  readonly during: Under & { readonly seconds: number };
  readonly dataMegabytes: number;
  readonly extraMegabytes: number;
}

/** A snapshot, or a rewrite of the append-only file. */
interface Saving {
  readonly command: string;
  readonly runs: string;
  readonly status: string;
  readonly copied: string;
}

const snapshot: Saving = {
  command: 'bgsave',
  runs: 'rdb_bgsave_in_progress',
  status: 'rdb_last_bgsave_status',
  copied: 'rdb_last_cow_size',
};
const rewrite: Saving = {
  command: 'bgrewriteaof',
  runs: 'aof_rewrite_in_progress',
  status: 'aof_last_bgrewrite_status',
  copied: 'aof_last_cow_size',
};

async function measureSaving(server: BenchServer, saving: Saving, sizes: PersistenceSizes): Promise<SnapshotFigures> {
  const { port, pid, kind } = server;
  const stopLoad = startLoad(port, sizes.keys, sizes.members);
  try {
    await sleep(1000);
    const without = await watch(port, () => sleep(baselineMs));
    const dataBytes = residentBytes(pid);
    let mostBytes = 0;
    const during = await watch(port, async () => {
      await redisCli(port, saving.command);
      do {
        await sleep(100);
        mostBytes = Math.max(mostBytes, residentBytes(pid));
      } while ((await info(port, saving.runs)) === 1);
    });
    if ((await redisCli(port, 'info', 'persistence')).includes(`${saving.status}:err`))
      throw new Error(`${kind}: ${saving.command} failed`);
    // A fork's pages are not the server's own: it tells how many were copied.
    const copied = kind === 'redis' ? await info(port, saving.copied) : 0;
    return {
      without,
      during,
      dataMegabytes: dataBytes / megabyte,
      extraMegabytes: (Math.max(0, mostBytes - dataBytes) + copied) / megabyte,
    };
  } finally {
    await stopLoad();
  }
}

/**
 * Both servers hold the data all the time and take turns, each pair of measurements right after one another: a machine's
 * speed drifts, and a ratio of two single runs says more about the machine than about the servers.
 */
async function savingSection(title: string, saving: Saving, sizes: PersistenceSizes): Promise<Section> {
  const figures: Record<ServerKind, SnapshotFigures[]> = { redis: [], kvasir: [] };
  const servers: Partial<Record<ServerKind, BenchServer>> = {};
  const flags = saving === rewrite ? ['--appendonly', 'yes', '--auto-aof-rewrite-percentage', '0'] : [];
  try {
    for (const kind of kinds) {
      const { port } = (servers[kind] = await startServer(kind, flags));
      await fill(port, sizes.keys, (index) => ['SET', keyOf(index), 'value-of-16bytes']);
      await fill(port, sizes.members, (index) => [
        'ZADD',
        'big',
        String(index),
        `member:${String(index).padStart(12, '0')}`,
      ]);
    }
    for (let round = 0; round < sizes.rounds; round++) {
      for (const kind of inTurn(round)) {
        const measured = await measureSaving(servers[kind]!, saving, sizes);
        figures[kind].push(measured);
        log(`persistence: ${saving.command} of ${kind} ${JSON.stringify(measured)}`);
      }
    }
  } finally {
    for (const kind of kinds) await servers[kind]?.stop();
  }
  const all = (kind: ServerKind, of: (each: SnapshotFigures) => number): number[] => figures[kind].map(of);
  const middle = (kind: ServerKind, of: (each: SnapshotFigures) => number): number => median(all(kind, of));
  const ratio = (of: (each: SnapshotFigures) => number): number => medianRatio(all('kvasir', of), all('redis', of));
  const share = (each: SnapshotFigures): number => each.during.perSecond / each.without.perSecond;
  const longest = (each: SnapshotFigures): number => each.during.longestMs;
  const longestWithout = (each: SnapshotFigures): number => each.without.longestMs;
  const extra = (each: SnapshotFigures): number => each.extraMegabytes;
  const seconds = (each: SnapshotFigures): number => each.during.seconds;
  const during = (each: SnapshotFigures): number => each.during.perSecond;
  const longestGoal = Math.max(pauseGoalMs, middle('kvasir', longestWithout));
  const extraGoal = Math.max(memoryMegabytesGoal, memoryShareGoal * middle('kvasir', (each) => each.dataMegabytes));
  const row = (
    what: string,
    of: (each: SnapshotFigures) => number,
    digits: number,
    kvasir = middle('kvasir', of).toFixed(digits),
    last = '',
  ): string => `| ${what} | ${middle('redis', of).toFixed(digits)} | ${kvasir} | ${last} |`;
  return {
    title,
    command: `${command} --snapshot-keys ${sizes.keys} --snapshot-members ${sizes.members}`,
    lines: [
      '| | redis | kvasir | ratio |',
      '|---|--:|--:|--:|',
      row('longest PING under load before, ms', longestWithout, 1),
      row(
        'longest PING while it runs, ms',
        longest,
        1,
        marked(middle('kvasir', longest), longestGoal, 'most', 1),
        ratio(longest).toFixed(2),
      ),
      row('commands a second before, thousands', (each) => each.without.perSecond / 1000, 1),
      row(
        'commands a second while it runs, share of that',
        share,
        2,
        marked(middle('kvasir', share), throughputGoal, 'least'),
        ratio(share).toFixed(2),
      ),
      row(
        'commands a second while it runs, thousands',
        (each) => during(each) / 1000,
        1,
        undefined,
        ratio(during).toFixed(2),
      ),
      row('resident memory before, MB', (each) => each.dataMegabytes, 0),
      row('more while it runs, MB', extra, 0, marked(middle('kvasir', extra), extraGoal, 'most', 0)),
      row('time it takes, s', seconds, 1, undefined, marked(ratio(seconds), savingGoal, 'most')),
      '',
      `${sizes.keys} keys of 16 + 16 bytes and a sorted set of ${sizes.members} members; 40 connections set random keys, 10 change members, pipeline 1. Medians of ${sizes.rounds} rounds in which both take turns; a ratio is that of the rounds' ratios.` +
        ` Goals: at most ${pauseGoalMs} ms (or what is seen before), at least ${throughputGoal} of the throughput,` +
        ` at most ${memoryShareGoal * 100} % or ${memoryMegabytesGoal} MB more memory, at most ${savingGoal} times redis-server's time. redis: growth of the process and what its fork copied.`,
    ],
  };
}

async function loadSection(sizes: PersistenceSizes): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-bench-rdb-'));
  const times: Record<string, Record<ServerKind, number[]>> = {};
  try {
    const files: Record<string, string> = { RDB: 'dump.rdb', 'AOF of commands': 'plain.aof' };
    const maker = await startServer('redis', ['--appendonly', 'yes', '--appendfsync', 'no']);
    try {
      await fill(maker.port, sizes.loadKeys, (index) => ['SET', keyOf(index), 'value-of-16bytes']);
      await redisCli(maker.port, 'save');
      copyFileSync(join(maker.folder, 'dump.rdb'), join(folder, 'dump.rdb'));
      copyFileSync(join(maker.folder, 'appendonlydir', 'appendonly.aof.1.incr.aof'), join(folder, 'plain.aof'));
    } finally {
      await maker.stop();
    }
    for (let round = 0; round < sizes.rounds; round++) {
      for (const [what, file] of Object.entries(files)) {
        for (const kind of kinds) {
          const isAof = file.endsWith('.aof');
          const server = await startServer(
            kind,
            isAof ? ['--appendonly', 'yes', '--appendfilename', file] : [],
            (into) => copyFileSync(join(folder, file), join(into, file)),
          );
          try {
            if ((await redisCli(server.port, 'dbsize')) !== String(sizes.loadKeys))
              throw new Error(`${kind} did not load all keys of the ${what}`);
          } finally {
            await server.stop();
          }
          const empty = await startServer(kind);
          await empty.stop();
          (times[what] ??= { redis: [], kvasir: [] })[kind].push(Math.max(1, server.startMs - empty.startMs));
        }
      }
      log(`persistence: loading, round ${round + 1} of ${sizes.rounds}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const row = ([what, pair]: [string, Record<ServerKind, number[]>]): string => {
    const ratio = medianRatio(pair.kvasir, pair.redis);
    return `| ${what}, ms | ${median(pair.redis).toFixed(0)} | ${median(pair.kvasir).toFixed(0)} | ${marked(ratio, loadGoal, 'most')} |`;
  };
  return {
    title: 'Loading',
    command: `${command} --load-keys ${sizes.loadKeys}`,
    lines: [
      '| | redis | kvasir | ratio |',
      '|---|--:|--:|--:|',
      ...Object.entries(times).map(row),
      '',
      `${sizes.loadKeys} keys of 16 + 16 bytes, from a file that redis-server wrote: the time of a start with it, less that of a start without. Goal: at most ${loadGoal} times redis-server's.`,
    ],
  };
}

const policies: Readonly<Record<string, readonly string[]>> = {
  off: [],
  everysec: ['--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0'],
  always: ['--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0'],
};

async function setRate(port: number, requests: number, pipeline: number): Promise<number> {
  const words = ['-p', port, '-t', 'set', '-n', requests, '-r', 100_000, '-P', pipeline, '-c', 50, '-d', 16, '--csv'];
  const { stdout } = await execute('redis-benchmark', words.map(String));
  return Number(/^"SET","([\d.]+)"/m.exec(stdout)![1]);
}

/**
 * The time of a sync is the disk's, which drifts and has other users: both servers run all the time, and take turns in
 * slices of a second or so, of which two that follow one another make one ratio.
 */
async function appendSection(sizes: PersistenceSizes): Promise<Section> {
  const rates: Record<string, Record<ServerKind, number[]>> = {};
  const pipelines = [1, 16];
  const slices = sizes.rounds * slicesOfRound;
  const servers: BenchServer[] = [];
  try {
    const running: { readonly policy: string; readonly kind: ServerKind; readonly port: number }[] = [];
    for (const [policy, flags] of Object.entries(policies)) {
      for (const kind of kinds) {
        const server = await startServer(kind, flags);
        servers.push(server);
        running.push({ policy, kind, port: server.port });
        // A server that has just started is not compiled yet; it is not what is measured.
        await setRate(server.port, 200_000, 16);
        await setRate(server.port, 20_000, 1);
      }
    }
    for (let slice = 0; slice < slices; slice++) {
      for (const pipeline of pipelines) {
        const requests = Math.ceil(sizes.requests / 2) * (pipeline > 1 ? 5 : 1);
        for (const { policy, kind, port } of slice % 2 === 0 ? running : [...running].reverse()) {
          const rate = await setRate(port, requests, pipeline);
          (rates[`${policy} ${pipeline}`] ??= { redis: [], kvasir: [] })[kind].push(rate);
        }
      }
      log(`persistence: append-only file, slice ${slice + 1} of ${slices}`);
    }
  } finally {
    for (const server of servers) await server.stop();
  }
  const of = (policy: string, pipeline: number, kind: ServerKind): number[] => rates[`${policy} ${pipeline}`]![kind];
  const share = (kind: ServerKind, pipeline: number): number =>
    medianRatio(of('everysec', pipeline, kind), of('off', pipeline, kind));
  const always = (pipeline: number): number =>
    medianRatio(of('always', pipeline, 'kvasir'), of('always', pipeline, 'redis'));
  const thousands = (values: readonly number[]): string => (median(values) / 1000).toFixed(1);
  return {
    title: 'Append-only file',
    command,
    lines: [
      `| SET | ${pipelines.map((pipeline) => `redis P${pipeline} | kvasir P${pipeline}`).join(' | ')} |`,
      `|---|${pipelines.map(() => '--:|--:|').join('')}`,
      ...Object.keys(policies).map(
        (policy) =>
          `| ${policy}, thousands a second | ${pipelines.map((pipeline) => kinds.map((kind) => thousands(of(policy, pipeline, kind))).join(' | ')).join(' | ')} |`,
      ),
      `| everysec, share of off | ${pipelines.map((pipeline) => `${share('redis', pipeline).toFixed(2)} | ${marked(share('kvasir', pipeline), everysecGoal, 'least')}`).join(' | ')} |`,
      `| always, kvasir to redis | ${pipelines.map((pipeline) => `| ${marked(always(pipeline), alwaysGoal, 'least')}`).join(' | ')} |`,
      '',
      `Medians of ${slices} slices in which all six servers take turns; a ratio is that of neighbouring slices. Goals: everysec at least ${everysecGoal} of the throughput without a file, always at least redis-server's.`,
    ],
  };
}

export async function measurePersistence(sizes: PersistenceSizes): Promise<Section[]> {
  return [
    await savingSection('Snapshot under load', snapshot, sizes),
    await savingSection('Rewrite of the append-only file under load', rewrite, sizes),
    await loadSection(sizes),
    await appendSection(sizes),
  ];
}
