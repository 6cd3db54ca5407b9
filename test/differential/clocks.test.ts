// Which commands renew the idle time of a key and which leave it: compared with redis-server, without waiting, as RESTORE
// gives a key any idle time.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';

const idleSeconds = 1000;

const commands = [
  'TTL s',
  'PTTL s',
  'EXPIRETIME s',
  'TYPE s',
  'EXISTS s',
  'OBJECT ENCODING s',
  'OBJECT REFCOUNT s',
  'TOUCH s',
  'DUMP s',
  'GET s',
  'STRLEN s',
  'GETRANGE s 0 1',
  'MGET s',
  'EXPIRE s 100',
  'PERSIST s',
  'EXPIRE s 100 XX',
  'SETNX s 1',
  'GETEX s',
  'COPY s copy',
  'SORT s',
  'GETBIT s 1',
  'SETBIT s 1 1',
  'BITFIELD s GET u8 0',
  'SCAN 0',
  'KEYS *',
  'MEMORY USAGE s',
  'DEBUG OBJECT s',
  'SET s 1 NX',
  'SET s 1',
  'MSETNX s 1',
  'LLEN s',
  'LLEN l',
  'LRANGE l 0 -1',
  'LINDEX l 0',
  'LPOS l a',
  'SORT l ALPHA',
  'LPUSHX l a',
  'LREM l 0 zz',
  'LSET l 100 a',
  'LPOP l 0',
  'SCARD t',
  'SISMEMBER t a',
  'SMEMBERS t',
  'SRANDMEMBER t',
  'SINTER t',
  'SSCAN t 0',
  'SADD t a',
  'SREM t zz',
  'SMOVE t other zz',
  'HGET h a',
  'HGETALL h',
  'HLEN h',
  'HSCAN h 0',
  'HSETNX h a 1',
  'HDEL h zz',
  'ZCARD z',
  'ZSCORE z a',
  'ZRANK z a',
  'ZRANGE z 0 -1',
  'ZCOUNT z 0 1',
  'ZSCAN z 0',
  'ZUNION 1 z',
  'ZADD z NX 1 a',
  'ZREM z zz',
  'GEOPOS z a',
  'XLEN x',
  'XRANGE x - +',
  'XREAD STREAMS x 0',
  'XREAD STREAMS x $',
  'XINFO STREAM x',
  'XPENDING x g',
  'XACK x g 9-9',
  'XDEL x 9-9',
  'XREADGROUP GROUP g c STREAMS x >',
].map((text) => text.split(' '));

/** How the words reach the server. */
const ways: Readonly<Record<string, (client: Redis, words: readonly string[]) => Promise<unknown>>> = {
  'sent by a client': (client, words) => client.call(words[0]!, ...words.slice(1)),
  'called by a script': (client, words) => client.call('EVAL', 'return redis.pcall(unpack(ARGV))', '0', ...words),
};

/** The commands after which the idle time of their key is not what it was. */
async function renewing(port: number, way: string): Promise<string[]> {
  const client = new Redis(port);
  try {
    await client.flushall();
    await client.set('s', '5');
    await client.rpush('l', 'a', 'b');
    await client.sadd('t', 'a', 'b');
    await client.hset('h', 'a', '1');
    await client.zadd('z', '1', 'a');
    await client.xadd('x', '1-1', 'a', 'b');
    await client.xgroup('CREATE', 'x', 'g', '0');
    const keys = ['s', 'l', 't', 'h', 'z', 'x'];
    const payloads = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
    const renewed: string[] = [];
    for (const words of commands) {
      for (let index = 0; index < keys.length; index++)
        await client.call('RESTORE', keys[index]!, '0', payloads[index]!, 'REPLACE', 'IDLETIME', String(idleSeconds));
      await ways[way]!(client, words).catch(() => undefined);
      for (const key of keys)
        if (Number(await client.object('IDLETIME', key)) < idleSeconds) renewed.push(`${words.join(' ')}: ${key}`);
    }
    return renewed;
  } finally {
    client.disconnect();
  }
}

describe('the idle time of keys', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  let kvasir: KvasirProcess;
  before(async () => {
    const args = ['--enable-debug-command', 'yes'];
    redis = await startRedis({ args });
    kvasir = await startKvasir({ args });
  });
  after(async () => {
    await redis.stop();
    await kvasir.stop();
  });

  for (const way of Object.keys(ways)) {
    test(`is renewed by the same commands as in redis-server, ${way}`, async () => {
      const expected = await renewing(redis.port, way);
      assert.ok(expected.includes('GET s: s') && !expected.includes('TTL s: s'));
      assert.deepEqual(await renewing(kvasir.port, way), expected);
    });
  }

  // CLIENT NO-TOUCH came with 7.2.
  test('is left by a client that asked for it, but for TOUCH, also in scripts and transactions', async () => {
    const client = new Redis(kvasir.port);
    const idle = async (run: () => Promise<unknown>): Promise<boolean> => {
      await client.set('k', 'v');
      await client.call(
        'RESTORE',
        'k',
        '0',
        (await client.dumpBuffer('k'))!,
        'REPLACE',
        'IDLETIME',
        String(idleSeconds),
      );
      await client.call('CLIENT', 'NO-TOUCH', 'ON');
      await run();
      await client.call('CLIENT', 'NO-TOUCH', 'OFF');
      return Number(await client.object('IDLETIME', 'k')) >= idleSeconds;
    };
    try {
      assert.equal(await idle(() => client.get('k')), true);
      assert.equal(await idle(() => client.eval('return redis.call("GET", "k")', 0)), true);
      assert.equal(
        await idle(() => client.eval('for i = 1, 3e6 do local x = i end return redis.call("GET", "k")', 0)),
        true,
      );
      assert.equal(await idle(() => client.multi().get('k').exec()), true);
      assert.equal(await idle(() => client.call('TOUCH', 'k')), false);
      assert.equal(await idle(() => client.eval('return redis.call("TOUCH", "k")', 0)), false);
      assert.equal(await idle(() => client.multi().call('TOUCH', 'k').exec()), false);
    } finally {
      client.disconnect();
    }
  });
});
