// access: the common part of the stream commands: finding streams and groups, reading ids, replying with ids and
// entries.

import { Encoding, Type } from '../../datatypes/object.js';
import type { ConsumerRef, GroupRef } from '../../datatypes/stream-groups.js';
import type { StreamReader } from '../../datatypes/stream-reader.js';
import type { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { chunkOf } from '../../memory/layout.js';
import { STREAM_ID_TEXT_BYTES_MAX, StreamId, writeUint64 } from '../../structures/stream-id.js';
import { block, int, many, str } from '../../registry/grammar.js';
import type { DataCall } from '../engine.js';

export const INVALID_ID = 'ERR Invalid stream ID specified as stream command argument';
const ID_BYTES_MAX = 127;
const DASH = 45;
const PLUS = 43;
const STAR = 42;
const OPENING = 40;

/** The stream type, set to the configured node size. @hot */
export function streamsOf(call: DataCall): Streams {
  const { streams } = call.host.keyspace.values;
  streams.nodeBytesMax = call.host.limits.streamNodeMaxBytes;
  streams.nodeEntriesMax = call.host.limits.streamNodeMaxEntries;
  return streams;
}

/** The stream of an entry. */
export function streamOf(call: DataCall, entry: number): StreamRef {
  return call.host.keyspace.entries.word2(entry) as StreamRef;
}

/** Adds an empty stream under the key at argument `index`, which was looked up last. */
export function addStream(call: DataCall, streams: Streams, index: number): StreamRef {
  const stream = streams.create();
  call.db.addValue(
    call.bytes,
    call.starts[index]!,
    call.lengths[index]!,
    call.db.hash,
    Type.STREAM,
    Encoding.STREAM,
    stream,
  );
  return stream;
}

/** The group whose name is argument `index`, 0 for none. */
export function findGroup(call: DataCall, streams: Streams, stream: StreamRef, index: number): GroupRef {
  return streams.groups.find(streams.groupList(stream), call.bytes, call.starts[index]!, call.lengths[index]!);
}

/** The error of commands that need the group of argument `groupIndex` in the key of argument `keyIndex`. */
export function replyNoKeyOrGroup(call: DataCall, keyIndex: number, groupIndex: number, suffix = ''): void {
  call.reply.error(
    `NOGROUP No such key '${call.shown(keyIndex)}' or consumer group '${call.shown(groupIndex)}'${suffix}`,
  );
}

export function replyNoGroup(call: DataCall, keyIndex: number, groupIndex: number): void {
  call.reply.error(`NOGROUP No such consumer group '${call.shown(groupIndex)}' for key name '${call.shown(keyIndex)}'`);
}

/** The error of XGROUP and XINFO when the words after a subcommand are not what it takes. */
export function replySubcommandSyntax(call: DataCall): void {
  call.reply.error(
    `ERR unknown subcommand or wrong number of arguments for '${call.shown(1).slice(0, 128)}'. Try ${call.text(0).toUpperCase()} HELP.`,
  );
}

/** Replies with the name of a group or consumer; an empty one for nobody (0). */
export function replyName(call: DataCall, streams: Streams, ref: ConsumerRef | GroupRef): void {
  if (ref === 0) call.reply.bulkText('');
  else call.reply.bulk(streams.arena.u8[chunkOf(ref)]!, streams.groups.nameStart(ref), streams.groups.nameLength(ref));
}

/** Replies with how often a message was delivered. */
export function replyDeliveries(call: DataCall, count: number): void {
  call.reply.wideInteger(count);
}

const idText = new Uint8Array(STREAM_ID_TEXT_BYTES_MAX);
/** `idText` begins with the milliseconds of these words, dash included: ids that follow each other share them. */
let textMsHigh = 0;
let textMsLow = 0;
let textMsBytes = 0;

/** Replies with an id. @hot */
export function replyId(call: DataCall, id: StreamId): void {
  if (id.msLow !== textMsLow || id.msHigh !== textMsHigh || textMsBytes === 0) {
    const dash = writeUint64(idText, 0, id.msHigh, id.msLow);
    idText[dash] = DASH;
    textMsBytes = dash + 1;
    textMsHigh = id.msHigh;
    textMsLow = id.msLow;
  }
  call.reply.bulk(idText, 0, writeUint64(idText, textMsBytes, id.seqHigh, id.seqLow));
}

/** The parts of an id that its text leaves open. */
export const IdForm = { INVALID: 0, FULL: 1, AUTO_SEQ: 2 } as const;

/**
 * Reads `ms`, `ms-seq`, and unless `strict` also `-` and `+`. A missing sequence becomes the lowest or the highest.
 * With `autoSeq`, `ms-*` is an id too. Says nothing to the client.
 */
export function readId(
  call: DataCall,
  start: number,
  length: number,
  into: StreamId,
  seqMax: boolean,
  strict: boolean,
  autoSeq = false,
): number {
  const { bytes } = call;
  if (length > ID_BYTES_MAX) return IdForm.INVALID;
  if (length === 1 && (bytes[start] === DASH || bytes[start] === PLUS)) {
    if (strict) return IdForm.INVALID;
    if (bytes[start] === DASH) into.setMin();
    else into.setMax();
    return IdForm.FULL;
  }
  let dash = 0;
  while (dash < length && bytes[start + dash] !== DASH) dash++;
  if (!into.parseMs(bytes, start, dash)) return IdForm.INVALID;
  if (dash === length) {
    if (seqMax) into.setSeqMax();
    else into.setSeqMin();
    return IdForm.FULL;
  }
  const seqStart = start + dash + 1;
  const seqLength = length - dash - 1;
  if (autoSeq && seqLength === 1 && bytes[seqStart] === STAR) {
    into.setSeqMin();
    return IdForm.AUTO_SEQ;
  }
  return into.parseSeq(bytes, seqStart, seqLength) ? IdForm.FULL : IdForm.INVALID;
}

/** Reads argument `index` as an id of `ms` or `ms-seq`; false after an error reply. */
export function parseId(call: DataCall, index: number, into: StreamId): boolean {
  if (readId(call, call.starts[index]!, call.lengths[index]!, into, false, true) !== IdForm.INVALID) return true;
  call.reply.error(INVALID_ID);
  return false;
}

/** Reads argument `index` as the lower end of a range, `(` before it leaves the id itself out; false after an error reply. */
export function parseStart(call: DataCall, index: number, into: StreamId): boolean {
  const exclusive = readEnd(call, index, into, false);
  if (exclusive < 0) return false;
  if (exclusive === 0 || into.increment()) return true;
  call.reply.error('ERR invalid start ID for the interval');
  return false;
}

/** As `parseStart`, of the upper end. */
export function parseEnd(call: DataCall, index: number, into: StreamId): boolean {
  const exclusive = readEnd(call, index, into, true);
  if (exclusive < 0) return false;
  if (exclusive === 0 || into.decrement()) return true;
  call.reply.error('ERR invalid end ID for the interval');
  return false;
}

/** 1 when the id itself is left out, 0 when it belongs to the range, -1 after an error reply. */
function readEnd(call: DataCall, index: number, into: StreamId, seqMax: boolean): number {
  const start = call.starts[index]!;
  const length = call.lengths[index]!;
  const exclusive = length > 1 && call.bytes[start] === OPENING ? 1 : 0;
  if (readId(call, start + exclusive, length - exclusive, into, seqMax, exclusive === 1) !== IdForm.INVALID)
    return exclusive;
  call.reply.error(INVALID_ID);
  return -1;
}

/** The ids of arguments `first` to `last`, undefined after an error reply. */
export function parseIds(call: DataCall, first: number, last: number): StreamId[] | undefined {
  const ids: StreamId[] = [];
  for (let index = first; index <= last; index++) {
    const id = new StreamId();
    if (!parseId(call, index, id)) return undefined;
    ids.push(id);
  }
  return ids;
}

export const idsArgument = { ...block('ids', int('numids'), many(str('id'))), token: 'IDS' };

/** Reads a count at argument `index` and so many ids after it; undefined after an error reply. */
export function parseCountedIds(call: DataCall, index: number): StreamId[] | undefined {
  const count = call.integer(index);
  if (!(count >= 1)) {
    call.reply.error('ERR Number of IDs must be a positive integer');
    return undefined;
  }
  if (count > call.count - index - 1) {
    call.reply.error('ERR The `numids` parameter must match the number of arguments');
    return undefined;
  }
  return parseIds(call, index + 1, index + count);
}

/**
 * Replies with the entry at a reader's position: its id and its fields, as the first of so many elements. @hot
 */
export function replyEntry(call: DataCall, streams: Streams, reader: StreamReader, elements = 2): void {
  const { reply } = call;
  const { listpacks } = streams;
  reply.array(elements);
  replyId(call, reader.id);
  reply.array(2 * reader.fieldCount);
  reader.firstField();
  for (let left = reader.fieldCount; left > 0; left--) {
    listpacks.read(reader.node, reader.fieldAt);
    reply.bulkOf(listpacks.bytes, listpacks.view, listpacks.start, listpacks.length);
    listpacks.read(reader.node, reader.valueAt);
    reply.bulkOf(listpacks.bytes, listpacks.view, listpacks.start, listpacks.length);
    if (left > 1) reader.nextField();
  }
}

/** Replies with an array of up to `count` entries (0: all) from one id to another. Returns how many there were. */
export function replyEntries(
  call: DataCall,
  streams: Streams,
  stream: StreamRef,
  start: StreamId,
  end: StreamId,
  count: number,
  backward: boolean,
): number {
  const { reader } = streams;
  const deferred = call.reply.defer();
  let entries = 0;
  reader.open(stream, start, end, backward);
  while ((count === 0 || entries < count) && reader.next()) {
    replyEntry(call, streams, reader);
    entries++;
  }
  call.reply.settleArray(deferred, entries);
  return entries;
}
