// double: numbers with a fraction as Redis reads them from text and prints them.
//
// Reading follows C's strtod: decimal and hexadecimal floats, `inf` and `infinity` in any case. Text of up to 15 digits
// with a small power of ten (all that clients send, as a rule) is converted with one exact multiplication or division;
// everything else goes through Number(), which rounds correctly too. Refusal is NaN, as NaN itself is refused everywhere.
// Printing is C's "%.17g", what redis-server 7.0 sends for scores in both protocol versions: 3.3 is 3.2999999999999998.
//
// Not here: INCRBYFLOAT's 80-bit arithmetic and hexadecimal digits (double-exact), whole numbers (integer).

import { parseHexDouble } from './double-exact.js';

/** The most bytes that `formatDouble` writes: -1.7976931348623157e+308. */
export const DOUBLE_TEXT_BYTES_MAX = 24;

const DIGITS_EXACT = 15;
const DIGITS_PAIR = 19;
const powersOfTen = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
const INTEGER_EXACT_MAX = 9007199254740992;

/**
 * The number that the bytes say, all of them; NaN when they say none. Refused like in Redis: an empty text, white space,
 * nan, and what is too large or too small for a double (1e400, 1e-400).
 * @hot
 */
export function parseDouble(bytes: Uint8Array, offset: number, length: number): number {
  return parse(bytes, offset, offset + length, true);
}

/**
 * The number as strtod reads it, which is how Redis reads the ends of score ranges: white space may come before, what is
 * too large is infinite, what is too small is 0, text ends at a NUL byte, and no text at all is 0. NaN when refused.
 */
