// process-memory: what the process takes from the system, cheaply.

import { readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Resident bytes of the process; from /proc on Linux, where process.memoryUsage() walks much more. */
export function residentBytes(): number {
  if (process.platform === 'linux') {
    try {
      return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * PAGE_BYTES;
    } catch {
      return process.memoryUsage.rss();
    }
  }
  return process.memoryUsage.rss();
}

/** Bytes of the JavaScript heap in use. */
export function heapBytes(): number {
  return process.memoryUsage().heapUsed;
}
