// bench: redis-server and Kvasir side by side: throughput, processor time, memory, pauses, start.
//
//   npm run bench                                  throughput, memory, start, about 4 minutes; writes docs/benchmarks.md
//   npm run bench -- --only throughput --tests get,set --rounds 7 --no-write
//   npm run bench -- --only latency --rounds 9
//   npm run bench -- --only pause --pause-keys 10000000
//   npm run bench -- --only big-values --big-elements 10000000
//   npm run bench -- --only long-commands --long-groups string,list --long-match BITOP
//   npm run bench -- --only scripts,pubsub,connections,proxy,sentinel
//   npm run bench -- --only io-threads --io-threads 2,4,6   (threads besides the main one)
//   npm run bench -- --only replication --replication-keys 5000000 --replication-megabytes 1024
//   npm run bench -- --only cluster --cluster-keys 1000000 --cluster-members 1000000
//   npm run bench -- --only recipes --recipe-calls 200
//   npm run bench -- --only persistence --snapshot-keys 5000000 --snapshot-members 1000000
//   npm run bench -- --only transfer --transfer-keys 1000000 --transfer-bytes 100
//
// Runs of the two servers are interleaved and the order changes each round, because a machine's speed drifts; a ratio is
// the median of the rounds' ratios. The load always comes from redis-benchmark, so that both are measured by a third party.
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { median } from '../../src/bench/versus.js';
import { findProgram } from '../peer.js';
import { measureBigValues } from './big-values.bench.js';
import { measureCluster } from './cluster.bench.js';
import { measureConnections } from './connections.bench.js';
import { fill } from './fill.js';
import { measureIoThreads } from './io-threads.bench.js';
import { measureLatency } from './latency.bench.js';
import { measureLongCommands } from './long-commands.bench.js';
import { measurePause } from './pause.bench.js';
import { measurePersistence } from './persistence.bench.js';
import { measureProxy } from './proxy.bench.js';
import { measurePubSub } from './pubsub.bench.js';
import { measureRecipes } from './recipes.bench.js';
import { measureReplication } from './replication.bench.js';
import { measureScripts } from './scripts.bench.js';
import { measureSentinel } from './sentinel.bench.js';
import { measureTransfer } from './transfer.bench.js';
import { log, marked, type Section } from './report.js';
import {
  type BenchServer,
  cpuSeconds,
  eachRound,
  kinds,
  missingServer,
  residentBytes,
  type ServerKind,
  startServer,
  withServers,
} from './servers.js';

const execute = promisify(execFile);
const root = join(fileURLToPath(new URL('.', import.meta.url)), '..', '..', '..');
const page = join(root, 'docs', 'benchmarks.md');

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    tests: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '40000' },
    random: { type: 'string' },
    'memory-keys': { type: 'string', default: '1000000' },
    'pause-keys': { type: 'string', default: '10000000' },
    'big-elements': { type: 'string', default: '10000000' },
    'long-elements': { type: 'string', default: '1000000' },
    'long-megabytes': { type: 'string', default: '512' },
    'long-groups': { type: 'string' },
    'long-match': { type: 'string' },
    'snapshot-keys': { type: 'string', default: '5000000' },
    'snapshot-members': { type: 'string', default: '1000000' },
    'load-keys': { type: 'string', default: '1000000' },
    'replication-keys': { type: 'string', default: '5000000' },
    'replication-requests': { type: 'string', default: '2000000' },
    'replication-megabytes': { type: 'string', default: '1024' },
    'cluster-keys': { type: 'string', default: '1000000' },
    'cluster-members': { type: 'string', default: '1000000' },
    'cluster-nodes': { type: 'string', default: '50' },
    'proxy-seconds': { type: 'string', default: '3' },
    'recipe-calls': { type: 'string', default: '200' },
    'transfer-keys': { type: 'string', default: '1000000' },
    'transfer-bytes': { type: 'string', default: '100' },
    connections: { type: 'string', default: '10000' },
    'io-threads': { type: 'string', default: '1,2' },
    subscribers: { type: 'string', default: '10000' },
    patterns: { type: 'string', default: '100000' },
    'no-write': { type: 'boolean', default: false },
  },
});
/** How long a server is left alone before its memory is looked at. */
const SETTLING_MS = 2000;

const rounds = Math.max(1, Number(flags.rounds));
const baseRequests = Math.max(100, Number(flags.requests));

/** Goals of the design at each pipeline depth, and how many times the base number of requests to send there. */
const depths = [
  { pipeline: 1, goal: 1.0, factor: 1 },
  { pipeline: 16, goal: 1.3, factor: 20 },
  { pipeline: 100, goal: 1.7, factor: 60 },
];
const cpuGoal = 0.8;
const memoryGoal = 0.8;
const startGoalMs = 200;

