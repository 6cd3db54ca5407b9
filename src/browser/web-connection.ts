// web-connection: a connection to a server in the same page, as the two streams that the Web's APIs use.
//
// As through a socket: RESP goes into `writable` and comes out of `readable`, in turns of their own.

import type { Clock } from '../io/clock.js';
import type { Wire, WireEvents } from '../io/wire.js';

/** More unread bytes than this count as unsent. */
const UNREAD_BYTES = 64 * 1024;

export interface WebConnection {
  /** The server's replies. */
  readonly readable: ReadableStream<Uint8Array>;
  /** The client's requests. */
  readonly writable: WritableStream<Uint8Array>;
}

class WebWire implements Wire {
  readonly remote = '127.0.0.1:0';
  readonly local = '127.0.0.1:0';
  events!: WireEvents;
  private reading!: ReadableStreamDefaultController<Uint8Array>;
  private writing!: WritableStreamDefaultController;
  private readonly requests: { readonly bytes: Uint8Array; readonly taken: () => void }[] = [];
  private isScheduled = false;
  private isPaused = false;
  private isClosed = false;
  private owesDrain = false;

  constructor(private readonly clock: Clock) {}

  readonly readable = new ReadableStream<Uint8Array>(
    {
      start: (controller) => void (this.reading = controller),
      pull: () => this.drained(),
      cancel: () => this.close(undefined),
    },
    { highWaterMark: UNREAD_BYTES, size: (bytes) => bytes.length },
  );

  readonly writable = new WritableStream<Uint8Array>({
    start: (controller) => void (this.writing = controller),
    write: (bytes) => new Promise((taken) => this.request(bytes.slice(), taken)),
    close: () => this.clock.soon(() => this.events.onEnd()) && undefined,
    abort: () => this.close(undefined),
  });

  get unsentBytes(): number {
    return this.isClosed ? 0 : Math.max(0, UNREAD_BYTES - (this.reading.desiredSize ?? UNREAD_BYTES));
  }

  private request(bytes: Uint8Array, taken: () => void): void {
    this.requests.push({ bytes, taken });
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.clock.soon(() => {
      this.isScheduled = false;
      while (this.requests.length > 0 && !this.isPaused && !this.isClosed) {
        const { bytes, taken } = this.requests.shift()!;
        this.events.onData(bytes, bytes.length);
        taken();
      }
    });
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed) return true;
    this.reading.enqueue(bytes.slice());
    if ((this.reading.desiredSize ?? 0) > 0) return true;
    this.owesDrain = true;
    return false;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let isSent = true;
    for (const part of parts) isSent = this.write(part) && isSent;
    return isSent;
  }

  private drained(): void {
    if (!this.owesDrain) return;
    this.owesDrain = false;
    this.clock.soon(() => {
      if (!this.isClosed) this.events.onDrain();
    });
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    this.isPaused = false;
    this.schedule();
  }

  end(): void {
    this.close(undefined);
  }

  destroy(): void {
    this.close(undefined);
  }

  /** Ends the connection; bytes that were written before can still be read. */
  private close(error: Error | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      this.reading.close();
    } catch {
      // The reader has cancelled it.
    }
    this.writing.error(new TypeError('the server has closed the connection'));
    for (const { taken } of this.requests.splice(0)) taken();
    this.clock.soon(() => this.events.onClose(error));
  }
}

/** Makes a connection; `attach` gets the server's end. */
export function connectByWebStreams(clock: Clock, attach: (wire: Wire) => WireEvents): WebConnection {
  const wire = new WebWire(clock);
  wire.events = attach(wire);
  return { readable: wire.readable, writable: wire.writable };
}
