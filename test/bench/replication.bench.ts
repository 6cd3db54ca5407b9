// replication: what a full sync costs a master that serves, what a stream costs masters and replicas, and the way back after hours away.
//
// The replica is always of the same kind as its master, so that each pair is what a user would run. The load comes from redis-benchmark.
// Extra memory is that of the master's process at its largest while the sync runs, less what it had before under the same load.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fill, watchPings } from './fill.js';
import { log, marked, type Section } from './report.js';
import {
  type BenchServer,
  cpuSeconds,
  kinds,
  redisCli,
  residentBytes,
  type ServerKind,
  startServer,
  whenInfo,
} from './servers.js';
import { longestTurnMs, startProbed } from './turns.js';

const execute = promisify(execFile);
const MB = 2 ** 20;
const PROBE_SECONDS = 3;
const LOAD_KEYS = 100_000;
const REPLICA_FLAGS = ['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0'];
const GOALS = { pingMs: 20, throughput: 0.7, extraMegabytes: 64, time: 1.5, stream: 0.9 };

export interface ReplicationSizes {
  readonly keys: number;
  /** SETs of each measurement of the steady stream. */
  readonly requests: number;
  /** Megabytes that are written while a replica is away. */
  readonly megabytes: number;
}

function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
}

async function field(port: number, section: string, name: string): Promise<string> {
  return fieldOf(await redisCli(port, 'info', section), name);
}

async function linked(replica: BenchServer): Promise<void> {
  await whenInfo(replica.port, 'replication', (text) => fieldOf(text, 'master_link_status') === 'up');
}

/** Returns when the replica has all that the master has written so far. */
async function caughtUp(master: BenchServer, replica: BenchServer): Promise<void> {
  const offset = Number(await field(master.port, 'replication', 'master_repl_offset'));
  await whenInfo(replica.port, 'replication', (text) => Number(fieldOf(text, 'slave_repl_offset')) >= offset);
}

/** 50 clients that write until stopped; `rate` is how many commands a second the server has run since the last call. */
async function startLoad(server: BenchServer): Promise<{ rate(): Promise<number>; stop(): Promise<void> }> {
  const args = [
    '-p',
    String(server.port),
    '-t',
    'set',
    '-n',
    '2000000000',
    '-r',
    String(LOAD_KEYS),
    '-c',
    '50',
    '-d',
    '64',
  ];
  const child = execFile('redis-benchmark', args);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let count = 0;
  let atMs = 0;
  const rate = async (): Promise<number> => {
    const nowCount = Number(await field(server.port, 'stats', 'total_commands_processed'));
    const nowMs = performance.now();
    const perSecond = ((nowCount - count) * 1000) / (nowMs - atMs);
    count = nowCount;
    atMs = nowMs;
    return perSecond;
  };
  await sleep(1000);
  await rate();
  return {
    rate,
    stop: () => {
      child.kill();
      return exited;
    },
  };
}

interface SyncFigures {
  readonly pingMs: number;
  /** Of the master, in processor time of its own. */
  readonly turnMs: number;
  /** With the sync by without. */
  readonly throughput: number;
  readonly extraMegabytes: number;
  readonly seconds: number;
}

