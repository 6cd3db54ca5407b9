// quicklist: a long list as a sequence of listpacks, so that both ends are cheap and a change shifts one node's bytes only.
//
// How much a node holds is `fill`, the value of list-max-listpack-size: a count when positive, else 4, 8, 16, 32 or 64 KB
// for -1 to -5. An element that is larger than a node may be stands in a *plain* node by itself.
//
// A position is (group, slot, at): a node of quicklist-nodes and an offset in its listpack (0 in a plain node). `first`,
// `last`, `seek`, `next` and `previous` set it, `read` reads there, and the changes below say where they leave it. It is
// lost by any change that does not go through it.
//
// A node that is limited by bytes is filled to 2 KB only, whatever `fill` allows: a node costs 8 bytes here, and LPUSH shifts
// its bytes. Short strings take a way of their own to the ends (LPUSH 230 -> 120 ns, RPUSH 165 -> 85 ns with the command).
//
// Costs: ends O(node bytes), about 30 ns; index O(elements / 14000 + node); insertion in the middle one shift of a node.
// Nodes that deletions leave half empty stay so, as in Redis.
//
// With a `compressDepth` all nodes but so many at each end are packed (packed-node). The nodes at the ends never are, so that
// what is done there does not ask. A node that is entered is unpacked into a block that is kept for that; when it is about to
// change, that becomes its block, and the node is packed anew when the position leaves it or the change is done.
//
// Not here: lists of one listpack (datatypes/list), how a node is packed (packed-node).

import { assert } from '../base/assert.js';
import { copyBytes } from '../base/bytes.js';
import { type Arena, NO_VIEW } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT, wordOffset } from '../memory/layout.js';
import { EMPTY_BYTES, END, entryBytes, HEADER_BYTES, STRING6 } from './listpack-format.js';
import type { Listpacks } from './listpack.js';
import { copyPacked, isPacked, listpackBytes, packBlock, unpackBlock, unpackInto } from './packed-node.js';
import { PLAIN, plainLength, plainStart, QuicklistNodes, type QuicklistRef } from './quicklist-nodes.js';

export type { QuicklistRef } from './quicklist-nodes.js';

const NODE_BYTES_BY_FILL = [4096, 8192, 16384, 32768, 65536];
/** Nodes that are limited by count still have a limit in bytes. */
const SAFE_BYTES_MAX = 8192;
/** To how many bytes a node is filled. */
const NODE_BYTES_FILLED = 2048;
const COUNT_UNKNOWN = 65535;
/** More elements than this are cut off in whole groups when they are deleted. */
const CUT_ELEMENTS_MIN = 1024;
/** Strings below this have one byte of header and one of back length. */
const SHORT_BYTES = 64;
const DIGIT_FIRST = 0x30;
const DIGIT_LAST = 0x39;
const MINUS = 0x2d;
/** The most bytes that an entry takes besides its text, for the estimate of whether it fits. */
const ENTRY_OVERHEAD_BYTES = 8;

/** Most bytes of a node for this `fill`, Infinity when it limits the count. */
export function nodeBytesMax(fill: number): number {
  return fill >= 0 ? Infinity : NODE_BYTES_BY_FILL[Math.min(-fill, NODE_BYTES_BY_FILL.length) - 1]!;
}

/** Most elements of a node for this `fill`, Infinity when it limits the bytes. */
export function nodeCountMax(fill: number): number {
  return fill < 0 ? Infinity : Math.max(fill, 1);
}

/** Whether a node of this many bytes and elements would be too large. @hot */
export function exceedsNode(fill: number, bytes: number, count: number): boolean {
  if (fill < 0) return bytes > nodeBytesMax(fill);
  return bytes > SAFE_BYTES_MAX || count > nodeCountMax(fill);
}

/** All quicklists of one arena. */
export class Quicklists {
  /** list-max-listpack-size. */
  fill = -2;
  /** list-compress-depth: nodes at each end that are not packed; 0 packs none. */
  compressDepth = 0;
  /** DEBUG QUICKLIST-PACKED-THRESHOLD: elements of this size on get a plain node; 0 leaves it to `fill`. */
  plainBytesMin = 0;

