// column: many whole numbers of one kind, of which each is mostly near the one before, in about a byte each.
//
// A column is a row of tokens, each a varint (7 bits a byte, low bits first, the high bit tells that more follow):
//
//   0, n    the last value n times more
//   1, n    n values that are missing
//   2 + z   a value; z is its difference to the last value, zigzag (0, -1, 1, -2 are 0, 1, 2, 3)
//
// The first value is a difference to 0. A figure that does not change costs nothing for as long as it does not, and one that moves
// a little costs a byte; the figures of a week decode at about a hundred million a second.

/** Values beyond are cut to it, so that the zigzag of a difference is still exact in a double. */
export const VALUE_MAX = 2 ** 50;

const SAME = 0;
const MISSING = 1;
const FIRST_DIFFERENCE = 2;
/** Of the longest varint: 54 bits. */
const VARINT_BYTES_MAX = 8;

/** The bytes cannot come from an encoder. */
export class ColumnError extends Error {}

/** Writes a number of at most 2^53 at an offset; returns the offset after it. The room must be there. */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at] = rest;
  return at + 1;
}

export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

export class ColumnEncoder {
  private bytes = new Uint8Array(32);
  private length = 0;
  private last = 0;
  private sameCount = 0;
  private missingCount = 0;
  private values = 0;

  get count(): number {
    return this.values;
  }

  /** Adds a whole number, or NaN for a value that is missing. */
  add(value: number): void {
    this.values++;
    if (Number.isNaN(value)) {
      this.endRun(SAME);
      this.missingCount++;
      return;
    }
    const whole = Math.max(-VALUE_MAX, Math.min(VALUE_MAX, value));
    const difference = whole - this.last;
    if (difference === 0 && this.values > 1) {
      this.endRun(MISSING);
      this.sameCount++;
      return;
    }
    this.endRun(SAME);
    this.endRun(MISSING);
    this.put(FIRST_DIFFERENCE + zigzag(difference));
    this.last = whole;
  }

  /** Adds values that are missing. */
  skip(count: number): void {
    if (count <= 0) return;
    this.endRun(SAME);
    this.missingCount += count;
    this.values += count;
  }

  /** The bytes so far; values may be added afterwards. */
  finish(): Uint8Array {
    const room = new Uint8Array(this.length + 2 + VARINT_BYTES_MAX);
    room.set(this.bytes.subarray(0, this.length));
    let at = this.length;
    if (this.sameCount > 0) at = writeVarint(room, writeVarint(room, at, SAME), this.sameCount);
    if (this.missingCount > 0) at = writeVarint(room, writeVarint(room, at, MISSING), this.missingCount);
    return room.subarray(0, at);
  }

  private endRun(kind: number): void {
    const count = kind === SAME ? this.sameCount : this.missingCount;
    if (count === 0) return;
    if (kind === SAME) this.sameCount = 0;
    else this.missingCount = 0;
    this.put(kind);
    this.put(count);
  }

  private put(value: number): void {
    if (this.length + VARINT_BYTES_MAX > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.length = writeVarint(this.bytes, this.length, value);
  }
}

/** Where `readVarint` stopped. */
let $offset = 0;

/** Reads a varint; `varintEnd()` is the offset after it. Throws a ColumnError at the end of the bytes. */
export function readVarint(bytes: Uint8Array, offset: number): number {
  let at = offset;
  let value = 0;
  let factor = 1;
  for (let index = 0; index < VARINT_BYTES_MAX; index++) {
    const byte = bytes[at++];
    if (byte === undefined) throw new ColumnError('a column ends in the middle of a number');
    if (byte < 0x80) {
      $offset = at;
      return value + byte * factor;
    }
    value += (byte - 0x80) * factor;
    factor *= 0x80;
  }
  throw new ColumnError('a column has a number that is too long');
}

export function varintEnd(): number {
  return $offset;
}

/** Decodes `count` values into `into`, NaN for those that are missing. Throws a ColumnError when there are not so many. @hot */
export function decodeColumn(bytes: Uint8Array, count: number, into: Float64Array): void {
  let at = 0;
  let index = 0;
  let last = 0;
  const { length } = bytes;
  while (index < count) {
    if (at >= length) throw new ColumnError('a column has too few values');
    let token = bytes[at++]!;
    if (token >= 0x80) {
      token = readVarint(bytes, at - 1);
      at = $offset;
    }
    if (token >= FIRST_DIFFERENCE) {
      const coded = token - FIRST_DIFFERENCE;
      last += coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
      into[index++] = last;
      continue;
    }
    const repeats = readVarint(bytes, at);
    at = $offset;
    if (repeats > count - index) throw new ColumnError('a column has too many values');
    const value = token === SAME ? last : NaN;
    for (const end = index + repeats; index < end; index++) into[index] = value;
  }
}
