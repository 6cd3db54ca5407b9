// io-threads: what is left to the main thread when I/O threads have the sockets: its processor time for a request, read from /proc.
//
// All connections are forced onto the threads, because a machine with two processors would use none. The same build on one thread is measured
// in the same run, in turns, and so is redis-server with the same `io-threads`; only ratios within a run mean something.
//
// With a machine so small the main thread sleeps after every few requests, and waking it costs most. So a second table measures it *saturated*:
// ring-feeder writes the requests of all connections into the rings without sockets, faster than the main thread serves them, as threads
// would with processors enough.
//
// The ceiling is derived, not measured: a million microseconds divided by the main thread's time for a request. It says what the main thread
// could serve if it were never idle and the threads had processors enough. A machine with 8 or more processors can measure it:
//
//   npm run bench -- --only io-threads --io-threads 2,4,6 --requests 2000000
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../../src/bench/versus.js';
import { measureCosts } from './io-threads-costs.js';
import { log, marked, type Section } from './report.js';
import type { Saturated } from './ring-feeder.js';
import { type BenchServer, cpuSeconds, mainSeconds, residentBytes, startServer } from './servers.js';

const execute = promisify(execFile);

/** The main thread's time with threads, as a share of that on one thread: at most this. */
const SHARE_GOAL = 0.7;
const cases = [
  { connections: 50, pipeline: 1, factor: 1 },
  { connections: 500, pipeline: 1, factor: 1 },
  { connections: 50, pipeline: 16, factor: 10 },
  { connections: 50, pipeline: 100, factor: 30 },
];
/** The same with a saturated main thread, and the most that its share may be. */
const saturatedCases = [
  { connections: 500, pipeline: 1, factor: 1, goal: 0.25 },
  { connections: 50, pipeline: 16, factor: 10, goal: 0.5 },
];
const commands = ['get', 'set'];

interface Shape {
  readonly connections: number;
  readonly pipeline: number;
  readonly factor: number;
}

interface Figures {
  /** Requests per second. */
  readonly rate: number;
  /** Microseconds of the main thread, and of all other threads, for each request. */
  readonly mainMicros: number;
  readonly otherMicros: number;
}

async function measure(
  server: BenchServer,
  command: string,
  requests: number,
  { connections, pipeline }: Shape,
): Promise<Figures> {
  const args = ['-p', server.port, '-t', command, '-n', requests, '-P', pipeline, '-c', connections, '-d', 16, '--csv'];
  const allBefore = cpuSeconds(server.pid);
  const mainBefore = mainSeconds(server.pid);
  const { stdout } = await execute('redis-benchmark', args.map(String), { timeout: 300_000 });
  const main = mainSeconds(server.pid) - mainBefore;
  const others = cpuSeconds(server.pid) - allBefore - main;
  const row = [...stdout.matchAll(/^"([^"]+)","([\d.]+)"/gm)].filter(([, name]) => name !== 'test').at(-1)!;
  return { rate: Number(row[2]), mainMicros: (main / requests) * 1e6, otherMicros: (others / requests) * 1e6 };
}

async function startKinds(threads: number): Promise<Record<string, BenchServer>> {
  const servers: Record<string, BenchServer> = {};
  servers.one = await startServer('kvasir');
  servers.threads = await startServer('kvasir', [], undefined, [], { KVASIR_IO_THREADS: `force:${threads}` });
  servers.redis = await startServer('redis', ['--io-threads', String(threads + 1), '--io-threads-do-reads', 'yes']);
  return servers;
}

type Found = Record<string, Figures[]>;

async function measureRounds(
  servers: Record<string, BenchServer>,
  kindsInTurn: readonly string[],
  command: string,
  requests: number,
  shape: Shape,
  rounds: number,
): Promise<Found> {
  const found: Found = Object.fromEntries(kindsInTurn.map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++)
    for (const kind of round % 2 === 0 ? kindsInTurn : [...kindsInTurn].reverse())
      found[kind]!.push(await measure(servers[kind]!, command, requests * shape.factor, shape));
  return found;
}

function medianOf(found: Found, kind: string, what: keyof Figures): number {
  return median(found[kind]!.map((figures) => figures[what]));
}

/** The main thread's time with threads, as a share of that on one thread. */
function shareOf(found: Found): number {
  return median(found.threads!.map(({ mainMicros }, round) => mainMicros / found.one![round]!.mainMicros));
}

function thousands(rate: number): string {
  return (rate / 1000).toFixed(0);
}

