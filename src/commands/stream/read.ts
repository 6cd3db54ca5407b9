// read: XREAD and XREADGROUP: new entries of several streams, or the wait for some.
//
// XREADGROUP changes the group: delivered messages move the group's last id and become pending with the consumer. It is
// propagated as the XCLAIM and XGROUP commands that have the same effect. A waiting XREAD is run again with the ids that `$` stood for.
//
// With CLAIM a consumer first gets messages that others got long ago and have not acknowledged, and each entry says how
// long it was idle and how often it was delivered (new ones: 0 and 0); who waits is run again when the next message has
// been idle for long enough. MAXCOUNT and MAXSIZE bound the reply over all streams.

import { Type } from '../../datatypes/object.js';
import type { ConsumerRef, GroupRef } from '../../datatypes/stream-groups.js';
import { advanceGroup } from '../../datatypes/stream-progress.js';
import type { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, type KeySpec } from '../../registry/command.js';
import { block, int, key, many, optional, str, token } from '../../registry/grammar.js';
import { StreamId } from '../../structures/stream-id.js';
import { notify, readTyped, writeTypedCounted, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand, Part } from '../engine.js';
import { parseTimeoutMs } from '../timeout.js';
import {
  findGroup,
  parseId,
  replyDeliveries,
  replyEntry,
  replyId,
  replyNoKeyOrGroup,
  streamOf,
  streamsOf,
} from './access.js';
import { forgetPending, propagateClaim, propagateConsumer, propagateGroupId } from './propagation.js';

interface ReadRequest {
  /** -1: do not wait. */
  timeoutMs: number;
  /** Entries per stream, 0 for all. */
  count: number;
  /** Entries in all, Infinity for any number. */
  countMax: number;
  /** Bytes of the reply; the entry that reaches them is the last. */
  bytesMax: number;
  noAck: boolean;
  /** XREADGROUP: pending messages that are idle for so long are wanted too; -1: none. */
  claimIdleMs: number;
  /** Argument index of the group's name, 0 for none; the consumer's follows. */
  groupIndex: number;
  /** Arguments `first` to `first + streams - 1` are keys, the ids follow. */
  first: number;
  streams: number;
}

/** The request for one of the streams. */
interface Wanted {
  /** Entries above this id; not looked at with `onlyNew`. */
  readonly after: StreamId;
  /** XREADGROUP's `>`: what no consumer has got. */
  onlyNew: boolean;
}

const maxId = new StreamId();
maxId.setMax();

/** Reads the words before the keys; undefined after an error reply. */
function parseRead(call: DataCall, grouped: boolean): ReadRequest | undefined {
  const request: ReadRequest = {
    timeoutMs: -1,
    count: 0,
    countMax: Infinity,
    bytesMax: Infinity,
    noAck: false,
    claimIdleMs: -1,
    groupIndex: 0,
    first: 0,
    streams: 0,
  };
  for (let index = 1; index < call.count && request.first === 0; index++) {
    index = readOption(call, index, grouped, request);
    if (index < 0) return undefined;
  }
  const { reply } = call;
  if (request.first === 0) {
    reply.error(errors.syntax);
    return undefined;
  }
  if (request.count > request.countMax) {
    reply.error('ERR MAXCOUNT must be greater than or equal to COUNT');
    return undefined;
  }
  if (grouped && request.groupIndex === 0) {
    reply.error('ERR Missing GROUP option for XREADGROUP');
    return undefined;
  }
  return request;
}

