// connection: one client's socket: bytes in become requests, replies go out, slow readers are held back.
//
// The life of a request:
//   1. Bytes come in the shared read buffer. If a request is kept in part, they are appended to it.
//   2. Each complete request is run at once (`session.execute`); its reply goes into the shared writer.
//   3. When no complete request is left, all replies go out in one write; the rest of the bytes is kept.
// It stops early when the client is suspended (blocked, paused, a parked script), closes, or reads too slowly; then the
// rest waits in `kept`, and `proceed` goes on with it.
//
// A slow reader: many clients send a whole pipeline before they read its first reply, so reading must go on while replies
// wait. Up to `host.unsentBytesMax` its requests are run; further ones are kept, up to client-query-buffer-limit, until it
// has read. Only then is reading paused. So the memory of a client that never reads is bounded by these two, unless
// client-output-buffer-limit or maxmemory-clients close it before.
//
// The end of the peer is acted upon at once: a client that waits for a key or for messages must get none any more. Requests
// that came before the end are run all the same; their replies go out as far as they are not held.
//
// Not here: the meaning of requests (server), listening (listeners).

import { joinBytes } from '../../base/bytes.js';
import type { Clock } from '../../io/clock.js';
import { runUrgently } from '../../io/urgent.js';
import type { Wire, WireEvents } from '../../io/wire.js';
import {
  COMPLETE,
  INCOMPLETE,
  MALFORMED,
  type ArgumentPlaces,
  type RequestReader,
  ResumePoint,
} from '../../protocol/request.js';
import type { ReplyWriter } from '../../protocol/reply.js';

/** Replies are handed to the socket when there are so many of them, before the last request of the chunk has run. */
const FLUSH_BYTES = 1024 * 1024;
/** Others are served after so many bytes of kept requests. */
const SLICE_BYTES = 256 * 1024;
/** So many messages are sent at once, even before the turn ends. */
const MESSAGE_COUNT_MAX = 1024;
const LONG_ARGUMENT_BYTES = 32 * 1024;
const KEEP_BYTES_MIN = 16 * 1024;
const QUIET_SECONDS = 2;
/** A kept buffer that is larger is dropped when it is empty. */
const KEEP_BYTES_IDLE_MAX = 64 * 1024;

/**
 * A sum that is no small integer from its beginning: when one passes 2^31, V8 changes the shape of all connections and throws compiled
 * code away that serves them.
 */
const SUM_START = -0;

/** The server as a connection sees it; all connections share the reader, the writer and the places. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly reader: RequestReader;
  readonly writer: ReplyWriter;
  readonly places: ArgumentPlaces;
  /** `client-query-buffer-limit`. */
  readonly queryBytesMax: number;
  /** With more unsent, a client's requests wait. */
  readonly unsentBytesMax: number;
  /** Called before the first request of each chunk: the server looks at the clock. `bytes` is where the requests lie. */
  beginChunk(bytes: Uint8Array): void;
  /** Replies must wait until what they acknowledge is durable: see `holdReplies`. */
  readonly holdsReplies: boolean;
  /** The connection holds replies back; its `release` must be called at the end of the turn. */
  holdReplies(connection: Connection): void;
  /** Calls the connection's `sendMessages` when this turn of the loop is over. */
  sendMessagesSoon(connection: Connection): void;
}

/** The one who runs a connection's requests; the server's client state is one. */
export interface Session {
  readonly authenticated: boolean;
  protocol: 2 | 3;
  /** Runs the request in `host.places`, replying into `host.writer`. */
  execute(): void;
  /** Whether requests must wait: blocked, paused, suspended. */
  readonly suspended: boolean;
  /** Whether the client only waits for what others do: messages. */
  readonly listens: boolean;
  /** Bytes that clients get unasked are limited; called after each write with what is unsent. False: was closed. */
  checkOutput(unsentBytes: number): void;
  onClose(error: Error | undefined): void;
  /** The client sent bytes that are no request; it got the error `text` and is closed. */
  onProtocolError(text: string): void;
  /** More memory is taken for requests that are not complete. */
  onQueryGrown(): void;
  /** The client's requests passed client-query-buffer-limit. */
  onQueryLimit(): void;
}

