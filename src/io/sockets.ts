// sockets: listening sockets, and the wires of the connections that they accept.
//
// A server of Node makes a net.Socket for each connection before it reports it. Here the listening handle's
// `onconnection` is replaced, so that the connection stays a handle (handle-wire): accepting and closing one takes a
// third of the processor time. Where Node's internals are not as expected, net.Socket serves, through 'data' events.

import { chmodSync } from 'node:fs';
import net from 'node:net';
import { isMainThread } from 'node:worker_threads';

import { type AcceptedHandle, HandleWire, isStreamHandle } from './handle-wire.js';
import { keepsReads, KeptReads, type LateReader } from './late-reads.js';
import { addressText, type Wire, type WireEvents } from './wire.js';

const noBytes = new Uint8Array(0);
/** The end of what the peer sends, among the reads that are kept. */
const END = -1;

/** A wire on a net.Socket or what is like it, such as a socket with TLS. */
export class SocketWire implements Wire, LateReader {
  remote: string;
  local: string;
  private events: WireEvents | undefined;
  private ending = false;
  private destroyed = false;
  private readonly kept: KeptReads | undefined;

  /** `isClient`: what it sends must not overtake the ends of other clients (see late-reads). */
  constructor(
    private readonly socket: net.Socket,
    isClient = false,
  ) {
    if (isClient) this.kept = new KeptReads(this);
    this.remote = addressText(socket.remoteAddress, socket.remotePort);
    this.local = addressText(socket.localAddress, socket.localPort);
  }

  /** The socket has connected, and so has addresses. */
  connected(): void {
    this.remote = addressText(this.socket.remoteAddress, this.socket.remotePort);
    this.local = addressText(this.socket.localAddress, this.socket.localPort);
  }

  /** Connects the wire to its events; called once. */
  attach(events: WireEvents): void {
    const { socket } = this;
    this.events = events;
    socket.on('data', (chunk: Buffer) => this.deliver(chunk));
    socket.on('drain', () => events.onDrain());
    // 'close' comes turns of the loop later, when other clients' commands have run.
    socket.on('error', (error) => this.close(error));
    socket.on('end', () => {
      if (this.kept?.isEmpty === false) this.kept.keep(noBytes, END);
      else events.onEnd();
    });
    socket.on('close', () => this.close(undefined));
    socket.resume();
  }

  private deliver(chunk: Buffer): void {
    if (this.kept !== undefined && (keepsReads() || !this.kept.isEmpty)) this.kept.keep(chunk, chunk.length);
    else this.takeRead(chunk, 0, chunk.length);
  }

  takeRead(bytes: Uint8Array, start: number, count: number): void {
    this.events!.onData(new Uint8Array(bytes.buffer, bytes.byteOffset + start, count), count);
  }

  takeEnd(): void {
    this.events!.onEnd();
  }

  private close(error: Error | undefined): void {
    const { events, kept } = this;
    if (kept === undefined || kept.isEmpty) {
      events!.onClose(error);
      return;
    }
    // After the reads that are delivered then. Nothing resumes a closed connection, so that others are lost.
    setImmediate(() => {
      kept.drop();
      events!.onClose(error);
    });
  }

  get isGone(): boolean {
    return this.destroyed;
  }

  get isReadingNow(): boolean {
    return !this.socket.isPaused();
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    if (this.ending || this.socket.destroyed) return true;
    this.socket.write(bytes);
    return this.socket.writableLength === 0;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    if (this.ending || this.socket.destroyed) return true;
    this.socket.cork();
    for (const part of parts) this.socket.write(part);
    this.socket.uncork();
    return this.socket.writableLength === 0;
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
    this.kept?.resume();
  }

  setNoDelay(on: boolean): void {
    this.socket.setNoDelay(on);
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.socket.end();
    this.socket.destroySoon();
  }

  destroy(): void {
    this.destroyed = true;
    this.kept?.drop();
    this.socket.destroy();
  }
}

