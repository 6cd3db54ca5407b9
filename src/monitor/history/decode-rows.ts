// decode-rows: the rows of one column as times and values, in arrays that are used again.

import { decodeColumn } from './column.js';

/** Gets rows in the order in which they were written: `count` times and values, void after the call; NaN where one is missing. */
export type Visit = (times: Float64Array, values: Float64Array, count: number, factor: number) => void;

let $times = new Float64Array(2048);
let $values = new Float64Array(2048);

/** Where a column is as bytes, beside that of the times. */
export interface EncodedRows {
  readonly rows: number;
  readonly intervalMs: number;
  readonly times: Uint8Array;
  readonly values: Uint8Array;
  readonly decimals: number;
}

/** Decodes rows and visits them. Throws a ColumnError when the bytes are damaged. */
export function visitRows({ rows, intervalMs, times, values, decimals }: EncodedRows, visit: Visit): void {
  if (rows > $times.length) {
    $times = new Float64Array(rows * 2);
    $values = new Float64Array(rows * 2);
  }
  decodeColumn(times, rows, $times);
  for (let index = 1; index < rows; index++) $times[index]! += index * intervalMs;
  decodeColumn(values, rows, $values);
  visit($times, $values, rows, 10 ** decimals);
}
