// handle-wire: a connection on a stream handle alone, without the stream machinery of net.Socket around it.
//
// A net.Socket takes longer to make and to close than the kernel needs for the whole connection, and it adds its share to
// each read. A server needs little of it, so an accepted handle is used as it is: reads go into one buffer that all
// connections share, writes try the system call at once, and the peer's end is reported within the event that brought
// it.
//
// libuv reads on while reads fill the buffer, up to 32 times, so a peer that sends much could keep all others waiting for 8 MB. A read
// that fills it is therefore the last of this connection in its turn of the loop.
//
// Handles are not documented. `isStreamHandle` looks at everything that is used here; where something is missing the caller
// makes a net.Socket and a SocketWire, which do the same.

import { getSystemErrorName } from 'node:util';
import { streamBinding, type ShutdownRequest, type StreamHandle, type WriteRequest } from './direct-write.js';
import { keepsReads, KeptReads, type LateReader } from './late-reads.js';
import { OutputBacklog } from './output-backlog.js';
import { addressText, type Wire, type WireEvents } from './wire.js';

interface Address {
  address?: string;
  port?: number;
}

/** The handle of an accepted connection of Node's own (TCP, or Pipe for a unix socket). */
export interface AcceptedHandle extends StreamHandle {
  onread: (this: AcceptedHandle) => void;
  wire: HandleWire;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  shutdown(request: ShutdownRequest): number;
  close(closed: () => void): void;
  /** These four are missing from a unix socket's. */
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, seconds: number): number;
  getpeername?(address: Address): number;
  getsockname?(address: Address): number;
}

const neededMethods = ['useUserBuffer', 'readStart', 'readStop', 'writeBuffer', 'shutdown', 'close'] as const;

/** Whether a HandleWire can be made of it. */
export function isStreamHandle(handle: unknown): handle is AcceptedHandle {
  if (streamBinding === undefined || typeof handle !== 'object' || handle === null) return false;
  return 'onread' in handle && neededMethods.every((name) => typeof (handle as AcceptedHandle)[name] === 'function');
}

const READ_BYTES = 256 * 1024;
/** Its content is used up before the next read. */
const readBuffer = new Uint8Array(READ_BYTES);
/** libuv's number for the end of a stream, the same on all systems. */
const UV_EOF = -4095;

/** For the writes that the system takes at once, of all connections. */
let spareRequest: WriteRequest | undefined;

function onRead(this: AcceptedHandle): void {
  const count = streamBinding!.streamBaseState[streamBinding!.kReadBytesOrError]!;
  if (count > 0) this.wire.deliver(count);
  else if (count < 0) this.wire.endReading(count);
}

export class HandleWire implements Wire, LateReader {
  readonly remote: string;
  readonly local: string;
  private events: WireEvents | undefined;
  /** Bytes that libuv holds: those of one write. */
  private queuedBytes = 0;
  /** Bytes that come after them. */
  private backlog: OutputBacklog | undefined;
  private isReading = false;
  private peerHasEnded = false;
  /** Reads of this connection that were kept (see late-reads). */
  private kept: KeptReads | undefined;
  private ending = false;
  private closed = false;

  /** `keepAliveSeconds` 0 sends no keep-alive probes. */
  constructor(
    private readonly handle: AcceptedHandle,
    keepAliveSeconds: number,
  ) {
    handle.setNoDelay?.(true);
    if (keepAliveSeconds > 0) handle.setKeepAlive?.(true, keepAliveSeconds);
    this.remote = nameOf(handle, 'getpeername');
    this.local = nameOf(handle, 'getsockname');
  }

  /** Begins to read; called once. */
  attach(events: WireEvents): void {
    const { handle } = this;
    this.events = events;
    handle.wire = this;
    handle.onread = onRead;
    handle.useUserBuffer(readBuffer);
    this.resumeReading();
  }

  /** @hot */
  deliver(count: number): void {
    if (keepsReads() || this.hasKept) (this.kept ??= new KeptReads(this)).keep(readBuffer, count);
    else this.events!.onData(readBuffer, count);
    if (count === READ_BYTES) this.endTurn();
  }

  /** Reads came that were not delivered yet. */
  private get hasKept(): boolean {
    return this.kept !== undefined && !this.kept.isEmpty;
  }

  takeRead(bytes: Uint8Array, start: number, count: number): void {
    readBuffer.set(bytes.subarray(start, start + count));
    this.events!.onData(readBuffer, count);
  }

