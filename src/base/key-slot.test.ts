import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc16 } from './crc16.js';
import { keySlot, SLOT_COUNT } from './key-slot.js';
import { Prng } from './prng.js';

const slotOf = (key: string): number => keySlot(Buffer.from(key));

test('keys fall into the slots that Redis documents', () => {
  const expected: [string, number][] = [
    ['', 0],
    ['k1', 12706],
    ['k2', 449],
    ['k3', 4576],
    ['k4', 8455],
    ['123456789', 12739],
    ['customer', 6651],
  ];
  for (const [key, slot] of expected) assert.equal(slotOf(key), slot, key);
});

test('only the hash tag counts, where there is one', () => {
  assert.equal(slotOf('k1{customer}'), slotOf('customer'));
  assert.equal(slotOf('{customer}.a'), slotOf('customer'));
  assert.equal(slotOf('a{b}{c}'), slotOf('b'));
  assert.equal(slotOf('a{{b}}'), slotOf('{b'));
  assert.equal(slotOf('a}{b}'), slotOf('b'));
});

test('an empty or unfinished tag is no tag', () => {
  for (const key of ['{}a', 'a{}{b}', 'a{b', '}a{', '{']) {
    const plain = Buffer.from(key);
    const padded = Buffer.concat([Buffer.from('{x}'), plain, Buffer.from('{y}')]);
    assert.equal(keySlot(padded, 3, plain.length), slotOf(key), key);
    assert.notEqual(slotOf(key), slotOf('b'), key);
  }
});

test('the slot is that of the checksum of the tag, wherever the braces are', () => {
  const seed = Date.now() % 1_000_000;
  const prng = new Prng(seed);
  for (let round = 0; round < 20_000; round++) {
    const length = prng.below(20);
    const key = Array.from({ length }, () =>
      prng.chance(15) ? prng.pick(['{', '}']) : prng.pick(['a', 'b', '0']),
    ).join('');
    const open = key.indexOf('{');
    const close = open < 0 ? -1 : key.indexOf('}', open);
    const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
    const bytes = Buffer.from(`{{}${key}{x}`);
    assert.equal(keySlot(bytes, 3, length), crc16(Buffer.from(hashed)) % SLOT_COUNT, `${key} (seed ${seed})`);
  }
});
