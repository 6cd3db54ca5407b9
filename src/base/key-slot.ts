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
  for (let open = offset; open < end; open++) {
    if (bytes[open] !== openBrace) continue;
    for (let close = open + 1; close < end; close++) {
      if (bytes[close] !== closeBrace) continue;
      if (close === open + 1) break;
      return crc16(bytes, open + 1, close - open - 1) & (SLOT_COUNT - 1);
    }
    break;
  }
  return crc16(bytes, offset, length) & (SLOT_COUNT - 1);
}
