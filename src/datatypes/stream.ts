// stream: the stream type: entries with rising ids in nodes of about a hundred, found through an index by id.
//
//   handle (80 bytes)  double 0 length, double 1 entries ever added, words 4-7 last id, 8-11 first id, 12-15 highest
//                      deleted id, 16 index of the nodes, 17 groups (0: none), 18-19 the owner's
//   index value        word 0 ref of the node's listpack, word 1 bit 31 the snapshot barrier's
//
// Entries are appended to the last node until it holds `nodeEntriesMax` entries or `nodeBytesMax` bytes. Deletion only
// marks an entry, a node goes when no entry in it is live; trimming from the front frees whole nodes. So XADD costs O(1),
// finding an id O(log nodes), and memory per entry is its bytes and about 8 more.
//
// Not here: the bytes of a node (structures/stream-node), groups and pending messages (stream-groups).

import type { Arena } from '../memory/arena.js';
import { CHUNK_SHIFT, wordOffset } from '../memory/layout.js';
import type { Listpacks } from '../structures/listpack.js';
import type { RisingIds } from '../structures/rising-ids.js';
import { StreamId } from '../structures/stream-id.js';
import { StreamIndexes, type StreamIndexRef } from '../structures/stream-index.js';
import { ENTRY_DELETED, StreamNodes } from '../structures/stream-node.js';
import type { Container } from './container.js';
import { StreamIdempotency } from './stream-idempotency.js';
import { StreamGroups } from './stream-groups.js';
import { StreamReader } from './stream-reader.js';
import type { StreamRef } from './stream-ref.js';

const HANDLE_BYTES = 80;
const LENGTH = 0;
const ENTRIES_ADDED = 1;
const LAST_ID = 4;
const FIRST_ID = 8;
const DELETED_ID = 12;
const INDEX = 16;
const GROUPS = 17;

/** A node's bytes are counted in 32 bits; no node gets near. */
const NODE_BYTES_LIMIT = 1 << 30;
/** Most bytes that a new node gets ahead of need. */
const NODE_BYTES_AHEAD_MAX = 8192;

/** Trims of fewer entries look at each node. */
const CUT_ENTRIES_MIN = 1024;

/** How a stream is cut from the front. */
export interface Trimming {
  /** Keep this many entries, or those from `minId` on. */
  strategy: 'maxlen' | 'minid';
  maxLength: number;
  readonly minId: StreamId;
  /** Free whole nodes only. */
  approximate: boolean;
  /** Delete no more than this many entries, 0 for any number. */
  limit: number;
}

export class Streams implements Container {
  /** stream-node-max-bytes, 0 for no limit. */
  nodeBytesMax = 4096;
  /** stream-node-max-entries, 0 for no limit. */
  nodeEntriesMax = 100;

  readonly arena: Arena;
  readonly indexes: StreamIndexes;
  readonly nodes: StreamNodes;
  readonly groups: StreamGroups;
  /** The recent messages of named producers. */
  readonly idempotency = new StreamIdempotency();
  /** For walks through a stream's entries; one at a time. */
  readonly reader: StreamReader;
  /** For looking at single entries while `reader` is on its way. */
  private readonly finder: StreamReader;
  /** Frees a stream that nobody refers to; whoever can do so in slices puts a function of his own here. */
  release = (stream: StreamRef): void => {
    while (!this.freeStep(0, stream, 1 << 20)) continue;
  };
  private readonly $id = new StreamId();
  private readonly $nodeId = new StreamId();

  constructor(readonly listpacks: Listpacks) {
    this.arena = listpacks.arena;
    this.indexes = new StreamIndexes(this.arena);
    this.nodes = new StreamNodes(listpacks);
    this.groups = new StreamGroups(this.arena, this.indexes);
    this.reader = new StreamReader(this);
    this.finder = new StreamReader(this);
  }

  create(): StreamRef {
    const stream = this.arena.alloc(HANDLE_BYTES) as StreamRef;
    const at = wordOffset(stream);
    const i32 = this.arena.i32[stream >>> CHUNK_SHIFT]!;
    i32.fill(0, at, at + HANDLE_BYTES / 4);
    const index = this.indexes.create(2);
    this.arena.i32[stream >>> CHUNK_SHIFT]![at + INDEX] = index;
    return stream;
  }

