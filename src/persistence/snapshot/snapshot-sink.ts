// snapshot-sink: the receiver of a snapshot's chunks: a file written by a worker thread, or one written right here.
//
// The sender asks `room` before it walks on; chunks that a client's write forces out go through whatever `room` says.
// Not here: the content of the chunks (snapshot).

import { Worker } from 'node:worker_threads';
import { type Files, RealFiles } from '../../io/files.js';
import type { RdbWriter } from '../rdb/writer.js';
import { removeIfThere, SnapshotFile, type SnapshotFileOptions } from './snapshot-file.js';

export interface SnapshotSink {
  /** Whether more may be sent without the memory for chunks growing beyond its bound. */
  readonly room: boolean;
  /** Bytes that were sent and are not on the disk's way yet. */
  readonly pendingBytes: number;
  /** Called when there is room again. */
  onRoom: () => void;
  /** Takes what the writer holds, and leaves it empty. */
  send(writer: RdbWriter): void;
  /** No more comes; calls back when all is durable and in place, or failed. */
  finish(done: (error: Error | null, bytes: number) => void): void;
  /** Stops, also after `finish`: nothing of it stays, and from here on it puts no file in place. `done` is not called. */
  abort(): void;
  /** Called at most once, when writing fails before `finish`. */
  onError: (error: Error) => void;
}

/** Writes in the caller's thread: for SAVE and for tests with a simulated file system. */
export class DirectFileSink implements SnapshotSink {
  readonly room = true;
  readonly pendingBytes = 0;
  onRoom = (): void => undefined;
  onError: (error: Error) => void = () => undefined;
  private file: SnapshotFile | undefined;
  private failure: Error | null = null;

  constructor(files: Files, options: SnapshotFileOptions) {
    this.attempt(() => (this.file = new SnapshotFile(files, options)));
  }

  private attempt(action: () => void): void {
    if (this.failure !== null) return;
    try {
      action();
    } catch (error) {
      this.failure = error as Error;
      this.file?.abort();
      // The maker of the sink sets `onError` in this turn.
      queueMicrotask(() => this.onError(error as Error));
    }
  }

  send(writer: RdbWriter): void {
    this.attempt(() => this.file!.add(writer.bytes, writer.length, writer.marks, writer.markCount));
    writer.clear();
  }

  finish(done: (error: Error | null, bytes: number) => void): void {
    this.onError = () => undefined;
    this.attempt(() => this.file!.finish());
    done(this.failure, this.file?.written ?? 0);
  }

  abort(): void {
    if (this.failure === null) this.file?.abort();
  }
}

/**
 * How far a file is, in a word that both threads see. The sender changes `writing` to `givenUp`, the thread changes it to
 * `placing` before it renames the file: only one of them can.
 */
export const FileState = { writing: 0, givenUp: 1, placing: 2, placed: 3 } as const;

export type ToWorker =
  | { readonly kind: 'open'; readonly options: SnapshotFileOptions; readonly state: SharedArrayBuffer }
  | {
      readonly kind: 'chunk';
      readonly buffer: ArrayBuffer;
      readonly length: number;
      readonly marks: Int32Array;
      readonly markCount: number;
    }
  | { readonly kind: 'finish' }
  | { readonly kind: 'abort' };

export type FromWorker =
  | { readonly kind: 'taken'; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'done'; readonly bytes: number }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string };

const NO_BYTES = new Uint8Array(0);
const CHUNK_BYTES = 256 * 1024;
/** Bytes of chunks that may wait for the thread. */
const PENDING_BYTES_MAX = 16 << 20;
/** A rename that takes longer is not waited for. */
const PLACING_MS_MAX = 10_000;

export class WorkerFileSink implements SnapshotSink {
  onRoom = (): void => undefined;
  onError: (error: Error) => void = () => undefined;
  private readonly worker: Worker;
  private pending = 0;
  private readonly free: Uint8Array[] = [];
  private done: ((error: Error | null, bytes: number) => void) | undefined;
  private failure: Error | null = null;
  private ended = false;
  private readonly state = new Int32Array(new SharedArrayBuffer(4));

  constructor(
    private readonly options: SnapshotFileOptions,
    private readonly pendingBytesMax = PENDING_BYTES_MAX,
  ) {
    this.worker = new Worker(new URL('./snapshot-worker.js', import.meta.url));
    this.worker.on('message', (message: FromWorker) => this.receive(message));
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('exit', () => {
      if (!this.ended) this.fail(new Error('the thread that writes the snapshot ended'));
    });
    this.post({ kind: 'open', options, state: this.state.buffer as SharedArrayBuffer });
  }

  private post(message: ToWorker, buffers: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, buffers);
  }

  get room(): boolean {
    return this.pending < this.pendingBytesMax;
  }

  /** Bytes on their way to the worker. */
  get pendingBytes(): number {
    return this.pending;
  }

  send(writer: RdbWriter): void {
    if (writer.length === 0) return;
    if (this.failure !== null || this.ended) {
      writer.clear();
      return;
    }
    const bytes = writer.bytes;
    const marks = writer.marks.slice(0, writer.markCount);
    this.pending += bytes.length;
    this.post(
      { kind: 'chunk', buffer: bytes.buffer as ArrayBuffer, length: writer.length, marks, markCount: writer.markCount },
      [bytes.buffer as ArrayBuffer, marks.buffer],
    );
    writer.restart(this.free.pop() ?? NO_BYTES);
  }

  private receive(message: FromWorker): void {
    if (message.kind === 'taken') {
      this.pending -= message.buffer.byteLength;
      if (this.free.length < 4 && message.buffer.byteLength === CHUNK_BYTES)
        this.free.push(new Uint8Array(message.buffer));
      if (this.room) this.onRoom();
    } else if (message.kind === 'done') this.end(null, message.bytes);
    else if (message.kind === 'failed') this.fail(Object.assign(new Error(message.message), { code: message.code }));
    else this.ended = true;
  }

  private fail(error: Error): void {
    if (this.failure !== null || this.ended) return;
    this.failure = error;
    if (this.done !== undefined) this.end(error, 0);
    else {
      this.ended = true;
      this.onError(error);
    }
  }

  private end(error: Error | null, bytes: number): void {
    this.ended = true;
    const done = this.done;
    this.done = undefined;
    done?.(error, bytes);
  }

  finish(done: (error: Error | null, bytes: number) => void): void {
    this.done = done;
    if (this.failure !== null) this.end(this.failure, 0);
    else this.post({ kind: 'finish' });
  }

  abort(): void {
    if (this.ended) return;
    this.ended = true;
    this.done = undefined;
    if (Atomics.compareExchange(this.state, 0, FileState.writing, FileState.givenUp) === FileState.placing) {
      Atomics.wait(this.state, 0, FileState.placing, PLACING_MS_MAX);
    }
    // The process may end before the thread comes to it.
    removeIfThere(new RealFiles(), this.options.temporaryPath);
    this.post({ kind: 'abort' });
  }
}
