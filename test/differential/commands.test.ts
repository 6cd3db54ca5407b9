// Random commands of the whole registry, compared with redis-server. KVASIR_SEED and KVASIR_ROUNDS choose others and more.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { peerMissing } from '../peer.js';
import { Campaign } from './campaign.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const rounds = Number(process.env.KVASIR_ROUNDS ?? 1000);
/** From so many rounds on, each declared difference must have been seen. */
const roundsToSeeAll = 20_000;

describe('random commands on Kvasir and redis-server', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  test(`${rounds} sequences from seed ${seed} leave the same replies and the same data`, async () => {
    const { failures, commandCount, coverage, unseen } = await Campaign.run({ seed, rounds });
    assert.deepEqual(failures, [], failures.join('\n'));
    assert.ok(commandCount >= rounds * 50);
    if (rounds >= 1000)
      for (const name of [
        'set',
        'lpush',
        'hset',
        'sadd',
        'zadd',
        'xadd',
        'setbit',
        'pfadd',
        'geoadd',
        'exec',
        'restore',
      ])
        assert.ok((coverage.get(name) ?? 0) > 20, `${name} ran too seldom`);
    if (rounds >= roundsToSeeAll) assert.deepEqual(unseen, [], 'declared differences that no longer occur');
  });
});
