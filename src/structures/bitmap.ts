// bitmap: a string seen as bits, the highest bit of the first byte being bit 0: counting, searching, combining, fields.
//
// Long strings are counted and combined in blocks by WebAssembly (base/wide-bits) and searched by comparing blocks. In short
// ones whole words are read where the bytes lie on a word boundary of their buffer, single bytes elsewhere. Offsets of
// bits go up to 2^32, so they are doubles and are never shifted.

import { BLOCK_BYTES, STEP_BYTES, type WideBits, wideBits } from '../base/wide-bits.js';

/** Shorter strings are not worth the way to WebAssembly. */
const WIDE_BYTES_MIN = 2048;

/** Count of the set bits of a word. @hot */
function bitsOf(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

const SAME_BYTES = 4096;
const zeros = Buffer.alloc(SAME_BYTES);
const ones = Buffer.alloc(SAME_BYTES, 0xff);

/** Whether a bit is set; `bit` is below 8 times the length. */
export function testBit(bytes: Uint8Array, start: number, bit: number): number {
  return (bytes[start + Math.floor(bit / 8)]! >>> (7 - (bit % 8))) & 1;
}

function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2);
}

/** Copies bytes to a region of the memory of `wide`, with zeros up to the next step, and returns where they end there. */
function load(wide: WideBits, region: number, bytes: Uint8Array, start: number, length: number): number {
  const at = region * BLOCK_BYTES;
  wide.memory.set(bytes.subarray(start, start + length), at);
  const end = at + Math.ceil(length / STEP_BYTES) * STEP_BYTES;
  wide.memory.fill(0, at + length, end);
  return end;
}

/** How many bits are set in `length` bytes. @hot */
export function countBits(bytes: Uint8Array, start: number, length: number): number {
  const wide = length < WIDE_BYTES_MIN ? undefined : wideBits();
  if (wide === undefined) return countInWords(bytes, start, length);
  let count = 0;
  for (let done = 0; done < length; done += BLOCK_BYTES) {
    count += wide.count(0, load(wide, 0, bytes, start + done, Math.min(BLOCK_BYTES, length - done)));
  }
  return count;
}

function countInWords(bytes: Uint8Array, start: number, length: number): number {
  let at = start;
  const end = start + length;
  let count = 0;
  if (length >= 64 && bytes.byteOffset === 0) {
    const words = wordsOf(bytes);
    while ((at & 3) !== 0) count += bitsOf(bytes[at++]!);
    const wordsEnd = end >>> 2;
    for (let word = at >>> 2; word < wordsEnd; word++) count += bitsOf(words[word]!);
    at = wordsEnd << 2;
  }
  while (at < end) count += bitsOf(bytes[at++]!);
  return count;
}

/** How many bits are set from bit `first` to bit `last`, both included. */
export function countBitRange(bytes: Uint8Array, start: number, first: number, last: number): number {
  const firstByte = Math.floor(first / 8);
  const lastByte = Math.floor(last / 8);
  let count = countBits(bytes, start + firstByte, lastByte - firstByte + 1);
  count -= bitsOf(bytes[start + firstByte]! & ~(0xff >>> (first % 8)));
  return count - bitsOf(bytes[start + lastByte]! & (0x7f >>> (last % 8)));
}

/** The first bit of this value from bit `first` to bit `last`, both included, or -1. */
export function findBit(bytes: Uint8Array, start: number, value: number, first: number, last: number): number {
  const flip = value === 1 ? 0 : 0xff;
  const lastByte = Math.floor(last / 8);
  let byte = Math.floor(first / 8);
  let found = (bytes[start + byte]! ^ flip) & (0xff >>> (first % 8));
  if (found === 0) byte += sameBytes(bytes, start + byte + 1, lastByte - byte, flip);
  while (found === 0 && byte < lastByte) found = bytes[start + ++byte]! ^ flip;
  if (found === 0) return -1;
  const bit = byte * 8 + Math.clz32(found) - 24;
  return bit <= last ? bit : -1;
}

