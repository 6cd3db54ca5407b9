// dict-entries: random entries of a dict, and their bytes, for sets, hashes and sorted sets.

import type { RandomSource } from '../base/prng.js';
import type { Arena } from '../memory/arena.js';
import { type DictRef, type Dicts, RefList } from '../structures/dict.js';

/** Entries that are looked at at a time. */
const BATCH = 512;

/** `count` different entries of a dict, each choice of them equally likely, the entries in any order. */
export function sampleEntries(dicts: Dicts, dict: DictRef, count: number, source: RandomSource): Int32Array {
  const size = dicts.count(dict);
  if (count * 3 > size) {
    const all = allEntries(dicts, dict);
    for (let index = 0; index < count; index++) {
      const other = index + source.below(size - index);
      const kept = all.refs[other]!;
      all.refs[other] = all.refs[index]!;
      all.refs[index] = kept;
    }
    return all.refs;
  }
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(dicts.random(dict, source));
  return Int32Array.from(drawn);
}

/** Fewer draws than a part of this size of the elements are cheaper one by one. */
const PLACES_PART = 4;

/** Whether so many draws with repetitions are worth a list of all places (`listPlaces` of the types). */
export function isWorthPlaces(draws: number, size: number): boolean {
  return draws * PLACES_PART > size;
}

/** All entries of a dict. */
export function allEntries(dicts: Dicts, dict: DictRef): RefList {
  const all = new RefList(Math.max(1, dicts.count(dict)));
  dicts.forEach(dict, (entry) => all.push(entry));
  return all;
}

/** Bytes of a dict's entries with their external values, extrapolated from about `samples` of them (0: all). */
export function entriesBytes(
  dicts: Dicts,
  arena: Arena,
  dict: DictRef,
  samples: number,
  external?: (entry: number) => number,
): number {
  const count = dicts.count(dict);
  const list = new RefList();
  let cursor = 0;
  let seen = 0;
  let bytes = 0;
  do {
    list.clear();
    cursor = dicts.scan(dict, cursor, samples === 0 ? BATCH : Math.min(samples, BATCH), list);
    for (let index = 0; index < list.length; index++) {
      bytes += arena.usable(list.refs[index]!) + (external === undefined ? 0 : external(list.refs[index]!));
    }
    seen += list.length;
  } while (cursor !== 0 && (samples === 0 || seen < samples));
  return seen === 0 ? 0 : Math.round((bytes / seen) * count);
}
