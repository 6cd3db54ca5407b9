// delete-node: makes all others forget a node without slots, then resets it (or, as redis-trib does, shuts it down).
//
// A node that does not answer can be deleted too: the others forget it, and nothing is sent to it.
import { isError, replyText } from '../../client/reply.js';
import type { Cluster } from '../cluster.js';
import type { ClusterNode } from '../cluster-node.js';
import { NodeLost, type Context } from '../context.js';
import { invalidAddress, readNodeWords } from '../address.js';
import { loadCluster } from '../cluster.js';

export async function deleteNode(context: Context, words: readonly string[]): Promise<boolean> {
  const { output } = context;
  const address = readNodeWords(words.slice(0, 1));
  if (address === undefined) {
    output.complain(invalidAddress);
    return false;
  }
  const id = words[1]!.toLowerCase();
  output.info(`>>> Removing node ${words[1]} from cluster ${address.host}:${address.port}\n`);
  const cluster = await loadCluster(context, address);
  if (cluster === undefined) return false;
  const gone = cluster.unreachable.find(({ node }) => node.id === id)?.node;
  const node = cluster.byId(id) ?? gone;
  if (node === undefined) {
    output.error(`[ERR] No such node ID ${words[1]}\n`);
    return false;
  }
  if (node.slotCount > 0 && !(node === gone && slotsAreElsewhere(cluster, node))) {
    output.error(`[ERR] Node ${node.name} is not empty! Reshard data away and try again.\n`);
    return false;
  }
  output.info('>>> Sending CLUSTER FORGET messages to the cluster...\n');
  for (const other of cluster.nodes) {
    if (other === node) continue;
    if (!(await forget(context, cluster, other, node))) return false;
  }
  output.report.removed = { id: node.id, host: node.host, port: node.port };
  return node === gone ? leaveAlone(context, node) : reset(context, node);
}

/** All slots that the dead node is believed to have are served by others. */
function slotsAreElsewhere(cluster: Cluster, node: ClusterNode): boolean {
  return node.slots.every((owned, slot) => owned === 0 || cluster.masters.some(({ slots }) => slots[slot] === 1));
}

async function forget(context: Context, cluster: Cluster, other: ClusterNode, node: ClusterNode): Promise<boolean> {
  try {
    if (other.replicates === node.id && !(await moveReplica(context, cluster, other, node))) return false;
    const reply = await context.change(other, 'CLUSTER', 'FORGET', node.id);
    // Somebody may have told it already.
    if (isError(reply) && /^ERR Unknown node/.test(replyText(reply))) return true;
    return context.accepts(other, reply);
  } catch (error) {
    if (!(error instanceof NodeLost)) throw error;
    context.output.warn(`*** ${error.message}. Going on without it: run the command again when it is back.\n`);
    return true;
  }
}

/** Gives a replica of the node another master. */
async function moveReplica(
  context: Context,
  cluster: Cluster,
  replica: ClusterNode,
  node: ClusterNode,
): Promise<boolean> {
  const masters = cluster.masters.filter((master) => master !== node && master !== replica && master.slotCount > 0);
  const [master] = masters.sort((one, other) => one.replicaCount - other.replicaCount);
  if (master === undefined) {
    context.output.error(`[ERR] No other master is there for the replica ${replica.name}\n`);
    return false;
  }
  context.output.info(`>>> ${replica.name} as replica of ${master.name}\n`);
  master.replicaCount++;
  return context.accepts(replica, await context.change(replica, 'CLUSTER', 'REPLICATE', master.id));
}

function leaveAlone(context: Context, node: ClusterNode): boolean {
  context.output.warn(
    `*** ${node.name} does not answer. If it comes back, send it CLUSTER RESET before it meets the cluster again.\n`,
  );
  return true;
}

async function reset(context: Context, node: ClusterNode): Promise<boolean> {
  const { output, dialect } = context;
  if (dialect.name === 'cli') {
    output.info('>>> Sending CLUSTER RESET SOFT to the deleted node.\n');
    return context.accepts(node, await context.change(node, 'CLUSTER', 'RESET', 'SOFT'));
  }
  output.info('>>> SHUTDOWN the node.\n');
  try {
    return context.accepts(node, await context.change(node, 'SHUTDOWN'));
  } catch (error) {
    if (error instanceof NodeLost) return true; // which is the answer to SHUTDOWN
    throw error;
  }
}
