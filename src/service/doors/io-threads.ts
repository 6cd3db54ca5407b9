// io-threads: decides which connections I/O threads serve: none while the engine keeps up, the busy ones when it does
// not.
//
// A thread adds 25 microseconds to a client's request, and costs memory. So all connections begin with the engine, and
// threads start only when the event loop has been busy for a while with many sockets at once. Then the busy connections
// move, spread evenly, and those that come go to a thread at once. When the load has been low for a while all return,
// and the threads end after a minute.
//
// `io-threads N` allows N threads with the engine's own, `auto` as many as the machine has processors to spare. Either way two processors
// stay free, for the engine and for everything else: threads that share a processor with the engine cost more than they bring.
//
// KVASIR_IO_THREADS in the environment makes all connections move whatever the load is, for tests:
//   force[:N]         N threads (2 if absent), and every connection goes to one of them at once
//   shuffle[:N]       the same, and then all move at random between the threads and the engine
//
// The state of TLS cannot move. So a connection with TLS that comes while threads serve clients goes to one before its handshake, and stays
// there until it closes; one that began with the engine stays with the engine.

import { availableParallelism } from 'node:os';
import type { LogLevel } from '../../base/log-level.js';
import type { Clock, Timer } from '../../io/clock.js';
import { type AcceptedHandle, HandleWire } from '../../io/handle-wire.js';
import { pipeBinding } from '../../io/threads/descriptor-pipe.js';
import type { IoThread } from '../../io/threads/io-thread.js';
import { IoThreadPool } from '../../io/threads/pool.js';
import { RingWire } from '../../io/threads/ring-wire.js';
import type { TlsSettings } from '../../io/tls-handshaker.js';
import { TlsOpening, type TlsDoor } from './tls-opening.js';
import type { Client } from '../clients/client.js';
import type { Connection } from '../clients/connection.js';

/** The server whose connections these are. */
export interface IoThreadsHost {
  readonly clock: Clock;
  readonly clients: ReadonlyMap<number, Client>;
  readonly hooks: { readonly ticks: (() => void)[]; readonly accepted: ((connection: Connection) => void)[] };
  log(level: LogLevel, text: string): void;
}

/** Two processors are the engine's and everybody else's; below this many no thread helps. */
const PROCESSORS_MIN = 4;
const AUTO_COUNT_MAX = 7;
/** The loop is busy for this share of the time, for this long, with so many active connections: threads help. */
const BUSY_SHARE = 0.8;
const BUSY_MS = 100;
const ACTIVE_MIN = 16;
/** Time of one read and its reply on the engine, in milliseconds; the estimate of the load without threads uses it. */
const READ_MS = 0.01;
/** With less load than this for so long, connections return; after so long without any, the threads end. */
const QUIET_SHARE = 0.4;
const QUIET_MS = 5000;
const IDLE_MS = 60_000;
/** Connections that move in one tick. */
const MOVES_PER_TICK = 256;
const SHUFFLE_MS = 3;

/** How connections are made to move whatever the load. */
export interface Forced {
  readonly count: number;
  readonly shuffles: boolean;
}

/** Reads KVASIR_IO_THREADS. */
export function parseForced(text: string | undefined): Forced | undefined {
  const match = /^(force|shuffle)(?::(\d+))?$/.exec(text ?? '');
  if (match === null) return undefined;
  return { count: Math.min(16, Math.max(1, Number(match[2] ?? 2))), shuffles: match[1] === 'shuffle' };
}

/** How many threads besides the engine `io-threads` allows on this machine; -1 for `auto`. */
export function allowedCount(directive: number, processors = availableParallelism()): number {
  if (processors < PROCESSORS_MIN) return 0;
  const spare = processors - 2;
  return directive < 0 ? Math.min(spare, AUTO_COUNT_MAX) : Math.min(directive - 1, spare);
}

export class IoThreads {
  private pool: IoThreadPool | undefined;
  /** Connections that come go to threads at once. */
  isActive = false;
  private forced: Forced | undefined;
  private starting: Promise<void> | undefined;
  private isClosed = false;
  private busyMs = 0;
  private quietMs = 0;
  private lastMs = 0;
  private lastIdleMs = 0;
  private lastReads = 0;
  /** Reads of each connection when it was looked at last. */
  private seen = new WeakMap<Connection, number>();
  private timer: Timer | undefined;
  /** Reads and writes of threads that have ended. */
  private readonly ended = { reads: 0, writes: 0 };
  private moves = 0;

