// check: do all nodes agree, is no slot open, is each slot covered; and `fix`, which mends what the check finds on its way.
import { SLOT_COUNT } from '../base/key-slot.js';
import { agree } from './agreement.js';
import type { Cluster, Problem } from './cluster.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import { reportCluster, showNodes } from './describe.js';
import { fixCoverage } from './fix-coverage.js';
import { fixOpenSlot } from './fix-open-slot.js';
import { fixOwners } from './fix-owners.js';
import { keyCounts } from './slot-commands.js';

export interface CheckOptions {
  readonly isQuiet?: boolean;
  readonly fixes?: boolean;
}

/** True when all is well, or has been mended. */
export async function checkCluster(context: Context, cluster: Cluster, options: CheckOptions = {}): Promise<boolean> {
  const { output, dialect } = context;
  output.info(`>>> Performing Cluster Check (using node ${cluster.nodes[0]!.name})\n`);
  cluster.problems = [];
  if (options.isQuiet !== true) showNodes(context, cluster.nodes);
  let result = true;
  if (await agree(context, cluster.nodes)) {
    output.ok('[OK] All nodes agree about slots configuration.\n');
  } else {
    found(context, cluster, 'disagreement', "[ERR] Nodes don't agree about configuration!");
    result = false;
  }
  output.info('>>> Check for open slots...\n');
  const open = tellOpenSlots(context, cluster);
  if (open.length > 0) {
    result = false;
    if (options.fixes === true) {
      for (const slot of open) {
        result = await fixOpenSlot(context, cluster, slot);
        if (!result) break;
      }
    }
  }
  output.info('>>> Check slots coverage...\n');
  const missing = uncoveredSlots(cluster);
  if (missing.length === 0) {
    output.ok(`[OK] All ${SLOT_COUNT} slots covered.\n`);
  } else {
    const gone = cluster.unreachableSlots;
    const kind = missing.every((slot) => gone[slot] === 1) ? 'unreachable' : 'coverage';
    found(
      context,
      cluster,
      kind,
      `[ERR] Not all ${SLOT_COUNT} slots are covered by nodes.${dialect.name === 'cli' ? '\n' : ''}`,
    );
    result = false;
    if (options.fixes === true && (await fixCoverage(context, cluster, missing)) > 0) result = true;
  }
  tellUnreachable(context, cluster);
  if (context.options.searchMultipleOwners) result = await checkOwners(context, cluster, options, result);
  reportCluster(context, cluster);
  return result;
}

function found(context: Context, cluster: Cluster, kind: Problem['kind'], text: string): void {
  cluster.problems.push({ kind, text });
  context.output.error(`${text}\n`);
}

/** Names the slots that are on their way, and returns them in order. */
function tellOpenSlots(context: Context, cluster: Cluster): number[] {
  const { dialect, output } = context;
  const open = new Set<number>();
  const tell = (node: ClusterNode, state: string, slots: ReadonlyMap<number, string>): void => {
    if (slots.size === 0) return;
    const list = [...slots.keys()];
    for (const slot of list) open.add(slot);
    const text = dialect.name === 'cli' ? list.join(',') : `(${list.join(',')})`;
    found(context, cluster, 'open-slot', `[WARNING] Node ${node.name} has slots in ${state} state ${text}.`);
  };
  for (const node of cluster.nodes) {
    tell(node, 'migrating', node.migrating);
    tell(node, 'importing', node.importing);
  }
  const list = [...open].sort((one, other) => one - other);
  if (list.length > 0) {
    const end = dialect.name === 'cli' ? '.' : '';
    output.error(`[WARNING] The following slots are open: ${list.join(',')}${end}\n`);
  }
  return list;
}

export function uncoveredSlots(cluster: Cluster): number[] {
  const missing: number[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++)
    if (!cluster.nodes.some(({ slots }) => slots[slot] === 1)) missing.push(slot);
  return missing;
}

/** Nodes that did not answer: the check is about the others. */
function tellUnreachable(context: Context, cluster: Cluster): void {
  if (cluster.unreachable.length === 0) return;
  for (const { node, isMaster } of cluster.unreachable) {
    const slots = node.slotCount;
    const holds = isMaster && slots > 0 ? ` with ${slots} slots` : '';
    context.output.warn(
      `*** WARNING: the ${isMaster ? 'master' : 'replica'} ${node.id} at ${node.name}${holds} does not answer.\n`,
    );
  }
}

async function checkOwners(
  context: Context,
  cluster: Cluster,
  options: CheckOptions,
  before: boolean,
): Promise<boolean> {
  const { output } = context;
  output.info('>>> Check for multiple slot owners...\n');
  let result = before;
  let contested = 0;
  const counts = new Map<ClusterNode, number[]>();
  for (const node of cluster.masters) counts.set(node, await keyCounts(context, node));
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    // A node with keys of the slot counts as an owner too.
    const owners = cluster.masters.filter((node) => node.slots[slot] === 1 || counts.get(node)![slot]! > 0);
    if (owners.length <= 1) continue;
    result = false;
    output.error(`[WARNING] Slot ${slot} has ${owners.length} owners:\n`);
    for (const { name } of owners) output.error(`    ${name}\n`);
    contested++;
    if (options.fixes !== true) continue;
    result = await fixOwners(context, cluster, slot, owners);
    if (!result) {
      output.error(`Failed to fix multiple owners for slot ${slot}\n`);
      break;
    }
    contested--;
  }
  if (contested === 0) output.ok('[OK] No multiple owners found.\n');
  return result;
}

/** Problems that forbid to move slots: what only comes from nodes that do not answer does not. */
export function blockingProblems(cluster: Cluster): Problem[] {
  return cluster.problems.filter(({ kind }) => kind !== 'unreachable');
}
