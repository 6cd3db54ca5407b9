// histogram: counts of latencies in buckets whose width grows with the value (Gil Tene's HDR histogram).
//
// A value is told apart to a chosen number of significant digits, whatever its size: the first bucket is cut in
// `subBucketCount` equal parts, each further one covers twice the range in half as many parts. Recording is a
// leading-zero count, two shifts and an increment; memory is fixed (40 KB for 3 digits up to 3 seconds).
// The counts may live in shared memory: each thread records into its own and the main thread reads them all.
//
// Percentile and linear steps follow the reference algorithm (hdrhistogram.org), because redis-benchmark's table is made of them.

export interface HistogramShape {
  /** Smallest difference worth seeing: its power of two at or below is the width of the first parts. */
  lowest: number;
  /** Largest value; above it values are counted as this one. At most 2^30. */
  highest: number;
  /** Significant decimal digits, 1 to 4. */
  digits: number;
}

export interface PercentileStep {
  percentile: number;
  value: number;
  cumulativeCount: number;
}

export class Histogram {
  readonly shape: HistogramShape;
  readonly counts: Int32Array;
  private readonly highest: number;
  private readonly unitMagnitude: number;
  private readonly subBucketHalfMagnitude: number;
  private readonly subBucketCount: number;
  private readonly subBucketHalfCount: number;
  private readonly subBucketMask: number;

  constructor(shape: HistogramShape, shared?: SharedArrayBuffer) {
    this.shape = shape;
    this.highest = shape.highest;
    this.unitMagnitude = Math.floor(Math.log2(shape.lowest));
    const subBucketMagnitude = Math.ceil(Math.log2(2 * 10 ** shape.digits));
    this.subBucketHalfMagnitude = subBucketMagnitude - 1;
    this.subBucketCount = 2 ** subBucketMagnitude;
    this.subBucketHalfCount = this.subBucketCount / 2;
    this.subBucketMask = (this.subBucketCount - 1) * 2 ** this.unitMagnitude;
    let bucketCount = 1;
    for (let reach = this.subBucketCount * 2 ** this.unitMagnitude; reach <= shape.highest; reach *= 2) bucketCount++;
    const length = (bucketCount + 1) * this.subBucketHalfCount;
    this.counts = new Int32Array(shared ?? new SharedArrayBuffer(length * 4));
  }

  /** @hot Counts `times` occurrences of a whole, non-negative value. */
  record(value: number, times: number): void {
    if (value > this.highest) value = this.highest;
    const shift = 32 - Math.clz32(value | this.subBucketMask) - (this.subBucketHalfMagnitude + 1);
    const bucket = shift - this.unitMagnitude;
    this.counts[((bucket + 1) << this.subBucketHalfMagnitude) + (value >>> shift) - this.subBucketHalfCount]! += times;
  }

  /** Adds the counts of another histogram of the same shape. */
  add(other: Histogram): void {
    for (let index = 0; index < this.counts.length; index++) this.counts[index]! += other.counts[index]!;
  }

  /** The counts since `before`, a copy of this one's counts. */
  since(before: Int32Array): Histogram {
    const difference = new Histogram(this.shape);
    for (let index = 0; index < before.length; index++) difference.counts[index] = this.counts[index]! - before[index]!;
    return difference;
  }

  get totalCount(): number {
    let total = 0;
    for (const count of this.counts) total += count;
    return total;
  }

  /** Lowest value recorded, rounded down to its part; NaN when empty. */
  get min(): number {
    for (let index = 0; index < this.counts.length; index++) if (this.counts[index] !== 0) return this.valueAt(index);
    return NaN;
  }

  /** Highest value recorded, rounded up to the end of its part; NaN when empty. */
  get max(): number {
    for (let index = this.counts.length - 1; index >= 0; index--) {
      if (this.counts[index] !== 0) return this.highestEquivalent(this.valueAt(index));
    }
    return NaN;
  }

  get mean(): number {
    let sum = 0;
    let total = 0;
    for (let index = 0; index < this.counts.length; index++) {
      const count = this.counts[index]!;
      if (count === 0) continue;
      const value = this.valueAt(index);
      sum += count * (value + Math.floor(this.widthAt(value) / 2));
      total += count;
    }
    return sum / total;
  }

  /** Value that `percentile` percent of the recorded ones do not exceed; NaN when empty. */
  valueAtPercentile(percentile: number): number {
    const wanted = Math.max(1, Math.floor((Math.min(percentile, 100) / 100) * this.totalCount + 0.5));
    let cumulative = 0;
    for (let index = 0; index < this.counts.length; index++) {
      cumulative += this.counts[index]!;
      if (cumulative >= wanted) return this.highestEquivalent(this.valueAt(index));
    }
    return NaN;
  }

  /** Steps that halve the distance to 100 % each time (one tick a half distance), and the end. */
  percentileSteps(): PercentileStep[] {
    const total = this.totalCount;
    const steps: PercentileStep[] = [];
    let cumulativeCount = 0;
    let level = 0;
    for (let index = 0; index < this.counts.length && cumulativeCount < total; index++) {
      const count = this.counts[index]!;
      if (count === 0) continue;
      cumulativeCount += count;
      const reached = (100 * cumulativeCount) / total;
      const value = this.highestEquivalent(this.valueAt(index));
      // While there is more to come, one part may answer several levels; the last part answers one, then the end.
      while (level <= reached) {
        steps.push({ percentile: level, value, cumulativeCount });
        level += 100 / 2 ** (Math.floor(Math.log2(100 / (100 - level))) + 1);
        if (cumulativeCount === total) break;
      }
    }
    if (total > 0) steps.push({ percentile: 100, value: this.max, cumulativeCount });
    return steps;
  }

  /** Cumulative counts at every 100, above 2000 at every 1000. */
  linearSteps(): PercentileStep[] {
    const total = this.totalCount;
    const steps: PercentileStep[] = [];
    let cumulativeCount = 0;
    let level = 100;
    let width = 100;
    let next = 0;
    while (cumulativeCount < total) {
      const end = this.highestEquivalent(level);
      for (; next < this.counts.length && this.valueAt(next) <= end; next++) cumulativeCount += this.counts[next]!;
      steps.push({ percentile: (cumulativeCount / total) * 100, value: end, cumulativeCount });
      level += width;
      if (end > 2000) width = 1000;
    }
    return steps;
  }

  private valueAt(index: number): number {
    let bucket = (index >> this.subBucketHalfMagnitude) - 1;
    let part = (index & (this.subBucketHalfCount - 1)) + this.subBucketHalfCount;
    if (bucket < 0) {
      part -= this.subBucketHalfCount;
      bucket = 0;
    }
    return part * 2 ** (bucket + this.unitMagnitude);
  }

  private widthAt(value: number): number {
    return 2 ** (32 - Math.clz32(value | this.subBucketMask) - (this.subBucketHalfMagnitude + 1));
  }

  private highestEquivalent(value: number): number {
    const width = this.widthAt(value);
    return Math.floor(value / width) * width + width - 1;
  }
}
