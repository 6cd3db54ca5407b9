// double-exact: binary floats by exact integer arithmetic: hexadecimal text, and the 80-bit numbers of INCRBYFLOAT.
//
// redis-server computes INCRBYFLOAT and HINCRBYFLOAT in C's long double, on x86-64 an x87 number of 64 bits of mantissa,
// and prints "%.17Lf" without the zeros at the end. The same text comes out here because each step is the exact result
// rounded once to 64 bits, half to even: a number is a BigInt mantissa times a power of two.
//
// Cold: BigInt allocates.

/** A finite number: mantissa * 2^exponent. */
export interface Extended {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const DOUBLE_BITS = 53;
const DOUBLE_EXPONENT_MIN = -1074;
const DOUBLE_EXPONENT_MAX = 1024;
const EXTENDED_BITS = 64;
const EXTENDED_EXPONENT_MIN = -16445;
const EXTENDED_EXPONENT_MAX = 16384;
/** Longer text is refused, as Redis's buffer is of this size. */
const EXTENDED_TEXT_BYTES_MAX = 5 * 1024 - 1;
const FRACTION_DIGITS = 17;
const ZERO: Extended = { mantissa: 0n, exponent: 0 };
/** The largest finite 80-bit number. */
export const EXTENDED_MAX: Extended = {
  mantissa: (1n << BigInt(EXTENDED_BITS)) - 1n,
  exponent: EXTENDED_EXPONENT_MAX - EXTENDED_BITS,
};

function bitLength(value: bigint): number {
  return value.toString(16).length * 4 - Math.clz32(parseInt(value.toString(16)[0]!, 16)) + 28;
}

/** numerator / 2^shift (numerator >= 0), rounded to the nearest, half to even; `inexact` says that more bits follow. */
function shiftRounded(numerator: bigint, shift: number, inexact: boolean): bigint {
  if (shift <= 0) return numerator << BigInt(-shift);
  const kept = numerator >> BigInt(shift);
  const rest = numerator - (kept << BigInt(shift));
  const half = 1n << BigInt(shift - 1);
  if (rest > half || (rest === half && (inexact || (kept & 1n) === 1n))) return kept + 1n;
  return kept;
}

/** Rounds a magnitude to so many bits, fewer near the smallest exponent. Undefined when it is too large. */
function round(
  mantissa: bigint,
  exponent: number,
  inexact: boolean,
  bits: number,
  exponentMin: number,
  exponentMax: number,
): Extended | undefined {
  if (mantissa === 0n) return ZERO;
  const length = bitLength(mantissa);
  if (length + exponent > exponentMax) return undefined;
  const shift = Math.max(length - bits, exponentMin - exponent);
  if (shift > length + 1) return ZERO;
  if (shift <= 0) return { mantissa, exponent };
  const rounded = shiftRounded(mantissa, shift, inexact);
  if (bitLength(rounded) + exponent + shift > exponentMax) return undefined;
  return { mantissa: rounded, exponent: exponent + shift };
}

/** The digits after "0x": [hex][.hex][p exponent]. */
function parseHexDigits(bytes: Uint8Array, offset: number, end: number): Extended | undefined {
  let at = offset;
  let digits = '';
  let fractionDigits = 0;
  let point = false;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    const lower = byte | 0x20;
    if (byte === 0x2e && !point) point = true;
    else if ((byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66)) {
      digits += String.fromCharCode(byte);
      if (point) fractionDigits++;
    } else break;
  }
  if (digits === '') return undefined;
  let exponent = 0;
  if (at < end) {
    if ((bytes[at]! | 0x20) !== 0x70) return undefined;
    const parsed = parseExponent(bytes, at + 1, end);
    if (parsed === undefined) return undefined;
    exponent = parsed;
  }
  return { mantissa: BigInt(`0x${digits}`), exponent: exponent - 4 * fractionDigits };
}

function parseExponent(bytes: Uint8Array, offset: number, end: number): number | undefined {
  let at = offset;
  let negative = false;
  if (at < end && (bytes[at] === 0x2d || bytes[at] === 0x2b)) negative = bytes[at++] === 0x2d;
  if (at >= end) return undefined;
  let exponent = 0;
  for (; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < 0x30 || byte > 0x39) return undefined;
    if (exponent < 100_000_000) exponent = exponent * 10 + (byte - 0x30);
  }
  return negative ? -exponent : exponent;
}

/**
 * The double that hexadecimal digits (after "0x") say; NaN when refused. `strict` refuses what is too large or small.
 */
