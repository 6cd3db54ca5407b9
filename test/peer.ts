// peer: starts real redis programs for the tests that compare with them, and cleans up after them.
//
//   const redis = await startRedis({ args: ['--requirepass', 'x'] });
//   ... redis.port, redis.folder, redis.send('SET', 'k', 'v') ...
//   await redis.stop();
//
// A test file that needs them says so once: `describe('...', { skip: peerMissing('redis-server', 'redis-cli') }, ...)`.
// Without the programs such tests are skipped with that reason; with CI=true a missing program throws, so that a green
// run in CI always means that the comparison took place.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.js';

// Bounds for machines that are many times slower: nothing waits for them where all goes well.
const startTimeoutMs = 180_000;
const stopTimeoutMs = 60_000;

export interface RedisPeer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The server's working folder: dump files, AOF, log (`peer.log`). Removed by `stop`. */
  readonly folder: string;
  readonly pid: number;
  /** Runs one command, and returns what redis-cli prints of its reply, without the last line end (see ask.ts). */
  send(...words: string[]): Promise<string>;
  /** Ends the process (SIGTERM, SIGKILL after a minute) and removes the folder unless told to keep it. */
  stop(options?: { keepFolder?: boolean; signal?: NodeJS.Signals }): Promise<void>;
}

export interface RedisPeerOptions {
  /** Further options, as on redis-server's command line. */
  args?: readonly string[];
  /** Port 0 (the default) takes a free one. */
  port?: number;
  /** A folder that exists (a restart on the same data); the default is a new one below the system's temporary folder. */
  folder?: string;
  /** Another executable with redis-server's flags. The default is redis-server on the PATH. */
  program?: string;
  /** Words that go before the flags: a config file, or the script when `program` is node. */
  programArgs?: readonly string[];
  /** Variables that its environment has besides ours. */
  env?: Readonly<Record<string, string>>;
}

/** The path of a program on the PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** For the `skip` option of a test: false when all programs are there, else the reason; throws when CI=true. */
export function peerMissing(...programs: string[]): string | false {
  const missing = programs.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return false;
  const reason = `not on the PATH: ${missing.join(', ')}`;
  if (process.env.CI === 'true') throw new Error(`this test must run in CI, but ${reason}`);
  return reason;
}

/** Ports that this process has been given: the same one may be free again before anybody listens on it. */
const givenPorts = new Set<number>();
/**
 * Below those that the system gives to clients (32,768 and more), any of which may be taken between the look and the start of a
 * server. Guides have 12,700 to 19,900, nodes of clusters 20,000 to 22,700, and their buses are 10,000 above these.
 */
const PORT_MIN = 10_000;
const PORT_COUNT = 2700;

/** A port of 127.0.0.1 that was free a moment ago; never the same twice. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * PORT_COUNT);
    if (givenPorts.has(port) || !(await isFreePort(port))) continue;
    givenPorts.add(port);
    return port;
  }
}

/** Whether somebody takes connections at a port, or at the path of a unix socket. */
export async function accepts(place: number | string, host = '127.0.0.1'): Promise<boolean> {
  const socket = typeof place === 'string' ? connect(place) : connect(place, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Whether somebody could listen on a port of 127.0.0.1 right now. */
export async function isFreePort(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(10_000, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    // A server that wants a password answers -NOAUTH, one that loads answers -LOADING: only the latter is not ready.
    socket.once('data', (bytes) => finish(!bytes.toString('latin1').startsWith('-LOADING')));
  });
}

async function waitForExit(child: ChildProcess, timeoutMs: number): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  const exited = new Promise<boolean>((resolve) => child.once('exit', () => resolve(true)));
  return Promise.race([exited, sleep(timeoutMs, false, { ref: false })]);
}

/** Starts a redis-server on a loopback port, without persistence unless `args` turn it on, and waits until it answers. */
export async function startRedis(options: RedisPeerOptions = {}): Promise<RedisPeer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'kvasir-peer-'));
  const log = join(folder, 'peer.log');
  const program = options.program ?? 'redis-server';
  const attempts = options.port ? 1 : 3; // somebody else may take the free port before the server does
  for (let attempt = 1; ; attempt++) {
    const port = options.port || (await findFreePort());
    const flags = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--logfile',
      log,
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    const child = spawn(program, [...(options.programArgs ?? []), ...flags, ...(options.args ?? [])], {
      stdio: 'ignore',
      env: { ...process.env, ...options.env },
    });
    let failure: Error | undefined;
    child.once('error', (error) => (failure = error));
    const giveUp = Date.now() + startTimeoutMs;
    let ready = false;
    while (!ready && failure === undefined && child.exitCode === null && Date.now() < giveUp) {
      ready = await answersPing(port);
      if (!ready) await sleep(20);
    }
    if (ready && child.exitCode === null) return peer(child, port, folder);
    child.kill('SIGKILL');
    if (attempt < attempts && failure === undefined) continue;
    throw new Error(`${program} did not start on port ${port}: ${failure?.message ?? readLog(log)}`);
  }
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(-2000);
  } catch {
    return '(no log)';
  }
}

function peer(child: ChildProcess, port: number, folder: string): RedisPeer {
  const killOnExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killOnExit);
  return {
    host: '127.0.0.1',
    port,
    folder,
    pid: child.pid!,
    send: (...words) => ask(port, words),
    async stop(stopOptions = {}) {
      process.removeListener('exit', killOnExit);
      child.kill(stopOptions.signal ?? 'SIGTERM');
      if (!(await waitForExit(child, stopTimeoutMs))) {
        child.kill('SIGKILL');
        await waitForExit(child, stopTimeoutMs);
      }
      if (stopOptions.keepFolder !== true) rmSync(folder, { recursive: true, force: true });
    },
  };
}
