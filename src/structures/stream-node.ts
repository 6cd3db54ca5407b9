// stream-node: the listpack of one node of a stream, in Redis's own format, so that RDB files and DUMP are a copy.
//
//   master entry  count | deleted | number of fields | field ... | 0
//   entry         flags | ms - node's ms | seq - node's seq | [number of fields] | [field] value ... | count of the elements before
//
// The node's id is that of its first entry. An entry with SAMEFIELDS has the master entry's fields and stores values only. A
// deleted entry stays, with a flag, until all entries of the node are. The element at an entry's end leads back to its start.
//
// This file reads small integers and 64-bit differences; fields and values are read with Listpacks.read. Entries are
// written in one go: the room for all of it is made once, not per element.
//
// Not here: which node an entry is in (datatypes/stream).

import { copyBytes } from '../base/bytes.js';
import { Arena } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT } from '../memory/layout.js';
import { Decimal } from './decimal.js';
import {
  backLengthBytes,
  EMPTY_BYTES,
  END,
  entryBytes,
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
import type { Listpacks } from './listpack.js';
import type { StreamId } from './stream-id.js';

export const ENTRY_DELETED = 1;
export const ENTRY_SAME_FIELDS = 2;

/** The most that an element takes besides its bytes: five of header, five of back length. */
const ELEMENT_OVERHEAD_BYTES_MAX = 10;
/** The same of strings below SHORT_STRING_BYTES, stored as they are or as integers. */
const SHORT_OVERHEAD_BYTES_MAX = 2;
const SHORT_STRING_BYTES = 64;
/** Flags, two differences, two counts. */
const ENTRY_FIXED_BYTES_MAX = 2 + 10 + 10 + 6 + 6;
/** Elements of a node's start besides fields and values. */
const ENTRY_ELEMENTS_FIXED = 5;
const INTEGER_BYTES_MAX = 10;
const TWO_32 = 4294967296;

/** Two words of a 64-bit integer that the last `readWords` read. */
let wordLow = 0;
let wordHigh = 0;

export class StreamNodes {
  readonly arena: Arena;
  private readonly decimal = new Decimal();

  /** The findings of `openMaster`. */
  live = 0;
  deleted = 0;
  masterFields = 0;
  /** Offset of the master entry's first field (its terminator when it has none), and of the first entry. */
  masterFieldsAt = 0;
  entriesAt = 0;

  /** The findings of `openEntry`; its fields or values begin at `dataAt`. */
  flags = 0;
  fieldCount = 0;
  dataAt = 0;

  constructor(readonly listpacks: Listpacks) {
    this.arena = listpacks.arena;
  }

  /** Reads the master entry. @hot */
  openMaster(ref: number): void {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    let byte = base + HEADER_BYTES;
    this.live = smallInteger(u8, byte);
    byte += entryBytes(u8, byte);
    this.deleted = smallInteger(u8, byte);
    byte += entryBytes(u8, byte);
    this.masterFields = smallInteger(u8, byte);
    byte += entryBytes(u8, byte);
    this.masterFieldsAt = byte - base;
    for (let left = this.masterFields; left >= 0; left--) byte += entryBytes(u8, byte);
    this.entriesAt = byte - base;
  }

  /** Count of live entries; of a node of the stream's end, without reading more. @hot */
  liveCount(ref: number): number {
    return smallInteger(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref) + HEADER_BYTES);
  }

  /** Whether there is no entry at `at`. @hot */
  isEnd(ref: number, at: number): boolean {
    return this.arena.u8[ref >>> CHUNK_SHIFT]![byteOffset(ref) + at] === END;
  }

  /** Offset after the last entry. */
  endOf(ref: number): number {
    return this.listpacks.byteLength(ref) - 1;
  }

  /** Reads the head of the entry at `at`; `id` comes in as the node's and goes out as the entry's. @hot */
  openEntry(ref: number, at: number, id: StreamId): void {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    let byte = base + at;
    this.flags = smallInteger(u8, byte);
    byte += entryBytes(u8, byte);
    readWords(u8, byte);
    let low = (id.msLow >>> 0) + (wordLow >>> 0);
    id.msHigh = (id.msHigh + wordHigh + (low >= TWO_32 ? 1 : 0)) | 0;
    id.msLow = low | 0;
    byte += entryBytes(u8, byte);
    readWords(u8, byte);
    low = (id.seqLow >>> 0) + (wordLow >>> 0);
    id.seqHigh = (id.seqHigh + wordHigh + (low >= TWO_32 ? 1 : 0)) | 0;
    id.seqLow = low | 0;
    byte += entryBytes(u8, byte);
    if ((this.flags & ENTRY_SAME_FIELDS) !== 0) {
      this.fieldCount = this.masterFields;
    } else {
      this.fieldCount = smallInteger(u8, byte);
      byte += entryBytes(u8, byte);
    }
    this.dataAt = byte - base;
  }

  /** Offset of the entry after the one that was opened. @hot */
  entryAfter(ref: number): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    let byte = base + this.dataAt;
    const elements = (this.flags & ENTRY_SAME_FIELDS) !== 0 ? this.fieldCount : 2 * this.fieldCount;
    for (let left = elements; left >= 0; left--) byte += entryBytes(u8, byte);
    return byte - base;
  }

  /** Offset of the entry that ends before `at`, or 0 when that is the master entry. */
  entryBefore(ref: number, at: number): number {
    const { listpacks } = this;
    let entry = listpacks.previous(ref, at);
    const count = smallInteger(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref) + entry);
    if (count === 0) return 0;
    for (let left = count; left > 0; left--) entry = listpacks.previous(ref, entry);
    return entry;
  }

  /** Marks the entry at `at` as deleted and counts it so; returns the node's ref. The entry must be live. */
  markDeleted(ref: number, at: number, count = 1): number {
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    u8[byteOffset(ref) + at]! |= ENTRY_DELETED;
    return this.countDeleted(ref, count);
  }

  /** Sets the deleted flag only. */
  flagDeleted(ref: number, at: number): void {
    this.arena.u8[ref >>> CHUNK_SHIFT]![byteOffset(ref) + at]! |= ENTRY_DELETED;
  }

  /** Counts `count` more entries as deleted; returns the node's ref. */
  countDeleted(ref: number, count: number): number {
    this.openMaster(ref);
    const { live, deleted, listpacks } = this;
    let made = listpacks.replaceInteger(ref, HEADER_BYTES, live - count);
    made = listpacks.replaceInteger(made, listpacks.next(made, HEADER_BYTES), deleted + count);
    return made;
  }

  /**
   * Makes a node of one entry: the field names and values are arguments `first`, `first + 1` and so on of the arrays,
   * `fields` pairs of them. The block gets at least `capacityBytes`.
   */
  create(
    bytes: Uint8Array,
    starts: Int32Array,
    lengths: Int32Array,
    first: number,
    fields: number,
    capacityBytes: number,
  ): number {
    let total = EMPTY_BYTES + (4 + ENTRY_ELEMENTS_FIXED) * INTEGER_BYTES_MAX;
    for (let index = 0; index < 2 * fields; index++) total += lengths[first + index]! + ELEMENT_OVERHEAD_BYTES_MAX;
    const ref = this.arena.alloc(Math.max(total, capacityBytes));
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    let byte = writeInteger(u8, base + HEADER_BYTES, 1);
    byte = writeInteger(u8, byte, 0);
    byte = writeInteger(u8, byte, fields);
    for (let index = 0; index < fields; index++)
      byte = this.writeString(u8, byte, bytes, starts[first + 2 * index]!, lengths[first + 2 * index]!);
    byte = writeInteger(u8, byte, 0);
    byte = writeInteger(u8, byte, ENTRY_SAME_FIELDS);
    byte = writeInteger(u8, byte, 0);
    byte = writeInteger(u8, byte, 0);
    for (let index = 0; index < fields; index++) {
      byte = this.writeString(u8, byte, bytes, starts[first + 2 * index + 1]!, lengths[first + 2 * index + 1]!);
    }
    byte = writeInteger(u8, byte, fields + 3);
    finish(u8, base, byte, 0, 4 + fields + 4 + fields);
    return ref;
  }

  /**
   * Appends an entry to a node, which `openMaster` has read; returns the node's ref. Arguments as in `create`, together
   * `total` bytes. @hot
   */
  append(
    ref: number,
    nodeId: StreamId,
    id: StreamId,
    bytes: Uint8Array,
    starts: Int32Array,
    lengths: Int32Array,
    first: number,
    fields: number,
    total: number,
  ): number {
    const same = this.hasMasterFields(ref, bytes, starts, lengths, first, fields);
    const length = this.listpacks.byteLength(ref);
    // Enough in any case: the fields are in `total`, stored or not.
    const overhead = total < SHORT_STRING_BYTES ? SHORT_OVERHEAD_BYTES_MAX : ELEMENT_OVERHEAD_BYTES_MAX;
    const needed = length + ENTRY_FIXED_BYTES_MAX + total + 2 * fields * overhead;
    let made = ref;
    if (needed > this.arena.usable(ref)) made = this.arena.realloc(ref, needed, length);
    if (this.live === 127 || this.live === 4095 || this.live > 4095) {
      made = this.listpacks.replaceInteger(made, HEADER_BYTES, this.live + 1);
      if (needed + 2 > this.arena.usable(made))
        made = this.arena.realloc(made, needed + 2, this.listpacks.byteLength(made));
    } else {
      writeInteger(this.arena.u8[made >>> CHUNK_SHIFT]!, byteOffset(made) + HEADER_BYTES, this.live + 1);
    }
    const u8 = this.arena.u8[made >>> CHUNK_SHIFT]!;
    const base = byteOffset(made);
    let byte = base + this.listpacks.byteLength(made) - 1;
    byte = writeInteger(u8, byte, same ? ENTRY_SAME_FIELDS : 0);
    byte = this.writeDifference(u8, byte, id.msHigh, id.msLow, nodeId.msHigh, nodeId.msLow);
    byte = this.writeDifference(u8, byte, id.seqHigh, id.seqLow, nodeId.seqHigh, nodeId.seqLow);
    if (!same) byte = writeInteger(u8, byte, fields);
    for (let index = same ? 1 : 0; index < 2 * fields; index += same ? 2 : 1) {
      byte = this.writeString(u8, byte, bytes, starts[first + index]!, lengths[first + index]!);
    }
    const elements = same ? fields + 3 : 2 * fields + 4;
    byte = writeInteger(u8, byte, elements);
    finish(u8, base, byte, u8[base + 4]! | (u8[base + 5]! << 8), elements + 1);
    return made;
  }

  /** Gives a node that will not grow any more a block that fits; returns its ref. */
  seal(ref: number): number {
    const length = this.listpacks.byteLength(ref);
    if (Arena.goodSize(length) >= this.arena.usable(ref)) return ref;
    const made = this.arena.alloc(length);
    this.arena.copy(made, 0, ref, 0, length);
    this.arena.free(ref);
    return made;
  }

  private hasMasterFields(
    ref: number,
    bytes: Uint8Array,
    starts: Int32Array,
    lengths: Int32Array,
    first: number,
    fields: number,
  ): boolean {
    if (fields !== this.masterFields) return false;
    const { listpacks } = this;
    let at = this.masterFieldsAt;
    for (let index = 0; index < fields; index++) {
      if (!listpacks.equals(ref, at, bytes, starts[first + 2 * index]!, lengths[first + 2 * index]!)) return false;
      at = listpacks.next(ref, at);
    }
    return true;
  }

  /** Writes the 64-bit difference of two unsigned integers. */
  private writeDifference(
    u8: Uint8Array,
    byte: number,
    high: number,
    low: number,
    baseHigh: number,
    baseLow: number,
  ): number {
    const difference = (low >>> 0) - (baseLow >>> 0);
    const differenceHigh = (high - baseHigh - (difference < 0 ? 1 : 0)) | 0;
    const differenceLow = difference | 0;
    if (differenceHigh === 0 && differenceLow >= 0) return writeInteger(u8, byte, differenceLow);
    if (differenceHigh === -1 && differenceLow < 0) return writeInteger(u8, byte, differenceLow);
    return writeWords(u8, byte, differenceHigh, differenceLow);
  }

  /** Writes a string as a listpack element, as an integer where it is one; returns the byte after it. @hot */
  private writeString(u8: Uint8Array, byte: number, bytes: Uint8Array, offset: number, length: number): number {
    if (length <= 20 && this.decimal.parse(bytes, offset, length)) {
      const { value, high, low } = this.decimal;
      return value >= -2147483648 && value <= 2147483647
        ? writeInteger(u8, byte, value)
        : writeWords(u8, byte, high, low);
    }
    let at = byte;
    if (length < 64) {
      u8[at++] = STRING6 | length;
    } else if (length < 4096) {
      u8[at++] = STRING12 | (length >>> 8);
      u8[at++] = length;
    } else {
      u8[at++] = STRING32;
      u8[at++] = length;
      u8[at++] = length >>> 8;
      u8[at++] = length >>> 16;
      u8[at++] = length >>> 24;
    }
    copyBytes(u8, at, bytes, offset, length);
    return writeBackLength(u8, at + length, at + length - byte);
  }
}

