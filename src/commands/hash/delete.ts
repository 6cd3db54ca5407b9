// delete: HDEL, and HGETDEL, which returns the values of the deleted fields.

import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { key, many, str } from '../../registry/grammar.js';
import { WRONG_TYPE } from '../access.js';
import type { DataCommand } from '../engine.js';
import { dropExpired, fieldsRemoved, hashesOf, openHashToChange, propagateAs, propagateUnchanged } from './access.js';
import { fieldsArgument, readFields } from './fields.js';

export const hdel: DataCommand = command({
  name: 'hdel',
  since: '2.0.0',
  group: 'hash',
  arity: -3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), many(str('field'))],
  history: [['2.4.0', 'Accepts multiple `field` arguments.']],
  summary: 'Takes fields out of a hash; the hash goes with its last field.',
  complexity: 'O(1) for each field.',
  run(call) {
    const opened = openHashToChange(call);
    if (opened === WRONG_TYPE) return;
    const entry = dropExpired(call, opened, 2, 1);
    const { tellsFields } = call.host.keyspace;
    const told: Uint8Array[] = [];
    let deleted = 0;
    if (entry !== 0) {
      const hashes = hashesOf(call);
      for (let index = 2; index < call.count; index++) {
        if (!hashes.delete(call.bytes, call.starts[index]!, call.lengths[index]!)) continue;
        deleted++;
        if (tellsFields) told.push(call.copy(index));
        if (hashes.size() === 0) break;
      }
      if (deleted > 0) {
        propagateUnchanged(call);
        fieldsRemoved(call, entry, 'hdel', deleted, told);
      }
    }
    call.reply.integer(deleted);
  },
});

export const hgetdel: DataCommand = command({
  name: 'hgetdel',
  since: '8.0.0',
  group: 'hash',
  arity: -5,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete'])],
  args: [key('key'), fieldsArgument],
  summary: 'Returns the values of fields of a hash and takes the fields out.',
  complexity: 'O(1) for each field.',
  run(call) {
    const opened = openHashToChange(call);
    if (opened === WRONG_TYPE) return;
    const first = readFields(call, 2, errors.fieldsNotPositive);
    if (first === 0) return;
    const entry = dropExpired(call, opened, first, 1);
    const hashes = hashesOf(call);
    call.reply.array(call.count - first);
    const removed: Uint8Array[] = [];
    for (let index = first; index < call.count; index++) {
      // Once the last field is out there is nothing to look in, but the entry stays until the end.
      if (entry === 0 || hashes.size() === 0 || !hashes.find(call.bytes, call.starts[index]!, call.lengths[index]!)) {
        call.reply.nil();
        continue;
      }
      call.reply.bulkOf(hashes.bytes, hashes.view, hashes.start, hashes.length);
      hashes.deleteFound();
      removed.push(call.copy(index));
    }
    if (removed.length === 0) return;
    propagateAs(call, ['HDEL', call.copy(1), ...removed]);
    fieldsRemoved(call, entry, 'hdel', removed.length, removed);
  },
});
