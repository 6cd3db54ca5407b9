// loop-clock: how often the event loop has turned, and how long it worked, since the statistics were last reset.

import type { Usage } from '../../io/usage.js';

/** Turns of the event loop and the time in which it did not wait. They are the process's: all its servers share the loop. */
export class LoopClock {
  private cyclesBefore = 0;
  private microsBefore = 0;

  constructor(private readonly usage: Usage) {}

  get cycles(): number {
    return this.usage.loopCycles() - this.cyclesBefore;
  }

  get activeMicros(): number {
    return Math.round(this.usage.loopActiveMs() * 1000) - this.microsBefore;
  }

  reset(): void {
    this.cyclesBefore += this.cycles;
    this.microsBefore += this.activeMicros;
  }
}