/** Tests in the order of a plain run (LPOP finds what LPUSH left) with the share of the requests each gets. */
const tests: { name: string; share: number }[] = [
  ...[
    'ping_inline',
    'ping_mbulk',
    'set',
    'get',
    'incr',
    'lpush',
    'rpush',
    'lpop',
    'rpop',
    'sadd',
    'hset',
    'spop',
    'zadd',
    'zpopmin',
  ].map((name) => ({ name, share: 1 })),
  { name: 'lrange_100', share: 0.2 },
  { name: 'lrange_300', share: 0.1 },
  { name: 'lrange_500', share: 0.06 },
  { name: 'lrange_600', share: 0.05 },
  { name: 'mset', share: 0.3 },
];

type Pair = Record<ServerKind, number[]>;

/** One redis-benchmark run: requests a second and processor seconds of the server for each million requests. */
async function runBenchmark(
  server: BenchServer,
  test: string,
  requests: number,
  pipeline: number,
): Promise<{ rate: number; cpu: number }> {
  const args = [
    '-p',
    String(server.port),
    '-t',
    test,
    '-n',
    String(requests),
    '-P',
    String(pipeline),
    '-c',
    '50',
    '-d',
    '16',
    '--csv',
  ];
  if (flags.random !== undefined) args.push('-r', flags.random);
  const cpuBefore = cpuSeconds(server.pid);
  const { stdout } = await execute('redis-benchmark', args, { timeout: 120_000 });
  const cpu = cpuSeconds(server.pid) - cpuBefore;
  // The last row is the test itself: LRANGE fills its list first.
  const rows = [...stdout.matchAll(/^"([^"]+)","([\d.]+|inf)"/gm)].filter(([, name]) => name !== 'test');
  return { rate: Number(rows.at(-1)![2]), cpu: cpu / ((requests * rows.length) / 1e6) };
}

async function measureThroughput(): Promise<Section[]> {
  const wanted = flags.tests?.toLowerCase().split(',');
  const chosen = tests.filter(
    ({ name }) => wanted === undefined || wanted.some((word) => name === word || name.startsWith(`${word}_`)),
  );
  const rates = new Map<string, Pair>();
  const cpu = new Map<string, Pair>();
  const keep = (map: Map<string, Pair>, key: string, kind: ServerKind, value: number): void => {
    const pair = map.get(key) ?? { redis: [], kvasir: [] };
    pair[kind].push(value);
    map.set(key, pair);
  };
  await withServers(async (servers) => {
    for (let round = 0; round < rounds; round++) {
      for (const { pipeline, factor } of depths) {
        for (const kind of kinds) await execute('redis-cli', ['-p', String(servers[kind].port), 'flushall']);
        for (const { name, share } of chosen) {
          const requests = Math.ceil(baseRequests * factor * share);
          await eachRound(servers, round, async (server) => {
            const { rate, cpu: seconds } = await runBenchmark(server, name, requests, pipeline);
            keep(rates, `${name} ${pipeline}`, server.kind, rate);
            keep(cpu, `${name} ${pipeline}`, server.kind, seconds);
          });
        }
        log(`throughput: round ${round + 1} of ${rounds}, pipeline ${pipeline} done`);
      }
    }
  });
  const ratioOf = ({ redis, kvasir }: Pair): number => median(kvasir.map((value, round) => value / redis[round]!));
  const throughput = [
    `| test | ${depths.map(({ pipeline }) => `redis P${pipeline} | kvasir P${pipeline} | ratio`).join(' | ')} |`,
    `|---|${depths.map(() => '--:|--:|--:|').join('')}`,
    ...chosen.map(({ name }) => {
      const cells = depths.map(({ pipeline, goal }) => {
        const pair = rates.get(`${name} ${pipeline}`)!;
        return `${thousands(median(pair.redis))} | ${thousands(median(pair.kvasir))} | ${marked(ratioOf(pair), goal, 'least')}`;
      });
      return `| ${name} | ${cells.join(' | ')} |`;
    }),
    '',
    `Requests per second in thousands. Goals: ${depths.map(({ pipeline, goal }) => `${goal.toFixed(1)} at pipeline ${pipeline}`).join(', ')}; bold is under the goal.`,
  ];
  const busy = depths.filter(({ pipeline }) => pipeline > 1);
  const processor = [
    `| test | ${busy.map(({ pipeline }) => `redis P${pipeline} | kvasir P${pipeline} | ratio`).join(' | ')} |`,
    `|---|${busy.map(() => '--:|--:|--:|').join('')}`,
    ...chosen.map(({ name }) => {
      const cells = busy.map(({ pipeline }) => {
        const pair = cpu.get(`${name} ${pipeline}`)!;
        return `${median(pair.redis).toFixed(2)} | ${median(pair.kvasir).toFixed(2)} | ${marked(ratioOf(pair), cpuGoal, 'most')}`;
      });
      return `| ${name} | ${cells.join(' | ')} |`;
    }),
    '',
    `Processor seconds of the server for each million requests. Goal: a ratio of at most ${cpuGoal}; bold is over it.`,
  ];
  const command = 'npm run bench -- --only throughput';
  return [
    { title: 'Throughput', command, lines: throughput },
    { title: 'Processor time', command, lines: processor },
  ];
}

