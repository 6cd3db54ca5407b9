// temporal: dates and times as the binlog has them, turned into the text that a SQL client shows.
//
//   date        3 bytes: day (5 bits), month (4), year
//   time        3 bytes, signed: hhmmss as a decimal number
//   datetime    8 bytes: YYYYMMDDhhmmss as a decimal number
//   timestamp   4 bytes: seconds since 1970
//   time2       3 bytes, big-endian, less 0x800000: sign, hours (10 bits), minutes (6), seconds (6); then the fraction
//   datetime2   5 bytes, big-endian, less 0x8000000000: year * 13 + month (17 bits), day (5), hours (5), minutes (6), seconds
//               (6); then the fraction
//   timestamp2  4 bytes, big-endian: seconds since 1970; then the fraction
//
// A fraction of n digits takes (n + 1) / 2 bytes, big-endian, in units of its last even digit.
//
// Source: "Date and Time Data Type Representation" in the MySQL internals manual.
import { BinlogFormatError, type ByteCursor } from './byte-cursor.js';

const two = (value: number): string => String(value).padStart(2, '0');
const four = (value: number): string => String(value).padStart(4, '0');

/** Turns seconds since 1970 into a date and time of the zone that the user wants. */
export type ZoneOf = (seconds: number) => string;

/** `.ffffff` of a fraction in microseconds, cut to its digits. */
function fractionText(microseconds: number, digits: number): string {
  return digits === 0 ? '' : `.${String(microseconds).padStart(6, '0').slice(0, digits)}`;
}

function checkDigits(digits: number): number {
  if (digits > 6) throw new BinlogFormatError(`a fraction of ${digits} digits`);
  return (digits + 1) >> 1;
}

/** A fraction in microseconds. */
function readFraction(cursor: ByteCursor, digits: number): number {
  const bytes = checkDigits(digits);
  return bytes === 0 ? 0 : cursor.uintBig(bytes) * 100 ** (3 - bytes);
}

export function readDate(cursor: ByteCursor): string {
  const packed = cursor.u24();
  return `${four(packed >> 9)}-${two((packed >> 5) & 15)}-${two(packed & 31)}`;
}

export function readOldTime(cursor: ByteCursor): string {
  const packed = (cursor.u24() << 8) >> 8;
  const value = Math.abs(packed);
  const sign = packed < 0 ? '-' : '';
  return `${sign}${two(Math.floor(value / 10_000))}:${two(Math.floor(value / 100) % 100)}:${two(value % 100)}`;
}

export function readOldDatetime(cursor: ByteCursor): string {
  const value = cursor.size64();
  const date = Math.floor(value / 1_000_000);
  const time = value % 1_000_000;
  return (
    `${four(Math.floor(date / 10_000))}-${two(Math.floor(date / 100) % 100)}-${two(date % 100)} ` +
    `${two(Math.floor(time / 10_000))}:${two(Math.floor(time / 100) % 100)}:${two(time % 100)}`
  );
}

const ZERO_TIMESTAMP = '0000-00-00 00:00:00';

export function readOldTimestamp(cursor: ByteCursor, zone: ZoneOf): string {
  const seconds = cursor.u32();
  return seconds === 0 ? ZERO_TIMESTAMP : zone(seconds);
}

export function readTimestamp2(cursor: ByteCursor, digits: number, zone: ZoneOf): string {
  const seconds = cursor.uintBig(4);
  const fraction = readFraction(cursor, digits);
  const isZero = seconds === 0 && fraction === 0;
  return (isZero ? ZERO_TIMESTAMP : zone(seconds)) + fractionText(fraction, digits);
}

export function readDatetime2(cursor: ByteCursor, digits: number): string {
  const packed = BigInt(cursor.uintBig(5)) - 0x80_0000_0000n;
  if (packed < 0n) throw new BinlogFormatError('a negative datetime');
  const fraction = readFraction(cursor, digits);
  return datetimeText(Number(packed), fraction, digits);
}

/** `packed`: year * 13 + month, day, hours, minutes, seconds, as in a datetime2. */
export function datetimeText(packed: number, microseconds: number, digits: number): string {
  const date = Math.floor(packed / 0x2_0000);
  const time = packed % 0x2_0000;
  const months = date >> 5;
  return (
    `${four(Math.floor(months / 13))}-${two(months % 13)}-${two(date & 31)} ` +
    `${two(time >> 12)}:${two((time >> 6) & 63)}:${two(time & 63)}${fractionText(microseconds, digits)}`
  );
}

export function readTime2(cursor: ByteCursor, digits: number): string {
  const bytes = checkDigits(digits);
  // Whole and fraction are one number: that of a negative time with a fraction borrows from its seconds.
  const unit = 256 ** bytes;
  const packed = cursor.uintBig(3) * unit + (bytes === 0 ? 0 : cursor.uintBig(bytes)) - 0x80_0000 * unit;
  const value = Math.abs(packed);
  const microseconds = (value % unit) * 100 ** (3 - bytes);
  return timeText(packed < 0, Math.floor(value / unit), microseconds, digits);
}

/** `packed`: hours (10 bits), minutes (6), seconds (6). */
export function timeText(isNegative: boolean, packed: number, microseconds: number, digits: number): string {
  const clock = `${two((packed >> 12) & 0x3ff)}:${two((packed >> 6) & 63)}:${two(packed & 63)}`;
  return `${isNegative ? '-' : ''}${clock}${fractionText(microseconds, digits)}`;
}
