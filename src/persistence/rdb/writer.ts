// writer: the bytes of RDB: lengths, strings, numbers, opcodes, into one growing buffer that is taken away in chunks.
//
// Strings longer than COMPRESS_BYTES_MIN can be compressed right here (DUMP, small files), or only marked: the writer
// then notes where each stands, and the worker thread that writes the file compresses them (`marks`).
//
// Not here: the form of a value (value-encoder), files (snapshot-file).

import { Crc64 } from '../../base/crc64.js';
import { lzfCompress } from '../../base/lzf.js';
import { copyBytes } from '../../base/bytes.js';
import { Opcode, StringEncoding } from './format.js';

/** Shorter strings are never compressed. */
export const COMPRESS_BYTES_MIN = 21;
const INTEGER_DIGITS_MAX = 11;
const INITIAL_BYTES = 64 * 1024;

/** How long strings are treated. */
export const Compression = { none: 0, inline: 1, marked: 2 } as const;

const doubleBytes = new Uint8Array(8);
const doubleView = new Float64Array(doubleBytes.buffer);

export class RdbWriter {
  bytes: Uint8Array;
  length = 0;
  /** Offsets of the lengths of strings that may be compressed, ascending. */
  marks = new Int32Array(16);
  markCount = 0;
  private packed = new Uint8Array(0);

  constructor(
    public compression: number,
    private readonly initialBytes = INITIAL_BYTES,
  ) {
    this.bytes = new Uint8Array(initialBytes);
  }

  clear(): void {
    this.length = 0;
    this.markCount = 0;
  }

  /** Goes on in another buffer (the old one was given away). */
  restart(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.length = 0;
    this.markCount = 0;
  }

  /** Adds what another writer holds. */
  append(other: RdbWriter): void {
    for (let index = 0; index < other.markCount; index++) this.mark(this.length + other.marks[index]!);
    this.raw(other.bytes, 0, other.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.initialBytes, this.bytes.length * 2, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** @hot */
  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A length or whole number of at most 2^53. @hot */
  writeLength(value: number): void {
    this.reserve(9);
    this.length += encodeLength(this.bytes, this.length, value);
  }

  /** A 64-bit number from 8 bytes, big endian. */
  writeLength64(bytes: Uint8Array, offset: number): void {
    const high = bigEndian(bytes, offset);
    const low = bigEndian(bytes, offset + 4);
    if (high <= 0x1fffff) {
      this.writeLength(high * 4294967296 + low);
      return;
    }
    this.byte(0x81);
    this.raw(bytes, offset, 8);
  }

  /** -1 as a length: all 64 bits set. */
  writeLengthMinusOne(): void {
    this.reserve(9);
    this.bytes[this.length] = 0x81;
    this.bytes.fill(0xff, this.length + 1, this.length + 9);
    this.length += 9;
  }

  /** Bytes as they are. @hot */
  raw(bytes: Uint8Array, offset: number, length: number): void {
    this.reserve(length);
    copyBytes(this.bytes, this.length, bytes, offset, length);
    this.length += length;
  }

  /** A string: as an integer when it is one of up to 32 bits, compressed (or marked) when it is long. @hot */
  string(bytes: Uint8Array, offset: number, length: number): void {
    if (length <= INTEGER_DIGITS_MAX) {
      if (this.integerString(bytes, offset, length)) return;
    } else if (length >= COMPRESS_BYTES_MIN && this.compression !== Compression.none) {
      if (this.compression === Compression.marked) this.mark(this.length);
      else if (this.compressedString(bytes, offset, length)) return;
    }
    this.reserve(9 + length);
    this.length += encodeLength(this.bytes, this.length, length);
    copyBytes(this.bytes, this.length, bytes, offset, length);
    this.length += length;
  }

  /** Writes the length of a long string, whose bytes follow in parts. */
  longStringHead(length: number): void {
    if (this.compression === Compression.marked) this.mark(this.length);
    this.writeLength(length);
  }

  text(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.string(bytes, 0, bytes.length);
  }

  private mark(at: number): void {
    if (this.markCount === this.marks.length) {
      const grown = new Int32Array(this.marks.length * 4);
      grown.set(this.marks);
      this.marks = grown;
    }
    this.marks[this.markCount++] = at;
  }

  private integerString(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length === 0) return false;
    let at = offset;
    const end = offset + length;
    const isNegative = bytes[at] === 45;
    if (isNegative) at++;
    const first = bytes[at]! - 48;
    // Only the text that the number gives back: no zeros before, no '-0'.
    if (at === end || first < 0 || first > 9 || (first === 0 && (isNegative || length > 1))) return false;
    let value = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    if (isNegative) value = -value;
    this.reserve(5);
    const to = this.bytes;
    if (value >= -128 && value <= 127) {
      to[this.length++] = 0xc0 | StringEncoding.int8;
      to[this.length++] = value;
    } else if (value >= -32768 && value <= 32767) {
      to[this.length++] = 0xc0 | StringEncoding.int16;
      to[this.length++] = value;
      to[this.length++] = value >> 8;
    } else if (value >= -2147483648 && value <= 2147483647) {
      to[this.length++] = 0xc0 | StringEncoding.int32;
      for (let shift = 0; shift < 32; shift += 8) to[this.length++] = value >> shift;
    } else return false;
    return true;
  }

  private compressedString(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.packed.length < length) this.packed = new Uint8Array(length * 2);
    const size = lzfCompress(bytes, offset, length, this.packed, 0, length - 4);
    if (size === 0) return false;
    this.reserve(19 + size);
    this.bytes[this.length++] = 0xc0 | StringEncoding.lzf;
    this.length += encodeLength(this.bytes, this.length, size);
    this.length += encodeLength(this.bytes, this.length, length);
    this.raw(this.packed, 0, size);
    return true;
  }

