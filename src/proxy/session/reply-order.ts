// reply-order: replies go to the client in the order of its requests, though servers answer in any order.
//
// Each request takes the next number. The reply to the oldest open number goes straight to the output; one that comes early is
// copied to a side buffer, where it waits without an object of its own. The side buffer starts anew whenever nothing waits in it.

import { copyBytes } from '../../base/bytes.js';
import type { Output } from '../wire/output.js';

const SIDE_BYTES_MIN = 4096;
/** A side buffer that is larger is dropped when it is empty. */
const SIDE_BYTES_IDLE_MAX = 64 * 1024;
const OPEN = -1;
/** Columns that are longer are given up when no reply is open. */
const COLUMNS_IDLE_MAX = 1024;

export class ReplyOrder {
  private lengths = new Int32Array(16).fill(OPEN);
  private offsets = new Float64Array(16);
  private mask = 15;
  /** The oldest number without a reply in the output. */
  head = 0;
  /** The next request's number. */
  next = 0;
  private side: Uint8Array | undefined;
  private sideLength = 0;
  private heldCount = 0;
  /** Parts of the oldest reply are in the output. */
  isPassing = false;

  constructor(private readonly output: Output) {}

  get openCount(): number {
    return this.next - this.head;
  }

  /** Bytes that wait for earlier replies. */
  get heldBytes(): number {
    return this.sideLength;
  }

  /** A number for a request. @hot */
  take(): number {
    if (this.next - this.head > this.mask) this.grow();
    const sequence = this.next++;
    this.lengths[sequence & this.mask] = OPEN;
    return sequence;
  }

  /** The number that was taken last is not needed. */
  giveBack(sequence: number): void {
    if (sequence === this.next - 1) this.next--;
  }

  private grow(): void {
    this.resize((this.mask + 1) * 2);
  }

  /** No reply is wanted any more. */
  clear(): void {
    this.side = undefined;
    this.sideLength = 0;
  }

  /** @hot */
  private shrink(): void {
    if (this.mask >= COLUMNS_IDLE_MAX && this.head === this.next) this.resize(16);
  }

  private resize(size: number): void {
    const lengths = new Int32Array(size).fill(OPEN);
    const offsets = new Float64Array(size);
    for (let at = this.head; at < this.next; at++) {
      lengths[at & (size - 1)] = this.lengths[at & this.mask]!;
      offsets[at & (size - 1)] = this.offsets[at & this.mask]!;
    }
    this.lengths = lengths;
    this.offsets = offsets;
    this.mask = size - 1;
  }

  /** The reply to request `sequence`. @hot */
  put(sequence: number, bytes: Uint8Array, from: number, to: number): void {
    if (sequence === this.head) {
      this.output.append(bytes, from, to - from);
      this.head++;
      if (this.heldCount > 0) this.release();
      this.shrink();
      return;
    }
    this.hold(sequence, bytes, from, to - from);
  }

  private hold(sequence: number, bytes: Uint8Array, from: number, count: number): void {
    if (this.side === undefined || this.sideLength + count > this.side.length) {
      const grown = new Uint8Array(Math.max(SIDE_BYTES_MIN, this.sideLength * 2, this.sideLength + count));
      if (this.side !== undefined) grown.set(this.side.subarray(0, this.sideLength));
      this.side = grown;
    }
    copyBytes(this.side, this.sideLength, bytes, from, count);
    const place = sequence & this.mask;
    this.offsets[place] = this.sideLength;
    this.lengths[place] = count;
    this.sideLength += count;
    this.heldCount++;
  }

  private release(): void {
    const side = this.side!;
    while (this.heldCount > 0 && this.head < this.next) {
      const place = this.head & this.mask;
      const length = this.lengths[place]!;
      if (length === OPEN) return;
      this.output.append(side, this.offsets[place]!, length);
      this.head++;
      this.heldCount--;
    }
    if (this.heldCount > 0) return;
    this.sideLength = 0;
    if (side.length > SIDE_BYTES_IDLE_MAX) this.side = undefined;
  }

  /** Part of a reply; false unless it is the oldest request's turn. */
  putPart(sequence: number, bytes: Uint8Array, from: number, to: number, isLast: boolean): boolean {
    if (sequence !== this.head) return false;
    this.isPassing = !isLast;
    this.output.append(bytes, from, to - from);
    if (isLast) {
      this.head++;
      if (this.heldCount > 0) this.release();
    }
    return true;
  }
}
