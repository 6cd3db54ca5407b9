// change: SADD, SREM and SMOVE.

import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { command, keyAt } from '../../registry/command.js';
import { key, many, str } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { addArgument, membersRemoved, openEntry, openSetToChange, setsOf, storeOrRemove, storeSet } from './access.js';

/** Many members at once make a small set a dict before they come, even if all of them are in it already. */
function expectMembers(call: DataCall, entry: number): void {
  const sets = setsOf(call);
  sets.expect(call.count - 2, call.host.limits);
  call.db.setValue(entry, sets.encoding, sets.ref);
}

export const sadd: DataCommand = command({
  name: 'sadd',
  since: '1.0.0',
  group: 'set',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), many(str('member'))],
  history: [['2.4.0', 'Accepts multiple `member` arguments.']],
  summary: 'Adds members to a set, which is made if it is not there.',
  complexity: 'O(1) for each member.',
  run(call) {
    const entry = openSetToChange(call, 1);
    if (entry === WRONG_TYPE) return;
    const { hash } = call.db;
    const sets = setsOf(call);
    const { limits } = call.host;
    if (entry === 0) sets.openNew(call.bytes, call.starts[2]!, call.lengths[2]!, call.count - 2, limits);
    else if (call.count > 3) expectMembers(call, entry);
    let added = 0;
    for (let index = 2; index < call.count; index++) if (addArgument(call, index)) added++;
    if (added > 0) {
      storeSet(call, 1, entry, hash);
      changed(call, 1, added);
      notify(call, EventClass.SET, 'sadd', 1);
    }
    call.reply.integer(added);
  },
});

export const srem: DataCommand = command({
  name: 'srem',
  since: '1.0.0',
  group: 'set',
  arity: -3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), many(str('member'))],
  history: [['2.4.0', 'Accepts multiple `member` arguments.']],
  summary: 'Takes members out of a set; the set goes with its last member.',
  complexity: 'O(1) for each member.',
  run(call) {
    const entry = openSetToChange(call, 1);
    if (entry === WRONG_TYPE) return;
    let removed = 0;
    if (entry !== 0) {
      const sets = setsOf(call);
      for (let index = 2; index < call.count; index++) {
        if (!sets.delete(call.bytes, call.starts[index]!, call.lengths[index]!)) continue;
        removed++;
        if (sets.size() === 0) break;
      }
      if (removed > 0) membersRemoved(call, entry, 'srem', removed);
    }
    call.reply.integer(removed);
  },
});

export const smove: DataCommand = command({
  name: 'smove',
  since: '1.0.0',
  group: 'set',
  arity: 4,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['RW', 'insert'])],
  args: [key('source'), key('destination', { keySpec: 1 }), str('member')],
  summary: 'Moves a member from one set to another.',
  complexity: 'O(1)',
  run(call) {
    const { db, bytes, starts, lengths } = call;
    const { limits } = call.host;
    const source = db.lookupWrite(bytes, starts[1]!, lengths[1]!);
    const sourceHash = db.hash;
    if (source === 0) {
      call.reply.integer(0);
      return;
    }
    if (writeTyped(call, 1, Type.SET) === WRONG_TYPE) return;
    const destination = writeTyped(call, 2, Type.SET);
    if (destination === WRONG_TYPE) return;
    const destinationHash = db.hash;
    const sets = setsOf(call);
    openEntry(call, source);
    if (source === destination || !sets.has(bytes, starts[3]!, lengths[3]!)) {
      call.reply.integer(sets.has(bytes, starts[3]!, lengths[3]!) ? 1 : 0);
      return;
    }
    sets.delete(bytes, starts[3]!, lengths[3]!);
    const isEmpty = storeOrRemove(call, source, sourceHash);
    notify(call, EventClass.SET, 'srem', 1);
    if (isEmpty) notify(call, EventClass.GENERIC, 'del', 1);
    if (destination === 0) sets.openNew(bytes, starts[3]!, lengths[3]!, 1, limits);
    else openEntry(call, destination);
    const added = addArgument(call, 3);
    storeSet(call, 2, destination, destinationHash);
    changed(call, 1, 1);
    if (added) {
      changed(call, 2, 1);
      notify(call, EventClass.SET, 'sadd', 2);
    }
    call.reply.integer(1);
  },
});
