// sockets: listening sockets whose accepted connections read into one shared buffer.
//
// A `net.Socket` made with `onread: { buffer, callback }` hands over each read in that buffer, without a Buffer and an
// event per read (20 to 45 % more commands a second at pipelines of 1 and 16). A listening server makes its sockets itself,
// so an accepted socket's handle is taken and a new socket is made around it. `_handle` and the `handle` option are not
// documented; where either is missing the accepted socket serves as it is, through 'data' events.

import net from 'node:net';
import { directHandle, streamBinding, type StreamHandle, type WriteRequest } from './direct-write.js';
import { OutputBacklog } from './output-backlog.js';

/** What a connection needs of its socket; plain TCP, unix sockets, TLS and simulations look the same from above. */
export interface Wire {
  /** Bytes handed to `write` that the system has not taken yet. */
  readonly unsentBytes: number;
  readonly remote: string;
  readonly local: string;
  /** Sends bytes, which must not change until they are sent. Returns true when they all are already. */
  write(bytes: Uint8Array): boolean;
  /** Sends several arrays in one go. */
  writeAll(parts: readonly Uint8Array[]): boolean;
  pauseReading(): void;
  resumeReading(): void;
  /** Closes once everything is sent. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface WireEvents {
  /** Bytes came in: `bytes[0]` to `bytes[count - 1]`, void after the call. */
  onData(bytes: Uint8Array, count: number): void;
  /** Everything written is sent. */
  onDrain(): void;
  /** The peer will send nothing more. Called before the bytes of any other connection that came later. */
  onEnd(): void;
  /** The connection is gone; may be called twice. An error is told before later bytes of other connections. */
  onClose(error: Error | undefined): void;
}

const READ_BYTES = 256 * 1024;
/** Shared by all sockets of the process: its content is used up before the next read. */
const readBuffer = new Uint8Array(READ_BYTES);

interface HandleOwner {
  _handle: unknown;
}

export class SocketWire implements Wire {
  readonly remote: string;
  readonly local: string;
  private events: WireEvents | undefined;
  private readonly handle: StreamHandle | undefined;
  private request: WriteRequest | undefined;
  /** Bytes that libuv holds: those of one write. */
  private queuedBytes = 0;
  /** Bytes that come after them. */
  private readonly backlog = new OutputBacklog();
  private ending = false;

  constructor(
    private readonly socket: net.Socket,
    writesDirectly: boolean,
  ) {
    this.handle = writesDirectly ? directHandle(socket) : undefined;
    if (this.handle !== undefined) this.request = this.makeRequest();
    this.remote = addressText(socket.remoteAddress, socket.remotePort);
    this.local = addressText(socket.localAddress, socket.localPort);
  }

