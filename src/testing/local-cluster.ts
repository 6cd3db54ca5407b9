// local-cluster: a cluster for a test: nodes that find on their disks that they belong together.

import { resolve } from 'node:path';
import { utf8 } from '../base/bytes.js';
import { keySlot } from '../base/key-slot.js';
import { Prng } from '../base/prng.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import { nodesFileOf, type PlannedNode } from './cluster-layout.js';
import { LocalGroup } from './local-group.js';
import { isLinkUp } from './local-replicated.js';
import type { CallArgument, PlainReply } from './plain-reply.js';
import type { ClusterOptions, TestCluster, TestServer } from './test-kit.js';
import type { LocalTestServer } from './test-server.js';

/** Digits of a node's id. */
const ID_DIGITS = 40;
/** Keys that are moved at once. */
const BATCH = 100;

function numberOf(name: string, value: number, min: number): number {
  if (!Number.isInteger(value) || value < min)
    throw new TypeError(`option '${name}' must be a whole number of at least ${min}`);
  return value;
}

export class LocalCluster extends LocalGroup implements TestCluster {
  /** Use `createCluster`. */
  async begin(options: ClusterOptions): Promise<void> {
    const masters = numberOf('masters', options.masters ?? 3, 1);
    const replicas = numberOf('replicas', options.replicas ?? 0, 0);
    const planned = await this.plan(masters, replicas);
    for (const [name, node] of planned) await this.startNode(name, node, [...planned.values()]);
    await this.agreed();
  }

  /** Names, ids and ports of all nodes. */
  private async plan(masters: number, replicas: number): Promise<Map<string, PlannedNode>> {
    const { net, options } = this.group;
    const random = new Prng(options.seed ?? 1);
    const newId = (): string => Array.from({ length: ID_DIGITS }, () => random.below(16).toString(16)).join('');
    const planned = new Map<string, PlannedNode>();
    const owners: PlannedNode[] = [];
    for (let index = 0; index < masters * (1 + replicas); index++) {
      const isMaster = index < masters;
      const masterIndex = index % masters;
      const master = owners[masterIndex];
      const node = {
        id: newId(),
        shardId: master?.shardId ?? newId(),
        port: await net.reservePort(),
        busPort: net.freePort(),
        masterIndex,
        masterId: master?.id,
      };
      if (isMaster) owners.push(node);
      planned.set(isMaster ? `m${index + 1}` : `r${index + 1 - masters}`, node);
    }
    return planned;
  }

  private async startNode(name: string, node: PlannedNode, all: readonly PlannedNode[]): Promise<void> {
    const disk = new SimulatedFiles();
    disk.makeFolder('/data');
    const path = resolve('/data', String(this.group.options.directives?.['cluster-config-file'] ?? 'nodes.conf'));
    disk.put(path, nodesFileOf(node, all));
    await this.group.start(
      name,
      {
        port: node.port,
        'cluster-enabled': 'yes',
        'cluster-port': node.busPort,
        'cluster-node-timeout': 2000,
        'repl-diskless-sync-delay': 0,
      },
      new Set([node.busPort]),
      disk,
    );
  }

  /** Every node serves, and all see the same owners and roles. */
  private async agreed(): Promise<void> {
    await this.settle('all nodes agree on a cluster that serves', () => {
      const { servers } = this;
      return (
        servers.every(({ inside }) => inside.cluster!.isOk) &&
        servers.every(({ inside }) => inside.cluster!.myself.isMaster || isLinkUp(inside)) &&
        new Set(servers.map(viewOf)).size === 1
      );
    });
  }

  get nodes(): readonly TestServer[] {
    return this.servers;
  }

  get addresses(): readonly { readonly host: string; readonly port: number }[] {
    return this.servers.map(({ host, port }) => ({ host, port }));
  }

  slotOf(key: string): number {
    const bytes = utf8(key);
    return keySlot(bytes, 0, bytes.length);
  }

  masterOf(key: string): LocalTestServer {
    const slot = this.slotOf(key);
    const owner = this.servers.find(({ inside }) => inside.cluster!.myself.isMaster && inside.cluster!.isMine(slot));
    if (owner === undefined) throw new Error(`no node serves slot ${slot}`);
    return owner;
  }

