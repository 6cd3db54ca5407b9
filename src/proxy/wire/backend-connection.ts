// backend-connection: one connection to a server, shared by all clients: requests go out in the order in which they come in, and
// replies are handed back in that order.
//
// The ring of who waits holds three columns (who, tag, time) and makes no object per request. Bytes are copied once on each way:
// from the client's read buffer to this output, and from this read buffer to the client's output.
//
// A reply that is longer than PART_BYTES and not all there is passed on in parts when it is its client's turn, so that a value of
// hundreds of megabytes does not lie here; otherwise it is collected.
//
// Not here: which connection a request takes (backend), what becomes of a server that fails (server-health).

import type { Clock, Timer } from '../../io/clock.js';
import type { ConnectEvents } from '../../io/network.js';
import type { Wire } from '../../io/wire.js';
import { errorCode, systemErrorText } from '../../base/system-error.js';
import { encodeCommand } from '../../client/encode-command.js';
import { latin1 } from '../../base/bytes.js';
import { INCOMPLETE, MALFORMED } from '../../protocol/request.js';
import { Output, type Turn } from './output.js';
import { ReplyScanner } from './reply-scanner.js';
import type { ReplySink } from './reply-sink.js';

const PART_BYTES = 64 * 1024;
/** With more requests or bytes on their way, further clients wait. */
const WAITING_MAX = 64 * 1024;
const UNSENT_BYTES_MAX = 4 * 1024 * 1024;
const FIRST_PARTIAL_BYTES = 16 * 1024;
/** A reply that cannot be passed on in parts is kept up to this; a server that sends more is out of order. */
const PARTIAL_BYTES_MAX = 1024 * 1024 * 1024;
/** Rings that are longer are given up when nobody waits. */
const RING_IDLE_MAX = 1024;
/** The reason of an end that the proxy itself wants. */
export const QUIET_END = 'ERR closed by the proxy';
const PUSH = 62;
const ERROR = 45;

/** Counters that statistics show, kept per server. */
export interface BackendCounters {
  requests: number;
  requestBytes: number;
  responses: number;
  responseBytes: number;
}

export interface BackendConnectionHost {
  readonly turn: Turn;
  readonly clock: Clock;
  readonly counters: BackendCounters;
  /** Milliseconds that a request may take, 0 for ever. */
  readonly timeoutMs: number;
  /** The server's protocol after the handshake. */
  readonly protocol: 2 | 3;
  /** Begins to connect. */
  connect(events: ConnectEvents): Wire;
  /** The first commands: AUTH, SELECT, HELLO. An error to one of the first `required` of them ends the connection. */
  handshake(): { readonly commands: readonly (readonly string[])[]; readonly required: number };
  opened(connection: BackendConnection): void;
  /** The connection ended, in whatever way. `code` is the system's, '' for an end of the stream. */
  closed(connection: BackendConnection, code: string, wasOpen: boolean): void;
  /** A reply came; `error` is its text when it is an error. */
  replied(isError: boolean, error: string): void;
  /** A handshake command was answered with an error. */
  handshakeFailed(words: readonly string[], error: string): void;
  /** Clients that waited may go on. */
  drained(): void;
  /** Bytes came that no request waits for, or a push message. */
  pushed?(bytes: Uint8Array, from: number, to: number): void;
}

export class BackendConnection implements ConnectEvents {
  readonly output: Output;
  private readonly wire: Wire;
  private readonly scanner: ReplyScanner;
  private owners: (ReplySink | undefined)[] = new Array<ReplySink | undefined>(16).fill(undefined);
  private tags = new Float64Array(16);
  private startsMs = new Float64Array(16);
  private mask = 15;
  private head = 0;
  private tail = 0;
  private partial: Uint8Array | undefined;
  private partialLength = 0;
  /** The head's reply is being passed on in parts. */
  private isPassing = false;
  isOpen = false;
  isClosed = false;
  private handshakeLeft = 0;
  private handshakeIndex = 0;
  private handshakeRequired = 0;
  private handshakeCommands: readonly (readonly string[])[] = [];
  private timer: Timer | undefined;
  private wasCongested = false;

  constructor(private readonly host: BackendConnectionHost) {
    this.output = new Output(host.turn);
    this.scanner = new ReplyScanner(host.protocol);
    this.wire = host.connect(this);
    if (host.timeoutMs > 0) this.watch(host.timeoutMs);
  }

  /** Requests without a reply. */
  get waitingCount(): number {
    return this.tail - this.head;
  }

  get isCongested(): boolean {
    if (this.tail - this.head < WAITING_MAX && this.output.bytes + this.wire.unsentBytes < UNSENT_BYTES_MAX)
      return false;
    this.wasCongested = true;
    return true;
  }

