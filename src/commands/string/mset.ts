// mset: MGET, MSET and MSETNX: several strings at once.

import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { wrongArity } from '../../protocol/errors.js';
import { command, keysFrom } from '../../registry/command.js';
import { block, key, many, str } from '../../registry/grammar.js';
import { changed, notify } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { replyString } from './access.js';

export const mget: DataCommand = command({
  name: 'mget',
  since: '1.0.0',
  group: 'string',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: [keysFrom(1, -1, 1, ['RO', 'access'])],
  args: [many(key('key'))],
  tips: ['request_policy:multi_shard'],
  summary: 'Returns the strings of one or more keys.',
  complexity: 'O(N) where N is the number of keys.',
  run(call) {
    const entries = call.host.keyspace.entries;
    call.reply.array(call.count - 1);
    for (let index = 1; index < call.count; index++) {
      const entry = call.db.lookupRead(call.bytes, call.starts[index]!, call.lengths[index]!);
      // A key of another type counts as missing here, so that one odd key does not cost the others.
      if (entry === 0 || entries.type(entry) !== Type.STRING) call.reply.nil();
      else replyString(call, entry);
    }
  },
});

function storePairs(call: DataCall): void {
  const { db, bytes, starts, lengths } = call;
  for (let index = 1; index < call.count; index += 2) {
    const entry = db.lookupWrite(bytes, starts[index]!, lengths[index]!);
    db.setString(entry, bytes, starts[index]!, lengths[index]!, db.hash, bytes, starts[index + 1]!, lengths[index + 1]!, false);
    changed(call, index, 1);
    notify(call, EventClass.STRING, 'set', index);
  }
}

function hasPairs(call: DataCall): boolean {
  if (call.count % 2 === 1) return true;
  call.reply.error(wrongArity(call.command.name));
  return false;
}

export const mset: DataCommand = command({
  name: 'mset',
  since: '1.0.1',
  group: 'string',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [keysFrom(1, -1, 2, ['OW', 'update'])],
  args: [many(block('data', key('key'), str('value')))],
  tips: ['request_policy:multi_shard', 'response_policy:all_succeeded'],
  summary: 'Sets the strings of one or more keys, all at one moment.',
  complexity: 'O(N) where N is the number of keys.',
  run(call) {
    if (!hasPairs(call)) return;
    storePairs(call);
    call.reply.ok();
  },
});

export const msetnx: DataCommand = command({
  name: 'msetnx',
  since: '1.0.1',
  group: 'string',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [keysFrom(1, -1, 2, ['OW', 'insert'])],
  args: [many(block('data', key('key'), str('value')))],
  summary: 'Sets the strings of one or more keys, but only when none of them is there.',
  complexity: 'O(N) where N is the number of keys.',
  run(call) {
    if (!hasPairs(call)) return;
    for (let index = 1; index < call.count; index += 2) {
      if (call.db.lookupWrite(call.bytes, call.starts[index]!, call.lengths[index]!) !== 0) {
        call.reply.integer(0);
        return;
      }
    }
    storePairs(call);
    call.reply.integer(1);
  },
});
