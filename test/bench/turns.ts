// turns: a server of ours with the probe of its turns (turn-probe).
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchServer, type ServerKind, startServer } from './servers.js';

const probe = new URL('./turn-probe.js', import.meta.url).href;
const FILE = 'turns';

/** Starts a server; one of ours tells how long its turns are. */
export function startProbed(kind: ServerKind, flags: readonly string[]): Promise<BenchServer> {
  if (kind === 'redis' || process.platform !== 'linux') return startServer(kind, flags);
  const environment: Record<string, string> = {};
  return startServer(
    kind,
    flags,
    (folder) => (environment.KVASIR_TURNS = join(folder, FILE)),
    ['--import', probe],
    environment,
  );
}

/** The longest turn since the last call, in milliseconds of the main thread's processor time; NaN for servers without probe. */
export async function longestTurnMs(server: BenchServer): Promise<number> {
  if (server.kind === 'redis' || process.platform !== 'linux') return NaN;
  const path = join(server.folder, FILE);
  rmSync(path, { force: true });
  process.kill(server.pid, 'SIGUSR2');
  while (!existsSync(path) || !readFileSync(path, 'utf8').endsWith('\n')) await sleep(5);
  return Number(readFileSync(path, 'utf8'));
}
