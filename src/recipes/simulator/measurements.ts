// measurements: what a simulated run shows: queries, waiting times and errors of each slice of time.

export interface Slice {
  /** Queries that the database got, a second. */
  readonly queries: number;
  /** The time that 95 of 100 requests stayed below, in milliseconds. */
  readonly p95Ms: number;
  /** Requests that failed, a second. */
  readonly errors: number;
}

export class Measurements {
  private readonly queries: number[];
  private readonly errors: number[];
  private readonly times: number[][];

  constructor(
    private readonly sliceMs: number,
    sliceCount: number,
  ) {
    this.queries = new Array<number>(sliceCount).fill(0);
    this.errors = new Array<number>(sliceCount).fill(0);
    this.times = Array.from({ length: sliceCount }, () => []);
  }

  countQuery(atMs: number): void {
    const slice = this.sliceOf(atMs);
    if (slice !== undefined) this.queries[slice]!++;
  }

  /** A request that began at a time and took so long. */
  countRequest(beganMs: number, tookMs: number, failed: boolean): void {
    const slice = this.sliceOf(beganMs);
    if (slice === undefined) return;
    if (failed) this.errors[slice]!++;
    this.times[slice]!.push(tookMs);
  }

  slices(): Slice[] {
    const seconds = this.sliceMs / 1000;
    return this.times.map((times, index) => {
      const sorted = times.sort((a, b) => a - b);
      return {
        queries: Math.round(this.queries[index]! / seconds),
        p95Ms: Math.round(sorted[Math.floor(sorted.length * 0.95)] ?? 0),
        errors: Math.round(this.errors[index]! / seconds),
      };
    });
  }

  private sliceOf(atMs: number): number | undefined {
    const slice = Math.floor(atMs / this.sliceMs);
    return slice >= 0 && slice < this.times.length ? slice : undefined;
  }
}
