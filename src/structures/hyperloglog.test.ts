import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { cachedCount, HEADER_BYTES, Hyperloglogs, looksLikeHyperloglog, storeCount } from './hyperloglog.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('sparse and dense values have the same registers and estimates at every step', () => {
  const prng = new Prng(seed);
  const sparse = new Hyperloglogs();
  const dense = new Hyperloglogs();
  sparse.openNew();
  dense.openNew();
  assert.ok(dense.toDense());
  const element = new Uint8Array(12);
  for (let step = 0; step < 5000; step++) {
    const length = prng.below(13);
    for (let at = 0; at < length; at++) element[at] = prng.below(256);
    assert.equal(sparse.add(element, 0, length, 1e9), dense.add(element, 0, length, 0), `seed ${seed} step ${step}`);
    if (step % 250 !== 0) continue;
    assert.ok(looksLikeHyperloglog(sparse.bytes, 0, sparse.length));
    assert.equal(sparse.count(sparse.bytes, 0, sparse.length), dense.count(dense.bytes, 0, dense.length));
    const registers = [sparse, dense].map((value) => {
      value.registers.fill(0);
      assert.ok(value.collect(value.bytes, 0, value.length));
      return Array.from(value.registers);
    });
    assert.deepEqual(registers[0], registers[1]);
  }
  assert.ok(!sparse.dense && sparse.length < 20_000);
  assert.ok(sparse.toDense());
  assert.deepEqual(sparse.bytes.slice(HEADER_BYTES, sparse.length), dense.bytes.slice(HEADER_BYTES, dense.length));
});

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
