import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Decimal, formatInteger, formatWords } from './decimal.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const MIN = -(1n << 63n);
const MAX = (1n << 63n) - 1n;
const encoder = new TextEncoder();
const scratch = new Uint8Array(24);

function written(length: number): string {
  return new TextDecoder().decode(scratch.subarray(24 - length));
}

function check(text: string): void {
  const decimal = new Decimal();
  const bytes = encoder.encode(`9${text}9`);
  let expected: bigint | undefined;
  if (/^(0|-?[1-9][0-9]*)$/.test(text)) {
    const value = BigInt(text);
    if (value >= MIN && value <= MAX) expected = value;
  }
  assert.equal(decimal.parse(bytes, 1, bytes.length - 2), expected !== undefined, text);
  if (expected === undefined) return;
  assert.equal((BigInt(decimal.high) << 32n) | BigInt(decimal.low >>> 0), expected, text);
  assert.equal(decimal.value, Number(expected), text);
  assert.equal(written(formatWords(decimal.high, decimal.low, scratch)), text);
  if (Number.isSafeInteger(decimal.value)) assert.equal(written(formatInteger(decimal.value, scratch)), text);
}

test('64-bit integers are read and written without loss', () => {
  const prng = new Prng(seed);
  for (let shift = 0n; shift < 66n; shift++) {
    for (let add = -2n; add <= 2n; add++) {
      check(String((1n << shift) + add));
      check(String(-(1n << shift) + add));
      check(String(10n ** (shift % 22n) + add));
      check(String(-(10n ** (shift % 22n)) + add));
    }
  }
  for (let round = 0; round < 20000; round++) {
    let text = prng.chance(30) ? '-' : '';
    for (let digits = prng.below(21); digits > 0; digits--) text += prng.below(10);
    check(text);
  }
});

test('what is not just a printed integer is refused', () => {
  for (const text of [
    '',
    '-',
    '--1',
    '+1',
    '-0',
    '00',
    '01',
    ' 1',
    '1 ',
    '1a',
    'a1',
    '1.',
    '12345678901234567x',
    '1234567890x234567',
    '99999999999999999999',
  ])
    check(text);
});
