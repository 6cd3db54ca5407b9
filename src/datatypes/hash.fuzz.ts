// hash.fuzz: random commands on a hash whose fields expire, beside a Map, whatever its encoding.

import assert from 'node:assert/strict';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { Dicts } from '../structures/dict.js';
import { Entries } from '../structures/entry.js';
import { Hashes, type HashLimits } from './hash.js';
import type { Fuzzer } from '../base/fuzzer.js';

export const defaults: HashLimits = { hashMaxListpackEntries: 512, hashMaxListpackValue: 64 };

export const START_MS = Date.UTC(2026, 0, 1);

interface Field {
  value: string;
  expiry: number;
}

export function makeHashes(seed = 1): Hashes {
  const arena = new Arena();
  return new Hashes(new Entries(arena), new Dicts(arena, new HalfSipHash(seed, 99)));
}

export function set(hashes: Hashes, field: string, value: string, limits = defaults, keepExpiry = false): boolean {
  const bytes = latin1Bytes(field + value);
  return hashes.set(bytes, 0, field.length, bytes, field.length, value.length, limits, keepExpiry);
}

export function find(hashes: Hashes, field: string): boolean {
  return hashes.find(latin1Bytes(field), 0, field.length);
}

function content(hashes: Hashes): Map<string, Field> {
  const out = new Map<string, Field>();
  for (let more = hashes.first(); more; more = hashes.next()) {
    const name = latin1(hashes.fieldBytes, hashes.fieldStart, hashes.fieldLength);
    assert.ok(!out.has(name), `field ${name} comes once`);
    out.set(name, { value: latin1(hashes.bytes, hashes.start, hashes.length), expiry: hashes.expiry });
  }
  return out;
}

function sorted(map: Map<string, Field>): [string, Field][] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1));
}

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'a hash does what a Map does, whatever its encoding',
  steps: 80,
  run(seed, steps) {
    const hashes = makeHashes(seed);
    for (let round = 0; round < steps; round++) {
      const prng = new Prng(seed * 1000 + round);
      const limits: HashLimits = {
        hashMaxListpackEntries: prng.below(50),
        hashMaxListpackValue: prng.pick([5, 20, 64]),
      };
      const anyText = (): string =>
        prng.chance(40)
          ? String(prng.below(60) - 20)
          : String.fromCharCode(97 + prng.below(26)).repeat(prng.below(prng.chance(8) ? 70 : 5));
      const model = new Map<string, Field>();
      let now = START_MS;
      hashes.openNew();
      if (prng.chance(30)) hashes.convertToDict();
      for (let step = 0; step < 120; step++) {
        const name = prng.chance(50) && model.size > 0 ? prng.pick([...model.keys()]) : anyText();
        const action = prng.below(10);
        if (action < 4) {
          const value = prng.chance(5) ? 'v'.repeat(prng.below(1500)) : anyText();
          const keepExpiry = prng.chance(30);
          const expiry = keepExpiry ? (model.get(name)?.expiry ?? -1) : -1;
          assert.equal(set(hashes, name, value, limits, keepExpiry), !model.has(name));
          model.set(name, { value, expiry });
        } else if (action === 4) {
          assert.equal(hashes.delete(latin1Bytes(name), 0, name.length), model.delete(name));
        } else if (action < 7) {
          const known = model.get(name);
          assert.equal(find(hashes, name), known !== undefined);
          if (known !== undefined && prng.chance(70)) {
            const expiry = prng.chance(20) ? -1 : now + prng.below(prng.pick([5, 2000, 100000]));
            hashes.setExpiry(expiry);
            known.expiry = expiry;
            assert.equal(latin1(hashes.bytes, hashes.start, hashes.length), known.value);
            assert.equal(hashes.expiry, expiry);
          }
        } else if (action === 7) {
          now += prng.below(prng.pick([3, 300, 50000]));
          const due = [...model].filter(([, field]) => field.expiry >= 0 && field.expiry < now).map(([other]) => other);
          assert.equal(hashes.countExpired(now), due.length);
          const budget = prng.chance(70) ? Infinity : 1 + prng.below(3);
          const gone: string[] = [];
          const expired = hashes.expireDue(now, budget, () =>
            gone.push(latin1(hashes.fieldBytes, hashes.fieldStart, hashes.fieldLength)),
          );
          assert.equal(expired, gone.length);
          if (budget === Infinity) assert.deepEqual(gone.sort(), due.sort());
          for (const other of gone) assert.ok(due.includes(other) && model.delete(other));
        } else if (model.size > 0) {
          hashes.random(prng);
          const known = model.get(latin1(hashes.fieldBytes, hashes.fieldStart, hashes.fieldLength));
          assert.equal(latin1(hashes.bytes, hashes.start, hashes.length), known!.value);
          assert.equal(hashes.expiry, known!.expiry);
        }
        hashes.verify();
        assert.equal(hashes.size(), model.size, `seed ${prng.seed} step ${step}`);
        const known = model.get(name);
        assert.equal(find(hashes, name), known !== undefined);
        if (known !== undefined) assert.equal(hashes.expiry, known.expiry);
      }
      assert.deepEqual(sorted(content(hashes)), sorted(model), `seed ${prng.seed}`);
      const { encoding, ref } = hashes;
      const copy = hashes.copy(encoding, ref);
      assert.equal(
        hashes.nextExpiry(encoding, copy) >= 0,
        [...model.values()].some((field) => field.expiry >= 0),
      );
      hashes.open(encoding, copy);
      hashes.verify();
      assert.deepEqual(sorted(content(hashes)), sorted(model));
      assert.ok(hashes.memoryBytes(encoding, ref, 0) > 0);
      hashes.discard();
      hashes.open(encoding, ref);
      const sampled: string[] = [];
      if (model.size > 3)
        hashes.sample(3, prng, () => sampled.push(latin1(hashes.fieldBytes, hashes.fieldStart, hashes.fieldLength)));
      assert.equal(new Set(sampled).size, model.size > 3 ? 3 : 0);
      hashes.discard();
    }
    hashes.arena.verify();
    assert.equal(hashes.arena.usedBytes, 0);
  },
});
