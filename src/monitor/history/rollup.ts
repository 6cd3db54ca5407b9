// rollup: rows of two seconds summed up to rows of a minute: of each figure the mean and, as `name^`, the highest.

import type { Cell } from './open-block.js';

export const MINUTE_MS = 60_000;

/** The column of a figure's highest value in each minute. */
export function peakName(name: string): string {
  return `${name}^`;
}

/** Figures of commands are many; of these the mean is enough. */
function hasPeak(name: string): boolean {
  return !name.includes(':');
}

interface Sum {
  decimals: number;
  total: number;
  count: number;
  max: number;
}

export class Rollup {
  private readonly minutes = new Map<number, Map<string, Sum>>();

  add(timeMs: number, { name, decimals, value }: Cell): void {
    if (!Number.isFinite(value)) return;
    const minute = Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
    let sums = this.minutes.get(minute);
    if (sums === undefined) this.minutes.set(minute, (sums = new Map()));
    const sum = sums.get(name);
    if (sum === undefined) {
      sums.set(name, { decimals, total: value, count: 1, max: value });
      return;
    }
    sum.total += value;
    sum.count++;
    if (value > sum.max) sum.max = value;
  }

  /** Takes the minutes that are over at this time, oldest first. */
  *complete(nowMs: number): IterableIterator<readonly [minuteMs: number, cells: Cell[]]> {
    for (const minute of [...this.minutes.keys()].sort((a, b) => a - b)) {
      // A minute of the future is one from before the clock was set back.
      if (minute <= nowMs && minute + MINUTE_MS > nowMs) continue;
      const cells: Cell[] = [];
      for (const [name, { decimals, total, count, max }] of this.minutes.get(minute)!) {
        cells.push({ name, decimals, value: total / count });
        if (hasPeak(name)) cells.push({ name: peakName(name), decimals, value: max });
      }
      this.minutes.delete(minute);
      yield [minute, cells];
    }
  }
}