  /** The position; group 0 is none. Read-only outside, but for `place`. */
  group = 0;
  slot = 0;
  at = 0;
  /** The node there: its listpack or plain block. */
  block = 0;
  plain = false;
  /** The node's own block when that is packed, and `block` only what it unpacks to; else 0. */
  private packed = 0;
  /** The node at the position was changed and may have to be packed when it is left. */
  private isLoose = false;
  /** Where packed nodes are unpacked to; 0 before the first. */
  private unpacked = 0;

  /** The element of the last `read`; borrowed until the next read or change. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view of `bytes`. */
  view: DataView = NO_VIEW;
  start = 0;
  length = 0;

  readonly nodes: QuicklistNodes;
  readonly arena: Arena;

  constructor(readonly listpacks: Listpacks) {
    this.arena = listpacks.arena;
    this.nodes = new QuicklistNodes(listpacks.arena);
  }

  create(): QuicklistRef {
    return this.nodes.create();
  }

  /** Nodes of a list, for DEBUG OBJECT. */
  countNodes(list: QuicklistRef): number {
    return this.nodes.nodeCount(list);
  }

  /** @hot */
  count(list: QuicklistRef): number {
    return this.nodes.elementCount(list);
  }

  /** Whether an element of this size gets a node of its own. @hot */
  isLarge(length: number): boolean {
    if (this.plainBytesMin !== 0) return length >= this.plainBytesMin;
    return length > (this.fill < 0 ? nodeBytesMax(this.fill) : SAFE_BYTES_MAX);
  }

  /** @hot */
  pushFirst(list: QuicklistRef, bytes: Uint8Array, offset: number, length: number): void {
    if (this.pushShort(list, true, bytes, offset, length)) return;
    const found = this.nodes.first(list);
    const group = this.nodes.group;
    if (found && this.fits(group, 0, length)) {
      this.growNode(list, group, 0, 0, bytes, offset, length);
      return;
    }
    this.insertNode(list, group, 0, bytes, offset, length);
    this.packInner(list);
  }

  /** @hot */
  pushLast(list: QuicklistRef, bytes: Uint8Array, offset: number, length: number): void {
    if (this.pushShort(list, false, bytes, offset, length)) return;
    const found = this.nodes.last(list);
    const { group, slot } = this.nodes;
    if (found && this.fits(group, slot, length)) {
      this.growNode(list, group, slot, -1, bytes, offset, length);
      return;
    }
    this.insertNode(list, group, found ? slot + 1 : 0, bytes, offset, length);
    this.packInner(list);
  }

  /**
   * Adds a short string that is no integer to the node at an end, in place; false, and nothing happens, where that does
   * not do. @hot
   */
  private pushShort(list: QuicklistRef, first: boolean, bytes: Uint8Array, offset: number, length: number): boolean {
    if (length >= SHORT_BYTES || length === 0 || this.fill >= 0 || this.plainBytesMin !== 0) return false;
    const byte = bytes[offset]!;
    if ((byte >= DIGIT_FIRST && byte <= DIGIT_LAST) || byte === MINUS) return false;
    const { arena, nodes } = this;
    const block = nodes.edgeBlock(list, first);
    if (block === 0) return false;
    const u8 = arena.u8[block >>> CHUNK_SHIFT]!;
    const base = byteOffset(block);
    const total = u8[base]! | (u8[base + 1]! << 8) | (u8[base + 2]! << 16) | (u8[base + 3]! << 24);
    const made = total + length + 2;
    if (made > NODE_BYTES_FILLED || made > arena.usable(block)) return false;
    if (arena.guard !== null) arena.guard.beforeBlock(list, block);
    let at = base + HEADER_BYTES;
    if (first) {
      u8.copyWithin(at + length + 2, at, base + total);
    } else {
      at = base + total - 1;
      u8[base + made - 1] = END;
    }
    u8[at++] = STRING6 | length;
    arena.write(block, at - base, bytes, offset, length);
    u8[at + length] = length + 1;
    u8[base] = made;
    u8[base + 1] = made >>> 8;
    // A node of 2 KB has fewer entries than would make the count unknown.
    const count = (u8[base + 4]! | (u8[base + 5]! << 8)) + 1;
    u8[base + 4] = count;
    u8[base + 5] = count >>> 8;
    nodes.countEdge(list, first, 1);
    return true;
  }

  /** Adds a listpack that is not empty as the last node, and owns it from now on. */
  appendListpack(list: QuicklistRef, listpack: number): void {
    this.appendNode(list, listpack, this.listpacks.count(listpack), 0);
    this.packInner(list);
  }