async function measureSync(kind: ServerKind, keys: number): Promise<SyncFigures> {
  // The stream of the time that the sync takes is not what is measured.
  const limit = ['--client-output-buffer-limit', 'replica 0 0 0'];
  const disk = kind === 'kvasir' ? ['--repl-backlog-disk-size', '4gb'] : [];
  const master = await startProbed(kind, [...REPLICA_FLAGS, ...limit, ...disk]);
  const replica = await startServer(kind, REPLICA_FLAGS);
  try {
    await fill(master.port, keys, (index) => ['SET', `filled:${index}`, `value of the key ${index}`]);
    const load = await startLoad(master);
    try {
      await sleep(PROBE_SECONDS * 1000);
      const before = await load.rate();
      const restingBytes = residentBytes(master.pid);
      let mostBytes = restingBytes;
      const watching = setInterval(() => (mostBytes = Math.max(mostBytes, residentBytes(master.pid))), 20);
      await longestTurnMs(master);
      const pings = await watchPings(master.port);
      const startedMs = performance.now();
      await redisCli(replica.port, 'replicaof', '127.0.0.1', String(master.port));
      await linked(replica);
      const seconds = (performance.now() - startedMs) / 1000;
      const during = await load.rate();
      const pingMs = pings.stop();
      const turnMs = await longestTurnMs(master);
      clearInterval(watching);
      const extraMegabytes = (mostBytes - restingBytes) / MB;
      return { pingMs, turnMs, throughput: during / before, extraMegabytes, seconds };
    } finally {
      await load.stop();
    }
  } finally {
    await Promise.all([master.stop(), replica.stop()]);
  }
}

interface StreamFigures {
  readonly perSecond: number;
  /** Processor time of a replica, in microseconds for each command. */
  readonly replicaMicros: number;
}

async function measureStream(kind: ServerKind, replicaCount: number, requests: number): Promise<StreamFigures> {
  const master = await startServer(kind, REPLICA_FLAGS);
  const replicas: BenchServer[] = [];
  try {
    for (let count = 0; count < replicaCount; count++) {
      const replica = await startServer(kind, [...REPLICA_FLAGS, '--replicaof', `127.0.0.1 ${master.port}`]);
      replicas.push(replica);
      await linked(replica);
    }
    const run = async (count: number): Promise<number> => {
      const args = [
        '-p',
        String(master.port),
        '-t',
        'set',
        '-n',
        String(count),
        '-r',
        String(LOAD_KEYS),
        '-P',
        '16',
        '--csv',
      ];
      const { stdout } = await execute('redis-benchmark', args);
      for (const replica of replicas) await caughtUp(master, replica);
      return Number(/"SET","([\d.]+)"/.exec(stdout)?.[1]);
    };
    // Both sides are warm, as they are after a minute of any use.
    await run(Math.ceil(requests / 4));
    const before = replicas.map(({ pid }) => cpuSeconds(pid));
    const perSecond = await run(requests);
    const seconds = replicas.reduce((sum, { pid }, index) => sum + cpuSeconds(pid) - before[index]!, 0);
    return { perSecond, replicaMicros: (seconds * 1e6) / (requests * replicaCount) };
  } finally {
    await Promise.all([master, ...replicas].map((server) => server.stop()));
  }
}

interface ReturnFigures {
  readonly fullSyncs: number;
  readonly partialSyncs: number;
  readonly seconds: number;
  readonly extraMegabytes: number;
}

/** A replica misses `megabytes` of writes; redis-server can only send everything. */
async function measureReturn(kind: ServerKind, megabytes: number): Promise<ReturnFigures> {
  const disk = kind === 'kvasir' ? ['--repl-backlog-disk-size', `${2 * megabytes + 64}mb`] : [];
  const master = await startServer(kind, [...REPLICA_FLAGS, ...disk]);
  const replica = await startServer(kind, [...REPLICA_FLAGS, '--replicaof', `127.0.0.1 ${master.port}`]);
  try {
    await linked(replica);
    // It looks for its master where nobody is; as a master it would begin a history of its own.
    await redisCli(replica.port, 'replicaof', '127.0.0.1', '1');
    const count = Math.ceil((megabytes * MB) / 1000);
    await fill(master.port, count, (index) => ['SET', `key:${index % 10_000}`, 'x'.repeat(960)]);
    const restingBytes = residentBytes(master.pid);
    let mostBytes = restingBytes;
    const watching = setInterval(() => (mostBytes = Math.max(mostBytes, residentBytes(master.pid))), 20);
    const startedMs = performance.now();
    await redisCli(replica.port, 'replicaof', '127.0.0.1', String(master.port));
    await linked(replica);
    await caughtUp(master, replica);
    const seconds = (performance.now() - startedMs) / 1000;
    clearInterval(watching);
    return {
      fullSyncs: Number(await field(master.port, 'stats', 'sync_full')) - 1,
      partialSyncs: Number(await field(master.port, 'stats', 'sync_partial_ok')),
      seconds,
      extraMegabytes: (mostBytes - restingBytes) / MB,
    };
  } finally {
    await Promise.all([master.stop(), replica.stop()]);
  }
}