/** Reads the option at argument `index` into the request; the index of its last word, or -1 after an error reply. */
function readOption(call: DataCall, index: number, grouped: boolean, request: ReadRequest): number {
  const more = call.count - 1 - index;
  if (more > 0) {
    const value = index + 1;
    if (call.is(index, 'block')) {
      request.timeoutMs = parseTimeoutMs(call, value);
      return request.timeoutMs < 0 ? -1 : value;
    }
    if (call.is(index, 'count')) {
      const count = call.integer(value);
      if (Number.isNaN(count)) return refused(call, errors.notInteger);
      request.count = Math.max(0, count);
      return value;
    }
    if (call.is(index, 'maxcount') || call.is(index, 'maxsize')) return readLimit(call, index, request);
    if (call.is(index, 'claim')) {
      if (!grouped) return refused(call, onlyGrouped('CLAIM'));
      const idle = call.integer(value);
      if (Number.isNaN(idle)) return refused(call, 'ERR Invalid min-idle-time argument for XREADGROUP');
      request.claimIdleMs = Math.max(0, idle);
      return value;
    }
    if (call.is(index, 'streams')) return readKeys(call, index, grouped, request);
  }
  if (more >= 2 && call.is(index, 'group')) {
    if (!grouped) return refused(call, onlyGrouped('GROUP'));
    request.groupIndex = index + 1;
    return index + 2;
  }
  if (!call.is(index, 'noack')) return refused(call, errors.syntax);
  if (!grouped) return refused(call, onlyGrouped('NOACK'));
  request.noAck = true;
  return index;
}

function refused(call: DataCall, text: string): number {
  call.reply.error(text);
  return -1;
}

function onlyGrouped(option: string): string {
  return `ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`;
}

function readLimit(call: DataCall, index: number, request: ReadRequest): number {
  const name = call.text(index).toUpperCase();
  const limit = call.integer(index + 1);
  if (!(limit >= 1)) return refused(call, `ERR ${name} must be a positive integer`);
  if (name === 'MAXCOUNT') request.countMax = limit;
  else request.bytesMax = limit;
  return index + 1;
}

/** STREAMS: the rest are keys and as many ids. */
function readKeys(call: DataCall, index: number, grouped: boolean, request: ReadRequest): number {
  const words = call.count - 1 - index;
  if (words % 2 !== 0) {
    const symbol = grouped ? "ID or '>'" : "ID, '+', or '$'";
    return refused(
      call,
      `ERR Unbalanced '${call.command.fullName}' list of streams: for each stream key an ${symbol} must be specified.`,
    );
  }
  request.first = index + 1;
  request.streams = words / 2;
  return index;
}

/** Reads the ids and looks whether keys and groups are what they should be; undefined after an error reply. */
function parseWanted(call: DataCall, streams: Streams, request: ReadRequest): Wanted[] | undefined {
  const wanted: Wanted[] = [];
  for (let keyIndex = request.first; keyIndex < request.first + request.streams; keyIndex++) {
    const idIndex = keyIndex + request.streams;
    const entry =
      request.groupIndex === 0
        ? readTyped(call, keyIndex, Type.STREAM)
        : writeTypedCounted(call, keyIndex, Type.STREAM);
    if (entry === WRONG_TYPE) return undefined;
    const stream = entry === 0 ? (0 as StreamRef) : streamOf(call, entry);
    if (request.groupIndex !== 0 && (entry === 0 || findGroup(call, streams, stream, request.groupIndex) === 0)) {
      replyNoKeyOrGroup(call, keyIndex, request.groupIndex, ' in XREADGROUP with GROUP option');
      return undefined;
    }
    const one: Wanted = { after: new StreamId(), onlyNew: false };
    if (!parseWantedId(call, streams, stream, idIndex, request.groupIndex !== 0, one)) return undefined;
    wanted.push(one);
  }
  return wanted;
}

function parseWantedId(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  index: number,
  grouped: boolean,
  wanted: Wanted,
): boolean {
  const symbol = call.lengths[index] === 1 ? String.fromCharCode(call.bytes[call.starts[index]!]!) : '';
  if (symbol === '>') {
    wanted.onlyNew = true;
    if (grouped) return true;
    call.reply.error(
      'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
    );
    return false;
  }
  if (symbol !== '$' && symbol !== '+') {
    // In Redis the highest id is what stands for `>` inside, and so means the same.
    const parsed = parseId(call, index, wanted.after);
    wanted.onlyNew = grouped && wanted.after.isMax;
    return parsed;
  }
  if (grouped) {
    call.reply.error(
      `ERR The ${symbol} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The ${symbol} ID would just return an empty result set.`,
    );
    return false;
  }
  if (stream === 0) return true;
  if (symbol === '$') streams.lastId(stream, wanted.after);
  // The last entry itself is wanted, if there is one.
  else if (streams.length(stream) > 0) streams.lastLiveId(stream, wanted.after).decrement();
  else streams.lastId(stream, wanted.after);
  return true;
}

