// buckets: rows of any resolution brought to the steps of a curve.
//
// The order of rows does not matter, so that rows may come from several places, and after the clock was set back.

/** `t`: times of the steps, in ms since 1970. `v`: a figure for each, NaN where there is none. */
export interface Series {
  readonly t: number[];
  readonly v: number[];
}

/** The way to make one value of several rows in one step. */
export type Aggregate = 'mean' | 'max';

/** A curve has no more steps: the step is made longer. */
const STEP_COUNT_MAX = 50_000;

export class Buckets {
  readonly stepMs: number;
  private readonly fromMs: number;
  private readonly sums: Float64Array;
  private readonly counts: Uint32Array;

  constructor(
    fromMs: number,
    toMs: number,
    stepMs: number,
    private readonly aggregate: Aggregate,
  ) {
    const spanMs = Math.max(0, toMs - fromMs);
    this.stepMs = Math.max(1, stepMs, Math.ceil(spanMs / STEP_COUNT_MAX));
    // Steps lie on multiples of the step, so that curves of several servers have the same times.
    this.fromMs = Math.floor(fromMs / this.stepMs) * this.stepMs;
    const count = Math.max(0, Math.ceil((toMs - this.fromMs) / this.stepMs));
    this.sums = new Float64Array(count);
    this.counts = new Uint32Array(count);
  }

  /** Adds rows from `fromMs` up to `toMs`. */
  add(times: Float64Array, values: Float64Array, count: number, factor: number, fromMs: number, toMs: number): void {
    const { sums, counts, stepMs } = this;
    const begins = this.fromMs;
    const isMax = this.aggregate === 'max';
    for (let row = 0; row < count; row++) {
      const time = times[row]!;
      const stored = values[row]!;
      if (time < fromMs || time >= toMs || stored !== stored) continue;
      const index = Math.floor((time - begins) / stepMs);
      const value = stored / factor;
      if (!isMax || counts[index] === 0) sums[index]! += value;
      else if (value > sums[index]!) sums[index] = value;
      counts[index]!++;
    }
  }

  series(): Series {
    const t: number[] = [];
    const v: number[] = [];
    for (let index = 0; index < this.sums.length; index++) {
      t.push(this.fromMs + index * this.stepMs);
      const count = this.counts[index]!;
      v.push(count === 0 ? NaN : this.aggregate === 'max' ? this.sums[index]! : this.sums[index]! / count);
    }
    return { t, v };
  }
}
