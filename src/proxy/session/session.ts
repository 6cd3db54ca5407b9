// session: a client's connection: requests are read, each is sent where it belongs, replies go back in order.
//
// The life of a request:
//   1. Bytes come in the read buffer that all connections share; an incomplete request is kept, and later bytes follow it.
//   2. RequestReader finds the arguments; the command's plan says what to do. Most requests go on as the bytes they came in,
//      appended to the output of a shared connection to a server.
//   3. When the turn of the event loop ends, each server and each client gets all of its bytes in one write.
// A session stops reading requests while too many of its replies are open or unsent, while the server that it needs is congested,
// and while one of its commands waits (BLPOP); its bytes then stay here, and reading pauses, so memory stays bounded. A request is
// small and its reply may be large, so requests under way are counted with the size that the last replies had.
//
// Not here: requests that are more than one frame to one server (dispatcher).

import { latin1Bytes } from '../../base/bytes.js';
import type { Wire, WireEvents } from '../../io/wire.js';
import { COMPLETE, INCOMPLETE, MALFORMED, type RequestReader, ResumePoint } from '../../protocol/request.js';
import type { Clock, Timer } from '../../io/clock.js';
import type { Call } from '../../registry/call.js';
import type { Pool } from '../pool/pool.js';
import { Output, type Turn } from '../wire/output.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { Asker } from '../routing/router.js';
import { ReplyOrder } from './reply-order.js';
import type { ProxyUser } from './users.js';

/**
 * With more replies open, further requests wait: for a client that has just come, and at most. Each reply allows one request more, so
 * that a client whose values are large is known before many of them are under way.
 */
const OPEN_REPLIES_FIRST = 128;
const OPEN_REPLIES_MAX = 2048;
/** With more unsent, or about to come by the size of the last replies, further requests wait. */
const UNSENT_BYTES_MAX = 1024 * 1024;
/** Shorter replies say nothing about those to come. */
const LARGE_REPLY_BYTES = 512;
/** Kept requests of a client that must wait: with more, reading pauses. */
const KEPT_BYTES_PAUSE = 256 * 1024;
const KEPT_BYTES_MIN = 4 * 1024;
const KEPT_BYTES_IDLE_MAX = 64 * 1024;
const STAR = 42;

/** A transaction as the session sees it. */
export interface OpenTransaction {
  readonly isMulti: boolean;
  /** A command was refused, so EXEC will be. */
  fail(): void;
}

/** The host that runs the session's requests; all sessions share reader and call. */
export interface SessionHost {
  readonly turn: Turn;
  readonly clock: Clock;
  readonly reader: RequestReader;
  readonly call: Call;
  nowMs(): number;
  /** Runs the request in `call`; it lies in its buffer from `start` to `end`, or `start` is -1 for a line of words. */
  execute(session: Session, start: number, end: number): void;
  sessionClosed(session: Session, error: Error | undefined): void;
}

export class Session implements WireEvents, ReplySink, Asker {
  readonly output: Output;
  readonly order: ReplyOrder;
  wire!: Wire;
  databaseIndex = 0;
  protocol: 2 | 3 = 2;
  isAuthenticated: boolean;
  user: ProxyUser | undefined;
  name = '';
  libraryName = '';
  libraryVersion = '';
  lastCommand = '';
  commandCount = 0;
  /** The pool's, when the last request ran. */
  generation: number;
  bytesIn = 0;
  lastActiveMs: number;
  readonly createdMs: number;
  /** How long a reply is thought to be: the longest of late. */
  private replyBytes = 0;
  private openRepliesMax = OPEN_REPLIES_FIRST;
  private partBytes = 0;
  /** Steady ms since when more is unread than the soft limit allows; 0 when it is not. */
  private overLimitSinceMs = 0;
  private limitTimer: Timer | undefined;
  /** CLIENT REPLY. */
  replyMode: 'on' | 'off' | 'skip' = 'on';
  transaction: OpenTransaction | undefined;
  subscriptionCount = 0;
  isReadOnly = false;
  /** QUIT: the connection closes after this reply. */
  closesSoon = false;
  /** A command waits: later ones may not overtake it. */
  isWaiting = false;
  /** Called when the client goes away while something of it is under way. */
  readonly cleanUps = new Set<() => void>();

  /** Whose door it came in by, and whose users it is one of; `pool` is another for a tenant. */
  readonly home: Pool;