/** A server whose requests come from ring-feeder. */
async function feed(command: string, requests: number, { connections, pipeline, factor }: Shape): Promise<Saturated> {
  const args = [
    fileURLToPath(new URL('./ring-feeder.js', import.meta.url)),
    ...[command, connections, pipeline, requests * factor].map(String),
  ];
  const { stdout } = await execute(process.execPath, args, { timeout: 300_000 });
  return JSON.parse(stdout) as Saturated;
}

async function measureSaturated(one: BenchServer, requests: number, rounds: number): Promise<string[]> {
  const lines: string[] = [];
  for (const shape of saturatedCases) {
    for (const command of commands) {
      const shares: number[] = [];
      const ones: number[] = [];
      const fed: Saturated[] = [];
      for (let round = 0; round < rounds; round++) {
        const { mainMicros } = await measure(one, command, requests * shape.factor, shape);
        ones.push(mainMicros);
        fed.push(await feed(command, requests, shape));
        shares.push(fed.at(-1)!.mainMicros / mainMicros);
      }
      const mainMicros = median(fed.map((figures) => figures.mainMicros));
      const waits = median(fed.map(({ idleTurns, served }) => (idleTurns / served) * 1000));
      lines.push(
        `| ${command} | ${shape.connections}, ${shape.pipeline} | ${median(ones).toFixed(2)} | ${mainMicros.toFixed(2)} | ${marked(median(shares), shape.goal, 'most')} | ${shape.goal} | ${waits.toFixed(1)} | ${thousands(1e6 / mainMicros)} |`,
      );
      log(`io-threads, saturated: ${lines.at(-1)}`);
    }
  }
  return lines;
}

/** `counts`: so many threads besides the main one. */
export async function measureIoThreads(
  counts: readonly number[],
  requests: number,
  rounds: number,
): Promise<Section[]> {
  const lines = [
    '| threads | test | connections, pipeline | redis, k/s | one thread, k/s | threads, k/s | main thread, µs a request: one thread | with threads | share | other threads, µs | ceiling, k/s |',
    '|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|',
  ];
  const memory: string[] = [];
  const saturated = [
    '| test | connections, pipeline | main thread, µs a request: one thread | saturated, requests from rings | share | goal | waits in 1,000 requests | ceiling, k/s |',
    '|---|---|--:|--:|--:|--:|--:|--:|',
  ];
  for (const count of counts) {
    const servers = await startKinds(count);
    try {
      const extra = residentBytes(servers.threads!.pid) - residentBytes(servers.one!.pid);
      memory.push(`${count}: ${(extra / count / 1e6).toFixed(0)} MB`);
      for (const shape of cases) {
        for (const command of commands) {
          const found = await measureRounds(servers, ['one', 'threads', 'redis'], command, requests, shape, rounds);
          const of = (kind: string, what: keyof Figures): number => medianOf(found, kind, what);
          const share = shareOf(found);
          lines.push(
            `| ${count} | ${command} | ${shape.connections}, ${shape.pipeline} | ${thousands(of('redis', 'rate'))} | ${thousands(of('one', 'rate'))} | ${thousands(of('threads', 'rate'))} | ${of('one', 'mainMicros').toFixed(2)} | ${of('threads', 'mainMicros').toFixed(2)} | ${marked(share, SHARE_GOAL, 'most')} | ${of('threads', 'otherMicros').toFixed(2)} | ${thousands(1e6 / of('threads', 'mainMicros'))} |`,
          );
          log(`io-threads: ${lines.at(-1)}`);
        }
      }
      if (count === counts[0]) saturated.push(...(await measureSaturated(servers.one!, requests, rounds)));
    } finally {
      for (const server of Object.values(servers)) await server.stop();
    }
  }
  lines.push(
    '',
    `Connections are forced onto the threads. Processors of this machine: ${availableParallelism()}; with fewer than the threads, the load and the main thread need, rates say little, and the main thread sleeps after every few requests, which makes each dearer. The ceiling is derived from the main thread's time, not measured. Goal of the share: at most ${SHARE_GOAL}; bold is over it. Resident memory of a thread at rest: ${memory.join(', ')}.`,
  );
  lines.push(
    '',
    'With requests that another thread writes into the rings without sockets (ring-feeder), so that the main thread seldom waits:',
    '',
    ...saturated,
  );
  lines.push('', ...(await measureCosts(requests, rounds)));
  return [{ title: 'I/O threads', command: 'npm run bench -- --only io-threads', lines }];
}
