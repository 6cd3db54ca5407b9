// access: opens a hash for hash commands, stores its new state, and handles expired fields.
//
// The time of a hash's next field stands in the database's index of such hashes. `openHashToChange` remembers it and
// `storeHash` puts the index right after the change. A field past its time is absent for every command that asks for it:
// the command deletes it first and propagates the deletion as HDEL before its own effect. A command that writes to fields
// therefore calls `findLive` or `dropExpired` before it looks at any: a value written over an expired field would keep the
// old time and be lost, and a reload of the AOF, where no field expires, would come to another result.

import { Encoding, Type } from '../../datatypes/object.js';
import type { Hashes } from '../../datatypes/hash.js';
import type { Database } from '../../keyspace/database.js';
import { EventClass } from '../../keyspace/events.js';
import { Call } from '../../registry/call.js';
import { changed, notify, readTyped, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataClient, Engine, Part } from '../engine.js';

/** The hash was opened for reading: its block and the index agree. */
const AS_STORED = -2;
/** The time of the next field of the open hash as it stands in the index, whatever has been changed since. */
let registered = -1;
const NO_NAME = new Uint8Array(0);
/** The fields that were met past their time and not told yet, while somebody wants to know them. */
const expiredFields: Uint8Array[] = [];
const NONE: readonly Uint8Array[] = [];
/** Whether the command has deleted fields that were past their time. */
let metExpired = false;

/** @hot */
export function hashesOf(call: DataCall): Hashes {
  return call.host.keyspace.values.hashes;
}

/**
 * Opens the hash of the key at argument 1 for reading and returns its entry; 0 when it is missing, WRONG_TYPE after the
 * error reply.
 * @hot
 */
export function openHash(call: DataCall): number {
  metExpired = false;
  registered = AS_STORED;
  const entry = readTyped(call, 1, Type.HASH);
  if (entry !== 0 && entry !== WRONG_TYPE) {
    const { entries, values } = call.host.keyspace;
    values.hashes.open(entries.encoding(entry), entries.word2(entry));
  }
  return entry;
}

/** As `openHash`, for a command that changes the hash. @hot */
export function openHashToChange(call: DataCall): number {
  metExpired = false;
  registered = -1;
  const entry = writeTyped(call, 1, Type.HASH);
  if (entry !== 0 && entry !== WRONG_TYPE) {
    const { entries, values } = call.host.keyspace;
    const encoding = entries.encoding(entry);
    const ref = entries.word2(entry);
    values.hashes.open(encoding, ref);
    if (encoding !== Encoding.LISTPACK) registered = values.hashes.nextExpiry(encoding, ref);
  }
  return entry;
}

/**
 * Stores what the open hash has become in its entry, which is made when `entry` is 0; the database still has the hash of
 * the key at argument 1. Returns the entry.
 * @hot
 */
export function storeHash(call: DataCall, entry: number): number {
  const { db } = call;
  const hashes = hashesOf(call);
  let stored = entry;
  if (entry === 0)
    stored = db.addValue(
      call.bytes,
      call.starts[1]!,
      call.lengths[1]!,
      db.hash,
      Type.HASH,
      hashes.encoding,
      hashes.ref,
    );
  else db.setValue(entry, hashes.encoding, hashes.ref);
  if (registered >= 0 || hashes.encoding !== Encoding.LISTPACK) {
    registered = moveExpiry(db, db.hash, registered, hashes.nextExpiry(hashes.encoding, hashes.ref));
  }
  return stored;
}

/** Replaces the time of a hash in the index of hashes with fields that expire; returns the new one. */
export function moveExpiry(db: Database, hash: number, before: number, after: number): number {
  if (before === after) return after;
  if (before >= 0) db.fieldExpiries.remove(hash, before);
  if (after >= 0) db.fieldExpiries.add(hash, after);
  return after;
}

/**
 * Stores a hash that lost fields and sends the event, and deletes the key of an empty one with an event of its own.
 * Returns whether the key went.
 */
export function fieldsRemoved(
  call: DataCall,
  entry: number,
  event: string,
  count: number,
  fields: readonly Uint8Array[],
): boolean {
  const isEmpty = storeOrRemove(call, entry, count);
  tellRemoved(call, event, isEmpty, fields);
  return isEmpty;
}