export class Connection implements WireEvents {
  private kept: Uint8Array | undefined;
  private keptStart = 0;
  private keptEnd = 0;
  private resume: ResumePoint | null = null;
  /** No request can be complete before so many bytes are kept. */
  private neededBytes = 0;
  /** Where the argument begins that is waited for, from the request's first byte. */
  private partialStart = 0;
  private running = false;
  /** Too much is unsent: requests wait. */
  private held = false;
  private pausesReading = false;
  /** `proceed` will be called in another turn of the loop. */
  private isScheduled = false;
  /** The peer sends nothing more, but some of its requests have not run. */
  private ended = false;
  /** Replies can reach nobody any more. */
  private dropsReplies = false;
  private closing = false;
  closed = false;
  bytesIn = SUM_START;
  bytesOut = SUM_START;
  /** How often bytes came and were sent. */
  reads = 0;
  writes = 0;

  constructor(
    /** Another one when the socket moves to an I/O thread or back. */
    public wire: Wire,
    private readonly host: ConnectionHost,
    readonly session: Session,
  ) {}

  /** Bytes of requests that are kept because they are not complete or must wait. */
  get queryBytes(): number {
    return this.keptEnd - this.keptStart;
  }

  /** As `queryBytes`; of a long argument that is not all there, its own bytes alone, as Redis counts. */
  get shownQueryBytes(): number {
    const isLong = this.neededBytes - this.partialStart >= LONG_ARGUMENT_BYTES;
    return isLong ? Math.max(0, this.queryBytes - this.partialStart) : this.queryBytes;
  }

  get queryBufferBytes(): number {
    return (this.kept ?? this.spare)?.length ?? 0;
  }

  private bytesSeen = 0;
  private quietSeconds = 0;

  /** Called once a second: after two seconds without a byte, memory that is not needed is given back. */
  trimWhenQuiet(): void {
    this.quietSeconds = this.bytesIn === this.bytesSeen ? this.quietSeconds + 1 : 0;
    this.bytesSeen = this.bytesIn;
    if (this.quietSeconds < QUIET_SECONDS || this.running) return;
    this.spare = undefined;
    const { kept } = this;
    const length = this.keptEnd - this.keptStart;
    if (kept === undefined || kept.length <= Math.max(KEEP_BYTES_MIN, 2 * length)) return;
    this.kept = new Uint8Array(Math.max(KEEP_BYTES_MIN, length));
    this.kept.set(kept.subarray(this.keptStart, this.keptEnd));
    this.keptStart = 0;
    this.keptEnd = length;
  }

  /** No more requests are run; what is written is sent first. */
  closeAfterReply(): void {
    this.sendMessages();
    this.closing = true;
    if (!this.running && this.waiting.length === 0) this.wire.end();
  }

  /**
   * Closes at once. The session learns of it when the code that runs now is done, which may be serving it just then,
   * but before the requests of other clients: a client that waits for a key or for messages gets none any more.
   */
  destroy(): void {
    if (this.closed) return;
    this.closing = true;
    this.wire.destroy();
    runUrgently(() => this.endNow(undefined));
  }

  /** As destroy, and the session learns of it now. */
  abandon(): void {
    this.closing = true;
    this.wire.destroy();
    this.endNow(undefined);
  }

  get isClosing(): boolean {
    return this.closing;
  }

  onData(bytes: Uint8Array, count: number): void {
    this.bytesIn += count;
    this.reads++;
    if (this.closing) return;
    if (this.kept === undefined && !this.session.suspended && !this.held) {
      const rest = this.runRequests(bytes, 0, count);
      if (rest < count && !this.closing) this.keep(bytes, rest, count);
      return;
    }
    this.keep(bytes, 0, count);
    if (this.queryBytes > this.host.queryBytesMax) {
      this.passQueryLimit();
      return;
    }
    if (!this.isScheduled) this.proceed();
  }

  private passQueryLimit(): void {
    if (this.held || this.isScheduled) {
      // These are requests that we did not get to, not one that is too large: the client must wait.
      this.pausesReading = true;
      this.wire.pauseReading();
      return;
    }
    this.session.onQueryLimit();
    this.destroy();
  }

