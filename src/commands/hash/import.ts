// import: HIMPORT: making many hashes with the same fields, whose names are sent once.
//
// PREPARE gives a list of field names a name of its own, a fieldset, which only this connection knows, until RESET or its end.
// SET then makes a hash of values alone, in place of a hash that was there. The AOF gets HSET, as nobody else
// knows the fieldset.
//
// In memory such a hash is one like any other; Redis's encoding that shares the names between keys is not here.

import { latin1 } from '../../base/bytes.js';
import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { command, keyAt } from '../../registry/command.js';
import { key, many, str } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataClient, DataCommand, Part } from '../engine.js';
import { hashesOf } from './access.js';

/** Approximate bytes of a name besides its text. */
const NAME_OVERHEAD_BYTES = 200;
/** Room for a new listpack: strings of up to 63 bytes take two bytes more than they have. */
const ENTRY_OVERHEAD_BYTES = 2;

/** The fieldsets of one client. */
class Fieldsets {
  private readonly fields = new Map<string, readonly Uint8Array[]>();
  /** Bytes that all of them take, about. */
  bytes = 0;

  get(name: string): readonly Uint8Array[] | undefined {
    return this.fields.get(name);
  }

  set(name: string, fields: readonly Uint8Array[]): void {
    this.delete(name);
    this.fields.set(name, fields);
    this.bytes += bytesOf(name, fields);
  }

  delete(name: string): boolean {
    const fields = this.fields.get(name);
    if (fields === undefined) return false;
    this.bytes -= bytesOf(name, fields);
    return this.fields.delete(name);
  }

  get count(): number {
    return this.fields.size;
  }
}

function bytesOf(name: string, fields: readonly Uint8Array[]): number {
  return fields.reduce((sum, field) => sum + field.length + NAME_OVERHEAD_BYTES, name.length + NAME_OVERHEAD_BYTES);
}

const fieldsetsOf = new WeakMap<DataClient, Fieldsets>();

/** The client's fieldsets are gone (RESET, the end of a script). Returns how many there were. */
export function forgetFieldsets(client: DataClient): number {
  const count = fieldsetsOf.get(client)?.count ?? 0;
  fieldsetsOf.delete(client);
  return count;
}

/** Bytes that the client's fieldsets take, about. */
export function fieldsetBytes(client: DataClient): number {
  return fieldsetsOf.get(client)?.bytes ?? 0;
}

function prepare(call: DataCall): void {
  const fields: Uint8Array[] = [];
  const seen = new Set<string>();
  for (let index = 3; index < call.count; index++) {
    const field = call.copy(index);
    const text = latin1(field);
    if (seen.has(text)) {
      call.reply.error(`ERR duplicate field name '${call.shown(index)}'`);
      return;
    }
    seen.add(text);
    fields.push(field);
  }
  let fieldsets = fieldsetsOf.get(call.client);
  if (fieldsets === undefined) fieldsetsOf.set(call.client, (fieldsets = new Fieldsets()));
  const before = fieldsets.bytes;
  fieldsets.set(call.text(2), fields);
  const more = fieldsets.bytes - before;
  if (more < 0) call.host.releaseState?.(call.client, -more);
  else if (call.host.admitState?.(call.client, more) === false) return;
  call.reply.ok();
}

/** Opens a new hash that suits the fields and the values from argument 4 on. */
function openFor(call: DataCall, fields: readonly Uint8Array[]): void {
  const { limits } = call.host;
  const hashes = hashesOf(call);
  let longest = 0;
  let bytes = 0;
  for (let place = 0; place < fields.length; place++) {
    const length = call.lengths[4 + place]!;
    longest = Math.max(longest, fields[place]!.length, length);
    bytes += fields[place]!.length + length + 2 * ENTRY_OVERHEAD_BYTES;
  }
  if (fields.length > limits.hashMaxListpackEntries || longest > limits.hashMaxListpackValue) hashes.openNewDict();
  else hashes.openNew(bytes);
}

function set(call: DataCall): void {
  const fields = fieldsetsOf.get(call.client)?.get(call.text(3));
  if (fields === undefined) {
    call.reply.error('ERR no such fieldset');
    return;
  }
  if (call.count - 4 !== fields.length) {
    call.reply.error('ERR value count does not match the number of fields in the fieldset');
    return;
  }
  const before = writeTyped(call, 2, Type.HASH);
  if (before === WRONG_TYPE) return;
  const { db, bytes, starts, lengths, host } = call;
  const { hash } = db;
  openFor(call, fields);
  const hashes = hashesOf(call);
  const parts: Part[] = ['HSET', call.copy(2)];
  for (let place = 0; place < fields.length; place++) {
    const field = fields[place]!;
    hashes.set(field, 0, field.length, bytes, starts[4 + place]!, lengths[4 + place]!, host.limits, false);
    if (host.propagates) parts.push(field, call.copy(4 + place));
  }
  hashes.trim();
  db.replaceValue(before, bytes, starts[2]!, lengths[2]!, hash, Type.HASH, hashes.encoding, hashes.ref);
  changed(call, 2, fields.length);
  notify(call, EventClass.HASH, 'hset', 2);
  host.keyspace.notifyFields('hset', db, bytes, starts[2]!, lengths[2]!, fields);
  if (host.propagates) {
    host.preventPropagation(call);
    if (before !== 0) host.alsoPropagate(call, ['DEL', call.copy(2)]);
    host.alsoPropagate(call, parts);
  }
  call.reply.ok();
}

function discard(call: DataCall): void {
  const fieldsets = fieldsetsOf.get(call.client);
  const before = fieldsets?.bytes ?? 0;
  const found = fieldsets?.delete(call.text(2)) === true;
  if (found) call.host.releaseState?.(call.client, before - fieldsets.bytes);
  call.reply.integer(found ? 1 : 0);
}

function discardAll(call: DataCall): void {
  call.host.releaseState?.(call.client, fieldsetBytes(call.client));
  call.reply.integer(forgetFieldsets(call.client));
}

const tips = ['request_policy:all_shards'];

export const himport: DataCommand = command({
  name: 'himport',
  since: '8.10.0',
  group: 'hash',
  arity: -2,
  flags: [],
  summary: 'A container of commands that make many hashes with the same fields.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    command({
      name: 'prepare',
      since: '8.10.0',
      group: 'hash',
      arity: -4,
      flags: ['denyoom'],
      args: [str('fieldset-name'), many(str('field'))],
      tips,
      summary: 'Gives a list of field names a name that this connection knows.',
      complexity: 'O(N) where N is the number of fields.',
      run: prepare,
    }),
    command({
      name: 'set',
      since: '8.10.0',
      group: 'hash',
      arity: -5,
      flags: ['write', 'denyoom'],
      keys: [keyAt(2, ['OW', 'update'])],
      args: [key('key'), str('fieldset-name'), many(str('value'))],
      summary: 'Makes a hash of the fields of a fieldset and these values, in place of a hash that was there.',
      complexity: 'O(N) where N is the number of fields.',
      run: set,
    }),
    command({
      name: 'discard',
      since: '8.10.0',
      group: 'hash',
      arity: 3,
      flags: [],
      args: [str('fieldset-name')],
      tips,
      summary: 'Forgets one fieldset of this connection.',
      complexity: 'O(N) where N is the number of fields.',
      run: discard,
    }),
    command({
      name: 'discardall',
      since: '8.10.0',
      group: 'hash',
      arity: 2,
      flags: [],
      tips,
      summary: 'Forgets all fieldsets of this connection.',
      complexity: 'O(1)',
      run: discardAll,
    }),
  ],
});
