import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { compareTexts, firstOverlap } from './prefix-overlap.js';

/** Each compared with each, in Redis's order. */
function plainly(wanted: readonly string[], present: readonly string[]): ReturnType<typeof firstOverlap> {
  for (const [index, prefix] of wanted.entries()) {
    const overlaps = (other: string): boolean => prefix.startsWith(other) || other.startsWith(prefix);
    const existing = present.find(overlaps);
    if (existing !== undefined) return { prefix, other: existing, isPresent: true };
    const provided = wanted.slice(index + 1).find(overlaps);
    if (provided !== undefined) return { prefix, other: provided, isPresent: false };
  }
  return undefined;
}

test('the first overlap is the one that comparing each with each finds', () => {
  const seed = Number(process.env['PREFIX_SEED'] ?? 1);
  const prng = new Prng(seed);
  const word = (): string => Array.from({ length: prng.below(6) }, () => 'ab\xff'[prng.below(3)]).join('');
  let found = 0;
  for (let round = 0; round < 3000; round++) {
    const present: string[] = [];
    for (let tries = prng.below(6); tries > 0; tries--) {
      const text = word();
      if (plainly([text], present) === undefined) present.push(text);
    }
    // BCAST without a prefix adds '' whatever there is.
    if (prng.chance(10) && !present.includes('')) present.push('');
    present.sort();
    const wanted = Array.from({ length: prng.below(5) }, word);
    const expected = plainly(wanted, present);
    if (expected !== undefined) found++;
    assert.deepEqual(
      firstOverlap(wanted, present),
      expected,
      `PREFIX_SEED=${seed} ${JSON.stringify({ wanted, present })}`,
    );
  }
  assert.ok(found > 500 && found < 2900, `${found} of 3000`);
});

test('100,000 prefixes beside 100,000 take no more than 40 comparisons each', () => {
  let comparisons = 0;
  const counted = (a: string, b: string): number => {
    comparisons++;
    return compareTexts(a, b);
  };
  const names = (letter: string): string[] =>
    Array.from({ length: 100_000 }, (_, at) => `${letter}${(at * 7919) % 100_003}:`);
  assert.equal(firstOverlap(names('a'), names('b').sort(), counted), undefined);
  assert.ok(comparisons < 4_000_000, `${comparisons} comparisons`);
});
