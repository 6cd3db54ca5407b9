// A short share of the soak (see soak.ts); `npm run soak` goes on for hours.
import { test } from 'node:test';
import { soak } from './soak.js';

test('clients that come, do anything and die leave nothing behind', { timeout: 600_000 }, async () => {
  const seed = Math.floor(Math.random() * 0x7fffffff);
  await soak(
    seed,
    () => true,
    () => undefined,
  );
});
