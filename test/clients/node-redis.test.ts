// Common uses of node-redis, with Kvasir: its versions 5 and 6, in both versions of the protocol.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createClient, RESP_TYPES } from 'redis';
import { createClient as createClient6 } from 'redis-6';
import { startKvasir, type KvasirProcess } from '../kvasir.js';

function makeClient(create: typeof createClient, port: number, protocol: 2 | 3) {
  const client = create({ url: `redis://127.0.0.1:${port}`, RESP: protocol, socket: { reconnectStrategy: 5 } });
  client.on('error', () => undefined);
  return client;
}

const versions = [
  [5, createClient, 2],
  [5, createClient, 3],
  [6, createClient6 as unknown as typeof createClient, 2],
  [6, createClient6 as unknown as typeof createClient, 3],
] as const;

for (const [version, create, protocol] of versions) {
  describe(`node-redis ${version} with RESP${protocol}`, () => {
    let kvasir: KvasirProcess;
    let client: ReturnType<typeof makeClient>;
    const others: ReturnType<typeof makeClient>[] = [];

    before(async () => {
      kvasir = await startKvasir();
      client = makeClient(create, kvasir.port, protocol);
      await client.connect();
    });

    after(async () => {
      for (const each of [client, ...others]) each.destroy();
      await kvasir.stop();
    });

    beforeEach(async () => {
      await client.flushAll();
    });

    async function another(): Promise<ReturnType<typeof makeClient>> {
      const made = makeClient(create, kvasir.port, protocol);
      others.push(made);
      await made.connect();
      return made;
    }

    test('strings, numbers, expiries', async () => {
      assert.equal(await client.set('a', 'text', { expiration: { type: 'EX', value: 100 } }), 'OK');
      assert.equal(await client.get('a'), 'text');
      assert.equal(await client.get('none'), null);
      const ttl = await client.ttl('a');
      assert.ok(ttl > 90 && ttl <= 100);
      assert.equal(await client.incrBy('n', 41), 41);
      assert.equal(await client.persist('a'), 1);
      assert.equal(await client.ttl('a'), -1);
    });

    test('values of any bytes and of megabytes', async () => {
      const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await client.set('bytes', bytes);
      assert.deepEqual(await buffers.get('bytes'), bytes);
      const big = Buffer.alloc(5 * 1024 * 1024, 'kvasir');
      await client.set('big', big);
      assert.ok(big.equals((await buffers.get('big'))!));
    });

    test('collections', async () => {
      await client.hSet('h', { one: '1', two: 'two' });
      assert.deepEqual({ ...(await client.hGetAll('h')) }, { one: '1', two: 'two' });
      await client.rPush('l', ['a', 'b', 'c']);
      assert.deepEqual(await client.lRange('l', 0, -1), ['a', 'b', 'c']);
      await client.sAdd('s', ['x', 'y']);
      assert.deepEqual([...(await client.sMembers('s'))].sort(), ['x', 'y']);
      await client.zAdd('z', [
        { score: 1, value: 'one' },
        { score: 2.5, value: 'two' },
        { score: Infinity, value: 'last' },
      ]);
      assert.deepEqual(
        (await client.zRangeWithScores('z', 0, -1)).map(({ value, score }) => [value, score]),
        [
          ['one', 1],
          ['two', 2.5],
          ['last', Infinity],
        ],
      );
      assert.equal(await client.zScore('z', 'two'), 2.5);
      const id = await client.xAdd('x', '*', { field: 'value' });
      assert.deepEqual(
        (await client.xRange('x', '-', '+')).map((entry) => [entry.id, { ...entry.message }]),
        [[id, { field: 'value' }]],
      );
    });

    test('transactions, with watched keys', async () => {
      assert.deepEqual(await client.multi().set('a', '5').incrBy('a', 2).get('none').exec(), ['OK', 7, null]);
      const watcher = await another();
      await watcher.watch('a');
      await client.set('a', '1');
      await assert.rejects(watcher.multi().set('a', '2').exec(), {
        name: 'Error',
        message: 'One (or more) of the watched keys has been changed',
      });
      assert.equal(await client.get('a'), '1');
    });

    test('commands that are sent together come back in order', async () => {
      const replies = await Promise.all(Array.from({ length: 5000 }, (_, index) => client.incrBy('n', index % 3)));
      assert.equal(replies.length, 5000);
      assert.ok(replies.every((value, index) => index === 0 || value >= replies[index - 1]!));
    });

    test('scan iterators walk over everything once', async () => {
      await Promise.all(Array.from({ length: 1500 }, (_, index) => client.set(`walk:${index}`, '')));
      const keys = new Set<string>();
      for await (const found of client.scanIterator({ MATCH: 'walk:*', COUNT: 100 }))
        for (const key of found) keys.add(key);
      assert.equal(keys.size, 1500);
      await client.hSet(
        'fields',
        Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field:${index}`, 'v'])),
      );
      let fields = 0;
      for await (const found of client.hScanIterator('fields')) fields += found.length;
      assert.equal(fields, 1000);
    });

    test('messages to channels and patterns', async () => {
      const subscriber = await another();
      const arrived: string[] = [];
      let done: () => void = () => undefined;
      const all = new Promise<void>((resolve) => (done = resolve));
      const note = (message: string, channel: string): void => {
        if (arrived.push(`${channel} ${message}`) === 2) done();
      };
      await subscriber.subscribe('news', note);
      await subscriber.pSubscribe('n?ws', note);
      assert.equal(await client.publish('news', 'hello'), 2);
      await all;
      assert.deepEqual(arrived, ['news hello', 'news hello']);
      await subscriber.unsubscribe('news');
      await subscriber.pUnsubscribe('n?ws');
    });

    test('a blocking pop waits for a push', async () => {
      const waiter = await another();
      const reply = waiter.blPop('queue', 20);
      while (!/blocked_clients:1\r/.test(await client.info('clients'))) await client.ping();
      await client.rPush('queue', 'a');
      assert.deepEqual({ ...(await reply)! }, { key: 'queue', element: 'a' });
      assert.equal(await waiter.blPop('queue', 0.01), null);
    });

    test('reconnects after the server closed the connection', async () => {
      const other = await another();
      const id = await other.clientId();
      const ready = new Promise<void>((resolve) => other.once('ready', resolve));
      await client.sendCommand(['CLIENT', 'KILL', 'ID', String(id)]);
      await ready;
      assert.equal(await other.ping(), 'PONG');
    });

    test('errors come with their texts', async () => {
      await client.set('text', 'x');
      await assert.rejects(client.incr('text'), { message: 'ERR value is not an integer or out of range' });
      await assert.rejects(client.sendCommand(['NOSUCH', 'a']), {
        message: "ERR unknown command 'NOSUCH', with args beginning with: 'a' ",
      });
    });
  });
}
