// access: opens a set for set commands and stores its new state.

import { Type } from '../../datatypes/object.js';
import type { Sets } from '../../datatypes/set.js';
import { EventClass } from '../../keyspace/events.js';
import { changed, notify, readTyped, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall } from '../engine.js';

/** @hot */
export function setsOf(call: DataCall): Sets {
  return call.host.keyspace.values.sets;
}

/** Opens the set of an entry. @hot */
export function openEntry(call: DataCall, entry: number): void {
  const { entries, values } = call.host.keyspace;
  values.sets.open(entries.encoding(entry), entries.word2(entry));
}

/**
 * Opens the set of the key at argument `index` for reading and returns its entry; 0 when it is missing, WRONG_TYPE
 * after the error reply.
 * @hot
 */
export function openSet(call: DataCall, index: number): number {
  const entry = readTyped(call, index, Type.SET);
  if (entry !== 0 && entry !== WRONG_TYPE) openEntry(call, entry);
  return entry;
}

/** As `openSet`, for a command that changes the set. @hot */
export function openSetToChange(call: DataCall, index: number): number {
  const entry = writeTyped(call, index, Type.SET);
  if (entry !== 0 && entry !== WRONG_TYPE) openEntry(call, entry);
  return entry;
}

/** Adds the member at argument `index` to the open set. @hot */
export function addArgument(call: DataCall, index: number): boolean {
  return setsOf(call).add(call.bytes, call.starts[index]!, call.lengths[index]!, call.host.limits);
}

/**
 * Stores what the open set has become in its entry; when `entry` is 0, under the key at argument `index`, whose hash is
 * given.
 * @hot
 */
export function storeSet(call: DataCall, index: number, entry: number, hash: number): void {
  const sets = setsOf(call);
  if (entry !== 0) call.db.setValue(entry, sets.encoding, sets.ref);
  else call.db.addValue(call.bytes, call.starts[index]!, call.lengths[index]!, hash, Type.SET, sets.encoding, sets.ref);
}

/** Stores a set that lost members, and deletes the key of an empty one; the event of that is the caller's. */
export function storeOrRemove(call: DataCall, entry: number, hash: number): boolean {
  const sets = setsOf(call);
  call.db.setValue(entry, sets.encoding, sets.ref);
  if (sets.size() > 0) return false;
  call.db.remove(entry, hash);
  return true;
}

/** As `storeOrRemove`, with the events of a command on the key at argument 1. */
export function membersRemoved(call: DataCall, entry: number, event: string, count: number): void {
  const isEmpty = storeOrRemove(call, entry, call.db.hash);
  changed(call, 1, count);
  notify(call, EventClass.SET, event, 1);
  if (isEmpty) notify(call, EventClass.GENERIC, 'del', 1);
}

/** Replies with the member that was read. @hot */
export function replyMember(call: DataCall): void {
  const sets = setsOf(call);
  call.reply.bulkOf(sets.bytes, sets.view, sets.start, sets.length);
}
