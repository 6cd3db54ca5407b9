// stream-references: the effect of deleted entries on the groups that still refer to them.
//
// KEEP leaves pending messages as they are (XDEL's way), DELETE removes the entries from all pending lists, ACKED
// deletes only entries that every group has read and acknowledged.
//
// A command may name many ids, or cut a whole stream, of which each group may refer to each. So nothing here looks every id up in every
// group: ids are taken in rising order, and the entries of a pending list that lie together are read or taken out together. The
// cost is that of the ids and of what is pending among them, however many groups there are.

import { RisingIds } from '../structures/rising-ids.js';
import { StreamId } from '../structures/stream-id.js';
import { PendingCursor } from './stream-groups.js';
import type { Streams, Trimming } from './stream.js';
import type { StreamRef } from './stream-ref.js';

export const ReferencePolicy = { KEEP: 0, DELETE: 1, ACKED: 2 } as const;

/** Which of rising ids a group has still to read or to acknowledge. Pending lists must not change meanwhile. */
export class ReferenceWalk {
  /** The lowest of the ids that groups have read up to: everything above is still to be read. */
  private readonly read = new StreamId();
  /** A heap of the groups that have something pending, by the id at which each is. */
  private readonly heap: PendingCursor[] = [];
  /** Where the last reference was: the next one is likely to be there too, and the heap need not be asked. */
  private favourite: PendingCursor | undefined;

  constructor(
    private readonly streams: Streams,
    stream: StreamRef,
  ) {
    const { groups } = streams;
    const list = streams.groupList(stream);
    const id = new StreamId();
    this.read.setMax();
    for (let index = 0; index < groups.listCount(list); index++) {
      const group = groups.groupAt(list, index);
      if (groups.lastId(group, id).compare(this.read) < 0) this.read.set(id);
      if (groups.pendingCount(group) > 0) this.heap.push(new PendingCursor(group));
    }
  }

  /** Whether a group has still to read the entry, and so all after it. */
  isUnread(id: StreamId): boolean {
    return id.compare(this.read) > 0;
  }

  /** Whether a group refers to an id, which must not be below the one that was asked for before. @hot */
  isReferenced(id: StreamId): boolean {
    if (this.isUnread(id)) return true;
    const { favourite, heap } = this;
    if (favourite !== undefined && this.isAt(favourite, id)) return true;
    this.advance(id);
    const top = heap[0];
    if (top === undefined || top.id.compare(id) !== 0) return false;
    if (this.favourite === undefined) {
      this.dropTop();
    } else {
      heap[0] = this.favourite;
      this.sink();
    }
    this.favourite = top;
    return true;
  }

  /** The first id from `id` on that a group refers to, or an id below it if everything after is unread. */
  firstReference(id: StreamId, into: StreamId): StreamId {
    into.set(this.read);
    into.increment();
    this.advance(id);
    const top = this.heap[0];
    if (top !== undefined && top.id.compare(into) < 0) into.set(top.id);
    return into;
  }

  /** Moves the favourite to an id or beyond; whether it is there. */
  private isAt(favourite: PendingCursor, id: StreamId): boolean {
    let order = favourite.id.compare(id);
    if (order < 0) {
      if (!this.streams.groups.moveCursor(favourite, id)) {
        this.favourite = undefined;
        return false;
      }
      order = favourite.id.compare(id);
    }
    return order === 0;
  }

  /** Moves all cursors of the heap to an id or beyond. */
  private advance(id: StreamId): void {
    const { heap } = this;
    while (heap.length > 0 && (heap[0]!.leaf === 0 || heap[0]!.id.compare(id) < 0)) {
      if (this.streams.groups.moveCursor(heap[0]!, id)) this.sink();
      else this.dropTop();
    }
  }

  private dropTop(): void {
    const last = this.heap.pop()!;
    if (this.heap.length === 0) return;
    this.heap[0] = last;
    this.sink();
  }

  /** Restores the heap after a change of its top. */
  private sink(): void {
    const { heap } = this;
    const one = heap[0]!;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.id.compare(heap[child]!.id) < 0) child++;
      if (heap[child]!.id.compare(one.id) >= 0) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = one;
  }
}

/** Takes entries out of what is pending in any group; returns how many references there were. */
export function removeReferences(streams: Streams, stream: StreamRef, ids: RisingIds): number {
  const { groups } = streams;
  const list = streams.groupList(stream);
  let removed = 0;
  for (let index = 0; index < groups.listCount(list); index++)
    removed += groups.removeEachPending(groups.groupAt(list, index), ids);
  return removed;
}

/** As Streams.trim, by a policy other than KEEP; returns how many entries were deleted. */
export function trimReferenced(streams: Streams, stream: StreamRef, trimming: Trimming, policy: number): number {
  if (policy === ReferencePolicy.KEEP || streams.groupList(stream) === 0) return streams.trim(stream, trimming);
  return policy === ReferencePolicy.ACKED
    ? trimAcknowledged(streams, stream, trimming)
    : trimWithReferences(streams, stream, trimming);
}

function trimWithReferences(streams: Streams, stream: StreamRef, trimming: Trimming): number {
  const { groups } = streams;
  const before = new StreamId();
  const after = new StreamId();
  streams.firstId(stream, before);
  const deleted = streams.trim(stream, trimming);
  if (deleted === 0) return 0;
  if (streams.length(stream) > 0) streams.firstId(stream, after);
  else after.setMax();
  const list = streams.groupList(stream);
  for (let index = 0; index < groups.listCount(list); index++)
    groups.removePendingRange(groups.groupAt(list, index), before, after);
  return deleted;
}

/**
 * Deletes entries that nobody needs, from the front to where the trim ends. Those before the first one that somebody needs are cut off
 * in one go, whole nodes at a time; the others are looked at one by one.
 */
function trimAcknowledged(streams: Streams, stream: StreamRef, trimming: Trimming): number {
  const { reader, nodes } = streams;
  const { maxLength, minId, limit } = trimming;
  const byLength = trimming.strategy === 'maxlen';
  const walk = new ReferenceWalk(streams, stream);
  const first = streams.firstId(stream, new StreamId());
  const cut = streams.trim(stream, trimming, walk.firstReference(first, new StreamId()));
  const ids: StreamId[] = [];
  const length = streams.length(stream);
  let examined = cut;
  let node = 0;
  reader.openAll(stream, false);
  while (reader.next() && !walk.isUnread(reader.id)) {
    const left = length - ids.length;
    if (byLength ? left <= maxLength : reader.id.compare(minId) >= 0) break;
    if (trimming.approximate && reader.node !== node) {
      node = reader.node;
      if (byLength && left - nodes.liveCount(node) < maxLength) break;
      if (!byLength && streams.nodeLastId(node, reader.nodeId).compare(minId) >= 0) break;
    }
    if (limit !== 0 && ++examined > limit) break;
    if (walk.isReferenced(reader.id)) continue;
    const id = new StreamId();
    id.set(reader.id);
    ids.push(id);
  }
  return cut + streams.deleteEach(stream, new RisingIds(ids), () => true);
}
