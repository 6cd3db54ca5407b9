// json-bytes: JSON text written into bytes, from bytes, with no string in between.
//
// The texts are those of JSON.stringify: escapes for the quote, the backslash and control characters, everything else as it is.

import { isUtf8 } from 'node:buffer';
import { noteBytes } from '../garbage.js';
import { writeInteger } from '../../base/bytes.js';

const START_BYTES = 1280 * 1024;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const HEX = '0123456789abcdef';

/** 0: stands for itself; 1: takes an escape; 2: is above ASCII. */
const kinds = new Uint8Array(256);
kinds.fill(1, 0, 32).fill(2, 128);
kinds[QUOTE] = kinds[BACKSLASH] = 1;

const letters: Readonly<Record<number, string>> = { 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' };

export class JsonBytes {
  bytes = Buffer.allocUnsafeSlow(START_BYTES);
  length = 0;

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + more));
    noteBytes(grown.length);
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** Gives the bytes so far to `write`, and begins anew: in the same buffer if that returns true. */
  hand(write: (bytes: Uint8Array) => boolean): void {
    const mayReuse = write(this.bytes.subarray(0, this.length));
    this.length = 0;
    if (mayReuse && this.bytes.length === START_BYTES) return;
    this.bytes = Buffer.allocUnsafeSlow(START_BYTES);
    noteBytes(START_BYTES);
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  ascii(text: string): void {
    this.reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
    this.length = at;
  }

  /** A whole number of at most 2^53. */
  integer(value: number): void {
    this.reserve(24);
    this.length = writeInteger(this.bytes, this.length, value);
  }

  /** Writes the bytes as a JSON string; returns how many characters they are, or -1, and nothing is written, if they are no UTF-8. */
  string(from: Uint8Array, start: number, length: number): number {
    this.reserve(length * 6 + 2);
    const to = this.bytes;
    const before = this.length;
    let at = before;
    let characters = length;
    let isAscii = true;
    to[at++] = QUOTE;
    for (let index = start, end = start + length; index < end; index++) {
      const byte = from[index]!;
      const kind = kinds[byte];
      if (kind === 1) {
        at = escape(to, at, byte);
        continue;
      }
      to[at++] = byte;
      if (kind === 0) continue;
      isAscii = false;
      // Bytes that go on with a character are no characters.
      if ((byte & 0xc0) === 0x80) characters--;
    }
    to[at++] = QUOTE;
    if (!isAscii && !isUtf8(new Uint8Array(from.buffer, from.byteOffset + start, length))) return -1;
    this.length = at;
    return characters;
  }

  base64(from: Uint8Array, start: number, length: number): void {
    this.ascii(Buffer.from(from.buffer, from.byteOffset + start, length).toString('base64'));
  }
}

function escape(to: Uint8Array, offset: number, byte: number): number {
  let at = offset;
  to[at++] = BACKSLASH;
  const letter = letters[byte];
  if (letter !== undefined) {
    to[at++] = letter.charCodeAt(0);
    return at;
  }
  to[at++] = 0x75;
  to[at++] = 0x30;
  to[at++] = 0x30;
  to[at++] = HEX.charCodeAt(byte >> 4);
  to[at++] = HEX.charCodeAt(byte & 15);
  return at;
}
