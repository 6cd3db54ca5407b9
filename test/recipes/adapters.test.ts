// The adapters of the recipes against real clients: each speaks to a server or a cluster, and all recipes stand on what is tested here.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Cluster, Redis } from 'ioredis';
import { Redis as Redis6 } from 'ioredis-6';
import { createClient, createCluster as createNodeRedisCluster } from 'redis';
import { createClient as createClient6 } from 'redis-6';
import {
  type Commands,
  fixedWindow,
  fromIoredis,
  fromNodeRedis,
  fromNodeRedisCluster,
  fromServer,
  fromStream,
  Lock,
  makeScript,
  runScript,
  take,
} from '../../src/recipes/index.js';
import { ReplyReader } from '../../src/recipes/adapters/reply-reader.js';
import { replyPairs, replyText, replyTexts, tagged } from '../../src/recipes/commands.js';
import { createCluster } from '../../src/testing/create-groups.js';
import { createServer } from '../../src/testing/create-server.js';

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

const clients: Readonly<Record<string, Commands>> = {
  ioredis: fromIoredis(ioredis),
  'ioredis 6': fromIoredis(ioredis6),
  'ioredis, cluster': fromIoredis(ioredisCluster),
  'node-redis': fromNodeRedis(nodeRedis),
  'node-redis 6': fromNodeRedis(nodeRedis6),
  'node-redis, cluster': fromNodeRedisCluster(nodeRedisCluster),
  'test kit': fromServer(server),
  'stream of an embedded server': fromStream(server.connect()),
};

for (const [name, commands] of Object.entries(clients)) {
  describe(name, () => {
    it('gives replies that the readers of replies understand', async () => {
      const key = `replies:${name}`;
      assert.equal(replyText(await commands.send('SET', [key, 'grüße'])), 'OK');
      assert.equal(replyText(await commands.send('GET', [key])), 'grüße');
      assert.equal(replyText(await commands.send('GET', [`${key}:none`])), undefined);
      await commands.send('ZADD', [`${key}:zset`, 1.5, 'a', 2, 'b']);
      assert.deepEqual(replyPairs(await commands.send('ZRANGE', [`${key}:zset`, 0, -1, 'WITHSCORES'])), [
        ['a', '1.5'],
        ['b', '2'],
      ]);
      await commands.send('HSET', [`${key}:hash`, 'field', new TextEncoder().encode('value')]);
      assert.deepEqual(replyPairs(await commands.send('HGETALL', [`${key}:hash`])), [['field', 'value']]);
      assert.deepEqual(replyTexts(await commands.send('HKEYS', [`${key}:hash`])), ['field']);
      await assert.rejects(commands.send('INCR', [`${key}:hash`]), /WRONGTYPE/);
    });

    it('runs scripts, also after SCRIPT FLUSH', async () => {
      const script = makeScript(`return {KEYS[1], ARGV[1], 7} -- ${name}`);
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(replyTexts(await runScript(commands, script, [tagged('k', name)], [1])), [
          tagged('k', name),
          '1',
          '7',
        ]);
        for (const node of [server, ...cluster.nodes]) node.run('SCRIPT', 'FLUSH');
      }
    });

    it('locks and limits', async () => {
      const lock = new Lock(commands, `lock of ${name}`, { retryMs: 5 });
      let inside = 0;
      await Promise.all(
        Array.from({ length: 4 }, () =>
          lock.run(async () => {
            assert.equal(++inside, 1);
            await new Promise((resolve) => setImmediate(resolve));
            inside--;
          }),
        ),
      );
      const limit = fixedWindow('adapter', 3, 600_000);
      const verdicts = await Promise.all(Array.from({ length: 5 }, () => take(commands, limit, name)));
      assert.equal(verdicts.filter(({ allowed }) => allowed).length, 3);
    });
  });
}

describe('the reader of replies', () => {
  const bytes = Buffer.from('*3\r\n$2\r\nab\r\n:-7\r\n*2\r\n$-1\r\n+OK\r\n-ERR no\r\n*-1\r\n$0\r\n\r\n');
  const expected = [['ab', -7, [null, 'OK']], new Error('ERR no'), null, ''];

  it('reads replies in pieces of any size', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const replies: unknown[] = [];
      const reader = new ReplyReader((reply) => replies.push(reply));
      for (let at = 0; at < bytes.length; at += size) reader.add(bytes.subarray(at, at + size));
      assert.deepEqual(replies, expected);
    }
  });

  it('refuses what is no reply', () => {
    for (const text of ['hello\r\n', '$x\r\n', '*1\r\n?1\r\n', '$99999999999\r\n', '*1\r\n'.repeat(100)])
      assert.throws(
        () => new ReplyReader(() => undefined).add(Buffer.from(text)),
        /not a reply|too long|too deeply/,
        text,
      );
  });

  it('rejects what waits when the connection closes', async () => {
    const stream = server.connect();
    const commands = fromStream(stream);
    const waiting = commands.send('BLPOP', ['nothing', 0]);
    stream.destroy();
    await assert.rejects(waiting, /closed/);
    await assert.rejects(commands.send('PING', []), /closed/);
  });
});
