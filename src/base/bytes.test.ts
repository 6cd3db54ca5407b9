import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyInViews, digitCount, equalInViews, latin1, latin1Bytes, writeInteger } from './bytes.js';
import { Prng } from './prng.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('integers are written as their decimal form, up to 2^53 on both sides', () => {
  const random = new Prng(seed);
  const values = [
    0,
    9,
    10,
    99,
    100,
    101,
    105,
    999,
    1000,
    1005,
    99_999,
    100_000,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 53 - 1,
  ];
  for (let round = 0; round < 20_000; round++) values.push(Math.floor(random.uint32() * 2 ** (random.below(54) - 32)));
  const bytes = new Uint8Array(40);
  for (const value of values.flatMap((one) => [one, -one])) {
    if (Object.is(value, -0)) continue;
    const end = writeInteger(bytes, 3, value);
    assert.equal(latin1(bytes, 3, end - 3), String(value), `seed ${seed}`);
    if (value >= 0) assert.equal(digitCount(value), end - 3);
  }
});

test('bytes are copied and compared through views as one by one, at any place and length', () => {
  const random = new Prng(seed);
  const source = latin1Bytes(Array.from({ length: 300 }, () => String.fromCharCode(random.below(256))).join(''));
  const view = new DataView(source.buffer);
  for (let round = 0; round < 5000; round++) {
    const length = random.below(100);
    const from = random.below(source.length - length);
    const at = random.below(50);
    const target = new Uint8Array(200).fill(7);
    copyInViews(new DataView(target.buffer), at, view, from, length);
    const expected = new Uint8Array(200).fill(7);
    expected.set(source.subarray(from, from + length), at);
    assert.deepEqual(target, expected, `seed ${seed}`);
    assert.equal(equalInViews(new DataView(target.buffer), at, view, from, length), true);
    if (length === 0) continue;
    target[at + random.below(length)]! ^= 1 + random.below(255);
    assert.equal(
      equalInViews(new DataView(target.buffer), at, view, from, length),
      false,
      `seed ${seed}, length ${length}`,
    );
  }
});
