// reply-scanner: finds the end of a reply, without looking at its content.
//
// RESP2 and RESP3 nest, but to find the end one number is enough: how many values are still to come. A value of its own takes one
// away, an array of n adds n - 1, a map 2n - 1, and an attribute 2n, because the value it belongs to follows. So a reply that is
// not all there is taken up again where the scan stopped, however deep it is.
//
// A server may lie, so what a client's parser could take for the end of another reply is refused: a line or a value that does not end
// with CR LF, a line without end, and types of RESP3 on a connection that speaks RESP2.

import { COMPLETE, INCOMPLETE, MALFORMED } from '../../protocol/request.js';

const CR = 13;
const LF = 10;
/** Longer lines of text are scripts' own; a line is scanned from its start whenever more of it comes, so it has a bound. */
const TEXT_BYTES_MAX = 1024 * 1024;
const NUMBER_BYTES_MAX = 64 * 1024;
const VALUES_MAX = 2 ** 40;
const BULK_BYTES_MAX = 2 ** 32;

export class ReplyScanner {
  /** After COMPLETE: the offset after the reply. */
  end = 0;
  /** The reply's first byte, after COMPLETE. */
  type = 0;
  /** After INCOMPLETE: where the scan goes on, from the reply's first byte; may lie beyond what is there. */
  offset = 0;
  private remaining = 1;

  constructor(private readonly protocol: 2 | 3 = 3) {}

  /** Forgets a reply that was scanned in part. */
  reset(): void {
    this.offset = 0;
    this.remaining = 1;
  }

  /** The first `count` bytes of the reply are gone; the scan goes on from there. */
  rebase(count: number): void {
    this.offset -= count;
  }

  /** Scans the reply at `at`; bytes up to `limit` are there. @hot */
  scan(bytes: Uint8Array, at: number, limit: number): number {
    let position = at + this.offset;
    let { remaining } = this;
    const isResp3 = this.protocol === 3;
    // Whatever ended where the scan stopped ended with a line feed, unless it is not all there yet or has been passed on.
    if (position > at && position <= limit && bytes[position - 1] !== LF) return MALFORMED;
    while (remaining > 0) {
      if (position >= limit) return this.suspend(at, position, remaining);
      const type = bytes[position]!;
      let cursor = position + 1;
      // The line: a number of one or two digits most often, or a short text.
      if (
        type === 43 ||
        type === 45 ||
        type === 58 ||
        (isResp3 && (type === 44 || type === 40 || type === 35 || type === 95))
      ) {
        while (cursor < limit && bytes[cursor] !== CR) cursor++;
        if (cursor - position > (type === 43 || type === 45 ? TEXT_BYTES_MAX : NUMBER_BYTES_MAX)) return MALFORMED;
        if (cursor + 1 >= limit) return this.suspend(at, position, remaining);
        if (bytes[cursor + 1] !== LF) return MALFORMED;
        position = cursor + 2;
        remaining--;
        continue;
      }
      let value = 0;
      let isNegative = false;
      if (cursor < limit && bytes[cursor] === 45) {
        isNegative = true;
        cursor++;
      }
      const digitsStart = cursor;
      let byte = 0;
      while (cursor < limit && (byte = bytes[cursor]!) !== CR) {
        if (byte < 48 || byte > 57 || cursor - digitsStart > 15) return MALFORMED;
        value = value * 10 + byte - 48;
        cursor++;
      }
      if (cursor + 1 >= limit) return this.suspend(at, position, remaining);
      if (cursor === digitsStart || bytes[cursor + 1] !== LF || (isNegative && value !== 1)) return MALFORMED;
      position = cursor + 2;
      // Pushes alone come in both protocols, and go no further in the older.
      if (!isResp3 && type !== 36 && type !== 42 && type !== 62) return MALFORMED;
      switch (type) {
        case 36: // $
        case 61: // =
        case 33: // !
          if (value > BULK_BYTES_MAX) return MALFORMED;
          if (!isNegative) {
            position += value + 2;
            if (position <= limit && (bytes[position - 1] !== LF || bytes[position - 2] !== CR)) return MALFORMED;
          }
          remaining--;
          break;
        case 42: // *
        case 126: // ~
        case 62: // >
          remaining += isNegative ? -1 : value - 1;
          break;
        case 37: // %
          remaining += isNegative ? -1 : 2 * value - 1;
          break;
        case 124: // |
          remaining += 2 * value;
          break;
        default:
          return MALFORMED;
      }
      if (remaining > VALUES_MAX) return MALFORMED;
    }
    if (position > limit) return this.suspend(at, position, remaining);
    this.end = position;
    this.type = bytes[at]!;
    this.offset = 0;
    this.remaining = 1;
    return COMPLETE;
  }

  private suspend(at: number, position: number, remaining: number): number {
    this.offset = position - at;
    this.remaining = remaining;
    return INCOMPLETE;
  }
}