  private kept: Uint8Array | undefined;
  private keptStart = 0;
  private keptEnd = 0;
  private neededBytes = 0;
  private resume: ResumePoint | null = null;
  /** The request that was just read may only run when all before it are answered. */
  private isDraining = false;
  private isRunning = false;
  private isPaused = false;
  private isCongested = false;
  /** Requests that no later one may overtake. */
  private holdCount = 0;
  private isScheduled = false;
  private closes = false;
  isClosed = false;
  /** The next request is one that was deferred, and what it waited for is done. */
  isPrepared = false;
  /** Why that failed. */
  preparationError = '';
  private hasEnded = false;

  constructor(
    readonly id: number,
    readonly lane: number,
    public pool: Pool,
    private readonly host: SessionHost,
  ) {
    this.home = pool;
    this.output = new Output(host.turn);
    this.order = new ReplyOrder(this.output);
    this.output.onUnsent = () => this.noteUnsent();
    this.isAuthenticated = !pool.needsAuth;
    this.generation = pool.generation;
    this.createdMs = this.lastActiveMs = host.clock.wallMs();
  }

  attachTo(wire: Wire): void {
    this.wire = wire;
    this.output.wire = wire;
  }

  get queryBytes(): number {
    return this.keptEnd - this.keptStart;
  }

  onData(bytes: Uint8Array, count: number): void {
    this.bytesIn += count;
    if (this.closes || this.isClosed) return;
    if (this.kept === undefined && !this.mustWait()) {
      const rest = this.run(bytes, 0, count);
      if (rest < count && !this.closes) this.keep(bytes, rest, count);
      return;
    }
    this.keep(bytes, 0, count);
    if (this.keptEnd - this.keptStart >= this.neededBytes) this.proceed();
    if (this.keptEnd - this.keptStart > Math.max(KEPT_BYTES_PAUSE, this.neededBytes) && this.mustWait()) this.pause();
  }

  /** @hot */
  private mustWait(): boolean {
    const { openCount } = this.order;
    return (
      this.isWaiting ||
      this.holdCount > 0 ||
      this.isCongested ||
      (this.isDraining && openCount > 0) ||
      openCount >= this.openRepliesMax ||
      this.unreadBytes + openCount * this.replyBytes > UNSENT_BYTES_MAX
    );
  }

  /** Replies that the client has not taken: those in the output, and those that wait for earlier ones. */
  get unreadBytes(): number {
    return this.order.heldBytes + this.output.bytes + this.wire.unsentBytes;
  }