function storeOrRemove(call: DataCall, entry: number, count: number): boolean {
  storeHash(call, entry);
  const isEmpty = hashesOf(call).size() === 0;
  if (isEmpty) call.db.remove(entry, call.db.hash);
  changed(call, 1, count);
  return isEmpty;
}

/** The event of lost fields, and that of the key if it went. */
function tellRemoved(call: DataCall, event: string, isEmpty: boolean, fields: readonly Uint8Array[]): void {
  tellFields(call, event, fields);
  if (isEmpty) notify(call, EventClass.GENERIC, 'del', 1);
}

/** `tellRemoved` of the fields that `findLive` met silently. */
export function tellExpired(call: DataCall, isEmpty: boolean): void {
  tellRemoved(call, 'hexpired', isEmpty, expiredFields);
  expiredFields.length = 0;
}

/** An event of the hash and of these fields of it. */
export function tellFields(call: DataCall, event: string, fields: readonly Uint8Array[]): void {
  notify(call, EventClass.HASH, event, 1);
  call.host.keyspace.notifyFields(event, call.db, call.bytes, call.starts[1]!, call.lengths[1]!, fields);
}

/** As `tellFields`, of the fields at arguments `first`, `first + step`, ... up to `end`. @hot */
export function tellArguments(call: DataCall, event: string, first: number, step: number, end = call.count): void {
  const { keyspace } = call.host;
  if (keyspace.notifyMask !== 0) tellFields(call, event, keyspace.tellsFields ? copies(call, first, step, end) : NONE);
}

function copies(call: DataCall, first: number, step: number, end: number): Uint8Array[] {
  const fields: Uint8Array[] = [];
  for (let index = first; index < end; index += step) fields.push(call.copy(index));
  return fields;
}

/**
 * The outcome of `findLive`. EXPIRED: the field was there, past its time, and is deleted now. GONE: it was the last, so the
 * whole hash is gone.
 */
export const Found = { NO: 0, YES: 1, EXPIRED: 2, GONE: 3 } as const;

/**
 * Binds to the field at argument `index` of the open hash, unless it is past its time. A caller that looks for many
 * fields is `silent`, and sends the event once.
 * @hot
 */
export function findLive(call: DataCall, entry: number, index: number, silent = false): number {
  const hashes = hashesOf(call);
  if (!hashes.find(call.bytes, call.starts[index]!, call.lengths[index]!)) return Found.NO;
  if (hashes.expiry < 0 || hashes.expiry >= call.host.keyspace.nowMs) return Found.YES;
  return meetExpired(call, entry, index, silent);
}

/** Whether a field that was walked to is past its time for this command. @hot */
export function isHidden(call: DataCall, expiry: number): boolean {
  if (expiry < 0) return false;
  const { keyspace } = call.host;
  return expiry < keyspace.nowMs && (!keyspace.expiryPaused || keyspace.hidesExpired);
}

function meetExpired(call: DataCall, entry: number, index: number, silent: boolean): number {
  const { keyspace } = call.host;
  if (keyspace.expiryPaused) return keyspace.hidesExpired ? Found.NO : Found.YES;
  const hashes = hashesOf(call);
  if (keyspace.barrier !== null) keyspace.passBarrier(call.db, entry, call.db.hash);
  if (registered === AS_STORED) registered = hashes.nextExpiry(hashes.encoding, hashes.ref);
  hashes.deleteFound();
  keyspace.stats.expiredFields++;
  propagateExpired(call, call.copy(index));
  const isEmpty = storeOrRemove(call, entry, 0);
  if (keyspace.tellsFields) expiredFields.push(call.copy(index));
  if (!silent) tellExpired(call, isEmpty);
  return isEmpty ? Found.GONE : Found.EXPIRED;
}

/** Propagates the deletion of a field that was past its time. */
function propagateExpired(call: DataCall, field: Uint8Array): void {
  const { host } = call;
  if (!host.propagates) return;
  if (!metExpired) host.preventPropagation(call);
  metExpired = true;
  host.alsoPropagate(call, ['HDEL', call.copy(1), field]);
  // The deletion is an effect of its own: it goes out even if the command changes nothing else.
  host.keyspace.dirty++;
}

