// suite: five hundred small tests over ioredis, each on data of its own, as a test runner would run them.

import assert from 'node:assert/strict';
import type { Redis } from 'ioredis';

export const TEST_COUNT = 500;

/** Data that every test of a seeded suite begins with. */
export async function seed(client: Redis): Promise<void> {
  const pipeline = client.pipeline();
  for (let index = 0; index < 10; index++) {
    pipeline.set(`setting:${index}`, `value ${index}`);
    pipeline.hset(`user:${index}`, { name: `user ${index}`, age: 20 + index });
    pipeline.zadd('scores', index, `user:${index}`);
    pipeline.rpush('queue', `job ${index}`);
  }
  await pipeline.exec();
}

/** One test: it fails when the test before has left something. */
export async function oneTest(client: Redis, isSeeded: boolean): Promise<void> {
  assert.equal(await client.dbsize(), isSeeded ? 22 : 0);
  assert.equal(await client.incr('visits'), 1);
  await client.hset('user:new', { name: 'Ann' });
  assert.equal(await client.hget('user:new', 'name'), 'Ann');
  assert.equal(await client.rpush('queue', 'job'), isSeeded ? 11 : 1);
  assert.deepEqual(await client.lrange('queue', -1, -1), ['job']);
}

/** Runs them all; `isolate` brings the data back to what a test begins with. Returns milliseconds. */
export async function runSuite(client: Redis, isSeeded: boolean, isolate: () => Promise<void> | void): Promise<number> {
  const began = performance.now();
  for (let index = 0; index < TEST_COUNT; index++) {
    await isolate();
    await oneTest(client, isSeeded);
  }
  return performance.now() - began;
}
