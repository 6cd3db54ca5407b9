// decimal: DECIMAL as MySQL stores it: groups of nine digits in four bytes each, the groups at either end in fewer bytes.
//
// The highest bit of the first byte is inverted, and all bytes of a negative number are, so that bytes compare as numbers do.
//
// Source: "Precision Math" and decimal2bin in MySQL's source documentation.
import { BinlogFormatError, type ByteCursor } from './byte-cursor.js';

/** Bytes for 0 to 9 digits. */
const bytesOfDigits = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;
const DIGITS_MAX = 65;
const SCALE_MAX = 38;
const GROUP_DIGITS = 9;

export function decimalBytes(precision: number, scale: number): number {
  if (!(precision >= 1 && precision <= DIGITS_MAX && scale <= SCALE_MAX && scale <= precision))
    throw new BinlogFormatError(`a decimal of ${precision} digits with ${scale} after the point`);
  const whole = precision - scale;
  return Math.floor(whole / 9) * 4 + bytesOfDigits[whole % 9]! + Math.floor(scale / 9) * 4 + bytesOfDigits[scale % 9]!;
}

/** Reads the digits of one group; `flip` undoes the inversion of a negative number. */
function readGroup(bytes: Uint8Array, at: number, count: number, first: number, flip: number): number {
  let value = 0;
  for (let index = at; index < at + count; index++)
    value = value * 256 + (bytes[index]! ^ flip ^ (index === first ? 0x80 : 0));
  return value;
}

export function readDecimal(cursor: ByteCursor, precision: number, scale: number): string {
  const first = cursor.take(decimalBytes(precision, scale));
  const { bytes } = cursor;
  const isNegative = (bytes[first]! & 0x80) === 0;
  const flip = isNegative ? 0xff : 0;
  let at = first;
  let whole = '';
  // The groups of the whole part: the odd digits come first. Zeros before the first digit are left out.
  for (let left = precision - scale; left > 0;) {
    const digits = left % GROUP_DIGITS === 0 ? GROUP_DIGITS : left % GROUP_DIGITS;
    const count = bytesOfDigits[digits]!;
    const value = readGroup(bytes, at, count, first, flip);
    if (whole !== '') whole += String(value).padStart(digits, '0');
    else if (value !== 0) whole = String(value);
    at += count;
    left -= digits;
  }
  let text = `${isNegative ? '-' : ''}${whole === '' ? '0' : whole}`;
  if (scale > 0) text += '.';
  for (let left = scale; left > 0;) {
    const digits = Math.min(left, GROUP_DIGITS);
    const count = bytesOfDigits[digits]!;
    text += String(readGroup(bytes, at, count, first, flip)).padStart(digits, '0');
    at += count;
    left -= digits;
  }
  return text;
}
