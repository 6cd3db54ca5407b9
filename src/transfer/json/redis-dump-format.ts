// redis-dump-format: the JSON lines of the Ruby gem redis-dump, written and read.
//
//   {"db":0,"key":"k","ttl":-1,"type":"string","value":"v","size":1}
//
//   type       value
//   string     "text"; with -b base64 with a line break after each 60 characters
//   list, set  ["a","b"]
//   zset       [["member",1.0], ...], scores as Ruby writes floats; older files have them as strings
//   hash       {"field":"value"}
//
// `ttl` is in whole seconds, -1 for none. `size` counts characters, not bytes, of all elements. The format knows neither
// streams nor bytes that are no UTF-8, but for string values with -b: such keys are refused with a reason.

import { isUtf8 } from 'node:buffer';
import { kindNumber, type Value } from '../record/values.js';
import { type KeyRecord, keyRecord, NO_EXPIRY } from '../record/record.js';
import { looseScore } from '../../persistence/rdb/reader.js';

/** The format cannot express the record. */
export class UnfitRecord extends Error {}

function textOf(bytes: Uint8Array, what: string): string {
  if (!isUtf8(bytes)) throw new UnfitRecord(`${what} is no UTF-8`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

/** A float as Ruby's to_s writes it: 1.0, 1.5, 1.0e+16, 1.0e-05. */
export function rubyFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    const [digits, exponent] = value.toExponential().split('e') as [string, string];
    const sign = exponent.startsWith('-') ? '-' : '+';
    return `${digits.includes('.') ? digits : `${digits}.0`}e${sign}${exponent.slice(1).padStart(2, '0')}`;
  }
  const text = Object.is(value, -0) ? '-0' : String(value);
  return text.includes('.') ? text : `${text}.0`;
}

export function rubyBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  return text.replace(/.{1,60}/g, '$&\n');
}

function characters(text: string): number {
  let count = text.length;
  for (let index = 0; index < text.length; index++) if ((text.charCodeAt(index) & 0xfc00) === 0xdc00) count--;
  return count;
}

export interface RedisDumpOptions {
  readonly base64: boolean;
  readonly nowMs: number;
}

/** Writes records; a value in parts becomes one line that is written piece by piece. */
export class RedisDumpWriter {
  private size = 0;
  private hasElements = false;
  /** Elements of a value in parts that could not be written as they are. */
  replaced = 0;

  constructor(private readonly base64: boolean) {}

  /** The text for the record; throws UnfitRecord, after which nothing of it was written. */
  format(record: KeyRecord, value: Value, nowMs: number): string {
    const isFirst = record.part === 'whole' || record.part === 'first';
    const isLast = record.part === 'whole' || record.part === 'last';
    const key = textOf(record.key, 'the key');
    if (isFirst) {
      this.size = 0;
      this.hasElements = false;
    }
    const body = this.elements(value, record.part !== 'whole');
    const isHash = value.kind === 'hash';
    let text = '';
    if (isFirst) {
      const ttl = record.expireAtMs === NO_EXPIRY ? -1 : Math.max(0, Math.round((record.expireAtMs - nowMs) / 1000));
      text = `{"db":${record.database},"key":${JSON.stringify(key)},"ttl":${ttl},"type":"${value.kind}","value":`;
      if (value.kind !== 'string') text += isHash ? '{' : '[';
    }
    text += body;
    if (isLast) {
      if (value.kind !== 'string') text += isHash ? '}' : ']';
      text += `,"size":${this.size}}\n`;
    }
    return text;
  }

  private text(bytes: Uint8Array, what: string, inParts: boolean): string {
    if (inParts && !isUtf8(bytes)) {
      this.replaced++;
      return Buffer.from(bytes).toString();
    }
    return textOf(bytes, what);
  }

