// range: XLEN, XRANGE, XREVRANGE: looking at entries by their ids.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, optional, str } from '../../registry/grammar.js';
import { StreamId } from '../../structures/stream-id.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { parseEnd, parseStart, replyEntries, streamOf, streamsOf } from './access.js';

const start = new StreamId();
const end = new StreamId();

export const xlen: DataCommand = command({
  name: 'xlen',
  since: '5.0.0',
  group: 'stream',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key')],
  summary: 'Returns how many entries a stream has.',
  complexity: 'O(1)',
  run(call) {
    const entry = readTyped(call, 1, Type.STREAM);
    if (entry !== WRONG_TYPE) call.reply.integer(entry === 0 ? 0 : streamsOf(call).length(streamOf(call, entry)));
  },
});

function runRange(call: DataCall, backward: boolean): void {
  if (!parseStart(call, backward ? 3 : 2, start) || !parseEnd(call, backward ? 2 : 3, end)) return;
  let count = -1;
  for (let index = 4; index < call.count; index += 2) {
    if (!call.is(index, 'count') || index + 1 >= call.count) {
      call.reply.error(errors.syntax);
      return;
    }
    count = call.integer(index + 1);
    if (Number.isNaN(count)) {
      call.reply.error(errors.notInteger);
      return;
    }
    if (count < 0) count = 0;
  }
  const entry = readTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) call.reply.emptyArray();
  else if (count === 0) call.reply.nilArray();
  else replyEntries(call, streamsOf(call), streamOf(call, entry), start, end, Math.max(count, 0), backward);
}

export const xrange: DataCommand = command({
  name: 'xrange',
  since: '5.0.0',
  group: 'stream',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('start'), str('end'), optional(int('count', { token: 'COUNT' }))],
  summary: 'Returns the entries whose ids are in a range.',
  complexity: 'O(N) where N is how many entries are returned.',
  history: [['6.2.0', 'An end may be left out of the range with `(`.']],
  run: (call) => runRange(call, false),
});

export const xrevrange: DataCommand = command({
  name: 'xrevrange',
  since: '5.0.0',
  group: 'stream',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('end'), str('start'), optional(int('count', { token: 'COUNT' }))],
  summary: 'Returns the entries whose ids are in a range, the last one first.',
  complexity: 'O(N) where N is how many entries are returned.',
  history: [['6.2.0', 'An end may be left out of the range with `(`.']],
  run: (call) => runRange(call, true),
});
