// stream-index.fuzz: random changes of a map by stream id beside a sorted array.

import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { StreamId } from './stream-id.js';
import { StreamIndexes } from './stream-index.js';
import type { Fuzzer } from '../base/fuzzer.js';

export function idOf(ms: number, seq: number): StreamId {
  const id = new StreamId();
  id.setNumbers(ms, seq);
  return id;
}

export const fuzzers: Fuzzer[] = [];

for (const valueWords of [0, 2, 4]) {
  fuzzers.push({
    name: `random changes agree with a sorted array (${valueWords} words a value)`,
    steps: 40_000,
    run(seed, steps) {
      const prng = new Prng(seed * 10 + valueWords);
      const arena = new Arena();
      const indexes = new StreamIndexes(arena);
      const map = indexes.create(valueWords);
      const model = new Map<number, number>();
      let highest = 0;
      const sorted = (): number[] => [...model.keys()].sort((a, b) => a - b);
      for (let step = 0; step < steps; step++) {
        const growing = ((step >> 12) & 1) === 0;
        const rising = prng.chance(50);
        const key = rising && growing ? ++highest : prng.below(5000);
        highest = Math.max(highest, key);
        const id = idOf(Math.floor(key / 50), key % 50);
        if (prng.chance(growing ? 75 : 30)) {
          const added = indexes.insert(map, id);
          assert.equal(added, !model.has(key), `seed ${seed} step ${step}`);
          model.set(key, step);
          if (valueWords > 0) indexes.setValue(valueWords - 1, step);
        } else {
          const removed = indexes.remove(map, id);
          assert.equal(removed, model.delete(key), `seed ${seed} step ${step}`);
          if (removed && prng.chance(5)) {
            const next = sorted().find((other) => other > key);
            assert.equal(indexes.leaf !== 0, next !== undefined);
            if (next !== undefined) {
              const found = new StreamId();
              indexes.readId(found);
              assert.equal(found.ms * 50 + found.seq, next, `seed ${seed} step ${step}`);
            }
          }
        }
        if (step % 2000 === 0) {
          indexes.verify(map);
          const keys = sorted();
          const found = new StreamId();
          let at = 0;
          for (let there = indexes.first(map); there; there = indexes.next()) {
            indexes.readId(found);
            assert.equal(found.ms * 50 + found.seq, keys[at]);
            if (valueWords > 0) assert.equal(indexes.value(valueWords - 1), model.get(keys[at]!));
            at++;
          }
          assert.equal(at, keys.length);
          for (let there = indexes.last(map); there; there = indexes.previous()) at--;
          assert.equal(at, 0);
          for (let look = 0; look < 50; look++) {
            const wanted = prng.below(6000);
            const target = idOf(Math.floor(wanted / 50), wanted % 50);
            const above = keys.find((other) => other >= wanted);
            assert.equal(indexes.seek(map, target), above !== undefined);
            if (above !== undefined) {
              indexes.readId(found);
              assert.equal(found.ms * 50 + found.seq, above);
            }
            const below = keys.findLast((other) => other <= wanted);
            assert.equal(indexes.seekBack(map, target), below !== undefined);
            if (below !== undefined) {
              indexes.readId(found);
              assert.equal(found.ms * 50 + found.seq, below);
            }
            assert.equal(indexes.find(map, target), model.has(wanted));
          }
        }
      }
      let freed = 0;
      while (!indexes.freeStep(map, 3, () => void freed++));
      assert.equal(freed, model.size);
      assert.equal(arena.usedBytes, 0);
      arena.verify();
    },
  });
}