async function both<Figures>(measure: (kind: ServerKind) => Promise<Figures>): Promise<Record<ServerKind, Figures>> {
  const figures: Partial<Record<ServerKind, Figures>> = {};
  for (const kind of kinds) {
    figures[kind] = await measure(kind);
    log(`replication: ${kind} ${JSON.stringify(figures[kind])}`);
  }
  return figures as Record<ServerKind, Figures>;
}

export async function measureReplication({ keys, requests, megabytes }: ReplicationSizes): Promise<Section[]> {
  const sync = await both((kind) => measureSync(kind, keys));
  const streamLines: string[] = [];
  for (const count of [1, 3]) {
    const { redis, kvasir } = await both((kind) => measureStream(kind, count, requests));
    const name = count === 1 ? 'one replica' : `${count} replicas`;
    streamLines.push(
      `| SETs a second with ${name} | ${redis.perSecond.toFixed(0)} | ${marked(kvasir.perSecond, redis.perSecond * GOALS.stream, 'least', 0)} |`,
      `| processor time of a replica for each, us, with ${name} | ${redis.replicaMicros.toFixed(2)} | ${marked(kvasir.replicaMicros, redis.replicaMicros, 'most')} |`,
    );
  }
  const back = await both((kind) => measureReturn(kind, megabytes));
  const { redis, kvasir } = sync;
  return [
    {
      title: 'Replication',
      command: `npm run bench -- --only replication --replication-keys ${keys} --replication-requests ${requests} --replication-megabytes ${megabytes}`,
      lines: [
        '| | redis | kvasir |',
        '|---|--:|--:|',
        `| full sync: longest answer to PING, ms | ${redis.pingMs.toFixed(1)} | ${marked(kvasir.pingMs, GOALS.pingMs, 'most', 1)} |`,
        `| full sync: longest turn of the master, ms of its own processor time | | ${marked(kvasir.turnMs, GOALS.pingMs, 'most', 1)} |`,
        `| full sync: throughput, by that before | ${redis.throughput.toFixed(2)} | ${marked(kvasir.throughput, GOALS.throughput, 'least')} |`,
        `| full sync: extra memory of the master, MB | ${redis.extraMegabytes.toFixed(0)} | ${marked(kvasir.extraMegabytes, GOALS.extraMegabytes, 'most', 0)} |`,
        `| full sync: seconds to a replica in sync | ${redis.seconds.toFixed(1)} | ${marked(kvasir.seconds, redis.seconds * GOALS.time, 'most', 1)} |`,
        ...streamLines,
        `| back after ${megabytes} MB of writes: seconds | ${back.redis.seconds.toFixed(1)} | ${back.kvasir.seconds.toFixed(1)} |`,
        `| ... full syncs | ${back.redis.fullSyncs} | ${marked(back.kvasir.fullSyncs, 0, 'most', 0)} |`,
        `| ... extra memory of the master, MB | ${back.redis.extraMegabytes.toFixed(0)} | ${back.kvasir.extraMegabytes.toFixed(0)} |`,
        '',
        `The full sync is of ${keys} small keys while 50 clients write; redis-server's master forks for it, and the memory of the fork is not counted.` +
          ` The stream is ${requests} SETs, pipeline 16. Goals: PING ${GOALS.pingMs} ms, throughput ${GOALS.throughput}, ${GOALS.extraMegabytes} MB, ${GOALS.time} times redis-server's time;` +
          ` ${GOALS.stream} of redis-server's throughput, at most its processor time; no full sync with a backlog on disk.`,
      ],
    },
  ];
}
