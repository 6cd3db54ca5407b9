// descriptor-pipe: a pipe between two threads of this process that carries sockets, and bytes that wake.
//
// Node gives no thread a socket of another. But a unix socket carries descriptors, and Node's Pipe takes and sends them when it
// is opened as a channel between processes; nothing in that needs a second process. The thread connects to a unix socket of the
// engine's, in a folder that only this user can enter, and the engine opens its end again as such a channel.
//
// A message is one byte 0, which wakes, or a byte 1, four bytes with the number of the slot, and a socket beside the first of
// them. The kernel ends a read after bytes that came with a socket, so a read brings one socket at most.
//
// None of this is documented, so `pipeBinding` looks at everything that is used; without it there are no I/O threads.

import { type AcceptedHandle, isStreamHandle } from '../handle-wire.js';
import { streamBinding, type WriteRequest } from '../direct-write.js';

interface ConnectRequest {
  oncomplete: (status: number) => void;
}

export interface PipeHandle extends Omit<AcceptedHandle, 'onread' | 'wire'> {
  readonly fd: number;
  /** A socket that came with the bytes of the read in hand. */
  pendingHandle?: unknown;
  onread: (this: PipeHandle) => void;
  open(fd: number): number | undefined;
  connect(request: ConnectRequest, path: string): number | undefined;
  writeLatin1String(request: WriteRequest, text: string, handle?: object): number;
  unref(): void;
}

interface PipeBinding {
  readonly Pipe: new (type: number) => PipeHandle;
  readonly PipeConnectWrap: new () => ConnectRequest;
  readonly constants: { readonly IPC: number };
}

function findPipeBinding(): PipeBinding | undefined {
  if (streamBinding === undefined || process.platform !== 'linux') return undefined;
  try {
    const find = (process as unknown as { binding?: (name: string) => Partial<PipeBinding> }).binding;
    const found = find?.call(process, 'pipe_wrap');
    // Node ends the process when a TCP socket comes through a pipe in a thread that has not loaded this.
    if (find?.call(process, 'tcp_wrap') === undefined) return undefined;
    const isAsExpected =
      typeof found?.Pipe === 'function' &&
      typeof found.PipeConnectWrap === 'function' &&
      typeof found.constants?.IPC === 'number';
    return isAsExpected ? (found as PipeBinding) : undefined;
  } catch {
    return undefined; // A runtime without these internals: all sockets stay with the engine.
  }
}

export const pipeBinding: PipeBinding | undefined = findPipeBinding();

const WAKE = '\0';
const SOCKET = 1;
const MESSAGE_BYTES = 5;
const READ_BYTES = 4096;

export interface PipeEvents {
  /** The other side woke us. */
  onWake(): void;
  onSocket(slot: number, handle: AcceptedHandle): void;
  /** The other side is gone. */
  onEnd(): void;
}

/** A request that is used again once it is done. */
function noop(): void {}

export class DescriptorPipe {
  private readonly buffer = new Uint8Array(READ_BYTES);
  private readonly sockets: AcceptedHandle[] = [];
  /** Bytes of a message that have come, and the slot that they give so far. */
  private messageBytes = 0;
  private slot = 0;
  private closed = false;
  private spare: WriteRequest | undefined;

  constructor(
    private readonly handle: PipeHandle,
    private readonly events: PipeEvents,
  ) {
    handle.onread = (): void => this.read();
    handle.useUserBuffer(this.buffer);
    handle.readStart();
  }

  private read(): void {
    const { handle } = this;
    const count = streamBinding!.streamBaseState[streamBinding!.kReadBytesOrError]!;
    const socket = handle.pendingHandle;
    if (socket !== undefined && socket !== null) {
      handle.pendingHandle = undefined;
      if (isStreamHandle(socket)) this.sockets.push(socket);
    }
    if (this.closed) return;
    if (count < 0) {
      this.close();
      this.events.onEnd();
      return;
    }
    let wakes = false;
    for (let index = 0; index < count; index++) wakes = this.take(this.buffer[index]!) || wakes;
    if (wakes) this.events.onWake();
  }

  /** Returns true for a byte that wakes. */
  private take(byte: number): boolean {
    if (this.messageBytes === 0) {
      if (byte !== SOCKET) return true;
      this.messageBytes = 1;
      this.slot = 0;
      return false;
    }
    this.slot = (this.slot << 8) | byte;
    this.messageBytes++;
    if (this.messageBytes < MESSAGE_BYTES) return false;
    this.messageBytes = 0;
    const socket = this.sockets.shift();
    if (socket !== undefined) this.events.onSocket(this.slot, socket);
    return false;
  }

  /** Wakes the other side. */
  wake(): void {
    if (this.closed) return;
    const request = this.spare ?? new streamBinding!.WriteWrap();
    this.spare = undefined;
    request.oncomplete = noop;
    const failed = this.handle.writeLatin1String(request, WAKE) !== 0;
    // A write that finished at once leaves the request unused.
    if (!failed && streamBinding!.streamBaseState[streamBinding!.kLastWriteWasAsync] === 0) this.spare = request;
  }

  /** Sends a socket; it is closed here once it is on its way. False: it cannot be sent, and is still whole. */
  sendSocket(slot: number, socket: AcceptedHandle): boolean {
    if (this.closed) return false;
    const request = new streamBinding!.WriteWrap();
    const text = String.fromCharCode(SOCKET, (slot >>> 24) & 255, (slot >>> 16) & 255, (slot >>> 8) & 255, slot & 255);
    request.oncomplete = () => socket.close(noop);
    if (this.handle.writeLatin1String(request, text, socket) !== 0) return false;
    if (streamBinding!.streamBaseState[streamBinding!.kLastWriteWasAsync] === 0) socket.close(noop);
    return true;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const socket of this.sockets.splice(0)) socket.close(noop);
    this.handle.close(noop);
  }

  /** The pipe alone does not keep the process. */
  unref(): void {
    this.handle.unref();
  }
}

/** The engine's end: the accepted connection opened again as a channel. The first handle must never be closed: both have one descriptor. */
export function openAsChannel(accepted: PipeHandle, events: PipeEvents): DescriptorPipe {
  accepted.unref();
  const channel = new pipeBinding!.Pipe(pipeBinding!.constants.IPC);
  channel.open(accepted.fd);
  return new DescriptorPipe(channel, events);
}

/** The thread's end. Resolves when it is connected. */
export function connectChannel(path: string, events: PipeEvents): Promise<DescriptorPipe> {
  return new Promise((resolve, reject) => {
    const channel = new pipeBinding!.Pipe(pipeBinding!.constants.IPC);
    const request = new pipeBinding!.PipeConnectWrap();
    request.oncomplete = (status) => {
      if (status === 0) resolve(new DescriptorPipe(channel, events));
      else reject(new Error(`the pipe to the engine cannot be opened (${status})`));
    };
    channel.connect(request, path);
  });
}
