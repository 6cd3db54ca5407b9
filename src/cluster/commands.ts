// commands: the changes that users and managers ask for. Each returns an error in Redis's words, or nothing when it is done.

import { errors } from '../protocol/errors.js';
import { SLOT_COUNT } from '../base/key-slot.js';
import { isIpAddress } from '../base/ip-address.js';
import type { Bus } from './bus.js';
import { replaceMaster } from './election.js';
import { bumpEpoch } from './epochs.js';
import { isForgotten } from './gossip.js';
import { startHandshake } from './handshake.js';
import { askForPause, endManualFailover, MANUAL_FAILOVER_MS } from './manual-failover.js';
import { broadcastPong } from './messages.js';
import { BUS_PORT_OFFSET, type ClusterNode, NodeFlag } from './node.js';
import { becomeMaster, followMaster } from './roles.js';

export type Refusal = string | undefined;

const FORGET_MS = 60_000;

export function addSlots(bus: Bus, slots: readonly number[]): Refusal {
  const { state } = bus;
  for (const slot of slots) if (state.owners[slot] !== undefined) return `ERR Slot ${slot} is already busy`;
  for (const slot of slots) {
    state.importingFrom.delete(slot);
    state.assign(slot, state.myself);
  }
  bus.changed();
  return undefined;
}

export function delSlots(bus: Bus, slots: readonly number[]): Refusal {
  const { state } = bus;
  for (const slot of slots) if (state.owners[slot] === undefined) return `ERR Slot ${slot} is already unassigned`;
  for (const slot of slots) {
    state.importingFrom.delete(slot);
    state.unassign(slot);
  }
  bus.changed();
  return undefined;
}

export function flushSlots(bus: Bus): Refusal {
  if (!bus.world.isEmpty()) return errors.flushSlotsNotEmpty;
  bus.state.unassignAll(bus.state.myself);
  bus.changed();
  return undefined;
}

// --- moving slots ----------------------------------------------------------------------------------------------------------

const ONLY_MASTERS = errors.setSlotOnMasters;

export function setSlotMigrating(bus: Bus, slot: number, id: string): Refusal {
  const { state } = bus;
  if (state.myself.isReplica) return ONLY_MASTERS;
  if (!state.isMine(slot)) return `ERR I'm not the owner of hash slot ${slot}`;
  return setMoving(bus, state.migratingTo, slot, id);
}

export function setSlotImporting(bus: Bus, slot: number, id: string): Refusal {
  const { state } = bus;
  if (state.myself.isReplica) return ONLY_MASTERS;
  if (state.isMine(slot)) return `ERR I'm already the owner of hash slot ${slot}`;
  // The keys that it had here are gone; those that come now are to stay.
  state.staged.delete(slot);
  return setMoving(bus, state.importingFrom, slot, id);
}

function setMoving(bus: Bus, moving: Map<number, ClusterNode>, slot: number, id: string): Refusal {
  const node = bus.state.node(id);
  if (node === undefined) return `ERR I don't know about node ${id}`;
  if (node.isReplica) return errors.targetNoMaster;
  moving.set(slot, node);
  bus.state.version++;
  bus.changed();
  return undefined;
}

export function setSlotStable(bus: Bus, slot: number): Refusal {
  const { state } = bus;
  if (state.myself.isReplica) return ONLY_MASTERS;
  state.importingFrom.delete(slot);
  state.migratingTo.delete(slot);
  state.version++;
  bus.changed();
  return undefined;
}

export function setSlotNode(bus: Bus, slot: number, id: string): Refusal {
  const { state, world, settings } = bus;
  const { myself } = state;
  if (myself.isReplica) return ONLY_MASTERS;
  const node = state.node(id);
  if (node === undefined) return `ERR Unknown node ${id}`;
  if (node.isReplica) return errors.targetNoMaster;
  if (node === myself && state.importingFrom.has(slot) && state.isHandingOver) return errors.handingOver;
  const wasMine = state.isMine(slot);
  const keyCount = world.keysInSlot(slot);
  if (wasMine && node !== myself && keyCount > 0)
    return `ERR Can't assign hashslot ${slot} to a different node while I still hold keys for this hash slot.`;
  if (keyCount === 0) state.migratingTo.delete(slot);
  state.assign(slot, node);
  state.version++;
  bus.changed();
  if (wasMine && node !== myself && myself.slotCount === 0 && settings.allowsReplicaMigration) {
    bus.log('notice', `Configuration change detected. Reconfiguring myself as a replica of ${bus.name(node)}`);
    followMaster(bus, node);
  }
  if (node === myself && state.importingFrom.delete(slot)) {
    // Everybody must believe this node although nobody has voted: the user says so.
    if (bumpEpoch(bus)) bus.log('notice', `configEpoch updated after importing slot ${slot}`);
    broadcastPong(bus, 'all');
  }
  return undefined;
}

