// sorted-index: the order of a sorted set: a counted B+ tree over member entries, by score and then by member bytes.
//
// The members themselves are entries of a dict (key = member, number = score); the tree only refers to them, and repeats
// the score so that a search reads one block a level and looks at an entry only where scores are equal. Every child has
// its count beside it, so ranks are found, and found by, in one descent. Leaves are linked for walks in both directions.
//
//   owner words of the dict's handle: 0 root, 1 height (levels above the leaves), 2 first leaf, 3 last leaf
//   leaf   word 0 count, 1 capacity (bit 31 EPOCH), 2 next leaf, 3 previous leaf, then scores (8 bytes), then entry refs
//   inner  word 0 count of children, 1-3 unused, then for each child the first score and (after all scores) the first
//          entry of its subtree, the child's ref, and how many entries are below it
//
// A node that is full is split on the way down, so a split never climbs; at the ends of the order it is split unevenly,
// so that ascending (or descending) inserts fill the leaves. A node below a quarter is joined with a neighbour when both
// fit in three quarters. An only leaf starts small and grows, for sets that are no listpack because of one long member.
// Cost: 12 bytes a member at full leaves, 17 after random inserts. Insert and remove: see sorted-index.bench.
//
// Not here: finding a member (dict), creating and freeing entries (datatypes/sorted-set).

import { assert } from '../base/assert.js';
import type { Arena } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT, GRANULE_MASK, wordOffset } from '../memory/layout.js';
import { OWNER_WORD, type DictRef } from './dict.js';
import { Entries } from './entry.js';

const ROOT = OWNER_WORD;
const HEIGHT = OWNER_WORD + 1;
const FIRST = OWNER_WORD + 2;
const LAST = OWNER_WORD + 3;

const COUNT = 0;
const CAPACITY = 1;
const NEXT = 2;
const PREVIOUS = 3;
const HEADER_WORDS = 4;
const HEADER_DOUBLES = 2;
const CAPACITY_MASK = 0xffff;

const LEAF_CAPACITY_MIN = 6;
const LEAF_CAPACITY = 84; // 1024 bytes
const INNER_CAPACITY = 50; // 1016 bytes
const INNER_BYTES = 4 * HEADER_WORDS + 20 * INNER_CAPACITY;
const INNER_ENTRIES = HEADER_WORDS + 2 * INNER_CAPACITY;
const INNER_CHILDREN = HEADER_WORDS + 3 * INNER_CAPACITY;
const INNER_COUNTS = HEADER_WORDS + 4 * INNER_CAPACITY;
/** More entries than this are shifted by copyWithin: 40 ns for any leaf, where a loop takes 1 ns an entry. */
const SHIFT_LOOP_MAX = 32;
const HEIGHT_MAX = 12;
const KEY_LENGTH_MASK = (1 << 29) - 1;
const NO_BYTES = new Uint8Array(0);

function leafBytes(capacity: number): number {
  return 4 * HEADER_WORDS + 12 * capacity;
}

/** The order of all sorted sets of one arena. Positions (`leaf`, `slot`) hold until the next change of that set. */
export class SortedIndexes {
  /** Where the last seek or step came to; leaf 0 means beyond an end. */
  leaf = 0;
  slot = 0;

  /** The way of the last descent: inner nodes from the root on, and which child was taken. */
  private readonly pathNode = new Int32Array(HEIGHT_MAX);
  private readonly pathSlot = new Int32Array(HEIGHT_MAX);
  /** The key that is searched. */
  private keyScore = 0;
  private keyBytes: Uint8Array = NO_BYTES;
  private keyStart = 0;
  private keyLength = 0;

  constructor(readonly arena: Arena) {}

  /** Gives a new dict its empty index. */
  create(set: DictRef): void {
    const leaf = this.createLeaf(LEAF_CAPACITY_MIN);
    const handle = this.arena.i32[set >>> CHUNK_SHIFT]!;
    const at = wordOffset(set);
    handle[at + ROOT] = leaf;
    handle[at + HEIGHT] = 0;
    handle[at + FIRST] = leaf;
    handle[at + LAST] = leaf;
  }

  /** Adds an entry under its score; it must not be in the index. @hot */
  insert(set: DictRef, score: number, entry: number): void {
    this.aimAt(score, entry);
    const leaf = this.descendToInsert(set);
    const slot = this.lowerSlot(leaf);
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const f64 = this.arena.f64[leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(leaf);
    const count = i32[at + COUNT]!;
    const scores = (leaf & GRANULE_MASK) + HEADER_DOUBLES;
    const entries = at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK);
    if (count - slot > SHIFT_LOOP_MAX) {
      f64.copyWithin(scores + slot + 1, scores + slot, scores + count);
      i32.copyWithin(entries + slot + 1, entries + slot, entries + count);
    } else {
      for (let index = count; index > slot; index--) {
        f64[scores + index] = f64[scores + index - 1]!;
        i32[entries + index] = i32[entries + index - 1]!;
      }
    }
    f64[scores + slot] = score;
    i32[entries + slot] = entry;
    i32[at + COUNT] = count + 1;
    const height = this.word(set, HEIGHT);
    this.addOnPath(height, 1);
    if (slot === 0) this.renewSeparators(height, score, entry);
  }