  /** Connects the wire to its events; called once. With `listensToData`, 'data' events are needed for reading. */
  attach(events: WireEvents, listensToData: boolean): void {
    this.events = events;
    const { socket } = this;
    if (listensToData)
      socket.on('data', (chunk: Buffer) =>
        events.onData(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length), chunk.length),
      );
    socket.on('drain', () => events.onDrain());
    // 'close' comes turns of the loop later, when other clients' commands have run.
    socket.on('error', (error) => events.onClose(error));
    socket.on('end', () => events.onEnd());
    socket.on('close', () => events.onClose(undefined));
  }

  deliver(count: number): void {
    this.events?.onData(readBuffer, count);
  }

  get unsentBytes(): number {
    return this.queuedBytes + this.backlog.bytes + this.socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    if (this.ending || this.socket.destroyed) return true;
    if (this.handle === undefined) {
      this.socket.write(bytes);
      return this.socket.writableLength === 0;
    }
    if (this.queuedBytes > 0) {
      this.backlog.add(bytes);
      return false;
    }
    return this.writeDirectly(bytes);
  }

  /** Returns true when the system took all bytes at once. */
  private writeDirectly(bytes: Uint8Array): boolean {
    const status = this.handle!.writeBuffer(this.request!, bytes);
    if (status !== 0) {
      this.socket.destroy();
      return true;
    }
    if (streamBinding!.streamBaseState[streamBinding!.kLastWriteWasAsync] === 0) return true;
    this.keepQueued(bytes);
    return false;
  }

  /** What libuv could not send at once belongs to the request until it completes; the next write needs another. */
  private keepQueued(bytes: Uint8Array): void {
    const request = this.request!;
    request.buffer = bytes;
    this.queuedBytes = bytes.length;
    request.oncomplete = (status) => {
      request.buffer = undefined;
      this.queuedBytes = 0;
      if (status !== 0) this.socket.destroy();
      else this.writeBacklog();
    };
    this.request = this.makeRequest();
  }

  private writeBacklog(): void {
    while (!this.socket.destroyed) {
      const part = this.backlog.take();
      if (part === undefined) {
        this.drained();
        return;
      }
      if (!this.writeDirectly(part)) return;
    }
  }

  private makeRequest(): WriteRequest {
    const request = new streamBinding!.WriteWrap();
    request.oncomplete = () => undefined;
    return request;
  }

  private drained(): void {
    if (this.ending) this.closeStream();
    else this.events?.onDrain();
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    if (this.handle !== undefined || this.ending || this.socket.destroyed) {
      let sent = true;
      for (const part of parts) sent = this.write(part) && sent;
      return sent;
    }
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
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    // The stream knows nothing of what libuv still has: closing now would drop it.
    if (this.queuedBytes === 0) this.closeStream();
  }

  private closeStream(): void {
    this.socket.end();
    this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export function addressText(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return '';
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** Makes a wire of an accepted socket. `keepAliveSeconds` 0 sends no keep-alive probes. */
export function acceptSocket(
  accepted: net.Socket,
  server: net.Server,
  keepAliveSeconds: number,
  attach: (wire: SocketWire) => WireEvents,
): void {
  const handle = (accepted as unknown as HandleOwner)._handle;
  let socket = accepted;
  // eslint-disable-next-line prefer-const -- made last, but the read callback below names it
  let wire: SocketWire;
  if (typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle) {
    (accepted as unknown as HandleOwner)._handle = null;
    // The server counts the socket that it made; that one is gone now.
    const counted = server as unknown as { _connections: number };
    if (typeof counted._connections === 'number') counted._connections--;
    const options = {
      handle,
      pauseOnCreate: true,
      // The connection decides what becomes of replies to a peer that has finished sending.
      allowHalfOpen: true,
      onread: {
        buffer: readBuffer,
        callback: (count: number): boolean => {
          wire.deliver(count);
          return true;
        },
      },
    };
    socket = new net.Socket(options as unknown as net.SocketConstructorOpts);
  }
  socket.setNoDelay(true);
  if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
  wire = new SocketWire(socket, socket !== accepted);
  wire.attach(attach(wire), socket === accepted);
  socket.resume();
}

/** Makes a wire of a socket that reads through 'data' events, such as one with TLS. */
export function serveSocket(
  socket: net.Socket,
  keepAliveSeconds: number,
  attach: (wire: SocketWire) => WireEvents,
): void {
  socket.setNoDelay(true);
  if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
  const wire = new SocketWire(socket, false);
  wire.attach(attach(wire), true);
  socket.resume();
}

export interface ListenPlace {
  readonly host?: string;
  readonly port?: number;
  /** Path of a unix socket (a named pipe on Windows). */
  readonly path?: string;
  readonly backlog: number;
  readonly ipv6Only?: boolean;
}

/** Listens; resolves with the server once it does, rejects with the system's error (EADDRINUSE ...). */
export function listen(server: net.Server, place: ListenPlace): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...place, exclusive: true }, () => {
      server.removeListener('error', reject);
      resolve(server);
    });
  });
}
