// listpack-format: the numbers of the listpack's byte format, the sizes of its entries, and the check of foreign bytes.

export const HEADER_BYTES = 6;
export const EMPTY_BYTES = 7;
export const END = 0xff;
export const STRING6 = 0x80;
export const INT13 = 0xc0;
export const STRING12 = 0xe0;
export const STRING32 = 0xf0;
export const INT16 = 0xf1;
export const INT24 = 0xf2;
export const INT32 = 0xf3;
export const INT64 = 0xf4;

/** Bytes of a whole entry by its first byte, back length included; 0 where the first byte alone does not tell. */
const bytesByFirst: Uint8Array = (() => {
  const table = new Uint8Array(256);
  table.fill(2, 0, STRING6);
  for (let length = 0; length < 64; length++) table[STRING6 | length] = length + 2;
  table.fill(3, INT13, STRING12);
  table[INT16] = 4;
  table[INT24] = 5;
  table[INT32] = 6;
  table[INT64] = 10;
  return table;
})();

/**
 * Bytes of the entry at `byte`, back length included. The entry must be there and well formed.
 * @hot
 */
export function entryBytes(u8: Uint8Array, byte: number): number {
  const bytes = bytesByFirst[u8[byte]!]!;
  if (bytes !== 0) return bytes;
  const encoded = longStringBytes(u8, byte);
  return encoded + backLengthBytes(encoded);
}

/** Bytes of encoding and data of a string whose length stands after its first byte. */
function longStringBytes(u8: Uint8Array, byte: number): number {
  const first = u8[byte]!;
  if (first < STRING32) return 2 + (((first & 15) << 8) | u8[byte + 1]!);
  return 5 + ((u8[byte + 1]! | (u8[byte + 2]! << 8) | (u8[byte + 3]! << 16) | (u8[byte + 4]! << 24)) >>> 0);
}

/** Bytes of the back length of an entry with `encoded` bytes; the highest value of each size goes to the next one, as in Redis. */
export function backLengthBytes(encoded: number): number {
  if (encoded <= 127) return 1;
  if (encoded < 16383) return 2;
  if (encoded < 2097151) return 3;
  if (encoded < 268435455) return 4;
  return 5;
}

/** Whether `length` bytes are a listpack; `deep` walks all entries. Reads nothing outside. */
export function validateListpack(bytes: Uint8Array, offset: number, length: number, deep: boolean): boolean {
  if (length < EMPTY_BYTES || offset + length > bytes.length) return false;
  const total =
    (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
  if (total !== length || bytes[offset + length - 1] !== END) return false;
  if (!deep) return true;
  const end = offset + length - 1;
  let count = 0;
  let at = offset + HEADER_BYTES;
  while (at < end) {
    const next = validEntryEnd(bytes, at, end);
    if (next === 0) return false;
    at = next;
    count++;
  }
  const stored = bytes[offset + 4]! | (bytes[offset + 5]! << 8);
  return stored === 65535 || stored === count;
}

/** Where the entry at `at` ends, or 0 when it is malformed or goes beyond `end`. */
function validEntryEnd(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first > INT64) return 0;
  const headerBytes = first === STRING32 ? 5 : first >= STRING12 && first < STRING32 ? 2 : 1;
  if (at + headerBytes > end) return 0;
  const known = bytesByFirst[first]!;
  const encoded = known !== 0 ? known - 1 : longStringBytes(bytes, at);
  const backBytes = backLengthBytes(encoded);
  if (at + encoded + backBytes > end) return 0;
  for (let index = backBytes - 1, rest = encoded; index >= 0; index--, rest = Math.floor(rest / 128)) {
    if (bytes[at + encoded + index] !== ((rest & 127) | (index === 0 ? 0 : 128))) return 0;
  }
  return at + encoded + backBytes;
}
