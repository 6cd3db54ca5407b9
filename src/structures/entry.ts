// entry: one key with its value in the arena; the unit of every dict, be it a database, a hash, a set or a sorted set.
//
//   word 0   bits 0-3 type, 4-7 encoding, 8-31 LRU or LFU clock (databases only)
//   word 1   bits 0-28 key length, 29 NUMBER, 30 EXTERNAL, 31 EPOCH
//   word 2   inline value: its length; external value: its length; collection: the ref of its handle or listpack
//   word 3-4 with NUMBER: a double (expiry in ms of a key or a hash field; the score of a sorted set's member)
//   word n   with EXTERNAL: the ref of the block that holds the value's bytes
//   bytes    the key, then the value if it is inline
//
// Strings up to INLINE_BYTES_MAX stand after their key, so that a GET touches one block: 16 bytes of key and 16 of
// value take 44 bytes, in a block of 48. A change of an entry's size returns a new ref, which the caller must give to
// the dict. EPOCH is the snapshot barrier's: keys whose bit differs from the barrier's were there when the snapshot
// began; members of a collection have it while one is written in parts (persistence/snapshot/big-value).
//
// Not here: finding entries (dict), the list of types and encodings (datatypes/object).

import type { Arena } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT, wordOffset } from '../memory/layout.js';

export const KEY_BYTES_MAX = (1 << 29) - 1;
export const NUMBER = 1 << 29;
export const EXTERNAL = 1 << 30;
export const EPOCH = 1 << 31;
/** Longer string values get a block of their own, so that a change of the entry (a new expiry) does not copy them. */
export const INLINE_BYTES_MAX = 1024;

const KEY_LENGTH_MASK = KEY_BYTES_MAX;
const HEADER_BYTES = 12;
const doubleScratch = new Float64Array(1);
const wordScratch = new Int32Array(doubleScratch.buffer);

/** Throws when a key, field or member is longer than an entry can say; ask before anything is changed. */
export function checkKeyLength(length: number): void {
  if (length > KEY_BYTES_MAX)
    throw new Error(`a key, field or member of ${length} bytes is longer than ${KEY_BYTES_MAX}`);
}

/** Reads and writes entries of one arena. All refs are entry refs unless named otherwise. */
export class Entries {
  constructor(readonly arena: Arena) {}

  /** The bytes of header before the key, from word 1. @hot */
  static keyOffset(word1: number): number {
    return HEADER_BYTES + (((word1 >>> 29) & 1) << 3) + (((word1 >>> 30) & 1) << 2);
  }

  /**
   * Makes an entry without a value: `word2` is stored as it is, and `inlineBytes` bytes of room follow the key.
   * `flags` is any of NUMBER, EXTERNAL and EPOCH; the number and the external ref are left for the caller to set.
   * @hot
   */
  create(
    word0: number,
    flags: number,
    word2: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    inlineBytes: number,
  ): number {
    checkKeyLength(keyLength);
    const word1 = keyLength | flags;
    const header = Entries.keyOffset(word1);
    const ref = this.arena.alloc(header + keyLength + inlineBytes);
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    i32[at] = word0;
    i32[at + 1] = word1;
    i32[at + 2] = word2;
    this.arena.write(ref, header, key, keyOffset, keyLength);
    return ref;
  }

  /** Frees the entry and the block of an external string; a collection's blocks are its owner's to free. @hot */
  free(ref: number): void {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const word1 = i32[at + 1]!;
    if ((word1 & EXTERNAL) !== 0) this.arena.free(i32[at + externalWord(word1)]!);
    this.arena.free(ref);
  }

