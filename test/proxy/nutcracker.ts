// nutcracker: starts Debian's nutcracker with a configuration, as the peer of the proxy's tests.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from '../peer.js';
import { programPath } from '../kvasir.js';

const startTimeoutMs = 120_000;

export interface RunningProxy {
  readonly pid: number;
  readonly statsPort: number;
  readonly folder: string;
  /** What it logged. */
  log(): string;
  /** Writes the configuration anew; the program is not told. */
  rewrite(configuration: string): void;
  signal(name: NodeJS.Signals): void;
  readonly exited: Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

async function isOpen(place: number | string): Promise<boolean> {
  const socket = typeof place === 'string' ? connect(place) : connect(place, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Starts `program` with nutcracker's flags and waits until `port`, or the unix socket of this path, accepts. */
export async function startProxy(
  program: readonly [string, ...string[]],
  configuration: string,
  port: number | string,
  flags: readonly string[] = [],
): Promise<RunningProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-proxy-'));
  const file = join(folder, 'nutcracker.yml');
  const logFile = join(folder, 'proxy.log');
  writeFileSync(file, configuration);
  const statsPort = await findFreePort();
  const own = ['-c', file, '-o', logFile, '-p', join(folder, 'proxy.pid'), '-s', String(statsPort), '-a', '127.0.0.1'];
  const child: ChildProcess = spawn(program[0], [...program.slice(1), ...own, ...flags], {
    stdio: ['ignore', 'ignore', process.env.KVASIR_TEST_VERBOSE === undefined ? 'ignore' : 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const log = (): string => {
    try {
      return readFileSync(logFile, 'utf8');
    } catch {
      return '';
    }
  };
  const giveUp = Date.now() + startTimeoutMs;
  while (!(await isOpen(port))) {
    if (child.exitCode !== null || Date.now() > giveUp) {
      child.kill('SIGKILL');
      throw new Error(`${program.join(' ')} does not listen on ${port}: ${log().slice(-2000)}`);
    }
    await sleep(20);
  }
  return {
    pid: child.pid!,
    statsPort,
    folder,
    log,
    rewrite: (text) => writeFileSync(file, text),
    signal: (name) => void child.kill(name),
    exited,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function startNutcracker(
  configuration: string,
  port: number | string,
  flags?: readonly string[],
): Promise<RunningProxy> {
  return startProxy(['nutcracker'], configuration, port, flags);
}

/** Our own program in nutcracker's place. */
export function startKvasirProxy(
  configuration: string,
  port: number | string,
  flags?: readonly string[],
): Promise<RunningProxy> {
  const script = programPath('kvasir-proxy');
  return startProxy([process.execPath, script], configuration, port, flags);
}
