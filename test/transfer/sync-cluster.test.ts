// kvasir-sync from a cluster of our nodes and redis-server's, whose slots move and whose masters die while clients write.
// KVASIR_SYNC_ROUNDS=50 kills the program as often.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { keySlot } from '../../src/base/key-slot.js';
import { MixedCluster, type MixedNode } from '../cluster/mixed-cluster.js';
import { untilTrue } from '../cluster-peers.js';
import { peerMissing } from '../peer.js';
import { reshard } from './masters.js';
import { Following, pause, seed, untilVerified, WriteLoad } from './sync-load.js';
import { kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const rounds = Number(process.env.KVASIR_SYNC_ROUNDS ?? 1);
const args = ['--cluster-node-timeout', '3000', '--repl-timeout', '10', '--repl-backlog-size', '16mb'];
const SLOTS_MOVED = 40;

/** Tags of the slots that move, and others. */
const tags: string[] = [];
for (let number = 0; tags.length < 40; number++)
  if (keySlot(Buffer.from(`${number}`)) < SLOTS_MOVED) tags.push(`{${number}}`);
for (let number = 0; tags.length < 120; number++) tags.push(`{x${number}}`);

/** Three masters, and a replica of the first. */
async function startCluster(): Promise<MixedCluster> {
  const cluster = await MixedCluster.start(['kvasir', 'redis', 'kvasir', 'redis'], args);
  for (const [index, node] of cluster.nodes.entries()) {
    await node.ok('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    const first = Math.ceil((index * 16384) / 3);
    if (index < 3)
      await node.ok('CLUSTER', 'ADDSLOTSRANGE', String(first), String(Math.ceil(((index + 1) * 16384) / 3) - 1));
    if (index > 0) await node.ok('CLUSTER', 'MEET', '127.0.0.1', String(cluster.nodes[0]!.port));
  }
  const [first, , , replica] = cluster.nodes as [MixedNode, MixedNode, MixedNode, MixedNode];
  await untilTrue(async () =>
    (await replica.nodes()).some(({ id, flags }) => id === first.id && !flags.includes('handshake')),
  );
  await replica.ok('CLUSTER', 'REPLICATE', first.id);
  await cluster.settle();
  return cluster;
}

it(
  'follows a cluster through resharding, a failover and a kill',
  { skip: peerMissing('redis-server', 'redis-cli') },
  async (t) => {
    const cluster = await startCluster();
    t.after(() => cluster.stop());
    const target = await kvasirWithDebug();
    t.after(() => target.stop());
    const [first, second, third, replica] = cluster.nodes as [MixedNode, MixedNode, MixedNode, MixedNode];
    const from = `127.0.0.1:${second.port}`;
    const to = `127.0.0.1:${target.port}`;
    const load = await WriteLoad.start(second.port, tags);
    t.after(() => load.stop());
    await load.more(500);
    await withFolder(async (folder) => {
      const words = ['--from', from, '--to', to, '--position', join(folder, 'position'), '--spool', folder, '--quiet'];
      let following = Following.start(words);
      t.after(() => following.child.kill('SIGKILL'));
      await untilTrue(async () => Number(await target.send('DBSIZE')) > 50, 'the data in the target');
      await reshard(first, second, SLOTS_MOVED);
      await load.more(200);
      // Our nodes move a range in one step.
      const id = await third.send('CLUSTER', 'MIGRATION', 'IMPORT', '1000', '2000');
      await untilTrue(
        async () => (await third.send('CLUSTER', 'MIGRATION', 'STATUS', 'ID', id)).includes('completed'),
        'the move',
      );
      await load.more(200);
      for (let round = 0; round < rounds; round++) {
        await pause(Math.random() * 1000);
        await following.kill('SIGKILL');
        await load.more(300);
        following = Following.start(words);
        await pause(500);
      }
      await first.kill();
      await untilTrue(async () => (await replica.send('ROLE')).startsWith('master'), 'the failover');
      await load.more(300);
      await load.stop();
      assert.equal(following.child.exitCode, null);
      await untilVerified(from, to).catch(async (error: unknown) => {
        const ran = await following.kill('SIGKILL');
        throw new Error(`${String(error)}\n${ran.stderr}`);
      });
      const ended = await following.kill('SIGINT');
      assert.equal(ended.status, 130, ended.stderr);
      // A difference is found and repaired on the right node.
      await target.send('SET', 'only-here', 'x');
      const found = await runTool('kvasir-sync', ['--from', from, '--to', to, '--verify', '--json']);
      assert.equal((JSON.parse(found.stdout.toString()) as { extra: number }).extra, 1, `seed ${seed}`);
      await mustRun('kvasir-sync', ['--from', to, '--to', from, '--verify', '--repair', '--quiet']);
      await untilVerified(to, from);
      assert.equal(await target.send('EXISTS', 'only-here'), '1');
    });
  },
);
