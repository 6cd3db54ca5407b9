// expire-time: the arguments EX, PX, EXAT and PXAT: how they are declared, read, and turned into a time in milliseconds since 1970.

import { invalidExpireTime, errors } from '../protocol/errors.js';
import { type Argument, int, oneof, optional, unixTime } from '../registry/grammar.js';
import type { DataCall } from './engine.js';

const INT64_MAX_DOUBLE = 9223372036854775807;

export interface ExpireUnit {
  readonly seconds: boolean;
  readonly absolute: boolean;
}

export const expireUnits = {
  ex: { seconds: true, absolute: false },
  px: { seconds: false, absolute: false },
  exat: { seconds: true, absolute: true },
  pxat: { seconds: false, absolute: true },
} as const satisfies Record<string, ExpireUnit>;

/**
 * The optional argument `expiration`: a time, or the word that keeps or ends the present one, with the versions that
 * brought relative and absolute times.
 */
export function expirationArgument(otherwise: Argument, relativeSince?: string, absoluteSince?: string): Argument {
  const relative = relativeSince === undefined ? {} : { since: relativeSince };
  const absolute = absoluteSince === undefined ? {} : { since: absoluteSince };
  return optional(
    oneof(
      'expiration',
      int('seconds', { token: 'EX', ...relative }),
      int('milliseconds', { token: 'PX', ...relative }),
      unixTime('unix-time-seconds', { token: 'EXAT', ...absolute }),
      unixTime('unix-time-milliseconds', { token: 'PXAT', ...absolute }),
      otherwise,
    ),
  );
}

/** The unit that the word at argument `index` names, undefined for another word. @hot */
export function expireUnitAt(call: DataCall, index: number): ExpireUnit | undefined {
  if (call.is(index, 'ex')) return expireUnits.ex;
  if (call.is(index, 'px')) return expireUnits.px;
  if (call.is(index, 'exat')) return expireUnits.exat;
  return call.is(index, 'pxat') ? expireUnits.pxat : undefined;
}

/**
 * The time that argument `index` means, or NaN after the error reply: it must be an integer above 0 whose milliseconds
 * fit into 64 bits. Times beyond 2^53 ms are kept as the nearest double.
 */
export function expireTime(call: DataCall, index: number, unit: ExpireUnit): number {
  const value = call.integer(index);
  if (Number.isNaN(value)) {
    call.reply.error(errors.notInteger);
    return NaN;
  }
  const scale = unit.seconds ? 1000 : 1;
  const base = unit.absolute ? 0 : call.host.keyspace.nowMs;
  if (value <= 0 || value > INT64_MAX_DOUBLE / scale || value * scale > INT64_MAX_DOUBLE - base) {
    call.reply.error(invalidExpireTime(call.command.name));
    return NaN;
  }
  return value * scale + base;
}
