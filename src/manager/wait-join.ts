// wait-join: waits until all nodes know each other and agree about the slots.
//
// redis-cli waits for ever. Here the wait ends after --cluster-join-timeout seconds, with the nodes that do not reach each
// other, which usually comes from a firewall that lets the client port through but not the bus port.
import { nameSameOwners, viewOf } from './agreement.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';
import type { NodeLine } from './nodes-text.js';

const lookMs = 100;
const dotMs = 1000;
/** Seconds until a message names missing links: this, and a bit more for each node. */
const patienceSeconds = 20;
const patienceSecondsPerNode = 0.15;

/** True once all agree; false, with what is wrong said, when they do not in time. */
export async function waitForJoin(context: Context, nodes: readonly ClusterNode[]): Promise<boolean> {
  const { output, dialect, options } = context;
  if (options.dryRun) return true;
  output.print(dialect.name === 'cli' ? 'Waiting for the cluster to join\n' : 'Waiting for the cluster to join');
  output.terminal.flush();
  const { clock } = context.environment;
  const startedMs = clock.steadyMs();
  const warnAfterMs = (patienceSeconds + Math.trunc(nodes.length * patienceSecondsPerNode)) * 1000;
  let nextDotMs = startedMs;
  let nextWarningMs = startedMs + warnAfterMs;
  for (;;) {
    const views = await Promise.all(nodes.map((node) => viewOf(context, node)));
    if (haveJoined(nodes, views)) break;
    const nowMs = clock.steadyMs();
    if (nowMs >= nextDotMs) {
      output.print('.');
      output.terminal.flush();
      nextDotMs += dotMs;
    }
    if (nowMs - startedMs > options.joinSeconds * 1000) {
      output.print('\n');
      tellWhoIsMissing(context, nodes, views);
      return false;
    }
    if (nowMs >= nextWarningMs) {
      warnOfLinks(context, nodes, views);
      nextWarningMs = nowMs + warnAfterMs;
    }
    await context.pause(lookMs);
  }
  output.print('\n');
  return true;
}

function haveJoined(nodes: readonly ClusterNode[], views: readonly (readonly NodeLine[] | undefined)[]): boolean {
  const knowsAll = (view: readonly NodeLine[] | undefined): boolean =>
    nodes.every(({ id }) => view?.some((line) => line.id === id));
  return views.every(knowsAll) && nameSameOwners(views);
}

/** Nodes that others have no link to, with those others; the words of redis-cli. */
function warnOfLinks(
  context: Context,
  nodes: readonly ClusterNode[],
  views: readonly (readonly NodeLine[] | undefined)[],
): void {
  const missing = new Map<string, { line: NodeLine; from: string[] }>();
  views.forEach((view, index) => {
    for (const line of view ?? []) {
      if (line.isConnected || line.flags.includes('myself')) continue;
      const known = missing.get(line.place);
      if (known === undefined) missing.set(line.place, { line, from: [nodes[index]!.name] });
      else known.from.push(nodes[index]!.name);
    }
  });
  if (missing.size === 0) return;
  const { output } = context;
  output.print('\n');
  output.error(`Warning: ${missing.size} node(s) may be unreachable\n`);
  for (const { line, from } of missing.values()) {
    output.error(` - The port ${line.busPort} of node ${line.host} may be unreachable from:\n`);
    for (const name of from) output.error(`   ${name}\n`);
    output.error(
      'Cluster bus ports must be reachable by every node.\nRemember that cluster bus ports are different from standard instance ports.\n',
    );
  }
}

function tellWhoIsMissing(
  context: Context,
  nodes: readonly ClusterNode[],
  views: readonly (readonly NodeLine[] | undefined)[],
): void {
  const { output, options } = context;
  output.error(`[ERR] The nodes did not become one cluster within ${options.joinSeconds} seconds.\n`);
  const links: Record<string, unknown>[] = [];
  nodes.forEach((node, index) => {
    const view = views[index];
    if (view === undefined) {
      output.error(` - ${node.name} does not tell which nodes it knows.\n`);
      return;
    }
    for (const other of nodes) {
      if (other === node) continue;
      const line = view.find(({ id }) => id === other.id);
      if (line?.isConnected === true) continue;
      links.push({ from: node.name, to: other.host, busPort: other.busPort });
      output.error(` - ${node.name} cannot reach port ${other.busPort} of ${other.host} (the bus of ${other.name})\n`);
    }
  });
  if (links.length === 0) output.error(' - All nodes reach each other, but do not agree about the slots.\n');
  else
    output.error(
      'Let each node reach the bus port of every other one (firewall, NAT, cluster-announce-ip and cluster-announce-bus-port), then run the command again.\n',
    );
  output.report.missingLinks = links;
}
