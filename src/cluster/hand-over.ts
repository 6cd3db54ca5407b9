// hand-over: a master that is about to end lets its best replica take its place, so that clients need not wait for a
// failover.
//
// It asks the replica for CLUSTER FAILOVER, which loses no write: the replica asks for the offset, this node pauses writes, the
// others vote. So it works with replicas of redis-server too. If it does not come about in time, the node ends all the same.
//
// Not here: the failover (manual-failover, election), which shutdowns do this (server/shutdown).

import type { LogLevel } from '../base/log-level.js';
import type { Clock } from '../io/clock.js';
import { MANUAL_FAILOVER_MS } from './manual-failover.js';
import type { ClusterNode } from './node.js';

const LOOK_MS = 20;
/** The failover gives up by itself after five seconds. */
const WAIT_MS = MANUAL_FAILOVER_MS + 1000;

export interface HandOverHost {
  readonly clock: Clock;
  readonly myself: ClusterNode;
  log(level: LogLevel, text: string): void;
  /** Sends a command to a node; the reason when it is refused or cannot be sent. */
  command(node: ClusterNode, words: readonly string[], refused: (reason: string) => void): void;
}

/** The replica that has most of the data, of those that can be reached. */
export function bestReplica(myself: ClusterNode): ClusterNode | undefined {
  let best: ClusterNode | undefined;
  for (const replica of myself.replicas) {
    if (replica.hasFailed || replica.isSuspected || replica.link?.isOpen !== true) continue;
    if (best === undefined || replica.replicationOffset > best.replicationOffset) best = replica;
  }
  return best;
}

/** True when a replica has taken over. */
export async function handOver(host: HandOverHost): Promise<boolean> {
  const { clock, myself } = host;
  if (!myself.isMaster || myself.slotCount === 0) return false;
  const replica = bestReplica(myself);
  if (replica === undefined) {
    host.log('warning', 'No replica can take over before the shutdown: none is in reach.');
    return false;
  }
  host.log('notice', `Replica ${replica.id} is asked to take over before the shutdown.`);
  const endMs = clock.steadyMs() + WAIT_MS;
  let refusal: string | undefined;
  host.command(replica, ['CLUSTER', 'FAILOVER'], (reason) => (refusal = reason));
  while (isMasterStill(myself) && refusal === undefined && clock.steadyMs() < endMs)
    await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve));
  const isDone = !isMasterStill(myself);
  if (isDone) host.log('notice', `Replica ${replica.id} has taken over.`);
  else
    host.log(
      'warning',
      `Replica ${replica.id} has not taken over before the shutdown: ${refusal ?? 'it took too long'}`,
    );
  return isDone;
}

/** Asked anew each time: it changes while the node is waited for. */
function isMasterStill(node: ClusterNode): boolean {
  return node.isMaster;
}
