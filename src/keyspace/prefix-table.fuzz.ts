// prefix-table.fuzz: keys that come, go, move, expire and are flushed, and a table that is made in the middle; `verify` counts them all.

import { latin1Bytes } from '../base/bytes.js';
import type { Fuzzer } from '../base/fuzzer.js';
import { keySlot } from '../base/key-slot.js';
import { Prng } from '../base/prng.js';
import { Keyspace } from './keyspace.js';
import type { PrefixOptions } from './prefix-table.js';

const value = latin1Bytes('v');

function randomKey(prng: Prng): Uint8Array {
  const parts = Array.from({ length: prng.below(6) }, () => String(prng.below(4)).repeat(prng.chance(2) ? 200 : 1));
  return latin1Bytes(parts.join(prng.chance(80) ? ':' : '/') + (prng.chance(10) ? ':' : ''));
}

function randomOptions(prng: Prng): PrefixOptions {
  return {
    separators: latin1Bytes(prng.pick([':', ':/', '/'])),
    depth: 1 + prng.below(5),
    prefixesMax: 100_000,
    seed: prng.below(2 ** 32) | 0,
  };
}

function change(keyspace: Keyspace, prng: Prng): void {
  const database = keyspace.databases[prng.below(2)]!;
  const key = randomKey(prng);
  const old = database.lookupWrite(key, 0, key.length);
  const { hash } = database;
  const choice = prng.below(100);
  if (choice < 50) {
    const entry = database.setString(old, key, 0, key.length, hash, value, 0, 1, false);
    if (prng.chance(20)) database.setExpiry(entry, hash, keyspace.nowMs + prng.below(200));
  } else if (choice < 85) {
    if (old !== 0) database.remove(old, hash);
  } else if (choice < 90) {
    if (old !== 0) database.reclaim(old, hash, key, 0, key.length, prng.pick(['expired', 'evicted'] as const));
  } else if (choice < 95) {
    keyspace.nowMs += prng.below(50);
  } else if (choice < 97) {
    keyspace.swap(0, 1);
  } else if (choice === 97) {
    database.clear();
  } else if (choice === 98) {
    keyspace.setPrefixes(prng.chance(80) ? randomOptions(prng) : undefined);
  } else {
    keyspace.exchange(keyspace.spareDatabases());
  }
}

export const fuzzers: Fuzzer[] = [
  {
    name: 'tables of prefixes count the keys that are there, whatever happened to them, in slots too',
    steps: 12_000,
    run(seed, steps) {
      for (const slotOf of [undefined, keySlot]) {
        const prng = new Prng(seed);
        const keyspace = new Keyspace({ databaseCount: 2, random: new Prng(seed), hashKey: [seed, 7], slotOf });
        keyspace.nowMs = 1_000_000;
        for (let step = 0; step < steps; step++) {
          change(keyspace, prng);
          // Most of the time a table is still counting what was there before it.
          if (prng.chance(10)) keyspace.countMorePrefixes(1 + prng.below(30));
          if (step % 1000 !== 999) continue;
          if (prng.chance(50)) while (!keyspace.countMorePrefixes(50)) continue;
          try {
            keyspace.verify();
          } catch (error) {
            throw new Error(`seed ${seed} step ${step}: ${(error as Error).message}`);
          }
        }
      }
    },
  },
];
