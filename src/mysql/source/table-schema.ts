// table-schema: the columns and keys of a table, from information_schema or, at a position, from the table map itself.

import { BinlogFormatError } from '../binlog/byte-cursor.js';
import { ColumnType } from '../binlog/column-type.js';
import type { TableMap } from '../binlog/table-map.js';
import { decoderOf } from '../values/charset.js';
import { type Column, parseMembers, textKindOf } from '../values/column.js';
import { sqlText, type SourceConnection } from './source-connection.js';

export interface TableSchema {
  readonly database: string;
  readonly table: string;
  readonly columns: readonly Column[];
  readonly primaryKey: readonly string[];
  /** Sets of columns that are unique and not NULL, the primary key among them. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** Unique keys with columns that may be NULL: rows with a NULL give no key, so the rest is unique as well. */
  readonly nullableUniqueKeys?: readonly (readonly string[])[];
  readonly engine: string;
}

/** The stored form of a column, so that rows of an older moment can be read later. */
export interface StoredColumn {
  readonly name: string;
  readonly dataType: string;
  readonly columnType: string;
  readonly charset: string | null;
  readonly isGenerated: boolean;
}

export function makeColumn({ name, dataType, columnType, charset, isGenerated }: StoredColumn): Column {
  const type = columnType.toLowerCase();
  const fixed = /^(?:float|double|real)\(\d+,(\d+)\)/.exec(type);
  const isEnum = dataType === 'enum' || dataType === 'set';
  return {
    name,
    dataType,
    columnType,
    isUnsigned: /\bunsigned\b/.test(type.replace(/'[^']*'/g, '')),
    zeroFill: zeroFillOf(type),
    decimals: fixed === null ? undefined : Number(fixed[1]),
    charset: charset ?? undefined,
    textKind: charset === 'binary' ? 'binary' : textKindOf(dataType),
    decode: charset === null ? undefined : decoderOf(charset),
    members: isEnum ? parseMembers(columnType) : undefined,
    isGenerated,
  };
}

const defaultWidths: Readonly<Record<string, number>> = { tinyint: 3, smallint: 5, mediumint: 8, int: 10, bigint: 20 };

function zeroFillOf(type: string): number {
  const match = /^(\w+)(?:\((\d+)(?:,(\d+))?\))?.*\bzerofill\b/.exec(type);
  if (match === null) return 0;
  const [, name, width, scale] = match;
  // A decimal's width counts digits; its text has the point as well.
  if (name === 'decimal') return Number(width ?? 10) + (Number(scale ?? 0) > 0 ? 1 : 0);
  return width === undefined ? (defaultWidths[name!] ?? 0) : Number(width);
}

export async function readSchemas(
  connection: SourceConnection,
  tables: readonly { readonly database: string; readonly table: string }[],
): Promise<Map<string, TableSchema>> {
  const schemas = new Map<string, TableSchema>();
  if (tables.length === 0) return schemas;
  const list = tables.map(({ database, table }) => `(${sqlText(database)}, ${sqlText(table)})`).join(', ');
  const where = `(BINARY table_schema, BINARY table_name) IN (${list})`;
  const found = await connection.texts(
    `SELECT table_schema, table_name, COALESCE(engine, '') FROM information_schema.tables WHERE ${where} AND table_type LIKE '%TABLE%'`,
  );
  const columns = await connection.texts(
    `SELECT table_schema, table_name, column_name, data_type, column_type, character_set_name, extra ` +
      `FROM information_schema.columns WHERE ${where} ORDER BY table_schema, table_name, ordinal_position`,
  );
  const keys = await connection.texts(
    `SELECT table_schema, table_name, index_name, column_name, nullable, sub_part FROM information_schema.statistics ` +
      `WHERE ${where} AND non_unique = 0 ORDER BY table_schema, table_name, index_name, seq_in_index`,
  );
  for (const [database, table, engine] of found as string[][]) {
    const own = (row: (string | null)[]): boolean => row[0] === database && row[1] === table;
    const indexes = new Map<string, { columns: string[]; isUsable: boolean; isNullable: boolean }>();
    for (const [, , index, column, nullable, part] of keys.filter(own)) {
      const entry = indexes.get(index!) ?? { columns: [], isUsable: true, isNullable: false };
      indexes.set(index!, entry);
      if (column === null || column === undefined || part !== null) entry.isUsable = false;
      else entry.columns.push(column);
      if (nullable === 'YES') entry.isNullable = true;
    }
    schemas.set(`${database}.${table}`, {
      database: database!,
      table: table!,
      engine: engine!,
      columns: columns.filter(own).map(([, , name, dataType, columnType, charset, extra]) =>
        makeColumn({
          name: name!,
          dataType: dataType!.toLowerCase(),
          columnType: columnType!,
          charset: charset ?? null,
          isGenerated: /\b(VIRTUAL|STORED|PERSISTENT) ?(GENERATED)?\b/i.test(extra ?? ''),
        }),
      ),
      primaryKey: indexes.get('PRIMARY')?.columns ?? [],
      uniqueKeys: [...indexes.values()]
        .filter((index) => index.isUsable && !index.isNullable)
        .map((index) => index.columns),
      nullableUniqueKeys: [...indexes.values()]
        .filter((index) => index.isUsable && index.isNullable)
        .map((index) => index.columns),
    });
  }
  return schemas;
}

/** Types of information_schema that each type of the binlog may be. */
const families: ReadonlyMap<number, readonly string[]> = new Map<number, readonly string[]>([
  [ColumnType.tiny, ['tinyint', 'boolean']],
  [ColumnType.short, ['smallint']],
  [ColumnType.int24, ['mediumint']],
  [ColumnType.long, ['int']],
  [ColumnType.longLong, ['bigint']],
  [ColumnType.float, ['float']],
  [ColumnType.double, ['double']],
  [ColumnType.decimal, ['decimal']],
  [ColumnType.year, ['year']],
  [ColumnType.bit, ['bit']],
  [ColumnType.date, ['date']],
  [ColumnType.newDate, ['date']],
  [ColumnType.time, ['time']],
  [ColumnType.time2, ['time']],
  [ColumnType.datetime, ['datetime']],
  [ColumnType.datetime2, ['datetime']],
  [ColumnType.timestamp, ['timestamp']],
  [ColumnType.timestamp2, ['timestamp']],
  [ColumnType.enum, ['enum']],
  [ColumnType.set, ['set']],
  [ColumnType.json, ['json']],
  [ColumnType.varchar, ['varchar', 'varbinary']],
  [ColumnType.varString, ['varchar', 'varbinary']],
  [ColumnType.varcharCompressed, ['varchar', 'varbinary']],
  [ColumnType.string, ['char', 'binary', 'uuid', 'inet6', 'inet4']],
]);

const blobSizes: Readonly<Record<number, readonly string[]>> = {
  1: ['tinytext', 'tinyblob'],
  2: ['text', 'blob'],
  3: ['mediumtext', 'mediumblob'],
  4: ['longtext', 'longblob', 'json'],
};

/** True when the rows of the table map can be those of the schema. Names it cannot compare. */
export function fits(map: TableMap, schema: TableSchema): boolean {
  if (map.columns.length !== schema.columns.length) return false;
  return map.columns.every(({ type, size, scale }, index) => {
    const column = schema.columns[index]!;
    const allowed = families.get(type);
    if (allowed !== undefined) {
      if (!allowed.includes(column.dataType)) return false;
      if (type === ColumnType.decimal) return column.columnType.startsWith(`decimal(${size},${scale})`);
      return true;
    }
    if (type === ColumnType.blob || type === ColumnType.blobCompressed)
      return blobSizes[size]?.includes(column.dataType) === true;
    return true;
  });
}

/** Names and charsets of collations by their numbers. */
export async function readCollations(connection: SourceConnection): Promise<Map<number, string>> {
  const rows = await connection.texts(
    'SELECT id, character_set_name FROM information_schema.collations WHERE id IS NOT NULL',
  );
  const charsets = new Map<number, string>();
  for (const [id, charset] of rows) if (charset !== null && charset !== undefined) charsets.set(Number(id), charset);
  return charsets;
}

/**
 * The schema as the table map itself describes it, which is that of the moment (binlog_row_metadata=FULL). Properties
 * that the map lacks (ZEROFILL, fixed digits of floats, MariaDB's UUID) come from the known schema where name and type
 * are the same.
 */
export function schemaOfMap(
  map: TableMap,
  known: TableSchema | undefined,
  charsets: ReadonlyMap<number, string>,
): TableSchema | undefined {
  const { names, isUnsigned, collations, members, primaryKey } = map.optional;
  if (names === undefined) return undefined;
  const columns = names.map((name, index): Column => {
    const shape = map.columns[index]!;
    const same = known?.columns.find((column) => column.name === name);
    const collation = collations?.[index];
    const charset = collation === undefined ? (same?.charset ?? null) : (charsets.get(collation) ?? null);
    const isBinary = collation === 63;
    const column = makeColumn({
      name,
      dataType:
        same !== undefined && isSameFamily(shape.type, same.dataType)
          ? same.dataType
          : dataTypeOf(shape.type, isBinary),
      columnType: same !== undefined && isSameFamily(shape.type, same.dataType) ? same.columnType : '',
      charset: isBinary ? null : charset,
      isGenerated: same?.isGenerated ?? false,
    });
    const list = members?.[index];
    return {
      ...column,
      isUnsigned: isUnsigned?.[index] ?? column.isUnsigned,
      textKind: column.textKind === 'text' && isBinary ? 'binary' : column.textKind,
      members: list === undefined ? column.members : list.map((bytes) => decodeMember(bytes, charset)),
    };
  });
  const key = primaryKey?.map((place) => names[place]!) ?? [];
  return {
    database: map.database,
    table: map.table,
    columns,
    primaryKey: key,
    uniqueKeys: known?.uniqueKeys ?? (key.length > 0 ? [key] : []),
    engine: known?.engine ?? '',
  };
}

const isSameFamily = (type: number, dataType: string): boolean => families.get(type)?.includes(dataType) ?? true;

function decodeMember(bytes: Uint8Array, charset: string | null): string {
  const decode = charset === null ? undefined : decoderOf(charset);
  if (decode === undefined) throw new BinlogFormatError(`members of an enum in an unknown character set`);
  return decode(bytes);
}

function dataTypeOf(type: number, isBinary: boolean): string {
  if (type === ColumnType.geometry) return 'geometry';
  if (type === ColumnType.vector) return 'vector';
  if (type === ColumnType.string) return isBinary ? 'binary' : 'char';
  if (type === ColumnType.varchar || type === ColumnType.varString) return isBinary ? 'varbinary' : 'varchar';
  return families.get(type)?.[0] ?? (isBinary ? 'longblob' : 'longtext');
}
