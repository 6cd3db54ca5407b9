// history: the name of this server's data set as it changes, and the stream of its changes.
//
// A master makes up an id and counts the bytes of its stream. A replica takes over the id and the offset of its master and
// keeps the same stream, so that replicas of its own, and after a promotion its siblings, can go on from it.

import { type EarlierId, type History as PsyncHistory, NO_ID, type ReplicationId } from './psync.js';
import { WriteStream } from './write-stream.js';

/** Keeps more of the stream than the memory does. */
export interface StreamArchive {
  /** Offset of the first byte that it has, without a gap before those in memory; undefined: it has none. */
  readonly startOffset: number | undefined;
  readonly earlierIds: readonly EarlierId[];
  /** A stream begins whose past nobody may ask for, or which has none. */
  begin(stream: WriteStream, id: ReplicationId): void;
  /** The stream continues the archived part of this history up to its beginning, if there is one. */
  resume(stream: WriteStream, id: ReplicationId): void;
  /** From here on the history has another name. */
  rename(id: ReplicationId): void;
  /** There is no stream any more. */
  drop(): void;
}

export class History {
  id: ReplicationId;
  secondId: ReplicationId = NO_ID;
  /** Counted from 1; -1 for none. */
  secondOffset = -1;
  /** Undefined until somebody follows, and after the backlog was dropped. */
  stream: WriteStream | undefined;
  /** The offset while there is no stream. */
  private restingOffset = 0;
  archive: StreamArchive | undefined;

  constructor(private readonly makeId: () => ReplicationId) {
    this.id = makeId();
  }

  /** master_repl_offset. */
  get offset(): number {
    return this.stream?.endOffset ?? this.restingOffset;
  }

  /** For `decidePsync`. */
  get forPsync(): PsyncHistory {
    const { archive, id, secondId, secondOffset, stream } = this;
    if (stream === undefined) return { id, secondId, secondOffset, backlog: undefined };
    const start = Math.min(stream.startOffset, archive?.startOffset ?? Infinity);
    return {
      id,
      secondId,
      secondOffset,
      backlog: { first: start + 1, next: stream.endOffset + 1 },
      earlier: archive?.earlierIds ?? [],
    };
  }

  /** Begins to keep the stream. A stream that was not kept has a gap, so nobody can follow under the old name. */
  keepStream(sizeBytes: number): WriteStream {
    if (this.stream === undefined) {
      this.renew();
      this.stream = new WriteStream(this.restingOffset, sizeBytes);
      this.archive?.begin(this.stream, this.id);
    }
    return this.stream;
  }

  /** A write while there is no stream. */
  countUnkept(): void {
    this.restingOffset++;
  }

  /** The backlog was not used for long. */
  dropStream(): void {
    this.restingOffset = this.offset;
    this.stream = undefined;
    this.archive?.drop();
    // Redis: the writes that come now are in nobody's backlog.
    this.renew();
  }

  /** The data of this history is given up: nobody may go on from it here. */
  lose(): void {
    this.restingOffset = this.offset;
    this.stream = undefined;
  }

  /** Another name, which nobody knows. */
  renew(): void {
    this.id = this.makeId();
    this.forgetSecond();
    if (this.stream !== undefined) this.archive?.begin(this.stream, this.id);
  }

  forgetSecond(): void {
    this.secondId = NO_ID;
    this.secondOffset = -1;
  }

  /** A replica becomes a master: those who followed the same master can go on up to here. */
  promote(): void {
    this.secondId = this.id;
    this.secondOffset = this.offset + 1;
    this.id = this.makeId();
    this.archive?.rename(this.id);
  }

  /** The data set of a master was taken over. */
  adopt(id: ReplicationId, offset: number, sizeBytes: number): void {
    this.id = id;
    this.forgetSecond();
    this.stream = new WriteStream(offset, sizeBytes);
    this.archive?.begin(this.stream, id);
  }

  /** The data from the disk is at this offset of the history. */
  resume(id: ReplicationId, offset: number, sizeBytes: number): void {
    this.id = id;
    this.forgetSecond();
    this.stream = new WriteStream(offset, sizeBytes);
    this.archive?.resume(this.stream, id);
  }

  /** The master's history goes on under another name (PSYNC2). */
  rename(id: ReplicationId): void {
    if (id === this.id) return;
    this.secondId = this.id;
    this.secondOffset = this.offset + 1;
    this.id = id;
    this.archive?.rename(id);
  }
}
