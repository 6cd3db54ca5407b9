// walk-pace: how long the walk of a snapshot works and rests while clients are served.
//
// A slice takes SLICE_MS_MIN, or more when the pause before it was longer than asked for: timers of a process that waits
// for a processor come late, by 200 ms where 20 others want one.
//
// A pause takes `pausePerSlice` times what the slice before it took: 3.5 leaves the walk 22 % of the engine's time, and clients
// 0.7 of their throughput on two processors (0.6 with 2.5, for which a snapshot takes a fifth less time). A full sync asks for
// 4.5, because its replica loads meanwhile, often on a processor that the clients want too.
//
// On a machine with more to do than it can, such a pause may pass while the engine does not run at all, so the process
// must also have had as much processor time as the slice took, or nothing to do. There the walk gets up to half of the
// process: the child of a fork would get as much of the machine as its parent. A slice that was interrupted counts with its
// processor time alone.
//
// Not here: slices while no client is served (snapshot-run).

import type { Clock } from '../../io/clock.js';

const SLICE_MS_MIN = 1.5;
const SLICE_MS_MAX = 8;
const PAUSE_PER_SLICE = 3.5;
const LOOK_AGAIN_MS = 1;
/** A process that gets no processor time for so long has other troubles. */
const PAUSE_MS_MAX = 100;

export class WalkPace {
  private sliceMs = 0;
  private limitMs = SLICE_MS_MIN;
  private steadyMs: number;
  private processorMs = 0;
  private idleMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly pausePerSlice = PAUSE_PER_SLICE,
  ) {
    this.steadyMs = clock.steadyMs();
  }

  sliceBegins(): void {
    const steadyMs = this.clock.steadyMs();
    const owedMs = (steadyMs - this.steadyMs) / this.pausePerSlice;
    this.limitMs = Math.min(SLICE_MS_MAX, Math.max(SLICE_MS_MIN, owedMs));
    this.steadyMs = steadyMs;
    this.processorMs = this.clock.processorMs();
  }

  /** Whether the slice has had its time, on the processor as well: an interruption is no reason to do less. */
  get isSliceOver(): boolean {
    const { clock, limitMs } = this;
    if (clock.steadyMs() - this.steadyMs < limitMs) return false;
    const workedMs = clock.processorMs() - this.processorMs;
    return workedMs >= limitMs || workedMs === 0;
  }

  sliceEnds(): void {
    const { clock } = this;
    const steadyMs = clock.steadyMs();
    const processorMs = clock.processorMs();
    const tookMs = steadyMs - this.steadyMs;
    const workedMs = processorMs - this.processorMs;
    // Some systems count processor time in ticks that are longer than a slice.
    this.sliceMs = workedMs > 0 ? Math.min(tookMs, workedMs) : tookMs;
    this.steadyMs = steadyMs;
    this.processorMs = processorMs;
    this.idleMs = clock.idleMs();
  }

  /** In how many milliseconds to ask again; 0: the next slice is due. */
  get restMs(): number {
    const { clock, sliceMs } = this;
    const passedMs = clock.steadyMs() - this.steadyMs;
    const leftMs = sliceMs * this.pausePerSlice - passedMs;
    if (leftMs > 0) return Math.ceil(leftMs);
    if (passedMs >= PAUSE_MS_MAX) return 0;
    const hadMs = clock.processorMs() - this.processorMs + clock.idleMs() - this.idleMs;
    return hadMs >= sliceMs ? 0 : LOOK_AGAIN_MS;
  }
}
