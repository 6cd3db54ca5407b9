// segment-reader: reads the stream from the segment files for one replica, off the loop.
//
// A segment that is removed while it is read stays open until its end; then the reader finds that the next is gone.

import { Crc64 } from '../../base/crc64.js';
import { systemErrorText } from '../../base/system-error.js';
import type { Files, OpenFile } from '../../io/files.js';
import type { SegmentChain } from './segment-chain.js';
import { CHUNK_HEADER_BYTES, ChunkView, HEADER_BYTES } from './segment-format.js';
import { READ_BYTES, type Segment } from './segment.js';

export class SegmentReader {
  private segment: Segment | undefined;
  private file: OpenFile | undefined;
  private position = HEADER_BYTES;
  /** Offset of the chunk at `position`. */
  private chunkOffset = 0;
  private readonly chunk = new ChunkView();
  private readonly crc = new Crc64();
  private isReading = false;
  private isClosed = false;

  /** `offset`: of the next byte that is read. */
  constructor(
    public offset: number,
    private readonly files: Files,
    private readonly chain: SegmentChain,
  ) {}

  get isBusy(): boolean {
    return this.isReading;
  }

  /**
   * Reads on; `take` gets pieces of the stream in order, which nobody changes any more, then `done` is called, with the reason
   * when the stream cannot be read on.
   */
  read(take: (bytes: Uint8Array) => void, done: (problem: string | undefined) => void): void {
    let file: OpenFile;
    try {
      const opened = this.place();
      if (typeof opened === 'string') {
        done(opened);
        return;
      }
      file = opened;
    } catch (error) {
      done(systemErrorText(error));
      return;
    }
    const segment = this.segment!;
    const length = Math.min(READ_BYTES, segment.bytes - this.position);
    if (length <= 0) {
      done(undefined);
      return;
    }
    const buffer = new Uint8Array(length);
    this.isReading = true;
    file.readSoon(buffer, 0, length, this.position, (error, count) => {
      this.isReading = false;
      if (this.isClosed) return;
      if (error !== null) done(systemErrorText(error));
      else if (this.deliver(buffer, count, take)) done(undefined);
      else {
        const reason = `it is not sound at byte ${this.position}`;
        this.chain.dropUpTo(segment, reason);
        done(`${segment.path}: ${reason}`);
      }
    });
  }

  /** Opens the file that holds the next byte; the text says why there is none. */
  private place(): OpenFile | string {
    const { segment, chain } = this;
    const isOver = segment !== undefined && this.position >= segment.bytes && segment !== chain.last;
    if (this.file !== undefined && !isOver) return this.file;
    const next = isOver ? this.successor(segment) : chain.find(this.offset);
    if (next === undefined) {
      if (segment === undefined || !chain.segments.includes(segment))
        return `offset ${this.offset + 1} has left the backlog on disk`;
      chain.dropUpTo(segment, 'it ends too early');
      return `${segment.path} ends too early`;
    }
    this.file?.close();
    this.file = this.files.open(next.path, 'read');
    this.segment = next;
    this.position = HEADER_BYTES;
    this.chunkOffset = next.startOffset;
    return this.file;
  }

  /** The segment that begins where this one, which may be gone, has ended. */
  private successor(segment: Segment): Segment | undefined {
    const { segments } = this.chain;
    const next = segments[segments.indexOf(segment) + 1];
    return next?.startOffset === this.chunkOffset ? next : undefined;
  }

  /** False: the bytes are no chunks. */
  private deliver(buffer: Uint8Array, count: number, take: (bytes: Uint8Array) => void): boolean {
    const { chunk } = this;
    let at = 0;
    for (;;) {
      const taken = chunk.decode(buffer, at, count, this.chunkOffset, this.crc);
      if (taken === -1) return false;
      if (taken === 0) break;
      const from = Math.max(0, this.offset - chunk.offset);
      if (from < chunk.payloadBytes) {
        const start = at + CHUNK_HEADER_BYTES;
        take(buffer.subarray(start + from, start + chunk.payloadBytes));
        this.offset = chunk.offset + chunk.payloadBytes;
      }
      at += taken;
      this.position += taken;
      this.chunkOffset += chunk.payloadBytes;
    }
    return at > 0;
  }

  close(): void {
    this.isClosed = true;
    this.file?.close();
    this.file = undefined;
  }
}
