// hyperloglog: estimates how many different elements were added, in at most 12 KB, byte for byte as Redis stores it.
//
// The value is a string:
//   0   "HYLL"
//   4   encoding: 0 dense, 1 sparse
//   5   three bytes, 0
//   8   the last estimate, 64 bits little-endian; the top bit says that it is out of date
//   16  16384 registers of 6 bits
//
// Dense: register i in bits 6i to 6i+5, the lowest bit of a byte first. Sparse: runs of registers,
//   00nnnnnn            ZERO, n+1 registers of 0        01nnnnnn nnnnnnnn   XZERO, n+1 of them
//   1vvvvvnn            VAL, n+1 registers of v+1
//
// An element's hash (MurmurHash64A) chooses a register by its low 14 bits; the register keeps the longest run of zero bits
// seen in the rest, plus one. The estimate is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches",
// 2017), computed in the same order as Redis does, so that the results are equal.
//
// Editing works on a copy: `open` takes the bytes in, and the caller stores the changed `bytes` back. Foreign bytes may
// claim to be sparse and be anything: every walk checks that the runs make up 16384 registers.

import { copyBytes } from '../base/bytes.js';

export const HEADER_BYTES = 16;
const REGISTER_COUNT = 16384;
const INDEX_BITS = 14;
const VALUE_BITS_MAX = 50; // what is left of 64 bits
export const DENSE_BYTES = HEADER_BYTES + (REGISTER_COUNT * 6) / 8;
const EMPTY_BYTES = HEADER_BYTES + 2;

const DENSE = 0;
const SPARSE = 1;
const ENCODING_AT = 4;
const CACHE_AT = 8;
const OUT_OF_DATE = 0x80;

const ZERO_RUN_MAX = 64;
const VALUE_MAX = 32;
const VALUE_RUN_MAX = 4;
const XZERO = 0x40;
const VAL = 0x80;

const HASH_SEED = 0xadc83b19 | 0;
const MULTIPLIER_LOW = 0x5bd1e995;
const MULTIPLIER_HIGH = 0xc6a4a793 | 0;
const ALPHA_INFINITE = 0.7213475204444817;

/** The hash being computed. */
let $low = 0;
let $high = 0;

/** ($high, $low) *= the multiplier, modulo 2^64. @hot */
function multiply(): void {
  const low = $low;
  const a0 = low & 0xffff;
  const a1 = low >>> 16;
  const middle = a1 * 0xe995 + a0 * 0x5bd1 + Math.floor((a0 * 0xe995) / 65536);
  const carried = a1 * 0x5bd1 + Math.floor(middle / 65536);
  $high = (carried + Math.imul($high, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH)) | 0;
  $low = Math.imul(low, MULTIPLIER_LOW);
}

/** MurmurHash64A of an element, into ($high, $low). @hot */
function hashElement(bytes: Uint8Array, offset: number, length: number): void {
  $low = length;
  $high = 0;
  multiply();
  let low = $low ^ HASH_SEED;
  let high = $high;
  const blocksEnd = offset + (length & ~7);
  let at = offset;
  for (; at < blocksEnd; at += 8) {
    $low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    $high = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
    multiply();
    $low ^= $high >>> 15; // 47 bits to the right
    multiply();
    $low ^= low;
    $high ^= high;
    multiply();
    low = $low;
    high = $high;
  }
  $low = low;
  $high = high;
  const rest = length & 7;
  if (rest > 0) {
    for (let index = 0; index < rest; index++) {
      if (index < 4) $low ^= bytes[at + index]! << (8 * index);
      else $high ^= bytes[at + index]! << (8 * (index - 4));
    }
    multiply();
  }
  $low ^= $high >>> 15;
  multiply();
  $low ^= $high >>> 15;
}

/** Whether a string is a HyperLogLog by its header and size; its runs may still be wrong. */
export function looksLikeHyperloglog(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < HEADER_BYTES) return false;
  if (bytes[start] !== 0x48 || bytes[start + 1] !== 0x59 || bytes[start + 2] !== 0x4c || bytes[start + 3] !== 0x4c)
    return false;
  const encoding = bytes[start + ENCODING_AT]!;
  return encoding === SPARSE || (encoding === DENSE && length === DENSE_BYTES);
}

