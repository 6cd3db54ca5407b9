// latency-histogram: counts durations of 1 ns to 1 s with two significant digits in a fixed number of cells.
//
// The cells are those of HdrHistogram (Gil Tene): 256 of width 1, then 128 of width 2, 128 of width 4, and so on, so that a
// value's cell is found from its highest bit. 23 doublings reach a second; larger values count as the largest. A histogram
// is 24 KB, made when a command is first timed.

const SUB_CELLS = 256;
const HALF_CELLS = 128;
const VALUE_MAX = 1_000_000_000;
const CELL_COUNT = cellOf(VALUE_MAX) + HALF_CELLS;

function cellOf(value: number): number {
  const doublings = 24 - Math.clz32(value | (SUB_CELLS - 1));
  return doublings * HALF_CELLS + (value >>> doublings);
}

/** The largest value that shares a cell with this one. */
function lastOfCell(value: number): number {
  const doublings = 24 - Math.clz32(value | (SUB_CELLS - 1));
  return ((value >>> doublings) + 1) * 2 ** doublings - 1;
}

function lastOfCellIndex(cell: number): number {
  if (cell < SUB_CELLS) return cell;
  const doublings = Math.floor(cell / HALF_CELLS) - 1;
  return (cell - doublings * HALF_CELLS + 1) * 2 ** doublings - 1;
}

export class LatencyHistogram {
  private readonly cells = new Float64Array(CELL_COUNT);
  count = 0;

  /** Counts a duration, `times` times. @hot */
  record(nanoseconds: number, times = 1): void {
    const value = nanoseconds > VALUE_MAX ? VALUE_MAX : nanoseconds < 1 ? 1 : nanoseconds | 0;
    this.cells[cellOf(value)]! += times;
    this.count += times;
  }

  /** Nanoseconds that so many percent of the durations do not pass. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.min(this.count, Math.floor((percent / 100) * this.count + 0.5)));
    let seen = 0;
    for (let cell = 0; cell < CELL_COUNT; cell++) {
      seen += this.cells[cell]!;
      if (seen >= wanted) return lastOfCellIndex(cell);
    }
    return 0;
  }

  /** Pairs of microseconds and the count of durations up to there, at every power of two that adds some. */
  cumulative(): (readonly [microseconds: number, count: number])[] {
    const pairs: (readonly [number, number])[] = [];
    let cell = 0;
    let seen = 0;
    for (let level = 1024; seen < this.count; level *= 2) {
      const limit = level > 2 ** 30 ? Infinity : cellOf(level);
      const before = seen;
      for (; cell < CELL_COUNT && cell <= limit; cell++) seen += this.cells[cell]!;
      if (seen > before) pairs.push([Math.floor((level >= VALUE_MAX ? level : lastOfCell(level)) / 1000), seen]);
    }
    return pairs;
  }
}