  get remote(): string {
    return this.wire.remote;
  }

  /** Sends a request of `count` bytes; its reply goes to `owner` with `tag`. @hot */
  send(owner: ReplySink, tag: number, bytes: Uint8Array, from: number, count: number): void {
    this.expect(owner, tag);
    this.output.append(bytes, from, count);
    const { counters } = this.host;
    counters.requests++;
    counters.requestBytes += count;
  }

  /** The next request is appended to `output` by the caller. @hot */
  expect(owner: ReplySink, tag: number): void {
    if (this.tail - this.head > this.mask) this.grow();
    const place = this.tail++ & this.mask;
    this.owners[place] = owner;
    this.tags[place] = tag;
    this.startsMs[place] = this.host.timeoutMs > 0 ? this.host.clock.steadyMs() : 0;
  }

  private grow(): void {
    this.resize((this.mask + 1) * 2);
  }

  private resize(size: number): void {
    const owners = new Array<ReplySink | undefined>(size).fill(undefined);
    const tags = new Float64Array(size);
    const startsMs = new Float64Array(size);
    for (let at = this.head; at < this.tail; at++) {
      owners[at & (size - 1)] = this.owners[at & this.mask];
      tags[at & (size - 1)] = this.tags[at & this.mask]!;
      startsMs[at & (size - 1)] = this.startsMs[at & this.mask]!;
    }
    this.owners = owners;
    this.tags = tags;
    this.startsMs = startsMs;
    this.mask = size - 1;
  }

  onOpen(): void {
    if (this.isClosed) return;
    const { commands, required } = this.host.handshake();
    this.handshakeCommands = commands;
    this.handshakeLeft = commands.length;
    this.handshakeRequired = required;
    for (const words of commands) this.wire.write(encodeCommand(words));
    this.isOpen = true;
    this.output.wire = this.wire;
    this.host.opened(this);
    this.output.flush();
  }

  /** @hot */
  onData(bytes: Uint8Array, count: number): void {
    if (this.isClosed) return;
    this.host.counters.responseBytes += count;
    let work = bytes;
    let limit = count;
    if (this.partialLength > 0) {
      if (this.partialLength + count > PARTIAL_BYTES_MAX) {
        this.fail('EBADMSG');
        return;
      }
      this.keep(bytes, 0, count);
      work = this.partial!;
      limit = this.partialLength;
    }
    const at = this.takeReplies(work, limit);
    if (at < 0) return;
    if (work === bytes) {
      if (at < limit) this.keep(bytes, at, limit);
    } else if (at === limit) {
      this.partialLength = 0;
      if (this.partial!.length > PART_BYTES) this.partial = undefined;
    } else if (work.length > PART_BYTES && limit - at < work.length / 4) {
      // The buffer of a long reply goes back, though more than that reply came.
      this.partial = undefined;
      this.partialLength = 0;
      this.keep(work, at, limit);
    } else {
      if (at > 0) work.copyWithin(0, at, limit);
      this.partialLength = limit - at;
    }
    if (this.head === this.tail && this.mask >= RING_IDLE_MAX) this.resize(16);
    if (this.wasCongested && !this.isClosed && !this.isCongested) {
      this.wasCongested = false;
      this.host.drained();
    }
  }

  /** Hands out what is complete; returns where the rest begins, -1 when the connection ended meanwhile. @hot */
  private takeReplies(bytes: Uint8Array, limit: number): number {
    const { scanner } = this;
    let at = 0;
    while (at < limit) {
      const answer = scanner.scan(bytes, at, limit);
      if (answer === INCOMPLETE) {
        if (this.isPassing || limit - at >= PART_BYTES) return this.passPart(bytes, at, limit);
        return at;
      }
      if (answer === MALFORMED) {
        this.fail('EBADMSG');
        return -1;
      }
      const { end } = scanner;
      if (this.isPassing) this.passLast(bytes, at, end);
      else this.deliver(bytes, at, end, scanner.type);
      if (this.isClosed) return -1;
      at = end;
    }
    return at;
  }

  /** @hot */
  private deliver(bytes: Uint8Array, from: number, to: number, type: number): void {
    if (type === PUSH || this.handshakeLeft > 0 || this.head === this.tail) {
      this.deliverOther(bytes, from, to, type);
      return;
    }
    const place = this.head++ & this.mask;
    const owner = this.owners[place]!;
    this.owners[place] = undefined;
    this.host.counters.responses++;
    this.host.replied(type === ERROR, type === ERROR ? latin1(bytes, from + 1, to - from - 3) : '');
    owner.takeReply(this.tags[place]!, bytes, from, to);
  }

