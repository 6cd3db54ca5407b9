// bitfield: BITFIELD and BITFIELD_RO: integers of any width at any place of a string.

import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, int, key, many, oneof, optional, str, token } from '../../registry/grammar.js';
import { readField, writeField } from '../../structures/bitmap.js';
import { changed, hasWord, notify, readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace } from '../string/access.js';
import { bitmapGrew, parseBitOffset, writeBitmap } from './access.js';

type Overflow = 'wrap' | 'sat' | 'fail';

interface FieldOperation {
  readonly kind: 'get' | 'set' | 'incrby';
  readonly signed: boolean;
  readonly bits: number;
  readonly offset: number;
  /** The value to set, or to add. */
  readonly value: bigint;
  readonly overflow: Overflow;
}

const SIGNED = 0x69;
const UNSIGNED = 0x75;

/** 'i16', 'u8': the bits, negative when signed; 0 after an error reply. */
function parseFieldType(call: DataCall, index: number): number {
  const letter = call.lengths[index]! > 0 ? call.bytes[call.starts[index]!] : 0;
  if (letter === SIGNED || letter === UNSIGNED) {
    const text = call.text(index).slice(1);
    const bits = /^[1-9][0-9]?$/.test(text) ? Number(text) : 0;
    if (bits > 0 && bits <= (letter === SIGNED ? 64 : 63)) return letter === SIGNED ? -bits : bits;
  }
  call.reply.error('ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.');
  return 0;
}

/** The operations from argument 2 on; undefined after an error reply. */
function parseOperations(call: DataCall): FieldOperation[] | undefined {
  const parsed: FieldOperation[] = [];
  let overflow: Overflow = 'wrap';
  for (let index = 2; index < call.count; index++) {
    const left = call.count - index - 1;
    if (left >= 1 && call.is(index, 'overflow')) {
      const kind = (['wrap', 'sat', 'fail'] as const).find((word) => call.is(index + 1, word));
      if (kind === undefined) {
        call.reply.error('ERR Invalid OVERFLOW type specified');
        return undefined;
      }
      overflow = kind;
      index++;
      continue;
    }
    const kind =
      left >= 2 && call.is(index, 'get')
        ? 'get'
        : left >= 3 && call.is(index, 'set')
          ? 'set'
          : left >= 3 && call.is(index, 'incrby')
            ? 'incrby'
            : undefined;
    if (kind === undefined) {
      call.reply.error(errors.syntax);
      return undefined;
    }
    const type = parseFieldType(call, index + 1);
    if (type === 0) return undefined;
    const bits = Math.abs(type);
    const offset = parseBitOffset(call, index + 2, bits);
    if (offset < 0) return undefined;
    let value = 0n;
    if (kind !== 'get') {
      const given = call.bigInteger(index + 3);
      if (given === undefined) {
        call.reply.error(errors.notInteger);
        return undefined;
      }
      value = given;
    }
    parsed.push({ kind, signed: type < 0, bits, offset, value, overflow });
    index += kind === 'get' ? 2 : 3;
  }
  return parsed;
}

/**
 * The value of a field of this kind after an increment (0 to set it): undefined when it does not fit and the operation fails
 * then. Redis compares in 64 bits, with wrap-around: setting i8 to -2^63 is an overflow upwards.
 */
