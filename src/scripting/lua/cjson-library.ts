// cjson-library: `cjson`, JSON for scripts, with the options, limits and messages of lua-cjson 2.1 as Redis ships it.
import { deepNative } from './machine.js';
import { checkInteger, checkString, setFunctions } from './native.js';
import { formatGeneral, numberToString, parseNumber } from './numbers.js';
import { argumentError, LuaTable, LuaUserdata, nativeError, traversalEnd, typeName } from './values.js';
import type { LuaValue, Results } from './values.js';

export const jsonNull = new LuaUserdata('userdata: (nil)');

interface Settings {
  sparseConvert: boolean;
  sparseRatio: number;
  sparseSafe: number;
  encodeMaxDepth: number;
  decodeMaxDepth: number;
  /** 0 refuses, 1 allows, 2 writes null. */
  encodeInvalid: 0 | 1 | 2;
  decodeInvalid: boolean;
  precision: number;
  keepBuffer: boolean;
}

function newSettings(): Settings {
  return {
    sparseConvert: false,
    sparseRatio: 2,
    sparseSafe: 10,
    encodeMaxDepth: 1000,
    decodeMaxDepth: 1000,
    encodeInvalid: 0,
    decodeInvalid: true,
    precision: 14,
    keepBuffer: true,
  };
}

const escapes: string[] = [];
for (let code = 0; code < 256; code++) {
  escapes.push(code < 32 || code === 127 ? `\\u${code.toString(16).padStart(4, '0')}` : String.fromCharCode(code));
}
Object.assign(escapes, { 8: '\\b', 9: '\\t', 10: '\\n', 12: '\\f', 13: '\\r', 34: '\\"', 47: '\\/', 92: '\\\\' });
const needsEscape = /[\x00-\x1f"/\\\x7f]/;
const allEscapes = new RegExp(needsEscape, 'g');

/** Up to here a loop is faster than a regular expression. */
const loopMax = 32;

function isPlain(text: string): boolean {
  if (text.length > loopMax) return !needsEscape.test(text);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 32 || code === 34 || code === 47 || code === 92 || code === 127) return false;
  }
  return true;
}

function encodeString(text: string): string {
  if (isPlain(text)) return `"${text}"`;
  return `"${text.replace(allEscapes, (c) => escapes[c.charCodeAt(0)]!)}"`;
}

class Encoder {
  private depth = 0;

  constructor(private readonly settings: Settings) {}

  encode(value: LuaValue): string {
    switch (typeof value) {
      case 'string':
        return encodeString(value);
      case 'number':
        return this.number(value);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'undefined':
        return 'null';
      default:
        if (value instanceof LuaTable) return this.table(value);
        if (value === jsonNull) return 'null';
        throw this.refuse(value, 'type not supported');
    }
  }

  private refuse(value: LuaValue, reason: string) {
    return nativeError(`Cannot serialise ${typeName(value)}: ${reason}`);
  }

  private number(value: number): string {
    if (!Number.isFinite(value)) {
      if (this.settings.encodeInvalid === 0) throw this.refuse(value, 'must not be NaN or Inf');
      if (this.settings.encodeInvalid === 2) return 'null';
      return value !== value ? 'nan' : value > 0 ? 'inf' : '-inf';
    }
    return this.settings.precision === 14 ? numberToString(value) : formatGeneral(value, this.settings.precision);
  }

  /** The array length when all keys are positive integers and not too sparse, else -1. */
  private arrayLength(table: LuaTable): number {
    const { settings } = this;
    let max = 0;
    let count = 0;
    for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) {
      const key = table.keyAt(position);
      if (typeof key !== 'number' || key < 1 || !Number.isInteger(key)) return -1;
      // A C int: what does not fit is the smallest one.
      if (key > max) max = key < 2 ** 31 ? key : -(2 ** 31);
      count++;
    }
    if (settings.sparseRatio > 0 && max > count * settings.sparseRatio && max > settings.sparseSafe) {
      if (!settings.sparseConvert) throw this.refuse(table, 'excessively sparse array');
      return -1;
    }
    return max;
  }

  private table(table: LuaTable): string {
    if (++this.depth > this.settings.encodeMaxDepth) {
      throw nativeError(`Cannot serialise, excessive nesting (${this.depth})`);
    }
    const length = this.arrayLength(table);
    let result: string;
    if (length > 0) {
      result = '[';
      for (let at = 1; at <= length; at++) result += (at === 1 ? '' : ',') + this.encode(table.getNumber(at));
      result += ']';
    } else {
      result = this.object(table);
    }
    this.depth--;
    return result;
  }

  private object(table: LuaTable): string {
    let result = '{';
    for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) {
      const key = table.keyAt(position);
      let name: string;
      if (typeof key === 'number') name = `"${this.number(key)}"`;
      else if (typeof key === 'string') name = encodeString(key);
      else throw this.refuse(key, 'table key must be a number or string');
      result += (result.length === 1 ? '' : ',') + name + ':' + this.encode(table.valueAt(position));
    }
    return result + '}';
  }
}

