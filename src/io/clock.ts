// clock: the time, and work that time brings; everything above `io` gets both through this interface.
//
// So a server can live in simulated time (simulation), in time that a test moves by hand (virtual-clock), or in that of
// the machine (SystemClock). A clock has two faces, as machines have: wall time may jump, steady time never goes back.
//
// Not here: time that a test moves (virtual-clock).

import { performance } from 'node:perf_hooks';

/** Work that is due at some time. */
export interface Timer {
  /** The work is not done any more; after it was done this has no effect. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970. May jump, and go back. */
  wallMs(): number;
  /** Milliseconds from any point, with fractions; for durations. Never goes back. */
  steadyMs(): number;
  /** Milliseconds that the event loop has waited for something to do, so far. */
  idleMs(): number;
  /** Milliseconds of processor time that the process has had so far, with fractions where the system has them. */
  processorMs(): number;
  /**
   * Runs `run` once after at least `delayMs` (at most 2^31 - 1, about 24 days). A timer keeps the process alive only if
   * `keepsAlive` says so.
   */
  after(delayMs: number, run: () => void, keepsAlive?: boolean): Timer;
  /** Runs `run` after the events that the loop knows of already, in the order of calls. */
  soon(run: () => void): Timer;
}

/** A clock that stands still while code runs, as in a simulation: slices of work end by chance there. */
export interface StandingClock extends Clock {
  endsSlice(endMs: number): boolean;
}

/** Whether a slice of work that may go on until the steady time `endMs` is over. */
export function isSliceOver(clock: Clock | StandingClock, endMs: number): boolean {
  return 'endsSlice' in clock ? clock.endsSlice(endMs) : clock.steadyMs() >= endMs;
}

/** The longest delay of a timer, in milliseconds. */
export const TIMER_MS_MAX = 0x7fffffff;

/** Resolves after at least `delayMs`. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve, true));
}

/** Resolves after the events that the loop knows of already. */
export function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}

// Taken when the program starts: fake timers of a test framework replace the globals later, and a server must go on serving.
const { setTimeout, clearTimeout } = globalThis;
const startTurn = setImmediate;
const cancelTurn = clearImmediate;
const wallNow = Date.now;

class SystemTimer implements Timer {
  constructor(private readonly timeout: NodeJS.Timeout) {}

  cancel(): void {
    clearTimeout(this.timeout);
  }
}

class SystemTurn implements Timer {
  constructor(private readonly immediate: NodeJS.Immediate) {}

  cancel(): void {
    cancelTurn(this.immediate);
  }
}

/** The machine's clock. */
export class SystemClock implements Clock {
  wallMs(): number {
    return wallNow();
  }

  steadyMs(): number {
    return performance.now();
  }

  idleMs(): number {
    return performance.eventLoopUtilization().idle;
  }

  processorMs(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }

  after(delayMs: number, run: () => void, keepsAlive = false): Timer {
    const timeout = setTimeout(run, Math.min(Math.max(delayMs, 0), TIMER_MS_MAX));
    // A browser's timers are numbers.
    if (!keepsAlive) (timeout as Partial<NodeJS.Timeout>).unref?.();
    return new SystemTimer(timeout);
  }

  soon(run: () => void): Timer {
    return new SystemTurn(startTurn(run));
  }
}

export const systemClock: Clock = new SystemClock();
