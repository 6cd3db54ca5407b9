// incr: INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT: numbers kept as decimal text.

import {
  digitCount,
  INT64_MAX,
  INT64_MIN,
  latin1Bytes,
  parseBigInteger,
  parseInteger,
  writeInteger,
} from '../../base/bytes.js';
import { addExtended, extendedText, parseExtended, type Extended } from '../../base/double-exact.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { double, int, key } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace, type StringPlace } from './access.js';

/** Sums below this are exact as numbers and need no BigInt. */
const SAFE = 2 ** 52;
const ZERO_DIGIT = 48;
const NINE = 57;
const scratch = new Uint8Array(32);
const ZERO: Extended = { mantissa: 0n, exponent: 0 };

/** Adds to the number at argument 1 and replies with the sum. @hot */
function increment(call: DataCall, by: number, exactBy: () => bigint): void {
  const { db, bytes, starts, lengths } = call;
  const entry = writeTyped(call, 1, Type.STRING);
  if (entry === WRONG_TYPE) return;
  let before = 0;
  const place = entry === 0 ? undefined : stringPlace(call, entry);
  if (place !== undefined) {
    before = parseInteger(place.bytes, place.start, place.length);
    if (Number.isNaN(before)) {
      call.reply.error(errors.notInteger);
      return;
    }
  }
  if (before > SAFE || before < -SAFE || by > SAFE || by < -SAFE) {
    incrementExactly(call, entry, exactBy());
    return;
  }
  const sum = before + by;
  if (by === 1 && before > 0 && addOne(place!)) {
    // The digits that changed took the place of those that were there.
    replyChanged(call, entry, place!.bytes, place!.start, place!.length);
    return;
  }
  const length = sum < 0 ? 1 + digitCount(-sum) : digitCount(sum);
  if (place?.length === length) {
    // The sum takes the place of the digits that were there: 70 ns less than to store a string.
    writeInteger(place.bytes, place.start, sum);
    replyChanged(call, entry, place.bytes, place.start, length);
    return;
  }
  writeInteger(scratch, 0, sum);
  replyChanged(
    call,
    db.setString(entry, bytes, starts[1]!, lengths[1]!, db.hash, scratch, 0, length, true),
    scratch,
    0,
    length,
  );
}

/** A counter has its new value: sends all events, and replies with its digits. @hot */
function replyChanged(call: DataCall, entry: number, digits: Uint8Array, start: number, length: number): void {
  call.host.keyspace.entries.setEncoding(entry, Encoding.STRING);
  changed(call, 1, 1);
  notify(call, EventClass.STRING, 'incrby', 1);
  call.reply.integerDigits(digits, start, length);
}

/** Adds one to a positive number where it stands; false when it needs a digit more, and its digits are void then. @hot */
function addOne({ bytes, start, length }: StringPlace): boolean {
  for (let at = start + length - 1; at >= start; at--) {
    const digit = bytes[at]!;
    if (digit !== NINE) {
      bytes[at] = digit + 1;
      return true;
    }
    bytes[at] = ZERO_DIGIT;
  }
  return false;
}

function incrementExactly(call: DataCall, entry: number, by: bigint): void {
  const { db, bytes, starts, lengths } = call;
  let before = 0n;
  if (entry !== 0) {
    const place = stringPlace(call, entry);
    before = parseBigInteger(place.bytes, place.start, place.length) ?? 0n;
  }
  const sum = before + by;
  if (sum < INT64_MIN || sum > INT64_MAX) {
    call.reply.error(errors.overflow);
    return;
  }
  const text = latin1Bytes(sum.toString());
  db.setString(entry, bytes, starts[1]!, lengths[1]!, db.hash, text, 0, text.length, true);
  changed(call, 1, 1);
  notify(call, EventClass.STRING, 'incrby', 1);
  call.reply.bigInteger(sum);
}

const one = (): bigint => 1n;
const minusOne = (): bigint => -1n;
const flags = ['write', 'denyoom', 'fast'] as const;
const keys = [keyAt(1, ['RW', 'access', 'update'])];

export const incr: DataCommand = command({
  name: 'incr',
  since: '1.0.0',
  group: 'string',
  arity: 2,
  flags,
  keys,
  args: [key('key')],
  summary: 'Adds one to the integer of a key, which starts at 0.',
  complexity: 'O(1)',
  run: (call) => increment(call, 1, one),
});

export const decr: DataCommand = command({
  name: 'decr',
  since: '1.0.0',
  group: 'string',
  arity: 2,
  flags,
  keys,
  args: [key('key')],
  summary: 'Takes one from the integer of a key, which starts at 0.',
  complexity: 'O(1)',
  run: (call) => increment(call, -1, minusOne),
});

export const incrby: DataCommand = command({
  name: 'incrby',
  since: '1.0.0',
  group: 'string',
  arity: 3,
  flags,
  keys,
  args: [key('key'), int('increment')],
  summary: 'Adds a number to the integer of a key, which starts at 0.',
  complexity: 'O(1)',
  run(call) {
    const by = call.integer(2);
    if (Number.isNaN(by)) call.reply.error(errors.notInteger);
    else increment(call, by, () => call.bigInteger(2)!);
  },
});

export const decrby: DataCommand = command({
  name: 'decrby',
  since: '1.0.0',
  group: 'string',
  arity: 3,
  flags,
  keys,
  args: [key('key'), int('decrement')],
  summary: 'Takes a number from the integer of a key, which starts at 0.',
  complexity: 'O(1)',
  run(call) {
    const by = call.integer(2);
    if (Number.isNaN(by)) call.reply.error(errors.notInteger);
    else if (call.bigInteger(2) === INT64_MIN) call.reply.error('ERR decrement would overflow');
    else increment(call, -by, () => -call.bigInteger(2)!);
  },
});

export const incrbyfloat: DataCommand = command({
  name: 'incrbyfloat',
  since: '2.6.0',
  group: 'string',
  arity: 3,
  flags,
  keys,
  args: [key('key'), double('increment')],
  summary: 'Adds a number with a fraction to the number of a key, which starts at 0.',
  complexity: 'O(1)',
  run(call) {
    const { db, bytes, starts, lengths } = call;
    const entry = writeTyped(call, 1, Type.STRING);
    if (entry === WRONG_TYPE) return;
    let before: Extended | 'inf' | '-inf' | undefined = ZERO;
    if (entry !== 0) {
      const place = stringPlace(call, entry);
      before = parseExtended(place.bytes, place.start, place.length);
    }
    const by = parseExtended(bytes, starts[2]!, lengths[2]!);
    if (before === undefined || by === undefined) {
      call.reply.error(errors.notFloat);
      return;
    }
    const sum = typeof before === 'string' || typeof by === 'string' ? undefined : addExtended(before, by);
    if (sum === undefined) {
      call.reply.error(errors.nanOrInfinity);
      return;
    }
    const text = latin1Bytes(extendedText(sum));
    db.setString(entry, bytes, starts[1]!, lengths[1]!, db.hash, text, 0, text.length, true);
    changed(call, 1, 1);
    notify(call, EventClass.STRING, 'incrbyfloat', 1);
    if (call.host.propagates) call.host.rewrite(call, ['SET', call.copy(1), text, 'KEEPTTL']);
    call.reply.bulk(text, 0, text.length);
  },
});
