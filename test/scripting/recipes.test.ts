// Scripts as programs of every day use them: rate limiters, a lock with a fence, a seckill, a compare-and-delete.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';

const slidingWindow = `
local key, now, window, limit = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
if redis.call('ZCARD', key) >= limit then return 0 end
redis.call('ZADD', key, now, ARGV[4])
redis.call('PEXPIRE', key, window)
return 1`;

const tokenBucket = `
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local rate, capacity, now, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local tokens = math.min(capacity, (tonumber(bucket[1]) or capacity) + math.max(0, now - (tonumber(bucket[2]) or now)) * rate)
local allowed = tokens >= wanted
if allowed then tokens = tokens - wanted end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('EXPIRE', KEYS[1], math.ceil(capacity / rate))
return {allowed and 1 or 0, tostring(tokens)}`;

const acquire = `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return redis.call('INCR', KEYS[1] .. ':fence') end
return nil`;
const release = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";

const seckill = `
local stock = tonumber(redis.call('GET', KEYS[1]))
if stock <= 0 then return -1 end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return -2 end
redis.call('DECR', KEYS[1])
redis.call('SADD', KEYS[2], ARGV[1])
return stock - 1`;

describe('everyday scripts through ioredis', () => {
  let server: EmbeddedServer;
  let redis: Redis;

  before(async () => {
    server = await startServer({ port: 0 });
    redis = new Redis(server.port, '127.0.0.1');
  });
  after(async () => {
    redis?.disconnect();
    await server?.close();
  });

  test('a sliding window lets its limit through and no more', async () => {
    const answers: unknown[] = [];
    for (let at = 0; at < 20; at++)
      answers.push(await redis.eval(slidingWindow, 1, 'calls', 1000 + at * 10_000, 100_000, 3, `call${at}`));
    assert.deepEqual(answers, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('a token bucket refills with time, in fractions', async () => {
    const take = (now: number, wanted: number): Promise<unknown> =>
      redis.eval(tokenBucket, 1, 'bucket', 0.5, 10, now, wanted) as Promise<unknown>;
    assert.deepEqual(await take(0, 8), [1, '2']);
    assert.deepEqual(await take(1, 3), [0, '2.5']);
    assert.deepEqual(await take(2, 3), [1, '0']);
    assert.deepEqual(await take(1000, 10), [1, '0']);
  });

  test('a lock is taken once, given back by its owner only, and its fence grows', async () => {
    assert.equal(await redis.eval(acquire, 1, 'lock', 'me', 60000), 1);
    assert.equal(await redis.eval(acquire, 1, 'lock', 'you', 60000), null);
    assert.equal(await redis.eval(release, 1, 'lock', 'you'), 0);
    assert.equal(await redis.eval(release, 1, 'lock', 'me'), 1);
    assert.equal(await redis.eval(acquire, 1, 'lock', 'you', 60000), 2);
  });

  test('a seckill sells no more than there is, one to each, from many connections at once', async () => {
    await redis.set('stock', 50);
    redis.defineCommand('seckill', { numberOfKeys: 2, lua: seckill });
    const buyers = Array.from({ length: 8 }, () => redis.duplicate());
    for (const buyer of buyers) buyer.defineCommand('seckill', { numberOfKeys: 2, lua: seckill });
    const run = (buyer: Redis, user: number): Promise<number> =>
      (buyer as unknown as { seckill(...args: unknown[]): Promise<number> }).seckill('stock', 'buyers', `user${user}`);
    const answers = await Promise.all(Array.from({ length: 400 }, (_, index) => run(buyers[index % 8]!, index % 100)));
    assert.equal(answers.filter((answer) => answer >= 0).length, 50);
    assert.equal(await redis.get('stock'), '0');
    assert.equal(await redis.scard('buyers'), 50);
    for (const buyer of buyers) buyer.disconnect();
  });

  test('a script that SCRIPT FLUSH forgot is brought again by the client', async () => {
    await redis.script('FLUSH');
    redis.defineCommand('later', { numberOfKeys: 0, lua: 'return 7' });
    assert.equal(await (redis as unknown as { later(): Promise<number> }).later(), 7);
  });
});
