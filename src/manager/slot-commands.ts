// slot-commands: the commands that set the owner of a slot at a node.
import { SLOT_COUNT } from '../base/key-slot.js';
import type { CommandArgument } from '../client/encode-command.js';
import { isError, replyText, type Reply } from '../client/reply.js';
import { readClusterSlots, SlotMapError } from '../client/slot-map.js';
import type { Cluster } from './cluster.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';

export type SlotState = 'IMPORTING' | 'MIGRATING' | 'NODE';

/** Tells `node` about a slot; the error's text if it refuses. */
export async function setSlot(
  context: Context,
  node: ClusterNode,
  slot: number,
  state: SlotState,
  about: ClusterNode,
): Promise<string | undefined> {
  const reply = await context.change(node, 'CLUSTER', 'SETSLOT', String(slot), state, about.id);
  return isError(reply) ? replyText(reply) : undefined;
}

/** As `setSlot`; prints the error, and returns whether there was none. */
export async function setSlotOrSay(
  context: Context,
  node: ClusterNode,
  slot: number,
  state: SlotState,
  about: ClusterNode,
): Promise<boolean> {
  const error = await setSlot(context, node, slot, state, about);
  if (error !== undefined) context.replyError(node, error);
  return error === undefined;
}

/** Takes the slot out of its migrating or importing state. */
export async function closeSlot(context: Context, node: ClusterNode, slot: number): Promise<boolean> {
  return context.accepts(node, await context.change(node, 'CLUSTER', 'SETSLOT', String(slot), 'STABLE'));
}

export async function countKeys(context: Context, node: ClusterNode, slot: number): Promise<number | undefined> {
  const reply = await context.call(node, 'CLUSTER', 'COUNTKEYSINSLOT', String(slot));
  if (!context.accepts(node, reply)) return undefined;
  return reply.kind === 'integer' ? Number(reply.value) : undefined;
}

/** Whether anybody owns the slot in the view of `node`; undefined when it does not tell. */
export async function isSlotServed(context: Context, node: ClusterNode, slot: number): Promise<boolean | undefined> {
  const reply = await context.call(node, 'CLUSTER', 'SLOTS');
  if (!context.accepts(node, reply)) return undefined;
  try {
    return readClusterSlots(reply, node).ownerOf(slot) !== undefined;
  } catch (error) {
    if (!(error instanceof SlotMapError)) throw error;
    context.replyError(node, error.message);
    return undefined;
  }
}

/** Makes `node` forget who owns the slot; nobody owning it is no error. */
export async function removeSlot(context: Context, node: ClusterNode, slot: number): Promise<boolean> {
  const reply = await context.change(node, 'CLUSTER', 'DELSLOTS', String(slot));
  if (!isError(reply)) return true;
  if ((await isSlotServed(context, node, slot)) === false) return true;
  context.replyError(node, replyText(reply));
  return false;
}

/** Makes `node` the owner with a new epoch, so that all others believe it, in one transaction. */
export async function takeSlot(context: Context, node: ClusterNode, slot: number, closes: boolean): Promise<boolean> {
  const commands: CommandArgument[][] = [
    ['CLUSTER', 'DELSLOTS', String(slot)],
    ['CLUSTER', 'ADDSLOTS', String(slot)],
    ...(closes ? [['CLUSTER', 'SETSLOT', String(slot), 'STABLE']] : []),
    ['CLUSTER', 'BUMPEPOCH'],
  ];
  if (context.options.dryRun) {
    for (const command of commands) context.showChange(node, command);
    return true;
  }
  if (!context.accepts(node, await context.call(node, 'MULTI'))) return false;
  for (const command of commands) await context.call(node, ...command);
  const results = await context.call(node, 'EXEC');
  if (!context.accepts(node, results)) return false;
  // Only ADDSLOTS matters: the slot may have been nobody's, and the epoch the highest.
  const added: Reply | undefined = results.kind === 'array' ? results.elements[1] : undefined;
  return added !== undefined && context.accepts(node, added);
}

/** The node with the most keys in the slot among the masters of `nodes`; undefined when one does not tell. */
export async function nodeWithMostKeys(
  context: Context,
  nodes: readonly ClusterNode[],
  slot: number,
): Promise<ClusterNode | undefined> {
  let best: ClusterNode | undefined;
  let most = 0;
  for (const node of nodes) {
    if (node.isReplica) continue;
    const keys = await countKeys(context, node, slot);
    if (keys === undefined) return undefined;
    if (best === undefined || keys > most) {
      best = node;
      most = keys;
    }
  }
  return best;
}

/** The masters of the cluster but these. */
export function otherMasters(cluster: Cluster, ...but: readonly ClusterNode[]): ClusterNode[] {
  return cluster.masters.filter((node) => !but.includes(node));
}

/** Keys of each slot on a node. */
export async function keyCounts(context: Context, node: ClusterNode): Promise<number[]> {
  const commands = Array.from({ length: SLOT_COUNT }, (_, slot) => ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]);
  const replies = await context.callMany(node, commands);
  return replies.map((reply) => (reply.kind === 'integer' ? Number(reply.value) : 0));
}