function runRead(call: DataCall, grouped: boolean): void {
  const request = parseRead(call, grouped);
  if (request === undefined) return;
  const streams = streamsOf(call);
  const wanted = parseWanted(call, streams, request);
  if (wanted === undefined) return;
  if (grouped) call.host.preventPropagation(call);
  const { reply } = call;
  const deferred = reply.defer();
  let served = 0;
  budget.begin(call, request);
  for (let place = 0; place < request.streams && budget.hasRoom(call); place++) {
    const keyIndex = request.first + place;
    // Counted a second time, as Redis does: once for the id, once for the entries.
    const entry = call.db.lookupRead(call.bytes, call.starts[keyIndex]!, call.lengths[keyIndex]!);
    if (entry === 0) continue;
    const stream = streamOf(call, entry);
    if (
      grouped
        ? serveGroup(call, streams, stream, request, keyIndex, wanted[place]!)
        : serve(call, streams, stream, request, keyIndex, wanted[place]!)
    ) {
      served++;
    }
  }
  if (served > 0) {
    if (reply.protocol === 3) reply.settleMap(deferred, served);
    else reply.settleArray(deferred, served);
  } else if (request.timeoutMs < 0 || call.denyBlocking) {
    reply.nilArray();
  } else {
    waitForStreams(call, streams, request, wanted, grouped);
  }
}

function waitForStreams(
  call: DataCall,
  streams: Streams,
  request: ReadRequest,
  wanted: readonly Wanted[],
  grouped: boolean,
): void {
  const args: Part[] = [];
  for (let index = 0; index < call.count; index++) args.push(call.copy(index));
  const firstId = request.first + request.streams;
  for (let place = 0; place < request.streams; place++) {
    const text = call.text(firstId + place);
    if (text === '$') args[firstId + place] = wanted[place]!.after.toString();
  }
  const retryAtMs = request.claimIdleMs < 0 ? Infinity : nextIdleMs(call, streams, request, wanted);
  call.host.block(call, {
    ...(retryAtMs < Infinity ? { retryAtMs } : {}),
    keys: Array.from({ length: request.streams }, (_, place) => request.first + place),
    timeoutMs: request.timeoutMs,
    onTimeout: (reply) => reply.nilArray(),
    args,
    onlyType: Type.STREAM,
    wakesOnDelete: grouped,
  });
}

/** When the next pending message of any of the streams has been idle for long enough. */
function nextIdleMs(call: DataCall, streams: Streams, request: ReadRequest, wanted: readonly Wanted[]): number {
  const { groups } = streams;
  let next = Infinity;
  for (let place = 0; place < request.streams; place++) {
    const keyIndex = request.first + place;
    const entry = call.db.peek(call.bytes, call.starts[keyIndex]!, call.lengths[keyIndex]!);
    if (entry === 0 || !wanted[place]!.onlyNew) continue;
    const group = findGroup(call, streams, streamOf(call, entry), request.groupIndex);
    if (group !== 0 && groups.firstInOrder(group)) next = Math.min(next, groups.deliveryTime + request.claimIdleMs);
  }
  return next;
}

/** The rest of MAXCOUNT and MAXSIZE for the reply of the running command. */
class Budget {
  private countLeft = 0;
  private bytesEnd = 0;
  private isFirst = true;

  begin(call: DataCall, request: ReadRequest): void {
    this.countLeft = request.countMax;
    this.bytesEnd = call.reply.pendingBytes + request.bytesMax;
    this.isFirst = true;
  }

