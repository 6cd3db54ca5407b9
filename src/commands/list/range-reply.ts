// range-reply: copies the elements of a listpack straight into the reply.
//
// LRANGE of 300 short elements is 300 copies of a few bytes, so the work between them counts. The loop keeps the
// place in the listpack and in the reply's buffer in locals and knows the one encoding that nearly all elements have, a
// string of up to 63 bytes; every other goes the general way.

import { copyInViews } from '../../base/bytes.js';
import { byteOffset, CHUNK_SHIFT } from '../../memory/layout.js';
import type { ReplyWriter } from '../../protocol/reply.js';
import { END, entryBytes, INT13, STRING6 } from '../../structures/listpack-format.js';
import type { Listpacks } from '../../structures/listpack.js';

const CR = 13;
const LF = 10;
const DOLLAR = 36;
/** Room for a string of 63 bytes as a bulk reply: "$63", two line ends. */
const SHORT_BYTES_MAX = 63 + 7;

/** Writes up to `count` elements from the one at `at` on as bulk strings; returns how many are still to be written. @hot */
export function writeElements(
  reply: ReplyWriter,
  listpacks: Listpacks,
  ref: number,
  at: number,
  count: number,
): number {
  const u8 = listpacks.arena.u8[ref >>> CHUNK_SHIFT]!;
  const view = listpacks.arena.views[ref >>> CHUNK_SHIFT]!;
  const base = byteOffset(ref);
  let byte = base + at;
  let left = count;
  let { buffer, view: target } = reply;
  let to = reply.length;
  let limit = buffer.length - SHORT_BYTES_MAX;
  while (left > 0) {
    const first = u8[byte]!;
    if (first >= STRING6 && first < INT13) {
      const length = first - STRING6;
      if (to > limit) {
        reply.length = to;
        reply.reserve(SHORT_BYTES_MAX);
        ({ buffer, view: target } = reply);
        to = reply.length;
        limit = buffer.length - SHORT_BYTES_MAX;
      }
      buffer[to++] = DOLLAR;
      if (length >= 10) {
        const tens = (length * 205) >>> 11;
        buffer[to++] = 48 + tens;
        buffer[to++] = 48 + length - 10 * tens;
      } else {
        buffer[to++] = 48 + length;
      }
      buffer[to++] = CR;
      buffer[to++] = LF;
      copyInViews(target, to, view, byte + 1, length);
      to += length;
      buffer[to++] = CR;
      buffer[to++] = LF;
      byte += length + 2; // the back length of so short an entry is one byte
    } else {
      if (first === END) break;
      reply.length = to;
      listpacks.read(ref, byte - base);
      reply.bulkOf(listpacks.bytes, listpacks.view, listpacks.start, listpacks.length);
      ({ buffer, view: target } = reply);
      to = reply.length;
      limit = buffer.length - SHORT_BYTES_MAX;
      byte += entryBytes(u8, byte);
    }
    left--;
  }
  reply.length = to;
  return left;
}
