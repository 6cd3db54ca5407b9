// quicklist-nodes: the ordered sequence of a quicklist's nodes, with cheap ends and element counts to skip by.
//
// Nodes are slots of two words in *groups* of up to 126, and groups are linked both ways. There is no block per node: a
// node costs 8 bytes besides its listpack. Each group knows how many elements are below it, so that the way to an index
// visits one group in 126 nodes, and then one node's listpack: with 8 KB nodes, element five million of ten million
// of 16 bytes is 75 groups away.
//
//   handle (32 bytes)  word 0 elements, 1 nodes, 2 first group, 3 last group, 4 whether nodes were ever packed
//   group              word 0 previous group, 1 next group, 2 elements, 3 nodes, then slots
//   slot               word 0 ref of the listpack or of the plain block
//                      word 1 bits 0-23 elements, 30 PLAIN
//   plain block        u32 length, then the bytes of the one element
//
// Groups grow with their nodes from 64 bytes to 1 KB and shrink again, so they move: positions are (group, slot) and are
// good until the next insertion or removal of a node.
//
// Not here: the content of a node (quicklist).

import { assert } from '../base/assert.js';
import type { Arena } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT, wordOffset } from '../memory/layout.js';

export type QuicklistRef = number & { readonly brand: 'quicklist' };

/** The node is one element in a block of its own. */
export const PLAIN = 1 << 30;

const HANDLE_BYTES = 32;
const ELEMENTS = 0;
const NODES = 1;
const FIRST = 2;
const LAST = 3;
const HAS_PACKED = 4;

const PREVIOUS = 0;
const NEXT = 1;
const GROUP_ELEMENTS = 2;
const GROUP_NODES = 3;
const GROUP_HEADER_WORDS = 4;
const GROUP_NODES_MAX = 126;
const GROUP_BYTES_MIN = 64;
const COUNT_MASK = (1 << 24) - 1;

export class QuicklistNodes {
  /** The position that the last call found: a group (0: none) and a slot in it. */
  group = 0;
  slot = 0;
  /** The entries to skip inside the node that `seek` found. */
  offset = 0;

  constructor(readonly arena: Arena) {}

  create(): QuicklistRef {
    const list = this.arena.alloc(HANDLE_BYTES) as QuicklistRef;
    const at = wordOffset(list);
    this.arena.i32[list >>> CHUNK_SHIFT]!.fill(0, at, at + HANDLE_BYTES / 4);
    return list;
  }

  /** Frees the handle of a list that has no node left. */
  destroy(list: QuicklistRef): void {
    assert(this.word(list, NODES) === 0, 'only an empty quicklist is destroyed');
    this.arena.free(list);
  }

  /** @hot */
  elementCount(list: QuicklistRef): number {
    return this.word(list, ELEMENTS);
  }

  nodeCount(list: QuicklistRef): number {
    return this.word(list, NODES);
  }

  /** Whether a node of the list may be packed (packed-node). */
  mayHavePacked(list: QuicklistRef): boolean {
    return this.word(list, HAS_PACKED) !== 0;
  }

  notePacked(list: QuicklistRef): void {
    this.setWord(list, HAS_PACKED, 1);
  }

  /** Ref of a node's listpack or plain block. @hot */
  block(group: number, slot: number): number {
    return this.arena.i32[group >>> CHUNK_SHIFT]![slotWord(group, slot)]!;
  }

  /** @hot */
  setBlock(group: number, slot: number, block: number): void {
    this.arena.i32[group >>> CHUNK_SHIFT]![slotWord(group, slot)] = block;
  }

  /** Elements of a node. @hot */
  count(group: number, slot: number): number {
    return this.arena.i32[group >>> CHUNK_SHIFT]![slotWord(group, slot) + 1]! & COUNT_MASK;
  }

  /** @hot */
  isPlain(group: number, slot: number): boolean {
    return (this.arena.i32[group >>> CHUNK_SHIFT]![slotWord(group, slot) + 1]! & PLAIN) !== 0;
  }

  /** Notes that a node has `change` more elements. @hot */
  addCount(list: QuicklistRef, group: number, slot: number, change: number): void {
    const i32 = this.arena.i32[group >>> CHUNK_SHIFT]!;
    i32[slotWord(group, slot) + 1]! += change;
    i32[wordOffset(group) + GROUP_ELEMENTS]! += change;
    this.arena.i32[list >>> CHUNK_SHIFT]![wordOffset(list) + ELEMENTS]! += change;
  }

  /** Goes to the first node; false when there is none. @hot */
  first(list: QuicklistRef): boolean {
    this.group = this.word(list, FIRST);
    this.slot = 0;
    return this.group !== 0;
  }

