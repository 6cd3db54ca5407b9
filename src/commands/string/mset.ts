// mset: MGET, MSET and MSETNX: several strings at once.

import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import { command, keysFrom } from '../../registry/command.js';
import { block, int, key, many, oneof, optional, str, token } from '../../registry/grammar.js';
import { changed, notify } from '../access.js';
import type { DataCall, DataCommand, Part } from '../engine.js';
import { expirationArgument, expireTime, type ExpireUnit, expireUnitAt } from '../expire-time.js';
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
  constantUpTo: 24,
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
    db.setString(
      entry,
      bytes,
      starts[index]!,
      lengths[index]!,
      db.hash,
      bytes,
      starts[index + 1]!,
      lengths[index + 1]!,
      false,
    );
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
  constantUpTo: 24,
  run(call) {
    if (!hasPairs(call)) return;
    storePairs(call);
    call.reply.ok();
  },
});

/** MSETEX: pairs counted first, then a condition over all keys and an expiry for all. */
function runMsetex(call: DataCall): void {
  const { db, bytes, starts, lengths } = call;
  const pairs = call.integer(1);
  if (Number.isNaN(pairs) || pairs <= 0 || pairs > 0x7fffffff) {
    call.reply.error('ERR invalid numkeys value');
    return;
  }
  const end = 2 + 2 * pairs;
  if (end > call.count) {
    call.reply.error('ERR wrong number of key-value pairs');
    return;
  }
  let condition = '';
  let keeps = false;
  let unit: ExpireUnit | undefined;
  let timeIndex = 0;
  for (let index = end; index < call.count; index++) {
    const given = index + 1 < call.count ? expireUnitAt(call, index) : undefined;
    if (condition === '' && call.is(index, 'nx')) condition = 'nx';
    else if (condition === '' && call.is(index, 'xx')) condition = 'xx';
    else if (!keeps && unit === undefined && call.is(index, 'keepttl')) keeps = true;
    else if (!keeps && unit === undefined && given !== undefined) {
      unit = given;
      timeIndex = ++index;
    } else {
      call.reply.error(errors.syntax);
      return;
    }
  }
  const expiry = unit === undefined ? -1 : expireTime(call, timeIndex, unit);
  if (Number.isNaN(expiry)) return;
  for (let index = 2; condition !== '' && index < end; index += 2) {
    const isThere = db.lookupWrite(bytes, starts[index]!, lengths[index]!) !== 0;
    if (isThere === (condition === 'nx')) {
      call.reply.integer(0);
      return;
    }
  }
  for (let index = 2; index < end; index += 2) {
    const entry = db.lookupWrite(bytes, starts[index]!, lengths[index]!);
    const { hash } = db;
    const made = db.setString(
      entry,
      bytes,
      starts[index]!,
      lengths[index]!,
      hash,
      bytes,
      starts[index + 1]!,
      lengths[index + 1]!,
      keeps,
    );
    if (unit !== undefined) db.setExpiry(made, hash, expiry);
    changed(call, index, 1);
    notify(call, EventClass.STRING, 'set', index);
    if (unit !== undefined) notify(call, EventClass.GENERIC, 'expire', index);
  }
  if (unit !== undefined && call.host.propagates) {
    const parts: Part[] = ['MSETEX', pairs];
    for (let index = 2; index < end; index++) parts.push(call.copy(index));
    call.host.rewrite(call, [...parts, 'PXAT', BigInt(expiry)]);
  }
  call.reply.integer(1);
}

export const msetex: DataCommand = command({
  name: 'msetex',
  since: '8.4.0',
  group: 'string',
  arity: -4,
  flags: ['write', 'denyoom'],
  keys: [{ flags: ['OW', 'update'], begin: { index: 1 }, find: { keynum: 0, first: 1, step: 2 } }],
  args: [
    int('numkeys'),
    many(block('data', key('key'), str('value'))),
    optional(oneof('condition', token('NX'), token('XX'))),
    expirationArgument(token('KEEPTTL')),
  ],
  summary: 'Sets the strings of one or more keys with one expiry for all, if all or none of them are there.',
  complexity: 'O(N) where N is the number of keys.',
  run: runMsetex,
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
