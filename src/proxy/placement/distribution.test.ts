import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../../base/bytes.js';
import { ketamaPoints } from '../../base/ketama.js';
import { Prng } from '../../base/prng.js';
import { compareNames, makeDistribution } from './distribution.js';
import { clusterTag, codisTag, findTag, tag } from './hash-tag.js';

function servers(...weights: number[]): { name: string; weight: number }[] {
  return weights.map((weight, index) => ({ name: `server${index + 1}`, weight }));
}

test('servers of one weight have 160 points each, others by their share', () => {
  assert.equal(ketamaPoints(1, 3, 3), 160);
  assert.equal(ketamaPoints(1, 1, 1), 160);
  assert.equal(ketamaPoints(1, 4, 2), 80);
  assert.equal(ketamaPoints(3, 4, 2), 240);
  assert.equal(ketamaPoints(1, 1000, 3), 0);
});

test('modula repeats a server by its weight', () => {
  const distribution = makeDistribution('modula', servers(1, 2), [0, 1], new Prng(1))!;
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((hash) => distribution.indexOf(hash)),
    [0, 1, 1, 0, 1, 1],
  );
});

test('a server that is not live gets no key', () => {
  for (const name of ['ketama', 'modula', 'random'] as const) {
    const distribution = makeDistribution(name, servers(1, 1, 1), [0, 2], new Prng(2))!;
    for (let hash = 0; hash < 2 ** 32; hash += 2 ** 22) assert.notEqual(distribution.indexOf(hash), 1, name);
    assert.equal(makeDistribution(name, servers(1), [], new Prng(3)), undefined);
  }
});

test('names are sorted by length before bytes', () => {
  assert.deepEqual(['b', 'aa', 'a', 'ab'].sort(compareNames), ['a', 'b', 'aa', 'ab']);
});

test('the tag is what lies between its characters', () => {
  const tagOf = (rule: typeof clusterTag | undefined, key: string): string => {
    findTag(rule, latin1Bytes(`x${key}`), 1, key.length);
    return `x${key}`.slice(tag.start, tag.start + tag.length);
  };
  assert.equal(tagOf(undefined, 'a{b}c'), 'a{b}c');
  assert.equal(tagOf(clusterTag, 'a{b}c'), 'b');
  assert.equal(tagOf(clusterTag, 'a{}{b}'), 'a{}{b}');
  assert.equal(tagOf(codisTag, 'a{}c'), '');
  assert.equal(tagOf(clusterTag, '{a'), '{a');
  assert.equal(tagOf({ open: 36, close: 36, takesEmpty: false }, 'a$b$c'), 'b');
});
