// add: XADD and XTRIM: adding entries, and cutting a stream from the front.
//
// Both are propagated with their result: the new id, and the length or id that an approximate trim left.

import { latin1, latin1Bytes } from '../../base/bytes.js';
import { sha1Hex } from '../../base/sha1.js';
import { Type } from '../../datatypes/object.js';
import { ReferencePolicy, trimReferenced } from '../../datatypes/stream-references.js';
import type { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { EventClass } from '../../keyspace/events.js';
import { wrongArity } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, key, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { StreamId } from '../../structures/stream-id.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand, Part } from '../engine.js';
import { addStream, replyId, streamOf, streamsOf } from './access.js';
import { producersOf } from './idempotency.js';
import { parseStreamOptions, policyArgument, trimArgument, type StreamOptions } from './trim-options.js';

const ENTRY_BYTES_MAX = 1 << 30;
const newId = new StreamId();
const lastId = new StreamId();

function runAdd(call: DataCall): void {
  const options = parseStreamOptions(call, true);
  if (options === undefined) return;
  const first = options.idIndex + 1;
  const { reply } = call;
  if (call.count - first < 2 || (call.count - first) % 2 === 1) {
    reply.error(wrongArity('xadd'));
    return;
  }
  if (!options.auto && !options.autoSeq && options.id.isZero) {
    reply.error('ERR The ID specified in XADD must be greater than 0-0');
    return;
  }
  const entry = writeTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  if (entry === 0 && options.noMakeStream) {
    reply.nil();
    return;
  }
  const streams = streamsOf(call);
  const message = options.producerIndex === 0 ? '' : messageName(call, options, first);
  if (message !== '' && entry !== 0 && replyDuplicate(call, streams, streamOf(call, entry), options, message)) return;
  const stream = entry === 0 ? addStream(call, streams, 1) : streamOf(call, entry);
  streams.lastId(stream, lastId);
  if (lastId.isMax) {
    reply.error('ERR The stream has exhausted the last possible ID, unable to add more items');
    return;
  }
  if (!chooseId(call, options)) {
    reply.error('ERR The ID specified in XADD is equal or smaller than the target stream top item');
    return;
  }
  let total = 0;
  for (let index = first; index < call.count; index++) total += call.lengths[index]!;
  if (total > ENTRY_BYTES_MAX) {
    reply.error('ERR Elements are too large to be stored');
    return;
  }
  streams.append(stream, newId, call.bytes, call.starts, call.lengths, first, (call.count - first) >>> 1, total);
  if (message !== '')
    producersOf(call, streams, stream).remember(
      call.text(options.producerIndex),
      message,
      newId,
      call.host.keyspace.nowMs,
    );
  replyId(call, newId);
  notify(call, EventClass.STREAM, 'xadd', 1);
  if (options.trims && trimReferenced(streams, stream, options.trimming, options.policy) > 0)
    notify(call, EventClass.STREAM, 'xtrim', 1);
  changed(call, 1, 1);
  if (call.host.propagates) rewriteAdd(call, streams, stream, options);
}

/** The name of a message: given by its producer, or a hash of its fields and values. */
function messageName(call: DataCall, options: StreamOptions, first: number): string {
  if (!options.namedByContent) return call.text(options.producerIndex + 1);
  const parts: string[] = [];
  for (let index = first; index < call.count; index++) parts.push(`${call.lengths[index]!}:`, call.text(index));
  return latin1(Buffer.from(sha1Hex(latin1Bytes(parts.join(''))), 'hex'));
}

/** Replies with the id of a message that was added before; false when it was not. A replayed message was not. */
function replyDuplicate(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  options: StreamOptions,
  message: string,
): boolean {
  if (call.client.obeyed === true) return false;
  const table = streams.idempotency.get(stream);
  const id = table?.find(call.text(options.producerIndex), message, call.host.keyspace.nowMs);
  if (table === undefined || id === undefined) return false;
  table.duplicates++;
  replyId(call, id);
  return true;
}

/** Sets `newId` to the id that the new entry gets; false when it is not above the last one. @hot */
function chooseId(call: DataCall, options: StreamOptions): boolean {
  if (options.auto) {
    newId.setNumbers(call.host.keyspace.nowMs, 0);
    if (newId.compare(lastId) <= 0 || newId.sameMs(lastId)) {
      newId.set(lastId);
      newId.increment();
    }
    return true;
  }
  newId.set(options.id);
  if (options.autoSeq && newId.sameMs(lastId)) {
    if (lastId.seqIsMax) return false;
    newId.set(lastId);
    newId.increment();
  }
  return newId.compare(lastId) > 0;
}

function rewriteAdd(call: DataCall, streams: Streams, stream: StreamRef, options: StreamOptions): void {
  // Acknowledgements are the same everywhere, so a trim by them has the same result without rewriting.
  const approximate = options.trims && options.trimming.approximate && options.policy !== ReferencePolicy.ACKED;
  if (!options.auto && !options.autoSeq && !approximate) return;
  const parts: Part[] = [];
  for (let index = 0; index < call.count; index++) parts.push(call.copy(index));
  if (options.auto || options.autoSeq) parts[options.idIndex] = newId.toString();
  if (approximate) rewriteTrimming(streams, stream, options, parts);
  call.host.rewrite(call, parts);
}

/** Makes an approximate trim an exact one with the same result; LIMIT goes, as it is for approximate ones only. */
function rewriteTrimming(streams: Streams, stream: StreamRef, options: StreamOptions, parts: Part[]): void {
  const { thresholdIndex, trimming } = options;
  parts[thresholdIndex - 1] = '=';
  parts[thresholdIndex] =
    trimming.strategy === 'maxlen' ? streams.length(stream) : streams.edgeId(stream, lastId).toString();
  const end = options.idIndex < parts.length ? options.idIndex : parts.length;
  for (let index = 2; index < end; index++) {
    const part = parts[index];
    if (index !== thresholdIndex && part instanceof Uint8Array && isLimit(part)) {
      parts.splice(index, 2);
      return;
    }
  }
}

const limitWord = latin1Bytes('limit');

function isLimit(part: Uint8Array): boolean {
  return part.length === limitWord.length && part.every((byte, index) => (byte | 0x20) === limitWord[index]);
}

export const xadd: DataCommand = command({
  name: 'xadd',
  since: '5.0.0',
  group: 'stream',
  arity: -5,
  flags: ['write', 'denyoom', 'fast'],
  keys: [{ ...keyAt(1, ['RW', 'update']), notes: 'An update, because it may trim too' }],
  args: [
    key('key'),
    since('6.2.0', optional(token('NOMKSTREAM'))),
    policyArgument,
    optional(
      since(
        '8.6.0',
        oneof('idmp', str('pid', { token: 'IDMPAUTO' }), { ...block('idmp', str('pid'), str('iid')), token: 'IDMP' }),
      ),
    ),
    optional(trimArgument),
    oneof('id-selector', token('*', { name: 'auto-id' }), str('id')),
    many(block('data', str('field'), str('value'))),
  ],
  tips: ['nondeterministic_output'],
  summary: 'Adds an entry to a stream, which is made if it is not there.',
  complexity: 'O(1) for the entry; O(N) for trimming, where N is how many entries go.',
  history: [
    ['6.2.0', 'Knows `NOMKSTREAM`, `MINID` and `LIMIT`.'],
    ['7.0.0', 'An id may be `<ms>-*`.'],
    ['8.2.0', 'Knows `KEEPREF`, `DELREF` and `ACKED`.'],
  ],
  run: runAdd,
});

function runTrim(call: DataCall): void {
  const options = parseStreamOptions(call, false);
  if (options === undefined) return;
  const entry = writeTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.integer(0);
    return;
  }
  const streams = streamsOf(call);
  const stream = streamOf(call, entry);
  const deleted = trimReferenced(streams, stream, options.trimming, options.policy);
  if (deleted > 0) {
    notify(call, EventClass.STREAM, 'xtrim', 1);
    if (options.trimming.approximate && options.policy !== ReferencePolicy.ACKED && call.host.propagates) {
      const parts: Part[] = [];
      for (let index = 0; index < call.count; index++) parts.push(call.copy(index));
      rewriteTrimming(streams, stream, options, parts);
      call.host.rewrite(call, parts);
    }
    changed(call, 1, deleted);
  }
  call.reply.integer(deleted);
}

export const xtrim: DataCommand = command({
  name: 'xtrim',
  since: '5.0.0',
  group: 'stream',
  arity: -4,
  flags: ['write'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), trimArgument, policyArgument],
  tips: ['nondeterministic_output'],
  summary: 'Deletes entries from the front of a stream.',
  complexity: 'O(N) where N is how many entries go; they mostly go by the hundred.',
  history: [
    ['6.2.0', 'Knows `MINID` and `LIMIT`.'],
    ['8.2.0', 'Knows `KEEPREF`, `DELREF` and `ACKED`.'],
  ],
  run: runTrim,
});
