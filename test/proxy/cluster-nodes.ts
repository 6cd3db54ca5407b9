// cluster-nodes: a cluster of three of Debian's servers for the tests of the proxy.
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort, startRedis, type RedisPeer } from '../peer.js';

export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}

/** Three masters with a third of the slots each. */
export async function startCluster(): Promise<RedisPeer[]> {
  const nodes: RedisPeer[] = [];
  for (let index = 0; index < 3; index++) {
    // The bus listens 10000 above.
    let port = 0;
    do port = await findFreePort();
    while (port > 50_000);
    nodes.push(await startRedis({ port, args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'] }));
  }
  const ranges = [
    [0, 5460],
    [5461, 10922],
    [10923, 16383],
  ] as const;
  for (const [index, node] of nodes.entries()) {
    await node.send('CLUSTER', 'ADDSLOTSRANGE', String(ranges[index]![0]), String(ranges[index]![1]));
    await node.send('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  for (const node of nodes.slice(1)) await nodes[0]!.send('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
  for (const node of nodes)
    await until(async () => /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(await node.send('CLUSTER', 'INFO')));
  return nodes;
}
