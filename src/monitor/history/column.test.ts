import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { ColumnEncoder, ColumnError, decodeColumn, VALUE_MAX } from './column.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));

function encode(values: readonly number[]): Uint8Array {
  const encoder = new ColumnEncoder();
  for (const value of values) encoder.add(value);
  return encoder.finish();
}

function decode(bytes: Uint8Array, count: number): number[] {
  const into = new Float64Array(count);
  decodeColumn(bytes, count, into);
  return [...into];
}

describe('a column', () => {
  test('gives back what was added, missing values too', () => {
    const values = [0, 0, 0, 5, 5, NaN, NaN, 5, -3, VALUE_MAX, -VALUE_MAX, -VALUE_MAX, NaN, 0, 1];
    assert.deepEqual(decode(encode(values), values.length), values);
  });

  test('costs a few bytes for as long as a value does not change', () => {
    assert.ok(encode(new Array<number>(100_000).fill(123_456_789)).length <= 10);
    assert.ok(encode(new Array<number>(100_000).fill(NaN)).length <= 5);
  });

  test('costs about a byte for a value that trembles', () => {
    const random = new Prng(seed);
    const values = Array.from({ length: 10_000 }, () => 1_000_000 + random.below(60));
    assert.ok(encode(values).length < 11_000, `seed ${seed}`);
  });

  test('cuts values that are too large instead of losing them', () => {
    assert.deepEqual(decode(encode([1e300, -1e300, 7]), 3), [VALUE_MAX, -VALUE_MAX, 7]);
  });

  test('can be finished at any time and go on', () => {
    const random = new Prng(seed);
    const encoder = new ColumnEncoder();
    const values: number[] = [];
    for (let index = 0; index < 3000; index++) {
      const kind = random.below(10);
      const last = values.at(-1) ?? 0;
      const value =
        kind < 3 ? last : kind < 4 ? NaN : kind < 8 ? random.below(200) - 100 : random.below(2 ** 31) * 4096;
      values.push(value);
      encoder.add(value);
      if (random.below(50) === 0)
        assert.deepEqual(decode(encoder.finish(), values.length), values, `seed ${seed}, after ${index}`);
    }
    assert.deepEqual(decode(encoder.finish(), values.length), values, `seed ${seed}`);
  });

  test('refuses bytes that no encoder wrote, and never hangs on them', () => {
    const random = new Prng(seed);
    const into = new Float64Array(500);
    for (let round = 0; round < 20_000; round++) {
      const bytes = Uint8Array.from({ length: random.below(20) }, () => random.below(256));
      try {
        decodeColumn(bytes, random.below(500), into);
      } catch (error) {
        assert.ok(error instanceof ColumnError, `seed ${seed}: ${String(error)}`);
      }
    }
  });
});
