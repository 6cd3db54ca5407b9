// cluster: all nodes of a cluster, as one of them describes them and each describes itself.
//
// Only nodes that answer are in `nodes`. Those that do not are in `unreachable`, with the slots that the others believe them
// to have, so that the rest can be worked on without them and without taking their slots for lost.
import { SLOT_COUNT } from '../base/key-slot.js';
import { isError, replyText } from '../client/reply.js';
import type { NodeAddress } from '../client/slot-map.js';
import { ClusterNode } from './cluster-node.js';
import { NodeLost, type Context } from './context.js';
import { NodesTextError, parseNodesText, type NodeLine } from './nodes-text.js';

export interface Problem {
  /** `unreachable`: only nodes that do not answer are missing. */
  readonly kind: 'disagreement' | 'open-slot' | 'coverage' | 'unreachable';
  readonly text: string;
}

export class Cluster {
  readonly nodes: ClusterNode[] = [];
  readonly unreachable: { readonly node: ClusterNode; readonly isMaster: boolean }[] = [];
  /** Findings of a check. */
  problems: Problem[] = [];

  get masters(): ClusterNode[] {
    return this.nodes.filter((node) => !node.isReplica);
  }

  get unreachableMasterCount(): number {
    return this.unreachable.filter(({ isMaster }) => isMaster).length;
  }

  /** 1 for each slot that a master is believed to own which does not answer. */
  get unreachableSlots(): Uint8Array {
    const slots = new Uint8Array(SLOT_COUNT);
    for (const { node } of this.unreachable) node.slots.forEach((owned, slot) => (slots[slot]! |= owned));
    return slots;
  }

  byId(id: string): ClusterNode | undefined {
    const wanted = id.toLowerCase();
    return this.nodes.find((node) => node.id === wanted);
  }

  /** The first node whose id begins so. */
  byIdPrefix(prefix: string): ClusterNode | undefined {
    const wanted = prefix.toLowerCase();
    return this.nodes.find((node) => node.id.startsWith(wanted));
  }

  /** The first of the masters with the fewest replicas. */
  masterWithFewestReplicas(): ClusterNode | undefined {
    let best: ClusterNode | undefined;
    for (const node of this.masters) if (best === undefined || node.replicaCount < best.replicaCount) best = node;
    return best;
  }
}

/** Reads CLUSTER NODES of a node; undefined after saying what is wrong. */
export async function readNodes(context: Context, node: ClusterNode): Promise<NodeLine[] | undefined> {
  const reply = await context.call(node, 'CLUSTER', 'NODES');
  if (isError(reply)) {
    context.replyError(node, replyText(reply));
    return undefined;
  }
  try {
    return parseNodesText(replyText(reply));
  } catch (error) {
    if (!(error instanceof NodesTextError)) throw error;
    context.output.complain(`Error: ${error.message}\n`);
    return undefined;
  }
}

/** Takes over a node's description of itself; false after printing the fault. */
export async function learnSelf(context: Context, node: ClusterNode): Promise<boolean> {
  const lines = await readNodes(context, node);
  const self = lines?.find(({ flags }) => flags.includes('myself'));
  if (self !== undefined) node.learn(self);
  else if (lines !== undefined) context.output.complain(`Error: ${new NodesTextError().message}\n`);
  return self !== undefined;
}

/** Whether INFO says that the node is one of a cluster; says what is wrong otherwise. */
export async function requireClusterNode(context: Context, node: ClusterNode): Promise<boolean> {
  const info = await context.call(node, 'INFO');
  if (!isError(info) && infoField(replyText(info), 'cluster_enabled') === '1') return true;
  const reason = isError(info) ? replyText(info) : 'is not configured as a cluster node.';
  context.output.error(`[ERR] Node ${node.name} ${reason}\n`);
  return false;
}

export function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
}

/** Loads the cluster that a node belongs to; undefined after saying why that is impossible. */
export async function loadCluster(context: Context, address: NodeAddress): Promise<Cluster | undefined> {
  const first = new ClusterNode(address);
  if (!(await context.connect(first))) return undefined;
  if (context.dialect.name === 'trib' && context.options.verbose)
    context.output.print(`Connecting to node ${first.name}: OK\n`);
  if (!(await requireClusterNode(context, first))) return undefined;
  const lines = await readNodes(context, first);
  const self = lines?.find(({ flags }) => flags.includes('myself'));
  if (lines === undefined) return undefined;
  if (self === undefined) {
    context.output.complain(`Error: ${new NodesTextError().message}\n`);
    return undefined;
  }
  first.learn(self);
  const cluster = new Cluster();
  cluster.nodes.push(first);
  const others = lines.filter((line) => line !== self);
  // At the same time, since each node that is gone may cost its whole time.
  const found = await Promise.all(others.map((line) => loadOther(context, line)));
  for (const { node, isThere, line } of found) {
    if (isThere) cluster.nodes.push(node);
    else cluster.unreachable.push({ node, isMaster: !line.flags.includes('slave') });
  }
  countReplicas(context, cluster);
  return cluster;
}

interface Found {
  readonly node: ClusterNode;
  readonly line: NodeLine;
  readonly isThere: boolean;
}

async function loadOther(context: Context, line: NodeLine): Promise<Found> {
  const node = new ClusterNode(line);
  node.learn(line);
  const isLeftOut = line.host === '' || line.port === 0 || line.flags.includes('noaddr');
  if (isLeftOut || !(await context.connect(node))) return { node, line, isThere: false };
  if (context.dialect.name === 'trib' && context.options.verbose)
    context.output.print(`Connecting to node ${node.name}: OK\n`);
  try {
    if (await learnSelf(context, node)) return { node, line, isThere: true };
  } catch (error) {
    if (!(error instanceof NodeLost)) throw error;
  }
  context.output.error(`[ERR] Unable to load info for node ${node.name}\n`);
  return { node, line, isThere: false };
}

function countReplicas(context: Context, cluster: Cluster): void {
  for (const node of cluster.nodes) node.knowsReplicas = true;
  for (const node of cluster.nodes) {
    if (node.replicates === undefined) continue;
    const master = cluster.byId(node.replicates);
    if (master !== undefined) master.replicaCount++;
    else if (!cluster.unreachable.some(({ node: { id } }) => id === node.replicates))
      context.output.warn(`*** WARNING: ${node.name} claims to be slave of unknown node ID ${node.replicates}.\n`);
  }
}
