// fix-open-slot: closes a slot that is on its way: to its target, to its owner, or not at all, whichever loses nothing.
//
// The cases are those of redis-cli, by its numbers. A slot that concerns a master that does not answer is left alone, because
// nobody can say which keys it has.
import { isAggregate, type Reply } from '../client/reply.js';
import type { Cluster } from './cluster.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import { moveSlot } from './move-slot.js';
import { closeSlot, countKeys, nodeWithMostKeys, removeSlot, setSlotOrSay, takeSlot } from './slot-commands.js';

/** The nodes that are involved in an open slot. */
interface OpenSlot {
  readonly slot: number;
  /** Nodes that claim it, or have keys of it. */
  owners: ClusterNode[];
  migrating: ClusterNode[];
  importing: ClusterNode[];
  owner: ClusterNode | undefined;
}

export function unreachableWarning(what: string, count: number): string {
  return (
    `*** Fixing ${what} with ${count} unreachable masters is dangerous: redis-cli will assume that slots about masters that are not reachable are not covered, ` +
    'and will try to reassign them to the reachable nodes. This can cause data loss and is rarely what you want to do. ' +
    'If you really want to proceed use the --cluster-fix-with-unreachable-masters option.\n'
  );
}

/** True when the slot is closed. */
export async function fixOpenSlot(context: Context, cluster: Cluster, slot: number): Promise<boolean> {
  const { output, options } = context;
  if (!options.fixWithUnreachableMasters && concernsUnreachable(cluster, slot)) {
    output.warn(unreachableWarning('open slots', cluster.unreachableMasterCount));
    return false;
  }
  output.info(`>>> Fixing open slot ${slot}\n`);
  const open: OpenSlot = { slot, owners: [], migrating: [], importing: [], owner: undefined };
  if (!(await findOwners(context, cluster, open))) return false;
  if (!(await findStates(context, cluster, open))) return false;
  const names = {
    migrating: open.migrating.map(({ name }) => name).join(','),
    importing: open.importing.map(({ name }) => name).join(','),
  };
  const isTrib = context.dialect.name === 'trib';
  if (isTrib || names.migrating !== '') output.print(`Set as migrating in: ${names.migrating}\n`);
  if (isTrib || names.importing !== '') output.print(`Set as importing in: ${names.importing}\n`);
  if (open.owner === undefined && !(await chooseOwner(context, cluster, open))) return false;
  if (open.owners.length > 1 && !(await leaveOneOwner(context, open))) return false;
  const outcome = await close(context, cluster, open);
  if (outcome !== 'unhandled') return outcome === 'closed';
  const program = isTrib ? 'Redis-trib' : 'redis-cli';
  output.error(
    `[ERR] Sorry, ${program} can't fix this slot yet (work in progress). Slot is set as migrating in ${names.migrating}, ` +
      `as importing in ${names.importing}, owner is ${open.owner!.name}\n`,
  );
  return false;
}

function concernsUnreachable(cluster: Cluster, slot: number): boolean {
  const gone = cluster.unreachable.filter(({ isMaster }) => isMaster).map(({ node }) => node);
  return gone.some(
    ({ id, slots }) =>
      slots[slot] === 1 ||
      cluster.nodes.some((node) => node.migrating.get(slot) === id || node.importing.get(slot) === id),
  );
}

async function findOwners(context: Context, cluster: Cluster, open: OpenSlot): Promise<boolean> {
  for (const node of cluster.masters) {
    if (node.slots[open.slot] === 1) {
      open.owners.push(node);
      continue;
    }
    const keys = await countKeys(context, node, open.slot);
    if (keys === undefined) return false;
    if (keys === 0) continue;
    context.output.warn(`*** Found keys about slot ${open.slot} in non-owner node ${node.name}!\n`);
    open.owners.push(node);
  }
  if (open.owners.length === 1) open.owner = open.owners[0];
  return true;
}

async function findStates(context: Context, cluster: Cluster, open: OpenSlot): Promise<boolean> {
  for (const node of cluster.masters) {
    if (node.migrating.has(open.slot)) open.migrating.push(node);
    else if (node.importing.has(open.slot)) open.importing.push(node);
    else if (node !== open.owner) {
      const keys = await countKeys(context, node, open.slot);
      if (keys === undefined) return false;
      if (keys === 0) continue;
      context.output.warn(`*** Found keys about slot ${open.slot} in node ${node.name}!\n`);
      open.importing.push(node);
    }
  }
  return true;
}

const without = (nodes: readonly ClusterNode[], node: ClusterNode): ClusterNode[] =>
  nodes.filter((other) => other !== node);

/** Makes the node with the most keys the owner of a slot that nobody or several own. */
async function chooseOwner(context: Context, cluster: Cluster, open: OpenSlot): Promise<boolean> {
  const { output, dialect } = context;
  output.info(
    dialect.name === 'trib'
      ? '>>> Nobody claims ownership, selecting an owner...\n'
      : '>>> No single clear owner for the slot, selecting an owner by # of keys...\n',
  );
  const owner = await nodeWithMostKeys(context, cluster.nodes, open.slot);
  if (owner === undefined) {
    output.error("[ERR] Can't select a slot owner. Impossible to fix.\n");
    return false;
  }
  output.warn(`*** Configuring ${owner.name} as the slot owner\n`);
  if (!(await closeSlot(context, owner, open.slot))) return false;
  if (!(await takeSlot(context, owner, open.slot, false))) return false;
  owner.slots[open.slot] = 1;
  open.owner = owner;
  open.migrating = without(open.migrating, owner);
  open.importing = without(open.importing, owner);
  return true;
}

