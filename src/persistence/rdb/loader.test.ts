// The loader puts keys into their database in groups: a key that comes twice is found wherever its two places are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rdbFile, string } from '../../../test/persistence/payloads.js';
import { digestOf, makeKeyspace } from '../../../test/persistence/local.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { defaultDataLimits } from '../../registry/data-limits.js';
import { RdbLoader } from './loader.js';
import { RdbError, RdbReader } from './reader.js';

type Pair = readonly [name: string, value: string];

/** Loads string keys. */
function load(keyspace: Keyspace, pairs: readonly Pair[], merges: boolean): void {
  const file = rdbFile(pairs.map(([name, value]) => ({ name, type: 0, value: string(value) })));
  const loader = new RdbLoader(keyspace, defaultDataLimits(), {
    dropsExpired: false,
    merges,
    loadFunction: () => undefined,
    log: () => undefined,
  });
  const reader = new RdbReader();
  reader.push(file);
  reader.finish();
  while (loader.run(reader) !== 'end');
  keyspace.verify();
}

/** A hundred pairs; the second place has the name of the first. */
function pairsWith(first: number, second: number): Pair[] {
  return Array.from({ length: 100 }, (_, index) => [`key ${index === second ? first : index}`, `value ${index}`]);
}

test('a key that comes twice is refused by name, and the keys before it stay', () => {
  for (const [first, second] of [
    [0, 1],
    [0, 31],
    [0, 32],
    [31, 32],
    [5, 99],
    [98, 99],
  ] as const) {
    const keyspace = makeKeyspace();
    assert.throws(
      () => load(keyspace, pairsWith(first, second), false),
      (error) => error instanceof RdbError && error.message.includes(`RDB has duplicated key 'key ${first}' in DB 0`),
      `places ${first} and ${second}`,
    );
    keyspace.verify();
    assert.equal(keyspace.databases[0]!.size, second, `places ${first} and ${second}`);
    keyspace.databases[0]!.clear();
    while (!keyspace.freeSome(1000));
    assert.equal(keyspace.arena.usedBytes, makeKeyspace().arena.usedBytes, 'no entry is left behind');
  }
});

test('a loader that merges keeps the last of two', () => {
  for (const [first, second] of [
    [0, 1],
    [3, 40],
    [98, 99],
  ] as const) {
    const keyspace = makeKeyspace();
    load(keyspace, [['key 7', 'older']], false);
    const pairs = pairsWith(first, second);
    load(keyspace, pairs, true);
    const expected = makeKeyspace();
    load(expected, [...new Map(pairs)], false);
    assert.equal(digestOf(keyspace), digestOf(expected), `places ${first} and ${second}`);
  }
});