  /** Runs what is kept, as far as it is complete; called when a suspended client may go on. */
  proceed(): void {
    if (this.running || this.closing || this.kept === undefined || this.session.suspended || this.held) return;
    if (this.queryBytes < this.neededBytes) return;
    const kept = this.kept;
    this.keptStart = this.runRequests(kept, this.keptStart, this.keptEnd);
    if (this.keptStart < this.keptEnd || this.closing) return;
    this.keptStart = 0;
    this.keptEnd = 0;
    this.kept = undefined;
    if (kept.length <= KEEP_BYTES_IDLE_MAX) this.spare = kept;
  }

  private resumeReading(): void {
    if (!this.pausesReading || this.held) return;
    if (this.isScheduled && this.queryBytes > this.host.queryBytesMax / 2) return;
    this.pausesReading = false;
    this.wire.resumeReading();
  }

  private proceedSoon(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.host.clock.soon(() => {
      this.isScheduled = false;
      this.proceed();
      this.resumeReading();
      if (this.ended) this.finish();
    });
  }

  /** An empty buffer from the last time something was kept. */
  private spare: Uint8Array | undefined;

  /** Runs the complete requests from `at` on; returns where the rest begins. */
  private runRequests(bytes: Uint8Array, at: number, limit: number): number {
    const { reader, writer, places } = this.host;
    const { session } = this;
    this.host.beginChunk(bytes);
    this.running = true;
    this.neededBytes = 0;
    writer.protocol = session.protocol;
    let position = at;
    const stop = Math.min(limit, at + SLICE_BYTES);
    while (position < stop) {
      const answer = reader.read(bytes, position, limit, places, this.resume, session.authenticated);
      if (answer === INCOMPLETE) {
        this.neededBytes = reader.neededBytes;
        this.partialStart = reader.partialStart;
        this.resume ??= new ResumePoint();
        break;
      }
      if (answer === MALFORMED) {
        writer.error(reader.error);
        session.onProtocolError(reader.error);
        this.closing = true;
        break;
      }
      position = reader.end;
      if (this.resume !== null) this.resume.clear();
      if (answer === COMPLETE) {
        session.execute();
        if (this.closing || session.suspended) break;
        if (writer.fullBytes > FLUSH_BYTES) {
          this.flush();
          if (this.held || this.closing) break;
        }
      }
    }
    this.running = false;
    this.flush();
    if (this.closing) {
      if (this.waiting.length === 0) this.endAfterReply();
    } else if (position >= stop && position < limit && !session.suspended) {
      this.proceedSoon();
    }
    return position;
  }

  /** Sends what the shared writer holds; it is this client's. @hot */
  flush(): void {
    const { writer } = this.host;
    if (writer.length === 0 && writer.fullBytes === 0) return;
    if (this.messages.length > 0) this.sendMessages();
    this.bytesOut += writer.pendingBytes;
    this.writes++;
    if (this.closed || this.dropsReplies) {
      writer.clear();
      return;
    }
    if (this.host.holdsReplies || this.waiting.length > 0) {
      this.hold(writer.takeBytes());
      return;
    }
    const isSent = writer.fullBytes === 0 ? this.wire.write(writer.written) : this.wire.writeAll(writer.takeParts());
    if (isSent) {
      writer.reuse();
      return;
    }
    writer.giveAway();
    this.noteUnsent();
  }

  /** Sends bytes that the client did not ask for now: messages, replies after blocking. They must not change later. */
  send(bytes: Uint8Array): void {
    if (this.closed || this.dropsReplies) return;
    if (this.messages.length > 0) this.sendMessages();
    this.bytesOut += bytes.length;
    this.writes++;
    if (this.host.holdsReplies || this.waiting.length > 0) this.hold(bytes);
    else if (!this.wire.write(bytes)) this.noteUnsent();
  }

  /** Messages that wait for the end of the turn, so that many of them go out in one write. */
  private messages: Uint8Array[] = [];

  /** As `send`, together with what else comes in this turn of the loop. */
  sendSoon(bytes: Uint8Array): void {
    if (this.closed) return;
    this.messages.push(bytes);
    if (this.messages.length === 1) this.host.sendMessagesSoon(this);
    else if (this.messages.length >= MESSAGE_COUNT_MAX) this.sendMessages();
  }

  sendMessages(): void {
    const parts = this.messages;
    if (parts.length === 0) return;
    this.messages = [];
    this.send(parts.length === 1 ? parts[0]! : joinBytes(parts));
  }

