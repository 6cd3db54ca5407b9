import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Local, Remote, withShortDoubles, type Words } from './side-by-side.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const keys = ['a', 'b', 'c', 'missing', 'string', 'plain'];
const scores = [
  '0',
  '1',
  '-1',
  '1.5',
  '3.3',
  '0.1',
  '-0.7',
  '1e20',
  '1e-7',
  'inf',
  '-inf',
  '+inf',
  '4503599627370497',
  '9007199254740993',
  '100',
  '2',
  '3',
  '-0',
  '1e300',
  '0x10',
];
const badScores = ['', 'x', 'nan', '1 ', ' 1', '1e400'];

function member(prng: Prng): string {
  if (prng.chance(60)) return `m${prng.below(prng.chance(50) ? 12 : 200)}`;
  if (prng.chance(50)) return String(prng.below(30) - 5);
  return prng.pick(['', 'x', 'hello\r\n', '\0\xff', 'y'.repeat(40), '9223372036854775807', 'z'.repeat(100)]);
}

function score(prng: Prng): string {
  if (prng.chance(1)) return prng.pick(badScores);
  return prng.chance(60) ? prng.pick(scores) : String(prng.below(40) / (prng.chance(50) ? 1 : 7));
}

function bound(prng: Prng): string {
  if (prng.chance(2)) return prng.pick([...badScores, '(', '((1']);
  return (prng.chance(30) ? '(' : '') + score(prng);
}

function lexBound(prng: Prng): string {
  if (prng.chance(2)) return prng.pick(['', 'a', '++', '-x', '1']);
  return prng.chance(30) ? prng.pick(['-', '+']) : prng.pick(['[', '(']) + member(prng);
}

function rank(prng: Prng): string {
  return prng.chance(2)
    ? prng.pick(['x', '', '1.5', '9223372036854775807', '-9223372036854775808'])
    : String(prng.below(prng.chance(20) ? 300 : 12) - (prng.chance(40) ? 10 : 0));
}

function option(prng: Prng, percent: number, ...words: string[]): string[] {
  return prng.chance(percent) ? words : [];
}

/** Keys whose members all have one score, for ranges by member. */
const lexKeys = ['l1', 'l2'];

function randomCommand(prng: Prng): Words {
  const key = prng.chance(3) ? 'string' : prng.pick(keys);
  const other = prng.pick(keys);
  const lex = prng.pick(lexKeys);
  const limit = (): string[] => option(prng, 30, prng.pick(['LIMIT', 'limit']), rank(prng), rank(prng));
  const withScores = (): string[] => option(prng, 40, prng.pick(['WITHSCORES', 'withscores']));
  const sources = (): string[] => {
    const list = Array.from({ length: 1 + prng.below(3) }, () => prng.pick(keys));
    return [prng.chance(2) ? prng.pick(['0', 'x', '9', '-1']) : String(list.length), ...list];
  };
  const weighted = (): string[] => {
    const list = sources();
    const weights = prng.chance(40) ? ['WEIGHTS', ...list.slice(1).map(() => score(prng))] : [];
    return [
      ...list,
      ...weights,
      ...option(prng, 40, 'AGGREGATE', prng.pick(['SUM', 'min', 'MAX', prng.chance(5) ? 'avg' : 'sum'])),
    ];
  };
  const pairs = (count: number): string[] => Array.from({ length: count }, () => [score(prng), member(prng)]).flat();
  switch (prng.below(36)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return ['ZADD', key, ...pairs(1 + prng.below(prng.chance(10) ? 100 : 5))];
    case 4: {
      const options = ['NX', 'xx', 'CH', 'INCR', 'GT', 'lt'].filter(() => prng.chance(25));
      return ['ZADD', key, ...options, ...pairs(options.includes('INCR') && prng.chance(90) ? 1 : 1 + prng.below(3))];
    }
    case 5:
      return ['ZINCRBY', key, score(prng), member(prng)];
    case 6:
      return ['ZREM', key, ...Array.from({ length: 1 + prng.below(4) }, () => member(prng))];
    case 7:
      return ['ZREMRANGEBYRANK', key, rank(prng), prng.chance(50) ? '2' : rank(prng)];
    case 8:
      return ['ZREMRANGEBYSCORE', key, bound(prng), prng.chance(80) ? '(-1' : bound(prng)];
    case 9:
      return ['ZREMRANGEBYLEX', lex, lexBound(prng), lexBound(prng)];
    case 10:
      return ['ZCARD', key];
    case 11:
      return ['ZSCORE', key, member(prng)];
    case 12:
      return ['ZMSCORE', key, member(prng), member(prng)];
    case 13:
      return [prng.pick(['ZRANK', 'ZREVRANK']), key, member(prng)];
    case 14:
      return ['ZCOUNT', key, bound(prng), bound(prng)];
    case 15:
      return ['ZLEXCOUNT', lex, lexBound(prng), lexBound(prng)];
    case 16:
      return [
        'ZRANGE',
        key,
        rank(prng),
        prng.chance(50) ? '-1' : rank(prng),
        ...option(prng, 30, 'REV'),
        ...withScores(),
        ...option(prng, 5, 'LIMIT', '0', '-1'),
      ];
    case 17:
      return [
        'ZRANGE',
        key,
        bound(prng),
        bound(prng),
        'BYSCORE',
        ...option(prng, 40, 'rev'),
        ...limit(),
        ...withScores(),
      ];
    case 18:
      return [
        'ZRANGE',
        lex,
        lexBound(prng),
        lexBound(prng),
        'BYLEX',
        ...option(prng, 40, 'REV'),
        ...limit(),
        ...option(prng, 3, 'WITHSCORES'),
      ];
    case 19:
      return ['ZREVRANGE', key, rank(prng), rank(prng), ...withScores()];
    case 20:
      return [
        prng.pick(['ZRANGEBYSCORE', 'ZREVRANGEBYSCORE']),
        key,
        bound(prng),
        bound(prng),
        ...limit(),
        ...withScores(),
      ];
    case 21:
      return [prng.pick(['ZRANGEBYLEX', 'ZREVRANGEBYLEX']), lex, lexBound(prng), lexBound(prng), ...limit()];
    case 22:
      return ['ZRANGESTORE', other, key, rank(prng), rank(prng), ...option(prng, 30, 'REV')];
    case 23:
      return ['ZRANGESTORE', prng.pick(['a', 'd']), key, bound(prng), bound(prng), 'BYSCORE', ...limit()];
    case 24:
      return [prng.pick(['ZPOPMIN', 'ZPOPMAX']), key, ...(prng.chance(50) ? [rank(prng)] : [])];
    case 25:
      return [
        'ZMPOP',
        prng.pick(['1', '2', '2', '3', '0', 'x']),
        key,
        other,
        prng.pick(['MIN', 'max']),
        ...option(prng, 50, 'COUNT', rank(prng)),
      ];
    case 26:
      return [prng.pick(['BZPOPMIN', 'BZPOPMAX']), key, other, prng.pick(['0.01', '0.01', '-1', 'x'])];
    case 27:
      return [
        'BZMPOP',
        prng.pick(['0.01', '0.01', 'x']),
        '2',
        key,
        other,
        prng.pick(['MIN', 'MAX']),
        ...option(prng, 50, 'COUNT', '2'),
      ];
    case 28:
      return [prng.pick(['ZUNION', 'ZINTER']), ...weighted(), ...withScores()];
    case 29:
      return ['ZDIFF', ...sources(), ...withScores()];
    case 30:
      return [prng.pick(['ZUNIONSTORE', 'ZINTERSTORE']), prng.pick(['d', 'a', 'c']), ...weighted()];
    case 31:
      return ['ZDIFFSTORE', prng.pick(['d', 'b']), ...sources()];
    case 32:
      return ['ZINTERCARD', ...sources(), ...option(prng, 40, 'LIMIT', rank(prng))];
    case 33:
      return ['ZADD', lex, ...Array.from({ length: 1 + prng.below(6) }, () => ['7', member(prng)]).flat()];
    case 34:
      return ['OBJECT', 'ENCODING', key === 'plain' ? 'a' : key];
    default:
      return ['ZRANGE', key, '0', '-1', 'WITHSCORES'];
  }
}

