// replica-options: what stores over several independent servers have in common.

import { requireCount } from '../commands.js';
import type { Surroundings } from '../surroundings.js';

export interface ReplicaOptions {
  /** How many servers must have taken a write; a majority if absent. */
  readonly writeQuorum?: number | undefined;
  /** How many servers must answer a read; a majority if absent. With less than n + 1 together, a read may miss a write. */
  readonly readQuorum?: number | undefined;
  /** A server that has not answered after this counts as gone; 1000 if absent. */
  readonly timeoutMs?: number | undefined;
  /** How long a deletion is remembered; a day if absent. A server that is away for longer brings the value back. */
  readonly tombstoneMs?: number | undefined;
  /** Gets errors of single servers. */
  readonly onError?: ((error: unknown, node: number) => void) | undefined;
  readonly surroundings?: Surroundings | undefined;
}

export const TOMBSTONE_MS = 86_400_000;

export function requireQuorum(what: string, value: number, nodes: number): number {
  requireCount('the number of servers', nodes);
  if (requireCount(what, value) > nodes) throw new RangeError(`${what} is ${value}, and there are ${nodes} servers`);
  return value;
}
