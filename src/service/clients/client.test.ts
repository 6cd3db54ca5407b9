import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from './client.js';

test('each gate has a bit of its own', () => {
  let seen = 0;
  for (const [name, bit] of Object.entries(Gate)) {
    assert.equal(seen & bit, 0, `${name} shares its bit`);
    assert.equal(bit & (bit - 1), 0, `${name} is one bit`);
    seen |= bit;
  }
});
