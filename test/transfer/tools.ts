// tools: runs the data tools as users do, and compares what servers have.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis, type RedisPeer, type RedisPeerOptions } from '../peer.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';

const bundles = fileURLToPath(new URL('../../bundle', import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Told of the process, to kill it. */
  readonly onStart?: (child: ChildProcess) => void;
  readonly nodeArgs?: readonly string[];
}

export function runTool(name: string, words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(options.nodeArgs ?? []), join(bundles, `${name}.js`), ...words], {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    const out: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout: Buffer.concat(out), stderr }));
    child.stdin.end(options.input ?? '');
    options.onStart?.(child);
  });
}

/** Runs a tool that must succeed. */
export async function mustRun(name: string, words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran = await runTool(name, words, options);
  if (ran.status !== 0) throw new Error(`${name} ${words.join(' ')} exits with ${ran.status}: ${ran.stderr}`);
  return ran;
}

/** A full sync begins at once, not when five seconds have brought further replicas. */
const noDelay = ['--repl-diskless-sync-delay', '0'];

export const redisWithDebug = (options: RedisPeerOptions = {}): Promise<RedisPeer> =>
  startRedis({ ...options, args: ['--enable-debug-command', 'yes', ...noDelay, ...(options.args ?? [])] });

export const kvasirWithDebug = (
  args: readonly string[] = [],
  place: Pick<RedisPeerOptions, 'port' | 'folder'> = {},
): Promise<KvasirProcess> => startKvasir({ ...place, args: ['--enable-debug-command', 'yes', ...noDelay, ...args] });

export const digestOf = (peer: RedisPeer): Promise<string> => peer.send('DEBUG', 'DIGEST');

/** What DEBUG DIGEST does not see: groups of streams, and times to live to the millisecond. */
export async function detailsOf(peer: RedisPeer, database: number): Promise<Record<string, string>> {
  const details: Record<string, string> = {};
  const keys = (await peer.send('-n', String(database), 'KEYS', '*')).split('\n').filter((key) => /^[\w:]+$/.test(key));
  for (const key of keys) {
    details[`${key} expires`] = await peer.send('-n', String(database), 'PEXPIRETIME', key);
    if (!key.startsWith('stream')) continue;
    const full = await peer.send('-n', String(database), 'XINFO', 'STREAM', key, 'FULL', 'COUNT', '0');
    // How the entries are cut into nodes is no part of the data; the time of the last activity is not in old files.
    details[key] = full.replace(/(radix-tree-(keys|nodes)\n\d+|(seen-time|active-time|idle|inactive)\n-?\d+)\n?/g, '');
  }
  return details;
}

export async function withFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-transfer-'));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
