// loop-clock: how often the event loop has turned, and how long it worked, as the runtime counts it.

import { performance } from 'node:perf_hooks';

/** Turns of the event loop and the time in which it did not wait. They are the process's: all its servers share the loop. */
export class LoopClock {
  /** Bun and Deno lack some of it: the figures are 0 then. */
  private readonly measures = performance as {
    readonly nodeTiming?: { readonly uvMetricsInfo?: { readonly loopCount: number } };
    eventLoopUtilization?(): { readonly active: number };
  };
  private cyclesBefore = 0;
  private microsBefore = 0;

  get cycles(): number {
    return (this.measures.nodeTiming?.uvMetricsInfo?.loopCount ?? 0) - this.cyclesBefore;
  }

  get activeMicros(): number {
    return Math.round((this.measures.eventLoopUtilization?.().active ?? 0) * 1000) - this.microsBefore;
  }

  reset(): void {
    this.cyclesBefore += this.cycles;
    this.microsBefore += this.activeMicros;
  }
}
