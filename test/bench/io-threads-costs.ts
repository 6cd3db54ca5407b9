// io-threads-costs: what I/O threads cost where they bring nothing: the move of a connection, and the latency of a server with little to do.

import { execFile } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { median } from '../../src/bench/versus.js';
import { log, marked } from './report.js';
import { type BenchServer, cpuSeconds, mainSeconds, redisCli, startServer } from './servers.js';

const execute = promisify(execFile);

const MOVING = 1000;
/** The latency at low load with `io-threads` set, as a share of that without: at most this. */
const LATENCY_GOAL = 1.05;

async function connectMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index++) {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    sockets.push(socket);
  }
  return sockets;
}

async function moveCount(port: number): Promise<number> {
  return Number(await redisCli(port, 'debug', 'io-threads', 'moves'));
}

/** Microseconds of the main thread, of the other threads, and until all have moved, for each of the connections. */
async function measureMove(server: BenchServer, words: readonly string[]): Promise<number[]> {
  const [all, main, moved, startedMs] = [
    cpuSeconds(server.pid),
    mainSeconds(server.pid),
    await moveCount(server.port),
    performance.now(),
  ];
  await redisCli(server.port, 'debug', 'io-threads', ...words);
  while ((await moveCount(server.port)) < moved + MOVING) await sleep(5);
  const tookMs = performance.now() - startedMs;
  const mainSpent = mainSeconds(server.pid) - main;
  const othersSpent = cpuSeconds(server.pid) - all - mainSpent;
  return [mainSpent * 1e6, othersSpent * 1e6, tookMs * 1000].map((micros) => micros / MOVING);
}

async function moveLine(rounds: number): Promise<string> {
  const server = await startServer('kvasir', ['--enable-debug-command', 'yes']);
  const sockets: Socket[] = [];
  try {
    await redisCli(server.port, 'debug', 'io-threads', 'force', '1');
    await redisCli(server.port, 'debug', 'io-threads', 'off');
    sockets.push(...(await connectMany(server.port, MOVING)));
    const out: number[][] = [];
    const back: number[][] = [];
    for (let round = 0; round < rounds; round++) {
      out.push(await measureMove(server, ['force', '1']));
      back.push(await measureMove(server, ['off']));
    }
    const words = (moves: number[][]): string => {
      const [main, others, took] = [0, 1, 2].map((index) => median(moves.map((move) => move[index]!)).toFixed(0));
      return `${main} µs of the main thread, ${others} µs of the other (${took} µs until it is done)`;
    };
    const line = `A connection that moves, one of ${MOVING} at once, costs on the way to a thread ${words(out)}, and back ${words(back)}.`;
    log(`io-threads: ${line}`);
    return line;
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.stop();
  }
}

/** Milliseconds of the median and of the 99th percentile of GETs by one client. */
async function latencies(port: number, requests: number): Promise<{ p50: number; p99: number }> {
  const args = ['-p', String(port), '-t', 'get', '-n', String(requests), '-c', '1', '--csv'];
  const { stdout } = await execute('redis-benchmark', args, { timeout: 300_000 });
  const row = stdout.trim().split('\n').at(-1)!.replaceAll('"', '').split(',');
  return { p50: Number(row[4]), p99: Number(row[6]) };
}

async function latencyLine(requests: number, rounds: number): Promise<string> {
  const servers: Record<string, BenchServer> = {
    one: await startServer('kvasir'),
    allowed: await startServer('kvasir', ['--io-threads', '4']),
    forced: await startServer('kvasir', [], undefined, [], { KVASIR_IO_THREADS: 'force:1' }),
  };
  try {
    const names = Object.keys(servers);
    const found = Object.fromEntries(names.map((name) => [name, [] as { p50: number; p99: number }[]]));
    for (let round = 0; round < rounds; round++)
      for (const name of round % 2 === 0 ? names : [...names].reverse())
        found[name]!.push(await latencies(servers[name]!.port, requests));
    const of = (name: string, what: 'p50' | 'p99'): number => median(found[name]!.map((figures) => figures[what]));
    const ratio = median(found.allowed!.map(({ p50 }, round) => p50 / found.one![round]!.p50));
    const pair = (name: string): string =>
      `${(of(name, 'p50') * 1000).toFixed(0)} and ${(of(name, 'p99') * 1000).toFixed(0)} µs`;
    const line = `One client alone, p50 and p99 of GET: ${pair('one')} on one thread, ${pair('allowed')} with \`io-threads 4\` (p50: ${marked(ratio, LATENCY_GOAL, 'most')} times; no thread starts for so little), ${pair('forced')} when it is forced onto a thread.`;
    log(`io-threads: ${line}`);
    return line;
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
}

export async function measureCosts(requests: number, rounds: number): Promise<string[]> {
  return [await moveLine(rounds), '', await latencyLine(requests, rounds)];
}
