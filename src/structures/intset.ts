// intset: a sorted array of distinct integers in one block, byte for byte as Redis has it in memory and in RDB files.
//
//   u32 bytes of an integer (2, 4 or 8) | u32 count | integers, ascending, little-endian
//
// All integers have the width that the widest of them needed when it came; taking it out again does not narrow the
// others. A search is a bisection, an insertion shifts the larger integers. Integers of 64 bits do not fit into a
// number, so they go in and out as the two words of a Decimal; up to 32 bits the plain number is used.
//
// Not here: which sets are intsets (datatypes/set).

import { assert } from '../base/assert.js';
import { copyBytes } from '../base/bytes.js';
import { type Arena } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT, wordOffset } from '../memory/layout.js';
import { formatInteger, formatWords, type Decimal } from './decimal.js';

const HEADER_BYTES = 8;
const HEADER_WORDS = 2;

/** All intsets of one arena. */
export class Intsets {
  /** Where the last search found the integer, or where it would have to stand. */
  index = 0;
  /** The text that `read` made: `length` bytes from `start` on; borrowed until the next read. */
  readonly bytes = new Uint8Array(24);
  readonly view: DataView = new DataView(this.bytes.buffer);
  start = 0;
  length = 0;

  constructor(readonly arena: Arena) {}

  create(): number {
    const ref = this.arena.alloc(HEADER_BYTES);
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    i32[wordOffset(ref)] = 2;
    i32[wordOffset(ref) + 1] = 0;
    return ref;
  }

