// cluster: nodes of a cluster on their bus, with everything that may happen to hosts, links, disks and clocks; when it calms down, all
// have the same view, every slot has an owner, and everybody serves.
//
// While it lasts: of two masters that both believe to own a slot, one has the greater epoch, so that everybody who hears of both
// knows whom to believe. (A TAKEOVER is the one thing that may break this for a while; worlds with one check the end alone.)

import { SLOT_COUNT } from '../../base/key-slot.js';
import type { ClusterNode } from '../../cluster/node.js';
import * as commands from '../../cluster/commands.js';
import { bumpEpoch } from '../../cluster/epochs.js';
import { CLIENT_PORT, SimulatedNode } from '../cluster-node.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';

const CALM_MS_MAX = 600_000;
const CHECK_MS = 250;
const FAULTS = 8;
const DAY_MS = 86_400_000;

/** How many nodes of each kind, and what may happen. */
interface Shape {
  readonly masters: number;
  readonly replicasEach: number;
  readonly takesOver: boolean;
  readonly nodeTimeoutMs: number;
}

class ClusterWorld {
  readonly net: SimulatedNetwork;
  readonly nodes: SimulatedNode[] = [];
  private readonly byAddress = new Map<string, SimulatedNode>();

  constructor(
    readonly world: World,
    readonly shape: Shape,
  ) {
    this.net = new SimulatedNetwork(world);
    const count = shape.masters * (1 + shape.replicasEach);
    for (let index = 0; index < count; index++) {
      const address = `10.0.${index >> 8}.${(index & 255) + 1}`;
      const host = new Host(world, this.net, `n${index}`, address);
      const node = new SimulatedNode(host, this.net, (at) => this.byAddress.get(at), {
        nodeTimeoutMs: shape.nodeTimeoutMs,
        pingIntervalMs: shape.nodeTimeoutMs / 2,
      });
      this.byAddress.set(address, node);
      this.nodes.push(node);
    }
  }

  get upNodes(): SimulatedNode[] {
    return this.nodes.filter((node) => node.isUp);
  }

  private until(what: string, isOver: () => boolean): Promise<void> {
    return this.world.runUntil(what, CALM_MS_MAX, isOver);
  }

  /** As a manager does it: epochs, slots, MEET, REPLICATE. */
  async build(): Promise<void> {
    const { nodes, shape } = this;
    for (const node of nodes) node.start();
    await this.until('all have started', () => this.upNodes.length === nodes.length);
    for (const [index, node] of nodes.entries()) {
      const refusals = node.runner!.change((bus) => {
        const refused = [commands.setConfigEpoch(bus, index + 1)];
        if (index < shape.masters) refused.push(commands.addSlots(bus, slotsOf(index, shape.masters)));
        if (index > 0) refused.push(commands.meet(bus, nodes[0]!.host.address, CLIENT_PORT, 0));
        return refused;
      });
      for (const refusal of refusals) if (refusal !== undefined) throw new Error(refusal);
    }
    await this.until('all know each other', () =>
      nodes.every(({ state }) => state.nodes.size === nodes.length && [...state.nodes.values()].every(isMet)),
    );
    for (const [index, node] of nodes.entries()) {
      if (index < shape.masters) continue;
      const master = nodes[index % shape.masters]!.state.myself.id;
      const refusal = node.runner!.change((bus) => commands.replicate(bus, master));
      if (refusal !== undefined) throw new Error(refusal);
    }
    await this.untilCalm('the cluster is ok');
    this.checkLater();
  }

  private checkLater(): void {
    this.world.schedule(CHECK_MS, () => {
      this.checkOwners();
      this.checkLater();
    });
  }

