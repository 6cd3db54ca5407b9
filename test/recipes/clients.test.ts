// Every call of the recipes on every client: a single server and a cluster, by ioredis, node-redis and a stream of an embedded server.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Cluster, Redis } from 'ioredis';
import {
  createClient,
  createClientPool,
  createCluster as createNodeRedisCluster,
  createSentinel as createNodeRedisSentinel,
} from 'redis';
import {
  type Commands,
  fromIoredis,
  fromNodeRedis,
  fromNodeRedisCluster,
  fromNodeRedisSentinel,
  fromStream,
  Lock,
  machineSurroundings,
} from '../../src/recipes/index.js';
import { createCluster, createSentinel } from '../../src/testing/create-groups.js';
import { createServer } from '../../src/testing/create-server.js';
import { peerMissing, startRedis } from '../peer.js';
import { operations } from './operations.js';

const server = await createServer();
const cluster = await createCluster({ masters: 3, replicas: 0 });
const ioredis = new Redis(server.url);
const ioredisCluster = new Cluster([...cluster.addresses]);
const nodeRedis = createClient({ url: server.url });
const nodeRedisCluster = createNodeRedisCluster({
  rootNodes: cluster.addresses.map((socket) => ({ socket: { ...socket } })),
});
const watched = await createSentinel({ replicas: 1 });
const sentinels = watched.sentinels.map((address) => ({ ...address }));
const ioredisSentinel = new Redis({ sentinels, name: watched.masterName });
const nodeRedisSentinel = createNodeRedisSentinel({ name: watched.masterName, sentinelRootNodes: sentinels });
const nodeRedisPool = createClientPool({ url: server.url });
await Promise.all(
  [nodeRedis, nodeRedisCluster, nodeRedisSentinel, nodeRedisPool].map(async (client) => void (await client.connect())),
);
after(async () => {
  ioredis.disconnect();
  ioredisCluster.disconnect();
  ioredisSentinel.disconnect();
  await nodeRedisSentinel.destroy();
  nodeRedisPool.destroy();
  await watched.close();
  nodeRedis.destroy();
  nodeRedisCluster.destroy();
  await cluster.close();
  await server.close();
});

const clients: Readonly<Record<string, Commands>> = {
  ioredis: fromIoredis(ioredis),
  'ioredis, cluster': fromIoredis(ioredisCluster),
  'node-redis': fromNodeRedis(nodeRedis),
  'node-redis, cluster': fromNodeRedisCluster(nodeRedisCluster),
  'ioredis, Sentinel': fromIoredis(ioredisSentinel),
  'node-redis, pool': fromNodeRedis(nodeRedisPool),
  'node-redis, Sentinel': fromNodeRedisSentinel(nodeRedisSentinel),
  'stream of an embedded server': fromStream(server.connect()),
};

/** Each call in two rounds, all of them at the same time: what one connection carries must not mix up. */
async function exercise(commands: Commands, firstRound: number, nowMs: number): Promise<void> {
  const calls = operations.flatMap((operation) => [firstRound, firstRound + 1].map((round) => ({ operation, round })));
  const errors: string[] = [];
  await Promise.all(
    calls.map(async ({ operation, round }) => {
      try {
        const call = await operation.prepare(commands, { surroundings: machineSurroundings, round, nowMs });
        await call();
      } catch (error) {
        errors.push(`${operation.name}: ${(error as Error).message}`);
      }
    }),
  );
  assert.deepEqual(errors, []);
}

describe('every recipe', () => {
  for (const [index, [name, commands]] of Object.entries(clients).entries())
    it(`runs on ${name}`, () => exercise(commands, 10 + index * 2, Date.now()));

  it('goes on after a failover, by clients that ask sentinels', async () => {
    await watched.failover();
    for (const commands of [clients['ioredis, Sentinel']!, clients['node-redis, Sentinel']!]) {
      // The first commands may still meet the old master, which refuses writes.
      for (let attempt = 0; ; attempt++)
        try {
          const held = await new Lock(commands, 'after the failover', { waitMs: 60_000 }).acquire();
          assert.ok(await held.release());
          break;
        } catch (error) {
          assert.ok(attempt < 1000, String(error));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
    }
  });

  it('runs on redis-server', { skip: peerMissing('redis-server', 'redis-cli') }, async (t) => {
    const peer = await startRedis();
    const redis = new Redis(peer.port);
    t.after(async () => {
      redis.disconnect();
      await peer.stop();
    });
    await exercise(fromIoredis(redis), 1, Date.now());
  });
});