  constructor(
    private readonly host: IoThreadsHost,
    /** Threads besides the engine that may be used under load. */
    private readonly count: number,
    private readonly environment: Readonly<Record<string, string | undefined>>,
    private readonly times: { readonly quietMs: number; readonly idleMs: number } = {
      quietMs: QUIET_MS,
      idleMs: IDLE_MS,
    },
  ) {
    host.hooks.ticks.push(() => this.tick());
    host.hooks.accepted.push((connection) => {
      if (this.isActive) queueMicrotask(() => this.moveOut(connection));
    });
  }

  /** Why no thread can be used here; undefined if they can. */
  static get obstacle(): string | undefined {
    return pipeBinding === undefined ? 'this system or runtime lacks what they need' : undefined;
  }

  /** Begins at once with what the environment or a test forces; resolves when the threads run. */
  async force(forced: Forced): Promise<string | undefined> {
    if (IoThreads.obstacle !== undefined) return IoThreads.obstacle;
    this.forced = forced;
    const refusal = await this.activate(forced.count);
    if (refusal !== undefined) return refusal;
    for (const { connection } of this.host.clients.values()) if (connection !== undefined) this.moveOut(connection);
    if (forced.shuffles) this.shuffleSoon();
    return undefined;
  }

  /** Ends what `force` began: connections return, and the load decides again. */
  unforce(): void {
    this.forced = undefined;
    this.timer?.cancel();
    this.timer = undefined;
    this.isActive = false;
    this.returnAll(Infinity);
  }

  private async activate(count: number): Promise<string | undefined> {
    const { host } = this;
    this.pool ??= new IoThreadPool(
      host.clock,
      {
        returned: (wire, handle) => this.returned(wire, handle),
        died: (thread, reason, connections) => {
          this.keepFigures(thread);
          host.log(
            'warning',
            `I/O thread ${thread.index + 1} has ended (${reason}): its ${connections} connections are closed. The server goes on.`,
          );
          if (this.threads.length === 0) this.isActive = false;
        },
      },
      Number(this.environment.KVASIR_IO_THREADS_DELAYS ?? 0),
    );
    try {
      this.starting = this.pool.start(count);
      await this.starting;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      host.log('warning', `I/O threads cannot be started (${reason}): the main thread serves all connections.`);
      return reason;
    } finally {
      this.starting = undefined;
    }
    if (this.isClosed) return 'the server is closing';
    this.isActive = true;
    return undefined;
  }

  /** Those that run. */
  get threads(): readonly IoThread[] {
    return this.pool?.threads.filter((thread) => thread.isReady) ?? [];
  }

  /** Reads and writes of all threads so far. */
  get figures(): { readonly reads: number; readonly writes: number } {
    let { reads, writes } = this.ended;
    for (const thread of this.threads) {
      const figures = thread.figures();
      reads += figures.reads;
      writes += figures.writes;
    }
    return { reads, writes };
  }

  /** How often a connection has moved, either way. */
  get moveCount(): number {
    return this.moves;
  }

  private keepFigures(thread: IoThread): void {
    const { reads, writes } = thread.figures();
    this.ended.reads += reads;
    this.ended.writes += writes;
  }

  // --- moves --------------------------------------------------------------------------------------------------------

  /** Gives a connection's socket to a thread, the one with the fewest if none is named; false: it stays where it is. */
  moveOut(connection: Connection, to = this.leastBusy()): boolean {
    const { wire } = connection;
    if (to === undefined || connection.isClosing || !(wire instanceof HandleWire)) return false;
    const reads = wire.isReadingNow;
    const handle = wire.detach();
    if (handle === undefined) return false;
    const ring = to.adopt(handle, wire, reads, connection);
    if (ring !== undefined) connection.wire = ring;
    else this.serveHere(connection, handle, reads);
    if (ring !== undefined) this.moves++;
    return ring !== undefined;
  }

  /** Gives a socket that has just been accepted, and wants TLS, to a thread; false: the engine must serve it. */
  acceptTls(handle: AcceptedHandle, settings: TlsSettings, door: TlsDoor): boolean {
    const thread = this.isActive && !this.isClosed ? this.leastBusy() : undefined;
    if (thread === undefined) return false;
    // Sets what the socket keeps wherever it goes, and knows its addresses.
    const wire = new HandleWire(handle, door.keepAliveSeconds());
    return thread.adopt(handle, wire, true, new TlsOpening(door, wire.remote), settings) !== undefined;
  }

  /** Called before requests that come from no thread: handles the ends of connections that threads have seen. */
  beforeRequests(): void {
    this.pool?.beforeRequests();
  }

  private leastBusy(): IoThread | undefined {
    let best: IoThread | undefined;
    for (const thread of this.pool?.threads ?? [])
      if (thread.isReady && (best === undefined || thread.connectionCount < best.connectionCount)) best = thread;
    return best;
  }

