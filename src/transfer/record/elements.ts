// elements: walks through the elements of a record without making an object of any of them.
//
// The raw bytes of RDB are read in place by one reader that all values share. A visitor gets places in bytes that are borrowed
// until it returns. A damaged value throws RdbError after some of its elements were visited, so a visitor that writes must be
// able to take back what it wrote since the record began.
//
// Not here: streams and modules, whose values are too deep for a walk (`valueOf` in decode.ts).

import { ValueKind } from '../../persistence/rdb/format.js';
import { PackedCursor, Packing, Slice } from '../../persistence/rdb/packed.js';
import { looseScore, RdbEvent, RdbReader } from '../../persistence/rdb/reader.js';
import type { KeyRecord } from './record.js';
import type { Value } from './values.js';

export interface ElementVisitor {
  /** The value of a string, or an element of a list or set. */
  one(bytes: Uint8Array, start: number, length: number): void;
  /** A field of a hash; `expireAtMs` is 0 for none. */
  field(name: Slice, content: Slice, expireAtMs: number): void;
  member(bytes: Uint8Array, start: number, length: number, score: number): void;
}

const reader = new RdbReader(false);
const cursor = new PackedCursor();
const first = new Slice();
const second = new Slice();
const third = new Slice();

/** Whether values of the kind can be walked through. */
export function hasElements(kind: number): boolean {
  return kind !== ValueKind.stream && kind !== ValueKind.module;
}

/** Calls the visitor for each element of a record whose kind has elements. */
export function walkElements(record: KeyRecord, visitor: ElementVisitor): void {
  const { raw, kind } = record;
  if (raw === undefined || record.value !== undefined) {
    if (record.value !== undefined) walkValue(record.value, visitor);
    return;
  }
  reader.startWhole(record.rdbType, raw, record.isValkey);
  for (;;) {
    switch (reader.next()) {
      case RdbEvent.valueEnd:
        return;
      case RdbEvent.item:
        if (kind === ValueKind.hash) visitor.field(reader.item, reader.second, reader.fieldExpireAtMs);
        else if (kind === ValueKind.zset)
          visitor.member(reader.item.bytes, reader.item.start, reader.item.length, reader.score);
        else visitor.one(reader.item.bytes, reader.item.start, reader.item.length);
        break;
      case RdbEvent.listpack:
        walkPacked(Packing.listpack, kind, visitor);
        break;
      case RdbEvent.intset:
        walkPacked(Packing.intset, kind, visitor);
        break;
      case RdbEvent.listpackEx:
        walkAging(visitor);
        break;
      default:
        return;
    }
  }
}

function walkPacked(packing: number, kind: number, visitor: ElementVisitor): void {
  const { bytes, start, length } = reader.item;
  cursor.open(packing, bytes, start, length);
  while (cursor.next(first)) {
    if (kind === ValueKind.hash) {
      cursor.next(second);
      visitor.field(first, second, 0);
    } else if (kind === ValueKind.zset) {
      cursor.next(second);
      visitor.member(first.bytes, first.start, first.length, scoreOf(second));
    } else visitor.one(first.bytes, first.start, first.length);
  }
}

function walkAging(visitor: ElementVisitor): void {
  cursor.open(Packing.listpack, reader.item.bytes, reader.item.start, reader.item.length);
  while (cursor.next(first)) {
    cursor.next(second);
    cursor.next(third);
    visitor.field(first, second, Number(third.toString()));
  }
}

const SHORT_DIGITS = 15;

/** A score's text as a number; whole numbers without a string in between. */
export function scoreOf(text: Slice): number {
  const { bytes, start, length } = text;
  if (length > 0 && length <= SHORT_DIGITS) {
    const end = start + length;
    const isNegative = bytes[start] === 45;
    let value = 0;
    let at = isNegative ? start + 1 : start;
    const hasDigits = at < end;
    for (; at < end; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (at === end && hasDigits) return isNegative ? -value : value;
  }
  return looseScore(text.toString());
}

function walkValue(value: Value, visitor: ElementVisitor): void {
  switch (value.kind) {
    case 'string':
      visitor.one(value.bytes, 0, value.bytes.length);
      return;
    case 'list':
    case 'set':
      for (const one of value.elements) visitor.one(one, 0, one.length);
      return;
    case 'zset':
      for (let index = 0; index < value.elements.length; index++) {
        const one = value.elements[index]!;
        visitor.member(one, 0, one.length, value.scores[index]!);
      }
      return;
    case 'hash':
      for (let index = 0; index < value.fields.length; index++) {
        const field = value.fields[index]!;
        const content = value.values[index]!;
        first.set(field, 0, field.length);
        second.set(content, 0, content.length);
        visitor.field(first, second, value.expireAtMs[index] ?? 0);
      }
      return;
    default:
      return;
  }
}
