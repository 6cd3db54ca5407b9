// slots: slots of a cluster move from node to node in one step, under load, while links are cut, hosts stop and processes are killed;
// when it calms down no acknowledged write is lost, and every key is at the one node that serves it.
//
// Each counter and list has one writer, which counts what was acknowledged and what may have been done. A pair of keys is one value
// that is renamed to and fro: a copy that took one of the keys before and the other after the renaming would have both or none.
//
// One thing is not promised: when a source hands slots over and hears nothing of the destination until the writes have waited
// as long as they may, it serves the slots again, and says so in its log. Such a run is not checked for lost writes.

import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';
import type { Cluster } from '../../cluster/cluster.js';
import { Lost, replyText, SimulatedClient } from '../client.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { type Directives, ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';

const CALM_MS_MAX = 300_000;
const NODES = 3;
const WRITERS = 3;
const KEYS_EACH = 8;
const FAULTS = 6;
const MEAN_PAUSE_MS = 6;

const directives: Directives = {
  save: '',
  'cluster-enabled': 'yes',
  'cluster-node-timeout': 2000,
  'repl-timeout': 5,
  // Acknowledged writes are on the disk, or a crash would lose them whatever the slots do.
  appendonly: 'yes',
  appendfsync: 'always',
};

interface Node {
  readonly host: Host;
  readonly process: ServerProcess;
  readonly address: string;
}

function clusterOf({ process }: Node): Cluster {
  return process.running!.server.cluster as Cluster;
}

/** A writer's knowledge of a key: how often it was changed at least, and at most. */
interface Known {
  least: number;
  most: number;
}

/** A client that follows MOVED. */
class SlotClient {
  private readonly client: SimulatedClient;
  private at: Node;
  private isStopped = false;

  constructor(
    private readonly world: World,
    host: Host,
    private readonly nodes: readonly Node[],
    name: string,
  ) {
    this.client = new SimulatedClient(host, name);
    this.at = nodes[0]!;
  }

  stop(): void {
    this.isStopped = true;
    this.client.close();
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.client.host.schedule(ms, resolve));
  }

  /** The reply that is no redirection; undefined when the command may have been run or not. */
  async call(...words: string[]): Promise<string | undefined> {
    const { world, client, nodes } = this;
    while (!this.isStopped) {
      try {
        if (!client.isOpen) await client.connect({ host: this.at.host, port: this.at.process.port }, 500);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        this.at = world.random.pick(nodes);
        await this.wait(50);
        continue;
      }
      let text: string;
      try {
        text = replyText(await client.call(...words));
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        this.at = world.random.pick(nodes);
        return undefined;
      }
      const moved = /^-?MOVED \d+ ([0-9.]+):/.exec(text);
      if (/^-?(ASK|TRYAGAIN) /.test(text)) throw new Error(`a move in one step replies with ${text}`);
      const isElsewhere = moved !== null || /^-?(CLUSTERDOWN|LOADING)/.test(text);
      if (!isElsewhere) return text;
      this.at = nodes.find(({ address }) => address === moved?.[1]) ?? world.random.pick(nodes);
      client.close();
      if (moved === null) await this.wait(100);
    }
    return undefined;
  }
}

class SlotsWorld {
  readonly net: SimulatedNetwork;
  readonly nodes: Node[] = [];
  readonly known = new Map<string, Known>();
  readonly clients: SlotClient[] = [];
  private readonly place: Host;
  /** A source has served slots again of which it did not know whether they were taken. */
  isAtRisk = false;
  private isOver = false;
  /** What `isOneView` compared last, and the result. */
  private compared: readonly Cluster[] = [];
  private versions: readonly number[] = [];
  private wasOneView = false;
  moves = 0;

  constructor(
    readonly world: World,
    plant: (cluster: Cluster) => void,
  ) {
    this.net = new SimulatedNetwork(world);
    for (let index = 0; index < NODES; index++) {
      const address = `10.2.0.${index + 1}`;
      const host = new Host(world, this.net, `n${index}`, address);
      const process = new ServerProcess(host, directives, (line) => this.noteLog(host, line));
      const node = { host, process, address };
      process.onServing = () => plant(clusterOf(node));
      this.nodes.push(node);
    }
    this.place = new Host(world, this.net, 'clients', '10.2.0.100');
    this.place.boot(() => undefined);
  }

  private noteLog(host: Host, line: string): void {
    if (line.includes('Write loss risk')) this.isAtRisk = true;
    if (/slot|migration|epoch|state/i.test(line)) this.world.note(host.name, line);
  }

  private until(what: string, isThere: () => boolean): Promise<void> {
    return this.world.runUntil(what, CALM_MS_MAX, isThere);
  }

  /** All of one mind, and serving. */
  get isCalm(): boolean {
    const { nodes } = this;
    for (const node of nodes) {
      if (!node.process.serves || node.host.isPaused) return false;
      const cluster = clusterOf(node);
      if (!cluster.isOk || cluster.nodeCount !== NODES) return false;
    }
    return this.isOneView(nodes.map(clusterOf));
  }

