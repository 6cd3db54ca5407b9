// listpack: a sequence of strings and integers in one block, byte for byte as Redis has it in memory and in RDB files.
//
//   u32 total bytes | u16 count (65535: count them) | entries | 0xFF               (little-endian)
//   entry = encoding and data | length of the two, 7 bits a byte, read backwards ("back length")
//
//   0xxxxxxx                     integer 0 to 127
//   10xxxxxx bytes               string of up to 63 bytes
//   110xxxxx xxxxxxxx            integer of 13 bits
//   1110xxxx xxxxxxxx bytes      string of up to 4095 bytes (length big-endian)
//   11110000 u32 bytes           longer string
//   11110001 .. 11110100         integer of 16, 24, 32, 64 bits
//
// A string that is the usual decimal form of a 64-bit integer is stored as that integer. An entry is named by its offset
// from the start of the block; offset 0 means "none". Changes shift the tail, so that they cost O(bytes) and make all
// offsets after them wrong; many entries need another structure. A change moves the block, so
// every change returns the ref. Blocks grow to the next size class only: small listpacks are many, room ahead is dear.
//
// There is no bit to spare for the snapshot barrier: it is in the entry or the node that holds the listpack.
// Not here: the meaning of the strings (datatypes), reading and writing integers (decimal).

import { assert } from '../base/assert.js';
import { copyBytes } from '../base/bytes.js';
import { Arena, NO_VIEW } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT } from '../memory/layout.js';
import { formatInteger, formatWords, Decimal } from './decimal.js';
import {
  backLengthBytes,
  END,
  entryBytes,
  EMPTY_BYTES,
  HEADER_BYTES,
  INT13,
  INT16,
  INT24,
  INT32,
  INT64,
  STRING12,
  STRING32,
  STRING6,
  validateListpack,
} from './listpack-format.js';

const COUNT_UNKNOWN = 65535;
/** Above this the block gets an eighth more than is needed now, as the arena then counts in whole pages. */
const ROOM_AHEAD_BYTES = 32768;

/** All listpacks of one arena. */
export class Listpacks {
  /** The value of the last `read`; borrowed until the next read or change of any listpack. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view of `bytes`. */
  view: DataView = NO_VIEW;
  start = 0;
  length = 0;
  /** Whether it is stored as an integer; `integer` is exact up to 2^53, the text always is. */
  isInteger = false;
  integer = 0;
  /** Where the last insertion, append or replacement put its entry. */
  inserted = 0;
  /** The entry after those that the last deletion took away, 0 when there is none. */
  following = 0;

  private readonly text = new Uint8Array(24);
  private readonly textView = new DataView(this.text.buffer);
  private readonly decimal = new Decimal();
  private $encoding = 0;
  private $encoded = 0;

  constructor(readonly arena: Arena) {}

  /** Makes an empty listpack with room for `capacityBytes` bytes, header and end included. */
  create(capacityBytes = 64): number {
    const ref = this.arena.alloc(Math.max(capacityBytes, EMPTY_BYTES));
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    writeUint32(u8, base, EMPTY_BYTES);
    u8[base + 4] = 0;
    u8[base + 5] = 0;
    u8[base + HEADER_BYTES] = END;
    return ref;
  }