  replicasOf(key: string): readonly LocalTestServer[] {
    const id = idOf(this.masterOf(key));
    return this.servers.filter(({ inside }) => inside.cluster!.myself.master?.id === id);
  }

  run(command: string, key: string, ...args: CallArgument[]): PlainReply {
    return this.masterOf(key).run(command, key, ...args);
  }

  async synced(): Promise<void> {
    const { servers } = this;
    await this.settle('all replicas are in sync', () =>
      servers.every(({ inside }) => {
        const id = inside.cluster!.myself.master?.id;
        if (id === undefined) return true;
        const master = servers.find((server) => idOf(server) === id);
        // A master that is gone has nothing to give.
        if (master === undefined) return true;
        return isLinkUp(inside) && inside.replication!.offset === master.inside.replication!.offset;
      }),
    );
  }

  async killMaster(key: string): Promise<void> {
    const old = this.masterOf(key);
    const slot = this.slotOf(key);
    const hasReplica = this.replicasOf(key).length > 0;
    const oldId = idOf(old);
    await this.kill(this.nameOf(old));
    if (hasReplica) {
      await this.settle(`a replica serves slot ${slot}`, () =>
        this.servers.some(({ inside }) => inside.cluster!.myself.isMaster && inside.cluster!.isMine(slot)),
      );
      await this.agreed();
    } else {
      await this.settle('the others know that it is gone', () =>
        this.servers.every(({ inside }) => inside.cluster!.node(oldId)?.hasFailed === true),
      );
    }
  }

  async failover(key: string): Promise<void> {
    const [replica] = this.replicasOf(key);
    if (replica === undefined) throw new Error(`the node that serves '${key}' has no replica`);
    const slot = this.slotOf(key);
    replica.run('CLUSTER', 'FAILOVER');
    await this.settle(
      'the replica has taken over',
      () => replica.inside.cluster!.isMine(slot) && replica.inside.cluster!.myself.isMaster,
    );
    await this.agreed();
  }

  async moveSlot(key: string, to: string): Promise<void> {
    const end = await this.openSlot(key, to);
    await end();
  }

  openSlot(key: string, to: string): Promise<() => Promise<void>> {
    const slot = this.slotOf(key);
    const source = this.masterOf(key);
    const target = this.group.node(to).server;
    if (!target.inside.cluster!.myself.isMaster) throw new Error(`'${to}' is no master`);
    if (source === target) return Promise.resolve(() => Promise.resolve());
    target.run('CLUSTER', 'SETSLOT', slot, 'IMPORTING', idOf(source));
    source.run('CLUSTER', 'SETSLOT', slot, 'MIGRATING', idOf(target));
    moveKeys(source, target, slot);
    return Promise.resolve(async () => {
      moveKeys(source, target, slot);
      for (const server of [target, source]) server.run('CLUSTER', 'SETSLOT', slot, 'NODE', idOf(target));
      await this.settle(`all nodes know who serves slot ${slot}`, () =>
        this.servers.every(({ inside }) => inside.cluster!.owner(slot)?.id === idOf(target)),
      );
    });
  }
}

function idOf(server: LocalTestServer): string {
  return server.inside.cluster!.myself.id;
}

/** Owners and replicas, as a node sees them. */
function viewOf({ inside }: LocalTestServer): string {
  const { cluster } = inside;
  const lines = [...cluster!.nodes]
    .filter((node) => !node.hasFailed)
    .map(
      (node) =>
        `${node.id} ${node.isMaster ? '' : (node.master?.id ?? '?')} ${Buffer.from(node.slots).toString('base64')}`,
    );
  return lines.sort().join('\n');
}

/** Moves all keys of a slot, each as one step. */
function moveKeys(source: LocalTestServer, target: LocalTestServer, slot: number): void {
  for (;;) {
    const keys = source.run('CLUSTER', 'GETKEYSINSLOT', slot, BATCH) as CallArgument[];
    if (keys.length === 0) return;
    for (const key of keys) {
      const expiry = Math.max(0, Number(source.run('PEXPIRETIME', key)));
      const value = source.run('DUMP', key) as CallArgument;
      target.run('RESTORE-ASKING', key, expiry, value, 'REPLACE', 'ABSTTL');
      source.run('DEL', key);
    }
  }
}
