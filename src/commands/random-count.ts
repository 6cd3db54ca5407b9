// random-count: the count of commands that draw elements at random, where a negative one allows repetitions.

import { errors } from '../protocol/errors.js';
import type { DataCall } from './engine.js';

/** More elements than this, or more bytes, are not drawn in one reply: it could not be kept in memory. */
const COUNT_MAX = 100_000_000;
const REPLY_BYTES_MAX = 2 ** 30;
/** How often the bytes are looked at. */
const BATCH = 1024;
/** So many elements, a batch or two, tell how many bytes all of them would be; only a clear excess counts. */
const ESTIMATE_COUNT = 4 * BATCH;
const ESTIMATE_BYTES_MAX = 1.5 * REPLY_BYTES_MAX;
const LIMIT = 2n ** 63n - 1n;
const TOO_MANY = errors.valueOutOfRange;

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

/**
 * Replies with `count` elements, each written by `draw`, in an array of `length`; with an error if that is too much, which
 * the first elements tell: nobody waits for a reply that is thrown away in the end.
 */
export function replyDrawn(call: DataCall, count: number, length: number, draw: () => void): void {
  const { reply } = call;
  // A client whose output is limited is cut off on the way.
  if (count > COUNT_MAX && reply.bytesMax === Infinity) {
    reply.error(TOO_MANY);
    return;
  }
  const start = reply.defer();
  const before = reply.pendingBytes;
  reply.array(length);
  for (let left = count; left > 0; left--) {
    draw();
    if (left % BATCH !== 0) continue;
    const bytes = reply.pendingBytes - before;
    const drawn = count - left + 1;
    const isHopeless = drawn < ESTIMATE_COUNT && (bytes / drawn) * count > ESTIMATE_BYTES_MAX;
    if (bytes > REPLY_BYTES_MAX || (isHopeless && drawn >= BATCH && reply.bytesMax === Infinity)) {
      reply.rewind(start);
      reply.error(TOO_MANY);
      return;
    }
  }
}
