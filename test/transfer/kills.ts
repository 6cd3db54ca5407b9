// kills: runs tools that are killed (-9) at random moments; KVASIR_KILL_ROUNDS says how often, SEED repeats the moments as far as the
// machine does.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import type { RedisPeer } from '../peer.js';
import { mustRun, type Ran, runTool } from './tools.js';

export const rounds = Number(process.env.KVASIR_KILL_ROUNDS ?? 1);
export const seed = Number(process.env.SEED ?? Date.now() % 100_000);
export const random = new Prng(seed);

/** How often the signal came before the end, for the report. */
const hits = new Map<string, number>();

export function report(t: TestContext): void {
  t.diagnostic(`seed ${seed}, killed before the end: ${JSON.stringify(Object.fromEntries(hits))}`);
}

export async function timed(name: string, words: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  await mustRun(name, words);
  return performance.now() - startedMs;
}

/** Runs a tool that is killed at some moment of the time that it takes. */
export async function killed(name: string, words: readonly string[], fullMs: number): Promise<Ran> {
  const atMs = random.below(Math.ceil(fullMs));
  let timer: NodeJS.Timeout | undefined;
  const ran = await runTool(name, words, {
    onStart: (child) => (timer = setTimeout(() => child.kill('SIGKILL'), atMs)),
  });
  clearTimeout(timer);
  assert.ok(ran.status === null || ran.status === 0, `seed ${seed}: ${name} ${words.join(' ')}: ${ran.stderr}`);
  if (ran.status === null) hits.set(name, (hits.get(name) ?? 0) + 1);
  return ran;
}

/** Strings enough to take a while, and a value of each other type. */
export async function fill(server: RedisPeer, keys: number): Promise<void> {
  await server.send('DEBUG', 'POPULATE', String(keys), 'key', '200');
  for (const words of [
    ['RPUSH', 'list', ...Array.from({ length: 300 }, (_, index) => String(index))],
    ['SADD', 'set', 'a', 'b', '1'],
    ['ZADD', 'zset', '1.5', 'a', '-inf', 'b'],
    ['HSET', 'hash', 'f', 'v', 'g', 'w'],
    ['XADD', 'stream', '1-1', 'a', 'b'],
    ['SET', 'expires', 'x', 'PXAT', '9999999999999'],
  ])
    await server.send(...words);
}
