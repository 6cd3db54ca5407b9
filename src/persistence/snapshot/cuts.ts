// cuts: the queue of cuts in time, which any consumer of a snapshot joins: BGSAVE, the AOF rewrite, a full sync.
//
//   const cut = cuts.request({
//     name: 'full sync of 10.0.0.7:6379',
//     shareKey: 'full-sync',                  // waits together with others of this key, and takes part in one walk
//     makeSink: () => new ReplicaSink(link),  // the bytes go there
//     makeEncoder: (writer) => new RdbSnapshotEncoder(...),
//     compression: () => Compression.inline,
//     onStart: (offset) => ...,               // the cut was made; the stream of writes goes on from this offset
//     onEnd: (result) => ...,                 // all was taken, or an error, or the cut was aborted
//   });
//   cut.abort();                              // the consumer has gone
//
// The contract:
//
//   - Entries have one epoch bit, so there is one walk at a time. A request starts within `request` when nothing is in the
//     way: no other cut, no walk of one that was given up, no transaction. Else it waits, and `advance`, which the server's
//     tick calls, starts the first one that is ready. Requests are served in their order, `goesFirst` before the others.
//   - A request joins one with its `shareKey` that still waits. The first one's encoder and compression serve all of
//     them, so a key stands for one format. Once the cut is made nobody joins it any more: bytes have left already.
//   - In the turn of the cut `makeSink` is called first, where the consumer may prepare what belongs to the cut. If it
//     throws, this consumer gets the error in `onEnd` and takes no part. Then the cut is made, then `onStart` is called:
//     all writes before are in the snapshot, none after.
//   - `onEnd` is called once for every request that started or failed to start. By then the consumer's part is over, and a
//     request that `onEnd` makes waits for the next tick, so that a failure which repeats cannot hang the server.
//   - `abort` of a request that waits withdraws it, and `onEnd` is not called. `abort` of one that runs ends its part
//     with `aborted` set; the walk stops when the last consumer has left. The data set is intact in every case.
//
// Every cut holds the whole data set. The snapshot of one slot, which is over soon, is taken outside of the queue: `lend` is
// asked for the only walk, and `giveBack` ends it.
//
// Not here: the walk (snapshot, snapshot-run), the rules of BGSAVE and BGREWRITEAOF (persistence).

import { assert } from '../../base/assert.js';
import type { PersistenceHost } from '../host.js';
import type { RdbWriter } from '../rdb/writer.js';
import { SharedSink } from './shared-sink.js';
import type { SnapshotEncoder } from './snapshot.js';
import { SnapshotRun, type SnapshotResult } from './snapshot-run.js';
import type { SnapshotSink } from './snapshot-sink.js';

export interface CutRequest {
  /** The consumer, for the log. */
  readonly name: string;
  readonly makeSink: () => SnapshotSink;
  readonly makeEncoder: (writer: RdbWriter) => SnapshotEncoder;
  /** Asked at the cut: what the writer does with long strings (`Compression`). */
  readonly compression: () => number;
  /** Called in the turn of the cut, with the offset of the stream of writes. */
  readonly onStart?: (streamOffset: number) => void;
  readonly onEnd: (result: SnapshotResult) => void;
  /** Requests of one key that wait at the same time share a cut. */
  readonly shareKey?: string;
  /** BGSAVE and INFO count this cut as a save: they do so for every RDB, also for one that goes to a replica. */
  readonly isSave?: boolean;
  /** How long the walk pauses while clients are served (walk-pace); the same for all requests of a `shareKey`. */
  readonly pausePerSlice?: number;
  /** Starts before requests that came earlier. */
  readonly goesFirst?: boolean;
  /** Asked before a request that had to wait starts; false: it goes on waiting and the others pass it. */
  readonly isReady?: () => boolean;
}

export type CutState = 'waiting' | 'running' | 'over';

/** One consumer's part in a cut. */
export class Cut {
  state: CutState = 'waiting';
  /** Why the cut could not be made. */
  startFailure: Error | undefined;
  /** The walk, which other consumers may share: progress, memory. It stays after the end. */
  run: SnapshotRun | undefined;
  sink: SnapshotSink | undefined;

  constructor(
    private readonly cuts: Cuts,
    readonly request: CutRequest,
  ) {}

  abort(): void {
    if (this.state === 'waiting') this.cuts.withdraw(this);
    else if (this.state === 'running') this.cuts.leave(this);
  }

  /** The consumer's part is over. */
  settle(result: SnapshotResult): void {
    assert(this.state !== 'over', 'a cut ends once');
    this.state = 'over';
    this.request.onEnd(result);
  }
}

export class Cuts {
  private readonly waiting: Cut[] = [];
  private running: SnapshotRun | undefined;
  private runningSink: SharedSink | undefined;
  private runningIsSave = false;
  /** The last walk, which goes on for a while after its cut was given up. */
  private lastRun: SnapshotRun | undefined;
  /** Calls of consumers that are under way. */
  private depth = 0;

  constructor(private readonly host: PersistenceHost) {}

