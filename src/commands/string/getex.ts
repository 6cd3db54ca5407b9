// getex: GETDEL and GETEX: reading a string and deciding about its life in one step.

import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { key, token } from '../../registry/grammar.js';
import { changed, notify, readTyped, WRONG_TYPE } from '../access.js';
import type { DataCommand } from '../engine.js';
import { expirationArgument, expireTime, expireUnitAt, type ExpireUnit } from '../expire-time.js';
import { replyString } from './access.js';

export const getdel: DataCommand = command({
  name: 'getdel',
  since: '6.2.0',
  group: 'string',
  arity: 2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete'])],
  args: [key('key')],
  summary: 'Returns the string of a key and deletes the key.',
  complexity: 'O(1)',
  run(call) {
    const entry = readTyped(call, 1, Type.STRING);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      call.reply.nil();
      return;
    }
    replyString(call, entry);
    call.db.remove(entry, call.db.hash);
    changed(call, 1, 1);
    notify(call, EventClass.GENERIC, 'del', 1);
    if (call.host.propagates) call.host.rewrite(call, ['DEL', call.copy(1)]);
  },
});

export const getex: DataCommand = command({
  name: 'getex',
  since: '6.2.0',
  group: 'string',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [{ ...keyAt(1, ['RW', 'access', 'update']), notes: 'RW and UPDATE because it changes the TTL' }],
  args: [key('key'), expirationArgument(token('PERSIST'))],
  summary: 'Returns the string of a key and sets or takes away its expiry.',
  complexity: 'O(1)',
  run(call) {
    const { db, bytes, starts, lengths } = call;
    let unit: ExpireUnit | undefined;
    let persists = false;
    if (call.count > 2) {
      persists = call.count === 3 && call.is(2, 'persist');
      unit = call.count === 4 ? expireUnitAt(call, 2) : undefined;
      if (!persists && unit === undefined) {
        call.reply.error(errors.syntax);
        return;
      }
    }
    const found = readTyped(call, 1, Type.STRING);
    if (found === WRONG_TYPE) return;
    if (found === 0) {
      call.reply.nil();
      return;
    }
    let expiry = 0;
    if (unit !== undefined) {
      expiry = expireTime(call, 3, unit);
      if (Number.isNaN(expiry)) return;
    }
    replyString(call, found);
    if (unit === undefined && !persists) return;
    const entry = db.lookupWrite(bytes, starts[1]!, lengths[1]!);
    if (unit !== undefined && unit.absolute && expiry <= call.host.keyspace.nowMs) {
      db.remove(entry, db.hash);
      changed(call, 1, 1);
      notify(call, EventClass.GENERIC, 'del', 1);
      if (call.host.propagates) call.host.rewrite(call, [call.host.reclaimCommand('expired'), call.copy(1)]);
    } else if (unit !== undefined) {
      db.setExpiry(entry, db.hash, expiry);
      changed(call, 1, 1);
      notify(call, EventClass.GENERIC, 'expire', 1);
      if (call.host.propagates) call.host.rewrite(call, ['PEXPIREAT', call.copy(1), BigInt(expiry)]);
    } else if (db.expiryOf(entry) >= 0) {
      db.clearExpiry(entry, db.hash);
      changed(call, 1, 1);
      notify(call, EventClass.GENERIC, 'persist', 1);
      if (call.host.propagates) call.host.rewrite(call, ['PERSIST', call.copy(1)]);
    }
  },
});