/** A code point as UTF-8, one character a byte. */
function utf8(code: number): string {
  if (code < 0x80) return String.fromCharCode(code);
  if (code < 0x800) return String.fromCharCode(0xc0 | (code >> 6), 0x80 | (code & 63));
  if (code < 0x10000) return String.fromCharCode(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  return String.fromCharCode(
    0xf0 | (code >> 18),
    0x80 | ((code >> 12) & 63),
    0x80 | ((code >> 6) & 63),
    0x80 | (code & 63),
  );
}

type JsonToken =
  | 'T_OBJ_BEGIN'
  | 'T_OBJ_END'
  | 'T_ARR_BEGIN'
  | 'T_ARR_END'
  | 'T_STRING'
  | 'T_NUMBER'
  | 'T_BOOLEAN'
  | 'T_NULL'
  | 'T_COLON'
  | 'T_COMMA'
  | 'T_END'
  | 'T_ERROR';

const tokenNames: Record<JsonToken, string> = {
  T_OBJ_BEGIN: 'T_OBJ_BEGIN',
  T_OBJ_END: 'T_OBJ_END',
  T_ARR_BEGIN: 'T_ARR_BEGIN',
  T_ARR_END: 'T_ARR_END',
  T_STRING: 'T_STRING',
  T_NUMBER: 'T_NUMBER',
  T_BOOLEAN: 'T_BOOLEAN',
  T_NULL: 'T_NULL',
  T_COLON: 'T_COLON',
  T_COMMA: 'T_COMMA',
  T_END: 'T_END',
  T_ERROR: 'T_ERROR',
};

const simpleTokens: Record<string, JsonToken> = {
  '{': 'T_OBJ_BEGIN',
  '}': 'T_OBJ_END',
  '[': 'T_ARR_BEGIN',
  ']': 'T_ARR_END',
  ',': 'T_COMMA',
  ':': 'T_COLON',
};
const simpleEscapes: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const numberPattern =
  /[+-]?(?:0[xX][0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?(?:[pP][+-]?\d+)?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?:inf(?:inity)?|nan))/iy;

class Decoder {
  private position = 0;
  private depth = 0;
  private token = 'T_END' as JsonToken;
  private tokenAt = 0;
  private value: LuaValue;
  private problem = '';

  constructor(
    private readonly text: string,
    private readonly settings: Settings,
  ) {}

  decode(): LuaValue {
    this.next();
    const value = this.parse();
    this.next();
    if (this.token !== 'T_END') throw this.expected('the end');
    return value;
  }

  private is(token: JsonToken): boolean {
    return this.token === token;
  }

  private expected(what: string) {
    const found = this.token === 'T_ERROR' ? this.problem : tokenNames[this.token];
    return nativeError(`Expected ${what} but found ${found} at character ${this.tokenAt + 1}`);
  }

  private fail(problem: string, at = this.position): void {
    this.token = 'T_ERROR';
    this.problem = problem;
    this.tokenAt = at;
  }

  private next(): void {
    const { text } = this;
    let code = text.charCodeAt(this.position);
    while (code === 32 || code === 9 || code === 10 || code === 13) code = text.charCodeAt(++this.position);
    this.tokenAt = this.position;
    // In the order in which they are common.
    if (code === 34) return this.string();
    if (code >= 48 && code <= 57 && this.shortNumber()) return;
    const char = text[this.position];
    if (char === undefined) {
      this.token = 'T_END';
      return;
    }
    const simple = simpleTokens[char];
    if (simple !== undefined) {
      this.token = simple;
      this.position++;
      return;
    }
    if (/[-0-9]/.test(char) || (this.settings.decodeInvalid && /[+iInN]/.test(char))) {
      if (this.settings.decodeInvalid && text.startsWith('null', this.position))
        return this.literal('null', 'T_NULL', jsonNull);
      if (this.number(char)) return;
      return this.fail('invalid token');
    }
    if (text.startsWith('true', this.position)) return this.literal('true', 'T_BOOLEAN', true);
    if (text.startsWith('false', this.position)) return this.literal('false', 'T_BOOLEAN', false);
    if (text.startsWith('null', this.position)) return this.literal('null', 'T_NULL', jsonNull);
    this.fail('invalid token');
  }

  private literal(word: string, token: JsonToken, value: LuaValue): void {
    this.token = token;
    this.value = value;
    this.position += word.length;
  }

  /** A number of a few digits, followed by nothing that could belong to it. */
  private shortNumber(): boolean {
    const { text, position } = this;
    let at = position;
    let value = 0;
    let code = text.charCodeAt(at);
    if (code === 48) return false;
    while (code >= 48 && code <= 57) {
      value = value * 10 + code - 48;
      code = text.charCodeAt(++at);
    }
    // A comma, a bracket, a blank or the end.
    const isEnd = code === 44 || code === 93 || code === 125 || code === 32 || code !== code;
    if (!isEnd || at - position > 15) return false;
    this.token = 'T_NUMBER';
    this.value = value;
    this.position = at;
    return true;
  }

  private number(char: string): boolean {
    if (
      !this.settings.decodeInvalid &&
      /^-?(?:0\d|0[xX]|[iInN])/.test(this.text.slice(this.position, this.position + 3))
    ) {
      this.fail('invalid number');
      return true;
    }
    numberPattern.lastIndex = this.position;
    const match = numberPattern.exec(this.text);
    if (match === null) {
      if (char !== '-' && !/\d/.test(char)) return false;
      this.fail('invalid number');
      return true;
    }
    const value = parseNumber(match[0]);
    if (value === undefined) {
      this.fail('invalid number');
      return true;
    }
    this.token = 'T_NUMBER';
    this.value = value;
    this.position += match[0].length;
    return true;
  }

  private hex4(at: number): number {
    const digits = this.text.slice(at, at + 4);
    return /^[0-9a-fA-F]{4}$/.test(digits) ? parseInt(digits, 16) : -1;
  }

  private string(): void {
    const { text } = this;
    const start = this.position;
    let at = start + 1;
    let from = at;
    let result = '';
    for (;;) {
      const code = text.charCodeAt(at);
      // The original works on C strings here: a zero byte ends them.
      if (at >= text.length || code === 0) return this.fail('unexpected end of string', at);
      if (code === 34) break;
      if (code !== 92) {
        at++;
        continue;
      }
      result += text.slice(from, at);
      const next = text[at + 1] ?? '';
      if (next === 'u') {
        const first = this.hex4(at + 2);
        let code32 = first;
        let used = 6;
        if (first >= 0xd800 && first < 0xe000) {
          const second = text[at + 6] === '\\' && text[at + 7] === 'u' ? this.hex4(at + 8) : -1;
          if (first >= 0xdc00 || second < 0xdc00 || second > 0xdfff)
            return this.fail('invalid unicode escape code', at);
          code32 = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
          used = 12;
        }
        if (first < 0) return this.fail('invalid unicode escape code', at);
        result += utf8(code32);
        at += used;
      } else {
        const plain = simpleEscapes[next];
        if (plain === undefined) return this.fail('invalid escape code', at);
        result += plain;
        at += 2;
      }
      from = at;
    }
    this.value = result + text.slice(from, at);
    this.token = 'T_STRING';
    this.position = at + 1;
  }

  private parse(): LuaValue {
    switch (this.token) {
      case 'T_STRING':
      case 'T_NUMBER':
      case 'T_BOOLEAN':
      case 'T_NULL':
        return this.value;
      case 'T_OBJ_BEGIN':
        return this.object();
      case 'T_ARR_BEGIN':
        return this.array();
      default:
        throw this.expected('value');
    }
  }

  private descend(): void {
    if (++this.depth > this.settings.decodeMaxDepth) {
      throw nativeError(`Found too many nested data structures (${this.depth}) at character ${this.position}`);
    }
  }

  private object(): LuaTable {
    this.descend();
    const table = new LuaTable();
    this.next();
    if (this.is('T_OBJ_END')) {
      this.depth--;
      return table;
    }
    for (;;) {
      if (!this.is('T_STRING')) throw this.expected('object key string');
      const key = this.value as string;
      this.next();
      if (!this.is('T_COLON')) throw this.expected('colon');
      this.next();
      table.set(key, this.parse());
      this.next();
      if (this.is('T_OBJ_END')) break;
      if (!this.is('T_COMMA')) throw this.expected('comma or object end');
      this.next();
    }
    this.depth--;
    return table;
  }

  private array(): LuaTable {
    this.descend();
    const table = new LuaTable();
    this.next();
    if (this.is('T_ARR_END')) {
      this.depth--;
      return table;
    }
    for (let at = 1; ; at++) {
      table.setNumber(at, this.parse());
      this.next();
      if (this.is('T_ARR_END')) break;
      if (!this.is('T_COMMA')) throw this.expected('comma or array end');
      this.next();
    }
    this.depth--;
    return table;
  }
}

function checkCount(args: LuaValue[], most: number): void {
  if (args.length > most) throw argumentError(most + 1, 'found too many arguments');
}

function integerOption(args: LuaValue[], number: number, current: number, least: number, most: number): number {
  if (args[number - 1] === undefined) return current;
  const value = checkInteger(args, number);
  if (value < least || value > most) throw argumentError(1, `expected integer between ${least} and ${most}`);
  return value;
}

function enumOption(args: LuaValue[], number: number, names: readonly string[], current: number): number {
  const value = args[number - 1];
  if (value === undefined) return current;
  if (typeof value === 'boolean') return value ? 1 : 0;
  const found = typeof value === 'string' ? names.indexOf(value) : -1;
  if (found < 0)
    throw argumentError(
      number,
      typeof value === 'string' ? `invalid option '${value}'` : `string expected, got ${typeName(value)}`,
    );
  return found;
}

const intMax = 0x7fffffff;

export function cjsonLibrary(): LuaTable {
  const settings = newSettings();
  const library = setFunctions(new LuaTable(), {
    encode: deepNative((...args) => {
      if (args.length !== 1) throw argumentError(1, 'expected 1 argument');
      return new Encoder(settings).encode(args[0]);
    }),
    decode: deepNative((...args) => {
      if (args.length !== 1) throw argumentError(1, 'expected 1 argument');
      const text = checkString(args, 1);
      if (text.length >= 2 && (text.charCodeAt(0) === 0 || text.charCodeAt(1) === 0)) {
        throw nativeError('JSON parser does not support UTF-16 or UTF-32');
      }
      return new Decoder(text, settings).decode();
    }),
    encode_sparse_array(...args): Results {
      checkCount(args, 3);
      settings.sparseConvert = enumOption(args, 1, ['off', 'on'], settings.sparseConvert ? 1 : 0) === 1;
      settings.sparseRatio = integerOption(args, 2, settings.sparseRatio, 0, intMax);
      settings.sparseSafe = integerOption(args, 3, settings.sparseSafe, 0, intMax);
      return [settings.sparseConvert, settings.sparseRatio, settings.sparseSafe];
    },
    encode_max_depth(...args) {
      checkCount(args, 1);
      return (settings.encodeMaxDepth = integerOption(args, 1, settings.encodeMaxDepth, 1, intMax));
    },
    decode_max_depth(...args) {
      checkCount(args, 1);
      return (settings.decodeMaxDepth = integerOption(args, 1, settings.decodeMaxDepth, 1, intMax));
    },
    encode_number_precision(...args) {
      checkCount(args, 1);
      return (settings.precision = integerOption(args, 1, settings.precision, 1, 14));
    },
    encode_keep_buffer(...args) {
      checkCount(args, 1);
      settings.keepBuffer = enumOption(args, 1, ['off', 'on'], settings.keepBuffer ? 1 : 0) === 1;
      return settings.keepBuffer;
    },
    encode_invalid_numbers(...args) {
      checkCount(args, 1);
      settings.encodeInvalid = enumOption(args, 1, ['off', 'on', 'null'], settings.encodeInvalid) as 0 | 1 | 2;
      return settings.encodeInvalid === 2 ? 'null' : settings.encodeInvalid === 1;
    },
    decode_invalid_numbers(...args) {
      checkCount(args, 1);
      settings.decodeInvalid = enumOption(args, 1, ['off', 'on'], settings.decodeInvalid ? 1 : 0) === 1;
      return settings.decodeInvalid;
    },
    new: () => cjsonLibrary(),
  });
  library.set('null', jsonNull);
  library.set('_NAME', 'cjson');
  library.set('_VERSION', '2.1.0');
  return library;
}
