// access: HyperLogLog values in keys: found, checked, stored back.

import { Encoding, Type } from '../../datatypes/object.js';
import { Hyperloglogs, looksLikeHyperloglog } from '../../structures/hyperloglog.js';
import type { DataCall } from '../engine.js';
import { stringPlace } from '../string/access.js';
import { readTyped, writeTyped, WRONG_TYPE } from '../access.js';

export const CORRUPT = 'INVALIDOBJ Corrupted HLL object detected';

/** The editor of all commands in turn. */
export const editor = new Hyperloglogs();

function check(call: DataCall, entry: number): number {
  if (entry === 0 || entry === WRONG_TYPE) return entry;
  const { bytes, start, length } = stringPlace(call, entry);
  if (looksLikeHyperloglog(bytes, start, length)) return entry;
  call.reply.error('WRONGTYPE Key is not a valid HyperLogLog string value.');
  return WRONG_TYPE;
}

/** The entry of the key at argument `index`: 0 when it is missing, WRONG_TYPE after an error reply. */
export function readSketch(call: DataCall, index: number): number {
  return check(call, readTyped(call, index, Type.STRING));
}

/** As `readSketch`, for a command that changes the key. */
export function writeSketch(call: DataCall, index: number): number {
  return check(call, writeTyped(call, index, Type.STRING));
}

/** Opens the value of an entry in the editor. */
export function openSketch(call: DataCall, entry: number): void {
  const { bytes, start, length } = stringPlace(call, entry);
  editor.open(bytes, start, length);
}

/** Stores the editor's value in the key at argument `index`; `entry` is the key's, 0 when it is missing. */
export function storeSketch(call: DataCall, index: number, entry: number): void {
  const { db } = call;
  const made = db.setString(
    entry,
    call.bytes,
    call.starts[index]!,
    call.lengths[index]!,
    db.hash,
    editor.bytes,
    0,
    editor.length,
    true,
  );
  call.host.keyspace.entries.setEncoding(made, Encoding.RAW);
}