  type(ref: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref)]! & 15;
  }

  encoding(ref: number): number {
    return (this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref)]! >>> 4) & 15;
  }

  setEncoding(ref: number, encoding: number): void {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    i32[wordOffset(ref)] = (i32[wordOffset(ref)]! & ~0xf0) | (encoding << 4);
  }

  /** The 24 bits of LRU or LFU. */
  clock(ref: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref)]! >>> 8;
  }

  setClock(ref: number, clock: number): void {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    i32[wordOffset(ref)] = (i32[wordOffset(ref)]! & 0xff) | (clock << 8);
  }

  keyLength(ref: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 1]! & KEY_LENGTH_MASK;
  }

  /** Where the key starts in `arena.u8[chunkOf(ref)]`. */
  keyStart(ref: number): number {
    return byteOffset(ref) + Entries.keyOffset(this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 1]!);
  }

  /** A copy of the key. Cold paths only. */
  keyBytes(ref: number): Uint8Array {
    const start = this.keyStart(ref);
    return this.arena.u8[ref >>> CHUNK_SHIFT]!.slice(start, start + this.keyLength(ref));
  }

  flags(ref: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 1]! & ~KEY_LENGTH_MASK;
  }

  hasNumber(ref: number): boolean {
    return (this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 1]! & NUMBER) !== 0;
  }

  /** The double in words 3 and 4; the entry must have NUMBER. @hot */
  number(ref: number): number {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    wordScratch[0] = i32[at + 3]!;
    wordScratch[1] = i32[at + 4]!;
    return doubleScratch[0]!;
  }

  /** Sets the double of an entry that has NUMBER. @hot */
  setNumber(ref: number, value: number): void {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    doubleScratch[0] = value;
    i32[at + 3] = wordScratch[0]!;
    i32[at + 4] = wordScratch[1]!;
  }

  setEpoch(ref: number, epoch: number): void {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref) + 1;
    i32[at] = (i32[at]! & ~EPOCH) | epoch;
  }

  epoch(ref: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 1]! & EPOCH;
  }

  /** Word 2: a length or a ref. */
  word2(ref: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 2]!;
  }

  setWord2(ref: number, value: number): void {
    this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 2] = value;
  }

  /** The block that holds the bytes of a string value: the entry itself, or the external block. @hot */
  valueBlock(ref: number): number {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const word1 = i32[at + 1]!;
    return (word1 & EXTERNAL) === 0 ? ref : i32[at + externalWord(word1)]!;
  }

  /** Where a string value starts in `arena.u8[chunkOf(valueBlock(ref))]`. Its length is `word2`. @hot */
  valueStart(ref: number): number {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const word1 = i32[at + 1]!;
    if ((word1 & EXTERNAL) !== 0) return byteOffset(i32[at + externalWord(word1)]!);
    return byteOffset(ref) + Entries.keyOffset(word1) + (word1 & KEY_LENGTH_MASK);
  }

  setExternal(ref: number, blockRef: number): void {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    i32[at + externalWord(i32[at + 1]!)] = blockRef;
  }

  /** Makes an entry with a string value, inline or external by its length. @hot */
  createString(
    word0: number,
    flags: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): number {
    if (valueLength > INLINE_BYTES_MAX) {
      const block = this.arena.alloc(valueLength);
      this.arena.write(block, 0, value, valueOffset, valueLength);
      const ref = this.create(word0, flags | EXTERNAL, valueLength, key, keyOffset, keyLength, 0);
      this.setExternal(ref, block);
      return ref;
    }
    const ref = this.create(word0, flags, valueLength, key, keyOffset, keyLength, valueLength);
    this.arena.write(ref, Entries.keyOffset(flags) + keyLength, value, valueOffset, valueLength);
    return ref;
  }

  /**
   * Sets the bytes of a string value; returns the entry's ref, a new one when it had to move.
   * `value` may lie in the arena, but not in this entry.
   * @hot
   */
  setString(ref: number, value: Uint8Array, valueOffset: number, valueLength: number): number {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const word1 = i32[wordOffset(ref) + 1]!;
    // Values of one length after the other are common (counters, flags, sessions): 40 ns less without resizing.
    if ((word1 & EXTERNAL) === 0 && i32[wordOffset(ref) + 2] === valueLength) {
      this.arena.write(ref, Entries.keyOffset(word1) + (word1 & KEY_LENGTH_MASK), value, valueOffset, valueLength);
      return ref;
    }
    const sized = this.resizeString(ref, valueLength, 0);
    const block = this.valueBlock(sized);
    this.arena.write(block, this.valueStart(sized) - byteOffset(block), value, valueOffset, valueLength);
    return sized;
  }

  /**
   * Makes a string value `valueLength` bytes long, keeping its first `keep` bytes; bytes beyond are arbitrary.
   * A value that grows again and again (APPEND) gets room ahead, at most its own size, so that growing is O(1) amortised.
   * Returns the entry's ref, a new one when it had to move.
   */
  resizeString(ref: number, valueLength: number, keep: number): number {
    const arena = this.arena;
    const i32 = arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const word1 = i32[at + 1]!;
    if ((word1 & EXTERNAL) !== 0) {
      if (valueLength > INLINE_BYTES_MAX >> 1) {
        const word = externalWord(word1);
        const old = i32[at + word]!;
        const usable = arena.usable(old);
        const grows = keep > 0 && valueLength > usable;
        const wanted = grows ? Math.min(valueLength * 2, valueLength + (1 << 20)) : valueLength;
        // A value that was kept and still fits stays: it may grow again.
        const block =
          keep > 0 && valueLength <= usable && valueLength * 4 > usable ? old : arena.realloc(old, wanted, keep);
        i32[at + word] = block;
        i32[at + 2] = valueLength;
        return ref;
      }
    } else if (valueLength <= INLINE_BYTES_MAX) {
      const bytes = Entries.keyOffset(word1) + (word1 & KEY_LENGTH_MASK) + valueLength;
      const moved = arena.realloc(ref, bytes, bytes - valueLength + keep);
      arena.i32[moved >>> CHUNK_SHIFT]![wordOffset(moved) + 2] = valueLength;
      return moved;
    }
    return this.relocateString(ref, valueLength, keep);
  }

  /** Moves a string value from inline to external or back. */
  private relocateString(ref: number, valueLength: number, keep: number): number {
    const arena = this.arena;
    const toExternal = valueLength > INLINE_BYTES_MAX;
    const oldBlock = this.valueBlock(ref);
    const oldStart = this.valueStart(ref) - byteOffset(oldBlock);
    const block = toExternal ? arena.alloc(valueLength) : 0;
    const key = arena.u8[ref >>> CHUNK_SHIFT]!;
    const flags = (this.flags(ref) & ~EXTERNAL) | (toExternal ? EXTERNAL : 0);
    const word0 = arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref)]!;
    const made = this.create(
      word0,
      flags,
      valueLength,
      key,
      this.keyStart(ref),
      this.keyLength(ref),
      toExternal ? 0 : valueLength,
    );
    if (toExternal) this.setExternal(made, block);
    if ((flags & NUMBER) !== 0) this.setNumber(made, this.number(ref));
    const target = this.valueBlock(made);
    arena.copy(target, this.valueStart(made) - byteOffset(target), oldBlock, oldStart, keep);
    this.free(ref);
    return made;
  }

  /**
   * An entry with another key, the type, encoding, clock and number of `source`, and `word2` as given; `asString` copies
   * a string value with its bytes. RENAME and COPY are made of it; `source` stays as it is.
   */
  cloneUnder(
    source: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    word2: number,
    asString: boolean,
  ): number {
    const arena = this.arena;
    const word0 = arena.i32[source >>> CHUNK_SHIFT]![wordOffset(source)]!;
    const flags = this.flags(source) & NUMBER;
    const number = flags === 0 ? 0 : this.number(source);
    const made = asString
      ? this.createString(
          word0,
          flags,
          key,
          keyOffset,
          keyLength,
          arena.u8[this.valueBlock(source) >>> CHUNK_SHIFT]!,
          this.valueStart(source),
          this.word2(source),
        )
      : this.create(word0, flags, word2, key, keyOffset, keyLength, 0);
    if (flags !== 0) this.setNumber(made, number);
    return made;
  }

  /** Adds room for the number of an entry that has none, or takes it away; returns the entry's ref, usually a new one. */
  withNumber(ref: number, wanted: boolean, inlineBytes: number): number {
    if (this.hasNumber(ref) === wanted) return ref;
    const arena = this.arena;
    const i32 = arena.i32[ref >>> CHUNK_SHIFT]!;
    const at = wordOffset(ref);
    const word1 = i32[at + 1]!;
    const flags = (word1 & ~KEY_LENGTH_MASK & ~NUMBER) | (wanted ? NUMBER : 0);
    const made = this.create(
      i32[at]!,
      flags,
      i32[at + 2]!,
      arena.u8[ref >>> CHUNK_SHIFT]!,
      this.keyStart(ref),
      word1 & KEY_LENGTH_MASK,
      inlineBytes,
    );
    if ((word1 & EXTERNAL) !== 0) this.setExternal(made, i32[at + externalWord(word1)]!);
    else if (inlineBytes > 0)
      arena.copy(
        made,
        this.valueStart(made) - byteOffset(made),
        ref,
        this.valueStart(ref) - byteOffset(ref),
        inlineBytes,
      );
    arena.free(ref);
    return made;
  }
}

/** Which word of the entry holds the external block's ref. */
function externalWord(word1: number): number {
  return 3 + (((word1 >>> 29) & 1) << 1);
}