/** Turns all owners but one into importing nodes, from which the keys are then fetched. */
async function leaveOneOwner(context: Context, open: OpenSlot): Promise<boolean> {
  const owner = open.owner!;
  for (const node of without(open.owners, owner)) {
    if (!(await removeSlot(context, node, open.slot))) return false;
    node.slots[open.slot] = 0;
    if (!(await setSlotOrSay(context, node, open.slot, 'NODE', owner))) return false;
    if (!(await setSlotOrSay(context, node, open.slot, 'IMPORTING', owner))) return false;
    open.importing = [...without(open.importing, node), node];
    open.migrating = without(open.migrating, node);
  }
  return true;
}

async function close(context: Context, cluster: Cluster, open: OpenSlot): Promise<'closed' | 'failed' | 'unhandled'> {
  const { migrating, importing } = open;
  let isClosed: boolean | undefined;
  if (migrating.length === 1 && importing.length === 1) isClosed = await finishMove(context, cluster, open);
  else if (migrating.length === 0 && importing.length > 0) isClosed = await gatherKeys(context, cluster, open);
  else if (migrating.length === 1 && importing.length > 1) isClosed = await pickImporter(context, cluster, open);
  else if (migrating.length === 1) isClosed = await closeEmpty(context, open);
  if (isClosed === undefined) return 'unhandled';
  return isClosed ? 'closed' : 'failed';
}

/** Case 1: one migrates and one imports, so the move goes on. */
async function finishMove(context: Context, cluster: Cluster, { slot, ...open }: OpenSlot): Promise<boolean> {
  const [source, target] = [open.migrating[0]!, open.importing[0]!];
  if (context.dialect.name === 'cli')
    context.output.info(`>>> Case 1: Moving slot ${slot} from ${source.name} to ${target.name}\n`);
  return move(context, cluster, source, target, slot, false);
}

/** Case 2: keys lie about, so they go to the owner. */
async function gatherKeys(context: Context, cluster: Cluster, { slot, ...open }: OpenSlot): Promise<boolean> {
  const { output, dialect } = context;
  const owner = open.owner!;
  output.info(
    dialect.name === 'trib'
      ? `>>> Moving all the ${slot} slot keys to its owner ${owner.name}\n`
      : `>>> Case 2: Moving all the ${slot} slot keys to its owner ${owner.name}\n`,
  );
  for (const node of without(open.importing, owner)) {
    if (!(await move(context, cluster, node, owner, slot, true))) return false;
    output.info(`>>> Setting ${slot} as STABLE in ${node.name}\n`);
    if (!(await closeSlot(context, node, slot))) return false;
  }
  for (const node of without(cluster.masters, owner))
    if (!(await setSlotOrSay(context, node, slot, 'NODE', owner))) return false;
  return true;
}

/** Case 3: one migrates and several import, all without keys; undefined when one has keys. */
async function pickImporter(
  context: Context,
  cluster: Cluster,
  { slot, migrating, importing }: OpenSlot,
): Promise<boolean | undefined> {
  const { output } = context;
  const source = migrating[0]!;
  for (const node of importing) {
    const keys = await countKeys(context, node, slot);
    if (keys !== 0) return undefined;
  }
  const target = importing.find(({ id }) => id === source.migrating.get(slot));
  if (target === undefined) {
    output.info(`>>> Case 3: Closing slot ${slot} on both migrating and importing nodes.\n`);
  } else {
    output.info(
      `>>> Case 3: Moving slot ${slot} from ${source.name} to ${target.name} and closing it on all the other importing nodes.\n`,
    );
    if (!(await move(context, cluster, source, target, slot, false))) return false;
  }
  const toClose = target === undefined ? [source, ...importing] : without(importing, target);
  for (const node of toClose) if (!(await closeSlot(context, node, slot))) return false;
  return true;
}

/** Case 4: one migrates to nobody; undefined when it has keys without being the owner. */
async function closeEmpty(context: Context, { slot, migrating, owner }: OpenSlot): Promise<boolean | undefined> {
  const node = migrating[0]!;
  if (owner !== node) {
    const reply: Reply = await context.call(node, 'CLUSTER', 'GETKEYSINSLOT', String(slot), '10');
    if (!context.accepts(node, reply)) return false;
    if (isAggregate(reply) && reply.elements.length > 0) return undefined;
  }
  if (context.dialect.name === 'cli') context.output.info(`>>> Case 4: Closing slot ${slot} on ${node.name}\n`);
  return closeSlot(context, node, slot);
}

async function move(
  context: Context,
  cluster: Cluster,
  source: ClusterNode,
  target: ClusterNode,
  slot: number,
  keysOnly: boolean,
): Promise<boolean> {
  const outcome = await moveSlot(context, cluster, source, target, slot, { isFix: true, keysOnly });
  return outcome.moved;
}
