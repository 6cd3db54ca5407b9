// crc16: CRC-16/XMODEM (polynomial 0x1021, starts at 0, not reflected), which maps keys to the slots of a cluster.

const table = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  table[byte] = crc;
}

/** The checksum of `length` bytes from `offset` on. */
export function crc16(bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
  let crc = 0;
  for (let at = offset; at < offset + length; at++) crc = ((crc << 8) & 0xffff) ^ table[(crc >> 8) ^ bytes[at]!]!;
  return crc;
}
