// expire-time: EX, PX, EXAT and PXAT arguments to a time in milliseconds since 1970.

import { invalidExpireTime, errors } from '../protocol/errors.js';
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
