// decode: makes the elements of a value out of RDB bytes, whole or as they come.
//
// Elements are views of the raw bytes where they stand in them as they are, and copies where they were compressed or packed.

import { ValueKind } from '../../persistence/rdb/format.js';
import { PackedCursor, Packing, Slice } from '../../persistence/rdb/packed.js';
import { looseScore, RdbError, RdbEvent, RdbReader } from '../../persistence/rdb/reader.js';
import { ENTRY_DELETED, ENTRY_SAME_FIELDS } from '../../structures/stream-node.js';
import type { KeyRecord } from './record.js';
import { addToHalf, halfOf, idText } from './stream-ids.js';
import { emptyValue, type HashValue, type StreamValue, type Value } from './values.js';

export class ValueDecoder {
  /** Bytes of the elements that `value` holds. */
  bytes = 0;
  private kind = 0;
  private value: Value = emptyValue(0);
  /** The reader's buffer, if its bytes do not change later; undefined: none. */
  private stable: ArrayBufferLike | undefined;
  private readonly cursor = new PackedCursor();
  private readonly slice = new Slice();

  begin(kind: number, stable?: ArrayBufferLike): void {
    this.kind = kind;
    this.stable = stable;
    this.bytes = 0;
    this.value = emptyValue(kind);
  }

  /** Hands over what was decoded so far, and goes on with nothing. */
  takeValue(): Value {
    const { value } = this;
    this.value = emptyValue(this.kind);
    this.bytes = 0;
    return value;
  }

  private keep(slice: Slice): Uint8Array {
    this.bytes += slice.length + 16;
    const { bytes, start, length } = slice;
    if (bytes.buffer === this.stable) return bytes.subarray(start, start + length);
    return bytes.slice(start, start + length);
  }

  take(event: number, reader: RdbReader): void {
    switch (event) {
      case RdbEvent.item:
        this.takeItem(reader);
        return;
      case RdbEvent.listpack:
      case RdbEvent.intset:
        this.unpack(reader, event === RdbEvent.intset ? Packing.intset : Packing.listpack);
        return;
      case RdbEvent.listpackEx:
        this.unpackAging(reader);
        return;
      case RdbEvent.moduleValue:
        this.value = { kind: 'module', module: reader.moduleName };
        return;
      default:
        this.takeStream(event, reader);
    }
  }

  private takeItem(reader: RdbReader): void {
    const { value } = this;
    const item = this.keep(reader.item);
    switch (value.kind) {
      case 'string':
        this.value = { kind: 'string', bytes: item };
        return;
      case 'hash':
        addField(value, item, this.keep(reader.second), reader.fieldExpireAtMs);
        return;
      case 'zset':
        value.elements.push(item);
        value.scores.push(reader.score);
        return;
      case 'list':
      case 'set':
        value.elements.push(item);
    }
  }

  private unpack(reader: RdbReader, packing: number): void {
    const { cursor, slice, value } = this;
    const { bytes, start, length } = reader.item;
    cursor.open(packing, bytes, start, length);
    while (cursor.next(slice)) {
      const item = this.keep(slice);
      if (value.kind === 'hash') {
        cursor.next(slice);
        addField(value, item, this.keep(slice), 0);
      } else if (value.kind === 'zset') {
        cursor.next(slice);
        value.elements.push(item);
        value.scores.push(looseScore(slice.toString()));
      } else if (value.kind === 'list' || value.kind === 'set') value.elements.push(item);
    }
  }

  private unpackAging(reader: RdbReader): void {
    const { cursor, slice } = this;
    const value = this.value as HashValue;
    cursor.open(Packing.listpack, reader.item.bytes, reader.item.start, reader.item.length);
    while (cursor.next(slice)) {
      const field = this.keep(slice);
      cursor.next(slice);
      const content = this.keep(slice);
      cursor.next(slice);
      addField(value, field, content, Number(slice.toString()));
    }
  }