  /** Whether one more entry may be replied with; the first always may. */
  hasRoom(call: DataCall): boolean {
    return this.isFirst || (this.countLeft > 0 && call.reply.pendingBytes < this.bytesEnd);
  }

  /** How many entries there is room for, if COUNT allows so many (0: any number). */
  countOf(request: ReadRequest): number {
    return request.count === 0 ? this.countLeft : Math.min(request.count, this.countLeft);
  }

  spend(): void {
    this.isFirst = false;
    this.countLeft--;
  }
}

const budget = new Budget();

/** The head of what is served from one stream. */
function replyStreamName(call: DataCall, keyIndex: number): void {
  if (call.reply.protocol === 2) call.reply.array(2);
  call.replyArgument(keyIndex);
}

const lastLive = new StreamId();
const from = new StreamId();
const groupLast = new StreamId();

/** XREAD of one stream; whether there was anything. */
function serve(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  request: ReadRequest,
  keyIndex: number,
  wanted: Wanted,
): boolean {
  if (streams.length(stream) === 0 || streams.lastLiveId(stream, lastLive).compare(wanted.after) <= 0) return false;
  replyStreamName(call, keyIndex);
  from.set(wanted.after);
  from.increment();
  replyNew(call, streams, stream, request.count);
  return true;
}

function replyNew(call: DataCall, streams: Streams, stream: StreamRef, count: number): void {
  const { reader } = streams;
  const deferred = call.reply.defer();
  let entries = 0;
  reader.open(stream, from, maxId, false);
  while ((count === 0 || entries < count) && budget.hasRoom(call) && reader.next()) {
    replyEntry(call, streams, reader);
    budget.spend();
    entries++;
  }
  call.reply.settleArray(deferred, entries);
}

/** XREADGROUP of one stream; whether there was anything to reply with. */
function serveGroup(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  request: ReadRequest,
  keyIndex: number,
  wanted: Wanted,
): boolean {
  const { groups } = streams;
  const { groupIndex } = request;
  const group = findGroup(call, streams, stream, groupIndex);
  const { nowMs } = call.host.keyspace;
  const idle =
    wanted.onlyNew && request.claimIdleMs >= 0 ? idleMessages(call, streams, stream, request, keyIndex, group) : NONE;
  const serves = !wanted.onlyNew || idle.length > 0 || hasNew(streams, stream, group);
  const consumer = findOrAddConsumer(call, streams, group, keyIndex, groupIndex + 1, request.noAck ? groupIndex : 0);
  groups.setSeenTime(consumer, nowMs);
  if (!serves) return false;
  replyStreamName(call, keyIndex);
  if (wanted.onlyNew) deliver(call, streams, stream, group, consumer, request, keyIndex, idle);
  else replyHistory(call, streams, stream, group, consumer, wanted.after, request.count);
  return true;
}

const NONE: readonly StreamId[] = [];

/**
 * The pending messages to be claimed, idle for longest first; those whose entries are deleted are no longer pending.
 */
function idleMessages(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  request: ReadRequest,
  keyIndex: number,
  group: GroupRef,
): StreamId[] {
  const { groups } = streams;
  const count = budget.countOf(request);
  const latestMs = Math.max(0, call.host.keyspace.nowMs - request.claimIdleMs);
  // When all that COUNT allows are deleted, there may be others after them.
  for (;;) {
    let forgotten = 0;
    const ids = groups.idleSince(group, latestMs, count === Infinity ? 0 : count).filter((id) => {
      if (streams.has(stream, id)) return true;
      if (groups.findPending(group, id)) {
        forgetPending(call, streams, keyIndex, request.groupIndex, group, id);
        forgotten++;
      }
      return false;
    });
    if (ids.length > 0 || forgotten === 0) return ids;
  }
}

