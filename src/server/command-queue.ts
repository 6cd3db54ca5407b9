// command-queue: commands that wait for EXEC, as bytes outside the JavaScript heap.
//
// A client may queue millions of commands; as objects they would fill the heap and end the process. So each is a record in
// a segment, a plain buffer, and the heap holds one object for each segment. Records are only added and then read in order.
//
//   record: number of the command, flags, count of arguments (4 bytes each), length of each argument (4 bytes), arguments
//
// A queued GET costs 24 bytes and its arguments. Segments double from 256 bytes to 256 KB; a longer record has its own.

import type { Command } from '../registry/command.js';
import type { ServerCall } from './call.js';

const SEGMENT_BYTES_MIN = 256;
const SEGMENT_BYTES_MAX = 256 * 1024;
const HEADER_BYTES = 12;

interface Segment {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export class CommandQueue {
  count = 0;
  /** Bytes of all records. */
  bytes = 0;
  /** Bytes of all segments: what the queue takes. */
  segmentBytes = 0;
  /** Flags that at least one of the commands has. */
  flags = 0;
  /** Flags that all of the commands have. */
  commonFlags = -1;
  private readonly segments: Segment[] = [];
  /** End of the last segment's records. */
  private end = 0;
  private readonly own: QueueReader;

  /** `commands` finds a command by its number; the queue adds those that it meets. */
  constructor(private readonly commands: (Command<ServerCall> | undefined)[]) {
    this.own = this.reader();
  }

  /** Adds the present call. */
  push(call: ServerCall, command: Command<ServerCall>, flags: number): void {
    let length = HEADER_BYTES + 4 * call.count;
    for (let index = 0; index < call.count; index++) length += call.lengths[index]!;
    const { bytes, view } = this.segmentFor(length);
    this.commands[command.id] = command;
    let at = this.end;
    view.setUint32(at, command.id);
    view.setUint32(at + 4, flags);
    view.setUint32(at + 8, call.count);
    at += HEADER_BYTES;
    for (let index = 0; index < call.count; index++, at += 4) view.setUint32(at, call.lengths[index]!);
    for (let index = 0; index < call.count; index++) {
      const start = call.starts[index]!;
      bytes.set(call.bytes.subarray(start, start + call.lengths[index]!), at);
      at += call.lengths[index]!;
    }
    this.end = at;
    this.count++;
    this.bytes += length;
    this.flags |= flags;
    this.commonFlags &= flags;
  }

  private segmentFor(length: number): Segment {
    const last = this.segments.at(-1);
    if (last !== undefined && last.bytes.length - this.end >= length) return last;
    const size = Math.max(length, Math.min(SEGMENT_BYTES_MAX, Math.max(SEGMENT_BYTES_MIN, this.segmentBytes)));
    const bytes = new Uint8Array(size);
    const segment = { bytes, view: new DataView(bytes.buffer) };
    this.segments.push(segment);
    this.segmentBytes += size;
    this.end = 0;
    return segment;
  }

  get hasNext(): boolean {
    return this.own.hasNext;
  }

  /** Puts the next command's arguments into the call; they stay valid as long as the queue. */
  next(call: ServerCall): Command<ServerCall> {
    return this.own.next(call);
  }

  /** Reads the commands without taking them. */
  reader(): QueueReader {
    return new QueueReader(this, this.segments, this.commands);
  }
}

/** A place in a queue. */
export class QueueReader {
  private readSegment = 0;
  private readAt = 0;
  private readCount = 0;

  constructor(
    private readonly queue: { readonly count: number },
    private readonly segments: readonly Segment[],
    private readonly commands: readonly (Command<ServerCall> | undefined)[],
  ) {}

  get hasNext(): boolean {
    return this.readCount < this.queue.count;
  }

  next(call: ServerCall): Command<ServerCall> {
    let { bytes, view } = this.segments[this.readSegment]!;
    // A zero follows the last record of a segment, and every record has an argument.
    if (this.readAt + HEADER_BYTES > bytes.length || view.getUint32(this.readAt + 8) === 0) {
      ({ bytes, view } = this.segments[++this.readSegment]!);
      this.readAt = 0;
    }
    let at = this.readAt;
    const command = this.commands[view.getUint32(at)]!;
    const count = view.getUint32(at + 8);
    at += HEADER_BYTES;
    call.reserve(count);
    let start = at + 4 * count;
    for (let index = 0; index < count; index++, at += 4) {
      const length = view.getUint32(at);
      call.starts[index] = start;
      call.lengths[index] = length;
      start += length;
    }
    call.bytes = bytes;
    call.count = count;
    this.readAt = start;
    this.readCount++;
    return command;
  }
}
