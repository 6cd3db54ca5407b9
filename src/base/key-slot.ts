// key-slot: the slot of a key in a cluster: CRC-16 modulo 16384, of the hash tag where the key has one.
//
// The tag is what stands between the first `{` and the first `}` after it, when that is not empty: keys with the same tag
// share a slot, so that commands with several keys and transactions can use them together.
import { crc16 } from './crc16.js';

export const SLOT_COUNT = 16384;

const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The slot of the key that lies in `bytes` from `offset` on. @hot */
export function keySlot(bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
  const end = offset + length;
  for (let at = offset; at < end; at++) if (bytes[at] === openBrace) return slotOfTagged(bytes, offset, end, at);
  return crc16(bytes, offset, length) & (SLOT_COUNT - 1);
}

function slotOfTagged(bytes: Uint8Array, offset: number, end: number, open: number): number {
  let close = open + 1;
  while (close < end && bytes[close] !== closeBrace) close++;
  const hasTag = close < end && close > open + 1;
  return (hasTag ? crc16(bytes, open + 1, close - open - 1) : crc16(bytes, offset, end - offset)) & (SLOT_COUNT - 1);
}
