// packed-node: a listpack of a quicklist in LZF, as list-compress-depth asks for.
//
//   packed block   u32 bytes of the listpack, with bit 31 set | u32 bytes of what follows | LZF
//
// A listpack begins with its length, which is below 2^30, so that the first word shows which of the two a block is;
// nothing else has to remember it.
//
// Not here: which nodes are packed (quicklist), the compression (base/lzf).

import { assert } from '../base/assert.js';
import { copyBytes } from '../base/bytes.js';
import { lzfCompress, lzfDecompress } from '../base/lzf.js';
import { Arena } from '../memory/arena.js';
import { byteOffset, CHUNK_SHIFT, wordOffset } from '../memory/layout.js';

const PACKED = 1 << 31;
const HEADER_BYTES = 8;
/** Shorter listpacks are not worth it, longer ones (from an RDB file) would make a command wait. */
const RAW_BYTES_MIN = 48;
const RAW_BYTES_MAX = 1 << 20;

let scratch = new Uint8Array(8192);

export function isPacked(arena: Arena, block: number): boolean {
  return arena.i32[block >>> CHUNK_SHIFT]![wordOffset(block)]! < 0;
}

/** Bytes of the listpack in a block, be it packed or not. */
export function listpackBytes(arena: Arena, block: number): number {
  return arena.i32[block >>> CHUNK_SHIFT]![wordOffset(block)]! & ~PACKED;
}

/** A packed block of the listpack in another; 0 where that saves no memory. The other stays. */
export function packBlock(arena: Arena, block: number): number {
  const bytes = listpackBytes(arena, block);
  if (bytes < RAW_BYTES_MIN || bytes > RAW_BYTES_MAX) return 0;
  if (scratch.length < bytes) scratch = new Uint8Array(bytes * 2);
  const packed = lzfCompress(
    arena.u8[block >>> CHUNK_SHIFT]!,
    byteOffset(block),
    bytes,
    scratch,
    0,
    bytes - HEADER_BYTES,
  );
  if (packed === 0 || Arena.goodSize(packed + HEADER_BYTES) >= arena.usable(block)) return 0;
  const made = arena.alloc(packed + HEADER_BYTES);
  const i32 = arena.i32[made >>> CHUNK_SHIFT]!;
  i32[wordOffset(made)] = bytes | PACKED;
  i32[wordOffset(made) + 1] = packed;
  copyBytes(arena.u8[made >>> CHUNK_SHIFT]!, byteOffset(made) + HEADER_BYTES, scratch, 0, packed);
  return made;
}

/** A new block with the listpack of a packed one, which stays. */
export function unpackBlock(arena: Arena, block: number): number {
  const made = arena.alloc(listpackBytes(arena, block));
  unpackInto(arena, block, made);
  return made;
}

/** Puts the listpack of a packed block into another, which has room for it. */
export function unpackInto(arena: Arena, block: number, target: number): void {
  const packed = arena.i32[block >>> CHUNK_SHIFT]![wordOffset(block) + 1]!;
  const from = arena.u8[block >>> CHUNK_SHIFT]!;
  const to = arena.u8[target >>> CHUNK_SHIFT]!;
  const isWhole = lzfDecompress(
    from,
    byteOffset(block) + HEADER_BYTES,
    packed,
    to,
    byteOffset(target),
    listpackBytes(arena, block),
  );
  assert(isWhole, 'a packed node can be unpacked');
}

/** A copy of a packed block. */
export function copyPacked(arena: Arena, block: number): number {
  const bytes = arena.i32[block >>> CHUNK_SHIFT]![wordOffset(block) + 1]! + HEADER_BYTES;
  const made = arena.alloc(bytes);
  arena.copy(made, 0, block, 0, bytes);
  return made;
}
