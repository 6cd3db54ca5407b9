// ring: one direction of the bytes between two threads: records in shared memory, with one writer and one reader.
//
// The writer's records count when it publishes its head, the reader's room when it publishes its tail; in between both work on
// numbers of their own, so that a batch costs one store. See layout for the bytes, handshake for who is woken when.

import { HEADER_BYTES, SKIP } from './layout.js';

/** Shorter payloads are copied by a loop: a call of `set` costs more. */
const SHORT_BYTES = 48;

function copy(target: Uint8Array, at: number, bytes: Uint8Array, from: number, length: number): void {
  if (length < SHORT_BYTES) for (let index = 0; index < length; index++) target[at + index] = bytes[from + index]!;
  else target.set(from === 0 && length === bytes.length ? bytes : bytes.subarray(from, from + length), at);
}

/** Bytes that a record takes. */
export function recordBytes(payloadBytes: number): number {
  return (HEADER_BYTES + payloadBytes + 7) & ~7;
}

export class RingWriter {
  private head = 0;
  private published = 0;
  /** As it was when it was looked at last. */
  private tail = 0;
  private readonly bytes: Uint8Array;
  private readonly ints: Int32Array;
  private readonly mask: number;

  constructor(
    buffer: SharedArrayBuffer,
    private readonly words: Int32Array,
    private readonly headAt: number,
    private readonly tailAt: number,
  ) {
    this.bytes = new Uint8Array(buffer);
    this.ints = new Int32Array(buffer);
    this.mask = buffer.byteLength - 1;
  }

  /** Adds a record with `bytes[from]` to `bytes[from + length - 1]`; false: there is no room. @hot */
  put(slot: number, kind: number, bytes: Uint8Array, from: number, length: number): boolean {
    const size = recordBytes(length);
    let at = this.head & this.mask;
    const rest = this.mask + 1 - at;
    const needed = size > rest ? rest + size : size;
    if (!this.hasRoom(needed)) return false;
    if (size > rest) {
      this.ints[at >> 2] = SKIP;
      at = 0;
    }
    this.ints[at >> 2] = length;
    this.ints[(at >> 2) + 1] = (slot << 4) | kind;
    copy(this.bytes, at + HEADER_BYTES, bytes, from, length);
    this.head = (this.head + needed) | 0;
    return true;
  }

  /** Whether there is room for a record with a payload so long. */
  fits(length: number): boolean {
    const size = recordBytes(length);
    const rest = this.mask + 1 - (this.head & this.mask);
    return this.hasRoom(size > rest ? rest + size : size);
  }

  private hasRoom(needed: number): boolean {
    if (((this.head - this.tail) | 0) + needed <= this.mask + 1) return true;
    this.tail = Atomics.load(this.words, this.tailAt);
    return ((this.head - this.tail) | 0) + needed <= this.mask + 1;
  }

  /** Bytes that are not published. */
  get pendingBytes(): number {
    return (this.head - this.published) | 0;
  }

  /** Lets the reader see all records; false: there was nothing new. */
  publish(): boolean {
    if (this.head === this.published) return false;
    this.published = this.head;
    Atomics.store(this.words, this.headAt, this.head);
    return true;
  }

  /** Whether the reader is done with everything. */
  get isTaken(): boolean {
    return Atomics.load(this.words, this.tailAt) === this.head;
  }

  private seen = 0;

  /** Whether the reader has come further since this was asked last. */
  hasMoved(): boolean {
    const tail = Atomics.load(this.words, this.tailAt);
    const moved = tail !== this.seen;
    this.seen = tail;
    return moved;
  }
}

export class RingReader {
  /** Of the record that `next` found: its payload is `bytes[start]` to `bytes[start + length - 1]`. */
  slot = 0;
  kind = 0;
  start = 0;
  length = 0;
  readonly bytes: Uint8Array;
  private readonly ints: Int32Array;
  private readonly mask: number;
  private tail = 0;
  private published = 0;
  private head = 0;
  /** How far records have been shown before they are read. */
  private shown = 0;

  constructor(
    buffer: SharedArrayBuffer,
    private readonly words: Int32Array,
    private readonly headAt: number,
    private readonly tailAt: number,
  ) {
    this.bytes = new Uint8Array(buffer);
    this.ints = new Int32Array(buffer);
    this.mask = buffer.byteLength - 1;
  }

  /** Whether the record at this place is still to be read. */
  isAhead(place: number): boolean {
    return (place - this.tail) >>> 0 < (this.head - this.tail) >>> 0;
  }

  /** Shows the published records that were not shown before, without reading them; `place` is what `isAhead` takes. */
  showMore(show: (slot: number, kind: number, start: number, length: number, place: number) => void): void {
    if (this.shown !== this.head && !this.isAhead(this.shown)) this.shown = this.tail;
    this.head = Atomics.load(this.words, this.headAt);
    while (this.shown !== this.head) {
      const place = this.shown;
      let at = place & this.mask;
      if (this.ints[at >> 2] === SKIP) {
        this.shown = (this.shown + this.mask + 1 - at) | 0;
        at = 0;
      }
      const length = this.ints[at >> 2]!;
      const what = this.ints[(at >> 2) + 1]!;
      this.shown = (this.shown + recordBytes(length)) | 0;
      show(what >> 4, what & 15, at + HEADER_BYTES, length, place);
    }
  }

  /** Goes to the next record; what the one before it had is the writer's once `publish` is called. @hot */
  next(): boolean {
    if (this.tail === this.head) {
      this.head = Atomics.load(this.words, this.headAt);
      if (this.tail === this.head) return false;
    }
    let at = this.tail & this.mask;
    if (this.ints[at >> 2] === SKIP) {
      this.tail = (this.tail + this.mask + 1 - at) | 0;
      at = 0;
    }
    const length = this.ints[at >> 2]!;
    const what = this.ints[(at >> 2) + 1]!;
    this.length = length;
    this.slot = what >> 4;
    this.kind = what & 15;
    this.start = at + HEADER_BYTES;
    this.tail = (this.tail + recordBytes(length)) | 0;
    return true;
  }

  /** Gives the room of everything that was read back to the writer; false: there was nothing new. */
  publish(): boolean {
    if ((this.shown - this.tail) >>> 0 > (this.head - this.tail) >>> 0) this.shown = this.tail;
    if (this.tail === this.published) return false;
    this.published = this.tail;
    Atomics.store(this.words, this.tailAt, this.tail);
    return true;
  }

  /** Whether the writer has published more. */
  get hasMore(): boolean {
    return Atomics.load(this.words, this.headAt) !== this.tail;
  }
}