  /** The cut that is being walked or finished. */
  get current(): SnapshotRun | undefined {
    return this.running;
  }

  /** Whether an RDB is being written, for whomever. */
  get isSaving(): boolean {
    return this.running !== undefined && this.runningIsSave;
  }

  /** No cut is made: data is being loaded that belongs to none. */
  isHeld = false;

  /** Whether a cut can be made at this moment. */
  get isFree(): boolean {
    if (this.isHeld || this.isLent) return false;
    // In the middle of a transaction a snapshot would hold half of it.
    return (
      this.running === undefined &&
      !this.host.inTransaction &&
      (this.lastRun === undefined || this.lastRun.snapshot.isOver)
    );
  }

  private isLent = false;

  /** Lets somebody else walk, if a cut could be made now; requests wait until `giveBack`. */
  lend(): boolean {
    if (!this.isFree || this.depth > 0 || this.waiting.some(({ request }) => request.isReady?.() !== false))
      return false;
    this.isLent = true;
    return true;
  }

  giveBack(): void {
    assert(this.isLent, 'what is given back was lent');
    this.isLent = false;
  }

  /** Makes a cut now or as soon as it is possible. */
  request(request: CutRequest): Cut {
    const cut = new Cut(this, request);
    if (this.isFree && this.depth === 0) this.start([cut]);
    else if (request.goesFirst === true) this.waiting.unshift(cut);
    else this.waiting.push(cut);
    return cut;
  }

  /** Starts the first request that is ready, if a cut can be made. Returns whether there is one that is ready. */
  advance(): boolean {
    const first = this.waiting.find(({ request }) => request.isReady?.() !== false);
    if (first === undefined) return false;
    if (!this.isFree || this.depth > 0) return true;
    const { shareKey } = first.request;
    const sharers = this.waiting.filter(
      (cut) => cut === first || (shareKey !== undefined && cut.request.shareKey === shareKey),
    );
    for (const cut of sharers) this.remove(cut);
    this.start(sharers);
    return true;
  }

  /** Looks at the memory that the cut takes beside the data; one that takes more than `bytesMax` fails. */
  watchMemory(bytesMax: number): void {
    this.running?.watchMemory(bytesMax);
  }

  private start(cuts: readonly Cut[]): void {
    this.depth++;
    try {
      const shared = new SharedSink();
      const prepared = cuts.filter((cut) => this.prepare(cut, shared));
      if (prepared.length > 0) this.makeCut(prepared, shared);
    } finally {
      this.depth--;
    }
  }

  /** Makes the sink of a consumer; false when that failed. */
  private prepare(cut: Cut, shared: SharedSink): boolean {
    try {
      cut.sink = cut.request.makeSink();
    } catch (error) {
      cut.startFailure = error instanceof Error ? error : new Error(String(error));
      cut.settle({ error: cut.startFailure, bytes: 0, aborted: false });
      return false;
    }
    shared.add(cut.sink, (result) => this.settle(cut, result));
    return true;
  }

  private makeCut(cuts: readonly Cut[], shared: SharedSink): void {
    const { host } = this;
    const { makeEncoder, compression, pausePerSlice } = cuts[0]!.request;
    assert(host.keyspace.barrier === null, 'there is one walk at a time');
    const run = new SnapshotRun(
      host,
      makeEncoder,
      shared,
      compression(),
      (result) => this.ended(run, shared, result),
      pausePerSlice,
    );
    this.running = run;
    this.runningSink = shared;
    this.lastRun = run;
    this.runningIsSave = cuts.some(({ request }) => request.isSave === true);
    const offset = host.streamOffset();
    for (const cut of cuts) {
      cut.state = 'running';
      cut.run = run;
      cut.request.onStart?.(offset);
    }
    // A consumer may have aborted it at once.
    if (this.running === run) run.start();
  }

  private ended(run: SnapshotRun, shared: SharedSink, result: SnapshotResult): void {
    assert(this.running === run, 'the cut that ends is the one that runs');
    this.running = undefined;
    this.runningSink = undefined;
    this.depth++;
    try {
      shared.settleAll(result);
    } finally {
      this.depth--;
    }
  }

  private settle(cut: Cut, result: SnapshotResult): void {
    this.depth++;
    try {
      cut.settle(result);
    } finally {
      this.depth--;
    }
  }

  private remove(cut: Cut): void {
    const at = this.waiting.indexOf(cut);
    assert(at >= 0, 'a request that waits is in the queue');
    this.waiting.splice(at, 1);
  }

  /** Takes a request out of the queue for good. */
  withdraw(cut: Cut): void {
    this.remove(cut);
    cut.state = 'over';
  }

  /** Ends the part of a consumer, and the walk with the last one. */
  leave(cut: Cut): void {
    const shared = this.runningSink;
    assert(shared !== undefined && cut.run === this.running, 'a cut that runs is the current one');
    if (shared.consumers === 1) cut.run!.abort();
    else if (shared.leave(cut.sink!)) this.settle(cut, { error: null, bytes: 0, aborted: true });
  }
}
