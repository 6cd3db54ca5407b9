// pop: taking the lowest or highest members: ZPOPMIN, ZPOPMAX, ZMPOP, and their blocking forms.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt, keysFrom } from '../../registry/command.js';
import { double, int, key, many, oneof, optional, token } from '../../registry/grammar.js';
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
import { removeRanks, sortedSetsOf } from './access.js';

const MIN = false;
const MAX = true;

/** Replies with `count` members from one end of the set (of the key at `index`), and takes them away. Returns how many. @hot */
function popMembers(
  call: DataCall,
  index: number,
  entry: number,
  highest: boolean,
  wanted: number,
  nested: boolean,
): number {
  const { entries } = call.host.keyspace;
  const sets = sortedSetsOf(call);
  const encoding = entries.encoding(entry);
  const ref = entries.word2(entry);
  const size = sets.count(encoding, ref);
  const count = wanted < size ? wanted : size;
  const from = highest ? size - count : 0;
  if (nested) replyPairs(call, encoding, ref, from, from + count, highest);
  else replyFlat(call, encoding, ref, from, count, highest);
  removeRanks(call, index, entry, from, count, highest ? 'zpopmax' : 'zpopmin');
  return count;
}

/** Member, score, member, score ..., without the array's start. @hot */
function replyFlat(call: DataCall, encoding: number, ref: number, from: number, count: number, highest: boolean): void {
  const { walk } = sortedSetsOf(call);
  const { reply } = call;
  walk.from(encoding, ref, highest ? from + count - 1 : from);
  for (let left = count; left > 0; left--) {
    reply.bulkOf(walk.bytes, walk.view, walk.start, walk.length);
    reply.double(walk.score);
    if (left === 1) return;
    if (highest) walk.previous();
    else walk.next();
  }
}

/** An array of pairs, in both protocols. */
function replyPairs(call: DataCall, encoding: number, ref: number, from: number, to: number, highest: boolean): void {
  const { walk } = sortedSetsOf(call);
  const { reply } = call;
  reply.array(to - from);
  walk.from(encoding, ref, highest ? to - 1 : from);
  for (let left = to - from; left > 0; left--) {
    reply.array(2);
    reply.bulkOf(walk.bytes, walk.view, walk.start, walk.length);
    reply.double(walk.score);
    if (left === 1) return;
    if (highest) walk.previous();
    else walk.next();
  }
}

/** @hot */
function runPop(call: DataCall, highest: boolean): void {
  const { reply } = call;
  if (call.count > 3) {
    reply.error(errors.syntax);
    return;
  }
  let count = 1;
  if (call.count === 3) {
    count = call.integer(2);
    if (!(count >= 0)) {
      reply.error(errors.notPositive);
      return;
    }
  }
  const entry = writeTyped(call, 1, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  if (entry === 0 || count === 0) {
    reply.emptyArray();
    return;
  }
  if (reply.protocol === 3 && call.count === 3) {
    popMembers(call, 1, entry, highest, count, true);
    return;
  }
  const { entries } = call.host.keyspace;
  const size = sortedSetsOf(call).count(entries.encoding(entry), entries.word2(entry));
  reply.array(2 * (count < size ? count : size));
  popMembers(call, 1, entry, highest, count, false);
}

export const zpopmin: DataCommand = command({
  name: 'zpopmin',
  since: '5.0.0',
  group: 'sorted_set',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete'])],
  args: [key('key'), optional(int('count'))],
  summary: 'Takes the members with the lowest scores out and returns them.',
  complexity: 'O(log(N)*M) with N members in the set and M to take out.',
  constantUpTo: 2,
  run: (call) => runPop(call, MIN),
});

export const zpopmax: DataCommand = command({
  name: 'zpopmax',
  since: '5.0.0',
  group: 'sorted_set',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete'])],
  args: [key('key'), optional(int('count'))],
  summary: 'Takes the members with the highest scores out and returns them.',
  complexity: 'O(log(N)*M) with N members in the set and M to take out.',
  constantUpTo: 2,
  run: (call) => runPop(call, MAX),
});

const ENDS = ['min', 'max'] as const;

/** Pops some members of the set of the key at argument `index`, for ZMPOP. */
function popSome(call: DataCall, { end, count }: MultiPop, index: number, entry: number): void {
  const highest = end === 1;
  call.reply.array(2);
  call.replyArgument(index);
  const taken = popMembers(call, index, entry, highest, count, true);
  if (call.host.propagates) call.host.rewrite(call, [highest ? 'ZPOPMAX' : 'ZPOPMIN', call.copy(index), taken]);
}

const whereArgument = oneof('where', token('MIN'), token('MAX'));

export const zmpop: DataCommand = command({
  ...multiPop(whereArgument),
  name: 'zmpop',
  group: 'sorted_set',
  summary: 'Takes the lowest or highest members out of the first of several sorted sets that is there.',
  complexity: 'O(K) + O(M*log(N)) with K keys, N members in the set and M to take out.',
  run: (call) => runMultiPop(call, Type.ZSET, ENDS, popSome),
});

export const bzmpop: DataCommand = command({
  ...blockingMultiPop(whereArgument),
  name: 'bzmpop',
  group: 'sorted_set',
  summary:
    'Takes the lowest or highest members out of the first of several sorted sets that is there, and waits while none is.',
  complexity: 'O(K) + O(M*log(N)) with K keys, N members in the set and M to take out.',
  run: (call) => runBlockingMultiPop(call, Type.ZSET, ENDS, popSome),
});

function runBlocking(call: DataCall, highest: boolean): void {
  runBlockingPop(call, Type.ZSET, (index, entry) => {
    call.reply.array(3);
    call.replyArgument(index);
    popMembers(call, index, entry, highest, 1, false);
    if (call.host.propagates) call.host.rewrite(call, [highest ? 'ZPOPMAX' : 'ZPOPMIN', call.copy(index)]);
  });
}

export const bzpopmin: DataCommand = command({
  name: 'bzpopmin',
  since: '5.0.0',
  group: 'sorted_set',
  arity: -3,
  flags: ['write', 'fast', 'blocking'],
  keys: [keysFrom(1, -2, 1, ['RW', 'access', 'delete'])],
  args: [many(key('key')), double('timeout')],
  summary: 'Takes the lowest member out of the first of several sorted sets that is there, and waits while none is.',
  complexity: 'O(log(N)) with N members in the set.',
  history: [['6.0.0', 'The timeout may have a fraction.']],
  run: (call) => runBlocking(call, MIN),
});

export const bzpopmax: DataCommand = command({
  name: 'bzpopmax',
  since: '5.0.0',
  group: 'sorted_set',
  arity: -3,
  flags: ['write', 'fast', 'blocking'],
  keys: [keysFrom(1, -2, 1, ['RW', 'access', 'delete'])],
  args: [many(key('key')), double('timeout')],
  summary: 'Takes the highest member out of the first of several sorted sets that is there, and waits while none is.',
  complexity: 'O(log(N)) with N members in the set.',
  history: [['6.0.0', 'The timeout may have a fraction.']],
  run: (call) => runBlocking(call, MAX),
});
