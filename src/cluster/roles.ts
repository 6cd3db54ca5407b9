// roles: this node follows a master, or becomes one.

import type { Bus } from './bus.js';
import { type ClusterNode, NodeFlag } from './node.js';
import { endManualFailover } from './manual-failover.js';

/** This node, which has no slots, is a replica of `master` from now on. */
export function followMaster(bus: Bus, master: ClusterNode): void {
  const { state } = bus;
  const { myself } = state;
  if (myself.isMaster) {
    state.migratingTo.clear();
    state.importingFrom.clear();
    state.grantedTo.clear();
  }
  state.follow(myself, master);
  bus.actions.push({ kind: 'follow', master });
  endManualFailover(bus);
  bus.changed();
}

/** This node is a master from now on. */
export function becomeMaster(bus: Bus): void {
  const { state } = bus;
  if (state.myself.isMaster) return;
  state.promote(state.myself);
  bus.actions.push({ kind: 'promote' });
  bus.changed();
}

/** Another node has become a master. */
export function noteMaster(bus: Bus, node: ClusterNode): void {
  if (node.isMaster) return;
  bus.state.promote(node);
  bus.changed();
}

/** Another node has become a replica, of a master that may be unknown. */
export function noteReplica(bus: Bus, node: ClusterNode, master: ClusterNode | undefined): void {
  if (master !== undefined) {
    if (node.master !== master || !node.isReplica) {
      bus.state.follow(node, master);
      bus.changed();
    }
    return;
  }
  if (node.isReplica) return;
  node.flags = (node.flags & ~(NodeFlag.master | NodeFlag.migrateTo)) | NodeFlag.replica;
  bus.state.version++;
  bus.changed();
}
