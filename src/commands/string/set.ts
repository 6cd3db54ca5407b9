// set: SET with all its options, and SETNX, SETEX, PSETEX, GETSET, which are SET with one of them.

import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { changed, hasWord, notify, readTyped, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { expirationArgument, expireTime, expireUnitAt, expireUnits, type ExpireUnit } from '../expire-time.js';
import { replyString } from './access.js';
import { compare, Comparison, comparisonArguments, comparisonAt } from './compare.js';

const NO_EXPIRY = -1;

/**
 * Gives the key at argument 1 the value at argument `valueIndex` and sends all events.
 * `expiry` is a time in ms or NO_EXPIRY.
 * @hot
 */
function store(call: DataCall, entry: number, valueIndex: number, expiry: number, keepExpiry: boolean): void {
  const { db, bytes, starts, lengths } = call;
  const hash = db.hash;
  const made = db.setString(
    entry,
    bytes,
    starts[1]!,
    lengths[1]!,
    hash,
    bytes,
    starts[valueIndex]!,
    lengths[valueIndex]!,
    keepExpiry,
  );
  if (expiry !== NO_EXPIRY) db.setExpiry(made, hash, expiry);
  changed(call, 1, 1);
  if (call.host.keyspace.notifyMask !== 0) {
    notify(call, EventClass.STRING, 'set', 1);
    if (expiry !== NO_EXPIRY) notify(call, EventClass.GENERIC, 'expire', 1);
  }
}

function lookup(call: DataCall): number {
  return call.db.lookupWrite(call.bytes, call.starts[1]!, call.lengths[1]!);
}

function propagateWithTime(call: DataCall, valueIndex: number, expiry: number): void {
  if (call.host.propagates)
    call.host.rewrite(call, ['SET', call.copy(1), call.copy(valueIndex), 'PXAT', BigInt(expiry)]);
}

/** SET with options; the caller has seen that there are some. */
function setWithOptions(call: DataCall): void {
  let onlyNew = false;
  let onlyOld = false;
  let keepExpiry = false;
  let returnsOld = false;
  let unit: ExpireUnit | undefined;
  let timeIndex = 0;
  let comparison: number = Comparison.NONE;
  let comparedIndex = 0;
  for (let index = 3; index < call.count; index++) {
    const hasNext = index + 1 < call.count;
    if (call.is(index, 'nx') && !onlyOld && comparedIndex === 0) onlyNew = true;
    else if (call.is(index, 'xx') && !onlyNew && comparedIndex === 0) onlyOld = true;
    else if (call.is(index, 'get')) returnsOld = true;
    else if (call.is(index, 'keepttl') && unit === undefined) keepExpiry = true;
    else if (hasNext && unit === undefined && !keepExpiry && expireUnitAt(call, index) !== undefined) {
      unit = expireUnitAt(call, index);
      timeIndex = ++index;
    } else if (
      hasNext &&
      comparedIndex === 0 &&
      !onlyNew &&
      !onlyOld &&
      comparisonAt(call, index) !== Comparison.NONE
    ) {
      comparison = comparisonAt(call, index);
      comparedIndex = ++index;
    } else {
      call.reply.error(errors.syntax);
      return;
    }
  }
  let expiry = NO_EXPIRY;
  if (unit !== undefined) {
    expiry = expireTime(call, timeIndex, unit);
    if (Number.isNaN(expiry)) return;
  }
  const old = returnsOld ? readTyped(call, 1, Type.STRING) : 0;
  if (old === WRONG_TYPE) return;
  const entry = lookup(call);
  const met = comparedIndex > 0 ? compare(call, entry, comparison, comparedIndex) : entry === 0 ? !onlyOld : !onlyNew;
  if (met === undefined) return;
  if (returnsOld) {
    if (entry === 0) call.reply.nil();
    else replyString(call, entry);
  }
  if (!met) {
    if (!returnsOld) call.reply.nil();
    return;
  }
  store(call, entry, 2, expiry, keepExpiry);
  if (unit !== undefined && (unit !== expireUnits.pxat || comparedIndex > 0)) propagateWithTime(call, 2, expiry);
  else if (comparedIndex > 0 && call.host.propagates)
    call.host.rewrite(call, ['SET', call.copy(1), call.copy(2), ...(keepExpiry ? ['KEEPTTL'] : [])]);
  if (!returnsOld) call.reply.ok();
}

export const set: DataCommand = command({
  name: 'set',
  since: '1.0.0',
  group: 'string',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: [
    {
      ...keyAt(1, ['RW', 'access', 'update', 'variable_flags']),
      notes: 'RW and ACCESS due to the optional `GET` argument',
    },
  ],
  variableFlags: (call) => (hasWord(call, 3, 'get') ? ['RW', 'access', 'update'] : ['OW', 'update']),
  args: [
    key('key'),
    str('value'),
    optional(since('2.6.12', oneof('condition', token('NX'), token('XX'), ...comparisonArguments('8.4.0')))),
    optional(since('6.2.0', token('GET'))),
    expirationArgument(since('6.0.0', token('KEEPTTL')), '2.6.12', '6.2.0'),
  ],
  summary: 'Sets the string that a key holds, whatever it held before.',
  complexity: 'O(1)',
  history: [
    ['2.6.12', 'Added the `EX`, `PX`, `NX` and `XX` options.'],
    ['6.0.0', 'Added the `KEEPTTL` option.'],
    ['6.2.0', 'Added the `GET`, `EXAT` and `PXAT` option.'],
    ['7.0.0', 'Allowed the `NX` and `GET` options to be used together.'],
    ['8.4.0', 'Added the `IFEQ`, `IFNE`, `IFDEQ` and `IFDNE` options.'],
  ],
  run(call) {
    if (call.count > 3) {
      setWithOptions(call);
      return;
    }
    store(call, lookup(call), 2, NO_EXPIRY, false);
    call.reply.ok();
  },
});

export const setnx: DataCommand = command({
  name: 'setnx',
  since: '1.0.0',
  group: 'string',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['OW', 'insert'])],
  args: [key('key'), str('value')],
  summary: 'Sets the string of a key that is not there yet.',
  complexity: 'O(1)',
  deprecatedSince: '2.6.12',
  replacedBy: '`SET` with the `NX` argument',
  docFlags: ['deprecated'],
  run(call) {
    const entry = lookup(call);
    if (entry === 0) store(call, 0, 2, NO_EXPIRY, false);
    call.reply.integer(entry === 0 ? 1 : 0);
  },
});

