// read: LLEN, LINDEX, LRANGE, LPOS: looking at a list.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, optional, str } from '../../registry/grammar.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { listsOf, replyRange } from './access.js';

const RANK_ZERO =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
const RANK_RANGE = errors.notInt64;

export const llen: DataCommand = command({
  name: 'llen',
  since: '1.0.0',
  group: 'list',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key')],
  summary: 'Returns how many elements a list has.',
  complexity: 'O(1)',
  run(call) {
    const entry = readTyped(call, 1, Type.LIST);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      call.reply.integer(0);
      return;
    }
    const lists = listsOf(call);
    lists.open(entry);
    call.reply.integer(lists.size());
  },
});

export const lindex: DataCommand = command({
  name: 'lindex',
  since: '1.0.0',
  group: 'list',
  arity: 3,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), int('index')],
  summary: 'Returns the element at an index, which counts from the tail when negative.',
  complexity: 'O(1) near the ends; elsewhere blocks of many thousand elements are skipped at a step.',
  run(call) {
    const entry = readTyped(call, 1, Type.LIST);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      call.reply.nil();
      return;
    }
    const index = call.integer(2);
    if (Number.isNaN(index)) {
      call.reply.error(errors.notInteger);
      return;
    }
    const lists = listsOf(call);
    lists.open(entry);
    if (!lists.seek(index < 0 ? lists.size() + index : index)) {
      call.reply.nil();
      return;
    }
    lists.read();
    call.reply.bulkOf(lists.bytes, lists.view, lists.start, lists.length);
  },
});

export const lrange: DataCommand = command({
  name: 'lrange',
  since: '1.0.0',
  group: 'list',
  arity: 4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), int('start'), int('stop')],
  summary: 'Returns the elements from one index to another, both included.',
  complexity: 'O(S+N) where S is the way to the first element (see LINDEX) and N the count of elements.',
  run(call) {
    let start = call.integer(2);
    let end = call.integer(3);
    if (Number.isNaN(start) || Number.isNaN(end)) {
      call.reply.error(errors.notInteger);
      return;
    }
    const entry = readTyped(call, 1, Type.LIST);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      call.reply.emptyArray();
      return;
    }
    const lists = listsOf(call);
    lists.open(entry);
    const size = lists.size();
    if (start < 0) start = Math.max(0, size + start);
    if (end < 0) end = size + end;
    if (end >= size) end = size - 1;
    if (start > end) call.reply.emptyArray();
    else replyRange(call, lists, start, end - start + 1);
  },
});

interface PositionOptions {
  rank: number;
  /** How many matches are wanted, 0 for all; -1: the option was not given. */
  count: number;
  /** How many elements are looked at, 0 for all. */
  elementsMax: number;
}

/** The options of LPOS; undefined after an error reply. */
function parsePosition(call: DataCall): PositionOptions | undefined {
  const options: PositionOptions = { rank: 1, count: -1, elementsMax: 0 };
  for (let index = 3; index < call.count; index += 2) {
    const value = index + 1 < call.count ? call.integer(index + 1) : NaN;
    if (index + 1 < call.count && call.is(index, 'rank')) {
      const problem = rankProblem(call, index + 1, value);
      if (problem !== '') {
        call.reply.error(problem);
        return undefined;
      }
      options.rank = value;
    } else if (index + 1 < call.count && call.is(index, 'count')) {
      if (!(value >= 0)) {
        call.reply.error("ERR COUNT can't be negative");
        return undefined;
      }
      options.count = value;
    } else if (index + 1 < call.count && call.is(index, 'maxlen')) {
      if (!(value >= 0)) {
        call.reply.error("ERR MAXLEN can't be negative");
        return undefined;
      }
      options.elementsMax = value;
    } else {
      call.reply.error(errors.syntax);
      return undefined;
    }
  }
  return options;
}

function rankProblem(call: DataCall, index: number, value: number): string {
  if (Number.isNaN(value)) return errors.notInteger;
  if (value === 0) return RANK_ZERO;
  return call.bigInteger(index) === -(2n ** 63n) ? RANK_RANGE : '';
}

function runPosition(call: DataCall): void {
  const options = parsePosition(call);
  if (options === undefined) return;
  const { count, elementsMax } = options;
  const backward = options.rank < 0;
  const rank = Math.abs(options.rank);
  const reply = call.reply;
  const entry = readTyped(call, 1, Type.LIST);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    if (count >= 0) reply.emptyArray();
    else reply.nil();
    return;
  }
  const lists = listsOf(call);
  lists.open(entry);
  const size = lists.size();
  const start = call.starts[2]!;
  const length = call.lengths[2]!;
  const deferred = count >= 0 ? reply.defer() : undefined;
  let matches = 0;
  let index = 0;
  for (let there = backward ? lists.last() : lists.first(); there; there = backward ? lists.previous() : lists.next()) {
    if (elementsMax !== 0 && index >= elementsMax) break;
    if (lists.equals(call.bytes, start, length) && ++matches >= rank) {
      reply.integer(backward ? size - 1 - index : index);
      if (deferred === undefined) return;
      if (count !== 0 && matches - rank + 1 >= count) break;
    }
    index++;
  }
  if (deferred === undefined) reply.nil();
  else reply.settleArray(deferred, Math.max(0, matches - rank + 1));
}

export const lpos: DataCommand = command({
  name: 'lpos',
  since: '6.0.6',
  group: 'list',
  arity: -3,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [
    key('key'),
    str('element'),
    optional(int('rank', { token: 'RANK' })),
    optional(int('num-matches', { token: 'COUNT' })),
    optional(int('len', { token: 'MAXLEN' })),
  ],
  summary: 'Returns the index of elements that are equal to a string.',
  complexity: 'O(N) where N is how many elements are looked at.',
  run: runPosition,
});
