// DUMP here and RESTORE there, in both directions, for every type; damaged payloads are refused and never harm.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { Crc64 } from '../../src/base/crc64.js';
import { Prng } from '../../src/base/prng.js';
import { peerMissing, type RedisPeer, startRedis } from '../peer.js';
import { startKvasir } from '../kvasir.js';
import { dataset, sendAll } from './dataset.js';

const seed = Number(process.env.SEED ?? 4242);
const rounds = Number(process.env.ROUNDS ?? 2000);
const debug = ['--enable-debug-command', 'yes'];

/** Reads and changes of every kind, by the type of the key x. Some say that they cannot. */
const uses: Readonly<Record<string, readonly (readonly string[])[]>> = Object.fromEntries(
  Object.entries({
    string: [
      'GET x',
      'STRLEN x',
      'GETRANGE x 0 -1',
      'APPEND x y',
      'SETRANGE x 3 z',
      'BITCOUNT x',
      'PFCOUNT x',
      'INCR x',
    ],
    list: [
      'LRANGE x 0 -1',
      'LINDEX x -1',
      'LPOS x a',
      'LINSERT x BEFORE a b',
      'LSET x 0 v',
      'LPUSH x 1',
      'RPOP x',
      'LREM x 0 a',
      'LTRIM x 0 3',
      'SORT x ALPHA',
      'LPOP x 10',
    ],
    set: [
      'SMEMBERS x',
      'SCARD x',
      'SSCAN x 0',
      'SRANDMEMBER x 5',
      'SADD x more',
      'SUNION x y',
      'SREM x more',
      'SPOP x',
      'SPOP x 5',
    ],
    hash: [
      'HGETALL x',
      'HSCAN x 0',
      'HRANDFIELD x 5',
      'HSET x f v',
      'HEXPIRE x 100 FIELDS 1 f',
      'HTTL x FIELDS 1 f',
      'HDEL x f',
      'HINCRBY x n 1',
    ],
    zset: [
      'ZRANGE x 0 -1 WITHSCORES',
      'ZREVRANGE x 0 -1',
      'ZSCAN x 0',
      'ZRANGEBYSCORE x -inf +inf',
      'ZRANK x a',
      'ZINCRBY x 1 a',
      'ZADD x 1 more',
      'ZUNION 1 x',
      'ZPOPMIN x',
      'ZREMRANGEBYRANK x 0 2',
    ],
    stream: [
      'XRANGE x - +',
      'XREVRANGE x + -',
      'XLEN x',
      'XINFO STREAM x FULL',
      'XINFO GROUPS x',
      'XADD x * a b',
      'XPENDING x g',
      'XREADGROUP GROUP g c STREAMS x >',
      'XAUTOCLAIM x g c 0 0',
      'XTRIM x MAXLEN 1',
      'XGROUP DESTROY x g',
    ],
  }).map(([type, lines]) => [type, lines.map((line) => line.split(' '))]),
);

async function copyAll(from: RedisPeer, to: RedisPeer): Promise<Buffer[]> {
  const payloads: Buffer[] = [];
  const source = new Redis(from.port);
  const target = new Redis(to.port);
  try {
    for (const database of [0, 3, 15]) {
      await source.select(database);
      await target.select(database);
      for (const key of await source.keysBuffer('*')) {
        const payload = (await source.dumpBuffer(key))!;
        const ttl = await source.pexpiretime(key);
        const reply = await target.call('RESTORE', key, Math.max(0, ttl), payload, 'ABSTTL');
        assert.equal(reply, 'OK', key.toString('latin1'));
        payloads.push(payload);
      }
    }
  } finally {
    source.disconnect();
    target.disconnect();
  }
  return payloads;
}

describe('DUMP and RESTORE', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  test(`every type crosses over and back with the same digest (seed ${seed})`, async () => {
    const redis = await startRedis({ args: debug });
    const kvasir = await startKvasir({ args: [...debug, '--list-compress-depth', '1'] });
    const again = await startRedis({ args: [...debug, '--sanitize-dump-payload', 'yes'] });
    try {
      await sendAll(redis.port, dataset({ seed, keys: 16, withFunctions: false }));
      const wanted = await redis.send('DEBUG', 'DIGEST');
      await copyAll(redis, kvasir);
      assert.equal(await kvasir.send('DEBUG', 'DIGEST'), wanted);
      await copyAll(kvasir, again);
      assert.equal(await again.send('DEBUG', 'DIGEST'), wanted);
    } finally {
      await redis.stop();
      await kvasir.stop();
      await again.stop();
    }
  });

  test('rdbcompression says whether DUMP compresses, here as there', async () => {
    const redis = await startRedis();
    const kvasir = await startKvasir();
    const clients = [new Redis(redis.port), new Redis(kvasir.port)];
    try {
      for (const value of ['yes', 'no']) {
        const lengths: number[] = [];
        for (const client of clients) {
          await client.config('SET', 'rdbcompression', value);
          await client.set('x', 'x'.repeat(3000));
          lengths.push((await client.dumpBuffer('x')).length);
        }
        assert.equal(lengths[0]! < 100, value === 'yes');
        assert.equal(lengths[1]! < 100, value === 'yes');
      }
    } finally {
      for (const client of clients) client.disconnect();
      await redis.stop();
      await kvasir.stop();
    }
  });

  test(`damaged payloads, with a checksum made to fit: an error or a value that can be used (seed ${seed})`, async () => {
    const random = new Prng(seed);
    const redis = await startRedis({ args: debug });
    const kvasir = await startKvasir({ args: [...debug, '--list-compress-depth', '1'] });
    const client = new Redis(kvasir.port);
    try {
      await sendAll(redis.port, dataset({ seed, keys: 5, withFunctions: false }));
      const payloads = (await copyAll(redis, kvasir)).filter((payload) => payload.length < 5000);
      await client.flushall();
      for (let round = 0; round < rounds; round++) {
        const damaged = Buffer.from(random.pick(payloads));
        for (let flips = 1 + random.below(3); flips > 0; flips--)
          damaged[random.below(damaged.length - 10)] = random.below(256);
        const crc = new Crc64();
        crc.update(new Uint8Array(damaged), 0, damaged.length - 8);
        const sum = new Uint8Array(8);
        crc.writeTo(sum, 0);
        damaged.set(sum, damaged.length - 8);
        try {
          await client.call('RESTORE', 'x', 0, damaged, 'REPLACE');
        } catch (error) {
          assert.match((error as Error).message, /^ERR (Bad data format|DUMP payload)/, `round ${round}`);
          continue;
        }
        // It was accepted: using it, saving it and deleting it must work.
        await client.call('DEBUG', 'DIGEST-VALUE', 'x');
        await client.dumpBuffer('x');
        await client.copy('x', 'y', 'REPLACE');
        for (const words of uses[await client.type('x')]!)
          await client
            .call(words[0]!, ...words.slice(1))
            .catch((error: Error) =>
              assert.match(error.message, /^(ERR|NOGROUP|WRONGTYPE) (?!internal)/, words.join(' ')),
            );
        await client.del('x');
      }
      assert.equal(await client.ping(), 'PONG');
    } finally {
      client.disconnect();
      await redis.stop();
      await kvasir.stop();
    }
  });
});
