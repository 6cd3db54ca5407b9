// slot-keys: which keys a codis slot has, and which keys have one hash tag.
//
// A database keeps its keys by 14 bits of a CRC (keyspace/slot-keys): ten are the slot, four cut it into parts, so the keys of a tag
// are found among a sixteenth of the slot's.

import { codisCrc, codisTag, PARTS_PER_CODIS_SLOT, partOfCrc } from '../../base/codis-slot.js';
import { latin1 } from '../../base/bytes.js';
import type { Database } from '../../keyspace/database.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { firstHashOf } from '../../keyspace/slot-keys.js';
import { RefList } from '../../structures/dict.js';

const KEYS_AT_ONCE = 256;

/** The lowest hash of a slot's keys (unsigned). */
export function firstHashOfSlot(slot: number): number {
  return firstHashOf(slot * PARTS_PER_CODIS_SLOT);
}

/** How many keys a slot has, those past their time too. */
export function countSlot(database: Database, slot: number): number {
  const counts = database.slots!.counts;
  let sum = 0;
  for (let part = slot * PARTS_PER_CODIS_SLOT; part < (slot + 1) * PARTS_PER_CODIS_SLOT; part++) sum += counts[part]!;
  return sum;
}

/** Emits about `count` entries of a slot from `cursor` on, a hash within the slot; returns where the rest begins. */
export function scanSlot(database: Database, slot: number, cursor: number, count: number, out: RefList): number {
  return database.scanSlot((slot + 1) * PARTS_PER_CODIS_SLOT - 1, cursor, count, out);
}

/** Keys of a slot from a hash drawn by chance on, `wanted` at most; all of them when there are fewer. */
export function pickKeys(keyspace: Keyspace, database: Database, slot: number, wanted: number): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  if (countSlot(database, slot) === 0) return [];
  const first = firstHashOfSlot(slot);
  const end = firstHashOfSlot(slot + 1);
  const start = first + Math.floor((keyspace.random.below(1 << 22) / (1 << 22)) * (end - first));
  const found = new RefList();
  for (const [from, to] of [
    [start, end],
    [first, start],
  ] as const) {
    for (let cursor = from; cursor < to && keys.size < wanted;) {
      found.clear();
      cursor = scanSlot(database, slot, cursor, Math.min(KEYS_AT_ONCE, wanted), found);
      for (let index = 0; index < found.length && keys.size < wanted; index++) {
        const bytes = keyspace.entries.keyBytes(found.refs[index]!);
        keys.set(latin1(bytes), bytes);
      }
    }
  }
  return [...keys.values()];
}

/**
 * All keys that move with this one: those of its tag, itself included if it exists; itself alone when it has no tag.
 */
export function keysOfTag(keyspace: Keyspace, database: Database, key: Uint8Array): Uint8Array[] {
  const crc = codisCrc(key, 0, key.length);
  if (!codisTag.isTag) return [key];
  const keys: Uint8Array[] = [];
  const found = new RefList();
  const part = partOfCrc(crc);
  const end = firstHashOf(part + 1);
  for (let cursor = firstHashOf(part); cursor < end;) {
    found.clear();
    cursor = database.scanSlot(part, cursor, KEYS_AT_ONCE, found);
    for (let index = 0; index < found.length; index++) {
      const other = keyspace.entries.keyBytes(found.refs[index]!);
      if (codisCrc(other, 0, other.length) === crc && codisTag.isTag) keys.push(other);
    }
  }
  return keys;
}