const collections: { name: string; words: (index: number) => string[] }[] = [
  { name: 'string, key 16 B, value 16 B', words: (index) => ['SET', key(index), value(index)] },
  { name: 'hash of 5 fields', words: (index) => ['HSET', key(index), ...five((n) => [`field${n}`, `value-${n}`])] },
  { name: 'list of 5 elements', words: (index) => ['RPUSH', key(index), ...five((n) => [`element-${n}`])] },
  { name: 'set of 5 members', words: (index) => ['SADD', key(index), ...five((n) => [`member-${n}`])] },
  {
    name: 'sorted set of 5 members',
    words: (index) => ['ZADD', key(index), ...five((n) => [String(n), `member-${n}`])],
  },
];

function key(index: number): string {
  return `key:${String(index).padStart(12, '0')}`;
}

function value(index: number): string {
  return `val:${String(index * 7).padStart(12, '0')}`;
}

function five(words: (n: number) => string[]): string[] {
  return [1, 2, 3, 4, 5].flatMap(words);
}

async function measureMemory(): Promise<Section[]> {
  const count = Number(flags['memory-keys']);
  const lines = ['| a key of each kind | redis, bytes | kvasir, bytes | ratio |', '|---|--:|--:|--:|'];
  for (const { name, words } of collections) {
    const bytes: Partial<Record<ServerKind, number | string>> = {};
    for (const kind of kinds) {
      const server = await startServer(kind);
      try {
        // Memory that a server takes for itself after its start does not belong to the keys.
        await sleep(SETTLING_MS);
        const before = residentBytes(server.pid);
        await fill(server.port, count, words);
        bytes[kind] = (residentBytes(server.pid) - before) / count;
      } catch (error) {
        bytes[kind] = error instanceof Error ? error.message : String(error);
      } finally {
        await server.stop();
      }
    }
    const { redis, kvasir } = bytes;
    if (typeof redis === 'number' && typeof kvasir === 'number') {
      lines.push(
        `| ${name} | ${redis.toFixed(1)} | ${kvasir.toFixed(1)} | ${marked(kvasir / redis, memoryGoal, 'most')} |`,
      );
    } else lines.push(`| ${name} | ${cell(redis)} | ${cell(kvasir)} | not measured |`);
    log(`memory: ${lines.at(-1)}`);
  }
  lines.push(
    '',
    `Growth of the resident memory of a server that was idle for ${SETTLING_MS / 1000} s, with ${count} keys, divided by their number. Goal: a ratio of at most ${memoryGoal}.`,
  );
  return [{ title: 'Memory', command: 'npm run bench -- --only memory', lines }];
}

async function measureStart(): Promise<Section[]> {
  const times: Pair = { redis: [], kvasir: [] };
  for (let round = 0; round < Math.max(5, rounds); round++) {
    for (const kind of kinds) {
      const server = await startServer(kind);
      times[kind].push(server.startMs);
      await server.stop();
    }
  }
  const cells = [median(times.redis).toFixed(0), marked(median(times.kvasir), startGoalMs, 'most', 0)];
  return [
    {
      title: 'Start',
      command: 'npm run bench -- --only start',
      lines: [
        '| | redis | kvasir |',
        '|---|--:|--:|',
        `| start of the process to the first PONG, empty, ms | ${cells.join(' | ')} |`,
        '',
        `Median of ${times.redis.length} starts. Goal: at most ${startGoalMs} ms.`,
      ],
    },
  ];
}

function thousands(rate: number): string {
  return Number.isFinite(rate) ? (rate / 1000).toFixed(0) : 'inf';
}

function cell(figure: number | string | undefined): string {
  return typeof figure === 'number' ? figure.toFixed(1) : String(figure).replaceAll('|', '/').slice(0, 60);
}

