// thread-loop: the work of an I/O thread: it reads from its sockets into the ring of requests, and sends the replies.
//
// All sockets that are ready are read in one turn of the event loop; the check phase after it is the thread's turn: it publishes
// what was read, wakes the engine, waits for it a little while, and sends the replies. Replies that come later wake it by the pipe.
//
// A full ring of requests stops the thread until the engine has made room, and with it the reading of its sockets, so that memory
// stays bounded. A full ring of replies is the engine's matter (spill).
//
// Not here: one connection (thread-connection).

import { performance } from 'node:perf_hooks';
import { collectGarbage } from '../collect-garbage.js';
import type { AcceptedHandle } from '../handle-wire.js';
import { connectChannel, type DescriptorPipe } from './descriptor-pipe.js';
import { RUNNING, takeTurn, type ThreadSide, waitForRoom } from './handshake.js';
import { EngineWord, Kind, OPEN_BYTES_MAX, PAYLOAD_BYTES_MAX, type ThreadStart, Word } from './layout.js';
import { RingReader, RingWriter } from './ring.js';
import { ThreadConnection } from './thread-connection.js';
import type { ThreadTls } from './thread-tls.js';

/** How long a thread waits for the engine before it looks at its sockets again. */
const WAIT_MS = 2;
/** So much memory that nobody uses is worth a collection, and how long after it was taken. */
const STRAY_BYTES_MAX = 32 * 1024 * 1024;
const STRAY_MS = 1000;
const NO_BYTES = new Uint8Array(0);

export class ThreadLoop implements ThreadSide {
  readonly counters: Int32Array;
  private readonly words: Int32Array;
  private readonly engine: Int32Array;
  private readonly requests: RingWriter;
  private readonly replies: RingReader;
  private readonly connections: (ThreadConnection | undefined)[] = [];
  /** Sockets that came before the record that opens their slot. */
  private readonly arrived = new Map<number, AcceptedHandle>();
  private pipe: DescriptorPipe | undefined;
  private hasTurn = false;
  private stops = false;
  /** Requests were published that the engine was not woken for. */
  private isPublished = false;
  private waitUntilMs = 0;
  /** Bytes that connections left in buffers since the last look at the memory, and what was in use after the last collection. */
  private buffered = 0;
  private keptBytes = 0;
  private strayTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly pause = new Int32Array(new SharedArrayBuffer(4));

  constructor(
    private readonly start: ThreadStart,
    readonly tls: ThreadTls,
  ) {
    const { areas } = start;
    this.words = new Int32Array(areas.words);
    this.engine = new Int32Array(areas.engine);
    this.counters = new Int32Array(areas.counters);
    this.requests = new RingWriter(areas.requests, this.words, Word.requestHead, Word.requestTail);
    this.replies = new RingReader(areas.replies, this.words, Word.replyHead, Word.replyTail);
  }

  /** Connects to the engine; resolves when it has, and goes on until the engine stops it. */
  async run(): Promise<void> {
    this.pipe = await connectChannel(this.start.path, {
      onWake: () => this.turn(),
      onSocket: (slot, handle) => {
        const connection = this.connections[slot];
        if (connection?.awaitsSocket === true) connection.open(handle);
        else this.arrived.set(slot, handle);
        this.turnSoon();
      },
      // The engine is gone.
      onEnd: () => this.stop(),
    });
    this.turn();
  }

  // --- requests -----------------------------------------------------------------------------------------------------

  /** Puts a record into the ring of requests; waits for room if there is none. @hot */
  tell(slot: number, kind: number, bytes: Uint8Array = NO_BYTES, count = bytes.length): void {
    // The engine takes nothing any more: waiting for room would be for ever.
    if (this.stops) return;
    let from = 0;
    do {
      const part = Math.min(count - from, PAYLOAD_BYTES_MAX);
      while (!this.requests.put(slot, kind, bytes, from, part)) waitForRoom(this.engine, this.words, Word.state, this);
      from += part;
    } while (from < count);
    if (kind === Kind.end || kind === Kind.failed) this.publishEnd();
    this.turnSoon();
  }

  /** The engine looks at this count before each request, so it learns of the end before the turn that wakes it. */
  private publishEnd(): void {
    this.isPublished = this.requests.publish() || this.isPublished;
    Atomics.add(this.engine, EngineWord.ends, 1);
  }

