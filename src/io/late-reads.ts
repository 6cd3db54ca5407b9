// late-reads: keeps what was read until the ends of connections are known that the system reports in the same breath.
//
// A client that waits for a key and has closed must get nothing that another client sends later. The system reports the
// sockets that are ready in an order of its own: one that was read just before stands first, whatever came when. So while
// clients wait, reads are copied here and delivered once all of the batch were seen; ends are told at once. The copy
// costs about 1% of the time that the requests take.

/** One whose reads are kept. */
export interface LateReader {
  /** `start` and `count` say which of the bytes; a count below zero is the code of an end. */
  takeLate(bytes: Uint8Array, start: number, count: number): void;
}

const KEPT_BYTES_MAX = 1024 * 1024;

let waiting = 0;
let kept: Uint8Array | undefined;
let keptBytes = 0;
let readers: LateReader[] = [];
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

/** Keeps a read, or the end of a connection whose reads are kept (`count` is its code, below zero). */
export function keepRead(reader: LateReader, bytes: Uint8Array, count: number): void {
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
      nowReaders[index]!.takeLate(kept!, nowStarts[index]!, nowCounts[index]!);
    } catch (error) {
      // As when it were delivered alone: the others are not concerned.
      setImmediate(() => {
        throw error;
      });
    }
  }
}