  count(_encoding: number, ref: number): number {
    // This counts what there is to free, and a group may have much without an entry in the stream.
    return this.length(ref as StreamRef) + this.groups.weight(this.groupList(ref as StreamRef));
  }

  freeStep(_encoding: number, ref: number, budget: number): boolean {
    const stream = ref as StreamRef;
    if (this.word(stream, GROUPS) !== 0) {
      this.setWord(stream, GROUPS, this.groups.freeStep(this.word(stream, GROUPS), budget));
      if (this.word(stream, GROUPS) !== 0) return false;
    }
    const leaves = Math.max(1, budget >>> 5);
    if (!this.indexes.freeStep(this.nodeIndex(stream), leaves, () => this.arena.free(this.indexes.value(0))))
      return false;
    this.idempotency.forget(stream);
    this.arena.free(stream);
    return true;
  }

  copy(_encoding: number, ref: number): number {
    const stream = ref as StreamRef;
    const made = this.create();
    const { indexes, listpacks } = this;
    const id = new StreamId();
    const index = this.nodeIndex(stream);
    for (let there = indexes.first(index); there; there = indexes.find(index, id) && indexes.next()) {
      indexes.readId(id);
      const node = listpacks.copy(indexes.value(0));
      this.appendNode(made, id, node);
    }
    this.setLength(made, this.length(stream));
    this.setEntriesAdded(made, this.entriesAdded(stream));
    this.setLastId(made, this.lastId(stream, id));
    this.setFirstId(made, this.firstId(stream, id));
    this.setDeletedId(made, this.deletedId(stream, id));
    this.setGroupList(made, this.groups.copy(this.groupList(stream)));
    const table = this.idempotency.get(stream);
    if (table !== undefined) this.idempotency.set(made, table.copy());
    return made;
  }

  memoryBytes(_encoding: number, ref: number, samples: number): number {
    const stream = ref as StreamRef;
    const index = this.nodeIndex(stream);
    let bytes = 0;
    let seen = 0;
    for (
      let there = this.indexes.first(index);
      there && (samples === 0 || seen < samples);
      there = this.indexes.next()
    ) {
      bytes += this.arena.usable(this.indexes.value(0));
      seen++;
    }
    const nodeBytes = seen === 0 ? 0 : Math.round((bytes / seen) * this.indexes.count(index));
    return (
      HANDLE_BYTES +
      this.indexes.byteSize(index) +
      nodeBytes +
      this.groups.byteSize(this.groupList(stream)) +
      (this.idempotency.get(stream)?.bytes ?? 0)
    );
  }

  /** @hot */
  length(stream: StreamRef): number {
    return this.double(stream, LENGTH);
  }

  setLength(stream: StreamRef, length: number): void {
    this.setDouble(stream, LENGTH, length);
  }

  /** How many entries were ever added. */
  entriesAdded(stream: StreamRef): number {
    return this.double(stream, ENTRIES_ADDED);
  }

  setEntriesAdded(stream: StreamRef, count: number): void {
    this.setDouble(stream, ENTRIES_ADDED, count);
  }

  lastId(stream: StreamRef, into: StreamId): StreamId {
    return this.readId(stream, LAST_ID, into);
  }

  setLastId(stream: StreamRef, id: StreamId): void {
    this.writeId(stream, LAST_ID, id);
  }

  /** The id of the first live entry, 0-0 of an empty stream. */
  firstId(stream: StreamRef, into: StreamId): StreamId {
    return this.readId(stream, FIRST_ID, into);
  }

  setFirstId(stream: StreamRef, id: StreamId): void {
    this.writeId(stream, FIRST_ID, id);
  }

  /** The highest id that XDEL has deleted, 0-0 for none. */
  deletedId(stream: StreamRef, into: StreamId): StreamId {
    return this.readId(stream, DELETED_ID, into);
  }

  setDeletedId(stream: StreamRef, id: StreamId): void {
    this.writeId(stream, DELETED_ID, id);
  }