function hasNew(streams: Streams, stream: StreamRef, group: GroupRef): boolean {
  if (streams.length(stream) === 0) return false;
  return streams.lastLiveId(stream, lastLive).compare(streams.groups.lastId(group, groupLast)) > 0;
}

/** The consumer of argument `nameIndex`, made if it is missing; its making is propagated if `groupIndex` is not 0. */
export function findOrAddConsumer(
  call: DataCall,
  streams: Streams,
  group: GroupRef,
  keyIndex: number,
  nameIndex: number,
  groupIndex: number,
): ConsumerRef {
  const { groups } = streams;
  const found = groups.findConsumer(group, call.bytes, call.starts[nameIndex]!, call.lengths[nameIndex]!);
  if (found !== 0) return found;
  const consumer = groups.addConsumer(
    group,
    call.bytes,
    call.starts[nameIndex]!,
    call.lengths[nameIndex]!,
    call.host.keyspace.nowMs,
  );
  call.host.keyspace.dirty++;
  notify(call, EventClass.STREAM, 'xgroup-createconsumer', keyIndex);
  if (groupIndex !== 0) propagateConsumer(call, streams, keyIndex, groupIndex, consumer);
  return consumer;
}

/** Replies with idle messages, how long they were idle and how often delivered, and gives them to this consumer; returns how many. */
function claim(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  group: GroupRef,
  consumer: ConsumerRef,
  request: ReadRequest,
  keyIndex: number,
  idle: readonly StreamId[],
): number {
  const { groups, reader } = streams;
  const { nowMs } = call.host.keyspace;
  let claimed = 0;
  for (const id of idle) {
    if (!budget.hasRoom(call)) break;
    reader.open(stream, id, id, false);
    if (!reader.next() || !groups.findPending(group, id)) continue;
    replyEntry(call, streams, reader, 4);
    call.reply.integer(groups.consumer === 0 ? -1 : Math.max(0, nowMs - groups.deliveryTime));
    replyDeliveries(call, groups.deliveryCount);
    budget.spend();
    claimed++;
    groups.setPending(group, id, consumer, nowMs, groups.deliveryCount + 1);
    groups.setActiveTime(consumer, nowMs);
    call.host.keyspace.dirty++;
    if (call.host.propagates && groups.findPending(group, id))
      propagateClaim(call, streams, keyIndex, request.groupIndex, group, id);
  }
  return claimed;
}

/** Replies with idle messages, then with entries that no consumer has got, and gives them to this one. */
function deliver(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  group: GroupRef,
  consumer: ConsumerRef,
  request: ReadRequest,
  keyIndex: number,
  idle: readonly StreamId[],
): void {
  const { groups, reader } = streams;
  const { nowMs } = call.host.keyspace;
  const deferred = call.reply.defer();
  const claimed = idle.length === 0 ? 0 : claim(call, streams, stream, group, consumer, request, keyIndex, idle);
  let entries = claimed;
  groups.lastId(group, from).increment();
  reader.open(stream, from, maxId, false);
  while ((request.count === 0 || entries < request.count) && budget.hasRoom(call) && reader.next()) {
    advanceGroup(streams, stream, group, reader.id);
    if (request.claimIdleMs < 0) {
      replyEntry(call, streams, reader);
    } else {
      replyEntry(call, streams, reader, 4);
      call.reply.integer(0);
      replyDeliveries(call, 0);
    }
    budget.spend();
    entries++;
    if (request.noAck) continue;
    groups.setPending(group, reader.id, consumer, nowMs, 1);
    groups.setActiveTime(consumer, nowMs);
    if (call.host.propagates && groups.findPending(group, reader.id))
      propagateClaim(call, streams, keyIndex, request.groupIndex, group, reader.id);
  }
  call.reply.settleArray(deferred, entries);
  if (entries === claimed && claimed > 0) return;
  propagateGroupId(call, streams, keyIndex, request.groupIndex, group);
  call.host.keyspace.dirty++;
}

