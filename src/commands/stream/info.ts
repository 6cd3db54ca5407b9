// info: XINFO: facts about a stream, its groups and their consumers.

import { Type } from '../../datatypes/object.js';
import { ENTRIES_READ_UNKNOWN, type ConsumerRef, type GroupRef } from '../../datatypes/stream-groups.js';
import { lagOf } from '../../datatypes/stream-progress.js';
import type { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { replyHelp } from '../../registry/help.js';
import { block, int, key, optional, str, token } from '../../registry/grammar.js';
import { StreamId } from '../../structures/stream-id.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import {
  findGroup,
  replyEntries,
  replyEntry,
  replyDeliveries,
  replyId,
  replyName,
  replyNoGroup,
  replySubcommandSyntax,
  streamOf,
  streamsOf,
} from './access.js';

const FULL_COUNT_DEFAULT = 10;
const id = new StreamId();

/** The stream of argument 2; 0 after an error reply. */
function openStream(call: DataCall): StreamRef {
  const entry = readTyped(call, 2, Type.STREAM);
  if (entry === WRONG_TYPE) return 0 as StreamRef;
  if (entry !== 0) return streamOf(call, entry);
  call.reply.error(errors.noSuchKey);
  return 0 as StreamRef;
}

function runStream(call: DataCall): void {
  const stream = openStream(call);
  if (stream === 0) return;
  const streams = streamsOf(call);
  const options = call.count - 3;
  if (options === 0) {
    replyCounters(call, streams, stream, 16);
    replySummary(call, streams, stream);
    return;
  }
  if ((options !== 1 && options !== 3) || !call.is(3, 'full') || (options === 3 && !call.is(4, 'count'))) {
    replySubcommandSyntax(call);
    return;
  }
  let count = options === 3 ? call.integer(5) : FULL_COUNT_DEFAULT;
  if (Number.isNaN(count)) {
    call.reply.error(errors.notInteger);
    return;
  }
  if (count < 0) count = FULL_COUNT_DEFAULT;
  replyCounters(call, streams, stream, 15);
  replyFull(call, streams, stream, count);
}

/** Starts the reply's map of so many pairs and those about producers, and writes the counters that both forms have. */
function replyCounters(call: DataCall, streams: Streams, stream: StreamRef, pairs: number): void {
  const { reply } = call;
  const nodes = streams.indexes.count(streams.nodeIndex(stream));
  const table = streams.idempotency.get(stream);
  reply.map(pairs);
  reply.bulkText('length');
  reply.integer(streams.length(stream));
  reply.bulkText('radix-tree-keys');
  reply.integer(nodes);
  reply.bulkText('radix-tree-nodes');
  reply.integer(nodes + 1);
  reply.bulkText('last-generated-id');
  replyId(call, streams.lastId(stream, id));
  reply.bulkText('max-deleted-entry-id');
  replyId(call, streams.deletedId(stream, id));
  reply.bulkText('entries-added');
  reply.wideInteger(streams.entriesAdded(stream));
  reply.bulkText('recorded-first-entry-id');
  replyId(call, streams.firstId(stream, id));
  table?.forgetAllOld(call.host.keyspace.nowMs);
  const { limits } = call.host;
  const counters = {
    'idmp-duration': table?.durationSeconds ?? limits.streamIdmpDuration,
    'idmp-maxsize': table?.sizeMax ?? limits.streamIdmpMaxsize,
    'pids-tracked': table?.producerCount ?? 0,
    'iids-tracked': table?.nameCount ?? 0,
    'iids-added': table?.added ?? 0,
    'iids-duplicates': table?.duplicates ?? 0,
  };
  for (const [name, value] of Object.entries(counters)) {
    reply.bulkText(name);
    reply.integer(value);
  }
}

function replySummary(call: DataCall, streams: Streams, stream: StreamRef): void {
  const { reply } = call;
  const { reader, groups } = streams;
  reply.bulkText('groups');
  reply.integer(groups.listCount(streams.groupList(stream)));
  for (const backward of [false, true]) {
    reply.bulkText(backward ? 'last-entry' : 'first-entry');
    reader.openAll(stream, backward);
    if (reader.next()) replyEntry(call, streams, reader);
    else reply.nil();
  }
}