  /** Id of each node -> its listpack. */
  nodeIndex(stream: StreamRef): StreamIndexRef {
    return this.word(stream, INDEX) as StreamIndexRef;
  }

  /** The groups' list for StreamGroups, 0 for none. */
  groupList(stream: StreamRef): number {
    return this.word(stream, GROUPS);
  }

  setGroupList(stream: StreamRef, groups: number): void {
    this.setWord(stream, GROUPS, groups);
  }

  /** Adds a node that `validateStreamNode` has accepted, after all others; owns it from now on. For loading. */
  appendNode(stream: StreamRef, id: StreamId, listpack: number): void {
    const { indexes } = this;
    indexes.insert(this.nodeIndex(stream), id);
    indexes.setValue(0, listpack);
    indexes.setValue(1, 0);
  }

  /**
   * Adds an entry. Its id must be above the last one. Fields and values are arguments `first`, `first + 1` and so on of
   * the arrays, `fields` pairs of them, together `total` bytes. @hot
   */
  append(
    stream: StreamRef,
    id: StreamId,
    bytes: Uint8Array,
    starts: Int32Array,
    lengths: Int32Array,
    first: number,
    fields: number,
    total: number,
  ): void {
    const { indexes, nodes, listpacks } = this;
    const index = this.nodeIndex(stream);
    let appended = false;
    // A new node will probably become as large as the one before.
    let capacityBytes = 0;
    if (indexes.last(index)) {
      const ref = indexes.value(0);
      if (this.arena.guard !== null) this.arena.guard.beforeBlock(stream, ref);
      const limit = this.nodeBytesMax === 0 ? NODE_BYTES_LIMIT : Math.min(this.nodeBytesMax, NODE_BYTES_LIMIT);
      if (listpacks.byteLength(ref) + total < limit) {
        nodes.openMaster(ref);
        if (this.nodeEntriesMax === 0 || nodes.live + nodes.deleted < this.nodeEntriesMax) {
          indexes.readId(this.$nodeId);
          const made = nodes.append(ref, this.$nodeId, id, bytes, starts, lengths, first, fields, total);
          if (made !== ref) indexes.setValue(0, made);
          appended = true;
        }
      }
      if (!appended) {
        capacityBytes = Math.min(listpacks.byteLength(ref), NODE_BYTES_AHEAD_MAX);
        indexes.setValue(0, nodes.seal(ref));
      }
    }
    if (!appended) this.appendNode(stream, id, nodes.create(bytes, starts, lengths, first, fields, capacityBytes));
    const f64 = this.arena.f64[stream >>> CHUNK_SHIFT]!;
    const at = wordOffset(stream) >>> 1;
    if (++f64[at + LENGTH]! === 1) this.writeId(stream, FIRST_ID, id);
    f64[at + ENTRIES_ADDED]!++;
    this.writeId(stream, LAST_ID, id);
  }

  /** Whether there is a live entry with this id. */
  has(stream: StreamRef, id: StreamId): boolean {
    this.finder.open(stream, id, id, false);
    return this.finder.next();
  }

  /** The id of the last live entry, 0-0 when there is none. */
  lastLiveId(stream: StreamRef, into: StreamId): StreamId {
    into.setMin();
    this.finder.openAll(stream, true);
    if (this.finder.next()) into.set(this.finder.id);
    return into;
  }

  /** Deletes an entry; false when it is missing. `deletedId` and `firstId` are kept. */
  delete(stream: StreamRef, id: StreamId): boolean {
    const { finder, indexes, listpacks, nodes } = this;
    finder.open(stream, id, id, false);
    if (!finder.next()) return false;
    const ref = finder.node;
    const nodeId = finder.nodeId;
    if (this.arena.guard !== null) this.arena.guard.beforeBlock(stream, ref);
    let keepsOffsets = false;
    if (nodes.liveCount(ref) <= 1) {
      this.arena.free(ref);
      indexes.remove(this.nodeIndex(stream), nodeId);
    } else {
      const bytes = listpacks.byteLength(ref);
      const made = nodes.markDeleted(ref, finder.at);
      keepsOffsets = listpacks.byteLength(made) === bytes;
      finder.goOn(made);
      if (made !== ref && indexes.find(this.nodeIndex(stream), nodeId)) indexes.setValue(0, made);
    }
    const length = this.double(stream, LENGTH) - 1;
    this.setDouble(stream, LENGTH, length);
    if (id.compare(this.readId(stream, DELETED_ID, this.$id)) > 0) this.writeId(stream, DELETED_ID, id);
    if (length > 0 && id.compare(this.readId(stream, FIRST_ID, this.$id)) !== 0) return true;
    // Deleting from the front one by one walks over what was deleted before: once, not twice.
    if (keepsOffsets && finder.next()) this.writeId(stream, FIRST_ID, finder.id);
    else this.refreshFirstId(stream);
    return true;
  }

