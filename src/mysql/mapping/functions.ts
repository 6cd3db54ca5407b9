// functions: what expressions may call. Each takes values and gives a value, without any effect and in bounded time.

import { createHash } from 'node:crypto';
import { Decimal, JsonText, type Value } from '../values/value.js';
import { valueBytes, valueJson, valueNumber, valueText } from '../values/value-text.js';
import { compare } from './arithmetic.js';

export interface ExpressionFunction {
  readonly least: number;
  readonly most: number;
  run(values: readonly Value[]): Value;
}

const TEXT_MAX = 64 * 1024 * 1024;
const MANY = 255;

/** A function of one text, NULL for NULL. */
function ofText(run: (text: string) => Value): ExpressionFunction {
  return { least: 1, most: 1, run: ([value]) => (value === null ? null : run(textOf(value!))) };
}

function ofNumber(run: (number: number) => number): ExpressionFunction {
  return {
    least: 1,
    most: 1,
    run: ([value]) => {
      const result = value === null ? NaN : run(valueNumber(value!));
      return Number.isFinite(result) ? result : null;
    },
  };
}

function textOf(value: Exclude<Value, null>): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : valueText(value);
}

function hash(algorithm: string): ExpressionFunction {
  return {
    least: 1,
    most: 1,
    run: ([value]) => (value === null ? null : createHash(algorithm).update(valueBytes(value!)).digest('hex')),
  };
}

/** Whole number from an argument, or NaN. */
const whole = (value: Value | undefined): number => Math.trunc(valueNumber(value ?? null));

function substr([value, start, length]: readonly Value[]): Value {
  if (value === null || start === null || length === null) return null;
  const letters = Array.from(textOf(value!));
  const first = whole(start);
  const from = first > 0 ? first - 1 : first < 0 ? letters.length + first : -1;
  if (from < 0 || Number.isNaN(from)) return '';
  const count = length === undefined ? letters.length : whole(length);
  return letters.slice(from, from + Math.max(0, count)).join('');
}

/** Members of a JSON document: `json_get(doc, 'a', 0, 'b')`. A text comes without quotes. */
function jsonGet([document, ...path]: readonly Value[]): Value {
  if (document === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(textOf(document!));
  } catch {
    return null;
  }
  for (const step of path) {
    if (step === null || typeof value !== 'object' || value === null) return null;
    if (Array.isArray(value)) value = (value as unknown[])[whole(step)];
    else {
      const name = textOf(step);
      value = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    }
  }
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return new JsonText(JSON.stringify(value));
}

function round([value, digits]: readonly Value[]): Value {
  if (value === null || digits === null) return null;
  const places = digits === undefined ? 0 : Math.max(0, Math.min(30, whole(digits)));
  const number = valueNumber(value!);
  if (!Number.isFinite(number)) return null;
  return places === 0 ? Math.sign(number) * Math.round(Math.abs(number)) : new Decimal(number.toFixed(places));
}

/** Seconds since 1970 of a date or date and time, which counts as UTC unless an offset such as +08:00 is given. */
function unixTime([value, offset]: readonly Value[]): Value {
  if (value === null || offset === null) return null;
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(\.\d+)?)?$/.exec(textOf(value!));
  if (match === null) return null;
  const zone = /^([+-])(\d\d):(\d\d)$/.exec(offset === undefined ? '+00:00' : textOf(offset));
  if (zone === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month === 0 || day === 0) return null;
  const shift = (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 3600 + Number(zone[3]) * 60);
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - shift;
  return match[7] === undefined ? seconds : seconds + Number(match[7]);
}

function extreme(values: readonly Value[], sign: number): Value {
  let best: Value = values[0]!;
  for (const value of values) {
    const order = compare(value, best);
    if (order === null) return null;
    if (order * sign > 0) best = value;
  }
  return best;
}

function bounded(text: string): string {
  if (text.length > TEXT_MAX) throw new RangeError(`a text of ${text.length} characters`);
  return text;
}

