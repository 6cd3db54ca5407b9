// sorted-set.fuzz: random histories on listpacks and big sets beside a Map.

import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { Dicts } from '../structures/dict.js';
import { Entries } from '../structures/entry.js';
import { Listpacks } from '../structures/listpack.js';
import { AddFlag, SortedSets, SortedSetWalk } from './sorted-set.js';
import type { Fuzzer } from '../base/fuzzer.js';

export const limits = { zsetMaxListpackEntries: 40, zsetMaxListpackValue: 30 };

export function makeSets(seed = 1): { arena: Arena; sets: SortedSets; walk: SortedSetWalk } {
  const arena = new Arena();
  const entries = new Entries(arena);
  const sets = new SortedSets(entries, new Dicts(arena, new HalfSipHash(seed, 7)), new Listpacks(arena));
  return { arena, sets, walk: new SortedSetWalk(sets) };
}

const scores = [
  0,
  1,
  -1,
  3.3,
  0.1,
  1e20,
  -1e300,
  Infinity,
  -Infinity,
  2 ** 52,
  2 ** 52 + 1,
  2 ** 53,
  1e17,
  5e-324,
  4095,
  4096,
  -4097,
  1 << 20,
  2 ** 40,
];

function randomMember(prng: Prng): string {
  const kind = prng.below(10);
  if (kind < 4) return String(prng.below(60));
  if (kind === 4) return String(prng.below(2) === 0 ? -prng.below(5) : 2 ** 53 + prng.below(5) * 2);
  if (kind === 5 && prng.chance(5)) return 'x'.repeat(20 + prng.below(20));
  return String.fromCharCode(...Array.from({ length: prng.below(6) }, () => prng.below(256)));
}

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'a random history on listpacks and big sets gives what a plain map gives',
  steps: 30,
  run(seed, steps) {
    for (let run = 0; run < steps; run++) {
      const prng = new Prng(seed * 1000 + run);
      const { arena, sets, walk } = makeSets(seed);
      const model = new Map<string, number>();
      sets.create(0, 0, limits);
      let { encoding, ref } = sets;
      const steps = run % 3 === 0 ? 1500 : 150;
      for (let step = 0; step < steps; step++) {
        const message = `seed ${seed} run ${run} step ${step}`;
        const member = randomMember(prng);
        const bytes = Uint8Array.from(member, (character) => character.charCodeAt(0));
        const old = model.get(member);
        const score = prng.chance(50) ? prng.pick(scores) : prng.below(100) / (prng.chance(50) ? 1 : 8);
        if (prng.chance(25)) {
          assert.equal(sets.remove(encoding, ref, bytes, 0, bytes.length), model.delete(member), message);
        } else {
          const flags = prng.pick([
            0,
            0,
            0,
            AddFlag.INCREMENT,
            AddFlag.NEW,
            AddFlag.OLD,
            AddFlag.GREATER,
            AddFlag.LESS,
            AddFlag.OLD | AddFlag.LESS,
          ]);
          const result = sets.add(encoding, ref, score, flags, bytes, 0, bytes.length, limits);
          let expected: number | undefined =
            (flags & AddFlag.INCREMENT) !== 0 && old !== undefined ? old + score : score;
          if (old === undefined ? (flags & AddFlag.OLD) !== 0 : (flags & AddFlag.NEW) !== 0) expected = undefined;
          else if (old !== undefined && (flags & AddFlag.GREATER) !== 0 && expected <= old) expected = undefined;
          else if (old !== undefined && (flags & AddFlag.LESS) !== 0 && expected >= old) expected = undefined;
          if (expected === undefined) assert.equal(result, 'skipped', message);
          else if (Number.isNaN(expected)) assert.equal(result, 'nan', message);
          else {
            assert.equal(result, old === undefined ? 'added' : old === expected ? 'same' : 'updated', message);
            assert.equal(sets.newScore, expected, message);
            model.set(member, expected);
          }
        }
        ({ encoding, ref } = sets);
        assert.equal(sets.count(encoding, ref), model.size, message);
        if (step % 50 !== 0 && step !== steps - 1) continue;
        sets.verify(encoding, ref);
        const order = [...model].sort(
          (a, b) => a[1] - b[1] || Buffer.compare(Buffer.from(a[0], 'latin1'), Buffer.from(b[0], 'latin1')),
        );
        let rank = 0;
        for (walk.from(encoding, ref, 0); walk.valid; walk.next()) {
          const name = Buffer.from(walk.bytes.slice(walk.start, walk.start + walk.length)).toString('latin1');
          assert.deepEqual([name, walk.score], order[rank], message);
          rank++;
        }
        assert.equal(rank, order.length, message);
        for (walk.from(encoding, ref, order.length - 1); walk.valid; walk.previous()) {
          rank--;
          const name = walk.bytes.slice(walk.start, walk.start + walk.length);
          assert.equal(Buffer.from(name).toString('latin1'), order[rank]![0], message);
          assert.equal(sets.rank(encoding, ref, name, 0, name.length), rank, message);
          assert.equal(sets.score(encoding, ref, name, 0, name.length), order[rank]![1], message);
        }
        for (const bound of scores) {
          assert.equal(
            sets.countBelow(encoding, ref, bound, false),
            order.filter((item) => item[1] < bound).length,
            message,
          );
          assert.equal(
            sets.countBelow(encoding, ref, bound, true),
            order.filter((item) => item[1] <= bound).length,
            message,
          );
        }
        const copied = sets.copy(encoding, ref);
        sets.verify(encoding, copied);
        sets.settle(encoding, copied, { zsetMaxListpackEntries: prng.below(2) * 5000, zsetMaxListpackValue: 64 });
        sets.verify(sets.encoding, sets.ref);
        assert.equal(sets.count(sets.encoding, sets.ref), model.size, message);
        sets.free(sets.encoding, sets.ref);
        if (model.size > 10) {
          const from = prng.below(model.size - 5);
          sets.removeRanks(encoding, ref, from, 5);
          ({ encoding, ref } = sets);
          for (const [name] of order.slice(from, from + 5)) model.delete(name);
          sets.verify(encoding, ref);
        }
      }
      sets.free(encoding, ref);
      assert.equal(arena.usedBytes, 0);
      arena.verify();
    }
  },
});
