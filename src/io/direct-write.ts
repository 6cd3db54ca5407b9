// direct-write: writing to a socket's handle without the stream machinery above it.
//
// `net.Socket.write` costs about as much as the system call below it. A stream handle has `writeBuffer`, which tries the
// system call at once and queues inside libuv what did not fit. Neither it nor the binding that makes its requests is
// documented, so both are looked at first; where something is not as expected (another Node, TLS) nothing is found, and
// callers use `socket.write`. KVASIR_PLAIN_SOCKETS in the environment switches it off, for comparing.

import type { Socket } from 'node:net';

export interface WriteRequest {
  oncomplete: (status: number) => void;
  /** Keeps the bytes alive while libuv has them. */
  buffer?: Uint8Array | undefined;
}

export interface StreamHandle {
  /** 0, or a negative system error. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

export interface ShutdownRequest {
  oncomplete: () => void;
}

export interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => ShutdownRequest;
  /** Element of `streamBaseState`: the count or the negative error of the read in hand. */
  readonly kReadBytesOrError: number;
  /** Element `kLastWriteWasAsync` says whether the last write was queued in part. */
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
}

function findBinding(): StreamBinding | undefined {
  if (process.env.KVASIR_PLAIN_SOCKETS !== undefined) return undefined;
  try {
    const find = (process as unknown as { binding?: (name: string) => Partial<StreamBinding> }).binding;
    const found = find?.call(process, 'stream_wrap');
    const isAsExpected =
      typeof found?.WriteWrap === 'function' &&
      typeof found.ShutdownWrap === 'function' &&
      typeof found.kReadBytesOrError === 'number' &&
      found.streamBaseState instanceof Int32Array &&
      typeof found.kLastWriteWasAsync === 'number';
    return isAsExpected ? (found as StreamBinding) : undefined;
  } catch {
    return undefined; // A Node without these internals: socket.write does the same, slower.
  }
}

export const streamBinding: StreamBinding | undefined = findBinding();

/** The handle of a connected plain socket, if it can be written to directly. */
export function directHandle(socket: Socket): StreamHandle | undefined {
  const handle = (socket as unknown as { _handle?: Partial<StreamHandle> | null })._handle;
  return streamBinding !== undefined && typeof handle?.writeBuffer === 'function'
    ? (handle as StreamHandle)
    : undefined;
}
