// open-block: the rows that are not sealed yet, as columns that grow, and each row as a record for the tail.
//
// The tail is what survives kill -9: a row is appended to it at once, in the few bytes that differ from the row before. A record:
//
//   4  bytes of the payload
//   4  CRC-32 of the payload
//   n  payload: a kind, then
//        0  the beginning: varint sequence of the block that these rows become
//        1  a new column: 1 decimals, the name (UTF-8); columns count from 0
//        2  a row: 8 time (double), then for each column a varint: 0 missing, else 1 + zigzag of the difference to the last value
//
// A record that is torn, and all after it, was never acknowledged and is cut off.

import { utf8 } from '../../base/bytes.js';
import { crc32 } from '../../base/crc32.js';
import { type BlockContent, type StoredColumn } from './block.js';
import { ColumnEncoder, readVarint, unzigzag, VALUE_MAX, varintEnd, writeVarint, zigzag } from './column.js';

export const RECORD_HEAD_BYTES = 8;
const RECORD_BYTES_MAX = 1 << 20;
const VARINT_BYTES_MAX = 8;

const Kind = { BEGIN: 0, COLUMN: 1, ROW: 2 } as const;

/** The name of the column of times. */
export const TIMES = '';

interface OpenColumn {
  readonly name: string;
  readonly decimals: number;
  readonly factor: number;
  readonly encoder: ColumnEncoder;
  /** The last value in the tail. */
  last: number;
}

/** A value of a row: what it is called and how many decimals are kept. */
export interface Cell {
  readonly name: string;
  readonly decimals: number;
  readonly value: number;
}

export class OpenBlock {
  private readonly columns: OpenColumn[] = [];
  private readonly byName = new Map<string, OpenColumn>();
  private readonly times = new ColumnEncoder();
  rows = 0;
  firstMs = Infinity;
  lastMs = -Infinity;

  constructor(
    readonly sequence: number,
    private readonly intervalMs: number,
  ) {}

  /** The record that a tail begins with. */
  beginning(): Uint8Array {
    const payload = new Uint8Array(1 + VARINT_BYTES_MAX);
    payload[0] = Kind.BEGIN;
    return record(payload.subarray(0, writeVarint(payload, 1, this.sequence)));
  }

  /** Adds a row; returns its records for the tail. */
  add(timeMs: number, cells: readonly Cell[]): Uint8Array[] {
    const records: Uint8Array[] = [];
    const values = new Map<OpenColumn, number>();
    for (const { name, decimals, value } of cells) {
      let column = this.byName.get(name);
      if (column === undefined) {
        column = this.addColumn(name, decimals);
        records.push(record(Uint8Array.of(Kind.COLUMN, decimals, ...utf8(name))));
      }
      const stored = Math.round(value * column.factor);
      if (Number.isFinite(stored)) values.set(column, Math.max(-VALUE_MAX, Math.min(VALUE_MAX, stored)));
    }
    const payload = new Uint8Array(9 + this.columns.length * VARINT_BYTES_MAX);
    payload[0] = Kind.ROW;
    new DataView(payload.buffer).setFloat64(1, timeMs, true);
    let at = 9;
    for (const column of this.columns) {
      const value = values.get(column);
      if (value === undefined) payload[at++] = 0;
      else at = writeVarint(payload, at, 1 + zigzag(value - column.last));
      this.put(column, value);
    }
    this.endRow(timeMs);
    records.push(record(payload.subarray(0, at)));
    return records;
  }

  /** Takes the payload of a record of a tail; false when it makes no sense. */
  replay(payload: Uint8Array): boolean {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    switch (payload[0]) {
      case Kind.COLUMN: {
        if (payload.length < 2) return false;
        const name = Buffer.from(payload.subarray(2)).toString();
        if (this.byName.has(name)) return false;
        this.addColumn(name, payload[1]!);
        return true;
      }
      case Kind.ROW: {
        if (payload.length < 9) return false;
        let at = 9;
        const values: (number | undefined)[] = [];
        for (const column of this.columns) {
          if (at >= payload.length) return false;
          const token = readVarint(payload, at);
          at = varintEnd();
          values.push(token === 0 ? undefined : column.last + unzigzag(token - 1));
        }
        for (const [index, column] of this.columns.entries()) this.put(column, values[index]);
        this.endRow(view.getFloat64(1, true));
        return true;
      }
      default:
        return false;
    }
  }

  /** A column as it is now, or undefined; that of times has no name. */
  column(name: string): StoredColumn | undefined {
    if (name === TIMES) return { name, decimals: 0, bytes: this.times.finish() };
    const column = this.byName.get(name);
    return column === undefined ? undefined : { name, decimals: column.decimals, bytes: column.encoder.finish() };
  }

  get names(): string[] {
    return [...this.byName.keys()];
  }

  content(): BlockContent {
    const { sequence, rows, firstMs, lastMs, intervalMs } = this;
    const columns = [TIMES, ...this.byName.keys()].map((name) => this.column(name)!);
    return { sequence, rows, firstMs, lastMs, intervalMs, columns };
  }

  private addColumn(name: string, decimals: number): OpenColumn {
    const column = { name, decimals, factor: 10 ** decimals, encoder: new ColumnEncoder(), last: 0 };
    column.encoder.skip(this.rows);
    this.columns.push(column);
    this.byName.set(name, column);
    return column;
  }

  private put(column: OpenColumn, value: number | undefined): void {
    column.encoder.add(value ?? NaN);
    if (value !== undefined) column.last = value;
  }

  private endRow(timeMs: number): void {
    this.times.add(Math.round(timeMs) - this.rows * this.intervalMs);
    this.rows++;
    this.firstMs = Math.min(this.firstMs, timeMs);
    this.lastMs = Math.max(this.lastMs, timeMs);
  }
}

function record(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEAD_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32(payload), true);
  bytes.set(payload, RECORD_HEAD_BYTES);
  return bytes;
}

/** Contents of a tail: the block, and how many bytes of the tail are whole. */
export interface Replayed {
  readonly block: OpenBlock;
  readonly bytes: number;
}

/** Reads a tail; undefined when not even its beginning is whole. */
export function replayTail(tail: Uint8Array, intervalMs: number): Replayed | undefined {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  let at = 0;
  let block: OpenBlock | undefined;
  while (at + RECORD_HEAD_BYTES <= tail.length) {
    const length = view.getUint32(at, true);
    const start = at + RECORD_HEAD_BYTES;
    if (length === 0 || length > RECORD_BYTES_MAX || start + length > tail.length) break;
    const payload = tail.subarray(start, start + length);
    if (crc32(payload) !== view.getUint32(at + 4, true)) break;
    try {
      if (block === undefined) {
        if (payload[0] !== Kind.BEGIN) break;
        block = new OpenBlock(readVarint(payload, 1), intervalMs);
      } else if (!block.replay(payload)) break;
    } catch {
      break;
    }
    at = start + length;
  }
  return block === undefined ? undefined : { block, bytes: at };
}
