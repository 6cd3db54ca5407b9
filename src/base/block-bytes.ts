// block-bytes: how large the blocks are in which bytes wait for a client that does not read.
//
// glibc gives memory back at once only of blocks over 32 MB; of smaller ones it keeps what a client had waiting, for good. Pages of a
// large block that are not written cost nothing.

/** With so many bytes waiting, blocks become large. */
export const LARGE_FROM_BYTES = 16 * 1024 * 1024;
const LARGE_BLOCK_BYTES = 36 * 1024 * 1024;

/** The size of the next block, with room for `bytes`, where `waitingBytes` wait already and small blocks have `smallBytes`. */
export function nextBlockBytes(waitingBytes: number, bytes: number, smallBytes: number): number {
  return Math.max(bytes, waitingBytes >= LARGE_FROM_BYTES ? LARGE_BLOCK_BYTES : smallBytes);
}
