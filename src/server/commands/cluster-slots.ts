// cluster-slots: CLUSTER ADDSLOTS, DELSLOTS, SETSLOT and their kin: which node serves which slots, and which keys are in them.

import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import { firstHashOf } from '../../keyspace/slot-keys.js';
import { RefList } from '../../structures/dict.js';
import type { ClusterPort } from '../cluster-port.js';
import { type ClusterCall, type ClusterRun, refuseSyntax, replyDone, slotAt } from './cluster-host.js';

type Change = 'add' | 'delete';

/** Why slots cannot be added or deleted, one looked at after the other; undefined when they can. */
function refusalOf(cluster: ClusterPort, change: Change, slots: readonly number[]): string | undefined {
  const seen = new Set<number>();
  for (const slot of slots) {
    const isAssigned = cluster.owner(slot) !== undefined;
    if (change === 'add' && isAssigned) return `ERR Slot ${slot} is already busy`;
    if (change === 'delete' && !isAssigned) return `ERR Slot ${slot} is already unassigned`;
    if (seen.has(slot)) return `ERR Slot ${slot} specified multiple times`;
    seen.add(slot);
  }
  return undefined;
}

function changeSlots(call: ClusterCall, cluster: ClusterPort, change: Change, slots: readonly number[]): void {
  const refusal = refusalOf(cluster, change, slots);
  if (refusal !== undefined) call.reply.error(refusal);
  else replyDone(call, change === 'add' ? cluster.addSlots(slots) : cluster.delSlots(slots));
}

function changeListed(change: Change): ClusterRun {
  return (call, cluster) => {
    const slots: number[] = [];
    for (let index = 2; index < call.count; index++) {
      const slot = slotAt(call, index);
      if (Number.isNaN(slot)) return;
      slots.push(slot);
    }
    changeSlots(call, cluster, change, slots);
  };
}

/** Adds the slots of a range to a list; false after the error reply. */
function readRange(call: ClusterCall, index: number, slots: number[]): boolean {
  const start = slotAt(call, index);
  if (Number.isNaN(start)) return false;
  const end = slotAt(call, index + 1);
  if (Number.isNaN(end)) return false;
  if (start > end) {
    call.reply.error(`ERR start slot number ${start} is greater than end slot number ${end}`);
    return false;
  }
  // The error of overlapping ranges names their first common slot, so no list is longer than two times all slots.
  for (let slot = start; slot <= end && slots.length <= 2 * SLOT_COUNT; slot++) slots.push(slot);
  return true;
}

function changeRanges(change: Change): ClusterRun {
  return (call, cluster) => {
    if (call.count % 2 === 1) {
      call.reply.error(wrongArity(change === 'add' ? 'cluster|addslotsrange' : 'cluster|delslotsrange'));
      return;
    }
    const slots: number[] = [];
    for (let index = 2; index < call.count; index += 2) if (!readRange(call, index, slots)) return;
    changeSlots(call, cluster, change, slots);
  };
}

export const addSlots = changeListed('add');
export const deleteSlots = changeListed('delete');
export const addSlotRanges = changeRanges('add');
export const deleteSlotRanges = changeRanges('delete');

export const flushSlots: ClusterRun = (call, cluster) => {
  const isEmpty = call.host.keyspace.databases.every((database) => database.size === 0);
  if (!isEmpty) call.reply.error(errors.flushSlotsNotEmpty);
  else replyDone(call, cluster.flushSlots());
};

export const setSlot: ClusterRun = (call, cluster) => {
  if (cluster.myself.isReplica) {
    call.reply.error(errors.setSlotOnMasters);
    return;
  }
  const slot = slotAt(call, 2);
  if (Number.isNaN(slot)) return;
  const { count } = call;
  if (call.is(3, 'migrating') && count === 5) replyDone(call, cluster.setSlotMigrating(slot, call.text(4)));
  else if (call.is(3, 'importing') && count === 5) replyDone(call, cluster.setSlotImporting(slot, call.text(4)));
  else if (call.is(3, 'stable') && count === 4) replyDone(call, cluster.setSlotStable(slot));
  else if (call.is(3, 'node') && count === 5) replyDone(call, cluster.setSlotNode(slot, call.text(4)));
  else call.reply.error('ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP');
};

export const countKeysInSlot: ClusterRun = (call) => {
  const slot = call.integer(2);
  if (Number.isNaN(slot)) call.reply.error(errors.notInteger);
  else if (slot < 0 || slot >= SLOT_COUNT) call.reply.error('ERR Invalid slot');
  else call.reply.integer(shownKeys(call, slot));
};

/** Keys of a slot that is arriving or leaving are not reported. */
function shownKeys(call: ClusterCall, slot: number): number {
  const slots = call.host.keyspace.databases[0]!.slots!;
  return slots.isHidden(slot) ? 0 : slots.counts[slot]!;
}

const found = new RefList();

export const getKeysInSlot: ClusterRun = (call) => {
  const slot = call.integer(2);
  const wanted = call.integer(3);
  if (Number.isNaN(slot) || Number.isNaN(wanted)) {
    call.reply.error(errors.notInteger);
    return;
  }
  if (slot < 0 || slot >= SLOT_COUNT || wanted < 0) {
    call.reply.error('ERR Invalid slot or number of keys');
    return;
  }
  const database = call.host.keyspace.databases[0]!;
  const count = Math.min(wanted, shownKeys(call, slot));
  found.clear();
  const end = firstHashOf(slot + 1);
  for (let cursor = firstHashOf(slot); cursor < end && found.length < count;)
    cursor = database.scanSlot(slot, cursor, count - found.length, found);
  call.reply.array(count);
  for (let index = 0; index < count; index++) {
    const key = call.host.keyspace.entries.keyBytes(found.refs[index]!);
    call.reply.bulk(key, 0, key.length);
  }
};

export const keySlotOf: ClusterRun = (call) => {
  if (call.count !== 3) refuseSyntax(call);
  else call.reply.integer(keySlot(call.bytes, call.starts[2]!, call.lengths[2]!));
};
