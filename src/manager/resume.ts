// resume: finishes the moves of slots that an earlier call left unfinished, because it was killed or lost a node.
//
// A move can stop at four places (see move-slot); what is seen then, of a slot with source S and target T:
//
//   T imports from S, S owns                    nothing has moved: T closes the slot
//   T imports from S, S migrates to T           some keys have moved: the rest follows, then T owns
//   T owns, S migrates to T                     all keys have moved, S has not heard: S gets it, its last keys follow
//   T owns, some other node thinks that S does  the bus tells it
//
// Moves in one step (move-at-once) go on by themselves, and are waited for. Anything else is left to `fix`, which asks people.
import type { Cluster } from './cluster.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import { awaitSteps } from './move-at-once.js';
import { handOver, moveSlot } from './move-slot.js';
import { closeSlot, countKeys, setSlotOrSay } from './slot-commands.js';

/** True if there was something to resume, so that the cluster has to be looked at anew. */
export async function resumeMoves(context: Context, cluster: Cluster): Promise<boolean> {
  if (await awaitSteps(context, cluster)) return true;
  const open = new Set<number>();
  for (const node of cluster.masters)
    for (const slot of [...node.migrating.keys(), ...node.importing.keys()]) open.add(slot);
  let isResumed = false;
  for (const slot of [...open].sort((one, other) => one - other))
    if (await resumeSlot(context, cluster, slot)) isResumed = true;
  return isResumed;
}

async function resumeSlot(context: Context, cluster: Cluster, slot: number): Promise<boolean> {
  const { masters } = cluster;
  const migrating = masters.filter((node) => node.migrating.has(slot));
  const importing = masters.filter((node) => node.importing.has(slot));
  if (migrating.length > 1 || importing.length > 1) return false;
  const target = importing[0] ?? cluster.byId(migrating[0]!.migrating.get(slot)!);
  const source = migrating[0] ?? cluster.byId(importing[0]!.importing.get(slot)!);
  if (source === undefined || target === undefined || source === target) return false;
  if (source.isReplica || target.isReplica) return false;
  if (migrating.length === 1 && source.migrating.get(slot) !== target.id) return false;
  if (importing.length === 1 && target.importing.get(slot) !== source.id) return false;
  const owners = masters.filter((node) => node.slots[slot] === 1);
  if (owners.some((node) => node !== source && node !== target)) return false;
  if (owners.includes(target)) return finishOwned(context, cluster, source, target, slot);
  if (!owners.includes(source)) return false;
  return finishUnowned(context, cluster, source, target, slot);
}

/** The target owns the slot already. */
async function finishOwned(
  context: Context,
  cluster: Cluster,
  source: ClusterNode,
  target: ClusterNode,
  slot: number,
): Promise<boolean> {
  const keys = await countKeys(context, source, slot);
  if (keys === undefined) return false;
  context.output.warn(
    `*** Slot ${slot} had moved from ${source.name} to ${target.name}, and not all nodes had heard. Telling them.\n`,
  );
  if (keys > 0) {
    // Importing, the source may send away keys of a slot that it does not own.
    if (source.slots[slot] === 0 && !(await setSlotOrSay(context, source, slot, 'IMPORTING', target))) return false;
    const outcome = await moveSlot(context, cluster, source, target, slot, { keysOnly: true });
    if (!outcome.moved) return false;
  }
  return saysNothing(context, await handOver(context, cluster, source, target, slot));
}

/** The source owns the slot still. */
async function finishUnowned(
  context: Context,
  cluster: Cluster,
  source: ClusterNode,
  target: ClusterNode,
  slot: number,
): Promise<boolean> {
  const { output } = context;
  if (!source.migrating.has(slot)) {
    const keys = await countKeys(context, target, slot);
    if (keys === undefined) return false;
    if (keys === 0) {
      output.warn(
        `*** Slot ${slot} was left open by an unfinished move from ${source.name} to ${target.name} that had not begun. Closing it.\n`,
      );
      return closeSlot(context, target, slot);
    }
  }
  output.warn(
    `*** Slot ${slot} was left open by an unfinished move from ${source.name} to ${target.name}. Moving the rest of it.\n`,
  );
  const outcome = await moveSlot(context, cluster, source, target, slot);
  return saysNothing(context, outcome.moved ? undefined : outcome.error);
}

function saysNothing(context: Context, error: string | undefined): boolean {
  if (error !== undefined) context.output.error(`[ERR] The move could not be finished: ${error}\n`);
  return error === undefined;
}
