import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Encoding } from './object.js';
import { limits, makeSets } from './sorted-set.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('a set becomes big with one member too many, or one too long', () => {
  const { sets } = makeSets();
  sets.create(0, 0, limits);
  for (let index = 0; index < 41; index++) {
    assert.equal(sets.encoding, Encoding.LISTPACK);
    const bytes = Uint8Array.of(index);
    sets.add(sets.encoding, sets.ref, index, 0, bytes, 0, 1, limits);
  }
  assert.equal(sets.encoding, Encoding.SKIPLIST);
  sets.create(0, 0, limits);
  sets.add(sets.encoding, sets.ref, 1, 0, new Uint8Array(31), 0, 31, limits);
  assert.equal(sets.encoding, Encoding.SKIPLIST);
});

test('ranges of ranks go, a few or most of the set, and the rest stays in order', () => {
  const prng = new Prng(seed + 5);
  const { arena, sets } = makeSets();
  let rebuilt = 0;
  let swept = 0;
  const { release } = sets;
  sets.release = (removed) => {
    swept++;
    release(removed);
  };
  for (let run = 0; run < 12; run++) {
    sets.create(Infinity, 0, limits);
    let model: string[] = [];
    for (let index = 0; index < 6000; index++) {
      const member = `m${String(prng.below(1e6)).padStart(6, '0')}${index}`;
      const bytes = Uint8Array.from(member, (character) => character.charCodeAt(0));
      // Many have one score, so that members decide.
      const score = Math.floor(index / 50) % 40;
      sets.add(sets.encoding, sets.ref, score, 0, bytes, 0, bytes.length, limits);
      model.push(`${String(score).padStart(2, '0')} ${member}`);
    }
    model.sort();
    while (model.length > 1) {
      const count = prng.chance(10)
        ? model.length - 1 - prng.below(Math.min(model.length - 1, 10))
        : 1 + prng.below(prng.chance(50) ? Math.min(model.length - 1, 200) : model.length - 1);
      const from = prng.pick([0, model.length - count, prng.below(model.length - count + 1)]);
      const old = sets.removeRanks(sets.encoding, sets.ref, from, count);
      model = [...model.slice(0, from), ...model.slice(from + count)];
      const { encoding, ref } = sets;
      if (old !== 0) {
        rebuilt++;
        while (!sets.freeStep(Encoding.SKIPLIST, old, 100)) continue;
      }
      sets.verify(encoding, ref);
      const found: string[] = [];
      const { walk } = sets;
      for (walk.from(encoding, ref, 0); walk.valid; walk.next()) {
        found.push(
          `${String(walk.score).padStart(2, '0')} ${Buffer.from(walk.bytes.slice(walk.start, walk.start + walk.length)).toString('latin1')}`,
        );
      }
      assert.deepEqual(found, model, `seed ${seed} run ${run}`);
    }
    sets.free(sets.encoding, sets.ref);
    arena.verify();
    assert.equal(arena.usedBytes, 0);
  }
  assert.ok(rebuilt > 0 && swept > 5, `seed ${seed}: ${rebuilt} sets made anew, ${swept} swept`);
});