  /** Copies a listpack that `validate` has accepted, deeply. */
  createFrom(bytes: Uint8Array, offset: number, length: number): number {
    const ref = this.arena.alloc(length);
    copyBytes(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref), bytes, offset, length);
    return ref;
  }

  /** A copy in a block of its own. */
  copy(ref: number): number {
    return this.createFrom(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref), this.byteLength(ref));
  }

  free(ref: number): void {
    this.arena.free(ref);
  }

  /** @hot */
  byteLength(ref: number): number {
    return readUint32(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref));
  }

  /** How many entries there are; O(1) up to 65534 of them. @hot */
  count(ref: number): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    const count = u8[base + 4]! | (u8[base + 5]! << 8);
    return count === COUNT_UNKNOWN ? this.recount(ref) : count;
  }

  private recount(ref: number): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    let count = 0;
    for (let at = base + HEADER_BYTES; u8[at] !== END; at += entryBytes(u8, at)) count++;
    if (count < COUNT_UNKNOWN) setCount(u8, base, count);
    return count;
  }

  /** Offset of the first entry, 0 when there is none. @hot */
  first(ref: number): number {
    return this.arena.u8[ref >>> CHUNK_SHIFT]![byteOffset(ref) + HEADER_BYTES] === END ? 0 : HEADER_BYTES;
  }

  /** Offset of the last entry, 0 when there is none. @hot */
  last(ref: number): number {
    return this.previous(ref, this.byteLength(ref) - 1);
  }

  /** The entry after the one at `at`, 0 when that is the last. @hot */
  next(ref: number, at: number): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    const next = at + entryBytes(u8, base + at);
    return u8[base + next] === END ? 0 : next;
  }

  /** The entry before the one at `at`, 0 when that is the first. @hot */
  previous(ref: number, at: number): number {
    if (at <= HEADER_BYTES) return 0;
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    let byte = byteOffset(ref) + at - 1;
    let length = u8[byte]! & 127;
    let bytes = 1;
    for (let scale = 128; (u8[byte]! & 128) !== 0; scale *= 128) {
      byte--;
      bytes++;
      length += (u8[byte]! & 127) * scale;
    }
    return at - length - bytes;
  }

  /** The entry of this index, counted from the end when negative; 0 when there is none. */
  at(ref: number, index: number): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    const stored = u8[base + 4]! | (u8[base + 5]! << 8);
    let steps = index;
    if (stored !== COUNT_UNKNOWN) {
      if (steps < 0) steps += stored;
      if (steps < 0 || steps >= stored) return 0;
      if (steps > stored >>> 1) steps -= stored; // nearer from the end
    }
    if (steps < 0) {
      let at = this.last(ref);
      while (at !== 0 && ++steps < 0) at = this.previous(ref, at);
      return at;
    }
    let at = base + HEADER_BYTES;
    while (u8[at] !== END) {
      if (steps-- === 0) return at - base;
      at += entryBytes(u8, at);
    }
    return 0;
  }

  /** Reads the entry at `at` into `bytes`, `start`, `length`, `isInteger` and `integer`. @hot */
  read(ref: number, at: number): void {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const byte = byteOffset(ref) + at;
    const first = u8[byte]!;
    this.isInteger = false;
    if (first >= 128) {
      if (first < INT13) {
        this.bytes = u8;
        this.view = this.arena.views[ref >>> CHUNK_SHIFT]!;
        this.start = byte + 1;
        this.length = first & 63;
        return;
      }
      if (first >= STRING12 && first < STRING32) {
        this.bytes = u8;
        this.view = this.arena.views[ref >>> CHUNK_SHIFT]!;
        this.start = byte + 2;
        this.length = ((first & 15) << 8) | u8[byte + 1]!;
        return;
      }
      if (first === STRING32) {
        this.bytes = u8;
        this.view = this.arena.views[ref >>> CHUNK_SHIFT]!;
        this.start = byte + 5;
        this.length = readUint32(u8, byte + 1);
        return;
      }
    }
    this.isInteger = true;
    this.bytes = this.text;
    this.view = this.textView;
    if (first === INT64) {
      this.integer = integerAt(u8, byte, first);
      this.length = formatWords(readInt32(u8, byte + 5), readInt32(u8, byte + 1), this.text);
    } else {
      this.integer = first < 128 ? first : integerAt(u8, byte, first);
      this.length = formatInteger(this.integer, this.text);
    }
    this.start = this.text.length - this.length;
  }

  /** Whether the entry at `at` is this string. @hot */
  equals(ref: number, at: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const byte = byteOffset(ref) + at;
    if (isString(u8[byte]!)) return stringEquals(u8, byte, bytes, offset, length);
    return this.decimal.parse(bytes, offset, length) && this.integerEquals(u8, byte);
  }

  /**
   * The first entry from `at` on that is this string, or 0; after each look it leaves `skip` entries out.
   * @hot
   */
  find(ref: number, at: number, bytes: Uint8Array, offset: number, length: number, skip: number): number {
    if (at === 0) return 0;
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    const short = length < 64 ? STRING6 | length : -1;
    // Names in one listpack often begin alike, so the last byte is looked at first (of an empty one, its first byte).
    const lastByte = length > 0 ? bytes[offset + length - 1]! : STRING6;
    let integers = -1; // whether the string may be an integer: not known yet
    let byte = base + at;
    for (;;) {
      const first = u8[byte]!;
      if (first === END) return 0;
      if (first === short) {
        let index = u8[byte + length] === lastByte ? 0 : length + 1;
        while (index < length && u8[byte + 1 + index] === bytes[offset + index]) index++;
        if (index === length) return byte - base;
      } else if (first < 128 || first >= INT13) {
        if (isString(first)) {
          if (short < 0 && stringEquals(u8, byte, bytes, offset, length)) return byte - base;
        } else {
          if (integers < 0) integers = this.decimal.parse(bytes, offset, length) ? 1 : 0;
          if (integers === 1 && this.integerEquals(u8, byte)) return byte - base;
        }
      }
      byte += entryBytes(u8, byte);
      for (let left = skip; left > 0 && u8[byte] !== END; left--) byte += entryBytes(u8, byte);
    }
  }

  private integerEquals(u8: Uint8Array, byte: number): boolean {
    const first = u8[byte]!;
    if (first === INT64)
      return readInt32(u8, byte + 1) === this.decimal.low && readInt32(u8, byte + 5) === this.decimal.high;
    return (first < 128 ? first : integerAt(u8, byte, first)) === this.decimal.value;
  }

  /** Adds a string after the last entry. It must not lie in this listpack, as everywhere below. @hot */
  append(ref: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.splice(ref, this.byteLength(ref) - 1, 0, bytes, offset, length);
  }

  prepend(ref: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.splice(ref, HEADER_BYTES, 0, bytes, offset, length);
  }

  insertBefore(ref: number, at: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.splice(ref, at, 0, bytes, offset, length);
  }

  insertAfter(ref: number, at: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.splice(ref, this.behind(ref, at), 0, bytes, offset, length);
  }

  /** Puts a string in the place of the entry at `at`. @hot */
  replace(ref: number, at: number, bytes: Uint8Array, offset: number, length: number): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const byte = byteOffset(ref) + at;
    // A string of the same length that is no integer goes in place of the old bytes: a third of the time.
    if (length < 64 && u8[byte] === (STRING6 | length) && length > 0 && bytes[offset]! > 0x39) {
      this.arena.write(ref, at + 1, bytes, offset, length);
      this.inserted = at;
      return ref;
    }
    return this.splice(ref, at, this.behind(ref, at) - at, bytes, offset, length);
  }

  /** As `append` of the integer's decimal form; the integer is exact, of at most 2^53. @hot */
  appendInteger(ref: number, value: number): number {
    return this.spliceInteger(ref, this.byteLength(ref) - 1, 0, value);
  }

  insertIntegerBefore(ref: number, at: number, value: number): number {
    return this.spliceInteger(ref, at, 0, value);
  }

  insertIntegerAfter(ref: number, at: number, value: number): number {
    return this.spliceInteger(ref, this.behind(ref, at), 0, value);
  }

  replaceInteger(ref: number, at: number, value: number): number {
    return this.spliceInteger(ref, at, this.behind(ref, at) - at, value);
  }

  /** How many bytes an entry with this string takes. */
  entryBytesOf(bytes: Uint8Array, offset: number, length: number): number {
    this.classify(bytes, offset, length);
    return this.$encoded + backLengthBytes(this.$encoded);
  }

  /**
   * Appends the entries of another listpack from `from` on, up to the entry at `to` (0: up to the end), as they are.
   * `count` is how many these are.
   */
  appendRange(ref: number, source: number, from: number, to: number, count: number): number {
    const end = to === 0 ? this.byteLength(source) - 1 : to;
    const length = this.byteLength(ref);
    const made = this.resize(ref, length, length + end - from);
    this.arena.copy(made, length - 1, source, from, end - from);
    const u8 = this.arena.u8[made >>> CHUNK_SHIFT]!;
    const base = byteOffset(made);
    u8[base + length + end - from - 1] = END;
    writeUint32(u8, base, length + end - from);
    addCount(u8, base, count);
    return made;
  }

  /** Takes `count` entries away, from the one at `at` on; `following` is what then stands there. */
  delete(ref: number, at: number, count = 1): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    let byte = base + at;
    let deleted = 0;
    for (; deleted < count && u8[byte] !== END; deleted++) byte += entryBytes(u8, byte);
    return this.cut(ref, at, byte - base, deleted);
  }

  /** Takes all entries from `from` up to `to` (0: to the end) away; `count` is how many these are. */
  deleteRange(ref: number, from: number, to: number, count: number): number {
    return this.cut(ref, from, to === 0 ? this.byteLength(ref) - 1 : to, count);
  }

  private cut(ref: number, from: number, to: number, count: number): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    const length = this.byteLength(ref);
    copyBytes(u8, base + from, u8, base + to, length - to);
    const left = length - (to - from);
    writeUint32(u8, base, left);
    addCount(u8, base, -count);
    this.following = left - 1 === from ? 0 : from;
    return this.arena.realloc(ref, left, left);
  }

  /** Gives room that was made ahead back; returns the ref, a new one if a smaller block does. */
  trim(ref: number): number {
    const length = this.byteLength(ref);
    if (Arena.goodSize(length) >= this.arena.usable(ref)) return ref;
    const made = this.copy(ref);
    this.arena.free(ref);
    return made;
  }

  /** Whether bytes from outside are a listpack; `deep` looks at every entry. Never reads beyond `length`. */
  static validate(bytes: Uint8Array, offset: number, length: number, deep: boolean): boolean {
    return validateListpack(bytes, offset, length, deep);
  }

  /** Throws where the listpack contradicts itself. For tests. */
  verify(ref: number): void {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const length = this.byteLength(ref);
    assert(length <= this.arena.usable(ref), 'a listpack fits into its block');
    assert(validateListpack(u8, byteOffset(ref), length, true), 'a listpack is well formed');
    let at = this.last(ref);
    let count = 0;
    for (; at !== 0; at = this.previous(ref, at)) count++;
    assert(count === this.count(ref), 'a listpack counts the same from both ends');
  }

  /** Offset of the byte after the entry at `at`. */
  private behind(ref: number, at: number): number {
    return at + entryBytes(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref) + at);
  }

  /** Puts a string at `at`, in the place of the `removed` bytes of one entry, or before it when that is 0. @hot */
  private splice(ref: number, at: number, removed: number, bytes: Uint8Array, offset: number, length: number): number {
    this.classify(bytes, offset, length);
    const made = this.makeRoom(ref, at, removed);
    const u8 = this.arena.u8[made >>> CHUNK_SHIFT]!;
    const byte = byteOffset(made) + at;
    switch (this.$encoding) {
      case STRING6:
        u8[byte] = STRING6 | length;
        this.arena.write(made, at + 1, bytes, offset, length);
        break;
      case STRING12:
        u8[byte] = STRING12 | (length >>> 8);
        u8[byte + 1] = length & 255;
        this.arena.write(made, at + 2, bytes, offset, length);
        break;
      case STRING32:
        u8[byte] = STRING32;
        writeUint32(u8, byte + 1, length);
        this.arena.write(made, at + 5, bytes, offset, length);
        break;
      default:
        this.writeInteger(u8, byte);
    }
    return made;
  }

  private spliceInteger(ref: number, at: number, removed: number, value: number): number {
    this.decimal.set(value);
    this.classifyInteger();
    const made = this.makeRoom(ref, at, removed);
    this.writeInteger(this.arena.u8[made >>> CHUNK_SHIFT]!, byteOffset(made) + at);
    return made;
  }

  /** Decides the encoding of a string and its bytes without the back length. @hot */
  private classify(bytes: Uint8Array, offset: number, length: number): void {
    if (length <= 20 && this.decimal.parse(bytes, offset, length)) {
      this.classifyInteger();
    } else if (length < 64) {
      this.$encoding = STRING6;
      this.$encoded = 1 + length;
    } else if (length < 4096) {
      this.$encoding = STRING12;
      this.$encoded = 2 + length;
    } else {
      this.$encoding = STRING32;
      this.$encoded = 5 + length;
    }
  }

  private classifyInteger(): void {
    const value = this.decimal.value;
    if (value >= 0 && value <= 127) {
      this.$encoding = 0;
      this.$encoded = 1;
    } else if (value >= -4096 && value <= 4095) {
      this.$encoding = INT13;
      this.$encoded = 2;
    } else if (value >= -32768 && value <= 32767) {
      this.$encoding = INT16;
      this.$encoded = 3;
    } else if (value >= -8388608 && value <= 8388607) {
      this.$encoding = INT24;
      this.$encoded = 4;
    } else if (value >= -2147483648 && value <= 2147483647) {
      this.$encoding = INT32;
      this.$encoded = 5;
    } else {
      this.$encoding = INT64;
      this.$encoded = 9;
    }
  }

  private writeInteger(u8: Uint8Array, byte: number): void {
    const low = this.decimal.low;
    const encoding = this.$encoding;
    if (encoding === 0) {
      u8[byte] = low;
    } else if (encoding === INT13) {
      u8[byte] = INT13 | ((low >> 8) & 31);
      u8[byte + 1] = low;
    } else {
      u8[byte] = encoding;
      u8[byte + 1] = low;
      u8[byte + 2] = low >> 8;
      if (encoding >= INT24) u8[byte + 3] = low >> 16;
      if (encoding >= INT32) u8[byte + 4] = low >> 24;
      if (encoding === INT64) writeUint32(u8, byte + 5, this.decimal.high);
    }
  }

  /** Makes the `removed` bytes at `at` as many as the classified entry needs, and writes its back length. @hot */
  private makeRoom(ref: number, at: number, removed: number): number {
    const encoded = this.$encoded;
    const needed = encoded + backLengthBytes(encoded);
    const length = this.byteLength(ref);
    const newLength = length + needed - removed;
    let made = ref;
    if (newLength > length) made = this.resize(ref, length, newLength);
    const u8 = this.arena.u8[made >>> CHUNK_SHIFT]!;
    const base = byteOffset(made);
    if (needed !== removed) {
      copyBytes(u8, base + at + needed, u8, base + at + removed, length - at - removed);
      writeUint32(u8, base, newLength);
      if (newLength < length) {
        made = this.arena.realloc(ref, newLength, newLength);
        if (made !== ref) {
          writeBackLength(this.arena.u8[made >>> CHUNK_SHIFT]!, byteOffset(made) + at + encoded, encoded);
          this.inserted = at;
          return made;
        }
      }
    }
    if (removed === 0) addCount(u8, base, 1);
    writeBackLength(u8, base + at + encoded, encoded);
    this.inserted = at;
    return made;
  }

  /** Makes the block hold `newLength` bytes. */
  private resize(ref: number, length: number, newLength: number): number {
    if (newLength <= this.arena.usable(ref)) return ref;
    return this.arena.realloc(ref, newLength > ROOM_AHEAD_BYTES ? newLength + (newLength >>> 3) : newLength, length);
  }
}

