// nutcracker: starts Debian's nutcracker with a configuration, as the peer of the proxy's tests.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { accepts, findFreePort } from '../peer.js';
import { programPath } from '../kvasir.js';

const startTimeoutMs = 120_000;

export interface RunningProxy {
  /** Of the first process. */
  readonly pid: number;
  readonly statsPort: number;
  readonly folder: string;
  /** Its log. */
  log(): string;
  /** Writes the configuration anew, without a signal to the program. */
  rewrite(configuration: string): void;
  signal(name: NodeJS.Signals): void;
  /** Kills it at once, and starts it again with what its folder has; resolves when it listens. */
  restart(): Promise<void>;
  readonly exited: Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** The places of all pools. A proxy opens them one after the other, by the length of their names, so that any of them may be the last. */
function listensOf(configuration: string): Set<number | string> {
  const places = new Set<number | string>();
  for (const [, place] of configuration.matchAll(/^\s+listen:\s*(\S+)/gm))
    places.add(place!.startsWith('/') ? place! : Number(place!.slice(place!.lastIndexOf(':') + 1)));
  return places;
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** Starts `program` with nutcracker's flags and waits until all pools accept. `port` is the place of one, or the path of its unix socket. */
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
  const start = (): ChildProcess =>
    spawn(program[0], [...program.slice(1), ...own, ...flags], {
      stdio: ['ignore', 'ignore', process.env.KVASIR_TEST_VERBOSE === undefined ? 'ignore' : 'inherit'],
    });
  let child = start();
  let exited = exitOf(child);
  const log = (): string => {
    try {
      return readFileSync(logFile, 'utf8');
    } catch {
      return '';
    }
  };
  const listens = async (): Promise<void> => {
    const giveUp = Date.now() + startTimeoutMs;
    for (const place of listensOf(readFileSync(file, 'utf8')).add(port)) {
      while (!(await accepts(place))) {
        if (child.exitCode !== null || child.signalCode !== null || Date.now() > giveUp) {
          child.kill('SIGKILL');
          throw new Error(`${program.join(' ')} does not listen on ${place}: ${log().slice(-2000)}`);
        }
        await sleep(20);
      }
    }
  };
  await listens();
  return {
    pid: child.pid!,
    statsPort,
    folder,
    log,
    rewrite: (text) => writeFileSync(file, text),
    signal: (name) => void child.kill(name),
    async restart() {
      child.kill('SIGKILL');
      await exited;
      child = start();
      exited = exitOf(child);
      await listens();
    },
    get exited() {
      return exited;
    },
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

/** Asks the statistics port in HTTP; when it takes the one who asks for one of nutcracker's, because the request was slow to come, again. */
export async function askStatistics({ statsPort }: RunningProxy, path: string): Promise<string> {
  for (;;) {
    try {
      return await (await fetch(`http://127.0.0.1:${statsPort}${path}`)).text();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
}
