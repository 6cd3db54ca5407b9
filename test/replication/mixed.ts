// mixed: what tests of replication between servers of either kind have in common.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisPeer } from '../peer.js';

/** Waits until `holds`; the test's own limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(50);
}

export async function field(server: RedisPeer, section: string, name: string): Promise<string> {
  const text = await server.send('INFO', section);
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(text)?.[1] ?? '';
}

export function linked(replica: RedisPeer): Promise<void> {
  return until(async () => (await field(replica, 'replication', 'master_link_status')) === 'up');
}

/** Waits until the replicas have everything, and compares. */
export async function assertSame(master: RedisPeer, ...replicas: readonly RedisPeer[]): Promise<void> {
  const offset = await field(master, 'replication', 'master_repl_offset');
  const digest = await master.send('DEBUG', 'DIGEST');
  for (const replica of replicas) {
    await until(async () => Number(await field(replica, 'replication', 'master_repl_offset')) >= Number(offset));
    assert.equal(await replica.send('DEBUG', 'DIGEST'), digest);
  }
}

export async function follow(replica: RedisPeer, master: RedisPeer): Promise<void> {
  await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
  await linked(replica);
}
