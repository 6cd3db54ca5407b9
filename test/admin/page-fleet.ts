// page-fleet: what the page has views of its own for, as processes: sentinels with their servers, a proxy, a codis and a cluster.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKvasir } from '../kvasir.js';
import { findFreePort } from '../peer.js';
import { startPart } from '../proxy/codis-parts.js';
import { startKvasirProxy } from '../proxy/nutcracker.js';
import { Fleet, until } from '../sentinel/fleet.js';

export type FleetPart = 'sentinel' | 'proxy' | 'codis' | 'cluster';

export interface PageFleet {
  /** The entries in the list of servers. */
  readonly entries: Readonly<Record<FleetPart, { name: string; nodes: string[]; codisDashboard?: string }>>;
  readonly sentinels: Fleet;
  /** Of the proxy's pool with a server that is down. */
  readonly ejectingPort: number;
  /** A node of no cluster yet. */
  readonly spareNode: string;
  stop(): Promise<void>;
}

export async function startPageFleet(): Promise<PageFleet> {
  const ends: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.reverse()) await end();
  };
  try {
    // Together: each of them waits more than it works.
    const started = [startSentinel(ends), startCodis(ends), startCluster(ends)] as const;
    await Promise.allSettled(started);
    const [watched, codis, cluster] = await Promise.all(started);
    return {
      entries: {
        sentinel: { name: 'watch', nodes: [`127.0.0.1:${watched.sentinels.sentinels[0]!.port}`] },
        proxy: { name: 'router', nodes: [`127.0.0.1:${watched.proxyPort}`] },
        codis: { name: 'shop', ...codis },
        cluster: { name: 'nodes', nodes: cluster.nodes },
      },
      sentinels: watched.sentinels,
      ejectingPort: watched.ejectingPort,
      spareNode: cluster.spare,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Two sentinels with a master and a replica, and a proxy: a pool of those two, one that is named as INFO names its first server, and one
 * of the master and of a server that is down.
 */
async function startSentinel(
  ends: (() => unknown)[],
): Promise<{ sentinels: Fleet; proxyPort: number; ejectingPort: number }> {
  const sentinels = await Fleet.make({ servers: ['kvasir', 'kvasir'], sentinels: ['kvasir', 'kvasir'], quorum: 1 });
  ends.push(() => sentinels.stop());
  await sentinels.ready();
  const [one, two] = sentinels.servers.map(({ port }) => `127.0.0.1:${port}`);
  const [proxyPort, ejectingPort] = [await findFreePort(), await findFreePort()];
  const proxy = await startKvasirProxy(
    `alpha:\n  listen: 127.0.0.1:${proxyPort}\n  redis: true\n  servers:\n   - ${one}:1 one\n   - ${two}:1 two\n` +
      `alpha_server0:\n  listen: 127.0.0.1:${await findFreePort()}\n  redis: true\n  servers:\n   - ${one}:1 inner\n` +
      `beta:\n  listen: 127.0.0.1:${ejectingPort}\n  redis: true\n  auto_eject_hosts: true\n  server_failure_limit: 1\n` +
      `  server_retry_timeout: 100000000\n  servers:\n   - ${one}:1 alive\n   - 127.0.0.1:1:1 dead\n`,
    proxyPort,
  );
  ends.push(() => proxy.stop('SIGKILL'));
  return { sentinels, proxyPort, ejectingPort };
}

async function startCodis(ends: (() => unknown)[]): Promise<{ nodes: string[]; codisDashboard: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-page-codis-'));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startKvasir({ args: ['--codis-enabled', 'yes'] });
  ends.push(() => server.stop());
  const port = await findFreePort();
  const file = join(folder, 'dashboard.toml');
  writeFileSync(
    file,
    `coordinator_name = "filesystem"\ncoordinator_addr = "${folder}/state"\nproduct_name = "shop"\nadmin_addr = "127.0.0.1:${port}"\n`,
  );
  const dashboard = await startPart(['dashboard', `--config=${file}`], port, '/topom');
  ends.push(() => dashboard.kill());
  return { nodes: [`127.0.0.1:${server.port}`], codisDashboard: `127.0.0.1:${port}` };
}

/** Two masters, each with half of the slots, and a node that is not in the cluster. */
async function startCluster(ends: (() => unknown)[]): Promise<{ nodes: string[]; spare: string }> {
  const start = async () => {
    const node = await startKvasir({ args: ['--cluster-enabled', 'yes'] });
    ends.push(() => node.stop());
    return node;
  };
  const [first, second, spare] = await Promise.all([start(), start(), start()]);
  const nodes = [first, second];
  await first.send('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
  await second.send('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
  await first.send('CLUSTER', 'MEET', '127.0.0.1', String(second.port));
  for (const node of nodes)
    await until('the cluster is whole', async () => /cluster_state:ok/.test(await node.send('CLUSTER', 'INFO')));
  return { nodes: nodes.map(({ port }) => `127.0.0.1:${port}`), spare: `127.0.0.1:${spare.port}` };
}
