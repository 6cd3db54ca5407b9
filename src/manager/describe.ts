// describe: nodes as the manager shows them.
import { isError, replyText } from '../client/reply.js';
import type { Cluster } from './cluster.js';
import { slotRanges, type ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import type { Dialect } from './dialect.js';
import { SLOT_COUNT } from '../base/key-slot.js';

export function rangesText(ranges: readonly (readonly [number, number])[], dialect: Dialect): string {
  return ranges.map(([first, last]) => dialect.range(first, last)).join(',');
}

/** The lines of one node, the last one without an end. */
export function describeNode(node: ClusterNode, dialect: Dialect, indent = ''): string {
  // redis-trib indents the first line only.
  const inner = dialect.name === 'cli' ? indent : '';
  let text: string;
  if (node.isChanged && node.replicates !== undefined) {
    text = `${indent}S: ${node.id} ${node.name}`;
  } else {
    const flags = node.flags.filter((flag) => flag !== 'myself').join(',');
    const slots = rangesText(slotRanges(node.slots), dialect);
    text = `${indent}${node.isReplica ? 'S' : 'M'}: ${node.id} ${node.name}\n${inner}   slots:${slots} (${node.slotCount} slots) ${flags}`;
  }
  if (node.replicates !== undefined) return `${text}\n${inner}   replicates ${node.replicates}`;
  const showsReplicas = node.replicaCount > 0 || (dialect.name === 'trib' && node.knowsReplicas && !node.isReplica);
  return showsReplicas ? `${text}\n${inner}   ${node.replicaCount} additional replica(s)` : text;
}

export function showNodes(context: Context, nodes: readonly ClusterNode[]): void {
  for (const node of nodes) context.output.print(`${describeNode(node, context.dialect)}\n`);
}

/** A node for `--json`. */
export function nodeReport(node: ClusterNode): Record<string, unknown> {
  return {
    id: node.id,
    host: node.host,
    port: node.port,
    role: node.isReplica ? 'replica' : 'master',
    flags: node.flags.filter((flag) => flag !== 'myself'),
    replicates: node.replicates ?? null,
    slots: slotRanges(node.slots),
    slotCount: node.slotCount,
    replicas: node.replicaCount,
    epoch: node.epoch,
    migrating: Object.fromEntries(node.migrating),
    importing: Object.fromEntries(node.importing),
  };
}

export function reportCluster(context: Context, cluster: Cluster): void {
  const { report } = context.output;
  report.nodes = cluster.nodes.map(nodeReport);
  report.unreachable = cluster.unreachable.map(({ node, isMaster }) => ({
    id: node.id,
    host: node.host,
    port: node.port,
    role: isMaster ? 'master' : 'replica',
    slots: slotRanges(node.slots),
  }));
}

/** The lines of `info`: keys, slots and replicas of each master. */
export async function showClusterInfo(context: Context, cluster: Cluster): Promise<boolean> {
  const { output, dialect } = context;
  let keys = 0;
  const masters: Record<string, unknown>[] = [];
  for (const node of cluster.masters) {
    const reply = await context.call(node, 'DBSIZE');
    if (reply.kind !== 'integer') {
      context.replyError(node, isError(reply) ? replyText(reply) : '');
      return false;
    }
    const count = Number(reply.value);
    const replicas = cluster.nodes.filter((other) => other.isReplica && other.replicates === node.id).length;
    output.print(
      `${node.name} (${node.id.slice(0, 8)}...) -> ${count} keys | ${node.slotCount} slots | ${replicas} slaves.\n`,
    );
    keys += count;
    masters.push({ id: node.id, host: node.host, port: node.port, keys: count, slots: node.slotCount, replicas });
  }
  output.ok(`[OK] ${keys} keys in ${masters.length} masters.\n`);
  output.print(`${dialect.precision(keys / SLOT_COUNT).toFixed(2)} keys per slot on average.\n`);
  output.report.masters = masters;
  output.report.keys = keys;
  return true;
}
