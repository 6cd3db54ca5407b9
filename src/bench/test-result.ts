// test-result: the figures that one test of the benchmark ends with.
import type { Histogram } from './histogram.js';

/** The figures of one slice of a test. */
export interface Sample {
  /** End of the slice, from the start of the test. */
  endMs: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

export interface TestResult {
  title: string;
  finished: number;
  elapsedMs: number;
  histogram: Histogram;
  samples: Sample[];
}