describe('sorted set commands answer as redis-server does', { skip: peerMissing('redis-server') }, () => {
  let redis: RedisPeer;
  before(async () => void (redis = await startRedis()));
  after(() => redis.stop());

  for (const [entries, protocol] of [
    [0, 2],
    [5, 3],
    [40, 2],
    [128, 3],
  ] as const) {
    test(`zset-max-listpack-entries ${entries}, RESP${protocol}`, async () => {
      const prng = new Prng(seed * 100 + entries);
      const local = new Local(seed);
      local.limits.zsetMaxListpackEntries = entries;
      local.protocol = protocol;
      const remote = await Remote.connect(redis.port);
      await remote.run([
        ['FLUSHALL'],
        ['CONFIG', 'SET', 'zset-max-listpack-entries', String(entries)],
        ['HELLO', String(protocol)],
      ]);
      const setup = [
        ['SET', 'string', 'value'],
        ['SADD', 'plain', 'm1', 'm2', '3', '17', 'x'],
        ['SADD', 'b', '1', '2', '3'],
      ];
      await remote.run(setup);
      for (const words of setup) local.run(words);
      for (let round = 0; round < 40; round++) {
        // Blocking commands answer at once in a transaction, here and there.
        const commands = Array.from({ length: 200 }, () => randomCommand(prng)).filter(
          (words) => !words[0]!.startsWith('BZ') || prng.chance(10),
        );
        const expected = await remote.run(commands);
        for (let at = 0; at < commands.length; at++) {
          const where = `seed ${seed} round ${round} command ${at}: ${commands[at]!.join(' ').slice(0, 300)}`;
          assert.equal(withShortDoubles(local.run(commands[at]!)), withShortDoubles(expected[at]!), where);
        }
        local.keyspace.verify();
        for (const key of ['a', 'b', 'c', 'd', ...lexKeys]) verifySet(local, key);
      }
      remote.close();
    });
  }
});

function verifySet(local: Local, key: string): void {
  const bytes = new TextEncoder().encode(key);
  const entry = local.keyspace.databases[0]!.peek(bytes, 0, bytes.length);
  const { entries, values } = local.keyspace;
  if (entry !== 0 && entries.type(entry) === 3) values.sortedSets.verify(entries.encoding(entry), entries.word2(entry));
}
