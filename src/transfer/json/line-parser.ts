// line-parser: reads a line of either JSON format straight into the bytes that RDB has for the value.
//
// JSON.parse makes a string of each element, which then becomes bytes again: with both the load of a million small keys took four times as
// long. This parser takes what dumps consist of: strings, lists, sets, hashes and sorted sets with `type` before `value`. For
// everything else `parse` returns undefined, and the caller reads the object with JSON.parse, which also has the words for what is wrong.
//
// Values become the plain types of RDB (1, 2, 4, 5), which servers since 4.0 take in RESTORE and make compact themselves. The
// count of elements is written in its form of 32 bits, because it stands before them.

import { isUtf8 } from 'node:buffer';
import { RdbType, ValueKind } from '../../persistence/rdb/format.js';
import { Compression, RdbWriter } from '../../persistence/rdb/writer.js';
import { type KeyRecord, NO_EXPIRY, type Part } from '../record/record.js';
import { kindNumber } from '../record/values.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The writer's buffer is given away with the records in it once it is so full. */
const ARENA_BYTES = 1 << 20;
const DIGITS_MAX = 15;
const KEY_WORD_MAX = 12;

const parts: readonly string[] = ['whole', 'first', 'more', 'last'];

/** The text is none that this parser takes. */
const unsuitable = new Error('not a plain record');

export interface LineParserOptions {
  /** Lines of redis-dump: hashes as objects, whole seconds to live. */
  readonly isRedis: boolean;
  readonly nowMs: () => number;
}

export class LineParser {
  private readonly writer = new RdbWriter(Compression.none, ARENA_BYTES + 64 * 1024);
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;
  private hasHighBytes = false;
  /** The text that was read last, without its quotes: a place in `bytes`, or in `room` if there were escapes. */
  private text: Uint8Array = new Uint8Array(0);
  private textStart = 0;
  private textLength = 0;
  private room = new Uint8Array(1024);
  /** Hashes of the fields of the present hash: two that are alike may be the same field twice, which no payload may have. */
  private readonly fields = new Set<number>();

  constructor(private readonly options: LineParserOptions) {}

  /** The record that these bytes are, all of them. */
  parse(bytes: Uint8Array): KeyRecord | undefined {
    if (this.writer.length > ARENA_BYTES) this.writer.restart(new Uint8Array(ARENA_BYTES + 64 * 1024));
    const before = this.writer.length;
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
    this.hasHighBytes = false;
    try {
      const record = this.readRecord();
      this.space();
      if (this.at === this.end && (!this.hasHighBytes || isUtf8(bytes))) return record;
    } catch (error) {
      if (error !== unsuitable) throw error;
    }
    this.writer.length = before;
    return undefined;
  }

  private fail(): never {
    throw unsuitable;
  }

  private readRecord(): KeyRecord {
    const { isRedis } = this.options;
    let database = 0;
    let key: Uint8Array | undefined;
    let kind = -1;
    let rdbType = -1;
    let expireAtMs = NO_EXPIRY;
    let idleSeconds = -1;
    let frequency = -1;
    let part = 'whole';
    let raw: Uint8Array | undefined;
    this.expect(OPEN_OBJECT);
    do {
      switch (this.name()) {
        case 'db':
          database = this.wholeNumber();
          break;
        case 'key':
          this.string();
          key = this.kept();
          break;
        case 'type':
          kind = kindNumber(this.name(false));
          break;
        case 'ttl': {
          const ttl = this.wholeNumber();
          if (!isRedis) this.fail();
          if (ttl > 0) expireAtMs = this.options.nowMs() + ttl * 1000;
          break;
        }
        case 'size':
          this.wholeNumber();
          break;
        case 'expireAt':
          expireAtMs = this.wholeNumber();
          if (isRedis) this.fail();
          break;
        case 'idle':
          idleSeconds = this.wholeNumber();
          break;
        case 'freq':
          frequency = this.wholeNumber();
          break;
        case 'part':
          part = this.name(false);
          break;
        case 'value':
          if (raw !== undefined) this.fail();
          rdbType = this.typeOf(kind);
          raw = this.value(kind);
          break;
        default:
          this.fail();
      }
    } while (this.more(CLOSE_OBJECT));
    if (key === undefined || raw === undefined || database < 0 || !parts.includes(part)) return this.fail();
    if (isRedis && (part !== 'whole' || idleSeconds >= 0 || frequency >= 0)) return this.fail();
    return {
      what: 'key',
      database,
      key,
      kind,
      expireAtMs,
      idleSeconds,
      frequency,
      part: part as Part,
      rdbType,
      raw,
      isValkey: false,
      value: undefined,
    };
  }