  private pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.wire.pauseReading();
  }

  /** Runs what is kept as far as it is complete. */
  proceed(): void {
    if (this.isRunning || this.closes || this.isClosed) return;
    const { kept } = this;
    if (kept === undefined) {
      this.resumeReading();
      return;
    }
    if (this.mustWait() || this.keptEnd - this.keptStart < this.neededBytes) return;
    this.keptStart = this.run(kept, this.keptStart, this.keptEnd);
    if (this.keptStart < this.keptEnd || this.closes) {
      if (!this.mustWait()) this.resumeReading();
      return;
    }
    this.keptStart = 0;
    this.keptEnd = 0;
    this.kept = undefined;
    if (kept.length <= KEPT_BYTES_IDLE_MAX) this.spare = kept;
    this.resumeReading();
    if (this.hasEnded) this.closeAfterReplies();
  }

  private spare: Uint8Array | undefined;

  private resumeReading(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.wire.resumeReading();
  }

  /** As `proceed`, in another turn of the loop. */
  proceedSoon(): void {
    if (this.isScheduled || this.isClosed) return;
    this.isScheduled = true;
    this.host.clock.soon(this.proceedScheduled);
  }

  private readonly proceedScheduled = (): void => {
    this.isScheduled = false;
    this.proceed();
  };

  /** Requests wait until the server takes more. */
  waitForServer(): () => void {
    this.isCongested = true;
    return () => {
      this.isCongested = false;
      this.proceedSoon();
    };
  }

  /**
   * For a request that goes over another connection than those before it: true when these are answered, else the request is
   * run again when they are.
   */
  isDrained(): boolean {
    this.isDraining = this.order.openCount > 0;
    return !this.isDraining;
  }

  /** The request that was just read did not run. */
  get runsAgain(): boolean {
    return this.isDraining;
  }

  /** Later requests wait until `endWaiting`. */
  beginWaiting(): void {
    this.isWaiting = true;
  }

  endWaiting(): void {
    this.isWaiting = false;
    this.proceedSoon();
  }

  hold(): void {
    this.holdCount++;
  }

  letGo(): void {
    if (--this.holdCount === 0) this.proceedSoon();
  }

  /** The request that was just read is run again when `work` is done; with its error, if it fails. */
  deferUntil(work: Promise<void>): void {
    this.isDraining = true;
    this.hold();
    work.then(
      () => {
        this.isPrepared = true;
        this.letGo();
      },
      (error: unknown) => {
        this.isPrepared = true;
        this.preparationError = error instanceof Error ? error.message : String(error);
        this.letGo();
      },
    );
  }

  /** @hot */
  private run(bytes: Uint8Array, at: number, limit: number): number {
    const { host } = this;
    const { reader, call } = host;
    this.isRunning = true;
    this.isDraining = false;
    this.neededBytes = 0;
    this.lastActiveMs = host.nowMs();
    let position = at;
    while (position < limit) {
      const answer = reader.read(bytes, position, limit, call, this.resume, this.isAuthenticated);
      if (answer === INCOMPLETE) {
        this.neededBytes = reader.neededBytes;
        this.resume ??= new ResumePoint();
        break;
      }
      if (answer === MALFORMED) {
        this.answerError(reader.error);
        this.closeAfterReplies();
        break;
      }
      const start = position;
      position = reader.end;
      if (this.resume !== null) this.resume.clear();
      if (answer !== COMPLETE) continue;
      this.commandCount++;
      host.execute(this, bytes[start] === STAR ? start : -1, position);
      if (this.isDraining) {
        // It is read again then.
        position = start;
        this.commandCount--;
        break;
      }
      if (this.closes || this.isClosed || this.mustWait()) break;
    }
    this.isRunning = false;
    return position;
  }

  private keep(bytes: Uint8Array, from: number, to: number): void {
    const count = to - from;
    const length = this.keptEnd - this.keptStart;
    let { kept } = this;
    if (kept === undefined || this.keptEnd + count > kept.length) {
      const size = Math.max(KEPT_BYTES_MIN, length + count, Math.min(2 * length, length + 64 * 1024 * 1024));
      const target =
        kept === undefined && this.spare !== undefined && this.spare.length >= length + count
          ? this.spare
          : kept !== undefined && length + count <= kept.length && this.keptStart > kept.length / 2
            ? kept
            : new Uint8Array(Math.max(size, Math.min(this.neededBytes, 64 * 1024 * 1024)));
      if (kept !== undefined) {
        if (target === kept) kept.copyWithin(0, this.keptStart, this.keptEnd);
        else target.set(kept.subarray(this.keptStart, this.keptEnd));
      }
      this.spare = undefined;
      this.keptStart = 0;
      this.keptEnd = length;
      this.kept = kept = target;
    }
    kept.set(bytes.subarray(from, to), this.keptEnd);
    this.keptEnd += count;
  }

  // --- replies

  /** @hot */
  takeReply(tag: number, bytes: Uint8Array, from: number, to: number): void {
    if (this.isClosed) return;
    if ((this.isMuted || this.silent !== undefined) && this.isSilent(tag)) {
      this.order.put(tag, bytes, from, from);
      this.afterReply();
      return;
    }
    this.noteSize(to - from);
    this.order.put(tag, bytes, from, to);
    this.afterReply();
  }

  /** @hot */
  private noteSize(bytes: number): void {
    if (this.openRepliesMax < OPEN_REPLIES_MAX) this.openRepliesMax++;
    const { replyBytes } = this;
    if (bytes > replyBytes) {
      if (bytes > LARGE_REPLY_BYTES) this.replyBytes = bytes;
    } else if (replyBytes > 0) {
      // A sixteenth of the way, and to nothing when the difference is small.
      this.replyBytes = replyBytes <= LARGE_REPLY_BYTES ? 0 : Math.floor(replyBytes - (replyBytes - bytes) / 16);
    }
  }

  takePart(tag: number, bytes: Uint8Array, from: number, to: number, _isFirst: boolean, isLast: boolean): boolean {
    if (this.isClosed) return true;
    if (this.silent?.has(tag) === true) {
      if (isLast) this.takeReply(tag, bytes, to, to);
      return true;
    }
    const isTaken = this.order.putPart(tag, bytes, from, to, isLast);
    if (!isTaken) return false;
    this.partBytes += to - from;
    if (!isLast) {
      if (this.partBytes > this.replyBytes) this.replyBytes = this.partBytes;
      return true;
    }
    this.noteSize(this.partBytes);
    this.partBytes = 0;
    this.afterReply();
    return true;
  }

  takeFailure(tag: number, text: string): void {
    if (this.order.isPassing && tag === this.order.head) {
      // The client has the first half of a reply whose second half will never come.
      this.destroy();
      return;
    }
    this.pool.counters.forwardErrors++;
    // The text may be a server's.
    const bytes = latin1Bytes(`-${text.replace(/[\r\n]/g, ' ')}\r\n`);
    this.takeReply(tag, bytes, 0, bytes.length);
  }

  /** @hot */
  private afterReply(): void {
    if (this.order.openCount === 0) {
      if (this.closes) this.output.close();
    }
    if (this.kept !== undefined && !this.isRunning) this.proceedSoon();
  }

  /** A reply of the proxy's own, in its turn. */
  answer(bytes: Uint8Array): void {
    if (this.isMuted) return;
    const sequence = this.order.take();
    this.order.put(sequence, bytes, 0, bytes.length);
    if (this.closes && this.order.openCount === 0) this.output.close();
  }

  answerError(text: string): void {
    this.answer(latin1Bytes(`-${text}\r\n`));
  }

  finishMerge(sequence: number, reply: Uint8Array, isError: boolean): void {
    if (isError) this.pool.counters.forwardErrors++;
    this.takeReply(sequence, reply, 0, reply.length);
  }

  private isMuted = false;
  private mutedFrom = 0;
  /** Requests whose replies the client does not want. */
  private silent: Set<number> | undefined;

  /** Replies to what `run` begins go nowhere, those that come later too. */
  muted(run: () => void): void {
    this.isMuted = true;
    this.mutedFrom = this.order.next;
    run();
    this.isMuted = false;
    const { head, next } = this.order;
    for (let tag = Math.max(head, this.mutedFrom); tag < next; tag++) (this.silent ??= new Set()).add(tag);
  }

  private isSilent(tag: number): boolean {
    if (this.silent === undefined) return this.isMuted && tag >= this.mutedFrom;
    const isSilent = this.silent.delete(tag) || (this.isMuted && tag >= this.mutedFrom);
    if (this.silent.size === 0) this.silent = undefined;
    return isSilent;
  }

  /** A message that is no reply: goes out between replies. */
  push(bytes: Uint8Array, from: number, count: number): void {
    if (this.isClosed) return;
    this.output.append(bytes, from, count);
  }

  // --- the end

  /** The wire did not take everything: a client that reads too little is closed, by the limits of its class as in a server. */
  private noteUnsent(): void {
    const { hardBytes, softBytes, softSeconds } =
      this.subscriptionCount > 0 ? this.pool.subscriberLimit : this.pool.clientLimit;
    const unread = this.unreadBytes;
    if (hardBytes > 0 && unread > hardBytes) {
      this.closeUnread(unread);
      return;
    }
    if (softBytes === 0 || softSeconds === 0 || unread <= softBytes) {
      this.overLimitSinceMs = 0;
      return;
    }
    const nowMs = this.host.clock.steadyMs();
    if (this.overLimitSinceMs === 0) this.overLimitSinceMs = nowMs;
    const leftMs = this.overLimitSinceMs + softSeconds * 1000 - nowMs;
    if (leftMs <= 0) this.closeUnread(unread);
    // Nothing may come any more that would have it looked at again.
    else
      this.limitTimer ??= this.host.clock.after(leftMs, () => {
        this.limitTimer = undefined;
        if (!this.isClosed) this.noteUnsent();
      });
  }

  private closeUnread(unread: number): void {
    this.pool.log('warning', `client ${this.wire.remote} is closed: ${unread} bytes of replies are unread`);
    this.pool.counters.clientsOverLimit++;
    this.destroy();
  }

  onDrain(): void {
    this.overLimitSinceMs = 0;
    if (this.kept !== undefined || this.isPaused) this.proceedSoon();
  }

  onEnd(): void {
    this.hasEnded = true;
    if (this.isWaiting) {
      // As with Redis: nothing may be popped for a client that is gone.
      this.destroy();
      return;
    }
    // Requests that came before the end are answered.
    if (this.kept === undefined || !this.mustWait()) this.closeAfterReplies();
  }

  /** No more requests are read; the connection closes when the open replies are sent. */
  closeAfterReplies(): void {
    this.closes = true;
    if (this.order.openCount === 0) this.output.close();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.wire.destroy();
    this.onClose(undefined);
  }

  onClose(error: Error | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.closes = true;
    this.limitTimer?.cancel();
    this.output.wire = undefined;
    this.output.clear();
    this.order.clear();
    this.kept = undefined;
    this.spare = undefined;
    for (const cleanUp of this.cleanUps) cleanUp();
    this.cleanUps.clear();
    this.host.sessionClosed(this, error);
  }
}
