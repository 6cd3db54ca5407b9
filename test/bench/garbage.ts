// garbage: what V8 tells about its collections with --trace-gc, a line each:
//   [4711:0x5581]   233 ms: Scavenge 5.4 (7.2) -> 4.6 (7.9) MB, 1.21 / 0.00 ms  (average mu = 1.000) allocation failure;
// megabytes in use (and reserved) before and after, then how long the program stood still.

const line =
  /^\[\d+:0x[0-9a-f]+\] +\d+ ms: [^\n]*? ([\d.]+) \([\d.]+\) -> [\d.]+ \([\d.]+\) MB, (?:pooled: [\d.]+ MB, )?([\d.]+) \/ [\d.]+ ms/gm;

export interface Collections {
  readonly count: number;
  readonly longestMs: number;
  /** The heap before a collection, at its largest. */
  readonly largestMegabytes: number;
}

/** Sums up the collections in a process's output; all is 0 if there was none. */
export function collectionsIn(output: string): Collections {
  let count = 0;
  let longestMs = 0;
  let largestMegabytes = 0;
  for (const [, megabytes, ms] of output.matchAll(line)) {
    count++;
    longestMs = Math.max(longestMs, Number(ms));
    largestMegabytes = Math.max(largestMegabytes, Number(megabytes));
  }
  return { count, longestMs, largestMegabytes };
}
