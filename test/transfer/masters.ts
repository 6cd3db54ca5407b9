// masters: clusters of our nodes and redis-server's without replicas, for tools that read or write whole clusters.

import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { type Kind, MixedCluster, type MixedNode } from '../cluster/mixed-cluster.js';

const args = ['--cluster-node-timeout', '15000', '--repl-diskless-sync-delay', '0'];

/** Nodes that share the slots evenly. */
export async function startMasters(t: TestContext, kinds: readonly Kind[]): Promise<MixedCluster> {
  const cluster = await MixedCluster.start(kinds, args);
  t.after(() => cluster.stop());
  const { nodes } = cluster;
  for (const [index, node] of nodes.entries()) {
    await node.ok('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    const first = Math.ceil((index * 16384) / nodes.length);
    const last = Math.ceil(((index + 1) * 16384) / nodes.length) - 1;
    await node.ok('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
    if (index > 0) await node.ok('CLUSTER', 'MEET', '127.0.0.1', String(nodes[0]!.port));
  }
  await cluster.settle();
  return cluster;
}

/** Moves slots key by key, as redis-cli does. */
export async function reshard(from: MixedNode, to: MixedNode, slots: number): Promise<void> {
  const words = ['--cluster', 'reshard', `127.0.0.1:${from.port}`, '--cluster-from', from.id, '--cluster-to', to.id];
  await promisify(execFile)('redis-cli', [...words, '--cluster-slots', String(slots), '--cluster-yes']).catch(
    (error: Error & { stdout?: string }) => {
      throw new Error(`${error.message}\n${error.stdout?.slice(-2000)}`);
    },
  );
}