  /** Asks a connection's socket back from its thread. */
  moveBack(connection: Connection): boolean {
    const { wire } = connection;
    if (!(wire instanceof RingWire) || !wire.canReturn) return false;
    wire.askBack();
    return true;
  }

  private returned(ring: RingWire, handle: AcceptedHandle): void {
    const connection = ring.events as Connection;
    this.moves++;
    const wire = this.serveHere(connection, handle, true);
    ring.replayOn(wire);
  }

  private serveHere(connection: Connection, handle: AcceptedHandle, reads: boolean): HandleWire {
    const wire = new HandleWire(handle, 0);
    connection.wire = wire;
    wire.attach(connection);
    if (!reads) wire.pauseReading();
    return wire;
  }

  private returnAll(most: number): number {
    let count = 0;
    for (const { connection } of this.host.clients.values()) {
      if (count >= most) break;
      if (connection !== undefined && this.moveBack(connection)) count++;
    }
    return count;
  }

  /** For tests: each connection is somewhere else every few milliseconds. */
  private shuffleSoon(): void {
    this.timer = this.host.clock.after(SHUFFLE_MS, () => {
      for (const { connection } of this.host.clients.values()) {
        if (connection === undefined || Math.random() < 0.5) continue;
        if (!this.moveBack(connection))
          this.moveOut(connection, this.threads[Math.floor(Math.random() * this.threads.length)]);
      }
      if (this.forced?.shuffles === true && !this.isClosed) this.shuffleSoon();
    });
  }

  // --- load ---------------------------------------------------------------------------------------------------------

  private tick(): void {
    if (this.isClosed || this.forced !== undefined || this.count <= 0) return;
    const { clock } = this.host;
    const nowMs = clock.steadyMs();
    const idleMs = clock.idleMs();
    const elapsedMs = nowMs - this.lastMs;
    const share = this.lastMs === 0 || elapsedMs <= 0 ? 0 : 1 - (idleMs - this.lastIdleMs) / elapsedMs;
    this.lastMs = nowMs;
    this.lastIdleMs = idleMs;
    if (this.isActive) this.lookForQuiet(share, elapsedMs);
    else this.lookForLoad(share, elapsedMs);
  }

  private lookForLoad(share: number, elapsedMs: number): void {
    if (this.pool !== undefined && this.starting === undefined) this.endIdleThreads(elapsedMs);
    if (share < BUSY_SHARE) {
      this.busyMs = 0;
      return;
    }
    const active = this.activeConnections();
    this.busyMs = active.length >= ACTIVE_MIN ? this.busyMs + elapsedMs : 0;
    if (this.busyMs < BUSY_MS || this.starting !== undefined) return;
    this.busyMs = 0;
    this.quietMs = 0;
    void this.activate(this.count).then((refusal) => {
      if (refusal === undefined)
        this.host.log('notice', `Load is high: ${this.threads.length} I/O threads serve clients.`);
    });
  }

  /** Connections that sent something since they were looked at last. */
  private activeConnections(): Connection[] {
    const active: Connection[] = [];
    for (const { connection } of this.host.clients.values()) {
      if (connection === undefined) continue;
      if (connection.reads !== this.seen.get(connection)) active.push(connection);
      this.seen.set(connection, connection.reads);
    }
    return active;
  }

  private lookForQuiet(share: number, elapsedMs: number): void {
    let moved = 0;
    for (const connection of this.activeConnections()) {
      if (moved >= MOVES_PER_TICK) break;
      if (this.moveOut(connection)) moved++;
    }
    const { reads } = this.figures;
    const load = share + ((reads - this.lastReads) * READ_MS) / Math.max(1, elapsedMs);
    this.lastReads = reads;
    this.quietMs = load < QUIET_SHARE ? this.quietMs + elapsedMs : 0;
    if (this.quietMs < this.times.quietMs) return;
    this.isActive = false;
    this.quietMs = 0;
    this.host.log('notice', 'Load is low: the main thread serves all clients again.');
  }

  private endIdleThreads(elapsedMs: number): void {
    if (this.returnAll(MOVES_PER_TICK) > 0) this.quietMs = 0;
    else this.quietMs += elapsedMs;
    if (this.quietMs < this.times.idleMs || this.threads.some((thread) => thread.connectionCount > 0)) return;
    const { pool } = this;
    this.pool = undefined;
    this.quietMs = 0;
    for (const thread of pool!.threads) this.keepFigures(thread);
    void pool!.close();
  }

  /** Ends all threads, which send first what they were given. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.isActive = false;
    this.timer?.cancel();
    await this.starting?.catch(() => undefined);
    await this.pool?.close();
  }
}
