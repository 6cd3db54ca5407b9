// size-distribution: counts of values in buckets of bounded relative error, and their percentiles.
//
// The bucketing is that of an HDR histogram with four significant digits: values below 2^15 are exact, from there each
// doubling is cut into 2^14 equal buckets. Only buckets in use take memory.
const exactBits = 15;
const halfBuckets = 2 ** (exactBits - 1);

export interface PercentileLine {
  /** The largest value that the bucket holds. */
  readonly value: number;
  readonly percentile: number;
  readonly count: number;
}

export class SizeDistribution {
  private readonly counts = new Map<number, number>();
  private total = 0;

  add(value: number): void {
    const low = bucketStart(value);
    this.counts.set(low, (this.counts.get(low) ?? 0) + 1);
    this.total++;
  }

  /** A line where the cumulative count changes, at percentiles whose distance to 100 halves step by step. */
  percentiles(): PercentileLine[] {
    const lines: PercentileLine[] = [];
    let percentile = 0;
    let cumulative = 0;
    for (const low of [...this.counts.keys()].sort((a, b) => a - b)) {
      cumulative += this.counts.get(low)!;
      const reached = (100 * cumulative) / this.total;
      if (cumulative === this.total) {
        lines.push({ value: bucketEnd(low), percentile: 100, count: cumulative });
        break;
      }
      if (percentile > reached) continue;
      lines.push({ value: bucketEnd(low), percentile, count: cumulative });
      while (percentile <= reached) {
        const halvings = Math.floor(Math.log2(100 / (100 - percentile))) + 1;
        percentile += 100 / 2 ** halvings;
      }
    }
    return lines;
  }

  mean(): number {
    let sum = 0;
    for (const [low, count] of this.counts) sum += bucketMiddle(low) * count;
    return this.total === 0 ? 0 : sum / this.total;
  }

  deviation(): number {
    const mean = this.mean();
    let sum = 0;
    for (const [low, count] of this.counts) sum += (bucketMiddle(low) - mean) ** 2 * count;
    return this.total === 0 ? 0 : Math.sqrt(sum / this.total);
  }
}

function bucketWidth(value: number): number {
  return value < 2 * halfBuckets ? 1 : 2 ** (Math.floor(Math.log2(value)) - exactBits + 1);
}

function bucketStart(value: number): number {
  const width = bucketWidth(value);
  return Math.floor(value / width) * width;
}

function bucketEnd(low: number): number {
  return low + bucketWidth(low) - 1;
}

function bucketMiddle(low: number): number {
  return low + Math.floor(bucketWidth(low) / 2);
}
