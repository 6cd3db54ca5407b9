// disk-backlog: the part of the stream that has left the memory, in files beside the AOF (`repl-backlog-disk-size`).
//
// A replica that was away for longer than `repl-backlog-size` allows is served from here, with the same +CONTINUE. The files
// survive a restart: with an RDB file its header says which offset the data is at, with an AOF the places that are noted
// in the chunks do. Commands after that offset were lost with the crash; they are cut off, and the history goes on there
// under another name.
//
// A disk that fails costs the files and nothing else: a line in the log, and a new beginning after a while.
//
// Not here: the bytes (segment-format), the files (segment-chain), writing and reading them (segment-writer, segment-reader).

import type { Clock } from '../../io/clock.js';
import type { OpenFile } from '../../io/files.js';
import type { StreamArchive } from '../history.js';
import type { EarlierId, ReplicationId } from '../psync.js';
import type { WriteStream } from '../write-stream.js';
import type { AofTail } from '../../persistence/aof/append-only.js';
import { type AofPlace, FINGERPRINT_HEAD_BYTES, fingerprintOf, type Increment } from './aof-place.js';
import { type ChainHost, type RestoredPlace, SegmentChain } from './segment-chain.js';
import { SegmentReader } from './segment-reader.js';
import { SegmentWriter, type WriterHost } from './segment-writer.js';

const SEGMENTS = 8;
const SEGMENT_BYTES_MIN = 16 * 1024;
const SEGMENT_BYTES_MAX = 64 << 20;
/** A burst that the disk catches up with later costs memory; dropping the files would cost each absent replica a full sync. */
const LAG_BYTES_MIN = 32 << 20;
const LAG_BYTES_MAX = 256 << 20;
const RETRY_MS = 30_000;
const SECOND_MS = 1000;

export interface DiskBacklogHost extends ChainHost {
  readonly clock: Clock;
  /** repl-backlog-disk-size. */
  readonly sizeBytes: number;
  readonly aofTail: AofTail | undefined;
  readonly increments: readonly Increment[];
  /** The database that the stream ends in, -1 for unknown. */
  readonly streamDatabase: number;
  /** More of the stream is on the disk, so it need not be kept in memory for those who lag behind. */
  written(): void;
}

export class DiskBacklog implements StreamArchive, WriterHost {
  private readonly chain: SegmentChain;
  private writer: SegmentWriter | undefined;
  private stream: WriteStream | undefined;
  private id = '';
  private failedMs = -Infinity;
  private syncedMs = 0;
  private fingerprint: { readonly sequence: number; readonly bytes: Uint8Array } | undefined;

  constructor(private readonly host: DiskBacklogHost) {
    this.chain = new SegmentChain(host);
  }

  get isOn(): boolean {
    return this.host.sizeBytes > 0;
  }

  get startOffset(): number | undefined {
    return this.writer === undefined ? undefined : (this.chain.startOffset ?? this.writer.writtenOffset);
  }

  /** Bytes that the files take. */
  get bytes(): number {
    return this.chain.bytes;
  }

  get earlierIds(): readonly EarlierId[] {
    return this.writer === undefined ? [] : this.chain.earlierIds();
  }

  /** Finds the files of an earlier run; with the backlog off they are removed. */
  load(): void {
    this.chain.load();
    if (this.isOn || this.chain.segments.length === 0) return;
    this.host.log('notice', 'Removing the replication backlog on disk: repl-backlog-disk-size is 0');
    this.chain.drop();
  }

  /** Nothing says where in the history the data from the disk stands. */
  dropUnplaced(): void {
    if (this.chain.segments.length === 0) return;
    this.host.log(
      'warning',
      'Dropping the replication backlog on disk: neither the RDB file nor the AOF says which of its offsets the data that was loaded stands at',
    );
    this.chain.drop();
  }

  /** The offset that belongs to the newest place which the AOF still has. */
  findPlace(): RestoredPlace | undefined {
    return this.isOn ? this.chain.findPlace(this.host.increments) : undefined;
  }

  // --- the stream -----------------------------------------------------------------------------------------------------

  begin(stream: WriteStream, id: ReplicationId): void {
    this.forget();
    this.stream = stream;
    this.id = id;
    if (this.isOn) this.write(stream.endOffset);
  }

