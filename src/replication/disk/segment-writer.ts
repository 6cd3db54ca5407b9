// segment-writer: follows the stream and puts it into segment files, in order, one write at a time off the loop.
//
// The writer is a reader of the stream, so the stream keeps in memory what is not on the disk yet: together they have no gap.
// While one write runs the stream goes on, and the next write takes what has come meanwhile, as several chunks: under load one
// write ends in each turn of the loop, and a turn can bring megabytes. A disk that falls too far behind, or fails, ends the writer:
// memory stays bounded, and nobody waits for the disk.
//
// A history that gets another name goes on in another segment, which begins at the offset of the change.

import { Crc64 } from '../../base/crc64.js';
import { systemErrorText } from '../../base/system-error.js';
import type { OpenFile } from '../../io/files.js';
import type { ReplicationId } from '../psync.js';
import type { StreamReader, WriteStream } from '../write-stream.js';
import type { AofPlace } from './aof-place.js';
import type { SegmentChain } from './segment-chain.js';
import { CHUNK_BYTES_MAX, CHUNK_HEADER_BYTES, ChunkView, HEADER_BYTES } from './segment-format.js';
import type { Segment } from './segment.js';

/** Bytes of one write: the loop takes some milliseconds for their copy and CRC. */
const WRITE_BYTES_MAX = 4 << 20;

export interface WriterHost {
  /** Runs something in a turn of its own, when all commands of this one are in the AOF and in the stream. */
  soon(run: () => void): void;
  /** The end of the AOF, if it can be found again later. */
  aofPlace(): AofPlace | undefined;
  /** The database that the stream ends in, -1 for unknown. */
  streamDatabase(): number;
  openToUpdate(path: string): OpenFile;
  /** After so many bytes the next segment begins, and the chain is kept to so many. */
  readonly segmentBytes: number;
  readonly chainBytes: number;
  /** So many bytes of the stream may wait in memory for the disk. */
  readonly lagBytes: number;
  /** More of the stream is on the disk. */
  written(): void;
  /** The disk does not take the stream. */
  failed(reason: string): void;
}

export class SegmentWriter {
  /** Up to here the stream is on the disk. */
  writtenOffset: number;
  private readonly reader: StreamReader;
  private segment: Segment | undefined;
  private file: OpenFile | undefined;
  /** Names that the history takes from these offsets on. */
  private readonly names: { readonly id: ReplicationId; readonly offset: number }[];
  private buffer = new Uint8Array(CHUNK_HEADER_BYTES + CHUNK_BYTES_MAX);
  private readonly chunk = new ChunkView();
  private readonly crc = new Crc64();
  /** Of the last chunk that is in the buffer or in the file. */
  private lastPlace: AofPlace | undefined;
  /** Bytes of `buffer` that are being written, those of the stream in them, and how many are written. */
  private busyBytes = 0;
  private busyPayload = 0;
  private doneBytes = 0;
  private isDue = false;
  private isClosed = false;
  private unsyncedBytes = 0;
  private isSyncing = false;

  /** Goes on after what the chain holds, which must end at `offset`; `id` is the name of the stream's bytes from there on. */
  constructor(
    private readonly host: WriterHost,
    private readonly chain: SegmentChain,
    private readonly stream: WriteStream,
    offset: number,
    id: ReplicationId,
  ) {
    this.writtenOffset = offset;
    this.reader = stream.enter(offset, false);
    this.names = [];
    const { last } = chain;
    if (last?.id === id && last.bytes >= HEADER_BYTES) {
      this.segment = last;
      this.file = host.openToUpdate(last.path);
    } else this.names.push({ id, offset });
    stream.onAppend = () => this.flushSoon();
    this.flushSoon();
  }

  /** The history goes on under another name from the stream's end on. */
  rename(id: ReplicationId): void {
    this.names.push({ id, offset: this.stream.endOffset });
    this.flushSoon();
  }

