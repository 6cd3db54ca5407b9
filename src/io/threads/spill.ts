// spill: records for a thread whose ring is full, in their order, until there is room.
//
// They lie one after the other in chunks, as they will lie in the ring, so that many small replies take little more than their
// bytes. Spilled bytes count as unsent for their connection, so a slow thread holds its clients' requests back.

import { nextBlockBytes } from '../../base/block-bytes.js';
import { HEADER_BYTES } from './layout.js';
import { recordBytes } from './ring.js';

const CHUNK_BYTES = 256 * 1024;

class Chunk {
  readonly bytes: Uint8Array;
  readonly ints: Int32Array;
  end = 0;

  constructor(size: number) {
    const buffer = new ArrayBuffer(size);
    this.bytes = new Uint8Array(buffer);
    this.ints = new Int32Array(buffer);
  }
}

export class Spill {
  private chunks: Chunk[] = [];
  /** In all chunks. */
  private bytesTaken = 0;
  /** Where the first record lies in the first chunk. */
  private at = 0;
  /** Of the first record: its payload is `bytes[start]` to `bytes[start + length - 1]`. */
  slot = 0;
  kind = 0;
  start = 0;
  length = 0;
  bytes: Uint8Array = new Uint8Array(0);

  get isEmpty(): boolean {
    return this.chunks.length === 0;
  }

  add(slot: number, kind: number, bytes: Uint8Array, from: number, length: number): void {
    const size = recordBytes(length);
    let chunk = this.chunks[this.chunks.length - 1];
    if (chunk === undefined || chunk.end + size > chunk.bytes.length) {
      chunk = new Chunk(nextBlockBytes(this.bytesTaken, size, CHUNK_BYTES));
      this.bytesTaken += chunk.bytes.length;
      this.chunks.push(chunk);
    }
    const at = chunk.end;
    chunk.ints[at >> 2] = length;
    chunk.ints[(at >> 2) + 1] = (slot << 4) | kind;
    chunk.bytes.set(bytes.subarray(from, from + length), at + HEADER_BYTES);
    chunk.end += size;
    if (this.chunks.length === 1 && this.at === at) this.look();
  }

  /** The first record has gone. */
  drop(): void {
    this.at += recordBytes(this.length);
    if (this.at === this.chunks[0]!.end) {
      this.bytesTaken -= this.chunks.shift()!.bytes.length;
      this.at = 0;
    }
    if (this.chunks.length > 0) this.look();
  }

  clear(): void {
    this.chunks = [];
    this.bytesTaken = 0;
    this.at = 0;
  }

  private look(): void {
    const chunk = this.chunks[0]!;
    this.bytes = chunk.bytes;
    this.length = chunk.ints[this.at >> 2]!;
    const what = chunk.ints[(this.at >> 2) + 1]!;
    this.slot = what >> 4;
    this.kind = what & 15;
    this.start = this.at + HEADER_BYTES;
  }
}