export function parseDoubleLoosely(bytes: Uint8Array, offset: number, length: number): number {
  let end = offset;
  while (end < offset + length && bytes[end] !== 0) end++;
  if (end === offset) return 0;
  let at = offset;
  while (at < end && isSpace(bytes[at]!)) at++;
  return parse(bytes, at, end, false);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function parse(bytes: Uint8Array, offset: number, end: number, strict: boolean): number {
  let at = offset;
  let negative = false;
  if (at < end && (bytes[at] === 0x2d || bytes[at] === 0x2b)) negative = bytes[at++] === 0x2d;
  if (at >= end) return NaN;
  let mantissa = 0; // of the first 15 digits
  let back = 0; // of those behind them
  let digits = 0; // significant ones: those after the first that is not 0
  let anyDigit = false;
  let scale = 0;
  let byte = bytes[at]!;
  if (byte === 0x30 && at + 1 < end && (bytes[at + 1]! | 0x20) === 0x78) return parseHexDouble(bytes, at + 2, end, negative, strict);
  for (; at < end && (byte = bytes[at]!) >= 0x30 && byte <= 0x39; at++) {
    anyDigit = true;
    if (digits < DIGITS_EXACT) {
      mantissa = mantissa * 10 + (byte - 0x30);
      if (mantissa !== 0) digits++;
    } else {
      back = back * 10 + (byte - 0x30);
      digits++;
    }
  }
  if (at < end && byte === 0x2e) {
    for (at++; at < end && (byte = bytes[at]!) >= 0x30 && byte <= 0x39; at++) {
      anyDigit = true;
      if (digits < DIGITS_EXACT) {
        mantissa = mantissa * 10 + (byte - 0x30);
        if (mantissa !== 0) digits++;
      } else {
        back = back * 10 + (byte - 0x30);
        digits++;
      }
      scale--;
    }
  }
  if (!anyDigit) return parseInfinity(bytes, at, offset, end, negative);
  if (at < end) {
    if ((byte | 0x20) !== 0x65) return NaN;
    at++;
    let negativeExponent = false;
    if (at < end && (bytes[at] === 0x2d || bytes[at] === 0x2b)) negativeExponent = bytes[at++] === 0x2d;
    if (at >= end) return NaN;
    let exponent = 0;
    for (; at < end; at++) {
      byte = bytes[at]!;
      if (byte < 0x30 || byte > 0x39) return NaN;
      if (exponent < 100_000_000) exponent = exponent * 10 + (byte - 0x30);
    }
    scale += negativeExponent ? -exponent : exponent;
  }
  if (digits <= DIGITS_EXACT) {
    if (scale === 0 || mantissa === 0) return negative ? -mantissa : mantissa;
    if (scale > 0 && scale <= 22) return negative ? -(mantissa * powersOfTen[scale]!) : mantissa * powersOfTen[scale]!;
    if (scale < 0 && scale >= -22) return negative ? -(mantissa / powersOfTen[-scale]!) : mantissa / powersOfTen[-scale]!;
  }
  if (digits <= DIGITS_PAIR && scale < 0 && scale >= -22) {
    const value = divideExactly(mantissa, powersOfTen[digits - DIGITS_EXACT]!, back, powersOfTen[-scale]!);
    if (value === value) return negative ? -value : value;
  }
  return parseSlowly(bytes, offset, end, strict);
}

/**
 * (front * shift + back) / divisor, rounded once: the dividend is a sum of two doubles, and so is the quotient. NaN when
 * that is so near to the middle between two doubles that its last bits matter. What has 17 digits is not for Number():
 * scores are printed like that, and come back from listpacks. @hot
 */
function divideExactly(front: number, shift: number, back: number, divisor: number): number {
  setProduct(front, shift);
  const high = $product + back;
  const low = back - (high - $product) + $rest;
  const quotient = high / divisor;
  setProduct(quotient, divisor);
  const rest = (high - $product - $rest + low) / divisor;
  const value = quotient + rest * (1 + 2 ** -40);
  return value === quotient + rest * (1 - 2 ** -40) ? value : NaN;
}

let $product = 0;
let $rest = 0;

/** Sets $product + $rest to the exact product (Dekker). @hot */
function setProduct(a: number, b: number): void {
  const aSplit = 134217729 * a;
  const aHigh = aSplit - (aSplit - a);
  const aLow = a - aHigh;
  const bSplit = 134217729 * b;
  const bHigh = bSplit - (bSplit - b);
  const bLow = b - bHigh;
  $product = a * b;
  $rest = aHigh * bHigh - $product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

/** The text is known to be a decimal number that is not zero. */
function parseSlowly(bytes: Uint8Array, offset: number, end: number, strict: boolean): number {
  const value = Number(latin1(bytes, offset, end));
  if (strict && (value === 0 || value === Infinity || value === -Infinity)) return NaN;
  return value;
}

function latin1(bytes: Uint8Array, offset: number, end: number): string {
  let text = '';
  for (let at = offset; at < end; at += 4096) text += String.fromCharCode(...bytes.subarray(at, Math.min(end, at + 4096)));
  return text;
}

function parseInfinity(bytes: Uint8Array, at: number, offset: number, end: number, negative: boolean): number {
  const signed = bytes[offset] === 0x2d || bytes[offset] === 0x2b ? 1 : 0;
  if (at !== offset + signed || (end - at !== 3 && end - at !== 8)) return NaN;
  const word = latin1(bytes, at, end).toLowerCase();
  if (word !== 'inf' && word !== 'infinity') return NaN;
  return negative ? -Infinity : Infinity;
}

/**
 * Writes the number as "%.17g" does and returns where the text ends. At most DOUBLE_TEXT_BYTES_MAX bytes; never NaN.
 * @hot
 */
export function formatDouble(value: number, out: Uint8Array, offset: number): number {
  if (value < INTEGER_EXACT_MAX && value > -INTEGER_EXACT_MAX && Math.floor(value) === value) {
    let at = offset;
    if (value < 0 || (value === 0 && 1 / value < 0)) out[at++] = 0x2d;
    return writeWhole(value < 0 ? -value : value, out, at);
  }
  const size = value < 0 ? -value : value;
  if (size < 1e-4 || size >= 1e17) return writeText(doubleText(value), out, offset);
  if (value >= 0) return writeFraction(size, out, offset);
  out[offset] = 0x2d;
  return writeFraction(size, out, offset + 1);
}

const digitScratch = new Uint8Array(17);

/**
 * Writes a number of 1e-4 to 1e17 with 17 significant digits, without trailing zeros. Its product with a power of ten, a
 * whole number of 17 digits but for the rounding, is computed exactly as a sum of two doubles (Dekker): some 20 times
 * faster than toExponential, which goes through big numbers. @hot
 */
function writeFraction(value: number, out: Uint8Array, offset: number): number {
  let exponent = Math.min(16, Math.floor(Math.log10(value)));
  for (;;) {
    const scale = powersOfTen[16 - exponent]!;
    setProduct(value, scale);
    const high = $product;
    const low = $rest;
    // `high` is even wherever it has 17 digits, so the rest alone decides how a half is rounded.
    let rest = Math.floor(low);
    const fraction = low - rest;
    if (fraction > 0.5 || (fraction === 0.5 && (rest & 1) !== 0)) rest++;
    let front = Math.floor(high / 1e8);
    let back = high - front * 1e8 + rest;
    if (back < 0) {
      back += 1e8;
      front--;
    } else if (back >= 1e8) {
      back -= 1e8;
      front++;
    }
    if (front < 1e8) exponent--; // the logarithm was rounded up
    else if (front >= 1e9) exponent++;
    else return writeDigits(front, back, exponent, out, offset);
  }
}

/** Writes front * 10^8 + back, of 17 digits, with the point behind the digit of the exponent. @hot */
function writeDigits(front: number, back: number, exponent: number, out: Uint8Array, offset: number): number {
  const digits = digitScratch;
  let rest = back | 0;
  for (let index = 16; index >= 9; index--) {
    const next = (rest / 10) | 0;
    digits[index] = 0x30 + rest - next * 10;
    rest = next;
  }
  rest = front | 0;
  for (let index = 8; index >= 0; index--) {
    const next = (rest / 10) | 0;
    digits[index] = 0x30 + rest - next * 10;
    rest = next;
  }
  let count = 17;
  while (digits[count - 1] === 0x30) count--;
  let at = offset;
  if (exponent < 0) {
    out[at++] = 0x30;
    out[at++] = 0x2e;
    for (let zeros = -exponent - 1; zeros > 0; zeros--) out[at++] = 0x30;
    for (let index = 0; index < count; index++) out[at++] = digits[index]!;
    return at;
  }
  for (let index = 0; index <= exponent; index++) out[at++] = digits[index]!;
  if (count <= exponent + 1) return at;
  out[at++] = 0x2e;
  for (let index = exponent + 1; index < count; index++) out[at++] = digits[index]!;
  return at;
}

/** Writes a whole number of 0 to 2^53 in decimal; returns the end. @hot */
function writeWhole(value: number, out: Uint8Array, offset: number): number {
  if (value >= 1e9) {
    const high = Math.floor(value / 1e9);
    const at = writeWhole(high, out, offset);
    let low = value - high * 1e9;
    for (let index = at + 8; index >= at; index--) {
      const rest = (low / 10) | 0;
      out[index] = 0x30 + low - rest * 10;
      low = rest;
    }
    return at + 9;
  }
  let rest = value | 0;
  let count = 1;
  for (let power = 10; power <= rest; power *= 10) count++;
  for (let index = offset + count - 1; index >= offset; index--) {
    const next = (rest / 10) | 0;
    out[index] = 0x30 + rest - next * 10;
    rest = next;
  }
  return offset + count;
}

function writeText(text: string, out: Uint8Array, offset: number): number {
  for (let index = 0; index < text.length; index++) out[offset + index] = text.charCodeAt(index);
  return offset + text.length;
}

/** A positive number as d.dddddddddddddddde[+-]x, rounded half to even as C does; toExponential rounds half up. */
function exponentialText(value: number): string {
  const text = value.toExponential(16);
  // Half-way between two texts of 17 digits lie only numbers with 18 digits, and those have at most 25 binary places.
  const scaled = value * 67108864;
  if ((text.charCodeAt(17) & 1) === 0 || Math.floor(scaled) !== scaled || value >= INTEGER_EXACT_MAX) return text;
  const exact = value.toExponential(40);
  if (!exact.startsWith('5' + '0'.repeat(23), 18)) return text;
  return exact.slice(0, 18) + exact.slice(42);
}

/** The number as "%.17g" prints it. */
export function doubleText(value: number): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (value !== value) return 'nan';
  if (value === 0) return 1 / value < 0 ? '-0' : '0';
  const text = exponentialText(Math.abs(value));
  const exponent = Number(text.slice(19));
  let count = 17;
  let digits = text[0]! + text.slice(2, 18);
  while (count > 1 && digits.charCodeAt(count - 1) === 0x30) count--;
  digits = digits.slice(0, count);
  const sign = value < 0 ? '-' : '';
  if (exponent < -4 || exponent >= 17) {
    const power = Math.abs(exponent);
    const fraction = count > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits[0]!}${fraction}e${exponent < 0 ? '-' : '+'}${power < 10 ? '0' : ''}${power}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (count <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}
