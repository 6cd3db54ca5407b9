// stream-index: an ordered map from stream ids to a few words each: a B+ tree in the arena.
//
// Serves the nodes of a stream (id of the first entry -> listpack), the pending entries of a group (id -> when, how often
// and to whom delivered) and of a consumer (id alone). Ids mostly come in rising order, so a full last leaf is left full and a
// new one begun after it; a million pending entries take 32 MB, 33 bytes each.
//
//   handle  word 0 count, 1 root (0: none), 2 height (leaves are 0), 3 first leaf, 4 last leaf, 5 words per value, 6-7 unused
//   leaf    word 0 slots in use, 1 previous leaf, 2 next leaf, 3 unused; slots: 4 words of id, then the value's words
//   branch  word 0 slots in use, 1-3 unused; slots: 4 words of id, ref of the child whose ids are not below it
//
// The id of a branch's first slot is not looked at. Leaves grow from 128 bytes to 1 KB, so a small map is small.
// A position is (leaf, slot); `find`, `seek` and the like set it, and it is good until the next insertion or removal.
//
// Not here: the meaning of the values (stream, stream-groups).

import { assert } from '../base/assert.js';
import type { Arena } from '../memory/arena.js';
import { CHUNK_SHIFT, wordOffset } from '../memory/layout.js';
import { RefList } from './dict.js';
import type { RisingIds } from './rising-ids.js';
import { StreamId } from './stream-id.js';

export type StreamIndexRef = number & { readonly brand: 'stream-index' };

const HANDLE_BYTES = 32;
const COUNT = 0;
const ROOT = 1;
const HEIGHT = 2;
const FIRST = 3;
const LAST = 4;
const VALUE_WORDS = 5;

const USED = 0;
const PREVIOUS = 1;
const NEXT = 2;
const HEADER_WORDS = 4;
const ID_WORDS = 4;
const BRANCH_WORDS = 5;
const NODE_BYTES_MAX = 1024;
const LEAF_BYTES_MIN = 128;
const BRANCH_SLOTS_MAX = Math.floor((NODE_BYTES_MAX / 4 - HEADER_WORDS) / BRANCH_WORDS);
const HEIGHT_MAX = 16;

export class StreamIndexes {
  /** The position: a leaf (0: none) and a slot in it. */
  leaf = 0;
  slot = 0;
  /** Words of a slot of the map that the position is in. */
  private stride = 0;
  /** The way from the root that the last descent took. */
  private readonly pathNodes = new Int32Array(HEIGHT_MAX);
  private readonly pathSlots = new Int32Array(HEIGHT_MAX);

  constructor(readonly arena: Arena) {}

  create(valueWords: number): StreamIndexRef {
    const map = this.arena.alloc(HANDLE_BYTES) as StreamIndexRef;
    const at = wordOffset(map);
    const i32 = this.arena.i32[map >>> CHUNK_SHIFT]!;
    i32.fill(0, at, at + HANDLE_BYTES / 4);
    i32[at + VALUE_WORDS] = valueWords;
    return map;
  }

  /** @hot */
  count(map: StreamIndexRef): number {
    return this.word(map, COUNT);
  }

  /** Goes to the first id; false when there is none. @hot */
  first(map: StreamIndexRef): boolean {
    this.stride = ID_WORDS + this.word(map, VALUE_WORDS);
    this.leaf = this.word(map, FIRST);
    this.slot = 0;
    return this.leaf !== 0;
  }

  /** Goes to the last id; false when there is none. @hot */
  last(map: StreamIndexRef): boolean {
    this.stride = ID_WORDS + this.word(map, VALUE_WORDS);
    this.leaf = this.word(map, LAST);
    if (this.leaf === 0) return false;
    this.slot = this.word(this.leaf, USED) - 1;
    return true;
  }

