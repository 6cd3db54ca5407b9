// sorted-set-listpack: a small sorted set as one listpack of member, score, member, score ..., in order.
//
// The layout is Redis's: whole scores up to 2^62 are integer entries, others are their shortest text. -0 is
// therefore 0 here, but as a text in a file it stays what it is. Everything walks the listpack, which is short by its limits.

import { compareBytes } from '../base/bytes.js';
import { DOUBLE_TEXT_BYTES_MAX, formatDouble, parseDouble } from '../base/double.js';
import { byteOffset, CHUNK_SHIFT } from '../memory/layout.js';
import {
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
} from '../structures/listpack-format.js';
import type { Listpacks } from '../structures/listpack.js';

const WHOLE_SCORE_MAX = 2 ** 62;
const scoreText = new Uint8Array(DOUBLE_TEXT_BYTES_MAX);

/** The score in the entry at a byte. Text that is no number (only in a forged file) counts as 0. @hot */
function readScore(u8: Uint8Array, byte: number): number {
  const first = u8[byte]!;
  if (first < 128) return first;
  if (first < INT13) return numberOr0(parseDouble(u8, byte + 1, first & 63));
  if (first < STRING12) return (((first & 31) << 27) | (u8[byte + 1]! << 19)) >> 19;
  switch (first) {
    case INT16:
      return ((u8[byte + 1]! << 16) | (u8[byte + 2]! << 24)) >> 16;
    case INT24:
      return ((u8[byte + 1]! << 8) | (u8[byte + 2]! << 16) | (u8[byte + 3]! << 24)) >> 8;
    case INT32:
      return readInt32(u8, byte + 1);
    case INT64:
      return readInt32(u8, byte + 5) * 4294967296 + (readInt32(u8, byte + 1) >>> 0);
    case STRING32:
      return 0;
    default:
      return numberOr0(parseDouble(u8, byte + 2, ((first & 15) << 8) | u8[byte + 1]!));
  }
}

/** Whether Redis keeps a score as an integer. */
function isWhole(score: number): boolean {
  return score <= WHOLE_SCORE_MAX && score >= -WHOLE_SCORE_MAX && Math.floor(score) === score;
}

function numberOr0(value: number): number {
  return value === value ? value : 0;
}

function readInt32(u8: Uint8Array, byte: number): number {
  return u8[byte]! | (u8[byte + 1]! << 8) | (u8[byte + 2]! << 16) | (u8[byte + 3]! << 24);
}

/** Sorted sets in listpacks. Elements are named by the offset of their member's entry; 0 means none. */
export class SortedListpacks {
  /** For loading: -0 is inserted as a text. */
  keepsMinusZero = false;

  constructor(readonly listpacks: Listpacks) {}

  count(ref: number): number {
    return this.listpacks.count(ref) >>> 1;
  }

  /** The element of this member, or 0. @hot */
  find(ref: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.listpacks.find(ref, this.listpacks.first(ref), bytes, offset, length, 1);
  }

  /** The score of an element. @hot */
  score(ref: number, at: number): number {
    const u8 = this.listpacks.arena.u8[ref >>> CHUNK_SHIFT]!;
    const byte = byteOffset(ref) + at;
    return readScore(u8, byte + entryBytes(u8, byte));
  }

  /** How many elements are before this one. */
  rank(ref: number, at: number): number {
    const u8 = this.listpacks.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    let rank = 0;
    for (let byte = base + HEADER_BYTES; byte < base + at; rank++) byte = afterPair(u8, byte);
    return rank;
  }

  /** The element of a rank, or 0. */
  atRank(ref: number, rank: number): number {
    return this.listpacks.at(ref, 2 * rank);
  }

  next(ref: number, at: number): number {
    const u8 = this.listpacks.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    const next = afterPair(u8, base + at);
    return u8[next] === END ? 0 : next - base;
  }

  previous(ref: number, at: number): number {
    const score = this.listpacks.previous(ref, at);
    return score === 0 ? 0 : this.listpacks.previous(ref, score);
  }

