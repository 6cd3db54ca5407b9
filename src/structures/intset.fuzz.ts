// intset.fuzz: random changes of an intset beside a sorted array.

import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { Decimal } from './decimal.js';
import { Intsets } from './intset.js';
import type { Fuzzer } from '../base/fuzzer.js';

const encoder = new TextEncoder();

export function decimalOf(value: bigint): Decimal {
  const decimal = new Decimal();
  const bytes = encoder.encode(String(value));
  assert.ok(decimal.parse(bytes, 0, bytes.length));
  return decimal;
}

export function textAt(sets: Intsets, ref: number, index: number): string {
  sets.read(ref, index);
  return new TextDecoder().decode(sets.bytes.subarray(sets.start, sets.start + sets.length));
}

function anyInteger(prng: Prng, bits: number): bigint {
  const value = BigInt.asIntN(bits, (BigInt(prng.uint32()) << 32n) | BigInt(prng.uint32()));
  return prng.chance(20) ? value >> BigInt(prng.below(bits)) : value;
}

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'an intset does what a sorted array of integers does',
  steps: 80,
  run(seed, steps) {
    const arena = new Arena();
    const sets = new Intsets(arena);
    for (let round = 0; round < steps; round++) {
      const prng = new Prng(seed * 1000 + round);
      const model: bigint[] = [];
      let ref = sets.create();
      let bits = prng.pick([8, 16, 32]);
      for (let step = 0; step < 200; step++) {
        if (prng.chance(2)) bits = prng.pick([16, 17, 32, 33, 64]);
        const value = prng.chance(30) && model.length > 0 ? prng.pick(model) : anyInteger(prng, bits);
        const decimal = decimalOf(value);
        const found = sets.has(ref, decimal);
        assert.equal(found, model.includes(value), `seed ${prng.seed}: has ${value}`);
        if (found && prng.chance(40)) {
          const count = prng.chance(5) ? 1 + prng.below(model.length - sets.index) : 1;
          const index = sets.index;
          ref = sets.deleteAt(ref, index, count);
          model.splice(index, count);
        } else if (!found) {
          ref = sets.insert(ref, decimal);
          model.push(value);
          model.sort((one, other) => (one < other ? -1 : 1));
        }
        sets.verify(ref);
        assert.equal(sets.count(ref), model.length);
      }
      for (const [index, value] of model.entries()) {
        assert.equal(textAt(sets, ref, index), String(value));
        const decimal = new Decimal();
        sets.load(ref, index, decimal);
        assert.equal((BigInt(decimal.high) << 32n) | BigInt(decimal.low >>> 0), value);
      }
      assert.equal(sets.longestText(ref), Math.max(0, ...model.map((value) => String(value).length)));
      const copy = sets.copy(ref);
      sets.verify(copy);
      sets.free(copy);
      sets.free(ref);
    }
    arena.verify();
    assert.equal(arena.usedBytes, 0);
  },
});
