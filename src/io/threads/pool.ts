// pool: the I/O threads of a server, and the engine's visits of their rings.
//
// A visit serves what is in the rings, publishes the replies, wakes the threads that sleep, and either sleeps or comes again in
// the next turn of the loop. It ends after VISIT_MS, so that timers and the engine's own sockets have their turns.
//
// Outside, each connection's bytes are an event of its own, after which microtasks run. Code relies on it: a client that is closed is
// forgotten before the next client's request. So a visit looks after each record whether such work waits, and lets it run.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.js';
import type { AcceptedHandle } from '../handle-wire.js';
import { urgent } from '../urgent.js';
import { openAsChannel, type PipeHandle } from './descriptor-pipe.js';
import { ASLEEP, letEngineSleep, RUNNING, visitRings, type EngineSide } from './handshake.js';
import { IoThread, type IoThreadOwner } from './io-thread.js';
import { ENGINE_WORD_COUNT, EngineWord, makeAreas, type ThreadStart } from './layout.js';
import type { RingWire } from './ring-wire.js';

/** A visit ends after so long. */
const VISIT_MS = 0.5;
/** Records between two looks at the clock. */
const RECORDS_PER_LOOK = 32;
const START_MS_MAX = 10_000;
const STOP_MS_MAX = 2000;

export interface PoolEvents {
  /** The socket of a connection is the engine's again. */
  returned(wire: RingWire, handle: AcceptedHandle): void;
  /** A thread has ended by itself; so many connections have been closed. */
  died(thread: IoThread, reason: string, connectionCount: number): void;
}

interface ListeningHandle {
  onconnection?: (status: number, connection: PipeHandle) => void;
}

export class IoThreadPool implements IoThreadOwner, EngineSide {
  readonly threads: IoThread[] = [];
  private readonly engine = new SharedArrayBuffer(ENGINE_WORD_COUNT * 4);
  private readonly states = new Int32Array(this.engine);
  private visiting = false;
  /** A visit is due in another turn. */
  private isScheduled = false;
  private flushes = false;
  /** The thread whose records are served next. */
  private at = 0;
  private deadlineMs = 0;
  private endsSeen = 0;
  private isClosing = false;

  constructor(
    private readonly clock: Clock,
    private readonly events: PoolEvents,
    /** For tests: the chance of a pause at each step of the handshake. */
    private readonly delays = 0,
  ) {
    this.states[0] = ASLEEP;
  }

  // --- threads ------------------------------------------------------------------------------------------------------

  /** Starts threads until there are `count`; rejects with the reason when one does not start. */
  async start(count: number): Promise<void> {
    while (this.threads.filter((thread) => !thread.isOver).length < count && !this.isClosing) await this.startOne();
  }

