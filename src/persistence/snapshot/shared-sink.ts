// shared-sink: passes the chunks of one snapshot to the sinks of all consumers that share the cut.
//
// The walk goes at the pace of the slowest consumer: there is room when every sink has room. A consumer whose sink fails,
// or that leaves, gets its own result and the others go on; the snapshot itself fails with the last of them.
// A chunk is copied for every consumer but the last, whose sink takes the writer's buffer as if it were alone.
//
// Not here: the sharing of a cut (cuts), a single sink (snapshot-sink).

import { assert } from '../../base/assert.js';
import { RdbWriter } from '../rdb/writer.js';
import type { SnapshotResult } from './snapshot-run.js';
import type { SnapshotSink } from './snapshot-sink.js';

interface Part {
  readonly sink: SnapshotSink;
  readonly settle: (result: SnapshotResult) => void;
}

export class SharedSink implements SnapshotSink {
  onRoom = (): void => undefined;
  onError: (error: Error) => void = () => undefined;
  private readonly parts: Part[] = [];
  private copy: RdbWriter | undefined;

  /** Joins a consumer before the first chunk; `settle` hears its result, unless the owner takes the consumer out. */
  add(sink: SnapshotSink, settle: (result: SnapshotResult) => void): void {
    const part: Part = { sink, settle };
    this.parts.push(part);
    sink.onRoom = () => {
      if (this.room) this.onRoom();
    };
    sink.onError = (error) => {
      if (!this.takeOut(part)) return;
      // The snapshot ends first, so that nothing is under way any more when the last consumer is called.
      if (this.parts.length === 0) this.onError(error);
      part.settle({ error, bytes: 0, aborted: false });
      if (this.parts.length > 0 && this.room) this.onRoom();
    };
  }

  get consumers(): number {
    return this.parts.length;
  }

  private takeOut(part: Part): boolean {
    const at = this.parts.indexOf(part);
    if (at >= 0) this.parts.splice(at, 1);
    return at >= 0;
  }

  get room(): boolean {
    for (const { sink } of this.parts) if (!sink.room) return false;
    return true;
  }

  get pendingBytes(): number {
    let bytes = 0;
    for (const { sink } of this.parts) bytes += sink.pendingBytes;
    return bytes;
  }

  send(writer: RdbWriter): void {
    const { parts } = this;
    const last = parts.length - 1;
    for (let at = 0; at < last; at++) {
      const copy = (this.copy ??= new RdbWriter(writer.compression));
      copy.append(writer);
      parts[at]!.sink.send(copy);
      assert(copy.length === 0, 'a sink empties the writer that it is given');
    }
    if (last >= 0) parts[last]!.sink.send(writer);
    else writer.clear();
    assert(writer.length === 0, 'a sink empties the writer that it is given');
  }

  /** Calls back when the last consumer has its result. */
  finish(done: (error: Error | null, bytes: number) => void): void {
    for (const part of [...this.parts]) {
      part.sink.finish((error, bytes) => {
        if (!this.takeOut(part)) return;
        if (this.parts.length === 0) done(error, bytes);
        part.settle({ error, bytes, aborted: false });
      });
    }
  }

  /** Stops the sink of one consumer, which hears nothing more. Returns whether it was still taking part. */
  leave(sink: SnapshotSink): boolean {
    const part = this.parts.find((each) => each.sink === sink);
    if (part === undefined) return false;
    this.takeOut(part);
    sink.abort();
    if (this.parts.length > 0 && this.room) this.onRoom();
    return true;
  }

  abort(): void {
    for (const { sink } of this.parts) sink.abort();
  }

  /** Ends all that still take part with one result. */
  settleAll(result: SnapshotResult): void {
    for (const { settle } of this.parts.splice(0)) settle(result);
  }
}
