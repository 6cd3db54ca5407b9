// rows: the rows of an event, each as the values before and after the change.
//
//   table id (4 or 6)  flags (2)  in version 2: bytes of extra data with these two (2), extra data
//   column count (length-encoded)  bitmap of columns in the image before  in updates: bitmap of those in the image after
//   for each image: in images after of a partial update: options (length-encoded), bitmap of JSON columns that are differences
//                   bitmap of NULLs among the columns of the image  values
//
// An insert has an image after, a delete one before, an update both. With binlog_row_image=FULL the bitmaps name all columns;
// a value of a column that is not in the image is undefined.
//
// Source: Rows_event in MySQL's source documentation, ROWS_EVENT_V1/V2 in MariaDB's.
import type { Column } from '../values/column.js';
import { JsonText, type Value } from '../values/value.js';
import { bitAt, BinlogFormatError, ByteCursor } from './byte-cursor.js';
import { ColumnType, type ColumnShape } from './column-type.js';
import { readBlob, readColumnValue } from './column-value.js';
import type { RowsForm, RowsKind } from './event-type.js';
import { readJson } from './json-binary.js';
import { applyJsonDiffs } from './json-diff.js';
import { jsonText } from './json-value.js';
import type { TableMap } from './table-map.js';
import type { ZoneOf } from './temporal.js';

export interface RowChange {
  readonly before: readonly (Value | undefined)[] | undefined;
  readonly after: readonly (Value | undefined)[] | undefined;
}

export interface RowsHead {
  readonly tableId: number;
  readonly flags: number;
  readonly kind: RowsKind;
  readonly form: RowsForm;
  readonly columnCount: number;
  readonly beforeColumns: Uint8Array;
  readonly afterColumns: Uint8Array;
  /** Where the rows begin. */
  readonly rows: ByteCursor;
}

/** The flag of the last rows event of a statement: table maps end with it. */
export const STATEMENT_END_FLAG = 1;

export function readRowsHead(body: ByteCursor, form: RowsForm, tableIdBytes: 4 | 6): RowsHead {
  const tableId = tableIdBytes === 4 ? body.u32() : body.u48();
  const flags = body.u16();
  if (form.version === 2) {
    const extra = body.u16();
    if (extra < 2) throw new BinlogFormatError(`extra data of ${extra} bytes`);
    body.skip(extra - 2);
  }
  const columnCount = body.lengthEncoded();
  if (columnCount > 4096) throw new BinlogFormatError(`rows of ${columnCount} columns`);
  const first = body.slice((columnCount + 7) >> 3);
  const second = form.kind === 'update' ? body.slice((columnCount + 7) >> 3) : first;
  return {
    tableId,
    flags,
    kind: form.kind,
    form,
    columnCount,
    beforeColumns: first,
    afterColumns: second,
    rows: body,
  };
}

/** True when the images have all columns of the table. */
export function hasAllColumns({ columnCount, beforeColumns, afterColumns }: RowsHead): boolean {
  for (let index = 0; index < columnCount; index++)
    if (!bitAt(beforeColumns, index) || !bitAt(afterColumns, index)) return false;
  return true;
}

/** Of rows without JSON columns. */
const noJson = new Map<number, Uint8Array>();

class ImageReader {
  readonly jsonCount: number;

  constructor(
    private readonly cursor: ByteCursor,
    private readonly shapes: readonly ColumnShape[],
    private readonly columns: readonly Column[],
    private readonly zone: ZoneOf,
  ) {
    this.jsonCount = shapes.filter(({ type }) => type === ColumnType.json).length;
  }

  /** `before`: the bytes of JSON columns of the image before, which differences apply to; filled in when undefined. */
  read(present: Uint8Array, json: Map<number, Uint8Array>, isPartial: boolean): (Value | undefined)[] {
    const { cursor, shapes, columns } = this;
    let partial: Uint8Array | undefined;
    if (isPartial) {
      const options = cursor.lengthEncoded();
      if (options > 1) throw new BinlogFormatError(`row options ${options}`);
      if (options === 1) partial = cursor.slice((this.jsonCount + 7) >> 3);
    }
    let presentCount = 0;
    for (let index = 0; index < shapes.length; index++) if (bitAt(present, index)) presentCount++;
    const nulls = cursor.slice((presentCount + 7) >> 3);
    const values: (Value | undefined)[] = [];
    let nullIndex = 0;
    let jsonIndex = 0;
    for (let index = 0; index < shapes.length; index++) {
      const shape = shapes[index]!;
      const isJson = shape.type === ColumnType.json;
      const isDifference = isJson && partial !== undefined && bitAt(partial, jsonIndex);
      if (isJson) jsonIndex++;
      if (!bitAt(present, index)) values.push(undefined);
      else if (bitAt(nulls, nullIndex++)) values.push(null);
      else if (isDifference) values.push(this.difference(index, shape, json));
      else if (isJson) {
        const bytes = readBlob(cursor, shape);
        json.set(index, bytes);
        values.push(new JsonText(jsonText(readJson(bytes))));
      } else values.push(readColumnValue(cursor, shape, columns[index]!, this.zone));
    }
    return values;
  }

  private difference(index: number, shape: ColumnShape, json: Map<number, Uint8Array>): Value {
    const length = this.cursor.u32();
    if (shape.size < 1) throw new BinlogFormatError('a JSON column without a length');
    const before = json.get(index);
    if (before === undefined)
      throw new BinlogFormatError('a JSON difference to a value that is not in the image before');
    const start = this.cursor.take(length);
    const diffs = new ByteCursor(this.cursor.bytes, start, start + length);
    return new JsonText(jsonText(applyJsonDiffs(readJson(before), diffs)));
  }
}

/** Reads all rows. `columns` are those of the table at that moment, as many as the map has. */
export function readRows(head: RowsHead, map: TableMap, columns: readonly Column[], zone: ZoneOf): RowChange[] {
  if (map.columns.length !== head.columnCount || columns.length !== head.columnCount)
    throw new BinlogFormatError(
      `rows of ${head.columnCount} columns for ${map.database}.${map.table}, which has ${columns.length}`,
    );
  const images = new ImageReader(head.rows, map.columns, columns, zone);
  const changes: RowChange[] = [];
  while (head.rows.left > 0) {
    const start = head.rows.position;
    const json = images.jsonCount === 0 ? noJson : new Map<number, Uint8Array>();
    const before = head.kind === 'insert' ? undefined : images.read(head.beforeColumns, json, false);
    const after = head.kind === 'delete' ? undefined : images.read(head.afterColumns, json, head.form.isPartial);
    if (head.rows.position === start) throw new BinlogFormatError('a row without bytes');
    changes.push({ before, after });
  }
  return changes;
}
