// durable-offset: up to which offset of its master's stream a replica's AOF is on the disk: FACK in its acknowledgements.
//
// The AOF counts bytes of its own. At each acknowledgement the count is noted beside the offset; when so much is synced, so is the
// stream up to there. So the offset goes on under load too, when there is never a moment at which everything is synced.

/** Enough for acknowledgements that are asked for many times within one sync of the AOF. */
const MARKS_MAX = 256;

interface Mark {
  /** Bytes that the AOF had. */
  readonly bytes: number;
  offset: number;
}

export class DurableOffset {
  private marks: Mark[] = [];
  private reached = 0;

  /** The AOF has `bytes` so far, which contain the stream up to `offset`, and `syncedBytes` of them are on the disk (-1: not even the base). */
  update(bytes: number, offset: number, syncedBytes: number): number {
    const { marks } = this;
    const last = marks.at(-1);
    if (last !== undefined && last.bytes === bytes) last.offset = offset;
    else {
      // The last one gives way: what it said is true later as well.
      if (marks.length === MARKS_MAX) marks.pop();
      marks.push({ bytes, offset });
    }
    while (marks.length > 0 && marks[0]!.bytes <= syncedBytes) this.reached = marks.shift()!.offset;
    return this.reached;
  }

  /** Another history, or another file that does not have this one yet. */
  reset(): void {
    this.marks = [];
    this.reached = 0;
  }
}
