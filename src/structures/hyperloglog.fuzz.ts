// hyperloglog.fuzz: sparse and dense values beside each other, step by step.

import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { HEADER_BYTES, Hyperloglogs, looksLikeHyperloglog } from './hyperloglog.js';
import type { Fuzzer } from '../base/fuzzer.js';

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'sparse and dense values have the same registers and estimates at every step',
  steps: 5000,
  run(seed, steps) {
    const prng = new Prng(seed);
    const sparse = new Hyperloglogs();
    const dense = new Hyperloglogs();
    sparse.openNew();
    dense.openNew();
    assert.ok(dense.toDense());
    const element = new Uint8Array(12);
    for (let step = 0; step < steps; step++) {
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
  },
});