  flushSoon(): void {
    if (this.isClosed) return;
    if (this.stream.endOffset - this.writtenOffset > this.host.lagBytes) {
      this.host.failed(`the disk is ${this.stream.endOffset - this.writtenOffset} bytes behind the stream`);
      return;
    }
    if (this.isDue || this.busyBytes > 0) return;
    this.isDue = true;
    this.host.soon(() => {
      this.isDue = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.isClosed || this.busyBytes > 0) return;
    try {
      if (!this.fill()) return;
      this.doneBytes = 0;
      this.write();
    } catch (error) {
      this.host.failed(systemErrorText(error));
    }
  }

  /** Puts the next chunks into the buffer; false: there is nothing to write. */
  private fill(): boolean {
    const lag = this.stream.endOffset - this.writtenOffset;
    if (lag > CHUNK_BYTES_MAX && this.buffer.length < WRITE_BYTES_MAX) this.buffer = new Uint8Array(WRITE_BYTES_MAX);
    while (this.busyBytes + CHUNK_HEADER_BYTES < this.buffer.length && this.addChunk());
    return this.busyBytes > 0;
  }

  /** Whether a chunk was added; the first one may begin a segment, and the others must lie in the same. */
  private addChunk(): boolean {
    const { chunk, stream, host, busyBytes } = this;
    const from = this.writtenOffset + this.busyPayload;
    while (this.names[0]?.offset === from) {
      if (busyBytes > 0) return false;
      this.beginSegment(this.names.shift()!.id);
    }
    if (this.segment === undefined) throw new Error('the backlog on disk has no segment to write to');
    if (this.segment.bytes + busyBytes >= host.segmentBytes && stream.endOffset > from) {
      if (busyBytes > 0) return false;
      this.beginSegment(this.segment.id);
    }
    // A chunk ends with its segment, or the files would take more than they may.
    const room = Math.max(1, host.segmentBytes - this.segment.bytes - busyBytes - CHUNK_HEADER_BYTES);
    const space = this.buffer.length - busyBytes - CHUNK_HEADER_BYTES;
    const limit = Math.min(
      stream.endOffset,
      this.names[0]?.offset ?? Infinity,
      from + Math.min(CHUNK_BYTES_MAX, room, space),
    );
    const place = limit === stream.endOffset ? host.aofPlace() : undefined;
    if (limit === from && (place === undefined || isSamePlace(place, this.lastPlace))) return false;
    this.copy(from, limit, busyBytes + CHUNK_HEADER_BYTES);
    chunk.offset = from;
    chunk.payloadBytes = limit - from;
    chunk.place = place;
    chunk.streamDatabase = host.streamDatabase();
    chunk.encode(this.buffer.subarray(busyBytes), this.crc);
    this.busyBytes += CHUNK_HEADER_BYTES + chunk.payloadBytes;
    this.busyPayload += chunk.payloadBytes;
    this.lastPlace = place;
    return true;
  }

  /** Copies a part of the stream into the buffer. */
  private copy(from: number, limit: number, target: number): void {
    const at = { offset: from };
    while (at.offset < limit) {
      const slice = this.stream.peek(at)!;
      const count = Math.min(slice.end - slice.start, limit - at.offset);
      this.buffer.set(slice.bytes.subarray(slice.start, slice.start + count), target + at.offset - from);
      at.offset += count;
    }
  }

  private write(): void {
    const { file, segment, buffer, busyBytes, doneBytes } = this;
    file!.writeSoon(buffer, doneBytes, busyBytes - doneBytes, segment!.bytes + doneBytes, (error, count) => {
      if (this.isClosed) return;
      if (error !== null || count <= 0) {
        this.host.failed(error === null ? 'no space left on device' : systemErrorText(error));
        return;
      }
      this.doneBytes += count;
      if (this.doneBytes < this.busyBytes) this.write();
      else this.chunksWritten();
    });
  }

  private chunksWritten(): void {
    this.settle();
    this.host.written();
    if (this.stream.endOffset > this.writtenOffset || this.names.length > 0) this.flush();
  }

  /** The chunks in the buffer are in the file. */
  private settle(): void {
    const { busyBytes, busyPayload } = this;
    this.segment!.bytes += busyBytes;
    this.unsyncedBytes += busyBytes;
    this.busyBytes = 0;
    this.busyPayload = 0;
    this.writtenOffset += busyPayload;
    this.stream.advance(this.reader, busyPayload);
  }

  private beginSegment(id: ReplicationId): void {
    const { file } = this;
    if (file !== undefined) {
      // The next file says how long this one is, so a power cut in between is found out.
      file.syncSoon(() => undefined);
      file.close();
    }
    this.file = undefined;
    const next = this.chain.add(id, this.writtenOffset);
    this.segment = next.segment;
    this.file = next.file;
    this.lastPlace = undefined;
    this.chain.trim(this.host.chainBytes);
  }

  /** About ten times a second: notes a place of the AOF that has moved without the stream. */
  tick(): void {
    this.flushSoon();
  }

  /** About once a second. */
  sync(): void {
    const { file } = this;
    if (file === undefined || this.isSyncing || this.unsyncedBytes === 0) return;
    this.isSyncing = true;
    this.unsyncedBytes = 0;
    file.syncSoon((error) => {
      this.isSyncing = false;
      if (error !== null && !this.isClosed) this.host.failed(systemErrorText(error));
    });
  }

  /** Lets the stream and the files go; what is not written yet is lost. */
  abandon(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stream.onAppend = undefined;
    this.stream.leave(this.reader);
    this.file?.close();
  }

  /** Writes all that is left, at once; for the end of the process. Throws the system's error. */
  finish(): void {
    if (this.isClosed) return;
    try {
      // A write that runs is done again: its bytes and its place are the same.
      if (this.busyBytes > 0 || this.fill())
        do {
          this.writeNow();
          this.settle();
        } while (this.fill());
      this.file?.sync();
    } finally {
      this.abandon();
    }
  }

  private writeNow(): void {
    let done = 0;
    while (done < this.busyBytes) {
      const count = this.file!.writeAt(this.buffer, done, this.busyBytes - done, this.segment!.bytes + done);
      if (count <= 0) throw new Error('no space left on device');
      done += count;
    }
  }
}

function isSamePlace(a: AofPlace, b: AofPlace | undefined): boolean {
  return b !== undefined && a.sequence === b.sequence && a.position === b.position;
}
