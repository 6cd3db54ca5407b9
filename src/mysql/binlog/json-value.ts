// json-value: a JSON document as a tree of values that keep MySQL's types, and its text as MySQL prints it.
//
// MySQL's documents know more types than JSON: decimals, dates, binary. A tree that kept only JavaScript's values would print
// 1.0 as 1 and lose 64-bit integers, and a partial update could not be applied to it.
//
// Members of an object stay in the order of their bytes: shorter names first, then by bytes. MySQL prints them in that order.
import { doubleText } from '../values/number-text.js';

export type JsonValue =
  | null
  | boolean
  | string
  | bigint
  /** A double. */
  | number
  | JsonValue[]
  | JsonObject
  | JsonLiteral;

/** Text that stands in the document as it is: a decimal, or a date in quotes. */
export class JsonLiteral {
  constructor(readonly text: string) {}
}

export class JsonObject {
  constructor(readonly members: Map<string, JsonValue>) {}
}

/** MySQL's order of names. */
export function compareNames(one: string, other: string): number {
  const a = Buffer.from(one);
  const b = Buffer.from(other);
  return a.length - b.length || Buffer.compare(a, b);
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const escaped = /["\\\u0000-\u001f]/g;

export function quoteJson(text: string): string {
  const body = text.replace(
    escaped,
    (letter) => escapes[letter] ?? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${body}"`;
}

function numberText(value: number): string {
  const text = doubleText(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** Appends to parts, so that a deep or wide document costs no copies. */
function write(value: JsonValue, parts: string[]): void {
  if (value === null) parts.push('null');
  else if (typeof value === 'string') parts.push(quoteJson(value));
  else if (typeof value === 'number') parts.push(numberText(value));
  else if (typeof value === 'bigint' || typeof value === 'boolean') parts.push(String(value));
  else if (value instanceof JsonLiteral) parts.push(value.text);
  else if (Array.isArray(value)) {
    parts.push('[');
    for (const [index, element] of value.entries()) {
      if (index > 0) parts.push(', ');
      write(element, parts);
    }
    parts.push(']');
  } else {
    parts.push('{');
    let isFirst = true;
    for (const [name, member] of value.members) {
      if (!isFirst) parts.push(', ');
      isFirst = false;
      parts.push(quoteJson(name), ': ');
      write(member, parts);
    }
    parts.push('}');
  }
}

export function jsonText(value: JsonValue): string {
  const parts: string[] = [];
  write(value, parts);
  return parts.join('');
}
