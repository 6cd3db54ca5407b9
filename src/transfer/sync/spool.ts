// spool: bytes that came and were not taken yet, in files, so that a slow target fills a disk and not the source's memory.
//
// Segments of SEGMENT_BYTES; one is removed once it was taken wholly.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { noteBytes } from '../garbage.js';

const SEGMENT_BYTES = 64 << 20;
const READ_BYTES = 256 * 1024;

interface Segment {
  readonly path: string;
  readonly descriptor: number;
  written: number;
  taken: number;
}

export class Spool {
  private readonly folder: string;
  private readonly segments: Segment[] = [];
  private number = 0;
  private waiter: (() => void) | undefined;
  private failure: Error | undefined;
  private isEnded = false;
  /** Bytes that wait. */
  pending = 0;

  constructor(parent: string) {
    this.folder = mkdtempSync(join(parent, 'kvasir-sync-'));
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    noteBytes(bytes.length);
    let last = this.segments[this.segments.length - 1];
    if (last === undefined || last.written >= SEGMENT_BYTES) {
      const path = join(this.folder, `${++this.number}`);
      last = { path, descriptor: openSync(path, 'w+', 0o600), written: 0, taken: 0 };
      this.segments.push(last);
    }
    for (let at = 0; at < bytes.length;)
      at += writeSync(last.descriptor, bytes, at, bytes.length - at, last.written + at);
    last.written += bytes.length;
    this.pending += bytes.length;
    this.wake();
  }

  /** The source is lost; the present data can still be taken. */
  fail(error: Error): void {
    this.failure ??= error;
    this.wake();
  }

  end(): void {
    this.isEnded = true;
    this.wake();
  }

  private wake(): void {
    const { waiter } = this;
    this.waiter = undefined;
    waiter?.();
  }

  get hasEnded(): boolean {
    return this.isEnded;
  }

  /** The next bytes; undefined at the end, or when none came within the time. */
  async take(waitMs = Infinity): Promise<Uint8Array | undefined> {
    for (let hasWaited = waitMs === 0; ; hasWaited = waitMs < Infinity) {
      const first = this.segments[0];
      if (first !== undefined && first.taken < first.written) {
        const chunk = new Uint8Array(Math.min(READ_BYTES, first.written - first.taken));
        const count = readSync(first.descriptor, chunk, 0, chunk.length, first.taken);
        noteBytes(count);
        first.taken += count;
        this.pending -= count;
        if (first.taken === first.written && (first.written >= SEGMENT_BYTES || this.segments.length > 1)) this.drop();
        return chunk.subarray(0, count);
      }
      if (first !== undefined && this.segments.length > 1) {
        this.drop();
        continue;
      }
      if (this.failure !== undefined) throw this.failure;
      if (this.isEnded || hasWaited) return undefined;
      await new Promise<void>((resolve) => {
        const timer = waitMs < Infinity ? setTimeout(resolve, waitMs) : undefined;
        this.waiter = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  private drop(): void {
    const { descriptor, path } = this.segments.shift()!;
    closeSync(descriptor);
    rmSync(path, { force: true });
  }

  close(): void {
    this.end();
    for (const { descriptor } of this.segments.splice(0)) closeSync(descriptor);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
