// value: one value of a column, exact, whichever way it came: from the binlog or from a SELECT.
//
//   NULL                        null
//   integers, BIT, YEAR         number, or bigint beyond 2^53
//   DECIMAL                     Decimal, which keeps its digits
//   FLOAT, DOUBLE               number; Decimal where the column fixes the digits (DOUBLE(10,2))
//   dates and times             string, as a SQL client prints them
//   text, ENUM, SET             string
//   JSON                        JsonText, as MySQL prints it
//   binary, GEOMETRY, VECTOR    Uint8Array
//
// Booleans come from expressions only.

/** A decimal number by its digits. */
export class Decimal {
  constructor(readonly text: string) {}
}

/** A JSON document by its text. */
export class JsonText {
  constructor(readonly text: string) {}
}

export type Value = null | boolean | number | bigint | string | Uint8Array | Decimal | JsonText;

/** The values of one row, in the order of the table's columns; undefined for a column that the event did not bring. */
export type Row = readonly (Value | undefined)[];

export function sameValue(one: Value | undefined, other: Value | undefined): boolean {
  if (one === other) return true;
  if (one instanceof Decimal) return other instanceof Decimal && one.text === other.text;
  if (one instanceof JsonText) return other instanceof JsonText && one.text === other.text;
  if (one instanceof Uint8Array) return other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  return typeof one === 'number' && typeof other === 'number' && Object.is(one, other);
}
