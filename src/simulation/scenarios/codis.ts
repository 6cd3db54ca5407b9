// codis: two proxies and two servers of a codis, slots that move under load, connections that break.
//
// Each client has keys of its own and many requests under way. Invariants: a reply is the one to its request (values
// name their client and request), in the order of requests; a counter moves by one for each INCR that was answered, and
// by one or none for each whose connection was lost; no key is at both servers in the end.

import { CODIS_SLOT_COUNT, codisSlot } from '../../base/codis-slot.js';
import { Prng } from '../../base/prng.js';
import type { CodisSlot } from '../../proxy/codis/slot.js';
import { replyText, SimulatedClient } from '../client.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { ProxyProcess } from '../proxy-process.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';

const CLIENTS = 4;
const ROUNDS = 60;
const MOVES = 6;
const STEP_MS = 100_000;

/** A counter as its client knows it: between what is certain and what may be. */
interface Counter {
  least: number;
  most: number;
}

class Load {
  readonly counters = new Map<string, Counter>();
  isOver = false;

  constructor(
    private readonly world: World,
    private readonly host: Host,
    private readonly proxy: ProxyProcess,
    private readonly name: string,
    private readonly tags: readonly string[],
  ) {}

  async run(): Promise<void> {
    const prng = new Prng(this.world.random.uint32() | 0);
    const client = new SimulatedClient(this.host, this.name);
    await client.connect({ host: this.proxy.host, port: this.proxy.port });
    for (let round = 0; round < ROUNDS; round++) {
      const work: Promise<void>[] = [];
      const count = 1 + prng.below(12);
      for (let index = 0; index < count; index++) work.push(this.one(client, prng, `${this.name}:${round}:${index}`));
      await Promise.all(work);
      await new Promise<void>((resolve) => this.host.clock.after(prng.below(20), resolve));
    }
    client.close();
    this.isOver = true;
  }

  private one(client: SimulatedClient, prng: Prng, mark: string): Promise<void> {
    const key = `{${prng.pick(this.tags)}}:${this.name}:${prng.below(4)}`;
    switch (prng.below(3)) {
      case 0:
        return this.echo(client, mark);
      case 1:
        return this.increment(client, `n:${key}`);
      default:
        return this.pair(client, `v:${key}`, mark);
    }
  }

  private async echo(client: SimulatedClient, mark: string): Promise<void> {
    const text = replyText(await client.call('ECHO', mark));
    if (text !== mark) this.world.fail(new Error(`${this.name}: ECHO ${mark} got ${text}`));
  }

  /** Two requests at once: what is written first is read second. */
  private async pair(client: SimulatedClient, key: string, mark: string): Promise<void> {
    const [set, get] = await Promise.all([client.call('SET', key, mark), client.call('GET', key)]);
    const [written, read] = [replyText(set), replyText(get)];
    if (written === 'OK' && read !== mark && !read.startsWith('-'))
      this.world.fail(new Error(`${this.name}: SET ${key} ${mark}, then GET got ${read}`));
  }

  private async increment(client: SimulatedClient, key: string): Promise<void> {
    const counter = this.counters.get(key) ?? { least: 0, most: 0 };
    this.counters.set(key, counter);
    counter.most++;
    const reply = replyText(await client.call('INCR', key));
    if (reply.startsWith('-')) return;
    const value = Number(reply);
    counter.least = Math.max(counter.least + 1, value);
    if (!(value >= 1 && value <= counter.most))
      this.world.fail(new Error(`${this.name}: INCR ${key} got ${reply}, at most ${counter.most} can be`));
  }
}

class Deployment {
  readonly net: SimulatedNetwork;
  readonly servers: readonly ServerProcess[];
  readonly proxies: readonly ProxyProcess[];
  readonly admin: Host;
  private readonly slots: CodisSlot[];

  constructor(
    readonly world: World,
    private readonly method: number,
  ) {
    this.net = new SimulatedNetwork(world);
    this.servers = ['one', 'two'].map((name, index) => {
      const host = new Host(world, this.net, name, `10.0.0.${index + 1}`);
      return new ServerProcess(host, { save: '', 'codis-enabled': 'yes' });
    });
    this.proxies = ['left', 'right'].map(
      (name, index) => new ProxyProcess(new Host(world, this.net, name, `10.0.1.${index + 1}`)),
    );
    this.admin = new Host(world, this.net, 'admin', '10.0.2.1');
    this.admin.boot(() => undefined);
    this.slots = Array.from({ length: CODIS_SLOT_COUNT }, (_, id) => ({ id, backend_addr: this.addressOf(0) }));
  }

  addressOf(server: number): string {
    return `${this.servers[server]!.host.address}:6379`;
  }

  ownerOf(id: number): number {
    return this.slots[id]!.backend_addr === this.addressOf(0) ? 0 : 1;
  }

  async start(): Promise<void> {
    for (const process of [...this.servers, ...this.proxies]) process.start();
    await this.world.runUntil('everybody serves', STEP_MS, () => {
      return this.servers.every(({ serves }) => serves) && this.proxies.every(({ router }) => router !== undefined);
    });
    await this.push(this.slots);
  }

