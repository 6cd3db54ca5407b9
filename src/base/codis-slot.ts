// codis-slot: the slot of a key in a codis: CRC-32 modulo 1024, of the hash tag where the key has one.
//
// The tag is what stands between the first `{` and the first `}` after it, even when that is nothing, which a Redis Cluster sees
// otherwise. Keys with one tag have one CRC, and they move together.
import { crc32 } from './crc32.js';

export const CODIS_SLOT_COUNT = 1024;
/** Parts of a slot, told apart by further bits of the CRC: keys of one tag lie in one part. */
export const PARTS_PER_CODIS_SLOT = 16;

const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The tag that `findCodisTag` found: the key itself where it has none. */
export const codisTag = { start: 0, length: 0, isTag: false };

/** @hot */
export function findCodisTag(bytes: Uint8Array, offset: number, length: number): void {
  const end = offset + length;
  codisTag.start = offset;
  codisTag.length = length;
  codisTag.isTag = false;
  let open = offset;
  while (open < end && bytes[open] !== openBrace) open++;
  if (open === end) return;
  let close = open + 1;
  while (close < end && bytes[close] !== closeBrace) close++;
  if (close >= end) return;
  codisTag.start = open + 1;
  codisTag.length = close - open - 1;
  codisTag.isTag = true;
}

/** The CRC that says where a key belongs, as an unsigned number; `codisTag` is set too. @hot */
export function codisCrc(bytes: Uint8Array, offset: number, length: number): number {
  findCodisTag(bytes, offset, length);
  return crc32(bytes, codisTag.start, codisTag.length);
}

/** The slot of the key that lies in `bytes` from `offset` on. @hot */
export function codisSlot(bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
  return codisCrc(bytes, offset, length) & (CODIS_SLOT_COUNT - 1);
}

/** The slot with four more bits of the CRC after it: 14 bits in all. @hot */
export function codisPart(bytes: Uint8Array, offset: number, length: number): number {
  return partOfCrc(codisCrc(bytes, offset, length));
}

/** The part of keys with this CRC. */
export function partOfCrc(crc: number): number {
  return ((crc & (CODIS_SLOT_COUNT - 1)) << 4) | ((crc >>> 10) & (PARTS_PER_CODIS_SLOT - 1));
}