  /** Adds a plain node with one element as the last node. */
  appendPlain(list: QuicklistRef, bytes: Uint8Array, offset: number, length: number): void {
    this.appendNode(list, this.createPlain(bytes, offset, length), 1, PLAIN);
    this.packInner(list);
  }

  private appendNode(list: QuicklistRef, block: number, count: number, flags: number): void {
    const found = this.nodes.last(list);
    this.nodes.insert(list, this.nodes.group, found ? this.nodes.slot + 1 : 0, block, count, flags);
  }

  /**
   * Bytes that one listpack with all elements would take; Infinity when they are more than `bytesMax`, when there is a
   * plain node, or when nodes are limited by count and there is more than one. Looks at a few nodes only.
   */
  packedBytes(list: QuicklistRef, bytesMax: number): number {
    const { nodes } = this;
    const nodesMax = this.fill < 0 ? 2 * Math.ceil(bytesMax / NODE_BYTES_FILLED) : 1;
    if (nodes.nodeCount(list) > nodesMax) return Infinity;
    let bytes = EMPTY_BYTES;
    for (let there = nodes.first(list); there; there = nodes.next(nodes.group, nodes.slot)) {
      if (nodes.isPlain(nodes.group, nodes.slot)) return Infinity;
      bytes += listpackBytes(this.arena, nodes.block(nodes.group, nodes.slot)) - EMPTY_BYTES;
      if (bytes > bytesMax) return Infinity;
    }
    return bytes;
  }

  /** Makes one listpack of a list without plain nodes, and frees the list. */
  dissolve(list: QuicklistRef): number {
    const { nodes, listpacks } = this;
    let made = 0;
    while (nodes.first(list)) {
      const { group, slot } = nodes;
      const block = this.ownBlock(list, group, slot);
      this.beforeChange(list, block);
      if (made === 0) {
        made = block;
      } else {
        made = listpacks.appendRange(made, block, HEADER_BYTES, 0, nodes.count(group, slot));
        listpacks.free(block);
      }
      nodes.remove(list, group, slot);
    }
    nodes.destroy(list);
    return made === 0 ? listpacks.create() : made;
  }

  /** Goes to the first element; false when there is none. @hot */
  first(list: QuicklistRef): boolean {
    if (!this.nodes.first(list)) return false;
    this.enterFirst();
    return true;
  }

  /** Goes to the last element; false when there is none. @hot */
  last(list: QuicklistRef): boolean {
    if (!this.nodes.last(list)) return false;
    this.enterLast();
    return true;
  }

  /** Goes to element `index`; false when there is none. */
  seek(list: QuicklistRef, index: number): boolean {
    if (index < 0 || index >= this.nodes.elementCount(list)) return false;
    this.nodes.seek(list, index);
    this.enterNode();
    this.at = this.plain ? 0 : this.listpacks.at(this.block, this.nodes.offset);
    return true;
  }

  /** Goes to the next element; false when that was the last. @hot */
  next(): boolean {
    if (!this.plain) {
      const at = this.listpacks.next(this.block, this.at);
      if (at !== 0) {
        this.at = at;
        return true;
      }
    }
    return this.nextNode();
  }

  /** Goes to the element before; false when that was the first. @hot */
  previous(): boolean {
    if (!this.plain) {
      const at = this.listpacks.previous(this.block, this.at);
      if (at !== 0) {
        this.at = at;
        return true;
      }
    }
    return this.previousNode();
  }

  /** Goes to the first element of the next node; false when there is none. */
  nextNode(): boolean {
    this.packLoose();
    if (!this.nodes.next(this.group, this.slot)) return this.leave();
    this.enterFirst();
    return true;
  }

  /** Goes to the last element of the node before; false when there is none. */
  previousNode(): boolean {
    this.packLoose();
    if (!this.nodes.previous(this.group, this.slot)) return this.leave();
    this.enterLast();
    return true;
  }

  /** Elements of the node at the position. */
  nodeElements(): number {
    return this.nodes.count(this.group, this.slot);
  }

  /** Reads the element at the position. @hot */
  read(): void {
    if (this.plain) {
      this.bytes = this.arena.u8[this.block >>> CHUNK_SHIFT]!;
      this.view = this.arena.views[this.block >>> CHUNK_SHIFT]!;
      this.start = plainStart(this.block);
      this.length = plainLength(this.arena, this.block);
      return;
    }
    const listpacks = this.listpacks;
    listpacks.read(this.block, this.at);
    this.bytes = listpacks.bytes;
    this.view = listpacks.view;
    this.start = listpacks.start;
    this.length = listpacks.length;
  }