  /** Goes to the next id; false at the end. @hot */
  next(): boolean {
    if (++this.slot < this.word(this.leaf, USED)) return true;
    this.leaf = this.word(this.leaf, NEXT);
    this.slot = 0;
    return this.leaf !== 0;
  }

  /** Goes to the id before; false at the start. @hot */
  previous(): boolean {
    if (--this.slot >= 0) return true;
    this.leaf = this.word(this.leaf, PREVIOUS);
    if (this.leaf === 0) return false;
    this.slot = this.word(this.leaf, USED) - 1;
    return true;
  }

  /** Goes to this id; false when it is missing. @hot */
  find(map: StreamIndexRef, id: StreamId): boolean {
    return (
      this.descend(map, id) && this.slot < this.word(this.leaf, USED) && this.compareAt(this.leaf, this.slot, id) === 0
    );
  }

  /** Goes to the first id that is not below this one; false when there is none. @hot */
  seek(map: StreamIndexRef, id: StreamId): boolean {
    if (!this.descend(map, id)) return false;
    if (this.slot < this.word(this.leaf, USED)) return true;
    this.leaf = this.word(this.leaf, NEXT);
    this.slot = 0;
    return this.leaf !== 0;
  }

  /** Goes to the last id that is not above this one; false when there is none. @hot */
  seekBack(map: StreamIndexRef, id: StreamId): boolean {
    if (!this.descend(map, id)) return false;
    if (this.slot < this.word(this.leaf, USED) && this.compareAt(this.leaf, this.slot, id) === 0) return true;
    return this.previous();
  }

