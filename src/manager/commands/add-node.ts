// add-node: makes an empty node join, as a master without slots or as a replica.
import { isAggregate, isError, replyText } from '../../client/reply.js';
import { invalidAddress, parseAddress, readNodeWords } from '../address.js';
import { settle } from '../agreement.js';
import { checkCluster, blockingProblems } from '../check.js';
import { learnSelf, loadCluster, requireClusterNode, type Cluster } from '../cluster.js';
import { ClusterNode } from '../cluster-node.js';
import type { Context } from '../context.js';
import { waitForJoin } from '../wait-join.js';
import { meet, requireEmpty } from './create.js';

export async function addNode(context: Context, words: readonly string[]): Promise<boolean> {
  const { output, options } = context;
  const address = parseAddress(words[0]!);
  const known = readNodeWords(words.slice(1));
  if (address === undefined || known === undefined) {
    output.complain(invalidAddress);
    return false;
  }
  const added = new ClusterNode(address);
  output.info(`>>> Adding node ${added.name} to cluster ${known.host}:${known.port}\n`);
  const cluster = await settle(context, await loadCluster(context, known));
  if (cluster === undefined) return false;
  if (!(await checkCluster(context, cluster)) && mustStop(context, cluster)) return false;
  const first = cluster.nodes[0]!;
  const master = options.asReplica ? chooseMaster(context, cluster) : undefined;
  if (options.asReplica && master === undefined) return false;
  if (!(await openNewNode(context, added))) return false;
  cluster.nodes.push(added);
  if (master === undefined && context.dialect.name === 'cli' && !(await copyFunctions(context, first, added)))
    return false;
  output.info(`>>> Send CLUSTER MEET to node ${added.name} to make it join the cluster.\n`);
  if (!(await meet(context, added, first))) return false;
  if (master !== undefined) {
    if (!(await waitForJoin(context, cluster.nodes))) return false;
    output.info(`>>> Configure node as replica of ${master.name}.\n`);
    const reply = await context.change(added, 'CLUSTER', 'REPLICATE', master.id);
    if (!context.accepts(added, reply)) return false;
  }
  output.ok('[OK] New node added correctly.\n');
  output.report.added = { id: added.id, host: added.host, port: added.port, replicates: master?.id ?? null };
  return true;
}

/** A node may join while another one is down, but not while the others disagree. */
function mustStop(context: Context, cluster: Cluster): boolean {
  if (context.dialect.name === 'trib') return false; // which goes on whatever the check says
  return blockingProblems(cluster).length > 0;
}

function chooseMaster(context: Context, cluster: Cluster): ClusterNode | undefined {
  const { output, options } = context;
  if (options.masterId !== undefined) {
    const master = cluster.byId(options.masterId);
    if (master === undefined) output.error(`[ERR] No such master ID ${options.masterId}\n`);
    return master;
  }
  const master = cluster.masterWithFewestReplicas();
  if (master !== undefined) output.print(`Automatically selected master ${master.name}\n`);
  return master;
}

async function openNewNode(context: Context, node: ClusterNode): Promise<boolean> {
  if (!(await context.connect(node))) {
    context.output.error(`[ERR] Sorry, can't connect to node ${node.name}\n`);
    return false;
  }
  if (!(await requireClusterNode(context, node))) return false;
  return (await learnSelf(context, node)) && (await requireEmpty(context, node));
}

/** Gives the new master the functions of the cluster; a replica gets them from its master. */
async function copyFunctions(context: Context, from: ClusterNode, to: ClusterNode): Promise<boolean> {
  const { output } = context;
  output.info('>>> Getting functions from cluster\n');
  const dump = await context.call(from, 'FUNCTION', 'DUMP');
  if (dump.kind !== 'bulk') {
    output.info(
      `>>> Failed retrieving Functions from the cluster, skip this step as Redis version do not support function command (error = '${replyText(dump)}')\n`,
    );
    return true;
  }
  output.info(`>>> Send FUNCTION LIST to ${to.name} to verify there is no functions in it\n`);
  const list = await context.call(to, 'FUNCTION', 'LIST');
  if (isError(list)) {
    output.error(`>>> Failed on CLUSTER LIST (error = '${replyText(list)}')\r\n`);
    return false;
  }
  if (isAggregate(list) && list.elements.length > 0) {
    output.error(
      '>>> New node already contains functions and can not be added to the cluster. Use FUNCTION FLUSH and try again.\r\n',
    );
    return false;
  }
  output.info(`>>> Send FUNCTION RESTORE to ${to.name}\n`);
  const restored = await context.change(to, 'FUNCTION', 'RESTORE', dump.bytes);
  if (!isError(restored)) return true;
  output.error(`>>> Failed loading functions to the new node (error = '${replyText(restored)}')\r\n`);
  return false;
}
