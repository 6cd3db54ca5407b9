// record-writer: the lines of both JSON formats, written element by element from the raw bytes of a record.
//
// It writes what `kvasirLine` and `RedisDumpWriter` write, for the records that dumps consist of; `write` returns false, with
// nothing written, for those that need a closer look: streams, modules, base64, and in redis-dump's format bytes that are no UTF-8.

import type { Slice } from '../../persistence/rdb/packed.js';
import { type ElementVisitor, hasElements, walkElements } from '../record/elements.js';
import { type KeyRecord, NO_EXPIRY } from '../record/record.js';
import { kindName, scoreText } from '../record/values.js';
import { JsonBytes } from './json-bytes.js';
import { rubyFloat } from './redis-dump-format.js';
import { ValueKind } from '../../persistence/rdb/format.js';

const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

const typeTexts = [0, 1, 2, 3, 4].map((kind) => `"type":"${kindName(kind)}"`);

export class KvasirRecordWriter implements ElementVisitor {
  private isFirst = true;

  constructor(private readonly to: JsonBytes) {}

  write(record: KeyRecord): boolean {
    if (!hasElements(record.kind)) return false;
    const { to } = this;
    to.ascii('{"db":');
    to.integer(record.database);
    to.ascii(',"key":');
    this.text(record.key, 0, record.key.length);
    to.byte(COMMA);
    to.ascii(typeTexts[record.kind]!);
    this.number(',"expireAt":', record.expireAtMs, NO_EXPIRY);
    this.number(',"idle":', record.idleSeconds, -1);
    this.number(',"freq":', record.frequency, -1);
    if (record.part !== 'whole') to.ascii(`,"part":"${record.part}"`);
    to.ascii(',"value":');
    this.isFirst = true;
    const isString = record.kind === ValueKind.string;
    if (!isString) to.byte(OPEN);
    walkElements(record, this);
    to.ascii(isString ? '}\n' : ']}\n');
    return true;
  }

  private number(name: string, value: number, none: number): void {
    if (value === none) return;
    this.to.ascii(name);
    this.to.integer(value);
  }

  private text(bytes: Uint8Array, start: number, length: number): void {
    const { to } = this;
    if (to.string(bytes, start, length) >= 0) return;
    to.ascii('{"base64":"');
    to.base64(bytes, start, length);
    to.ascii('"}');
  }

  private comma(): void {
    if (this.isFirst) this.isFirst = false;
    else this.to.byte(COMMA);
  }

  one(bytes: Uint8Array, start: number, length: number): void {
    this.comma();
    this.text(bytes, start, length);
  }

  field(name: Slice, content: Slice, expireAtMs: number): void {
    const { to } = this;
    this.comma();
    to.byte(OPEN);
    this.text(name.bytes, name.start, name.length);
    to.byte(COMMA);
    this.text(content.bytes, content.start, content.length);
    if (expireAtMs > 0) this.number(',', expireAtMs, 0);
    to.byte(CLOSE);
  }

  member(bytes: Uint8Array, start: number, length: number, score: number): void {
    const { to } = this;
    this.comma();
    to.byte(OPEN);
    this.text(bytes, start, length);
    to.byte(COMMA);
    if (Number.isFinite(score) && !Object.is(score, -0)) to.ascii(String(score));
    else to.ascii(`"${scoreText(score)}"`);
    to.byte(CLOSE);
  }
}

export class RedisRecordWriter implements ElementVisitor {
  private isFirst = true;
  private size = 0;
  private isUnfit = false;

  constructor(private readonly to: JsonBytes) {}

  /** Only of whole values: the format has no parts. */
  write(record: KeyRecord, nowMs: number): boolean {
    if (!hasElements(record.kind) || record.part !== 'whole') return false;
    const { to } = this;
    const before = to.length;
    this.isFirst = true;
    this.isUnfit = false;
    to.ascii('{"db":');
    to.integer(record.database);
    to.ascii(',"key":');
    this.text(record.key, 0, record.key.length);
    this.size = 0;
    to.ascii(',"ttl":');
    const ttl = record.expireAtMs === NO_EXPIRY ? -1 : Math.max(0, Math.round((record.expireAtMs - nowMs) / 1000));
    to.integer(ttl);
    to.byte(COMMA);
    to.ascii(typeTexts[record.kind]!);
    to.ascii(',"value":');
    const isString = record.kind === ValueKind.string;
    const isHash = record.kind === ValueKind.hash;
    if (!isString) to.byte(isHash ? 0x7b : OPEN);
    walkElements(record, this);
    if (!isString) to.byte(isHash ? 0x7d : CLOSE);
    to.ascii(',"size":');
    to.integer(this.size);
    to.ascii('}\n');
    if (this.isUnfit) to.length = before;
    return !this.isUnfit;
  }

  private text(bytes: Uint8Array, start: number, length: number): void {
    const characters = this.to.string(bytes, start, length);
    if (characters < 0) this.isUnfit = true;
    else this.size += characters;
  }

  private comma(): void {
    if (this.isFirst) this.isFirst = false;
    else this.to.byte(COMMA);
  }

  one(bytes: Uint8Array, start: number, length: number): void {
    this.comma();
    this.text(bytes, start, length);
  }

  field(name: Slice, content: Slice): void {
    this.comma();
    this.text(name.bytes, name.start, name.length);
    this.to.byte(0x3a);
    this.text(content.bytes, content.start, content.length);
  }

  member(bytes: Uint8Array, start: number, length: number, score: number): void {
    const { to } = this;
    this.comma();
    to.byte(OPEN);
    this.text(bytes, start, length);
    to.byte(COMMA);
    const text = rubyFloat(score);
    this.size += text.length;
    // JSON has no infinity; as text both sides can read it.
    to.ascii(Number.isFinite(score) ? text : `"${text.replace('Infinity', 'inf')}"`);
    to.byte(CLOSE);
  }
}
