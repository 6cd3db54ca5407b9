// kvasir: starts our server as a process of its own for the tests that need one, and cleans up after it.
//
//   const kvasir = await startKvasir({ args: ['--maxmemory', '10mb'] });
//   ... kvasir.port, kvasir.pid, kvasir.log() ...
//   await kvasir.stop();
//
// Everything about processes, ports and folders is peer.ts's business: for it Kvasir is one more redis-server.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis, type RedisPeer, type RedisPeerOptions } from './peer.js';

const serverScript = fileURLToPath(new URL('../src/apps/kvasir-server.js', import.meta.url));

export interface KvasirProcess extends RedisPeer {
  /** What the server has logged. */
  log(): string;
  /** Resident memory in bytes; undefined where the system does not tell. */
  residentBytes(): number | undefined;
}

export interface KvasirOptions extends Omit<RedisPeerOptions, 'program' | 'programArgs'> {
  /** Words for node itself. */
  nodeArgs?: readonly string[];
}

/** Starts Kvasir on a loopback port, without persistence unless `args` turn it on, and waits until it answers. */
export async function startKvasir({ nodeArgs = [], ...options }: KvasirOptions = {}): Promise<KvasirProcess> {
  const peer = await startRedis({ ...options, program: process.execPath, programArgs: [...nodeArgs, serverScript] });
  return {
    ...peer,
    log: () => readOr(join(peer.folder, 'peer.log'), ''),
    residentBytes() {
      const line = /^VmRSS:\s+(\d+) kB$/m.exec(readOr(`/proc/${peer.pid}/status`, ''));
      return line === null ? undefined : Number(line[1]) * 1024;
    },
  };
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
