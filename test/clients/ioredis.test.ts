// Common uses of ioredis, with Kvasir: its versions 5 and 6, and iovalkey, which began as version 5.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import { Redis as Redis5 } from 'ioredis';
import { Redis as Redis6 } from 'ioredis-6';
import { Redis as Iovalkey } from 'iovalkey';
import { startKvasir, type KvasirProcess } from '../kvasir.js';

/** Speaks version 3 of the protocol unless told otherwise. */
class Redis6Resp2 extends Redis6 {
  constructor(...words: unknown[]) {
    const last = words.at(-1);
    const [options, others] = typeof last === 'object' ? [last, words.slice(0, -1)] : [{}, words];
    super(...([...others, { ...options, protocol: 2 }] as [never]));
  }
}

/** The clients have one interface; the tests are written against the types of version 5. */
type Redis = Redis5;
const clients = [
  ['ioredis 5', 2, Redis5],
  ['ioredis 6 with RESP2', 2, Redis6Resp2 as unknown as typeof Redis5],
  ['ioredis 6 with RESP3', 3, Redis6 as unknown as typeof Redis5],
  ['iovalkey', 2, Iovalkey as unknown as typeof Redis5],
] as const;

for (const [name, protocol, Redis] of clients) {
  describe(name, () => {
    let kvasir: KvasirProcess;
    let redis: Redis;
    const others: Redis[] = [];

    before(async () => {
      kvasir = await startKvasir();
      redis = new Redis(kvasir.port, '127.0.0.1');
    });

    after(async () => {
      for (const client of [redis, ...others]) client.disconnect();
      await kvasir.stop();
    });

    beforeEach(async () => {
      await redis.flushall();
    });

    function another(options = {}): Redis {
      const client = new Redis({ port: kvasir.port, host: '127.0.0.1', ...options });
      others.push(client);
      return client;
    }

    test('strings, numbers, expiries', async () => {
      assert.equal(await redis.set('a', 'text'), 'OK');
      assert.equal(await redis.get('a'), 'text');
      assert.equal(await redis.get('none'), null);
      assert.equal(await redis.incrby('n', 41), 41);
      assert.equal(await redis.incrbyfloat('n', 0.5), '41.5');
      assert.equal(await redis.set('a', 'other', 'EX', 100, 'NX'), null);
      assert.equal(await redis.set('a', 'other', 'EX', 100, 'GET'), 'text');
      const ttl = await redis.ttl('a');
      assert.ok(ttl > 90 && ttl <= 100);
      assert.deepEqual(await redis.mget('a', 'none', 'n'), ['other', null, '41.5']);
    });

    test('values of any bytes and of megabytes', async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await redis.set(bytes, bytes);
      assert.deepEqual(await redis.getBuffer(bytes), bytes);
      const big = Buffer.alloc(5 * 1024 * 1024, 'kvasir');
      await redis.set('big', big);
      assert.ok(big.equals((await redis.getBuffer('big'))!));
      await redis.set('unicode', 'Þórr ⚡');
      assert.equal(await redis.get('unicode'), 'Þórr ⚡');
    });

    test('pipelines and transactions', async () => {
      const results = await redis.pipeline().set('a', '1').incr('a').lpush('a', 'x').get('a').exec();
      assert.deepEqual(
        results!.map(([error, value]) => error?.message ?? value),
        ['OK', 2, 'WRONGTYPE Operation against a key holding the wrong kind of value', '2'],
      );
      assert.deepEqual(await redis.multi().set('b', '5').incrby('b', 2).exec(), [
        [null, 'OK'],
        [null, 7],
      ]);
      const watcher = another();
      await watcher.watch('b');
      await redis.set('b', '1');
      assert.equal(await watcher.multi().set('b', '2').exec(), null);
      const many = redis.pipeline();
      for (let index = 0; index < 10_000; index++) many.set(`key:${index}`, index);
      assert.equal((await many.exec())!.length, 10_000);
      assert.equal(await redis.get('key:9999'), '9999');
    });

    test('collections', async () => {
      await redis.hset('h', { one: 1, two: 'two' });
      assert.deepEqual(await redis.hgetall('h'), { one: '1', two: 'two' });
      await redis.rpush('l', 'a', 'b', 'c');
      assert.deepEqual(await redis.lrange('l', 0, -1), ['a', 'b', 'c']);
      await redis.sadd('s', 'x', 'y');
      assert.deepEqual((await redis.smembers('s')).sort(), ['x', 'y']);
      await redis.zadd('z', 1, 'one', 2.5, 'two');
      assert.deepEqual(await redis.zrange('z', '0', '-1', 'WITHSCORES'), ['one', '1', 'two', '2.5']);
      const id = await redis.xadd('x', '*', 'field', 'value');
      assert.deepEqual(await redis.xrange('x', '-', '+'), [[id, ['field', 'value']]]);
    });

    test('scan streams walk over everything once', async () => {
      const pipeline = redis.pipeline();
      for (let index = 0; index < 2000; index++) pipeline.set(`walk:${index}`, '').hset('fields', `field:${index}`, '');
      await pipeline.exec();
      const keys = new Set<string>();
      for await (const found of redis.scanStream({ match: 'walk:*', count: 100 }))
        for (const key of found as string[]) keys.add(key);
      assert.equal(keys.size, 2000);
      const fields = new Set<string>();
      for await (const found of redis.hscanStream('fields'))
        for (const [index, field] of (found as string[]).entries()) if (index % 2 === 0) fields.add(field);
      assert.equal(fields.size, 2000);
    });

    test('messages to channels and patterns', async () => {
      const subscriber = another();
      assert.equal(await subscriber.subscribe('news'), 1);
      assert.equal(await subscriber.psubscribe('n?ws'), 2);
      const message = once(subscriber, 'message');
      const matched = once(subscriber, 'pmessage');
      assert.equal(await redis.publish('news', 'hello'), 2);
      assert.deepEqual(await message, ['news', 'hello']);
      assert.deepEqual(await matched, ['n?ws', 'news', 'hello']);
      assert.deepEqual(await subscriber.ping(), protocol === 2 ? ['pong', ''] : 'PONG');
    });

    test('blocking pops are served in the order of asking', async () => {
      const [first, second] = [another(), another()];
      const firstReply = first.blpop('queue', 20);
      while (!/blocked_clients:1\r/.test(await redis.info('clients'))) await redis.ping();
      const secondReply = second.blpop('queue', 20);
      while (!/blocked_clients:2\r/.test(await redis.info('clients'))) await redis.ping();
      await redis.rpush('queue', 'a', 'b');
      assert.deepEqual(await firstReply, ['queue', 'a']);
      assert.deepEqual(await secondReply, ['queue', 'b']);
      assert.equal(await first.blpop('queue', 0.01), null);
    });

    test('reconnects after the server closed the connection, and asks again', async () => {
      const client = another({ retryStrategy: () => 5 });
      await client.set('kept', '1');
      const closed = once(client, 'close');
      const ready = closed.then(() => once(client, 'ready'));
      assert.equal(await redis.call('CLIENT', 'KILL', 'ID', String(await client.client('ID'))), 1);
      await ready;
      assert.equal(await client.get('kept'), '1');
    });

    test('errors come with their texts', async () => {
      await redis.set('text', 'x');
      await assert.rejects(redis.incr('text'), { message: 'ERR value is not an integer or out of range' });
      await assert.rejects(redis.call('NOSUCH', 'a'), {
        message: "ERR unknown command 'NOSUCH', with args beginning with: 'a' ",
      });
      await assert.rejects(redis.call('GET'), { message: "ERR wrong number of arguments for 'get' command" });
    });
  });
}
