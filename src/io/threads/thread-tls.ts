// thread-tls: TLS handshakes in an I/O thread.
//
// The engine posts the settings as a message before the record of the first connection that uses them, so they are there when that record
// is read. Connections that are open or about to open keep the handshaker that they began with.

import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { AcceptedHandle } from '../handle-wire.js';
import { makeHandshaker, type TlsSettings } from '../tls-handshaker.js';

export interface TlsOpening {
  secured(socket: TLSSocket): void;
  /** The handshake failed, or the peer has gone before it was done; without a reason: the socket is closed. */
  failed(reason: string | undefined): void;
}

/** A TLSSocket keeps the socket below it here; Node's own timers rely on that. */
interface Layered {
  readonly _parent?: Socket;
}

export class ThreadTls {
  private number = 0;
  private handshaker: Server | undefined;
  /** Those whose handshake is under way. */
  private readonly openings = new Map<Socket, TlsOpening>();

  constructor(private readonly settings: MessagePort) {}

  /** The handshaker of the settings with this number; undefined: they cannot be used. */
  handshakerOf(number: number): Server | undefined {
    while (this.number !== number) {
      const message = receiveMessageOnPort(this.settings) as { message: TlsSettings } | undefined;
      if (message === undefined) return undefined;
      this.number = message.message.number;
      this.handshaker = this.make(message.message);
    }
    return this.handshaker;
  }

  private make(settings: TlsSettings): Server {
    return makeHandshaker(settings, {
      secured: (socket) => this.take(socket)?.secured(socket),
      failed: (socket, reason) => this.take(socket)?.failed(reason),
    });
  }

  private take(socket: TLSSocket): TlsOpening | undefined {
    const below = (socket as unknown as Layered)._parent!;
    const opening = this.openings.get(below);
    this.openings.delete(below);
    return opening;
  }

  /** Begins a handshake; returns what ends it. */
  open(handshaker: Server, handle: AcceptedHandle, opening: TlsOpening): () => void {
    const socket = new Socket({ handle, readable: true, writable: true } as SocketConstructorOpts);
    this.openings.set(socket, opening);
    socket.once('close', () => {
      if (this.openings.delete(socket)) opening.failed(undefined);
    });
    handshaker.emit('connection', socket);
    return () => void socket.destroy();
  }
}