  /** Copies the id at the position. @hot */
  readId(into: StreamId): void {
    const i32 = this.arena.i32[this.leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(this.leaf) + HEADER_WORDS + this.slot * this.stride;
    into.msHigh = i32[at]!;
    into.msLow = i32[at + 1]!;
    into.seqHigh = i32[at + 2]!;
    into.seqLow = i32[at + 3]!;
  }

  /** A word of the value at the position. @hot */
  value(index: number): number {
    return this.arena.i32[this.leaf >>> CHUNK_SHIFT]![
      wordOffset(this.leaf) + HEADER_WORDS + this.slot * this.stride + ID_WORDS + index
    ]!;
  }

  /** Goes to the first slot of a leaf, or of a copy of one, of a map with so many words a value; returns how many it has. */
  openLeaf(leaf: number, valueWords: number): number {
    this.leaf = leaf;
    this.slot = 0;
    this.stride = ID_WORDS + valueWords;
    return this.word(leaf, USED);
  }

  /** All leaves of a map, in their order. */
  leaves(map: StreamIndexRef): RefList {
    const list = new RefList(4);
    for (let leaf = this.word(map, FIRST); leaf !== 0; leaf = this.word(leaf, NEXT)) list.push(leaf);
    return list;
  }

  /** A leaf is about to be changed or freed. */
  private beforeChange(leaf: number): void {
    if (this.arena.guard !== null) this.arena.guard.beforeLeaf(leaf);
  }

  /** @hot */
  setValue(index: number, value: number): void {
    if (this.arena.guard !== null) this.arena.guard.beforeLeaf(this.leaf);
    this.arena.i32[this.leaf >>> CHUNK_SHIFT]![
      wordOffset(this.leaf) + HEADER_WORDS + this.slot * this.stride + ID_WORDS + index
    ] = value;
  }

  /** Goes to this id, adding it if it is missing (its value is then arbitrary); returns whether it was added. */
  insert(map: StreamIndexRef, id: StreamId): boolean {
    if (!this.descend(map, id)) {
      this.stride = ID_WORDS + this.word(map, VALUE_WORDS);
      const leaf = this.arena.alloc(LEAF_BYTES_MIN);
      for (let index = 0; index < HEADER_WORDS; index++) this.setWord(leaf, index, 0);
      this.setWord(map, ROOT, leaf);
      this.setWord(map, FIRST, leaf);
      this.setWord(map, LAST, leaf);
      this.leaf = leaf;
      this.slot = 0;
    } else if (this.slot < this.word(this.leaf, USED) && this.compareAt(this.leaf, this.slot, id) === 0) {
      return false;
    }
    this.beforeChange(this.leaf);
    this.makeRoom(map);
    const i32 = this.arena.i32[this.leaf >>> CHUNK_SHIFT]!;
    const base = wordOffset(this.leaf) + HEADER_WORDS;
    const at = base + this.slot * this.stride;
    const used = this.word(this.leaf, USED);
    i32.copyWithin(at + this.stride, at, base + used * this.stride);
    writeId(i32, at, id);
    this.setWord(this.leaf, USED, used + 1);
    this.setWord(map, COUNT, this.word(map, COUNT) + 1);
    return true;
  }

  /** Adds an id that is above all others and goes to it: as `insert`, without the way from the root while the last leaf has room. */
  append(map: StreamIndexRef, id: StreamId): void {
    const leaf = this.word(map, LAST);
    const stride = ID_WORDS + this.word(map, VALUE_WORDS);
    const used = leaf === 0 ? 0 : this.word(leaf, USED);
    const needed = (HEADER_WORDS + (used + 1) * stride) * 4;
    if (leaf === 0 || needed > Math.min(this.arena.usable(leaf), NODE_BYTES_MAX)) {
      this.insert(map, id);
      return;
    }
    this.beforeChange(leaf);
    this.leaf = leaf;
    this.slot = used;
    this.stride = stride;
    writeId(this.arena.i32[leaf >>> CHUNK_SHIFT]!, wordOffset(leaf) + HEADER_WORDS + used * stride, id);
    this.setWord(leaf, USED, used + 1);
    this.setWord(map, COUNT, this.word(map, COUNT) + 1);
  }

  /** Takes an id out; false when it is missing. The position is then the following id's (leaf 0: none). */
  remove(map: StreamIndexRef, id: StreamId): boolean {
    if (!this.find(map, id)) return false;
    const { leaf, slot, stride } = this;
    this.beforeChange(leaf);
    const used = this.word(leaf, USED) - 1;
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const base = wordOffset(leaf) + HEADER_WORDS;
    i32.copyWithin(base + slot * stride, base + (slot + 1) * stride, base + (used + 1) * stride);
    this.setWord(leaf, USED, used);
    this.setWord(map, COUNT, this.word(map, COUNT) - 1);
    if (used === 0) {
      this.leaf = this.word(leaf, NEXT);
      this.slot = 0;
      this.dropLeaf(map, leaf);
      return true;
    }
    if (this.tryJoin(map)) {
      if (!this.seek(map, id)) this.leaf = 0;
    } else if (slot === used) {
      this.leaf = this.word(leaf, NEXT);
      this.slot = 0;
    }
    return true;
  }

  /** Goes to the first id of the leaf after the first one; false when there is only one leaf. */
  secondLeaf(map: StreamIndexRef): boolean {
    if (!this.first(map)) return false;
    this.leaf = this.word(this.leaf, NEXT);
    return this.leaf !== 0;
  }

  /** Takes the first of several leaves out, with all its ids, and puts it after all ids of another map. */
  moveFirstLeaf(map: StreamIndexRef, to: StreamIndexRef): void {
    const id = new StreamId();
    this.first(map);
    this.readId(id);
    this.descend(map, id);
    const { leaf } = this;
    const used = this.word(leaf, USED);
    const next = this.word(leaf, NEXT);
    this.setWord(map, FIRST, next);
    this.setWord(next, PREVIOUS, 0);
    this.setWord(map, COUNT, this.word(map, COUNT) - used);
    this.removeChild(map, 1);
    const last = this.word(to, LAST);
    this.setWord(leaf, PREVIOUS, last);
    this.setWord(leaf, NEXT, 0);
    if (last === 0) {
      this.setWord(to, ROOT, leaf);
      this.setWord(to, FIRST, leaf);
    } else {
      this.descend(to, id);
      this.setWord(last, NEXT, leaf);
      this.insertChild(to, 1, id, leaf);
    }
    this.setWord(to, LAST, leaf);
    this.setWord(to, COUNT, this.word(to, COUNT) + used);
  }

  /**
   * Takes out all ids of which `goes` says so, with the position at each: leaf by leaf, so that many cost less than if each
   * was looked up.
   */
  removeWhere(map: StreamIndexRef, goes: () => boolean): void {
    const id = new StreamId();
    const stride = ID_WORDS + this.word(map, VALUE_WORDS);
    let next = 0;
    for (let leaf = this.word(map, FIRST); leaf !== 0; leaf = next) {
      next = this.word(leaf, NEXT);
      this.leaf = leaf;
      this.slot = 0;
      this.stride = stride;
      this.readId(id);
      if (this.sweepLeaf(map, leaf, 0, goes) > 0 || !this.descend(map, id)) continue;
      this.dropLeaf(map, leaf);
    }
    this.joinLeaves(map);
  }

  /**
   * Takes out those of the ids that are in the map, with the position at each and its index; leaf by leaf too, so that ids that
   * are close together are found without a descent.
   */
  removeEach(map: StreamIndexRef, wanted: RisingIds, found: (index: number) => void): void {
    const { ids } = wanted;
    const first = new StreamId();
    const here = new StreamId();
    let at = 0;
    const goes = (): boolean => {
      this.readId(here);
      at = wanted.seek(at, here);
      if (at === ids.length || ids[at]!.compare(here) !== 0) return false;
      found(at++);
      return true;
    };
    while (at < ids.length && this.seek(map, ids[at]!)) {
      this.readId(here);
      at = wanted.seek(at, here);
      if (at === ids.length) return;
      if (ids[at]!.compare(here) !== 0) continue;
      const { leaf, slot } = this;
      this.slot = 0;
      this.readId(first);
      this.sweepAndJoin(map, leaf, slot, first, goes);
    }
  }

  /** Sweeps a leaf from `slot` on, whose first id was `first`, and drops it or pours it together with its neighbours. */
  private sweepAndJoin(map: StreamIndexRef, leaf: number, slot: number, first: StreamId, goes: () => boolean): void {
    const kept = this.sweepLeaf(map, leaf, slot, goes);
    this.descend(map, first);
    if (kept === 0) this.dropLeaf(map, leaf);
    else while (this.tryJoin(map)) this.descend(map, first);
  }

  /** Moves the ids of a leaf that stay to its start, from `from` on; returns how many the leaf then has. */
  private sweepLeaf(map: StreamIndexRef, leaf: number, from: number, goes: () => boolean): number {
    const { stride } = this;
    const used = this.word(leaf, USED);
    this.beforeChange(leaf);
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const base = wordOffset(leaf) + HEADER_WORDS;
    let kept = from;
    for (let slot = from; slot < used; slot++) {
      this.leaf = leaf;
      this.slot = slot;
      if (goes()) continue;
      if (kept !== slot) i32.copyWithin(base + kept * stride, base + slot * stride, base + (slot + 1) * stride);
      kept++;
    }
    this.setWord(map, COUNT, this.word(map, COUNT) - (used - kept));
    this.setWord(leaf, USED, kept);
    return kept;
  }

  /**
   * Takes out the ids from `from` on and below `to`, with the position at each for `look`. Leaves of which all ids go are dropped
   * unread where nobody looks.
   */
  removeRange(map: StreamIndexRef, from: StreamId, to: StreamId, look: (() => void) | null): void {
    const id = new StreamId();
    const goes = (): boolean => {
      this.readId(id);
      if (id.compare(to) >= 0) return false;
      look?.();
      return true;
    };
    const first = new StreamId();
    while (this.seek(map, from)) {
      const { leaf, slot } = this;
      this.readId(id);
      if (id.compare(to) >= 0) return;
      const used = this.word(leaf, USED);
      this.slot = 0;
      this.readId(first);
      this.slot = used - 1;
      this.readId(id);
      if (slot === 0 && look === null && id.compare(to) < 0) {
        this.beforeChange(leaf);
        this.setWord(map, COUNT, this.word(map, COUNT) - used);
        this.descend(map, first);
        this.dropLeaf(map, leaf);
        continue;
      }
      this.sweepAndJoin(map, leaf, slot, first, goes);
    }
  }

  /** Pours leaves together of which many ids have gone. */
  private joinLeaves(map: StreamIndexRef): void {
    const id = new StreamId();
    for (let there = this.first(map); there; there = this.leaf !== 0) {
      this.readId(id);
      this.descend(map, id);
      while (this.tryJoin(map)) this.descend(map, id);
      this.leaf = this.word(this.leaf, NEXT);
      this.slot = 0;
    }
  }

  /**
   * Frees up to `budget` leaves from the end, calling `free` for each value's position, and the map itself at last; true
   * when all is gone.
   */
  freeStep(map: StreamIndexRef, budget: number, free: (() => void) | null): boolean {
    for (let left = budget; left > 0 && this.last(map); left--) {
      const { leaf } = this;
      this.beforeChange(leaf);
      const id = new StreamId();
      const used = this.word(leaf, USED);
      for (let slot = 0; slot < used; slot++) {
        this.leaf = leaf;
        this.slot = slot;
        this.stride = ID_WORDS + this.word(map, VALUE_WORDS);
        if (slot === 0) this.readId(id);
        free?.();
      }
      this.setWord(map, COUNT, this.word(map, COUNT) - used);
      this.descend(map, id);
      this.dropLeaf(map, leaf);
    }
    if (this.word(map, ROOT) !== 0) return false;
    this.arena.free(map);
    return true;
  }

  /** Bytes of the map; branches are taken as a twentieth of the leaves. */
  byteSize(map: StreamIndexRef): number {
    const count = this.word(map, COUNT);
    if (count === 0) return HANDLE_BYTES;
    const first = this.word(map, FIRST);
    if (this.word(map, HEIGHT) === 0) return HANDLE_BYTES + this.arena.usable(first);
    const slots = this.slotsMax(ID_WORDS + this.word(map, VALUE_WORDS));
    return HANDLE_BYTES + Math.round((count / slots) * NODE_BYTES_MAX * 1.05);
  }

  /** Throws where the map contradicts itself. For tests. */
  verify(map: StreamIndexRef): void {
    const root = this.word(map, ROOT);
    if (root === 0) {
      assert(
        this.word(map, COUNT) === 0 && this.word(map, FIRST) === 0 && this.word(map, LAST) === 0,
        'an empty map is empty',
      );
      return;
    }
    let count = 0;
    let previous = 0;
    const last = new StreamId();
    const walk = (node: number, height: number, low: StreamId | null): void => {
      const used = this.word(node, USED);
      assert(used > 0, 'a node has slots');
      if (height > 0) {
        assert(used <= BRANCH_SLOTS_MAX, 'a branch has room for its slots');
        for (let slot = 0; slot < used; slot++) {
          const id = new StreamId();
          readId(this.arena.i32[node >>> CHUNK_SHIFT]!, wordOffset(node) + HEADER_WORDS + slot * BRANCH_WORDS, id);
          walk(this.child(node, slot), height - 1, slot === 0 ? low : id);
        }
        return;
      }
      assert(this.word(node, PREVIOUS) === previous, 'leaves are linked backwards');
      if (previous !== 0) assert(this.word(previous, NEXT) === node, 'leaves are linked forwards');
      else assert(this.word(map, FIRST) === node, 'the first leaf is known');
      const id = new StreamId();
      this.stride = ID_WORDS + this.word(map, VALUE_WORDS);
      assert((HEADER_WORDS + used * this.stride) * 4 <= this.arena.usable(node), 'a leaf has room for its slots');
      for (this.leaf = node, this.slot = 0; this.slot < used; this.slot++) {
        this.readId(id);
        assert(count === 0 || id.compare(last) > 0, 'ids rise');
        assert(low === null || id.compare(low) >= 0, 'ids are not below their branch');
        last.set(id);
        count++;
      }
      previous = node;
    };
    walk(root, this.word(map, HEIGHT), null);
    assert(this.word(map, LAST) === previous && this.word(previous, NEXT) === 0, 'the last leaf is known');
    assert(count === this.word(map, COUNT), 'a map counts its ids');
  }

  /**
   * Goes to the place in a leaf where the id is or would be (the slot may be one after the last); false in an empty
   * map.
   */
  private descend(map: StreamIndexRef, id: StreamId): boolean {
    let node = this.word(map, ROOT);
    if (node === 0) return false;
    this.stride = ID_WORDS + this.word(map, VALUE_WORDS);
    for (let height = this.word(map, HEIGHT); height > 0; height--) {
      let low = 0;
      let high = this.word(node, USED) - 1;
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      const base = wordOffset(node) + HEADER_WORDS;
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if (compareId(i32, base + middle * BRANCH_WORDS, id) <= 0) low = middle;
        else high = middle - 1;
      }
      this.pathNodes[height] = node;
      this.pathSlots[height] = low;
      node = i32[base + low * BRANCH_WORDS + ID_WORDS]!;
    }
    const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
    const base = wordOffset(node) + HEADER_WORDS;
    let low = 0;
    let high = i32[base - HEADER_WORDS + USED]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareId(i32, base + middle * this.stride, id) < 0) low = middle + 1;
      else high = middle;
    }
    this.leaf = node;
    this.slot = low;
    return true;
  }

  private slotsMax(stride: number): number {
    return Math.floor((NODE_BYTES_MAX / 4 - HEADER_WORDS) / stride);
  }

  /** Sees to it that the leaf of the position, which `descend` found, has room for one more slot. */
  private makeRoom(map: StreamIndexRef): void {
    const { leaf, slot, stride } = this;
    const used = this.word(leaf, USED);
    const needed = (HEADER_WORDS + (used + 1) * stride) * 4;
    const usable = this.arena.usable(leaf);
    if (needed <= Math.min(usable, NODE_BYTES_MAX)) return;
    if (used < this.slotsMax(stride)) {
      this.leaf = this.arena.realloc(leaf, Math.min(NODE_BYTES_MAX, usable * 2), usable);
      this.relinkLeaf(map, leaf, this.leaf);
      return;
    }
    // Ids rise: after the last one the full leaf stays full.
    const kept = slot === used && this.word(leaf, NEXT) === 0 ? used : used >>> 1;
    const right = this.arena.alloc(kept === used ? LEAF_BYTES_MIN * 2 : NODE_BYTES_MAX);
    const next = this.word(leaf, NEXT);
    this.setWord(right, USED, used - kept);
    this.setWord(right, PREVIOUS, leaf);
    this.setWord(right, NEXT, next);
    this.setWord(right, 3, 0);
    this.setWord(leaf, NEXT, right);
    this.setWord(leaf, USED, kept);
    if (next === 0) this.setWord(map, LAST, right);
    else this.setWord(next, PREVIOUS, right);
    this.arena.copy(right, HEADER_WORDS * 4, leaf, (HEADER_WORDS + kept * stride) * 4, (used - kept) * stride * 4);
    if (kept === used) {
      // The new slot begins the new leaf; the branch gets the id of the last one before, which is as good a border.
      this.slot = used - 1;
      this.readId(border);
      border.increment();
    } else {
      this.leaf = right;
      this.slot = 0;
      this.readId(border);
    }
    this.insertChild(map, 1, border, right);
    this.leaf = slot > kept || kept === used ? right : leaf;
    this.slot = slot > kept || kept === used ? slot - kept : slot;
  }

  /** Puts a new child after the one on the path at this height. */
  private insertChild(map: StreamIndexRef, height: number, id: StreamId, child: number): void {
    if (height > this.word(map, HEIGHT)) {
      const root = this.arena.alloc(NODE_BYTES_MAX);
      for (let index = 0; index < HEADER_WORDS + BRANCH_WORDS; index++) this.setWord(root, index, 0);
      this.setWord(root, USED, 1);
      this.setChild(root, 0, this.word(map, ROOT));
      this.setWord(map, ROOT, root);
      this.setWord(map, HEIGHT, height);
      this.pathNodes[height] = root;
      this.pathSlots[height] = 0;
    }
    let node = this.pathNodes[height]!;
    let slot = this.pathSlots[height]! + 1;
    const used = this.word(node, USED);
    if (used === BRANCH_SLOTS_MAX) {
      const kept = slot === used ? used - 1 : used >>> 1;
      const right = this.arena.alloc(NODE_BYTES_MAX);
      for (let index = 0; index < HEADER_WORDS; index++) this.setWord(right, index, 0);
      this.setWord(right, USED, used - kept);
      this.setWord(node, USED, kept);
      this.arena.copy(
        right,
        HEADER_WORDS * 4,
        node,
        (HEADER_WORDS + kept * BRANCH_WORDS) * 4,
        (used - kept) * BRANCH_WORDS * 4,
      );
      const rightId = new StreamId();
      readId(this.arena.i32[right >>> CHUNK_SHIFT]!, wordOffset(right) + HEADER_WORDS, rightId);
      this.insertChild(map, height + 1, rightId, right);
      if (slot > kept) {
        node = right;
        slot -= kept;
      }
    }
    const count = this.word(node, USED);
    const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
    const base = wordOffset(node) + HEADER_WORDS;
    const at = base + slot * BRANCH_WORDS;
    i32.copyWithin(at + BRANCH_WORDS, at, base + count * BRANCH_WORDS);
    writeId(i32, at, id);
    i32[at + ID_WORDS] = child;
    this.setWord(node, USED, count + 1);
  }

  /** A leaf, on the path of the last descent, has moved. */
  private relinkLeaf(map: StreamIndexRef, from: number, to: number): void {
    if (from === to) return;
    const previous = this.word(to, PREVIOUS);
    const next = this.word(to, NEXT);
    if (previous === 0) this.setWord(map, FIRST, to);
    else this.setWord(previous, NEXT, to);
    if (next === 0) this.setWord(map, LAST, to);
    else this.setWord(next, PREVIOUS, to);
    if (this.word(map, HEIGHT) === 0) this.setWord(map, ROOT, to);
    else this.setChild(this.pathNodes[1]!, this.pathSlots[1]!, to);
  }

  /** Frees an empty leaf that the last descent ended in. */
  private dropLeaf(map: StreamIndexRef, leaf: number): void {
    const previous = this.word(leaf, PREVIOUS);
    const next = this.word(leaf, NEXT);
    if (previous === 0) this.setWord(map, FIRST, next);
    else this.setWord(previous, NEXT, next);
    if (next === 0) this.setWord(map, LAST, previous);
    else this.setWord(next, PREVIOUS, previous);
    this.arena.free(leaf);
    this.removeChild(map, 1);
  }

  /** Takes the child on the path at this height out; branches that become empty or needless go too. */
  private removeChild(map: StreamIndexRef, height: number): void {
    if (height > this.word(map, HEIGHT)) {
      this.setWord(map, ROOT, 0);
      this.setWord(map, HEIGHT, 0);
      return;
    }
    const node = this.pathNodes[height]!;
    const slot = this.pathSlots[height]!;
    const used = this.word(node, USED) - 1;
    if (used === 0) {
      this.arena.free(node);
      this.removeChild(map, height + 1);
      return;
    }
    const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
    const base = wordOffset(node) + HEADER_WORDS;
    i32.copyWithin(base + slot * BRANCH_WORDS, base + (slot + 1) * BRANCH_WORDS, base + (used + 1) * BRANCH_WORDS);
    this.setWord(node, USED, used);
    // A root with one child is not needed.
    while (this.word(map, HEIGHT) > 0 && this.word(this.word(map, ROOT), USED) === 1) {
      const root = this.word(map, ROOT);
      this.setWord(map, ROOT, this.child(root, 0));
      this.setWord(map, HEIGHT, this.word(map, HEIGHT) - 1);
      this.arena.free(root);
    }
  }

  /** Pours the leaf of the last descent and its right sibling together if both are less than a third full. */
  private tryJoin(map: StreamIndexRef): boolean {
    if (this.word(map, HEIGHT) === 0) return false;
    const { leaf, stride } = this;
    const parent = this.pathNodes[1]!;
    const place = this.pathSlots[1]!;
    const used = this.word(leaf, USED);
    const third = this.slotsMax(stride) / 3;
    if (used > third || place + 1 >= this.word(parent, USED)) return false;
    const right = this.child(parent, place + 1);
    const more = this.word(right, USED);
    if (more > third) return false;
    this.beforeChange(leaf);
    this.beforeChange(right);
    const needed = (HEADER_WORDS + (used + more) * stride) * 4;
    let into = leaf;
    if (this.arena.usable(leaf) < needed) {
      into = this.arena.realloc(leaf, NODE_BYTES_MAX, this.arena.usable(leaf));
      this.relinkLeaf(map, leaf, into);
    }
    this.arena.copy(into, (HEADER_WORDS + used * stride) * 4, right, HEADER_WORDS * 4, more * stride * 4);
    this.setWord(into, USED, used + more);
    this.setWord(right, USED, 0);
    this.pathSlots[1] = place + 1;
    this.dropLeaf(map, right);
    return true;
  }

  private compareAt(leaf: number, slot: number, id: StreamId): number {
    return compareId(this.arena.i32[leaf >>> CHUNK_SHIFT]!, wordOffset(leaf) + HEADER_WORDS + slot * this.stride, id);
  }

  private child(node: number, slot: number): number {
    return this.arena.i32[node >>> CHUNK_SHIFT]![wordOffset(node) + HEADER_WORDS + slot * BRANCH_WORDS + ID_WORDS]!;
  }

  private setChild(node: number, slot: number, child: number): void {
    this.arena.i32[node >>> CHUNK_SHIFT]![wordOffset(node) + HEADER_WORDS + slot * BRANCH_WORDS + ID_WORDS] = child;
  }

  private word(ref: number, index: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + index]!;
  }

  private setWord(ref: number, index: number, value: number): void {
    this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + index] = value;
  }
}

const border = new StreamId();

function readId(i32: Int32Array, at: number, id: StreamId): void {
  id.msHigh = i32[at]!;
  id.msLow = i32[at + 1]!;
  id.seqHigh = i32[at + 2]!;
  id.seqLow = i32[at + 3]!;
}

function writeId(i32: Int32Array, at: number, id: StreamId): void {
  i32[at] = id.msHigh;
  i32[at + 1] = id.msLow;
  i32[at + 2] = id.seqHigh;
  i32[at + 3] = id.seqLow;
}

/** Below, at or above 0, as the id in the words comes before, is, or comes after the other. @hot */
function compareId(i32: Int32Array, at: number, id: StreamId): number {
  if (i32[at] !== id.msHigh) return (i32[at]! >>> 0) - (id.msHigh >>> 0);
  if (i32[at + 1] !== id.msLow) return (i32[at + 1]! >>> 0) - (id.msLow >>> 0);
  if (i32[at + 2] !== id.seqHigh) return (i32[at + 2]! >>> 0) - (id.seqHigh >>> 0);
  return (i32[at + 3]! >>> 0) - (id.seqLow >>> 0);
}