function isString(first: number): boolean {
  return first >= 128 && (first < INT13 || (first >= STRING12 && first <= STRING32));
}

/** Whether the string entry at `byte` is this string. */
function stringEquals(u8: Uint8Array, byte: number, bytes: Uint8Array, offset: number, length: number): boolean {
  const first = u8[byte]!;
  let start = byte + 1;
  if (first < INT13) {
    if ((first & 63) !== length) return false;
  } else if (first < STRING32) {
    if ((((first & 15) << 8) | u8[byte + 1]!) !== length) return false;
    start = byte + 2;
  } else {
    if (readUint32(u8, byte + 1) !== length) return false;
    start = byte + 5;
  }
  for (let index = 0; index < length; index++) if (u8[start + index] !== bytes[offset + index]) return false;
  return true;
}

/** The integer entry at `byte`; rounded when it is beyond 2^53. */
function integerAt(u8: Uint8Array, byte: number, first: number): number {
  if (first < INT16) return (((first & 31) << 27) >> 19) | u8[byte + 1]!;
  if (first === INT16) return ((u8[byte + 1]! | (u8[byte + 2]! << 8)) << 16) >> 16;
  if (first === INT24) return ((u8[byte + 1]! << 8) | (u8[byte + 2]! << 16) | (u8[byte + 3]! << 24)) >> 8;
  if (first === INT32) return readInt32(u8, byte + 1);
  return readInt32(u8, byte + 5) * 4294967296 + (readInt32(u8, byte + 1) >>> 0);
}

