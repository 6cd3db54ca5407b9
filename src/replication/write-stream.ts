// write-stream: the stream of writes that replicas follow, kept once for the backlog and all replicas.
//
// A byte of the stream has an offset: how many bytes came before it since the replication id began. The bytes lie in
// blocks of fixed size that are written once from front to back, so a slice of one may be handed to a socket and stays
// as it is however long the socket takes. Each reader (a replica) is an offset; a block goes when it is older than the
// backlog's size and no reader has it ahead, so memory does not grow with the number of replicas.
//
//   startOffset              endOffset
//   v                        v
//   [ block ][ block ][ block .... ]
//        ^ a replica    ^ another
//
// In PSYNC and INFO offsets count from 1: `PSYNC id n` asks for the byte at offset n - 1 here, and master_repl_offset
// is `endOffset`.
//
// Not here: the content of the stream (command-encoder), the right to read from an offset (psync), the disk.

import { copyBytes } from '../base/bytes.js';

const BLOCK_BYTES = 64 * 1024;
/** Bytes that a block takes beside its content. */
const BLOCK_COST = 128;

/** A place from which the stream is read; blocks are kept for it. */
export interface StreamReader {
  /** Offset of the next byte to read. */
  offset: number;
  /** Other replicas may ask for the bytes kept for it. */
  readonly shares: boolean;
}

/** Bytes of the stream, in place: they do not change. */
export interface StreamSlice {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export class WriteStream {
  private blocks: Uint8Array[] = [];
  /** Offset of the first byte of `blocks[0]`. */
  private blocksOffset: number;
  private end: number;
  /** Bytes that the last block still takes. */
  private room = 0;
  /** Appending looks for blocks that nobody needs when it reaches this offset. */
  private trimOffset = 0;
  private readonly readers = new Set<StreamReader>();
  /** Told that bytes were added: the backlog on disk. */
  onAppend: (() => void) | undefined;

  /** `offset`: where the stream begins. `sizeBytes`: how much of it is kept for readers that come back. */
  constructor(
    offset: number,
    private sizeBytes: number,
  ) {
    this.blocksOffset = offset;
    this.end = offset;
  }

  /** Offset of the oldest byte that is kept for readers that come back: bytes kept for a reader that lags serve others too. */
  get startOffset(): number {
    let start = this.end - this.sizeBytes;
    for (const { offset, shares } of this.readers) if (shares) start = Math.min(start, offset);
    return Math.max(start, this.blocksOffset);
  }

  /** Offset of the byte that comes next. */
  get endOffset(): number {
    return this.end;
  }

  /** How many bytes may be asked for. */
  get length(): number {
    return this.end - this.startOffset;
  }

  /** Bytes of memory that the stream takes. */
  get memoryBytes(): number {
    return this.blocks.length * (BLOCK_BYTES + BLOCK_COST);
  }

  /** The part of `memoryBytes` that only readers keep: what is beyond the size, in whole blocks. */
  get laggingBytes(): number {
    if (this.readers.size === 0) return 0;
    const ownBlocks = Math.ceil(this.sizeBytes / BLOCK_BYTES) + 1;
    return Math.max(0, this.blocks.length - ownBlocks) * (BLOCK_BYTES + BLOCK_COST);
  }

  get readerCount(): number {
    return this.readers.size;
  }

  get size(): number {
    return this.sizeBytes;
  }

  resize(sizeBytes: number): void {
    this.sizeBytes = sizeBytes;
    this.trim();
  }

  /** Adds `bytes[from]` to `bytes[to - 1]`. @hot */
  append(bytes: Uint8Array, from = 0, to = bytes.length): void {
    let at = from;
    while (at < to) {
      if (this.room === 0) {
        this.blocks.push(new Uint8Array(BLOCK_BYTES));
        this.room = BLOCK_BYTES;
      }
      const count = Math.min(to - at, this.room);
      copyBytes(this.blocks[this.blocks.length - 1]!, BLOCK_BYTES - this.room, bytes, at, count);
      at += count;
      this.room -= count;
      this.end += count;
    }
    if (this.end >= this.trimOffset) this.trim();
    if (this.onAppend !== undefined) this.onAppend();
  }

  /** Whether the byte at `offset` is kept, or is the one that comes next. */
  has(offset: number): boolean {
    return offset >= this.startOffset && offset <= this.end;
  }

  /** As `has`, but also true for bytes that are kept only because their block is needed. */
  covers(offset: number): boolean {
    return offset >= this.blocksOffset && offset <= this.end;
  }

  /** Begins to read at `offset`, which the stream `covers`; what follows is kept until it is read, or `leave`. */
  enter(offset: number, shares = true): StreamReader {
    if (!this.covers(offset))
      throw new RangeError(`the stream has no byte ${offset}: it holds ${this.blocksOffset} to ${this.end}`);
    const reader = { offset, shares };
    this.readers.add(reader);
    return reader;
  }

  leave(reader: StreamReader): void {
    if (this.readers.delete(reader)) this.trim();
  }

  /** The next bytes that lie in one piece; undefined at the end. */
  peek(reader: Pick<StreamReader, 'offset'>): StreamSlice | undefined {
    if (reader.offset >= this.end) return undefined;
    const position = reader.offset - this.blocksOffset;
    const bytes = this.blocks[Math.floor(position / BLOCK_BYTES)]!;
    const start = position % BLOCK_BYTES;
    return { bytes, start, end: Math.min(BLOCK_BYTES, start + this.end - reader.offset) };
  }

  /** The reader has read so many bytes more. */
  advance(reader: StreamReader, count: number): void {
    const before = reader.offset;
    reader.offset += count;
    // Only the first block can go, and only once every reader has left it.
    if (before - this.blocksOffset < BLOCK_BYTES && reader.offset - this.blocksOffset >= BLOCK_BYTES) this.trim();
  }

  /** Everything is forgotten: the stream goes on at `offset` as if nothing had come before. Readers must have left. */
  restart(offset: number): void {
    this.readers.clear();
    this.blocks = [];
    this.blocksOffset = offset;
    this.end = offset;
    this.room = 0;
    this.trimOffset = 0;
  }

  /** Lets blocks go that are older than the size and that no reader has ahead. */
  private trim(): void {
    let needed = this.end - this.sizeBytes;
    for (const { offset } of this.readers) needed = Math.min(needed, offset);
    const count = Math.floor((needed - this.blocksOffset) / BLOCK_BYTES);
    if (count > 0) {
      this.blocks.splice(0, count);
      this.blocksOffset += count * BLOCK_BYTES;
    }
    // Those of a reader that lags go when it advances or leaves.
    this.trimOffset = Math.max(this.end, this.blocksOffset + this.sizeBytes) + BLOCK_BYTES;
  }
}
