// cluster-peers: starts the nodes of a cluster as processes of their own, not yet joined, for the tests that build and change
// clusters; and joins them with redis-cli where a test needs a cluster to begin with.
//
//   const nodes = await startNodes(6);
//   await joinNodes(nodes, { replicas: 1 });
//   ... nodes[0].port, nodes[0].send('CLUSTER', 'INFO') ...
//   await stopNodes(nodes);
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFreePort, startRedis, type RedisPeer, type RedisPeerOptions } from './peer.js';

/** The port of the cluster bus is so much above the client port. */
const busOffset = 10_000;

export interface NodeOptions extends Omit<RedisPeerOptions, 'port'> {
  /** Milliseconds until a silent node counts as failing; long enough for a slow machine if absent. */
  readonly nodeTimeoutMs?: number;
}

/** A port whose bus port is free as well, below those that the system gives to clients. */
export async function findClusterPort(): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 2_700);
    if ((await isFreePort(port)) && (await isFreePort(port + busOffset))) return port;
  }
  throw new Error('no free pair of ports for a cluster node');
}

export async function startNode(options: NodeOptions = {}): Promise<RedisPeer> {
  const { nodeTimeoutMs = 15_000, args = [], ...others } = options;
  const flags = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
  const timeout = ['--cluster-node-timeout', String(nodeTimeoutMs)];
  for (let attempt = 1; ; attempt++) {
    try {
      return await startRedis({ ...others, port: await findClusterPort(), args: [...flags, ...timeout, ...args] });
    } catch (error) {
      if (attempt === 5) throw error; // somebody else may have taken one of the ports
    }
  }
}

export async function startNodes(count: number, options: NodeOptions = {}): Promise<RedisPeer[]> {
  const nodes: RedisPeer[] = [];
  for (let index = 0; index < count; index++) nodes.push(await startNode(options));
  return nodes.sort((one, other) => one.port - other.port);
}

export async function stopNodes(nodes: readonly RedisPeer[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop({ signal: 'SIGKILL' })));
}

/** Makes a cluster of the nodes, the first ones as masters. */
export async function joinNodes(nodes: readonly RedisPeer[], { replicas = 0 } = {}): Promise<void> {
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await new Promise<void>((resolve, reject) => {
    const words = ['--cluster', 'create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes'];
    execFile('redis-cli', words, (error, stdout) => (error === null ? resolve() : reject(new Error(stdout))));
  });
  await untilTrue(async () => {
    const infos = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'INFO')));
    return infos.every((info) => info.includes('cluster_state:ok') && info.includes(`known_nodes:${nodes.length}`));
  });
  if (replicas === 0) return;
  await untilTrue(async () => {
    const infos = await Promise.all(nodes.map((node) => node.send('INFO', 'replication')));
    return infos.every((info) => !info.includes('master_link_status:down'));
  });
}

/** Waits for something that will come about sooner or later. */
export async function untilTrue(isTrue: () => Promise<boolean>, what = 'the cluster'): Promise<void> {
  const giveUpMs = Date.now() + 180_000;
  while (!(await isTrue())) {
    if (Date.now() > giveUpMs) throw new Error(`${what} did not come about`);
    await sleep(50);
  }
}

/** What a node knows of its cluster, in an order and a form that all nodes share. */
function viewOf(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .filter((words) => words.length > 7)
    .map(
      ([id, , flags, master, , , , link, ...slots]) =>
        `${id} ${flags!.replace('myself,', '')} ${master} ${link} ${slots.filter((slot) => !slot.startsWith('[')).join(' ')}`,
    )
    .sort()
    .join('\n');
}

/** Waits until all nodes agree, so that the next command finds the cluster so; nodes that know no other are left out. */
export async function settled(nodes: readonly RedisPeer[]): Promise<void> {
  await untilTrue(async () => {
    const texts = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'NODES')));
    const known = texts.map(viewOf).filter((view) => view.includes('\n'));
    return known.every((view) => view === known[0] && !/handshake|fail|disconnected/.test(view));
  });
}
