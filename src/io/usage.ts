// usage: the process's use of the machine: memory, processor time, turns of the event loop.
//
// INFO shows these figures, so they come in like time does: in a simulated world they must be the same at every run of a seed.

import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

export interface Usage {
  /** Bytes in memory. */
  residentBytes(): number;
  /** Bytes of the JavaScript heap in use. */
  heapBytes(): number;
  /** Bytes of the heap and of buffers and strings outside it, those included that only a garbage collection will free. */
  collectedBytes(): number;
  /** Microseconds of processor time so far. */
  processorMicros(): { readonly user: number; readonly system: number };
  /** Turns of the event loop so far. */
  loopCycles(): number;
  /** Milliseconds in which the event loop did not wait, so far. */
  loopActiveMs(): number;
}

const PAGE_BYTES = 4096;

/** Bun and Deno lack some of it: the figures are 0 then. */
const measures = performance as {
  readonly nodeTiming?: { readonly uvMetricsInfo?: { readonly loopCount: number } };
  eventLoopUtilization?(): { readonly active: number };
};

/** From /proc on Linux, where process.memoryUsage() walks much more. */
function residentBytes(): number {
  if (process.platform === 'linux') {
    try {
      return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * PAGE_BYTES;
    } catch {
      return process.memoryUsage.rss();
    }
  }
  return process.memoryUsage.rss();
}

export const systemUsage: Usage = {
  residentBytes,
  heapBytes: () => process.memoryUsage().heapUsed,
  collectedBytes() {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
  processorMicros: () => process.cpuUsage(),
  loopCycles: () => measures.nodeTiming?.uvMetricsInfo?.loopCount ?? 0,
  loopActiveMs: () => measures.eventLoopUtilization?.().active ?? 0,
};
