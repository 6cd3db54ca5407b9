// access: the common part of the sorted set commands: removals, replies of a range, storing a result.

import type { SortedSets } from '../../datatypes/sorted-set.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { changed, notify } from '../access.js';
import type { DataCall } from '../engine.js';

/** @hot */
export function sortedSetsOf(call: DataCall): SortedSets {
  return call.host.keyspace.values.sortedSets;
}

/** The set of an entry was changed: notes its new form. @hot */
export function storeForm(call: DataCall, entry: number): void {
  const sets = call.host.keyspace.values.sortedSets;
  call.db.setValue(entry, sets.encoding, sets.ref);
}

/**
 * Members were taken from the set of the key at argument `index`, and the database still has the key's hash: notes the
 * set's form and sends the event, or deletes the key of an empty set. @hot
 */
export function membersRemoved(call: DataCall, index: number, entry: number, event: string, count: number): void {
  const sets = call.host.keyspace.values.sortedSets;
  const { hash } = call.db;
  storeForm(call, entry);
  const isEmpty = sets.count(sets.encoding, sets.ref) === 0;
  if (isEmpty) call.db.remove(entry, hash);
  changed(call, index, count);
  notify(call, EventClass.ZSET, event, index);
  if (isEmpty) notify(call, EventClass.GENERIC, 'del', index);
}

/**
 * Takes `count` members of the set of the key at argument `index` away, from this rank on, with the event and all else that
 * follows. A large removed part is freed in slices.
 */
export function removeRanks(
  call: DataCall,
  index: number,
  entry: number,
  rank: number,
  count: number,
  event: string,
): void {
  const { keyspace } = call.host;
  const sets = keyspace.values.sortedSets;
  const encoding = keyspace.entries.encoding(entry);
  const ref = keyspace.entries.word2(entry);
  if (count === sets.count(encoding, ref)) {
    call.db.remove(entry, call.db.hash);
    changed(call, index, count);
    notify(call, EventClass.ZSET, event, index);
    notify(call, EventClass.GENERIC, 'del', index);
    return;
  }
  const old = sets.removeRanks(encoding, ref, rank, count);
  if (old !== 0) keyspace.releaseValue(Type.ZSET, Encoding.SKIPLIST, old);
  membersRemoved(call, index, entry, event, count);
}

/** Starts the array of `count` members, with scores as pairs of their own in RESP3. */
export function replyArrayStart(call: DataCall, count: number, withScores: boolean): void {
  call.reply.array(withScores && call.reply.protocol === 2 ? 2 * count : count);
}

/** Replies with the members of ranks from `from` to before `to`, upwards or downwards. */
export function replyRanks(
  call: DataCall,
  encoding: number,
  ref: number,
  from: number,
  to: number,
  reverse: boolean,
  withScores: boolean,
): void {
  const { walk } = sortedSetsOf(call);
  const { reply } = call;
  const count = Math.max(0, to - from);
  const nested = withScores && reply.protocol === 3;
  replyArrayStart(call, count, withScores);
  if (count === 0) return;
  walk.from(encoding, ref, reverse ? to - 1 : from);
  for (let left = count; left > 0; left--) {
    if (nested) reply.array(2);
    reply.bulkOf(walk.bytes, walk.view, walk.start, walk.length);
    if (withScores) reply.double(walk.score);
    if (left === 1) return;
    if (reverse) walk.previous();
    else walk.next();
  }
}

/**
 * Makes a new set (of form and ref) the value of the key at argument `index`, in place of the old value, and replies
 * with its count. An empty one is freed and deletes the key.
 */
export function storeResult(
  call: DataCall,
  index: number,
  encoding: number,
  ref: number,
  event: string,
  dirty = 1,
): void {
  const { db } = call;
  const sets = sortedSetsOf(call);
  const count = sets.count(encoding, ref);
  const entry = db.lookupWrite(call.bytes, call.starts[index]!, call.lengths[index]!);
  const { hash } = db;
  if (count === 0) {
    sets.free(encoding, ref);
    storeNothingOver(call, index, entry);
    return;
  }
  db.replaceValue(entry, call.bytes, call.starts[index]!, call.lengths[index]!, hash, Type.ZSET, encoding, ref);
  changed(call, index, dirty);
  notify(call, EventClass.ZSET, event, index);
  call.reply.integer(count);
}

/** As `storeResult` of an empty set. */
export function storeNothing(call: DataCall, index: number): void {
  storeNothingOver(call, index, call.db.lookupWrite(call.bytes, call.starts[index]!, call.lengths[index]!));
}

/** As `storeNothing`, when the key has just been looked up. */
function storeNothingOver(call: DataCall, index: number, entry: number): void {
  if (entry !== 0) {
    call.db.remove(entry, call.db.hash);
    changed(call, index, 1);
    notify(call, EventClass.GENERIC, 'del', index);
  }
  call.reply.integer(0);
}
