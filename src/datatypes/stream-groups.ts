// stream-groups: the consumer groups of a stream: consumers, their progress, and messages delivered but not
// acknowledged.
//
//   list      word 0 count, then refs of groups (or of a group's consumers), sorted by name as memcmp does
//   group     double 0 entries read (-1: not known), words 2-5 last delivered id, 6 pending, 7 list of consumers,
//             8 bytes of the name, 9 order (0: not kept), 10 next number in the order, 11 how many are released, then the name
//   consumer  double 0 last seen, double 1 last active (-1: never), word 4 pending, 5-7 unused, 8 bytes of the name,
//             9-11 unused, then the name
//   pending of a group: index of id -> words 0-1 time of the delivery (a double), 2-3 count of deliveries (a double, 2^63
//             stands for 2^63 - 1), 4 the consumer (0: released by XNACK, which is with nobody), 5 number in the order
//   pending of a consumer: index of ids alone
//   order     index of (time of the delivery, number) -> id: who asks for what is idle for longest (XREADGROUP CLAIM) gets it
//             without a walk; what is released has time 0 and so comes first. It is made at the first such command or XNACK.
//
// A pending message thus costs 56 bytes and a little more, 88 with the order, and each delivery is stored once. Groups
// and consumers keep their place as long as they are, lists move when they grow.
//
// Not here: entries (stream), the commands (commands/stream).

import { compareBytes } from '../base/bytes.js';
import { assert } from '../base/assert.js';
import { copyBytes } from '../base/bytes.js';
import type { Arena } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT, wordOffset } from '../memory/layout.js';
import type { RefList } from '../structures/dict.js';
import { RisingIds } from '../structures/rising-ids.js';
import { StreamId } from '../structures/stream-id.js';
import type { StreamIndexes, StreamIndexRef } from '../structures/stream-index.js';

export type GroupRef = number & { readonly brand: 'stream-group' };
export type ConsumerRef = number & { readonly brand: 'stream-consumer' };

const NAME_LENGTH = 8;
const NAME_OFFSET = 48;
const ORDER = 9;
const ORDER_NUMBER = 10;
const RELEASED = 11;
const LAST_ID = 2;
const GROUP_PENDING = 6;
const CONSUMERS = 7;
const CONSUMER_PENDING = 4;
const PENDING_WORDS = 6;
const PENDING_CONSUMER = 4;
const PENDING_NUMBER = 5;
const ORDER_WORDS = 4;
/** Fewer pending messages of a consumer are taken out one by one. */
const SWEEP_MIN = 1024;
/** Fewer pending messages of a range are taken out one by one. */
const RANGE_MIN = 32;
const FREE_LEAVES = 1 << 20;
/** XNACK FATAL: the count of deliveries of a message that is not to be tried again, as the nearest double. */
export const DELIVERIES_MAX = 2 ** 63;

const orderKey = new StreamId();

/** The value of `entriesRead` when it is unknown. */
export const ENTRIES_READ_UNKNOWN = -1;

const doubleScratch = new Float64Array(1);
const wordScratch = new Int32Array(doubleScratch.buffer);

/** A place in what is pending in a group, for a walk by rising ids. Good until something becomes pending or is taken out. */
export class PendingCursor {
  readonly id = new StreamId();
  leaf = 0;
  slot = 0;

  constructor(readonly group: GroupRef) {}
}

export class StreamGroups {
  /** The pending entry of the id that was found last. */
  readonly pendingId = new StreamId();
  deliveryTime = 0;
  deliveryCount = 0;
  /** 0: released. */
  consumer = 0 as ConsumerRef;
  /** The group that the last `add` made. */
  added = 0 as GroupRef;

  constructor(
    readonly arena: Arena,
    private readonly indexes: StreamIndexes,
  ) {}

  /** How many groups or consumers a list has. */
  listCount(list: number): number {
    return list === 0 ? 0 : this.word(list, 0);
  }

  groupAt(list: number, index: number): GroupRef {
    return this.word(list, 1 + index) as GroupRef;
  }

  /** The group of this name, 0 for none. */
  find(list: number, bytes: Uint8Array, offset: number, length: number): GroupRef {
    const index = this.search(list, bytes, offset, length);
    return (index < 0 ? 0 : this.word(list, 1 + index)) as GroupRef;
  }

