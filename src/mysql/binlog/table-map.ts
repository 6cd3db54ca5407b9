// table-map: the event that names the table of the rows that follow, and how their bytes are cut into columns.
//
//   table id (4 or 6)  flags (2)  length, database, 0  length, table, 0  column count (length-encoded)
//   type of each column (1)  metadata (length-encoded size, see column-type)  bitmap of nullable columns
//   optional fields: type (1)  size (length-encoded)  value
//
// The optional fields depend on binlog_row_metadata: MINIMAL brings signedness and character sets, FULL also names, members of
// enums and sets and the primary key, so that columns can be named without asking for a schema that may have changed since.
//
// Source: Table_map_event in MySQL's source documentation, TABLE_MAP_EVENT in MariaDB's.
import { bitAt, BinlogFormatError, ByteCursor } from './byte-cursor.js';
import { ColumnType, type ColumnShape, isCharacter, isNumeric, readShape } from './column-type.js';

const COLUMNS_MAX = 4096;

export interface TableMap {
  readonly id: number;
  readonly database: string;
  readonly table: string;
  readonly columns: readonly ColumnShape[];
  readonly optional: OptionalMetadata;
}

export interface OptionalMetadata {
  /** For each column; undefined where the field is missing. */
  readonly isUnsigned: readonly boolean[] | undefined;
  /** Number of the collation of each character column, enum and set; undefined for other columns. */
  readonly collations: readonly (number | undefined)[] | undefined;
  readonly names: readonly string[] | undefined;
  /** The members of each enum and set, as bytes of the column's character set. */
  readonly members: readonly (readonly Uint8Array[] | undefined)[] | undefined;
  /** Places of the columns of the primary key. */
  readonly primaryKey: readonly number[] | undefined;
}

const Field = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  columnName: 4,
  setMembers: 5,
  enumMembers: 6,
  simplePrimaryKey: 8,
  primaryKeyWithPrefix: 9,
  enumAndSetDefaultCharset: 10,
  enumAndSetColumnCharset: 11,
} as const;

export function readTableMap(body: ByteCursor, tableIdBytes: 4 | 6, isMariadb: boolean): TableMap {
  const id = tableIdBytes === 4 ? body.u32() : body.u48();
  body.skip(2);
  const database = body.utf8(body.u8());
  body.skip(1);
  const table = body.utf8(body.u8());
  body.skip(1);
  const count = body.lengthEncoded();
  if (count > COLUMNS_MAX) throw new BinlogFormatError(`a table of ${count} columns`);
  const types = body.slice(count);
  const metadataBytes = body.lengthEncoded();
  const metadataStart = body.take(metadataBytes);
  const metadata = new ByteCursor(body.bytes, metadataStart, metadataStart + metadataBytes);
  const nullable = body.slice((count + 7) >> 3);
  const columns: ColumnShape[] = [];
  for (let index = 0; index < count; index++) columns.push(readShape(types[index]!, metadata, bitAt(nullable, index)));
  return { id, database, table, columns, optional: readOptional(body, columns, isMariadb) };
}

function sameList<T>(
  one: readonly T[] | undefined,
  other: readonly T[] | undefined,
  same: (a: T, b: T) => boolean = Object.is,
): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.length === other.length && one.every((value, index) => same(value, other[index]!));
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/** Whether two maps describe the same columns in the same way. */
export function sameTable(one: TableMap, other: TableMap): boolean {
  const [a, b] = [one.optional, other.optional];
  return (
    sameList(
      one.columns,
      other.columns,
      (x, y) => x.type === y.type && x.size === y.size && x.scale === y.scale && x.isNullable === y.isNullable,
    ) &&
    sameList(a.names, b.names) &&
    sameList(a.isUnsigned, b.isUnsigned) &&
    sameList(a.collations, b.collations) &&
    sameList(a.primaryKey, b.primaryKey) &&
    sameList(a.members, b.members, (x, y) => sameList(x, y, sameBytes))
  );
}

class OptionalReader {
  isUnsigned: boolean[] | undefined;
  names: string[] | undefined;
  primaryKey: number[] | undefined;
  collations: (number | undefined)[] | undefined;
  members: (readonly Uint8Array[] | undefined)[] | undefined;

  constructor(
    private readonly columns: readonly ColumnShape[],
    private readonly isMariadb: boolean,
  ) {}

