// bits: SETBIT, GETBIT, BITCOUNT and BITPOS.

import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { type Argument, block, int, key, oneof, optional, since, token } from '../../registry/grammar.js';
import { countBitRange, findBit, testBit } from '../../structures/bitmap.js';
import { changed, notify, readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace } from '../string/access.js';
import { bitmapGrew, parseBitOffset, parseUnit, writeBitmap } from './access.js';

const BIT_INVALID = 'ERR bit is not an integer or out of range';

export const setbit: DataCommand = command({
  name: 'setbit',
  since: '2.2.0',
  group: 'bitmap',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'access', 'update'])],
  args: [key('key'), int('offset'), int('value')],
  summary: 'Sets or clears a bit of a string, which grows as needed, and returns what it was.',
  complexity: 'O(1)',
  run(call) {
    const offset = parseBitOffset(call, 2, 0);
    if (offset < 0) return;
    const value = call.integer(3);
    if (value !== 0 && value !== 1) {
      call.reply.error(BIT_INVALID);
      return;
    }
    const entry = writeBitmap(call, offset);
    if (entry === WRONG_TYPE) return;
    const { bytes, start } = stringPlace(call, entry);
    const before = testBit(bytes, start, offset);
    if (bitmapGrew || before !== value) {
      const mask = 0x80 >>> (offset % 8);
      const at = start + Math.floor(offset / 8);
      bytes[at] = value === 1 ? bytes[at]! | mask : bytes[at]! & ~mask;
      changed(call, 1, 1);
      notify(call, EventClass.STRING, 'setbit', 1);
    }
    call.reply.integer(before);
  },
});

export const getbit: DataCommand = command({
  name: 'getbit',
  since: '2.2.0',
  group: 'bitmap',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), int('offset')],
  summary: 'Returns a bit of a string.',
  complexity: 'O(1)',
  run(call) {
    const offset = parseBitOffset(call, 2, 0);
    if (offset < 0) return;
    const entry = readTyped(call, 1, Type.STRING);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      call.reply.integer(0);
      return;
    }
    const { bytes, start, length } = stringPlace(call, entry);
    call.reply.integer(offset < length * 8 ? testBit(bytes, start, offset) : 0);
  },
});

const range = { first: 0, last: 0 };

/** Turns two places, counted from the end when negative, into bits of a string of `length` bytes; false when there are none. */
function resolveRange(from: number, to: number, unit: number, length: number): boolean {
  const total = (length * 8) / unit;
  const first = Math.max(0, from < 0 ? from + total : from);
  const last = Math.min(total - 1, Math.max(0, to < 0 ? to + total : to));
  range.first = first * unit;
  range.last = last * unit + unit - 1;
  return first <= last;
}

const unitArgument: Argument = optional(since('7.0.0', oneof('unit', token('BYTE'), token('BIT'))));

function runBitcount(call: DataCall): void {
  const { reply } = call;
  if (call.count === 3 || call.count > 5) {
    reply.error(errors.syntax);
    return;
  }
  let from = 0;
  let to = -1;
  let unit = 8;
  if (call.count > 2) {
    from = call.integer(2);
    to = call.integer(3);
    if (Number.isNaN(from) || Number.isNaN(to)) {
      reply.error(errors.notInteger);
      return;
    }
    if (call.count === 5) unit = parseUnit(call, 4);
    if (unit === 0) return;
  }
  const entry = readTyped(call, 1, Type.STRING);
  if (entry === WRONG_TYPE) return;
  if (entry === 0 || (from < 0 && to < 0 && from > to)) {
    reply.integer(0);
    return;
  }
  const { bytes, start, length } = stringPlace(call, entry);
  reply.integer(resolveRange(from, to, unit, length) ? countBitRange(bytes, start, range.first, range.last) : 0);
}

export const bitcount: DataCommand = command({
  name: 'bitcount',
  since: '2.6.0',
  group: 'bitmap',
  arity: -2,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), optional(block('range', int('start'), int('end'), unitArgument))],
  summary: 'Counts the bits that are set in a string, or in a part of it.',
  complexity: 'O(N)',
  history: [['7.0.0', 'The option `BYTE|BIT`.']],
  run: runBitcount,
});

function runBitpos(call: DataCall): void {
  const { reply } = call;
  const value = call.integer(2);
  if (Number.isNaN(value)) {
    reply.error(errors.notInteger);
    return;
  }
  if (value !== 0 && value !== 1) {
    reply.error('ERR The bit argument must be 1 or 0.');
    return;
  }
  let from = 0;
  let to = -1;
  let unit = 8;
  if (call.count > 6) {
    reply.error(errors.syntax);
    return;
  }
  if (call.count > 3) {
    from = call.integer(3);
    if (Number.isNaN(from)) {
      reply.error(errors.notInteger);
      return;
    }
    if (call.count === 6) unit = parseUnit(call, 5);
    if (unit === 0) return;
    if (call.count > 4) to = call.integer(4);
    if (Number.isNaN(to)) {
      reply.error(errors.notInteger);
      return;
    }
  }
  const entry = readTyped(call, 1, Type.STRING);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    reply.integer(value === 1 ? -1 : 0);
    return;
  }
  const { bytes, start, length } = stringPlace(call, entry);
  if (!resolveRange(from, to, unit, length)) {
    reply.integer(-1);
    return;
  }
  const found = findBit(bytes, start, value, range.first, range.last);
  // Without an end, a string is thought to go on with zeros.
  reply.integer(found < 0 && value === 0 && call.count < 5 ? length * 8 : found);
}

export const bitpos: DataCommand = command({
  name: 'bitpos',
  since: '2.8.7',
  group: 'bitmap',
  arity: -3,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [
    key('key'),
    int('bit'),
    optional(block('range', int('start'), optional(block('end-unit-block', int('end'), unitArgument)))),
  ],
  summary: 'Returns the place of the first bit that is set, or clear, in a string or a part of it.',
  complexity: 'O(N)',
  history: [['7.0.0', 'The option `BYTE|BIT`.']],
  run: runBitpos,
});
