// move: LMOVE, RPOPLPUSH and the waiting BLMOVE, BRPOPLPUSH: from an end of one list to an end of another, or of the same.

import { copyBytes } from '../../base/bytes.js';
import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { command, keyAt } from '../../registry/command.js';
import { double, key } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { parseTimeoutSeconds } from '../timeout.js';
import { addList, elementsRemoved, endArgument, LEFT, listsOf, parseEnd, popEvent, RIGHT } from './access.js';

/** Holds the element on its way, as the push may move what it is read from; larger ones get an array of their own. */
const scratch = new Uint8Array(4096);

/** Moves one element from the list of argument 1, whose entry is given, to that of argument 2, and replies with it. */
function moveElement(call: DataCall, source: number, from: number, to: number): boolean {
  const sourceHash = call.db.hash;
  let target = writeTyped(call, 2, Type.LIST);
  if (target === WRONG_TYPE) return false;
  const lists = listsOf(call);
  lists.open(source);
  if (from === LEFT) lists.first();
  else lists.last();
  lists.read();
  const length = lists.length;
  const value = length <= scratch.length ? scratch : new Uint8Array(length);
  copyBytes(value, 0, lists.bytes, lists.start, length);
  lists.deleteEdge(from === LEFT);
  if (target === 0) target = addList(call, lists, 2);
  lists.open(target);
  lists.prepareGrowth(length, 1);
  if (to === LEFT) lists.pushFirst(value, 0, length);
  else lists.pushLast(value, 0, length);
  changed(call, 2, 0);
  notify(call, EventClass.LIST, to === LEFT ? 'lpush' : 'rpush', 2);
  call.reply.bulk(value, 0, length);
  lists.open(source);
  elementsRemoved(call, lists, 1, source, sourceHash, popEvent(from), 1);
  return true;
}

function runMove(call: DataCall, from: number, to: number): void {
  const source = writeTyped(call, 1, Type.LIST);
  if (source === WRONG_TYPE) return;
  if (source === 0) call.reply.nil();
  else moveElement(call, source, from, to);
}

/** As `runMove`, but waits for the source; `propagated` is the command's name without the B, and what follows the keys. */
function runBlockingMove(
  call: DataCall,
  from: number,
  to: number,
  timeoutMs: number,
  name: string,
  /** Arguments that name the ends, which go on as the client wrote them. */
  endPlaces: readonly number[],
): void {
  const source = writeTyped(call, 1, Type.LIST);
  if (source === WRONG_TYPE) return;
  if (source !== 0) {
    if (moveElement(call, source, from, to) && call.host.propagates)
      call.host.rewrite(call, [name, call.copy(1), call.copy(2), ...endPlaces.map((place) => call.copy(place))]);
  } else if (call.denyBlocking) {
    call.reply.nil();
  } else {
    call.host.block(call, { keys: [1], timeoutMs, onlyType: Type.LIST, onTimeout: (reply) => reply.nilArray() });
  }
}

export const lmove: DataCommand = command({
  name: 'lmove',
  since: '6.2.0',
  group: 'list',
  arity: 5,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['RW', 'insert'])],
  args: [key('source'), key('destination', { keySpec: 1 }), endArgument('wherefrom'), endArgument('whereto')],
  summary: 'Takes an element off an end of a list and puts it at an end of another, and returns it.',
  complexity: 'O(1)',
  run(call) {
    const from = parseEnd(call, 3);
    if (from < 0) return;
    const to = parseEnd(call, 4);
    if (to >= 0) runMove(call, from, to);
  },
});

export const rpoplpush: DataCommand = command({
  name: 'rpoplpush',
  since: '1.2.0',
  group: 'list',
  arity: 3,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['RW', 'insert'])],
  args: [key('source'), key('destination', { keySpec: 1 })],
  summary: 'Takes the last element off a list and puts it at the head of another, and returns it.',
  complexity: 'O(1)',
  deprecatedSince: '6.2.0',
  replacedBy: '`LMOVE` with the `RIGHT` and `LEFT` arguments',
  docFlags: ['deprecated'],
  run: (call) => runMove(call, RIGHT, LEFT),
});

export const blmove: DataCommand = command({
  name: 'blmove',
  since: '6.2.0',
  group: 'list',
  arity: 6,
  flags: ['write', 'denyoom', 'blocking'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['RW', 'insert'])],
  args: [
    key('source'),
    key('destination', { keySpec: 1 }),
    endArgument('wherefrom'),
    endArgument('whereto'),
    double('timeout'),
  ],
  summary: 'As LMOVE, but waits while the first list is not there.',
  complexity: 'O(1)',
  run(call) {
    const from = parseEnd(call, 3);
    if (from < 0) return;
    const to = parseEnd(call, 4);
    if (to < 0) return;
    const timeoutMs = parseTimeoutSeconds(call, 5);
    if (timeoutMs >= 0) runBlockingMove(call, from, to, timeoutMs, 'LMOVE', [3, 4]);
  },
});

export const brpoplpush: DataCommand = command({
  name: 'brpoplpush',
  since: '2.2.0',
  group: 'list',
  arity: 4,
  flags: ['write', 'denyoom', 'blocking'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['RW', 'insert'])],
  args: [key('source'), key('destination', { keySpec: 1 }), double('timeout')],
  summary: 'As RPOPLPUSH, but waits while the first list is not there.',
  complexity: 'O(1)',
  history: [['6.0.0', 'The timeout may have a fraction.']],
  deprecatedSince: '6.2.0',
  replacedBy: '`BLMOVE` with the `RIGHT` and `LEFT` arguments',
  docFlags: ['deprecated'],
  run(call) {
    const timeoutMs = parseTimeoutSeconds(call, 3);
    if (timeoutMs >= 0) runBlockingMove(call, RIGHT, LEFT, timeoutMs, 'RPOPLPUSH', []);
  },
});
