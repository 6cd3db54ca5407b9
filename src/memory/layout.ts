// layout: how an arena address is put together; every structure that computes addresses takes its numbers from here.
//
//   ref (32 bits, stored in Int32Array, shifted with >>> only)
//   | chunk 9 bits | granule in the chunk 23 bits |     granule = 8 bytes, chunk = 64 MB, all = 32 GB
//
// A block of more than HUGE_BYTES has a chunk of its own, of its size and a quarter more; its ref is the chunk's first granule.
//
// Chunks and huge blocks are larger than 32 MB on purpose. The C library's allocator (glibc) maps only larger blocks for
// themselves once programs have freed smaller ones; memory from its common heap does not go back to the system.

export const GRANULE_BYTES = 8;
export const GRANULE_SHIFT = 3;
export const CHUNK_SHIFT = 23;
export const CHUNK_BYTES = 1 << (CHUNK_SHIFT + GRANULE_SHIFT);
/** The first chunk, which stays for ever, is shorter: many servers in tests hold next to nothing. */
export const FIRST_CHUNK_BYTES = 16 * 1024 * 1024;
export const CHUNK_COUNT_MAX = 1 << (32 - CHUNK_SHIFT);
export const GRANULE_MASK = (1 << CHUNK_SHIFT) - 1;
export const PAGE_BYTES = 8192;
/** ref >>> PAGE_SHIFT is the page's number. */
export const PAGE_SHIFT = 10;
export const PAGES_PER_CHUNK = CHUNK_BYTES / PAGE_BYTES;
/** Larger blocks get an ArrayBuffer of their own. Over 32 MB with the first page that is more: see above. */
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