  /** Adds a new group; returns where the list is now (`list` may be 0). */
  add(list: number, bytes: Uint8Array, offset: number, length: number, lastId: StreamId, entriesRead: number): number {
    const pending = this.indexes.create(PENDING_WORDS);
    const group = this.createNamed(bytes, offset, length) as GroupRef;
    this.setWord(group, GROUP_PENDING, pending);
    this.setWord(group, CONSUMERS, 0);
    this.setLastId(group, lastId);
    this.setEntriesRead(group, entriesRead);
    this.added = group;
    return this.insertRef(list, -1 - this.search(list, bytes, offset, length), group);
  }

  /** Takes a group out, which is the caller's to free (see `listOf`); returns where the list is now, 0 when it was the last. */
  detach(list: number, group: GroupRef): number {
    return this.removeRef(list, group);
  }

  /** A list of this group alone. */
  listOf(group: GroupRef): number {
    return this.insertRef(0, 0, group);
  }

  lastId(group: GroupRef, into: StreamId): StreamId {
    const i32 = this.arena.i32[group >>> CHUNK_SHIFT]!;
    const at = wordOffset(group) + LAST_ID;
    into.msHigh = i32[at]!;
    into.msLow = i32[at + 1]!;
    into.seqHigh = i32[at + 2]!;
    into.seqLow = i32[at + 3]!;
    return into;
  }

  setLastId(group: GroupRef, id: StreamId): void {
    this.setWord(group, LAST_ID, id.msHigh);
    this.setWord(group, LAST_ID + 1, id.msLow);
    this.setWord(group, LAST_ID + 2, id.seqHigh);
    this.setWord(group, LAST_ID + 3, id.seqLow);
  }

  entriesRead(group: GroupRef): number {
    return this.double(group, 0);
  }

  setEntriesRead(group: GroupRef, count: number): void {
    this.setDouble(group, 0, count);
  }

  pendingCount(group: GroupRef): number {
    return this.indexes.count(this.groupPending(group));
  }

  /** The list of a group's consumers, 0 for none. */
  consumers(group: GroupRef): number {
    return this.word(group, CONSUMERS);
  }

  consumerAt(list: number, index: number): ConsumerRef {
    return this.word(list, 1 + index) as ConsumerRef;
  }

  findConsumer(group: GroupRef, bytes: Uint8Array, offset: number, length: number): ConsumerRef {
    return this.find(this.consumers(group), bytes, offset, length) as number as ConsumerRef;
  }

  /** Adds a new consumer; it was seen now and never active. */
  addConsumer(group: GroupRef, bytes: Uint8Array, offset: number, length: number, nowMs: number): ConsumerRef {
    const pending = this.indexes.create(0);
    const consumer = this.createNamed(bytes, offset, length) as ConsumerRef;
    this.setWord(consumer, CONSUMER_PENDING, pending);
    this.setDouble(consumer, 0, nowMs);
    this.setDouble(consumer, 1, -1);
    const list = this.consumers(group);
    this.setWord(group, CONSUMERS, this.insertRef(list, -1 - this.search(list, bytes, offset, length), consumer));
    return consumer;
  }

  /** Removes a consumer and what is pending with it; returns how much that was. */
  removeConsumer(group: GroupRef, consumer: ConsumerRef): number {
    const pending = this.consumerPending(consumer);
    const count = this.indexes.count(pending);
    if (count > SWEEP_MIN && count > this.pendingCount(group) >>> 4) {
      this.sweepConsumer(group, consumer);
    } else {
      const id = new StreamId();
      while (this.indexes.last(pending)) {
        this.indexes.readId(id);
        this.removePending(group, id);
      }
    }
    this.setWord(group, CONSUMERS, this.removeRef(this.consumers(group), consumer));
    while (!this.freeConsumerStep(consumer, FREE_LEAVES)) continue;
    return count;
  }

  /** Takes out what is pending with one consumer by one pass over all: cheaper than to look much of it up. */
  private sweepConsumer(group: GroupRef, consumer: ConsumerRef): void {
    const { indexes } = this;
    indexes.removeWhere(this.groupPending(group), () => indexes.value(PENDING_CONSUMER) === consumer);
    if (this.order(group) === 0) return;
    while (!indexes.freeStep(this.order(group), FREE_LEAVES, null)) continue;
    this.setWord(group, ORDER, 0);
  }

