import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crc64 } from './crc64.js';
import { Prng } from './prng.js';

test('the published check value, in any cutting and at any offset', () => {
  const text = new TextEncoder().encode('...123456789 and the end of it all');
  for (let cut = 0; cut <= 9; cut++) {
    const crc = new Crc64();
    crc.update(text, 3, cut);
    crc.update(text, 3 + cut, 9 - cut);
    assert.equal(crc.toString(), 'e9c6d914c4b8d9ca');
  }
});

test('eight bytes at a time give what one at a time gives', () => {
  const random = new Prng(7);
  const bytes = new Uint8Array(3000).map(() => random.below(256));
  const whole = new Crc64();
  whole.update(bytes, 0, bytes.length);
  const single = new Crc64();
  for (let at = 0; at < bytes.length; at++) single.update(bytes, at, 1);
  assert.equal(whole.toString(), single.toString());
  const stored = new Uint8Array(8);
  whole.writeTo(stored, 0);
  assert.ok(single.matches(stored, 0));
  stored[5]! ^= 1;
  assert.ok(!single.matches(stored, 0));
});
