// column-value: one value of a row in the binlog, by the shape from the table map and by what the schema knows of the column.
//
// Source: "Table_map_event" and the field classes' pack() in MySQL's source documentation; compressed columns are MariaDB's.
import { inflateRawSync, inflateSync } from 'node:zlib';
import { shrinkInteger as shrink } from '../values/integers.js';
import { inet4Text, inet6Text, uuidText } from '../values/address-text.js';
import { decodeUtf8 } from '../values/charset.js';
import type { Column } from '../values/column.js';
import { floatText } from '../values/number-text.js';
import { Decimal, JsonText, type Value } from '../values/value.js';
import { BinlogFormatError, type ByteCursor } from './byte-cursor.js';
import { ColumnType, type ColumnShape } from './column-type.js';
import { readDecimal } from './decimal.js';
import { readJson } from './json-binary.js';
import { jsonText } from './json-value.js';
import {
  readDate,
  readDatetime2,
  readOldDatetime,
  readOldTime,
  readOldTimestamp,
  readTime2,
  readTimestamp2,
  type ZoneOf,
} from './temporal.js';

const EXPANDED_BYTES_MAX = 1 << 30;

export function readColumnValue(cursor: ByteCursor, shape: ColumnShape, column: Column, zone: ZoneOf): Value {
  switch (shape.type) {
    case ColumnType.tiny:
      return integer(cursor.u8(), 8, column);
    case ColumnType.short:
      return integer(cursor.u16(), 16, column);
    case ColumnType.int24:
      return integer(cursor.u24(), 24, column);
    case ColumnType.long:
      return integer(cursor.u32(), 32, column);
    case ColumnType.longLong:
      return longInteger(cursor, column);
    case ColumnType.float:
      return real(cursor.view.getFloat32(cursor.take(4), true), true, column);
    case ColumnType.double:
      return real(cursor.view.getFloat64(cursor.take(8), true), false, column);
    case ColumnType.decimal: {
      const text = readDecimal(cursor, shape.size, shape.scale);
      return new Decimal(column.zeroFill > 0 ? text.padStart(column.zeroFill, '0') : text);
    }
    case ColumnType.year: {
      const year = cursor.u8();
      return year === 0 ? '0000' : year + 1900;
    }
    case ColumnType.bit: {
      const bytes = (shape.size + 7) >> 3;
      return bytes <= 6 ? cursor.uintBig(bytes) : shrink(BigInt(`0x${hexOf(cursor.slice(bytes))}`));
    }
    case ColumnType.enum: {
      const index = cursor.uint(shape.size === 2 ? 2 : 1);
      return index === 0 ? '' : member(column, index - 1);
    }
    case ColumnType.set:
      return readSet(cursor, shape.size, column);
    case ColumnType.null:
      return null;
    default:
      return readTemporal(cursor, shape, zone) ?? readBytes(cursor, shape, column);
  }
}

function readTemporal(cursor: ByteCursor, shape: ColumnShape, zone: ZoneOf): string | undefined {
  switch (shape.type) {
    case ColumnType.date:
    case ColumnType.newDate:
      return readDate(cursor);
    case ColumnType.time:
      return readOldTime(cursor);
    case ColumnType.datetime:
      return readOldDatetime(cursor);
    case ColumnType.timestamp:
      return readOldTimestamp(cursor, zone);
    case ColumnType.time2:
      return readTime2(cursor, shape.size);
    case ColumnType.datetime2:
      return readDatetime2(cursor, shape.size);
    case ColumnType.timestamp2:
      return readTimestamp2(cursor, shape.size, zone);
    default:
      return undefined;
  }
}

function readBytes(cursor: ByteCursor, shape: ColumnShape, column: Column): Value {
  switch (shape.type) {
    case ColumnType.varchar:
    case ColumnType.varString:
      return textAt(cursor, shape.size < 256 ? cursor.u8() : cursor.u16(), column);
    case ColumnType.string: {
      const bytes = cursor.slice(shape.size < 256 ? cursor.u8() : cursor.u16());
      // The zeros at the end of a BINARY were left out.
      if (column.textKind === 'text' || bytes.length >= shape.size) return text(bytes, column);
      const padded = new Uint8Array(shape.size);
      padded.set(bytes);
      return text(padded, column);
    }
    case ColumnType.blob:
    case ColumnType.tinyBlob:
    case ColumnType.mediumBlob:
    case ColumnType.longBlob:
    case ColumnType.geometry:
    case ColumnType.vector:
      return textAt(cursor, blobLength(cursor, shape), column);
    case ColumnType.varcharCompressed:
      return text(expandColumn(cursor.slice(shape.size < 256 ? cursor.u8() : cursor.u16())), column);
    case ColumnType.blobCompressed:
      return text(expandColumn(readBlob(cursor, shape)), column);
    case ColumnType.json:
      return new JsonText(jsonText(readJson(readBlob(cursor, shape))));
    default:
      throw new BinlogFormatError(`column ${column.name} has type ${shape.type}, which no row can hold`);
  }
}