/**
 * Deletes those of the fields at arguments `first`, `first + step`, ... of the open hash that are past their time, with
 * one event for all. Returns the entry, or 0 when the whole hash went.
 * @hot
 */
export function dropExpired(call: DataCall, entry: number, first: number, step: number): number {
  if (entry === 0 || registered < 0) return entry;
  return registered < call.host.keyspace.nowMs ? dropDue(call, entry, first, step) : entry;
}

function dropDue(call: DataCall, entry: number, first: number, step: number): number {
  let expired: number = Found.NO;
  for (let index = first; index < call.count && expired !== Found.GONE; index += step) {
    const found = findLive(call, entry, index, true);
    if (found > Found.YES) expired = found;
  }
  if (expired !== Found.NO) tellExpired(call, expired === Found.GONE);
  return expired === Found.GONE ? 0 : entry;
}

/** A call on another key than those of the command that runs. */
const elsewhere: DataCall = new Call<Database, Engine, DataClient>();

/** A command that will look fields up in hashes of other keys begins. */
export function beginLookups(): void {
  metExpired = false;
}

/**
 * Reads a field of the hash that the database found last, by this key; false when the field is missing. If it is past
 * its time it is deleted, as if the command were one on that hash.
 */
export function lookUpField(call: DataCall, entry: number, key: Uint8Array, field: Uint8Array): boolean {
  const { entries, values, nowMs } = call.host.keyspace;
  const { hashes } = values;
  hashes.open(entries.encoding(entry), entries.word2(entry));
  if (!hashes.find(field, 0, field.length)) return false;
  if (hashes.expiry < 0 || hashes.expiry >= nowMs) return true;
  registered = AS_STORED;
  elsewhere.host = call.host;
  elsewhere.db = call.db;
  elsewhere.client = call.client;
  elsewhere.command = call.command;
  elsewhere.setArguments([NO_NAME, key, field]);
  return meetExpired(elsewhere, entry, 2, false) === Found.YES;
}

/** Propagates this in place of the command, after deletions of fields that were past their time. */
export function propagateAs(call: DataCall, args: readonly Part[]): void {
  if (!call.host.propagates) return;
  if (metExpired) call.host.alsoPropagate(call, args);
  else call.host.rewrite(call, args);
}

/** Propagates the command as it was called; needed only after `findLive` or `dropExpired`, which may have put deletions in its place. */
export function propagateUnchanged(call: DataCall): void {
  if (!metExpired || !call.host.propagates) return;
  const args: Part[] = [];
  for (let index = 0; index < call.count; index++) args.push(call.copy(index));
  call.host.alsoPropagate(call, args);
}

/** Propagates the deletion of these fields in place of the command, one by one as Redis does. */
export function propagateDeletions(call: DataCall, fields: readonly Uint8Array[]): void {
  if (!call.host.propagates) return;
  call.host.preventPropagation(call);
  for (const field of fields) call.host.alsoPropagate(call, ['HDEL', call.copy(1), field]);
}

/**
 * Deletes all fields that are past their time from the open hash (HRANDFIELD cannot draw around them). Returns whether
 * the whole hash went.
 */
export function expireAll(call: DataCall, entry: number): boolean {
  const { keyspace } = call.host;
  const hashes = hashesOf(call);
  const next = hashes.nextExpiry(hashes.encoding, hashes.ref);
  if (next < 0 || next >= keyspace.nowMs || keyspace.expiryPaused) return false;
  if (keyspace.barrier !== null) keyspace.passBarrier(call.db, entry, call.db.hash);
  registered = next;
  const gone: Uint8Array[] = [];
  const count = hashes.expireDue(keyspace.nowMs, Infinity, () => {
    gone.push(hashes.fieldBytes.slice(hashes.fieldStart, hashes.fieldStart + hashes.fieldLength));
  });
  if (count === 0) {
    storeHash(call, entry);
    return false;
  }
  keyspace.stats.expiredFields += count;
  for (const field of gone) propagateExpired(call, field);
  return fieldsRemoved(call, entry, 'hexpired', 0, gone);
}
