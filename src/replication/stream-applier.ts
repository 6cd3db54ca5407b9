// stream-applier: the stream of a master: cuts it into commands and hands them on, one after the other.
//
// The applied stream is passed to replicas of this server byte for byte, up to the end of the last command that is complete.
// Within MULTI nothing counts as applied: after a cut the master sends the transaction again from its beginning.
//
// A stream is not a client: it gets no replies, a command that fails is logged and the stream goes on, and bytes that
// are no command end the link, because what follows them cannot be trusted.
//
// A stream can bring more at once than clients should wait for, so it is applied in slices, between which clients are
// served. Bytes that are not applied yet are kept; when they become many, the target stops reading.

import { type Clock, isSliceOver, type Timer } from '../io/clock.js';
import {
  COMPLETE,
  INCOMPLETE,
  MALFORMED,
  RequestReader,
  ResumePoint,
  type ArgumentPlaces,
} from '../protocol/request.js';

const KEEP_BYTES_MIN = 16 * 1024;
const REQUEST_BYTES_MAX = 1024 * 1024 * 1024;
const SLICE_MS = 4;
/** So many commands are run between two looks at the clock; the first look comes before the second command. */
const COMMANDS_PER_LOOK = 16;
const PENDING_BYTES_MAX = 1 << 20;
/** A buffer of this size stays when nothing is in it. */
const RESTING_BYTES_MAX = 1 << 20;

export interface StreamTarget {
  readonly clock: Clock;
  readonly places: ArgumentPlaces;
  /** The time may have moved: called before the first command of a slice, and now and then after it. */
  beginTurn(): void;
  /** Runs the command in `places`; returns whether a transaction is open after it. */
  apply(): boolean;
  /** These bytes are whole commands that have been applied. */
  applied(bytes: Uint8Array, from: number, to: number): void;
  /** Nothing may be applied now (a script is half done): `proceed` goes on. */
  readonly mustWait: boolean;
  /** A later slice was applied; with a reason, the stream cannot go on. */
  sliceApplied(refusal: string | undefined): void;
}

const NOTHING = new Uint8Array(0);

export class StreamApplier {
  private kept: Uint8Array = NOTHING;
  private start = 0;
  private end = 0;
  /** Up to here commands were run, but an open transaction keeps them from counting as applied. */
  private position = 0;
  private resume: ResumePoint | null = null;
  private neededBytes = 0;
  private readonly reader = new RequestReader();
  private nextSlice: Timer | undefined;
  private isRunning = false;
  /** How many streams have come to an end: a command of a stream may end it. */
  private ends = 0;

  constructor(private readonly target: StreamTarget) {}

  /** Bytes that came and were not applied. */
  get pendingBytes(): number {
    return this.end - this.start;
  }

  get memoryBytes(): number {
    return this.kept.length;
  }

  /** Another slice follows. */
  get hasSlices(): boolean {
    return this.nextSlice !== undefined;
  }

  /** Whether the target should stop reading. */
  get isFull(): boolean {
    return this.pendingBytes > PENDING_BYTES_MAX && (this.nextSlice !== undefined || this.target.mustWait);
  }

  /** Takes bytes, void after the call; returns why the stream cannot go on, if it cannot. */
  push(bytes: Uint8Array, count: number): string | undefined {
    this.keep(bytes, count);
    return this.nextSlice === undefined ? this.proceed() : undefined;
  }

  /** Applies a slice of the bytes that have come, and the rest later. */
  proceed(): string | undefined {
    return this.run(this.target.clock.steadyMs() + SLICE_MS);
  }

  /** Takes bytes as `push` does and applies all that can be at once; returns whether more could follow. */
  pushLast(bytes: Uint8Array, count: number): boolean {
    this.keep(bytes, count);
    if (this.isRunning || this.run(Infinity) !== undefined) return false;
    return !this.target.mustWait;
  }

  /** The stream has ended: applies what has come of it, and forgets what cannot be applied. */
  finish(): void {
    // Called by a command of the stream: what follows that command is left to the master, who has it still.
    this.run(Infinity);
    this.reset();
  }

  /** Gives memory back that a large command took. */
  rest(): void {
    if (this.end === 0 && this.kept.length > RESTING_BYTES_MAX && !this.isRunning) this.kept = NOTHING;
  }

  /** Forgets what was not applied: another stream begins, or this one anew. */
  reset(): void {
    this.nextSlice?.cancel();
    this.nextSlice = undefined;
    this.ends++;
    this.kept = NOTHING;
    this.start = 0;
    this.end = 0;
    this.position = 0;
    this.neededBytes = 0;
    this.resume = null;
  }

  private run(endMs: number): string | undefined {
    if (this.isRunning) return undefined;
    this.isRunning = true;
    try {
      return this.applyUntil(endMs);
    } finally {
      this.isRunning = false;
    }
  }

  private applyUntil(endMs: number): string | undefined {
    const { ends, reader, target } = this;
    let commands = 0;
    target.beginTurn();
    while (this.position < this.end && !target.mustWait) {
      if (this.end - this.position < this.neededBytes) break;
      if (commands++ % COMMANDS_PER_LOOK === 1) {
        if (isSliceOver(target.clock, endMs)) {
          this.goOnSoon();
          break;
        }
        target.beginTurn();
      }
      const answer = reader.read(this.kept, this.position, this.end, target.places, this.resume, true);
      if (answer === INCOMPLETE) {
        this.neededBytes = reader.neededBytes;
        this.resume ??= new ResumePoint();
        if (this.pendingBytes > REQUEST_BYTES_MAX) return 'a command of the master is larger than a gigabyte';
        break;
      }
      this.neededBytes = 0;
      this.resume?.clear();
      if (answer === MALFORMED) return `the master sent what is no command: ${reader.error}`;
      const { kept, start } = this;
      const end = reader.end;
      this.position = end;
      const isOpen = answer === COMPLETE && target.apply();
      if (ends !== this.ends) {
        // This command has ended its own stream. It was run, so the next stream goes on after it.
        if (!isOpen) target.applied(kept, start, end);
        return undefined;
      }
      if (isOpen) continue;
      target.applied(this.kept, this.start, this.position);
      this.start = this.position;
    }
    if (this.start === this.end) {
      this.start = 0;
      this.end = 0;
      this.position = 0;
    }
    return undefined;
  }

  private goOnSoon(): void {
    this.nextSlice ??= this.target.clock.soon(() => {
      this.nextSlice = undefined;
      this.target.sliceApplied(this.proceed());
    });
  }

  private keep(bytes: Uint8Array, count: number): void {
    const length = this.end - this.start;
    if (this.end + count > this.kept.length) {
      const wanted = Math.max(length + count, KEEP_BYTES_MIN);
      const target = wanted <= this.kept.length / 2 ? this.kept : new Uint8Array(wanted * 2);
      if (target === this.kept) this.kept.copyWithin(0, this.start, this.end);
      else target.set(this.kept.subarray(this.start, this.end));
      this.kept = target;
      this.position -= this.start;
      this.start = 0;
      this.end = length;
    }
    this.kept.set(bytes.subarray(0, count), this.end);
    this.end += count;
  }
}
