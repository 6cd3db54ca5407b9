// time-counter: counts of an event in slices of time, on several resolutions at once.

import { type Commands, replyPairs, requireCount, requireFinite, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

const countScript = /* @__PURE__ */ makeScript(`
for index, key in ipairs(KEYS) do
  redis.call('HINCRBY', key, ARGV[index * 2 + 1], ARGV[1])
  if redis.call('TTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[index * 2]) end
end
return 1
`);

/** Counts of an event in slices of time: for each resolution a hash of slice -> count, which lives for `keep` slices at most twice. */
export class TimeCounter {
  private readonly key: string;

  /** Widths of slices in milliseconds: [60_000, 3_600_000]. */
  constructor(
    private readonly commands: Commands,
    name: string,
    private readonly resolutionsMs: readonly number[],
    private readonly keep = 120,
  ) {
    this.key = tagged('counter', name);
    requireCount('keep', keep);
    requireCount('the number of resolutions', resolutionsMs.length);
    for (const resolution of resolutionsMs) requireCount('resolution', resolution);
  }

  /** Counts an event at a time, on all resolutions in one step. */
  async count(timeMs: number, by = 1): Promise<void> {
    requireFinite('timeMs', timeMs);
    requireCount('by', by, Number.MIN_SAFE_INTEGER);
    const keys = this.resolutionsMs.map((width) => this.bucketOf(width, timeMs));
    const args = this.resolutionsMs.flatMap((width) => [2 * this.keep * width, Math.floor(timeMs / width)]);
    await runScript(this.commands, countScript, keys, [by, ...args]);
  }

  /** Counts of the last `slices` slices, oldest first. */
  async last(resolutionMs: number, slices: number, timeMs: number): Promise<number[]> {
    if (requireCount('slices', slices) > this.keep) throw new RangeError(`only ${this.keep} slices are kept`);
    if (!this.resolutionsMs.includes(resolutionMs))
      throw new RangeError(`nothing is counted in slices of ${resolutionMs} ms`);
    const newest = Math.floor(requireFinite('timeMs', timeMs) / resolutionMs);
    const wanted = Array.from({ length: slices }, (_, index) => newest - slices + 1 + index);
    const buckets = [...new Set(wanted.map((slice) => this.bucketOf(resolutionMs, slice * resolutionMs)))];
    const found = new Map<string, number>();
    for (const reply of await Promise.all(buckets.map((bucket) => this.commands.send('HGETALL', [bucket]))))
      for (const [slice, count] of replyPairs(reply)) found.set(slice, Number(count));
    return wanted.map((slice) => found.get(String(slice)) ?? 0);
  }

  /** The hash that holds `keep` slices. */
  private bucketOf(widthMs: number, timeMs: number): string {
    return `${this.key}:${widthMs}:${Math.floor(timeMs / widthMs / this.keep)}`;
  }
}
