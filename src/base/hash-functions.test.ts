import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { latin1Bytes } from './bytes.js';
import { digestWords, md5 } from './md5.js';
import { hashFunctions } from './hash-functions.js';

const hashesOfApple = {
  one_at_a_time: 2297466611,
  md5: 3195025439,
  crc16: 3662830516,
  crc32: 10542,
  crc32a: 2838417488,
  fnv1_64: 473199127,
  fnv1a_64: 1488911807,
  fnv1_32: 67176023,
  fnv1a_32: 280767167,
  hsieh: 3738850110,
  murmur: 4142305122,
  jenkins: 1442444624,
};

test('each hash of "apple" is the one in twemproxy\'s own tests', () => {
  const bytes = latin1Bytes('..apple..');
  for (const [name, hash] of Object.entries(hashesOfApple))
    assert.equal(hashFunctions.get(name)!(bytes, 2, 5), hash, name);
  assert.equal(hashFunctions.size, Object.keys(hashesOfApple).length);
});

test('the digest is that of node:crypto for every length around a block', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = new Uint8Array(randomBytes(length));
    md5(bytes);
    const expected = createHash('md5').update(bytes).digest();
    for (let word = 0; word < 4; word++)
      assert.equal(
        digestWords[word],
        expected.readUInt32LE(4 * word),
        `length ${length} of ${Buffer.from(bytes).toString('hex')}`,
      );
  }
});
