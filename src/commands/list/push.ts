// push: LPUSH, RPUSH, LPUSHX, RPUSHX: adding elements at an end.

import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { command, keyAt } from '../../registry/command.js';
import { key, many, str } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { addList, LEFT, listsOf, RIGHT } from './access.js';

function runPush(call: DataCall, end: number, onlyExisting: boolean): void {
  let entry = writeTyped(call, 1, Type.LIST);
  if (entry === WRONG_TYPE) return;
  const lists = listsOf(call);
  if (entry === 0) {
    if (onlyExisting) {
      call.reply.integer(0);
      return;
    }
    entry = addList(call, lists, 1);
  }
  lists.open(entry);
  const { bytes, starts, lengths, count } = call;
  let total = 0;
  for (let index = 2; index < count; index++) total += lengths[index]!;
  lists.prepareGrowth(total, count - 2);
  for (let index = 2; index < count; index++) {
    if (end === LEFT) lists.pushFirst(bytes, starts[index]!, lengths[index]!);
    else lists.pushLast(bytes, starts[index]!, lengths[index]!);
  }
  call.reply.integer(lists.size());
  changed(call, 1, count - 2);
  notify(call, EventClass.LIST, end === LEFT ? 'lpush' : 'rpush', 1);
}

export const lpush: DataCommand = command({
  name: 'lpush',
  since: '1.0.0',
  group: 'list',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), many(str('element'))],
  summary: 'Puts elements at the head of a list, which is made if it is not there.',
  complexity: 'O(1) per element.',
  history: [['2.4.0', 'Takes several elements.']],
  run: (call) => runPush(call, LEFT, false),
});

export const rpush: DataCommand = command({
  name: 'rpush',
  since: '1.0.0',
  group: 'list',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), many(str('element'))],
  summary: 'Puts elements at the tail of a list, which is made if it is not there.',
  complexity: 'O(1) per element.',
  history: [['2.4.0', 'Takes several elements.']],
  run: (call) => runPush(call, RIGHT, false),
});

export const lpushx: DataCommand = command({
  name: 'lpushx',
  since: '2.2.0',
  group: 'list',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), many(str('element'))],
  summary: 'Puts elements at the head of a list, only if the list is there.',
  complexity: 'O(1) per element.',
  history: [['4.0.0', 'Takes several elements.']],
  run: (call) => runPush(call, LEFT, true),
});

export const rpushx: DataCommand = command({
  name: 'rpushx',
  since: '2.2.0',
  group: 'list',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), many(str('element'))],
  summary: 'Puts elements at the tail of a list, only if the list is there.',
  complexity: 'O(1) per element.',
  history: [['4.0.0', 'Takes several elements.']],
  run: (call) => runPush(call, RIGHT, true),
});
