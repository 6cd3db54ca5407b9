// The adapters with the clients and packages that people use, none of which has a socket here.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { createAdapter } from '@socket.io/redis-adapter';
import KeyvRedis from '@keyv/redis';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { RedisStore } from 'connect-redis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis';
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis-6';
import iovalkey from 'iovalkey';
import { Keyv } from 'keyv';
import { RateLimiterRedis, type RateLimiterRes } from 'rate-limiter-flexible';
import * as redis5 from 'redis';
import * as redis4 from 'redis-4';
import * as redis6 from 'redis-6';
import { createCluster, createServer, type TestServer } from '../../src/testing/index.js';
import { connector } from '../../src/testing/ioredis.js';
import { socketOf } from '../../src/testing/node-redis.js';

// The clients' own types of a connector name more than they call.
const connectorOf = (...servers: readonly TestServer[]): never => connector(...servers) as never;

const ioredisLike = [
  { name: 'ioredis 5', Redis: Redis5, Cluster: Cluster5 },
  { name: 'ioredis 6', Redis: Redis6 as unknown as typeof Redis5, Cluster: Cluster6 as unknown as typeof Cluster5 },
  {
    name: 'iovalkey',
    Redis: iovalkey as unknown as typeof Redis5,
    Cluster: (iovalkey as unknown as { Cluster: typeof Cluster5 }).Cluster,
  },
];

const nodeRedis = [
  { name: 'node-redis 4', library: redis4 as unknown as typeof redis5 },
  { name: 'node-redis 5', library: redis5 },
  { name: 'node-redis 6', library: redis6 as unknown as typeof redis5 },
];

const keys = Array.from({ length: 30 }, (_, index) => `key:${index}`);

async function serverFor(t: TestContext): Promise<TestServer> {
  const server = await createServer({ port: false });
  t.after(() => server.close());
  return server;
}