  /** Goes to the last node; false when there is none. @hot */
  last(list: QuicklistRef): boolean {
    this.group = this.word(list, LAST);
    if (this.group === 0) return false;
    this.slot = this.word(this.group, GROUP_NODES) - 1;
    return true;
  }

  /** The listpack of the node at an end; 0 when there is none, or a plain one. @hot */
  edgeBlock(list: QuicklistRef, first: boolean): number {
    const group = this.arena.i32[list >>> CHUNK_SHIFT]![wordOffset(list) + (first ? FIRST : LAST)]!;
    if (group === 0) return 0;
    const i32 = this.arena.i32[group >>> CHUNK_SHIFT]!;
    const base = wordOffset(group);
    const at = base + GROUP_HEADER_WORDS + (first ? 0 : 2 * i32[base + GROUP_NODES]! - 2);
    return (i32[at + 1]! & PLAIN) === 0 ? i32[at]! : 0;
  }

  /** Notes that the node at an end has `change` more elements. @hot */
  countEdge(list: QuicklistRef, first: boolean, change: number): void {
    const handle = this.arena.i32[list >>> CHUNK_SHIFT]!;
    const handleAt = wordOffset(list);
    const group = handle[handleAt + (first ? FIRST : LAST)]!;
    const i32 = this.arena.i32[group >>> CHUNK_SHIFT]!;
    const base = wordOffset(group);
    i32[base + GROUP_HEADER_WORDS + (first ? 0 : 2 * i32[base + GROUP_NODES]! - 2) + 1]! += change;
    i32[base + GROUP_ELEMENTS]! += change;
    handle[handleAt + ELEMENTS]! += change;
  }

  /** Goes to the node after (group, slot); false at the end. */
  next(group: number, slot: number): boolean {
    if (slot + 1 < this.word(group, GROUP_NODES)) {
      this.group = group;
      this.slot = slot + 1;
      return true;
    }
    this.group = this.word(group, NEXT);
    this.slot = 0;
    return this.group !== 0;
  }

  /** Goes to the node before (group, slot); slot may be one after the group's last. False at the start. */
  previous(group: number, slot: number): boolean {
    if (slot > 0) {
      this.group = group;
      this.slot = slot - 1;
      return true;
    }
    this.group = this.word(group, PREVIOUS);
    if (this.group === 0) return false;
    this.slot = this.word(this.group, GROUP_NODES) - 1;
    return true;
  }

  /** Goes to the node that holds element `index` (0 <= index < elements); `offset` is the element's index in it. @hot */
  seek(list: QuicklistRef, index: number): void {
    const total = this.word(list, ELEMENTS);
    let group: number;
    let left = index;
    if (index <= total >>> 1) {
      group = this.word(list, FIRST);
      for (
        let elements = this.word(group, GROUP_ELEMENTS);
        left >= elements;
        elements = this.word(group, GROUP_ELEMENTS)
      ) {
        left -= elements;
        group = this.word(group, NEXT);
      }
    } else {
      group = this.word(list, LAST);
      let start = total - this.word(group, GROUP_ELEMENTS);
      while (index < start) {
        group = this.word(group, PREVIOUS);
        start -= this.word(group, GROUP_ELEMENTS);
      }
      left = index - start;
    }
    const i32 = this.arena.i32[group >>> CHUNK_SHIFT]!;
    let at = slotWord(group, 0) + 1;
    let slot = 0;
    for (let count = i32[at]! & COUNT_MASK; left >= count; count = i32[at]! & COUNT_MASK) {
      left -= count;
      at += 2;
      slot++;
    }
    this.group = group;
    this.slot = slot;
    this.offset = left;
  }

  /**
   * Puts a node before (group, slot), where slot may be one after the group's last; group 0 is for an empty list.
   * Afterwards the position is the new node's.
   */
  insert(list: QuicklistRef, group: number, slot: number, block: number, count: number, flags: number): void {
    let into = group;
    let place = slot;
    if (into === 0) {
      into = this.addGroup(list, 0);
      place = 0;
    } else if (this.word(into, GROUP_NODES) === GROUP_NODES_MAX) {
      const nodes = GROUP_NODES_MAX;
      if (place === nodes || place === 0) {
        // At an edge, where queues grow: a group of its own, the full one stays full.
        into = this.addGroup(list, place === 0 ? this.word(into, PREVIOUS) : into);
        place = 0;
      } else {
        const right = this.splitGroup(list, into);
        const kept = this.word(into, GROUP_NODES);
        if (place > kept) {
          into = right;
          place -= kept;
        }
      }
    }
    into = this.fitGroup(list, into, this.word(into, GROUP_NODES) + 1);
    const i32 = this.arena.i32[into >>> CHUNK_SHIFT]!;
    const base = wordOffset(into);
    const nodes = i32[base + GROUP_NODES]!;
    const at = slotWord(into, place);
    i32.copyWithin(at + 2, at, slotWord(into, nodes));
    i32[at] = block;
    i32[at + 1] = count | flags;
    i32[base + GROUP_NODES] = nodes + 1;
    i32[base + GROUP_ELEMENTS]! += count;
    const handle = this.arena.i32[list >>> CHUNK_SHIFT]!;
    handle[wordOffset(list) + NODES]!++;
    handle[wordOffset(list) + ELEMENTS]! += count;
    this.group = into;
    this.slot = place;
  }

