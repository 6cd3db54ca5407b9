// layout: how an arena address is put together; every structure that computes addresses takes its numbers from here.
//
//   ref (32 bits, stored in Int32Array, shifted with >>> only)
//   | chunk 11 bits | granule in the chunk 21 bits |     granule = 8 bytes, chunk = 16 MB, all = 32 GB
//
// A block of more than HUGE_BYTES has a chunk of its own, of just its size; its ref is the chunk's first granule.

export const GRANULE_BYTES = 8;
export const GRANULE_SHIFT = 3;
export const CHUNK_SHIFT = 21;
export const CHUNK_BYTES = 1 << (CHUNK_SHIFT + GRANULE_SHIFT);
export const CHUNK_COUNT_MAX = 1 << (32 - CHUNK_SHIFT);
export const GRANULE_MASK = (1 << CHUNK_SHIFT) - 1;
export const PAGE_BYTES = 8192;
/** ref >>> PAGE_SHIFT is the page's number. */
export const PAGE_SHIFT = 10;
export const PAGES_PER_CHUNK = CHUNK_BYTES / PAGE_BYTES;
/** Larger blocks get an ArrayBuffer of their own. */
export const HUGE_BYTES = CHUNK_BYTES / 2;

/** Where the block's first byte is inside its chunk's Uint8Array. */
export function byteOffset(ref: number): number {
  return (ref & GRANULE_MASK) << GRANULE_SHIFT;
}

/** Where the block's first word is inside its chunk's Int32Array. */
export function wordOffset(ref: number): number {
  return (ref & GRANULE_MASK) << 1;
}

/** Which chunk the block is in: the index into `arena.u8`, `arena.i32` and `arena.f64`. */
export function chunkOf(ref: number): number {
  return ref >>> CHUNK_SHIFT;
}
