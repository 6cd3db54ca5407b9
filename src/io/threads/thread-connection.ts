// thread-connection: one connection in an I/O thread: its socket, and the engine's requests.
//
// With TLS the handshake comes first; the engine gets the connection when it is done, or only the reason when it fails.
//
// The record that opens a slot and the socket arrive by two routes. Requests of the engine that come before the socket
// are kept in their order.

import { nextBlockBytes } from '../../base/block-bytes.js';
import { type AcceptedHandle, HandleWire } from '../handle-wire.js';
import type { WireEvents } from '../wire.js';
import type { Server, TLSSocket } from 'node:tls';
import { COUNTERS_PER_SLOT, Kind } from './layout.js';
import type { ThreadTls } from './thread-tls.js';
import { TlsWire } from './tls-wire.js';

/** Replies are sent from here: libuv keeps the memory of what the system does not take at once, and the ring's is written over. */
const SEND_BYTES = 64 * 1024;
/** With less room than this another buffer is taken. */
const ROOM_BYTES_MIN = 4096;
let sendBuffer = new Uint8Array(SEND_BYTES);
/** Views of its start, by length: making one costs 100 ns. */
const KEPT_VIEWS_MAX = 1024;
let views: (Uint8Array | undefined)[] = [];

function viewOf(length: number): Uint8Array {
  if (length >= KEPT_VIEWS_MAX) return sendBuffer.subarray(0, length);
  while (views.length <= length) views.push(undefined);
  return (views[length] ??= sendBuffer.subarray(0, length));
}

/** The buffer belongs to a write now of a connection with so many unsent bytes: the rest of it, or another, is used from here on. */
function giveAway(length: number, unsentBytes: number): void {
  const rest = sendBuffer.length - length;
  sendBuffer =
    rest >= ROOM_BYTES_MIN ? sendBuffer.subarray(length) : new Uint8Array(nextBlockBytes(unsentBytes, 0, SEND_BYTES));
  views = [];
}

/** The thread's loop. */
export interface ConnectionThread {
  readonly counters: Int32Array;
  readonly tls: ThreadTls;
  tell(slot: number, kind: number, bytes?: Uint8Array, count?: number): void;
  countRead(): void;
  countWrite(): void;
  sendSocket(slot: number, handle: AcceptedHandle): boolean;
  free(slot: number): void;
  /** So many bytes wait in buffers of the thread. */
  noteBuffered(bytes: number): void;
}

export class ThreadConnection implements WireEvents {
  private wire: HandleWire | TlsWire | undefined;
  private isSecure = false;
  private handshaker: Server | undefined;
  /** The handshake is under way: ends it. */
  private endHandshake: (() => void) | undefined;
  /** Requests that came before the socket. */
  private early: (readonly [kind: number, bytes: Uint8Array])[] = [];
  private acceptedBytes = 0;
  private owesDrain = false;
  private leaves = false;
  private isGone = false;

  constructor(
    private readonly thread: ConnectionThread,
    private readonly slot: number,
    private readonly reads: boolean,
  ) {
    this.acceptedBytes = Atomics.load(thread.counters, slot * COUNTERS_PER_SLOT);
    Atomics.store(thread.counters, slot * COUNTERS_PER_SLOT + 1, 0);
  }

  /** Its socket, which is still to come, begins with a handshake by the settings with this number. */
  secureBy(number: number): void {
    this.isSecure = true;
    this.handshaker = this.thread.tls.handshakerOf(number);
  }

  get awaitsSocket(): boolean {
    return this.wire === undefined && this.endHandshake === undefined && !this.isGone;
  }

  get unsentBytes(): number {
    return this.wire?.unsentBytes ?? 0;
  }

  open(handle: AcceptedHandle): void {
    if (this.isSecure) {
      this.shakeHands(handle);
      return;
    }
    const wire = new HandleWire(handle, 0);
    this.wire = wire;
    wire.attach(this);
    if (!this.reads) wire.pauseReading();
    this.obeyEarly();
  }

  private shakeHands(handle: AcceptedHandle): void {
    const { handshaker } = this;
    this.handshaker = undefined;
    if (handshaker === undefined) {
      this.onClose(new Error('TLS cannot be configured in an I/O thread'));
      handle.close(() => this.onClose(undefined));
      return;
    }
    this.endHandshake = this.thread.tls.open(handshaker, handle, {
      secured: (socket) => this.secured(socket),
      failed: (reason) => {
        if (reason !== undefined) this.onClose(new Error(reason));
        this.onClose(undefined);
      },
    });
  }

