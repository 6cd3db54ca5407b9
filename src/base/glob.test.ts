// glob, checked against a slow model, against redis-server's KEYS, and against patterns written to be slow.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { peerMissing, startRedis } from '../../test/peer.js';
import { Connection } from '../client/connection.js';
import { isAggregate, isError, replyText } from '../client/reply.js';
import { globMatches, globMatchesRange, globPrefixLength } from './glob.js';
import { Prng } from './prng.js';

const seed = Number(process.env.SEED ?? 20250);
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const matches = (pattern: string, text: string, noCase = false): boolean =>
  globMatches(bytes(pattern), bytes(text), noCase);

function randomText(prng: Prng, alphabet: string, lengthMax: number): string {
  let text = '';
  for (let left = prng.below(lengthMax + 1); left > 0; left--) text += alphabet[prng.below(alphabet.length)]!;
  return text;
}

/** The definition of `*`, `?` and literals, as slow as it is plain. */
function model(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*') {
    for (let skip = 0; skip <= text.length; skip++) if (model(pattern.slice(1), text.slice(skip))) return true;
    return false;
  }
  return text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && model(pattern.slice(1), text.slice(1));
}

describe('glob', () => {
  it('knows every element of the language', () => {
    for (const [pattern, text] of [
      ['', ''],
      ['*', 'a'],
      ['**a**', 'a'],
      ['h?llo', 'hallo'],
      ['h[ae]llo', 'hello'],
      ['h[^e]llo', 'hallo'],
      ['h[a-c]llo', 'hbllo'],
      ['h[c-a]llo', 'hbllo'],
      ['a\\*b', 'a*b'],
      ['[\\]]', ']'],
      ['[a', 'a'],
      ['[a-]', '_'],
      ['[^]', 'x'],
      ['\\', '\\'],
      ['*\\', 'ab\\'],
      ['a[b', 'ab'],
      ['news.*', 'news.'],
      ['[*]', '*'],
      ['[?]?', '?x'],
    ] as const) {
      assert.ok(matches(pattern, text), `${pattern} should match ${text}`);
    }
    for (const [pattern, text] of [
      ['*', ''],
      ['a', ''],
      ['', 'a'],
      ['h?llo', 'hllo'],
      ['h[^e]llo', 'hello'],
      ['a\\*b', 'axb'],
      ['[]', 'a'],
      ['[', 'a'],
      ['[a-', 'b'],
      ['*a', 'ab'],
      ['a*b', 'a'],
      ['A', 'a'],
    ] as const) {
      assert.ok(!matches(pattern, text), `${pattern} should not match ${text}`);
    }
  });

  it('ignores case where told to, but not of an escaped byte in a class', () => {
    assert.ok(matches('AbC*', 'aBcd', true));
    assert.ok(matches('[A-C]', 'b', true));
    assert.ok(matches('\\A', 'a', true));
    assert.ok(!matches('[\\A]', 'a', true));
  });

  it('reads only the given ranges', () => {
    assert.ok(globMatchesRange(bytes('xxa*cyy'), 2, 3, bytes('11abbc2'), 2, 4, false));
    assert.ok(!globMatchesRange(bytes('xxa*cyy'), 2, 3, bytes('11abbc2'), 2, 5, false));
    assert.ok(globMatchesRange(bytes('[ab]'), 0, 2, bytes('a'), 0, 1, false));
  });

  it(`agrees with the model on random patterns (seed ${seed})`, () => {
    const prng = new Prng(seed);
    for (let round = 0; round < 20_000; round++) {
      const pattern = randomText(prng, 'ab*?*', 8);
      const text = randomText(prng, 'abc', 8) + 'a';
      assert.equal(matches(pattern, text), model(pattern, text), `${pattern} on ${text}`);
    }
  });

  it('takes no longer than pattern times text on hostile patterns', () => {
    const text = 'a'.repeat(4000);
    assert.ok(!matches('a*'.repeat(1500) + 'b', text));
    assert.ok(!matches('*[^b]'.repeat(1500) + 'b', text));
    assert.ok(matches('*'.repeat(100_000), text));
  });

  it('finds the literal prefix', () => {
    assert.equal(globPrefixLength(bytes('news.*')), 5);
    assert.equal(globPrefixLength(bytes('plain')), 5);
    assert.equal(globPrefixLength(bytes('[a]')), 0);
    assert.equal(globPrefixLength(bytes('a\\*')), 1);
  });
});

describe('glob beside redis-server', { skip: peerMissing('redis-server') }, () => {
  it(`matches the same keys (seed ${seed})`, { timeout: 600_000 }, async () => {
    const redis = await startRedis();
    const connection = await Connection.open(redis);
    try {
      const prng = new Prng(seed);
      const keys = new Set<string>();
      while (keys.size < 60) keys.add(randomText(prng, 'ab-]^\\*[C', 5));
      keys.delete('');
      for (const key of keys) await connection.call('SET', key, '1');
      for (let round = 0; round < 2000; round++) {
        const pattern = randomText(prng, 'ab-][^\\*?C', 9);
        const reply = await connection.call('KEYS', pattern);
        assert.ok(!isError(reply) && isAggregate(reply));
        const theirs = reply.elements.map((key) => replyText(key)).sort();
        const ours = [...keys].filter((key) => matches(pattern, key)).sort();
        assert.deepEqual(ours, theirs, pattern);
      }
    } finally {
      connection.close();
      await redis.stop();
    }
  });
});
