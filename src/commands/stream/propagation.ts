// propagation: how deliveries to consumers reach the AOF and replicas: as XCLAIM and XGROUP commands that do not depend on time.

import type { ConsumerRef, GroupRef } from '../../datatypes/stream-groups.js';
import type { Streams } from '../../datatypes/stream.js';
import { chunkOf } from '../../memory/layout.js';
import { StreamId } from '../../structures/stream-id.js';
import type { DataCall } from '../engine.js';

const lastId = new StreamId();

/** What is pending under `id` in the group, as the XCLAIM that makes it so. `groups` is at it (see findPending). */
export function propagateClaim(call: DataCall, streams: Streams, keyIndex: number, groupIndex: number, group: GroupRef, id: StreamId): void {
  if (!call.host.propagates) return;
  const { groups } = streams;
  call.host.alsoPropagate(call, [
    'XCLAIM', call.copy(keyIndex), call.copy(groupIndex), nameOf(streams, groups.consumer), '0', id.toString(),
    'TIME', groups.deliveryTime, 'RETRYCOUNT', groups.deliveryCount, 'FORCE', 'JUSTID', 'LASTID', groups.lastId(group, lastId).toString(),
  ]);
}

/** How far the group has read. */
export function propagateGroupId(call: DataCall, streams: Streams, keyIndex: number, groupIndex: number, group: GroupRef): void {
  if (!call.host.propagates) return;
  const { groups } = streams;
  call.host.alsoPropagate(call, [
    'XGROUP', 'SETID', call.copy(keyIndex), call.copy(groupIndex), groups.lastId(group, lastId).toString(),
    'ENTRIESREAD', groups.entriesRead(group),
  ]);
}

export function propagateConsumer(call: DataCall, streams: Streams, keyIndex: number, groupIndex: number, consumer: ConsumerRef): void {
  if (!call.host.propagates) return;
  call.host.alsoPropagate(call, ['XGROUP', 'CREATECONSUMER', call.copy(keyIndex), call.copy(groupIndex), nameOf(streams, consumer)]);
}

function nameOf(streams: Streams, ref: ConsumerRef): Uint8Array {
  const start = streams.groups.nameStart(ref);
  return streams.arena.u8[chunkOf(ref)]!.slice(start, start + streams.groups.nameLength(ref));
}
