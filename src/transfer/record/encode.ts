// encode: writes the elements of a value as RDB, in types that the wanted version knows, and says what a version cannot hold.
//
// The plain types are used (list 1, set 2, hash 4, sorted set 5 or 3): every server since 2.6 loads them and chooses the
// compact encoding itself. Raw bytes are passed on as they are when their type is one of the version.
//
//   version   since        adds
//   6         2.6          packed types 9 to 13, checksum
//   7         3.2          quicklist 14, aux fields, sizes of databases
//   8         4.0          binary scores 5, modules 7
//   9         5.0          streams 15, idle time and frequency
//   10        7.0          listpacks 16 to 18, streams 19, functions
//   11        7.2          sets as listpack 20, streams 21
//   12        7.4          hash fields that expire 24 and 25

import { RdbType } from '../../persistence/rdb/format.js';
import { Compression, RdbWriter } from '../../persistence/rdb/writer.js';
import { ListpackWriter } from './listpack-writer.js';
import { type KeyRecord, NO_EXPIRY } from './record.js';
import { valueOf } from './decode.js';
import { idBytes, splitId } from './stream-ids.js';
import { type HashValue, scoreText, type StreamValue, type Value } from './values.js';

export const VERSION_MIN = 6;
export const VERSION_MAX = 12;
export const VERSION_STREAMS = 9;
export const VERSION_FUNCTIONS = 10;
export const VERSION_FIELD_EXPIRY = 12;
const NODE_BYTES_MAX = 4096;
const NODE_ENTRIES_MAX = 100;

/** The first version that knows a type of RDB; Infinity for those that no server writes. */
export function versionOfType(rdbType: number): number {
  switch (rdbType) {
    case RdbType.zset2:
    case RdbType.module2:
      return 8;
    case RdbType.listQuicklist:
      return 7;
    case RdbType.streamListpacks:
      return 9;
    case RdbType.hashListpack:
    case RdbType.zsetListpack:
    case RdbType.listQuicklist2:
    case RdbType.streamListpacks2:
      return 10;
    case RdbType.setListpack:
    case RdbType.streamListpacks3:
      return 11;
    case RdbType.hashMetadata:
    case RdbType.hashListpackEx:
      return 12;
    case RdbType.modulePre:
    case RdbType.hashMetadataPre:
    case RdbType.hashListpackExPre:
    case RdbType.hashValkey:
      return Infinity;
    default:
      return 1;
  }
}

/** The version that a payload of the type says of itself. */
export function payloadVersion(rdbType: number): number {
  return Math.max(VERSION_MIN, versionOfType(rdbType));
}

/** Whether the raw bytes of a record can stand in a file of the version as they are. */
export function keepsRaw(record: KeyRecord, version: number): boolean {
  return record.raw !== undefined && record.part === 'whole' && versionOfType(record.rdbType) <= version;
}

/** The type under which a value is written. */
export function plainType(value: Value, version: number): number {
  switch (value.kind) {
    case 'string':
      return RdbType.string;
    case 'list':
      return RdbType.list;
    case 'set':
      return RdbType.set;
    case 'zset':
      return version >= 8 ? RdbType.zset2 : RdbType.zset;
    case 'hash':
      return value.expireAtMs.length > 0 && version >= VERSION_FIELD_EXPIRY ? RdbType.hashMetadata : RdbType.hash;
    case 'stream':
      return version >= 11
        ? RdbType.streamListpacks3
        : version >= 10
          ? RdbType.streamListpacks2
          : RdbType.streamListpacks;
    case 'module':
      return RdbType.module2;
  }
}

/**
 * The loss when the record is written in this version: `what` names it, '' for none; `whole`: all of the key is lost.
 */
export function lossOf(record: KeyRecord, version: number): { whole: boolean; what: string } {
  const nothing = { whole: false, what: '' };
  if (keepsRaw(record, version)) return nothing;
  const value = valueOf(record);
  if (value.kind === 'module')
    return { whole: true, what: `values of the module '${value.module}' (RDB ${versionOfType(RdbType.module2)})` };
  if (value.kind === 'stream') {
    if (version < VERSION_STREAMS) return { whole: true, what: 'streams (since RDB 9, Redis 5.0)' };
    if (version < 10 && value.groups.some((group) => group.entriesRead >= 0))
      return { whole: false, what: "the entries-read counter of a stream's groups (since RDB 10, Redis 7.0)" };
  }
  if (value.kind === 'hash' && value.expireAtMs.some((at) => at > 0) && version < VERSION_FIELD_EXPIRY)
    return { whole: false, what: 'the time to live of hash fields (since RDB 12, Redis 7.4)' };
  return nothing;
}

/** Writes the elements of a value, or of a part of it, without their count. */
export function writeElements(writer: RdbWriter, value: Value, rdbType: number, firstExpireAtMs = 0): void {
  switch (value.kind) {
    case 'list':
    case 'set':
      for (const one of value.elements) writer.string(one, 0, one.length);
      return;
    case 'zset':
      value.elements.forEach((one, index) => {
        writer.string(one, 0, one.length);
        if (rdbType === RdbType.zset2) writer.double(value.scores[index]!);
        else writeOldScore(writer, value.scores[index]!);
      });
      return;
    case 'hash':
      writeFields(writer, value, rdbType, firstExpireAtMs);
      return;
    default:
      return;
  }
}

function writeFields(writer: RdbWriter, value: HashValue, rdbType: number, firstExpireAtMs: number): void {
  value.fields.forEach((field, index) => {
    if (rdbType === RdbType.hashMetadata) {
      const at = value.expireAtMs[index] ?? 0;
      writer.writeLength(at === 0 ? 0 : Math.max(1, at - firstExpireAtMs + 1));
    }
    writer.string(field, 0, field.length);
    const content = value.values[index]!;
    writer.string(content, 0, content.length);
  });
}