  resume(stream: WriteStream, id: ReplicationId): void {
    this.stream = stream;
    this.id = id;
    if (!this.isOn) return;
    const offset = stream.endOffset;
    const had = this.chain.startOffset;
    if (had !== undefined && !this.tryCut(id, offset)) {
      this.host.log(
        'warning',
        `Dropping the replication backlog on disk from offset ${had + 1} on: it does not reach offset ${offset + 1} of the replication id ${id}, where the data that was loaded stands`,
      );
      this.chain.drop();
    }
    if (this.chain.startOffset !== undefined)
      this.host.log(
        'notice',
        `The replication backlog on disk goes on at offset ${offset + 1} and begins at ${this.chain.startOffset + 1}`,
      );
    this.write(offset);
  }

  private tryCut(id: ReplicationId, offset: number): boolean {
    try {
      return this.chain.cutAt(id, offset);
    } catch (error) {
      this.host.log('warning', `The replication backlog on disk cannot be read: ${String(error)}`);
      return false;
    }
  }

  rename(id: ReplicationId): void {
    this.id = id;
    this.writer?.rename(id);
  }

  drop(): void {
    this.forget();
    this.stream = undefined;
  }

  private forget(): void {
    this.writer?.abandon();
    this.writer = undefined;
    this.chain.drop();
  }

  private write(offset: number): void {
    try {
      this.writer = new SegmentWriter(this, this.chain, this.stream!, offset, this.id);
    } catch (error) {
      this.failed(error instanceof Error ? error.message : String(error));
    }
  }

  /** repl-backlog-disk-size has changed. */
  resized(): void {
    if (!this.isOn) this.forget();
    else if (this.writer === undefined && this.stream !== undefined) this.write(this.stream.startOffset);
    else this.chain.trim(this.chainBytes);
  }

  // --- for replicas ---------------------------------------------------------------------------------------------------

  /** Whether the stream can be read from here on. */
  covers(offset: number): boolean {
    const { startOffset, writer } = this;
    return startOffset !== undefined && offset >= startOffset && offset <= writer!.writtenOffset;
  }

  read(offset: number): SegmentReader {
    return new SegmentReader(offset, this.host.files, this.chain);
  }

  // --- for the writer -------------------------------------------------------------------------------------------------

  get segmentBytes(): number {
    return Math.max(SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES_MAX, Math.floor(this.host.sizeBytes / SEGMENTS)));
  }

  /** The rest is for the segment that grows. */
  get chainBytes(): number {
    return Math.max(0, this.host.sizeBytes - this.segmentBytes);
  }

  get lagBytes(): number {
    return Math.max(LAG_BYTES_MIN, Math.min(LAG_BYTES_MAX, Math.floor(this.host.sizeBytes / SEGMENTS)));
  }

  soon(run: () => void): void {
    this.host.clock.soon(run);
  }

  streamDatabase(): number {
    return this.host.streamDatabase;
  }

  openToUpdate(path: string): OpenFile {
    return this.host.files.open(path, 'update');
  }

  aofPlace(): AofPlace | undefined {
    const tail = this.host.aofTail;
    if (tail === undefined) return undefined;
    const { sequence } = tail;
    if (this.fingerprint?.sequence !== sequence) {
      this.fingerprint = undefined;
      const bytes = tail.writtenBytes < FINGERPRINT_HEAD_BYTES ? undefined : fingerprintOf(this.host.files, tail.path);
      if (bytes === undefined) return undefined;
      this.fingerprint = { sequence, bytes };
    }
    return { sequence, position: tail.bytes, database: tail.database, fingerprint: this.fingerprint.bytes };
  }

  written(): void {
    this.host.written();
  }

  failed(reason: string): void {
    this.failedMs = this.host.clock.steadyMs();
    this.host.log(
      'warning',
      `The replication backlog on disk has failed and is dropped: ${reason}. It begins anew in ${RETRY_MS / SECOND_MS} seconds; until then repl-backlog-size alone decides who needs a full sync`,
    );
    this.forget();
  }

  // --- time -----------------------------------------------------------------------------------------------------------

  /** About ten times a second. */
  tick(): void {
    const nowMs = this.host.clock.steadyMs();
    const { writer, stream } = this;
    if (writer === undefined) {
      if (this.isOn && stream !== undefined && nowMs - this.failedMs >= RETRY_MS) this.write(stream.startOffset);
      return;
    }
    writer.tick();
    if (nowMs - this.syncedMs < SECOND_MS) return;
    this.syncedMs = nowMs;
    writer.sync();
  }

  /** The process ends: all of the stream goes to the disk. */
  finish(): void {
    try {
      this.writer?.finish();
    } catch (error) {
      this.host.log('warning', `The end of the replication backlog cannot be written: ${String(error)}`);
    }
    this.writer = undefined;
  }
}
