// Packages that build on Redis, on Kvasir: redlock over three servers, the socket.io adapter between two processes' worth of
// clients, and the cache of node-redis that the server invalidates.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { BasicClientSideCache, createClient } from 'redis';
import { startServer, type EmbeddedServer } from '../../src/index.js';

interface Lock {
  release(): Promise<unknown>;
  extend(durationMs: number): Promise<Lock>;
}

// Its package.json names no types for modules.
const { default: Redlock } = createRequire(import.meta.url)('redlock') as {
  default: new (
    clients: readonly Redis[],
    settings: { retryCount: number; retryDelay?: number },
  ) => { acquire(resources: readonly string[], durationMs: number): Promise<Lock> };
};

describe('redlock', () => {
  it('locks by a majority of three servers, also when one is gone', { timeout: 600_000 }, async () => {
    const servers = await Promise.all([startServer(), startServer(), startServer()]);
    const clients = servers.map(
      (server) =>
        new Redis({ port: server.port, host: server.host, retryStrategy: () => null, maxRetriesPerRequest: 0 }),
    );
    for (const client of clients) client.on('error', () => undefined);
    const first = new Redlock(clients, { retryCount: 0 });
    const second = new Redlock(clients, { retryCount: 0 });
    let lock = await first.acquire(['a', 'b'], 60_000);
    await assert.rejects(second.acquire(['b'], 60_000), /quorum/);
    assert.ok((await clients[0]!.pttl('a')) > 50_000);
    lock = await lock.extend(120_000);
    assert.ok((await clients[1]!.pttl('b')) > 100_000);
    await servers[2]!.close();
    await assert.rejects(second.acquire(['a'], 60_000), /quorum/);
    // A majority of two is enough to let go, and to lock again.
    await lock.release();
    assert.equal(await clients[0]!.exists('a', 'b'), 0);
    const other = await second.acquire(['a'], 60_000);
    await other.release();
    for (const client of clients) client.disconnect();
    for (const server of servers.slice(0, 2)) await server.close();
  });
});

describe('the socket.io adapter', () => {
  /** Stands in for socket.io at the adapter: a namespace with sockets, of which one is asked to send. */
  function makeNode(server: EmbeddedServer) {
    const publisher = new Redis(server.port, server.host);
    const subscriber = publisher.duplicate();
    const sockets = new Map<string, object>();
    const sent: string[] = [];
    const namespace = {
      name: '/',
      sockets,
      server: { encoder: { encode: (packet: { data: string[] }) => [packet.data.join(' ')] } },
    };
    const adapter = createAdapter(publisher, subscriber)(namespace);
    const join = (id: string, ...rooms: string[]): void => {
      sockets.set(id, {
        id,
        rooms: new Set(rooms),
        handshake: {},
        data: {},
        notifyOutgoingListeners: () => undefined,
        client: { writeToEngine: (packets: string[]) => sent.push(`${id}: ${packets[0]}`) },
      });
      void adapter.addAll(id, new Set([id, ...rooms]));
    };
    return { adapter, join, sent, publisher, subscriber };
  }

  it('carries broadcasts, rooms and sockets between nodes', { timeout: 600_000 }, async () => {
    const server = await startServer();
    const [one, two] = [makeNode(server), makeNode(server)];
    const admin = new Redis(server.port, server.host);
    while ((await one.adapter.serverCount()) < 2) await admin.ping();
    one.join('s1', 'red');
    two.join('s2', 'red');
    two.join('s3', 'blue');
    assert.deepEqual([...(await one.adapter.allRooms())].sort(), ['blue', 'red', 's1', 's2', 's3']);
    assert.deepEqual(
      (await one.adapter.fetchSockets({ rooms: new Set(['red']), except: new Set() }))
        .map(({ id }: { id: string }) => id)
        .sort(),
      ['s1', 's2'],
    );
    one.adapter.broadcast({ type: 2, data: ['hello', 'reds'] }, { rooms: new Set(['red']), except: new Set() });
    one.adapter.broadcast({ type: 2, data: ['hello', 'all'] }, { rooms: new Set(), except: new Set(['s2']) });
    while (two.sent.length < 2) await admin.ping();
    assert.deepEqual(one.sent, ['s1: hello reds', 's1: hello all']);
    assert.deepEqual(two.sent, ['s2: hello reds', 's3: hello all']);
    for (const client of [one.publisher, one.subscriber, two.publisher, two.subscriber, admin]) client.disconnect();
    await server.close();
  });
});

describe("node-redis's cache", () => {
  it('answers from memory until the server says that a key was changed', { timeout: 600_000 }, async () => {
    const server = await startServer();
    const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 0, evictPolicy: 'LRU' });
    const reader = createClient({ url: server.url, RESP: 3, clientSideCache: cache });
    const writer = createClient({ url: server.url, RESP: 3 });
    await reader.connect();
    await writer.connect();
    await writer.set('k', 'old');
    await writer.hSet('h', 'f', 'v');
    assert.equal(await reader.get('k'), 'old');
    for (let count = 0; count < 10; count++) assert.equal(await reader.get('k'), 'old');
    assert.equal(await reader.hGet('h', 'f'), 'v');
    assert.equal(await reader.hGet('h', 'f'), 'v');
    assert.equal(cache.stats().hitCount, 11);
    assert.match(await writer.info('clients'), /tracking_clients:1\r/);
    const invalidated = once(cache, 'invalidate');
    await writer.set('k', 'new');
    await invalidated;
    assert.equal(await reader.get('k'), 'new');
    const expired = once(cache, 'invalidate');
    await writer.pExpire('h', 1);
    await expired;
    while ((await writer.exists('h')) === 1) await writer.ping();
    assert.equal(await reader.hGet('h', 'f'), null);
    const flushed = once(cache, 'invalidate');
    await writer.flushAll();
    await flushed;
    assert.equal(await reader.get('k'), null);
    reader.destroy();
    writer.destroy();
    await server.close();
  });
});
