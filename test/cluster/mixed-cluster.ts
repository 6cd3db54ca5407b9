// mixed-cluster: a cluster of our nodes and redis-server's, built by CLUSTER commands, whose nodes can be killed and started again.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { findClusterPort, untilTrue } from '../cluster-peers.js';
import { kvasirServerPath, testFlags } from '../kvasir.js';
import { startRedis, type RedisPeer } from '../peer.js';

export type Kind = 'kvasir' | 'redis';

/** One node as CLUSTER NODES has it. */
export interface NodeLine {
  readonly id: string;
  readonly address: string;
  readonly flags: readonly string[];
  readonly masterId: string;
  readonly epoch: number;
  readonly slots: readonly string[];
}

export function parseNodes(text: string): NodeLine[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [id = '', address = '', flags = '', masterId = '', , , epoch = '', , ...slots] = line.trim().split(' ');
      return { id, address, flags: flags.split(','), masterId, epoch: Number(epoch), slots };
    });
}

export class MixedNode {
  peer: RedisPeer | undefined;
  id = '';

  constructor(
    readonly kind: Kind,
    readonly port: number,
    private readonly args: readonly string[],
    private folder?: string,
  ) {}

  get name(): string {
    return `${this.kind} ${this.port}`;
  }

  async start(): Promise<void> {
    const options = {
      port: this.port,
      args: ['--cluster-enabled', 'yes', '--repl-diskless-sync-delay', '0', ...this.args],
      ...(this.folder === undefined ? {} : { folder: this.folder }),
    };
    this.peer = await startRedis(
      this.kind === 'redis'
        ? options
        : { ...options, program: process.execPath, programArgs: [kvasirServerPath, ...testFlags] },
    );
    this.folder = this.peer.folder;
    // A node that loads a file is asked again.
    await untilTrue(
      async () => !(this.id = await this.send('CLUSTER', 'MYID')).startsWith('LOADING'),
      'the loaded data',
    );
    assert.match(this.id, /^[0-9a-f]{40}$/, `${this.name} does not say its id`);
  }

  get isUp(): boolean {
    return this.peer !== undefined;
  }

  send(...words: string[]): Promise<string> {
    return this.peer!.send(...words);
  }

  async ok(...words: string[]): Promise<void> {
    const reply = await this.send(...words);
    assert.equal(reply, 'OK', `${this.name}: ${words.slice(0, 4).join(' ')}`);
  }

  async nodes(): Promise<NodeLine[]> {
    return parseNodes(await this.send('CLUSTER', 'NODES'));
  }

  /** Makes this replica the master by CLUSTER FAILOVER, which is given up after five seconds and then asked for again. */
  async takeOver(...how: string[]): Promise<void> {
    let askedMs = -Infinity;
    await untilTrue(async () => {
      if ((await this.send('ROLE')).startsWith('master')) return true;
      if (performance.now() - askedMs < 10_000) return false;
      await this.ok('CLUSTER', 'FAILOVER', ...how);
      askedMs = performance.now();
      return false;
    }, `${this.name} as master`);
  }

  /** kill -9; the folder stays. */
  async kill(): Promise<void> {
    const { peer } = this;
    this.peer = undefined;
    await peer!.stop({ signal: 'SIGKILL', keepFolder: true });
  }

  async remove(): Promise<void> {
    await this.peer?.stop({ signal: 'SIGKILL' });
    this.peer = undefined;
  }
}

export class MixedCluster {
  readonly nodes: MixedNode[] = [];