  /** The leaves of what is pending in a group, for `forEachOfLeaf`. */
  pendingLeaves(group: GroupRef): RefList {
    return this.indexes.leaves(this.groupPending(group));
  }

  consumerPendingLeaves(consumer: ConsumerRef): RefList {
    return this.indexes.leaves(this.consumerPending(consumer));
  }

  /** Visits what is pending in a leaf, or a copy of one, of a group, or of a consumer, of which only `pendingId` is read. */
  forEachOfLeaf(leaf: number, isOfGroup: boolean, visit: () => void): void {
    const { indexes } = this;
    const count = indexes.openLeaf(leaf, isOfGroup ? PENDING_WORDS : 0);
    for (; indexes.slot < count; indexes.slot++) {
      if (isOfGroup) this.readPending();
      else indexes.readId(this.pendingId);
      visit();
    }
  }

  /** Moves a cursor to the first pending id that is not below `id`; false when there is none. Near ones cost a step. @hot */
  moveCursor(cursor: PendingCursor, id: StreamId): boolean {
    const { indexes } = this;
    if (cursor.leaf !== 0) {
      indexes.openLeaf(cursor.leaf, PENDING_WORDS);
      indexes.slot = cursor.slot;
      if (indexes.next()) {
        indexes.readId(cursor.id);
        cursor.leaf = indexes.leaf;
        cursor.slot = indexes.slot;
        if (cursor.id.compare(id) >= 0) return true;
      }
    }
    if (!indexes.seek(this.groupPending(cursor.group), id)) return false;
    indexes.readId(cursor.id);
    cursor.leaf = indexes.leaf;
    cursor.slot = indexes.slot;
    return true;
  }

  seenTime(consumer: ConsumerRef): number {
    return this.double(consumer, 0);
  }

  setSeenTime(consumer: ConsumerRef, ms: number): void {
    this.setDouble(consumer, 0, ms);
  }

  /** When the consumer got messages last, -1 for never. */
  activeTime(consumer: ConsumerRef): number {
    return this.double(consumer, 1);
  }

  setActiveTime(consumer: ConsumerRef, ms: number): void {
    this.setDouble(consumer, 1, ms);
  }

  consumerPendingCount(consumer: ConsumerRef): number {
    return this.indexes.count(this.consumerPending(consumer));
  }

  nameLength(ref: GroupRef | ConsumerRef): number {
    return this.word(ref, NAME_LENGTH);
  }

  /** Where the name starts in `arena.u8[chunkOf(ref)]`. */
  nameStart(ref: GroupRef | ConsumerRef): number {
    return byteOffset(ref) + NAME_OFFSET;
  }

  /** Goes to what is pending under an id; false when nothing is. */
  findPending(group: GroupRef, id: StreamId): boolean {
    if (!this.indexes.find(this.groupPending(group), id)) return false;
    this.readPending();
    return true;
  }

  /** Goes to the first pending id of a group that is not below `id`. */
  seekPending(group: GroupRef, id: StreamId): boolean {
    if (!this.indexes.seek(this.groupPending(group), id)) return false;
    this.readPending();
    return true;
  }

  /** Goes to the first pending id of a group; false when there is none. */
  firstPending(group: GroupRef): boolean {
    if (!this.indexes.first(this.groupPending(group))) return false;
    this.readPending();
    return true;
  }

  /** Goes from the pending id that was found last to the next; nothing may have changed or been looked for meanwhile. */
  nextPending(): boolean {
    if (!this.indexes.next()) return false;
    this.readPending();
    return true;
  }

  /** As `firstPending` for a consumer; only `pendingId` is read. */
  firstConsumerPending(consumer: ConsumerRef): boolean {
    if (!this.indexes.first(this.consumerPending(consumer))) return false;
    this.indexes.readId(this.pendingId);
    return true;
  }

  nextConsumerPending(): boolean {
    if (!this.indexes.next()) return false;
    this.indexes.readId(this.pendingId);
    return true;
  }

  /** Goes to the last pending id of a group. */
  lastPending(group: GroupRef): boolean {
    if (!this.indexes.last(this.groupPending(group))) return false;
    this.readPending();
    return true;
  }

  /** Goes to the first id that is pending with a consumer of the group and not below `id`. */
  seekConsumerPending(group: GroupRef, consumer: ConsumerRef, id: StreamId): boolean {
    if (!this.indexes.seek(this.consumerPending(consumer), id)) return false;
    this.indexes.readId(this.pendingId);
    return this.findPending(group, this.pendingId);
  }

