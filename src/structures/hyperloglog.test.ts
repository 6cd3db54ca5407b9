import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { cachedCount, HEADER_BYTES, Hyperloglogs, storeCount } from './hyperloglog.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('the kept estimate is 63 bits and may be out of date', () => {
  const value = new Hyperloglogs();
  value.openNew();
  assert.equal(cachedCount(value.bytes, 0), 0);
  storeCount(value.bytes, 0, 123_456_789_012);
  assert.equal(cachedCount(value.bytes, 0), 123_456_789_012);
  value.forgetCount();
  assert.equal(cachedCount(value.bytes, 0), -1);
});

test('whatever claims to be sparse is taken or refused, never misread', () => {
  const prng = new Prng(seed);
  const value = new Hyperloglogs();
  const element = Uint8Array.of(1, 2, 3);
  for (let round = 0; round < 20_000; round++) {
    value.openNew();
    const length = HEADER_BYTES + prng.below(20);
    for (let at = HEADER_BYTES; at < length; at++) value.bytes[at] = prng.chance(30) ? 0x7f : prng.below(256);
    value.length = length;
    value.count(value.bytes, 0, length);
    value.describe();
    element[0] = prng.below(256);
    const result = value.add(element, 0, 3, prng.below(200));
    assert.ok(result === 0 || result === 1 || result === -1);
    if (!value.dense) value.toDense();
  }
});