/** Gets the wire of a new connection; returns its listener. */
type Accept = (wire: Wire) => WireEvents;

/** Serves a connected socket. `keepAliveSeconds` 0 sends no keep-alive probes. */
export function serveSocket(socket: net.Socket, keepAliveSeconds: number, accept: Accept): void {
  // The connection decides what becomes of replies to a peer that has finished sending.
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
  if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
  const wire = new SocketWire(socket, true);
  wire.attach(accept(wire));
}

interface ListeningHandle {
  onconnection?: (this: ListeningHandle, status: number, connection: unknown) => void;
}

/** Offers each accepted handle to `take` before a net.Socket is made of it; `take` returns false for one that it does not want. */
export function offerHandles(door: net.Server, take: (handle: AcceptedHandle) => boolean): void {
  door.on('listening', () => {
    const handle = (door as unknown as { _handle?: ListeningHandle | null })._handle;
    const makeSocket = handle?.onconnection;
    if (handle === undefined || handle === null || typeof makeSocket !== 'function') return;
    handle.onconnection = function (status, connection) {
      if (status !== 0 || !isStreamHandle(connection) || !take(connection)) makeSocket.call(this, status, connection);
    };
  });
}

/** A server whose connections come as wires. It listens when `listen` is called with it. */
export function makeDoor(keepAliveSeconds: () => number, accept: Accept): net.Server {
  const door = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
    serveSocket(socket, keepAliveSeconds(), accept),
  );
  offerHandles(door, (handle) => {
    const wire = new HandleWire(handle, keepAliveSeconds());
    wire.attach(accept(wire));
    return true;
  });
  return door;
}

/**
 * libuv accepts one connection a turn of the loop, a server in C hundreds: those that come meanwhile wait in the kernel. One
 * for which there is no room tries again a second later, then three, then seven.
 */
const BACKLOG_FACTOR = 8;
const BACKLOG_MAX = 0x7fffffff;

export interface ListenPlace {
  readonly host?: string;
  readonly port?: number;
  /** Path of a unix socket (a named pipe on Windows). */
  readonly path?: string;
  /** Who may connect to a unix socket, as of a file; undefined: what the process's mask leaves. */
  readonly permissions?: number | undefined;
  /** Connections that may wait to be accepted. */
  readonly backlog: number;
  readonly ipv6Only?: boolean;
  /** Without effect where `sharesPorts` is false. */
  readonly reusePort?: boolean;
}

/** Whether several processes can listen on one port, between which the system then distributes the clients (SO_REUSEPORT). */
export function sharesPorts(version = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

const isUnix = process.platform !== 'win32';

/** Runs `bind`, and the file that it makes has these permissions from its first moment on: a chmod alone comes after that. */
function bindWith(permissions: number | undefined, bind: () => void): void {
  // The mask is the whole process's, so a worker may not set it.
  if (permissions === undefined || !isUnix || !isMainThread) {
    bind();
    return;
  }
  const before = process.umask(~permissions & 0o777);
  try {
    bind();
  } finally {
    process.umask(before);
  }
}

/** Listens; resolves with the server once it does, rejects with the system's error (EADDRINUSE ...). */
export function listen(server: net.Server, place: ListenPlace): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const { path, permissions, ...rest } = place;
    const backlog = Math.min(place.backlog * BACKLOG_FACTOR, BACKLOG_MAX);
    const listening = (): void => {
      server.removeListener('error', reject);
      try {
        if (path !== undefined && permissions !== undefined && isUnix) chmodSync(path, permissions);
        resolve(server);
      } catch (error) {
        server.close();
        reject(error as Error);
      }
    };
    // Node binds before `listen` returns.
    bindWith(path === undefined ? undefined : permissions, () =>
      server.listen({ ...rest, ...(path === undefined ? {} : { path }), backlog, exclusive: true }, listening),
    );
  });
}
