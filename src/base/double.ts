// double: numbers with a fraction as Redis reads them from text and prints them.
//
// Reading follows C's strtod: decimal and hexadecimal floats, `inf` and `infinity` in any case. Text of up to 15 digits
// with a small power of ten (all that clients send, as a rule) is converted with one exact multiplication or division;
// everything else goes through Number(), which rounds correctly too. Refusal is NaN, as NaN itself is refused everywhere.
// Printing is the shortest text that reads back as the same number, in the form that redis-server sends since 7.2 for
// scores in both protocol versions: 3.3, 1e+21, 1.5e-7. (7.0 printed "%.17g", 3.2999999999999998; `doubleText` still does,
// for what is hashed, and for ZSCAN of a large set, where newer versions do so too.)
//
// Not here: INCRBYFLOAT's 80-bit arithmetic and hexadecimal digits (double-exact), whole numbers (integer).

import { isSpace } from './bytes.js';
import { parseHexDouble } from './double-exact.js';

/** The most bytes that `formatDouble` writes: a sign and 24 digits, -123456789012345670000000. */
export const DOUBLE_TEXT_BYTES_MAX = 25;

const DIGITS_EXACT = 15;
const DIGITS_PAIR = 19;
const powersOfTen = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
const INTEGER_EXACT_MAX = 9007199254740992;
/** Whole numbers up to here are printed with all their digits. */
const WHOLE_TEXT_MAX = 2 ** 62;

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

function parse(bytes: Uint8Array, offset: number, end: number, strict: boolean): number {
  let at = offset;
  let negative = false;
  if (at < end && (bytes[at] === 0x2d || bytes[at] === 0x2b)) negative = bytes[at++] === 0x2d;
  if (at >= end) return NaN;
  let mantissa = 0; // of the first 15 digits
  let back = 0; // of those after them
  let digits = 0; // significant ones: those after the first that is not 0
  let anyDigit = false;
  let scale = 0;
  let byte = bytes[at]!;
  if (byte === 0x30 && at + 1 < end && (bytes[at + 1]! | 0x20) === 0x78)
    return parseHexDouble(bytes, at + 2, end, negative, strict);
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
    if (scale < 0 && scale >= -22)
      return negative ? -(mantissa / powersOfTen[-scale]!) : mantissa / powersOfTen[-scale]!;
  }
  if (digits <= DIGITS_PAIR && scale < 0 && scale >= -22) {
    const value = divideExactly(mantissa, powersOfTen[digits - DIGITS_EXACT]!, back, powersOfTen[-scale]!);
    if (value === value) return negative ? -value : value;
  }
  return parseSlowly(bytes, offset, end, strict);
}

/**
 * (front * shift + back) / divisor, rounded once: the dividend is a sum of two doubles, and so is the quotient. NaN when
 * that is so near to the middle between two doubles that its last bits matter. Text with 17 digits is not for Number():
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
  for (let at = offset; at < end; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, Math.min(end, at + 4096)));
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
 * Writes the shortest text of the number and returns where it ends. At most DOUBLE_TEXT_BYTES_MAX bytes.
 * @hot
 */
export function formatDouble(value: number, out: Uint8Array, offset: number): number {
  const size = value < 0 ? -value : value;
  let at = offset;
  if (value < 0 || (value === 0 && 1 / value < 0)) out[at++] = 0x2d;
  if (size < INTEGER_EXACT_MAX && Math.floor(size) === size) return writeWhole(size, out, at);
  if (size >= FIFTEEN_DIGITS_FROM && size < FIFTEEN_DIGITS_TO) {
    let end = writeFifteenDigits(size, out, at);
    if (end !== 0) return end;
    end = writeSeventeenDigits(size, out, at);
    if (end !== 0) return end;
  }
  if (!(size < Infinity)) return writeText(size === Infinity ? 'inf' : 'nan', out, at);
  if (size >= INTEGER_EXACT_MAX && size <= WHOLE_TEXT_MAX) return writeText(BigInt(size).toString(), out, at);
  const text = size.toExponential();
  const mark = text.indexOf('e');
  let count = 0;
  for (let index = 0; index < mark; index++) if (index !== 1) digitScratch[count++] = text.charCodeAt(index);
  return writeDigits(count, Number(text.slice(mark + 1)), out, at);
}

const digitScratch = new Uint8Array(17);
const bitsOf = new Float64Array(1);
/** The low word first: everything here is little-endian. */
const wordsOf = new Uint32Array(bitsOf.buffer);
/** The power of ten of the first digit of the number that `writeFifteenDigits` could not write. */
let $exponent = 0;
const FIFTEEN_DIGITS_FROM = 1e-5;
const FIFTEEN_DIGITS_TO = 1e14;

/**
 * Writes a number whose shortest text has at most 15 digits, which is what clients send; returns 0 where it has more. A
 * text of 15 digits is the only one of its double, so the digits are right when they lead back to it: one division, as
 * both the digits and the power of ten are exact. Some 5 times faster than the digits that JavaScript finds. @hot
 */
