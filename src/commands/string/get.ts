// get: GET, STRLEN, GETRANGE and its old name SUBSTR: reading a string.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key } from '../../registry/grammar.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { replyString, stringPlace } from './access.js';

export const get: DataCommand = command({
  name: 'get',
  since: '1.0.0',
  group: 'string',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key')],
  summary: 'Returns the string that a key holds.',
  complexity: 'O(1)',
  run(call) {
    const entry = readTyped(call, 1, Type.STRING);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) call.reply.nil();
    else replyString(call, entry);
  },
});

export const strlen: DataCommand = command({
  name: 'strlen',
  since: '2.2.0',
  group: 'string',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key')],
  summary: 'Returns how many bytes the string of a key has.',
  complexity: 'O(1)',
  run(call) {
    const entry = readTyped(call, 1, Type.STRING);
    if (entry !== WRONG_TYPE) call.reply.integer(entry === 0 ? 0 : call.host.keyspace.entries.word2(entry));
  },
});

function runGetRange(call: DataCall): void {
  let start = call.integer(2);
  let end = call.integer(3);
  if (Number.isNaN(start) || Number.isNaN(end)) {
    call.reply.error(errors.notInteger);
    return;
  }
  const entry = readTyped(call, 1, Type.STRING);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.bulk(call.bytes, 0, 0);
    return;
  }
  const { bytes, start: from, length } = stringPlace(call, entry);
  if (start < 0) start = Math.max(0, length + start);
  // An end before the first byte leaves nothing; Redis 7.4 and older took the first byte for it.
  if (end < 0) end += length;
  if (end >= length) end = length - 1;
  if (start > end) call.reply.bulk(call.bytes, 0, 0);
  else call.reply.bulk(bytes, from + start, end - start + 1);
}

export const getrange: DataCommand = command({
  name: 'getrange',
  since: '2.4.0',
  group: 'string',
  arity: 4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), int('start'), int('end')],
  summary: 'Returns the part of a string between two places.',
  complexity: 'O(N) where N is the length of the part; the string itself is not walked.',
  run: runGetRange,
});

export const substr: DataCommand = command({
  name: 'substr',
  since: '1.0.0',
  group: 'string',
  arity: 4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), int('start'), int('end')],
  summary: 'Returns the part of a string between two places (the old name of GETRANGE).',
  complexity: 'O(N) where N is the length of the part; the string itself is not walked.',
  deprecatedSince: '2.0.0',
  replacedBy: '`GETRANGE`',
  docFlags: ['deprecated'],
  run: runGetRange,
});
