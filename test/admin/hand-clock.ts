// hand-clock: the system's clock, but for what takes long: a test moves the time, and lets long timers fire when it has seen what they wait for.
import { SystemClock, type Timer } from '../../src/io/clock.js';

const longMs = 1000;

export class HandClock extends SystemClock {
  /** Long timers that were neither fired nor cancelled. */
  private readonly timers = new Set<{ readonly ms: number; readonly run: () => void }>();
  private stoppedMs: number | undefined;
  private shiftMs = 0;

  /** From now on, only `advance` moves the time. */
  stop(): void {
    this.stoppedMs = super.steadyMs();
  }

  advance(ms: number): void {
    this.shiftMs += ms;
  }

  override steadyMs(): number {
    return (this.stoppedMs ?? super.steadyMs()) + this.shiftMs;
  }

  override after(ms: number, run: () => void, keepsAlive?: boolean): Timer {
    if (ms < longMs) return super.after(ms, run, keepsAlive);
    const timer = { ms, run };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  /** Lets the timers of just so long fire; their number. */
  fire(ms: number): number {
    const due = [...this.timers].filter((timer) => timer.ms === ms);
    for (const timer of due) {
      this.timers.delete(timer);
      timer.run();
    }
    return due.length;
  }
}
