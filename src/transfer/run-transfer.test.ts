import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RateLimit } from './run-transfer.js';

async function msOf(run: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}

it('holds the rate of bytes or of records, and a quiet time earns no burst', async () => {
  const limit = new RateLimit(10_000, 1000);
  const taken = await msOf(async () => {
    // The bytes cost more, then the records.
    for (let count = 0; count < 5; count++) await limit.take(1000, 1);
    for (let count = 0; count < 5; count++) await limit.take(10, 100);
  });
  assert.ok(taken >= 890, `1000 ms of data took ${taken} ms`);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const later = await msOf(() => limit.take(4000, 1));
  assert.ok(later >= 290, `400 ms of data took ${later} ms after a rest`);
  assert.ok((await msOf(() => new RateLimit(Infinity, Infinity).take(1e12, 1e9))) < 1000);
});
