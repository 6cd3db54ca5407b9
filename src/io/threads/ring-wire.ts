// ring-wire: a connection whose socket belongs to an I/O thread, as the engine sees it.
//
// Written bytes go as records into the ring of replies. They count as sent once they are in the ring, as bytes in the
// system's buffers do, unless the thread says that the system does not take them: then all bytes that have not left
// count as unsent, and `onDrain` follows when they have left.
//
// A connection that returns to the engine sends nothing to the thread any more: bytes written meanwhile are kept for
// the new wire.

import { Kind } from './layout.js';
import type { Wire, WireEvents } from '../wire.js';

/** The engine's side of the thread. */
export interface RingWireThread {
  readonly counters: Int32Array;
  /** Adds a record, or several if the payload is long. */
  send(wire: RingWire, kind: number, bytes?: Uint8Array): void;
}

const TWO_TO_32 = 2 ** 32;

export class RingWire implements Wire {
  /** Bytes in records for which the ring had no room. */
  spilledBytes = 0;
  /** The peer's end was reported before its record was reached. */
  isEndTold = false;
  /** Nothing that the thread reports is passed on any more. */
  closed = false;
  private writtenBytes = 0;
  /** Count of the bytes that have left, and its low 32 bits as last seen. */
  private leftBytes = 0;
  private leftSeen: number;
  private ending = false;
  private awaitsDrain = false;
  /** Bytes written since the socket was asked back; undefined while the thread owns it. */
  private kept: Uint8Array[] | undefined;
  private keptBytes = 0;

  constructor(
    private readonly thread: RingWireThread,
    readonly slot: number,
    readonly remote: string,
    readonly local: string,
    private paused: boolean,
    public events: WireEvents,
    /** Not with TLS. */
    private readonly canMove: boolean,
  ) {
    this.leftSeen = Atomics.load(thread.counters, slot * 2);
  }

  get unsentBytes(): number {
    if (this.closed) return 0;
    if (this.isSent) return this.keptBytes;
    this.awaitDrain();
    return this.notLeftBytes() + this.keptBytes;
  }

  /** @hot */
  private get isSent(): boolean {
    return this.spilledBytes === 0 && Atomics.load(this.thread.counters, this.slot * 2 + 1) === 0;
  }

  private notLeftBytes(): number {
    const seen = Atomics.load(this.thread.counters, this.slot * 2);
    const moved = (seen - this.leftSeen) | 0;
    this.leftBytes += moved < 0 ? moved + TWO_TO_32 : moved;
    this.leftSeen = seen;
    return Math.max(1, this.writtenBytes - this.leftBytes);
  }

  /** @hot */
  write(bytes: Uint8Array): boolean {
    if (this.ending || this.closed) return true;
    if (this.kept !== undefined) {
      this.kept.push(bytes.slice());
      this.keptBytes += bytes.length;
      return false;
    }
    this.writtenBytes += bytes.length;
    this.thread.send(this, Kind.data, bytes);
    if (this.isSent) return true;
    this.awaitDrain();
    return false;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let isSent = true;
    for (const part of parts) isSent = this.write(part) && isSent;
    return isSent;
  }

  private awaitDrain(): void {
    if (this.awaitsDrain || this.kept !== undefined) return;
    this.awaitsDrain = true;
    this.thread.send(this, Kind.drain);
  }

  /** The thread has sent what was written before it was asked. */
  drained(): void {
    this.awaitsDrain = false;
    if (this.closed || this.kept !== undefined) return;
    // More was written meanwhile: the next question goes to the thread once more.
    if (this.unsentBytes === 0) this.events.onDrain();
  }

  pauseReading(): void {
    if (this.paused) return;
    this.paused = true;
    this.tell(Kind.pause);
  }

  resumeReading(): void {
    if (!this.paused) return;
    this.paused = false;
    this.tell(Kind.resume);
  }

  end(): void {
    if (this.ending || this.closed) return;
    this.ending = true;
    this.tell(Kind.end);
  }

  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    this.tell(Kind.destroy);
  }

  private tell(kind: number): void {
    if (this.kept === undefined) this.thread.send(this, kind);
  }

  // --- return -------------------------------------------------------------------------------------------------------

  get isReturning(): boolean {
    return this.kept !== undefined;
  }

  /** Whether the socket can be asked back. */
  get canReturn(): boolean {
    return this.canMove && !this.closed && !this.ending && this.kept === undefined;
  }

  /** Asks for the socket. */
  askBack(): void {
    this.thread.send(this, Kind.giveBack);
    this.kept = [];
    this.awaitsDrain = false;
  }

  /** The thread keeps the socket, which is closing. */
  stays(): void {
    const { kept, paused } = this;
    if (kept === undefined) return;
    this.kept = undefined;
    this.keptBytes = 0;
    const ending = this.ending;
    this.ending = false;
    if (this.closed) {
      this.thread.send(this, Kind.destroy);
      return;
    }
    this.thread.send(this, paused ? Kind.pause : Kind.resume);
    for (const bytes of kept) this.write(bytes);
    // Writing to what was kept has promised it.
    this.awaitDrain();
    if (ending) this.end();
  }

  /** Does on `wire`, which has the socket now and is the connection's already, what was asked of this one meanwhile. */
  replayOn(wire: Wire): void {
    const { kept } = this;
    this.kept = undefined;
    this.keptBytes = 0;
    if (this.paused) wire.pauseReading();
    if (this.closed) {
      wire.destroy();
      return;
    }
    this.closed = true;
    if (kept !== undefined && kept.length > 0) wire.writeAll(kept);
    if (this.ending) wire.end();
    else if (wire.unsentBytes === 0) this.events.onDrain();
  }
}
