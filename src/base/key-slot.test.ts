import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keySlot } from './key-slot.js';

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
