// stream-id: ids of stream entries, milliseconds and sequence, each an unsigned integer of 64 bits.
//
// JavaScript numbers end at 2^53 and BigInt makes an object per value, so an id is four 32-bit words in a mutable object
// that is used again and again. Words are kept signed (small integers in V8) and compared unsigned.

import { isSpace, latin1Bytes, writeInteger } from '../base/bytes.js';

const TWO_32 = 4294967296;
/** High words below this make numbers that are exact. */
const EXACT_HIGH_MAX = 1 << 21;
const UINT64_MAX = (1n << 64n) - 1n;

/** The most bytes of an id in text: two numbers of 20 digits and a dash. */
export const STREAM_ID_TEXT_BYTES_MAX = 41;

export class StreamId {
  constructor(
    public msHigh = 0,
    public msLow = 0,
    public seqHigh = 0,
    public seqLow = 0,
  ) {}

  /** The milliseconds; exact up to 2^53. */
  get ms(): number {
    return (this.msHigh >>> 0) * TWO_32 + (this.msLow >>> 0);
  }

  /** The sequence; exact up to 2^53. */
  get seq(): number {
    return (this.seqHigh >>> 0) * TWO_32 + (this.seqLow >>> 0);
  }

  /** Sets both from numbers that are exact. @hot */
  setNumbers(ms: number, seq: number): void {
    this.msHigh = (ms / TWO_32) | 0;
    this.msLow = ms | 0;
    this.seqHigh = (seq / TWO_32) | 0;
    this.seqLow = seq | 0;
  }

  /** @hot */
  set(from: StreamId): void {
    this.msHigh = from.msHigh;
    this.msLow = from.msLow;
    this.seqHigh = from.seqHigh;
    this.seqLow = from.seqLow;
  }

  setMin(): void {
    this.msHigh = this.msLow = this.seqHigh = this.seqLow = 0;
  }

  setMax(): void {
    this.msHigh = this.msLow = this.seqHigh = this.seqLow = -1;
  }

  setSeqMax(): void {
    this.seqHigh = this.seqLow = -1;
  }

  setSeqMin(): void {
    this.seqHigh = this.seqLow = 0;
  }

  get isZero(): boolean {
    return (this.msHigh | this.msLow | this.seqHigh | this.seqLow) === 0;
  }

  get isMax(): boolean {
    return (this.msHigh & this.msLow & this.seqHigh & this.seqLow) === -1;
  }

  /** Below, at or above 0, as this id comes before, is, or comes after the other. @hot */
  compare(other: StreamId): number {
    if (this.msHigh !== other.msHigh) return (this.msHigh >>> 0) - (other.msHigh >>> 0);
    if (this.msLow !== other.msLow) return (this.msLow >>> 0) - (other.msLow >>> 0);
    if (this.seqHigh !== other.seqHigh) return (this.seqHigh >>> 0) - (other.seqHigh >>> 0);
    return (this.seqLow >>> 0) - (other.seqLow >>> 0);
  }

  sameMs(other: StreamId): boolean {
    return this.msHigh === other.msHigh && this.msLow === other.msLow;
  }

  /** Goes to the next id; false, and goes round to 0-0, when this was the last. */
  increment(): boolean {
    if ((this.seqHigh & this.seqLow) !== -1) {
      this.seqLow = (this.seqLow + 1) | 0;
      if (this.seqLow === 0) this.seqHigh = (this.seqHigh + 1) | 0;
      return true;
    }
    this.seqHigh = this.seqLow = 0;
    this.msLow = (this.msLow + 1) | 0;
    if (this.msLow === 0) this.msHigh = (this.msHigh + 1) | 0;
    return (this.msHigh | this.msLow) !== 0;
  }

  /** Goes to the id before; false, and goes round to the last id, when this was 0-0. */
  decrement(): boolean {
    if ((this.seqHigh | this.seqLow) !== 0) {
      if (this.seqLow === 0) this.seqHigh = (this.seqHigh - 1) | 0;
      this.seqLow = (this.seqLow - 1) | 0;
      return true;
    }
    this.seqHigh = this.seqLow = -1;
    const wraps = (this.msHigh | this.msLow) === 0;
    if (this.msLow === 0) this.msHigh = (this.msHigh - 1) | 0;
    this.msLow = (this.msLow - 1) | 0;
    return !wraps;
  }

  /** Whether the sequence is the highest there is. */
  get seqIsMax(): boolean {
    return (this.seqHigh & this.seqLow) === -1;
  }

  /** Reads the milliseconds from decimal text; false when it is no unsigned 64-bit integer. */
  parseMs(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!parseUint64(bytes, offset, length)) return false;
    this.msHigh = parsedHigh;
    this.msLow = parsedLow;
    return true;
  }

  /** Reads the sequence from decimal text; false when it is no unsigned 64-bit integer. */
  parseSeq(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!parseUint64(bytes, offset, length)) return false;
    this.seqHigh = parsedHigh;
    this.seqLow = parsedLow;
    return true;
  }

  /** Writes `ms-seq`; returns the offset after it. There must be STREAM_ID_TEXT_BYTES_MAX bytes of room. @hot */
  write(to: Uint8Array, offset: number): number {
    const dash = writeUint64(to, offset, this.msHigh, this.msLow);
    to[dash] = 45;
    return writeUint64(to, dash + 1, this.seqHigh, this.seqLow);
  }

  /** The id as text. Cold paths only. */
  toString(): string {
    const text = new Uint8Array(STREAM_ID_TEXT_BYTES_MAX);
    const end = this.write(text, 0);
    return String.fromCharCode(...text.subarray(0, end));
  }
}

let parsedHigh = 0;
let parsedLow = 0;

/**
 * Reads an unsigned 64-bit integer as strtoull does where Redis lets it: white space before it, a plus sign and leading
 * zeros are fine. @hot
 */
function parseUint64(bytes: Uint8Array, offset: number, length: number): boolean {
  let at = offset;
  const end = offset + length;
  while (at < end && isSpace(bytes[at]!)) at++;
  if (bytes[at] === 43) at++;
  if (at >= end) return false;
  while (at < end - 1 && bytes[at] === 48) at++;
  if (end - at > 20) return false;
  if (end - at > 15) return parseLongUint64(bytes, at, end);
  let value = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  parsedHigh = (value / TWO_32) | 0;
  parsedLow = value | 0;
  return true;
}

function parseLongUint64(bytes: Uint8Array, from: number, end: number): boolean {
  let value = 0n;
  for (let at = from; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return false;
    value = value * 10n + BigInt(digit);
  }
  if (value > UINT64_MAX) return false;
  parsedHigh = Number(value >> 32n) | 0;
  parsedLow = Number(value & 0xffffffffn) | 0;
  return true;
}

/** Writes an unsigned 64-bit integer in decimal; returns the offset after it. @hot */
export function writeUint64(to: Uint8Array, offset: number, high: number, low: number): number {
  const unsignedHigh = high >>> 0;
  if (unsignedHigh < EXACT_HIGH_MAX) return writeInteger(to, offset, unsignedHigh * TWO_32 + (low >>> 0));
  const text = latin1Bytes(((BigInt(unsignedHigh) << 32n) | BigInt(low >>> 0)).toString());
  to.set(text, offset);
  return offset + text.length;
}