function runSetWithTime(call: DataCall, unit: ExpireUnit): void {
  const expiry = expireTime(call, 2, unit);
  if (Number.isNaN(expiry)) return;
  store(call, lookup(call), 3, expiry, false);
  propagateWithTime(call, 3, expiry);
  call.reply.ok();
}

export const setex: DataCommand = command({
  name: 'setex',
  since: '2.0.0',
  group: 'string',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['OW', 'update'])],
  args: [key('key'), int('seconds'), str('value')],
  summary: 'Sets the string of a key and the seconds that it lives.',
  complexity: 'O(1)',
  deprecatedSince: '2.6.12',
  replacedBy: '`SET` with the `EX` argument',
  docFlags: ['deprecated'],
  run: (call) => runSetWithTime(call, expireUnits.ex),
});

export const psetex: DataCommand = command({
  name: 'psetex',
  since: '2.6.0',
  group: 'string',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['OW', 'update'])],
  args: [key('key'), int('milliseconds'), str('value')],
  summary: 'Sets the string of a key and the milliseconds that it lives.',
  complexity: 'O(1)',
  deprecatedSince: '2.6.12',
  replacedBy: '`SET` with the `PX` argument',
  docFlags: ['deprecated'],
  run: (call) => runSetWithTime(call, expireUnits.px),
});

export const getset: DataCommand = command({
  name: 'getset',
  since: '1.0.0',
  group: 'string',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'update'])],
  args: [key('key'), str('value')],
  summary: 'Sets the string of a key and returns the one before.',
  complexity: 'O(1)',
  deprecatedSince: '6.2.0',
  replacedBy: '`SET` with the `GET` argument',
  docFlags: ['deprecated'],
  run(call) {
    const old = readTyped(call, 1, Type.STRING);
    if (old === WRONG_TYPE) return;
    if (old === 0) call.reply.nil();
    else replyString(call, old);
    store(call, writeTyped(call, 1, Type.STRING), 2, NO_EXPIRY, false);
    if (call.host.propagates) call.host.rewrite(call, ['SET', call.copy(1), call.copy(2)]);
  },
});