  double(value: number): void {
    doubleView[0] = value;
    this.raw(doubleBytes, 0, 8);
  }

  /** Milliseconds, or any whole number of 64 bits, little endian. */
  int64(value: number): void {
    this.reserve(8);
    const high = Math.floor(value / 4294967296);
    const low = value - high * 4294967296;
    for (let shift = 0; shift < 32; shift += 8) this.bytes[this.length++] = low >>> shift;
    for (let shift = 0; shift < 32; shift += 8) this.bytes[this.length++] = high >>> shift;
  }

  header(version: number): void {
    for (const letter of `REDIS${String(version).padStart(4, '0')}`) this.byte(letter.charCodeAt(0));
  }

  aux(name: string, value: string): void {
    this.byte(Opcode.aux);
    this.text(name);
    this.text(value);
  }

  selectDb(index: number): void {
    this.byte(Opcode.selectDb);
    this.writeLength(index);
  }

  resizeDb(keys: number, expires: number): void {
    this.byte(Opcode.resizeDb);
    this.writeLength(keys);
    this.writeLength(expires);
  }

  function(code: Uint8Array): void {
    this.byte(Opcode.function2);
    this.string(code, 0, code.length);
  }

  /** The footer of a DUMP payload: the version and the checksum of all before. */
  dumpFooter(version: number): void {
    this.reserve(DUMP_FOOTER_BYTES);
    putDumpFooter(this.bytes, 0, this.length, version);
    this.length += DUMP_FOOTER_BYTES;
  }
}

/** Version and checksum of a payload of DUMP. */
export const DUMP_FOOTER_BYTES = 10;

const footerCrc = new Crc64();

/** Puts the footer after a payload that begins at `from` and ends at `at`. @hot */
export function putDumpFooter(bytes: Uint8Array, from: number, at: number, version: number): void {
  bytes[at] = version & 255;
  bytes[at + 1] = version >>> 8;
  footerCrc.reset();
  footerCrc.update(bytes, from, at + 2 - from);
  footerCrc.writeTo(bytes, at + 2);
}

function bigEndian(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Writes a length (6, 14, 32 or 64 bits); returns how many bytes it took. @hot */
export function encodeLength(to: Uint8Array, offset: number, value: number): number {
  if (value < 64) {
    to[offset] = value;
    return 1;
  }
  if (value < 16384) {
    to[offset] = 0x40 | (value >>> 8);
    to[offset + 1] = value;
    return 2;
  }
  if (value <= 0xffffffff) {
    to[offset] = 0x80;
    writeBigEndian(to, offset + 1, value);
    return 5;
  }
  to[offset] = 0x81;
  writeBigEndian(to, offset + 1, Math.floor(value / 4294967296));
  writeBigEndian(to, offset + 5, value % 4294967296);
  return 9;
}

function writeBigEndian(to: Uint8Array, offset: number, value: number): void {
  to[offset] = value >>> 24;
  to[offset + 1] = value >>> 16;
  to[offset + 2] = value >>> 8;
  to[offset + 3] = value;
}

/** A writer of a value apart from a file (DUMP, MIGRATE), whose long strings are compressed as in files (`rdbcompression`). */
export function payloadWriter(compresses: boolean): RdbWriter {
  return new RdbWriter(compresses ? Compression.inline : Compression.none);
}