function writeFifteenDigits(size: number, out: Uint8Array, offset: number): number {
  let exponent = Math.floor(Math.log10(size));
  let scale = powersOfTen[14 - exponent]!;
  let digits = Math.round(size * scale);
  if (digits >= 1e15 || digits < 1e14) {
    // The logarithm was rounded to the next whole number, or the digits were.
    exponent += digits >= 1e15 ? 1 : -1;
    $exponent = exponent;
    if (exponent > 14 || exponent < -8) return 0;
    scale = powersOfTen[14 - exponent]!;
    digits = Math.round(size * scale);
  }
  if (digits / scale !== size) {
    $exponent = exponent;
    return 0;
  }
  let count = 15;
  for (let zeros = 8; zeros > 0; zeros >>= 1) {
    const shorter = digits / powersOfTen[zeros]!;
    if (Math.floor(shorter) !== shorter) continue;
    digits = shorter;
    count -= zeros;
  }
  let index = count - 1;
  for (; digits >= 0x7fffffff; index--) {
    const rest = Math.floor(digits / 10);
    digitScratch[index] = 0x30 + digits - rest * 10;
    digits = rest;
  }
  spellDigits(digits | 0, 0, index);
  return writeDigits(count, exponent, out, offset);
}

/**
 * Writes a number whose shortest text has 16 or 17 digits; returns 0 where that is not certain. Its product with a power of
 * ten, a whole number of 17 digits but for the rounding, is computed exactly as a sum of two doubles (Dekker); 17 digits always
 * lead back to the number, and whether 16 do is tried. Twice as fast as the digits that JavaScript finds. @hot
 */
function writeSeventeenDigits(size: number, out: Uint8Array, offset: number): number {
  let exponent = $exponent;
  let front = 0;
  let back = 0;
  for (;;) {
    setProduct(size, powersOfTen[16 - exponent]!);
    // Where it has 17 digits the high part is even, so the low part alone decides how it is rounded.
    let rest = Math.floor($rest);
    const fraction = $rest - rest;
    if (fraction === 0.5) return 0;
    if (fraction > 0.5) rest++;
    front = Math.floor($product / 1e8);
    back = $product - front * 1e8 + rest;
    if (back < 0) {
      back += 1e8;
      front--;
    } else if (back >= 1e8) {
      back -= 1e8;
      front++;
    }
    if (front >= 1e8 && front < 1e9) break;
    // The logarithm was rounded to the next whole number.
    exponent += front < 1e8 ? -1 : 1;
    if (exponent < -6 || exponent > 14) return 0;
  }
  const last = back % 10;
  // As half-way between two texts of 16 digits: which is nearer is not known any more.
  if (last === 5) return 0;
  let shorter = Math.floor(back / 10) + (last > 5 ? 1 : 0);
  let head = front;
  if (shorter === 1e7) {
    shorter = 0;
    head++;
  }
  const value = head === 1e9 ? NaN : divideExactly(head, 1e7, shorter, powersOfTen[15 - exponent]!);
  if (value !== value) return 0;
  const count = value === size ? 16 : 17;
  if (count === 16) {
    front = head;
    back = shorter;
  } else {
    // The doubles below a power of two are nearer than those above: another text of 16 digits may do.
    bitsOf[0] = size;
    if (wordsOf[0] === 0 && (wordsOf[1]! & 0xfffff) === 0) return 0;
  }
  spellDigits(back | 0, 9, count - 1);
  spellDigits(front | 0, 0, 8);
  return writeDigits(count, exponent, out, offset);
}

/** Puts the digits of a whole number at these places of the scratch. @hot */
function spellDigits(value: number, first: number, last: number): void {
  let rest = value;
  for (let index = last; index >= first; index--) {
    const next = (rest / 10) | 0;
    digitScratch[index] = 0x30 + rest - next * 10;
    rest = next;
  }
}

/**
 * Writes the first `count` digits of the scratch, the first of which stands for 10^exponent: in full while that takes few
 * zeros, else with an exponent. The limits are those of redis-server. @hot
 */
function writeDigits(count: number, exponent: number, out: Uint8Array, offset: number): number {
  const digits = digitScratch;
  const zeros = exponent - count + 1;
  const power = exponent < 0 ? -exponent : exponent;
  let at = offset;
  if (zeros >= 0 && power < count + 7) {
    for (let index = 0; index < count; index++) out[at++] = digits[index]!;
    for (let index = 0; index < zeros; index++) out[at++] = 0x30;
    return at;
  }
  if (zeros < 0 && (zeros > -7 || power < 4)) {
    for (let place = exponent < 0 ? exponent : 0; place < 0; place++) {
      out[at++] = 0x30;
      if (place === exponent) out[at++] = 0x2e;
    }
    for (let index = 0; index < count; index++) {
      out[at++] = digits[index]!;
      if (index === exponent) out[at++] = 0x2e;
    }
    return at;
  }
  out[at++] = digits[0]!;
  if (count > 1) out[at++] = 0x2e;
  for (let index = 1; index < count; index++) out[at++] = digits[index]!;
  out[at++] = 0x65;
  out[at++] = exponent < 0 ? 0x2d : 0x2b;
  return writeWhole(power, out, at);
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

/** The number as C's "%.17g" prints it. */
export function doubleText(value: number): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (value !== value) return 'nan';
  if (value === 0) return 1 / value < 0 ? '-0' : '0';
  if (value > -INTEGER_EXACT_MAX && value < INTEGER_EXACT_MAX && Math.floor(value) === value) return String(value);
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
