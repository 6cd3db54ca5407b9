// Client-side caching with real clients: news of changes come by tracking, redirected or pushed, and by keyspace notifications.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { connect } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import { Redis as Redis6 } from 'ioredis-6';
import { createClient, createCluster as createNodeRedisCluster } from 'redis';
import { createClient as createClient6 } from 'redis-6';
import {
  type Commands,
  fromIoredis,
  fromNodeRedis,
  fromNodeRedisCluster,
  fromServer,
  type Invalidations,
  type InvalidationOptions,
  ioredisClusterInvalidations,
  ioredisInvalidations,
  NearCache,
  nodeRedisClusterInvalidations,
  nodeRedisInvalidations,
  streamInvalidations,
} from '../../src/recipes/index.js';
import { createCluster } from '../../src/testing/create-groups.js';
import { createServer } from '../../src/testing/create-server.js';
import { peerMissing, startRedis } from '../peer.js';

const server = await createServer();
const cluster = await createCluster({ masters: 3, replicas: 0 });
const ioredis = new Redis(server.url);
const ioredis6 = new Redis6(server.url);
const ioredisCluster = new Cluster([...cluster.addresses]);
const nodeRedis = createClient({ url: server.url });
const nodeRedis6 = createClient6({ url: server.url });
const nodeRedisCluster = createNodeRedisCluster({
  rootNodes: cluster.addresses.map((socket) => ({ socket: { ...socket } })),
});
await Promise.all([nodeRedis.connect(), nodeRedis6.connect(), nodeRedisCluster.connect()]);
after(async () => {
  for (const client of [ioredis, ioredis6, ioredisCluster]) client.disconnect();
  for (const client of [nodeRedis, nodeRedis6, nodeRedisCluster]) client.destroy();
  await cluster.close();
  await server.close();
});

interface Listened {
  readonly commands: Commands;
  readonly listen: (options: InvalidationOptions) => Invalidations;
  readonly nodes: readonly { run(command: string, ...args: string[]): unknown }[];
}

const nodes = [server];
const clients: Readonly<Record<string, Listened>> = {
  ioredis: { commands: fromIoredis(ioredis), listen: (options) => ioredisInvalidations(ioredis, options), nodes },
  'ioredis 6': { commands: fromIoredis(ioredis6), listen: (options) => ioredisInvalidations(ioredis6, options), nodes },
  'ioredis, cluster': {
    commands: fromIoredis(ioredisCluster),
    listen: (options) => ioredisClusterInvalidations(ioredisCluster, options),
    nodes: cluster.nodes,
  },
  'node-redis': {
    commands: fromNodeRedis(nodeRedis),
    listen: (options) => nodeRedisInvalidations(nodeRedis, options),
    nodes,
  },
  'node-redis 6': {
    commands: fromNodeRedis(nodeRedis6),
    listen: (options) => nodeRedisInvalidations(nodeRedis6, options),
    nodes,
  },
  'node-redis, cluster': {
    commands: fromNodeRedisCluster(nodeRedisCluster),
    listen: (options) => nodeRedisClusterInvalidations(nodeRedisCluster, options),
    nodes: cluster.nodes,
  },
  'embedded server': {
    commands: fromServer(server),
    listen: (options) => streamInvalidations(() => server.connect(), options),
    nodes,
  },
};

/** Waits for what the server's news bring about. */
async function until(what: string, condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 3000 && !condition(); turn++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition(), what);
}

async function exercise(commands: Commands, invalidations: Invalidations, prefix: string): Promise<NearCache> {
  const near = new NearCache(commands, invalidations, { prefixes: [prefix] });
  await near.ready;
  for (let index = 0; index < 12; index++) {
    const key = `${prefix}${index},a`;
    await commands.send('SET', [key, 'old']);
    await until('the news of the first value', () => near.figures.keys === 0);
    assert.equal(await near.get(key), 'old');
    const { hits } = near.figures;
    // The news of the SET may come after its reply, and after this read's too.
    for (let turn = 0; turn < 3000 && near.figures.hits === hits; turn++) await near.get(key);
    assert.ok(near.figures.hits > hits);
    await commands.send('SET', [key, 'new']);
    await until('the news', () => near.figures.keys === 0);
    assert.equal(await near.get(key), 'new');
    near.forget();
  }
  return near;
}

for (const [name, { commands, listen, nodes: own }] of Object.entries(clients)) {
  describe(name, () => {
    it('keeps values until the server says that they changed, also after its connection broke', async () => {
      const near = await exercise(commands, listen({ by: 'tracking', retryMs: 20 }), `${name}:`);
      for (const node of own) node.run('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'no');
      for (const node of own) killTracking(node);
      await until('the listener is back', () => near.figures.isListening);
      near.close();
    });

    it('listens to keyspace notifications where they are on, and says so where they are not', async () => {
      const errors: unknown[] = [];
      const deaf = new NearCache(commands, listen({ by: 'keyspace', onError: (error) => errors.push(error) }), {
        prefixes: ['x:'],
      });
      await until('a complaint', () => errors.some((error) => /notify-keyspace-events is ''/.test(String(error))));
      deaf.close();
      for (const node of own) node.run('CONFIG', 'SET', 'notify-keyspace-events', 'KA');
      (await exercise(commands, listen({ by: 'keyspace', retryMs: 20 }), `[${name}]*:`)).close();
      for (const node of own) node.run('CONFIG', 'SET', 'notify-keyspace-events', '');
    });
  });
}

function killTracking(node: { run(command: string, ...args: string[]): unknown }): void {
  for (const line of String(node.run('CLIENT', 'LIST')).split('\n'))
    if (/ flags=\S*t/.test(line)) node.run('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(line)![1]!);
}

describe('redis-server', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('tells of changes to each kind of listener', async (t) => {
    const peer = await startRedis();
    const redis = new Redis(peer.port);
    const other = createClient({ socket: { port: peer.port } });
    await other.connect();
    t.after(async () => {
      redis.disconnect();
      other.destroy();
      await peer.stop();
    });
    const commands = fromIoredis(redis);
    for (const [index, source] of [
      ioredisInvalidations(redis),
      nodeRedisInvalidations(other),
      streamInvalidations(() => connect(peer.port)),
    ].entries())
      (await exercise(commands, source, `peer${index}:`)).close();
  });
});