  private takeStream(event: number, reader: RdbReader): void {
    const value = this.value as StreamValue;
    const group = value.groups[value.groups.length - 1];
    const consumer = group?.consumers[group.consumers.length - 1];
    switch (event) {
      case RdbEvent.streamNode:
        this.takeNode(value, reader);
        return;
      case RdbEvent.streamInfo:
        value.lastId = idText(reader.streamId);
        value.maxDeletedId = idText(reader.maxDeletedId);
        value.entriesAdded = reader.entriesAdded;
        return;
      case RdbEvent.streamGroup:
        value.groups.push({
          name: reader.item.copy(),
          lastId: idText(reader.streamId),
          entriesRead: reader.entriesRead,
          pending: [],
          consumers: [],
        });
        return;
      case RdbEvent.streamPending:
        this.bytes += 64;
        group?.pending.push({
          id: idText(reader.streamId),
          timeMs: reader.deliveryTimeMs,
          count: reader.deliveryCount,
        });
        return;
      case RdbEvent.streamConsumer:
        group?.consumers.push({
          name: reader.item.copy(),
          seenMs: reader.seenTimeMs,
          activeMs: reader.activeTimeMs,
          pending: [],
        });
        return;
      case RdbEvent.streamConsumerPending:
        consumer?.pending.push(idText(reader.streamId));
    }
  }

  /** The entries of a node; layout in structures/stream-node. */
  private takeNode(value: StreamValue, reader: RdbReader): void {
    const { cursor, slice } = this;
    const fail = (): never => {
      throw new RdbError(reader.offset, 'Stream node whose entries cannot be read', false);
    };
    const number = (): number => {
      if (!cursor.next(slice)) fail();
      const count = Number(slice.toString());
      return Number.isInteger(count) && count >= 0 ? count : fail();
    };
    const text = (): string => {
      if (!cursor.next(slice) || slice.length > 21) fail();
      const digits = slice.toString();
      return /^-?\d+$/.test(digits) ? digits : fail();
    };
    const element = (): Uint8Array => {
      if (!cursor.next(slice)) fail();
      return this.keep(slice);
    };
    cursor.open(Packing.listpack, reader.item.bytes, reader.item.start, reader.item.length);
    number();
    number();
    const masterCount = number();
    const masters: Uint8Array[] = [];
    for (let index = 0; index < masterCount; index++) masters.push(element());
    number();
    const ms = halfOf(reader.streamId, 0);
    const sequence = halfOf(reader.streamId, 8);
    while (cursor.next(slice)) {
      const flags = Number(slice.toString());
      const id = `${addToHalf(ms, text())}-${addToHalf(sequence, text())}`;
      const isSame = (flags & ENTRY_SAME_FIELDS) !== 0;
      const count = isSame ? masterCount : number();
      const pairs: Uint8Array[] = [];
      for (let index = 0; index < count; index++) {
        pairs.push(isSame ? masters[index]! : element());
        pairs.push(element());
      }
      text();
      if ((flags & ENTRY_DELETED) === 0) value.entries.push({ id, pairs });
    }
  }
}

function addField(value: HashValue, field: Uint8Array, content: Uint8Array, expireAtMs: number): void {
  if (expireAtMs > 0 && value.expireAtMs.length === 0)
    for (let index = 0; index < value.fields.length; index++) value.expireAtMs.push(0);
  value.fields.push(field);
  value.values.push(content);
  if (expireAtMs > 0 || value.expireAtMs.length > 0) value.expireAtMs.push(expireAtMs);
}

const sharedDecoder = new ValueDecoder();
const sharedReader = new RdbReader(false);

/** The elements of a record; throws RdbError when its bytes are damaged. */
export function valueOf(record: KeyRecord): Value {
  if (record.value !== undefined) return record.value;
  return (record.value = decodeValue(record.rdbType, record.kind, record.raw ?? new Uint8Array(0), record.isValkey));
}

export function decodeValue(rdbType: number, kind: number, raw: Uint8Array, isValkey: boolean): Value {
  const reader = sharedReader;
  reader.startWhole(rdbType, raw, isValkey);
  sharedDecoder.begin(kind, raw.buffer);
  for (;;) {
    const event = reader.next();
    if (event === RdbEvent.valueEnd) break;
    sharedDecoder.take(event, reader);
  }
  return sharedDecoder.takeValue();
}

/** Kinds that come in parts when they are big. */
export function hasParts(kind: number): boolean {
  return kind === ValueKind.list || kind === ValueKind.set || kind === ValueKind.zset || kind === ValueKind.hash;
}
