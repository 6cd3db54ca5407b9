import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Local, Remote, type Words } from './side-by-side.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const keys = ['a', 'b', 'c', 'd'];

function randomElement(prng: Prng): string {
  return Array.from({ length: prng.below(prng.chance(5) ? 200 : 20) }, () => String.fromCharCode(prng.below(256))).join(
    '',
  );
}

/** A value that claims to be sparse, with runs of any kind. */
function forged(prng: Prng): string {
  if (prng.chance(20))
    return prng.pick(['HYLL', 'HYLL\x02' + '\0'.repeat(11), 'HYLL\0' + '\0'.repeat(20), 'x'.repeat(20), '1234']);
  const runs = Array.from({ length: prng.below(12) }, () =>
    String.fromCharCode(prng.chance(40) ? 0x40 + prng.below(64) : prng.below(256)),
  ).join('');
  return `HYLL\x01\0\0\0${String.fromCharCode(prng.below(256))}\0\0\0\0\0\0${String.fromCharCode(prng.chance(50) ? 0x80 : 0)}${runs}`;
}

function randomCommand(prng: Prng): Words {
  const key = prng.pick(keys);
  const other = prng.pick(keys);
  switch (prng.below(12)) {
    case 0:
      return ['PFCOUNT', key];
    case 1:
      return ['PFCOUNT', key, other, prng.pick(keys)];
    case 2:
      return ['PFMERGE', key, other, ...(prng.chance(50) ? [prng.pick(keys)] : [])];
    case 3:
      return ['PFDEBUG', prng.pick(['DECODE', 'encoding', 'ENCODING', 'decode', 'nothing']), key];
    case 4:
      return prng.chance(15) ? ['PFDEBUG', prng.pick(['GETREG', 'TODENSE']), key] : ['PFDEBUG', 'DECODE', key];
    case 5:
      return prng.chance(30) ? ['DEL', key] : ['GET', key];
    case 6:
      return prng.chance(50) ? ['SET', 'forged', forged(prng)] : ['PFCOUNT', 'forged'];
    case 7:
      return ['GET', key];
    default:
      return [
        'PFADD',
        key,
        ...Array.from({ length: prng.below(prng.chance(20) ? 500 : 10) }, () => randomElement(prng)),
      ];
  }
}

describe('HyperLogLog commands answer as redis-server does', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  before(async () => void (redis = await startRedis()));
  after(() => redis.stop());

  for (const bytes of [0, 100, 3000, 15000]) {
    test(`values are the same byte for byte with hll-sparse-max-bytes ${bytes}`, async () => {
      const prng = new Prng(seed * 100 + bytes);
      const local = new Local(seed);
      local.limits.hllSparseMaxBytes = bytes;
      const remote = await Remote.connect(redis.port);
      await remote.run([['FLUSHALL'], ['CONFIG', 'SET', 'hll-sparse-max-bytes', String(bytes)]]);
      for (let round = 0; round < 15; round++) {
        const commands = Array.from({ length: 100 }, () => randomCommand(prng));
        const expected = await remote.run(commands);
        for (let at = 0; at < commands.length; at++) {
          const where = `seed ${seed} round ${round} command ${at}: ${commands[at]!.join(' ').slice(0, 100)}`;
          assert.ok(local.run(commands[at]!) === expected[at], where);
        }
      }
      remote.close();
    });
  }

  test('the estimate of many elements is the same', async () => {
    const local = new Local(seed);
    const remote = await Remote.connect(redis.port);
    // With a large bound redis-server's self-test spends minutes on long sparse values.
    await remote.run([['CONFIG', 'SET', 'hll-sparse-max-bytes', '3000']]);
    const commands = Array.from({ length: 200 }, (_, index) => [
      'PFADD',
      'many',
      ...Array.from({ length: 500 }, (_unused, at) => `element:${index}:${at}`),
    ]);
    for (const words of [...commands, ['PFCOUNT', 'many'], ['PFSELFTEST']])
      assert.equal(local.run(words), (await remote.run([words]))[0]);
    remote.close();
  });

  test('forged values are refused alike and harm nothing', async () => {
    const prng = new Prng(seed);
    const local = new Local(seed);
    const remote = await Remote.connect(redis.port);
    await remote.run([['FLUSHALL']]);
    for (let round = 0; round < 400; round++) {
      const set = ['SET', 'forged', forged(prng)];
      const words = prng.pick([
        ['PFADD', 'forged', 'x'],
        ['PFCOUNT', 'forged'],
        ['PFCOUNT', 'forged', 'none'],
        ['PFMERGE', 'other', 'forged'],
        ['PFDEBUG', 'ENCODING', 'forged'],
      ]);
      const [, expected] = await remote.run([set, words]);
      local.run(set);
      const reply = local.run(words);
      // Redis takes the byte after a value whose last run is cut off; here such a value is corrupt.
      if (expected!.startsWith('-') || !reply.startsWith('-INVALIDOBJ'))
        assert.equal(reply, expected, `seed ${seed} round ${round}: ${JSON.stringify(set[2])} ${words.join(' ')}`);
    }
    remote.close();
  });
});
