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

/**
 * A program as the package ships it, which also starts in half the processor time of the single files; those where coverage is
 * counted.
 */
export function programPath(name: string): string {
  const folder = process.env.NODE_V8_COVERAGE === undefined ? '../bundle' : '../src/apps';
  return fileURLToPath(new URL(`${folder}/${name}.js`, import.meta.url));
}

export const kvasirServerPath = programPath('kvasir-server');

export interface KvasirProcess extends RedisPeer {
  /** The server's log. */
  log(): string;
  /** Resident memory in bytes; undefined where the system does not report it. */
  residentBytes(): number | undefined;
}

export interface KvasirOptions extends Omit<RedisPeerOptions, 'program' | 'programArgs'> {
  /** Words for node itself. */
  nodeArgs?: readonly string[];
}

/** Options for tests: the warm-up takes half of the processor time of a start, and most tests run no script. */
export const testFlags = ['--script-warm-up', 'no'] as const;

/** Starts Kvasir on a loopback port, without persistence unless `args` turn it on, and waits until it answers. */
export async function startKvasir({
  nodeArgs = [],
  args = [],
  ...options
}: KvasirOptions = {}): Promise<KvasirProcess> {
  const programArgs = [...nodeArgs, kvasirServerPath];
  const peer = await startRedis({ ...options, program: process.execPath, programArgs, args: [...testFlags, ...args] });
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
