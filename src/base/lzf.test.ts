import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lzfCompress, lzfDecompress } from './lzf.js';
import { Prng } from './prng.js';

const seed = Number(process.env.SEED ?? 20260501);

function randomText(random: Prng, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const alphabet = 1 + random.below(random.chance(30) ? 256 : 4);
  for (let at = 0; at < length;) {
    if (at > 4 && random.chance(30)) {
      const from = random.below(at);
      for (let count = random.below(400); count > 0 && at < length; count--, at++)
        bytes[at] = bytes[from + (at - from > 0 ? random.below(2) : 0)]!;
    } else bytes[at++] = random.below(alphabet);
  }
  return bytes;
}

test(`what is compressed decompresses to the same bytes (seed ${seed})`, () => {
  const random = new Prng(seed);
  for (let round = 0; round < 2000; round++) {
    const length = random.below(round % 50 === 0 ? 70_000 : 600) + 1;
    const offset = random.below(9);
    const plain = new Uint8Array(offset + length);
    plain.set(randomText(random, length), offset);
    const packed = new Uint8Array(length * 2 + 16);
    const size = lzfCompress(plain, offset, length, packed, 7, length * 2);
    assert.ok(size > 0 && size <= length + Math.ceil(length / 32) + 1, `round ${round}: size ${size} of ${length}`);
    const back = new Uint8Array(length + 3);
    assert.ok(lzfDecompress(packed, 7, size, back, 3, length), `round ${round}`);
    assert.deepEqual(back.subarray(3), plain.subarray(offset));
    assert.equal(lzfCompress(plain, offset, length, packed, 0, size - 1) < size, true);
  }
});

test('a long run of one byte becomes short, random bytes do not fit', () => {
  const zeros = new Uint8Array(10_000);
  const packed = new Uint8Array(20_000);
  assert.ok(lzfCompress(zeros, 0, zeros.length, packed, 0, zeros.length) < 130);
  const random = new Prng(seed);
  const noise = new Uint8Array(1000).map(() => random.below(256));
  assert.equal(lzfCompress(noise, 0, 1000, packed, 0, 996), 0);
});

test(`damaged input never writes outside and is refused or gives other bytes (seed ${seed})`, () => {
  const random = new Prng(seed + 1);
  const plain = randomText(random, 500);
  const packed = new Uint8Array(1000);
  const size = lzfCompress(plain, 0, 500, packed, 0, 1000);
  for (let round = 0; round < 5000; round++) {
    const damaged = packed.slice(0, size);
    for (let flips = 1 + random.below(4); flips > 0; flips--) damaged[random.below(size)] = random.below(256);
    const out = new Uint8Array(520).fill(0xaa);
    lzfDecompress(damaged, 0, random.chance(20) ? random.below(size) : size, out, 10, 500);
    for (let i = 0; i < 10; i++) assert.ok(out[i] === 0xaa && out[510 + i] === 0xaa);
  }
  assert.equal(lzfDecompress(packed, 0, size, new Uint8Array(499), 0, 499), false);
  assert.equal(lzfDecompress(packed, 0, size, new Uint8Array(501), 0, 501), false);
});
