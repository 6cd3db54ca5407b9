// simulated-environment: the machine as a process on a simulated host finds it.

import { Prng } from '../base/prng.js';
import type { Environment } from '../io/environment.js';
import type { Host } from './host.js';
import { simulatedUsage } from './usage.js';

/** Draws the seed of the process's own chance from the world. */
export function simulatedEnvironment({ world, clock, network, files }: Host, processId: number): Environment {
  const random = new Prng(world.random.uint32() | 0);
  return {
    clock,
    network,
    files,
    usage: simulatedUsage,
    entropy: (count) => Uint8Array.from({ length: count }, () => random.below(256)),
    hasThreads: false,
    sharesDisk: false,
    processId,
  };
}
