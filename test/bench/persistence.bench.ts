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
const everysecGoal = 0.8;
const alwaysGoal = 1;
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

async function measureSnapshot(server: BenchServer, { keys, members }: PersistenceSizes): Promise<SnapshotFigures> {
  const { port, pid, kind } = server;
  await fill(port, keys, (index) => ['SET', keyOf(index), 'value-of-16bytes']);
  await fill(port, members, (index) => ['ZADD', 'big', String(index), `member:${String(index).padStart(12, '0')}`]);
  const stopLoad = startLoad(port, keys, members);
  try {
    await sleep(1000);
    const without = await watch(port, () => sleep(baselineMs));
    const dataBytes = residentBytes(pid);
    let mostBytes = 0;
    const during = await watch(port, async () => {
      await redisCli(port, 'bgsave');
      do {
        await sleep(100);
        mostBytes = Math.max(mostBytes, residentBytes(pid));
      } while ((await info(port, 'rdb_bgsave_in_progress')) === 1);
    });
    if ((await redisCli(port, 'info', 'persistence')).includes('rdb_last_bgsave_status:err'))
      throw new Error(`${kind}: the snapshot failed`);
    // A fork's pages are not the server's own: it tells how many were copied.
    const copied = kind === 'redis' ? await info(port, 'rdb_last_cow_size') : 0;
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

async function snapshotSection(sizes: PersistenceSizes): Promise<Section> {
  const figures: Partial<Record<ServerKind, SnapshotFigures>> = {};
  for (const kind of kinds) {
    const server = await startServer(kind);
    try {
      figures[kind] = await measureSnapshot(server, sizes);
      log(`persistence: snapshot of ${kind} ${JSON.stringify(figures[kind])}`);
    } finally {
      await server.stop();
    }
  }
  const { redis, kvasir } = figures as Record<ServerKind, SnapshotFigures>;
  const share = (each: SnapshotFigures): number => each.during.perSecond / each.without.perSecond;
  const longestGoal = Math.max(pauseGoalMs, kvasir.without.longestMs);
  const extraGoal = Math.max(memoryMegabytesGoal, memoryShareGoal * kvasir.dataMegabytes);
  return {
    title: 'Snapshot under load',
    command: `${command} --snapshot-keys ${sizes.keys} --snapshot-members ${sizes.members}`,
    lines: [
      '| | redis | kvasir |',
      '|---|--:|--:|',
      `| longest PING under load without a snapshot, ms | ${redis.without.longestMs.toFixed(1)} | ${kvasir.without.longestMs.toFixed(1)} |`,
      `| longest PING while BGSAVE runs, ms | ${redis.during.longestMs.toFixed(1)} | ${marked(kvasir.during.longestMs, longestGoal, 'most', 1)} |`,
      `| commands a second without, thousands | ${(redis.without.perSecond / 1000).toFixed(1)} | ${(kvasir.without.perSecond / 1000).toFixed(1)} |`,
      `| commands a second while BGSAVE runs, share of that | ${share(redis).toFixed(2)} | ${marked(share(kvasir), throughputGoal, 'least')} |`,
      `| resident memory before, MB | ${redis.dataMegabytes.toFixed(0)} | ${kvasir.dataMegabytes.toFixed(0)} |`,
      `| more while BGSAVE runs, MB | ${redis.extraMegabytes.toFixed(0)} | ${marked(kvasir.extraMegabytes, extraGoal, 'most', 0)} |`,
      `| time it takes, s | ${redis.during.seconds.toFixed(1)} | ${kvasir.during.seconds.toFixed(1)} |`,
      '',
      `${sizes.keys} keys of 16 + 16 bytes and a sorted set of ${sizes.members} members; 40 connections set random keys, 10 change members, pipeline 1.` +
        ` Goals: at most ${pauseGoalMs} ms (or what is seen without a snapshot), at least ${throughputGoal} of the throughput,` +
        ` at most ${memoryShareGoal * 100} % or ${memoryMegabytesGoal} MB more memory. redis: growth of the process and what its fork copied.`,
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
    const ratio = median(pair.kvasir.map((ms, round) => ms / pair.redis[round]!));
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

async function appendSection(sizes: PersistenceSizes): Promise<Section> {
  const rates: Record<string, Record<ServerKind, number[]>> = {};
  const pipelines = [1, 16];
  for (let round = 0; round < sizes.rounds; round++) {
    for (const [policy, flags] of Object.entries(policies)) {
      for (const kind of kinds) {
        const server = await startServer(kind, flags);
        try {
          // A server that has just started is not compiled yet; it is not what is measured.
          await execute('redis-benchmark', [
            '-p',
            String(server.port),
            '-t',
            'set',
            '-n',
            '200000',
            '-r',
            '100000',
            '-P',
            '16',
            '-q',
          ]);
          for (const pipeline of pipelines) {
            const requests = sizes.requests * (pipeline > 1 ? 5 : 1);
            const args = [
              '-p',
              String(server.port),
              '-t',
              'set',
              '-n',
              String(requests),
              '-r',
              '100000',
              '-P',
              String(pipeline),
              '-c',
              '50',
              '-d',
              '16',
              '--csv',
            ];
            const { stdout } = await execute('redis-benchmark', args);
            (rates[`${policy} ${pipeline}`] ??= { redis: [], kvasir: [] })[kind].push(
              Number(/^"SET","([\d.]+)"/m.exec(stdout)![1]),
            );
          }
        } finally {
          await server.stop();
        }
      }
    }
    log(`persistence: append-only file, round ${round + 1} of ${sizes.rounds}`);
  }
  const of = (policy: string, pipeline: number, kind: ServerKind): number[] => rates[`${policy} ${pipeline}`]![kind];
  const share = (kind: ServerKind, pipeline: number): number =>
    median(of('everysec', pipeline, kind).map((rate, round) => rate / of('off', pipeline, kind)[round]!));
  const always = (pipeline: number): number =>
    median(of('always', pipeline, 'kvasir').map((rate, round) => rate / of('always', pipeline, 'redis')[round]!));
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
      `Goals: everysec at least ${everysecGoal} of the throughput without a file, always at least redis-server's.`,
    ],
  };
}

export async function measurePersistence(sizes: PersistenceSizes): Promise<Section[]> {
  return [await snapshotSection(sizes), await loadSection(sizes), await appendSection(sizes)];
}
