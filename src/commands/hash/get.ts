// get: HGET, HMGET, HEXISTS, HSTRLEN and HLEN: asking for single fields.

import { command, keyAt } from '../../registry/command.js';
import { key, many, str } from '../../registry/grammar.js';
import { WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { findLive, Found, hashesOf, openHash, tellExpired } from './access.js';

/** Replies with the value of the field that was found. @hot */
function replyValue(call: DataCall): void {
  const hashes = hashesOf(call);
  call.reply.bulkOf(hashes.bytes, hashes.view, hashes.start, hashes.length);
}

export const hget: DataCommand = command({
  name: 'hget',
  since: '2.0.0',
  group: 'hash',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('field')],
  summary: 'Returns the value of a field of a hash.',
  complexity: 'O(1)',
  run(call) {
    const entry = openHash(call);
    if (entry === WRONG_TYPE) return;
    if (entry !== 0 && findLive(call, entry, 2) === Found.YES) replyValue(call);
    else call.reply.nil();
  },
});

export const hmget: DataCommand = command({
  name: 'hmget',
  since: '2.0.0',
  group: 'hash',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), many(str('field'))],
  summary: 'Returns the values of several fields of a hash.',
  complexity: 'O(1) for each field.',
  run(call) {
    let entry = openHash(call);
    if (entry === WRONG_TYPE) return;
    call.reply.array(call.count - 2);
    let expired: number = Found.NO;
    for (let index = 2; index < call.count; index++) {
      const found = entry === 0 ? Found.NO : findLive(call, entry, index, true);
      if (found === Found.YES) replyValue(call);
      else call.reply.nil();
      if (found > Found.YES) expired = found;
      if (found === Found.GONE) entry = 0;
    }
    if (expired !== Found.NO) tellExpired(call, expired === Found.GONE);
  },
});

export const hexists: DataCommand = command({
  name: 'hexists',
  since: '2.0.0',
  group: 'hash',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key'), str('field')],
  summary: 'Tells whether a hash has a field.',
  complexity: 'O(1)',
  run(call) {
    const entry = openHash(call);
    if (entry !== WRONG_TYPE) call.reply.integer(entry !== 0 && findLive(call, entry, 2) === Found.YES ? 1 : 0);
  },
});

export const hstrlen: DataCommand = command({
  name: 'hstrlen',
  since: '3.2.0',
  group: 'hash',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key'), str('field')],
  summary: 'Returns how many bytes the value of a field has.',
  complexity: 'O(1)',
  run(call) {
    const entry = openHash(call);
    if (entry !== WRONG_TYPE)
      call.reply.integer(entry !== 0 && findLive(call, entry, 2) === Found.YES ? hashesOf(call).length : 0);
  },
});

export const hlen: DataCommand = command({
  name: 'hlen',
  since: '2.0.0',
  group: 'hash',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key')],
  summary: 'Returns how many fields a hash has.',
  complexity: 'O(1)',
  run(call) {
    const entry = openHash(call);
    if (entry !== WRONG_TYPE) call.reply.integer(entry === 0 ? 0 : hashesOf(call).size());
  },
});