function writeBackLength(u8: Uint8Array, byte: number, length: number): void {
  const bytes = backLengthBytes(length);
  if (bytes === 1) {
    u8[byte] = length;
    return;
  }
  for (let index = bytes - 1, rest = length; index >= 0; index--, rest = Math.floor(rest / 128)) {
    u8[byte + index] = (rest & 127) | (index === 0 ? 0 : 128);
  }
}

function addCount(u8: Uint8Array, base: number, change: number): void {
  const count = u8[base + 4]! | (u8[base + 5]! << 8);
  if (count !== COUNT_UNKNOWN) setCount(u8, base, Math.min(count + change, COUNT_UNKNOWN));
}

function setCount(u8: Uint8Array, base: number, count: number): void {
  u8[base + 4] = count & 255;
  u8[base + 5] = count >>> 8;
}

function readUint32(u8: Uint8Array, byte: number): number {
  return readInt32(u8, byte) >>> 0;
}

function readInt32(u8: Uint8Array, byte: number): number {
  return u8[byte]! | (u8[byte + 1]! << 8) | (u8[byte + 2]! << 16) | (u8[byte + 3]! << 24);
}

function writeUint32(u8: Uint8Array, byte: number, value: number): void {
  u8[byte] = value;
  u8[byte + 1] = value >>> 8;
  u8[byte + 2] = value >>> 16;
  u8[byte + 3] = value >>> 24;
}
