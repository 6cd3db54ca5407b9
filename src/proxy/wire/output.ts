// output: bytes on their way to a peer, collected until the turn of the event loop ends and sent in one write.
//
// Buffers come from a pool and go back as soon as they are sent, so a connection without traffic holds none, and the pool has a
// bound, so memory goes back after a peak. Short outputs are copied to a staging buffer whose views are kept: making a view costs
// more than copying a reply.

import { copyBytes } from '../../base/bytes.js';
import type { Clock } from '../../io/clock.js';
import type { Wire } from '../../io/wire.js';

const BUFFER_BYTES = 16 * 1024;
const POOL_BUFFERS_MAX = 512;
const STAGED_BYTES_MAX = 2048;
/** Longer parts are not copied into buffers. */
const LONG_BYTES = BUFFER_BYTES;

const pool: Uint8Array[] = [];
let staging = new Uint8Array(STAGED_BYTES_MAX);
let stagedViews: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(STAGED_BYTES_MAX + 1).fill(undefined);

function takeBuffer(): Uint8Array {
  return pool.pop() ?? new Uint8Array(BUFFER_BYTES);
}

function giveBuffer(buffer: Uint8Array): void {
  if (buffer.length === BUFFER_BYTES && pool.length < POOL_BUFFERS_MAX) pool.push(buffer);
}

/** The outputs that have something to send when this turn of the loop is over. */
export class Turn {
  private dirty: Output[] = [];
  private flushing: Output[] = [];
  private isScheduled = false;
  private readonly run = (): void => this.flush();

  constructor(private readonly clock: Clock) {}

  /** @hot */
  add(output: Output): void {
    this.dirty.push(output);
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.clock.soon(this.run);
  }

  private flush(): void {
    this.isScheduled = false;
    const outputs = this.dirty;
    this.dirty = this.flushing;
    this.flushing = outputs;
    for (let index = 0; index < outputs.length; index++) outputs[index]!.flush();
    outputs.length = 0;
  }
}

export class Output {
  private buffer: Uint8Array | undefined;
  private length = 0;
  private readonly full: Uint8Array[] = [];
  private fullBytes = 0;
  private isDirty = false;
  /** Where the bytes go; until there is one they are collected. */
  wire: Wire | undefined;
  /** Bytes that were handed over, and how often. */
  bytesOut = 0;
  writes = 0;
  /** Hears when the wire did not take everything. */
  onUnsent: (() => void) | undefined;
  private closes = false;

  constructor(private readonly turn: Turn) {}

  /** Bytes that are collected, without what the wire has. */
  get bytes(): number {
    return this.fullBytes + this.length;
  }

  /** @hot */
  append(bytes: Uint8Array, from: number, count: number): void {
    if (!this.isDirty) {
      this.isDirty = true;
      this.turn.add(this);
    }
    const buffer = this.buffer;
    if (buffer !== undefined && this.length + count <= BUFFER_BYTES) {
      copyBytes(buffer, this.length, bytes, from, count);
      this.length += count;
      return;
    }
    this.appendElsewhere(bytes, from, count);
  }

  private appendElsewhere(bytes: Uint8Array, from: number, count: number): void {
    if (count > LONG_BYTES) {
      this.closeBuffer();
      this.full.push(bytes.slice(from, from + count));
      this.fullBytes += count;
      return;
    }
    this.closeBuffer();
    this.buffer = takeBuffer();
    copyBytes(this.buffer, 0, bytes, from, count);
    this.length = count;
  }

  private closeBuffer(): void {
    if (this.buffer === undefined) return;
    if (this.length > 0) {
      this.full.push(this.buffer.subarray(0, this.length));
      this.fullBytes += this.length;
    } else {
      giveBuffer(this.buffer);
    }
    this.buffer = undefined;
    this.length = 0;
  }

  /** Sends what is collected. @hot */
  flush(): void {
    this.isDirty = false;
    const { wire, length } = this;
    if (wire === undefined) return;
    if (this.fullBytes > 0) {
      this.flushParts(wire);
    } else if (length > 0) {
      const buffer = this.buffer!;
      this.length = 0;
      this.bytesOut += length;
      this.writes++;
      if (length <= STAGED_BYTES_MAX) {
        copyBytes(staging, 0, buffer, 0, length);
        this.buffer = undefined;
        giveBuffer(buffer);
        if (!wire.write((stagedViews[length] ??= staging.subarray(0, length)))) this.loseStaging();
      } else {
        this.buffer = undefined;
        if (wire.write(buffer.subarray(0, length))) giveBuffer(buffer);
        else this.onUnsent?.();
      }
    }
    if (this.closes) wire.end();
  }

  /** The staging buffer belongs to a wire that could not send it. */
  private loseStaging(): void {
    staging = new Uint8Array(STAGED_BYTES_MAX);
    stagedViews = new Array<Uint8Array | undefined>(STAGED_BYTES_MAX + 1).fill(undefined);
    this.onUnsent?.();
  }

  private flushParts(wire: Wire): void {
    this.closeBuffer();
    const parts = this.full.splice(0);
    this.bytesOut += this.fullBytes;
    this.writes++;
    this.fullBytes = 0;
    const isSent = wire.writeAll(parts);
    if (!isSent) {
      this.onUnsent?.();
      return;
    }
    for (const part of parts)
      if (part.buffer.byteLength === BUFFER_BYTES && part.byteOffset === 0) giveBuffer(new Uint8Array(part.buffer));
  }

  /** Ends the wire when everything is sent. */
  close(): void {
    this.closes = true;
    if (!this.isDirty) {
      this.isDirty = true;
      this.turn.add(this);
    }
  }

  /** Forgets what was collected. */
  clear(): void {
    this.full.length = 0;
    this.fullBytes = 0;
    this.length = 0;
    if (this.buffer !== undefined) giveBuffer(this.buffer);
    this.buffer = undefined;
  }
}
