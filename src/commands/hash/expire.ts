// expire: HEXPIRE, HPEXPIRE, HEXPIREAT and HPEXPIREAT: giving fields an end.
//
// All fields of one command get the same time, so they are all set, or, when the time is over already, all deleted. What
// is propagated is HPEXPIREAT with the fields that were set, or HDEL of each that went.

import { command, keyAt } from '../../registry/command.js';
import { type Argument, int, key, oneof, optional, token, unixTime } from '../../registry/grammar.js';
import { changed, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import type { ExpireUnit } from '../expire-time.js';
import {
  dropExpired,
  fieldsRemoved,
  hashesOf,
  openHashToChange,
  propagateAs,
  propagateDeletions,
  storeHash,
  tellFields,
} from './access.js';
import { isOver, readFieldTime } from './field-time.js';
import { fieldsArgument, readFields } from './fields.js';

const NO_FIELD = -2;
const NOT_MET = 0;
const SET = 1;
const DELETED = 2;

type Condition = 'nx' | 'xx' | 'gt' | 'lt';
const conditions: readonly Condition[] = ['nx', 'xx', 'gt', 'lt'];

/** Whether a field that expires at `before` (-1: never) may get the time `ms`. */
function allows(condition: Condition | undefined, before: number, ms: number): boolean {
  switch (condition) {
    case 'nx':
      return before < 0;
    case 'xx':
      return before >= 0;
    case 'gt':
      return before >= 0 && ms > before;
    case 'lt':
      return before < 0 || ms < before;
    default:
      return true;
  }
}

/** Gives the bound field a time, or deletes it when that is over; returns the reply for it. */
function setTime(call: DataCall, condition: Condition | undefined, ms: number): number {
  const hashes = hashesOf(call);
  if (!allows(condition, hashes.expiry, ms)) return NOT_MET;
  if (isOver(call, ms)) {
    hashes.deleteFound();
    call.host.keyspace.stats.expiredFields++;
    return DELETED;
  }
  hashes.setExpiry(ms);
  return SET;
}

function runExpire(call: DataCall, unit: ExpireUnit): void {
  const { reply } = call;
  const opened = openHashToChange(call);
  if (opened === WRONG_TYPE) return;
  const ms = readFieldTime(call, 2, unit);
  if (Number.isNaN(ms)) return;
  const condition = conditions.find((word) => call.is(3, word));
  const first = readFields(call, condition === undefined ? 3 : 4, 'ERR Parameter `numFields` should be greater than 0');
  if (first === 0) return;
  const entry = dropExpired(call, opened, first, 1);
  const hashes = hashesOf(call);
  const touched: Uint8Array[] = [];
  let deletes = false;
  reply.array(call.count - first);
  for (let index = first; index < call.count; index++) {
    if (entry === 0 || !hashes.find(call.bytes, call.starts[index]!, call.lengths[index]!)) {
      reply.integer(NO_FIELD);
      continue;
    }
    const result = setTime(call, condition, ms);
    reply.integer(result);
    if (result === NOT_MET) continue;
    if (result === DELETED) deletes = true;
    touched.push(call.copy(index));
  }
  if (touched.length === 0) return;
  if (deletes) {
    propagateDeletions(call, touched);
    fieldsRemoved(call, entry, 'hdel', touched.length, touched);
    return;
  }
  const conditionPart = condition === undefined ? [] : [call.copy(3)];
  propagateAs(call, ['HPEXPIREAT', call.copy(1), ms, ...conditionPart, 'FIELDS', touched.length, ...touched]);
  storeHash(call, entry);
  changed(call, 1, touched.length);
  tellFields(call, 'hexpire', touched);
}

const condition = optional(oneof('condition', token('NX'), token('XX'), token('GT'), token('LT')));

function declare(name: string, time: Argument, summary: string, unit: ExpireUnit): DataCommand {
  return command({
    name,
    since: '7.4.0',
    group: 'hash',
    arity: -6,
    flags: ['write', 'denyoom', 'fast'],
    keys: [keyAt(1, ['RW', 'update'])],
    args: [key('key'), time, condition, fieldsArgument],
    summary,
    complexity: 'O(1) for each field.',
    run: (call) => runExpire(call, unit),
  });
}

export const hexpire = declare('hexpire', int('seconds'), 'Lets fields of a hash expire after a number of seconds.', {
  seconds: true,
  absolute: false,
});
export const hpexpire = declare(
  'hpexpire',
  int('milliseconds'),
  'Lets fields of a hash expire after a number of milliseconds.',
  {
    seconds: false,
    absolute: false,
  },
);
export const hexpireat = declare(
  'hexpireat',
  unixTime('unix-time-seconds'),
  'Lets fields of a hash expire at a Unix time in seconds.',
  {
    seconds: true,
    absolute: true,
  },
);
export const hpexpireat = declare(
  'hpexpireat',
  unixTime('unix-time-milliseconds'),
  'Lets fields of a hash expire at a Unix time in milliseconds.',
  {
    seconds: false,
    absolute: true,
  },
);
