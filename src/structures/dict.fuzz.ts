// dict.fuzz: random sets, gets and deletes beside a Map.

import { chunkOf } from '../memory/layout.js';
import assert from 'node:assert/strict';
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { Dicts, type DictRef } from './dict.js';
import { Entries } from './entry.js';
import type { Fuzzer } from '../base/fuzzer.js';

const encoder = new TextEncoder();

export const decoder = new TextDecoder('latin1');

export class Harness {
  readonly arena = new Arena();
  readonly dicts: Dicts;
  readonly entries = new Entries(this.arena);
  readonly dict: DictRef;

  constructor(seed = 1, hasher = new HalfSipHash(seed, seed ^ 0x1234567)) {
    this.dicts = new Dicts(this.arena, hasher);
    this.dict = this.dicts.create();
  }

  set(key: string, value: string): void {
    const keyBytes = encoder.encode(key);
    const valueBytes = encoder.encode(value);
    const hash = this.dicts.hash(keyBytes, 0, keyBytes.length);
    const old = this.dicts.find(this.dict, keyBytes, 0, keyBytes.length, hash);
    if (old === 0) {
      this.dicts.insert(this.dict, hash, this.create(keyBytes, valueBytes));
      return;
    }
    const moved = this.entries.setString(old, valueBytes, 0, valueBytes.length);
    if (moved !== old) this.dicts.replace(this.dict, hash, old, moved);
  }

  /** Sets keys that are missing as a loader does, a group at a time; those that exist stay. Returns how many were set. */
  setMissing(keys: string[], value: string): number {
    const hashes = new Int32Array(keys.length);
    const made = keys.map((key, index) => {
      const bytes = encoder.encode(key);
      hashes[index] = this.dicts.hash(bytes, 0, bytes.length);
      return this.create(bytes, encoder.encode(value));
    });
    this.dicts.fetchSlots(this.dict, hashes, keys.length);
    let count = 0;
    for (const [index, entry] of made.entries()) {
      const present = this.dicts.insertMissing(this.dict, entry, hashes[index]!);
      assert.equal(present, present === 0 ? 0 : this.find(keys[index]!), 'the entry of the key');
      if (present === 0) count++;
      else this.entries.free(entry);
    }
    return count;
  }

  private create(key: Uint8Array, value: Uint8Array): number {
    return this.entries.createString(0, 0, key, 0, key.length, value, 0, value.length);
  }

  find(key: string): number {
    const bytes = encoder.encode(key);
    return this.dicts.find(this.dict, bytes, 0, bytes.length, this.dicts.hash(bytes, 0, bytes.length));
  }

  get(key: string): string | undefined {
    const ref = this.find(key);
    return ref === 0 ? undefined : this.value(ref);
  }

  value(ref: number): string {
    const start = this.entries.valueStart(ref);
    return decoder.decode(
      this.arena.u8[chunkOf(this.entries.valueBlock(ref))]!.subarray(start, start + this.entries.word2(ref)),
    );
  }

  delete(key: string): boolean {
    const ref = this.find(key);
    if (ref === 0) return false;
    assert.ok(this.dicts.remove(this.dict, this.dicts.hashOfEntry(ref), ref));
    this.entries.free(ref);
    return true;
  }
}

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'random sets, gets and deletes agree with a Map, growing and shrinking',
  steps: 200_000,
  run(seed, steps) {
    const prng = new Prng(seed);
    const harness = new Harness(seed);
    const model = new Map<string, string>();
    for (let step = 0; step < steps; step++) {
      const shrinking = (step >> 15) & 1;
      const key = `key:${prng.below(20_000)}`;
      if (step % 50 === 0) {
        const keys = Array.from({ length: prng.below(40) }, () => `key:${prng.below(20_000)}`);
        const missing = new Set(keys.filter((each) => !model.has(each)));
        assert.equal(harness.setMissing(keys, 'loaded'), missing.size, `seed ${seed} step ${step}`);
        for (const each of missing) model.set(each, 'loaded');
      } else if (prng.chance(shrinking ? 20 : 70)) {
        const value = 'v'.repeat(prng.chance(2) ? prng.below(3000) : prng.below(40));
        harness.set(key, value);
        model.set(key, value);
      } else {
        assert.equal(harness.delete(key), model.delete(key), `seed ${seed} step ${step}`);
      }
      if (step % 97 === 0) assert.equal(harness.get(key), model.get(key), `seed ${seed} step ${step}`);
      if (step % 20_000 === 0) harness.dicts.verify(harness.dict);
    }
    harness.dicts.verify(harness.dict);
    harness.arena.verify();
    assert.equal(harness.dicts.count(harness.dict), model.size);
    for (const [key, value] of model) assert.equal(harness.get(key), value, `seed ${seed}`);
    for (const key of model.keys()) assert.ok(harness.delete(key));
    harness.dicts.verify(harness.dict);
    assert.equal(harness.dicts.stats(harness.dict).segments, 1, 'an emptied dict is small again');
    harness.dicts.destroy(harness.dict);
    assert.equal(harness.arena.usedBytes, 0);
  },
});
