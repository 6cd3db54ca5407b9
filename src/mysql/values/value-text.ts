// value-text: a value as text in a key, a field or a member, and as a part of a JSON document.

import { doubleText } from './number-text.js';
import { Decimal, JsonText, type Value } from './value.js';

/** How numbers that a double cannot hold stand in JSON: as strings, which every reader keeps, or as digits. */
export type JsonNumbers = 'exact' | 'digits';

/** The text of a value that is not binary. NULL is the empty text. */
export function valueText(value: Exclude<Value, Uint8Array>): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return doubleText(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'bigint') return value.toString();
  return value.text;
}

/** The bytes of a value in Redis. */
export function valueWord(value: Value): string | Uint8Array {
  return value instanceof Uint8Array ? value : valueText(value);
}

export function valueBytes(value: Value): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(valueText(value));
}

/** A value as JSON: binary as base64, numbers beyond 2^53 and decimals by `numbers`. */
export function valueJson(value: Value, numbers: JsonNumbers): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'boolean':
      return String(value);
    case 'number':
      return Number.isFinite(value) ? doubleText(value) : 'null';
    case 'bigint': {
      const isSafe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
      return isSafe || numbers === 'digits' ? value.toString() : `"${value}"`;
    }
    default:
      if (value instanceof Decimal) return numbers === 'digits' ? value.text : `"${value.text}"`;
      if (value instanceof JsonText) return value.text;
      return JSON.stringify(Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64'));
  }
}

/** The number that a value stands for; NaN when it is none. */
export function valueNumber(value: Value): number {
  if (value === null) return NaN;
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Uint8Array) return NaN;
  const text = valueText(value).trim();
  return text === '' ? NaN : Number(text);
}
