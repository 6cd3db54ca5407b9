// block: rows of one target over some time, as columns; what segment files hold and what goes into a Redis as one value.
//
//   offset  bytes
//   0       4      magic "KVHB"
//   4       4      h: bytes of the head, with this part
//   8       4      bytes of the columns, which follow the head
//   12      4      rows
//   16      4      sequence: blocks of a tier are numbered
//   20      4      columns
//   24      8      time of the earliest row, double, ms since 1970
//   32      8      time of the latest row
//   40      4      interval of rows in ms
//   44      4      CRC-32 of the bytes 0 to 43 and of the directory
//   48      h-48   the directory: for each column
//                    1  length of the name, 1 decimals, 4 bytes of the column, 4 its CRC-32, the name (UTF-8)
//
// Numbers are little endian. The first column has no name: for row i, its time less i intervals, which is mostly the same for all.
// A value is stored as a whole number, multiplied by ten to the
// power of `decimals`; column.ts has the encoding. Each column has a checksum of its own, so that a curve reads its column alone.

import { equalBytes, joinBytes, utf8 } from '../../base/bytes.js';
import { crc32 } from '../../base/crc32.js';

export const HEAD_BYTES = 48;
const CRC_OFFSET = 44;
const ENTRY_BYTES = 10;
const MAGIC = 0x4248_564b;
const NAME_BYTES_MAX = 255;
/** Of what a file may claim. */
const COLUMN_COUNT_MAX = 4096;
export const ROW_COUNT_MAX = 1 << 20;
export const BLOCK_BYTES_MAX = 64 << 20;

export interface StoredColumn {
  readonly name: string;
  readonly decimals: number;
  readonly bytes: Uint8Array;
}

export interface BlockHead {
  readonly headBytes: number;
  readonly columnBytes: number;
  readonly rows: number;
  readonly sequence: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly intervalMs: number;
}

/** Where a column is within its block. */
export interface ColumnPlace {
  readonly decimals: number;
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
}

export interface BlockContent {
  readonly sequence: number;
  readonly rows: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly intervalMs: number;
  readonly columns: readonly StoredColumn[];
}

export function encodeBlock({ sequence, rows, firstMs, lastMs, intervalMs, columns }: BlockContent): Uint8Array {
  const names = columns.map(({ name }) => utf8(name).subarray(0, NAME_BYTES_MAX));
  const headBytes = names.reduce((sum, name) => sum + ENTRY_BYTES + name.length, HEAD_BYTES);
  const head = new Uint8Array(headBytes);
  const view = new DataView(head.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, headBytes, true);
  view.setUint32(
    8,
    columns.reduce((sum, { bytes }) => sum + bytes.length, 0),
    true,
  );
  view.setUint32(12, rows, true);
  view.setUint32(16, sequence, true);
  view.setUint32(20, columns.length, true);
  view.setFloat64(24, firstMs, true);
  view.setFloat64(32, lastMs, true);
  view.setUint32(40, intervalMs, true);
  let at = HEAD_BYTES;
  for (const [index, { decimals, bytes }] of columns.entries()) {
    const name = names[index]!;
    view.setUint8(at, name.length);
    view.setUint8(at + 1, decimals);
    view.setUint32(at + 2, bytes.length, true);
    view.setUint32(at + 6, crc32(bytes), true);
    head.set(name, at + ENTRY_BYTES);
    at += ENTRY_BYTES + name.length;
  }
  view.setUint32(CRC_OFFSET, headCrc(head), true);
  return joinBytes([head, ...columns.map(({ bytes }) => bytes)]);
}

function headCrc(head: Uint8Array): number {
  return crc32(joinBytes([head.subarray(0, CRC_OFFSET), head.subarray(HEAD_BYTES)]));
}

/** The sizes in the first bytes of a block, or undefined when they are none; the checksum is not looked at. */
export function blockSizes(
  bytes: Uint8Array,
): { readonly headBytes: number; readonly columnBytes: number } | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  const headBytes = view.getUint32(4, true);
  const columnBytes = view.getUint32(8, true);
  if (headBytes < HEAD_BYTES || headBytes + columnBytes > BLOCK_BYTES_MAX) return undefined;
  return { headBytes, columnBytes };
}

/** Reads a head whose bytes are all there; undefined when it is damaged. */
export function decodeHead(head: Uint8Array): BlockHead | undefined {
  const sizes = blockSizes(head);
  if (sizes === undefined || head.length < sizes.headBytes) return undefined;
  const whole = head.subarray(0, sizes.headBytes);
  const view = new DataView(whole.buffer, whole.byteOffset, whole.length);
  if (view.getUint32(CRC_OFFSET, true) !== headCrc(whole)) return undefined;
  const rows = view.getUint32(12, true);
  if (rows > ROW_COUNT_MAX || view.getUint32(20, true) > COLUMN_COUNT_MAX) return undefined;
  return {
    ...sizes,
    rows,
    sequence: view.getUint32(16, true),
    firstMs: view.getFloat64(24, true),
    lastMs: view.getFloat64(32, true),
    intervalMs: view.getUint32(40, true),
  };
}

/** Where one column is; `name` is in UTF-8. As `decodeDirectory`, without a string for each of the others. */
export function findColumn(head: Uint8Array, name: Uint8Array): ColumnPlace | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const headBytes = view.getUint32(4, true);
  const count = view.getUint32(20, true);
  let at = HEAD_BYTES;
  let offset = headBytes;
  for (let index = 0; index < count && at + ENTRY_BYTES <= headBytes; index++) {
    const nameLength = view.getUint8(at);
    const length = view.getUint32(at + 2, true);
    const nameAt = at + ENTRY_BYTES;
    if (equalBytes(head, nameAt, nameLength, name, 0, name.length))
      return { decimals: view.getUint8(at + 1), offset, length, crc: view.getUint32(at + 6, true) };
    offset += length;
    at = nameAt + nameLength;
  }
  return undefined;
}

/** The directory of a head that `decodeHead` accepted; offsets count from the beginning of the block. */
export function decodeDirectory(head: Uint8Array): Map<string, ColumnPlace> {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const headBytes = view.getUint32(4, true);
  const count = view.getUint32(20, true);
  const places = new Map<string, ColumnPlace>();
  let at = HEAD_BYTES;
  let offset = headBytes;
  for (let index = 0; index < count && at + ENTRY_BYTES <= headBytes; index++) {
    const nameLength = view.getUint8(at);
    const length = view.getUint32(at + 2, true);
    const nameAt = at + ENTRY_BYTES;
    const name = Buffer.from(
      head.buffer,
      head.byteOffset + nameAt,
      Math.min(nameLength, headBytes - nameAt),
    ).toString();
    places.set(name, { decimals: view.getUint8(at + 1), offset, length, crc: view.getUint32(at + 6, true) });
    offset += length;
    at = nameAt + nameLength;
  }
  return places;
}