  /** Stores a delivery of an id to a consumer (0: it is released), whether or not it was pending before, with it or another. */
  setPending(group: GroupRef, id: StreamId, consumer: ConsumerRef, timeMs: number, count: number): void {
    const { indexes } = this;
    // Released entries keep their order.
    const order = consumer === 0 ? this.keepOrder(group) : this.order(group);
    const added = indexes.insert(this.groupPending(group), id);
    const before = added ? 0 : (indexes.value(PENDING_CONSUMER) as ConsumerRef);
    if (order !== 0 && !added) {
      this.readPending();
      this.removeFromOrder(order, this.deliveryTime, indexes.value(PENDING_NUMBER));
      indexes.find(this.groupPending(group), id);
    }
    this.writePending(timeMs, count, consumer);
    if (order !== 0) {
      const number = this.takeOrderNumber(group);
      indexes.setValue(PENDING_NUMBER, number);
      this.addToOrder(order, timeMs, number, id);
    }
    if (!added && before === 0) this.countReleased(group, -1);
    if (consumer === 0) this.countReleased(group, 1);
    if (before === consumer) return;
    if (before !== 0) indexes.remove(this.consumerPending(before), id);
    if (consumer !== 0) indexes.insert(this.consumerPending(consumer), id);
  }

  /** How many messages are pending and with nobody. */
  releasedCount(group: GroupRef): number {
    return this.word(group, RELEASED);
  }

  /** Takes what is pending of a consumer and has no time of delivery from it: how released messages stand in a file. */
  releaseUndelivered(group: GroupRef, consumer: ConsumerRef): void {
    const id = new StreamId();
    for (let more = true; more && this.seekConsumerPending(group, consumer, id); more = id.increment()) {
      id.set(this.pendingId);
      if (this.deliveryTime === 0) this.setPending(group, id, 0 as ConsumerRef, 0, this.deliveryCount);
    }
  }

  /** Goes to what is pending for longest: what is released, first come first, then by the time of the delivery; false for none. */
  firstInOrder(group: GroupRef): boolean {
    const { indexes } = this;
    if (!indexes.first(this.keepOrder(group))) return false;
    this.readOrdered();
    return this.findPending(group, this.pendingId);
  }

  /** The first `count` ids (0: all) in the order of `firstInOrder` that were delivered not after `timeMs`. */
  idleSince(group: GroupRef, timeMs: number, count: number): StreamId[] {
    const { indexes } = this;
    const ids: StreamId[] = [];
    const key = new StreamId();
    for (
      let there = indexes.first(this.keepOrder(group));
      there && (count === 0 || ids.length < count);
      there = indexes.next()
    ) {
      indexes.readId(key);
      if (key.ms > timeMs) break;
      this.readOrdered();
      const id = new StreamId();
      id.set(this.pendingId);
      ids.push(id);
    }
    return ids;
  }

  /** For loading: something pending that no consumer has yet; `assignPending` must follow. */
  addUnassigned(group: GroupRef, id: StreamId, timeMs: number, count: number): boolean {
    if (!this.indexes.insert(this.groupPending(group), id)) return false;
    this.writePending(timeMs, count, 0 as ConsumerRef);
    return true;
  }

  /** For loading: gives something pending to a consumer; false when it is missing or has one. */
  assignPending(group: GroupRef, id: StreamId, consumer: ConsumerRef): boolean {
    const { indexes } = this;
    if (!indexes.find(this.groupPending(group), id) || indexes.value(PENDING_CONSUMER) !== 0) return false;
    indexes.setValue(PENDING_CONSUMER, consumer);
    return indexes.insert(this.consumerPending(consumer), id);
  }

  /** For loading: what no `assignPending` came for is released, so that it can be claimed. */
  releaseUnassigned(group: GroupRef): void {
    const { indexes } = this;
    const ids: StreamId[] = [];
    const counts: number[] = [];
    for (let there = this.firstPending(group); there; there = this.nextPending()) {
      if (this.consumer !== 0) continue;
      const id = new StreamId();
      id.set(this.pendingId);
      ids.push(id);
      counts.push(this.deliveryCount);
    }
    // They were never counted as released, so they are put in anew.
    for (const id of ids) indexes.remove(this.groupPending(group), id);
    ids.forEach((id, index) => this.setPending(group, id, 0 as ConsumerRef, 0, counts[index]!));
  }

