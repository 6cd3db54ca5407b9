// access: the steps that nearly every data command takes with its keys: look one up, check its type, report its change.

import { errors } from '../protocol/errors.js';
import type { DataCall } from './engine.js';

/** Entry refs are at least 1; this is what the lookups below return after they replied WRONGTYPE. */
export const WRONG_TYPE = -1;

/**
 * The entry of the key at argument `index` for reading: 0 when it is missing, WRONG_TYPE (after the error reply) when
 * it holds another type.
 * @hot
 */
export function readTyped(call: DataCall, index: number, type: number): number {
  const entry = call.db.lookupRead(call.bytes, call.starts[index]!, call.lengths[index]!);
  if (entry === 0 || call.host.keyspace.entries.type(entry) === type) return entry;
  call.reply.error(errors.wrongType);
  return WRONG_TYPE;
}

/** As `readTyped`, for a command that changes the key. @hot */
export function writeTyped(call: DataCall, index: number, type: number): number {
  const entry = call.db.lookupWrite(call.bytes, call.starts[index]!, call.lengths[index]!);
  if (entry === 0 || call.host.keyspace.entries.type(entry) === type) return entry;
  call.reply.error(errors.wrongType);
  return WRONG_TYPE;
}

/** As `writeTyped`, counting a hit or a miss: see `Database.lookupCounted`. */
export function writeTypedCounted(call: DataCall, index: number, type: number): number {
  const entry = call.db.lookupCounted(call.bytes, call.starts[index]!, call.lengths[index]!);
  if (entry === 0 || call.host.keyspace.entries.type(entry) === type) return entry;
  call.reply.error(errors.wrongType);
  return WRONG_TYPE;
}

/** The key at argument `index` was changed; `dirty` is what Redis adds to rdb_changes_since_last_save. @hot */
export function changed(call: DataCall, index: number, dirty: number): void {
  call.host.keyspace.changed(call.db, call.bytes, call.starts[index]!, call.lengths[index]!, dirty);
}

/** A keyspace event of the key at argument `index`. @hot */
export function notify(call: DataCall, eventClass: number, event: string, index: number): void {
  const keyspace = call.host.keyspace;
  if ((keyspace.notifyMask & eventClass) !== 0)
    keyspace.notify(eventClass, event, call.db, call.bytes, call.starts[index]!, call.lengths[index]!);
}

/** Whether one of the arguments from `from` on is this word (in lower case). */
export function hasWord(call: DataCall, from: number, word: string): boolean {
  for (let index = from; index < call.count; index++) if (call.is(index, word)) return true;
  return false;
}
