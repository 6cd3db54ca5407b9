// increx: INCREX: adds to a number within bounds and decides about its life in one step, which is a rate limiter.
//
// A sum out of bounds leaves everything as it is, or becomes the bound with SATURATE. Without bounds the type's own hold:
// 64-bit integers, or 80-bit floats. The result is propagated as SET, as Redis does.

import { INT64_MAX, INT64_MIN, latin1Bytes, parseBigInteger } from '../../base/bytes.js';
import {
  addExtended,
  compareExtended,
  EXTENDED_MAX,
  type Extended,
  extendedText,
  negateExtended,
  parseExtended,
} from '../../base/double-exact.js';
import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { double, int, key, oneof, optional, str, token } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand, Part } from '../engine.js';
import { expirationArgument, expireTime, type ExpireUnit, expireUnitAt } from '../expire-time.js';
import { stringPlace } from './access.js';

const ZERO: Extended = { mantissa: 0n, exponent: 0 };
const BOUND_INFINITE = 'ERR LBOUND and UBOUND cannot be Infinity';
const BOUNDS_CROSSED = "ERR LBOUND can't be greater than UBOUND";

/** Argument indexes are 0 for what was not given. */
interface Options {
  byFloat: boolean;
  incrementIndex: number;
  lowerIndex: number;
  upperIndex: number;
  saturates: boolean;
  unit: ExpireUnit | undefined;
  timeIndex: number;
  persists: boolean;
  /** ENX: a key that expires keeps its time. */
  onlyWithoutExpiry: boolean;
}

/** Reads the options; undefined after an error reply. Each may be given once. */
function readOptions(call: DataCall): Options | undefined {
  const options: Options = {
    byFloat: false,
    incrementIndex: 0,
    lowerIndex: 0,
    upperIndex: 0,
    saturates: false,
    unit: undefined,
    timeIndex: 0,
    persists: false,
    onlyWithoutExpiry: false,
  };
  for (let index = 2; index < call.count; index++) {
    const hasNext = index + 1 < call.count;
    const ends = options.unit !== undefined || options.persists;
    if (hasNext && options.incrementIndex === 0 && (call.is(index, 'byint') || call.is(index, 'byfloat'))) {
      options.byFloat = call.is(index, 'byfloat');
      options.incrementIndex = ++index;
    } else if (hasNext && options.lowerIndex === 0 && call.is(index, 'lbound')) {
      options.lowerIndex = ++index;
    } else if (hasNext && options.upperIndex === 0 && call.is(index, 'ubound')) {
      options.upperIndex = ++index;
    } else if (!options.saturates && call.is(index, 'saturate')) {
      options.saturates = true;
    } else if (!options.onlyWithoutExpiry && !options.persists && call.is(index, 'enx')) {
      options.onlyWithoutExpiry = true;
    } else if (!ends && !options.onlyWithoutExpiry && call.is(index, 'persist')) {
      options.persists = true;
    } else if (hasNext && !ends && expireUnitAt(call, index) !== undefined) {
      options.unit = expireUnitAt(call, index);
      options.timeIndex = ++index;
    } else {
      call.reply.error(errors.syntax);
      return undefined;
    }
  }
  if (!options.onlyWithoutExpiry || options.unit !== undefined) return options;
  call.reply.error('ERR ENX flag requires an expiration (EX, PX, EXAT or PXAT)');
  return undefined;
}

/** The result: the number's text (undefined: unchanged), and both elements of the reply. */
interface Outcome {
  readonly text: string | undefined;
  readonly value: string;
  readonly added: string;
}

/** The integer of argument `index`, or what stands for one that was not given; undefined after an error reply. */
function readInteger(call: DataCall, index: number, absent: bigint, error: string): bigint | undefined {
  const value = index === 0 ? absent : call.bigInteger(index);
  if (value === undefined) call.reply.error(error);
  return value;
}

function addInteger(call: DataCall, entry: number, options: Options): Outcome | undefined {
  const by = readInteger(call, options.incrementIndex, 1n, 'ERR Increment is not an integer or out of range');
  if (by === undefined) return undefined;
  const lower = readInteger(call, options.lowerIndex, INT64_MIN, errors.notInteger);
  if (lower === undefined) return undefined;
  const upper = readInteger(call, options.upperIndex, INT64_MAX, errors.notInteger);
  if (upper === undefined) return undefined;
  if (lower > upper) {
    call.reply.error(BOUNDS_CROSSED);
    return undefined;
  }
  const place = entry === 0 ? undefined : stringPlace(call, entry);
  const before = place === undefined ? 0n : parseBigInteger(place.bytes, place.start, place.length);
  if (before === undefined) {
    call.reply.error(errors.notInteger);
    return undefined;
  }
  let value = before + by;
  if (value < lower || value > upper) {
    if (!options.saturates) return { text: undefined, value: before.toString(), added: '0' };
    value = value < lower ? lower : upper;
  }
  const added = value - before;
  if (added < INT64_MIN || added > INT64_MAX) {
    call.reply.error('ERR applied increment would overflow');
    return undefined;
  }
  return { text: value.toString(), value: value.toString(), added: added.toString() };
}

/** As `readInteger`, of floats, which must be finite. */
function readFloat(
  call: DataCall,
  index: number,
  absent: Extended,
  error: string,
  infinite: string,
): Extended | undefined {
  const value = index === 0 ? absent : parseExtended(call.bytes, call.starts[index]!, call.lengths[index]!);
  if (typeof value === 'object') return value;
  call.reply.error(value === undefined ? error : infinite);
  return undefined;
}

