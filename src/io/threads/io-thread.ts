// io-thread: one I/O thread as the engine sees it: its rings, its pipe, and the connections whose sockets it has.
//
// Not here: the thread itself (io-worker), when the rings are visited (pool).

import type { Worker } from 'node:worker_threads';
import type { AcceptedHandle } from '../handle-wire.js';
import type { TlsSettings } from '../tls-handshaker.js';
import type { WireEvents } from '../wire.js';
import type { DescriptorPipe } from './descriptor-pipe.js';
import { ASLEEP, claimWake, WAITING } from './handshake.js';
import { Kind, OPEN_BYTES_MAX, PAYLOAD_BYTES_MAX, type SharedAreas, SLOT_COUNT, Word } from './layout.js';
import { RingReader, RingWriter } from './ring.js';
import { RingWire, type RingWireThread } from './ring-wire.js';
import { Spill } from './spill.js';

/** So many bytes of replies go to the thread before the visit is over. */
const EARLY_BYTES = 128 * 1024;
const NO_BYTES = new Uint8Array(0);
const openBytes = new Uint8Array(OPEN_BYTES_MAX);
/** Payload of the record in hand, shared by all threads; valid only during the call that gets it. */
const payload = new Uint8Array(PAYLOAD_BYTES_MAX);
const latin1 = new TextDecoder('latin1');

/** The waiting side of a TLS handshake. */
export interface HandshakeWaiter extends WireEvents {
  /** It is done; returns who serves the connection. */
  onSecured(wire: RingWire): WireEvents;
}

/** All threads together. */
export interface IoThreadOwner {
  /** Something was put into the ring. */
  touched(): void;
  /** The socket of a connection is the engine's again. */
  returned(wire: RingWire, handle: AcceptedHandle): void;
}

export class IoThread implements RingWireThread {
  readonly counters: Int32Array;
  private readonly words: Int32Array;
  private readonly requests: RingReader;
  private readonly replies: RingWriter;
  private readonly spill = new Spill();
  private readonly wires: (RingWire | undefined)[] = [];
  private readonly freeSlots: number[] = [];
  /** Slots that are free once the spill is empty: records for their last connections may lie in it. */
  private readonly lateSlots: number[] = [];
  /** Sockets that came back, by slot, before the records that tell of them. */
  private readonly arrived = new Map<number, AcceptedHandle>();
  /** Slots whose record came before their socket. */
  private readonly awaited = new Set<number>();
  private pipe: DescriptorPipe | undefined;
  connectionCount = 0;
  /** It has ended, or is about to. */
  isOver = false;
  private readCount = 0;
  private writeCount = 0;
  private readsSeen = 0;
  /** Settings of TLS that the thread has. */
  private tlsNumber = 0;
  /** Place of the last visible record that must be read before the end of its slot is reported. */
  private readonly talking = new Map<number, number>();
  private writesSeen = 0;

  constructor(
    readonly index: number,
    readonly worker: Worker,
    areas: SharedAreas,
    private readonly owner: IoThreadOwner,
  ) {
    this.words = new Int32Array(areas.words);
    this.counters = new Int32Array(areas.counters);
    this.requests = new RingReader(areas.requests, this.words, Word.requestHead, Word.requestTail);
    this.replies = new RingWriter(areas.replies, this.words, Word.replyHead, Word.replyTail);
  }

  connected(pipe: DescriptorPipe): void {
    this.pipe = pipe;
  }

  get isReady(): boolean {
    return this.pipe !== undefined && !this.isOver;
  }

  // --- connections --------------------------------------------------------------------------------------------------

  /** Hands a socket over; undefined if that is not possible. Then the socket is still whole. With `tls` the thread begins a handshake. */
  adopt(
    handle: AcceptedHandle,
    names: { readonly remote: string; readonly local: string },
    reads: boolean,
    events: WireEvents,
    tls?: TlsSettings,
  ): RingWire | undefined {
    if (!this.isReady) return undefined;
    const slot = this.freeSlots.pop() ?? this.wires.length;
    if (slot >= SLOT_COUNT) return undefined;
    if (!this.pipe!.sendSocket(slot, handle)) {
      this.freeSlots.push(slot);
      if (slot === this.wires.length) this.wires.push(undefined);
      return undefined;
    }
    const wire = new RingWire(this, slot, names.remote, names.local, !reads, events, tls === undefined);
    this.wires[slot] = wire;
    this.connectionCount++;
    openBytes[0] = reads ? 1 : 0;
    if (tls !== undefined) this.postSettings(tls);
    this.send(wire, Kind.open, tls === undefined ? openBytes.subarray(0, 1) : openBytes);
    return wire;
  }

  /** The thread has the settings before it reads the record that names them. */
  private postSettings(tls: TlsSettings): void {
    new DataView(openBytes.buffer).setInt32(1, tls.number);
    if (this.tlsNumber === tls.number) return;
    this.tlsNumber = tls.number;
    this.worker.postMessage(tls);
  }

  private free(slot: number): void {
    this.wires[slot] = undefined;
    this.connectionCount--;
    if (this.spill.isEmpty) this.freeSlots.push(slot);
    else this.lateSlots.push(slot);
  }

  socketArrived(slot: number, handle: AcceptedHandle): void {
    this.arrived.set(slot, handle);
    if (this.awaited.delete(slot)) this.giveBack(slot);
  }

  /** The socket of a slot has come, and so has the record after which the thread says nothing of it. */
  private giveBack(slot: number): void {
    const handle = this.arrived.get(slot);
    if (handle === undefined) {
      this.awaited.add(slot);
      return;
    }
    this.arrived.delete(slot);
    const wire = this.wires[slot]!;
    this.free(slot);
    this.owner.returned(wire, handle);
  }