  /** Takes an entry out that is in the index under this score. @hot */
  remove(set: DictRef, score: number, entry: number): void {
    this.aimAt(score, entry);
    const leaf = this.descend(set);
    this.removeAt(set, leaf, this.lowerSlot(leaf), entry);
  }

  /**
   * Takes out the entry of this rank and those after it in its leaf, `countMax` at most, and gives each to `visit`.
   * Returns how many there were, at least one if the rank is there.
   */
  removeRun(set: DictRef, rank: number, countMax: number, visit: (entry: number) => void): number {
    this.seekRankOnPath(set, rank);
    const { leaf, slot } = this;
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const f64 = this.arena.f64[leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(leaf);
    const count = i32[at + COUNT]!;
    const taken = Math.min(countMax, count - slot);
    const scores = (leaf & GRANULE_MASK) + HEADER_DOUBLES;
    const entries = at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK);
    for (let index = slot; index < slot + taken; index++) visit(i32[entries + index]!);
    f64.copyWithin(scores + slot, scores + slot + taken, scores + count);
    i32.copyWithin(entries + slot, entries + slot + taken, entries + count);
    this.taken(set, leaf, slot, taken);
    return taken;
  }

  /** Takes out the entry at a place of the leaf that the path leads to. @hot */
  private removeAt(set: DictRef, leaf: number, slot: number, entry: number): void {
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const f64 = this.arena.f64[leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(leaf);
    const count = i32[at + COUNT]! - 1;
    const scores = (leaf & GRANULE_MASK) + HEADER_DOUBLES;
    const entries = at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK);
    assert(slot <= count && i32[entries + slot] === entry, 'a removed entry is in the index');
    if (count - slot > SHIFT_LOOP_MAX) {
      f64.copyWithin(scores + slot, scores + slot + 1, scores + count + 1);
      i32.copyWithin(entries + slot, entries + slot + 1, entries + count + 1);
    } else {
      for (let index = slot; index < count; index++) {
        f64[scores + index] = f64[scores + index + 1]!;
        i32[entries + index] = i32[entries + index + 1]!;
      }
    }
    this.taken(set, leaf, slot, 1);
  }