/** An integer of at most 32 bits at `byte`; larger ones and strings read as 0. @hot */
function smallInteger(u8: Uint8Array, byte: number): number {
  const first = u8[byte]!;
  if (first < STRING6) return first;
  if (first >= INT64 || first < INT13) return 0;
  readWords(u8, byte);
  return wordLow;
}

/** Reads the integer at `byte` into `wordHigh` and `wordLow`. @hot */
function readWords(u8: Uint8Array, byte: number): void {
  const first = u8[byte]!;
  if (first < STRING6) {
    wordLow = first;
    wordHigh = 0;
    return;
  }
  if (first < INT16) {
    wordLow = first >= INT13 && first < STRING12 ? (((first & 31) << 27) >> 19) | u8[byte + 1]! : 0;
  } else if (first === INT16) {
    wordLow = ((u8[byte + 1]! | (u8[byte + 2]! << 8)) << 16) >> 16;
  } else if (first === INT24) {
    wordLow = ((u8[byte + 1]! << 8) | (u8[byte + 2]! << 16) | (u8[byte + 3]! << 24)) >> 8;
  } else {
    wordLow = u8[byte + 1]! | (u8[byte + 2]! << 8) | (u8[byte + 3]! << 16) | (u8[byte + 4]! << 24);
    if (first === INT64) {
      wordHigh = u8[byte + 5]! | (u8[byte + 6]! << 8) | (u8[byte + 7]! << 16) | (u8[byte + 8]! << 24);
      return;
    }
  }
  wordHigh = wordLow >> 31;
}

