// agreement: whether all nodes have the same view of who owns which slot.
//
// After a change (a node has joined, a replica has taken over) some nodes know it a second or two later than others. redis-cli
// refuses to move slots in that time. Here, commands that need agreement wait for it a little.
import { isError, replyText } from '../client/reply.js';
import { loadCluster, type Cluster } from './cluster.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import { configSignature, NodesTextError, parseNodesText, type NodeLine } from './nodes-text.js';

const lookMs = 100;
/** A healthy cluster agrees within half of its node timeout, which is 15 seconds where nobody has set it. */
const settleMs = 8000;

/** A node's view of the cluster; undefined when it does not answer. */
export async function viewOf(context: Context, node: ClusterNode): Promise<NodeLine[] | undefined> {
  const reply = await context.tryCall(node, 'CLUSTER', 'NODES');
  if (reply === undefined || isError(reply)) return undefined;
  try {
    return parseNodesText(replyText(reply));
  } catch (error) {
    if (!(error instanceof NodesTextError)) throw error;
    return undefined;
  }
}

/** True when all nodes answer and have the same view of who owns what. */
export async function agree(context: Context, nodes: readonly ClusterNode[]): Promise<boolean> {
  if (nodes.length <= 1) return true;
  return nameSameOwners(await Promise.all(nodes.map((node) => viewOf(context, node))));
}

/** False also when there is a node without a view. */
export function nameSameOwners(views: readonly (readonly NodeLine[] | undefined)[]): boolean {
  const [first, ...others] = views.map((view) => (view === undefined ? undefined : configSignature(view)));
  return first !== undefined && others.every((signature) => signature === first);
}

/** Waits a little when the nodes do not agree yet, and loads the cluster again when they do. */
export async function settle(context: Context, cluster: Cluster | undefined): Promise<Cluster | undefined> {
  if (cluster === undefined || (await agree(context, cluster.nodes))) return cluster;
  const { environment, output } = context;
  output.info('>>> The nodes do not agree about the slots yet, waiting...\n');
  output.terminal.flush();
  const endMs = environment.clock.steadyMs() + settleMs;
  while (environment.clock.steadyMs() < endMs && !environment.interrupt.asked) {
    await context.pause(lookMs);
    if (await agree(context, cluster.nodes)) return loadCluster(context, cluster.nodes[0]!);
  }
  return cluster;
}