/** How many of `length` bytes are `byte`, looked at in whole blocks from the start. */
function sameBytes(bytes: Uint8Array, start: number, length: number, byte: number): number {
  if (length < SAME_BYTES) return 0;
  const same = byte === 0 ? zeros : ones;
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + SAME_BYTES <= length && same.compare(all, start + at, start + at + SAME_BYTES) === 0) at += SAME_BYTES;
  return at;
}

export type BitOperation = 'and' | 'or' | 'xor' | 'not' | 'diff' | 'diff1' | 'andor' | 'one';

/** A source of `combineBits`: `length` bytes from `start` on, and zeros after them. */
export interface BitSource {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly length: number;
}

/** Whether `combineBits` of so long a result overwrites all of it and may find anything there; else it must be zeros. */
export function combinesInBlocks(length: number): boolean {
  return length >= WIDE_BYTES_MIN && wideBits() !== undefined;
}

/**
 * Combines sources into `result`, as long as the longest of them and none of them:
 * `diff` bits of the first that are in none of the others, `diff1` those of the others that are not in the first,
 * `andor` those of the first that are in at least one of the others, `one` those that are in exactly one.
 */
export function combineBits(operation: BitOperation, sources: readonly BitSource[], result: Uint8Array): void {
  const wide = result.length < WIDE_BYTES_MIN ? undefined : wideBits();
  if (wide !== undefined) combineWide(wide, operation, sources, result);
  else combineNarrow(operation, sources, result);
}

/** Where `combineWide` has what: the result, the source that is next, what it needs besides. */
const RESULT = 0;
const SOURCE = 1;
const MORE = 2;
const SCRATCH = 3;

function combineWide(wide: WideBits, operation: BitOperation, sources: readonly BitSource[], result: Uint8Array): void {
  for (let done = 0; done < result.length; done += BLOCK_BYTES) {
    const length = Math.min(BLOCK_BYTES, result.length - done);
    const end = Math.ceil(length / STEP_BYTES) * STEP_BYTES;
    combineBlock(wide, operation, sources, done, end);
    result.set(wide.memory.subarray(0, length), done);
  }
}

/** Copies a block of a source, with zeros up to `end`, into a region. */
function loadBlock(wide: WideBits, region: number, source: BitSource, done: number, end: number): void {
  const at = region * BLOCK_BYTES;
  const length = Math.max(0, Math.min(end, source.length - done));
  wide.memory.set(source.bytes.subarray(source.start + done, source.start + done + length), at);
  wide.memory.fill(0, at + length, at + end);
}

/** Leaves the block from byte `done` on of the result in region RESULT. */
function combineBlock(
  wide: WideBits,
  operation: BitOperation,
  sources: readonly BitSource[],
  done: number,
  end: number,
): void {
  const { memory } = wide;
  const source = SOURCE * BLOCK_BYTES;
  if (operation === 'one') {
    combineBlockOne(wide, sources, done, end);
    return;
  }
  // These two begin with the union of all sources but the first.
  const firstComesLast = operation === 'diff1' || operation === 'andor';
  const begin = firstComesLast ? 1 : 0;
  const start = sources[begin];
  if (start === undefined) memory.fill(0, RESULT, end);
  else loadBlock(wide, RESULT, start, done, end);
  if (operation === 'not') {
    memory.fill(0xff, source, source + end);
    wide.xor(RESULT, source, end);
    return;
  }
  for (let index = begin + 1; index < sources.length; index++) {
    loadBlock(wide, SOURCE, sources[index]!, done, end);
    if (operation === 'and') wide.and(RESULT, source, end);
    else if (operation === 'xor') wide.xor(RESULT, source, end);
    else if (operation === 'diff') wide.andNot(RESULT, source, end);
    else wide.or(RESULT, source, end);
  }
  if (!firstComesLast) return;
  loadBlock(wide, SOURCE, sources[0]!, done, end);
  if (operation === 'diff1') wide.andNot(RESULT, source, end);
  else wide.and(RESULT, source, end);
}

function combineBlockOne(wide: WideBits, sources: readonly BitSource[], done: number, end: number): void {
  const { memory } = wide;
  const [source, more, scratch] = [SOURCE * BLOCK_BYTES, MORE * BLOCK_BYTES, SCRATCH * BLOCK_BYTES];
  memory.fill(0, RESULT, end);
  memory.fill(0, more, more + end);
  for (const each of sources) {
    loadBlock(wide, SOURCE, each, done, end);
    memory.copyWithin(scratch, source, source + end);
    wide.and(scratch, RESULT, scratch + end);
    wide.or(more, scratch, more + end);
    wide.or(RESULT, source, end);
  }
  wide.andNot(RESULT, more, end);
}