function replyFull(call: DataCall, streams: Streams, stream: StreamRef, count: number): void {
  const { reply } = call;
  const { groups } = streams;
  const end = new StreamId();
  end.setMax();
  reply.bulkText('entries');
  replyEntries(call, streams, stream, new StreamId(), end, count, false);
  reply.bulkText('groups');
  const list = streams.groupList(stream);
  reply.array(groups.listCount(list));
  for (let index = 0; index < groups.listCount(list); index++) {
    const group = groups.groupAt(list, index);
    reply.map(8);
    reply.bulkText('name');
    replyName(call, streams, group);
    reply.bulkText('last-delivered-id');
    replyId(call, groups.lastId(group, id));
    replyProgress(call, streams, stream, group);
    reply.bulkText('pel-count');
    reply.integer(groups.pendingCount(group));
    reply.bulkText('pending');
    replyGroupPending(call, streams, group, count);
    reply.bulkText('consumers');
    const consumers = groups.consumers(group);
    reply.array(groups.listCount(consumers));
    for (let place = 0; place < groups.listCount(consumers); place++) {
      replyFullConsumer(call, streams, group, groups.consumerAt(consumers, place), count);
    }
    reply.bulkText('nacked-count');
    reply.integer(groups.releasedCount(group));
  }
}

function replyProgress(call: DataCall, streams: Streams, stream: StreamRef, group: GroupRef): void {
  const { reply } = call;
  const read = streams.groups.entriesRead(group);
  reply.bulkText('entries-read');
  if (read === ENTRIES_READ_UNKNOWN) reply.nil();
  else reply.wideInteger(read);
  reply.bulkText('lag');
  const lag = lagOf(streams, stream, group);
  if (lag === undefined) reply.nil();
  else reply.wideInteger(lag);
}

function replyGroupPending(call: DataCall, streams: Streams, group: GroupRef, count: number): void {
  const { reply } = call;
  const { groups } = streams;
  const deferred = reply.defer();
  const from = new StreamId();
  let found = 0;
  for (let more = true; more && (count === 0 || found < count) && groups.seekPending(group, from); found++) {
    from.set(groups.pendingId);
    reply.array(4);
    replyId(call, from);
    replyName(call, streams, groups.consumer);
    reply.integer(groups.deliveryTime);
    replyDeliveries(call, groups.deliveryCount);
    more = from.increment();
  }
  reply.settleArray(deferred, found);
}

function replyFullConsumer(
  call: DataCall,
  streams: Streams,
  group: GroupRef,
  consumer: ConsumerRef,
  count: number,
): void {
  const { reply } = call;
  const { groups } = streams;
  reply.map(5);
  reply.bulkText('name');
  replyName(call, streams, consumer);
  reply.bulkText('seen-time');
  reply.integer(groups.seenTime(consumer));
  reply.bulkText('active-time');
  reply.integer(groups.activeTime(consumer));
  reply.bulkText('pel-count');
  reply.integer(groups.consumerPendingCount(consumer));
  reply.bulkText('pending');
  const deferred = reply.defer();
  const from = new StreamId();
  let found = 0;
  for (
    let more = true;
    more && (count === 0 || found < count) && groups.seekConsumerPending(group, consumer, from);
    found++
  ) {
    from.set(groups.pendingId);
    reply.array(3);
    replyId(call, from);
    reply.integer(groups.deliveryTime);
    replyDeliveries(call, groups.deliveryCount);
    more = from.increment();
  }
  reply.settleArray(deferred, found);
}

function runGroups(call: DataCall): void {
  const stream = openStream(call);
  if (stream === 0) return;
  const streams = streamsOf(call);
  const { groups } = streams;
  const { reply } = call;
  const list = streams.groupList(stream);
  reply.array(groups.listCount(list));
  for (let index = 0; index < groups.listCount(list); index++) {
    const group = groups.groupAt(list, index);
    reply.map(6);
    reply.bulkText('name');
    replyName(call, streams, group);
    reply.bulkText('consumers');
    reply.integer(groups.listCount(groups.consumers(group)));
    reply.bulkText('pending');
    reply.integer(groups.pendingCount(group));
    reply.bulkText('last-delivered-id');
    replyId(call, groups.lastId(group, id));
    replyProgress(call, streams, stream, group);
  }
}

