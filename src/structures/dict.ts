// dict: a hash table in the arena that grows one small segment at a time (extendible hashing).
//
// A dict maps a 32-bit hash to 32-bit payloads (several may share a hash). Most payloads are entry refs, and `find` then
// compares the entry's key; the expiry index stores times instead. Segments are open-addressed tables of up to 1022 slots,
// chosen by the top bits of the hash through a directory. A full segment is split in two by the next bit (about 15 us), so
// there is no stop-the-world rehash and never a second table. The halves begin with 638 slots: as
// all segments fill at the same pace, halves of full size would all stand at a load of 0.41 together. A slot's place inside its segment follows the *next* bits,
// linear probing keeps it near, and deletion shifts back (no tombstones). So the order of segments, and of slots up to
// probing, is the order of the hashes, which is what makes SCAN exact: its cursor is a hash, each call emits all
// entries of one interval of hashes, and neither growing nor shrinking changes any entry's hash.
//
// The first bits of a hash may stand for something that many payloads share (the slot of keys in a cluster). Such a dict is
// made with the count of these bits: they order the segments like any others, but a place within a segment comes from the bits
// after them, or all keys of one slot would be at home in one place.
//
//   handle  word 0 count, 1 directory depth, 2 directory ref (depth 0: the only segment), 3 segments (bits 0-24) and shared
//           bits (25-30), 4-7 the owner's
//   directory  2^depth words: segment refs; a segment of local depth l stands 2^(depth - l) times
//   segment word 0 local depth, 1 slots, 2 used slots, 3 bits of a hash before those of its place, then slots of (hash, payload);
//           payload 0 = empty
//
// Cost per entry: 8 bytes a slot at a load of 0.51 to 0.81, 10 to 16 bytes; up to 20 in dicts below 416 entries. A lookup touches directory, segment, entry.
// The hash must be keyed (HalfSipHash): equal hashes in great number would make one segment grow beyond its size.
//
// Not here: the layout of an entry (entry), freeing entries (datatypes).

import { assert } from '../base/assert.js';
import { equalInViews } from '../base/bytes.js';
import type { RandomSource } from '../base/prng.js';
import type { HalfSipHash } from '../base/siphash.js';
import type { Arena } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT, wordOffset } from '../memory/layout.js';
import type { RefMarks } from '../memory/ref-marks.js';
import { Entries } from './entry.js';

export type DictRef = number & { readonly brand: 'dict' };

const HANDLE_BYTES = 32;
const COUNT = 0;
const DEPTH = 1;
const DIRECTORY = 2;
const SEGMENTS = 3;
const SEGMENT_COUNT_MASK = 0x1ffffff;
const SHARED_SHIFT = 25;
/** First of the four words of the handle that belong to the dict's owner. */
export const OWNER_WORD = 4;

const LOCAL_DEPTH = 0;
const SLOTS = 1;
const USED = 2;
/** The local depth, or the dict's shared bits where these are more: then the segment's order is not that of the hashes. */
const HOME_SHIFT = 3;
const HEADER_WORDS = 4;
/** Slots of the smallest and the largest segment, which take 64 and 8192 bytes. */
const SLOTS_MIN = 6;
const SLOTS_MAX = 1022;
/** The first capacity of the halves of a full segment: a size class of the arena, 5120 bytes. */
const SLOTS_HALF = 638;
/** Beyond this depth a full segment grows instead of splitting: its hashes are (nearly) equal. */
const LOCAL_DEPTH_MAX = 22;
/** How many hashes there are. */
const HASHES = 2 ** 32;
const KEY_LENGTH_MASK = (1 << 29) - 1;

/** Most slots in use before a segment is split: 13/16, and never all, as an empty slot ends each search. */
function limitOf(slots: number): number {
  return slots - (slots >>> 3) - (slots >>> 4) - 1;
}

/** Slots of a new segment that gets so many, and soon more. */
function slotsFor(used: number): number {
  return used + (used >>> 4) < limitOf(SLOTS_HALF) ? SLOTS_HALF : SLOTS_MAX;
}

function segmentBytes(slots: number): number {
  return (HEADER_WORDS + 2 * slots) * 4;
}

/** The slot where the search for a hash begins: its bits after the first `homeShift`, scaled to the slots. */
function homeOf(hash: number, homeShift: number, slots: number): number {
  const bits = (hash << homeShift) >>> 16;
  return slots <= SLOTS_MAX ? (bits * slots) >>> 16 : Math.floor((bits * slots) / 65536);
}

/** A growable list of refs that is filled and emptied again and again. */
export class RefList {
  refs: Int32Array;
  length = 0;

  constructor(capacity = 64) {
    this.refs = new Int32Array(capacity);
  }

  push(ref: number): void {
    if (this.length === this.refs.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.refs);
      this.refs = grown;
    }
    this.refs[this.length++] = ref;
  }

  clear(): void {
    this.length = 0;
  }
}

/** All dicts of one arena. */
export class Dicts {
  private readonly drawn = { segment: 0, slot: 0 };
  /** Hashes and payloads of a segment that is swept. */
  private readonly kept = new RefList();
  /** A sum of what `fetchSlots` read. It says nothing; without it the reads would be left out. */
  fetched = 0;

  constructor(
    readonly arena: Arena,
    readonly hasher: HalfSipHash,
  ) {}

