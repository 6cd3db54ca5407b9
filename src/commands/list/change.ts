// change: LSET, LINSERT, LREM, LTRIM: changing a list elsewhere than at its ends.

import type { Lists } from '../../datatypes/list.js';
import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, oneof, str, token } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { deleteRange, elementsRemoved, listsOf } from './access.js';

const COUNT_RANGE = errors.notInt64;

function runSet(call: DataCall): void {
  const entry = writeTyped(call, 1, Type.LIST);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.error(errors.noSuchKey);
    return;
  }
  const index = call.integer(2);
  if (Number.isNaN(index)) {
    call.reply.error(errors.notInteger);
    return;
  }
  const lists = listsOf(call);
  lists.open(entry);
  lists.prepareGrowth(call.lengths[3]!, 1);
  if (!lists.seek(index < 0 ? lists.size() + index : index)) {
    call.reply.error(errors.outOfRange);
    return;
  }
  lists.replace(call.bytes, call.starts[3]!, call.lengths[3]!);
  lists.settle();
  call.reply.ok();
  changed(call, 1, 1);
  notify(call, EventClass.LIST, 'lset', 1);
}

export const lset: DataCommand = command({
  name: 'lset',
  since: '1.0.0',
  group: 'list',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), int('index'), str('element')],
  summary: 'Replaces the element at an index.',
  complexity: 'O(1) near the ends; elsewhere see LINDEX.',
  run: runSet,
});

function runInsert(call: DataCall): void {
  const after = call.is(2, 'after');
  if (!after && !call.is(2, 'before')) {
    call.reply.error(errors.syntax);
    return;
  }
  const entry = writeTyped(call, 1, Type.LIST);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.integer(0);
    return;
  }
  const { bytes, starts, lengths } = call;
  const lists = listsOf(call);
  lists.open(entry);
  lists.prepareGrowth(lengths[4]!, 1);
  if (!lists.first() || !lists.find(bytes, starts[3]!, lengths[3]!)) {
    call.reply.integer(-1);
    return;
  }
  lists.insert(after, bytes, starts[4]!, lengths[4]!);
  changed(call, 1, 1);
  notify(call, EventClass.LIST, 'linsert', 1);
  call.reply.integer(lists.size());
}

export const linsert: DataCommand = command({
  name: 'linsert',
  since: '2.2.0',
  group: 'list',
  arity: 5,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), oneof('where', token('BEFORE'), token('AFTER')), str('pivot'), str('element')],
  summary: 'Puts an element before or after the first one that is equal to a string.',
  complexity: 'O(N) where N is how many elements come before the place.',
  run: runInsert,
});

/** Deletes up to `limit` elements that are argument 3, from the head on; returns how many there were. */
function removeForward(call: DataCall, lists: Lists, limit: number): number {
  const start = call.starts[3]!;
  const length = call.lengths[3]!;
  let removed = 0;
  for (let there = lists.first(); there && removed < limit && lists.find(call.bytes, start, length); removed++)
    there = lists.delete();
  return removed;
}

/** As `removeForward`, from the tail on. */
function removeBackward(call: DataCall, lists: Lists, limit: number): number {
  const start = call.starts[3]!;
  const length = call.lengths[3]!;
  let removed = 0;
  let there = lists.last();
  while (there && removed < limit) {
    if (lists.equals(call.bytes, start, length)) {
      removed++;
      there = lists.deleteBackward();
    } else {
      there = lists.previous();
    }
  }
  return removed;
}

function runRemove(call: DataCall): void {
  const limit = call.integer(2);
  if (Number.isNaN(limit) || call.bigInteger(2) === -(2n ** 63n)) {
    call.reply.error(Number.isNaN(limit) ? errors.notInteger : COUNT_RANGE);
    return;
  }
  const entry = writeTyped(call, 1, Type.LIST);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.integer(0);
    return;
  }
  const hash = call.db.hash;
  const lists = listsOf(call);
  lists.open(entry);
  const removed =
    limit < 0 ? removeBackward(call, lists, -limit) : removeForward(call, lists, limit === 0 ? Infinity : limit);
  lists.finishDeleting();
  if (removed > 0) elementsRemoved(call, lists, 1, entry, hash, 'lrem', removed);
  call.reply.integer(removed);
}

export const lrem: DataCommand = command({
  name: 'lrem',
  since: '1.0.0',
  group: 'list',
  arity: 4,
  flags: ['write'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), int('count'), str('element')],
  summary: 'Deletes elements that are equal to a string: the first ones, the last ones, or all.',
  complexity: 'O(N) where N is the length of the list.',
  run: runRemove,
});

function runTrim(call: DataCall): void {
  let start = call.integer(2);
  let end = call.integer(3);
  if (Number.isNaN(start) || Number.isNaN(end)) {
    call.reply.error(errors.notInteger);
    return;
  }
  const entry = writeTyped(call, 1, Type.LIST);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.ok();
    return;
  }
  const hash = call.db.hash;
  const lists = listsOf(call);
  lists.open(entry);
  const size = lists.size();
  if (start < 0) start = Math.max(0, size + start);
  if (end < 0) end = size + end;
  if (end >= size) end = size - 1;
  if (start > end) {
    notify(call, EventClass.LIST, 'ltrim', 1);
    call.db.remove(entry, hash);
    notify(call, EventClass.GENERIC, 'del', 1);
    changed(call, 1, size);
  } else {
    deleteRange(call, lists, end + 1, size - end - 1);
    deleteRange(call, lists, 0, start);
    elementsRemoved(call, lists, 1, entry, hash, 'ltrim', size - (end - start + 1));
  }
  call.reply.ok();
}

export const ltrim: DataCommand = command({
  name: 'ltrim',
  since: '1.0.0',
  group: 'list',
  arity: 4,
  flags: ['write'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), int('start'), int('stop')],
  summary: 'Deletes all elements but those from one index to another.',
  complexity: 'O(N) where N is how many elements go.',
  run: runTrim,
});