  /** Acknowledges: takes an id out of what is pending; false when it was not. */
  removePending(group: GroupRef, id: StreamId): boolean {
    const { indexes } = this;
    if (!indexes.find(this.groupPending(group), id)) return false;
    const consumer = indexes.value(PENDING_CONSUMER) as ConsumerRef;
    const order = this.order(group);
    if (order !== 0) {
      this.readPending();
      this.removeFromOrder(order, this.deliveryTime, indexes.value(PENDING_NUMBER));
    }
    indexes.remove(this.groupPending(group), id);
    if (consumer === 0) this.countReleased(group, -1);
    else indexes.remove(this.consumerPending(consumer), id);
    return true;
  }

  /** Acknowledges many: takes out those of the ids that are pending, and tells the index of each; returns how many. */
  removeEachPending(group: GroupRef, ids: RisingIds, found: (index: number) => void = () => undefined): number {
    const { indexes } = this;
    const order = this.order(group);
    const orderKeys: StreamId[] = [];
    const ofConsumers = new Map<ConsumerRef, StreamId[]>();
    let last = 0 as ConsumerRef;
    let ofLast: StreamId[] = [];
    let removed = 0;
    let released = 0;
    indexes.removeEach(this.groupPending(group), ids, (index) => {
      this.readPending();
      const { consumer } = this;
      if (order !== 0) orderKeys.push(this.copyOrderKey());
      if (consumer === 0) {
        released++;
      } else {
        if (consumer !== last) {
          ofLast = ofConsumers.get(consumer) ?? [];
          ofConsumers.set(consumer, ofLast);
          last = consumer;
        }
        ofLast.push(ids.ids[index]!);
      }
      removed++;
      found(index);
    });
    for (const key of orderKeys) indexes.remove(order, key);
    if (released > 0) this.countReleased(group, -released);
    for (const [consumer, own] of ofConsumers)
      indexes.removeEach(this.consumerPending(consumer), new RisingIds(own), () => undefined);
    return removed;
  }

  /** Takes out what is pending under the ids from `from` on and below `to`: one by one, and in one go when it is much. */
  removePendingRange(group: GroupRef, from: StreamId, to: StreamId): void {
    const id = new StreamId();
    const consumers = this.consumers(group);
    // The other way looks at each consumer.
    for (let left = RANGE_MIN + (this.listCount(consumers) >>> 3); left > 0; left--) {
      if (!this.seekPending(group, from) || this.pendingId.compare(to) >= 0) return;
      id.set(this.pendingId);
      this.removePending(group, id);
    }
    const { indexes } = this;
    const order = this.order(group);
    const orderKeys: StreamId[] = [];
    let released = 0;
    const look = (): void => {
      this.readPending();
      if (this.consumer === 0) released++;
      if (order !== 0) orderKeys.push(this.copyOrderKey());
    };
    const mustLook = order !== 0 || this.releasedCount(group) > 0;
    indexes.removeRange(this.groupPending(group), from, to, mustLook ? look : null);
    if (released > 0) this.countReleased(group, -released);
    for (const key of orderKeys) indexes.remove(order, key);
    for (let place = 0; place < this.listCount(consumers); place++)
      indexes.removeRange(this.consumerPending(this.consumerAt(consumers, place)), from, to, null);
  }

  /** About how much there is to free in a stream's groups. */
  weight(list: number): number {
    let total = 0;
    for (let index = 0; index < this.listCount(list); index++) {
      const group = this.groupAt(list, index);
      total += 1 + this.pendingCount(group) + this.listCount(this.consumers(group));
    }
    return total;
  }

  /** Frees about `budget` pending messages; returns the list, 0 when all is gone. */
  freeStep(list: number, budget: number): number {
    const count = this.listCount(list);
    if (count > 0 && !this.freeGroupStep(this.groupAt(list, count - 1), budget)) return list;
    if (count <= 1) {
      this.arena.free(list);
      return 0;
    }
    this.setWord(list, 0, count - 1);
    return list;
  }