  /** Makes an empty dict; the first `sharedBits` of its hashes may be the same in many. */
  create(sharedBits = 0): DictRef {
    const segment = this.createSegment(0, SLOTS_MIN, sharedBits);
    const dict = this.arena.alloc(HANDLE_BYTES) as DictRef;
    const i32 = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    i32.fill(0, at, at + HANDLE_BYTES / 4);
    i32[at + DIRECTORY] = segment;
    i32[at + SEGMENTS] = (sharedBits << SHARED_SHIFT) | 1;
    return dict;
  }

  /** Frees handle, directory and segments, whatever they hold; payloads are the owner's to free before. */
  destroy(dict: DictRef): void {
    const i32 = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const depth = i32[at + DEPTH]!;
    if (depth === 0) {
      this.arena.free(i32[at + DIRECTORY]!);
    } else {
      const directory = i32[at + DIRECTORY]!;
      for (let index = 0; index < 1 << depth;) {
        const segment = this.directoryEntry(directory, index);
        index += 1 << (depth - this.segmentWord(segment, LOCAL_DEPTH));
        this.arena.free(segment);
      }
      this.arena.free(directory);
    }
    this.arena.free(dict);
  }

  /**
   * Takes payloads out of a dict that nobody uses any more, handing each to `release`, until about `budget` are out.
   * Returns true when the dict is gone with all its blocks.
   */
  dismantle(dict: DictRef, budget: number, release: (payload: number) => void): boolean {
    let left = budget;
    while (left > 0) {
      const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
      const at = wordOffset(dict);
      const depth = handle[at + DEPTH]!;
      // The word that counts the segments serves as the cursor (inverted): places of the directory that are done.
      const index = handle[at + SEGMENTS]! < 0 ? ~handle[at + SEGMENTS]! : 0;
      if (index >= 1 << depth) {
        if (depth > 0) this.arena.free(handle[at + DIRECTORY]!);
        this.arena.free(dict);
        return true;
      }
      const segment = depth === 0 ? handle[at + DIRECTORY]! : this.directoryEntry(handle[at + DIRECTORY]!, index);
      const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
      const base = wordOffset(segment);
      const end = base + HEADER_WORDS + 2 * i32[base + SLOTS]!;
      for (let slot = base + HEADER_WORDS; slot < end; slot += 2) if (i32[slot + 1] !== 0) release(i32[slot + 1]!);
      left -= i32[base + USED]! + 1;
      handle[at + SEGMENTS] = ~(index + (1 << (depth - i32[base + LOCAL_DEPTH]!)));
      this.arena.free(segment);
    }
    return false;
  }

