// list: the list type: one listpack while it is small, a quicklist above, and one cursor over both.
//
// `open` binds the cursor to a list; everything below works on that list until the next `open`, and stores what becomes of
// the value (its encoding, its ref) in the entry. Growth is asked for before it happens (`prepareGrowth`), so that one
// command converts once; `settle` after a removal goes back to a listpack when a single node is left that is at most
// half of what a listpack may hold, so that a list around the limit does not flap.
//
// Not here: nodes and positions (structures/quicklist), keys and events (commands/list).

import { type Arena, NO_VIEW } from '../memory/arena.js';
import { HEADER_BYTES } from '../structures/listpack-format.js';
import type { Entries } from '../structures/entry.js';
import type { Listpacks } from '../structures/listpack.js';
import { exceedsNode, nodeBytesMax, nodeCountMax, Quicklists, type QuicklistRef } from '../structures/quicklist.js';
import type { Container } from './container.js';
import { Encoding } from './object.js';

export class Lists implements Container {
  readonly quicklists: Quicklists;
  readonly arena: Arena;

  /** The element of the last `read`; borrowed until the next read or change. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view of `bytes`. */
  view: DataView = NO_VIEW;
  start = 0;
  length = 0;

  private entry = 0;
  /** The listpack, or the quicklist's handle. */
  private ref = 0;
  private quick = false;
  /** The position in a listpack. */
  private at = 0;

  constructor(
    readonly entries: Entries,
    readonly listpacks: Listpacks,
  ) {
    this.arena = entries.arena;
    this.quicklists = new Quicklists(listpacks);
  }

  /** Makes the value of an empty list; its encoding is LISTPACK. */
  create(): number {
    return this.listpacks.create();
  }

  count(encoding: number, ref: number): number {
    return encoding === Encoding.LISTPACK ? this.listpacks.count(ref) : this.quicklists.count(ref as QuicklistRef);
  }

  freeStep(encoding: number, ref: number, budget: number): boolean {
    if (encoding !== Encoding.LISTPACK) return this.quicklists.freeStep(ref as QuicklistRef, budget) === 0;
    this.listpacks.free(ref);
    return true;
  }

  memoryBytes(encoding: number, ref: number, samples: number): number {
    return encoding === Encoding.LISTPACK
      ? this.arena.usable(ref)
      : this.quicklists.byteSize(ref as QuicklistRef, samples);
  }

  /** A copy of a value, for COPY. */
  copy(encoding: number, ref: number): number {
    return encoding === Encoding.LISTPACK ? this.listpacks.copy(ref) : this.quicklists.copy(ref as QuicklistRef);
  }

  /** Binds the cursor to an entry's list. @hot */
  open(entry: number): void {
    this.entry = entry;
    this.ref = this.entries.word2(entry);
    this.quick = this.entries.encoding(entry) !== Encoding.LISTPACK;
  }

  /** Elements of the open list. @hot */
  size(): number {
    return this.quick ? this.quicklists.count(this.ref as QuicklistRef) : this.listpacks.count(this.ref);
  }

  /** Makes the list a quicklist if `count` more elements of together `bytes` bytes are too much for a listpack. @hot */
  prepareGrowth(bytes: number, count: number): void {
    if (this.quick) return;
    const { listpacks, quicklists } = this;
    if (!exceedsNode(quicklists.fill, listpacks.byteLength(this.ref) + bytes, listpacks.count(this.ref) + count))
      return;
    const list = quicklists.create();
    if (listpacks.count(this.ref) > 0) quicklists.appendListpack(list, this.ref);
    else listpacks.free(this.ref);
    this.quick = true;
    this.store(Encoding.QUICKLIST, list);
  }

  /** Makes the list a listpack again if it has become small enough; for after removals. @hot */
  settle(): void {
    if (this.quick) this.pack(2);
  }

  /** As `settle`, without hysteresis: right after loading or building. */
  settleFully(): void {
    if (this.quick) this.pack(1);
  }

  /** Makes the list a listpack if it has no more than `1 / share` of what a listpack may hold. */
  private pack(share: number): void {
    const { quicklists } = this;
    const list = this.ref as QuicklistRef;
    if (quicklists.packedBytes(list, nodeBytesMax(quicklists.fill) / share) === Infinity) return;
    if (quicklists.fill >= 0 && quicklists.count(list) > Math.floor(nodeCountMax(quicklists.fill) / share)) return;
    this.quick = false;
    this.store(Encoding.LISTPACK, quicklists.dissolve(list));
  }

  /** @hot */
  pushFirst(bytes: Uint8Array, offset: number, length: number): void {
    if (this.quick) this.quicklists.pushFirst(this.ref as QuicklistRef, bytes, offset, length);
    else this.moved(this.listpacks.prepend(this.ref, bytes, offset, length));
  }

  /** @hot */
  pushLast(bytes: Uint8Array, offset: number, length: number): void {
    if (this.quick) this.quicklists.pushLast(this.ref as QuicklistRef, bytes, offset, length);
    else this.moved(this.listpacks.append(this.ref, bytes, offset, length));
  }

  /** Goes to the first element; false when there is none. @hot */
  first(): boolean {
    if (this.quick) return this.quicklists.first(this.ref as QuicklistRef);
    this.at = this.listpacks.first(this.ref);
    return this.at !== 0;
  }

