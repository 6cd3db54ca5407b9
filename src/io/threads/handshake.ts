// handshake: wakes the engine and the I/O threads, so that neither sleeps while there is work for it.
//
// Each side has a word that says how it sleeps. Two rules make a lost wake-up impossible:
//
//   1. A side that has published something looks at the other's word afterwards, and wakes it if it sleeps.
//   2. A side that goes to sleep says so in its word first, and then looks once more for something to do.
//
// All of these are sequentially consistent, so one of the two sees the other. A compare-and-swap decides who ends a sleep: only
// the winner rings. Ringing costs a system call (a byte in a pipe for one that sleeps in epoll, a notification for a thread that
// waits for the engine), so a batch rings once.
//
// handshake.test.ts runs this very text over all interleavings of both sides' steps. So each call in this file must be of
// Atomics, of a function of this file, or of a side; and nothing else may touch what is shared.

export const RUNNING = 0;
/** A thread that waits for the engine in Atomics.wait. */
export const WAITING = 1;
/** In the event loop, until a byte comes through the pipe. */
export const ASLEEP = 2;
/** The engine sleeps, and has replies for which a ring had no room. */
export const ASLEEP_FOR_ROOM = 3;

/** The engine's work in a visit of the rings; one object for all threads. */
export interface EngineSide {
  /** Serves requests, for a while; publishes the replies, then how far it has come, and wakes the threads that sleep. */
  serve(): void;
  /** Whether there are requests, or room for replies that wait. */
  hasWork(): boolean;
  /** Whether replies wait for room. */
  needsRoom(): boolean;
}

/** A thread's work after it has read a batch of its sockets, or was woken. */
export interface ThreadSide {
  /** Lets the engine see the requests; false: there are no new ones. */
  publish(): boolean;
  /** Sends replies; publishes how far it has come, false if there were none. */
  takeReplies(): boolean;
  /** Whether the engine has published replies. */
  hasReplies(): boolean;
  /** Whether the engine has served all requests. */
  isServed(): boolean;
  /** Whether it has served some since this was asked last. */
  hasServedMore(): boolean;
  /** Begins the time that `waitsOn` allows. */
  startWaiting(): void;
  /** Milliseconds that it may wait for the engine; 0: it has waited long enough. */
  waitMs(): number;
  /** Wakes the engine by a byte in the pipe. */
  ringEngine(): void;
}

/** Called after something was published: how the other slept, if the caller must wake it; RUNNING: it need not. */
export function claimWake(states: Int32Array, at: number): number {
  const state = Atomics.load(states, at);
  if (state === RUNNING) return RUNNING;
  // If the word has changed since, the other has woken, and looks at everything before it sleeps again.
  return Atomics.compareExchange(states, at, state, RUNNING) === state ? state : RUNNING;
}

/** Called after room was made: whether the engine sleeps for want of it and the caller must ring. */
export function claimWakeForRoom(states: Int32Array, at: number): boolean {
  if (Atomics.load(states, at) !== ASLEEP_FOR_ROOM) return false;
  return Atomics.compareExchange(states, at, ASLEEP_FOR_ROOM, RUNNING) === ASLEEP_FOR_ROOM;
}

/** One visit of the engine. True: it must come again in the next turn of the loop; false: it sleeps, and will be rung for. */
export function visitRings(states: Int32Array, side: EngineSide): boolean {
  Atomics.store(states, 0, RUNNING);
  side.serve();
  if (side.hasWork()) return true;
  return !letEngineSleep(states, side);
}

/** False: there is something to do. */
export function letEngineSleep(states: Int32Array, side: EngineSide): boolean {
  const state = side.needsRoom() ? ASLEEP_FOR_ROOM : ASLEEP;
  Atomics.store(states, 0, state);
  if (!side.hasWork()) return true;
  // A thread that won against us has rung or is about to.
  return Atomics.compareExchange(states, 0, state, RUNNING) !== state;
}

/** A thread's turn. True: it must have another; false: it sleeps, and will be rung for. */
export function takeTurn(engine: Int32Array, own: Int32Array, at: number, side: ThreadSide): boolean {
  Atomics.store(own, at, RUNNING);
  side.startWaiting();
  for (;;) {
    publishRequests(engine, side);
    if (side.takeReplies() && claimWakeForRoom(engine, 0)) side.ringEngine();
    // Replies lead to requests: a connection closed.
    if (publishRequests(engine, side)) continue;
    if (side.isServed() || side.waitMs() <= 0) break;
    waitForEngine(own, at, side);
  }
  return !letThreadSleep(own, at, side);
}

function publishRequests(engine: Int32Array, side: ThreadSide): boolean {
  if (!side.publish()) return false;
  if (claimWake(engine, 0) !== RUNNING) side.ringEngine();
  return true;
}

/** Waits until the engine has done something. */
function waitForEngine(own: Int32Array, at: number, side: ThreadSide): void {
  Atomics.store(own, at, WAITING);
  if (!side.hasReplies() && !side.hasServedMore()) Atomics.wait(own, at, WAITING, side.waitMs());
  Atomics.store(own, at, RUNNING);
}

/** Waits until there is room for requests in the ring, however long the engine takes. */
export function waitForRoom(engine: Int32Array, own: Int32Array, at: number, side: ThreadSide): void {
  publishRequests(engine, side);
  Atomics.store(own, at, WAITING);
  if (!side.hasServedMore()) Atomics.wait(own, at, WAITING);
  Atomics.store(own, at, RUNNING);
}

function letThreadSleep(own: Int32Array, at: number, side: ThreadSide): boolean {
  Atomics.store(own, at, ASLEEP);
  if (!side.hasReplies()) return true;
  // The engine that won against us has rung or is about to.
  return Atomics.compareExchange(own, at, ASLEEP, RUNNING) !== ASLEEP;
}