  count(dict: DictRef): number {
    return this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + COUNT]!;
  }

  /** One of the four words that belong to the dict's owner. */
  ownerWord(dict: DictRef, index: number): number {
    return this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + OWNER_WORD + index]!;
  }

  setOwnerWord(dict: DictRef, index: number, value: number): void {
    this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + OWNER_WORD + index] = value;
  }

  /** @hot */
  hash(key: Uint8Array, offset: number, length: number): number {
    const { arena } = this;
    return key === arena.input
      ? this.hasher.hashView(arena.inputView, offset, length)
      : this.hasher.hash(key, offset, length);
  }

  /** The hash of an entry's key. */
  hashOfEntry(ref: number): number {
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    const word1 = i32[wordOffset(ref) + 1]!;
    return this.hasher.hashView(
      this.arena.views[ref >>> CHUNK_SHIFT]!,
      byteOffset(ref) + Entries.keyOffset(word1),
      word1 & KEY_LENGTH_MASK,
    );
  }

  /** Puts an entry under `hash` if no other has its key; returns the one that has, or 0. One search does for both. @hot */
  insertMissing(dict: DictRef, entry: number, hash: number): number {
    const { arena } = this;
    const segment = this.segmentOf(dict, hash);
    const i32 = arena.i32[segment >>> CHUNK_SHIFT]!;
    const base = wordOffset(segment);
    const slots = i32[base + SLOTS]!;
    const first = base + HEADER_WORDS;
    const end = first + 2 * slots;
    let at = first + 2 * homeOf(hash, i32[base + HOME_SHIFT]!, slots);
    for (let ref = i32[at + 1]!; ref !== 0; ref = i32[at + 1]!) {
      if (i32[at] === hash && this.hasKeyOf(ref, entry)) return ref;
      at += 2;
      if (at === end) at = first;
    }
    if (i32[base + USED]! >= limitOf(slots)) {
      this.insert(dict, hash, entry);
      return 0;
    }
    i32[at] = hash;
    i32[at + 1] = entry;
    i32[base + USED]!++;
    arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + COUNT]!++;
    if (arena.guard !== null) arena.guard.memberAdded(dict, hash, entry);
    return 0;
  }

  /** Whether two entries have the same key. */
  private hasKeyOf(ref: number, other: number): boolean {
    const { arena } = this;
    const word1 = arena.i32[other >>> CHUNK_SHIFT]![wordOffset(other) + 1]!;
    const start = byteOffset(other) + Entries.keyOffset(word1);
    return this.keyEquals(ref, arena.u8[other >>> CHUNK_SHIFT]!, start, word1 & KEY_LENGTH_MASK);
  }

  /**
   * Reads the slots where the search for each of the first `count` hashes begins. Nothing in one read waits for another, so that
   * the memory serves them side by side, and the searches and inserts that follow find their slots in the processor's cache. @hot
   */
  fetchSlots(dict: DictRef, hashes: Int32Array, count: number): void {
    let sum = 0;
    for (let index = 0; index < count; index++) sum ^= this.segmentWord(this.segmentOf(dict, hashes[index]!), SLOTS);
    for (let index = 0; index < count; index++) {
      const hash = hashes[index]!;
      const segment = this.segmentOf(dict, hash);
      const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
      const base = wordOffset(segment);
      sum ^= i32[base + HEADER_WORDS + 2 * homeOf(hash, i32[base + HOME_SHIFT]!, i32[base + SLOTS]!)]!;
    }
    this.fetched = sum;
  }

  /** The entry with this key, or 0. `hash` is the key's. @hot */
  find(dict: DictRef, key: Uint8Array, offset: number, length: number, hash: number): number {
    const segment = this.segmentOf(dict, hash);
    const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const base = wordOffset(segment);
    const slots = i32[base + SLOTS]!;
    const first = base + HEADER_WORDS;
    const end = first + 2 * slots;
    let at = first + 2 * homeOf(hash, i32[base + HOME_SHIFT]!, slots);
    for (;;) {
      const ref = i32[at + 1]!;
      if (ref === 0) return 0;
      if (i32[at] === hash && this.keyEquals(ref, key, offset, length)) return ref;
      at += 2;
      if (at === end) at = first;
    }
  }

  /** Whether an entry has this key. @hot */
  keyEquals(ref: number, key: Uint8Array, offset: number, length: number): boolean {
    const word1 = this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + 1]!;
    if ((word1 & KEY_LENGTH_MASK) !== length) return false;
    const { arena } = this;
    if (key === arena.input) {
      return equalInViews(
        arena.views[ref >>> CHUNK_SHIFT]!,
        byteOffset(ref) + Entries.keyOffset(word1),
        arena.inputView,
        offset,
        length,
      );
    }
    const u8 = this.arena.u8[ref >>> CHUNK_SHIFT]!;
    const start = byteOffset(ref) + Entries.keyOffset(word1);
    for (let index = 0; index < length; index++) if (u8[start + index] !== key[offset + index]) return false;
    return true;
  }

  /** The first payload of this hash that `accepts` says yes to, or 0. */
  findByHash(dict: DictRef, hash: number, accepts: (payload: number) => boolean): number {
    const segment = this.segmentOf(dict, hash);
    const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const base = wordOffset(segment);
    const slots = i32[base + SLOTS]!;
    let slot = homeOf(hash, i32[base + HOME_SHIFT]!, slots);
    for (;;) {
      const payload = i32[base + HEADER_WORDS + 2 * slot + 1]!;
      if (payload === 0) return 0;
      if (i32[base + HEADER_WORDS + 2 * slot] === hash && accepts(payload)) return payload;
      if (++slot === slots) slot = 0;
    }
  }

  /** Adds a payload (not 0) under a hash, without looking whether its key exists already. @hot */
  insert(dict: DictRef, hash: number, payload: number): void {
    let segment = this.segmentOf(dict, hash);
    let i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    let base = wordOffset(segment);
    while (i32[base + USED]! >= limitOf(i32[base + SLOTS]!)) {
      this.growSegment(dict, segment, hash);
      segment = this.segmentOf(dict, hash);
      i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
      base = wordOffset(segment);
    }
    placeSlot(i32, base, hash, payload);
    this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + COUNT]!++;
    if (this.arena.guard !== null) this.arena.guard.memberAdded(dict, hash, payload);
  }

  /** Puts another payload in the place of one that is there. @hot */
  replace(dict: DictRef, hash: number, payload: number, by: number): void {
    const segment = this.segmentOf(dict, hash);
    const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const base = wordOffset(segment);
    const slot = slotOf(i32, base, hash, payload);
    assert(slot >= 0, 'a replaced payload is in the dict');
    i32[base + HEADER_WORDS + 2 * slot + 1] = by;
  }

  /** Takes a payload out; false when it is missing. The payload itself is the owner's to free. @hot */
  remove(dict: DictRef, hash: number, payload: number): boolean {
    const segment = this.segmentOf(dict, hash);
    const slot = slotOf(this.arena.i32[segment >>> CHUNK_SHIFT]!, wordOffset(segment), hash, payload);
    if (slot < 0) return false;
    this.emptySlot(dict, segment, slot, hash);
    return true;
  }

  /** Takes out the payload that `random` has just drawn from this dict, which has not changed since. @hot */
  removeDrawn(dict: DictRef): void {
    const { segment, slot } = this.drawn;
    this.emptySlot(dict, segment, slot, this.segmentWord(segment, HEADER_WORDS + 2 * slot));
  }

  /**
   * Takes out all payloads that are marked, in one pass over the segments: a tenth of what it takes to look each up when they
   * are many. The payloads themselves are the owner's to free.
   */
  removeMarked(dict: DictRef, marks: RefMarks): void {
    for (let from = 0; from < HASHES;) {
      const segment = this.segmentOf(dict, from | 0);
      const removed = this.sweepSegment(dict, segment, marks);
      this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + COUNT]! -= removed;
      from += HASHES / 2 ** this.segmentWord(segment, LOCAL_DEPTH);
    }
    this.shrinkSegments(dict);
  }

  /** Takes the marked payloads out of a segment, and puts the others where they are at home now; returns how many went. */
  private sweepSegment(dict: DictRef, segment: number, marks: RefMarks): number {
    const { guard } = this.arena;
    const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const base = wordOffset(segment);
    const first = base + HEADER_WORDS;
    const end = first + 2 * i32[base + SLOTS]!;
    const { kept } = this;
    kept.clear();
    for (let at = first; at < end; at += 2) {
      const payload = i32[at + 1]!;
      if (payload === 0) continue;
      if (marks.has(payload)) {
        if (guard !== null) guard.beforeMember(dict, i32[at]!, payload);
        continue;
      }
      kept.push(i32[at]!);
      kept.push(payload);
    }
    const removed = i32[base + USED]! - kept.length / 2;
    if (removed === 0) return 0;
    i32.fill(0, first, end);
    i32[base + USED] = 0;
    for (let index = 0; index < kept.length; index += 2) placeSlot(i32, base, kept.refs[index]!, kept.refs[index + 1]!);
    return removed;
  }

  /** Joins segments, or makes them smaller, where many payloads have gone. */
  private shrinkSegments(dict: DictRef): void {
    for (let from = 0; from < HASHES;) {
      const segment = this.segmentOf(dict, from | 0);
      const localDepth = this.segmentWord(segment, LOCAL_DEPTH);
      const slots = this.segmentWord(segment, SLOTS);
      const span = HASHES / 2 ** localDepth;
      if (this.segmentWord(segment, USED) < slots >>> 3 && slots > SLOTS_MIN) {
        this.shrinkSegment(dict, segment, from | 0);
        const made = this.segmentOf(dict, from | 0);
        // The joined one may be nearly empty too; it begins here or, with the sibling before, earlier.
        if (made !== segment) {
          const wider = HASHES / 2 ** this.segmentWord(made, LOCAL_DEPTH);
          from = Math.floor(from / wider) * wider;
          continue;
        }
      }
      from += span;
    }
  }

  private emptySlot(dict: DictRef, segment: number, slot: number, hash: number): void {
    const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const base = wordOffset(segment);
    if (this.arena.guard !== null) this.arena.guard.beforeMember(dict, hash, i32[base + HEADER_WORDS + 2 * slot + 1]!);
    closeGap(i32, base, slot);
    const used = --i32[base + USED]!;
    this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + COUNT]!--;
    const slots = i32[base + SLOTS]!;
    if (used < slots >>> 3 && slots > SLOTS_MIN) this.shrinkSegment(dict, segment, hash);
  }

  /** A payload drawn with equal chances, or 0 when the dict is empty. */
  random(dict: DictRef, prng: RandomSource): number {
    if (this.count(dict) === 0) return 0;
    const found = this.drawSlot(dict, prng);
    return this.arena.i32[found.segment >>> CHUNK_SHIFT]![
      wordOffset(found.segment) + HEADER_WORDS + 2 * found.slot + 1
    ]!;
  }

  /** As `random`, for payloads that are plain numbers: with the hash, the payload unsigned. */
  randomSlot(dict: DictRef, prng: RandomSource): { hash: number; unit: number } | undefined {
    if (this.count(dict) === 0) return undefined;
    const { segment, slot } = this.drawSlot(dict, prng);
    const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const at = wordOffset(segment) + HEADER_WORDS + 2 * slot;
    return { hash: i32[at]!, unit: i32[at + 1]! >>> 0 };
  }

  /** Draws places until one is taken; the result is borrowed until the next draw. */
  private drawSlot(dict: DictRef, prng: RandomSource): { segment: number; slot: number } {
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const depth = handle[at + DEPTH]!;
    const segments = handle[at + SEGMENTS]! & SEGMENT_COUNT_MASK;
    // Where few hashes made the directory deep, hardly any draw of a place would be the first of its segment.
    const walks = 1 << depth > segments * segments;
    for (;;) {
      let segment = handle[at + DIRECTORY]!;
      if (depth > 0 && walks) {
        segment = this.nthSegment(segment, depth, prng.below(segments));
      } else if (depth > 0) {
        const index = prng.uint32() >>> (32 - depth);
        segment = this.directoryEntry(segment, index);
        // A segment that stands several times in the directory counts once.
        if ((index & ((1 << (depth - this.segmentWord(segment, LOCAL_DEPTH))) - 1)) !== 0) continue;
      }
      const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
      const base = wordOffset(segment);
      // Drawing from the largest size keeps the chances equal while segments of several sizes exist.
      const slot = prng.below(depth === 0 ? i32[base + SLOTS]! : Math.max(SLOTS_MAX, i32[base + SLOTS]!));
      if (slot >= i32[base + SLOTS]! || i32[base + HEADER_WORDS + 2 * slot + 1] === 0) continue;
      this.drawn.segment = segment;
      this.drawn.slot = slot;
      return this.drawn;
    }
  }

  /** The segment that has `number` others before it. */
  private nthSegment(directory: number, depth: number, number: number): number {
    let index = 0;
    for (let left = number; left > 0; left--)
      index += 1 << (depth - this.segmentWord(this.directoryEntry(directory, index), LOCAL_DEPTH));
    return this.directoryEntry(directory, index);
  }

  /**
   * Emits all payloads of the interval of hashes that starts at `cursor` and is long enough for about `count` of them.
   * Returns the next cursor, 0 at the end. Whatever is in the dict from the first call to the last is emitted just once.
   */
  scan(dict: DictRef, cursor: number, count: number, out: RefList): number {
    const next = this.scanTo(dict, cursor, HASHES, count, out);
    return next >= HASHES ? 0 : next;
  }

  /** As `scan`, up to the hash `end`, which is returned where nothing is left before it. */
  scanTo(dict: DictRef, cursor: number, end: number, count: number, out: RefList): number {
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const wanted = out.length + count;
    let slotsLeft = count * 10;
    let from = cursor >>> 0;
    while (from < end && out.length < wanted && slotsLeft > 0) {
      const depth = handle[at + DEPTH]!;
      const segment =
        depth === 0 ? handle[at + DIRECTORY]! : this.directoryEntry(handle[at + DIRECTORY]!, from >>> (32 - depth));
      const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
      const base = wordOffset(segment);
      const localDepth = i32[base + LOCAL_DEPTH]!;
      const slots = i32[base + SLOTS]!;
      const span = HASHES / 2 ** localDepth;
      const prefix = Math.floor(from / span) * span;
      if (i32[base + HOME_SHIFT] !== localDepth) {
        from = this.emitLowest(i32, base, from, Math.min(prefix + span, end), wanted - out.length, out);
        slotsLeft -= slots;
        continue;
      }
      const home = homeOf(from | 0, localDepth, slots);
      // As many home slots as the load makes likely to hold what is still wanted.
      const load = Math.max(i32[base + USED]!, 1) / slots;
      const step = Math.max(1, Math.ceil(Math.min((wanted - out.length) / load, slotsLeft)));
      let to = prefix + span;
      if (home + step < slots) {
        const bits = Math.ceil(((home + step) * 65536) / slots);
        to = Math.min(to, prefix + Math.ceil((bits * span) / 65536));
        if (to <= from) to = from + 1;
      }
      if (to > end) to = end;
      this.emitInterval(i32, base, home, home + step, from, to, out);
      slotsLeft -= Math.min(step, slots - home);
      from = to;
    }
    return from;
  }

  /**
   * Emits the `wanted` payloads of the lowest hashes in [from, to) of a segment that is not in their order, with those that have
   * the last one's hash; returns where the rest begins.
   */
  private emitLowest(i32: Int32Array, base: number, from: number, to: number, wanted: number, out: RefList): number {
    if (i32[base + USED] === 0) return to;
    const first = base + HEADER_WORDS;
    const last = first + 2 * i32[base + SLOTS]!;
    const hashes: number[] = [];
    for (let at = first; at < last; at += 2) {
      const hash = i32[at]! >>> 0;
      if (i32[at + 1] !== 0 && hash >= from && hash < to) hashes.push(hash);
    }
    let next = to;
    if (hashes.length > wanted) next = Uint32Array.from(hashes).sort()[wanted - 1]! + 1;
    for (let at = first; at < last; at += 2) {
      const hash = i32[at]! >>> 0;
      if (i32[at + 1] !== 0 && hash >= from && hash < next) out.push(i32[at + 1]!);
    }
    return next;
  }

  /** Emits the payloads of one segment whose hash is in [from, to); those are at home in the slots [start, end). */
  private emitInterval(
    i32: Int32Array,
    base: number,
    start: number,
    end: number,
    from: number,
    to: number,
    out: RefList,
  ): void {
    const slots = i32[base + SLOTS]!;
    let slot = start;
    for (let walked = 0; walked < slots; walked++) {
      const payload = i32[base + HEADER_WORDS + 2 * slot + 1]!;
      if (payload === 0) {
        if (start + walked >= end) return;
      } else {
        const hash = i32[base + HEADER_WORDS + 2 * slot]! >>> 0;
        if (hash >= from && hash < to) out.push(payload);
      }
      if (++slot === slots) slot = 0;
    }
  }

  /**
   * Walks whole segments from the one that holds `cursor`, at least one and until `slotsMax` slots were seen, and
   * emits (hash, payload) of each payload that is below `limit` as an unsigned number. Returns the next cursor, 0 at
   * the end. `lowest` of the result list is kept by the caller (see keyspace/expiry).
   */
  sweep(dict: DictRef, cursor: number, slotsMax: number, visit: (hash: number, payload: number) => void): number {
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    let from = cursor >>> 0;
    let seen = 0;
    while (seen < slotsMax) {
      const depth = handle[at + DEPTH]!;
      const segment =
        depth === 0 ? handle[at + DIRECTORY]! : this.directoryEntry(handle[at + DIRECTORY]!, from >>> (32 - depth));
      const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
      const base = wordOffset(segment);
      const slots = i32[base + SLOTS]!;
      for (let slot = base + HEADER_WORDS; slot < base + HEADER_WORDS + 2 * slots; slot += 2) {
        if (i32[slot + 1] !== 0) visit(i32[slot]!, i32[slot + 1]!);
      }
      seen += slots;
      const span = 4294967296 / 2 ** i32[base + LOCAL_DEPTH]!;
      from = (Math.floor(from / span) + 1) * span;
      if (from >= 4294967296) return 0;
    }
    return from;
  }

  /** Calls `visit` with every payload. The dict must not change meanwhile. For cold paths and tests. */
  forEach(dict: DictRef, visit: (payload: number, hash: number) => void): void {
    this.sweep(dict, 0, Infinity, (hash, payload) => visit(payload, hash));
  }

  /** Bytes of handle, directory and segments, without the payloads'. */
  overheadBytes(dict: DictRef): number {
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const depth = handle[at + DEPTH]!;
    let bytes = HANDLE_BYTES;
    if (depth === 0) return bytes + this.arena.usable(handle[at + DIRECTORY]!);
    bytes += this.arena.usable(handle[at + DIRECTORY]!);
    // Segments of a deep dict all have the full size but for the few that shrank.
    return bytes + (handle[at + SEGMENTS]! & SEGMENT_COUNT_MASK) * segmentBytes(SLOTS_MAX);
  }

  /** Figures for DEBUG HTSTATS: payloads, slots, segments, the longest way from home. */
  stats(dict: DictRef): {
    count: number;
    slots: number;
    segments: number;
    depth: number;
    distanceMax: number;
    distanceSum: number;
  } {
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const result = {
      count: handle[at + COUNT]!,
      slots: 0,
      segments: 0,
      depth: handle[at + DEPTH]!,
      distanceMax: 0,
      distanceSum: 0,
    };
    this.forEachSegment(dict, (i32, base) => {
      const slots = i32[base + SLOTS]!;
      result.slots += slots;
      result.segments++;
      for (let slot = 0; slot < slots; slot++) {
        if (i32[base + HEADER_WORDS + 2 * slot + 1] === 0) continue;
        const home = homeOf(i32[base + HEADER_WORDS + 2 * slot]!, i32[base + HOME_SHIFT]!, slots);
        const distance = (slot - home + slots) % slots;
        result.distanceMax = Math.max(result.distanceMax, distance);
        result.distanceSum += distance;
      }
    });
    return result;
  }

  /** Throws where the dict contradicts itself. For tests. */
  verify(dict: DictRef): void {
    let count = 0;
    let segments = 0;
    let expected = 0;
    this.forEachSegment(dict, (i32, base, index, depth) => {
      segments++;
      const localDepth = i32[base + LOCAL_DEPTH]!;
      const slots = i32[base + SLOTS]!;
      assert(index === expected, 'segments follow each other in the directory');
      expected = index + (1 << (depth - localDepth));
      let used = 0;
      for (let slot = 0; slot < slots; slot++) {
        if (i32[base + HEADER_WORDS + 2 * slot + 1] === 0) continue;
        used++;
        const hash = i32[base + HEADER_WORDS + 2 * slot]!;
        if (localDepth > 0)
          assert(
            hash >>> (32 - localDepth) === index >>> (depth - localDepth),
            'a hash is in the segment of its prefix',
          );
        const homeShift = Math.max(localDepth, this.sharedBits(dict));
        assert(i32[base + HOME_SHIFT] === homeShift, 'a segment knows its first bits');
        for (let home = homeOf(hash, homeShift, slots); home !== slot; home = (home + 1) % slots) {
          assert(i32[base + HEADER_WORDS + 2 * home + 1] !== 0, 'no gap lies between a hash and its home');
        }
      }
      assert(used === i32[base + USED], 'a segment counts its slots');
      assert(used < slots, 'a segment has an empty slot');
      count += used;
    });
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    assert(expected === 1 << handle[at + DEPTH]!, 'segments cover the directory');
    assert(count === handle[at + COUNT], 'a dict counts its payloads');
    assert(segments === (handle[at + SEGMENTS]! & SEGMENT_COUNT_MASK), 'a dict counts its segments');
  }

  private forEachSegment(
    dict: DictRef,
    visit: (i32: Int32Array, base: number, index: number, depth: number) => void,
  ): void {
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const depth = handle[at + DEPTH]!;
    for (let index = 0; index < 1 << depth;) {
      const segment = depth === 0 ? handle[at + DIRECTORY]! : this.directoryEntry(handle[at + DIRECTORY]!, index);
      const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
      const base = wordOffset(segment);
      visit(i32, base, index, depth);
      for (let same = index; same < index + (1 << (depth - i32[base + LOCAL_DEPTH]!)); same++) {
        if (depth > 0)
          assert(this.directoryEntry(handle[at + DIRECTORY]!, same) === segment, 'a segment stands in all its places');
      }
      index += 1 << (depth - i32[base + LOCAL_DEPTH]!);
    }
  }

  private sharedBits(dict: DictRef): number {
    return this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + SEGMENTS]! >>> SHARED_SHIFT;
  }

  private segmentOf(dict: DictRef, hash: number): number {
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const depth = handle[at + DEPTH]!;
    const directory = handle[at + DIRECTORY]!;
    if (depth === 0) return directory;
    return this.arena.i32[directory >>> CHUNK_SHIFT]![wordOffset(directory) + (hash >>> (32 - depth))]!;
  }

  private directoryEntry(directory: number, index: number): number {
    return this.arena.i32[directory >>> CHUNK_SHIFT]![wordOffset(directory) + index]!;
  }

  private segmentWord(segment: number, word: number): number {
    return this.arena.i32[segment >>> CHUNK_SHIFT]![wordOffset(segment) + word]!;
  }

  private createSegment(localDepth: number, slots: number, sharedBits: number): number {
    const segment = this.arena.alloc(segmentBytes(slots));
    const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const base = wordOffset(segment);
    i32.fill(0, base, base + HEADER_WORDS + 2 * slots);
    i32[base + LOCAL_DEPTH] = localDepth;
    i32[base + SLOTS] = slots;
    i32[base + HOME_SHIFT] = Math.max(localDepth, sharedBits);
    return segment;
  }

  /** Makes room in a full segment: a larger table while it is small, else two of its size. */
  private growSegment(dict: DictRef, segment: number, hash: number): void {
    const localDepth = this.segmentWord(segment, LOCAL_DEPTH);
    const slots = this.segmentWord(segment, SLOTS);
    if (slots < SLOTS_MAX || localDepth >= LOCAL_DEPTH_MAX) {
      this.rebuildSegment(dict, segment, hash, slots < SLOTS_MAX ? Math.min(2 * slots + 2, SLOTS_MAX) : 2 * slots + 2);
      return;
    }
    const ones = this.countOnes(segment, localDepth);
    const shared = this.sharedBits(dict);
    const zero = this.createSegment(localDepth + 1, slotsFor(this.segmentWord(segment, USED) - ones), shared);
    const one = this.createSegment(localDepth + 1, slotsFor(ones), shared);
    this.pourSegment(segment, zero, 1 << (31 - localDepth), 0);
    this.pourSegment(segment, one, 1 << (31 - localDepth), 1 << (31 - localDepth));
    if (this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + DEPTH] === localDepth) this.doubleDirectory(dict);
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const depth = handle[at + DEPTH]!;
    handle[at + SEGMENTS]!++;
    this.pointPrefix(handle[at + DIRECTORY]!, depth, localDepth, hash, zero, one);
    this.arena.free(segment);
  }

  /** How many hashes of a segment have a 1 after the segment's prefix. */
  private countOnes(segment: number, localDepth: number): number {
    const i32 = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const first = wordOffset(segment) + HEADER_WORDS;
    const end = first + 2 * i32[wordOffset(segment) + SLOTS]!;
    let count = 0;
    for (let at = first; at < end; at += 2) if (i32[at + 1] !== 0) count += ((i32[at]! << localDepth) >>> 31) & 1;
    return count;
  }

  /** Points the first half of a prefix's places in the directory to one segment and the second half to another. */
  private pointPrefix(
    directory: number,
    depth: number,
    localDepth: number,
    hash: number,
    zero: number,
    one: number,
  ): void {
    const places = 1 << (depth - localDepth);
    const first = localDepth === 0 ? 0 : (hash >>> (32 - localDepth)) << (depth - localDepth);
    const i32 = this.arena.i32[directory >>> CHUNK_SHIFT]!;
    const base = wordOffset(directory) + first;
    const half = places >>> 1; // 0 when a single place gets a new segment, and then zero and one are the same
    i32.fill(zero, base, base + half);
    i32.fill(one, base + half, base + places);
  }

  private doubleDirectory(dict: DictRef): void {
    const depth = this.arena.i32[dict >>> CHUNK_SHIFT]![wordOffset(dict) + DEPTH]!;
    const made = this.arena.alloc(8 << depth);
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const old = handle[at + DIRECTORY]!;
    const to = this.arena.i32[made >>> CHUNK_SHIFT]!;
    const toBase = wordOffset(made);
    for (let index = 0; index < 1 << depth; index++) {
      const segment = depth === 0 ? old : this.directoryEntry(old, index);
      to[toBase + 2 * index] = segment;
      to[toBase + 2 * index + 1] = segment;
    }
    if (depth > 0) this.arena.free(old);
    handle[at + DIRECTORY] = made;
    handle[at + DEPTH] = depth + 1;
  }

  /** Puts a segment's content into a table of another size. */
  private rebuildSegment(dict: DictRef, segment: number, hash: number, slots: number): void {
    const localDepth = this.segmentWord(segment, LOCAL_DEPTH);
    const made = this.createSegment(localDepth, slots, this.sharedBits(dict));
    this.pourSegment(segment, made);
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const depth = handle[at + DEPTH]!;
    if (depth === 0) handle[at + DIRECTORY] = made;
    else this.pointPrefix(handle[at + DIRECTORY]!, depth, localDepth, hash, made, made);
    this.arena.free(segment);
  }

  /** Copies what a segment holds into one with room: all, or the hashes of which the bits under `mask` are `bits`. @hot */
  private pourSegment(segment: number, into: number, mask = 0, bits = 0): void {
    const from = this.arena.i32[segment >>> CHUNK_SHIFT]!;
    const to = this.arena.i32[into >>> CHUNK_SHIFT]!;
    const first = wordOffset(segment) + HEADER_WORDS;
    const end = first + 2 * from[first - HEADER_WORDS + SLOTS]!;
    const base = wordOffset(into);
    const slots = to[base + SLOTS]!;
    const homeShift = to[base + HOME_SHIFT]!;
    const toFirst = base + HEADER_WORDS;
    const toEnd = toFirst + 2 * slots;
    let used = to[base + USED]!;
    for (let at = first; at < end; at += 2) {
      const payload = from[at + 1]!;
      const hash = from[at]!;
      if (payload === 0 || (hash & mask) !== bits) continue;
      let place = toFirst + 2 * homeOf(hash, homeShift, slots);
      while (to[place + 1] !== 0) if ((place += 2) === toEnd) place = toFirst;
      to[place] = hash;
      to[place + 1] = payload;
      used++;
    }
    to[base + USED] = used;
  }

  /** A segment is nearly empty: it is joined with its sibling, or gets a smaller table when it is the only one. */
  private shrinkSegment(dict: DictRef, segment: number, hash: number): void {
    const localDepth = this.segmentWord(segment, LOCAL_DEPTH);
    const slots = this.segmentWord(segment, SLOTS);
    const used = this.segmentWord(segment, USED);
    if (localDepth === 0) {
      this.rebuildSegment(dict, segment, hash, Math.max(SLOTS_MIN, (slots - 2) >>> 1));
      return;
    }
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    const depth = handle[at + DEPTH]!;
    const bit = 1 << (32 - localDepth);
    const sibling = this.directoryEntry(handle[at + DIRECTORY]!, (hash ^ bit) >>> (32 - depth));
    const together = this.segmentWord(sibling, USED) + used;
    if (this.segmentWord(sibling, LOCAL_DEPTH) !== localDepth || together > SLOTS_MAX >>> 1) return;
    const made = this.createSegment(localDepth - 1, slotsFor(together), this.sharedBits(dict));
    this.pourSegment(segment, made);
    this.pourSegment(sibling, made);
    handle[at + SEGMENTS]!--;
    this.pointPrefix(handle[at + DIRECTORY]!, depth, localDepth - 1, hash, made, made);
    this.arena.free(segment);
    this.arena.free(sibling);
    if (localDepth === depth) this.halveDirectory(dict);
  }

  /** Halves the directory as often as no segment needs its last bit. */
  private halveDirectory(dict: DictRef): void {
    const handle = this.arena.i32[dict >>> CHUNK_SHIFT]!;
    const at = wordOffset(dict);
    for (let depth = handle[at + DEPTH]!; depth > 0; depth--) {
      const directory = handle[at + DIRECTORY]!;
      // Fewer segments than half of the places are a hint; the walk is the proof.
      if ((handle[at + SEGMENTS]! & SEGMENT_COUNT_MASK) > 1 << (depth - 1)) return;
      for (let index = 0; index < 1 << depth; index += 2) {
        if (this.directoryEntry(directory, index) !== this.directoryEntry(directory, index + 1)) return;
      }
      if (depth === 1) {
        handle[at + DIRECTORY] = this.directoryEntry(directory, 0);
      } else {
        const i32 = this.arena.i32[directory >>> CHUNK_SHIFT]!;
        const base = wordOffset(directory);
        for (let index = 0; index < 1 << (depth - 1); index++) i32[base + index] = i32[base + 2 * index]!;
        handle[at + DIRECTORY] = this.arena.realloc(directory, 4 << (depth - 1), 4 << (depth - 1));
      }
      if (depth === 1) this.arena.free(directory);
      handle[at + DEPTH] = depth - 1;
    }
  }
}