function addFloat(call: DataCall, entry: number, options: Options): Outcome | undefined {
  const by = readFloat(
    call,
    options.incrementIndex,
    ZERO,
    'ERR Increment is not a valid float',
    'ERR BYFLOAT increment cannot be Infinity',
  );
  if (by === undefined) return undefined;
  const lower = readFloat(call, options.lowerIndex, negateExtended(EXTENDED_MAX), errors.notFloat, BOUND_INFINITE);
  if (lower === undefined) return undefined;
  const upper = readFloat(call, options.upperIndex, EXTENDED_MAX, errors.notFloat, BOUND_INFINITE);
  if (upper === undefined) return undefined;
  if (compareExtended(lower, upper) > 0) {
    call.reply.error(BOUNDS_CROSSED);
    return undefined;
  }
  const place = entry === 0 ? undefined : stringPlace(call, entry);
  const before = place === undefined ? ZERO : parseExtended(place.bytes, place.start, place.length);
  if (typeof before !== 'object') {
    call.reply.error(before === undefined ? errors.notFloat : 'ERR value cannot be Infinity');
    return undefined;
  }
  const sum = addExtended(before, by);
  // A sum that is too large for the type has the sign of what was added.
  const side =
    sum === undefined
      ? Number(by.mantissa > 0n) - Number(by.mantissa < 0n)
      : compareExtended(sum, upper) > 0
        ? 1
        : compareExtended(sum, lower) < 0
          ? -1
          : 0;
  if (sum !== undefined && side === 0)
    return { text: extendedText(sum), value: extendedText(sum), added: extendedText(by) };
  if (!options.saturates) return { text: undefined, value: extendedText(before), added: '0' };
  const value = side > 0 ? upper : lower;
  const added = addExtended(value, negateExtended(before));
  if (added === undefined) {
    call.reply.error(errors.nanOrInfinity);
    return undefined;
  }
  return { text: extendedText(value), value: extendedText(value), added: extendedText(added) };
}

/** Stores the number and its time, and sends all events. */
function storeNumber(call: DataCall, entry: number, text: Uint8Array, options: Options, expiry: number): void {
  const { db, bytes, starts, lengths, host } = call;
  const { hash } = db;
  const expires = entry !== 0 && db.expiryOf(entry) >= 0;
  const unit = expires && options.onlyWithoutExpiry ? undefined : options.unit;
  if (unit !== undefined && unit.absolute && expiry <= host.keyspace.nowMs && !host.keyspace.expiryPaused) {
    if (entry === 0) return;
    db.remove(entry, hash);
    changed(call, 1, 1);
    notify(call, EventClass.GENERIC, 'del', 1);
    if (host.propagates) host.rewrite(call, ['DEL', call.copy(1)]);
    return;
  }
  const persists = options.persists && expires;
  const made = db.setString(entry, bytes, starts[1]!, lengths[1]!, hash, text, 0, text.length, true);
  if (unit !== undefined) db.setExpiry(made, hash, expiry);
  else if (persists) db.clearExpiry(made, hash);
  changed(call, 1, 1);
  notify(call, EventClass.STRING, options.byFloat ? 'incrbyfloat' : 'incrby', 1);
  if (unit !== undefined) notify(call, EventClass.GENERIC, 'expire', 1);
  else if (persists) notify(call, EventClass.GENERIC, 'persist', 1);
  if (!host.propagates) return;
  const ending: Part[] = unit !== undefined ? ['PXAT', BigInt(expiry)] : persists ? [] : ['KEEPTTL'];
  host.rewrite(call, ['SET', call.copy(1), text, ...ending]);
}

export const increx: DataCommand = command({
  name: 'increx',
  since: '8.8.0',
  group: 'string',
  arity: -2,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'update'])],
  args: [
    key('key'),
    optional(oneof('increment', double('float', { token: 'BYFLOAT' }), int('integer', { token: 'BYINT' }))),
    optional(
      token('SATURATE', { summary: 'A sum out of bounds becomes the bound; otherwise nothing is changed then.' }),
    ),
    optional(str('lowerbound', { token: 'LBOUND', summary: 'An integer, or with BYFLOAT a float.' })),
    optional(str('upperbound', { token: 'UBOUND', summary: 'An integer, or with BYFLOAT a float.' })),
    expirationArgument(token('PERSIST')),
    optional(token('ENX', { summary: 'A key that expires keeps its time; needs EX, PX, EXAT or PXAT.' })),
  ],
  summary: 'Adds to the number of a key within bounds, and sets or takes away its expiry.',
  complexity: 'O(1)',
  run(call) {
    const options = readOptions(call);
    if (options === undefined) return;
    const expiry = options.unit === undefined ? 0 : expireTime(call, options.timeIndex, options.unit);
    if (Number.isNaN(expiry)) return;
    const entry = writeTyped(call, 1, Type.STRING);
    if (entry === WRONG_TYPE) return;
    const outcome = options.byFloat ? addFloat(call, entry, options) : addInteger(call, entry, options);
    if (outcome === undefined) return;
    if (outcome.text !== undefined) storeNumber(call, entry, latin1Bytes(outcome.text), options, expiry);
    const { reply } = call;
    reply.array(2);
    for (const text of [outcome.value, outcome.added]) {
      if (options.byFloat) reply.doubleText(text);
      else reply.bigInteger(BigInt(text));
    }
  },
});