export function parseHexDouble(
  bytes: Uint8Array,
  offset: number,
  end: number,
  negative: boolean,
  strict: boolean,
): number {
  const exact = parseHexDigits(bytes, offset, end);
  if (exact === undefined) return NaN;
  const rounded = round(exact.mantissa, exact.exponent, false, DOUBLE_BITS, DOUBLE_EXPONENT_MIN, DOUBLE_EXPONENT_MAX);
  if (rounded === undefined) return strict ? NaN : negative ? -Infinity : Infinity;
  if (strict && rounded.mantissa === 0n && exact.mantissa !== 0n) return NaN;
  // Each step is exact: the mantissa fits, and no step but the last can reach below the smallest normal number.
  let value = Number(rounded.mantissa);
  let exponent = rounded.exponent;
  for (; exponent > 1000; exponent -= 1000) value *= 2 ** 1000;
  for (; exponent < -1000; exponent += 1000) value *= 2 ** -1000;
  value *= 2 ** exponent;
  return negative ? -value : value;
}

/** The 80-bit number that the text says; undefined when Redis refuses it; "inf" and "-inf" for the infinite ones. */
export function parseExtended(
  bytes: Uint8Array,
  offset: number,
  length: number,
): Extended | 'inf' | '-inf' | undefined {
  if (length === 0 || length > EXTENDED_TEXT_BYTES_MAX) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString('latin1');
  const infinity = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinity !== null) return infinity[1] === '-' ? '-inf' : 'inf';
  const negative = text[0] === '-';
  const signed = negative || text[0] === '+' ? 1 : 0;
  let exact: Extended | undefined;
  let inexact = false;
  if (/^0x/i.test(text.slice(signed))) {
    exact = parseHexDigits(bytes, offset + signed + 2, offset + length);
    if (exact === undefined) return undefined;
  } else {
    const parts = /^(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text.slice(signed));
    if (parts === null || (parts[1]! === '' && (parts[2] ?? '') === '')) return undefined;
    const fraction = parts[2] ?? '';
    const digits = BigInt(parts[1]! + fraction);
    const power = Math.max(-1e8, Math.min(1e8, Number(parts[3] ?? '0'))) - fraction.length;
    if (digits === 0n) return ZERO;
    // Beyond these powers every text of this length is too large or too small.
    if (power > 6000) return undefined;
    if (power < -12_000) return undefined;
    if (power >= 0) {
      exact = { mantissa: digits * 10n ** BigInt(power), exponent: 0 };
    } else {
      const divisor = 10n ** BigInt(-power);
      const shift = Math.max(0, EXTENDED_BITS + 3 + bitLength(divisor) - bitLength(digits));
      const scaled = digits << BigInt(shift);
      const quotient = scaled / divisor;
      inexact = quotient * divisor !== scaled;
      exact = { mantissa: quotient, exponent: -shift };
    }
  }
  const rounded = round(
    exact.mantissa,
    exact.exponent,
    inexact,
    EXTENDED_BITS,
    EXTENDED_EXPONENT_MIN,
    EXTENDED_EXPONENT_MAX,
  );
  if (rounded === undefined || (rounded.mantissa === 0n && exact.mantissa !== 0n)) return undefined;
  return negative ? { mantissa: -rounded.mantissa, exponent: rounded.exponent } : rounded;
}

/** The sum, rounded to 80 bits; undefined when it is too large. */
export function addExtended(a: Extended, b: Extended): Extended | undefined {
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  const negative = sum < 0n;
  const rounded = round(
    negative ? -sum : sum,
    exponent,
    false,
    EXTENDED_BITS,
    EXTENDED_EXPONENT_MIN,
    EXTENDED_EXPONENT_MAX,
  );
  if (rounded === undefined) return undefined;
  return negative ? { mantissa: -rounded.mantissa, exponent: rounded.exponent } : rounded;
}

export function negateExtended(value: Extended): Extended {
  return { mantissa: -value.mantissa, exponent: value.exponent };
}

/** Negative, zero or positive as `a` is below, the same as, or above `b`. */
export function compareExtended(a: Extended, b: Extended): number {
  const exponent = Math.min(a.exponent, b.exponent);
  const difference = (a.mantissa << BigInt(a.exponent - exponent)) - (b.mantissa << BigInt(b.exponent - exponent));
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The number as "%.17Lf" prints it, without the zeros (and the point) at its end. */
export function extendedText(value: Extended): string {
  const negative = value.mantissa < 0n;
  const magnitude = negative ? -value.mantissa : value.mantissa;
  const scaled = shiftRounded(magnitude * 10n ** BigInt(FRACTION_DIGITS), -value.exponent, false);
  const digits = scaled.toString().padStart(FRACTION_DIGITS + 1, '0');
  const whole = digits.slice(0, -FRACTION_DIGITS);
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, '');
  const text = fraction === '' ? whole : `${whole}.${fraction}`;
  return negative && text !== '0' ? `-${text}` : text;
}