  private secured(socket: TLSSocket): void {
    this.endHandshake = undefined;
    const wire = new TlsWire(socket, this);
    this.wire = wire;
    this.thread.tell(this.slot, Kind.open);
    if (this.reads) wire.resumeReading();
    this.obeyEarly();
  }

  private obeyEarly(): void {
    const { early } = this;
    this.early = [];
    for (const [kind, bytes] of early) this.obey(kind, bytes, 0, bytes.length);
  }

  /** Does what a record says; its payload is `bytes[start]` to `bytes[start + length - 1]`. @hot */
  obey(kind: number, bytes: Uint8Array, start: number, length: number): void {
    const { wire } = this;
    if (wire === undefined) {
      if (kind === Kind.destroy && this.endHandshake !== undefined) this.endHandshake();
      this.early.push([kind, bytes.slice(start, start + length)]);
      return;
    }
    switch (kind) {
      case Kind.data:
        this.send(wire, bytes, start, length);
        break;
      case Kind.end:
        wire.end();
        break;
      case Kind.destroy:
        wire.destroy();
        break;
      case Kind.pause:
        wire.pauseReading();
        break;
      case Kind.resume:
        wire.resumeReading();
        break;
      case Kind.drain:
        this.owesDrain = true;
        this.payDrain(wire);
        break;
      case Kind.giveBack:
        this.leaves = true;
        this.leave(wire);
        break;
    }
  }

  private send(wire: HandleWire | TlsWire, bytes: Uint8Array, start: number, length: number): void {
    this.thread.countWrite();
    if (sendBuffer.length < length) {
      sendBuffer = new Uint8Array(SEND_BYTES);
      views = [];
    }
    if (length < 64) for (let index = 0; index < length; index++) sendBuffer[index] = bytes[start + index]!;
    else sendBuffer.set(bytes.subarray(start, start + length));
    this.acceptedBytes = (this.acceptedBytes + length) | 0;
    if (wire.write(viewOf(length))) this.note(0);
    else {
      giveAway(length, wire.unsentBytes);
      this.thread.noteBuffered(length);
      this.note(wire.unsentBytes);
    }
  }

  /** Lets the engine see how much has left. */
  private note(unsentBytes: number): void {
    const { counters } = this.thread;
    const at = this.slot * COUNTERS_PER_SLOT;
    Atomics.store(counters, at, (this.acceptedBytes - unsentBytes) | 0);
    if (counters[at + 1] !== unsentBytes) Atomics.store(counters, at + 1, Math.min(unsentBytes, 0x7fffffff));
  }

  private payDrain(wire: HandleWire | TlsWire): void {
    if (!this.owesDrain || wire.unsentBytes > 0) return;
    this.owesDrain = false;
    this.thread.tell(this.slot, Kind.drain);
  }

  /** Gives the socket back to the engine, once everything is sent. */
  private leave(wire: HandleWire | TlsWire): void {
    if (!this.leaves || wire.unsentBytes > 0) return;
    this.leaves = false;
    const handle = wire.detach();
    if (handle !== undefined) {
      if (this.thread.sendSocket(this.slot, handle)) {
        this.isGone = true;
        this.thread.free(this.slot);
        this.thread.tell(this.slot, Kind.giveBack);
        return;
      }
      const again = new HandleWire(handle, 0);
      this.wire = again;
      again.attach(this);
    }
    this.thread.tell(this.slot, Kind.stays);
  }

  destroy(): void {
    this.endHandshake?.();
    if (this.wire !== undefined) this.wire.destroy();
  }

  // WireEvents

  onData(bytes: Uint8Array, count: number): void {
    this.thread.countRead();
    this.thread.tell(this.slot, Kind.data, bytes, count);
  }

  onProgress(unsentBytes: number): void {
    this.note(unsentBytes);
  }

  onDrain(): void {
    this.note(0);
    this.payDrain(this.wire!);
    this.leave(this.wire!);
  }

  onEnd(): void {
    this.thread.tell(this.slot, Kind.end);
  }

  onClose(error: Error | undefined): void {
    if (this.isGone) return;
    if (error !== undefined) {
      this.thread.tell(this.slot, Kind.failed, Buffer.from(error.message, 'latin1'));
      return;
    }
    this.isGone = true;
    this.note(0);
    this.thread.free(this.slot);
    if (this.leaves) this.thread.tell(this.slot, Kind.stays);
    this.thread.tell(this.slot, Kind.gone);
  }
}
