// decimal: 64-bit integers in decimal text, read into and written from two 32-bit words.
//
// JavaScript numbers are exact to 2^53 only, and BigInt makes an object for every value. Members and fields that look
// like integers are common, those beyond 2^53 are rare: they take the slow ways here, all others stay numbers.

const TWO_32 = 4294967296;
const DIGITS_MAX = 19;

/** Reads the usual decimal form of a 64-bit integer; the result is in its fields. */
export class Decimal {
  /** The integer; rounded when it is beyond 2^53. */
  value = 0;
  /** Its two's complement, as signed words. */
  low = 0;
  high = 0;

  /** Takes an exact integer of at most 2^53. */
  set(value: number): void {
    this.value = value;
    this.low = value | 0;
    this.high = Math.floor(value / TWO_32);
  }

  /** Takes a 64-bit integer in two signed words. */
  setWords(high: number, low: number): void {
    this.high = high;
    this.low = low;
    this.value = high * TWO_32 + (low >>> 0);
  }

  /** False when the text is not just what printing a 64-bit integer gives: no sign but "-", no leading zeros, no space. @hot */
  parse(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length === 0 || length > DIGITS_MAX + 1) return false;
    const negative = bytes[offset] === 0x2d;
    const first = negative ? offset + 1 : offset;
    const end = offset + length;
    const digits = end - first;
    if (digits === 0 || digits > DIGITS_MAX) return false;
    let digit = bytes[first]! - 0x30;
    if (digit < 0 || digit > 9) return false;
    if (digit === 0) {
      if (length > 1) return false;
      this.value = this.low = this.high = 0;
      return true;
    }
    const exactEnd = digits <= 15 ? end : end - 9;
    let value = digit;
    for (let at = first + 1; at < exactEnd; at++) {
      digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    if (exactEnd < end) return this.parseLong(bytes, exactEnd, value, negative);
    if (negative) value = -value;
    this.value = value;
    this.low = value | 0;
    this.high = Math.floor(value / TWO_32);
    return true;
  }

  /** The number is `head` and nine more digits. */
  private parseLong(bytes: Uint8Array, at: number, head: number, negative: boolean): boolean {
    let tail = 0;
    for (let index = at; index < at + 9; index++) {
      const digit = bytes[index]! - 0x30;
      if (digit < 0 || digit > 9) return false;
      tail = tail * 10 + digit;
    }
    // head * 10^9 + tail, with head cut in 16 low bits and the rest so that each product is exact.
    const upper = Math.floor(head / 65536) * 1e9;
    const lower = (head % 65536) * 1e9 + tail;
    const lowSum = (upper % 65536) * 65536 + (lower % TWO_32);
    let low = lowSum % TWO_32;
    let high = Math.floor(upper / 65536) + Math.floor(lower / TWO_32) + Math.floor(lowSum / TWO_32);
    if (high > 2147483648 || (high === 2147483648 && !(negative && low === 0))) return false;
    if (negative) {
      low = low === 0 ? 0 : TWO_32 - low;
      high = low === 0 ? -high : -high - 1;
    }
    this.low = low | 0;
    this.high = high | 0;
    this.value = this.high * TWO_32 + low;
    return true;
  }
}

/** Writes an exact integer in decimal so that it ends where `text` ends; returns its length. @hot */
export function formatInteger(value: number, text: Uint8Array): number {
  let at = text.length;
  let rest = value < 0 ? -value : value;
  while (rest > 2147483647) {
    const tenth = Math.floor(rest / 10);
    text[--at] = 0x30 + (rest - tenth * 10);
    rest = tenth;
  }
  let small = rest | 0;
  do {
    const tenth = (small / 10) | 0;
    text[--at] = 0x30 + (small - tenth * 10);
    small = tenth;
  } while (small !== 0);
  if (value < 0) text[--at] = 0x2d;
  return text.length - at;
}

/** As `formatInteger`, of a 64-bit integer in two signed words. */
export function formatWords(high: number, low: number, text: Uint8Array): number {
  const value = high * TWO_32 + (low >>> 0);
  if (Number.isSafeInteger(value)) return formatInteger(value, text);
  const digits = ((BigInt(high) << 32n) | BigInt(low >>> 0)).toString();
  for (let index = 0; index < digits.length; index++)
    text[text.length - digits.length + index] = digits.charCodeAt(index);
  return digits.length;
}
