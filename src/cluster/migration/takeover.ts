// takeover: slots change their owner in one step, by agreement of the two.
//
// The source first notes the node that gets the slots (`grant`): from then on it believes that node, whatever the
// epochs are. The destination becomes the owner with an epoch above all that it knows, so that everybody else believes
// it too, and tells all nodes. The source treats the message on the move's own connection as a claim on the bus.
//
// There is no vote, as with CLUSTER SETSLOT NODE. If two nodes take the same epoch this way, the collision is resolved
// like any other.

import type { Bus } from '../bus.js';
import { bumpEpoch } from '../epochs.js';
import { broadcastPong } from '../messages.js';
import { type ClusterNode, setSlotBit } from '../node.js';
import { takeClaim } from '../slot-claims.js';

/** At the destination: this node is the owner from now on; returns its epoch. The slots are all `source`'s. */
export function takeOver(bus: Bus, slots: readonly number[]): number {
  const { state } = bus;
  bumpEpoch(bus);
  for (const slot of slots) {
    state.staged.delete(slot);
    state.assign(slot, state.myself);
  }
  bus.changed();
  broadcastPong(bus, 'all');
  return state.myself.configEpoch;
}

/** At the source: `node` may claim these slots. */
export function grant(bus: Bus, slots: readonly number[], node: ClusterNode): void {
  for (const slot of slots) bus.state.grantedTo.set(slot, node);
}

export function withdrawGrant(bus: Bus, slots: readonly number[]): void {
  for (const slot of slots) bus.state.grantedTo.delete(slot);
}

/** At the source: `node` has become the owner, with this epoch. */
export function giveUp(bus: Bus, slots: readonly number[], node: ClusterNode, epoch: number): void {
  claimFor(bus, slots, node, epoch);
  withdrawGrant(bus, slots);
}

/** At a replica of the destination: its master has become the owner. */
export function followTakeover(bus: Bus, slots: readonly number[], epoch: number): void {
  const { master } = bus.state.myself;
  if (master === undefined) return;
  grant(bus, slots, master);
  claimFor(bus, slots, master, epoch);
  withdrawGrant(bus, slots);
}

function claimFor(bus: Bus, slots: readonly number[], node: ClusterNode, epoch: number): void {
  const { state } = bus;
  const claimed = node.slots.slice();
  for (const slot of slots) setSlotBit(claimed, slot);
  state.currentEpoch = Math.max(state.currentEpoch, epoch);
  node.configEpoch = Math.max(node.configEpoch, epoch);
  bus.save();
  takeClaim(bus, node, epoch, claimed);
}