  /** No two masters own a slot with the same epoch. */
  private checkOwners(): void {
    if (this.shape.takesOver) return;
    const byEpoch = new Map<number, SimulatedNode>();
    for (const node of this.upNodes) {
      const { myself } = node.state;
      if (!myself.isVoter) continue;
      const other = byEpoch.get(myself.configEpoch);
      if (other === undefined) byEpoch.set(myself.configEpoch, node);
      else if (overlaps(other.state.myself, myself))
        throw new Error(`${other.host.name} and ${node.host.name} own a slot, both with epoch ${myself.configEpoch}`);
    }
  }

  /** All serve, and have one view. */
  isCalm(): boolean {
    if (this.upNodes.length < this.nodes.length) return false;
    const expected = viewOf(this.nodes[0]!);
    return this.nodes.every((node) => node.state.isOk && viewOf(node) === expected) && this.faults().length === 0;
  }

  /** Faults in the view of the first node. */
  faults(): string[] {
    const { state } = this.nodes[0]!;
    const found: string[] = [];
    if (state.assignedSlotCount() < SLOT_COUNT)
      found.push(`${SLOT_COUNT - state.assignedSlotCount()} slots have no owner`);
    for (const node of state.nodes.values()) {
      if (node.hasFailed || node.isSuspected) found.push(`${node.ip} has failed`);
      if (node.isReplica && node.master?.isMaster !== true) found.push(`${node.ip} follows no master`);
    }
    if (state.nodes.size !== this.nodes.length) found.push(`${state.nodes.size} nodes are known`);
    return found;
  }

  /** Something goes wrong, for a while. */
  async fault(): Promise<void> {
    const { world, net, nodes } = this;
    const { random } = world;
    const victim = random.pick(nodes);
    const whileMs = random.below(6 * this.shape.nodeTimeoutMs);
    switch (random.below(9)) {
      case 0: {
        const side = nodes.filter(() => random.chance(30));
        const others = nodes.filter((node) => !side.includes(node));
        net.partition(side.map(hostOf), others.map(hostOf));
        await world.run(2 * whileMs);
        net.heal();
        break;
      }
      case 1:
        net.cutOneWay(victim.host, random.pick(nodes).host);
        await world.run(whileMs);
        net.heal();
        break;
      case 2:
        for (const other of nodes) {
          net.link(victim.host, other.host).latencyMs = random.below(this.shape.nodeTimeoutMs);
          net.link(other.host, victim.host).bytesPerSecond = 20_000;
        }
        world.note(victim.host.name, 'has slow links');
        await world.run(whileMs);
        net.heal();
        break;
      case 3:
        victim.host.pause();
        await world.run(whileMs);
        victim.host.resume();
        break;
      case 4:
        victim.host.wallErrorMs += (random.below(3) - 1) * random.below(DAY_MS);
        world.note(victim.host.name, `has a clock that is wrong by ${victim.host.wallErrorMs} ms`);
        break;
      case 5:
      case 6: {
        // Half of the time a master with all of its replicas comes back as it is.
        if (random.chance(50)) victim.host.kill();
        else victim.host.powerOff();
        await world.run(2 * whileMs);
        await this.restart(victim);
        break;
      }
      case 7:
        this.askForFailover(victim);
        break;
      case 8:
        if (victim.isUp && !victim.host.isPaused && this.shape.takesOver)
          victim.runner!.change((bus) => {
            if (bus.state.myself.isMaster) bumpEpoch(bus);
          });
        break;
    }
  }

  private async restart(victim: SimulatedNode): Promise<void> {
    if (victim.host.isUp) return;
    victim.start();
    await this.until(`${victim.host.name} runs again`, () => victim.isUp);
  }

  private askForFailover(victim: SimulatedNode): void {
    const { random } = this.world;
    if (!victim.isUp || victim.host.isPaused) return;
    const hows = this.shape.takesOver ? (['plain', 'force', 'takeover'] as const) : (['plain', 'force'] as const);
    const how = random.pick(hows);
    const refusal = victim.runner!.change((bus) => commands.failover(bus, how));
    this.world.note(victim.host.name, `FAILOVER ${how}: ${refusal ?? 'OK'}`);
  }

