// outgoing-wire: a connection that this side opens: a net.Socket until it stands, then its handle alone.
//
// Node has no documented way to connect without a net.Socket, so one connects; afterwards the handle is taken from it and used
// as those of accepted connections are (handle-wire), which halves the cost of each read and write. Where Node's internals are
// not as expected, or KVASIR_PLAIN_SOCKETS is set, the net.Socket stays.

import { Socket } from 'node:net';
import { HandleWire, isStreamHandle } from './handle-wire.js';
import type { ConnectEvents, ConnectTarget } from './network.js';
import { SocketWire } from './sockets.js';
import type { Wire } from './wire.js';

export class OutgoingWire implements Wire {
  private inner: Wire | undefined;
  /** Bytes written before the connection was open. */
  private early: Uint8Array[] = [];
  private earlyBytes = 0;
  private paused = false;
  private ends = false;
  private readonly socket = new Socket({ allowHalfOpen: true });

  constructor(
    target: ConnectTarget,
    private readonly events: ConnectEvents,
  ) {
    const { host, port, path, timeoutMs, sourceAddress, keepAliveSeconds = 0 } = target;
    const { socket } = this;
    // A socket that is paused does not read before its handle is taken.
    socket.pause();
    socket.on('error', this.onError);
    socket.on('close', this.onClose);
    if (timeoutMs > 0) {
      socket.setTimeout(timeoutMs, () =>
        socket.destroy(Object.assign(new Error('connection timed out'), { code: 'ETIMEDOUT' })),
      );
    }
    socket.once('connect', () => this.open(keepAliveSeconds));
    if (path !== undefined) socket.connect({ path });
    else socket.connect({ host, port, ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }) });
  }

  private readonly onError = (error: Error): void => this.events.onClose(error);
  private readonly onClose = (): void => this.events.onClose(undefined);

  private open(keepAliveSeconds: number): void {
    const { socket, events } = this;
    socket.setTimeout(0);
    socket.setNoDelay(true);
    const owner = socket as unknown as { _handle: unknown };
    const handle = owner._handle;
    socket.removeListener('error', this.onError);
    socket.removeListener('close', this.onClose);
    if (isStreamHandle(handle)) {
      owner._handle = null;
      const wire = new HandleWire(handle, keepAliveSeconds);
      this.inner = wire;
      wire.attach(events);
    } else {
      if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
      const wire = new SocketWire(socket);
      this.inner = wire;
      wire.attach(events);
    }
    if (this.paused) this.inner.pauseReading();
    const early = this.early;
    this.early = [];
    this.earlyBytes = 0;
    if (early.length > 0) this.inner.writeAll(early);
    events.onOpen();
    if (this.ends) this.inner.end();
  }

  get remote(): string {
    return this.inner?.remote ?? '';
  }

  get local(): string {
    return this.inner?.local ?? '';
  }

  get unsentBytes(): number {
    return this.inner === undefined ? this.earlyBytes : this.inner.unsentBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.inner !== undefined) return this.inner.write(bytes);
    if (this.ends) return true;
    this.early.push(bytes);
    this.earlyBytes += bytes.length;
    return false;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    if (this.inner !== undefined) return this.inner.writeAll(parts);
    for (const part of parts) this.write(part);
    return false;
  }

  pauseReading(): void {
    this.paused = true;
    this.inner?.pauseReading();
  }

  resumeReading(): void {
    this.paused = false;
    this.inner?.resumeReading();
  }

  end(): void {
    this.ends = true;
    this.inner?.end();
  }

  destroy(): void {
    if (this.inner === undefined) this.socket.destroy();
    else this.inner.destroy();
  }
}
