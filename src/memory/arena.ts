// arena: off-heap memory for keys, values and the structures that hold them.
//
// Memory comes in chunks (one ArrayBuffer of 64 MB each) that are cut into pages of 8 KB. A run of pages is a *span*.
// A span is free, holds one large block, or is a *slab*: blocks of one size class. Small blocks carry no header; what a
// block's size is follows from the page it lies in. Freed blocks of a slab form a list through their first word, an
// empty slab goes back to the page heap, neighbouring free spans are joined, and a chunk without a used page is given
// back to the system. All of it is O(1), but for a first-fit walk over free spans of more than 2 MB.
//
// Giving back is at once: the chunk's buffer is detached, which frees it without a garbage collection. One empty chunk
// stays, so that use that goes up and down across a chunk's edge does not take and give all the time; it goes when nobody
// has touched it for a while (`age`) or when `purge` is called.
//
// Page table, eight words a page (kept outside the chunks):
//   SPAN   first page of the span this page belongs to (set in every page of a slab; in first and last of other spans)
//   CLASS  FREE, LARGE, HUGE, or the number of the size class (set like SPAN)
//   LENGTH pages of the span          (first page only, as the rest)
//   USED   blocks in use
//   LIST   ref of the first freed block, 0 for none
//   BUMP   ref of the first block that was never used
//   NEXT, PREVIOUS  neighbours in the list of slabs with room, or of free spans of this length
//
// Cost: 32 bytes per page (0.4 %), rounding to the size class (12 % on average above 128 bytes, 3.5 bytes below).
// Sizes: steps of 8 up to 128 bytes, then four classes per doubling up to 32 KB, whole pages above, own chunks over 32 MB.
//
// Not here: the meaning of the bytes (structures), the limit on memory (keyspace).

import { assert } from '../base/assert.js';
import { copyBytes, copyInViews, SHORT_BYTES_MAX, viewOf } from '../base/bytes.js';
import {
  byteOffset,
  CHUNK_BYTES,
  CHUNK_COUNT_MAX,
  CHUNK_SHIFT,
  chunkOf,
  FIRST_CHUNK_BYTES,
  GRANULE_SHIFT,
  HUGE_BYTES,
  PAGE_BYTES,
  PAGE_SHIFT,
  PAGES_PER_CHUNK,
  wordOffset,
} from './layout.js';
import type { PartGuard } from './part-guard.js';

const SPAN = 0;
const CLASS = 1;
const LENGTH = 2;
const USED = 3;
const LIST = 4;
const BUMP = 5;
const NEXT = 6;
const PREVIOUS = 7;
const PAGE_WORDS_SHIFT = 3;

const FREE = 0;
const LARGE = -1;
const HUGE = -2;

const SMALL_BYTES_MAX = 32768;
const BIN_COUNT = 257; // bins 1..255 hold spans of just that many pages, bin 256 all longer ones
const LONG_BIN = 256;

/** Size of the blocks of each class; class 0 means "free". */
const classBytes: Int32Array = (() => {
  const sizes = [0];
  for (let bytes = 8; bytes <= 128; bytes += 8) sizes.push(bytes);
  for (let base = 128; base < SMALL_BYTES_MAX; base *= 2)
    for (let step = 1; step <= 4; step++) sizes.push(base + (base / 4) * step);
  return Int32Array.from(sizes);
})();
const CLASS_COUNT = classBytes.length;

/** Pages of a slab of each class: the shortest span that wastes at most a sixteenth and holds eight blocks, if any does. */
const classPages: Int32Array = classBytes.map((bytes) => {
  if (bytes === 0) return 0;
  for (let pages = 1; pages <= 32; pages++) {
    const total = pages * PAGE_BYTES;
    const count = Math.floor(total / bytes);
    if (count >= 8 && total - count * bytes <= total / 16) return pages;
  }
  return 32;
});
const classCapacity: Int32Array = classBytes.map((bytes, index) =>
  bytes === 0 ? 0 : Math.floor((classPages[index]! * PAGE_BYTES) / bytes),
);

/** Size class by count of granules, rounded up. */
const classOfGranules: Uint8Array = (() => {
  const table = new Uint8Array(SMALL_BYTES_MAX / 8 + 1);
  let index = 1;
  for (let granules = 1; granules < table.length; granules++) {
    while (classBytes[index]! < granules * 8) index++;
    table[granules] = index;
  }
  table[0] = 1;
  return table;
})();