  /** Everything works again; waits for peace. */
  async calmDown(): Promise<void> {
    this.net.heal();
    for (const node of this.nodes) {
      node.host.resume();
      await this.restart(node);
    }
    await this.untilCalm('all have one view of a cluster that serves');
    this.checkOwners();
  }

  /** If it never happens, the timeline ends with the view of each node. */
  private async untilCalm(what: string): Promise<void> {
    try {
      await this.until(what, () => this.isCalm());
    } catch (error) {
      for (const node of this.nodes)
        this.world.note(node.host.name, `${node.state.isOk ? 'ok' : node.state.downReason} ${shortView(node)}`);
      throw new Error(`${(error as Error).message}; ${this.faults().join(', ')}`, { cause: error });
    }
  }
}

function hostOf(node: SimulatedNode): Host {
  return node.host;
}

function isMet(node: ClusterNode): boolean {
  return !node.isInHandshake && (node.isMyself || node.link?.isOpen === true);
}

function slotsOf(index: number, masters: number): number[] {
  const first = Math.round((index * SLOT_COUNT) / masters);
  const next = Math.round(((index + 1) * SLOT_COUNT) / masters);
  return Array.from({ length: next - first }, (_, offset) => first + offset);
}

function overlaps(first: ClusterNode, second: ClusterNode): boolean {
  return first.slots.some((byte, index) => (byte & second.slots[index]!) !== 0);
}

/** A node's view, as text that can be compared. */
function viewOf({ state }: SimulatedNode): string {
  const nodes = [...state.nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return nodes
    .map((node) => {
      const role = node.isMaster ? 'master' : `replica of ${node.master?.id}`;
      const epoch = node.isMaster ? node.configEpoch : '';
      return `${node.id} ${node.ip}:${node.port}@${node.busPort} ${role} ${epoch} ${Buffer.from(node.slots).toString('base64')}`;
    })
    .join('\n');
}

function shortView({ state }: SimulatedNode): string {
  const nodes = [...state.nodes.values()].sort((a, b) => (a.ip < b.ip ? -1 : 1));
  return nodes
    .map(
      (node) =>
        `${node.ip.slice(5)}=${node.isMaster ? `M${node.configEpoch}/${node.slotCount}` : `r:${node.master?.ip.slice(5)}`}${node.hasFailed ? '!' : node.isSuspected ? '?' : ''}`,
    )
    .join(' ');
}

async function runCluster(world: World, shape: Shape): Promise<void> {
  const cluster = new ClusterWorld(world, shape);
  world.note(
    'cluster',
    `${shape.masters} masters with ${shape.replicasEach} replicas each${shape.takesOver ? ', with takeovers' : ''}`,
  );
  await cluster.build();
  for (let fault = 0; fault < FAULTS; fault++) {
    await world.run(world.random.below(3 * shape.nodeTimeoutMs));
    await cluster.fault();
  }
  await cluster.calmDown();
}

export const clusterScenarios: readonly Scenario[] = [
  {
    name: 'cluster',
    description: 'up to 12 nodes of a cluster: partitions, slow links, crashes, clocks that jump, failovers by hand',
    run(world) {
      const { random } = world;
      return runCluster(world, {
        masters: 3 + random.below(2),
        replicasEach: random.below(3),
        takesOver: random.chance(20),
        nodeTimeoutMs: 500 + random.below(2000),
      });
    },
  },
  {
    name: 'cluster-large',
    description: 'the same with 20 to 50 nodes',
    run(world) {
      const { random } = world;
      const replicasEach = 1 + random.below(2);
      const masters = Math.floor((20 + random.below(31)) / (1 + replicasEach));
      return runCluster(world, { masters, replicasEach, takesOver: random.chance(20), nodeTimeoutMs: 3000 });
    },
  },
];
