// resp-encoder: many commands into one buffer, as arrays of bulk strings.
//
// A command is written whole by `command`, or word by word: `begin` with the number of words, then one call for each.

import { copyBytes, copyInViews, SHORT_BYTES_MAX, writeInteger } from '../../base/bytes.js';
import { DUMP_FOOTER_BYTES, putDumpFooter } from '../../persistence/rdb/writer.js';
import { noteBytes } from '../garbage.js';
import type { Word } from '../record/commands.js';

const SET_HEAD = Buffer.from('*3\r\n$3\r\nSET\r\n$');
const SET_EXPIRING_HEAD = Buffer.from('*5\r\n$3\r\nSET\r\n$');
const PXAT_HEAD = Buffer.from('$4\r\nPXAT\r\n');
/** Of a SET without its key and value. */
const SET_BYTES_MAX = 100;
/** Views of two buffers copy values of up to this size faster than `set`, which needs a view of the part first. */
const VALUE_BYTES_SHORT = 160;

const START_BYTES = 320 * 1024;
const SPARE_COUNT_MAX = 32;
const HEAD_BYTES = 24;
/** Words up to here are written letter by letter, which costs less than a native call. */
const SHORT_LENGTH = 64;

export class RespEncoder {
  buffer: Buffer = Buffer.allocUnsafeSlow(START_BYTES);
  private view = viewOf(this.buffer);
  length = 0;
  /** Buffers that were written and can be filled again. */
  private readonly spare: Buffer[] = [];

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + more));
    noteBytes(grown.length);
    this.buffer.copy(grown, 0, 0, this.length);
    this.use(grown);
  }

  private use(buffer: Buffer): void {
    this.buffer = buffer;
    this.view = viewOf(buffer);
  }

  private head(letter: number, count: number): void {
    this.reserve(HEAD_BYTES);
    const { buffer } = this;
    buffer[this.length++] = letter;
    this.length = writeInteger(buffer, this.length, count);
    this.lineEnd();
  }

  private lineEnd(): void {
    this.buffer[this.length++] = 13;
    this.buffer[this.length++] = 10;
  }

  begin(words: number): void {
    this.head(42, words);
  }

  /** A word of ASCII letters and digits. */
  ascii(text: string): void {
    this.head(36, text.length);
    this.reserve(text.length + 2);
    const { buffer } = this;
    for (let index = 0; index < text.length; index++) buffer[this.length++] = text.charCodeAt(index);
    this.lineEnd();
  }

  /** Writes a short word; false, and nothing written, when it is not ASCII. */
  private tryAscii(text: string): boolean {
    const from = this.length;
    this.head(36, text.length);
    this.reserve(text.length + 2);
    const { buffer } = this;
    const { length } = text;
    let at = this.length;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 127) {
        this.length = from;
        return false;
      }
      buffer[at++] = code;
    }
    buffer[at] = 13;
    buffer[at + 1] = 10;
    this.length = at + 2;
    return true;
  }

  private utf8(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.head(36, bytes);
    this.reserve(bytes + 2);
    this.length += this.buffer.write(text, this.length, bytes, 'utf8');
    this.lineEnd();
  }

  bytes(bytes: Uint8Array, start: number, length: number): void {
    this.head(36, length);
    this.reserve(length + 2);
    copyBytes(this.buffer, this.length, bytes, start, length);
    this.length += length;
    this.lineEnd();
  }

  /** A value as DUMP gives it, of the bytes that RDB has for it. */
  payload(rdbType: number, raw: Uint8Array, version: number): void {
    const length = 1 + raw.length + DUMP_FOOTER_BYTES;
    this.head(36, length);
    this.reserve(length + 2);
    const { buffer } = this;
    const from = this.length;
    buffer[this.length++] = rdbType;
    copyBytes(buffer, this.length, raw, 0, raw.length);
    this.length += raw.length;
    putDumpFooter(buffer, from, this.length, version);
    this.length += DUMP_FOOTER_BYTES;
    this.lineEnd();
  }

  /**
   * SET of a key and a value that are in the same bytes, `from` a view of them; `expireAtMs` 0: no time. Short ones without a call
   * of another function for each word, which takes a third of the time.
   * @hot
   */
  set(
    bytes: Uint8Array,
    from: DataView,
    keyStart: number,
    keyLength: number,
    valueStart: number,
    valueLength: number,
    expireAtMs: number,
  ): void {
    this.reserve(keyLength + valueLength + SET_BYTES_MAX);
    const { buffer } = this;
    const head = expireAtMs === 0 ? SET_HEAD : SET_EXPIRING_HEAD;
    let at = this.length;
    for (let index = 0; index < head.length; index++) buffer[at++] = head[index]!;
    at = writeInteger(buffer, at, keyLength);
    buffer[at++] = 13;
    buffer[at++] = 10;
    if (keyLength <= SHORT_BYTES_MAX) copyInViews(this.view, at, from, keyStart, keyLength);
    else copyBytes(buffer, at, bytes, keyStart, keyLength);
    at += keyLength;
    buffer[at++] = 13;
    buffer[at++] = 10;
    buffer[at++] = 36;
    at = writeInteger(buffer, at, valueLength);
    buffer[at++] = 13;
    buffer[at++] = 10;
    if (valueLength <= VALUE_BYTES_SHORT) copyInViews(this.view, at, from, valueStart, valueLength);
    else copyBytes(buffer, at, bytes, valueStart, valueLength);
    at += valueLength;
    buffer[at++] = 13;
    buffer[at++] = 10;
    this.length = at;
    if (expireAtMs === 0) return;
    for (let index = 0; index < PXAT_HEAD.length; index++) buffer[at++] = PXAT_HEAD[index]!;
    this.length = at;
    this.ascii(String(expireAtMs));
  }

  /** Bytes that are commands already. */
  encoded(bytes: Uint8Array, start: number, length: number): void {
    this.reserve(length);
    copyBytes(this.buffer, this.length, bytes, start, length);
    this.length += length;
  }

  command(words: readonly Word[]): void {
    this.begin(words.length);
    for (const word of words) {
      if (typeof word !== 'string') this.bytes(word, 0, word.length);
      else if (word.length > SHORT_LENGTH || !this.tryAscii(word)) this.utf8(word);
    }
  }

  /** The bytes so far, which belong to the caller until `giveBack`; the encoder begins anew. */
  take(): Buffer {
    const made = this.buffer.subarray(0, this.length);
    let next = this.spare.pop();
    if (next === undefined) {
      next = Buffer.allocUnsafeSlow(START_BYTES);
      noteBytes(START_BYTES);
    }
    this.use(next);
    this.length = 0;
    return made;
  }

  /** The bytes of `take` are needed no more. */
  giveBack(bytes: Buffer): void {
    const { buffer } = bytes;
    if (this.spare.length < SPARE_COUNT_MAX && buffer.byteLength === START_BYTES)
      this.spare.push(Buffer.from(buffer, 0, START_BYTES));
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
