// kvasir-sync from one cluster into another, by keyspace events and by PSYNC, while slots move on both sides and clients write.
// KVASIR_SYNC_ROUNDS=50 kills the program as often.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import type { MixedCluster } from '../cluster/mixed-cluster.js';
import { peerMissing } from '../peer.js';
import { reshard, startMasters } from './masters.js';
import { Following, pause, untilVerified, WriteLoad } from './sync-load.js';
import { withFolder } from './tools.js';

const rounds = Number(process.env.KVASIR_SYNC_ROUNDS ?? 1);
const SLOTS_MOVED = 40;
const tags = Array.from({ length: 300 }, (_, index) => `{${index}}`);

const address = (cluster: MixedCluster): string => `127.0.0.1:${cluster.nodes[0]!.port}`;

async function keysOf(cluster: MixedCluster): Promise<number> {
  const counts = await Promise.all(cluster.nodes.map((node) => node.send('DBSIZE')));
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

async function move(cluster: MixedCluster, fromIndex: number, toIndex: number): Promise<void> {
  await cluster.settle();
  await reshard(cluster.nodes[fromIndex]!, cluster.nodes[toIndex]!, SLOTS_MOVED);
}

it(
  'follows a cluster into a cluster by events, and back by PSYNC',
  { skip: peerMissing('redis-server', 'redis-cli') },
  async (t) => {
    const one = await startMasters(t, ['kvasir', 'redis', 'kvasir']);
    const two = await startMasters(t, ['redis', 'kvasir']);
    await withFolder(async (folder) => {
      for (const [source, target, mode] of [
        [one, two, 'scan'],
        [two, one, 'psync'],
      ] as const) {
        const [from, to] = [address(source), address(target)];
        // A first run leaves what the target has, and appends to it.
        for (const node of target.nodes) await node.ok('FLUSHALL');
        const load = await WriteLoad.start(source.nodes[0]!.port, tags);
        t.after(() => load.stop());
        await load.more(400);
        const words = [
          ...['--from', from, '--to', to, '--source-mode', mode],
          ...['--position', join(folder, mode), '--spool', folder, '--quiet'],
        ];
        let following = Following.start(words);
        t.after(() => following.child.kill('SIGKILL'));
        await following.until('the data in the target', async () => (await keysOf(target)) > 100);
        await move(source, 0, 1);
        await load.more(100);
        await move(target, 0, 1);
        await load.more(100);
        for (let round = 0; round < rounds; round++) {
          await pause(Math.random() * 500);
          await following.kill('SIGKILL');
          await load.more(100);
          following = Following.start(words);
          await load.more(100);
        }
        await load.stop();
        await untilVerified(from, to).catch((error: unknown) => {
          throw new Error(`${mode}: ${String(error)}\n${following.said}`);
        });
        const ended = await following.kill('SIGINT');
        assert.equal(ended.status, 130, ended.stderr);
      }
    });
  },
);
