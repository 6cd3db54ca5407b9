// stream-references: the effect of deleted entries on the groups that still refer to them.
//
// KEEP leaves pending messages as they are (XDEL's way), DELETE removes the entries from all pending lists, ACKED
// deletes only entries that every group has read and acknowledged.

import { StreamId } from '../structures/stream-id.js';
import type { Streams, Trimming } from './stream.js';
import type { StreamRef } from './stream-ref.js';

export const ReferencePolicy = { KEEP: 0, DELETE: 1, ACKED: 2 } as const;

const groupLast = new StreamId();
const before = new StreamId();
const after = new StreamId();

/** Whether a group has still to read or to acknowledge an entry. */
export function isReferenced(streams: Streams, stream: StreamRef, id: StreamId): boolean {
  const { groups } = streams;
  const list = streams.groupList(stream);
  for (let index = 0; index < groups.listCount(list); index++) {
    const group = groups.groupAt(list, index);
    if (id.compare(groups.lastId(group, groupLast)) > 0 || groups.findPending(group, id)) return true;
  }
  return false;
}

/** Takes an entry out of what is pending in any group; returns in how many it was. */
export function removeReferences(streams: Streams, stream: StreamRef, id: StreamId): number {
  const { groups } = streams;
  const list = streams.groupList(stream);
  let removed = 0;
  for (let index = 0; index < groups.listCount(list); index++)
    if (groups.removePending(groups.groupAt(list, index), id)) removed++;
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
  streams.firstId(stream, before);
  const deleted = streams.trim(stream, trimming);
  if (deleted === 0) return 0;
  if (streams.length(stream) > 0) streams.firstId(stream, after);
  else after.setMax();
  const list = streams.groupList(stream);
  for (let index = 0; index < groups.listCount(list); index++) {
    const group = groups.groupAt(list, index);
    while (groups.seekPending(group, before) && groups.pendingId.compare(after) < 0) {
      const id = new StreamId();
      id.set(groups.pendingId);
      groups.removePending(group, id);
    }
  }
  return deleted;
}

/**
 * Walks from the front to where the trim ends, and deletes entries that nobody needs. Those before the first one that somebody needs
 * are cut off in one go, whole nodes at a time.
 */
function trimAcknowledged(streams: Streams, stream: StreamRef, trimming: Trimming): number {
  const { reader, nodes } = streams;
  const { maxLength, minId, limit } = trimming;
  const byLength = trimming.strategy === 'maxlen';
  const ids: StreamId[] = [];
  const length = streams.length(stream);
  let prefix = 0;
  let isPrefix = true;
  let examined = 0;
  let node = 0;
  reader.openAll(stream, false);
  while (reader.next()) {
    const left = length - prefix - ids.length;
    if (byLength ? left <= maxLength : reader.id.compare(minId) >= 0) break;
    if (trimming.approximate && reader.node !== node) {
      node = reader.node;
      if (byLength && left - nodes.liveCount(node) < maxLength) break;
      if (!byLength && streams.nodeLastId(node, reader.nodeId).compare(minId) >= 0) break;
    }
    if (limit !== 0 && ++examined > limit) break;
    if (isReferenced(streams, stream, reader.id)) isPrefix = false;
    else if (isPrefix) prefix++;
    else {
      const id = new StreamId();
      id.set(reader.id);
      ids.push(id);
    }
  }
  if (prefix > 0)
    streams.trim(stream, { strategy: 'maxlen', maxLength: length - prefix, minId, approximate: false, limit: 0 });
  for (const id of ids) streams.delete(stream, id);
  return prefix + ids.length;
}