  /** The nodes agree about every slot. It is asked after every event, so all slots are compared only after a change. */
  private isOneView(clusters: readonly Cluster[]): boolean {
    const { compared } = this;
    if (clusters.every((cluster, index) => compared[index] === cluster && this.versions[index] === cluster.version))
      return this.wasOneView;
    this.compared = clusters;
    this.versions = clusters.map(({ version }) => version);
    const [first, ...others] = clusters;
    this.wasOneView = true;
    for (let slot = 0; slot < SLOT_COUNT && this.wasOneView; slot++) {
      const id = first!.owner(slot)?.id;
      this.wasOneView = id !== undefined && others.every((cluster) => cluster.owner(slot)?.id === id);
    }
    return this.wasOneView;
  }

  async build(): Promise<void> {
    const { nodes } = this;
    for (const { process } of nodes) process.start();
    await this.until('all serve', () => nodes.every(({ process }) => process.serves));
    for (const [index, node] of nodes.entries()) {
      const cluster = clusterOf(node);
      const first = Math.round((index * SLOT_COUNT) / NODES);
      const next = Math.round(((index + 1) * SLOT_COUNT) / NODES);
      cluster.setConfigEpoch(index + 1);
      cluster.addSlots(Array.from({ length: next - first }, (_, offset) => first + offset));
      if (index > 0) cluster.meet(nodes[0]!.address, nodes[0]!.process.port, 0);
    }
    await this.until('the cluster is ok', () => this.isCalm);
  }

  client(name: string): SlotClient {
    const made = new SlotClient(this.world, this.place, this.nodes, name);
    this.clients.push(made);
    return made;
  }

  startLoad(): void {
    for (let index = 0; index < WRITERS; index++)
      this.write(this.client(`w${index}`), `w${index}`).catch((error: Error) => this.world.fail(error));
  }

  /** Counters, lists and pairs of one writer. */
  private async write(client: SlotClient, name: string): Promise<void> {
    const { random } = this.world;
    for (let index = 0; index < KEYS_EACH; index++) {
      await client.call('SET', `{pair:${name}:${index}}a`, 'value');
      const words: string[] = [];
      for (let at = 0; at < 200; at++) words.push(String(at), `member ${at}`);
      if (index === 0) await client.call('ZADD', `zset:${name}`, ...words);
    }
    while (!this.isOver) {
      const index = random.below(KEYS_EACH);
      const dice = random.below(10);
      if (dice < 5) await this.change(client, `counter:${name}:${index}`, ['INCR', `counter:${name}:${index}`]);
      else if (dice < 8) await this.change(client, `list:${name}:${index}`, ['RPUSH', `list:${name}:${index}`, 'x']);
      else {
        const [from, to] = random.chance(50) ? ['a', 'b'] : ['b', 'a'];
        await client.call('RENAME', `{pair:${name}:${index}}${from}`, `{pair:${name}:${index}}${to}`);
      }
      await client.wait(random.below(2 * MEAN_PAUSE_MS));
    }
  }

  private async change(client: SlotClient, key: string, words: string[]): Promise<void> {
    const known = this.known.get(key) ?? { least: 0, most: 0 };
    this.known.set(key, known);
    known.most++;
    const reply = await client.call(...words);
    if (reply === undefined) return;
    if (!/^\d+$/.test(reply)) {
      known.most--;
      return;
    }
    known.least++;
    if (!this.isAtRisk && (Number(reply) < known.least || Number(reply) > known.most))
      throw new Error(`${key} is ${reply} after ${known.least} to ${known.most} changes`);
  }

  /** Asks for a move now and then, in either vocabulary, and meddles with it. */
  async keepMoving(): Promise<void> {
    const { random } = this.world;
    while (!this.isOver) {
      await new Promise<void>((resolve) => this.world.schedule(200 + random.below(1500), resolve));
      const node = random.pick(this.nodes);
      if (this.isOver || !node.process.serves || node.host.isPaused) continue;
      const cluster = clusterOf(node);
      if (cluster.slotMoves.activeCount > 0) {
        const dice = random.below(10);
        if (dice < 1) cluster.slotMoves.cancel(undefined, 'both');
        else if (dice < 2) cluster.slotMoves.order(undefined, { kind: 'pause' });
        else if (dice < 4) cluster.slotMoves.order(undefined, { kind: 'resume' });
        continue;
      }
      const range = this.someRange(cluster);
      if (range === undefined) continue;
      const { first, last, owner } = range;
      const others = [...cluster.nodes].filter(({ isMyself }) => !isMyself);
      const answer = owner.isMyself
        ? cluster.slotMoves.exportSlots([{ ranges: [{ first, last }], nodeId: random.pick(others).id }])
        : JSON.stringify(cluster.slotMoves.importSlots([{ first, last }]));
      this.moves++;
      this.world.note(node.host.name, `${owner.isMyself ? 'exports' : 'imports'} ${first}-${last}: ${answer ?? 'OK'}`);
    }
  }