  /** Takes a node out (its block is the caller's to free); the position is then the following node's, group 0 at the end. */
  remove(list: QuicklistRef, group: number, slot: number): void {
    const i32 = this.arena.i32[group >>> CHUNK_SHIFT]!;
    const base = wordOffset(group);
    const at = slotWord(group, slot);
    const count = i32[at + 1]! & COUNT_MASK;
    const nodes = i32[base + GROUP_NODES]! - 1;
    const handle = this.arena.i32[list >>> CHUNK_SHIFT]!;
    handle[wordOffset(list) + NODES]!--;
    handle[wordOffset(list) + ELEMENTS]! -= count;
    if (nodes === 0) {
      this.group = i32[base + NEXT]!;
      this.slot = 0;
      this.dropGroup(list, group);
      return;
    }
    i32.copyWithin(at, at + 2, slotWord(group, nodes + 1));
    i32[base + GROUP_NODES] = nodes;
    i32[base + GROUP_ELEMENTS]! -= count;
    const kept = this.fitGroup(list, group, nodes);
    if (slot < nodes) {
      this.group = kept;
      this.slot = slot;
    } else {
      this.group = this.word(kept, NEXT);
      this.slot = 0;
    }
  }

  /**
   * Cuts off the groups whose elements are all among the `count` from `index` on, as a list of their own, which is returned;
   * 0 when there is none. Looks at the groups, not at their nodes. Positions are lost.
   */
  takeGroups(list: QuicklistRef, index: number, count: number): QuicklistRef | 0 {
    let group = this.word(list, FIRST);
    let start = 0;
    while (group !== 0 && start < index) {
      start += this.word(group, GROUP_ELEMENTS);
      group = this.word(group, NEXT);
    }
    const first = group;
    let last = 0;
    let nodes = 0;
    const from = start;
    while (group !== 0 && start + this.word(group, GROUP_ELEMENTS) <= index + count) {
      start += this.word(group, GROUP_ELEMENTS);
      nodes += this.word(group, GROUP_NODES);
      last = group;
      group = this.word(group, NEXT);
    }
    if (last === 0) return 0;
    const before = this.word(first, PREVIOUS);
    const behind = this.word(last, NEXT);
    if (before === 0) this.setWord(list, FIRST, behind);
    else this.setWord(before, NEXT, behind);
    if (behind === 0) this.setWord(list, LAST, before);
    else this.setWord(behind, PREVIOUS, before);
    this.setWord(first, PREVIOUS, 0);
    this.setWord(last, NEXT, 0);
    this.setWord(list, ELEMENTS, this.word(list, ELEMENTS) - (start - from));
    this.setWord(list, NODES, this.word(list, NODES) - nodes);
    const made = this.create();
    this.setWord(made, ELEMENTS, start - from);
    this.setWord(made, NODES, nodes);
    this.setWord(made, FIRST, first);
    this.setWord(made, LAST, last);
    this.setWord(made, HAS_PACKED, this.word(list, HAS_PACKED));
    return made;
  }

  /** Bytes of handle and groups, without the nodes' blocks. */
  overheadBytes(list: QuicklistRef): number {
    let bytes = HANDLE_BYTES;
    for (let group = this.word(list, FIRST); group !== 0; group = this.word(group, NEXT))
      bytes += this.arena.usable(group);
    return bytes;
  }

