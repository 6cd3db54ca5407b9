// usage: what a simulated process takes of its machine: always the same, because the real process runs many of them.

import type { Usage } from '../io/usage.js';

const MB = 1024 * 1024;

export const simulatedUsage: Usage = {
  residentBytes: () => 64 * MB,
  heapBytes: () => 16 * MB,
  collectedBytes: () => 0,
  processorMicros: () => ({ user: 0, system: 0 }),
  loopCycles: () => 0,
  loopActiveMs: () => 0,
};
