// pop: LPOP, RPOP, LMPOP and the waiting BLPOP, BRPOP, BLMPOP: taking elements from an end.
//
// A waiting command that finds something is propagated as the LPOP or RPOP that it then is.

import { Type } from '../../datatypes/object.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import { command, keyAt, keysFrom } from '../../registry/command.js';
import { double, int, key, many, optional, since } from '../../registry/grammar.js';
import { writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import {
  blockingMultiPop,
  type MultiPop,
  multiPop,
  runBlockingMultiPop,
  runBlockingPop,
  runMultiPop,
} from '../multi-pop.js';
import { elementsRemoved, endArgument, LEFT, listsOf, popEvent, popRange, RIGHT } from './access.js';

function runPop(call: DataCall, end: number): void {
  if (call.count > 3) {
    call.reply.error(wrongArity(call.command.name));
    return;
  }
  const counted = call.count === 3;
  const count = counted ? call.integer(2) : 1;
  if (!(count >= 0)) {
    call.reply.error(errors.notPositive);
    return;
  }
  const entry = writeTyped(call, 1, Type.LIST);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    if (counted) call.reply.nilArray();
    else call.reply.nil();
  } else if (count === 0) {
    call.reply.emptyArray();
  } else if (counted) {
    const hash = call.db.hash;
    const lists = listsOf(call);
    lists.open(entry);
    elementsRemoved(call, lists, 1, entry, hash, popEvent(end), popRange(call, lists, end, count));
  } else {
    popOne(call, entry, 1, end);
  }
}

/** Pops one element of the list under the key at argument `index`, which was looked up last, and replies with it. @hot */
function popOne(call: DataCall, entry: number, index: number, end: number): void {
  const hash = call.db.hash;
  const lists = listsOf(call);
  lists.open(entry);
  if (end === LEFT) lists.first();
  else lists.last();
  lists.read();
  call.reply.bulkOf(lists.bytes, lists.view, lists.start, lists.length);
  lists.deleteEdge(end === LEFT);
  elementsRemoved(call, lists, index, entry, hash, popEvent(end), 1);
}

export const lpop: DataCommand = command({
  name: 'lpop',
  since: '1.0.0',
  group: 'list',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete'])],
  args: [key('key'), since('6.2.0', optional(int('count')))],
  summary: 'Takes the first element, or the first ones, off a list; an emptied list is deleted.',
  complexity: 'O(N) where N is how many elements are taken.',
  constantUpTo: 2,
  history: [['6.2.0', 'Takes a count.']],
  run: (call) => runPop(call, LEFT),
});

export const rpop: DataCommand = command({
  name: 'rpop',
  since: '1.0.0',
  group: 'list',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete'])],
  args: [key('key'), since('6.2.0', optional(int('count')))],
  summary: 'Takes the last element, or the last ones, off a list; an emptied list is deleted.',
  complexity: 'O(N) where N is how many elements are taken.',
  constantUpTo: 2,
  history: [['6.2.0', 'Takes a count.']],
  run: (call) => runPop(call, RIGHT),
});

const ENDS = ['left', 'right'] as const;

/** Pops some elements of the list of the key at argument `index`, for LMPOP. */
function popSome(call: DataCall, { end, count }: MultiPop, index: number, entry: number): void {
  const hash = call.db.hash;
  const lists = listsOf(call);
  lists.open(entry);
  call.reply.array(2);
  call.replyArgument(index);
  const taken = popRange(call, lists, end, count);
  elementsRemoved(call, lists, index, entry, hash, popEvent(end), taken);
  if (call.host.propagates) call.host.rewrite(call, [end === LEFT ? 'LPOP' : 'RPOP', call.copy(index), taken]);
}

export const lmpop: DataCommand = command({
  ...multiPop(endArgument('where')),
  name: 'lmpop',
  group: 'list',
  summary: 'Takes elements off the first of several lists that is there.',
  complexity: 'O(N+M) where N is the count of keys and M of elements taken.',
  run: (call) => runMultiPop(call, Type.LIST, ENDS, popSome),
});

export const blmpop: DataCommand = command({
  ...blockingMultiPop(endArgument('where')),
  name: 'blmpop',
  group: 'list',
  summary: 'Takes elements off the first of several lists that is there, and waits while none is.',
  complexity: 'O(N+M) where N is the count of keys and M of elements taken.',
  run: (call) => runBlockingMultiPop(call, Type.LIST, ENDS, popSome),
});

function runBlocking(call: DataCall, end: number): void {
  runBlockingPop(call, Type.LIST, (index, entry) => {
    call.reply.array(2);
    call.replyArgument(index);
    popOne(call, entry, index, end);
    if (call.host.propagates) call.host.rewrite(call, [end === LEFT ? 'LPOP' : 'RPOP', call.copy(index)]);
  });
}

export const blpop: DataCommand = command({
  name: 'blpop',
  since: '2.0.0',
  group: 'list',
  arity: -3,
  flags: ['write', 'blocking'],
  keys: [keysFrom(1, -2, 1, ['RW', 'access', 'delete'])],
  args: [many(key('key')), double('timeout')],
  summary: 'Takes the first element off the first of several lists that is there, and waits while none is.',
  complexity: 'O(N) where N is the count of keys.',
  history: [['6.0.0', 'The timeout may have a fraction.']],
  run: (call) => runBlocking(call, LEFT),
});

export const brpop: DataCommand = command({
  name: 'brpop',
  since: '2.0.0',
  group: 'list',
  arity: -3,
  flags: ['write', 'blocking'],
  keys: [keysFrom(1, -2, 1, ['RW', 'access', 'delete'])],
  args: [many(key('key')), double('timeout')],
  summary: 'Takes the last element off the first of several lists that is there, and waits while none is.',
  complexity: 'O(N) where N is the count of keys.',
  history: [['6.0.0', 'The timeout may have a fraction.']],
  run: (call) => runBlocking(call, RIGHT),
});
