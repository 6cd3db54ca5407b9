// access: the bytes of string values, for the commands of this folder and others that work on strings (bitmaps, HyperLogLog).

import { chunkOf } from '../../memory/layout.js';
import type { DataCall } from '../engine.js';

/** Replies with the value of a string entry. @hot */
export function replyString(call: DataCall, entry: number): void {
  const entries = call.host.keyspace.entries;
  const block = entries.valueBlock(entry);
  const chunk = chunkOf(block);
  call.reply.bulkOf(
    entries.arena.u8[chunk]!,
    entries.arena.views[chunk]!,
    entries.valueStart(entry),
    entries.word2(entry),
  );
}

/** A string value's bytes: `bytes` from `start`, `length` of them; borrowed until anything changes. */
export interface StringPlace {
  bytes: Uint8Array;
  start: number;
  length: number;
}

const place: StringPlace = { bytes: new Uint8Array(0), start: 0, length: 0 };

/** Where a string entry's value lies; the result is one object, used again by the next call. @hot */
export function stringPlace(call: DataCall, entry: number): StringPlace {
  const entries = call.host.keyspace.entries;
  place.bytes = entries.arena.u8[chunkOf(entries.valueBlock(entry))]!;
  place.start = entries.valueStart(entry);
  place.length = entries.word2(entry);
  return place;
}