function fit(operation: FieldOperation, value: bigint, increment: bigint): bigint | undefined {
  const { bits, signed, overflow } = operation;
  const max = (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
  const min = signed ? -max - 1n : 0n;
  const room = BigInt.asIntN(64, max - value);
  const roomBelow = BigInt.asIntN(64, min - value);
  let above = value > max;
  let below = value < min;
  if (signed) {
    above ||= increment > room && (bits < 64 || (value >= 0n && increment > 0n));
    below ||= increment < roomBelow && (bits < 64 || (value < 0n && increment < 0n));
  } else {
    above ||= increment > 0n && increment > room;
    below ||= increment < 0n && increment < roomBelow;
  }
  const exact = value + increment;
  if (!above && !below) return exact;
  if (overflow === 'fail') return undefined;
  if (overflow === 'sat') return above ? max : min;
  return signed ? BigInt.asIntN(bits, exact) : BigInt.asUintN(bits, exact);
}

function readValue(operation: FieldOperation, bytes: Uint8Array, start: number, length: number): bigint {
  const value = readField(bytes, start, length, operation.offset, operation.bits);
  return operation.signed ? BigInt.asIntN(operation.bits, value) : value;
}

/** Runs the operations on the string of an entry (0: no string); returns how many changed it. */
function apply(call: DataCall, operations: readonly FieldOperation[], entry: number, grew: boolean): number {
  const { reply } = call;
  let changes = 0;
  reply.array(operations.length);
  for (const operation of operations) {
    const place = entry === 0 ? undefined : stringPlace(call, entry);
    const before = place === undefined ? 0n : readValue(operation, place.bytes, place.start, place.length);
    if (operation.kind === 'get') {
      reply.bigInteger(before);
      continue;
    }
    // A negative value for an unsigned field counts as the large one with the same 64 bits.
    const given = operation.kind === 'set' && !operation.signed ? BigInt.asUintN(64, operation.value) : operation.value;
    const after = operation.kind === 'set' ? fit(operation, given, 0n) : fit(operation, before, given);
    if (after === undefined) {
      reply.nil();
      continue;
    }
    reply.bigInteger(operation.kind === 'set' ? before : after);
    writeField(place!.bytes, place!.start, operation.offset, operation.bits, after);
    if (grew || after !== before) changes++;
  }
  return changes;
}

export const bitfield: DataCommand = command({
  name: 'bitfield',
  since: '3.2.0',
  group: 'bitmap',
  arity: -2,
  flags: ['write', 'denyoom'],
  keys: [
    {
      ...keyAt(1, ['RW', 'access', 'update', 'variable_flags']),
      notes: 'This command allows both access and modification of the key',
    },
  ],
  variableFlags: (call) =>
    hasWord(call, 2, 'set') || hasWord(call, 2, 'incrby') ? ['RW', 'access', 'update'] : ['RO', 'access'],
  args: [
    key('key'),
    optional(
      many(
        oneof(
          'operation',
          { ...block('get-block', str('encoding'), int('offset')), token: 'GET' },
          block(
            'write',
            optional({ ...oneof('overflow-block', token('WRAP'), token('SAT'), token('FAIL')), token: 'OVERFLOW' }),
            oneof(
              'write-operation',
              { ...block('set-block', str('encoding'), int('offset'), int('value')), token: 'SET' },
              { ...block('incrby-block', str('encoding'), int('offset'), int('increment')), token: 'INCRBY' },
            ),
          ),
        ),
      ),
    ),
  ],
  summary: 'Reads, sets and adds to integers of any width at any place of a string.',
  complexity: 'O(1) for each operation.',
  run(call) {
    const operations = parseOperations(call);
    if (operations === undefined) return;
    let lastBit = -1;
    for (const { kind, offset, bits } of operations) if (kind !== 'get') lastBit = Math.max(lastBit, offset + bits - 1);
    if (lastBit < 0) {
      const entry = readTyped(call, 1, Type.STRING);
      if (entry !== WRONG_TYPE) apply(call, operations, entry, false);
      return;
    }
    const entry = writeBitmap(call, lastBit);
    if (entry === WRONG_TYPE) return;
    const changes = apply(call, operations, entry, bitmapGrew);
    if (changes === 0) return;
    changed(call, 1, changes);
    notify(call, EventClass.STRING, 'setbit', 1);
  },
});

export const bitfieldRo: DataCommand = command({
  name: 'bitfield_ro',
  since: '6.0.0',
  group: 'bitmap',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [
    key('key'),
    optional(many({ ...block('get-block', str('encoding'), int('offset')), token: 'GET', multipleToken: true })),
  ],
  summary: 'Reads integers of any width at any place of a string.',
  complexity: 'O(1) for each operation.',
  run(call) {
    const operations = parseOperations(call);
    if (operations === undefined) return;
    if (operations.some(({ kind }) => kind !== 'get')) {
      call.reply.error('ERR BITFIELD_RO only supports the GET subcommand');
      return;
    }
    const entry = readTyped(call, 1, Type.STRING);
    if (entry !== WRONG_TYPE) apply(call, operations, entry, false);
  },
});
