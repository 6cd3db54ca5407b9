import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Local, Remote, type Words } from './side-by-side.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const keys = ['a', 'b', 'c', 'missing', 'string'];
const elements = [
  'x',
  'y',
  '',
  '0',
  '-1',
  '127',
  '4096',
  '70000',
  '-9000000',
  '5000000000',
  '9223372036854775807',
  '9223372036854775808',
  '007',
  'hello\r\nworld',
];

function randomElement(prng: Prng): string {
  if (prng.chance(60)) return prng.pick(elements);
  if (prng.chance(2)) return 'L'.repeat(prng.below(20_000));
  return 'abc'.repeat(prng.below(prng.chance(10) ? 100 : 8));
}

function index(prng: Prng): string {
  if (prng.chance(3))
    return prng.pick(['x', '1.5', '', '-9223372036854775807', '9223372036854775807', '9223372036854775808']);
  return String(prng.below(prng.chance(30) ? 1000 : 12) - (prng.chance(40) ? 8 : 0));
}

function many(prng: Prng): string[] {
  return Array.from({ length: 1 + prng.below(prng.chance(10) ? 200 : 6) }, () => randomElement(prng));
}

function randomCommand(prng: Prng): Words {
  const key = prng.chance(4) ? 'string' : prng.pick(keys);
  const other = prng.pick(keys);
  const end = (): string => (prng.chance(2) ? 'MIDDLE' : prng.pick(['LEFT', 'right', 'Left', 'RIGHT']));
  const option = (name: string, percent: number): string[] => (prng.chance(percent) ? [name, index(prng)] : []);
  switch (prng.below(24)) {
    case 0:
      return ['LPUSH', key, ...many(prng)];
    case 1:
      return ['RPUSH', key, ...many(prng)];
    case 2:
      return ['LPUSHX', key, ...many(prng)];
    case 3:
      return ['RPUSHX', key, ...many(prng)];
    case 4:
      return ['LPOP', key, ...(prng.chance(50) ? [index(prng)] : [])];
    case 5:
      return ['RPOP', key, ...(prng.chance(50) ? [index(prng)] : [])];
    case 6:
      return ['LLEN', key];
    case 7:
      return ['LINDEX', key, index(prng)];
    case 8:
      return ['LRANGE', key, index(prng), prng.chance(30) ? '-1' : index(prng)];
    case 9:
      return [
        'LPOS',
        key,
        randomElement(prng),
        ...option('RANK', 40),
        ...option('COUNT', 40),
        ...option('MAXLEN', 30),
        ...option('WHAT', 2),
      ];
    case 10:
      return ['LSET', key, index(prng), randomElement(prng)];
    case 11:
      return [
        'LINSERT',
        key,
        prng.pick(['BEFORE', 'after', 'AFTER', 'nowhere']),
        randomElement(prng),
        randomElement(prng),
      ];
    case 12:
      return ['LREM', key, index(prng), randomElement(prng)];
    case 13:
      return ['LTRIM', key, prng.chance(70) ? '0' : index(prng), prng.chance(60) ? '-2' : index(prng)];
    case 14:
      return ['LMOVE', key, other, end(), end()];
    case 15:
      return ['RPOPLPUSH', key, other];
    case 16:
      return ['LMPOP', prng.pick(['1', '2', '2', '3', '0', 'x']), key, other, end(), ...option('COUNT', 60)];
    case 17:
      return ['LRANGE', key, '0', '-1'];
    case 18:
      return ['RPUSH', key, ...many(prng)];
    case 19:
      return ['LPUSH', key, ...many(prng)];
    case 20:
      return ['LINDEX', key, index(prng), ...(prng.chance(3) ? ['extra'] : [])];
    case 21:
      return ['LLEN', other];
    case 22:
      return ['LTRIM', key, index(prng), index(prng)];
    default:
      return ['LSET', key, String(prng.below(5)), randomElement(prng)];
  }
}

describe('list commands answer as redis-server does', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  before(async () => void (redis = await startRedis()));
  after(() => redis.stop());

  for (const [size, protocol, depth] of [
    [-2, 2, 0],
    [-1, 3, 0],
    [3, 2, 0],
    [128, 3, 0],
    [-2, 3, 1],
    [3, 3, 2],
  ] as const) {
    test(`list-max-listpack-size ${size}, list-compress-depth ${depth}, RESP${protocol}`, async () => {
      const prng = new Prng(seed * 100 + size + 10 * depth);
      const local = new Local(seed);
      local.limits.listMaxListpackSize = size;
      local.keyspace.values.lists.quicklists.compressDepth = depth;
      local.protocol = protocol;
      const remote = await Remote.connect(redis.port);
      const first = [
        ['FLUSHALL'],
        ['CONFIG', 'SET', 'list-max-listpack-size', String(size)],
        ['HELLO', String(protocol)],
      ];
      await remote.run([...first, ['SET', 'string', 'value']]);
      local.run(['SET', 'string', 'value']);
      for (let round = 0; round < 40; round++) {
        const commands = Array.from({ length: 200 }, () => randomCommand(prng));
        const expected = await remote.run(commands);
        for (let at = 0; at < commands.length; at++) {
          const where = `seed ${seed} round ${round}: ${commands[at]!.join(' ').slice(0, 200)}`;
          assert.equal(local.run(commands[at]!), expected[at], where);
        }
        local.keyspace.verify();
      }
      remote.close();
      for (const key of keys) local.run(['LTRIM', key, '1', '0']);
      while (!local.keyspace.freeSome(1000));
      local.run(['LPUSH', 'last', 'x']);
    });
  }
});
