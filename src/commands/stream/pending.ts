// pending: XACK and XPENDING: messages that were delivered and not acknowledged.

import { Type } from '../../datatypes/object.js';
import type { ConsumerRef, GroupRef } from '../../datatypes/stream-groups.js';
import type { Streams } from '../../datatypes/stream.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, int, key, many, optional, since, str } from '../../registry/grammar.js';
import { RisingIds } from '../../structures/rising-ids.js';
import { StreamId } from '../../structures/stream-id.js';
import { readTyped, writeTypedCounted, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import {
  findGroup,
  parseEnd,
  parseIds,
  parseStart,
  replyDeliveries,
  replyId,
  replyName,
  replyNoKeyOrGroup,
  streamOf,
  streamsOf,
} from './access.js';

function runAck(call: DataCall): void {
  const entry = writeTypedCounted(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  const streams = streamsOf(call);
  const group = entry === 0 ? (0 as GroupRef) : findGroup(call, streams, streamOf(call, entry), 2);
  if (group === 0) {
    call.reply.integer(0);
    return;
  }
  const ids = parseIds(call, 3, call.count - 1);
  if (ids === undefined) return;
  const { groups } = streams;
  const acknowledged =
    ids.length === 1
      ? Number(groups.removePending(group, ids[0]!))
      : groups.removeEachPending(group, new RisingIds(ids));
  call.host.keyspace.dirty += acknowledged;
  call.reply.integer(acknowledged);
}

export const xack: DataCommand = command({
  name: 'xack',
  since: '5.0.0',
  group: 'stream',
  arity: -4,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), str('group'), many(str('id'))],
  summary: 'Acknowledges entries that were delivered to consumers of a group; returns how many were pending.',
  complexity: 'O(1) per id.',
  run: runAck,
});

/** XPENDING key group: how many, from which id to which, and with whom. */
function replySummary(call: DataCall, streams: Streams, group: GroupRef): void {
  const { groups } = streams;
  const { reply } = call;
  reply.array(4);
  reply.integer(groups.pendingCount(group));
  if (groups.pendingCount(group) === 0) {
    reply.nil();
    reply.nil();
    reply.nilArray();
    return;
  }
  groups.seekPending(group, new StreamId());
  replyId(call, groups.pendingId);
  groups.lastPending(group);
  replyId(call, groups.pendingId);
  const deferred = reply.defer();
  const list = groups.consumers(group);
  let count = 0;
  for (let index = 0; index < groups.listCount(list); index++) {
    const consumer = groups.consumerAt(list, index);
    const pending = groups.consumerPendingCount(consumer);
    if (pending === 0) continue;
    reply.array(2);
    replyName(call, streams, consumer);
    reply.bulkInteger(pending);
    count++;
  }
  reply.settleArray(deferred, count);
}

function runPending(call: DataCall): void {
  const { reply } = call;
  const summary = call.count === 3;
  if (!summary && (call.count < 6 || call.count > 9)) {
    reply.error(errors.syntax);
    return;
  }
  const start = new StreamId();
  const end = new StreamId();
  let first = 3;
  let idleMin = 0;
  let count = 0;
  if (!summary) {
    if (call.is(3, 'idle')) {
      idleMin = call.integer(4);
      if (Number.isNaN(idleMin) || call.count < 8) {
        reply.error(Number.isNaN(idleMin) ? errors.notInteger : errors.syntax);
        return;
      }
      first = 5;
    }
    count = call.integer(first + 2);
    if (Number.isNaN(count)) {
      reply.error(errors.notInteger);
      return;
    }
    if (!parseStart(call, first, start) || !parseEnd(call, first + 1, end)) return;
  }
  const entry = readTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  const streams = streamsOf(call);
  const group = entry === 0 ? (0 as GroupRef) : findGroup(call, streams, streamOf(call, entry), 2);
  if (group === 0) {
    replyNoKeyOrGroup(call, 1, 2);
    return;
  }
  if (summary) {
    replySummary(call, streams, group);
    return;
  }
  let consumer = 0 as ConsumerRef;
  if (first + 3 < call.count) {
    consumer = streams.groups.findConsumer(group, call.bytes, call.starts[first + 3]!, call.lengths[first + 3]!);
    if (consumer === 0) {
      reply.emptyArray();
      return;
    }
  }
  replyRange(call, streams, group, consumer, start, end, count, idleMin);
}

/** Replies with what is pending in the group, or with one consumer of it. */
function replyRange(
  call: DataCall,
  streams: Streams,
  group: GroupRef,
  consumer: ConsumerRef,
  start: StreamId,
  end: StreamId,
  count: number,
  idleMin: number,
): void {
  const { groups } = streams;
  const { reply } = call;
  const { nowMs } = call.host.keyspace;
  const deferred = reply.defer();
  let found = 0;
  let more = true;
  while (
    more &&
    found < count &&
    (consumer === 0 ? groups.seekPending(group, start) : groups.seekConsumerPending(group, consumer, start))
  ) {
    if (groups.pendingId.compare(end) > 0) break;
    start.set(groups.pendingId);
    const idle = nowMs - groups.deliveryTime;
    if (idleMin === 0 || idle >= idleMin) {
      reply.array(4);
      replyId(call, start);
      replyName(call, streams, groups.consumer);
      reply.integer(groups.consumer === 0 ? -1 : Math.max(0, idle));
      replyDeliveries(call, groups.deliveryCount);
      found++;
    }
    more = start.increment();
  }
  reply.settleArray(deferred, found);
}

export const xpending: DataCommand = command({
  name: 'xpending',
  since: '5.0.0',
  group: 'stream',
  arity: -3,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [
    key('key'),
    str('group'),
    optional(
      block(
        'filters',
        since('6.2.0', optional(int('min-idle-time', { token: 'IDLE' }))),
        str('start'),
        str('end'),
        int('count'),
        optional(str('consumer')),
      ),
    ),
  ],
  tips: ['nondeterministic_output'],
  summary:
    'Returns what was delivered to the consumers of a group and not acknowledged: a summary, or the messages one by one.',
  complexity:
    'O(N) where N is how many messages are looked at; the summary takes O(C) where C is the count of consumers.',
  history: [['6.2.0', 'Knows `IDLE` and exclusive ranges.']],
  run: runPending,
});