  /** So many entries were taken from this place of the leaf that the path leads to: updates the nodes above. @hot */
  private taken(set: DictRef, leaf: number, slot: number, taken: number): void {
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(leaf);
    const count = i32[at + COUNT]! - taken;
    i32[at + COUNT] = count;
    const height = this.word(set, HEIGHT);
    this.addOnPath(height, -taken);
    if (height === 0) return;
    if (count === 0) {
      this.dropEmptyLeaf(set, height, leaf);
      return;
    }
    if (slot === 0) {
      const score = this.arena.f64[leaf >>> CHUNK_SHIFT]![(leaf & GRANULE_MASK) + HEADER_DOUBLES]!;
      this.renewSeparators(height, score, i32[at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK)]!);
    }
    if (count < LEAF_CAPACITY >> 2) this.joinLeaf(set, height);
  }

  /** Moves an entry from one score to another. The caller sets the entry's own number. @hot */
  update(set: DictRef, oldScore: number, newScore: number, entry: number): void {
    this.aimAt(oldScore, entry);
    const leaf = this.descend(set);
    const slot = this.lowerSlot(leaf);
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const f64 = this.arena.f64[leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(leaf);
    const scores = (leaf & GRANULE_MASK) + HEADER_DOUBLES;
    const last = i32[at + COUNT]! - 1;
    assert(
      i32[at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK) + slot] === entry,
      'an updated entry is in the index',
    );
    // It stays where it is when it remains strictly between its neighbours; with equal scores the members decide.
    const above = slot > 0 ? f64[scores + slot - 1]! < newScore : i32[at + PREVIOUS] === 0;
    const below = slot < last ? f64[scores + slot + 1]! > newScore : i32[at + NEXT] === 0;
    if (above && below) {
      f64[scores + slot] = newScore;
      if (slot === 0) this.renewSeparators(this.word(set, HEIGHT), newScore, entry);
      return;
    }
    this.removeAt(set, leaf, slot, entry);
    this.insert(set, newScore, entry);
  }

  /** How many entries are before this one. @hot */
  rankOf(set: DictRef, score: number, entry: number): number {
    this.aimAt(score, entry);
    const leaf = this.descend(set);
    return this.rankOnPath(this.word(set, HEIGHT)) + this.lowerSlot(leaf);
  }

  /** Goes to the entry of a rank, which is there, and notes the path. */
  private seekRankOnPath(set: DictRef, rank: number): void {
    let node = this.word(set, ROOT);
    let rest = rank;
    const height = this.word(set, HEIGHT);
    for (let level = 0; level < height; level++) {
      const counts = wordOffset(node) + INNER_COUNTS;
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      let child = 0;
      while (rest >= i32[counts + child]!) rest -= i32[counts + child++]!;
      this.pathNode[level] = node;
      this.pathSlot[level] = child;
      node = i32[wordOffset(node) + INNER_CHILDREN + child]!;
    }
    this.leaf = node;
    this.slot = rest;
  }

  /** Goes to the entry of a rank (0 is the lowest); beyond the end when there is none. @hot */
  seekRank(set: DictRef, rank: number): void {
    let node = this.word(set, ROOT);
    let rest = rank;
    for (let level = this.word(set, HEIGHT); level > 0; level--) {
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      const at = wordOffset(node);
      const last = i32[at + COUNT]! - 1;
      let child = 0;
      while (child < last && rest >= i32[at + INNER_COUNTS + child]!) rest -= i32[at + INNER_COUNTS + child++]!;
      node = i32[at + INNER_CHILDREN + child]!;
    }
    this.slot = rest;
    this.leaf = rest >= 0 && rest < this.nodeWord(node, COUNT) ? node : 0;
  }

  seekFirst(set: DictRef): void {
    this.leaf = this.word(set, FIRST);
    this.slot = 0;
    if (this.nodeWord(this.leaf, COUNT) === 0) this.leaf = 0;
  }

  seekLast(set: DictRef): void {
    this.leaf = this.word(set, LAST);
    this.slot = this.nodeWord(this.leaf, COUNT) - 1;
    if (this.slot < 0) this.leaf = 0;
  }

  /**
   * Goes to the first entry whose score is at least `score` (above it when `beyond`), and returns its rank: the count of
   * all entries when there is none.
   */
  seekScore(set: DictRef, score: number, beyond: boolean): number {
    let node = this.word(set, ROOT);
    const height = this.word(set, HEIGHT);
    let rank = 0;
    for (let level = height; level > 0; level--) {
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      const at = wordOffset(node);
      const child = Math.max(0, this.firstScore(node, 1, i32[at + COUNT]!, score, beyond) - 1);
      for (let index = 0; index < child; index++) rank += i32[at + INNER_COUNTS + index]!;
      node = i32[at + INNER_CHILDREN + child]!;
    }
    const slot = this.firstScore(node, 0, this.nodeWord(node, COUNT), score, beyond);
    this.settle(node, slot);
    return rank + slot;
  }

  /** Like `seekScore`, by member bytes, for sets whose members all have the same score. */
  seekMember(set: DictRef, bytes: Uint8Array, start: number, length: number, beyond: boolean): number {
    let node = this.word(set, ROOT);
    const height = this.word(set, HEIGHT);
    let rank = 0;
    for (let level = height; level > 0; level--) {
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      const at = wordOffset(node);
      const child = Math.max(
        0,
        this.firstMember(i32, at + INNER_ENTRIES, 1, i32[at + COUNT]!, bytes, start, length, beyond) - 1,
      );
      for (let index = 0; index < child; index++) rank += i32[at + INNER_COUNTS + index]!;
      node = i32[at + INNER_CHILDREN + child]!;
    }
    const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
    const at = wordOffset(node);
    const entries = at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK);
    const slot = this.firstMember(i32, entries, 0, i32[at + COUNT]!, bytes, start, length, beyond);
    this.settle(node, slot);
    return rank + slot;
  }

  /** The entry at the present position. @hot */
  entry(): number {
    return this.entryAt(this.leaf, this.slot);
  }

  /** The entry at a position. @hot */
  entryAt(leaf: number, slot: number): number {
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(leaf);
    return i32[at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK) + slot]!;
  }

  /** The score at the present position. @hot */
  score(): number {
    return this.arena.f64[this.leaf >>> CHUNK_SHIFT]![(this.leaf & GRANULE_MASK) + HEADER_DOUBLES + this.slot]!;
  }

  /** Goes one on; the leaf is 0 after the last. @hot */
  next(): void {
    const i32 = this.arena.i32[this.leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(this.leaf);
    if (++this.slot < i32[at + COUNT]!) return;
    this.leaf = i32[at + NEXT]!;
    this.slot = 0;
  }

  /** Goes one back; the leaf is 0 before the first. @hot */
  previous(): void {
    if (--this.slot >= 0) return;
    this.leaf = this.nodeWord(this.leaf, PREVIOUS);
    if (this.leaf !== 0) this.slot = this.nodeWord(this.leaf, COUNT) - 1;
  }

  /** Compares an entry's member with bytes, as unsigned bytes, the shorter first. @hot */
  compareMember(entry: number, bytes: Uint8Array, start: number, length: number): number {
    const word1 = this.arena.i32[entry >>> CHUNK_SHIFT]![wordOffset(entry) + 1]!;
    const u8 = this.arena.u8[entry >>> CHUNK_SHIFT]!;
    const from = byteOffset(entry) + Entries.keyOffset(word1);
    const own = word1 & KEY_LENGTH_MASK;
    const shared = own < length ? own : length;
    for (let index = 0; index < shared; index++) {
      const difference = u8[from + index]! - bytes[start + index]!;
      if (difference !== 0) return difference;
    }
    return own - length;
  }

  /**
   * Frees leaves, giving each of their entries to `freeEntry`, until about `budget` entries are gone. Returns how many were
   * freed; when it returns 0 all nodes are gone and only the dict is left. Nothing else may be done with the set between.
   */
  freeStep(set: DictRef, budget: number, freeEntry: (entry: number) => void): number {
    const handle = this.arena.i32[set >>> CHUNK_SHIFT]!;
    const handleAt = wordOffset(set);
    let freed = 0;
    let leaf = handle[handleAt + FIRST]!;
    while (leaf !== 0 && freed < budget) {
      const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
      const at = wordOffset(leaf);
      const count = i32[at + COUNT]!;
      const entries = at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK);
      for (let index = 0; index < count; index++) freeEntry(i32[entries + index]!);
      freed += Math.max(count, 1);
      const next = i32[at + NEXT]!;
      this.arena.free(leaf);
      leaf = next;
    }
    handle[handleAt + FIRST] = leaf;
    if (freed === 0 && handle[handleAt + ROOT] !== 0) {
      if (handle[handleAt + HEIGHT]! > 0) this.freeInner(handle[handleAt + ROOT]!, handle[handleAt + HEIGHT]!);
      handle[handleAt + ROOT] = 0;
    }
    return freed;
  }

  /** Bytes of all nodes. For MEMORY USAGE; walks the inner nodes only. */
  bytes(set: DictRef): number {
    const height = this.word(set, HEIGHT);
    if (height === 0) return this.arena.usable(this.word(set, ROOT));
    let inner = 0;
    let leaves = 0;
    const visit = (node: number, level: number): void => {
      inner++;
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      const at = wordOffset(node);
      if (level === 1) leaves += i32[at + COUNT]!;
      else for (let index = 0; index < i32[at + COUNT]!; index++) visit(i32[at + INNER_CHILDREN + index]!, level - 1);
    };
    visit(this.word(set, ROOT), height);
    return inner * 1024 + leaves * leafBytes(LEAF_CAPACITY);
  }

  /** Throws where the tree contradicts itself; returns how many entries it has. For tests. */
  verify(set: DictRef): number {
    const leaves: number[] = [];
    const visit = (node: number, level: number): { count: number; score: number; entry: number } => {
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      const at = wordOffset(node);
      const count = i32[at + COUNT]!;
      if (level === 0) {
        leaves.push(node);
        const capacity = i32[at + CAPACITY]! & CAPACITY_MASK;
        assert(count <= capacity, 'a leaf holds at most its capacity');
        return {
          count,
          score: this.arena.f64[node >>> CHUNK_SHIFT]![(node & GRANULE_MASK) + 2]!,
          entry: i32[at + HEADER_WORDS + 2 * capacity]!,
        };
      }
      assert(count > 0 && count <= INNER_CAPACITY, 'an inner node has 1 to 50 children');
      let total = 0;
      for (let index = 0; index < count; index++) {
        const child = visit(i32[at + INNER_CHILDREN + index]!, level - 1);
        assert(
          child.count > 0 && child.count === i32[at + INNER_COUNTS + index],
          'an inner node counts what is below each child',
        );
        assert(
          child.score === this.arena.f64[node >>> CHUNK_SHIFT]![(node & GRANULE_MASK) + 2 + index],
          'a separator is the first score below',
        );
        assert(child.entry === i32[at + INNER_ENTRIES + index], 'a separator is the first entry below');
        total += child.count;
      }
      return {
        count: total,
        score: this.arena.f64[node >>> CHUNK_SHIFT]![(node & GRANULE_MASK) + 2]!,
        entry: i32[at + INNER_ENTRIES]!,
      };
    };
    const { count } = visit(this.word(set, ROOT), this.word(set, HEIGHT));
    assert(
      this.word(set, FIRST) === leaves[0] && this.word(set, LAST) === leaves[leaves.length - 1],
      'the ends are the first and the last leaf',
    );
    leaves.forEach((leaf, index) => {
      assert(this.nodeWord(leaf, PREVIOUS) === (leaves[index - 1] ?? 0), 'leaves are linked backwards');
      assert(this.nodeWord(leaf, NEXT) === (leaves[index + 1] ?? 0), 'leaves are linked forwards');
    });
    let walked = 0;
    let lastScore = -Infinity;
    let last = 0;
    for (this.seekFirst(set); this.leaf !== 0; this.next()) {
      const entry = this.entry();
      const score = this.score();
      assert(score === new Entries(this.arena).number(entry), 'the index has the score of the entry');
      if (last !== 0 && score === lastScore) {
        const bytes = new Entries(this.arena).keyBytes(entry);
        assert(this.compareMember(last, bytes, 0, bytes.length) < 0, 'members of one score ascend');
      } else {
        assert(score >= lastScore, 'scores ascend');
      }
      last = entry;
      lastScore = score;
      walked++;
    }
    assert(walked === count, 'a walk meets every entry');
    return count;
  }

  private word(set: DictRef, word: number): number {
    return this.arena.i32[set >>> CHUNK_SHIFT]![wordOffset(set) + word]!;
  }

  private setWord(set: DictRef, word: number, value: number): void {
    this.arena.i32[set >>> CHUNK_SHIFT]![wordOffset(set) + word] = value;
  }

  private nodeWord(node: number, word: number): number {
    return this.arena.i32[node >>> CHUNK_SHIFT]![wordOffset(node) + word]!;
  }

  private createLeaf(capacity: number): number {
    const leaf = this.arena.alloc(leafBytes(capacity));
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(leaf);
    i32[at + COUNT] = 0;
    i32[at + CAPACITY] = capacity;
    i32[at + NEXT] = 0;
    i32[at + PREVIOUS] = 0;
    return leaf;
  }

  private createInner(): number {
    const node = this.arena.alloc(INNER_BYTES);
    const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
    i32.fill(0, wordOffset(node), wordOffset(node) + HEADER_WORDS);
    return node;
  }

  /** Sets the key to search: this score, and the entry's member. */
  private aimAt(score: number, entry: number): void {
    const word1 = this.arena.i32[entry >>> CHUNK_SHIFT]![wordOffset(entry) + 1]!;
    this.keyScore = score;
    this.keyBytes = this.arena.u8[entry >>> CHUNK_SHIFT]!;
    this.keyStart = byteOffset(entry) + Entries.keyOffset(word1);
    this.keyLength = word1 & KEY_LENGTH_MASK;
  }

  /** The slot of the first entry of a leaf that is at or after the key. @hot */
  private lowerSlot(leaf: number): number {
    const i32 = this.arena.i32[leaf >>> CHUNK_SHIFT]!;
    const f64 = this.arena.f64[leaf >>> CHUNK_SHIFT]!;
    const at = wordOffset(leaf);
    const scores = (leaf & GRANULE_MASK) + HEADER_DOUBLES;
    const entries = at + HEADER_WORDS + 2 * (i32[at + CAPACITY]! & CAPACITY_MASK);
    const score = this.keyScore;
    let low = 0;
    let high = i32[at + COUNT]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = f64[scores + middle]!;
      if (
        other < score ||
        (other === score &&
          this.compareMember(i32[entries + middle]!, this.keyBytes, this.keyStart, this.keyLength) < 0)
      )
        low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Which child the key belongs to: the last one whose first entry is not after the key. @hot */
  private childSlot(node: number): number {
    const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
    const f64 = this.arena.f64[node >>> CHUNK_SHIFT]!;
    const at = wordOffset(node);
    const scores = (node & GRANULE_MASK) + HEADER_DOUBLES;
    const entries = at + INNER_ENTRIES;
    const score = this.keyScore;
    let low = 1;
    let high = i32[at + COUNT]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = f64[scores + middle]!;
      if (
        other < score ||
        (other === score &&
          this.compareMember(i32[entries + middle]!, this.keyBytes, this.keyStart, this.keyLength) <= 0)
      )
        low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Goes from the root to the leaf of the key and notes the way. @hot */
  private descend(set: DictRef): number {
    const height = this.word(set, HEIGHT);
    let node = this.word(set, ROOT);
    for (let level = 0; level < height; level++) {
      const slot = this.childSlot(node);
      this.pathNode[level] = node;
      this.pathSlot[level] = slot;
      node = this.nodeWord(node, INNER_CHILDREN + slot);
    }
    return node;
  }

  /** Like `descend`, and splits every full node on the way, so that the leaf has room. @hot */
  private descendToInsert(set: DictRef): number {
    let node = this.word(set, ROOT);
    let height = this.word(set, HEIGHT);
    if (height === 0) {
      const capacity = this.nodeWord(node, CAPACITY) & CAPACITY_MASK;
      if (this.nodeWord(node, COUNT) < capacity) return node;
      if (capacity < LEAF_CAPACITY) return this.growOnlyLeaf(set, node, capacity);
      node = this.addRoot(set, node, height++);
    } else if (this.nodeWord(node, COUNT) === INNER_CAPACITY) {
      node = this.addRoot(set, node, height++);
    }
    for (let level = 0; level < height; level++) {
      let slot = this.childSlot(node);
      let child = this.nodeWord(node, INNER_CHILDREN + slot);
      const isLeaf = level === height - 1;
      if (this.nodeWord(child, COUNT) === (isLeaf ? LEAF_CAPACITY : INNER_CAPACITY)) {
        if (isLeaf) this.splitLeaf(set, node, slot, child);
        else this.splitInner(node, slot, child);
        slot = this.childSlot(node);
        child = this.nodeWord(node, INNER_CHILDREN + slot);
      }
      this.pathNode[level] = node;
      this.pathSlot[level] = slot;
      node = child;
    }
    return node;
  }

  private growOnlyLeaf(set: DictRef, leaf: number, capacity: number): number {
    const wider = Math.min(capacity * 2, LEAF_CAPACITY);
    const made = this.createLeaf(wider);
    this.moveLeafPart(leaf, 0, made, 0, capacity);
    this.arena.free(leaf);
    this.setWord(set, ROOT, made);
    this.setWord(set, FIRST, made);
    this.setWord(set, LAST, made);
    return made;
  }

  /** Puts a new root with one child, the old root, above a tree of this height. */
  private addRoot(set: DictRef, child: number, height: number): number {
    const root = this.createInner();
    const i32 = this.arena.i32[root >>> CHUNK_SHIFT]!;
    const at = wordOffset(root);
    i32[at + COUNT] = 1;
    i32[at + INNER_CHILDREN] = child;
    const child32 = this.arena.i32[child >>> CHUNK_SHIFT]!;
    const childAt = wordOffset(child);
    let below = child32[childAt + COUNT]!;
    if (height > 0) {
      below = 0;
      for (let index = 0; index < child32[childAt + COUNT]!; index++) below += child32[childAt + INNER_COUNTS + index]!;
    }
    i32[at + INNER_COUNTS] = below;
    i32[at + INNER_ENTRIES] = child32[childAt + (height > 0 ? INNER_ENTRIES : HEADER_WORDS + 2 * LEAF_CAPACITY)]!;
    const f64 = this.arena.f64[root >>> CHUNK_SHIFT]!;
    f64[(root & GRANULE_MASK) + HEADER_DOUBLES] =
      this.arena.f64[child >>> CHUNK_SHIFT]![(child & GRANULE_MASK) + HEADER_DOUBLES]!;
    this.setWord(set, ROOT, root);
    this.setWord(set, HEIGHT, height + 1);
    return root;
  }

  /** Moves the upper part of a full leaf to a new one after it. */
  private splitLeaf(set: DictRef, parent: number, slot: number, leaf: number): void {
    const made = this.createLeaf(LEAF_CAPACITY);
    let keep = LEAF_CAPACITY >> 1;
    if (leaf === this.word(set, LAST) && this.lowerSlot(leaf) === LEAF_CAPACITY) keep = LEAF_CAPACITY - 1;
    else if (leaf === this.word(set, FIRST) && this.lowerSlot(leaf) === 0) keep = 1;
    this.moveLeafPart(leaf, keep, made, 0, LEAF_CAPACITY - keep);
    const next = this.nodeWord(leaf, NEXT);
    this.link(set, leaf, made);
    this.link(set, made, next);
    const i32 = this.arena.i32[made >>> CHUNK_SHIFT]!;
    const first = i32[wordOffset(made) + HEADER_WORDS + 2 * LEAF_CAPACITY]!;
    const score = this.arena.f64[made >>> CHUNK_SHIFT]![(made & GRANULE_MASK) + HEADER_DOUBLES]!;
    this.insertChild(parent, slot + 1, made, LEAF_CAPACITY - keep, score, first);
    this.arena.i32[parent >>> CHUNK_SHIFT]![wordOffset(parent) + INNER_COUNTS + slot] = keep;
  }

  /** Makes two leaves neighbours; 0 stands for the end of the order. */
  private link(set: DictRef, left: number, right: number): void {
    if (left !== 0) this.arena.i32[left >>> CHUNK_SHIFT]![wordOffset(left) + NEXT] = right;
    else this.setWord(set, FIRST, right);
    if (right !== 0) this.arena.i32[right >>> CHUNK_SHIFT]![wordOffset(right) + PREVIOUS] = left;
    else this.setWord(set, LAST, left);
  }

  private splitInner(parent: number, slot: number, node: number): void {
    const made = this.createInner();
    const keep = INNER_CAPACITY >> 1;
    this.moveInnerPart(node, keep, made, 0, INNER_CAPACITY - keep);
    const i32 = this.arena.i32[made >>> CHUNK_SHIFT]!;
    const at = wordOffset(made);
    let below = 0;
    for (let index = 0; index < INNER_CAPACITY - keep; index++) below += i32[at + INNER_COUNTS + index]!;
    const score = this.arena.f64[made >>> CHUNK_SHIFT]![(made & GRANULE_MASK) + HEADER_DOUBLES]!;
    this.insertChild(parent, slot + 1, made, below, score, i32[at + INNER_ENTRIES]!);
    this.arena.i32[parent >>> CHUNK_SHIFT]![wordOffset(parent) + INNER_COUNTS + slot]! -= below;
  }

  private insertChild(node: number, slot: number, child: number, below: number, score: number, entry: number): void {
    const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
    const f64 = this.arena.f64[node >>> CHUNK_SHIFT]!;
    const at = wordOffset(node);
    const scores = (node & GRANULE_MASK) + HEADER_DOUBLES;
    const count = i32[at + COUNT]!;
    f64.copyWithin(scores + slot + 1, scores + slot, scores + count);
    for (let array = at + INNER_ENTRIES; array <= at + INNER_COUNTS; array += INNER_CAPACITY)
      i32.copyWithin(array + slot + 1, array + slot, array + count);
    f64[scores + slot] = score;
    i32[at + INNER_ENTRIES + slot] = entry;
    i32[at + INNER_CHILDREN + slot] = child;
    i32[at + INNER_COUNTS + slot] = below;
    i32[at + COUNT] = count + 1;
  }

  private removeChild(node: number, slot: number): void {
    const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
    const f64 = this.arena.f64[node >>> CHUNK_SHIFT]!;
    const at = wordOffset(node);
    const scores = (node & GRANULE_MASK) + HEADER_DOUBLES;
    const count = i32[at + COUNT]!;
    f64.copyWithin(scores + slot, scores + slot + 1, scores + count);
    for (let array = at + INNER_ENTRIES; array <= at + INNER_COUNTS; array += INNER_CAPACITY)
      i32.copyWithin(array + slot, array + slot + 1, array + count);
    i32[at + COUNT] = count - 1;
  }

  /** Moves `count` entries from one leaf to the end of another; both counts follow. */
  private moveLeafPart(from: number, fromSlot: number, to: number, toSlot: number, count: number): void {
    const from32 = this.arena.i32[from >>> CHUNK_SHIFT]!;
    const from64 = this.arena.f64[from >>> CHUNK_SHIFT]!;
    const to32 = this.arena.i32[to >>> CHUNK_SHIFT]!;
    const to64 = this.arena.f64[to >>> CHUNK_SHIFT]!;
    const fromAt = wordOffset(from);
    const toAt = wordOffset(to);
    const fromScores = (from & GRANULE_MASK) + HEADER_DOUBLES + fromSlot;
    const toScores = (to & GRANULE_MASK) + HEADER_DOUBLES + toSlot;
    const fromEntries = fromAt + HEADER_WORDS + 2 * (from32[fromAt + CAPACITY]! & CAPACITY_MASK) + fromSlot;
    const toEntries = toAt + HEADER_WORDS + 2 * (to32[toAt + CAPACITY]! & CAPACITY_MASK) + toSlot;
    for (let index = 0; index < count; index++) {
      to64[toScores + index] = from64[fromScores + index]!;
      to32[toEntries + index] = from32[fromEntries + index]!;
    }
    from32[fromAt + COUNT]! -= count;
    to32[toAt + COUNT]! += count;
  }

  private moveInnerPart(from: number, fromSlot: number, to: number, toSlot: number, count: number): void {
    const from32 = this.arena.i32[from >>> CHUNK_SHIFT]!;
    const from64 = this.arena.f64[from >>> CHUNK_SHIFT]!;
    const to32 = this.arena.i32[to >>> CHUNK_SHIFT]!;
    const to64 = this.arena.f64[to >>> CHUNK_SHIFT]!;
    const fromAt = wordOffset(from);
    const toAt = wordOffset(to);
    for (let index = 0; index < count; index++) {
      to64[(to & GRANULE_MASK) + HEADER_DOUBLES + toSlot + index] =
        from64[(from & GRANULE_MASK) + HEADER_DOUBLES + fromSlot + index]!;
      for (let array = INNER_ENTRIES; array <= INNER_COUNTS; array += INNER_CAPACITY)
        to32[toAt + array + toSlot + index] = from32[fromAt + array + fromSlot + index]!;
    }
    from32[fromAt + COUNT]! -= count;
    to32[toAt + COUNT]! += count;
  }

  /** Adds to the counts of the children on the path. @hot */
  private addOnPath(height: number, by: number): void {
    for (let level = 0; level < height; level++) {
      const node = this.pathNode[level]!;
      this.arena.i32[node >>> CHUNK_SHIFT]![wordOffset(node) + INNER_COUNTS + this.pathSlot[level]!]! += by;
    }
  }

  /** The first entry of the subtree at the end of the path (below `depth` inner nodes of it) is another now. */
  private renewSeparators(depth: number, score: number, entry: number): void {
    for (let level = depth - 1; level >= 0; level--) {
      const node = this.pathNode[level]!;
      const slot = this.pathSlot[level]!;
      this.arena.f64[node >>> CHUNK_SHIFT]![(node & GRANULE_MASK) + HEADER_DOUBLES + slot] = score;
      this.arena.i32[node >>> CHUNK_SHIFT]![wordOffset(node) + INNER_ENTRIES + slot] = entry;
      if (slot > 0) return;
    }
  }

  private rankOnPath(height: number): number {
    let rank = 0;
    for (let level = 0; level < height; level++) {
      const node = this.pathNode[level]!;
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      const counts = wordOffset(node) + INNER_COUNTS;
      for (let index = this.pathSlot[level]! - 1; index >= 0; index--) rank += i32[counts + index]!;
    }
    return rank;
  }

  /** Unlinks a leaf that became empty, and with it every inner node that it leaves without a child. */
  private dropEmptyLeaf(set: DictRef, height: number, leaf: number): void {
    const previous = this.nodeWord(leaf, PREVIOUS);
    const next = this.nodeWord(leaf, NEXT);
    if (previous !== 0 || next !== 0) this.link(set, previous, next);
    this.arena.free(leaf);
    let level = height - 1;
    this.removeChild(this.pathNode[level]!, this.pathSlot[level]!);
    while (level > 0 && this.nodeWord(this.pathNode[level]!, COUNT) === 0) {
      this.arena.free(this.pathNode[level]!);
      level--;
      this.removeChild(this.pathNode[level]!, this.pathSlot[level]!);
    }
    if (level === 0 && this.nodeWord(this.pathNode[0]!, COUNT) === 0) {
      this.arena.free(this.pathNode[0]!);
      this.create(set);
      return;
    }
    if (this.pathSlot[level] === 0) this.renewFirst(level);
    this.joinInner(set, height, level);
  }

  /** The first child of the path's node at this level is another one now: tells the nodes above. */
  private renewFirst(level: number): void {
    const node = this.pathNode[level]!;
    const score = this.arena.f64[node >>> CHUNK_SHIFT]![(node & GRANULE_MASK) + HEADER_DOUBLES]!;
    this.renewSeparators(level, score, this.nodeWord(node, INNER_ENTRIES));
  }

  /** Joins the leaf at the end of the path with a neighbour below the same parent, if they fit. */
  private joinLeaf(set: DictRef, height: number): void {
    const parent = this.pathNode[height - 1]!;
    const slot = this.pathSlot[height - 1]!;
    const i32 = this.arena.i32[parent >>> CHUNK_SHIFT]!;
    const at = wordOffset(parent);
    const limit = LEAF_CAPACITY - (LEAF_CAPACITY >> 2);
    let left = -1;
    if (slot + 1 < i32[at + COUNT]! && i32[at + INNER_COUNTS + slot]! + i32[at + INNER_COUNTS + slot + 1]! <= limit)
      left = slot;
    else if (slot > 0 && i32[at + INNER_COUNTS + slot]! + i32[at + INNER_COUNTS + slot - 1]! <= limit) left = slot - 1;
    if (left < 0) return;
    const to = i32[at + INNER_CHILDREN + left]!;
    const from = i32[at + INNER_CHILDREN + left + 1]!;
    const count = i32[at + INNER_COUNTS + left + 1]!;
    this.moveLeafPart(from, 0, to, i32[at + INNER_COUNTS + left]!, count);
    i32[at + INNER_COUNTS + left]! += count;
    this.link(set, to, this.nodeWord(from, NEXT));
    this.arena.free(from);
    this.removeChild(parent, left + 1);
    this.joinInner(set, height, height - 1);
  }

  /** The path's node at this level lost a child: joins it with a neighbour, and on upwards; takes away a needless root. */
  private joinInner(set: DictRef, height: number, from: number): void {
    for (let level = from; level > 0; level--) {
      const node = this.pathNode[level]!;
      if (this.nodeWord(node, COUNT) >= INNER_CAPACITY >> 2) break;
      const parent = this.pathNode[level - 1]!;
      const slot = this.pathSlot[level - 1]!;
      const limit = INNER_CAPACITY - (INNER_CAPACITY >> 2);
      const siblings = this.nodeWord(parent, COUNT);
      let left = -1;
      if (slot + 1 < siblings && this.nodeWord(node, COUNT) + this.childCount(parent, slot + 1) <= limit) left = slot;
      else if (slot > 0 && this.nodeWord(node, COUNT) + this.childCount(parent, slot - 1) <= limit) left = slot - 1;
      if (left < 0) break;
      const to = this.nodeWord(parent, INNER_CHILDREN + left);
      const away = this.nodeWord(parent, INNER_CHILDREN + left + 1);
      this.moveInnerPart(away, 0, to, this.nodeWord(to, COUNT), this.nodeWord(away, COUNT));
      const i32 = this.arena.i32[parent >>> CHUNK_SHIFT]!;
      i32[wordOffset(parent) + INNER_COUNTS + left]! += i32[wordOffset(parent) + INNER_COUNTS + left + 1]!;
      this.arena.free(away);
      this.removeChild(parent, left + 1);
    }
    let root = this.word(set, ROOT);
    let levels = height;
    while (levels > 0 && this.nodeWord(root, COUNT) === 1) {
      const child = this.nodeWord(root, INNER_CHILDREN);
      this.arena.free(root);
      root = child;
      levels--;
    }
    this.setWord(set, ROOT, root);
    this.setWord(set, HEIGHT, levels);
  }

  private childCount(parent: number, slot: number): number {
    return this.nodeWord(this.nodeWord(parent, INNER_CHILDREN + slot), COUNT);
  }

  /** The first of [from, to) of a node's scores that is at least `score`, or above it when `beyond`. @hot */
  private firstScore(node: number, from: number, to: number, score: number, beyond: boolean): number {
    const f64 = this.arena.f64[node >>> CHUNK_SHIFT]!;
    const scores = (node & GRANULE_MASK) + HEADER_DOUBLES;
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = f64[scores + middle]!;
      if (other < score || (beyond && other === score)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private firstMember(
    i32: Int32Array,
    entries: number,
    from: number,
    to: number,
    bytes: Uint8Array,
    start: number,
    length: number,
    beyond: boolean,
  ): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.compareMember(i32[entries + middle]!, bytes, start, length);
      if (order < 0 || (beyond && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes a place of a leaf the position; the place after its last entry is the next leaf's first. */
  private settle(leaf: number, slot: number): void {
    this.leaf = leaf;
    this.slot = slot;
    if (slot < this.nodeWord(leaf, COUNT)) return;
    this.leaf = this.nodeWord(leaf, NEXT);
    this.slot = 0;
  }

  private freeInner(node: number, level: number): void {
    if (level > 1) {
      const i32 = this.arena.i32[node >>> CHUNK_SHIFT]!;
      const at = wordOffset(node);
      for (let index = 0; index < i32[at + COUNT]!; index++)
        this.freeInner(i32[at + INNER_CHILDREN + index]!, level - 1);
    }
    this.arena.free(node);
  }
}