  /**
   * Deletes those of the ids that are there and of which `goes` says so; returns how many. Each node is read once, so that many
   * cost less than if each was looked up.
   */
  deleteEach(stream: StreamRef, wanted: RisingIds, goes: (index: number) => boolean): number {
    const { indexes } = this;
    const index = this.nodeIndex(stream);
    const nodeId = new StreamId();
    const next = new StreamId();
    const { ids } = wanted;
    let deleted = 0;
    for (let at = 0; at < ids.length;) {
      if (!indexes.seekBack(index, ids[at]!) && !indexes.first(index)) break;
      const ref = indexes.value(0);
      indexes.readId(nodeId);
      const end = indexes.next() ? (indexes.readId(next), wanted.seek(at, next)) : ids.length;
      at = wanted.seek(at, nodeId);
      if (at < end) deleted += this.deleteEachOfNode(stream, ref, nodeId, wanted, at, end, goes);
      at = end;
    }
    if (deleted > 0) {
      this.setDouble(stream, LENGTH, this.double(stream, LENGTH) - deleted);
      this.refreshFirstId(stream);
    }
    return deleted;
  }

  /** As `deleteEach` for the ids from index `from` to `end`, which are this node's. */
  private deleteEachOfNode(
    stream: StreamRef,
    ref: number,
    nodeId: StreamId,
    wanted: RisingIds,
    from: number,
    end: number,
    goes: (index: number) => boolean,
  ): number {
    const { nodes, indexes } = this;
    const { ids } = wanted;
    const id = new StreamId();
    let deleted = 0;
    let at = from;
    nodes.openMaster(ref);
    const { live, masterFields } = nodes;
    for (let place = nodes.entriesAt; at < end && !nodes.isEnd(ref, place);) {
      id.set(nodeId);
      nodes.masterFields = masterFields;
      nodes.openEntry(ref, place, id);
      const here = place;
      const isLive = (nodes.flags & ENTRY_DELETED) === 0;
      place = nodes.entryAfter(ref);
      at = wanted.seek(at, id);
      let goesNow = false;
      for (; at < end && ids[at]!.compare(id) === 0; at++) goesNow ||= isLive && goes(at);
      if (!goesNow) continue;
      if (deleted === 0 && this.arena.guard !== null) this.arena.guard.beforeBlock(stream, ref);
      nodes.flagDeleted(ref, here);
      deleted++;
      if (id.compare(this.readId(stream, DELETED_ID, this.$id)) > 0) this.writeId(stream, DELETED_ID, id);
    }
    if (deleted === live) {
      this.arena.free(ref);
      indexes.remove(this.nodeIndex(stream), nodeId);
    } else if (deleted > 0) {
      const made = nodes.countDeleted(ref, deleted);
      if (made !== ref && indexes.find(this.nodeIndex(stream), nodeId)) indexes.setValue(0, made);
    }
    return deleted;
  }

