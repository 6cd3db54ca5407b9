// servers: starts redis-server and Kvasir for the comparison, and reads what the operating system knows about them.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Connection } from '../../src/client/connection.js';
import { replyText } from '../../src/client/reply.js';
import { findFreePort, findProgram } from '../peer.js';

export type ServerKind = 'redis' | 'kvasir';

/** Both servers, in the order in which they are measured and shown. */
export const kinds: readonly ServerKind[] = ['redis', 'kvasir'];

export interface BenchServer {
  kind: ServerKind;
  port: number;
  pid: number;
  /** Its `dir`, removed when it stops. */
  folder: string;
  /** From the start of the process to the first PONG. */
  startMs: number;
  /** Output of the process. */
  output(): string;
  stop(): Promise<void>;
}

/** The bundle, which is what users start. */
const kvasirServer = fileURLToPath(new URL('../../bundle/kvasir-server.js', import.meta.url));
const startTimeoutMs = 20_000;

/** Why this server cannot be started here, or undefined. */
export function missingServer(kind: ServerKind): string | undefined {
  if (kind === 'redis')
    return findProgram('redis-server') === undefined ? 'redis-server is not on the PATH' : undefined;
  return existsSync(kvasirServer) ? undefined : `${kvasirServer} is not built`;
}

/** Starts a server in a folder of its own, which `prepare` may fill before; `nodeFlags` are for the process of Kvasir. */
export async function startServer(
  kind: ServerKind,
  moreFlags: readonly string[] = [],
  prepare: (folder: string) => void = () => undefined,
  nodeFlags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  const port = await findFreePort();
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-bench-'));
  const flags = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
    ...moreFlags,
  ];
  prepare(folder);
  const [program, args] =
    kind === 'redis' ? ['redis-server', flags] : [process.execPath, [...nodeFlags, kvasirServer, ...flags]];
  const startedMs = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += String(chunk)));
  let errors = '';
  child.stderr.on('data', (chunk) => (errors = (errors + String(chunk)).slice(-2000)));
  const killOnExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killOnExit);
  while (!(await answersPing(port))) {
    const isGone = child.exitCode !== null || child.signalCode !== null;
    if (isGone || performance.now() - startedMs > startTimeoutMs) {
      child.kill('SIGKILL');
      throw new Error(`${kind} did not start on port ${port}: ${errors || 'no answer to PING'}`);
    }
    await sleep(1);
  }
  return {
    kind,
    port,
    pid: child.pid!,
    folder,
    startMs: performance.now() - startedMs,
    output: () => printed,
    stop: async () => {
      process.removeListener('exit', killOnExit);
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exited;
  clearTimeout(timer);
}

/** Output of redis-cli, without white space at the ends. */
export async function redisCli(port: number, ...words: string[]): Promise<string> {
  return (await promisify(execFile)('redis-cli', ['-p', String(port), ...words])).stdout.trim();
}

const POLL_MS = 20;

/**
 * Asks for a section of INFO again and again until its text is the wanted one. Over one connection: a process for each question
 * took half of a processor from what is measured.
 */
export async function whenInfo(port: number, section: string, isIt: (text: string) => boolean): Promise<void> {
  const connection = await Connection.open({ host: '127.0.0.1', port, timeoutMs: 60_000 });
  try {
    while (!isIt(replyText(await connection.call('INFO', section)))) await sleep(POLL_MS);
  } finally {
    connection.close();
  }
}

/** Returns when the memory of all that was deleted or flushed is free. */
export async function untilFreed(port: number): Promise<void> {
  while (!/^lazyfree_pending_objects:0\r?$/m.test(await redisCli(port, 'info', 'memory'))) await sleep(20);
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('data', (bytes) => finish(bytes.toString('latin1').startsWith('+PONG')));
  });
}

/** Processor time of all threads of a process so far, in seconds; NaN where /proc does not tell. */
export function cpuSeconds(pid: number): number {
  try {
    // Nanoseconds of each thread; `stat` only counts in hundredths of a second.
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
    if (nanoseconds > 0) return nanoseconds / 1e9;
  } catch {
    // No schedstat in this kernel: the coarse figure follows.
  }
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}

/** Processor time of a process's main thread so far, in seconds. */
export function mainSeconds(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
}

/** Resident bytes of a process; NaN where /proc does not tell. */
export function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  } catch {
    return NaN;
  }
}

/** Runs something with both servers, in an order that changes from round to round. */
export async function eachRound(
  servers: Record<ServerKind, BenchServer>,
  round: number,
  run: (server: BenchServer) => Promise<void>,
): Promise<void> {
  for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) await run(servers[kind]);
}

/** Starts both servers for `run`. */
export async function withServers(run: (servers: Record<ServerKind, BenchServer>) => Promise<void>): Promise<void> {
  const redis = await startServer('redis');
  try {
    const kvasir = await startServer('kvasir');
    try {
      await run({ redis, kvasir });
    } finally {
      await kvasir.stop();
    }
  } finally {
    await redis.stop();
  }
}
