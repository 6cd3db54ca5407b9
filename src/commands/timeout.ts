// timeout: how long a blocking command waits, read from its arguments.

import { parseDouble } from '../base/double.js';
import { errors } from '../protocol/errors.js';
import type { DataCall } from './engine.js';

const TIMEOUT_MS_MAX = 2 ** 63;

/** Milliseconds of a timeout in seconds, which may have a fraction; 0 is for ever. -1 after an error reply. */
export function parseTimeoutSeconds(call: DataCall, index: number): number {
  const seconds = parseDouble(call.bytes, call.starts[index]!, call.lengths[index]!);
  if (Number.isNaN(seconds)) {
    call.reply.error(errors.timeoutNotFloat);
    return -1;
  }
  const ms = Math.ceil(seconds * 1000);
  return checkTimeout(call, ms === 0 ? 0 : ms);
}

/** Milliseconds of a timeout in milliseconds; 0 is for ever. -1 after an error reply. */
export function parseTimeoutMs(call: DataCall, index: number): number {
  const ms = call.integer(index);
  if (Number.isNaN(ms)) {
    call.reply.error(errors.timeoutNotInteger);
    return -1;
  }
  return checkTimeout(call, ms);
}

function checkTimeout(call: DataCall, ms: number): number {
  if (ms < 0) {
    call.reply.error(errors.timeoutNegative);
    return -1;
  }
  if (ms >= TIMEOUT_MS_MAX || ms > TIMEOUT_MS_MAX - call.host.keyspace.nowMs) {
    call.reply.error(errors.timeoutOutOfRange);
    return -1;
  }
  return ms;
}
