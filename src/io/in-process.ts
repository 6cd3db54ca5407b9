// in-process: a connection without a socket: the client holds a stream, the server a wire, and bytes are handed over in memory.
//
// Either side gets what the other wrote in a turn of the loop of its own, never from within the other's call: a client's
// handler that throws must not throw into the server, and a request must not run inside another. Bytes written in one turn
// go over together in the next.

import { Duplex } from 'node:stream';
import { systemClock } from './clock.js';
import type { Wire, WireEvents } from './wire.js';

/** More unread bytes than this count as unsent. */
const UNREAD_BYTES = 64 * 1024;

/**
 * Requests are read from here, as those of sockets are from one buffer: what the server prepares for the buffer that it reads
 * from is then there already, which a small request would not be worth.
 */
const input = new Uint8Array(64 * 1024);

/** A copy, as the owner may use the bytes again. */
function copyOf(chunks: readonly { readonly chunk: Uint8Array }[]): Uint8Array {
  if (chunks.length === 1) return Buffer.from(chunks[0]!.chunk);
  return Buffer.concat(chunks.map(({ chunk }) => chunk));
}

/** The methods of a net.Socket that a client may call besides a stream's; they do nothing. */
export class InProcessSocket extends Duplex {
  /** True only of one that will not come about. */
  connecting = false;

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

class InProcessWire implements Wire {
  // As an address of this machine, which it is.
  readonly remote = '127.0.0.1:0';
  readonly local = '127.0.0.1:0';
  readonly client: InProcessSocket;
  private events: WireEvents | undefined;
  private readonly requests: Uint8Array[] = [];
  private whenRead: (() => void) | undefined;
  private replies: Buffer[] = [];
  private replyBytes = 0;
  private isScheduled = false;
  private isPaused = false;
  private isEnding = false;
  /** The client sends nothing more. */
  private hasEnded = false;
  /** The server knows of unsent bytes, and waits for `onDrain`. */
  private owesDrain = false;

  constructor() {
    this.client = new InProcessSocket({
      allowHalfOpen: false,
      read: () => this.schedule(),
      writev: (chunks, done) => {
        this.requests.push(copyOf(chunks as { chunk: Buffer }[]));
        this.whenRead = done;
        this.schedule();
      },
      final: (done) => {
        this.hasEnded = true;
        this.schedule();
        done();
      },
    });
    // An error without a listener would end the process; the client learns of the end by 'close'.
    this.client.on('error', () => undefined);
  }

  attach(events: WireEvents): void {
    this.events = events;
    let failure: Error | undefined;
    this.client.on('error', (error: Error) => (failure = error));
    this.client.on('close', () => events.onClose(failure));
  }

  get unsentBytes(): number {
    return this.replyBytes + this.client.readableLength;
  }

  write(bytes: Uint8Array): boolean {
    // A Buffer, which streams pass on as it is.
    this.replies.push(Buffer.from(bytes));
    this.replyBytes += bytes.length;
    this.schedule();
    if (this.unsentBytes <= UNREAD_BYTES) return true;
    this.owesDrain = true;
    return false;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let isSent = true;
    for (const part of parts) isSent = this.write(part) && isSent;
    return isSent;
  }

  pauseReading(): void {
    this.isPaused = true;
  }

  resumeReading(): void {
    this.isPaused = false;
    this.schedule();
  }

  end(): void {
    this.isEnding = true;
    this.schedule();
  }

  destroy(): void {
    this.client.destroy();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    systemClock.soon(() => {
      this.isScheduled = false;
      this.deliver();
    });
  }

  private deliver(): void {
    const { client, events } = this;
    if (client.destroyed) return;
    while (this.requests.length > 0 && !this.isPaused && !client.destroyed) {
      const bytes = this.requests.shift()!;
      if (bytes.length > input.length) events!.onData(bytes, bytes.length);
      else {
        input.set(bytes);
        events!.onData(input, bytes.length);
      }
    }
    if (this.requests.length === 0) {
      const { whenRead } = this;
      this.whenRead = undefined;
      whenRead?.();
      if (this.hasEnded && !this.isEnding && !this.isPaused) {
        this.hasEnded = false;
        events!.onEnd();
        if (client.destroyed) return;
      }
    }
    const parts = this.replies;
    this.replies = [];
    this.replyBytes = 0;
    for (const part of parts) client.push(part);
    if (this.isEnding && this.requests.length === 0) client.push(null);
    else if (this.owesDrain && this.unsentBytes === 0) {
      this.owesDrain = false;
      events!.onDrain();
    }
  }
}

/** Makes a connection; `attach` gets the server's end. */
export function connectInProcess(attach: (wire: Wire) => WireEvents): InProcessSocket {
  const wire = new InProcessWire();
  wire.attach(attach(wire));
  return wire.client;
}