/** Writes an integer of 32 bits; returns the byte after it. @hot */
function writeInteger(u8: Uint8Array, byte: number, value: number): number {
  if (value >= 0 && value <= 127) {
    u8[byte] = value;
    u8[byte + 1] = 1;
    return byte + 2;
  }
  if (value >= -4096 && value <= 4095) {
    u8[byte] = INT13 | ((value >> 8) & 31);
    u8[byte + 1] = value;
    u8[byte + 2] = 2;
    return byte + 3;
  }
  u8[byte + 1] = value;
  u8[byte + 2] = value >> 8;
  if (value >= -32768 && value <= 32767) {
    u8[byte] = INT16;
    u8[byte + 3] = 3;
    return byte + 4;
  }
  u8[byte + 3] = value >> 16;
  if (value >= -8388608 && value <= 8388607) {
    u8[byte] = INT24;
    u8[byte + 4] = 4;
    return byte + 5;
  }
  u8[byte] = INT32;
  u8[byte + 4] = value >> 24;
  u8[byte + 5] = 5;
  return byte + 6;
}

/** Writes an integer of 64 bits that does not fit into 32. */
function writeWords(u8: Uint8Array, byte: number, high: number, low: number): number {
  u8[byte] = INT64;
  for (let index = 0; index < 4; index++) {
    u8[byte + 1 + index] = low >> (8 * index);
    u8[byte + 5 + index] = high >> (8 * index);
  }
  u8[byte + 9] = 9;
  return byte + 10;
}

