// create: makes a cluster of empty nodes: slots for the masters, replicas on other hosts, epochs, then MEET.
import { isError, replyText } from '../../client/reply.js';
import { assignReplicas, interleaveHosts, mastersOf, shareSlots } from '../allocation.js';
import { improveAffinity, scoreAffinity } from '../anti-affinity.js';
import { parseAddress } from '../address.js';
import { checkCluster } from '../check.js';
import { infoField, learnSelf, loadCluster, requireClusterNode } from '../cluster.js';
import { ClusterNode } from '../cluster-node.js';
import type { Context } from '../context.js';
import { nodeReport, showNodes } from '../describe.js';
import { waitForJoin } from '../wait-join.js';

export async function create(context: Context, words: readonly string[]): Promise<boolean> {
  const { output, dialect } = context;
  if (dialect.name === 'trib') output.info('>>> Creating cluster\n');
  const nodes: ClusterNode[] = [];
  for (const word of words) {
    const node = await openEmptyNode(context, word);
    if (node === undefined) return false;
    nodes.push(node);
  }
  if (!checkNodeCount(context, nodes.length)) return false;
  output.info(`>>> Performing hash slots allocation on ${nodes.length} nodes...\n`);
  allocate(context, nodes);
  keepApart(context, nodes);
  showNodes(context, nodes);
  output.report.nodes = nodes.map(nodeReport);
  if (!(await context.confirm('Can I set the above configuration?')))
    return dialect.name === 'trib' ? abort(context) : true;
  for (const node of nodes) if (!(await tellNode(context, node)) && node.replicates === undefined) return false;
  output.info('>>> Nodes configuration updated\n');
  if (!(await join(context, nodes))) return false;
  for (const node of nodes) {
    if (!node.isChanged) continue;
    if (!(await tellNode(context, node, true))) return false;
  }
  if (context.options.dryRun) return true;
  const cluster = await loadCluster(context, nodes[0]!);
  if (cluster === undefined) return false;
  await checkCluster(context, cluster);
  return true;
}

function abort(context: Context): boolean {
  context.output.print('*** Aborting...\n');
  return false;
}

async function openEmptyNode(context: Context, word: string): Promise<ClusterNode | undefined> {
  const address = parseAddress(word);
  if (address === undefined) {
    context.output.complain(`Invalid address format: ${word}\n`);
    return undefined;
  }
  const node = new ClusterNode(address);
  if (!(await context.connect(node))) {
    if (context.dialect.name === 'trib') context.output.error(`[ERR] Sorry, can't connect to node ${node.name}\n`);
    return undefined;
  }
  if (!(await requireClusterNode(context, node))) return undefined;
  if (!(await learnSelf(context, node))) return undefined;
  return (await requireEmpty(context, node)) ? node : undefined;
}

/** Whether the node has no keys and knows no others; says so if not. */
export async function requireEmpty(context: Context, node: ClusterNode): Promise<boolean> {
  const info = await context.call(node, 'INFO');
  let reason =
    'is not empty. Either the node already knows other nodes (check with CLUSTER NODES) or contains some key in database 0.';
  if (isError(info)) reason = replyText(info);
  else if (!replyText(info).includes('db0:')) {
    const cluster = await context.call(node, 'CLUSTER', 'INFO');
    if (isError(cluster)) reason = replyText(cluster);
    else if (infoField(replyText(cluster), 'cluster_known_nodes') === '1') return true;
  }
  context.output.error(`[ERR] Node ${node.name} ${reason}\n`);
  return false;
}

function checkNodeCount(context: Context, count: number): boolean {
  const { replicas } = context.options;
  if (mastersOf(count, replicas) >= 3) return true;
  context.output.error(
    '*** ERROR: Invalid configuration for cluster creation.\n' +
      '*** Redis Cluster requires at least 3 master nodes.\n' +
      `*** This is not possible with ${count} nodes and ${replicas} replicas per node.`,
  );
  context.output.error(`\n*** At least ${3 * (replicas + 1)} nodes are required.\n`);
  return false;
}

