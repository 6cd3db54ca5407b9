// virtual-clock: time that a test moves by hand: expiry, blocking commands, stream ids and save rules follow it.
//
// Wall and steady time are those of the machine plus an offset until `freeze`; then they stand still and only `advance` and
// `set` move them. Timers that `advance` and `set` pass run before they return, in the order in which they are due, each at its own time.
// Work that is due "soon" stays with the event loop, so that sockets are served as always.

import type { Clock, Timer } from './clock.js';
import { systemClock, TIMER_MS_MAX } from './clock.js';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A server's cron sets a timer ten times a second: a month of them would take minutes. */
const STOPS_MAX = 10_000;

/** Milliseconds, or a number with a unit: '250ms', '10s', '5m', '1h', '1d', also several: '1h 30m'. */
export type Duration = number | string;

/** Milliseconds of a duration; throws a RangeError for what is none. */
export function durationMs(duration: Duration): number {
  if (typeof duration === 'number') {
    if (!Number.isFinite(duration)) throw new RangeError(`not a duration: ${duration}`);
    return duration;
  }
  const parts = [...duration.matchAll(/\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)(?![a-z])/gy)];
  const length = parts.reduce((sum, [part]) => sum + part.length, 0);
  if (parts.length === 0 || duration.slice(length).trim() !== '')
    throw new RangeError(`not a duration: '${duration}' (examples: 250, '250ms', '10s', '1h 30m')`);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS_MS[unit!]!, 0);
}

interface Due {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
  readonly keepsAlive: boolean;
}

export class VirtualClock implements Clock {
  /** The offset to the machine's time; while frozen, the time itself. */
  private wallOffsetMs: number;
  private steadyOffsetMs = 0;
  private frozen = false;
  private due: Due[] = [];
  private sequence = 0;
  private waker: Timer | undefined;

  /** `now`: where wall time begins; the machine's time if absent. `frozen`: time stands still from the start. */
  constructor(
    options: { readonly now?: number | Date; readonly frozen?: boolean } = {},
    private readonly machine: Clock = systemClock,
  ) {
    const now = options.now === undefined ? machine.wallMs() : Number(options.now);
    if (!Number.isFinite(now)) throw new RangeError('now is not a time');
    this.wallOffsetMs = now - machine.wallMs();
    if (options.frozen !== true) return;
    this.freeze();
    // The machine's time has gone on since it was read above.
    this.wallOffsetMs = Math.floor(now);
  }

  wallMs(): number {
    return Math.floor(this.frozen ? this.wallOffsetMs : this.machine.wallMs() + this.wallOffsetMs);
  }

  steadyMs(): number {
    return this.frozen ? this.steadyOffsetMs : this.machine.steadyMs() + this.steadyOffsetMs;
  }

  idleMs(): number {
    return this.machine.idleMs();
  }

  processorMs(): number {
    return this.machine.processorMs();
  }

  after(delayMs: number, run: () => void, keepsAlive = false): Timer {
    const due: Due = {
      atMs: this.steadyMs() + Math.min(Math.max(delayMs, 0), TIMER_MS_MAX),
      sequence: this.sequence++,
      run,
      keepsAlive,
    };
    this.due.push(due);
    this.due.sort((first, second) => first.atMs - second.atMs || first.sequence - second.sequence);
    this.arm();
    return {
      cancel: () => {
        this.due = this.due.filter((other) => other !== due);
      },
    };
  }

  soon(run: () => void): Timer {
    return this.machine.soon(run);
  }

  /**
   * Moves time forward, wall and steady. Timers that are due meanwhile have run when this returns. A long way is made in at
   * most STOPS_MAX stops, so a timer may run late by that part of the way (0.36 s of an hour).
   */
  advance(duration: Duration): void {
    const ms = durationMs(duration);
    if (ms < 0) throw new RangeError('time cannot go back; set() changes the date');
    const target = this.steadyMs() + ms;
    let earliest = -Infinity;
    while (this.due.length > 0 && this.due[0]!.atMs <= target) {
      const stop = Math.min(target, Math.max(this.due[0]!.atMs, earliest));
      this.move(Math.max(0, stop - this.steadyMs()));
      while (this.due.length > 0 && this.due[0]!.atMs <= stop) this.due.shift()!.run();
      earliest = stop + ms / STOPS_MAX;
    }
    this.move(Math.max(0, target - this.steadyMs()));
    this.arm();
  }

  /** Changes the date. Into the future it is an `advance`; back, only wall time changes, as when somebody sets a machine's clock. */
  set(date: number | Date): void {
    const wanted = Number(date);
    if (!Number.isFinite(wanted)) throw new RangeError('not a time');
    const ms = wanted - this.wallMs();
    if (ms >= 0) this.advance(ms);
    else this.wallOffsetMs += ms;
  }

  /** Time stands still until `advance`, `set` or `run`. */
  freeze(): void {
    if (this.frozen) return;
    this.wallOffsetMs = this.wallMs();
    // Whole, so that steps of whole milliseconds add up exactly.
    this.steadyOffsetMs = Math.ceil(this.steadyMs());
    this.frozen = true;
    this.waker?.cancel();
    this.waker = undefined;
  }

  /** Time goes on as the machine's does. */
  run(): void {
    if (!this.frozen) return;
    this.frozen = false;
    this.wallOffsetMs -= this.machine.wallMs();
    this.steadyOffsetMs -= this.machine.steadyMs();
    this.arm();
  }

  get isFrozen(): boolean {
    return this.frozen;
  }

  private move(ms: number): void {
    this.wallOffsetMs += ms;
    this.steadyOffsetMs += ms;
  }

  /** Sees to it that the next timer runs, while time goes by itself. */
  private arm(): void {
    this.waker?.cancel();
    this.waker = undefined;
    const next = this.due[0];
    if (next === undefined || this.frozen) return;
    const keepsAlive = this.due.some((due) => due.keepsAlive);
    const wake = (): void => {
      this.waker = undefined;
      // Timers that these set belong to a later turn, as with the machine's.
      const now = this.steadyMs();
      while (!this.frozen && this.due.length > 0 && this.due[0]!.atMs <= now) this.due.shift()!.run();
      this.arm();
    };
    this.waker = this.machine.after(next.atMs - this.steadyMs(), wake, keepsAlive);
  }
}

/** A clock for `startServer({ clock })`; see VirtualClock. */
export function virtualClock(options?: ConstructorParameters<typeof VirtualClock>[0]): VirtualClock {
  return new VirtualClock(options);
}

/**
 * The clock of `Date.now` and `setTimeout` as they are at each call: what the fake timers of vitest, jest, sinon or node:test
 * put in their place drives the server too. Sockets are served by the real event loop.
 */
export function fakeTimersClock(): Clock {
  const startedMs = Date.now();
  return {
    wallMs: () => Date.now(),
    steadyMs: () => Date.now() - startedMs,
    idleMs: () => systemClock.idleMs(),
    processorMs: () => systemClock.processorMs(),
    after(delayMs, run) {
      const timeout = globalThis.setTimeout(run, Math.min(Math.max(delayMs, 0), TIMER_MS_MAX));
      // The timers of some frameworks are numbers.
      (timeout as { unref?: () => void }).unref?.();
      return { cancel: () => globalThis.clearTimeout(timeout) };
    },
    soon: (run) => systemClock.soon(run),
  };
}