  byteSize(list: number): number {
    if (list === 0) return 0;
    let bytes = this.arena.usable(list);
    for (let index = 0; index < this.listCount(list); index++) {
      const group = this.groupAt(list, index);
      bytes += this.arena.usable(group) + this.indexes.byteSize(this.groupPending(group));
      if (this.order(group) !== 0) bytes += this.indexes.byteSize(this.order(group));
      const consumers = this.consumers(group);
      if (consumers === 0) continue;
      bytes += this.arena.usable(consumers);
      for (let place = 0; place < this.listCount(consumers); place++) {
        const consumer = this.consumerAt(consumers, place);
        bytes += this.arena.usable(consumer) + this.indexes.byteSize(this.consumerPending(consumer));
      }
    }
    return bytes;
  }

  /** A copy of all groups, for COPY. */
  copy(list: number): number {
    let made = 0;
    const id = new StreamId();
    for (let index = 0; index < this.listCount(list); index++) {
      const group = this.groupAt(list, index);
      const u8 = this.arena.u8[group >>> CHUNK_SHIFT]!;
      made = this.add(
        made,
        u8,
        this.nameStart(group),
        this.nameLength(group),
        this.lastId(group, id),
        this.entriesRead(group),
      );
      const target = this.added;
      const consumers = this.consumers(group);
      for (let place = 0; place < this.listCount(consumers); place++) {
        const consumer = this.consumerAt(consumers, place);
        const bytes = this.arena.u8[consumer >>> CHUNK_SHIFT]!;
        const twin = this.addConsumer(
          target,
          bytes,
          this.nameStart(consumer),
          this.nameLength(consumer),
          this.seenTime(consumer),
        );
        this.setActiveTime(twin, this.activeTime(consumer));
        id.setMin();
        while (this.seekConsumerPending(group, consumer, id)) {
          id.set(this.pendingId);
          this.setPending(target, id, twin, this.deliveryTime, this.deliveryCount);
          if (!id.increment()) break;
        }
      }
      if (this.releasedCount(group) > 0) {
        for (const released of this.idleSince(group, 0, 0)) {
          if (this.findPending(group, released) && this.consumer === 0)
            this.setPending(target, released, 0 as ConsumerRef, 0, this.deliveryCount);
        }
      }
    }
    return made;
  }

  /** Throws where the groups contradict themselves. For tests. */
  verify(list: number): void {
    for (let index = 0; index < this.listCount(list); index++) {
      const group = this.groupAt(list, index);
      this.indexes.verify(this.groupPending(group));
      if (index > 0) assert(this.compareNames(this.groupAt(list, index - 1), group) < 0, 'groups are sorted by name');
      let pending = 0;
      const consumers = this.consumers(group);
      for (let place = 0; place < this.listCount(consumers); place++) {
        const consumer = this.consumerAt(consumers, place);
        if (place > 0)
          assert(
            this.compareNames(this.consumerAt(consumers, place - 1), consumer) < 0,
            'consumers are sorted by name',
          );
        this.indexes.verify(this.consumerPending(consumer));
        pending += this.consumerPendingCount(consumer);
        const id = new StreamId();
        while (this.indexes.seek(this.consumerPending(consumer), id)) {
          this.indexes.readId(id);
          assert(
            this.findPending(group, id) && this.consumer === consumer,
            'what is pending with a consumer is so in the group',
          );
          if (!id.increment()) break;
        }
      }
      assert(
        pending + this.releasedCount(group) === this.pendingCount(group),
        'everything pending is with a consumer or released',
      );
      const order = this.order(group);
      if (order === 0) continue;
      this.indexes.verify(order);
      assert(this.indexes.count(order) === this.pendingCount(group), 'everything pending is in the order');
      for (const id of this.idleSince(group, Infinity, 0))
        assert(this.findPending(group, id), 'everything in the order is pending');
    }
  }

  private compareNames(a: GroupRef | ConsumerRef, b: GroupRef | ConsumerRef): number {
    const aBytes = this.arena.u8[a >>> CHUNK_SHIFT]!;
    const bBytes = this.arena.u8[b >>> CHUNK_SHIFT]!;
    return compareBytes(aBytes, this.nameStart(a), this.nameLength(a), bBytes, this.nameStart(b), this.nameLength(b));
  }

  private readPending(): void {
    const { indexes } = this;
    indexes.readId(this.pendingId);
    wordScratch[0] = indexes.value(0);
    wordScratch[1] = indexes.value(1);
    this.deliveryTime = doubleScratch[0]!;
    wordScratch[0] = indexes.value(2);
    wordScratch[1] = indexes.value(3);
    this.deliveryCount = doubleScratch[0]!;
    this.consumer = indexes.value(PENDING_CONSUMER) as ConsumerRef;
  }

