// thread-connection: one connection in an I/O thread: its socket, and what the engine asks of it.
//
// The record that opens a slot and the socket come on two ways. What the engine asks before the socket is there is kept, in its order.

import { type AcceptedHandle, HandleWire } from '../handle-wire.js';
import type { WireEvents } from '../wire.js';
import { COUNTERS_PER_SLOT, Kind } from './layout.js';

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

/** The buffer belongs to a write now: the rest of it, or another, is used from here on. */
function giveAway(length: number): void {
  const rest = sendBuffer.length - length;
  sendBuffer = rest >= ROOM_BYTES_MIN ? sendBuffer.subarray(length) : new Uint8Array(SEND_BYTES);
  views = [];
}

/** The thread's loop. */
export interface ConnectionThread {
  readonly counters: Int32Array;
  tell(slot: number, kind: number, bytes?: Uint8Array, count?: number): void;
  countRead(): void;
  countWrite(): void;
  sendSocket(slot: number, handle: AcceptedHandle): boolean;
  free(slot: number): void;
}

export class ThreadConnection implements WireEvents {
  private wire: HandleWire | undefined;
  /** What was asked before the socket was there. */
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

  get awaitsSocket(): boolean {
    return this.wire === undefined && !this.isGone;
  }

  open(handle: AcceptedHandle): void {
    const wire = new HandleWire(handle, 0);
    this.wire = wire;
    wire.attach(this);
    if (!this.reads) wire.pauseReading();
    const { early } = this;
    this.early = [];
    for (const [kind, bytes] of early) this.obey(kind, bytes, 0, bytes.length);
  }

  /** Does what a record says; its payload is `bytes[start]` to `bytes[start + length - 1]`. @hot */
  obey(kind: number, bytes: Uint8Array, start: number, length: number): void {
    const { wire } = this;
    if (wire === undefined) {
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

  private send(wire: HandleWire, bytes: Uint8Array, start: number, length: number): void {
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
      giveAway(length);
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

  private payDrain(wire: HandleWire): void {
    if (!this.owesDrain || wire.unsentBytes > 0) return;
    this.owesDrain = false;
    this.thread.tell(this.slot, Kind.drain);
  }

  /** Gives the socket back to the engine, once everything is sent. */
  private leave(wire: HandleWire): void {
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