  /** Throws where the sequence contradicts itself. For tests. */
  verify(list: QuicklistRef): void {
    let elements = 0;
    let nodes = 0;
    let previous = 0;
    for (let group = this.word(list, FIRST); group !== 0; group = this.word(group, NEXT)) {
      assert(this.word(group, PREVIOUS) === previous, 'groups are linked both ways');
      const here = this.word(group, GROUP_NODES);
      assert(here > 0 && here <= GROUP_NODES_MAX, 'a group has nodes');
      assert((GROUP_HEADER_WORDS + 2 * here) * 4 <= this.arena.usable(group), 'a group fits into its block');
      let below = 0;
      for (let slot = 0; slot < here; slot++) {
        assert(this.count(group, slot) > 0, 'a node has elements');
        below += this.count(group, slot);
      }
      assert(below === this.word(group, GROUP_ELEMENTS), 'a group counts its elements');
      elements += below;
      nodes += here;
      previous = group;
    }
    assert(previous === this.word(list, LAST), 'the last group is known');
    assert(elements === this.word(list, ELEMENTS), 'a quicklist counts its elements');
    assert(nodes === this.word(list, NODES), 'a quicklist counts its nodes');
  }

  /** Makes an empty group after another (0: at the start). */
  private addGroup(list: QuicklistRef, previous: number): number {
    const group = this.arena.alloc(GROUP_BYTES_MIN);
    const next = previous === 0 ? this.word(list, FIRST) : this.word(previous, NEXT);
    const i32 = this.arena.i32[group >>> CHUNK_SHIFT]!;
    const base = wordOffset(group);
    i32[base + GROUP_ELEMENTS] = 0;
    i32[base + GROUP_NODES] = 0;
    this.link(list, group, previous, next);
    return group;
  }

  private dropGroup(list: QuicklistRef, group: number): void {
    const previous = this.word(group, PREVIOUS);
    const next = this.word(group, NEXT);
    if (previous === 0) this.setWord(list, FIRST, next);
    else this.setWord(previous, NEXT, next);
    if (next === 0) this.setWord(list, LAST, previous);
    else this.setWord(next, PREVIOUS, previous);
    this.arena.free(group);
  }

  private link(list: QuicklistRef, group: number, previous: number, next: number): void {
    this.setWord(group, PREVIOUS, previous);
    this.setWord(group, NEXT, next);
    if (previous === 0) this.setWord(list, FIRST, group);
    else this.setWord(previous, NEXT, group);
    if (next === 0) this.setWord(list, LAST, group);
    else this.setWord(next, PREVIOUS, group);
  }

  /** Gives a group the block that `nodes` slots need; returns where it is now. */
  private fitGroup(list: QuicklistRef, group: number, nodes: number): number {
    const bytes = (GROUP_HEADER_WORDS + 2 * nodes) * 4;
    const usable = this.arena.usable(group);
    if (bytes <= usable && (bytes * 4 > usable || usable <= GROUP_BYTES_MIN)) return group;
    const ahead =
      bytes > usable ? Math.min(usable * 2, (GROUP_HEADER_WORDS + 2 * GROUP_NODES_MAX) * 4) : GROUP_BYTES_MIN;
    const moved = this.arena.realloc(group, Math.max(bytes, ahead), Math.min(bytes, usable));
    if (moved !== group) this.link(list, moved, this.word(moved, PREVIOUS), this.word(moved, NEXT));
    return moved;
  }

  /** Moves the second half of a full group into a new one after it, and returns that. */
  private splitGroup(list: QuicklistRef, group: number): number {
    const kept = GROUP_NODES_MAX >>> 1;
    const moved = GROUP_NODES_MAX - kept;
    const right = this.fitGroup(list, this.addGroup(list, group), GROUP_NODES_MAX);
    this.arena.copy(right, GROUP_HEADER_WORDS * 4, group, (GROUP_HEADER_WORDS + 2 * kept) * 4, moved * 8);
    let elements = 0;
    for (let slot = 0; slot < moved; slot++) elements += this.count(right, slot);
    this.setWord(right, GROUP_NODES, moved);
    this.setWord(right, GROUP_ELEMENTS, elements);
    this.setWord(group, GROUP_NODES, kept);
    this.setWord(group, GROUP_ELEMENTS, this.word(group, GROUP_ELEMENTS) - elements);
    return right;
  }

  private word(ref: number, index: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + index]!;
  }

  private setWord(ref: number, index: number, value: number): void {
    this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + index] = value;
  }
}

/** Which word of the chunk a slot begins at. */
function slotWord(group: number, slot: number): number {
  return wordOffset(group) + GROUP_HEADER_WORDS + 2 * slot;
}

/** Length of a plain block's element. */
export function plainLength(arena: Arena, block: number): number {
  return arena.i32[block >>> CHUNK_SHIFT]![wordOffset(block)]! >>> 0;
}

/** Where a plain block's element starts in `arena.u8[chunkOf(block)]`. */
export function plainStart(block: number): number {
  return byteOffset(block) + 4;
}
