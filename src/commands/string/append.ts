// append: APPEND and SETRANGE: changing a part of a string in its place.

import { copyBytes } from '../../base/bytes.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, str } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace } from './access.js';

/** Whether a string may have this many bytes; the error reply is given if not. */
function fitsString(call: DataCall, bytes: number): boolean {
  if (bytes <= call.host.limits.protoMaxBulkLen) return true;
  call.reply.error(errors.stringTooLong);
  return false;
}

const EMPTY = new Uint8Array(0);

/**
 * Makes the string at argument `index` at least `length` bytes long, new bytes 0, and marks it as changed in place;
 * creates it when `entry` is 0. Returns the entry's ref.
 */
export function growString(call: DataCall, index: number, entry: number, length: number): number {
  const { db, bytes, starts, lengths } = call;
  const hash = db.hash;
  const entries = call.host.keyspace.entries;
  const made = entry !== 0 ? entry : db.addString(bytes, starts[index]!, lengths[index]!, hash, EMPTY, 0, 0);
  const before = entries.word2(made);
  if (length <= before) {
    entries.setEncoding(made, Encoding.RAW);
    return made;
  }
  const grown = db.resizeString(made, hash, length, before);
  entries.setEncoding(grown, Encoding.RAW);
  const place = stringPlace(call, grown);
  place.bytes.fill(0, place.start + before, place.start + length);
  return grown;
}

export const append: DataCommand = command({
  name: 'append',
  since: '2.0.0',
  group: 'string',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), str('value')],
  summary: 'Adds bytes to the end of a string, which is made if it is not there.',
  complexity: 'O(1) amortised: a string that grows gets room ahead.',
  run(call) {
    const { db, bytes, starts, lengths } = call;
    const entry = writeTyped(call, 1, Type.STRING);
    if (entry === WRONG_TYPE) return;
    const entries = call.host.keyspace.entries;
    const added = lengths[2]!;
    let length = added;
    if (entry === 0) {
      db.addString(bytes, starts[1]!, lengths[1]!, db.hash, bytes, starts[2]!, added);
    } else {
      const before = entries.word2(entry);
      length = before + added;
      if (!fitsString(call, length)) return;
      const grown = db.resizeString(entry, db.hash, length, before);
      entries.setEncoding(grown, Encoding.RAW);
      const place = stringPlace(call, grown);
      copyBytes(place.bytes, place.start + before, bytes, starts[2]!, added);
    }
    changed(call, 1, 1);
    notify(call, EventClass.STRING, 'append', 1);
    call.reply.integer(length);
  },
});

export const setrange: DataCommand = command({
  name: 'setrange',
  since: '2.2.0',
  group: 'string',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), int('offset'), str('value')],
  summary: 'Writes bytes over a part of a string, from an offset on; it grows with zero bytes as needed.',
  complexity: 'O(M) where M is the length of the written part, and of the gap before it.',
  run(call) {
    const offset = call.integer(2);
    if (Number.isNaN(offset)) {
      call.reply.error(errors.notInteger);
      return;
    }
    if (offset < 0) {
      call.reply.error(errors.offsetOutOfRange);
      return;
    }
    const entry = writeTyped(call, 1, Type.STRING);
    if (entry === WRONG_TYPE) return;
    const written = call.lengths[3]!;
    if (written === 0) {
      call.reply.integer(entry === 0 ? 0 : call.host.keyspace.entries.word2(entry));
      return;
    }
    if (!fitsString(call, offset + written)) return;
    const made = growString(call, 1, entry, offset + written);
    const place = stringPlace(call, made);
    copyBytes(place.bytes, place.start + offset, call.bytes, call.starts[3]!, written);
    changed(call, 1, 1);
    notify(call, EventClass.STRING, 'setrange', 1);
    call.reply.integer(place.length);
  },
});
