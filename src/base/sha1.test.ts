import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Prng } from './prng.js';
import { sha1, sha1Hex, SHA1_BYTES } from './sha1.js';

test('digests of the standard are met', () => {
  assert.equal(sha1Hex(''), 'da39a3ee5e6b4b0d3255bfef95601890afd80709');
  assert.equal(sha1Hex('abc'), 'a9993e364706816aba3e25717850c26c9cd0d89d');
  assert.equal(
    sha1Hex('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    '84983e441c3bd26ebaae4aa1f95129e5e54670f1',
  );
});

test('every length around the block size agrees with node:crypto, as string and as bytes', () => {
  const prng = new Prng(41);
  for (let length = 0; length < 300; length++) {
    const bytes = Uint8Array.from({ length }, () => prng.below(256));
    const expected = createHash('sha1').update(bytes).digest('hex');
    assert.equal(sha1Hex(bytes), expected, `length ${length}, seed ${prng.seed}`);
    assert.equal(sha1Hex(Buffer.from(bytes).toString('latin1')), expected, `length ${length}, seed ${prng.seed}`);
  }
  assert.equal(sha1Hex('x'.repeat(5000)), createHash('sha1').update('x'.repeat(5000)).digest('hex'));
});

test('a hash of bytes within a buffer goes to where it shall be, which may be its message', () => {
  const prng = new Prng(42);
  for (const length of [0, 1, SHA1_BYTES, 55, 56, 64, 200, 5000]) {
    const bytes = Uint8Array.from({ length: length + 9 }, () => prng.below(256));
    const expected = createHash('sha1')
      .update(bytes.subarray(7, 7 + length))
      .digest();
    const out = new Uint8Array(SHA1_BYTES + 2);
    sha1(bytes, 7, length, out, 1);
    assert.deepEqual(out.subarray(1, 1 + SHA1_BYTES), new Uint8Array(expected), `length ${length}`);
    assert.deepEqual([out[0], out[SHA1_BYTES + 1]], [0, 0]);
    if (length !== SHA1_BYTES) continue;
    sha1(bytes, 7, length, bytes, 7);
    assert.deepEqual(bytes.subarray(7, 7 + length), new Uint8Array(expected));
  }
});
