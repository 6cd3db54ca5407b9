// field-time: when a field expires: the time given by the arguments of HEXPIRE and its kin.

import { errors, invalidExpireTime } from '../../protocol/errors.js';
import type { DataCall } from '../engine.js';
import type { ExpireUnit } from '../expire-time.js';

/** Redis keeps the times of fields in 48 bits and leaves two of them free. */
const TIME_MS_MAX = 2 ** 46 - 1;

/** The time that argument `index` means, in milliseconds since 1970; NaN after an error reply. */
export function readFieldTime(call: DataCall, index: number, unit: ExpireUnit): number {
  const value = call.integer(index);
  if (Number.isNaN(value)) {
    call.reply.error(errors.notInteger);
    return NaN;
  }
  if (value < 0) {
    call.reply.error('ERR invalid expire time, must be >= 0');
    return NaN;
  }
  const base = unit.absolute ? 0 : call.host.keyspace.nowMs;
  const ms = unit.seconds ? value * 1000 : value;
  if (ms > TIME_MS_MAX - base) {
    call.reply.error(invalidExpireTime(call.command.name));
    return NaN;
  }
  return ms + base;
}

/** Whether fields with this time go at once instead: in the past, and deleting them is ours to do. */
export function isOver(call: DataCall, ms: number): boolean {
  const { keyspace } = call.host;
  return ms <= keyspace.nowMs && !keyspace.expiryPaused;
}