export const functions: ReadonlyMap<string, ExpressionFunction> = new Map<string, ExpressionFunction>([
  [
    'concat',
    {
      least: 1,
      most: MANY,
      run: (values) =>
        values.includes(null) ? null : bounded(values.map((value) => textOf(value as Exclude<Value, null>)).join('')),
    },
  ],
  [
    'concat_ws',
    {
      least: 2,
      most: MANY,
      run: ([separator, ...values]) =>
        separator === null
          ? null
          : bounded(
              values
                .filter((value) => value !== null)
                .map((value) => textOf(value))
                .join(textOf(separator!)),
            ),
    },
  ],
  ['lower', ofText((text) => text.toLowerCase())],
  ['upper', ofText((text) => text.toUpperCase())],
  ['trim', ofText((text) => text.replace(/^ +| +$/g, ''))],
  ['length', { least: 1, most: 1, run: ([value]) => (value === null ? null : valueBytes(value!).length) }],
  ['char_length', ofText((text) => Array.from(text).length)],
  ['substr', { least: 2, most: 3, run: substr }],
  ['left', { least: 2, most: 2, run: ([value, count]) => (count === null ? null : substr([value!, 1, count!])) }],
  [
    'replace',
    {
      least: 3,
      most: 3,
      run: ([value, from, to]) => {
        if (value === null || from === null || to === null) return null;
        const search = textOf(from!);
        return search === '' ? textOf(value!) : bounded(textOf(value!).replaceAll(search, () => textOf(to!)));
      },
    },
  ],
  ['coalesce', { least: 1, most: MANY, run: (values) => values.find((value) => value !== null) ?? null }],
  ['ifnull', { least: 2, most: 2, run: ([value, other]) => value ?? other ?? null }],
  ['nullif', { least: 2, most: 2, run: ([value, other]) => (compare(value!, other!) === 0 ? null : value!) }],
  ['abs', ofNumber(Math.abs)],
  ['floor', ofNumber(Math.floor)],
  ['ceil', ofNumber(Math.ceil)],
  ['round', { least: 1, most: 2, run: round }],
  ['greatest', { least: 1, most: MANY, run: (values) => extreme(values, 1) }],
  ['least', { least: 1, most: MANY, run: (values) => extreme(values, -1) }],
  [
    'number',
    {
      least: 1,
      most: 1,
      run: ([value]) => {
        const number = valueNumber(value!);
        return Number.isNaN(number) ? null : number;
      },
    },
  ],
  ['text', ofText((text) => text)],
  [
    'hex',
    { least: 1, most: 1, run: ([value]) => (value === null ? null : Buffer.from(valueBytes(value!)).toString('hex')) },
  ],
  [
    'base64',
    {
      least: 1,
      most: 1,
      run: ([value]) => (value === null ? null : Buffer.from(valueBytes(value!)).toString('base64')),
    },
  ],
  ['md5', hash('md5')],
  ['sha1', hash('sha1')],
  ['sha256', hash('sha256')],
  ['date', ofText((text) => text.slice(0, 10))],
  ['unix_timestamp', { least: 1, most: 2, run: unixTime }],
  ['json_get', { least: 2, most: MANY, run: jsonGet }],
  [
    'json',
    {
      least: 1,
      most: 1,
      run: ([value]) => {
        if (value === null || value instanceof JsonText) return value;
        try {
          return new JsonText(JSON.stringify(JSON.parse(textOf(value!))));
        } catch {
          return new JsonText(valueJson(value!, 'exact'));
        }
      },
    },
  ],
  [
    'json_object',
    {
      least: 0,
      most: MANY,
      run: (values) => {
        const members: string[] = [];
        for (let index = 0; index + 1 < values.length; index += 2)
          members.push(
            `${JSON.stringify(valueText(asText(values[index]!)))}:${valueJson(values[index + 1]!, 'exact')}`,
          );
        return new JsonText(`{${members.join(',')}}`);
      },
    },
  ],
  [
    'json_array',
    {
      least: 0,
      most: MANY,
      run: (values) => new JsonText(`[${values.map((value) => valueJson(value, 'exact')).join(',')}]`),
    },
  ],
  [
    'uuid_text',
    {
      least: 1,
      most: 1,
      run: ([value]) => {
        if (!(value instanceof Uint8Array) || value.length !== 16) return null;
        const text = Buffer.from(value).toString('hex');
        return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
      },
    },
  ],
]);

const asText = (value: Value): string => (value === null ? '' : textOf(value));
