// layout: small clusters for tests: nodes of Kvasir (in this process) or redis-server that have met and share the slots.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText, type Reply } from '../../src/client/reply.js';
import { startServer } from '../../src/embed/start-server.js';
import type { StartOptions } from '../../src/embed/start-server.js';
import { findFreePort, startRedis } from '../peer.js';

export interface ClusterTestNode {
  readonly kind: 'kvasir' | 'redis';
  readonly port: number;
  readonly id: string;
  /** A connection to it. */
  readonly link: Connection;
  stop(): Promise<void>;
}

/** A reply in one line. */
export function shown(reply: Reply): string {
  if (isAggregate(reply)) return `[${reply.elements.map(shown).join(' ')}]`;
  return reply.kind === 'nil' ? 'nil' : replyText(reply);
}

export async function ask(connection: Connection, ...words: readonly (string | number)[]): Promise<string> {
  connection.send(words.map((word) => Buffer.from(String(word), 'latin1')));
  return shown(await connection.readReply());
}

/** Asks until the answer is as wanted. */
export async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(20);
}

/** A port that is free, and the one of its bus too. */
async function freePorts(): Promise<number> {
  for (;;) {
    const port = await findFreePort();
    if (port < 50_000) return port;
  }
}

export async function startNode(
  kind: 'kvasir' | 'redis',
  settings: Readonly<Record<string, string>> = {},
): Promise<ClusterTestNode> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-cluster-'));
  const all: Record<string, string> = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '5000', ...settings };
  for (let attempt = 0; ; attempt++) {
    const port = await freePorts();
    try {
      if (kind === 'redis') {
        const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
        const peer = await startRedis({ port, folder, args });
        return await nodeOf(kind, port, () => peer.stop());
      }
      const server = await startServer({ port, dir: folder, save: '', ...all } as StartOptions);
      return await nodeOf(kind, port, async () => {
        await server.close();
        rmSync(folder, { recursive: true, force: true });
      });
    } catch (error) {
      // Somebody else may have taken the port, or the one of the bus.
      if (attempt === 3) throw error;
    }
  }
}

async function nodeOf(kind: 'kvasir' | 'redis', port: number, stop: () => Promise<void>): Promise<ClusterTestNode> {
  const link = await Connection.open({ host: '127.0.0.1', port });
  return {
    kind,
    port,
    id: await ask(link, 'CLUSTER', 'MYID'),
    link,
    async stop() {
      link.close();
      await stop();
    },
  };
}

/** Lets nodes meet and gives each of the first `masterCount` the same share of slots; waits until all agree. */
export async function joinNodes(nodes: readonly ClusterTestNode[], masterCount = nodes.length): Promise<void> {
  const share = 16384 / masterCount;
  for (let index = 0; index < masterCount; index++) {
    const range = [Math.ceil(index * share), Math.ceil((index + 1) * share) - 1];
    await ask(nodes[index]!.link, 'CLUSTER', 'ADDSLOTSRANGE', ...range);
    await ask(nodes[index]!.link, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  }
  for (const node of nodes.slice(1)) await ask(node.link, 'CLUSTER', 'MEET', '127.0.0.1', nodes[0]!.port);
  for (const { link } of nodes) {
    await until(async () => {
      const info = await ask(link, 'CLUSTER', 'INFO');
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
    });
  }
}
