// expire: EXPIRE and its kin, PERSIST, TTL and its kin.

import { INT64_MAX, INT64_MIN } from '../../base/bytes.js';
import { EventClass } from '../../keyspace/events.js';
import { errors, invalidExpireTime } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, oneof, optional, since, token, unixTime } from '../../registry/grammar.js';
import { changed, notify } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';

const INT64_MAX_DOUBLE = 9223372036854775807;
const SURE_TO_FIT = 9e15;

interface Conditions {
  nx: boolean;
  xx: boolean;
  gt: boolean;
  lt: boolean;
}

/** NX, XX, GT and LT from argument 3 on; undefined after an error reply. */
function readConditions(call: DataCall): Conditions | undefined {
  const found: Conditions = { nx: false, xx: false, gt: false, lt: false };
  for (let index = 3; index < call.count; index++) {
    if (call.is(index, 'nx')) found.nx = true;
    else if (call.is(index, 'xx')) found.xx = true;
    else if (call.is(index, 'gt')) found.gt = true;
    else if (call.is(index, 'lt')) found.lt = true;
    else {
      call.reply.error(`ERR Unsupported option ${call.shown(index)}`);
      return undefined;
    }
  }
  if (found.nx && (found.xx || found.gt || found.lt)) {
    call.reply.error('ERR NX and XX, GT or LT options at the same time are not compatible');
    return undefined;
  }
  if (found.gt && found.lt) {
    call.reply.error('ERR GT and LT options at the same time are not compatible');
    return undefined;
  }
  return found;
}

/** Whether the conditions let `time` replace `current` (-1: the key does not expire). */
function allows(conditions: Conditions, current: number, time: number): boolean {
  if (conditions.nx && current >= 0) return false;
  if (conditions.xx && current < 0) return false;
  // A key that does not expire counts as one that lives for ever.
  if (conditions.gt && (current < 0 || time <= current)) return false;
  if (conditions.lt && current >= 0 && time >= current) return false;
  return true;
}

/** Whether argument 2 in milliseconds does not fit into 64 bits. Near that limit doubles are too coarse to tell. */
function isTooFar(call: DataCall, value: number, scale: number): boolean {
  if (Math.abs(value) < SURE_TO_FIT) return false;
  const exact = call.bigInteger(2) ?? 0n;
  const limit = INT64_MAX / BigInt(scale);
  return exact > limit || exact < (scale === 1 ? INT64_MIN : -limit);
}

function runExpire(call: DataCall, seconds: boolean, absolute: boolean): void {
  const { db, bytes, starts, lengths } = call;
  const conditions = readConditions(call);
  if (conditions === undefined) return;
  const value = call.integer(2);
  if (Number.isNaN(value)) {
    call.reply.error(errors.notInteger);
    return;
  }
  const scale = seconds ? 1000 : 1;
  const { nowMs } = call.host.keyspace;
  const base = absolute ? 0 : nowMs;
  if (isTooFar(call, value, scale) || value * scale > INT64_MAX_DOUBLE - base) {
    call.reply.error(invalidExpireTime(call.command.name));
    return;
  }
  const time = value * scale + base;
  const entry = db.lookupWrite(bytes, starts[1]!, lengths[1]!);
  if (entry === 0 || !allows(conditions, db.expiryOf(entry), time)) {
    call.reply.integer(0);
    return;
  }
  if (time <= nowMs && !call.host.keyspace.expiryPaused) {
    db.remove(entry, db.hash);
    changed(call, 1, 1);
    notify(call, EventClass.GENERIC, 'del', 1);
    if (call.host.propagates) call.host.rewrite(call, [call.host.reclaimCommand('expired'), call.copy(1)]);
  } else {
    db.setExpiry(entry, db.hash, Math.max(time, 0));
    changed(call, 1, 1);
    notify(call, EventClass.GENERIC, 'expire', 1);
    if (call.host.propagates) call.host.rewrite(call, ['PEXPIREAT', call.copy(1), BigInt(time)]);
  }
  call.reply.integer(1);
}

const condition = optional(since('7.0.0', oneof('condition', token('NX'), token('XX'), token('GT'), token('LT'))));
const history = [['7.0.0', 'Added options: `NX`, `XX`, `GT` and `LT`.']] as const;

