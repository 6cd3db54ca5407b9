// access: the common part of the list commands: the cursor, ends by name, removals, replies of a range.

import { Encoding, Type } from '../../datatypes/object.js';
import type { Lists } from '../../datatypes/list.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { oneof, token } from '../../registry/grammar.js';
import { changed, notify } from '../access.js';
import type { DataCall } from '../engine.js';
import { writeElements } from './range-reply.js';

export const LEFT = 0;
export const RIGHT = 1;

/** The list cursor, set to the configured node size. @hot */
export function listsOf(call: DataCall): Lists {
  const lists = call.host.keyspace.values.lists;
  lists.quicklists.fill = call.host.limits.listMaxListpackSize;
  return lists;
}

/** Adds an empty list under the key at argument `index`, whose hash the database still has; returns its entry. */
export function addList(call: DataCall, lists: Lists, index: number): number {
  return call.db.addValue(
    call.bytes,
    call.starts[index]!,
    call.lengths[index]!,
    call.db.hash,
    Type.LIST,
    Encoding.LISTPACK,
    lists.create(),
  );
}

/** LEFT or RIGHT by the argument at `index`; -1, after the error reply, when it is neither. */
export function parseEnd(call: DataCall, index: number): number {
  if (call.is(index, 'left')) return LEFT;
  if (call.is(index, 'right')) return RIGHT;
  call.reply.error(errors.syntax);
  return -1;
}

export function popEvent(end: number): string {
  return end === LEFT ? 'lpop' : 'rpop';
}

export const endArgument = (name: string) => oneof(name, token('LEFT'), token('RIGHT'));

/**
 * `count` elements were taken from the open list of the key at argument `index`: sends the event, and deletes the key
 * of an empty list. `hash` is the key's.
 * @hot
 */
export function elementsRemoved(
  call: DataCall,
  lists: Lists,
  index: number,
  entry: number,
  hash: number,
  event: string,
  count: number,
): void {
  notify(call, EventClass.LIST, event, index);
  if (lists.size() === 0) {
    call.db.remove(entry, hash);
    notify(call, EventClass.GENERIC, 'del', index);
  } else {
    lists.settle();
  }
  changed(call, index, count);
}

/** Deletes `count` elements of the open list from `index` on; many of them are freed in slices afterwards. */
export function deleteRange(call: DataCall, lists: Lists, index: number, count: number): void {
  const cut = lists.deleteRange(index, count);
  if (cut !== 0) call.host.keyspace.releaseValue(Type.LIST, Encoding.QUICKLIST, cut);
}

/** Replies with an array of `count` elements of the open list, from `start` on; they must exist. @hot */
export function replyRange(call: DataCall, lists: Lists, start: number, count: number): void {
  const reply = call.reply;
  reply.array(count);
  lists.seek(start);
  let left = count;
  while (left > 0) {
    const listpack = lists.listpackHere;
    if (listpack === 0) {
      lists.read();
      reply.bulkOf(lists.bytes, lists.view, lists.start, lists.length);
      left--;
    } else {
      left = writeElements(reply, lists.listpacks, listpack, lists.offsetHere, left);
    }
    if (left > 0 && !lists.nextBlock()) return;
  }
}

/** As `replyRange`, from the element at `last` backwards. */
export function replyRangeBackward(call: DataCall, lists: Lists, last: number, count: number): void {
  call.reply.array(count);
  let there = lists.seek(last);
  for (let left = count; left > 0 && there; left--) {
    lists.read();
    call.reply.bulkOf(lists.bytes, lists.view, lists.start, lists.length);
    there = lists.previous();
  }
}

/** Pops up to `count` elements of the open list, replying with an array of them; returns how many. */
export function popRange(call: DataCall, lists: Lists, end: number, count: number): number {
  const size = lists.size();
  const taken = Math.min(count, size);
  if (end === LEFT) {
    replyRange(call, lists, 0, taken);
    deleteRange(call, lists, 0, taken);
  } else {
    replyRangeBackward(call, lists, size - 1, taken);
    deleteRange(call, lists, size - taken, taken);
  }
  return taken;
}