  /** Slots of one owner. */
  private someRange(cluster: Cluster) {
    const { random } = this.world;
    const first = random.below(SLOT_COUNT);
    const owner = cluster.owner(first);
    if (owner === undefined) return undefined;
    let last = first;
    const end = Math.min(SLOT_COUNT - 1, first + random.below(6000));
    while (last < end && cluster.owner(last + 1) === owner) last++;
    return { first, last, owner };
  }

  async fault(): Promise<void> {
    const { world, net, nodes } = this;
    const { random } = world;
    const victim = random.pick(nodes);
    const others = nodes.filter((node) => node !== victim);
    switch (random.below(5)) {
      case 0:
        net.partition(
          [victim.host],
          others.map(({ host }) => host),
        );
        await world.run(random.below(15_000));
        net.heal();
        break;
      case 1:
        net.cutOneWay(victim.host, random.pick(others).host);
        await world.run(random.below(8000));
        net.heal();
        break;
      case 2:
        victim.host.pause();
        await world.run(random.below(8000));
        victim.host.resume();
        break;
      default:
        if (random.chance(50)) victim.host.kill();
        else victim.host.powerOff();
        await world.run(random.below(6000));
        victim.process.start();
        await this.until(`${victim.host.name} serves again`, () => victim.process.serves);
    }
  }

  async calmDown(): Promise<void> {
    this.net.heal();
    this.isOver = true;
    const active = (node: Node): number => (node.process.serves ? clusterOf(node).slotMoves.activeCount : 1);
    for (const node of this.nodes) clusterOf(node).slotMoves.order(undefined, { kind: 'resume' });
    await this.until('all have one view of a cluster that serves', () => this.isCalm);
    for (const node of this.nodes) clusterOf(node).slotMoves.order(undefined, { kind: 'resume' });
    await this.until('all moves have ended', () => this.nodes.every((node) => active(node) === 0));
    await this.until('all have one view again', () => this.isCalm);
    await this.until('no key is where it does not belong', () => this.strayKeys === 0);
  }

  /** Keys in slots of others. */
  private get strayKeys(): number {
    let count = 0;
    for (const node of this.nodes) {
      const { counts } = node.process.running!.server.keyspace.databases[0]!.slots!;
      const cluster = clusterOf(node);
      for (let slot = 0; slot < SLOT_COUNT; slot++)
        if (counts[slot]! > 0 && !cluster.isMine(slot)) count += counts[slot]!;
    }
    return count;
  }

  async check(): Promise<void> {
    const { random } = this.world;
    const client = this.client('checker');
    if (this.isAtRisk) return;
    const ask = async (...words: string[]): Promise<string> => {
      for (;;) {
        const text = await client.call(...words);
        if (text !== undefined) return text;
      }
    };
    for (const [key, { least, most }] of this.known) {
      const text = await ask(key.startsWith('list') ? 'LLEN' : 'GET', key);
      const value = text === '(nil)' ? 0 : Number(text);
      if (!(value >= least && value <= most))
        throw new Error(
          `${key} (slot ${keySlot(Buffer.from(key))}) is ${text}, and ${least} to ${most} changes were made`,
        );
    }
    for (let writer = 0; writer < WRITERS; writer++) {
      if ((await ask('ZCARD', `zset:w${writer}`)) !== '200') throw new Error(`zset:w${writer} is not whole`);
      for (let index = 0; index < KEYS_EACH; index++) {
        const pair = `{pair:w${writer}:${index}}`;
        const count = await ask('EXISTS', `${pair}a`, `${pair}b`);
        if (count !== '1') throw new Error(`${count} keys of ${pair} are there`);
      }
    }
    this.world.note('checker', `${this.known.size} keys, ${this.moves} moves ${random.below(2)}`);
  }
}

export function slotsScenario(name: string, plant: (cluster: Cluster) => void = () => undefined): Scenario {
  return {
    name,
    description:
      'slots move in one step under load: cuts, pauses, kills; no acknowledged write is lost, no key is lost or doubled',
    async run(world) {
      const slots = new SlotsWorld(world, plant);
      await slots.build();
      slots.startLoad();
      slots.keepMoving().catch((error: Error) => world.fail(error));
      for (let fault = 0; fault < FAULTS; fault++) {
        await world.run(1000 + world.random.below(4000));
        await slots.fault();
      }
      await world.run(3000);
      await slots.calmDown();
      let isChecked = false;
      slots.check().then(
        () => (isChecked = true),
        (error: Error) => world.fail(error),
      );
      await world.runUntil('all keys are looked at', CALM_MS_MAX, () => isChecked);
      for (const client of slots.clients) client.stop();
    },
  };
}