  /** Makes the nodes and starts them; they do not know each other yet. */
  static async start(
    kinds: readonly Kind[],
    args: readonly string[],
    argsOf: (port: number) => readonly string[] = () => [],
  ): Promise<MixedCluster> {
    const cluster = new MixedCluster();
    try {
      for (const kind of kinds) {
        const port = await findClusterPort();
        const node = new MixedNode(kind, port, [...args, ...argsOf(port)]);
        cluster.nodes.push(node);
        await node.start();
      }
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get upNodes(): MixedNode[] {
    return this.nodes.filter((node) => node.isUp);
  }

  /** The first half become masters, the second half their replicas, in order. */
  async join(): Promise<void> {
    const { nodes } = this;
    const masters = nodes.length / 2;
    for (const [index, node] of nodes.entries()) {
      await node.ok('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      if (index < masters) {
        const first = Math.floor((index * 16384) / masters);
        const last = Math.floor(((index + 1) * 16384) / masters) - 1;
        await node.ok('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
      }
      if (index > 0) await nodes[0]!.ok('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
    }
    await untilTrue(async () => {
      const views = await Promise.all(nodes.map((node) => node.nodes()));
      return views.every(
        (view) => view.length === nodes.length && view.every(({ flags }) => !flags.includes('handshake')),
      );
    }, 'a cluster whose nodes all know each other');
    for (const [index, node] of nodes.entries())
      if (index >= masters) await node.ok('CLUSTER', 'REPLICATE', nodes[index - masters]!.id);
    await this.settle();
  }

  /** Waits until all that run serve, agree, and replicate. */
  async settle(): Promise<void> {
    let last = '';
    await untilTrue(async () => {
      const found = await this.disagreement();
      last = found ?? '';
      return found === undefined;
    }, 'agreement of all nodes').catch((error: Error) => {
      throw new Error(`${error.message}: ${last}`);
    });
  }

  /** The first disagreement between the nodes; undefined: none. */
  async disagreement(): Promise<string | undefined> {
    let expected: string | undefined;
    for (const node of this.upNodes) {
      const info = await node.send('CLUSTER', 'INFO');
      if (!info.includes('cluster_state:ok')) return `${node.name} is not ok: ${info.slice(0, 300)}`;
      const view = await this.view(node);
      expected ??= view;
      if (view !== expected) return `${node.name} sees\n${view}\ninstead of\n${expected}`;
      const replication = await node.send('INFO', 'replication');
      if (replication.includes('master_link_status:down')) return `${node.name} has no link to its master`;
    }
    return undefined;
  }

  /** The roles and slots by the lines of nodes that run, in a fixed order. */
  private async view(node: MixedNode): Promise<string> {
    const up = new Set(this.upNodes.map(({ id }) => id));
    const lines = (await node.nodes()).filter(({ id }) => up.has(id));
    return lines
      .map(({ id, address, flags, masterId, epoch, slots }) => {
        const role = flags.filter((flag) => flag !== 'myself').join(',');
        return `${id} ${address.replace(/,.*/, '')} ${role} ${masterId} ${epoch} ${slots.join(' ')}`;
      })
      .sort()
      .join('\n');
  }

  /** The node that a running node takes for the owner of a slot. */
  async ownerOf(slot: number, seenBy = this.upNodes[0]!): Promise<MixedNode | undefined> {
    for (const { id, slots } of await seenBy.nodes())
      for (const range of slots) {
        const [first, last = first] = range.split('-').map(Number);
        if (!range.startsWith('[') && slot >= first! && slot <= last!) return this.nodes.find((node) => node.id === id);
      }
    return undefined;
  }

  replicaOf(master: MixedNode): Promise<MixedNode | undefined> {
    return this.upNodes[0]!.nodes().then((lines) => {
      const line = lines.find(({ masterId }) => masterId === master.id);
      return this.nodes.find(({ id, isUp }) => isUp && id === line?.id);
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
  }
}

/** A client that is subscribed, and what it has got. */
export class Listening {
  received = '';

  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes) => (this.received += bytes.toString('latin1')));
    socket.on('error', () => undefined);
  }

  static async to(node: MixedNode, ...command: string[]): Promise<Listening> {
    const socket = connect(node.port, '127.0.0.1');
    const listening = new Listening(socket);
    socket.write(`${command.join(' ')}\r\n`);
    await untilTrue(() => Promise.resolve(listening.received.includes(command[1]!)), `${command.join(' ')}`);
    assert.ok(!listening.received.startsWith('-'), listening.received);
    return listening;
  }

  close(): void {
    this.socket.destroy();
  }
}
