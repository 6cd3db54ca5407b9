// key-sizes: lengths of strings and element counts of collections, as INFO keysizes shows them.
//
// A count of keys for each power of two, by database and type; the label is the lower bound ('4' is 4 to 7, '1K' is 1024 to
// 2047). Keeping such counts would cost every write, so they are made on request: exactly for up to SAMPLE_KEYS
// keys, and beyond from a sample of as many, scaled to the whole. The keys of an interval of hashes are as good as a
// random draw and lie side by side in the dict. One database costs about a millisecond at most.

import { RefList } from '../structures/dict.js';
import { Type } from '../datatypes/object.js';
import type { Database } from '../keyspace/database.js';
import type { InfoField } from '../service/info/info.js';

const SAMPLE_KEYS = 4096;
/** 2^40 is more than any value can have. */
const BIN_COUNT = 42;

const histograms: readonly (readonly [type: number, name: string])[] = [
  [Type.STRING, 'distrib_strings_sizes'],
  [Type.LIST, 'distrib_lists_items'],
  [Type.SET, 'distrib_sets_items'],
  [Type.ZSET, 'distrib_zsets_items'],
  [Type.HASH, 'distrib_hashes_items'],
];

/** The place of a size: 0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7, ... */
function binOf(size: number): number {
  return size === 0 ? 0 : 1 + Math.floor(Math.log2(size));
}

/** The smallest size of a bin, as Redis writes it. */
export function binLabel(bin: number): string {
  if (bin === 0) return '0';
  const exponent = bin - 1;
  const unit = Math.floor(exponent / 10);
  return `${2 ** (exponent % 10)}${['', 'K', 'M', 'G', 'T'][unit]!}`;
}

const sample = new RefList();

/** The fields of INFO keysizes of one database; none when it is empty. */
export function keySizeFields(database: Database): InfoField[] {
  const { keyspace, size } = database;
  if (size === 0) return [];
  const { dicts, entries, values } = keyspace;
  drawSample(database);
  const counts = new Map<number, Float64Array>();
  for (let index = 0; index < sample.length; index++) {
    const entry = sample.refs[index]!;
    const type = entries.type(entry);
    let bins = counts.get(type);
    if (bins === undefined) counts.set(type, (bins = new Float64Array(BIN_COUNT)));
    bins[binOf(type === Type.STRING ? entries.word2(entry) : values.count(entry))]!++;
  }
  const scale = dicts.count(database.dict) / sample.length;
  const fields: InfoField[] = [];
  for (const [type, name] of histograms) {
    const bins = counts.get(type);
    if (bins === undefined) continue;
    const shown = [...bins].flatMap((count, bin) =>
      count === 0 ? [] : [`${binLabel(bin)}=${Math.round(count * scale)}`],
    );
    fields.push([`db${database.index}_${name}`, shown.join(',')]);
  }
  if (sample.length < size) fields.push([`db${database.index}_distrib_sampled_keys`, sample.length]);
  return fields;
}

/** Fills `sample` with all keys' entries, or with those of an interval of hashes that begins anywhere. */
function drawSample(database: Database): void {
  const { dicts, random } = database.keyspace;
  sample.clear();
  const takesAll = database.size <= SAMPLE_KEYS;
  let cursor = takesAll ? 0 : random.uint32();
  do cursor = dicts.scan(database.dict, cursor, SAMPLE_KEYS, sample);
  while (takesAll ? cursor !== 0 : sample.length < SAMPLE_KEYS / 2);
}