  /** Cuts a stream from the front, not as far as `before` if that is given; returns how many entries were deleted. */
  trim(stream: StreamRef, trimming: Trimming, before: StreamId | null = null): number {
    const { indexes, nodes } = this;
    const index = this.nodeIndex(stream);
    const { maxLength, limit } = trimming;
    const byLength = trimming.strategy === 'maxlen';
    const until = firstStop(trimming, before);
    const nodeId = this.$nodeId;
    let length = this.double(stream, LENGTH);
    let deleted = this.cutLeaves(stream, trimming, until);
    length -= deleted;
    while (indexes.first(index)) {
      if (byLength && length <= maxLength) break;
      const ref = indexes.value(0);
      indexes.readId(nodeId);
      nodes.openMaster(ref);
      const live = nodes.live;
      if (limit !== 0 && deleted + live > limit) break;
      if (
        (!byLength || length - live >= maxLength) &&
        (until === null || this.nodeLastId(ref, nodeId).compare(until) < 0)
      ) {
        if (this.arena.guard !== null) this.arena.guard.beforeBlock(stream, ref);
        this.arena.free(ref);
        indexes.remove(index, nodeId);
        length -= live;
        deleted += live;
        continue;
      }
      if (trimming.approximate) break;
      if (this.arena.guard !== null) this.arena.guard.beforeBlock(stream, ref);
      const here = this.trimNode(ref, nodeId, byLength ? length - maxLength : Infinity, until);
      if (here === live) {
        // The later entries were deleted before: no live entry is left.
        this.arena.free(ref);
        indexes.remove(index, nodeId);
      } else if (here > 0) {
        const made = nodes.countDeleted(ref, here);
        if (made !== ref && indexes.find(index, nodeId)) indexes.setValue(0, made);
      }
      length -= here;
      deleted += here;
      break;
    }
    if (deleted > 0) {
      this.setDouble(stream, LENGTH, length);
      this.refreshFirstId(stream);
    }
    return deleted;
  }

  /**
   * Cuts off, and releases, what a trim takes of whole leaves of the index, some 42 nodes each. Returns how many entries these
   * have, which the length of the stream still counts.
   */
  private cutLeaves(stream: StreamRef, trimming: Trimming, until: StreamId | null): number {
    const { indexes } = this;
    const index = this.nodeIndex(stream);
    const byLength = trimming.strategy === 'maxlen';
    const most = byLength ? this.length(stream) - trimming.maxLength : Infinity;
    const limit = trimming.limit === 0 ? most : Math.min(most, trimming.limit);
    let deleted = 0;
    if (limit < CUT_ENTRIES_MIN) return 0;
    let remains = 0 as StreamRef;
    while (indexes.secondLeaf(index)) {
      if (until !== null) {
        indexes.readId(this.$nodeId);
        if (this.$nodeId.compare(until) > 0) break;
      }
      const live = this.firstLeafEntries(index);
      if (deleted + live > limit) break;
      if (remains === 0) remains = this.createRemains(stream);
      indexes.moveFirstLeaf(index, this.nodeIndex(remains));
      deleted += live;
    }
    if (remains === 0) return 0;
    this.setLength(remains, deleted);
    this.release(remains);
    return deleted;
  }

  /** How many entries live in the nodes of the index's first leaf, of which it has several. */
  private firstLeafEntries(index: StreamIndexRef): number {
    const { indexes } = this;
    let live = 0;
    indexes.first(index);
    const { leaf } = indexes;
    for (; indexes.leaf === leaf; indexes.next()) live += this.nodes.liveCount(indexes.value(0));
    return live;
  }

  /** A stream for nodes that are cut off from another, to be released. */
  private createRemains(stream: StreamRef): StreamRef {
    const remains = this.create();
    if (this.arena.guard !== null) this.arena.guard.nodesCut(stream, remains);
    return remains;
  }

  /** The id of the first entry of the first node, deleted or not; the highest id of all in an empty stream. */
  edgeId(stream: StreamRef, into: StreamId): StreamId {
    const { indexes, nodes } = this;
    into.setMax();
    if (!indexes.first(this.nodeIndex(stream))) return into;
    indexes.readId(into);
    const ref = indexes.value(0);
    nodes.openMaster(ref);
    nodes.openEntry(ref, nodes.entriesAt, into);
    return into;
  }

