// byte-source: the source of bytes to load, chunk by chunk: a file, or chunks that a peer sends.
//
//   for (;;) {
//     const chunk = await source.next();   // null: the end
//     ...
//   }
//
// A chunk belongs to its reader from then on: nobody changes it any more. `next` is called once at a time.
//
// PushedSource takes chunks as a connection brings them. Its memory is bounded by `bytesMax` and one chunk: `push` returns
// false when the sender must wait, and `onRoom` is called when it may go on. A load that ends before its input, as an RDB
// does at its own end, hands the rest back with `takeRest`: the stream of commands after the snapshot of a master. So the
// length need not be known beforehand; where it is known, or an end mark is (`$EOF:`), the caller ends the source there.
//
// Not here: the meaning of the bytes (rdb/reader), loading (data-loading).

import { assert } from '../base/assert.js';
import type { OpenFile } from '../io/files.js';

const CHUNK_BYTES = 1 << 20;
const PUSHED_BYTES_MAX = 4 << 20;

export interface ByteSource {
  /** The name for messages: a path or a peer. */
  readonly name: string;
  /** The next bytes, at least one; null at the end. Rejects when the source fails. */
  next(): Uint8Array | null | Promise<Uint8Array | null>;
}

/** The bytes of a file from an offset on. */
export class FileSource implements ByteSource {
  constructor(
    private readonly file: OpenFile,
    private position = 0,
  ) {}

  get name(): string {
    return this.file.path;
  }

  next(): Uint8Array | null {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const count = this.file.read(chunk, 0, CHUNK_BYTES, this.position);
    this.position += count;
    return count === 0 ? null : chunk.subarray(0, count);
  }
}

interface Waiter {
  readonly resolve: (chunk: Uint8Array | null) => void;
  readonly reject: (error: Error) => void;
}

/** Bytes that somebody pushes. */
export class PushedSource implements ByteSource {
  /** Called when there is room again after `push` returned false. */
  onRoom: () => void = () => undefined;
  private readonly chunks: Uint8Array[] = [];
  private pending = 0;
  private isFull = false;
  private hasEnded = false;
  private failure: Error | undefined;
  private waiter: Waiter | undefined;

  constructor(
    readonly name: string,
    private readonly bytesMax = PUSHED_BYTES_MAX,
  ) {}

  /** Bytes that were pushed and not taken. */
  get pendingBytes(): number {
    return this.pending;
  }

  /** Adds a chunk, which must not be changed afterwards. False: push no more until `onRoom`. */
  push(chunk: Uint8Array): boolean {
    assert(!this.hasEnded, 'nothing is pushed after the end');
    // After a failure the sender may not know of it yet.
    if (chunk.length > 0 && this.failure === undefined) {
      if (this.waiter !== undefined) this.answer((waiter) => waiter.resolve(chunk));
      else {
        this.chunks.push(chunk);
        this.pending += chunk.length;
      }
    }
    this.isFull = this.pending >= this.bytesMax;
    return !this.isFull;
  }

  /** No more chunks come. */
  end(): void {
    this.hasEnded = true;
    this.answer((waiter) => waiter.resolve(null));
  }

  /** The sender is lost: the reader gets the error at once, whatever was pushed before. */
  fail(error: Error): void {
    this.failure ??= error;
    this.chunks.length = 0;
    this.pending = 0;
    this.answer((waiter) => waiter.reject(error));
  }

  private answer(action: (waiter: Waiter) => void): void {
    const { waiter } = this;
    this.waiter = undefined;
    if (waiter !== undefined) action(waiter);
  }

  next(): Uint8Array | null | Promise<Uint8Array | null> {
    assert(this.waiter === undefined, 'a source has one reader');
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const chunk = this.chunks.shift();
    if (chunk === undefined) {
      if (this.hasEnded) return null;
      return new Promise((resolve, reject) => (this.waiter = { resolve, reject }));
    }
    this.pending -= chunk.length;
    if (this.isFull && this.pending < this.bytesMax) {
      this.isFull = false;
      this.onRoom();
    }
    return chunk;
  }

  /** Everything that was pushed and not taken, in order; the source is empty afterwards. */
  takeRest(): Uint8Array {
    const rest = new Uint8Array(this.pending);
    let at = 0;
    for (const chunk of this.chunks.splice(0)) {
      rest.set(chunk, at);
      at += chunk.length;
    }
    this.pending = 0;
    this.isFull = false;
    return rest;
  }
}