/** Replies with what the consumer has got and not acknowledged; a deleted entry is an id without fields. */
function replyHistory(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  group: GroupRef,
  consumer: ConsumerRef,
  after: StreamId,
  count: number,
): void {
  const { groups, reader } = streams;
  const { reply } = call;
  const deferred = reply.defer();
  from.set(after);
  let more = from.increment();
  let entries = 0;
  while (
    more &&
    (count === 0 || entries < count) &&
    budget.hasRoom(call) &&
    groups.seekConsumerPending(group, consumer, from)
  ) {
    from.set(groups.pendingId);
    reader.open(stream, from, from, false);
    if (reader.next()) {
      replyEntry(call, streams, reader);
      groups.setPending(group, from, consumer, call.host.keyspace.nowMs, groups.deliveryCount + 1);
    } else {
      reply.array(2);
      replyId(call, from);
      reply.nilArray();
    }
    budget.spend();
    entries++;
    more = from.increment();
  }
  reply.settleArray(deferred, entries);
}

/** Keys after the word STREAMS: the first half of what follows. */
function streamKeys(startFrom: number): KeySpec {
  return { flags: ['RO', 'access'], begin: { keyword: 'STREAMS', startFrom }, find: { last: -1, step: 1, limit: 2 } };
}

const valueOptions = ['block', 'count', 'maxcount', 'maxsize', 'claim'];

/** The keys as the command itself finds them: the specification's word may also be the name of a group, a consumer or a key. */
function findStreamKeys(call: DataCall): number[] {
  for (let index = 1; index < call.count; index++) {
    if (call.is(index, 'streams'))
      return Array.from({ length: (call.count - 1 - index) >>> 1 }, (_, place) => index + 1 + place);
    if (call.is(index, 'group')) index += 2;
    else if (valueOptions.some((word) => call.is(index, word))) index++;
  }
  return [];
}

const streamsArgument = block('streams', many(key('key')), many(str('id')));

const limitArguments = [
  optional(int('maxcount', { token: 'MAXCOUNT', since: '8.10.0' })),
  optional(int('maxsize', { token: 'MAXSIZE', since: '8.10.0' })),
];

export const xread: DataCommand = command({
  name: 'xread',
  since: '5.0.0',
  group: 'stream',
  arity: -4,
  flags: ['readonly', 'blocking'],
  keys: [streamKeys(1)],
  findKeys: findStreamKeys,
  args: [
    optional(int('count', { token: 'COUNT' })),
    ...limitArguments,
    optional(int('milliseconds', { token: 'BLOCK' })),
    { ...streamsArgument, token: 'STREAMS' },
  ],
  summary: 'Returns the entries of several streams above given ids, and waits while there are none if told so.',
  complexity: 'O(N) per stream where N is how many entries are returned.',
  history: [['8.10.0', 'Added the `MAXCOUNT` and `MAXSIZE` options.']],
  run: (call) => runRead(call, false),
});

export const xreadgroup: DataCommand = command({
  name: 'xreadgroup',
  since: '5.0.0',
  group: 'stream',
  arity: -7,
  flags: ['write', 'blocking'],
  keys: [streamKeys(4)],
  findKeys: findStreamKeys,
  args: [
    { ...block('group-block', str('group'), str('consumer')), token: 'GROUP' },
    optional(int('count', { token: 'COUNT' })),
    ...limitArguments,
    optional(int('milliseconds', { token: 'BLOCK' })),
    optional(int('min-idle-time', { token: 'CLAIM', since: '8.4.0' })),
    optional(token('NOACK')),
    { ...streamsArgument, token: 'STREAMS' },
  ],
  summary: 'Gives a consumer the entries that its group has not read yet, or returns those it has not acknowledged.',
  complexity: 'O(N) per stream where N is how many entries are returned.',
  history: [
    ['8.4.0', 'Added the `CLAIM` option.'],
    ['8.10.0', 'Added the `MAXCOUNT` and `MAXSIZE` options.'],
  ],
  run: (call) => runRead(call, true),
});