/** Puts (hash, payload) into the first empty slot from its home on; the segment has one. @hot */
function placeSlot(i32: Int32Array, base: number, hash: number, payload: number): void {
  const slots = i32[base + SLOTS]!;
  let slot = homeOf(hash, i32[base + HOME_SHIFT]!, slots);
  while (i32[base + HEADER_WORDS + 2 * slot + 1] !== 0) if (++slot === slots) slot = 0;
  i32[base + HEADER_WORDS + 2 * slot] = hash;
  i32[base + HEADER_WORDS + 2 * slot + 1] = payload;
  i32[base + USED]!++;
}

/** The slot of (hash, payload), or -1. @hot */
function slotOf(i32: Int32Array, base: number, hash: number, payload: number): number {
  const slots = i32[base + SLOTS]!;
  let slot = homeOf(hash, i32[base + HOME_SHIFT]!, slots);
  for (;;) {
    const found = i32[base + HEADER_WORDS + 2 * slot + 1]!;
    if (found === 0) return -1;
    if (found === payload && i32[base + HEADER_WORDS + 2 * slot] === hash) return slot;
    if (++slot === slots) slot = 0;
  }
}

/** Empties a slot and shifts back what follows, so that no gap lies between a hash and its home. @hot */
function closeGap(i32: Int32Array, base: number, slot: number): void {
  const slots = i32[base + SLOTS]!;
  const homeShift = i32[base + HOME_SHIFT]!;
  const first = base + HEADER_WORDS;
  let gap = slot;
  let next = slot;
  for (;;) {
    if (++next === slots) next = 0;
    const payload = i32[first + 2 * next + 1]!;
    if (payload === 0) break;
    const hash = i32[first + 2 * next]!;
    const home = homeOf(hash, homeShift, slots);
    // It may move into the gap only if the gap is not before its home, going round.
    const fits = gap <= next ? home <= gap || home > next : home <= gap && home > next;
    if (!fits) continue;
    i32[first + 2 * gap] = hash;
    i32[first + 2 * gap + 1] = payload;
    gap = next;
  }
  i32[first + 2 * gap + 1] = 0;
}