function writeOldScore(writer: RdbWriter, score: number): void {
  if (score === Infinity) return writer.byte(254);
  if (score === -Infinity) return writer.byte(255);
  const text = scoreText(score);
  writer.byte(text.length);
  for (let index = 0; index < text.length; index++) writer.byte(text.charCodeAt(index));
}

/** The earliest expiry of a hash's fields, 0 for none. */
export function firstFieldExpiry(value: Value): number {
  if (value.kind !== 'hash') return 0;
  let first = 0;
  for (const at of value.expireAtMs) if (at > 0 && (first === 0 || at < first)) first = at;
  return first;
}

/** Writes a whole value without its type. */
export function writeValue(writer: RdbWriter, value: Value, rdbType: number): void {
  switch (value.kind) {
    case 'string':
      writer.string(value.bytes, 0, value.bytes.length);
      return;
    case 'stream':
      writeStream(writer, value, rdbType);
      return;
    case 'module':
      throw new Error('a module has no elements');
    default: {
      const first = firstFieldExpiry(value);
      if (rdbType === RdbType.hashMetadata) writer.int64(first);
      writer.writeLength(value.kind === 'hash' ? value.fields.length : value.elements.length);
      writeElements(writer, value, rdbType, first);
    }
  }
}

function writeId(writer: RdbWriter, id: string): void {
  const bytes = idBytes(id);
  writer.writeLength64(bytes, 0);
  writer.writeLength64(bytes, 8);
}

function writeStream(writer: RdbWriter, stream: StreamValue, rdbType: number): void {
  const nodes = streamNodes(stream);
  writer.writeLength(nodes.length);
  for (const node of nodes) {
    writer.string(idBytes(node.id), 0, 16);
    writer.string(node.listpack, 0, node.listpack.length);
  }
  writer.writeLength(stream.entries.length);
  writeId(writer, stream.lastId);
  if (rdbType !== RdbType.streamListpacks) {
    writeId(writer, stream.entries[0]?.id ?? '0-0');
    writeId(writer, stream.maxDeletedId);
    writer.writeLength(stream.entriesAdded);
  }
  writer.writeLength(stream.groups.length);
  for (const group of stream.groups) {
    writer.string(group.name, 0, group.name.length);
    writeId(writer, group.lastId);
    if (rdbType !== RdbType.streamListpacks) {
      if (group.entriesRead < 0) writer.writeLengthMinusOne();
      else writer.writeLength(group.entriesRead);
    }
    writer.writeLength(group.pending.length);
    for (const pending of group.pending) {
      writer.raw(idBytes(pending.id), 0, 16);
      writer.int64(pending.timeMs);
      writer.writeLength(pending.count);
    }
    writer.writeLength(group.consumers.length);
    for (const consumer of group.consumers) {
      writer.string(consumer.name, 0, consumer.name.length);
      writer.int64(consumer.seenMs);
      if (rdbType === RdbType.streamListpacks3) writer.int64(consumer.activeMs);
      writer.writeLength(consumer.pending.length);
      for (const id of consumer.pending) writer.raw(idBytes(id), 0, 16);
    }
  }
}

interface StreamNode {
  readonly id: string;
  readonly listpack: Uint8Array;
}

/** The nodes of a stream; each entry has its own fields, as if all of them differed from the node's first entry. */
function streamNodes(stream: StreamValue): StreamNode[] {
  const nodes: StreamNode[] = [];
  const body = new ListpackWriter();
  for (let from = 0; from < stream.entries.length;) {
    const first = stream.entries[from]!;
    let to = from;
    for (let bytes = 0; to < stream.entries.length && to - from < NODE_ENTRIES_MAX; to++) {
      for (const part of stream.entries[to]!.pairs) bytes += part.length + 4;
      if (to > from && bytes > NODE_BYTES_MAX) break;
    }
    const [ms, sequence] = splitId(first.id);
    for (const count of [to - from, 0, 0, 0]) body.integer(BigInt(count));
    for (const entry of stream.entries.slice(from, to)) {
      const [entryMs, entrySequence] = splitId(entry.id);
      body.integer(0n);
      body.integer(BigInt.asIntN(64, entryMs - ms));
      body.integer(BigInt.asIntN(64, entrySequence - sequence));
      body.integer(BigInt(entry.pairs.length / 2));
      for (const part of entry.pairs) body.string(part);
      body.integer(BigInt(entry.pairs.length + 4));
    }
    nodes.push({ id: first.id, listpack: body.finish() });
    from = to;
  }
  return nodes;
}

/** The value of a record as DUMP gives it, in the lowest version that holds it and at most `version`. */
export function dumpPayload(record: KeyRecord, version: number): Uint8Array {
  const writer = new RdbWriter(Compression.none, (record.raw?.length ?? 1000) + 64);
  let needed: number;
  if (keepsRaw(record, version)) {
    writer.byte(record.rdbType);
    writer.raw(record.raw!, 0, record.raw!.length);
    needed = versionOfType(record.rdbType);
  } else {
    const value = valueOf(record);
    const type = plainType(value, version);
    writer.byte(type);
    writeValue(writer, value, type);
    needed = versionOfType(type);
  }
  writer.dumpFooter(Math.max(VERSION_MIN, needed));
  return writer.bytes.subarray(0, writer.length);
}

export function isExpired(record: KeyRecord, nowMs: number): boolean {
  return record.expireAtMs !== NO_EXPIRY && record.expireAtMs <= nowMs;
}