function writeBackLength(u8: Uint8Array, byte: number, encoded: number): number {
  const bytes = backLengthBytes(encoded);
  for (let index = bytes - 1, rest = encoded; index >= 0; index--, rest = Math.floor(rest / 128)) {
    u8[byte + index] = (rest & 127) | (index === 0 ? 0 : 128);
  }
  return byte + bytes;
}

/** Ends a listpack at `byte` and sets its length and count. */
function finish(u8: Uint8Array, base: number, byte: number, count: number, added: number): void {
  u8[byte] = END;
  const total = byte + 1 - base;
  u8[base] = total;
  u8[base + 1] = total >>> 8;
  u8[base + 2] = total >>> 16;
  u8[base + 3] = total >>> 24;
  const counted = count === 65535 ? 65535 : Math.min(65535, count + added);
  u8[base + 4] = counted;
  u8[base + 5] = counted >>> 8;
}

/**
 * Whether bytes from outside are a stream's node: a listpack whose entries add up as its master entry and their own
 * ends say. Reads nothing outside.
 */
export function validateStreamNode(bytes: Uint8Array, offset: number, length: number): boolean {
  if (!validateListpack(bytes, offset, length, true)) return false;
  const end = offset + length - 1;
  let at = offset + HEADER_BYTES;
  let value = 0;
  /** Takes the next element, which must be an integer of 0 to 2^31 - 1. */
  const takeCount = (): boolean => {
    if (at >= end || !isInteger(bytes[at]!)) return false;
    readWords(bytes, at);
    value = wordLow;
    at += entryBytes(bytes, at);
    return wordHigh === 0 && value >= 0;
  };
  const takeInteger = (): boolean => {
    if (at >= end || !isInteger(bytes[at]!)) return false;
    at += entryBytes(bytes, at);
    return true;
  };
  const skip = (count: number): boolean => {
    for (let left = count; left > 0; left--) {
      if (at >= end) return false;
      at += entryBytes(bytes, at);
    }
    return true;
  };
  if (!takeCount()) return false;
  const live = value;
  if (!takeCount()) return false;
  const deleted = value;
  if (!takeCount()) return false;
  const masterFields = value;
  if (masterFields > length || !skip(masterFields) || !takeCount() || value !== 0) return false;
  let liveSeen = 0;
  let deletedSeen = 0;
  while (at < end) {
    // Flags take one byte, so that they can be set in place.
    if (bytes[at]! >= STRING6 || !takeCount()) return false;
    const flags = value;
    if (!takeInteger() || !takeInteger()) return false;
    let elements = masterFields;
    let fixed = 3;
    if ((flags & ENTRY_SAME_FIELDS) === 0) {
      if (!takeCount() || value > length) return false;
      elements = 2 * value;
      fixed = 4;
    }
    if (!skip(elements) || !takeCount() || value !== elements + fixed) return false;
    if ((flags & ENTRY_DELETED) !== 0) deletedSeen++;
    else liveSeen++;
  }
  return liveSeen === live && deletedSeen === deleted;
}

function isInteger(first: number): boolean {
  return first < STRING6 || (first >= INT13 && first < STRING12) || first > STRING32;
}
