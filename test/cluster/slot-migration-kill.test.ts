// A node is killed while slots move in one step: they stay with one owner, no key is lost or doubled, and nothing is left of the copy.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { keySlot } from '../../src/base/key-slot.js';
import { Connection } from '../../src/client/connection.js';
import { replyText } from '../../src/client/reply.js';
import { untilTrue } from '../cluster-peers.js';
import { MixedCluster, type MixedNode } from './mixed-cluster.js';

const KEYS = 400;
const args = [
  '--appendonly',
  'yes',
  '--appendfsync',
  'always',
  '--cluster-node-timeout',
  '3000',
  '--repl-timeout',
  '5',
];

const names: string[] = [];
for (let number = 0; names.length < KEYS; number++)
  if (keySlot(Buffer.from(`key:${number}`)) < 5461) names.push(`key:${number}`);

function valueOf(name: string): string {
  // Together many times the first slice, which no limit holds back.
  return `${name} ${'x'.repeat(5000)}`;
}

/** Three masters; the first has keys, and a move of half of its slots to the second is on its way, slowed down. */
async function startMove(
  t: TestContext,
): Promise<{ cluster: MixedCluster; source: MixedNode; target: MixedNode; id: string }> {
  const cluster = await MixedCluster.start(['kvasir', 'kvasir', 'kvasir'], args);
  t.after(() => cluster.stop());
  for (const [index, node] of cluster.nodes.entries()) {
    await node.ok('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    const first = Math.ceil((index * 16384) / 3);
    await node.ok('CLUSTER', 'ADDSLOTSRANGE', String(first), String(Math.ceil(((index + 1) * 16384) / 3) - 1));
    if (index > 0) await node.ok('CLUSTER', 'MEET', '127.0.0.1', String(cluster.nodes[0]!.port));
  }
  await cluster.settle();
  const [source, target] = cluster.nodes as [MixedNode, MixedNode];
  const link = await Connection.open({ host: '127.0.0.1', port: source.port });
  await Promise.all(names.map((name) => link.call('SET', name, valueOf(name))));
  link.close();
  // In one write, so that nothing has come before it is slow.
  const manager = await Connection.open({ host: '127.0.0.1', port: target.port });
  const [begun, slowed] = await Promise.all([
    manager.call('CLUSTER', 'MIGRATION', 'IMPORT', '0', '4000'),
    manager.call('CLUSTER', 'MIGRATION', 'THROTTLE', '50000', 'ALL'),
  ]);
  manager.close();
  const id = replyText(begun);
  assert.equal(replyText(slowed), '1');
  await untilTrue(async () => (await progressOf(target, id)) > 10, 'the move');
  return { cluster, source, target, id };
}

async function statusOf(node: MixedNode, id: string): Promise<Map<string, string>> {
  const words = (await node.send('CLUSTER', 'MIGRATION', 'STATUS', 'ID', id)).split('\n');
  return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1] ?? ''] as const] : [])));
}

async function progressOf(node: MixedNode, id: string): Promise<number> {
  return Number((await statusOf(node, id)).get('keys_done') ?? 0);
}

/** Every key is at the node that serves its slot, and nowhere else. */
async function assertWhole(cluster: MixedCluster): Promise<void> {
  await cluster.settle();
  await untilTrue(async () => {
    const texts = await Promise.all(cluster.upNodes.map((node) => node.send('INFO', 'keyspace')));
    const counts = texts.map((text) => Number(/keys=(\d+)/.exec(text)?.[1] ?? 0));
    return counts.reduce((sum, count) => sum + count, 0) === KEYS;
  }, `${KEYS} keys on all nodes together`);
  for (const isMoving of [true, false]) {
    const owner = (await cluster.ownerOf(isMoving ? 4000 : 5000))!;
    const link = await Connection.open({ host: '127.0.0.1', port: owner.port });
    const some = names.filter((name) => keySlot(Buffer.from(name)) <= 4000 === isMoving);
    const replies = await Promise.all(some.map((name) => link.call('GET', name)));
    replies.forEach((reply, index) => assert.equal(replyText(reply), valueOf(some[index]!)));
    link.close();
  }
}

test('the source is killed: the destination asks again when it is back', async (t) => {
  const { cluster, source, target, id } = await startMove(t);
  await source.kill();
  await untilTrue(async () => (await statusOf(target, id)).get('last_error') !== '', 'a failure');
  await source.start();
  await cluster.settle();
  await target.send('CLUSTER', 'MIGRATION', 'THROTTLE', '0', 'ALL');
  await untilTrue(async () => (await statusOf(target, id)).get('state') === 'completed', 'the end of the move');
  assert.equal(await cluster.ownerOf(4000), target);
  await assertWhole(cluster);
});

test('the destination is killed: what it had got is deleted', async (t) => {
  const { cluster, source, target, id } = await startMove(t);
  await target.kill();
  await untilTrue(async () => (await statusOf(source, id)).get('state') === 'failed', 'a failure');
  await target.start();
  await assertWhole(cluster);
  assert.equal(await cluster.ownerOf(0), source);
  const again = await target.send('CLUSTER', 'MIGRATION', 'IMPORT', '0', '4000');
  await untilTrue(async () => (await statusOf(target, again)).get('state') === 'completed', 'the end of the move');
  await assertWhole(cluster);
});