  private typeOf(kind: number): number {
    switch (kind) {
      case ValueKind.string:
        return RdbType.string;
      case ValueKind.list:
        return RdbType.list;
      case ValueKind.set:
        return RdbType.set;
      case ValueKind.hash:
        return RdbType.hash;
      case ValueKind.zset:
        return RdbType.zset2;
      default:
        return this.fail();
    }
  }

  private value(kind: number): Uint8Array {
    const { writer } = this;
    const from = writer.length;
    if (kind === ValueKind.string) {
      this.string();
      this.put();
    } else {
      // The count in its long form, patched at the end.
      writer.byte(0x80);
      for (let index = 0; index < 4; index++) writer.byte(0);
      const isObject = kind === ValueKind.hash && this.options.isRedis;
      const count = this.elements(kind, isObject);
      for (let index = 0; index < 4; index++) writer.bytes[from + 1 + index] = count >>> (24 - 8 * index);
    }
    return new Uint8Array(writer.bytes.buffer, writer.bytes.byteOffset + from, writer.length - from);
  }

  private elements(kind: number, isObject: boolean): number {
    const close = isObject ? CLOSE_OBJECT : CLOSE_LIST;
    this.expect(isObject ? OPEN_OBJECT : OPEN_LIST);
    this.space();
    if (this.bytes[this.at] === close) {
      this.at++;
      return 0;
    }
    let count = 0;
    if (kind === ValueKind.hash) this.fields.clear();
    do {
      if (isObject) {
        this.string();
        this.putField();
        this.expect(COLON);
        this.string();
        this.put();
      } else if (kind === ValueKind.list || kind === ValueKind.set) {
        this.string();
        this.put();
      } else this.pair(kind);
      count++;
    } while (this.more(close));
    return count;
  }

  private pair(kind: number): void {
    this.expect(OPEN_LIST);
    this.string();
    if (kind === ValueKind.hash) {
      this.putField();
      this.expect(COMMA);
      this.string();
      this.put();
    } else {
      this.put();
      this.expect(COMMA);
      this.writer.double(this.number());
    }
    // A third part is the time at which a field expires.
    this.expect(CLOSE_LIST);
  }

  private put(): void {
    this.writer.string(this.text, this.textStart, this.textLength);
  }

  private putField(): void {
    const { text, textStart, textLength, fields } = this;
    let hash = textLength;
    for (let at = textStart, end = at + textLength; at < end; at++) hash = Math.imul(hash ^ text[at]!, 16777619);
    const { size } = fields;
    if (fields.add(hash).size === size) this.fail();
    this.put();
  }

  /** The text that was read last, for as long as the input lives. */
  private kept(): Uint8Array {
    const { text, textStart, textLength } = this;
    if (text === this.room) return text.slice(textStart, textStart + textLength);
    return new Uint8Array(text.buffer, text.byteOffset + textStart, textLength);
  }