  private async startOne(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-io-'));
    const path = join(folder, 'pipe');
    const areas = makeAreas(this.engine);
    const free = this.threads.findIndex((thread) => thread.isOver);
    const index = free < 0 ? this.threads.length : free;
    let server: Server | undefined;
    try {
      const { accepted, listener } = await listenOnce(path);
      server = listener;
      const start: ThreadStart = { areas, path, delays: this.delays };
      const worker = new Worker(new URL('./io-worker.js', import.meta.url), {
        name: `io_thd_${index + 1}`,
        workerData: start,
        execArgv: [],
      });
      const thread = new IoThread(index, worker, areas, this);
      const ended = new Promise<never>((_, reject) => {
        let reason = 'it ended';
        worker.on('error', (error) => (reason = error instanceof Error ? error.message : String(error)));
        worker.on('exit', () => {
          this.threadEnded(thread, reason);
          reject(new Error(reason));
        });
      });
      // Nobody waits for it later.
      ended.catch(() => undefined);
      worker.unref();
      const connection = await Promise.race([accepted, ended, this.late()]);
      const pipe = openAsChannel(connection, {
        onWake: () => this.visit(),
        onSocket: (slot, handle) => thread.socketArrived(slot, handle),
        onEnd: () => undefined,
      });
      pipe.unref();
      thread.connected(pipe);
      this.threads[index] = thread;
      if (this.isClosing) await this.stop(thread);
    } finally {
      server?.close();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  private late(): Promise<never> {
    return new Promise((_, reject) => {
      this.clock.after(START_MS_MAX, () => reject(new Error('it does not answer')));
    });
  }

  private threadEnded(thread: IoThread, reason: string): void {
    if (thread.isOver) return;
    const count = thread.ended(`I/O thread ${thread.index + 1} has ended: ${reason}`);
    if (!this.isClosing) this.events.died(thread, reason, count);
  }

  /** Ends all threads; they do first what they were sent. */
  async close(): Promise<void> {
    this.isClosing = true;
    await Promise.all(this.threads.filter((thread) => !thread.isOver).map((thread) => this.stop(thread)));
  }

  private async stop(thread: IoThread): Promise<void> {
    const { worker } = thread;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    thread.sendStop();
    this.touched();
    const timer = this.clock.after(STOP_MS_MAX, () => void worker.terminate(), true);
    await ended;
    timer.cancel();
  }

  // --- visits -------------------------------------------------------------------------------------------------------

  touched(): void {
    if (this.visiting || this.flushes) return;
    this.flushes = true;
    queueMicrotask(this.flush);
  }

  /** Lets the threads see what was put into the rings outside a visit. */
  private readonly flush = (): void => {
    this.flushes = false;
    if (this.visiting) return;
    for (const thread of this.threads) thread.publish();
    if (!this.isScheduled && this.needsRoom() && !letEngineSleep(this.states, this)) this.visitSoon();
  };

  private visitSoon(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.clock.soon(() => {
      this.isScheduled = false;
      this.visit();
    });
  }

  /** Serves what is in the rings. */
  visit(): void {
    if (this.visiting) return;
    this.visiting = true;
    Atomics.store(this.states, 0, RUNNING);
    this.deadlineMs = this.clock.steadyMs() + VISIT_MS;
    this.goOn();
  }

  private readonly goOn = (): void => {
    if (this.serveSome()) {
      queueMicrotask(this.goOn);
      return;
    }
    this.visiting = false;
    if (visitRings(this.states, this)) this.visitSoon();
  };

  /** Serves records until there are none or time is over; true: microtasks must run first, call it again. */
  private serveSome(): boolean {
    const { threads } = this;
    let count = 0;
    for (let idle = 0; idle < threads.length;) {
      this.tellEnds();
      if (urgent.count > 0) return true;
      if (this.at >= threads.length) this.at = 0;
      if (!guard(threads[this.at]!, serveOne)) {
        idle++;
        this.at++;
        continue;
      }
      idle = 0;
      if (++count % RECORDS_PER_LOOK === 0 && this.clock.steadyMs() > this.deadlineMs) {
        this.at++;
        return false;
      }
    }
    return false;
  }

  /** Tells of connections that threads have seen end, before anything else is served. @hot */
  private tellEnds(): void {
    const ends = Atomics.load(this.states, EngineWord.ends);
    if (ends === this.endsSeen) return;
    this.endsSeen = ends;
    for (const thread of this.threads) guard(thread, tellEnds);
  }

  /** As in a visit, before requests that come from no ring. */
  beforeRequests(): void {
    if (!this.visiting) this.tellEnds();
  }

  // EngineSide: what a visit ends with.

  serve(): void {
    for (const thread of this.threads) thread.publish();
  }

  hasWork(): boolean {
    for (const thread of this.threads) if (thread.hasWork) return true;
    return false;
  }

  needsRoom(): boolean {
    for (const thread of this.threads) if (thread.needsRoom) return true;
    return false;
  }

  returned(wire: RingWire, handle: AcceptedHandle): void {
    this.events.returned(wire, handle);
  }
}

function serveOne(thread: IoThread): boolean {
  return thread.serveOne();
}

function tellEnds(thread: IoThread): boolean {
  thread.tellEnds();
  return true;
}

/** A fault in serving one connection is reported as from any event, and other connections are still served. */
function guard(thread: IoThread, run: (thread: IoThread) => boolean): boolean {
  try {
    return run(thread);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return true;
  }
}

/** Listens on a unix socket; `accepted` is the first connection's handle. */
async function listenOnce(path: string): Promise<{ accepted: Promise<PipeHandle>; listener: Server }> {
  const listener = createServer();
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(path, resolve);
  });
  const handle = (listener as unknown as { _handle: ListeningHandle })._handle;
  const accepted = new Promise<PipeHandle>((resolve, reject) => {
    handle.onconnection = (status, connection) => {
      if (status === 0) resolve(connection);
      else reject(new Error(`the pipe cannot be accepted (${status})`));
    };
  });
  return { accepted, listener };
}
