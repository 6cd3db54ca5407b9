// environment: everything that a server takes from the machine: time, network, disk, chance, its own share of them, and what else
// it may rely on.
//
// `systemEnvironment` is the machine itself; a simulated world gives each of its hosts one of its own.

import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from './clock.js';
import { type Files, RealFiles } from './files.js';
import type { Network } from './network.js';
import { SystemNetwork } from './network-system.js';
import { systemUsage, type Usage } from './usage.js';

export interface Environment {
  readonly clock: Clock;
  readonly network: Network;
  readonly files: Files;
  readonly usage: Usage;
  /** So many bytes that nobody can guess; in a simulation they follow from the seed. */
  entropy(count: number): Uint8Array;
  /** Worker threads may be used. */
  readonly hasThreads: boolean;
  /** Other processes may have the same files. */
  readonly sharesDisk: boolean;
  /** The number of this process on the host. */
  readonly processId: number;
}

export const systemEnvironment: Environment = {
  clock: systemClock,
  network: new SystemNetwork(),
  files: new RealFiles(),
  usage: systemUsage,
  entropy: (count) => randomBytes(count),
  hasThreads: true,
  sharesDisk: true,
  processId: process.pid,
};
