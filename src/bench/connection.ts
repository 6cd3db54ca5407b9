// connection: one socket of the load generator, cut down to "send these bytes" and "this many bytes arrived".
//
// Reading: all sockets of a thread read into one static buffer (`onread` of net.Socket), nothing is allocated per read.
// Writing: directly to the handle (io/direct-write) where that is possible, through `socket.write` where it is not.
import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { systemErrorText } from '../base/system-error.js';
import { streamErrorText } from '../client/tls-words.js';
import {
  directHandle,
  type StreamBinding,
  streamBinding,
  type StreamHandle,
  type WriteRequest,
} from '../io/direct-write.js';

export interface Address {
  host: string;
  port: number;
  /** Path of a unix socket; host and port are not used then. */
  path?: string | undefined;
  tls?: ConnectionOptions | undefined;
}

export interface ConnectionEvents {
  /** Bytes 0 to `length` of the buffer have just been read. The buffer is borrowed until the call returns. */
  onBytes(buffer: Uint8Array, length: number): void;
  /** The connection is gone; not called after `close()`. */
  onLost(reason: string): void;
}

export interface Connection {
  /** Sends all bytes; they must not change until the peer has answered them. */
  send(bytes: Uint8Array): void;
  close(): void;
}

/** A peer that does not speak TLS may wait forever for the rest of a line. */
const handshakeMsMax = 10_000;
const readBufferBytes = 256 * 1024;
const readBuffer = new Uint8Array(readBufferBytes);

/** Opens a connection; rejects with the system's words for what went wrong. */
export function openConnection(address: Address, events: ConnectionEvents): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let socket: Socket;
    let isOpen = false;
    let isClosed = false;
    const endpoint = address.path === undefined ? { host: address.host, port: address.port } : { path: address.path };
    try {
      if (address.tls === undefined) {
        const callback = (length: number): boolean => {
          if (!isClosed) events.onBytes(readBuffer, length);
          return true;
        };
        socket = connectPlain({ ...endpoint, noDelay: true, onread: { buffer: readBuffer, callback } });
      } else {
        // As the C tools do: the certificate's chain is verified, not the name in it.
        socket = connectTls({ ...endpoint, ...address.tls, checkServerIdentity: () => undefined });
        socket.setNoDelay(true);
        socket.on('data', (chunk: Uint8Array) => {
          for (let at = 0; at < chunk.length && !isClosed; at += readBufferBytes) {
            const length = Math.min(readBufferBytes, chunk.length - at);
            readBuffer.set(chunk.subarray(at, at + length));
            events.onBytes(readBuffer, length);
          }
        });
      }
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const lose = (reason: string): void => {
      if (isClosed) return;
      isClosed = true;
      socket.destroy();
      if (isOpen) events.onLost(reason);
      else reject(new Error(reason));
    };
    socket.on('error', (error: NodeJS.ErrnoException) => lose(systemText(error)));
    if (address.tls !== undefined) {
      socket.setTimeout(handshakeMsMax, () => lose('no answer to the TLS handshake'));
      socket.once('secureConnect', () => socket.setTimeout(0));
    }
    socket.on('end', () => lose('Server closed the connection'));
    socket.on('close', () => lose('Server closed the connection'));
    socket.once(address.tls === undefined ? 'connect' : 'secureConnect', () => {
      isOpen = true;
      const handle = address.tls === undefined ? directHandle(socket) : undefined;
      const close = (): void => {
        isClosed = true;
        socket.destroy();
      };
      if (handle === undefined || streamBinding === undefined) {
        resolve({ send: (bytes) => void (isClosed || socket.write(bytes)), close });
      } else resolve(new DirectConnection(handle, streamBinding, close, lose, () => isClosed));
    });
  });
}

class DirectConnection implements Connection {
  readonly close: () => void;
  private readonly handle: StreamHandle;
  private readonly binding: StreamBinding;
  private readonly lose: (reason: string) => void;
  private readonly isClosed: () => boolean;
  private request: WriteRequest;

  constructor(
    handle: StreamHandle,
    binding: StreamBinding,
    close: () => void,
    lose: (reason: string) => void,
    isClosed: () => boolean,
  ) {
    this.handle = handle;
    this.binding = binding;
    this.close = close;
    this.lose = lose;
    this.isClosed = isClosed;
    this.request = this.makeRequest();
  }

  /** @hot */
  send(bytes: Uint8Array): void {
    if (this.isClosed()) return;
    const status = this.handle.writeBuffer(this.request, bytes);
    if (status !== 0) {
      this.lose(statusText(status));
      return;
    }
    if (this.binding.streamBaseState[this.binding.kLastWriteWasAsync] !== 0) {
      // The rest is queued inside Node with this request; the next write needs one of its own.
      this.request.buffer = bytes;
      this.request = this.makeRequest();
    }
  }

  private makeRequest(): WriteRequest {
    const request = new this.binding.WriteWrap();
    request.oncomplete = (status) => {
      request.buffer = undefined;
      if (status !== 0) this.lose(statusText(status));
    };
    return request;
  }
}

const codesByStatus: Record<number, string> = {
  [-32]: 'EPIPE',
  [-104]: 'ECONNRESET',
  [-54]: 'ECONNRESET',
  [-4077]: 'ECONNRESET',
};

function statusText(status: number): string {
  const code = codesByStatus[status];
  return code === undefined ? `write failed with status ${status}` : systemErrorText({ code });
}

/** The C library's words for a system error, which is what redis-benchmark prints. */
function systemText(error: NodeJS.ErrnoException & { errors?: NodeJS.ErrnoException[] }): string {
  // With several addresses of one name Node reports a list; the last attempt is what a C program would report.
  return streamErrorText(error.errors?.at(-1) ?? error);
}