export class OutOfMemoryError extends Error {
  constructor(bytes: number) {
    super(`the arena cannot hold ${bytes} more bytes: all ${CHUNK_COUNT_MAX} chunks are in use`);
  }
}

export interface ArenaStats {
  /** Bytes in blocks that are in use, rounded up to their size class. */
  readonly usedBytes: number;
  /** Bytes in spans that are in use, empty places in slabs included. */
  readonly spanBytes: number;
  /** Bytes taken from the system: address space, most of which is memory only once it was written to. */
  readonly reservedBytes: number;
  /** Bytes that were ever used since their chunk was taken: about what is resident. */
  readonly residentBytes: number;
  /** Highest value that usedBytes had. */
  readonly peakBytes: number;
}

const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);
/** A view of nothing. */
export const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));
/** Address space after a huge block, as a share of it, so that one that grows again and again (APPEND) is seldom copied. */
const HUGE_AHEAD = 1 / 4;
/** Ticks of `age` after which an empty chunk that nobody needed goes. */
const EMPTY_TICKS_MAX = 5;
/** Slabs with room that `purge` looks at in each class. */
const PURGE_SLABS_MAX = 1000;
const FIRST_CHUNK_PAGES = FIRST_CHUNK_BYTES / PAGE_BYTES;
/** A larger buffer is not kept alive as the input. */
const INPUT_BYTES_MAX = 1 << 20;

export class Arena {
  /** The chunks, seen as bytes, words and doubles. Read-only to all but the arena; the elements change, the arrays stay. */
  readonly u8: Uint8Array[] = [];
  readonly i32: Int32Array[] = [];
  readonly f64: Float64Array[] = [];
  /** Set while a snapshot is in the middle of a big collection. */
  guard: PartGuard | null = null;
  /** The chunks for access to words that are not aligned. */
  readonly views: DataView[] = [];
  /** The buffer that most keys and values come from, with a view of it, which makes hashing, comparing and copying them faster. */
  input: Uint8Array = NO_BYTES;
  inputView: DataView = NO_VIEW;

  private pages = new Int32Array(0);
  /** First slab with room, per class; 0 for none (page 0 is never a slab). */
  private readonly partial = new Int32Array(CLASS_COUNT);
  private readonly bins = new Int32Array(BIN_COUNT);
  private readonly binBits = new Int32Array(BIN_COUNT / 32 + 1);
  private readonly freeChunks: number[] = [];
  /** In an array, so that counting never makes a heap number: used, span, reserved, peak, resident. */
  private readonly counters = new Float64Array(5);
  /** Pages of each chunk up to the last that was ever used. */
  private readonly touchedPages = new Int32Array(CHUNK_COUNT_MAX);
  private emptyChunks = 0;
  private emptyTicks = 0;

  constructor() {
    this.addChunk();
  }

  get usedBytes(): number {
    return this.counters[0]!;
  }

  stats(): ArenaStats {
    const counters = this.counters;
    return {
      usedBytes: counters[0]!,
      spanBytes: counters[1]!,
      reservedBytes: counters[2]!,
      residentBytes: counters[4]!,
      peakBytes: Math.max(counters[3]!, counters[0]!),
    };
  }

  /** Makes the highest use so far the present one (CONFIG RESETSTAT does not, MEMORY PURGE's tests do). */
  resetPeak(): void {
    this.counters[3] = this.counters[0]!;
  }

  /** The block size that a request of `bytes` really takes. */
  static goodSize(bytes: number): number {
    if (bytes <= SMALL_BYTES_MAX) return classBytes[classOfGranules[(bytes + 7) >>> GRANULE_SHIFT]!]!;
    return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
  }

