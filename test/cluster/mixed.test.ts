// Our nodes in one cluster with redis-server's: they meet, agree, fail over in both directions, and pass messages on.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { untilTrue } from '../cluster-peers.js';
import { peerMissing } from '../peer.js';
import { Listening, MixedCluster, type Kind, type MixedNode } from './mixed-cluster.js';

const args = ['--cluster-node-timeout', '3000', '--cluster-allow-replica-migration', 'no'];
const KEYS = 60;
/** The slot of the key `{a}`. */
const SLOT_OF_A = 15495;

async function write(cluster: MixedCluster, prefix: string): Promise<void> {
  const node = cluster.upNodes[0]!;
  for (let index = 0; index < KEYS; index++) {
    const reply = await node.send('-c', 'SET', `${prefix}:${index}`, `${prefix}${index}`);
    assert.equal(reply, 'OK', `SET ${prefix}:${index}`);
  }
}

async function check(cluster: MixedCluster, prefix: string): Promise<void> {
  const node = cluster.upNodes.at(-1)!;
  for (let index = 0; index < KEYS; index++)
    assert.equal(await node.send('-c', 'GET', `${prefix}:${index}`), `${prefix}${index}`);
}

/** Waits until every replica has all of its master's writes. */
async function caughtUp(cluster: MixedCluster): Promise<void> {
  for (const node of cluster.upNodes) {
    const role = await node.send('ROLE');
    if (!role.startsWith('master')) continue;
    await untilTrue(
      async () => (await node.send('WAIT', '1', '1000')) === '1',
      `a replica of ${node.name} that has all`,
    );
  }
}

/** kill -9 of a master: its replica takes over; the old master comes back as a replica. */
async function killAndReturn(cluster: MixedCluster, master: MixedNode): Promise<void> {
  const replica = await cluster.replicaOf(master);
  assert.ok(replica, `${master.name} has a replica`);
  await caughtUp(cluster);
  await master.kill();
  await untilTrue(async () => (await replica.send('ROLE')).startsWith('master'), `${replica.name} as master`);
  await cluster.settle();
  await master.start();
  await untilTrue(async () => (await master.send('ROLE')).startsWith('slave'), `${master.name} as replica`);
  await cluster.settle();
}

async function failOver(cluster: MixedCluster, replica: MixedNode, ...how: string[]): Promise<void> {
  await replica.takeOver(...how);
  await cluster.settle();
}

async function publish(cluster: MixedCluster): Promise<void> {
  const owner = (await cluster.ownerOf(SLOT_OF_A))!;
  const replica = (await cluster.replicaOf(owner))!;
  const listeners = await Promise.all(cluster.upNodes.map((node) => Listening.to(node, 'SUBSCRIBE', 'news')));
  const shardListeners = [
    await Listening.to(owner, 'SSUBSCRIBE', '{a}news'),
    await Listening.to(replica, 'SSUBSCRIBE', '{a}news'),
  ];
  try {
    for (const node of cluster.upNodes) {
      await node.send('PUBLISH', 'news', `from ${node.port}`);
      for (const listener of listeners)
        await untilTrue(
          () => Promise.resolve(listener.received.includes(`from ${node.port}`)),
          `news from ${node.name}`,
        );
    }
    await owner.send('SPUBLISH', '{a}news', 'for the shard');
    for (const listener of shardListeners)
      await untilTrue(() => Promise.resolve(listener.received.includes('for the shard')), 'news of the shard');
  } finally {
    for (const listener of [...listeners, ...shardListeners]) listener.close();
  }
}

const layouts: readonly (readonly Kind[])[] = [
  ['kvasir', 'redis', 'kvasir', 'redis', 'kvasir', 'kvasir'],
  ...(process.env.KVASIR_LONG === undefined
    ? []
    : ([
        ['redis', 'redis', 'redis', 'kvasir', 'kvasir', 'kvasir'],
        ['kvasir', 'kvasir', 'kvasir', 'redis', 'redis', 'redis'],
        ['kvasir', 'kvasir', 'kvasir', 'kvasir', 'kvasir', 'kvasir'],
      ] as const)),
];

describe('a cluster with redis-server', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  for (const kinds of layouts)
    it(`of ${kinds.join(', ')}: agrees, publishes, fails over by force and by hand`, async () => {
      const cluster = await MixedCluster.start(kinds, args);
      try {
        await cluster.join();
        await write(cluster, 'first');
        await publish(cluster);
        const [first, second] = cluster.nodes as [MixedNode, MixedNode];
        await killAndReturn(cluster, first);
        await killAndReturn(cluster, second);
        await check(cluster, 'first');
        // By hand, back to where it was; and the other ways on the third shard.
        await failOver(cluster, first);
        await failOver(cluster, second);
        const [third, replica] = [cluster.nodes[2]!, cluster.nodes[5]!];
        await failOver(cluster, replica, 'FORCE');
        await failOver(cluster, third, 'TAKEOVER');
        await write(cluster, 'second');
        await check(cluster, 'first');
      } finally {
        await cluster.stop();
      }
    });
});
