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

export function decimalBytes(precision: number, scale: number): number {
  if (!(precision >= 1 && precision <= DIGITS_MAX && scale <= SCALE_MAX && scale <= precision))
    throw new BinlogFormatError(`a decimal of ${precision} digits with ${scale} after the point`);
  const whole = precision - scale;
  return Math.floor(whole / 9) * 4 + bytesOfDigits[whole % 9]! + Math.floor(scale / 9) * 4 + bytesOfDigits[scale % 9]!;
}

export function readDecimal(cursor: ByteCursor, precision: number, scale: number): string {
  const size = decimalBytes(precision, scale);
  const bytes = Uint8Array.from(cursor.slice(size));
  const isNegative = (bytes[0]! & 0x80) === 0;
  bytes[0]! ^= 0x80;
  if (isNegative) for (let index = 0; index < size; index++) bytes[index]! ^= 0xff;
  let at = 0;
  const group = (digits: number): string => {
    let value = 0;
    for (let left = bytesOfDigits[digits]!; left > 0; left--) value = value * 256 + bytes[at++]!;
    return String(value).padStart(digits, '0');
  };
  let whole = '';
  const wholeDigits = precision - scale;
  if (wholeDigits % 9 > 0) whole += group(wholeDigits % 9);
  for (let count = Math.floor(wholeDigits / 9); count > 0; count--) whole += group(9);
  let fraction = '';
  for (let count = Math.floor(scale / 9); count > 0; count--) fraction += group(9);
  if (scale % 9 > 0) fraction += group(scale % 9);
  whole = whole.replace(/^0+(?=\d)/, '');
  return `${isNegative ? '-' : ''}${whole === '' ? '0' : whole}${scale > 0 ? `.${fraction}` : ''}`;
}