export const expire: DataCommand = command({
  name: 'expire',
  since: '1.0.0',
  group: 'generic',
  arity: -3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), int('seconds'), condition],
  history,
  summary: 'Sets how many seconds a key lives from now on.',
  complexity: 'O(1)',
  run: (call) => runExpire(call, true, false),
});

export const pexpire: DataCommand = command({
  name: 'pexpire',
  since: '2.6.0',
  group: 'generic',
  arity: -3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), int('milliseconds'), condition],
  history,
  summary: 'Sets how many milliseconds a key lives from now on.',
  complexity: 'O(1)',
  run: (call) => runExpire(call, false, false),
});

export const expireat: DataCommand = command({
  name: 'expireat',
  since: '1.2.0',
  group: 'generic',
  arity: -3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), unixTime('unix-time-seconds'), condition],
  history,
  summary: 'Sets the second (Unix time) at which a key ends.',
  complexity: 'O(1)',
  run: (call) => runExpire(call, true, true),
});

export const pexpireat: DataCommand = command({
  name: 'pexpireat',
  since: '2.6.0',
  group: 'generic',
  arity: -3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), unixTime('unix-time-milliseconds'), condition],
  history,
  summary: 'Sets the millisecond (Unix time) at which a key ends.',
  complexity: 'O(1)',
  run: (call) => runExpire(call, false, true),
});

export const persist: DataCommand = command({
  name: 'persist',
  since: '2.2.0',
  group: 'generic',
  arity: 2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key')],
  summary: 'Lets a key live for ever.',
  complexity: 'O(1)',
  run(call) {
    const { db } = call;
    const entry = db.lookupWrite(call.bytes, call.starts[1]!, call.lengths[1]!);
    if (entry === 0 || db.expiryOf(entry) < 0) {
      call.reply.integer(0);
      return;
    }
    db.clearExpiry(entry, db.hash);
    changed(call, 1, 1);
    notify(call, EventClass.GENERIC, 'persist', 1);
    call.reply.integer(1);
  },
});

function runTimeToLive(call: DataCall, seconds: boolean, absolute: boolean): void {
  const { db } = call;
  const { keyspace } = call.host;
  const entry = db.lookupQuietly(call.bytes, call.starts[1]!, call.lengths[1]!);
  if (entry === 0) {
    call.reply.integer(-2);
    return;
  }
  const expiry = db.expiryOf(entry);
  if (expiry < 0) {
    call.reply.integer(-1);
    return;
  }
  const value = absolute ? expiry : Math.max(expiry - keyspace.nowMs, 0);
  if (seconds) call.reply.integer(Math.floor((value + (absolute ? 0 : 500)) / 1000));
  else call.reply.wideInteger(value);
}

const readsTime = {
  group: 'generic',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key')],
  complexity: 'O(1)',
} as const;

export const ttl: DataCommand = command({
  ...readsTime,
  name: 'ttl',
  since: '1.0.0',
  history: [['2.8.0', 'Added the -2 reply.']],
  tips: ['nondeterministic_output'],
  summary: 'Returns how many seconds a key has left.',
  run: (call: DataCall) => runTimeToLive(call, true, false),
});

export const pttl: DataCommand = command({
  ...readsTime,
  name: 'pttl',
  since: '2.6.0',
  history: [['2.8.0', 'Added the -2 reply.']],
  tips: ['nondeterministic_output'],
  summary: 'Returns how many milliseconds a key has left.',
  run: (call: DataCall) => runTimeToLive(call, false, false),
});

export const expiretime: DataCommand = command({
  ...readsTime,
  name: 'expiretime',
  since: '7.0.0',
  summary: 'Returns the second (Unix time) at which a key ends.',
  run: (call: DataCall) => runTimeToLive(call, true, true),
});

export const pexpiretime: DataCommand = command({
  ...readsTime,
  name: 'pexpiretime',
  since: '7.0.0',
  summary: 'Returns the millisecond (Unix time) at which a key ends.',
  run: (call: DataCall) => runTimeToLive(call, false, true),
});
