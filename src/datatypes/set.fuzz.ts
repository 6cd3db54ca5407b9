// set.fuzz: random changes of a set beside a Set, whatever its encoding.

import assert from 'node:assert/strict';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { Dicts } from '../structures/dict.js';
import { Entries } from '../structures/entry.js';
import { Sets, type SetLimits } from './set.js';
import type { Fuzzer } from '../base/fuzzer.js';

const defaults: SetLimits = { setMaxIntsetEntries: 512, setMaxListpackEntries: 128, setMaxListpackValue: 64 };

export function makeSets(seed = 1): Sets {
  const arena = new Arena();
  return new Sets(new Entries(arena), new Dicts(arena, new HalfSipHash(seed, 99)));
}

export function member(sets: Sets): string {
  return latin1(sets.bytes, sets.start, sets.length);
}

export function members(sets: Sets): string[] {
  const out: string[] = [];
  for (let more = sets.first(); more; more = sets.next()) out.push(member(sets));
  return out;
}

export function add(sets: Sets, text: string, limits = defaults): boolean {
  const bytes = latin1Bytes(`.${text}.`);
  return sets.add(bytes, 1, text.length, limits);
}

export function openNew(sets: Sets, first: string, expected = 1, limits = defaults): void {
  sets.openNew(latin1Bytes(first), 0, first.length, expected, limits);
}

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'a set does what a Set does, whatever its encoding',
  steps: 60,
  run(seed, steps) {
    const sets = makeSets(seed);
    for (let round = 0; round < steps; round++) {
      const prng = new Prng(seed * 1000 + round);
      const limits: SetLimits = {
        setMaxIntsetEntries: prng.below(40),
        setMaxListpackEntries: prng.below(40),
        setMaxListpackValue: prng.below(30),
      };
      const integersOnly = prng.chance(40);
      const anyMember = (): string => {
        if (integersOnly ? prng.chance(98) : prng.chance(30))
          return String(prng.below(60) * (prng.chance(10) ? 2 ** 34 : 1) - 30);
        return String.fromCharCode(97 + prng.below(26)).repeat(prng.below(prng.chance(5) ? 40 : 4));
      };
      const model = new Set<string>();
      openNew(sets, anyMember(), prng.below(60), limits);
      for (let step = 0; step < 120; step++) {
        const text = anyMember();
        const bytes = latin1Bytes(text);
        if (prng.chance(65)) {
          assert.equal(add(sets, text, limits), !model.has(text), `seed ${prng.seed} add ${text}`);
          model.add(text);
        } else if (prng.chance(70)) {
          assert.equal(sets.delete(bytes, 0, bytes.length), model.delete(text), `seed ${prng.seed} delete ${text}`);
        } else if (model.size > 0) {
          sets.random(prng);
          assert.ok(model.has(member(sets)));
          if (prng.chance(50)) {
            model.delete(member(sets));
            sets.deleteDrawn();
          }
        }
        assert.equal(sets.has(bytes, 0, bytes.length), model.has(text));
        assert.equal(sets.size(), model.size);
      }
      sets.verify();
      assert.deepEqual(members(sets).sort(), [...model].sort(), `seed ${prng.seed}`);
      const copy = sets.copy(sets.encoding, sets.ref);
      const { encoding, ref } = sets;
      sets.open(encoding, copy);
      assert.deepEqual(members(sets).sort(), [...model].sort());
      assert.ok(sets.memoryBytes(encoding, ref, 0) > 0);
      sets.discard();
      sets.open(encoding, ref);
      const count = prng.below(model.size + 1);
      const sampled: string[] = [];
      if (count < model.size) sets.sample(count, prng, () => sampled.push(member(sets)));
      assert.equal(new Set(sampled).size, count < model.size ? count : 0);
      for (const text of sampled) assert.ok(model.has(text));
      sets.discard();
    }
    sets.arena.verify();
    assert.equal(sets.arena.usedBytes, 0);
  },
});
