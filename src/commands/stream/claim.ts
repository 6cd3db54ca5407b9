// claim: XCLAIM and XAUTOCLAIM: giving pending messages of one consumer to another.
//
// Both are propagated as one XCLAIM per message that fixes the time and the count of deliveries.

import { Type } from '../../datatypes/object.js';
import type { ConsumerRef, GroupRef } from '../../datatypes/stream-groups.js';
import type { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, many, optional, str, token, unixTime } from '../../registry/grammar.js';
import { StreamId } from '../../structures/stream-id.js';
import { writeTypedCounted, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import {
  findGroup,
  IdForm,
  parseId,
  parseStart,
  readId,
  replyEntry,
  replyId,
  replyNoKeyOrGroup,
  streamOf,
  streamsOf,
} from './access.js';
import { forgetPending, propagateClaim, propagateGroupId } from './propagation.js';
import { findOrAddConsumer } from './read.js';

interface ClaimOptions {
  readonly ids: StreamId[];
  /** Time of the delivery, -1: now. */
  timeMs: number;
  /** Count of deliveries, -1: one more. */
  count: number;
  force: boolean;
  justId: boolean;
  readonly lastId: StreamId;
}

/** Reads the ids and options of XCLAIM; undefined after an error reply. */
function parseClaim(call: DataCall): ClaimOptions | undefined {
  const options: ClaimOptions = { ids: [], timeMs: -1, count: -1, force: false, justId: false, lastId: new StreamId() };
  let index = 5;
  for (; index < call.count; index++) {
    const id = new StreamId();
    if (readId(call, call.starts[index]!, call.lengths[index]!, id, false, true) === IdForm.INVALID) break;
    options.ids.push(id);
  }
  for (; index < call.count; index++) {
    const more = index + 1 < call.count;
    if (call.is(index, 'force')) {
      options.force = true;
    } else if (call.is(index, 'justid')) {
      options.justId = true;
    } else if (more && call.is(index, 'lastid')) {
      if (!parseId(call, ++index, options.lastId)) return undefined;
    } else if (more && (call.is(index, 'idle') || call.is(index, 'time') || call.is(index, 'retrycount'))) {
      const name = call.text(index).toUpperCase();
      const value = call.integer(++index);
      if (Number.isNaN(value)) {
        call.reply.error(`ERR Invalid ${name} option argument for XCLAIM`);
        return undefined;
      }
      if (name === 'IDLE') options.timeMs = call.host.keyspace.nowMs - value;
      else if (name === 'TIME') options.timeMs = value;
      else options.count = value;
    } else {
      call.reply.error(`ERR Unrecognized XCLAIM option '${call.shown(index)}'`);
      return undefined;
    }
  }
  return options;
}

const groupLast = new StreamId();

function runClaim(call: DataCall): void {
  const { reply } = call;
  const entry = writeTypedCounted(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  const streams = streamsOf(call);
  const { groups, reader } = streams;
  const stream = entry === 0 ? (0 as StreamRef) : streamOf(call, entry);
  const group = entry === 0 ? (0 as GroupRef) : findGroup(call, streams, stream, 2);
  if (group === 0) {
    replyNoKeyOrGroup(call, 1, 2);
    return;
  }
  const idleMin = call.integer(4);
  if (Number.isNaN(idleMin)) {
    reply.error('ERR Invalid min-idle-time argument for XCLAIM');
    return;
  }
  const options = parseClaim(call);
  if (options === undefined) return;
  const { nowMs } = call.host.keyspace;
  let tellsLastId = options.lastId.compare(groups.lastId(group, groupLast)) > 0;
  if (tellsLastId) groups.setLastId(group, options.lastId);
  const timeMs = options.timeMs === -1 || options.timeMs < 0 || options.timeMs > nowMs ? nowMs : options.timeMs;
  const consumer = findOrAddConsumer(call, streams, group, 1, 3, 0);
  groups.setSeenTime(consumer, nowMs);
  call.host.preventPropagation(call);
  const deferred = reply.defer();
  let claimed = 0;
  for (const id of options.ids) {
    const pending = groups.findPending(group, id);
    reader.open(stream, id, id, false);
    if (!reader.next()) {
      if (!pending) continue;
      forgetPending(call, streams, 1, 2, group, id);
      tellsLastId = false;
      continue;
    }
    if (!pending && !options.force) continue;
    if (pending && idleMin > 0 && nowMs - groups.deliveryTime < idleMin) continue;
    // A message that FORCE creates has been delivered once already.
    const before = pending ? groups.deliveryCount : 1;
    groups.setPending(
      group,
      id,
      consumer,
      timeMs,
      options.count >= 0 ? options.count : before + (options.justId ? 0 : 1),
    );
    if (options.justId) replyId(call, id);
    else replyEntry(call, streams, reader);
    claimed++;
    afterClaim(call, streams, group, consumer, id);
    tellsLastId = false;
  }
  if (tellsLastId) {
    propagateGroupId(call, streams, 1, 2, group);
    call.host.keyspace.dirty++;
  }
  reply.settleArray(deferred, claimed);
}

function afterClaim(call: DataCall, streams: Streams, group: GroupRef, consumer: ConsumerRef, id: StreamId): void {
  const { groups } = streams;
  groups.setActiveTime(consumer, call.host.keyspace.nowMs);
  if (call.host.propagates && groups.findPending(group, id)) propagateClaim(call, streams, 1, 2, group, id);
  call.host.keyspace.dirty++;
}

export const xclaim: DataCommand = command({
  name: 'xclaim',
  since: '5.0.0',
  group: 'stream',
  arity: -6,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [
    key('key'),
    str('group'),
    str('consumer'),
    str('min-idle-time'),
    many(str('id')),
    optional(int('ms', { token: 'IDLE' })),
    optional(unixTime('unix-time-milliseconds', { token: 'TIME' })),
    optional(int('count', { token: 'RETRYCOUNT' })),
    optional(token('FORCE')),
    optional(token('JUSTID')),
    optional(str('lastid', { token: 'LASTID' })),
  ],
  tips: ['nondeterministic_output'],
  summary: 'Gives pending messages to another consumer of the group, by their ids.',
  complexity: 'O(log N) per id where N is how many messages are pending in the group.',
  run: runClaim,
});

const ATTEMPTS_PER_CLAIM = 10;
const CLAIM_COUNT_DEFAULT = 100;
/** The number of ids that Redis can allocate. */
const CLAIM_COUNT_MAX = Math.floor(2 ** 63 / 16);

function runAutoClaim(call: DataCall): void {
  const { reply } = call;
  const idleMin = call.integer(4);
  if (Number.isNaN(idleMin)) {
    reply.error('ERR Invalid min-idle-time argument for XAUTOCLAIM');
    return;
  }
  const next = new StreamId();
  if (!parseStart(call, 5, next)) return;
  let count = CLAIM_COUNT_DEFAULT;
  let justId = false;
  for (let index = 6; index < call.count; index++) {
    if (call.is(index, 'count') && index + 1 < call.count) {
      count = call.integer(++index);
      if (!(count >= 1 && count < CLAIM_COUNT_MAX)) {
        reply.error(errors.countNotPositive);
        return;
      }
    } else if (call.is(index, 'justid')) {
      justId = true;
    } else {
      reply.error(errors.syntax);
      return;
    }
  }
  const entry = writeTypedCounted(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  const streams = streamsOf(call);
  const stream = entry === 0 ? (0 as StreamRef) : streamOf(call, entry);
  const group = entry === 0 ? (0 as GroupRef) : findGroup(call, streams, stream, 2);
  if (group === 0) {
    replyNoKeyOrGroup(call, 1, 2);
    return;
  }
  claimIdle(call, streams, stream, group, next, Math.max(0, idleMin), count, justId);
}

/** Claims what is idle from the id `next` on; replies with where to go on, what was claimed, and what had been deleted. */
function claimIdle(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  group: GroupRef,
  next: StreamId,
  idleMin: number,
  countMax: number,
  justId: boolean,
): void {
  const { groups, reader } = streams;
  const { reply } = call;
  const { nowMs } = call.host.keyspace;
  const consumer = findOrAddConsumer(call, streams, group, 1, 3, 0);
  groups.setSeenTime(consumer, nowMs);
  call.host.preventPropagation(call);
  const claimed: StreamId[] = [];
  const deleted: StreamId[] = [];
  let more = true;
  let left = countMax;
  for (
    let attempts = countMax * ATTEMPTS_PER_CLAIM;
    attempts > 0 && left > 0 && more && groups.seekPending(group, next);
    attempts--
  ) {
    const id = new StreamId();
    id.set(groups.pendingId);
    next.set(id);
    more = next.increment();
    if (!streams.has(stream, id)) {
      forgetPending(call, streams, 1, 2, group, id);
      deleted.push(id);
      left--;
    } else if (idleMin === 0 || nowMs - groups.deliveryTime >= idleMin) {
      groups.setPending(group, id, consumer, nowMs, groups.deliveryCount + (justId ? 0 : 1));
      afterClaim(call, streams, group, consumer, id);
      claimed.push(id);
      left--;
    }
  }
  if (more && groups.seekPending(group, next)) next.set(groups.pendingId);
  else next.setMin();
  reply.array(3);
  replyId(call, next);
  reply.array(claimed.length);
  for (const id of claimed) {
    if (justId) {
      replyId(call, id);
    } else {
      reader.open(stream, id, id, false);
      reader.next();
      replyEntry(call, streams, reader);
    }
  }
  reply.array(deleted.length);
  for (const id of deleted) replyId(call, id);
}

export const xautoclaim: DataCommand = command({
  name: 'xautoclaim',
  since: '6.2.0',
  group: 'stream',
  arity: -6,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [
    key('key'),
    str('group'),
    str('consumer'),
    str('min-idle-time'),
    str('start'),
    optional(int('count', { token: 'COUNT' })),
    optional(token('JUSTID')),
  ],
  tips: ['nondeterministic_output'],
  summary: 'Gives pending messages that are idle for long to another consumer of the group, some at a time.',
  complexity: 'O(N) where N is how many messages are looked at, at most ten times COUNT.',
  history: [['7.0.0', 'Returns a third element: the ids whose entries are deleted, which are pending no more.']],
  run: runAutoClaim,
});