  // --- to the thread ------------------------------------------------------------------------------------------------

  /** @hot */
  send(wire: RingWire, kind: number, bytes: Uint8Array = NO_BYTES): void {
    if (this.isOver) return;
    const { length } = bytes;
    let from = 0;
    do {
      const part = Math.min(length - from, PAYLOAD_BYTES_MAX);
      if (!this.spill.isEmpty || !this.replies.put(wire.slot, kind, bytes, from, part)) {
        this.spill.add(wire.slot, kind, bytes, from, part);
        wire.spilledBytes += part;
      }
      from += part;
    } while (from < length);
    if (this.replies.pendingBytes >= EARLY_BYTES) this.publish();
    this.owner.touched();
  }

  /** Ends the thread when it has done everything that it was sent. */
  sendStop(): void {
    if (!this.replies.put(0, Kind.stop, NO_BYTES, 0, 0)) this.spill.add(0, Kind.stop, NO_BYTES, 0, 0);
    this.publish();
  }

  private flushSpill(): void {
    const { spill, replies } = this;
    while (!spill.isEmpty && replies.put(spill.slot, spill.kind, spill.bytes, spill.start, spill.length)) {
      const wire = this.wires[spill.slot];
      if (wire !== undefined) wire.spilledBytes -= spill.length;
      spill.drop();
    }
    if (spill.isEmpty && this.lateSlots.length > 0) this.freeSlots.push(...this.lateSlots.splice(0));
  }

  get needsRoom(): boolean {
    return !this.spill.isEmpty && !this.isOver;
  }

  get hasWork(): boolean {
    if (this.isOver) return false;
    return this.requests.hasMore || (!this.spill.isEmpty && this.replies.fits(this.spill.length));
  }

  /** Lets the thread see the replies, then how far its requests are served, and wakes it. */
  publish(): void {
    if (this.isOver) return;
    if (!this.spill.isEmpty) this.flushSpill();
    const hasReplies = this.replies.publish();
    const hasServed = this.requests.publish();
    if (!hasReplies && !hasServed) return;
    const slept = claimWake(this.words, Word.state);
    if (slept === WAITING) Atomics.notify(this.words, Word.state);
    else if (slept === ASLEEP) this.pipe?.wake();
  }

  // --- from the thread ----------------------------------------------------------------------------------------------

  /** Serves one record; false: there is none. @hot */
  serveOne(): boolean {
    const { requests } = this;
    if (this.isOver) return false;
    if (!requests.next()) return false;
    const { slot, length, start, kind } = requests;
    const wire = this.wires[slot];
    if (wire === undefined) return true;
    if (kind !== Kind.data) this.obey(wire, kind, start, length);
    else if (!wire.closed) {
      copyOut(requests.bytes, start, length);
      wire.events.onData(payload, length);
    }
    return true;
  }

  /**
   * Tells of connections that have ended before the requests of others: a client that waits for a key or for messages, and has closed,
   * must get none that is sent later. Not before requests of its own.
   */
  tellEnds(): void {
    if (!this.isOver) this.requests.showMore(this.tellEnd);
  }

  private readonly tellEnd = (slot: number, kind: number, start: number, length: number, place: number): void => {
    if (kind === Kind.data || kind === Kind.open) this.talking.set(slot, place);
    if (kind !== Kind.end && kind !== Kind.failed) return;
    const said = this.talking.get(slot);
    this.talking.delete(slot);
    const wire = this.wires[slot];
    if (wire === undefined || (said !== undefined && this.requests.isAhead(said))) return;
    this.obey(wire, kind, start, length);
    wire.isEndTold = true;
  };

  private obey(wire: RingWire, kind: number, start: number, length: number): void {
    switch (kind) {
      case Kind.end:
        if (!wire.closed && !wire.isEndTold) wire.events.onEnd();
        break;
      case Kind.open:
        if (!wire.closed) wire.events = (wire.events as HandshakeWaiter).onSecured(wire);
        break;
      case Kind.drain:
        wire.drained();
        break;
      case Kind.failed:
        if (wire.closed || wire.isEndTold) break;
        copyOut(this.requests.bytes, start, length);
        wire.events.onClose(new Error(latin1.decode(payload.subarray(0, length))));
        break;
      case Kind.gone:
        this.free(wire.slot);
        wire.closed = true;
        wire.events.onClose(undefined);
        break;
      case Kind.giveBack:
        this.giveBack(wire.slot);
        break;
      case Kind.stays:
        wire.stays();
        break;
    }
  }

  /** Reads from and writes to sockets so far. */
  figures(): { readonly reads: number; readonly writes: number } {
    const reads = Atomics.load(this.words, Word.reads);
    const writes = Atomics.load(this.words, Word.writes);
    this.readCount += (reads - this.readsSeen) >>> 0;
    this.writeCount += (writes - this.writesSeen) >>> 0;
    this.readsSeen = reads;
    this.writesSeen = writes;
    return { reads: this.readCount, writes: this.writeCount };
  }

  /** The thread has ended: its connections are gone. */
  ended(reason: string): number {
    this.isOver = true;
    this.pipe?.close();
    this.spill.clear();
    for (const handle of this.arrived.values()) handle.close(() => undefined);
    this.arrived.clear();
    let count = 0;
    for (const wire of this.wires) {
      if (wire === undefined) continue;
      if (!wire.closed) count++;
      wire.closed = true;
      wire.events.onClose(new Error(reason));
    }
    this.wires.length = 0;
    this.connectionCount = 0;
    return count;
  }
}

function copyOut(bytes: Uint8Array, start: number, length: number): void {
  if (length < 64) for (let index = 0; index < length; index++) payload[index] = bytes[start + index]!;
  else payload.set(bytes.subarray(start, start + length));
}