function runConsumers(call: DataCall): void {
  const stream = openStream(call);
  if (stream === 0) return;
  const streams = streamsOf(call);
  const { groups } = streams;
  const { reply } = call;
  const group = findGroup(call, streams, stream, 3);
  if (group === 0) {
    replyNoGroup(call, 2, 3);
    return;
  }
  const { nowMs } = call.host.keyspace;
  const list = groups.consumers(group);
  reply.array(groups.listCount(list));
  for (let index = 0; index < groups.listCount(list); index++) {
    const consumer = groups.consumerAt(list, index);
    const active = groups.activeTime(consumer);
    reply.map(4);
    reply.bulkText('name');
    replyName(call, streams, consumer);
    reply.bulkText('pending');
    reply.integer(groups.consumerPendingCount(consumer));
    reply.bulkText('idle');
    reply.integer(Math.max(0, nowMs - groups.seenTime(consumer)));
    reply.bulkText('inactive');
    reply.integer(active === -1 ? -1 : nowMs - active);
  }
}

const consumersCommand: DataCommand = command({
  name: 'consumers',
  since: '5.0.0',
  group: 'stream',
  arity: 4,
  flags: ['readonly'],
  keys: [keyAt(2, ['RO', 'access'])],
  args: [key('key'), str('group')],
  tips: ['nondeterministic_output'],
  summary: 'Lists the consumers of a group.',
  complexity: 'O(N) where N is the count of consumers.',
  history: [['7.2.0', 'Tells since when a consumer has got nothing, in `inactive`.']],
  run: runConsumers,
});

const groupsCommand: DataCommand = command({
  name: 'groups',
  since: '5.0.0',
  group: 'stream',
  arity: 3,
  flags: ['readonly'],
  keys: [keyAt(2, ['RO', 'access'])],
  args: [key('key')],
  summary: 'Lists the groups of a stream.',
  complexity: 'O(N) where N is the count of groups.',
  history: [['7.0.0', 'Tells `entries-read` and `lag`.']],
  run: runGroups,
});

const streamCommand: DataCommand = command({
  name: 'stream',
  since: '5.0.0',
  group: 'stream',
  arity: -3,
  flags: ['readonly'],
  keys: [keyAt(2, ['RO', 'access'])],
  args: [key('key'), optional(block('full-block', token('FULL'), optional(int('count', { token: 'COUNT' }))))],
  summary: 'Returns the counters of a stream, and with FULL its entries and groups.',
  complexity: 'O(1), with FULL O(N) where N is how much is listed.',
  history: [
    ['6.0.0', 'Knows `FULL`.'],
    ['7.0.0', 'Tells `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.'],
    ['8.6.0', 'Tells what is remembered of producers: `idmp-duration` and others.'],
    ['7.2.0', 'Tells `active-time` of consumers; `seen-time` is when a consumer was seen last.'],
  ],
  run: runStream,
});

const help: DataCommand = command({
  name: 'help',
  since: '5.0.0',
  group: 'stream',
  arity: 2,
  flags: ['loading', 'stale'],
  summary: 'Returns what subcommands there are.',
  complexity: 'O(1)',
  run: (call) =>
    replyHelp(call, 'XINFO', [
      ['CONSUMERS <key> <groupname>', 'List the consumers of the group.'],
      ['GROUPS <key>', 'List the groups of the stream.'],
      ['STREAM <key> [FULL [COUNT <count>]', 'Show what there is to know about the stream.'],
    ]),
});

export const xinfo: DataCommand = command({
  name: 'xinfo',
  since: '5.0.0',
  group: 'stream',
  arity: -2,
  flags: [],
  summary: 'Commands that tell about streams.',
  complexity: 'Depends on the subcommand.',
  subcommands: [consumersCommand, groupsCommand, help, streamCommand],
});
