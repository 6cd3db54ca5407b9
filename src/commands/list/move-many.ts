// move-many: LMOVEM and the waiting BLMOVEM: several elements from an end of one list to an end of another.
//
// All are taken first and then put, also when both lists are one. BULK keeps the order that they had in the source; OBO leaves
// them as if each had been moved by an LMOVE of its own, which turns them round when both ends are the same.

import type { Lists } from '../../datatypes/list.js';
import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, double, int, key, oneof, optional, token } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { parseTimeoutSeconds } from '../timeout.js';
import { addList, deleteRange, elementsRemoved, endArgument, LEFT, listsOf, parseEnd, popEvent } from './access.js';

interface MoveRequest {
  from: number;
  to: number;
  count: number;
  /** All of them or none. */
  exactly: boolean;
  oneByOne: boolean;
}

/** Reads the ends from arguments 3 and 4, and what stands from argument `first` on; undefined after an error reply. */
function parseMove(call: DataCall, first: number): MoveRequest | undefined {
  const request: MoveRequest = { from: parseEnd(call, 3), to: LEFT, count: 1, exactly: false, oneByOne: true };
  if (request.from < 0) return undefined;
  request.to = parseEnd(call, 4);
  if (request.to < 0) return undefined;
  if (call.count === first) return request;
  request.exactly = call.is(first, 'exactly');
  const bulk = call.count === first + 3 && call.is(first + 2, 'bulk');
  if (
    call.count !== first + 3 ||
    (!request.exactly && !call.is(first, 'count')) ||
    (!bulk && !call.is(first + 2, 'obo'))
  ) {
    call.reply.error(errors.syntax);
    return undefined;
  }
  request.oneByOne = !bulk;
  request.count = call.integer(first + 1);
  if (request.count >= 1) return request;
  call.reply.error(`ERR ${request.exactly ? 'exactly' : 'count'} should be greater than 0`);
  return undefined;
}

/** Copies of the elements to be moved, in the order that they get in the target. */
function takeElements(call: DataCall, lists: Lists, request: MoveRequest, count: number): Uint8Array[] {
  const start = request.from === LEFT ? 0 : lists.size() - count;
  const elements: Uint8Array[] = [];
  let there = lists.seek(start);
  for (; there && elements.length < count; there = lists.next()) {
    lists.read();
    elements.push(lists.bytes.slice(lists.start, lists.start + lists.length));
  }
  deleteRange(call, lists, start, count);
  return request.oneByOne && request.from === request.to ? elements.reverse() : elements;
}

/** Moves what the source, whose entry is given, has of what is wanted. The source was looked up last. */
function moveElements(call: DataCall, source: number, request: MoveRequest): number {
  const sourceHash = call.db.hash;
  let target = writeTyped(call, 2, Type.LIST);
  if (target === WRONG_TYPE) return 0;
  const lists = listsOf(call);
  if (target === 0) target = addList(call, lists, 2);
  lists.open(source);
  const count = Math.min(request.count, lists.size());
  const elements = takeElements(call, lists, request, count);
  lists.open(target);
  let total = 0;
  for (const element of elements) total += element.length;
  lists.prepareGrowth(total, count);
  for (let index = 0; index < count; index++) {
    const element = elements[request.to === LEFT ? count - 1 - index : index]!;
    if (request.to === LEFT) lists.pushFirst(element, 0, element.length);
    else lists.pushLast(element, 0, element.length);
  }
  changed(call, 2, 0);
  notify(call, EventClass.LIST, request.to === LEFT ? 'lpush' : 'rpush', 2);
  call.reply.array(count);
  for (const element of elements) call.reply.bulk(element, 0, element.length);
  lists.open(source);
  elementsRemoved(call, lists, 1, source, sourceHash, popEvent(request.from), count);
  return count;
}

/** Whether the source, whose entry is given, has enough. */
function suffices(call: DataCall, source: number, request: MoveRequest): boolean {
  if (source === 0) return false;
  const lists = listsOf(call);
  lists.open(source);
  return !request.exactly || lists.size() >= request.count;
}

function runMove(call: DataCall): void {
  const request = parseMove(call, 5);
  if (request === undefined) return;
  const source = writeTyped(call, 1, Type.LIST);
  if (source === WRONG_TYPE) return;
  if (suffices(call, source, request)) moveElements(call, source, request);
  else call.reply.nilArray();
}

function runBlockingMove(call: DataCall): void {
  const request = parseMove(call, 6);
  if (request === undefined) return;
  const timeoutMs = parseTimeoutSeconds(call, 5);
  if (timeoutMs < 0) return;
  const source = writeTyped(call, 1, Type.LIST);
  if (source === WRONG_TYPE) return;
  if (suffices(call, source, request)) {
    const moved = moveElements(call, source, request);
    if (moved === 0 || !call.host.propagates) return;
    call.host.rewrite(call, [
      'LMOVEM',
      call.copy(1),
      call.copy(2),
      call.copy(3),
      call.copy(4),
      'COUNT',
      moved,
      request.oneByOne ? 'OBO' : 'BULK',
    ]);
  } else if (call.denyBlocking) {
    call.reply.nilArray();
  } else {
    call.host.block(call, { keys: [1], timeoutMs, onlyType: Type.LIST, onTimeout: (reply) => reply.nilArray() });
  }
}

const howManyArgument = optional(
  block(
    'how-many',
    oneof('selector', int('count', { token: 'COUNT' }), int('exactly', { token: 'EXACTLY' })),
    oneof('ordering', token('OBO'), token('BULK')),
  ),
);

export const lmovem: DataCommand = command({
  name: 'lmovem',
  since: '8.10.0',
  group: 'list',
  arity: -5,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['RW', 'insert'])],
  args: [
    key('source'),
    key('destination', { keySpec: 1 }),
    endArgument('wherefrom'),
    endArgument('whereto'),
    howManyArgument,
  ],
  summary: 'Moves several elements from an end of a list to an end of another, and returns them.',
  complexity: 'O(N) where N is how many elements are moved.',
  run: runMove,
});

export const blmovem: DataCommand = command({
  name: 'blmovem',
  since: '8.10.0',
  group: 'list',
  arity: -6,
  flags: ['write', 'denyoom', 'blocking'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['RW', 'insert'])],
  args: [
    key('source'),
    key('destination', { keySpec: 1 }),
    endArgument('wherefrom'),
    endArgument('whereto'),
    double('timeout'),
    howManyArgument,
  ],
  summary: 'As LMOVEM, but waits while the first list has not enough elements.',
  complexity: 'O(N) where N is how many elements are moved.',
  run: runBlockingMove,
});