  /** Places of the columns of a kind, in order. */
  private places(isOne: (type: number, isMariadb: boolean) => boolean): number[] {
    return this.columns.flatMap(({ type }, index) => (isOne(type, this.isMariadb) ? [index] : []));
  }

  read(type: number, value: ByteCursor): void {
    const isEnumOrSet = (one: number): boolean => one === ColumnType.enum || one === ColumnType.set;
    switch (type) {
      case Field.signedness:
        this.readSignedness(value);
        break;
      case Field.defaultCharset:
        this.readDefaults(value, this.places(isCharacter));
        break;
      case Field.columnCharset:
        this.readCollations(value, this.places(isCharacter));
        break;
      case Field.enumAndSetDefaultCharset:
        this.readDefaults(value, this.places(isEnumOrSet));
        break;
      case Field.enumAndSetColumnCharset:
        this.readCollations(value, this.places(isEnumOrSet));
        break;
      case Field.columnName:
        this.names = [];
        while (value.left > 0) this.names.push(value.utf8(value.lengthEncoded()));
        break;
      case Field.setMembers:
        this.readMembers(
          value,
          this.places((one) => one === ColumnType.set),
        );
        break;
      case Field.enumMembers:
        this.readMembers(
          value,
          this.places((one) => one === ColumnType.enum),
        );
        break;
      case Field.simplePrimaryKey:
        this.primaryKey = [];
        while (value.left > 0) this.primaryKey.push(value.lengthEncoded());
        break;
      case Field.primaryKeyWithPrefix:
        this.primaryKey = [];
        while (value.left > 0) {
          this.primaryKey.push(value.lengthEncoded());
          value.lengthEncoded();
        }
        break;
      default: // geometry types, visibility and what later versions add are not needed to read rows
    }
  }

  /** One bit for each numeric column, from the highest bit of the first byte. */
  private readSignedness(value: ByteCursor): void {
    const bits = value.rest();
    const places = this.places(isNumeric);
    this.isUnsigned = this.columns.map(() => false);
    for (const [index, place] of places.entries()) {
      if (index >> 3 >= bits.length) throw new BinlogFormatError('the signedness field is too short');
      this.isUnsigned[place] = (bits[index >> 3]! & (0x80 >> (index & 7))) !== 0;
    }
  }

  /** A collation for all, and pairs of place and collation for the exceptions. */
  private readDefaults(value: ByteCursor, places: readonly number[]): void {
    const collations = (this.collations ??= this.columns.map(() => undefined));
    const usual = value.lengthEncoded();
    for (const place of places) collations[place] = usual;
    while (value.left > 0) {
      const place = places[value.lengthEncoded()];
      if (place === undefined) throw new BinlogFormatError('a character set for a column that is none of text');
      collations[place] = value.lengthEncoded();
    }
  }

  private readCollations(value: ByteCursor, places: readonly number[]): void {
    const collations = (this.collations ??= this.columns.map(() => undefined));
    for (const place of places) collations[place] = value.lengthEncoded();
  }

  private readMembers(value: ByteCursor, places: readonly number[]): void {
    const members = (this.members ??= this.columns.map(() => undefined));
    for (const place of places) {
      const count = value.lengthEncoded();
      if (count > 65_535) throw new BinlogFormatError(`an enum or set of ${count} members`);
      const list: Uint8Array[] = [];
      for (let index = 0; index < count; index++) list.push(value.slice(value.lengthEncoded()));
      members[place] = list;
    }
  }
}

function readOptional(body: ByteCursor, columns: readonly ColumnShape[], isMariadb: boolean): OptionalMetadata {
  const reader = new OptionalReader(columns, isMariadb);
  while (body.left > 0) {
    const type = body.u8();
    const bytes = body.lengthEncoded();
    const start = body.take(bytes);
    reader.read(type, new ByteCursor(body.bytes, start, start + bytes));
  }
  const { isUnsigned, collations, names, members, primaryKey } = reader;
  if (names !== undefined && names.length !== columns.length)
    throw new BinlogFormatError(`${names.length} names for ${columns.length} columns`);
  if (primaryKey?.some((place) => place >= columns.length) === true)
    throw new BinlogFormatError('a primary key of missing columns');
  return { isUnsigned, collations, names, members, primaryKey };
}