  /** Writes the value at the position of a group's pending messages. */
  private writePending(timeMs: number, count: number, consumer: ConsumerRef): void {
    const { indexes } = this;
    doubleScratch[0] = timeMs;
    indexes.setValue(0, wordScratch[0]!);
    indexes.setValue(1, wordScratch[1]!);
    doubleScratch[0] = Math.min(count, DELIVERIES_MAX);
    indexes.setValue(2, wordScratch[0]!);
    indexes.setValue(3, wordScratch[1]!);
    indexes.setValue(PENDING_CONSUMER, consumer);
    indexes.setValue(PENDING_NUMBER, 0);
  }

  private countReleased(group: GroupRef, change: number): void {
    this.setWord(group, RELEASED, this.word(group, RELEASED) + change);
  }

  private order(group: GroupRef): StreamIndexRef {
    return this.word(group, ORDER) as StreamIndexRef;
  }

  /** The order of a group, made now if it is not kept yet. */
  private keepOrder(group: GroupRef): StreamIndexRef {
    const kept = this.order(group);
    if (kept !== 0) return kept;
    const { indexes, pendingId } = this;
    const order = indexes.create(ORDER_WORDS);
    const pending = this.groupPending(group);
    const count = indexes.count(pending);
    // Numbers rather than objects, and two walks rather than lookups: there may be millions, and others wait.
    const ids = new Int32Array(ORDER_WORDS * count);
    const times = new Float64Array(count);
    const numbers = new Int32Array(count);
    let place = 0;
    let rises = true;
    for (let there = indexes.first(pending); there; there = indexes.next()) {
      this.readPending();
      ids[ORDER_WORDS * place] = pendingId.msHigh;
      ids[ORDER_WORDS * place + 1] = pendingId.msLow;
      ids[ORDER_WORDS * place + 2] = pendingId.seqHigh;
      ids[ORDER_WORDS * place + 3] = pendingId.seqLow;
      times[place] = this.deliveryTime;
      if (place > 0 && times[place - 1]! > times[place]!) rises = false;
      place++;
    }
    const places = Uint32Array.from(numbers, (_, index) => index);
    // What was never given to another consumer lies in this order already.
    if (!rises) places.sort((a, b) => times[a]! - times[b]! || a - b);
    this.setWord(group, ORDER, order);
    for (const at of places) {
      const number = this.takeOrderNumber(group);
      numbers[at] = number;
      indexes.append(order, this.orderKey(times[at]!, number));
      for (let word = 0; word < ORDER_WORDS; word++) indexes.setValue(word, ids[ORDER_WORDS * at + word]!);
    }
    place = 0;
    for (let there = indexes.first(pending); there; there = indexes.next())
      indexes.setValue(PENDING_NUMBER, numbers[place++]!);
    return order;
  }

  private takeOrderNumber(group: GroupRef): number {
    const number = this.word(group, ORDER_NUMBER);
    this.setWord(group, ORDER_NUMBER, number + 1);
    return number;
  }

  private orderKey(timeMs: number, number: number): StreamId {
    orderKey.setNumbers(Math.max(0, timeMs), number >>> 0);
    return orderKey;
  }

  /** Where the pending message at the position, which `readPending` has read, stands in the order. */
  private copyOrderKey(): StreamId {
    const key = new StreamId();
    key.set(this.orderKey(this.deliveryTime, this.indexes.value(PENDING_NUMBER)));
    return key;
  }

  private addToOrder(order: StreamIndexRef, timeMs: number, number: number, id: StreamId): void {
    const { indexes } = this;
    indexes.insert(order, this.orderKey(timeMs, number));
    indexes.setValue(0, id.msHigh);
    indexes.setValue(1, id.msLow);
    indexes.setValue(2, id.seqHigh);
    indexes.setValue(3, id.seqLow);
  }

  private removeFromOrder(order: StreamIndexRef, timeMs: number, number: number): void {
    this.indexes.remove(order, this.orderKey(timeMs, number));
  }

  /** Sets `pendingId` to what stands at the position of an order. */
  private readOrdered(): void {
    const { indexes, pendingId } = this;
    pendingId.msHigh = indexes.value(0);
    pendingId.msLow = indexes.value(1);
    pendingId.seqHigh = indexes.value(2);
    pendingId.seqLow = indexes.value(3);
  }

