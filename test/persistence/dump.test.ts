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
const debug = ['--enable-debug-command', 'yes'];

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
    const kvasir = await startKvasir({ args: debug });
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

  test(`damaged payloads, with a checksum made to fit: an error or a value that can be used (seed ${seed})`, async () => {
    const random = new Prng(seed);
    const redis = await startRedis({ args: debug });
    const kvasir = await startKvasir({ args: debug });
    const client = new Redis(kvasir.port);
    try {
      await sendAll(redis.port, dataset({ seed, keys: 5, withFunctions: false }));
      const payloads = (await copyAll(redis, kvasir)).filter((payload) => payload.length < 5000);
      await client.flushall();
      for (let round = 0; round < 3000; round++) {
        const damaged = Buffer.from(random.pick(payloads));
        for (let flips = 1 + random.below(3); flips > 0; flips--) damaged[random.below(damaged.length - 10)] = random.below(256);
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
