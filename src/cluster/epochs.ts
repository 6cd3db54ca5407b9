// epochs: the numbers that order decisions. A new one normally needs a majority; here are the two ways without.

import type { Bus } from './bus.js';
import { EPOCH_MAX } from './message-layout.js';
import type { ClusterNode } from './node.js';
import type { ClusterState } from './state.js';

/** Begins the next epoch. A node that lies may have named the last one: then there is no other. */
export function beginEpoch(state: ClusterState): number {
  if (state.currentEpoch < EPOCH_MAX) state.currentEpoch++;
  return state.currentEpoch;
}

/**
 * Gives this node the greatest epoch, unless it has that already, or hands slots over: then its epoch stays. Only for
 * what a user or manager asks for. An epoch that is not above `least` counts as another node's.
 */
export function bumpEpoch(bus: Bus, least = 0): boolean {
  const { state } = bus;
  const { myself } = state;
  if (state.isHandingOver) return false;
  if (myself.configEpoch > least && myself.configEpoch === state.maxEpoch) return false;
  myself.configEpoch = beginEpoch(state);
  bus.save();
  bus.log('notice', `New configEpoch set to ${myself.configEpoch}`);
  return true;
}

/** Two masters have the same epoch: the one with the smaller id takes a new one. */
export function resolveCollision(bus: Bus, sender: ClusterNode): void {
  const { state } = bus;
  const { myself } = state;
  if (!sender.isMaster || !myself.isMaster || sender.configEpoch !== myself.configEpoch) return;
  if (sender.id <= myself.id) return;
  // The collision is still there when the slots have gone.
  if (state.isHandingOver) return;
  myself.configEpoch = beginEpoch(state);
  bus.save();
  bus.log(
    'verbose',
    `WARNING: configEpoch collision with node ${bus.name(sender)}. configEpoch set to ${myself.configEpoch}`,
  );
}
