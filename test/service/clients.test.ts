// Real clients: pub/sub, keyspace notifications, ACL and CONFIG through ioredis and node-redis.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { findFreePort } from '../peer.js';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';

describe('real clients', () => {
  let server: EmbeddedServer;
  before(async () => void (server = await startServer({ 'notify-keyspace-events': 'KEA' })));
  after(() => server.close());

  it('ioredis gets messages of channels, patterns and shard channels', async () => {
    const subscriber = new Redis(server.port, server.host);
    const publisher = new Redis(server.port, server.host);
    try {
      assert.equal(await subscriber.subscribe('news', 'sport'), 2);
      assert.equal(await subscriber.psubscribe('n*'), 3);
      const message = once(subscriber, 'message');
      const patternMessage = once(subscriber, 'pmessage');
      assert.equal(await publisher.publish('news', 'hello'), 2);
      assert.deepEqual(await message, ['news', 'hello']);
      assert.deepEqual(await patternMessage, ['n*', 'news', 'hello']);
      assert.deepEqual(await publisher.pubsub('NUMSUB', 'news', 'none'), ['news', 1, 'none', 0]);
      await subscriber.ssubscribe('shard');
      const shardMessage = once(subscriber, 'smessage');
      assert.equal(await publisher.spublish('shard', 'x'), 1);
      assert.deepEqual(await shardMessage, ['shard', 'x']);
      await subscriber.unsubscribe('news', 'sport');
      await subscriber.punsubscribe('n*');
      assert.equal(await publisher.publish('news', 'nobody'), 0);
    } finally {
      subscriber.disconnect();
      publisher.disconnect();
    }
  });

  it('node-redis gets a thousand messages in order, and keyspace events', async () => {
    for (const protocol of [2, 3] as const) {
      const client = await createClient({ url: server.url, RESP: protocol }).connect();
      const subscriber = await client.duplicate().connect();
      try {
        const got: string[] = [];
        let done!: () => void;
        const all = new Promise<void>((resolve) => (done = resolve));
        await subscriber.subscribe('count', (message) => {
          got.push(message);
          if (got.length === 1000) done();
        });
        const events: string[] = [];
        await subscriber.pSubscribe(
          '__keyevent@0__:*',
          (key, channel) => void events.push(`${channel.split(':')[1]!} ${key}`),
        );
        await Promise.all(Array.from({ length: 1000 }, (_, index) => client.publish('count', String(index))));
        await all;
        assert.deepEqual(
          got,
          Array.from({ length: 1000 }, (_, index) => String(index)),
        );
        await client.set('k', 'v');
        await client.expire('k', 100);
        await client.del('k');
        await subscriber.ping(); // what was sent before it has arrived
        assert.deepEqual(
          events.filter((event) => event !== 'new k'),
          ['set k', 'expire k', 'del k'],
        );
      } finally {
        client.destroy();
        subscriber.destroy();
      }
    }
  });

  it('a user who loses a channel loses the connection that listens to it', async () => {
    const admin = new Redis(server.port, server.host);
    await admin.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '+@all', '~*', '&news');
    const reader = new Redis({
      port: server.port,
      host: server.host,
      username: 'reader',
      password: 'secret',
      retryStrategy: () => null,
    });
    reader.on('error', () => undefined);
    try {
      await reader.subscribe('news');
      await assert.rejects(reader.subscribe('other'), /NOPERM/);
      const closed = once(reader, 'end');
      await admin.call('ACL', 'SETUSER', 'reader', 'resetchannels');
      await closed;
      const log = (await admin.call('ACL', 'LOG', '1')) as unknown[][];
      const entry = log[0]!;
      assert.equal(entry[entry.indexOf('reason') + 1], 'channel');
      assert.equal(entry[entry.indexOf('object') + 1], 'other');
      assert.ok(!JSON.stringify(await admin.call('SLOWLOG', 'GET', '-1')).includes('secret'));
    } finally {
      reader.disconnect();
      await admin.call('ACL', 'DELUSER', 'reader');
      admin.disconnect();
    }
  });

  it('CONFIG SET moves the port, and puts it back when the new one is taken', async () => {
    const own = await startServer({ port: await findFreePort() });
    const other = await startServer();
    const client = new Redis(own.port, own.host);
    try {
      await assert.rejects(
        client.config('SET', 'port', String(other.port)),
        /CONFIG SET failed \(possibly related to argument 'port'\) - Unable to listen on this port/,
      );
      assert.equal(await client.ping(), 'PONG');
      const second = new Redis(own.port, own.host);
      assert.equal(await second.ping(), 'PONG');
      second.disconnect();
    } finally {
      client.disconnect();
      await own.close();
      await other.close();
    }
  });
});
