// takeover: slots change their owner in one step, by agreement of the two.
//
// The source first notes the node that gets the slots (`grant`): from then on it believes that node, whatever the
// epochs are. The destination becomes the owner with an epoch above the source's, so that everybody else believes it
// too, and tells all nodes. The source treats the message on the move's own connection as a claim on the bus.
//
// Until it knows the new owner, the source still claims the slots in its messages, and in its nodes.conf if it crashes.
// No such claim may beat the new owner's. Therefore:
//
// - The source tells its epoch with the slots. The destination may not have heard of it on the bus.
// - The source's epoch stays the same while a grant is out: it takes over no slots that need a greater one, and leaves
//   a collision for later. It has one grant out at a time, and withdraws that before it reclaims the slots.
// - A destination that has a grant out itself takes the slots with the epoch that it has, if that is above the source's.
//   Otherwise it waits until its own slots are taken. When moves cross, the node with the greatest epoch does not wait,
//   so not all wait for each other. Equal epochs are a collision: the slots are declined.
//
// The alternative, a source that does not claim granted slots, would let any old claim of a third node through; one that
// raises its epoch and a destination that answers with a greater one cannot be told from a source that reclaims.
//
// There is no vote, as with CLUSTER SETSLOT NODE. If two nodes take the same epoch this way, the collision is resolved
// like any other.

import type { Bus } from '../bus.js';
import { bumpEpoch } from '../epochs.js';
import { EPOCH_MAX } from '../message-layout.js';
import { broadcastPong } from '../messages.js';
import { type ClusterNode, setSlotBit } from '../node.js';
import { takeClaim } from '../slot-claims.js';

/**
 * At the destination: this node is the owner from now on; returns its epoch. The slots are all `source`'s, which has said
 * that it has `toldEpoch`. 'later': this node's epoch is too small, and cannot change now. 'never': nor will it do then.
 */
export function takeOver(
  bus: Bus,
  slots: readonly number[],
  source: ClusterNode,
  toldEpoch: number,
): number | 'later' | 'never' {
  const { state } = bus;
  const { myself } = state;
  const sourceEpoch = Math.max(source.configEpoch, toldEpoch);
  if (sourceEpoch >= EPOCH_MAX) return 'never';
  state.currentEpoch = Math.max(state.currentEpoch, sourceEpoch);
  bumpEpoch(bus, sourceEpoch);
  if (myself.configEpoch <= sourceEpoch) return myself.configEpoch < sourceEpoch ? 'later' : 'never';
  for (const slot of slots) {
    state.staged.delete(slot);
    state.assign(slot, state.myself);
  }
  bus.changed();
  broadcastPong(bus, 'all');
  return state.myself.configEpoch;
}

/** At the source: `node` may claim these slots, with an epoch above the one that is returned. */
export function grant(bus: Bus, slots: readonly number[], node: ClusterNode): number {
  for (const slot of slots) bus.state.grantedTo.set(slot, node);
  return bus.state.myself.configEpoch;
}

export function withdrawGrant(bus: Bus, slots: readonly number[]): void {
  for (const slot of slots) bus.state.grantedTo.delete(slot);
}

/** At the source: nobody has said to have these slots. They are claimed with a new epoch. */
export function reclaim(bus: Bus, slots: readonly number[]): void {
  withdrawGrant(bus, slots);
  bumpEpoch(bus);
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
  const claimed = node.slots.map((bits, index) => bits & ~state.unclaimed[index]!);
  for (const slot of slots) setSlotBit(claimed, slot);
  state.currentEpoch = Math.max(state.currentEpoch, epoch);
  // The message names these slots alone.
  node.raiseEpoch(epoch);
  bus.save();
  takeClaim(bus, node, epoch, claimed);
  for (const slot of slots) if (state.owners[slot] === node) state.takenAt.set(slot, epoch);
}