  /** Whether the element at the position is this string. @hot */
  equals(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.plain) return this.listpacks.equals(this.block, this.at, bytes, offset, length);
    if (plainLength(this.arena, this.block) !== length) return false;
    const u8 = this.arena.u8[this.block >>> CHUNK_SHIFT]!;
    const start = plainStart(this.block);
    for (let index = 0; index < length; index++) if (u8[start + index] !== bytes[offset + index]) return false;
    return true;
  }

  /** Goes from the position on to the first element that is this string; false when there is none. */
  find(bytes: Uint8Array, offset: number, length: number): boolean {
    do {
      if (this.plain) {
        if (this.equals(bytes, offset, length)) return true;
      } else {
        const at = this.listpacks.find(this.block, this.at, bytes, offset, length, 0);
        if (at !== 0) {
          this.at = at;
          return true;
        }
      }
    } while (this.nextNode());
    return false;
  }

  /** Deletes the element at the position, which then is the next element; false when there is no next. */
  delete(list: QuicklistRef): boolean {
    const { group, slot } = this;
    if (this.nodes.count(group, slot) > 1) {
      this.beginChange(list);
      this.block = this.listpacks.delete(this.block, this.at);
      this.nodes.setBlock(group, slot, this.block);
      this.nodes.addCount(list, group, slot, -1);
      this.at = this.listpacks.following;
      return this.at !== 0 || this.nextNode();
    }
    return this.deleteNode(list);
  }

  /**
   * Deletes the element at an end, which the position must be at and which is then lost. The block of the node keeps its
   * size: it is soon gone. @hot
   */
  deleteEdge(list: QuicklistRef, first: boolean): void {
    const block = this.nodes.edgeBlock(list, first);
    if (block === 0) {
      this.delete(list);
      this.finishChange(list);
      return;
    }
    const u8 = this.arena.u8[block >>> CHUNK_SHIFT]!;
    const base = byteOffset(block);
    const count = u8[base + 4]! | (u8[base + 5]! << 8);
    if (count < 2 || count === COUNT_UNKNOWN) {
      this.delete(list);
      this.finishChange(list);
      return;
    }
    if (this.arena.guard !== null) this.arena.guard.beforeBlock(list, block);
    const total = (u8[base]! | (u8[base + 1]! << 8) | (u8[base + 2]! << 16) | (u8[base + 3]! << 24)) >>> 0;
    const left = first ? total - entryBytes(u8, base + HEADER_BYTES) : this.at + 1;
    if (first) u8.copyWithin(base + HEADER_BYTES, base + HEADER_BYTES + total - left, base + total);
    else u8[base + left - 1] = END;
    u8[base] = left;
    u8[base + 1] = left >>> 8;
    u8[base + 2] = left >>> 16;
    u8[base + 3] = left >>> 24;
    u8[base + 4] = count - 1;
    u8[base + 5] = (count - 1) >>> 8;
    this.nodes.countEdge(list, first, -1);
  }

  /** Deletes the element at the position, which then is the element before; false when there is none. */
  deleteBackward(list: QuicklistRef): boolean {
    const { group, slot } = this;
    if (this.nodes.count(group, slot) > 1) {
      const at = this.listpacks.previous(this.block, this.at);
      this.beginChange(list);
      this.block = this.listpacks.delete(this.block, this.at);
      this.nodes.setBlock(group, slot, this.block);
      this.nodes.addCount(list, group, slot, -1);
      this.at = at;
      return at !== 0 || this.previousNode();
    }
    if (!this.deleteNode(list)) return this.last(list);
    return this.previousNode();
  }

  /**
   * Deletes `count` elements from `index` on (all must be there). The position is lost. Of many elements most are only cut
   * off: the list that is returned (0: none) is the caller's to free.
   */
  deleteRange(list: QuicklistRef, index: number, count: number): QuicklistRef | 0 {
    if (count <= 0) return 0;
    this.isLoose = false;
    const cut = count > CUT_ELEMENTS_MIN ? this.nodes.takeGroups(list, index, count) : 0;
    if (cut !== 0 && this.arena.guard !== null) this.arena.guard.nodesCut(list, cut);
    this.deleteNear(list, index, cut === 0 ? count : count - this.nodes.elementCount(cut));
    this.finishChange(list);
    return cut;
  }

  /** Deletes `count` elements from `index` on at once. */
  private deleteNear(list: QuicklistRef, index: number, count: number): void {
    if (count === 0) return;
    this.seek(list, index);
    let offset = this.nodes.offset;
    let left = count;
    for (;;) {
      const elements = this.nodeElements();
      const here = Math.min(left, elements - offset);
      left -= here;
      if (here === elements) {
        if (!this.deleteNode(list) || left === 0) return;
      } else {
        const { group, slot } = this;
        this.beginChange(list);
        this.nodes.setBlock(group, slot, this.listpacks.delete(this.block, this.at, here));
        this.nodes.addCount(list, group, slot, -here);
        if (left === 0) return;
        this.nextNode();
      }
      offset = 0;
    }
  }

  /** Puts another string in the place of the element at the position. The position is lost. */
  replace(list: QuicklistRef, bytes: Uint8Array, offset: number, length: number): void {
    if (!this.plain && !this.isLarge(length)) {
      this.beginChange(list);
      this.nodes.setBlock(this.group, this.slot, this.listpacks.replace(this.block, this.at, bytes, offset, length));
      this.finishChange(list);
      return;
    }
    if (this.plain && this.isLarge(length)) {
      this.beforeChange(list, this.block);
      this.arena.free(this.block);
      this.nodes.setBlock(this.group, this.slot, this.createPlain(bytes, offset, length));
      return;
    }
    this.insertBefore(list, bytes, offset, length);
    this.next();
    this.delete(list);
    this.finishChange(list);
  }

  /** Inserts before the element at the position, which then is the new element; `finishChange` ends it. */
  insertBefore(list: QuicklistRef, bytes: Uint8Array, offset: number, length: number): void {
    this.beginInsertion(list);
    const { group, slot, at } = this;
    if (!this.plain) {
      if (this.fits(group, slot, length)) {
        this.growNode(list, group, slot, at, bytes, offset, length);
        return;
      }
      if (at !== HEADER_BYTES) {
        this.splitNode(list, at);
        this.insertAtBoundary(list, this.nodes.group, this.nodes.slot, bytes, offset, length);
        return;
      }
    }
    this.insertAtBoundary(list, group, slot, bytes, offset, length);
  }

  /** Inserts after the element at the position, which then is the new element; `finishChange` ends it. */
  insertAfter(list: QuicklistRef, bytes: Uint8Array, offset: number, length: number): void {
    this.beginInsertion(list);
    const { group, slot } = this;
    if (!this.plain) {
      const next = this.listpacks.next(this.block, this.at);
      if (this.fits(group, slot, length)) {
        this.growNode(list, group, slot, next === 0 ? -1 : next, bytes, offset, length);
        return;
      }
      if (next !== 0) {
        this.splitNode(list, next);
        this.insertAtBoundary(list, this.nodes.group, this.nodes.slot, bytes, offset, length);
        return;
      }
    }
    this.insertAtBoundary(list, group, slot + 1, bytes, offset, length);
  }

  /**
   * Frees up to `budget` nodes, and the list itself when none is left.
   * Returns how many elements are left, 0 when all is gone.
   */
  freeStep(list: QuicklistRef, budget: number): number {
    for (let left = budget; left > 0 && this.nodes.last(list); left--) {
      const { group, slot } = this.nodes;
      this.arena.free(this.nodes.block(group, slot));
      this.nodes.remove(list, group, slot);
    }
    const elements = this.count(list);
    if (elements === 0) this.nodes.destroy(list);
    return elements;
  }

  /** Bytes of the whole list; extrapolated from the first `samples` nodes, 0 looks at all. */
  byteSize(list: QuicklistRef, samples = 0): number {
    const total = this.nodes.nodeCount(list);
    let bytes = 0;
    let seen = 0;
    let there = this.nodes.first(list);
    while (there && (samples === 0 || seen < samples)) {
      bytes += this.arena.usable(this.nodes.block(this.nodes.group, this.nodes.slot));
      seen++;
      there = this.nodes.next(this.nodes.group, this.nodes.slot);
    }
    return this.nodes.overheadBytes(list) + (seen === 0 ? 0 : Math.round((bytes / seen) * total));
  }

  /** A copy in blocks of its own. */
  copy(list: QuicklistRef): QuicklistRef {
    const made = this.create();
    for (let there = this.first(list); there; there = this.nextNode()) {
      const { group, slot } = this;
      const elements = this.nodes.count(group, slot);
      if (this.plain) {
        this.read();
        this.appendNode(made, this.createPlain(this.bytes, this.start, this.length), 1, PLAIN);
      } else if (this.packed !== 0) {
        this.appendNode(made, copyPacked(this.arena, this.packed), elements, 0);
        this.nodes.notePacked(made);
      } else {
        this.appendNode(made, this.listpacks.copy(this.block), elements, 0);
      }
      this.group = group;
      this.slot = slot;
    }
    this.packInner(made);
    return made;
  }

  /** Throws where the list contradicts itself. For tests. */
  verify(list: QuicklistRef): void {
    this.nodes.verify(list);
    for (let there = this.nodes.first(list); there; there = this.nodes.next(this.nodes.group, this.nodes.slot)) {
      const { group, slot } = this.nodes;
      const block = this.nodes.block(group, slot);
      if (this.nodes.isPlain(group, slot)) {
        assert(this.nodes.count(group, slot) === 1, 'a plain node is one element');
        assert(plainLength(this.arena, block) + 4 <= this.arena.usable(block), 'a plain element fits into its block');
      } else {
        const packed = isPacked(this.arena, block);
        assert(!packed || this.nodes.mayHavePacked(list), 'a list knows whether it has packed nodes');
        const raw = packed ? unpackBlock(this.arena, block) : block;
        this.listpacks.verify(raw);
        assert(this.listpacks.count(raw) === this.nodes.count(group, slot), 'a slot knows the count of its listpack');
        if (packed) this.arena.free(raw);
      }
    }
    for (const there of [this.nodes.first(list), this.nodes.last(list)]) {
      if (there && !this.nodes.isPlain(this.nodes.group, this.nodes.slot))
        assert(
          !isPacked(this.arena, this.nodes.block(this.nodes.group, this.nodes.slot)),
          'the nodes at the ends are not packed',
        );
    }
  }

  /** Nodes that are packed, and the bytes of all listpacks and plain elements as they are unpacked. For DEBUG OBJECT. */
  packing(list: QuicklistRef): { packedNodes: number; bytes: number } {
    const { arena, nodes } = this;
    let packedNodes = 0;
    let bytes = 0;
    for (let there = nodes.first(list); there; there = nodes.next(nodes.group, nodes.slot)) {
      const block = nodes.block(nodes.group, nodes.slot);
      if (nodes.isPlain(nodes.group, nodes.slot)) {
        bytes += plainLength(arena, block);
      } else {
        if (isPacked(arena, block)) packedNodes++;
        bytes += listpackBytes(arena, block);
      }
    }
    return { packedNodes, bytes };
  }

  /** Whether one more element of this size may go into a node. @hot */
  private fits(group: number, slot: number, length: number): boolean {
    if (this.nodes.isPlain(group, slot) || this.isLarge(length)) return false;
    const bytes = listpackBytes(this.arena, this.nodes.block(group, slot));
    if (this.fill < 0) return bytes + length + ENTRY_OVERHEAD_BYTES <= NODE_BYTES_FILLED;
    return !exceedsNode(this.fill, bytes + length + ENTRY_OVERHEAD_BYTES, this.nodes.count(group, slot) + 1);
  }

  /** Puts an element into a node: before the one at `at`, at the start for 0, at the end for -1. @hot */
  private growNode(
    list: QuicklistRef,
    group: number,
    slot: number,
    at: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const block = this.ownBlock(list, group, slot);
    this.beforeChange(list, block);
    let made: number;
    if (at < 0) made = this.listpacks.append(block, bytes, offset, length);
    else if (at === 0) made = this.listpacks.prepend(block, bytes, offset, length);
    else made = this.listpacks.insertBefore(block, at, bytes, offset, length);
    if (made !== block) this.nodes.setBlock(group, slot, made);
    this.nodes.addCount(list, group, slot, 1);
    this.group = group;
    this.slot = slot;
    this.block = made;
    this.packed = 0;
    this.plain = false;
    this.at = this.listpacks.inserted;
  }

  /** Inserts between the node before (group, slot) and the one there, or after the group's last node. */
  private insertAtBoundary(
    list: QuicklistRef,
    group: number,
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    if (this.nodes.previous(group, slot) && this.fits(this.nodes.group, this.nodes.slot, length)) {
      this.growNode(list, this.nodes.group, this.nodes.slot, -1, bytes, offset, length);
      return;
    }
    if (this.nodes.next(group, slot - 1) && this.fits(this.nodes.group, this.nodes.slot, length)) {
      this.growNode(list, this.nodes.group, this.nodes.slot, 0, bytes, offset, length);
      return;
    }
    this.insertNode(list, group, slot, bytes, offset, length);
  }

  /** Makes a node of one element before (group, slot). */
  private insertNode(
    list: QuicklistRef,
    group: number,
    slot: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    this.plain = this.isLarge(length);
    this.packed = 0;
    this.at = this.plain ? 0 : HEADER_BYTES;
    if (this.plain) {
      this.block = this.createPlain(bytes, offset, length);
      this.nodes.insert(list, group, slot, this.block, 1, PLAIN);
    } else {
      // A list that has nodes will fill this one too, as a rule: it gets its whole block at once.
      const capacity =
        group !== 0 && this.fill < 0 && this.plainBytesMin === 0 ? NODE_BYTES_FILLED : EMPTY_BYTES + length;
      this.block = this.listpacks.append(this.listpacks.create(capacity), bytes, offset, length);
      this.nodes.insert(list, group, slot, this.block, 1, 0);
    }
    this.group = this.nodes.group;
    this.slot = this.nodes.slot;
  }

  private beforeChange(list: QuicklistRef, block: number): void {
    if (this.arena.guard !== null) this.arena.guard.beforeBlock(list, block);
  }

  private createPlain(bytes: Uint8Array, offset: number, length: number): number {
    const block = this.arena.alloc(4 + length);
    this.arena.i32[block >>> CHUNK_SHIFT]![wordOffset(block)] = length;
    copyBytes(this.arena.u8[block >>> CHUNK_SHIFT]!, byteOffset(block) + 4, bytes, offset, length);
    return block;
  }

  /**
   * Moves the entries from `at` on into a new node after it; `nodes` is then at that one. `at` is not the first entry.
   */
  private splitNode(list: QuicklistRef, at: number): void {
    const { group, slot, block, listpacks } = this;
    this.beforeChange(list, block);
    let kept = 0;
    for (let entry = listpacks.first(block); entry !== at; entry = listpacks.next(block, entry)) kept++;
    const moved = this.nodes.count(group, slot) - kept;
    const right = listpacks.appendRange(
      listpacks.create(listpacks.byteLength(block) - at + HEADER_BYTES),
      block,
      at,
      0,
      moved,
    );
    this.nodes.setBlock(group, slot, listpacks.deleteRange(block, at, 0, moved));
    this.nodes.addCount(list, group, slot, -moved);
    this.nodes.insert(list, group, slot + 1, right, moved, 0);
  }

  /** Deletes the node at the position, which then is the next node's first element; false when there is no next. */
  private deleteNode(list: QuicklistRef): boolean {
    const block = this.packed === 0 ? this.block : this.packed;
    this.beforeChange(list, block);
    this.arena.free(block);
    this.packed = 0;
    this.isLoose = false;
    this.nodes.remove(list, this.group, this.slot);
    if (this.compressDepth !== 0 || this.nodes.mayHavePacked(list)) {
      const { group, slot } = this.nodes;
      this.packInner(list);
      this.nodes.group = group;
      this.nodes.slot = slot;
    }
    if (this.nodes.group === 0) return this.leave();
    this.enterFirst();
    return true;
  }

  private leave(): false {
    this.group = 0;
    return false;
  }

  private enterNode(): void {
    const { group, slot } = this.nodes;
    this.group = group;
    this.slot = slot;
    this.block = this.nodes.block(group, slot);
    this.plain = this.nodes.isPlain(group, slot);
    this.packed = 0;
    this.isLoose = false;
    if (!this.plain && isPacked(this.arena, this.block)) this.unpackHere();
  }

  /** The node at the position is packed: unpacks it into the block that is kept for that. */
  private unpackHere(): void {
    const { arena } = this;
    this.packed = this.block;
    const bytes = listpackBytes(arena, this.packed);
    if (this.unpacked !== 0 && arena.usable(this.unpacked) < bytes) this.forgetUnpacked();
    if (this.unpacked === 0) this.unpacked = arena.alloc(bytes);
    unpackInto(arena, this.packed, this.unpacked);
    this.block = this.unpacked;
  }

  /** Gives the block back that packed nodes are unpacked to. The position is lost. */
  forgetUnpacked(): void {
    if (this.unpacked !== 0) this.arena.free(this.unpacked);
    this.unpacked = 0;
  }

  /** The listpack at the position is about to change: it must be the node's own. */
  private beginChange(list: QuicklistRef): void {
    this.beforeChange(list, this.packed === 0 ? this.block : this.packed);
    if (this.packed !== 0) {
      this.arena.free(this.packed);
      this.packed = 0;
      this.nodes.setBlock(this.group, this.slot, this.block);
      // The block kept for unpacking belongs to the node now.
      this.unpacked = 0;
    }
    this.isLoose = this.compressDepth !== 0;
    this.changing = list;
  }

  private changing = 0 as QuicklistRef;

  /** As `beginChange`, also where the change is beside the position only. */
  private beginInsertion(list: QuicklistRef): void {
    if (!this.plain) {
      this.beginChange(list);
      return;
    }
    this.isLoose = this.compressDepth !== 0;
    this.changing = list;
  }

  /** The position leaves a node that was changed. */
  private packLoose(): void {
    if (!this.isLoose) return;
    this.isLoose = false;
    const { group, slot } = this;
    this.packNode(this.changing, group, slot);
    this.packInner(this.changing);
    this.group = group;
    this.slot = slot;
  }

  /** A change is done, and the position is lost: packs what has to be packed. */
  finishChange(list: QuicklistRef): void {
    if (this.compressDepth === 0 && !this.nodes.mayHavePacked(list)) return;
    if (this.isLoose && this.group !== 0) {
      // An insertion may have split a node, or changed one beside.
      const { nodes } = this;
      this.packNode(list, this.group, this.slot);
      if (nodes.previous(this.group, this.slot)) this.packNode(list, nodes.group, nodes.slot);
      if (nodes.next(this.group, this.slot)) this.packNode(list, nodes.group, nodes.slot);
    }
    this.isLoose = false;
    this.group = 0;
    this.packInner(list);
  }

  private packNode(list: QuicklistRef, group: number, slot: number): void {
    const { arena, nodes } = this;
    if (nodes.isPlain(group, slot)) return;
    const block = nodes.block(group, slot);
    if (isPacked(arena, block)) return;
    const packed = packBlock(arena, block);
    if (packed === 0) return;
    this.beforeChange(list, block);
    nodes.setBlock(group, slot, packed);
    arena.free(block);
    nodes.notePacked(list);
  }

  /** The block of a node, which is unpacked for good if it was packed. */
  private ownBlock(list: QuicklistRef, group: number, slot: number): number {
    const block = this.nodes.block(group, slot);
    if (!isPacked(this.arena, block)) return block;
    this.beforeChange(list, block);
    const made = unpackBlock(this.arena, block);
    this.nodes.setBlock(group, slot, made);
    this.arena.free(block);
    return made;
  }

  /**
   * Nodes came or went: unpacks those that are near an end now, and packs the first after them. The position of `nodes`
   * is lost.
   */
  private packInner(list: QuicklistRef): void {
    const { nodes } = this;
    if (this.compressDepth === 0 && !nodes.mayHavePacked(list)) return;
    const depth = Math.max(this.compressDepth, 1);
    const hasInner = nodes.nodeCount(list) > 2 * depth;
    for (const forward of [true, false]) {
      let there = forward ? nodes.first(list) : nodes.last(list);
      for (let index = 0; there && index <= depth; index++) {
        const { group, slot } = nodes;
        if (index < depth) {
          if (!nodes.isPlain(group, slot)) this.ownBlock(list, group, slot);
        } else if (hasInner && this.compressDepth !== 0) {
          this.packNode(list, group, slot);
        }
        there = forward ? nodes.next(group, slot) : nodes.previous(group, slot);
      }
    }
  }

  private enterFirst(): void {
    this.enterNode();
    this.at = this.plain ? 0 : HEADER_BYTES;
  }

  private enterLast(): void {
    this.enterNode();
    this.at = this.plain ? 0 : this.listpacks.last(this.block);
  }
}