  countRead(): void {
    Atomics.store(this.words, Word.reads, Atomics.load(this.words, Word.reads) + 1);
  }

  countWrite(): void {
    Atomics.store(this.words, Word.writes, Atomics.load(this.words, Word.writes) + 1);
  }

  /** Gives the socket of a slot back to the engine; false: that failed, it is still whole. */
  sendSocket(slot: number, handle: AcceptedHandle): boolean {
    return this.pipe!.sendSocket(slot, handle);
  }

  free(slot: number): void {
    this.connections[slot] = undefined;
  }

  // --- memory -------------------------------------------------------------------------------------------------------

  noteBuffered(bytes: number): void {
    this.buffered += bytes;
    if (this.buffered < STRAY_BYTES_MAX || this.strayTimer !== undefined) return;
    this.strayTimer = setTimeout(() => this.collectStray(), STRAY_MS);
    this.strayTimer.unref();
  }

  /** Buffers of what was sent, and of connections that have gone, wait for a collection, and a thread with little to do has none. */
  private collectStray(): void {
    this.strayTimer = undefined;
    this.buffered = 0;
    let unsentBytes = 0;
    for (const connection of this.connections) if (connection !== undefined) unsentBytes += connection.unsentBytes;
    const stray = (): number => process.memoryUsage().arrayBuffers - unsentBytes;
    if (stray() > this.keptBytes + STRAY_BYTES_MAX) {
      collectGarbage();
      this.keptBytes = Math.max(0, stray());
    } else this.keptBytes = Math.min(this.keptBytes, Math.max(0, stray()));
    // They are looked at again until they have left.
    if (unsentBytes >= STRAY_BYTES_MAX) this.noteBuffered(unsentBytes);
  }

  // --- turns --------------------------------------------------------------------------------------------------------

  private turnSoon(): void {
    if (this.hasTurn) return;
    this.hasTurn = true;
    // The engine need not ring while there is a turn to come.
    Atomics.store(this.words, Word.state, RUNNING);
    setImmediate(this.soon);
  }

  private readonly soon = (): void => {
    this.hasTurn = false;
    this.turn();
  };

  private turn(): void {
    if (takeTurn(this.engine, this.words, Word.state, this) && !this.stops) this.turnSoon();
    if (this.stops) this.stop();
  }

  private stop(): void {
    this.stops = true;
    this.pipe?.close();
    for (const handle of this.arrived.values()) handle.close(() => undefined);
    this.arrived.clear();
    for (const connection of this.connections) connection?.destroy();
  }

  // ThreadSide

  publish(): boolean {
    this.delay();
    const { isPublished } = this;
    this.isPublished = false;
    return this.requests.publish() || isPublished;
  }

  takeReplies(): boolean {
    this.delay();
    const { replies } = this;
    while (replies.next()) this.obey(replies.slot, replies.kind, replies.start, replies.length);
    return replies.publish();
  }

  private obey(slot: number, kind: number, start: number, length: number): void {
    if (kind === Kind.stop) this.stops = true;
    else if (kind === Kind.open) {
      const { bytes } = this.replies;
      const connection = new ThreadConnection(this, slot, bytes[start] === 1);
      this.connections[slot] = connection;
      if (length === OPEN_BYTES_MAX) connection.secureBy(new DataView(bytes.buffer).getInt32(start + 1));
      const handle = this.arrived.get(slot);
      if (handle === undefined) return;
      this.arrived.delete(slot);
      connection.open(handle);
    } else this.connections[slot]?.obey(kind, this.replies.bytes, start, length);
  }

  hasReplies(): boolean {
    this.delay();
    return this.replies.hasMore;
  }

  isServed(): boolean {
    this.delay();
    return this.requests.isTaken;
  }

  hasServedMore(): boolean {
    this.delay();
    return this.requests.hasMoved();
  }

  startWaiting(): void {
    this.waitUntilMs = performance.now() + WAIT_MS;
  }

  waitMs(): number {
    return this.stops ? 0 : this.waitUntilMs - performance.now();
  }

  ringEngine(): void {
    this.delay();
    this.pipe?.wake();
  }

  /** For a test: lets the other side run on between two steps. */
  private delay(): void {
    const { delays } = this.start;
    if (delays > 0 && Math.random() < delays) Atomics.wait(this.pause, 0, 0, Math.random() * 2);
  }
}