// --- nodes -----------------------------------------------------------------------------------------------------------------

/** `busPort` 0: the usual distance from `port`. */
export function meet(bus: Bus, ip: string, port: number, busPort: number): Refusal {
  const wantedBusPort = busPort === 0 ? port + BUS_PORT_OFFSET : busPort;
  if (!isIpAddress(ip) || !isPort(port) || !isPort(wantedBusPort))
    return `ERR Invalid node address specified: ${ip}:${port}`;
  startHandshake(bus, { ip: ip.toLowerCase(), port, otherPort: 0, busPort: wantedBusPort }, NodeFlag.meet);
  return undefined;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= 65535;
}

export function forget(bus: Bus, id: string): Refusal {
  const { state } = bus;
  const node = state.node(id);
  if (node === undefined) return isForgotten(bus, id) ? undefined : `ERR Unknown node ${id}`;
  if (node === state.myself) return "ERR I tried hard but I can't forget myself...";
  if (node === state.myself.master) return "ERR Can't forget my master!";
  state.forgotten.set(id, bus.nowMs + FORGET_MS);
  bus.removeNode(node);
  bus.changed();
  return undefined;
}

export function replicate(bus: Bus, id: string): Refusal {
  const { state } = bus;
  const { myself } = state;
  const node = state.node(id);
  if (node === undefined) return `ERR Unknown node ${id}`;
  if (node === myself) return "ERR Can't replicate myself";
  if (node.isReplica) return 'ERR I can only replicate a master, not a replica.';
  if (myself.isMaster && (myself.slotCount > 0 || !bus.world.isEmpty()))
    return 'ERR To set a master the node must be empty and without assigned slots.';
  followMaster(bus, node);
  // Until others know, they neither vote for this node nor count it as a replica; the next ping to them may be far away.
  broadcastPong(bus, 'all');
  return undefined;
}

export function failover(bus: Bus, how: 'plain' | 'force' | 'takeover'): Refusal {
  const { state } = bus;
  const { myself, manualFailover } = state;
  const { master } = myself;
  if (myself.isMaster) return 'ERR You should send CLUSTER FAILOVER to a replica';
  if (master === undefined) return "ERR I'm a replica but my master is unknown to me";
  if (how === 'plain' && (master.hasFailed || master.link?.isOpen !== true))
    return 'ERR Master is down or failed, please use CLUSTER FAILOVER FORCE';
  endManualFailover(bus);
  manualFailover.endMs = bus.nowMs + MANUAL_FAILOVER_MS;
  if (how === 'takeover') {
    bus.log('notice', 'Taking over the master (user request).');
    bumpEpoch(bus);
    replaceMaster(bus);
  } else if (how === 'force') {
    bus.log('notice', 'Forced failover user request accepted.');
    manualFailover.canStart = true;
  } else {
    bus.log('notice', 'Manual failover user request accepted.');
    askForPause(bus);
  }
  return undefined;
}

export function reset(bus: Bus, hard: boolean): Refusal {
  const { state } = bus;
  const { myself } = state;
  if (myself.isMaster && !bus.world.isEmpty())
    return "ERR CLUSTER RESET can't be called with master nodes containing keys";
  if (myself.isReplica) {
    becomeMaster(bus);
    bus.actions.push({ kind: 'flush' });
  }
  state.migratingTo.clear();
  state.importingFrom.clear();
  endManualFailover(bus);
  for (let slot = 0; slot < SLOT_COUNT; slot++) state.unassign(slot);
  for (const node of [...state.nodes.values()]) if (node !== myself) bus.removeNode(node);
  state.forgotten.clear();
  if (hard) {
    state.currentEpoch = 0;
    state.lastVoteEpoch = 0;
    myself.configEpoch = 0;
    bus.log('notice', 'configEpoch set to 0 via CLUSTER RESET HARD');
    state.rename(myself, bus.world.newId());
    myself.shardId = bus.world.newId();
    bus.log('notice', `Node hard reset, now I'm ${myself.id}`);
  }
  bus.changed();
  return undefined;
}

export function setConfigEpoch(bus: Bus, epoch: number): Refusal {
  const { state } = bus;
  const { myself } = state;
  if (epoch < 0) return `ERR Invalid config epoch specified: ${epoch}`;
  if (state.nodes.size > 1)
    return 'ERR The user can assign a config epoch only when the node does not know any other node.';
  if (myself.configEpoch !== 0) return 'ERR Node config epoch is already non-zero';
  myself.configEpoch = epoch;
  bus.log('notice', `configEpoch set to ${epoch} via CLUSTER SET-CONFIG-EPOCH`);
  state.currentEpoch = Math.max(state.currentEpoch, epoch);
  bus.changed();
  return undefined;
}