  /** Copies an intset that `validate` has accepted, deeply. */
  createFrom(bytes: Uint8Array, offset: number, length: number): number {
    const ref = this.arena.alloc(length);
    copyBytes(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref), bytes, offset, length);
    return ref;
  }

  copy(ref: number): number {
    return this.createFrom(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref), this.byteLength(ref));
  }

  free(ref: number): void {
    this.arena.free(ref);
  }

  count(ref: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 1]!;
  }

  byteLength(ref: number): number {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    return HEADER_BYTES + i32[at]! * i32[at + 1]!;
  }

  /** Whether the integer is in; `index` tells where, or where it would stand. @hot */
  has(ref: number, wanted: Decimal): boolean {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const width = i32[at]!;
    const count = i32[at + 1]!;
    if (widthOf(wanted) > width) {
      this.index = wanted.high < 0 ? 0 : count;
      return false;
    }
    let from = 0;
    let to = count;
    // Ascending order is common, and settled by the last integer alone.
    if (count > 0 && compareAt(i32, at, width, count - 1, wanted) < 0) from = count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const order = compareAt(i32, at, width, middle, wanted);
      if (order === 0) {
        this.index = middle;
        return true;
      }
      if (order < 0) from = middle + 1;
      else to = middle;
    }
    this.index = from;
    return false;
  }

  /** Puts an integer in at `index`, which `has` has just found to be its place; returns the ref. @hot */
  insert(ref: number, value: Decimal): number {
    const index = this.index;
    const from = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const fromAt = wordOffset(ref);
    const width = Math.max(from[fromAt]!, widthOf(value));
    const count = from[fromAt + 1]!;
    let made = ref;
    if (width !== from[fromAt]) {
      made = this.widen(ref, width);
    } else if (HEADER_BYTES + (count + 1) * width > this.arena.usable(ref)) {
      // A sixteenth ahead, so that long intsets in whole pages do not move with each integer.
      made = this.arena.realloc(ref, HEADER_BYTES + (count + 1 + (count >>> 4)) * width, HEADER_BYTES + count * width);
    }
    const i32 = this.arena.i32[made >>> CHUNK_SHIFT]!;
    const at = wordOffset(made);
    const start = byteOffset(made) + HEADER_BYTES + index * width;
    const u8 = this.arena.u8[made >>> CHUNK_SHIFT]!;
    copyBytes(u8, start + width, u8, start, (count - index) * width);
    i32[at + 1] = count + 1;
    if (width === 2) {
      u8[start] = value.low;
      u8[start + 1] = value.low >> 8;
    } else if (width === 4) {
      i32[at + HEADER_WORDS + index] = value.low;
    } else {
      i32[at + HEADER_WORDS + 2 * index] = value.low;
      i32[at + HEADER_WORDS + 2 * index + 1] = value.high;
    }
    return made;
  }

  /** Takes the integer at an index out; returns the ref. @hot */
  deleteAt(ref: number, index: number, count = 1): number {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const width = i32[at]!;
    const left = i32[at + 1]! - count;
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const start = byteOffset(ref) + HEADER_BYTES + index * width;
    copyBytes(u8, start, u8, start + count * width, (left - index) * width);
    i32[at + 1] = left;
    return this.arena.realloc(ref, HEADER_BYTES + left * width, HEADER_BYTES + left * width);
  }

  /** Writes the integer at an index as text into `bytes`. @hot */
  read(ref: number, index: number): void {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const width = i32[at]!;
    if (width === 8)
      this.length = formatWords(
        i32[at + HEADER_WORDS + 2 * index + 1]!,
        i32[at + HEADER_WORDS + 2 * index]!,
        this.bytes,
      );
    else
      this.length = formatInteger(width === 4 ? i32[at + HEADER_WORDS + index]! : shortAt(i32, at, index), this.bytes);
    this.start = this.bytes.length - this.length;
  }

  /** Puts the integer at an index into a Decimal. @hot */
  load(ref: number, index: number, into: Decimal): void {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const width = i32[at]!;
    if (width === 8) into.setWords(i32[at + HEADER_WORDS + 2 * index + 1]!, i32[at + HEADER_WORDS + 2 * index]!);
    else into.set(width === 4 ? i32[at + HEADER_WORDS + index]! : shortAt(i32, at, index));
  }

  /** The digits of the longest integer, its sign included. */
  longestText(ref: number): number {
    const count = this.count(ref);
    if (count === 0) return 0;
    this.read(ref, 0);
    const lowest = this.length;
    this.read(ref, count - 1);
    return Math.max(lowest, this.length);
  }

  /** Moves all integers into a block where each has `width` bytes and there is room for one more. */
  private widen(ref: number, width: number): number {
    const count = this.count(ref);
    const made = this.arena.alloc(HEADER_BYTES + (count + 1) * width);
    const from = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const fromAt = wordOffset(ref);
    const to = this.arena.i32[made >>> CHUNK_SHIFT]!;
    const toAt = wordOffset(made);
    const short = from[fromAt] === 2;
    for (let index = 0; index < count; index++) {
      const value = short ? shortAt(from, fromAt, index) : from[fromAt + HEADER_WORDS + index]!;
      if (width === 4) {
        to[toAt + HEADER_WORDS + index] = value;
      } else {
        to[toAt + HEADER_WORDS + 2 * index] = value;
        to[toAt + HEADER_WORDS + 2 * index + 1] = value >> 31;
      }
    }
    to[toAt] = width;
    to[toAt + 1] = count;
    this.arena.free(ref);
    return made;
  }

  /** Whether bytes from outside are an intset that is not empty; `deep` also checks their order. Reads nothing outside. */
  static validate(bytes: Uint8Array, offset: number, length: number, deep: boolean): boolean {
    if (length < HEADER_BYTES || offset + length > bytes.length) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
    const width = view.getUint32(0, true);
    const count = view.getUint32(4, true);
    if (width !== 2 && width !== 4 && width !== 8) return false;
    if (count === 0 || HEADER_BYTES + count * width !== length) return false;
    if (!deep) return true;
    for (let at = HEADER_BYTES + width; at < length; at += width) {
      if (width === 2 && view.getInt16(at - 2, true) >= view.getInt16(at, true)) return false;
      if (width === 4 && view.getInt32(at - 4, true) >= view.getInt32(at, true)) return false;
      if (width === 8 && view.getBigInt64(at - 8, true) >= view.getBigInt64(at, true)) return false;
    }
    return true;
  }

  /** Throws where the intset contradicts itself. For tests. */
  verify(ref: number): void {
    const bytes = this.byteLength(ref);
    assert(bytes <= this.arena.usable(ref), 'an intset fits into its block');
    if (this.count(ref) === 0) return;
    assert(Intsets.validate(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref), bytes, true), 'an intset is sorted');
  }
}

/** The bytes that an integer needs: 2, 4 or 8. @hot */
function widthOf(value: Decimal): number {
  if (value.high !== value.low >> 31) return 8;
  return value.low >= -32768 && value.low <= 32767 ? 2 : 4;
}

function shortAt(i32: Int32Array, at: number, index: number): number {
  const word = i32[at + HEADER_WORDS + (index >> 1)]!;
  return (index & 1) === 0 ? (word << 16) >> 16 : word >> 16;
}

/** Below 0, 0 or above 0 as the integer at an index is less than, equal to or more than the wanted one. @hot */
function compareAt(i32: Int32Array, at: number, width: number, index: number, wanted: Decimal): number {
  if (width === 2) return shortAt(i32, at, index) - wanted.low;
  if (width === 4) return i32[at + HEADER_WORDS + index]! - wanted.low;
  const high = i32[at + HEADER_WORDS + 2 * index + 1]!;
  if (high !== wanted.high) return high < wanted.high ? -1 : 1;
  const low = i32[at + HEADER_WORDS + 2 * index]! >>> 0;
  const wantedLow = wanted.low >>> 0;
  return low < wantedLow ? -1 : low > wantedLow ? 1 : 0;
}
