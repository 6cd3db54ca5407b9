// random-count: the count of commands that draw elements at random, where a negative one allows repetitions.

import { errors } from '../protocol/errors.js';
import type { DataCall } from './engine.js';

/** More elements than this are not drawn in one reply: it would not fit into memory. */
export const RANDOM_COUNT_MAX = 100_000_000;
const LIMIT = 2n ** 63n - 1n;

/** The count at argument `index`; NaN after an error reply. */
export function readRandomCount(call: DataCall, index: number): number {
  const count = call.bigInteger(index);
  if (count === undefined) {
    call.reply.error(errors.notInteger);
    return NaN;
  }
  if (count < -LIMIT) {
    call.reply.error(`ERR value is out of range, value must between -${LIMIT} and ${LIMIT}`);
    return NaN;
  }
  return Number(count);
}