function combineNarrow(operation: BitOperation, sources: readonly BitSource[], result: Uint8Array): void {
  const first = sources[0]!;
  if (operation === 'not') {
    for (let at = 0; at < first.length; at++) result[at] = ~first.bytes[first.start + at]!;
    return;
  }
  if (operation === 'and' || operation === 'or' || operation === 'xor') {
    result.set(first.bytes.subarray(first.start, first.start + first.length));
    for (let index = 1; index < sources.length; index++) fold(operation, result, sources[index]!);
    return;
  }
  if (operation === 'one') {
    combineOne(sources, result);
    return;
  }
  for (let index = 1; index < sources.length; index++) fold('or', result, sources[index]!);
  const others = result;
  for (let at = 0; at < result.length; at++) {
    const own = at < first.length ? first.bytes[first.start + at]! : 0;
    const other = others[at]!;
    result[at] = operation === 'diff' ? own & ~other : operation === 'diff1' ? other & ~own : own & other;
  }
}

/** result = result (operation) source. @hot */
function fold(operation: 'and' | 'or' | 'xor', result: Uint8Array, source: BitSource): void {
  const { bytes, start, length } = source;
  let at = 0;
  if (length >= 64 && bytes.byteOffset === 0 && (start & 3) === 0) {
    const from = wordsOf(bytes);
    const to = new Int32Array(result.buffer, 0, result.length >>> 2);
    const shift = start >>> 2;
    const count = length >>> 2;
    if (operation === 'and') for (let word = 0; word < count; word++) to[word]! &= from[shift + word]!;
    else if (operation === 'or') for (let word = 0; word < count; word++) to[word]! |= from[shift + word]!;
    else for (let word = 0; word < count; word++) to[word]! ^= from[shift + word]!;
    at = count << 2;
  }
  if (operation === 'and') {
    for (; at < length; at++) result[at]! &= bytes[start + at]!;
    result.fill(0, length);
  } else if (operation === 'or') {
    for (; at < length; at++) result[at]! |= bytes[start + at]!;
  } else {
    for (; at < length; at++) result[at]! ^= bytes[start + at]!;
  }
}

function combineOne(sources: readonly BitSource[], result: Uint8Array): void {
  for (let at = 0; at < result.length; at++) {
    let once = 0;
    let more = 0;
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index]!;
      const byte = at < source.length ? source.bytes[source.start + at]! : 0;
      more |= once & byte;
      once |= byte;
    }
    result[at] = once & ~more;
  }
}

/** The field of `bits` bits from bit `offset` on, without a sign; bits after the end are 0. */
export function readField(bytes: Uint8Array, start: number, length: number, offset: number, bits: number): bigint {
  let value = 0n;
  let bit = offset;
  const end = offset + bits;
  while (bit < end) {
    // As many bits as are in this byte.
    const inByte = bit % 8;
    const count = Math.min(8 - inByte, end - bit);
    const at = Math.floor(bit / 8);
    const byte = at < length ? bytes[start + at]! : 0;
    value = (value << BigInt(count)) | BigInt((byte >>> (8 - inByte - count)) & ((1 << count) - 1));
    bit += count;
  }
  return value;
}

/** Sets the field of `bits` bits from bit `offset` on to the low bits of a value; all of it must be there. */
export function writeField(bytes: Uint8Array, start: number, offset: number, bits: number, value: bigint): void {
  let rest = BigInt.asUintN(bits, value);
  let end = offset + bits;
  while (end > offset) {
    const at = Math.floor((end - 1) / 8);
    const first = Math.max(offset, at * 8);
    const count = end - first;
    const mask = ((1 << count) - 1) << (8 * (at + 1) - end);
    const part = Number(BigInt.asUintN(count, rest)) << (8 * (at + 1) - end);
    bytes[start + at] = (bytes[start + at]! & ~mask) | part;
    rest >>= BigInt(count);
    end = first;
  }
}