  private elements(value: Value, inParts: boolean): string {
    const comma = (): string => {
      const text = this.hasElements ? ',' : '';
      this.hasElements = true;
      return text;
    };
    let text = '';
    switch (value.kind) {
      case 'string': {
        if (!this.base64) {
          const plain = textOf(value.bytes, 'the value (-b writes it as base64)');
          this.size += characters(plain);
          return JSON.stringify(plain);
        }
        this.size += characters(Buffer.from(value.bytes).toString());
        return JSON.stringify(rubyBase64(value.bytes));
      }
      case 'list':
      case 'set':
        for (const one of value.elements) {
          const element = this.text(one, 'an element', inParts);
          this.size += characters(element);
          text += comma() + JSON.stringify(element);
        }
        return text;
      case 'zset':
        value.elements.forEach((one, index) => {
          const member = this.text(one, 'a member', inParts);
          const score = rubyFloat(value.scores[index]!);
          this.size += characters(member) + score.length;
          // JSON has no infinity; as text both sides can read it.
          const shown = Number.isFinite(value.scores[index]!) ? score : `"${score.replace('Infinity', 'inf')}"`;
          text += `${comma()}[${JSON.stringify(member)},${shown}]`;
        });
        return text;
      case 'hash':
        value.fields.forEach((one, index) => {
          const field = this.text(one, 'a field', inParts);
          const content = this.text(value.values[index]!, 'the value of a field', inParts);
          this.size += characters(field) + characters(content);
          text += `${comma()}${JSON.stringify(field)}:${JSON.stringify(content)}`;
        });
        return text;
      default:
        throw new UnfitRecord(`the format has no ${value.kind === 'module' ? 'module types' : 'streams'}`);
    }
  }
}

export type TextToBytes = (text: string) => Uint8Array;

function scalar(value: unknown): string {
  if (typeof value === 'object' && value !== null) throw new Error('a text or a number is missing');
  return typeof value === 'string' ? value : value === null || value === undefined ? '' : String(value as number);
}

function databaseOf(value: unknown): number {
  const database = Number(scalar(value ?? 0));
  if (!Number.isSafeInteger(database) || database < 0) throw new Error(`'${scalar(value)}' is no database`);
  return database;
}

/** A record of the parsed line; undefined for a key that had vanished when it was written. Throws with the reason. */
export function readRedisDump(
  line: Record<string, unknown>,
  toBytes: TextToBytes,
  { base64, nowMs }: RedisDumpOptions,
): KeyRecord | undefined {
  if (typeof line.type !== 'string') throw new Error('the record has no type');
  const { type } = line;
  if (type === 'none') return undefined;
  const kind = kindNumber(type);
  if (typeof line.key !== 'string' && typeof line.key !== 'number') throw new Error('the record has no key');
  const value = readValue(type, line.value, toBytes, base64);
  if (value === undefined || kind < 0) throw new Error(`Unknown type: ${type}`);
  const ttl = Number(line.ttl ?? -1);
  return keyRecord({
    database: databaseOf(line.db),
    key: toBytes(scalar(line.key)),
    kind,
    value,
    // As the gem: no more than a time that is positive is set.
    expireAtMs: ttl > 0 ? nowMs + ttl * 1000 : NO_EXPIRY,
  });
}

function readValue(type: string, value: unknown, toBytes: TextToBytes, base64: boolean): Value | undefined {
  const list = (): unknown[] => {
    if (!Array.isArray(value)) throw new Error(`the value of a ${type} must be an array`);
    return value as unknown[];
  };
  switch (type) {
    case 'string':
      return {
        kind: 'string',
        bytes: base64 ? Buffer.from(scalar(value), 'base64') : toBytes(scalar(value)),
      };
    case 'list':
    case 'set':
      return { kind: type, elements: list().map((one) => toBytes(scalar(one))) };
    case 'zset': {
      const pairs = list().map((pair) => {
        if (!Array.isArray(pair) || pair.length !== 2) throw new Error('a member of a zset must be [member, score]');
        const score = typeof pair[1] === 'number' ? pair[1] : looseScore(scalar(pair[1]), NaN);
        if (Number.isNaN(score)) throw new Error(`'${scalar(pair[1])}' is no score`);
        return [toBytes(scalar(pair[0])), score] as const;
      });
      return { kind: 'zset', elements: pairs.map(([member]) => member), scores: pairs.map(([, score]) => score) };
    }
    case 'hash': {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw new Error('the value of a hash must be an object');
      const pairs = Object.entries(value);
      return {
        kind: 'hash',
        fields: pairs.map(([field]) => toBytes(field)),
        values: pairs.map(([, content]) => toBytes(scalar(content))),
        expireAtMs: [],
      };
    }
    default:
      return undefined;
  }
}
