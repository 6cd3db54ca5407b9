// replica-migration: a replica leaves a master that has more than it needs for one that has lost all of its own.
//
// Of all replicas of the masters with the most, the one with the smallest id moves, so that one moves at a time.

import type { Bus } from './bus.js';
import { type ClusterNode, NodeFlag } from './node.js';
import { followMaster } from './roles.js';

const ORPHANED_MS = 5000;

export function workingReplicas(master: ClusterNode): number {
  return master.replicas.filter((replica) => !replica.hasFailed).length;
}

function isOrphaned(master: ClusterNode): boolean {
  return master.isMaster && !master.hasFailed && master.has(NodeFlag.migrateTo) && workingReplicas(master) === 0;
}

export function migrateReplica(bus: Bus): void {
  const { state, settings, nowMs } = bus;
  const { myself } = state;
  const { master } = myself;
  if (!settings.allowsReplicaMigration || myself.isMaster || master === undefined) return;
  let hasOrphans = false;
  let most = 0;
  for (const node of state.nodes.values()) {
    if (!node.isMaster || node.hasFailed || node.isInHandshake || !node.hasAddress) continue;
    most = Math.max(most, workingReplicas(node));
    if (node.slotCount > 0 && isOrphaned(node)) hasOrphans = true;
  }
  if (!hasOrphans || most < 2 || workingReplicas(master) !== most || !state.isOk) return;
  const spare = master.replicas.filter((replica) => !replica.hasFailed && !replica.isSuspected).length;
  if (spare <= settings.migrationBarrier) return;

  let candidate: ClusterNode = myself;
  let target: ClusterNode | undefined;
  for (const node of state.nodes.values()) {
    if (isOrphaned(node)) {
      if (target === undefined && node.slotCount > 0) target = node;
      if (node.orphanedMs === 0) node.orphanedMs = nowMs;
    } else node.orphanedMs = 0;
    if (node.isMaster && workingReplicas(node) === most)
      for (const replica of node.replicas) if (replica.id < candidate.id) candidate = replica;
  }
  if (target === undefined || candidate !== myself || nowMs - target.orphanedMs <= ORPHANED_MS) return;
  bus.log('notice', `Migrating to orphaned master ${target.id}`);
  followMaster(bus, target);
}
