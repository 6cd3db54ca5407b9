// event-bytes: builds events of a binlog byte by byte, as MySQL's documentation describes them, for servers that are not at hand.

import { crc32 } from '../../src/base/crc32.js';

type Part = Uint8Array | string | readonly number[];

export function bytes(...parts: readonly Part[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
}

export const u8 = (value: number): Buffer => Buffer.from([value]);
export const u16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
};
export const u32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
};
export const u48 = (value: number): Buffer => {
  const buffer = Buffer.alloc(6);
  buffer.writeUIntLE(value, 0, 6);
  return buffer;
};
export const u64 = (value: bigint | number): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
};
/** A length-encoded integer. */
export const lenenc = (value: number): Buffer =>
  value < 0xfb ? u8(value) : value < 0x1_0000 ? bytes([0xfc], u16(value)) : bytes([0xfd], u32(value).subarray(0, 3));
export const lengthed = (part: Part): Buffer => {
  const body = bytes(part);
  return bytes(lenenc(body.length), body);
};
/** A name with its length in one byte and a zero at the end. */
export const nameBytes = (text: string): Buffer => bytes(u8(Buffer.byteLength(text)), text, [0]);

export interface EventOptions {
  readonly end?: number;
  readonly flags?: number;
  readonly checksum?: boolean;
  readonly serverId?: number;
}

export function event(
  type: number,
  body: Uint8Array,
  { end = 1000, flags = 0, checksum = true, serverId = 1 }: EventOptions = {},
): Buffer {
  const size = 19 + body.length + (checksum ? 4 : 0);
  const whole = bytes(u32(1_700_000_000), u8(type), u32(serverId), u32(size), u32(end), u16(flags), body);
  return checksum ? bytes(whole, u32(crc32(whole))) : whole;
}

/** Header lengths of the types 1 to 42, as MySQL 8 writes them. */
const postHeaders = [
  56, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10, 10, 10, 42, 42, 0, 18,
  52, 0, 10, 40, 0, 0,
];

export function formatDescription(version = '8.0.36', checksum = true): Buffer {
  const name = Buffer.alloc(50);
  name.write(version);
  const body = bytes(u16(4), name, u32(0), [19], postHeaders, [checksum ? 1 : 0]);
  const size = 19 + body.length + 4;
  const whole = bytes(u32(0), u8(15), u32(1), u32(size), u32(0), u16(0), body);
  return bytes(whole, u32(crc32(whole)));
}

export interface MapColumn {
  readonly type: number;
  readonly metadata: readonly number[];
}

export function tableMap(
  id: number,
  table: string,
  columns: readonly MapColumn[],
  optional: Uint8Array = Buffer.alloc(0),
): Buffer {
  return bytes(
    u48(id),
    u16(1),
    nameBytes('shop'),
    nameBytes(table),
    lenenc(columns.length),
    columns.map(({ type }) => type),
    lengthed(columns.flatMap(({ metadata }) => [...metadata])),
    new Uint8Array((columns.length + 7) >> 3).fill(0xff),
    optional,
  );
}

/** An optional field of a table map. */
export const optionalField = (type: number, value: Part): Buffer => bytes(u8(type), lengthed(value));

export const rowsHead = (id: number, columns: number, updates: boolean): Buffer =>
  bytes(
    u48(id),
    u16(1),
    u16(2),
    lenenc(columns),
    new Uint8Array((columns + 7) >> 3).fill(0xff),
    updates ? new Uint8Array((columns + 7) >> 3).fill(0xff) : [],
  );
