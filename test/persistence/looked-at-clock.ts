// looked-at-clock: a clock that a test moves, and whose steady time may move a little at every look; its timers are the machine's.

import { type Clock, systemClock } from '../../src/io/clock.js';

/** `lookMs` is called at every look at steady time, and returns how far looks have moved it in all. */
export function lookedAtClock(nowMs: () => number, lookMs: () => number): Clock {
  return {
    wallMs: nowMs,
    steadyMs: () => nowMs() + lookMs(),
    idleMs: () => 0,
    processorMs: nowMs,
    after: (delayMs, run, keepsAlive) => systemClock.after(delayMs, run, keepsAlive),
    soon: (run) => systemClock.soon(run),
  };
}