async function versions(): Promise<string> {
  const redis = /v=(\S+)/.exec((await execute('redis-server', ['--version'])).stdout)?.[1] ?? '?';
  const model = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`;
  return `Measured on ${new Date().toISOString().slice(0, 10)}: Node ${process.version}, redis-server ${redis}, ${model}, ${process.platform} ${process.arch}.`;
}

/** Replaces the sections that were measured and keeps the others as they are. */
async function writePage(sections: readonly Section[]): Promise<void> {
  const intro = `# Benchmarks

This page compares Kvasir with redis-server on the same machine in the same run, both with \`--save '' --appendonly no\`, load
by redis-benchmark with 50 connections and values of 16 bytes unless a section says otherwise. Runs are interleaved; figures
are medians, a ratio is the median of the rounds' ratios. \`npm run bench\` measures throughput, memory and start again and
rewrites these tables; the command under a title measures that part.
`;
  const parts = new Map<string, string>();
  try {
    for (const part of readFileSync(page, 'utf8').split(/^## /m).slice(1))
      parts.set(part.split('\n')[0]!, `## ${part.trimEnd()}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const when = await versions();
  for (const { title, command, lines } of sections) {
    parts.set(title, `## ${title}\n\n\`${command}\`\n\n${lines.join('\n')}\n\n${when}\n`);
  }
  writeFileSync(page, [intro, ...parts.values()].join('\n'));
}

const measures: Record<string, () => Promise<Section[]>> = {
  scripts: () => measureScripts(rounds, baseRequests),
  connections: () => measureConnections(Number(flags.connections), Math.min(rounds, 3)),
  pubsub: () =>
    measurePubSub({
      subscribers: Number(flags.subscribers),
      patterns: Number(flags.patterns),
      rounds: Math.min(rounds, 3),
    }),
  'io-threads': () => measureIoThreads(flags['io-threads'].split(',').map(Number), baseRequests, Math.min(rounds, 5)),
  throughput: measureThroughput,
  latency: () => measureLatency(rounds, 10 * baseRequests),
  memory: measureMemory,
  pause: () => measurePause(Number(flags['pause-keys'])),
  start: measureStart,
  'big-values': () => measureBigValues(Number(flags['big-elements'])),
  'long-commands': () =>
    measureLongCommands(
      Number(flags['long-elements']),
      Number(flags['long-megabytes']),
      flags['long-groups'],
      flags['long-match'],
    ),
  replication: () =>
    measureReplication({
      keys: Number(flags['replication-keys']),
      requests: Number(flags['replication-requests']),
      megabytes: Number(flags['replication-megabytes']),
    }),
  sentinel: () => measureSentinel(rounds),
  recipes: () => measureRecipes(Math.max(1, Number(flags['recipe-calls']))),
  cluster: () =>
    measureCluster({
      keys: Number(flags['cluster-keys']),
      members: Number(flags['cluster-members']),
      requests: 10 * baseRequests,
      rounds: Math.min(rounds, 5),
      busNodes: Number(flags['cluster-nodes']),
    }),
  proxy: () => measureProxy({ seconds: Number(flags['proxy-seconds']), rounds }),
  transfer: () =>
    measureTransfer({
      keys: Number(flags['transfer-keys']),
      bytes: Number(flags['transfer-bytes']),
      rounds: Math.min(rounds, 3),
    }),
  persistence: () =>
    measurePersistence({
      keys: Number(flags['snapshot-keys']),
      members: Number(flags['snapshot-members']),
      loadKeys: Number(flags['load-keys']),
      rounds: Math.min(rounds, 3),
      requests: baseRequests,
    }),
};

async function main(): Promise<number> {
  const missing = kinds.map(missingServer).filter((reason) => reason !== undefined);
  for (const tool of ['redis-benchmark', 'redis-cli'])
    if (findProgram(tool) === undefined) missing.push(`${tool} is not on the PATH`);
  if (missing.length > 0) {
    process.stderr.write(`The comparison needs both servers and Redis's tools: ${missing.join('; ')}.\n`);
    return 1;
  }
  const names = flags.only?.split(',') ?? ['throughput', 'memory', 'start'];
  const unknown = names.filter((name) => measures[name] === undefined);
  if (unknown.length > 0) {
    process.stderr.write(`--only takes ${Object.keys(measures).join(', ')}; not ${unknown.join(', ')}\n`);
    return 1;
  }
  const sections: Section[] = [];
  for (const name of names) sections.push(...(await measures[name]!()));
  for (const { title, lines } of sections) log(`\n${title}\n\n${lines.join('\n')}`);
  if (!flags['no-write']) {
    await writePage(sections);
    log(`\nwritten to ${page}`);
  }
  return 0;
}

process.exitCode = await main();