  /**
   * Takes a block of at least `bytes` bytes. Its content is arbitrary. Aligned to 8 bytes.
   * Throws OutOfMemoryError when 32 GB are in use.
   * @hot
   */
  alloc(bytes: number): number {
    if (bytes > SMALL_BYTES_MAX) return this.allocLarge(bytes);
    const sizeClass = classOfGranules[(bytes + 7) >>> GRANULE_SHIFT]!;
    let page = this.partial[sizeClass]!;
    if (page === 0) page = this.addSlab(sizeClass);
    const pages = this.pages;
    const at = page << PAGE_WORDS_SHIFT;
    let ref = pages[at + LIST]!;
    if (ref !== 0) {
      pages[at + LIST] = this.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref)]!;
    } else {
      ref = pages[at + BUMP]!;
      pages[at + BUMP] = ref + (classBytes[sizeClass]! >>> GRANULE_SHIFT);
    }
    const used = pages[at + USED]! + 1;
    pages[at + USED] = used;
    if (used === classCapacity[sizeClass]!) this.unlinkPartial(sizeClass, page);
    this.counters[0]! += classBytes[sizeClass]!;
    return ref;
  }

  /**
   * Gives a block back. The ref must come from `alloc` and not have been freed.
   * @hot
   */
  free(ref: number): void {
    const pages = this.pages;
    const page = pages[((ref >>> PAGE_SHIFT) << PAGE_WORDS_SHIFT) + SPAN]!;
    const at = page << PAGE_WORDS_SHIFT;
    const sizeClass = pages[at + CLASS]!;
    if (sizeClass <= 0) {
      this.freeLarge(ref, page, sizeClass);
      return;
    }
    this.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref)] = pages[at + LIST]!;
    pages[at + LIST] = ref;
    const used = pages[at + USED]! - 1;
    pages[at + USED] = used;
    this.counters[0]! -= classBytes[sizeClass]!;
    if (used === classCapacity[sizeClass]! - 1) this.linkPartial(sizeClass, page);
    // The last slab of a class stays, so that one key that comes and goes does not make and drop a slab each time.
    if (used === 0 && (this.partial[sizeClass] !== page || pages[at + NEXT] !== 0)) {
      this.unlinkPartial(sizeClass, page);
      this.freeSpan(page, pages[at + LENGTH]!);
    }
  }

  /** How many bytes the block has, at least what was asked for. @hot */
  usable(ref: number): number {
    const pages = this.pages;
    const page = pages[((ref >>> PAGE_SHIFT) << PAGE_WORDS_SHIFT) + SPAN]!;
    const at = page << PAGE_WORDS_SHIFT;
    const sizeClass = pages[at + CLASS]!;
    if (sizeClass > 0) return classBytes[sizeClass]!;
    return pages[at + LENGTH]! * PAGE_BYTES;
  }

  /**
   * Makes a block hold `bytes` bytes, keeping its first `keep` bytes; returns where it is now (often where it was).
   * A block that would use less than half of its place moves to a smaller one.
   */
  realloc(ref: number, bytes: number, keep: number): number {
    const usable = this.usable(ref);
    if (bytes <= usable && bytes * 2 > usable) return ref;
    if (bytes <= usable && Arena.goodSize(bytes) === usable) return ref;
    if (bytes > usable && this.growHuge(ref, bytes)) return ref;
    const moved = this.alloc(bytes);
    this.copy(moved, 0, ref, 0, Math.min(keep, bytes));
    this.free(ref);
    return moved;
  }

  /** Says where the next keys and values come from; others may come too. */
  setInput(bytes: Uint8Array): void {
    if (bytes === this.input || bytes.length > INPUT_BYTES_MAX) return;
    this.input = bytes;
    this.inputView = viewOf(bytes);
  }

  /** As `setInput`, with a view that is at hand. @hot */
  useInput(bytes: Uint8Array, view: DataView): void {
    this.input = bytes;
    this.inputView = view;
  }

  /** Copies bytes from outside into a block. @hot */
  write(ref: number, offset: number, bytes: Uint8Array, from: number, count: number): void {
    const to = byteOffset(ref) + offset;
    if (count <= SHORT_BYTES_MAX && bytes === this.input)
      copyInViews(this.views[ref >>> CHUNK_SHIFT]!, to, this.inputView, from, count);
    else copyBytes(this.u8[ref >>> CHUNK_SHIFT]!, to, bytes, from, count);
  }

  /** Copies bytes between two blocks (or inside one, overlap allowed). */
  copy(toRef: number, toOffset: number, fromRef: number, fromOffset: number, count: number): void {
    const from = this.u8[fromRef >>> CHUNK_SHIFT]!;
    const start = byteOffset(fromRef) + fromOffset;
    copyBytes(this.u8[toRef >>> CHUNK_SHIFT]!, byteOffset(toRef) + toOffset, from, start, count);
  }

  private allocLarge(bytes: number): number {
    if (bytes > HUGE_BYTES) return this.allocHuge(bytes);
    const count = Math.ceil(bytes / PAGE_BYTES);
    const page = this.takeSpan(count);
    const pages = this.pages;
    for (const edge of [page, page + count - 1]) {
      pages[(edge << PAGE_WORDS_SHIFT) + SPAN] = page;
      pages[(edge << PAGE_WORDS_SHIFT) + CLASS] = LARGE;
    }
    pages[(page << PAGE_WORDS_SHIFT) + LENGTH] = count;
    this.counters[0]! += count * PAGE_BYTES;
    return page << PAGE_SHIFT;
  }

  private allocHuge(bytes: number): number {
    const count = Math.ceil(bytes / PAGE_BYTES);
    const chunk = this.newHugeChunk(count);
    const page = chunk * PAGES_PER_CHUNK;
    this.pages[(page << PAGE_WORDS_SHIFT) + SPAN] = page;
    this.pages[(page << PAGE_WORDS_SHIFT) + CLASS] = HUGE;
    this.setHugeLength(page, 0, count);
    return chunk << CHUNK_SHIFT;
  }

  /** A chunk for a block of so many pages, with address space ahead: it is no memory before it is written to. */
  private newHugeChunk(count: number): number {
    try {
      return this.newChunk((count + Math.ceil(count * HUGE_AHEAD)) * PAGE_BYTES);
    } catch (error) {
      // A system that gives no more address space than there is memory.
      if (!(error instanceof RangeError)) throw error;
      return this.newChunk(count * PAGE_BYTES);
    }
  }

  /** Makes a huge block longer in its place; false when it is none, or has no room. */
  private growHuge(ref: number, bytes: number): boolean {
    const page = chunkOf(ref) * PAGES_PER_CHUNK;
    if (this.pages[(page << PAGE_WORDS_SHIFT) + CLASS] !== HUGE) return false;
    if (bytes > this.u8[chunkOf(ref)]!.length) return false;
    this.setHugeLength(page, this.pages[(page << PAGE_WORDS_SHIFT) + LENGTH]!, Math.ceil(bytes / PAGE_BYTES));
    return true;
  }

  private setHugeLength(page: number, before: number, count: number): void {
    this.pages[(page << PAGE_WORDS_SHIFT) + LENGTH] = count;
    this.counters[0]! += (count - before) * PAGE_BYTES;
    this.counters[1]! += (count - before) * PAGE_BYTES;
    this.touch(page, count);
  }

  private freeLarge(ref: number, page: number, kind: number): void {
    assert(kind !== FREE, 'a block is freed once');
    if (kind === HUGE) {
      const bytes = this.usable(ref);
      this.counters[0]! -= bytes;
      this.counters[1]! -= bytes;
      this.pages[(page << PAGE_WORDS_SHIFT) + CLASS] = FREE;
      this.dropChunk(chunkOf(ref));
      return;
    }
    const count = this.pages[(page << PAGE_WORDS_SHIFT) + LENGTH]!;
    this.counters[0]! -= count * PAGE_BYTES;
    this.freeSpan(page, count);
  }

  private addSlab(sizeClass: number): number {
    // A good moment, rare and regular, to see how high the use has come.
    if (this.counters[0]! > this.counters[3]!) this.counters[3] = this.counters[0]!;
    const count = classPages[sizeClass]!;
    const page = this.takeSpan(count);
    const pages = this.pages;
    for (let index = 0; index < count; index++) {
      const at = (page + index) << PAGE_WORDS_SHIFT;
      pages[at + SPAN] = page;
      pages[at + CLASS] = sizeClass;
    }
    const at = page << PAGE_WORDS_SHIFT;
    pages[at + LENGTH] = count;
    pages[at + USED] = 0;
    pages[at + LIST] = 0;
    pages[at + BUMP] = page << PAGE_SHIFT;
    this.linkPartial(sizeClass, page);
    return page;
  }

  private linkPartial(sizeClass: number, page: number): void {
    const pages = this.pages;
    const first = this.partial[sizeClass]!;
    pages[(page << PAGE_WORDS_SHIFT) + NEXT] = first;
    pages[(page << PAGE_WORDS_SHIFT) + PREVIOUS] = 0;
    if (first !== 0) pages[(first << PAGE_WORDS_SHIFT) + PREVIOUS] = page;
    this.partial[sizeClass] = page;
  }

  private unlinkPartial(sizeClass: number, page: number): void {
    const pages = this.pages;
    const next = pages[(page << PAGE_WORDS_SHIFT) + NEXT]!;
    const previous = pages[(page << PAGE_WORDS_SHIFT) + PREVIOUS]!;
    if (previous !== 0) pages[(previous << PAGE_WORDS_SHIFT) + NEXT] = next;
    else this.partial[sizeClass] = next;
    if (next !== 0) pages[(next << PAGE_WORDS_SHIFT) + PREVIOUS] = previous;
  }

  /** Takes a span of `count` pages out of the page heap. */
  private takeSpan(count: number): number {
    let page = this.findSpan(count);
    if (page === 0) {
      this.addChunk();
      page = this.findSpan(count);
    }
    const pages = this.pages;
    const length = pages[(page << PAGE_WORDS_SHIFT) + LENGTH]!;
    if (length === PAGES_PER_CHUNK) {
      this.emptyChunks--;
      this.emptyTicks = 0;
    }
    this.touch(page, count);
    this.unlinkFree(page, length);
    if (length > count) this.linkFree(page + count, length - count);
    this.counters[1]! += count * PAGE_BYTES;
    return page;
  }

  /** Pages are in use now, perhaps for the first time. */
  private touch(page: number, count: number): void {
    const chunk = Math.floor(page / PAGES_PER_CHUNK);
    const end = page + count - chunk * PAGES_PER_CHUNK;
    const fresh = end - this.touchedPages[chunk]!;
    if (fresh <= 0) return;
    this.touchedPages[chunk] = end;
    this.counters[4]! += fresh * PAGE_BYTES;
  }

  private findSpan(count: number): number {
    if (count < LONG_BIN) {
      let word = count >>> 5;
      let bits = this.binBits[word]! & (-1 << (count & 31));
      while (bits === 0 && word < this.binBits.length - 1) bits = this.binBits[++word]!;
      if (bits !== 0) return this.bins[(word << 5) + (31 - Math.clz32(bits & -bits))]!;
      return 0;
    }
    let page = this.bins[LONG_BIN]!;
    while (page !== 0 && this.pages[(page << PAGE_WORDS_SHIFT) + LENGTH]! < count)
      page = this.pages[(page << PAGE_WORDS_SHIFT) + NEXT]!;
    return page;
  }

  private freeSpan(page: number, count: number): void {
    this.counters[1]! -= count * PAGE_BYTES;
    const pages = this.pages;
    let first = page;
    let length = count;
    const after = page + count;
    if (after % PAGES_PER_CHUNK !== 0 && pages[(after << PAGE_WORDS_SHIFT) + CLASS] === FREE) {
      const afterLength = pages[(after << PAGE_WORDS_SHIFT) + LENGTH]!;
      this.unlinkFree(after, afterLength);
      length += afterLength;
    }
    // Page 0 is in use for ever, so a span in chunk 0 always has a used neighbour before it.
    if (page % PAGES_PER_CHUNK !== 0 && pages[((page - 1) << PAGE_WORDS_SHIFT) + CLASS] === FREE) {
      first = pages[((page - 1) << PAGE_WORDS_SHIFT) + SPAN]!;
      const beforeLength = pages[(first << PAGE_WORDS_SHIFT) + LENGTH]!;
      this.unlinkFree(first, beforeLength);
      length += beforeLength;
    }
    this.linkFree(first, length);
    if (length === PAGES_PER_CHUNK && ++this.emptyChunks > 1) {
      this.emptyChunks--;
      this.unlinkFree(first, length);
      this.dropChunk(first / PAGES_PER_CHUNK);
    }
  }

  private linkFree(page: number, length: number): void {
    const pages = this.pages;
    const bin = Math.min(length, LONG_BIN);
    const at = page << PAGE_WORDS_SHIFT;
    const lastAt = (page + length - 1) << PAGE_WORDS_SHIFT;
    const first = this.bins[bin]!;
    pages[at + SPAN] = page;
    pages[at + CLASS] = FREE;
    pages[at + LENGTH] = length;
    pages[at + NEXT] = first;
    pages[at + PREVIOUS] = 0;
    pages[lastAt + SPAN] = page;
    pages[lastAt + CLASS] = FREE;
    if (first !== 0) pages[(first << PAGE_WORDS_SHIFT) + PREVIOUS] = page;
    this.bins[bin] = page;
    this.binBits[bin >>> 5]! |= 1 << (bin & 31);
  }

  private unlinkFree(page: number, length: number): void {
    const pages = this.pages;
    const bin = Math.min(length, LONG_BIN);
    const next = pages[(page << PAGE_WORDS_SHIFT) + NEXT]!;
    const previous = pages[(page << PAGE_WORDS_SHIFT) + PREVIOUS]!;
    if (previous !== 0) pages[(previous << PAGE_WORDS_SHIFT) + NEXT] = next;
    else this.bins[bin] = next;
    if (next !== 0) pages[(next << PAGE_WORDS_SHIFT) + PREVIOUS] = previous;
    if (this.bins[bin] === 0) this.binBits[bin >>> 5]! &= ~(1 << (bin & 31));
  }

  private addChunk(): void {
    const chunk = this.newChunk(this.u8.length === 0 ? FIRST_CHUNK_BYTES : CHUNK_BYTES);
    const first = chunk * PAGES_PER_CHUNK;
    if (chunk === 0) {
      // Ref 0 means "nothing" everywhere, so page 0 is never given out. The page after the last looks used.
      this.pages[CLASS] = LARGE;
      this.pages[LENGTH] = 1;
      this.pages[(FIRST_CHUNK_PAGES << PAGE_WORDS_SHIFT) + CLASS] = LARGE;
      this.linkFree(1, FIRST_CHUNK_PAGES - 1);
    } else {
      this.linkFree(first, PAGES_PER_CHUNK);
      this.emptyChunks++;
    }
  }

  private newChunk(bytes: number): number {
    const chunk = this.freeChunks.at(-1) ?? this.u8.length;
    if (chunk === CHUNK_COUNT_MAX) throw new OutOfMemoryError(bytes);
    // These may throw, with nothing changed.
    const buffer = new ArrayBuffer(bytes);
    const u8 = new Uint8Array(buffer);
    this.freeChunks.pop();
    this.u8[chunk] = u8;
    this.i32[chunk] = new Int32Array(buffer);
    this.f64[chunk] = new Float64Array(buffer);
    this.views[chunk] = new DataView(buffer);
    this.counters[2]! += bytes;
    const words = this.u8.length * PAGES_PER_CHUNK * 8;
    if (this.pages.length < words) {
      const grown = new Int32Array(Math.max(words, this.pages.length + (this.pages.length >>> 2)));
      grown.set(this.pages);
      this.pages = grown;
    }
    return chunk;
  }

  private dropChunk(chunk: number): void {
    const { buffer, length } = this.u8[chunk]!;
    this.counters[2]! -= length;
    this.counters[4]! -= this.touchedPages[chunk]! * PAGE_BYTES;
    this.touchedPages[chunk] = 0;
    // Detached and dropped at once. Left to the garbage collector it would stay until some other need calls for one.
    structuredClone(null, { transfer: [buffer as ArrayBuffer] });
    this.u8[chunk] = NO_BYTES;
    this.i32[chunk] = NO_WORDS;
    this.f64[chunk] = NO_DOUBLES;
    this.views[chunk] = NO_VIEW;
    this.freeChunks.push(chunk);
  }

  /** To be called now and then: an empty chunk goes that nobody has needed since some calls ago. */
  age(): void {
    if (this.emptyChunks > 0 && ++this.emptyTicks > EMPTY_TICKS_MAX) this.dropEmptyChunks();
  }

  /** Gives everything back that is empty: slabs that are kept for the next block of their class, then chunks. */
  purge(): void {
    for (let sizeClass = 1; sizeClass < CLASS_COUNT; sizeClass++) {
      let page = this.partial[sizeClass]!;
      for (let seen = 0; page !== 0 && seen < PURGE_SLABS_MAX; seen++) {
        const at = page << PAGE_WORDS_SHIFT;
        const next = this.pages[at + NEXT]!;
        if (this.pages[at + USED] === 0) {
          this.unlinkPartial(sizeClass, page);
          this.freeSpan(page, this.pages[at + LENGTH]!);
        }
        page = next;
      }
    }
    this.dropEmptyChunks();
  }

  private dropEmptyChunks(): void {
    const pages = this.pages;
    for (let page = this.bins[LONG_BIN]!; page !== 0 && this.emptyChunks > 0;) {
      const next = pages[(page << PAGE_WORDS_SHIFT) + NEXT]!;
      if (pages[(page << PAGE_WORDS_SHIFT) + LENGTH] === PAGES_PER_CHUNK) {
        this.emptyChunks--;
        this.unlinkFree(page, PAGES_PER_CHUNK);
        this.dropChunk(page / PAGES_PER_CHUNK);
      }
      page = next;
    }
    this.emptyTicks = 0;
  }

  /** Walks the whole page table and every free list, and throws where two of them disagree. For tests. */
  verify(): void {
    const pages = this.pages;
    let used = 0;
    let span = 0;
    let emptyChunks = 0;
    const freeInBins = new Set<number>();
    for (let bin = 1; bin < BIN_COUNT; bin++) {
      const bit = (this.binBits[bin >>> 5]! >>> (bin & 31)) & 1;
      assert(bit === (this.bins[bin] === 0 ? 0 : 1), `bin ${bin}: its bit tells whether it has a span`);
      for (let page = this.bins[bin]!; page !== 0; page = pages[(page << 3) + NEXT]!) {
        const length = pages[(page << 3) + LENGTH]!;
        assert(Math.min(length, LONG_BIN) === bin, `span ${page} is in the bin of its length`);
        assert(pages[(page << 3) + CLASS] === FREE, `span ${page} in a bin is free`);
        freeInBins.add(page);
      }
    }
    for (let chunk = 0; chunk < this.u8.length; chunk++) {
      const bytes = this.u8[chunk]!.length;
      if (bytes === 0) continue;
      const first = chunk * PAGES_PER_CHUNK;
      if (pages[(first << 3) + CLASS] === HUGE) {
        const length = pages[(first << 3) + LENGTH]! * PAGE_BYTES;
        assert(length <= bytes, `chunk ${chunk} has room for its block`);
        used += length;
        span += length;
        continue;
      }
      let previousFree = false;
      for (let page = first; page < first + bytes / PAGE_BYTES;) {
        const at = page << 3;
        const length = pages[at + LENGTH]!;
        const kind = pages[at + CLASS]!;
        assert(length > 0 && pages[at + SPAN] === page, `page ${page} starts a span`);
        if (kind === FREE) {
          assert(!previousFree, `free span ${page} is joined with the one before it`);
          assert(freeInBins.delete(page), `free span ${page} is in a bin`);
          if (length === PAGES_PER_CHUNK) emptyChunks++;
        } else if (kind === LARGE) {
          if (page !== 0) {
            used += length * PAGE_BYTES;
            span += length * PAGE_BYTES;
          }
        } else {
          used += this.verifySlab(page, kind);
          span += length * PAGE_BYTES;
        }
        previousFree = kind === FREE;
        page += length;
      }
    }
    assert(freeInBins.size === 0, 'every span in a bin is in a chunk');
    assert(emptyChunks === this.emptyChunks, 'empty chunks are counted');
    assert(used === this.counters[0], `used bytes are counted: ${used}, not ${this.counters[0]}`);
    assert(span === this.counters[1], `span bytes are counted: ${span}, not ${this.counters[1]}`);
  }

  private verifySlab(page: number, sizeClass: number): number {
    const at = page << 3;
    const bytes = classBytes[sizeClass]!;
    const first = page << PAGE_SHIFT;
    const bumped = ((this.pages[at + BUMP]! - first) * 8) / bytes;
    let freed = 0;
    for (let ref = this.pages[at + LIST]!; ref !== 0; ref = this.i32[chunkOf(ref)]![wordOffset(ref)]!) {
      assert(
        ((ref - first) * 8) % bytes === 0 && (ref - first) * 8 < bumped * bytes,
        `freed block ${ref} lies in its slab`,
      );
      assert(++freed <= bumped, `free list of slab ${page} ends`);
    }
    assert(this.pages[at + USED] === bumped - freed, `slab ${page} counts its blocks`);
    let listed = false;
    for (let other = this.partial[sizeClass]!; other !== 0; other = this.pages[(other << 3) + NEXT]!)
      if (other === page) listed = true;
    assert(listed === this.pages[at + USED]! < classCapacity[sizeClass]!, `slab ${page} is listed when it has room`);
    return (bumped - freed) * bytes;
  }
}
