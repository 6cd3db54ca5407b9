// slot-claims: a node claims slots with its epoch: the greater epoch gets them, and a master that lost its last one
// follows the winner.
//
// A claim counts with the epoch in which its node named all its slots (`claimEpoch`). The node's epoch may be known to be
// greater already, from a message without slots or from a move's own connection: but then the node may have given slots
// away of which this node has not heard yet, and a claim for them with the greater epoch would take them from their new
// owner.

import { SLOT_COUNT } from '../base/key-slot.js';
import type { Bus } from './bus.js';
import { sendUpdate } from './messages.js';
import { type ClusterNode, hasSlot, setSlotBit, clearSlotBit } from './node.js';
import { followMaster } from './roles.js';

/** Nobody has the slot, or its owner has stopped to say so. */
function isUnclaimed(bus: Bus, slot: number): boolean {
  return bus.state.owners[slot] === undefined || hasSlot(bus.state.unclaimed, slot);
}

/** `sender` says that it has these slots since `epoch`. */
export function takeClaim(bus: Bus, sender: ClusterNode, epoch: number, slots: Uint8Array): void {
  const { state } = bus;
  const { myself } = state;
  if (sender === myself) return;
  const master = state.shardMaster;
  const lostWithKeys: number[] = [];
  let claimedCount = 0;
  let lostCount = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const owner = state.owners[slot];
    if (!hasSlot(slots, slot)) {
      // The slot is on its way to another node; until that one is known, no reply names the old owner.
      if (owner === sender && epoch >= (state.takenAt.get(slot) ?? 0)) setSlotBit(state.unclaimed, slot);
      continue;
    }
    claimedCount++;
    if (owner === sender) {
      clearSlotBit(state.unclaimed, slot);
      continue;
    }
    // The manager decides about a slot that is being imported here.
    if (state.importingFrom.has(slot)) continue;
    const isGranted = state.grantedTo.get(slot) === sender;
    if (!isGranted && !isUnclaimed(bus, slot) && state.claimEpoch(slot) >= epoch) continue;
    if (owner === myself && bus.world.keysInSlot(slot) > 0) lostWithKeys.push(slot);
    if (owner === master) lostCount++;
    // A slot that has gone cannot go any further from here.
    if (owner === myself) state.migratingTo.delete(slot);
    state.assign(slot, sender);
    bus.changed();
  }
  if (lostCount > 0 && master.slotCount === 0 && (bus.settings.allowsReplicaMigration || claimedCount === lostCount)) {
    bus.log('notice', `Configuration change detected. Reconfiguring myself as a replica of ${bus.name(sender)}`);
    followMaster(bus, sender);
    return;
  }
  if (leaveSubReplica(bus)) return;
  if (lostWithKeys.length === 0) return;
  // Another node has them now, with data of its own. Also after a crash they are not this node's.
  for (const slot of lostWithKeys) state.staged.add(slot);
  bus.actions.push({ kind: 'dropKeys', slots: lostWithKeys });
}

/** The master has become a replica itself: its master is followed instead. */
export function leaveSubReplica(bus: Bus): boolean {
  const { myself } = bus.state;
  const grandmaster = myself.master?.master;
  if (grandmaster === undefined || grandmaster === myself) return false;
  bus.log('notice', `I'm a sub-replica! Reconfiguring myself as a replica of grandmaster ${bus.name(grandmaster)}`);
  followMaster(bus, grandmaster);
  return true;
}

/** Tells a sender that claims slots with an old epoch who has them by now. */
export function correctStaleClaim(bus: Bus, sender: ClusterNode, epoch: number, slots: Uint8Array): void {
  const { state } = bus;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!hasSlot(slots, slot)) continue;
    const owner = state.owners[slot];
    if (owner === sender || owner === undefined || isUnclaimed(bus, slot) || owner.claimEpoch <= epoch) continue;
    bus.log(
      'verbose',
      `Node ${bus.name(sender)} has old slots configuration, sending an UPDATE message about ${bus.name(owner)}`,
    );
    sendUpdate(bus, sender.link, owner);
    return;
  }
}
