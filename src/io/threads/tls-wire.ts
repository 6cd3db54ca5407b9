// tls-wire: a connection with TLS in an I/O thread, as the thread's connection uses it.
//
// Encrypted bytes always leave in a later turn, so `write` never returns true for an open socket, and `onDrain` follows
// when the unsent bytes leave.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { WireEvents } from '../wire.js';

export class TlsWire {
  private ending = false;

  constructor(
    private readonly socket: TLSSocket,
    private readonly events: WireEvents,
  ) {
    // The engine decides what becomes of replies to a peer that has finished sending.
    (socket as Socket).allowHalfOpen = true;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => events.onData(bytes, bytes.length));
    socket.on('error', (error) => events.onClose(error));
    socket.on('end', () => events.onEnd());
    socket.on('close', () => events.onClose(undefined));
  }

  get unsentBytes(): number {
    return this.socket.destroyed ? 0 : this.socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    if (this.ending || this.socket.destroyed) return true;
    this.socket.write(bytes, this.sent);
    return this.socket.writableLength === 0;
  }

  private readonly sent = (): void => {
    if (this.socket.destroyed) return;
    const { writableLength } = this.socket;
    if (writableLength === 0) this.events.onDrain();
    else this.events.onProgress!(writableLength);
  };

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  /** The state of TLS cannot leave the thread. */
  detach(): undefined {
    return undefined;
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.socket.end();
    this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