  private groupPending(group: GroupRef): StreamIndexRef {
    return this.word(group, GROUP_PENDING) as StreamIndexRef;
  }

  private consumerPending(consumer: ConsumerRef): StreamIndexRef {
    return this.word(consumer, CONSUMER_PENDING) as StreamIndexRef;
  }

  /** Frees about `budget` of what is pending in a group, then its consumers, then the group; true when all is gone. */
  private freeGroupStep(group: GroupRef, budget: number): boolean {
    const leaves = Math.max(1, budget >>> 5);
    const pending = this.groupPending(group);
    if (pending !== 0) {
      if (!this.indexes.freeStep(pending, leaves, null)) return false;
      this.setWord(group, GROUP_PENDING, 0);
    }
    const order = this.order(group);
    if (order !== 0) {
      if (!this.indexes.freeStep(order, leaves, null)) return false;
      this.setWord(group, ORDER, 0);
    }
    const consumers = this.consumers(group);
    for (let count = this.listCount(consumers); count > 0; count--) {
      if (!this.freeConsumerStep(this.consumerAt(consumers, count - 1), leaves)) return false;
      this.setWord(consumers, 0, count - 1);
    }
    if (consumers !== 0) this.arena.free(consumers);
    this.arena.free(group);
    return true;
  }

  private freeConsumerStep(consumer: ConsumerRef, leaves: number): boolean {
    if (!this.indexes.freeStep(this.consumerPending(consumer), leaves, null)) return false;
    this.arena.free(consumer);
    return true;
  }

  private createNamed(bytes: Uint8Array, offset: number, length: number): number {
    const ref = this.arena.alloc(NAME_OFFSET + length);
    const i32 = this.arena.i32[ref >>> CHUNK_SHIFT]!;
    i32.fill(0, wordOffset(ref), wordOffset(ref) + NAME_OFFSET / 4);
    this.setWord(ref, NAME_LENGTH, length);
    copyBytes(this.arena.u8[ref >>> CHUNK_SHIFT]!, byteOffset(ref) + NAME_OFFSET, bytes, offset, length);
    return ref;
  }

  /** Where a name is in a list, or -1 - (where it would be). */
  private search(list: number, bytes: Uint8Array, offset: number, length: number): number {
    let low = 0;
    let high = this.listCount(list);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const ref = this.word(list, 1 + middle) as GroupRef;
      const order = compareBytes(
        this.arena.u8[ref >>> CHUNK_SHIFT]!,
        this.nameStart(ref),
        this.nameLength(ref),
        bytes,
        offset,
        length,
      );
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return -1 - low;
  }

  private insertRef(list: number, index: number, ref: number): number {
    const count = this.listCount(list);
    const bytes = 4 * (count + 2);
    let made = list;
    if (list === 0) made = this.arena.alloc(16);
    else if (bytes > this.arena.usable(list)) made = this.arena.realloc(list, bytes + (bytes >>> 1), 4 * (count + 1));
    const i32 = this.arena.i32[made >>> CHUNK_SHIFT]!;
    const at = wordOffset(made) + 1 + index;
    i32.copyWithin(at + 1, at, wordOffset(made) + 1 + count);
    i32[at] = ref;
    this.setWord(made, 0, count + 1);
    return made;
  }

  private removeRef(list: number, ref: number): number {
    const count = this.listCount(list) - 1;
    if (count === 0) {
      this.arena.free(list);
      return 0;
    }
    const i32 = this.arena.i32[list >>> CHUNK_SHIFT]!;
    const base = wordOffset(list) + 1;
    let at = base;
    while (i32[at] !== ref) at++;
    i32.copyWithin(at, at + 1, base + count + 1);
    this.setWord(list, 0, count);
    return list;
  }

  private word(ref: number, index: number): number {
    return this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + index]!;
  }

  private setWord(ref: number, index: number, value: number): void {
    this.arena.i32[ref >>> CHUNK_SHIFT]![wordOffset(ref) + index] = value;
  }

  private double(ref: number, index: number): number {
    return this.arena.f64[ref >>> CHUNK_SHIFT]![(wordOffset(ref) >>> 1) + index]!;
  }

  private setDouble(ref: number, index: number, value: number): void {
    this.arena.f64[ref >>> CHUNK_SHIFT]![(wordOffset(ref) >>> 1) + index] = value;
  }
}
