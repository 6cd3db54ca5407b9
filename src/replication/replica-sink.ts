// replica-sink: a snapshot that goes to the sockets of the replicas that wait for it, while it is encoded.
//
// The walk goes on while every replica has room; the slowest sets the pace, and one that takes nothing for too long is cut
// off by the replication timeout. Chunks are shared by all replicas and never written to again. The data ends with a checksum of
// zeroes, which means none: the connection has its own.

import type { RdbWriter } from '../persistence/rdb/writer.js';
import type { SnapshotSink } from '../persistence/snapshot/snapshot-sink.js';
import type { Clock, Timer } from '../io/clock.js';
import type { Replica } from './replica.js';
import type { SyncPace } from './sync-pace.js';

/** Bytes that a replica's connection may hold before the walk pauses. */
const WINDOW_BYTES = 4 << 20;
export const NO_CHECKSUM = new Uint8Array(8);

export class ReplicaSink implements SnapshotSink {
  onRoom = (): void => undefined;
  onError: (error: Error) => void = () => undefined;
  private sentBytes = 0;
  private isOver = false;
  private timer: Timer | undefined;

  /** `mark`: what the data ends with. `pace`: how fast it may go. */
  constructor(
    private readonly replicas: readonly Replica[],
    private readonly mark: Uint8Array,
    private readonly noteProgress: (replica: Replica) => void,
    private readonly pace: SyncPace,
    private readonly clock: Clock,
  ) {
    for (const replica of replicas) {
      const { connection } = replica.client;
      if (connection !== undefined) connection.whenDrained = () => this.drained(replica);
    }
  }

  private get open(): readonly Replica[] {
    return this.replicas.filter((replica) => !replica.isClosed);
  }

  get pendingBytes(): number {
    return this.open.reduce((most, { client }) => Math.max(most, client.connection!.wire.unsentBytes), 0);
  }

  get room(): boolean {
    return this.pendingBytes < WINDOW_BYTES && this.isInPace();
  }

  /** False: the limit of the rate is reached, and `onRoom` is called when more may go. */
  private isInPace(): boolean {
    const { waitMs } = this.pace;
    if (waitMs === 0) return true;
    this.timer ??= this.clock.after(waitMs, () => {
      this.timer = undefined;
      if (!this.isOver && this.room) this.onRoom();
    });
    return false;
  }

  private drained(replica: Replica): void {
    this.noteProgress(replica);
    if (!this.isOver && this.room) this.onRoom();
  }

  /** A replica has gone: without any, the snapshot is of no use. */
  replicaLeft(): void {
    if (this.isOver) return;
    if (this.open.length > 0) {
      if (this.room) this.onRoom();
      return;
    }
    this.isOver = true;
    this.onError(new Error('no replica is left that waits for it'));
  }

  private sendAll(bytes: Uint8Array): void {
    this.sentBytes += bytes.length;
    this.pace.sent(bytes.length);
    for (const replica of this.open) {
      replica.client.connection!.send(bytes);
      if (replica.client.connection!.wire.unsentBytes === 0) this.noteProgress(replica);
    }
  }

  send(writer: RdbWriter): void {
    if (writer.length === 0) return;
    if (this.isOver) {
      writer.clear();
      return;
    }
    const chunk = writer.bytes.subarray(0, writer.length);
    writer.restart(new Uint8Array(writer.bytes.length));
    this.sendAll(chunk);
  }

  finish(done: (error: Error | null, bytes: number) => void): void {
    if (!this.isOver) {
      this.sendAll(NO_CHECKSUM);
      this.sendAll(this.mark);
    }
    this.isOver = true;
    done(null, this.sentBytes);
  }

  abort(): void {
    this.isOver = true;
  }
}
