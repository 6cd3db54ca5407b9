// arithmetic: the operators of expressions, exact as long as no floating point number takes part.
//
// Integers and decimals are numbers of digits with a scale, as bigint; a FLOAT or DOUBLE with a fraction, and every division,
// make the result a double.
import { Decimal, type Value } from '../values/value.js';
import { shrinkInteger } from '../values/integers.js';
import { valueNumber, valueText } from '../values/value-text.js';

interface Exact {
  readonly digits: bigint;
  readonly scale: number;
}

const SCALE_MAX = 60;

/** The exact number that a value is; undefined for text, for doubles with a fraction, and for what is no number. */
function exactOf(value: Value): Exact | undefined {
  if (typeof value === 'bigint') return { digits: value, scale: 0 };
  if (typeof value === 'boolean') return { digits: value ? 1n : 0n, scale: 0 };
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { digits: BigInt(value), scale: 0 } : undefined;
  if (!(value instanceof Decimal)) return undefined;
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(value.text);
  if (match === null) return undefined;
  const digits = BigInt(match[2]! + (match[3] ?? ''));
  return { digits: match[1] === '-' ? -digits : digits, scale: match[3]?.length ?? 0 };
}

function toValue({ digits, scale }: Exact): Value {
  if (scale === 0) return shrinkInteger(digits);
  const isNegative = digits < 0n;
  const text = String(isNegative ? -digits : digits).padStart(scale + 1, '0');
  return new Decimal(`${isNegative ? '-' : ''}${text.slice(0, -scale)}.${text.slice(-scale)}`);
}

function align(one: Exact, other: Exact): [bigint, bigint, number] {
  const scale = Math.max(one.scale, other.scale);
  return [one.digits * 10n ** BigInt(scale - one.scale), other.digits * 10n ** BigInt(scale - other.scale), scale];
}

function operate(
  left: Value,
  right: Value,
  exact: (one: Exact, other: Exact) => Exact,
  double: (one: number, other: number) => number,
): Value {
  if (left === null || right === null) return null;
  const one = exactOf(left);
  const other = exactOf(right);
  if (one !== undefined && other !== undefined) {
    const result = exact(one, other);
    if (result.scale <= SCALE_MAX) return toValue(result);
  }
  const result = double(valueNumber(left), valueNumber(right));
  return Number.isFinite(result) ? result : null;
}

export function add(left: Value, right: Value): Value {
  const exact = (one: Exact, other: Exact): Exact => {
    const [a, b, scale] = align(one, other);
    return { digits: a + b, scale };
  };
  return operate(left, right, exact, (a, b) => a + b);
}

export function subtract(left: Value, right: Value): Value {
  return add(left, negate(right));
}

export function multiply(left: Value, right: Value): Value {
  const exact = (one: Exact, other: Exact): Exact => ({
    digits: one.digits * other.digits,
    scale: one.scale + other.scale,
  });
  return operate(left, right, exact, (a, b) => a * b);
}

export function divide(left: Value, right: Value): Value {
  if (left === null || right === null) return null;
  const result = valueNumber(left) / valueNumber(right);
  return Number.isFinite(result) ? result : null;
}

export function remainder(left: Value, right: Value): Value {
  if (left === null || right === null) return null;
  const one = exactOf(left);
  const other = exactOf(right);
  if (one !== undefined && other !== undefined) {
    const [a, b, scale] = align(one, other);
    return b === 0n ? null : toValue({ digits: a % b, scale });
  }
  const result = valueNumber(left) % valueNumber(right);
  return Number.isFinite(result) ? result : null;
}

export function negate(value: Value): Value {
  if (value === null) return null;
  const exact = exactOf(value);
  if (exact !== undefined) return toValue({ digits: -exact.digits, scale: exact.scale });
  const number = valueNumber(value);
  return Number.isNaN(number) ? null : -number;
}

const isNumber = (value: Value): boolean =>
  typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' || value instanceof Decimal;

/** Numbers by size, everything else by bytes; a number and a text by size when the text is a number. NULL with anything is null. */
export function compare(left: Value, right: Value): number | null {
  if (left === null || right === null) return null;
  if (isNumber(left) || isNumber(right)) {
    const one = exactOf(left);
    const other = exactOf(right);
    if (one !== undefined && other !== undefined) {
      const [a, b] = align(one, other);
      return a < b ? -1 : a > b ? 1 : 0;
    }
    const a = valueNumber(left);
    const b = valueNumber(right);
    if (!Number.isNaN(a) && !Number.isNaN(b)) return a < b ? -1 : a > b ? 1 : 0;
  }
  return Math.sign(Buffer.compare(bytesOf(left), bytesOf(right)));
}

function bytesOf(value: Exclude<Value, null>): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(valueText(value));
}

/** The truth of a value: NULL is unknown, numbers but 0 are true, and so are texts that are neither empty nor 0. */
export function isTrue(value: Value): boolean | null {
  if (value === null) return null;
  if (typeof value === 'boolean') return value;
  if (value instanceof Uint8Array) return value.length > 0;
  if (isNumber(value)) return valueNumber(value) !== 0;
  const text = valueText(value);
  return text !== '' && text !== '0';
}

/** SQL's LIKE with % and _, with case. Takes time in proportion to both lengths at most, whatever the pattern. */
export function like(value: Value, pattern: Value): Value {
  if (value === null || pattern === null || value instanceof Uint8Array || pattern instanceof Uint8Array) return null;
  const text = Array.from(valueText(value));
  const parts = likeParts(valueText(pattern));
  let at = 0;
  let part = 0;
  let anyPart = -1;
  let anyAt = 0;
  while (at < text.length) {
    const wanted = parts[part];
    if (wanted === ANY) {
      anyPart = part++;
      anyAt = at;
    } else if (wanted === ONE || wanted === text[at]) {
      at++;
      part++;
    } else if (anyPart >= 0) {
      part = anyPart + 1;
      at = ++anyAt;
    } else return false;
  }
  while (parts[part] === ANY) part++;
  return part === parts.length;
}

const ANY = 0;
const ONE = 1;

function likeParts(pattern: string): (string | number)[] {
  const parts: (string | number)[] = [];
  const letters = Array.from(pattern);
  for (let index = 0; index < letters.length; index++) {
    const letter = letters[index]!;
    if (letter === '%') parts.push(ANY);
    else if (letter === '_') parts.push(ONE);
    else parts.push(letter === '\\' && index + 1 < letters.length ? letters[++index]! : letter);
  }
  return parts;
}