  /** Throws where the stream contradicts itself. For tests. */
  verify(stream: StreamRef): void {
    const { indexes, nodes } = this;
    indexes.verify(this.nodeIndex(stream));
    const refs: number[] = [];
    for (let there = indexes.first(this.nodeIndex(stream)); there; there = indexes.next()) refs.push(indexes.value(0));
    let total = 0;
    for (const ref of refs) {
      this.listpacks.verify(ref);
      nodes.openMaster(ref);
      let live = 0;
      let deleted = 0;
      for (let at = nodes.entriesAt; !nodes.isEnd(ref, at); at = nodes.entryAfter(ref)) {
        nodes.openEntry(ref, at, new StreamId());
        if ((nodes.flags & ENTRY_DELETED) !== 0) deleted++;
        else live++;
      }
      if (live !== nodes.live || deleted !== nodes.deleted || live === 0) throw new Error('a node counts its entries');
      total += live;
    }
    if (total !== this.length(stream)) throw new Error(`a stream of ${total} entries says ${this.length(stream)}`);
    this.groups.verify(this.groupList(stream));
  }

  /** Marks entries of a node from its start on: up to `count` of them, all before `minId`; returns how many were live. */
  private trimNode(ref: number, nodeId: StreamId, count: number, minId: StreamId | null): number {
    const { nodes } = this;
    const id = this.$id;
    let marked = 0;
    for (let at = nodes.entriesAt; marked < count && !nodes.isEnd(ref, at); at = nodes.entryAfter(ref)) {
      id.set(nodeId);
      nodes.openEntry(ref, at, id);
      if (minId !== null && id.compare(minId) >= 0) break;
      if ((nodes.flags & ENTRY_DELETED) !== 0) continue;
      nodes.flagDeleted(ref, at);
      marked++;
    }
    return marked;
  }

  /** The id of the last entry of a node, deleted or not; one object, used again. */
  nodeLastId(ref: number, nodeId: StreamId): StreamId {
    const { nodes } = this;
    const id = this.$id;
    id.set(nodeId);
    const at = nodes.entryBefore(ref, nodes.endOf(ref));
    if (at !== 0) nodes.openEntry(ref, at, id);
    return id;
  }

  /** Finds out and stores which id is the first; the length must be right. */
  refreshFirstId(stream: StreamRef): void {
    this.$id.setMin();
    this.finder.openAll(stream, false);
    if (this.double(stream, LENGTH) > 0 && this.finder.next()) this.$id.set(this.finder.id);
    this.writeId(stream, FIRST_ID, this.$id);
  }

  private word(stream: StreamRef, index: number): number {
    return this.arena.i32[stream >>> CHUNK_SHIFT]![wordOffset(stream) + index]!;
  }

  private setWord(stream: StreamRef, index: number, value: number): void {
    this.arena.i32[stream >>> CHUNK_SHIFT]![wordOffset(stream) + index] = value;
  }

  private double(stream: StreamRef, index: number): number {
    return this.arena.f64[stream >>> CHUNK_SHIFT]![(wordOffset(stream) >>> 1) + index]!;
  }

  private setDouble(stream: StreamRef, index: number, value: number): void {
    this.arena.f64[stream >>> CHUNK_SHIFT]![(wordOffset(stream) >>> 1) + index] = value;
  }

  private readId(stream: StreamRef, index: number, into: StreamId): StreamId {
    const i32 = this.arena.i32[stream >>> CHUNK_SHIFT]!;
    const at = wordOffset(stream) + index;
    into.msHigh = i32[at]!;
    into.msLow = i32[at + 1]!;
    into.seqHigh = i32[at + 2]!;
    into.seqLow = i32[at + 3]!;
    return into;
  }

  private writeId(stream: StreamRef, index: number, id: StreamId): void {
    const i32 = this.arena.i32[stream >>> CHUNK_SHIFT]!;
    const at = wordOffset(stream) + index;
    i32[at] = id.msHigh;
    i32[at + 1] = id.msLow;
    i32[at + 2] = id.seqHigh;
    i32[at + 3] = id.seqLow;
  }
}

/** The first id that a trim leaves alone, null where only the count matters. */
function firstStop(trimming: Trimming, before: StreamId | null): StreamId | null {
  if (trimming.strategy === 'maxlen') return before;
  return before !== null && before.compare(trimming.minId) < 0 ? before : trimming.minId;
}
