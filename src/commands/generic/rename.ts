// rename: RENAME, RENAMENX, MOVE and COPY: a value under another key or in another database.

import { Type } from '../../datatypes/object.js';
import type { Database } from '../../keyspace/database.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, optional, since, token } from '../../registry/grammar.js';
import { changed, notify } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';

/**
 * An entry with the key at argument `index` and the value and expiry of `source`. A collection's value is `valueRef`,
 * which is the source's own when its entry goes, or a copy.
 */
function entryUnder(call: DataCall, index: number, source: number, valueRef: number): number {
  const { entries } = call.host.keyspace;
  return entries.cloneUnder(
    source,
    call.bytes,
    call.starts[index]!,
    call.lengths[index]!,
    valueRef,
    entries.type(source) === Type.STRING,
  );
}

/** Frees an entry whose value lives on elsewhere. */
function freeShell(call: DataCall, entry: number): void {
  call.host.keyspace.entries.free(entry);
}

function runRename(call: DataCall, onlyNew: boolean): void {
  const { db, bytes, starts, lengths } = call;
  const { entries } = call.host.keyspace;
  const source = db.lookupWrite(bytes, starts[1]!, lengths[1]!);
  if (source === 0) {
    call.reply.error(errors.noSuchKey);
    return;
  }
  const sourceHash = db.hash;
  const same = call.host.keyspace.dicts.keyEquals(source, bytes, starts[2]!, lengths[2]!);
  if (same) {
    if (onlyNew) call.reply.integer(0);
    else call.reply.ok();
    return;
  }
  const target = db.lookupWrite(bytes, starts[2]!, lengths[2]!);
  const targetHash = db.hash;
  if (target !== 0) {
    if (onlyNew) {
      call.reply.integer(0);
      return;
    }
    db.remove(target, targetHash);
  }
  const made = entryUnder(call, 2, source, entries.word2(source));
  db.detach(source, sourceHash);
  freeShell(call, source);
  db.attach(made, targetHash);
  changed(call, 1, 1);
  changed(call, 2, 0);
  notify(call, EventClass.GENERIC, 'rename_from', 1);
  notify(call, EventClass.GENERIC, 'rename_to', 2);
  if (onlyNew) call.reply.integer(1);
  else call.reply.ok();
}

export const rename: DataCommand = command({
  name: 'rename',
  since: '1.0.0',
  group: 'generic',
  arity: 3,
  flags: ['write'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['OW', 'update'])],
  args: [key('key'), key('newkey', { keySpec: 1 })],
  history: [['3.2.0', 'The command no longer returns an error when source and destination names are the same.']],
  summary: 'Gives a key another name, in place of what was there under it.',
  complexity: 'O(1)',
  run: (call) => runRename(call, false),
});

export const renamenx: DataCommand = command({
  name: 'renamenx',
  since: '1.0.0',
  group: 'generic',
  arity: 3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete']), keyAt(2, ['OW', 'insert'])],
  args: [key('key'), key('newkey', { keySpec: 1 })],
  history: [['3.2.0', 'The command no longer returns an error when source and destination names are the same.']],
  summary: 'Gives a key another name, if there is no key of that name.',
  complexity: 'O(1)',
  run: (call) => runRename(call, true),
});

/** The database of an argument, or undefined after the error reply. */
function databaseAt(call: DataCall, index: number): Database | undefined {
  const number = call.integer(index);
  if (Number.isNaN(number)) {
    call.reply.error(errors.notInteger);
    return undefined;
  }
  if (number !== (number | 0)) {
    call.reply.error(errors.notInt32);
    return undefined;
  }
  const database = call.host.keyspace.databases[number];
  if (database === undefined) call.reply.error(errors.databaseOutOfRange);
  return database;
}

export const move: DataCommand = command({
  name: 'move',
  since: '1.0.0',
  group: 'generic',
  arity: 3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'update'])],
  args: [key('key'), int('db')],
  summary: 'Moves a key to another database.',
  complexity: 'O(1)',
  run(call) {
    const { db, bytes, starts, lengths } = call;
    const { keyspace } = call.host;
    if (db.slots !== null) {
      call.reply.error('ERR MOVE is not allowed in cluster mode');
      return;
    }
    const target = databaseAt(call, 2);
    if (target === undefined) return;
    if (target === db) {
      call.reply.error(errors.sameObject);
      return;
    }
    const entry = db.lookupWrite(bytes, starts[1]!, lengths[1]!);
    if (entry === 0 || target.lookupWrite(bytes, starts[1]!, lengths[1]!) !== 0) {
      call.reply.integer(0);
      return;
    }
    const { hash } = db;
    db.detach(entry, hash);
    target.attach(entry, hash);
    changed(call, 1, 1);
    keyspace.changed(target, bytes, starts[1]!, lengths[1]!, 0);
    notify(call, EventClass.GENERIC, 'move_from', 1);
    keyspace.notify(EventClass.GENERIC, 'move_to', target, bytes, starts[1]!, lengths[1]!);
    call.reply.integer(1);
  },
});

export const copy: DataCommand = command({
  name: 'copy',
  since: '6.2.0',
  group: 'generic',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RO', 'access']), keyAt(2, ['OW', 'update'])],
  args: [
    key('source'),
    key('destination', { keySpec: 1 }),
    optional(int('destination-db', { token: 'DB' })),
    optional(since('6.2.0', token('REPLACE'))),
  ],
  summary: 'Copies the value of a key to another key.',
  complexity: 'O(N) where N is the number of elements of a collection, O(1) for a string.',
  run(call) {
    const { db, bytes, starts, lengths } = call;
    const { keyspace } = call.host;
    const { entries, values } = keyspace;
    let target = db;
    let replaces = false;
    for (let index = 3; index < call.count; index++) {
      if (call.is(index, 'replace')) replaces = true;
      else if (call.is(index, 'db') && index + 1 < call.count) {
        const database = databaseAt(call, ++index);
        if (database === undefined) return;
        target = database;
      } else {
        call.reply.error(errors.syntax);
        return;
      }
    }
    const sameKey = lengths[1] === lengths[2] && call.text(1) === call.text(2);
    if (target === db && sameKey) {
      call.reply.error(errors.sameObject);
      return;
    }
    const source = db.lookupRead(bytes, starts[1]!, lengths[1]!);
    if (source === 0) {
      call.reply.integer(0);
      return;
    }
    const old = target.lookupWrite(bytes, starts[2]!, lengths[2]!);
    const { hash } = target;
    if (old !== 0) {
      if (!replaces) {
        call.reply.integer(0);
        return;
      }
      target.remove(old, hash);
    }
    const type = entries.type(source);
    const valueRef =
      type === Type.STRING ? 0 : values.container(type).copy(entries.encoding(source), entries.word2(source));
    target.attach(entryUnder(call, 2, source, valueRef), hash);
    keyspace.changed(target, bytes, starts[2]!, lengths[2]!, 1);
    keyspace.notify(EventClass.GENERIC, 'copy_to', target, bytes, starts[2]!, lengths[2]!);
    call.reply.integer(1);
  },
});
