import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fences, nameOf } from './fences.js';

const key = (text: string): { database: number; key: Uint8Array } => ({ database: 0, key: Buffer.from(text) });

test('commands count from the moment at which a value was read', () => {
  const fences = new Fences();
  fences.set(nameOf(key('a')), 100);
  assert.equal(fences.judge([key('a')], 100, -1), 'drop');
  assert.equal(fences.judge([key('b')], 100, -1), 'apply');
  assert.equal(fences.judge([key('a'), key('b')], 90, -1), 'reread');
  assert.deepEqual([...fences.after(100)], ['0:a']);
  assert.equal(fences.judge([key('a')], 101, -1), 'apply');
  // Earlier positions are forgotten.
  assert.equal(fences.judge([key('a')], 102, 110), 'reread');
});

test('a key of another database has no fence', () => {
  const fences = new Fences();
  fences.set(nameOf(key('a')), 100);
  assert.equal(fences.judge([{ database: 1, key: Buffer.from('a') }], 50, -1), 'apply');
  assert.equal(fences.judge([key('a')], 50, 60), 'drop');
});