  private space(): void {
    const { bytes, end } = this;
    while (this.at < end) {
      const byte = bytes[this.at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.at++;
    }
  }

  private expect(byte: number): void {
    if (this.bytes[this.at] !== byte) this.space();
    if (this.at >= this.end || this.bytes[this.at] !== byte) this.fail();
    this.at++;
  }

  /** After an element: whether another one follows. */
  private more(close: number): boolean {
    if (this.bytes[this.at] !== COMMA && this.bytes[this.at] !== close) this.space();
    if (this.at >= this.end) this.fail();
    const byte = this.bytes[this.at++];
    if (byte === COMMA) return true;
    return byte === close ? false : this.fail();
  }

  /** A short word of ASCII, with the colon after it if it names a member. */
  private name(isMember = true): string {
    this.string();
    if (this.textLength > KEY_WORD_MAX) this.fail();
    let word = '';
    for (let index = 0; index < this.textLength; index++)
      word += String.fromCharCode(this.text[this.textStart + index]!);
    if (isMember) this.expect(COLON);
    return word;
  }

  private string(): void {
    this.expect(QUOTE);
    const { bytes, end } = this;
    const start = this.at;
    let high = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.at = at + 1;
        this.text = bytes;
        this.textStart = start;
        this.textLength = at - start;
        if (high >= 0x80) this.hasHighBytes = true;
        return;
      }
      if (byte === BACKSLASH) {
        if (high >= 0x80) this.hasHighBytes = true;
        this.unescape(start, at);
        return;
      }
      if (byte < 0x20) this.fail();
      high |= byte;
    }
    this.fail();
  }

  /** A string with escapes: into the room. */
  private unescape(start: number, firstEscape: number): void {
    const { bytes, end } = this;
    let { room } = this;
    let length = 0;
    const grow = (more: number): void => {
      if (length + more <= room.length) return;
      const grown = new Uint8Array(Math.max(room.length * 2, length + more));
      grown.set(room.subarray(0, length));
      room = this.room = grown;
    };
    grow(firstEscape - start);
    room.set(bytes.subarray(start, firstEscape), 0);
    length = firstEscape - start;
    for (let at = firstEscape; at < end; at++) {
      const byte = bytes[at]!;
      grow(4);
      if (byte === QUOTE) {
        this.at = at + 1;
        this.text = room;
        this.textStart = 0;
        this.textLength = length;
        return;
      }
      if (byte < 0x20) this.fail();
      if (byte !== BACKSLASH) {
        if (byte >= 0x80) this.hasHighBytes = true;
        room[length++] = byte;
        continue;
      }
      const letter = bytes[++at];
      if (letter !== 0x75) {
        room[length++] = this.escaped(letter);
        continue;
      }
      let code = this.hexadecimal(at + 1);
      at += 4;
      if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || bytes[at + 1] !== BACKSLASH || bytes[at + 2] !== 0x75) this.fail();
        const low = this.hexadecimal(at + 3);
        if (low < 0xdc00 || low >= 0xe000) this.fail();
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
      length = putCharacter(room, length, code);
    }
    this.fail();
  }

  private escaped(letter: number | undefined): number {
    switch (letter) {
      case 0x6e:
        return 10;
      case 0x74:
        return 9;
      case 0x72:
        return 13;
      case 0x62:
        return 8;
      case 0x66:
        return 12;
      case QUOTE:
      case BACKSLASH:
      case 0x2f:
        return letter;
      default:
        return this.fail();
    }
  }

  private hexadecimal(from: number): number {
    if (from + 4 > this.end) this.fail();
    let value = 0;
    for (let at = from; at < from + 4; at++) {
      const byte = this.bytes[at]!;
      const lower = byte | 0x20;
      if (byte >= 0x30 && byte <= 0x39) value = value * 16 + byte - 0x30;
      else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
      else this.fail();
    }
    return value;
  }

  /** Digits, whose value is a safe integer. */
  private wholeNumber(): number {
    const value = this.number();
    return Number.isSafeInteger(value) ? value : this.fail();
  }

  private number(): number {
    this.space();
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    const isNegative = bytes[at] === 0x2d;
    if (isNegative) at++;
    const firstDigit = at;
    let value = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = at - firstDigit;
    if (digits === 0 || (digits > 1 && bytes[firstDigit] === 0x30)) this.fail();
    const next = bytes[at];
    if (digits <= DIGITS_MAX && next !== 0x2e && next !== 0x65 && next !== 0x45) {
      this.at = at;
      return isNegative ? -value : value;
    }
    return this.longNumber(start, at);
  }

  /** A number with a point, an exponent or many digits. */
  private longNumber(start: number, from: number): number {
    const { bytes, end } = this;
    let at = from;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      const isPart = (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2b || byte === 0x2d;
      if (!isPart && byte !== 0x65 && byte !== 0x45) break;
    }
    let text = '';
    for (let index = start; index < at; index++) text += String.fromCharCode(bytes[index]!);
    if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) this.fail();
    this.at = at;
    return Number(text);
  }
}

/** Writes a character as UTF-8. */
function putCharacter(to: Uint8Array, offset: number, code: number): number {
  let at = offset;
  if (code < 0x80) to[at++] = code;
  else if (code < 0x800) {
    to[at++] = 0xc0 | (code >> 6);
    to[at++] = 0x80 | (code & 63);
  } else if (code < 0x10000) {
    to[at++] = 0xe0 | (code >> 12);
    to[at++] = 0x80 | ((code >> 6) & 63);
    to[at++] = 0x80 | (code & 63);
  } else {
    to[at++] = 0xf0 | (code >> 18);
    to[at++] = 0x80 | ((code >> 12) & 63);
    to[at++] = 0x80 | ((code >> 6) & 63);
    to[at++] = 0x80 | (code & 63);
  }
  return at;
}
