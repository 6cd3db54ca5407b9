// snapshot-run: one snapshot from its cut to the file in place: walks in slices between events and calls back when it
// is done.
//
// While clients are served a slice is short and followed by a pause (walk-pace); otherwise the walk goes on at once.
//
// Not here: the cut itself (snapshot), names of files and the meaning of a result (rdb/saver, aof/append-only), saving
// in one go (whole-save).

import type { Timer } from '../../io/clock.js';
import type { PersistenceHost } from '../host.js';
import { RdbWriter } from '../rdb/writer.js';
import { Snapshot, type SnapshotEncoder } from './snapshot.js';
import type { SnapshotSink } from './snapshot-sink.js';
import { WalkPace } from './walk-pace.js';

const CHUNK_BYTES = 256 * 1024;
const IDLE_SLICE_MS = 5;
const DAWDLE_MS_MAX = 60_000;
const DAWDLE_STEP_MS = 50;

export type SnapshotResult = { readonly error: Error | null; readonly bytes: number; readonly aborted: boolean };

export class SnapshotRun {
  readonly snapshot: Snapshot;
  readonly startedMs: number;
  /** The most memory that the snapshot was seen to take beside the data. */
  heldBytesMax = 0;
  private lastCommandCount: number;
  private readonly pace: WalkPace;
  private timer: Timer | undefined;
  private soon: Timer | undefined;
  private isOver = false;
  private hasResult = false;
  private wasAborted = false;

  constructor(
    private readonly host: PersistenceHost,
    makeEncoder: (writer: RdbWriter) => SnapshotEncoder,
    private readonly sink: SnapshotSink,
    compression: number,
    private readonly done: (result: SnapshotResult) => void,
    pausePerSlice?: number,
  ) {
    const writer = new RdbWriter(compression, CHUNK_BYTES);
    this.startedMs = host.clock.wallMs();
    this.lastCommandCount = host.commandCount;
    this.pace = new WalkPace(host.clock, pausePerSlice);
    this.snapshot = new Snapshot(host.keyspace, makeEncoder(writer), sink, writer);
    sink.onError = (error) => this.fail(error);
    sink.onRoom = () => {
      if (this.timer === undefined && this.soon === undefined && !this.isOver) this.goOn();
    };
  }

  /** Begins to walk between events. */
  start(): void {
    this.schedule(false);
  }

  private schedule(isBusy: boolean): void {
    if (isBusy) {
      this.pause(this.pace.restMs);
      return;
    }
    this.soon = this.host.clock.soon(() => {
      this.soon = undefined;
      this.goOn();
    });
  }

  private pause(milliseconds: number): void {
    this.timer = this.host.clock.after(
      milliseconds,
      () => {
        this.timer = undefined;
        const { restMs } = this.pace;
        if (restMs > 0) this.pause(restMs);
        else this.goOn();
      },
      true,
    );
  }

  private goOn(): void {
    const { host, snapshot } = this;
    const isBusy = host.commandCount !== this.lastCommandCount;
    this.lastCommandCount = host.commandCount;
    const delay = this.keyDelayMicros;
    const before = snapshot.entriesDone;
    const { clock } = host;
    const end = clock.steadyMs() + IDLE_SLICE_MS;
    this.pace.sliceBegins();
    snapshot.walk(() => delay > 0 || (isBusy ? this.pace.isSliceOver : clock.steadyMs() >= end));
    this.pace.sliceEnds();
    const entries = snapshot.entriesDone - before;
    if (delay > 0 && entries > 0 && !this.wasAborted) this.dawdle(entries, 0);
    else this.goOnAfterSlice(isBusy);
  }

  private get keyDelayMicros(): number {
    return Number(this.host.option('rdb-key-save-delay'));
  }

  /**
   * For tests, a snapshot can be made to take its time: microseconds a key, a batch of keys at once. The directive is
   * read again and again, because there is no child to kill that would end a long wait.
   */
  private dawdle(entries: number, waitedMs: number): void {
    const leftMs = Math.min(DAWDLE_MS_MAX, (entries * this.keyDelayMicros) / 1000) - waitedMs;
    if (leftMs <= 0) {
      this.goOn();
      return;
    }
    const stepMs = Math.min(leftMs, DAWDLE_STEP_MS);
    this.timer = this.host.clock.after(
      stepMs,
      () => {
        this.timer = undefined;
        this.dawdle(entries, waitedMs + stepMs);
      },
      true,
    );
  }

  private goOnAfterSlice(isBusy: boolean): void {
    const { snapshot } = this;
    if (snapshot.isOver) this.complete();
    else if (snapshot.canWalk) this.schedule(isBusy);
    // Else the sink calls onRoom.
  }

  private complete(): void {
    if (this.wasAborted || this.isOver) return;
    this.isOver = true;
    this.sink.finish((error, bytes) => {
      this.hasResult = true;
      this.done({ error, bytes, aborted: false });
    });
  }

  private fail(error: Error): void {
    if (this.isOver || this.wasAborted) return;
    this.giveUp();
    this.done({ error, bytes: 0, aborted: false });
  }

  /** Looks at the memory that the snapshot takes; with more than `bytesMax` it fails. To be called now and then. */
  watchMemory(bytesMax: number): void {
    const held = this.snapshot.heldBytes;
    this.heldBytesMax = Math.max(this.heldBytesMax, held);
    if (held <= bytesMax || this.isOver || this.wasAborted) return;
    this.sink.abort();
    const megabytes = (bytes: number): number => Math.ceil(bytes / 1048576);
    this.fail(
      new Error(
        `commands change the data faster than the disk takes the snapshot: ${megabytes(held)} MB wait to be written, ` +
          `snapshot-memory-limit allows ${megabytes(bytesMax)} MB`,
      ),
    );
  }

  /** Stops, also where only the file is to be finished, leaves no file, and calls `done`. */
  abort(): void {
    if (this.wasAborted || this.hasResult) return;
    this.giveUp();
    this.sink.abort();
    this.done({ error: null, bytes: 0, aborted: true });
  }

  /** The walk goes on without encoding, so that the entries' epochs are right again. */
  private giveUp(): void {
    this.wasAborted = true;
    this.snapshot.abort();
    // Nothing is waited for any more, neither the sink nor a delay.
    this.timer?.cancel();
    this.soon?.cancel();
    this.timer = undefined;
    this.soon = undefined;
    if (!this.snapshot.isOver) this.schedule(false);
  }
}
