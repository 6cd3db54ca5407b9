// column-type: the types of columns as a table map names them, with what its metadata says of each.
//
//   type              metadata
//   float, double     1 byte: size
//   varchar           2 bytes: most bytes
//   bit               2 bytes: bits over whole bytes, whole bytes
//   decimal           2 bytes: precision, scale
//   string            2 bytes: real type (char, enum, set) and length; the length's bits 8 and 9 are in the type's bits 4 and 5,
//                     inverted
//   enum, set         2 bytes: real type, bytes
//   blobs, json, geometry, vector   1 byte: how many bytes the length takes
//   time2, timestamp2, datetime2    1 byte: digits of the fraction
//   all others        none
//
// Source: Table_map_event in MySQL's source documentation; the compressed ones are MariaDB's.
import { BinlogFormatError, type ByteCursor } from './byte-cursor.js';

export const ColumnType = {
  decimalOld: 0,
  tiny: 1,
  short: 2,
  long: 3,
  float: 4,
  double: 5,
  null: 6,
  timestamp: 7,
  longLong: 8,
  int24: 9,
  date: 10,
  time: 11,
  datetime: 12,
  year: 13,
  newDate: 14,
  varchar: 15,
  bit: 16,
  timestamp2: 17,
  datetime2: 18,
  time2: 19,
  typedArray: 20,
  blobCompressed: 140,
  varcharCompressed: 141,
  vector: 242,
  json: 245,
  decimal: 246,
  enum: 247,
  set: 248,
  tinyBlob: 249,
  mediumBlob: 250,
  longBlob: 251,
  blob: 252,
  varString: 253,
  string: 254,
  geometry: 255,
} as const;

export interface ColumnShape {
  /** The real type: an enum is never a string here. */
  readonly type: number;
  /** Most bytes of a string, bytes of an enum or set, bytes of a blob's length, bits, precision, or digits of a fraction. */
  readonly size: number;
  /** The scale of a decimal. */
  readonly scale: number;
  readonly isNullable: boolean;
}

function stringShape(first: number, second: number): { type: number; size: number } {
  if ((first & 0x30) !== 0x30) return { type: first | 0x30, size: second | (((first & 0x30) ^ 0x30) << 4) };
  return { type: first, size: second };
}

/** Reads the metadata of one column. */
export function readShape(type: number, metadata: ByteCursor, isNullable: boolean): ColumnShape {
  const plain = (size: number, scale = 0): ColumnShape => ({ type, size, scale, isNullable });
  switch (type) {
    case ColumnType.float:
    case ColumnType.double:
    case ColumnType.blob:
    case ColumnType.tinyBlob:
    case ColumnType.mediumBlob:
    case ColumnType.longBlob:
    case ColumnType.blobCompressed:
    case ColumnType.json:
    case ColumnType.geometry:
    case ColumnType.vector:
    case ColumnType.time2:
    case ColumnType.timestamp2:
    case ColumnType.datetime2:
      return plain(metadata.u8());
    case ColumnType.varchar:
    case ColumnType.varString:
    case ColumnType.varcharCompressed:
      return plain(metadata.u16());
    case ColumnType.bit: {
      const bits = metadata.u8();
      return plain(metadata.u8() * 8 + bits);
    }
    case ColumnType.decimal: {
      const precision = metadata.u8();
      return plain(precision, metadata.u8());
    }
    case ColumnType.string:
    case ColumnType.enum:
    case ColumnType.set: {
      const first = metadata.u8();
      const { type: real, size } = stringShape(first, metadata.u8());
      const isKnown = real === ColumnType.string || real === ColumnType.enum || real === ColumnType.set;
      if (!isKnown && real !== ColumnType.varString) throw new BinlogFormatError(`a string column of type ${real}`);
      return { type: real === ColumnType.varString ? ColumnType.string : real, size, scale: 0, isNullable };
    }
    case ColumnType.typedArray: {
      // Only hidden columns of functional indexes have it, and no row holds a value of it.
      const element = metadata.u8();
      readShape(element, metadata, isNullable);
      return plain(0);
    }
    default:
      return plain(0);
  }
}

/** The types that a bit of the signedness field stands for. MariaDB counts YEAR. */
export function isNumeric(type: number, isMariadb: boolean): boolean {
  switch (type) {
    case ColumnType.tiny:
    case ColumnType.short:
    case ColumnType.int24:
    case ColumnType.long:
    case ColumnType.longLong:
    case ColumnType.decimal:
    case ColumnType.float:
    case ColumnType.double:
      return true;
    case ColumnType.year:
      return isMariadb;
    default:
      return false;
  }
}

/** The types that have a character set in the optional metadata; enum and set have fields of their own. MariaDB counts geometry. */
export function isCharacter(type: number, isMariadb: boolean): boolean {
  switch (type) {
    case ColumnType.string:
    case ColumnType.varString:
    case ColumnType.varchar:
    case ColumnType.varcharCompressed:
    case ColumnType.blob:
    case ColumnType.tinyBlob:
    case ColumnType.mediumBlob:
    case ColumnType.longBlob:
    case ColumnType.blobCompressed:
      return true;
    case ColumnType.geometry:
      return isMariadb;
    default:
      return false;
  }
}