/** The bytes of a blob, JSON or geometry value. */
export function readBlob(cursor: ByteCursor, shape: ColumnShape): Uint8Array {
  return cursor.slice(blobLength(cursor, shape));
}

function blobLength(cursor: ByteCursor, shape: ColumnShape): number {
  if (shape.size < 1 || shape.size > 4) throw new BinlogFormatError(`a blob whose length takes ${shape.size} bytes`);
  return cursor.uint(shape.size);
}

/** The next bytes as a value of a column; most text is UTF-8, which needs no view of its own. */
function textAt(cursor: ByteCursor, bytes: number, column: Column): Value {
  return column.textKind === 'text' && column.decode === decodeUtf8
    ? cursor.utf8(bytes)
    : text(cursor.slice(bytes), column);
}

export function text(bytes: Uint8Array, column: Column): Value {
  switch (column.textKind) {
    case 'text':
      return column.decode === undefined ? Uint8Array.from(bytes) : column.decode(bytes);
    case 'binary':
      return Uint8Array.from(bytes);
    case 'uuid':
      return bytes.length === 16 ? uuidText(bytes) : Uint8Array.from(bytes);
    case 'inet6':
      return bytes.length === 16 ? inet6Text(bytes) : Uint8Array.from(bytes);
    case 'inet4':
      return inet4Text(bytes);
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

const filled = (value: number | bigint, column: Column): Value =>
  column.zeroFill > 0 ? new Decimal(String(value).padStart(column.zeroFill, '0')) : value;

function integer(raw: number, bits: number, column: Column): Value {
  if (column.isUnsigned) return filled(raw >>> 0, column);
  const shift = 32 - bits;
  return (raw << shift) >> shift;
}

function longInteger(cursor: ByteCursor, column: Column): Value {
  return column.isUnsigned ? filled(shrink(cursor.u64()), column) : shrink(cursor.i64());
}

function real(value: number, isFloat: boolean, column: Column): Value {
  if (column.decimals !== undefined) {
    const fixed = value.toFixed(column.decimals);
    return new Decimal(column.zeroFill > 0 ? fixed.padStart(column.zeroFill, '0') : fixed);
  }
  const shown = isFloat && Number.isFinite(value) ? Number(floatText(value)) : value;
  return filled(shown, column);
}

function member(column: Column, index: number): string {
  const name = column.members?.[index];
  if (name === undefined) throw new BinlogFormatError(`column ${column.name} has no member ${index + 1}`);
  return name;
}

function readSet(cursor: ByteCursor, bytes: number, column: Column): string {
  if (bytes < 1 || bytes > 8) throw new BinlogFormatError(`a set of ${bytes} bytes`);
  const bits = cursor.slice(bytes);
  const names: string[] = [];
  for (let index = 0; index < bytes * 8; index++)
    if ((bits[index >> 3]! & (1 << (index & 7))) !== 0) names.push(member(column, index));
  return names.join(',');
}

/**
 * A value of a COMPRESSED column: a byte that is 0 before plain bytes, or has the method in its high half (8: zlib), a bit for
 * raw deflate (8) and the number of bytes of the length, which follows, big-endian.
 */
function expandColumn(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return bytes;
  const head = bytes[0]!;
  if (head >> 4 === 0) return bytes.subarray(1);
  if (head >> 4 !== 8) throw new BinlogFormatError(`a column compressed by method ${head >> 4}`);
  const options = { maxOutputLength: EXPANDED_BYTES_MAX };
  const packed = bytes.subarray(1 + (head & 7));
  try {
    return (head & 8) !== 0 ? inflateRawSync(packed, options) : inflateSync(packed, options);
  } catch (error) {
    throw new BinlogFormatError(`a compressed column that is broken: ${(error as Error).message}`);
  }
}
