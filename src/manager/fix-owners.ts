// fix-owners: leaves one owner to a slot that several nodes own or have keys of: the one with the most keys.
import type { Cluster } from './cluster.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import { moveSlot } from './move-slot.js';
import { countKeys, nodeWithMostKeys, otherMasters, removeSlot, setSlotOrSay, takeSlot } from './slot-commands.js';

export async function fixOwners(
  context: Context,
  cluster: Cluster,
  slot: number,
  owners: readonly ClusterNode[],
): Promise<boolean> {
  const { output } = context;
  output.info(`>>> Fixing multiple owners for slot ${slot}...\n`);
  const owner = (await nodeWithMostKeys(context, owners, slot)) ?? owners[0]!;
  output.info(`>>> Setting slot ${slot} owner: ${owner.name}\n`);
  if (!(await takeSlot(context, owner, slot, false))) return false;
  for (const node of otherMasters(cluster, owner)) {
    const keys = await countKeys(context, node, slot);
    if (keys === undefined) return false;
    await removeSlot(context, node, slot);
    if (!(await setSlotOrSay(context, node, slot, 'NODE', owner))) return false;
    if (keys === 0) continue;
    const outcome = await moveSlot(context, cluster, node, owner, slot, { keysOnly: true, isFix: true });
    if (!outcome.moved) return false;
  }
  return true;
}
