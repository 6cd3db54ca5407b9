// local-cluster: a cluster for a test, built by the commands that a manager would use.

import { keySlot } from '../base/key-slot.js';
import { utf8 } from '../base/bytes.js';
import { LocalGroup } from './local-group.js';
import type { PlainReply } from './plain-reply.js';
import type { CallArgument, ClusterOptions, TestCluster, TestServer } from './test-kit.js';
import type { LocalTestServer } from './test-server.js';

const SLOT_COUNT = 16384;
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
    const made: LocalTestServer[] = [];
    for (let index = 1; index <= masters; index++) made.push(await this.startNode(`m${index}`));
    for (let index = 1; index <= masters * replicas; index++) made.push(await this.startNode(`r${index}`));
    this.assignSlots(made.slice(0, masters));
    await this.meet(made);
    made.slice(masters).forEach((replica, index) => {
      replica.run('CLUSTER', 'REPLICATE', idOf(made[index % masters]!));
    });
    await this.agreed();
  }

  private async startNode(name: string): Promise<LocalTestServer> {
    const { group } = this;
    const busPort = group.net.freePort();
    const { server } = await group.start(
      name,
      {
        port: group.clientPort(),
        'cluster-enabled': 'yes',
        'cluster-port': busPort,
        'cluster-node-timeout': 2000,
        'repl-diskless-sync-delay': 0,
      },
      new Set([busPort]),
    );
    return server;
  }

  private assignSlots(masters: readonly LocalTestServer[]): void {
    masters.forEach((master, index) => {
      const from = Math.round((index * SLOT_COUNT) / masters.length);
      const to = Math.round(((index + 1) * SLOT_COUNT) / masters.length) - 1;
      master.run('CLUSTER', 'ADDSLOTSRANGE', from, to);
      master.run('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    });
  }

  private async meet(nodes: readonly LocalTestServer[]): Promise<void> {
    for (const node of nodes) {
      for (const other of nodes) {
        if (other === node) break;
        node.run('CLUSTER', 'MEET', other.host, other.port, portOfBus(other));
      }
    }
    await this.settle('all nodes know each other', () =>
      nodes.every(({ inside }) => {
        const known = [...inside.cluster!.nodes];
        return known.length === nodes.length && known.every((each) => !each.isInHandshake);
      }),
    );
  }

  /** Every node serves, and all see the same owners and roles. */
  private async agreed(): Promise<void> {
    await this.settle('all nodes agree on a cluster that serves', () => {
      const servers = this.servers.filter(({ inside }) => inside.cluster !== undefined);
      const views = new Set(servers.map(viewOf));
      return (
        views.size === 1 &&
        servers.every(({ inside }) => inside.cluster!.isOk) &&
        servers.every(({ inside }) => inside.cluster!.myself.isMaster || isInSync(inside))
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

function portOfBus(server: LocalTestServer): number {
  return server.inside.config.number('cluster-port').value;
}

function isInSync(inside: LocalTestServer['inside']): boolean {
  return inside.replication!.infoFields().some(([name, value]) => name === 'master_link_status' && value === 'up');
}

/** Who owns what and follows whom, as a node sees it. */
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