  /** Goes to the last element; false when there is none. @hot */
  last(): boolean {
    if (this.quick) return this.quicklists.last(this.ref as QuicklistRef);
    this.at = this.listpacks.last(this.ref);
    return this.at !== 0;
  }

  /** Goes to element `index`; false when there is none. */
  seek(index: number): boolean {
    if (index < 0) return false;
    if (this.quick) return this.quicklists.seek(this.ref as QuicklistRef, index);
    this.at = this.listpacks.at(this.ref, index);
    return this.at !== 0;
  }

  /** @hot */
  next(): boolean {
    if (this.quick) return this.quicklists.next();
    this.at = this.listpacks.next(this.ref, this.at);
    return this.at !== 0;
  }

  /** @hot */
  previous(): boolean {
    if (this.quick) return this.quicklists.previous();
    this.at = this.listpacks.previous(this.ref, this.at);
    return this.at !== 0;
  }

  /** Reads the element at the position into `bytes`, `start` and `length`. @hot */
  read(): void {
    if (this.quick) {
      const quicklists = this.quicklists;
      quicklists.read();
      this.bytes = quicklists.bytes;
      this.view = quicklists.view;
      this.start = quicklists.start;
      this.length = quicklists.length;
      return;
    }
    const listpacks = this.listpacks;
    listpacks.read(this.ref, this.at);
    this.bytes = listpacks.bytes;
    this.view = listpacks.view;
    this.start = listpacks.start;
    this.length = listpacks.length;
  }

  /** Whether the element at the position is this string. @hot */
  equals(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.quick) return this.quicklists.equals(bytes, offset, length);
    return this.listpacks.equals(this.ref, this.at, bytes, offset, length);
  }

  /** Goes from the position on to the first element that is this string; false when there is none. */
  find(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.quick) return this.quicklists.find(bytes, offset, length);
    this.at = this.listpacks.find(this.ref, this.at, bytes, offset, length, 0);
    return this.at !== 0;
  }

  /** The listpack at the position, 0 if the element there stands in a block of its own. */
  get listpackHere(): number {
    if (!this.quick) return this.ref;
    return this.quicklists.plain ? 0 : this.quicklists.block;
  }

  /** Offset of the position in that listpack. */
  get offsetHere(): number {
    return this.quick ? this.quicklists.at : this.at;
  }

  /** Goes to the first element of the next listpack or block; false when there is none. */
  nextBlock(): boolean {
    return this.quick && this.quicklists.nextNode();
  }

  /** Deletes the element at the position, which then is the next one; false when there is no next. */
  delete(): boolean {
    if (this.quick) return this.quicklists.delete(this.ref as QuicklistRef);
    this.moved(this.listpacks.delete(this.ref, this.at));
    this.at = this.listpacks.following;
    return this.at !== 0;
  }

  /** Ends a walk with deletions; the position is lost. */
  finishDeleting(): void {
    if (this.quick) this.quicklists.finishChange(this.ref as QuicklistRef);
  }

  /** Deletes the first element, or the last, which the position must be at. The position is lost. @hot */
  deleteEdge(first: boolean): void {
    if (this.quick) this.quicklists.deleteEdge(this.ref as QuicklistRef, first);
    else this.moved(this.listpacks.delete(this.ref, this.at));
  }

  /** Deletes the element at the position, which then is the one before; false when there is none before. */
  deleteBackward(): boolean {
    if (this.quick) return this.quicklists.deleteBackward(this.ref as QuicklistRef);
    const before = this.listpacks.previous(this.ref, this.at);
    this.moved(this.listpacks.delete(this.ref, this.at));
    this.at = before;
    return before !== 0;
  }

  /**
   * Deletes `count` elements from `index` on; all of them must exist. The position is lost. When there are many, a
   * quicklist with most of them is returned (else 0), which the caller has to free.
   */
  deleteRange(index: number, count: number): number {
    if (count <= 0) return 0;
    if (this.quick) return this.quicklists.deleteRange(this.ref as QuicklistRef, index, count);
    const at = index === 0 ? HEADER_BYTES : this.listpacks.at(this.ref, index);
    this.moved(this.listpacks.delete(this.ref, at, count));
    return 0;
  }

  /** Puts another string in the place of the element at the position. The position is lost. */
  replace(bytes: Uint8Array, offset: number, length: number): void {
    if (this.quick) this.quicklists.replace(this.ref as QuicklistRef, bytes, offset, length);
    else this.moved(this.listpacks.replace(this.ref, this.at, bytes, offset, length));
  }

  /** Inserts beside the element at the position. The position is lost. */
  insert(after: boolean, bytes: Uint8Array, offset: number, length: number): void {
    if (this.quick) {
      if (after) this.quicklists.insertAfter(this.ref as QuicklistRef, bytes, offset, length);
      else this.quicklists.insertBefore(this.ref as QuicklistRef, bytes, offset, length);
      this.quicklists.finishChange(this.ref as QuicklistRef);
      return;
    }
    if (after) this.moved(this.listpacks.insertAfter(this.ref, this.at, bytes, offset, length));
    else this.moved(this.listpacks.insertBefore(this.ref, this.at, bytes, offset, length));
  }

  private moved(ref: number): void {
    if (ref === this.ref) return;
    this.ref = ref;
    this.entries.setWord2(this.entry, ref);
  }

  private store(encoding: number, ref: number): void {
    this.ref = ref;
    this.entries.setWord2(this.entry, ref);
    this.entries.setEncoding(this.entry, encoding);
  }
}
