// del: DEL, UNLINK, EXISTS and TOUCH: several keys, counted.

import { EventClass } from '../../keyspace/events.js';
import { command, keysFrom } from '../../registry/command.js';
import { key, many } from '../../registry/grammar.js';
import { changed, notify } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';

/** Big values are freed in slices in either case, so DEL and UNLINK are the same but for their name. */
function runDelete(call: DataCall): void {
  const { db, bytes, starts, lengths } = call;
  let deleted = 0;
  for (let index = 1; index < call.count; index++) {
    const entry = db.peek(bytes, starts[index]!, lengths[index]!);
    if (entry === 0) continue;
    db.remove(entry, db.hash);
    deleted++;
    changed(call, index, 1);
    notify(call, EventClass.GENERIC, 'del', index);
  }
  call.reply.integer(deleted);
}

export const del: DataCommand = command({
  name: 'del',
  since: '1.0.0',
  group: 'generic',
  arity: -2,
  flags: ['write'],
  keys: [keysFrom(1, -1, 1, ['RM', 'delete'])],
  args: [many(key('key'))],
  tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
  summary: 'Deletes one or more keys.',
  complexity: 'O(N) where N is the number of keys; big values are freed little by little afterwards.',
  run: runDelete,
});

export const unlink: DataCommand = command({
  name: 'unlink',
  since: '4.0.0',
  group: 'generic',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keysFrom(1, -1, 1, ['RM', 'delete'])],
  args: [many(key('key'))],
  tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
  summary: 'Deletes one or more keys and frees their values afterwards.',
  complexity: 'O(1) for each key; the values are freed little by little afterwards.',
  run: runDelete,
});

/** EXISTS leaves no trace in the clocks. */
function countKeys(call: DataCall): void {
  let found = 0;
  for (let index = 1; index < call.count; index++) {
    if (call.db.lookupQuietly(call.bytes, call.starts[index]!, call.lengths[index]!) !== 0) found++;
  }
  call.reply.integer(found);
}

/** TOUCH is a use of the keys whatever CLIENT NO-TOUCH says. */
function touchKeys(call: DataCall): void {
  const { keyspace } = call.host;
  const left = keyspace.leavesClocks;
  keyspace.leavesClocks = false;
  let found = 0;
  for (let index = 1; index < call.count; index++) {
    if (call.db.lookupRead(call.bytes, call.starts[index]!, call.lengths[index]!) !== 0) found++;
  }
  keyspace.leavesClocks = left;
  call.reply.integer(found);
}

export const exists: DataCommand = command({
  name: 'exists',
  since: '1.0.0',
  group: 'generic',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: [keysFrom(1, -1, 1, ['RO'])],
  args: [many(key('key'))],
  history: [['3.0.3', 'Accepts multiple `key` arguments.']],
  tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
  summary: 'Counts how many of the given keys are there; a key that is named twice counts twice.',
  complexity: 'O(N) where N is the number of keys.',
  run: countKeys,
});

export const touch: DataCommand = command({
  name: 'touch',
  since: '3.2.1',
  group: 'generic',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: [keysFrom(1, -1, 1, ['RO'])],
  args: [many(key('key'))],
  tips: ['request_policy:multi_shard', 'response_policy:agg_sum'],
  summary: 'Marks keys as used just now and counts those that are there.',
  complexity: 'O(N) where N is the number of keys.',
  run: touchKeys,
});