describe('clients without sockets', { timeout: 600_000 }, () => {
  for (const { name, Redis, Cluster } of ioredisLike) {
    it(`${name}: pipelines, scripts, transactions, pub/sub and blocking commands`, async (t) => {
      const server = await serverFor(t);
      const client = new Redis({ Connector: connectorOf(server) });
      t.after(() => client.disconnect());
      const replies = await client.pipeline().set('a', '1').incr('a').get('a').exec();
      assert.deepEqual(
        replies!.map(([, reply]) => reply),
        ['OK', 2, '2'],
      );
      assert.equal(await client.eval("return redis.call('get', KEYS[1])", 1, 'a'), '2');
      assert.deepEqual(await client.multi().lpush('l', 'x').llen('l').exec(), [
        [null, 1],
        [null, 1],
      ]);
      const other = client.duplicate();
      t.after(() => other.disconnect());
      await other.subscribe('news');
      const message = once(other, 'message');
      await client.publish('news', 'hello');
      assert.deepEqual(await message, ['news', 'hello']);
      const waiting = client.duplicate();
      t.after(() => waiting.disconnect());
      const popped = waiting.blpop('q', 0);
      await client.rpush('q', 'job');
      assert.deepEqual(await popped, ['q', 'job']);
      await assert.rejects(client.incr('l'), /WRONGTYPE/);
    });

    it(`${name}: a cluster, which fails over`, async (t) => {
      const cluster = await createCluster({ masters: 3, replicas: 1, sockets: false });
      t.after(() => cluster.close());
      const client = new Cluster([...cluster.addresses], {
        redisOptions: { Connector: connectorOf(...cluster.nodes) },
      });
      t.after(() => client.disconnect());
      for (const key of keys) assert.equal(await client.set(key, key), 'OK');
      await cluster.killMaster('key:1');
      for (const key of keys) assert.equal(await client.get(key), key);
    });
  }

  for (const { name, library } of nodeRedis) {
    it(`${name}: commands, pub/sub, and a connection that breaks`, async (t) => {
      const server = await serverFor(t);
      const client = library.createClient({ socket: { ...socketOf(server), reconnectStrategy: 1 } });
      client.on('error', () => undefined);
      await client.connect();
      t.after(() => void client.disconnect());
      assert.deepEqual(await Promise.all([client.set('a', '1'), client.incr('a'), client.get('a')]), ['OK', 2, '2']);
      assert.deepEqual(await client.multi().lPush('l', 'x').lLen('l').exec(), [1, 1]);
      const subscriber = client.duplicate();
      await subscriber.connect();
      t.after(() => void subscriber.disconnect());
      const message = new Promise((resolve) => void subscriber.subscribe('news', resolve));
      while ((await client.publish('news', 'hello')) === 0);
      assert.equal(await message, 'hello');
      const ready = new Promise<void>((resolve) => client.once('ready', resolve));
      server.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no');
      await ready;
      assert.equal(await client.get('a'), '2');
    });

    it(`${name}: a cluster`, async (t) => {
      const cluster = await createCluster({ masters: 3, sockets: false });
      t.after(() => cluster.close());
      const client = library.createCluster({
        rootNodes: cluster.nodes.map((node) => ({ socket: socketOf(node) })),
        defaults: { socket: socketOf(...cluster.nodes) },
      });
      client.on('error', () => undefined);
      await client.connect();
      t.after(() => void client.disconnect());
      for (const key of keys) assert.equal(await client.set(key, key), 'OK');
      for (const key of keys) assert.equal(await client.get(key), key);
    });
  }

  it('BullMQ: a queue, its worker and its events', async (t) => {
    const server = await serverFor(t);
    const connection = (): Redis5 => {
      const made = new Redis5({ Connector: connectorOf(server), maxRetriesPerRequest: null });
      t.after(() => made.disconnect());
      return made;
    };
    const options = { connection: connection() as never };
    const queue = new Queue('jobs', options);
    const events = new QueueEvents('jobs', { connection: connection() as never });
    await events.waitUntilReady();
    const worker = new Worker('jobs', (job) => Promise.resolve((job.data as { number: number }).number * 2), {
      connection: connection() as never,
    });
    const job = await queue.add('double', { number: 21 });
    assert.equal(await job.waitUntilFinished(events), 42);
    await worker.close();
    await events.close();
    await queue.close();
  });

  it('connect-redis: sessions', async (t) => {
    const server = await serverFor(t);
    const client = redis5.createClient({ socket: socketOf(server) });
    await client.connect();
    t.after(() => client.destroy());
    const store = new RedisStore({ client, ttl: 60 });
    await store.set('s1', { cookie: { originalMaxAge: null }, user: 'ann' } as never);
    assert.equal(((await store.get('s1')) as unknown as { user: string }).user, 'ann');
    assert.equal(server.run('TTL', 'sess:s1'), 60);
    await store.destroy('s1');
    assert.equal(await store.length(), 0);
  });

  it('rate-limiter-flexible: over ioredis and node-redis', async (t) => {
    const server = await serverFor(t);
    const ioredis = new Redis5({ Connector: connectorOf(server) });
    const client = redis5.createClient({ socket: socketOf(server) });
    await client.connect();
    t.after(() => ioredis.disconnect());
    t.after(() => client.destroy());
    for (const options of [{ storeClient: ioredis }, { storeClient: client, useRedisPackage: true }]) {
      const limiter = new RateLimiterRedis({ ...options, points: 2, duration: 60 });
      const name = 'useRedisPackage' in options ? 'redis' : 'ioredis';
      await limiter.consume(name);
      assert.equal((await limiter.consume(name)).remainingPoints, 0);
      await assert.rejects(limiter.consume(name), (result: RateLimiterRes) => result.msBeforeNext > 50_000);
    }
  });

  it('keyv: values that expire', async (t) => {
    const server = await serverFor(t);
    const client = redis5.createClient({ socket: socketOf(server) });
    const keyv = new Keyv({ store: new KeyvRedis(client as never), namespace: 'cache' });
    t.after(() => client.destroy());
    await keyv.set('a', { b: 1 }, 60_000);
    assert.deepEqual(await keyv.get('a'), { b: 1 });
    const [key] = server.run('KEYS', '*') as string[];
    assert.ok(Number(server.run('PTTL', key!)) > 50_000);
    assert.equal(await keyv.delete('a'), true);
    assert.equal(await keyv.get('a'), undefined);
  });

  it('the socket.io adapter: a broadcast from one node to another', async (t) => {
    const server = await serverFor(t);
    const nodes = ['one', 'two'].map(() => {
      const publisher = new Redis5({ Connector: connectorOf(server) });
      const subscriber = publisher.duplicate();
      t.after(() => publisher.disconnect());
      t.after(() => subscriber.disconnect());
      const sent: string[] = [];
      const sockets = new Map<string, object>();
      const namespace = {
        name: '/',
        sockets,
        server: { encoder: { encode: (packet: { data: string }) => [packet.data] } },
      };
      const adapter = createAdapter(publisher, subscriber)(namespace);
      sockets.set('s', {
        rooms: new Set(['s']),
        notifyOutgoingListeners: () => undefined,
        client: { writeToEngine: ([packet]: string[]) => sent.push(packet!) },
      });
      void adapter.addAll('s', new Set(['s']));
      return { adapter, sent, publisher };
    });
    while ((await nodes[0]!.adapter.serverCount()) < 2) await nodes[0]!.publisher.ping();
    nodes[0]!.adapter.broadcast({ type: 2, data: 'hello' } as never, { rooms: new Set(), except: new Set() });
    while (nodes[1]!.sent.length === 0) await nodes[0]!.publisher.ping();
    assert.deepEqual(nodes[1]!.sent, ['hello']);
  });
});