  /** How many elements have a score below `score`, or at most `score` when `beyond`. */
  countBelow(ref: number, score: number, beyond: boolean): number {
    const u8 = this.listpacks.arena.u8[ref >>> CHUNK_SHIFT]!;
    let count = 0;
    for (let byte = byteOffset(ref) + HEADER_BYTES; u8[byte] !== END; count++) {
      byte += entryBytes(u8, byte);
      const other = readScore(u8, byte);
      if (beyond ? other > score : other >= score) break;
      byte += entryBytes(u8, byte);
    }
    return count;
  }

  /** How many elements from the first on have a member before these bytes, or at most these bytes when `beyond`. */
  countBefore(ref: number, bytes: Uint8Array, offset: number, length: number, beyond: boolean): number {
    let count = 0;
    for (let at = this.listpacks.first(ref); at !== 0; at = this.next(ref, at)) {
      const order = this.compareMember(ref, at, bytes, offset, length);
      if (beyond ? order > 0 : order >= 0) break;
      count++;
    }
    return count;
  }

  /** Adds a new element; returns the listpack's ref. @hot */
  insert(ref: number, score: number, bytes: Uint8Array, offset: number, length: number): number {
    const u8 = this.listpacks.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    let byte = base + HEADER_BYTES;
    while (u8[byte] !== END) {
      const scoreByte = byte + entryBytes(u8, byte);
      const other = readScore(u8, scoreByte);
      if (other > score || (other === score && this.compareMember(ref, byte - base, bytes, offset, length) > 0)) break;
      byte = scoreByte + entryBytes(u8, scoreByte);
    }
    return this.insertAt(ref, byte - base, score, bytes, offset, length);
  }

  /** Adds an element that belongs after all others; returns the listpack's ref. */
  append(ref: number, score: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.insertAt(ref, this.listpacks.byteLength(ref) - 1, score, bytes, offset, length);
  }

  /** Gives an element another score; the member is its own. Returns the listpack's ref. @hot */
  update(ref: number, at: number, score: number, bytes: Uint8Array, offset: number, length: number): number {
    const next = this.next(ref, at);
    const previous = this.previous(ref, at);
    // Strictly between its neighbours it stays where it is; with equal scores the members decide.
    const stays =
      (next === 0 || this.score(ref, next) > score) && (previous === 0 || this.score(ref, previous) < score);
    if (!stays) return this.insert(this.remove(ref, at, 1), score, bytes, offset, length);
    const u8 = this.listpacks.arena.u8[ref >>> CHUNK_SHIFT]!;
    const base = byteOffset(ref);
    const scoreAt = at + entryBytes(u8, base + at);
    if (isWhole(score)) return this.listpacks.replaceInteger(ref, scoreAt, score + 0);
    return this.listpacks.replace(ref, scoreAt, scoreText, 0, formatDouble(score, scoreText, 0));
  }

  private insertAt(
    ref: number,
    place: number,
    score: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): number {
    const made = this.listpacks.insertBefore(ref, place, bytes, offset, length);
    const at = this.listpacks.inserted;
    if (isWhole(score) && !(this.keepsMinusZero && Object.is(score, -0)))
      return this.listpacks.insertIntegerAfter(made, at, score + 0);
    const end = formatDouble(score, scoreText, 0);
    return this.listpacks.insertAfter(made, at, scoreText, 0, end);
  }

  /** Takes `count` elements away from this one on; returns the listpack's ref. @hot */
  remove(ref: number, at: number, count: number): number {
    return this.listpacks.delete(ref, at, 2 * count);
  }

  /** Compares an element's member with bytes. */
  compareMember(ref: number, at: number, bytes: Uint8Array, offset: number, length: number): number {
    const listpacks = this.listpacks;
    listpacks.read(ref, at);
    return compareBytes(listpacks.bytes, listpacks.start, listpacks.length, bytes, offset, length);
  }
}

function afterPair(u8: Uint8Array, byte: number): number {
  const score = byte + entryBytes(u8, byte);
  return score + entryBytes(u8, score);
}
