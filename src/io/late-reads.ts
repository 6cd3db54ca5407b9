// late-reads: keeps what was read until the ends of connections are known that the system reports in the same breath.
//
// A client that waits for a key and has closed must get nothing that another client sends later. The system reports the
// sockets that are ready in an order of its own: one that was read just before stands first, whatever came when. So while
// clients wait, reads are copied here and delivered once all of the batch were seen; ends are told at once. The copy
// costs about 1% of the time that the requests take.

/** The connection whose reads are kept. */
export interface LateReader {
  /** It reports nothing any more. */
  readonly isGone: boolean;
  /** False while reading is paused. */
  readonly isReadingNow: boolean;
  /** `start` and `count` say which of the bytes, which are lost when this returns. */
  takeRead(bytes: Uint8Array, start: number, count: number): void;
  /** `code`: as it was given, below zero. */
  takeEnd(code: number): void;
}

const KEPT_BYTES_MAX = 1024 * 1024;

let waiting = 0;
let kept: Uint8Array | undefined;
let keptBytes = 0;
let readers: KeptReads[] = [];
let starts: number[] = [];
let counts: number[] = [];

/** More (or, below zero, fewer) clients wait for what others do. */
export function countWaiting(change: number): void {
  waiting += change;
}

/** Whether reads are to be kept. @hot */
export function keepsReads(): boolean {
  return waiting > 0;
}

/** The reads of one connection that are kept, and what came while reading was paused. */
export class KeptReads {
  /** Reads that are kept with those of the others. */
  private pending = 0;
  /** What waits until reading goes on: bytes, or the code of the end. */
  private held: (Uint8Array | number)[] | undefined;

  constructor(private readonly reader: LateReader) {}

  /** Whether a read may be delivered without overtaking another. */
  get isEmpty(): boolean {
    return this.pending === 0 && this.held === undefined;
  }

  /** Keeps a read, or the end of the connection (`count` is its code, below zero). */
  keep(bytes: Uint8Array, count: number): void {
    this.pending++;
    keepRead(this, bytes, count);
  }

  deliver(bytes: Uint8Array, start: number, count: number): void {
    this.pending--;
    const { reader } = this;
    if (reader.isGone) return;
    if (this.held !== undefined || !reader.isReadingNow)
      (this.held ??= []).push(count < 0 ? count : bytes.slice(start, start + count));
    else if (count < 0) reader.takeEnd(count);
    else reader.takeRead(bytes, start, count);
  }

  /** Reading goes on. */
  resume(): void {
    if (this.held !== undefined) setImmediate(() => this.takeHeld());
  }

  private takeHeld(): void {
    const { reader } = this;
    while (this.held !== undefined && reader.isReadingNow && !reader.isGone) {
      const part = this.held.shift();
      if (this.held.length === 0) this.held = undefined;
      if (typeof part === 'number') reader.takeEnd(part);
      else if (part !== undefined) reader.takeRead(part, 0, part.length);
    }
  }

  /** The connection is gone. */
  drop(): void {
    this.held = undefined;
  }
}

function keepRead(reader: KeptReads, bytes: Uint8Array, count: number): void {
  const size = Math.max(count, 0);
  let read = bytes.subarray(0, size);
  if (keptBytes + size > KEPT_BYTES_MAX) {
    // Whoever takes what was kept may use the buffer of this read.
    read = read.slice();
    deliverKept();
  }
  kept ??= new Uint8Array(KEPT_BYTES_MAX);
  if (readers.length === 0) setImmediate(deliverKept);
  kept.set(read, keptBytes);
  readers.push(reader);
  starts.push(keptBytes);
  counts.push(count);
  keptBytes += size;
}

function deliverKept(): void {
  const [nowReaders, nowStarts, nowCounts] = [readers, starts, counts];
  readers = [];
  starts = [];
  counts = [];
  keptBytes = 0;
  for (let index = 0; index < nowReaders.length; index++) {
    try {
      nowReaders[index]!.deliver(kept!, nowStarts[index]!, nowCounts[index]!);
    } catch (error) {
      // As when it were delivered alone: the others are not concerned.
      setImmediate(() => {
        throw error;
      });
    }
  }
}
