// stream-id-bytes: the id of a stream's entry as RDB and the index of a stream write it.

import type { StreamId } from '../../structures/stream-id.js';

const idBytes = new Uint8Array(16);

/** The 16 bytes of an id, big endian; borrowed until the next call. */
export function streamIdBytes(id: StreamId): Uint8Array {
  const words = [id.msHigh, id.msLow, id.seqHigh, id.seqLow];
  for (let word = 0; word < 4; word++) {
    for (let byte = 0; byte < 4; byte++) idBytes[4 * word + byte] = words[word]! >>> (24 - 8 * byte);
  }
  return idBytes;
}
