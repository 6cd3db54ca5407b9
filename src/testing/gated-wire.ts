// gated-wire: a client's connection to a node: what either side sends waits while the two are cut off or the node stands still, and for
// the latency.

import type { Clock } from '../io/clock.js';
import type { Wire, WireEvents } from '../io/wire.js';

/** The network that says what gets through. */
export interface GateKeeper {
  readonly clock: Clock;
  readonly latencyMs: number;
  /** All connections of clients, which `schedule` wakes when something may have changed. */
  readonly gated: Set<GatedWire>;
  isBlocked(from: string, to: string): boolean;
}

interface Waiting {
  readonly dueMs: number;
  readonly run: () => void;
}

export class GatedWire implements Wire, WireEvents {
  private inner!: WireEvents;
  private readonly requests: Waiting[] = [];
  private readonly replies: Waiting[] = [];
  private replyBytes = 0;
  private isScheduled = false;
  private isReadingPaused = false;
  /** The node knows of unsent bytes, and waits for `onDrain`. */
  private owesDrain = false;

  constructor(
    private readonly net: GateKeeper,
    private readonly client: string,
    private readonly node: string,
    private readonly wire: Wire,
  ) {
    net.gated.add(this);
  }

  /** Gives the node its end; returns the end of the connection itself. */
  open(accept: (wire: Wire) => WireEvents): WireEvents {
    this.inner = accept(this);
    return this;
  }

  // --- both ways ------------------------------------------------------------------------------------------------------

  private isFree(queue: readonly Waiting[], from: string, to: string): boolean {
    return queue.length === 0 && this.net.latencyMs === 0 && !this.net.isBlocked(from, to);
  }

  private later(queue: Waiting[], run: () => void): void {
    queue.push({ dueMs: this.net.clock.steadyMs() + this.net.latencyMs, run });
    this.schedule();
  }

  /** Lets through what may pass, in a turn of its own. */
  schedule(): void {
    if (this.isScheduled || this.requests.length + this.replies.length === 0) return;
    this.isScheduled = true;
    this.net.clock.soon(() => {
      this.isScheduled = false;
      if (!this.isReadingPaused) this.pass(this.requests, this.client, this.node);
      this.pass(this.replies, this.node, this.client);
    });
  }

  private pass(queue: Waiting[], from: string, to: string): void {
    const { net } = this;
    while (queue.length > 0 && !net.isBlocked(from, to)) {
      const waitMs = queue[0]!.dueMs - net.clock.steadyMs();
      if (waitMs > 0) {
        net.clock.after(waitMs, () => this.schedule());
        return;
      }
      queue.shift()!.run();
      if (queue === this.requests && this.isReadingPaused) return;
    }
  }

  private forget(): void {
    this.net.gated.delete(this);
    this.requests.length = 0;
    this.replies.length = 0;
  }

  // --- from the node to the client ------------------------------------------------------------------------------------

  get remote(): string {
    return this.wire.remote;
  }

  get local(): string {
    return this.wire.local;
  }

  get unsentBytes(): number {
    return this.wire.unsentBytes + this.replyBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isFree(this.replies, this.node, this.client)) return this.wire.write(bytes);
    this.replyBytes += bytes.length;
    this.owesDrain = true;
    this.later(this.replies, () => {
      this.replyBytes -= bytes.length;
      const isSent = this.wire.write(bytes);
      if (this.replyBytes > 0 || !isSent || !this.owesDrain) return;
      this.owesDrain = false;
      this.inner.onDrain();
    });
    return false;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    if (this.isFree(this.replies, this.node, this.client)) return this.wire.writeAll(parts);
    for (const part of parts) this.write(part);
    return false;
  }

  pauseReading(): void {
    this.isReadingPaused = true;
    this.wire.pauseReading();
  }

  resumeReading(): void {
    this.isReadingPaused = false;
    this.wire.resumeReading();
    this.schedule();
  }

  setNoDelay(on: boolean): void {
    this.wire.setNoDelay?.(on);
  }

  end(): void {
    if (this.isFree(this.replies, this.node, this.client)) this.wire.end();
    else this.later(this.replies, () => this.wire.end());
  }

  destroy(): void {
    this.forget();
    this.wire.destroy();
  }

  // --- from the client to the node ------------------------------------------------------------------------------------

  onData(bytes: Uint8Array, count: number): void {
    if (this.isFree(this.requests, this.client, this.node)) {
      this.inner.onData(bytes, count);
      return;
    }
    const copy = bytes.slice(0, count);
    this.later(this.requests, () => this.inner.onData(copy, count));
  }

  onDrain(): void {
    if (this.replyBytes > 0) return;
    this.owesDrain = false;
    this.inner.onDrain();
  }

  onEnd(): void {
    if (this.isFree(this.requests, this.client, this.node)) this.inner.onEnd();
    else this.later(this.requests, () => this.inner.onEnd());
  }

  onClose(error: Error | undefined): void {
    this.forget();
    this.inner.onClose(error);
  }
}
