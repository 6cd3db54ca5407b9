// propagation: how deliveries to consumers reach the AOF and replicas: as XCLAIM and XGROUP commands that do not depend on time.

import { INT64_MAX } from '../../base/bytes.js';
import { DELIVERIES_MAX, type ConsumerRef, type GroupRef } from '../../datatypes/stream-groups.js';
import type { Streams } from '../../datatypes/stream.js';
import { chunkOf } from '../../memory/layout.js';
import { StreamId } from '../../structures/stream-id.js';
import type { DataCall, Part } from '../engine.js';

const lastId = new StreamId();

/** The pending entry of `id` in the group, as the XCLAIM that creates it. `groups` is at it (see findPending). */
export function propagateClaim(
  call: DataCall,
  streams: Streams,
  keyIndex: number,
  groupIndex: number,
  group: GroupRef,
  id: StreamId,
): void {
  if (!call.host.propagates) return;
  const { groups } = streams;
  call.host.alsoPropagate(call, [
    'XCLAIM',
    call.copy(keyIndex),
    call.copy(groupIndex),
    nameOf(streams, groups.consumer),
    '0',
    id.toString(),
    'TIME',
    groups.deliveryTime,
    'RETRYCOUNT',
    deliveriesPart(groups.deliveryCount),
    'FORCE',
    'JUSTID',
    'LASTID',
    groups.lastId(group, lastId).toString(),
  ]);
}

/** Removes a pending message whose entry is deleted. `groups` is positioned at it. */
export function forgetPending(
  call: DataCall,
  streams: Streams,
  keyIndex: number,
  groupIndex: number,
  group: GroupRef,
  id: StreamId,
): void {
  const { groups } = streams;
  // An XCLAIM of it does the same; of what is with nobody it would make a consumer.
  if (groups.consumer !== 0) propagateClaim(call, streams, keyIndex, groupIndex, group, id);
  else if (call.host.propagates)
    call.host.alsoPropagate(call, ['XACK', call.copy(keyIndex), call.copy(groupIndex), id.toString()]);
  groups.removePending(group, id);
  call.host.keyspace.dirty++;
}

/** How far the group has read. */
export function propagateGroupId(
  call: DataCall,
  streams: Streams,
  keyIndex: number,
  groupIndex: number,
  group: GroupRef,
): void {
  if (!call.host.propagates) return;
  const { groups } = streams;
  call.host.alsoPropagate(call, [
    'XGROUP',
    'SETID',
    call.copy(keyIndex),
    call.copy(groupIndex),
    groups.lastId(group, lastId).toString(),
    'ENTRIESREAD',
    groups.entriesRead(group),
  ]);
}

export function propagateConsumer(
  call: DataCall,
  streams: Streams,
  keyIndex: number,
  groupIndex: number,
  consumer: ConsumerRef,
): void {
  if (!call.host.propagates) return;
  call.host.alsoPropagate(call, [
    'XGROUP',
    'CREATECONSUMER',
    call.copy(keyIndex),
    call.copy(groupIndex),
    nameOf(streams, consumer),
  ]);
}

/** A count of deliveries as an argument. */
export function deliveriesPart(count: number): Part {
  if (count >= DELIVERIES_MAX) return INT64_MAX;
  return count <= Number.MAX_SAFE_INTEGER ? count : BigInt(count);
}

function nameOf(streams: Streams, ref: ConsumerRef): Uint8Array {
  if (ref === 0) return new Uint8Array(0);
  const start = streams.groups.nameStart(ref);
  return streams.arena.u8[chunkOf(ref)]!.slice(start, start + streams.groups.nameLength(ref));
}