  private endTurn(): void {
    if (!this.isReading) return;
    this.handle.readStop();
    setImmediate(() => {
      if (this.isReading) this.handle.readStart();
    });
  }

  endReading(code: number): void {
    if (this.closed) return;
    this.peerHasEnded = true;
    // Not before what it has sent.
    if (this.hasKept) this.kept!.keep(readBuffer, code);
    else this.takeEnd(code);
  }

  takeEnd(code: number): void {
    this.isReading = false;
    if (code === UV_EOF) {
      this.events!.onEnd();
      return;
    }
    this.events!.onClose(new Error(`read ${getSystemErrorName(code)}`));
    this.destroy();
  }

  get unsentBytes(): number {
    return this.backlog === undefined ? this.queuedBytes : this.queuedBytes + this.backlog.bytes;
  }

  /** @hot */
  write(bytes: Uint8Array): boolean {
    if (this.ending || this.closed) return true;
    if (this.queuedBytes > 0) {
      (this.backlog ??= new OutputBacklog()).add(bytes);
      return false;
    }
    return this.writeNow(bytes);
  }

  /** Returns true when the system took all bytes at once. @hot */
  private writeNow(bytes: Uint8Array): boolean {
    const { streamBaseState, kLastWriteWasAsync } = streamBinding!;
    spareRequest ??= new streamBinding!.WriteWrap();
    if (this.handle.writeBuffer(spareRequest, bytes) !== 0) {
      this.destroy();
      return true;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return true;
    this.keepQueued(spareRequest, bytes);
    return false;
  }

  /** The request belongs to this write until it completes; the next write needs another. */
  private keepQueued(request: WriteRequest, bytes: Uint8Array): void {
    spareRequest = undefined;
    request.buffer = bytes;
    this.queuedBytes = bytes.length;
    request.oncomplete = (status) => {
      request.buffer = undefined;
      this.queuedBytes = 0;
      if (this.closed) return;
      if (status !== 0) this.destroy();
      else {
        this.writeBacklog();
        if (this.queuedBytes > 0) this.events?.onProgress?.(this.unsentBytes);
      }
    };
  }

  private writeBacklog(): void {
    while (!this.closed) {
      const part = this.backlog?.take();
      if (part === undefined) {
        this.backlog = undefined;
        if (this.ending) this.finish();
        else this.events!.onDrain();
        return;
      }
      if (!this.writeNow(part)) return;
    }
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let isSent = true;
    for (const part of parts) isSent = this.write(part) && isSent;
    return isSent;
  }

  pauseReading(): void {
    if (!this.isReading) return;
    this.isReading = false;
    this.handle.readStop();
  }

  resumeReading(): void {
    if (this.isReading || this.closed || (this.peerHasEnded && !this.hasKept)) return;
    this.isReading = true;
    this.kept?.resume();
    if (!this.peerHasEnded) this.handle.readStart();
  }

  setNoDelay(on: boolean): void {
    if (!this.closed) this.handle.setNoDelay?.(on);
  }

  get isReadingNow(): boolean {
    return this.isReading;
  }

  get isGone(): boolean {
    return this.closed;
  }

  /**
   * Gives the handle up, so that another wire can serve it, in this thread or another; undefined while that cannot be, because bytes
   * are unsent or one of the sides has ended. Afterwards this wire does and reports nothing.
   */
  detach(): AcceptedHandle | undefined {
    if (this.closed || this.ending || this.peerHasEnded || this.unsentBytes > 0) return undefined;
    if (this.hasKept) return undefined;
    this.pauseReading();
    this.closed = true;
    this.events = undefined;
    return this.handle;
  }

  end(): void {
    if (this.ending || this.closed) return;
    this.ending = true;
    if (this.queuedBytes === 0) this.finish();
  }

  /** Everything is sent. A peer that may still be sending gets the end first: a plain close could reset what it has
   * not read yet. */
  private finish(): void {
    if (this.peerHasEnded) {
      this.destroy();
      return;
    }
    const request = new streamBinding!.ShutdownWrap();
    request.oncomplete = () => this.destroy();
    if (this.handle.shutdown(request) !== 0) this.destroy();
  }

  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    this.isReading = false;
    this.backlog = undefined;
    this.kept?.drop();
    this.handle.close(() => this.events?.onClose(undefined));
  }
}

function nameOf(handle: AcceptedHandle, which: 'getpeername' | 'getsockname'): string {
  const address: Address = {};
  handle[which]?.(address);
  return addressText(address.address, address.port);
}