  /** The work that waits for the end of the turn. */
  private waiting: Uint8Array[] = [];

  private hold(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    if (this.waiting.length === 1) this.host.holdReplies(this);
  }

  /** The end of the turn: sends what waited, or, if that must not be believed, ends the connection. */
  release(isDurable: boolean): void {
    const parts = this.waiting;
    this.waiting = [];
    if (this.closed) return;
    if (!isDurable) {
      this.destroy();
      return;
    }
    if (!this.wire.writeAll(parts)) this.noteUnsent();
    if (this.closing) this.endAfterReply();
  }

  /**
   * The last reply is on its way. A peer that has seen it finds the client gone, though the socket may belong to a
   * thread that has still to say that it is closed.
   */
  private endAfterReply(): void {
    this.wire.end();
    if (this.wire.unsentBytes === 0) this.endNow(undefined);
  }

  private noteUnsent(): void {
    const unsent = this.wire.unsentBytes;
    this.session.checkOutput(unsent);
    if (unsent <= this.host.unsentBytesMax || this.closing) return;
    // A peer that has finished sending may read or not: its requests run, what it does not take is lost.
    if (this.ended) this.dropsReplies = true;
    else this.held = true;
  }

  /**
   * Called when everything that was written is sent, and when the connection has ended: for code that sends without a
   * request.
   */
  whenDrained: (() => void) | undefined;
  whenClosed: (() => void) | undefined;

  onDrain(): void {
    this.whenDrained?.();
    if (!this.held) return;
    this.held = false;
    this.proceed();
    this.resumeReading();
  }

  onEnd(): void {
    if (this.closed || this.closing) return;
    if (this.held || this.isScheduled) this.runRest();
    else this.finish();
  }

  /** Runs the requests that are kept because there was no time for them, or no room for their replies. */
  private runRest(): void {
    this.ended = true;
    this.held = false;
    this.proceedSoon();
  }

  /** The peer has ended and no request of it can run any more. */
  private finish(): void {
    if (this.closed || this.isScheduled) return;
    const { session } = this;
    if (this.waiting.length === 0 && this.wire.unsentBytes === 0) {
      this.endNow(undefined);
      this.wire.end();
    } else if (this.dropsReplies || session.suspended || session.listens) {
      this.abandon();
    } else {
      this.closing = true;
      if (this.waiting.length === 0) this.wire.end();
    }
  }

  onClose(error: Error | undefined): void {
    if (!this.closing && (this.held || this.isScheduled)) {
      // The requests came before the end: they run, but for nobody.
      this.dropsReplies = true;
      this.runRest();
    } else {
      this.endNow(error);
    }
  }

  private endNow(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.closing = true;
    this.kept = undefined;
    this.spare = undefined;
    this.session.onClose(error);
    this.whenClosed?.();
  }

  /** Appends bytes to those that are kept already. */
  private keep(bytes: Uint8Array, from: number, to: number): void {
    const added = to - from;
    const length = this.keptEnd - this.keptStart;
    let kept = this.kept ?? this.spare;
    const bufferBytes = kept?.length ?? 0;
    this.spare = undefined;
    if (kept === undefined || this.keptEnd + added > kept.length) {
      const wanted = Math.max(
        length + added,
        Math.min(this.neededBytes, length + added + 64 * 1024 * 1024),
        KEEP_BYTES_MIN,
      );
      const target: Uint8Array =
        kept !== undefined && wanted <= kept.length ? kept : new Uint8Array(wanted > length * 2 ? wanted : length * 2);
      if (kept !== undefined) {
        if (target === kept) kept.copyWithin(0, this.keptStart, this.keptEnd);
        else target.set(kept.subarray(this.keptStart, this.keptEnd));
      }
      kept = target;
      this.keptStart = 0;
      this.keptEnd = length;
    }
    if (added < 64) for (let index = 0; index < added; index++) kept[this.keptEnd + index] = bytes[from + index]!;
    else kept.set(bytes.subarray(from, to), this.keptEnd);
    this.keptEnd += added;
    this.kept = kept;
    if (kept.length > bufferBytes && kept.length > KEEP_BYTES_MIN) this.session.onQueryGrown();
  }
}
