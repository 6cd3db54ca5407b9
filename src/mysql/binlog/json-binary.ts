// json-binary: MySQL's binary form of a JSON document.
//
//   document   type (1)  value
//   object     member count  size  count * (name's offset, name's length (2))  count * (type (1)  value or offset)  names  values
//   array      element count  size  count * (type (1)  value or offset)  values
//
// Counts, sizes and offsets take two bytes in small objects and arrays and four in large ones; offsets count from the object's
// own first byte. Literals and integers of 16 bits stand in place of the offset, in large ones those of 32 bits as well.
//
// Source: "JSON binary format" (json_binary.h) in MySQL's source documentation.
import { BinlogFormatError, ByteCursor } from './byte-cursor.js';
import { ColumnType } from './column-type.js';
import { readDecimal } from './decimal.js';
import { JsonLiteral, JsonObject, quoteJson, type JsonValue } from './json-value.js';
import { datetimeText, timeText } from './temporal.js';

const Type = {
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
} as const;

/** MySQL itself allows 100. */
const DEPTH_MAX = 100;

/** Offsets of a hostile document may share values: what is read in all stays within this many times its bytes. */
const SHARING_MAX = 4;

class DocumentReader {
  private budget: number;

  constructor(private readonly bytes: Uint8Array) {
    this.budget = bytes.length * SHARING_MAX + 64;
  }

  document(): JsonValue {
    return this.value(this.bytes[0]!, 1, this.bytes.length, 0);
  }

  private spend(bytes: number): void {
    this.budget -= bytes + 1;
    if (this.budget < 0) throw new BinlogFormatError('a JSON document whose parts overlap');
  }

  private value(type: number, start: number, end: number, depth: number): JsonValue {
    if (start > end) throw new BinlogFormatError('a JSON value outside of its document');
    const cursor = new ByteCursor(this.bytes, start, end);
    switch (type) {
      case Type.smallObject:
      case Type.largeObject:
      case Type.smallArray:
      case Type.largeArray:
        return this.container(type, start, end, depth);
      case Type.literal:
        this.spend(1);
        return literal(cursor.u8());
      case Type.int16:
        this.spend(2);
        return BigInt((cursor.u16() << 16) >> 16);
      case Type.uint16:
        this.spend(2);
        return BigInt(cursor.u16());
      case Type.int32:
        this.spend(4);
        return BigInt(cursor.u32() | 0);
      case Type.uint32:
        this.spend(4);
        return BigInt(cursor.u32());
      case Type.int64:
        this.spend(8);
        return cursor.i64();
      case Type.uint64:
        this.spend(8);
        return cursor.u64();
      case Type.double:
        this.spend(8);
        return cursor.view.getFloat64(cursor.take(8), true);
      case Type.string: {
        const length = readVariableLength(cursor);
        this.spend(length);
        return cursor.utf8(length);
      }
      case Type.opaque:
        return this.opaque(cursor);
      default:
        throw new BinlogFormatError(`a JSON value of type ${type}`);
    }
  }

  private container(type: number, start: number, limit: number, depth: number): JsonValue {
    if (depth >= DEPTH_MAX) throw new BinlogFormatError('a JSON document that is nested too deep');
    const isLarge = type === Type.largeObject || type === Type.largeArray;
    const isObject = type === Type.smallObject || type === Type.largeObject;
    const width = isLarge ? 4 : 2;
    const cursor = new ByteCursor(this.bytes, start, limit);
    const count = cursor.uint(width);
    const size = cursor.uint(width);
    const end = start + size;
    const entriesBytes = count * ((isObject ? width + 2 : 0) + 1 + width);
    if (end > limit || entriesBytes > size) throw new BinlogFormatError('a JSON container larger than its document');
    this.spend(entriesBytes);
    const names: string[] = [];
    for (let index = 0; isObject && index < count; index++) {
      const at = cursor.uint(width);
      const length = cursor.u16();
      this.spend(length);
      if (at + length > size) throw new BinlogFormatError('the name of a JSON member outside of its object');
      names.push(new ByteCursor(this.bytes, start + at, end).utf8(length));
    }
    const elements: JsonValue[] = [];
    for (let index = 0; index < count; index++) {
      const element = cursor.u8();
      const place = cursor.position;
      const offset = cursor.uint(width);
      elements.push(
        isInline(element, isLarge)
          ? this.value(element, place, place + width, depth + 1)
          : this.value(element, start + offset, end, depth + 1),
      );
    }
    return isObject ? new JsonObject(new Map(names.map((name, index) => [name, elements[index]!]))) : elements;
  }

  private opaque(cursor: ByteCursor): JsonValue {
    const type = cursor.u8();
    const length = readVariableLength(cursor);
    this.spend(length);
    const data = cursor.slice(length);
    const inner = new ByteCursor(data);
    switch (type) {
      case ColumnType.decimal: {
        const precision = inner.u8();
        return new JsonLiteral(readDecimal(inner, precision, inner.u8()));
      }
      case ColumnType.date:
      case ColumnType.datetime:
      case ColumnType.timestamp: {
        const packed = inner.i64();
        const text = datetimeText(Number(packed >> 24n), Number(packed & 0xff_ffffn), 6);
        return new JsonLiteral(`"${type === ColumnType.date ? text.slice(0, 10) : text}"`);
      }
      case ColumnType.time: {
        const packed = inner.i64();
        const size = packed < 0n ? -packed : packed;
        return new JsonLiteral(`"${timeText(packed < 0n, Number(size >> 24n), Number(size & 0xff_ffffn), 6)}"`);
      }
      default:
        return new JsonLiteral(quoteJson(`base64:type${type}:${Buffer.from(data).toString('base64')}`));
    }
  }
}

function isInline(type: number, isLarge: boolean): boolean {
  if (type === Type.literal || type === Type.int16 || type === Type.uint16) return true;
  return isLarge && (type === Type.int32 || type === Type.uint32);
}

function literal(value: number): null | boolean {
  if (value === 0) return null;
  if (value === 1) return true;
  if (value === 2) return false;
  throw new BinlogFormatError(`a JSON literal ${value}`);
}

/** Seven bits a byte, lowest first; the highest bit says that another byte follows. */
function readVariableLength(cursor: ByteCursor): number {
  let length = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = cursor.u8();
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return length;
  }
  throw new BinlogFormatError('the length of a JSON string does not end');
}

/** Reads a whole document. No bytes at all are `null`, which an INSERT IGNORE leaves in a column that must not be NULL. */
export function readJson(bytes: Uint8Array): JsonValue {
  return bytes.length === 0 ? null : new DocumentReader(bytes).document();
}
