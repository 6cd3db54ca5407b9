// pop: LPOP, RPOP, LMPOP and the waiting BLPOP, BRPOP, BLMPOP: taking elements from an end.
//
// A waiting command that finds something is propagated as the LPOP or RPOP that it then is.

import { Type } from '../../datatypes/object.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import { command, keyAt, keysCounted, keysFrom } from '../../registry/command.js';
import { double, int, key, many, optional, since } from '../../registry/grammar.js';
import { writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { parseTimeoutSeconds } from '../timeout.js';
import { elementsRemoved, endArgument, LEFT, listsOf, NOT_POSITIVE, parseEnd, popEvent, popRange, RIGHT } from './access.js';

function runPop(call: DataCall, end: number): void {
  if (call.count > 3) {
    call.reply.error(wrongArity(call.command.name));
    return;
  }
  const counted = call.count === 3;
  const count = counted ? call.integer(2) : 1;
  if (!(count >= 0)) {
    call.reply.error(NOT_POSITIVE);
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
  call.reply.bulk(lists.bytes, lists.start, lists.length);
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

interface PopRequest {
  /** Arguments `first` to `first + keys - 1` are the keys. */
  first: number;
  keys: number;
  end: number;
  count: number;
}

/** Reads "numkeys key... LEFT|RIGHT [COUNT n]" from argument `index` on; undefined after an error reply. */
function parseMultiPop(call: DataCall, index: number): PopRequest | undefined {
  const keys = call.integer(index);
  if (!(keys >= 1)) {
    call.reply.error('ERR numkeys should be greater than 0');
    return undefined;
  }
  const endIndex = index + keys + 1;
  if (endIndex >= call.count) {
    call.reply.error(errors.syntax);
    return undefined;
  }
  const end = parseEnd(call, endIndex);
  if (end < 0) return undefined;
  let count = 0;
  for (let option = endIndex + 1; option < call.count; option += 2) {
    if (count !== 0 || !call.is(option, 'count') || option + 1 >= call.count) {
      call.reply.error(errors.syntax);
      return undefined;
    }
    count = call.integer(option + 1);
    if (!(count >= 1)) {
      call.reply.error('ERR count should be greater than 0');
      return undefined;
    }
  }
  return { first: index + 1, keys, end, count: count === 0 ? 1 : count };
}

/** Pops from the first of the keys that is a list. Returns whether it replied. */
function popFirstOf(call: DataCall, request: PopRequest): boolean {
  for (let index = request.first; index < request.first + request.keys; index++) {
    const entry = writeTyped(call, index, Type.LIST);
    if (entry === WRONG_TYPE) return true;
    if (entry === 0) continue;
    const hash = call.db.hash;
    const lists = listsOf(call);
    lists.open(entry);
    call.reply.array(2);
    call.replyArgument(index);
    const taken = popRange(call, lists, request.end, request.count);
    elementsRemoved(call, lists, index, entry, hash, popEvent(request.end), taken);
    if (call.host.propagates) call.host.rewrite(call, [request.end === LEFT ? 'LPOP' : 'RPOP', call.copy(index), taken]);
    return true;
  }
  return false;
}

export const lmpop: DataCommand = command({
  name: 'lmpop',
  since: '7.0.0',
  group: 'list',
  arity: -4,
  flags: ['write'],
  keys: [keysCounted(1, ['RW', 'access', 'delete'])],
  args: [int('numkeys'), many(key('key')), endArgument('where'), optional(int('count', { token: 'COUNT' }))],
  summary: 'Takes elements off the first of several lists that is there.',
  complexity: 'O(N+M) where N is the count of keys and M of elements taken.',
  run(call) {
    const request = parseMultiPop(call, 1);
    if (request !== undefined && !popFirstOf(call, request)) call.reply.nilArray();
  },
});

export const blmpop: DataCommand = command({
  name: 'blmpop',
  since: '7.0.0',
  group: 'list',
  arity: -5,
  flags: ['write', 'blocking'],
  keys: [keysCounted(2, ['RW', 'access', 'delete'])],
  args: [double('timeout'), int('numkeys'), many(key('key')), endArgument('where'), optional(int('count', { token: 'COUNT' }))],
  summary: 'Takes elements off the first of several lists that is there, and waits while none is.',
  complexity: 'O(N+M) where N is the count of keys and M of elements taken.',
  run(call) {
    const request = parseMultiPop(call, 2);
    if (request === undefined) return;
    const timeoutMs = parseTimeoutSeconds(call, 1);
    if (timeoutMs < 0 || popFirstOf(call, request)) return;
    waitForLists(call, request.first, request.keys, timeoutMs);
  },
});

/** Suspends the call until one of the keys is a list; the reply at the end of the time is a nil array. */
function waitForLists(call: DataCall, first: number, keys: number, timeoutMs: number): void {
  if (call.denyBlocking) {
    call.reply.nilArray();
    return;
  }
  call.host.block(call, {
    keys: Array.from({ length: keys }, (_, index) => first + index),
    timeoutMs,
    onlyType: Type.LIST,
    onTimeout: (reply) => reply.nilArray(),
  });
}

function runBlockingPop(call: DataCall, end: number): void {
  const timeoutMs = parseTimeoutSeconds(call, call.count - 1);
  if (timeoutMs < 0) return;
  for (let index = 1; index < call.count - 1; index++) {
    const entry = writeTyped(call, index, Type.LIST);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) continue;
    call.reply.array(2);
    call.replyArgument(index);
    popOne(call, entry, index, end);
    if (call.host.propagates) call.host.rewrite(call, [end === LEFT ? 'LPOP' : 'RPOP', call.copy(index)]);
    return;
  }
  waitForLists(call, 1, call.count - 2, timeoutMs);
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
  run: (call) => runBlockingPop(call, LEFT),
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
  run: (call) => runBlockingPop(call, RIGHT),
});
