// slot-keys.fuzz: random sets and deletes beside a model of slots.

import assert from 'node:assert/strict';
import { latin1Bytes } from '../base/bytes.js';
import { keySlot } from '../base/key-slot.js';
import { Prng } from '../base/prng.js';
import { RefList } from '../structures/dict.js';
import { Keyspace } from './keyspace.js';
import { firstHashOf } from './slot-keys.js';
import type { Fuzzer } from '../base/fuzzer.js';

const value = latin1Bytes('v');

export function makeKeyspace(seed = 1): Keyspace {
  return new Keyspace({
    databaseCount: 1,
    random: new Prng(seed),
    hashKey: [seed * 77, seed ^ 0x5555],
    slotOf: keySlot,
  });
}

export function set(keyspace: Keyspace, name: string): void {
  const key = latin1Bytes(name);
  const database = keyspace.databases[0]!;
  const old = database.lookupWrite(key, 0, key.length);
  database.setString(old, key, 0, key.length, database.hash, value, 0, 1, false);
}

export function remove(keyspace: Keyspace, name: string): boolean {
  const key = latin1Bytes(name);
  const database = keyspace.databases[0]!;
  const old = database.lookupWrite(key, 0, key.length);
  if (old !== 0) database.remove(old, database.hash);
  return old !== 0;
}

function keysOf(keyspace: Keyspace, slot: number): string[] {
  const found = new RefList();
  const end = firstHashOf(slot + 1);
  const database = keyspace.databases[0]!;
  for (let cursor = firstHashOf(slot); cursor < end;) cursor = database.scanSlot(slot, cursor, 7, found);
  return Array.from(found.refs.subarray(0, found.length), (entry) =>
    Buffer.from(keyspace.entries.keyBytes(entry)).toString('latin1'),
  ).sort();
}

export function slotOf(name: string): number {
  return keySlot(latin1Bytes(name));
}

/** Some keys with tags of their own, some with one of few tags. */
function randomName(prng: Prng): string {
  const number = prng.below(6000);
  return prng.chance(50) ? `key:${number}` : `{tag${prng.below(3)}}:${number}`;
}

export const fuzzers: Fuzzer[] = [];

fuzzers.push({
  name: 'random sets and deletes agree with a model of slots',
  steps: 60_000,
  run(seed, steps) {
    const prng = new Prng(seed);
    const keyspace = makeKeyspace(seed);
    const model = new Map<number, Set<string>>();
    for (let step = 0; step < steps; step++) {
      const name = randomName(prng);
      const slot = slotOf(name);
      const names = model.get(slot) ?? new Set<string>();
      model.set(slot, names);
      if (prng.chance(((step >> 13) & 1) === 0 ? 75 : 25)) {
        set(keyspace, name);
        names.add(name);
      } else {
        assert.equal(remove(keyspace, name), names.delete(name), `seed ${seed} step ${step}`);
      }
      if (step % 10_000 === 0) keyspace.verify();
    }
    keyspace.verify();
    for (const [slot, names] of model) {
      assert.equal(keyspace.databases[0]!.slots!.counts[slot], names.size, `seed ${seed} slot ${slot}`);
      assert.deepEqual(keysOf(keyspace, slot), [...names].sort(), `seed ${seed} slot ${slot}`);
    }
    keyspace.databases[0]!.clear();
    keyspace.verify();
  },
});
