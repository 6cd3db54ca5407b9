// crc32: the CRC-32 of IEEE 802.3 (reflected polynomial edb88320, start and final xor all ones), as zlib and codis compute it.

const table = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  table[byte] = crc;
}

/** The checksum of `length` bytes from `offset` on, as an unsigned number. @hot */
export function crc32(bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
  let crc = -1;
  for (let at = offset; at < offset + length; at++) crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}