  private deliverOther(bytes: Uint8Array, from: number, to: number, type: number): void {
    if (type === PUSH) {
      this.host.pushed?.(bytes, from, to);
      return;
    }
    if (this.handshakeLeft === 0) {
      // A reply that nobody asked for: later ones cannot be matched with requests any more.
      if (this.host.pushed === undefined) this.fail('EBADMSG');
      else this.host.pushed(bytes, from, to);
      return;
    }
    const index = this.handshakeIndex++;
    this.handshakeLeft--;
    if (type !== ERROR) return;
    const error = latin1(bytes, from + 1, to - from - 3);
    this.host.handshakeFailed(this.handshakeCommands[index]!, error);
    if (index < this.handshakeRequired) this.fail(error);
  }

  private passPart(bytes: Uint8Array, at: number, limit: number): number {
    if (this.handshakeLeft > 0 || this.head === this.tail || bytes[at] === PUSH) return at;
    const place = this.head & this.mask;
    const isFirst = !this.isPassing;
    // A value whose length is not all there is scanned once more, so it stays.
    const end = Math.min(limit, at + this.scanner.offset);
    if (end === at || !this.owners[place]!.takePart(this.tags[place]!, bytes, at, end, isFirst, false)) return at;
    this.isPassing = true;
    this.scanner.rebase(end - at);
    return end;
  }

  private passLast(bytes: Uint8Array, from: number, to: number): void {
    this.isPassing = false;
    const place = this.head++ & this.mask;
    const owner = this.owners[place]!;
    this.owners[place] = undefined;
    this.host.counters.responses++;
    owner.takePart(this.tags[place]!, bytes, from, to, false, true);
  }

  private keep(bytes: Uint8Array, from: number, to: number): void {
    const needed = this.partialLength + to - from;
    if (this.partial === undefined || this.partial.length < needed) {
      const grown = new Uint8Array(Math.max(needed, this.partialLength * 2, FIRST_PARTIAL_BYTES));
      if (this.partial !== undefined) grown.set(this.partial.subarray(0, this.partialLength));
      this.partial = grown;
    }
    this.partial.set(bytes.subarray(from, to), this.partialLength);
    this.partialLength = needed;
  }

  onDrain(): void {
    if (this.wasCongested && !this.isCongested) {
      this.wasCongested = false;
      this.host.drained();
    }
  }

  onEnd(): void {
    this.fail('');
  }

  onClose(error: Error | undefined): void {
    this.fail(error === undefined ? '' : errorCode(error) || 'EIO');
  }

  /**
   * Ends the connection; waiting clients get an error. `code` is the system's; a text with a blank is passed on as it
   * is.
   */
  fail(code: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const wasOpen = this.isOpen;
    this.isOpen = false;
    this.timer?.cancel();
    this.wire.destroy();
    this.output.wire = undefined;
    this.output.clear();
    this.partial = undefined;
    const text = failureText(code);
    this.host.closed(this, code, wasOpen);
    while (this.head < this.tail) {
      const place = this.head++ & this.mask;
      const owner = this.owners[place]!;
      this.owners[place] = undefined;
      owner.takeFailure(this.tags[place]!, text, wasOpen);
    }
    this.host.drained();
  }

  /** Ends it because the proxy wants so. */
  closeQuietly(): void {
    this.fail(QUIET_END);
  }

  /** Ends once all replies have come; at once when none is waited for. */
  closeWhenIdle(): void {
    if (this.isClosed) return;
    if (this.waitingCount === 0) this.closeQuietly();
    else this.host.clock.after(20, () => this.closeWhenIdle());
  }

  /** The oldest request bounds how long the others wait, so one timer is enough. */
  private watch(timeoutMs: number): void {
    this.timer = this.host.clock.after(Math.max(1, timeoutMs), () => {
      if (this.isClosed) return;
      const now = this.host.clock.steadyMs();
      let nextMs = timeoutMs;
      if (this.head < this.tail) {
        const left = this.startsMs[this.head & this.mask]! + timeoutMs - now;
        if (left <= 0) {
          this.fail('ETIMEDOUT');
          return;
        }
        nextMs = Math.ceil(left);
      }
      this.watch(nextMs === timeoutMs ? timeoutMs : nextMs);
    });
  }
}

/** The error that clients get, in the words of twemproxy: what strerror says. */
export function failureText(code: string): string {
  if (code === '') return 'ERR unknown';
  if (code.includes(' ')) return code;
  if (code === 'EBADMSG') return 'ERR Invalid argument';
  return `ERR ${systemErrorText(Object.assign(new Error(code), { code }))}`;
}
