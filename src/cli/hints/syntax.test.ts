// syntax tests: hints and what may come next, on declarations of every shape.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArgumentDoc } from './command-docs.js';
import { leadingTokens, matchArguments, renderArguments } from './syntax.js';

function arg(name: string, more: Partial<ArgumentDoc> = {}): ArgumentDoc {
  return {
    name,
    type: 'string',
    token: undefined,
    optional: false,
    multiple: false,
    multipleToken: false,
    parts: [],
    ...more,
  };
}
function token(word: string, more: Partial<ArgumentDoc> = {}): ArgumentDoc {
  return arg(word.toLowerCase(), { type: 'pure-token', token: word, ...more });
}
function choice(parts: ArgumentDoc[], more: Partial<ArgumentDoc> = {}): ArgumentDoc {
  return arg('choice', { type: 'oneof', parts, ...more });
}
function block(parts: ArgumentDoc[], more: Partial<ArgumentDoc> = {}): ArgumentDoc {
  return arg('block', { type: 'block', parts, ...more });
}
const optional = { optional: true };
const multiple = { multiple: true };

const setArgs = [
  arg('key', { type: 'key' }),
  arg('value'),
  choice([token('NX'), token('XX')], optional),
  token('GET', optional),
  choice([arg('seconds', { type: 'integer', token: 'EX' }), token('KEEPTTL')], optional),
];
const zaddArgs = [
  arg('key', { type: 'key' }),
  choice([token('NX'), token('XX')], optional),
  token('CH', optional),
  block([arg('score', { type: 'double' }), arg('member')], multiple),
];
const bitfieldArgs = [
  arg('key'),
  block([arg('encoding'), arg('offset', { type: 'integer' })], {
    token: 'GET',
    multipleToken: true,
    ...optional,
    ...multiple,
  }),
];
const zunionArgs = [
  arg('numkeys', { type: 'integer' }),
  arg('key', { type: 'key', ...multiple }),
  arg('weight', { type: 'integer', token: 'WEIGHTS', ...optional, ...multiple }),
];
const zrandmemberArgs = [
  arg('key'),
  block([arg('count', { type: 'integer' }), token('WITHSCORES', optional)], optional),
];
const migrateArgs = [arg('host'), choice([arg('key', { type: 'key' }), token('')])];

const cases: [string, ArgumentDoc[], string, string | undefined][] = [
  ['set', setArgs, '', 'key value [NX|XX] [GET] [EX seconds|KEEPTTL]'],
  ['set', setArgs, 'k', 'value [NX|XX] [GET] [EX seconds|KEEPTTL]'],
  ['set', setArgs, 'k v get', '[NX|XX] [EX seconds|KEEPTTL]'],
  ['set', setArgs, 'k v ex', 'seconds [NX|XX] [GET]'],
  ['set', setArgs, 'k v EX 10 xx', '[GET]'],
  ['set', setArgs, 'k v EX ten', undefined],
  ['set', setArgs, 'k v nonsense', undefined],
  ['set', setArgs, 'k v nx xx', undefined],
  ['zadd', zaddArgs, '', 'key [NX|XX] [CH] score member [score member ...]'],
  ['zadd', zaddArgs, 'k ch', '[NX|XX] score member [score member ...]'],
  ['zadd', zaddArgs, 'k 1', 'member [score member ...]'],
  ['zadd', zaddArgs, 'k 1 a 2.5', 'member [score member ...]'],
  ['zadd', zaddArgs, 'k 1 a -inf b', '[score member ...]'],
  ['zadd', zaddArgs, 'k one', undefined],
  ['bitfield_ro', bitfieldArgs, 'k', '[GET encoding offset [GET encoding offset ...]]'],
  ['bitfield_ro', bitfieldArgs, 'k get u8', 'offset [GET encoding offset ...]]'],
  ['bitfield_ro', bitfieldArgs, 'k get u8 0', '[GET encoding offset ...]]'],
  ['bitfield_ro', bitfieldArgs, 'k get u8 0 get', 'encoding offset [GET encoding offset ...]]'],
  ['zunion', zunionArgs, '2 a b', '[key ...] [WEIGHTS weight [weight ...]]'],
  ['zunion', zunionArgs, '2 a b weights', 'weight [weight ...]'],
  ['zunion', zunionArgs, '2 a b weights 1 2', '[weight ...]'],
  ['zrandmember', zrandmemberArgs, 'k', '[count [WITHSCORES]]'],
  ['zrandmember', zrandmemberArgs, 'k 3', '[WITHSCORES]'],
  ['zrandmember', zrandmemberArgs, 'k 3 withscores', ''],
  ['zrandmember', zrandmemberArgs, 'k many', undefined],
  ['migrate', migrateArgs, 'h', 'key|""'],
];

test('the hint is what remains to be typed', () => {
  for (const [name, args, typed, hint] of cases) {
    const words = typed.split(' ').filter((word) => word !== '');
    assert.equal(matchArguments(args, words)?.hint, hint, `${name} ${typed}`);
    if (typed === '') assert.equal(renderArguments(args), hint);
  }
});

test('completion knows what may come next', () => {
  const next = (args: ArgumentDoc[], ...words: string[]): string[] =>
    matchArguments(args, words)
      ?.next.flatMap((one) => [one.type === 'key' ? '<key>' : '', ...leadingTokens(one)])
      .filter((word) => word !== '') ?? [];
  assert.deepEqual(next(setArgs), ['<key>']);
  assert.deepEqual(next(setArgs, 'k'), []);
  assert.deepEqual(next(setArgs, 'k', 'v'), ['NX', 'XX', 'GET', 'EX', 'KEEPTTL']);
  assert.deepEqual(next(setArgs, 'k', 'v', 'get', 'nx'), ['EX', 'KEEPTTL']);
  assert.deepEqual(next(setArgs, 'k', 'v', 'ex'), []);
  assert.deepEqual(next(zaddArgs, 'k'), ['NX', 'XX', 'CH']);
  assert.deepEqual(next(zunionArgs, '2', 'a'), ['<key>', 'WEIGHTS']);
});