  /** Tells all proxies, and waits for each as the dashboard does. */
  private async push(slots: readonly CodisSlot[]): Promise<void> {
    for (const slot of slots) this.slots[slot.id] = slot;
    await Promise.all(this.proxies.map((proxy) => proxy.router!.fill(slots)));
  }

  /** Moves a slot as the dashboard does. */
  async move(id: number): Promise<void> {
    const from = this.ownerOf(id);
    const to = 1 - from;
    const moving: CodisSlot = {
      id,
      backend_addr: this.addressOf(to),
      migrate_from: this.addressOf(from),
      ...(this.method === 0 ? {} : { forward_method: this.method }),
    };
    await this.push([{ ...moving, locked: true }]);
    await this.push([moving]);
    const client = new SimulatedClient(this.admin, 'admin');
    const { address } = this.servers[to]!.host;
    for (let left = 1; left > 0;) {
      try {
        if (!client.isOpen) await client.connect({ host: this.servers[from]!.host, port: 6379 });
        const words =
          this.method === 0
            ? ['SLOTSMGRTTAGSLOT', address, '6379', '3000', String(id)]
            : ['SLOTSMGRTTAGSLOT-ASYNC', address, '6379', '3000', '10', '1000', String(id), '5'];
        const reply = replyText(await client.call(...words));
        const match = /^\[\d+ (\d+)\]$/.exec(reply);
        if (match !== null) left = Number(match[1]);
        else this.world.note('admin', reply);
      } catch {
        // The connection is lost: it is opened again.
      }
      await new Promise<void>((resolve) => this.admin.clock.after(5, resolve));
    }
    client.close();
    await this.push([{ id, backend_addr: this.addressOf(to) }]);
  }
}

/** Cuts the two servers off from each other for a while, now and then. */
function disturb(deployment: Deployment, prng: Prng, isOver: () => boolean): void {
  const { admin, net, servers } = deployment;
  const again = (): void => {
    if (isOver()) {
      net.heal();
      return;
    }
    if (prng.chance(50)) net.heal();
    else net.partition([servers[0]!.host], [servers[1]!.host]);
    admin.clock.after(20 + prng.below(400), again);
  };
  admin.clock.after(50, again);
}

async function checkEnd(deployment: Deployment, loads: readonly Load[]): Promise<void> {
  const { admin, servers, world } = deployment;
  const clients = servers.map((server) => ({ server, client: new SimulatedClient(admin, 'check') }));
  for (const { server, client } of clients) await client.connect({ host: server.host, port: 6379 });
  for (const load of loads) {
    for (const [key, { least, most }] of load.counters) {
      const owner = deployment.ownerOf(codisSlot(new Uint8Array(Buffer.from(key))));
      const value = Number(replyText(await clients[owner]!.client.call('GET', key)).replace('(nil)', '0'));
      const other = replyText(await clients[1 - owner]!.client.call('EXISTS', key));
      if (value < least || value > most)
        world.fail(new Error(`${key} is ${value}, and must be from ${least} to ${most}`));
      if (other !== '0') world.fail(new Error(`${key} is at both servers`));
    }
  }
}

async function run(world: World, method: number): Promise<void> {
  const prng = new Prng(world.random.uint32() | 0);
  const deployment = new Deployment(world, method);
  await deployment.start();
  const tags = Array.from({ length: 3 }, (_, index) => `tag${index}${prng.below(1000)}`);
  const slots = tags.map((tag) => codisSlot(new Uint8Array(Buffer.from(tag))));
  const hosts = deployment.proxies.map((_, index) => {
    const host = new Host(world, deployment.net, `clients${index}`, `10.0.3.${index + 1}`);
    host.boot(() => undefined);
    return host;
  });
  const loads = Array.from({ length: CLIENTS }, (_, index) => {
    const side = index % deployment.proxies.length;
    return new Load(world, hosts[side]!, deployment.proxies[side]!, `c${index}`, tags);
  });
  let areMoved = false;
  const moves = (async () => {
    for (let index = 0; index < MOVES; index++) await deployment.move(slots[prng.below(slots.length)]!);
    areMoved = true;
  })();
  const isOver = (): boolean => areMoved && loads.every((load) => load.isOver);
  disturb(deployment, prng, isOver);
  const work = Promise.all([moves, ...loads.map((load) => load.run())]).catch((error: Error) => world.fail(error));
  await world.runUntil('all clients and moves are done', 10 * STEP_MS, isOver);
  await work;
  deployment.net.heal();
  let isChecked = false;
  void checkEnd(deployment, loads).then(
    () => (isChecked = true),
    (error: Error) => world.fail(error),
  );
  await world.runUntil('the end is checked', STEP_MS, () => isChecked);
}

export const codisScenarios: readonly Scenario[] = [
  {
    name: 'codis-sync',
    description: 'slots of a codis move by the synchronous method under load, while servers lose each other',
    run: (world) => run(world, 0),
  },
  {
    name: 'codis-async',
    description: 'slots of a codis move by the semi-asynchronous method under load, while servers lose each other',
    run: (world) => run(world, 1),
  },
];