export function isDense(bytes: Uint8Array, start: number): boolean {
  return bytes[start + ENCODING_AT] === DENSE;
}

/** The estimate that the value keeps, or -1 when it is out of date. */
export function cachedCount(bytes: Uint8Array, start: number): number {
  if ((bytes[start + CACHE_AT + 7]! & OUT_OF_DATE) !== 0) return -1;
  let count = 0;
  for (let index = 7; index >= 0; index--) count = count * 256 + bytes[start + CACHE_AT + index]!;
  return count;
}

export function storeCount(bytes: Uint8Array, start: number, count: number): void {
  let rest = count;
  for (let index = 0; index < 8; index++) {
    bytes[start + CACHE_AT + index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

export class Hyperloglogs {
  /** The opened value: its first `length` bytes. Borrowed until the next `open`. */
  bytes = new Uint8Array(DENSE_BYTES + 16);
  length = 0;
  /** Registers collected by `collect`, one byte each. */
  readonly registers = new Uint8Array(REGISTER_COUNT);

  private readonly histogram = new Int32Array(64);

  /** Makes an empty, sparse value the opened one. */
  openNew(): void {
    this.bytes.fill(0, 0, EMPTY_BYTES);
    this.bytes[0] = 0x48;
    this.bytes[1] = 0x59;
    this.bytes[2] = 0x4c;
    this.bytes[3] = 0x4c;
    this.bytes[ENCODING_AT] = SPARSE;
    this.bytes[HEADER_BYTES] = XZERO | ((REGISTER_COUNT - 1) >>> 8);
    this.bytes[HEADER_BYTES + 1] = (REGISTER_COUNT - 1) & 255;
    this.length = EMPTY_BYTES;
  }

  /** Copies a value that looks like one. */
  open(bytes: Uint8Array, start: number, length: number): void {
    if (length + 16 > this.bytes.length) this.bytes = new Uint8Array(length + 16);
    copyBytes(this.bytes, 0, bytes, start, length);
    this.length = length;
  }

  get dense(): boolean {
    return this.bytes[ENCODING_AT] === DENSE;
  }

  /** Marks the kept estimate as out of date. */
  forgetCount(): void {
    forgetCount(this.bytes, 0);
  }

  /** Adds an element: 1 when a register changed, 0 when not, -1 when the value is malformed. @hot */
  add(bytes: Uint8Array, offset: number, length: number, sparseBytesMax: number): number {
    hashElement(bytes, offset, length);
    return this.raise($low & (REGISTER_COUNT - 1), valueOfHash(), sparseBytesMax);
  }

  /** Makes a register at least `value`: 1 when it changed, 0 when not, -1 when the value is malformed. */
  raise(index: number, value: number, sparseBytesMax: number): number {
    return this.dense ? raiseDense(this.bytes, 0, index, value) : this.raiseSparse(index, value, sparseBytesMax);
  }

  private raiseSparse(index: number, value: number, sparseBytesMax: number): number {
    if (value > VALUE_MAX) return this.promote(index, value);
    const { bytes } = this;
    const end = this.length;
    let at = HEADER_BYTES;
    let previous = -1;
    let first = 0;
    let run = 0;
    let size = 1;
    while (at < end) {
      const code = bytes[at]!;
      size = 1;
      if (code >= VAL) {
        run = (code & 3) + 1;
      } else if (code < XZERO) {
        run = (code & 63) + 1;
      } else {
        run = (((code & 63) << 8) | bytes[at + 1]!) + 1;
        size = 2;
      }
      if (index < first + run) break;
      previous = at;
      at += size;
      first += run;
    }
    if (run === 0 || at + size > end) return -1;
    const code = bytes[at]!;
    const isValue = code >= VAL;
    const current = isValue ? ((code >>> 2) & 31) + 1 : 0;
    if (isValue && current >= value) return 0;
    if (run === 1 && size === 1) {
      bytes[at] = valueCode(value, 1);
    } else {
      const last = first + run - 1;
      const { pieces } = this;
      let count = this.putRun(0, current, index - first);
      pieces[count++] = valueCode(value, 1);
      count = this.putRun(count, current, last - index);
      const growth = count - size;
      if (growth > 0 && end + growth > sparseBytesMax) return this.promote(index, value);
      this.reserve(end + growth);
      this.bytes.copyWithin(at + count, at + size, end);
      this.bytes.set(pieces.subarray(0, count), at);
      this.length = end + growth;
    }
    this.joinValues(previous < 0 ? HEADER_BYTES : previous);
    this.forgetCount();
    return 1;
  }

  private readonly pieces = new Uint8Array(8);

  /** Writes a run of registers into `pieces`; returns the count of bytes there. */
  private putRun(count: number, value: number, run: number): number {
    if (run === 0) return count;
    if (value > 0) {
      this.pieces[count] = valueCode(value, run);
      return count + 1;
    }
    if (run <= ZERO_RUN_MAX) {
      this.pieces[count] = run - 1;
      return count + 1;
    }
    this.pieces[count] = XZERO | ((run - 1) >>> 8);
    this.pieces[count + 1] = (run - 1) & 255;
    return count + 2;
  }

  /** Joins runs of equal values among the five that begin at `from`, as Redis does after each change. */
  private joinValues(from: number): void {
    const { bytes } = this;
    let at = from;
    for (let left = 5; left > 0 && at < this.length; left--) {
      const code = bytes[at]!;
      if (code < VAL) {
        at += code < XZERO ? 1 : 2;
        continue;
      }
      const next = bytes[at + 1]!;
      if (at + 1 < this.length && next >= VAL && ((code ^ next) & 0x7c) === 0) {
        const run = (code & 3) + (next & 3) + 2;
        if (run <= VALUE_RUN_MAX) {
          bytes[at + 1] = valueCode(((code >>> 2) & 31) + 1, run);
          bytes.copyWithin(at, at + 1, this.length);
          this.length--;
          continue;
        }
      }
      at++;
    }
  }

  private promote(index: number, value: number): number {
    if (!this.toDense()) return -1;
    return raiseDense(this.bytes, 0, index, value);
  }

  /** Makes the opened value dense; false when it is malformed. */
  toDense(): boolean {
    if (this.dense) return true;
    this.registers.fill(0);
    if (!this.collect(this.bytes, 0, this.length)) return false;
    this.reserve(DENSE_BYTES);
    this.bytes.fill(0, HEADER_BYTES, DENSE_BYTES);
    this.bytes[ENCODING_AT] = DENSE;
    this.length = DENSE_BYTES;
    for (let index = 0; index < REGISTER_COUNT; index++)
      if (this.registers[index] !== 0) raiseDense(this.bytes, 0, index, this.registers[index]!);
    return true;
  }

  private reserve(bytes: number): void {
    if (bytes <= this.bytes.length) return;
    const grown = new Uint8Array(bytes + 64);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** Raises `registers` to those of a value; false when it is malformed. */
  collect(bytes: Uint8Array, start: number, length: number): boolean {
    const { registers } = this;
    if (bytes[start + ENCODING_AT] === DENSE) {
      for (let index = 0; index < REGISTER_COUNT; index++) {
        const value = denseRegister(bytes, start, index);
        if (value > registers[index]!) registers[index] = value;
      }
      return true;
    }
    let index = 0;
    const end = start + length;
    for (let at = start + HEADER_BYTES; at < end; at++) {
      const code = bytes[at]!;
      if (code >= VAL) {
        const value = ((code >>> 2) & 31) + 1;
        for (let left = (code & 3) + 1; left > 0 && index < REGISTER_COUNT; left--, index++)
          if (value > registers[index]!) registers[index] = value;
        if (index === REGISTER_COUNT && at + 1 < end) return false;
      } else if (code < XZERO) {
        index += (code & 63) + 1;
      } else {
        index += (((code & 63) << 8) | (at + 1 < end ? bytes[at + 1]! : 0)) + 1;
        at++;
      }
    }
    return index === REGISTER_COUNT;
  }

  /** The estimate for one value; -1 when it is malformed. */
  count(bytes: Uint8Array, start: number, length: number): number {
    const { histogram } = this;
    histogram.fill(0);
    if (bytes[start + ENCODING_AT] === DENSE) {
      for (let index = 0; index < REGISTER_COUNT; index++) histogram[denseRegister(bytes, start, index)]!++;
      return this.estimate();
    }
    let index = 0;
    const end = start + length;
    for (let at = start + HEADER_BYTES; at < end; at++) {
      const code = bytes[at]!;
      let run = (code & 63) + 1;
      let value = 0;
      if (code >= VAL) {
        run = (code & 3) + 1;
        value = ((code >>> 2) & 31) + 1;
      } else if (code >= XZERO) {
        run = (((code & 63) << 8) | (at + 1 < end ? bytes[at + 1]! : 0)) + 1;
        at++;
      }
      index += run;
      if (index > REGISTER_COUNT) return -1;
      histogram[value]! += run;
    }
    return index === REGISTER_COUNT ? this.estimate() : -1;
  }

  /** The estimate for `registers`. */
  countCollected(): number {
    const { histogram, registers } = this;
    histogram.fill(0);
    for (let index = 0; index < REGISTER_COUNT; index++) histogram[registers[index]!]!++;
    return this.estimate();
  }

  private estimate(): number {
    const { histogram } = this;
    const m = REGISTER_COUNT;
    let z = m * tau((m - histogram[VALUE_BITS_MAX + 1]!) / m);
    for (let value = VALUE_BITS_MAX; value >= 1; value--) {
      z += histogram[value]!;
      z *= 0.5;
    }
    z += m * sigma(histogram[0]! / m);
    return Math.round((ALPHA_INFINITE * m * m) / z);
  }

  /** The runs of an opened sparse value in words, for PFDEBUG DECODE. */
  describe(): string {
    const words: string[] = [];
    for (let at = HEADER_BYTES; at < this.length; at++) {
      const code = this.bytes[at]!;
      if (code >= VAL) words.push(`v:${((code >>> 2) & 31) + 1},${(code & 3) + 1}`);
      else if (code < XZERO) words.push(`z:${(code & 63) + 1}`);
      else words.push(`Z:${(((code & 63) << 8) | (++at < this.length ? this.bytes[at]! : 0)) + 1}`);
    }
    return words.join(' ');
  }
}

/** Applies the hash just computed to its register. @hot */
function valueOfHash(): number {
  const rest = ($low >>> INDEX_BITS) | ($high << (32 - INDEX_BITS));
  const top = ($high >>> INDEX_BITS) | (1 << (VALUE_BITS_MAX - 32));
  return 1 + (rest !== 0 ? 31 - Math.clz32(rest & -rest) : 63 - Math.clz32(top & -top));
}

/** Adds an element to a dense value where it lies: 1 when a register changed, else 0. @hot */
export function addToDense(
  bytes: Uint8Array,
  start: number,
  element: Uint8Array,
  offset: number,
  length: number,
): number {
  hashElement(element, offset, length);
  return raiseDense(bytes, start, $low & (REGISTER_COUNT - 1), valueOfHash());
}

/** Marks the estimate that a value keeps as out of date. */
export function forgetCount(bytes: Uint8Array, start: number): void {
  bytes[start + CACHE_AT + 7]! |= OUT_OF_DATE;
}

function valueCode(value: number, run: number): number {
  return VAL | ((value - 1) << 2) | (run - 1);
}

/** @hot */
function denseRegister(bytes: Uint8Array, start: number, index: number): number {
  const bit = index * 6;
  const at = start + HEADER_BYTES + (bit >>> 3);
  const shift = bit & 7;
  // The last register ends with its byte, so later bytes are never looked at.
  return ((bytes[at]! | (shift > 2 ? bytes[at + 1]! << 8 : 0)) >>> shift) & 63;
}

/** Makes a register of a dense value at least `value`: 1 when it changed, else 0. @hot */
export function raiseDense(bytes: Uint8Array, start: number, index: number, value: number): number {
  if (denseRegister(bytes, start, index) >= value) return 0;
  const bit = index * 6;
  const at = start + HEADER_BYTES + (bit >>> 3);
  const shift = bit & 7;
  bytes[at] = (bytes[at]! & ~(63 << shift)) | (value << shift);
  if (shift > 2) bytes[at + 1] = (bytes[at + 1]! & ~(63 >>> (8 - shift))) | (value >>> (8 - shift));
  return 1;
}

function sigma(share: number): number {
  if (share === 1) return Infinity;
  let x = share;
  let y = 1;
  let z = x;
  let before: number;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (before !== z);
  return z;
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let x = share;
  let y = 1;
  let z = 1 - x;
  let before: number;
  do {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  } while (before !== z);
  return z / 3;
}