/** Decides who is a master of which slots, and who replicates whom. */
function allocate(context: Context, nodes: readonly ClusterNode[]): void {
  const { output, options, dialect } = context;
  const order = interleaveHosts(nodes);
  const masters = order.slice(0, mastersOf(nodes.length, options.replicas));
  const ranges = shareSlots(masters.length, dialect.precision);
  if (dialect.name === 'trib') output.print(`Using ${masters.length} masters:\n`);
  masters.forEach((master, index) => {
    const [first, last] = ranges[index]!;
    if (dialect.name === 'cli') output.print(`Master[${index}] -> Slots ${first} - ${last}\n`);
    else output.print(`${master.name}\n`);
    master.slots.fill(0);
    master.slots.fill(1, first, last + 1);
    master.isChanged = true;
  });
  let hasSaidExtra = false;
  for (const { replica, master, isExtra } of assignReplicas(masters, order.slice(masters.length), options.replicas)) {
    if (isExtra && !hasSaidExtra) output.print('Adding extra replicas...\n');
    hasSaidExtra ||= isExtra;
    replica.replicates = master.id;
    replica.isChanged = true;
    output.print(`Adding replica ${replica.name} to ${master.name}\n`);
  }
}

/** Improves which replica is on which host, and says how well that went. */
function keepApart(context: Context, nodes: readonly ClusterNode[]): void {
  const { output, environment } = context;
  if (scoreAffinity(nodes).score === 0) return;
  output.info('>>> Trying to optimize slaves allocation for anti-affinity\n');
  switch (improveAffinity(nodes, environment.random)) {
    case 'perfect':
      output.ok('[OK] Perfect anti-affinity obtained!\n');
      break;
    case 'replica-with-master':
      output.warn('[WARNING] Some slaves are in the same host as their master\n');
      break;
    case 'replicas-together':
      output.warn('[WARNING] Some slaves of the same master are in the same host\n');
      break;
  }
}

/** Tells a node what was decided for it. A replica cannot take it before it knows its master. */
async function tellNode(context: Context, node: ClusterNode, isLast = false): Promise<boolean> {
  const isReplica = node.replicates !== undefined;
  if (isReplica && context.options.dryRun && !isLast) return true;
  const reply = isReplica
    ? await context.change(node, 'CLUSTER', 'REPLICATE', node.replicates!)
    : await context.change(node, 'CLUSTER', 'ADDSLOTS', ...node.slotList.map(String));
  if (isError(reply) && isReplica && !isLast) return false;
  if (!context.accepts(node, reply)) return false;
  node.isChanged = false;
  return true;
}

async function join(context: Context, nodes: readonly ClusterNode[]): Promise<boolean> {
  const { output } = context;
  output.info('>>> Assign a different config epoch to each node\n');
  // A node that has an epoch already keeps it.
  for (const [index, node] of nodes.entries())
    await context.change(node, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  output.info('>>> Sending CLUSTER MEET messages to join the cluster\n');
  const [first, ...others] = nodes;
  for (const node of others) if (!(await meet(context, node, first!))) return false;
  return waitForJoin(context, nodes);
}

/** Makes `node` meet `other`. */
export async function meet(context: Context, node: ClusterNode, other: ClusterNode): Promise<boolean> {
  let host: string;
  try {
    host = await context.environment.resolve(other.host); // CLUSTER MEET takes addresses only
  } catch {
    context.output.complain(`Invalid IP address or hostname specified: ${other.host}\n`);
    return false;
  }
  // Nodes before 4.0 do not know the third word.
  const bus = other.busPort === other.port + 10_000 ? [] : [String(other.busPort)];
  return context.accepts(node, await context.change(node, 'CLUSTER', 'MEET', host, String(other.port), ...bus));
}
