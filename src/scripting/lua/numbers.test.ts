// Texts of numbers: the quick ways give what the slow ways give.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { formatString } from './format.js';
import { formatGeneral, numberToString, toFixed } from './numbers.js';
import { LuaError, type LuaValue } from './values.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 1_000_000);
const ROUNDS = 60_000;

/** Numbers of all sizes, with few digits and with many, near ties and carries. */
function* numbers(prng: Prng): Generator<number> {
  yield* [0.5, 2.5, 99999999999999.95, 9999999999999.995, 0.1, 0.12345678901234501, 12345678901234.5, 12345678901233.5];
  yield* [0.00099999999999999995, 0.000123456789012345, 1.00000000000005, 1.00000000000015, 999999999999.99995];
  for (let round = 0; round < ROUNDS; round++) {
    const digits = prng.below(18);
    const text = Array.from({ length: digits + 1 }, () => prng.pick(['0', '4', '5', '9', String(prng.below(10))])).join(
      '',
    );
    const value = Number(`${text}e${prng.below(25) - 21}`);
    yield prng.chance(50) ? value : -value;
    yield (prng.below(1_000_000) - 500_000) / (1 + prng.below(2000));
    // Ties of every length.
    yield (2 * prng.below(100_000) + 1) / 2 ** (1 + prng.below(40));
  }
}

test(`a number has 14 digits at most, seed ${seed}`, () => {
  for (const value of numbers(new Prng(seed))) {
    if (Object.is(value, 0) || Number.isInteger(value)) continue;
    assert.equal(numberToString(value), formatGeneral(value, 14), String(value));
  }
});

/** Rounds the exact decimal digits, a tie to the even one. */
function roundExactly(size: number, digits: number): string {
  const [whole = '', fraction = ''] = size.toFixed(100).split('.');
  const kept = BigInt(whole + fraction.slice(0, digits));
  const rest = fraction.slice(digits);
  const isTie = /^50*$/.test(rest);
  const up = isTie ? kept % 2n === 1n : rest >= '5';
  const text = String(up ? kept + 1n : kept).padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

test(`a number of fixed digits is rounded as C does, seed ${seed}`, () => {
  const prng = new Prng(seed);
  for (const value of numbers(prng)) {
    const size = Math.abs(value);
    // Below that, 100 digits do not hold the exact value.
    if (size >= 1e20 || size < 1e-9) continue;
    const digits = prng.below(8);
    assert.equal(toFixed(size, digits), roundExactly(size, digits), `${size} with ${digits}`);
  }
});

/** The text of the error that a call ends in. */
function failure(args: LuaValue[]): string {
  try {
    return `no error but ${formatString(args)}`;
  } catch (error) {
    return error instanceof LuaError ? String(error.value) : String(error);
  }
}

test('a format that is known has the same results and errors', () => {
  for (let round = 0; round < 3; round++) {
    assert.equal(
      formatString(['%d:%05.2f %s|%5s|%-5d|%x', 7.9, 1.005, 'a\0b', 'x', -3, 255]),
      '7:01.00 a|    x|-3   |ff',
    );
    assert.equal(formatString(['%d %i', -0, 2 ** 53]), '0 9007199254740992');
    assert.equal(formatString(['%d', -(2 ** 63)]), '-9223372036854775808');
    assert.match(failure(['%d %y', 1, 2]), /invalid option '%y'/);
    assert.match(failure(['%d %y', 'x', 2]), /number expected/);
    assert.match(failure(['%d %-----+d', 'x', 2]), /number expected/);
    assert.match(failure(['%d %-----+d', 1, 2]), /repeated flags/);
  }
  // More than are kept, and one that is too long for it.
  for (let each = 0; each < 200; each++) assert.equal(formatString([`${each}%s`, 'x']), `${each}x`);
  assert.equal(formatString([`${'-'.repeat(500)}%s`, 'x']), `${'-'.repeat(500)}x`);
});
