// fix-coverage: finds owners for slots that nobody serves: a node at random for those without keys, the node with the keys
// for the others.
//
// Slots that a master owned which does not answer are left to it, unless --cluster-fix-with-unreachable-masters.
import type { Cluster } from './cluster.js';
import { slotRanges, type ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import { rangesText } from './describe.js';
import { unreachableWarning } from './fix-open-slot.js';
import { moveSlot } from './move-slot.js';
import { closeSlot, keyCounts, nodeWithMostKeys, setSlotOrSay, takeSlot } from './slot-commands.js';
import { SLOT_COUNT } from '../base/key-slot.js';

/** How many slots have found an owner; -1 after an error. */
export async function fixCoverage(context: Context, cluster: Cluster, missing: readonly number[]): Promise<number> {
  const { output, options } = context;
  let slots = missing;
  if (!options.fixWithUnreachableMasters && cluster.unreachableMasterCount > 0) {
    const gone = cluster.unreachableSlots;
    slots = missing.filter((slot) => gone[slot] === 0);
    if (slots.length < missing.length)
      output.warn(unreachableWarning('slots coverage', cluster.unreachableMasterCount));
    if (slots.length === 0) return -1;
  }
  output.info('>>> Fixing slots coverage...\n');
  const holders = await findHolders(context, cluster, slots);
  const withKeys = (test: (count: number) => boolean): number[] =>
    slots.filter((slot) => test(holders.get(slot)!.length));
  let fixed = 0;
  for (const step of [
    () =>
      coverEmpty(
        context,
        cluster,
        withKeys((count) => count === 0),
      ),
    () =>
      coverSingle(
        context,
        holders,
        withKeys((count) => count === 1),
      ),
    () =>
      coverMultiple(
        context,
        cluster,
        holders,
        withKeys((count) => count > 1),
      ),
  ]) {
    const count = await step();
    if (count < 0) return -1;
    fixed += count;
  }
  return fixed;
}

/** The masters that have keys of each slot. */
async function findHolders(
  context: Context,
  cluster: Cluster,
  slots: readonly number[],
): Promise<Map<number, ClusterNode[]>> {
  const holders = new Map<number, ClusterNode[]>(slots.map((slot) => [slot, []]));
  for (const node of cluster.masters) {
    const counts = await keyCounts(context, node);
    for (const slot of slots) if (counts[slot]! > 0) holders.get(slot)!.push(node);
  }
  return holders;
}

function slotsText(context: Context, slots: readonly number[]): string {
  if (context.dialect.name === 'trib') return slots.join(',');
  const set = new Uint8Array(SLOT_COUNT);
  for (const slot of slots) set[slot] = 1;
  return rangesText(slotRanges(set), context.dialect);
}

/** Names the slots and asks whether to go on; `what`: who has keys of them. */
async function agrees(context: Context, slots: readonly number[], what: string, question: string): Promise<boolean> {
  if (slots.length === 0) return false;
  const { output, dialect } = context;
  output.print(`The ${dialect.following} uncovered slots have ${what}:\n${slotsText(context, slots)}\n`);
  return context.confirm(question, true);
}

async function coverEmpty(context: Context, cluster: Cluster, slots: readonly number[]): Promise<number> {
  const question = 'Fix these slots by covering with a random node?';
  if (!(await agrees(context, slots, 'no keys across the cluster', question))) return 0;
  const { masters } = cluster;
  for (const slot of slots) {
    const node = masters[context.environment.random.below(masters.length)]!;
    if (!(await cover(context, node, slot, false))) return -1;
  }
  return slots.length;
}

async function coverSingle(
  context: Context,
  holders: ReadonlyMap<number, readonly ClusterNode[]>,
  slots: readonly number[],
): Promise<number> {
  const question = 'Fix these slots by covering with those nodes?';
  if (!(await agrees(context, slots, 'keys in just one node', question))) return 0;
  for (const slot of slots) if (!(await cover(context, holders.get(slot)![0]!, slot, false))) return -1;
  return slots.length;
}

async function cover(context: Context, node: ClusterNode, slot: number, isMulti: boolean): Promise<boolean> {
  context.output.info(`>>> Covering slot ${slot} ${isMulti ? 'moving keys to' : 'with'} ${node.name}\n`);
  if (!(await takeSlot(context, node, slot, isMulti))) return false;
  node.slots[slot] = 1;
  return true;
}

async function coverMultiple(
  context: Context,
  cluster: Cluster,
  holders: ReadonlyMap<number, readonly ClusterNode[]>,
  slots: readonly number[],
): Promise<number> {
  const question = 'Fix these slots by moving keys into a single node?';
  if (!(await agrees(context, slots, 'keys in multiple nodes', question))) return 0;
  for (const slot of slots) {
    const target = await nodeWithMostKeys(context, holders.get(slot)!, slot);
    if (target === undefined || !(await cover(context, target, slot, true))) return -1;
    for (const source of holders.get(slot)!) {
      if (source === target) continue;
      // An importing node may migrate keys of a slot that it does not own.
      if (!(await setSlotOrSay(context, source, slot, 'NODE', target))) return -1;
      if (!(await setSlotOrSay(context, source, slot, 'IMPORTING', target))) return -1;
      const outcome = await moveSlot(context, cluster, source, target, slot, { keysOnly: true, isFix: true });
      if (!outcome.moved || !(await closeSlot(context, source, slot))) return -1;
    }
  }
  return slots.length;
}
