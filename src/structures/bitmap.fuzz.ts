// bitmap.fuzz: bits counted, found and read beside a loop over single bits.

import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { countBitRange, countBits, findBit, testBit } from './bitmap.js';
import type { Fuzzer } from '../base/fuzzer.js';

export function bit(bytes: Uint8Array, start: number, length: number, at: number): number {
  return at < length * 8 ? (bytes[start + (at >> 3)]! >> (7 - (at & 7))) & 1 : 0;
}

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'bits are counted, found and read as one by one',
  steps: 3000,
  run(seed, steps) {
    const prng = new Prng(seed);
    const bytes = new Uint8Array(1000);
    for (let round = 0; round < steps; round++) {
      const message = `seed ${seed} round ${round}`;
      const sparse = prng.chance(50);
      const fill = prng.below(2) * 255;
      for (let at = 0; at < bytes.length; at++) bytes[at] = sparse && !prng.chance(1) ? fill : prng.below(256);
      const start = prng.below(20);
      const length = 1 + prng.below(prng.chance(50) ? 20 : 900);
      const first = prng.below(length * 8);
      const last = first + prng.below(length * 8 - first);
      let count = 0;
      let all = 0;
      const found = [-1, -1];
      for (let at = 0; at < length * 8; at++) {
        const value = bit(bytes, start, length, at);
        all += value;
        if (at < first || at > last) continue;
        count += value;
        if (found[value]! < 0) found[value] = at;
      }
      assert.equal(testBit(bytes, start, first), bit(bytes, start, length, first), message);
      assert.equal(countBits(bytes, start, length), all, message);
      assert.equal(countBitRange(bytes, start, first, last), count, message);
      assert.equal(findBit(bytes, start, 0, first, last), found[0], message);
      assert.equal(findBit(bytes, start, 1, first, last), found[1], message);
    }
  },
});
