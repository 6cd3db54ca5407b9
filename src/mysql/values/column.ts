// column: what must be known of a column, beyond the bytes, to read its values.

import type { DecodeText } from './charset.js';

/** The form of a column's text: text, bytes, or MariaDB's types that are bytes but print as text. */
export type TextKind = 'text' | 'binary' | 'uuid' | 'inet6' | 'inet4';

export interface Column {
  readonly name: string;
  /** As information_schema has it, in small letters: int, varchar, ... */
  readonly dataType: string;
  /** With length, sign and members: `int(10) unsigned`, `enum('a','b')`. */
  readonly columnType: string;
  readonly isUnsigned: boolean;
  /** Width of a ZEROFILL column, else 0. */
  readonly zeroFill: number;
  /** Digits after the point of FLOAT(M,D) and DOUBLE(M,D). */
  readonly decimals: number | undefined;
  readonly charset: string | undefined;
  readonly textKind: TextKind;
  readonly decode: DecodeText | undefined;
  /** Of an enum or set. */
  readonly members: readonly string[] | undefined;
  /** Virtual or stored generated columns. */
  readonly isGenerated: boolean;
}

/** The members in `enum('a','it''s')`. */
export function parseMembers(columnType: string): string[] {
  const members: string[] = [];
  for (const match of columnType.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs))
    members.push(match[1]!.replaceAll("''", "'").replace(/\\(.)/gs, '$1'));
  return members;
}

const binaryTypes = new Set([
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geometrycollection',
  'geomcollection',
  'vector',
]);

export function textKindOf(dataType: string): TextKind {
  if (dataType === 'uuid' || dataType === 'inet6' || dataType === 'inet4') return dataType;
  return binaryTypes.has(dataType) ? 'binary' : 'text';
}
