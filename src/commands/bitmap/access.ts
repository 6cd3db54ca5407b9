// access: strings as bitmaps: offsets read from arguments, strings grown to hold a bit.

import { Encoding, Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall } from '../engine.js';
import { growString } from '../string/append.js';

const HASH = 0x23;

/**
 * The bit offset at argument `index`, -1 after an error reply. With `fieldBits`, '#n' is the place of the nth field of so
 * many bits.
 */
export function parseBitOffset(call: DataCall, index: number, fieldBits: number): number {
  const counted = fieldBits > 0 && call.lengths[index]! > 0 && call.bytes[call.starts[index]!] === HASH;
  let offset = call.integer(index);
  if (counted) {
    call.starts[index]!++;
    call.lengths[index]!--;
    offset = call.integer(index) * fieldBits;
    call.starts[index]!--;
    call.lengths[index]!++;
  }
  if (offset >= 0 && Math.floor(offset / 8) < call.host.limits.protoMaxBulkLen) return offset;
  call.reply.error('ERR bit offset is not an integer or out of range');
  return -1;
}

/** Whether the last `writeBitmap` made the string, or made it longer. */
export let bitmapGrew = false;

/**
 * The string of the key at argument 1, made and grown with zeros so that it holds a bit: its entry, or WRONG_TYPE after
 * an error reply.
 */
export function writeBitmap(call: DataCall, bit: number): number {
  const entry = writeTyped(call, 1, Type.STRING);
  if (entry === WRONG_TYPE) return entry;
  const { entries } = call.host.keyspace;
  const bytes = Math.floor(bit / 8) + 1;
  bitmapGrew = entry === 0 || entries.word2(entry) < bytes;
  if (bitmapGrew) return growString(call, 1, entry, bytes);
  entries.setEncoding(entry, Encoding.RAW);
  return entry;
}

/** `BYTE` or `BIT` at argument `index`: 1 or 8 bits a unit's step is, 0 after an error reply. */
export function parseUnit(call: DataCall, index: number): number {
  if (call.is(index, 'byte')) return 8;
  if (call.is(index, 'bit')) return 1;
  call.reply.error(errors.syntax);
  return 0;
}
