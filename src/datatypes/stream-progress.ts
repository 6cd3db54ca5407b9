// stream-progress: how far a group has read, counted in entries; known only while no deletion makes the count uncertain.
//
// `entries read` is the position, among all entries ever added, of the last delivered one; the lag is what comes after it.
// It is never above the count of entries added. A stream that was trimmed beyond the group's last id says nothing of what went
// between, so there the position is found anew from the first entry that is left.

import { StreamId } from '../structures/stream-id.js';
import { ENTRIES_READ_UNKNOWN, type GroupRef } from './stream-groups.js';
import type { Streams } from './stream.js';
import type { StreamRef } from './stream-ref.js';

const deletedId = new StreamId();
const firstId = new StreamId();
const lastId = new StreamId();
const groupId = new StreamId();

/** Whether an entry after `from` may have been deleted. */
function hasGapAfter(streams: Streams, stream: StreamRef, from: StreamId): boolean {
  streams.deletedId(stream, deletedId);
  return streams.length(stream) > 0 && !deletedId.isZero && from.compare(deletedId) <= 0;
}

/** The number of the entry, from the first ever added, with this id or the last before it; -1 when it is unknown. */
export function entriesUpTo(streams: Streams, stream: StreamRef, id: StreamId): number {
  const added = streams.entriesAdded(stream);
  const length = streams.length(stream);
  if (added === 0) return 0;
  streams.lastId(stream, lastId);
  if (length === 0 && id.compare(lastId) <= 0) return added;
  streams.deletedId(stream, deletedId);
  if (!id.isZero && id.compare(deletedId) < 0) return ENTRIES_READ_UNKNOWN;
  const order = id.compare(lastId);
  if (order === 0) return added;
  if (order > 0) return ENTRIES_READ_UNKNOWN;
  streams.firstId(stream, firstId);
  if (!deletedId.isZero && deletedId.compare(firstId) >= 0) return ENTRIES_READ_UNKNOWN;
  const fromFirst = id.compare(firstId);
  if (fromFirst < 0) return added - length;
  return fromFirst === 0 ? added - length + 1 : ENTRIES_READ_UNKNOWN;
}

/** A count of entries read that somebody states, which cannot be above that of entries added. */
export function boundEntriesRead(streams: Streams, stream: StreamRef, read: number): number {
  return Math.min(read, streams.entriesAdded(stream));
}

/** The count of entries added was lowered: no group has read more. */
export function boundGroups(streams: Streams, stream: StreamRef): void {
  const { groups } = streams;
  const list = streams.groupList(stream);
  for (let index = 0; index < groups.listCount(list); index++) {
    const group = groups.groupAt(list, index);
    groups.setEntriesRead(group, boundEntriesRead(streams, stream, groups.entriesRead(group)));
  }
}

/** The group was given the entry `id`, which is above its last id: counts it and moves the last id. */
export function advanceGroup(streams: Streams, stream: StreamRef, group: GroupRef, id: StreamId): void {
  const { groups } = streams;
  const read = groups.entriesRead(group);
  groups.lastId(group, groupId);
  streams.firstId(stream, firstId);
  if (read !== ENTRIES_READ_UNKNOWN && groupId.compare(firstId) >= 0 && !hasGapAfter(streams, stream, groupId))
    groups.setEntriesRead(group, boundEntriesRead(streams, stream, read + 1));
  else if (streams.entriesAdded(stream) > 0) groups.setEntriesRead(group, entriesUpTo(streams, stream, id));
  groups.setLastId(group, id);
}

/** How many entries a group has still to read; undefined when that is unknown. */
export function lagOf(streams: Streams, stream: StreamRef, group: GroupRef): number | undefined {
  const added = streams.entriesAdded(stream);
  const length = streams.length(stream);
  if (added === 0 || length === 0) return 0;
  streams.groups.lastId(group, groupId);
  streams.firstId(stream, firstId);
  streams.deletedId(stream, deletedId);
  if (groupId.compare(firstId) < 0 && deletedId.compare(firstId) < 0) return length;
  const read = streams.groups.entriesRead(group);
  if (read !== ENTRIES_READ_UNKNOWN && !hasGapAfter(streams, stream, groupId)) return added - read;
  const estimated = entriesUpTo(streams, stream, groupId);
  return estimated === ENTRIES_READ_UNKNOWN ? undefined : added - estimated;
}
