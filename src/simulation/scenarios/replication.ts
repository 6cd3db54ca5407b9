// replication: a master, replicas and a replica of a replica, under load, with everything that may happen to the links and hosts between
// them; when it calms down, all copies are equal.
//
// Counters only grow while one server is the master, so a replica that shows a smaller value than it has shown before, without
// having been restarted, has taken over something that its master never had.

import { datasetDigest } from '../../persistence/digest.js';
import { Lost, replyText, SimulatedClient } from '../client.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';

const WRITERS = 2;
const READ_EVERY_MS = 40;
const FAULTS = 8;
const CALM_MS_MAX = 300_000;
const MEAN_PAUSE_MS = 15;

export interface Node {
  readonly host: Host;
  readonly process: ServerProcess;
  /** The highest value of the counter that was read here in this life of the process and of its master. */
  seen: number;
}

const directives = { save: '', 'repl-timeout': 5, 'repl-ping-replica-period': 1, 'repl-diskless-sync-delay': 0 };

export class Load {
  private isStopped = false;
  private readonly client: SimulatedClient;

  constructor(
    private readonly world: World,
    host: Host,
    private readonly node: Node,
    private readonly name: string,
  ) {
    this.client = new SimulatedClient(host, name);
  }

  stop(): void {
    this.isStopped = true;
    this.client.close();
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.client.host.schedule(ms, resolve));
  }

  private async connect(): Promise<void> {
    if (!this.client.isOpen) await this.client.connect({ host: this.node.host, port: this.node.process.port });
  }

  /** Writes of several kinds, for as long as the world lasts. */
  async write(): Promise<void> {
    const { random } = this.world;
    while (!this.isStopped) {
      try {
        await this.connect();
        const key = `${this.name}:${random.below(20)}`;
        const kind = random.below(7);
        if (kind < 3) await this.client.call('INCR', `${this.name}:counter`);
        else if (kind === 3) await this.client.call('RPUSH', `list:${key}`, String(random.below(1000)));
        else if (kind === 4)
          await this.client.call('SET', key, 'x'.repeat(random.below(2000)), 'PX', String(1 + random.below(3000)));
        else if (kind === 5) await this.client.call('SPOP', 'set', '1');
        else
          await Promise.all([
            this.client.call('MULTI'),
            this.client.call('SADD', 'set', key),
            this.client.call('HSET', 'hash', key, String(random.below(1000))),
            this.client.call('EXEC'),
          ]);
      } catch (error) {
        if (!(error instanceof Lost)) this.world.fail(error as Error);
        this.client.close();
      }
      await this.wait(random.below(2 * MEAN_PAUSE_MS));
    }
  }

  /** Reads a counter, which must not go back. */
  async read(counter: string): Promise<void> {
    while (!this.isStopped) {
      try {
        await this.connect();
        const text = replyText(await this.client.call('GET', counter));
        const value = text === '(nil)' ? 0 : Number(text);
        if (!text.startsWith('-')) {
          if (value < this.node.seen)
            throw new Error(`${this.node.host.name} shows ${counter} as ${value} after ${this.node.seen}`);
          this.node.seen = value;
        }
      } catch (error) {
        if (!(error instanceof Lost)) this.world.fail(error as Error);
        this.client.close();
      }
      await this.wait(READ_EVERY_MS);
    }
  }
}

export function linkIsUp({ process }: Node): boolean {
  const fields = process.running?.server.replication?.infoFields() ?? [];
  return process.serves && fields.some(([name, value]) => name === 'master_link_status' && value === 'up');
}

async function run(world: World): Promise<void> {
  const net = new SimulatedNetwork(world);
  const { random } = world;
  const node = (name: string, index: number, more: Readonly<Record<string, string>>): Node => {
    const host = new Host(world, net, name, `10.0.0.${index}`);
    return { host, process: new ServerProcess(host, { ...directives, ...more }), seen: 0 };
  };
  // The master keeps its data, or a restart would be a new data set with counters that go back.
  const master = node('master', 1, { appendonly: 'yes', appendfsync: 'always' });
  const small = random.chance(50) ? { 'repl-backlog-size': '16384' } : {};
  const replicas = [
    node('first', 2, { replicaof: '10.0.0.1 6379', ...small }),
    node('second', 3, { replicaof: '10.0.0.1 6379', appendonly: random.chance(50) ? 'yes' : 'no' }),
    node('third', 4, { replicaof: '10.0.0.2 6379' }),
  ];
  const nodes = [master, ...replicas];
  const place = new Host(world, net, 'clients', '10.0.0.9');
  place.boot(() => undefined);
  for (const { process } of nodes) process.start();
  await world.runUntil('all serve', CALM_MS_MAX, () => nodes.every(({ process }) => process.serves));
  const loads = Array.from({ length: WRITERS }, (_, index) => new Load(world, place, master, `w${index}`));
  for (const load of loads) void load.write();
  const readers = replicas.map((replica, index) => new Load(world, place, replica, `r${index}`));
  for (const reader of readers) void reader.read('w0:counter');

  for (let fault = 0; fault < FAULTS; fault++) {
    await world.run(random.below(4000));
    const victim = random.pick(nodes);
    const kind = random.below(5);
    if (kind === 0) {
      const others = nodes.filter((other) => other !== victim);
      net.partition(
        [victim.host],
        others.map(({ host }) => host),
      );
      await world.run(random.below(12_000));
      net.heal();
    } else if (kind === 1) {
      net.cutOneWay(victim.host, random.pick(nodes).host);
      await world.run(random.below(12_000));
      net.heal();
    } else if (kind === 2) {
      victim.host.pause();
      await world.run(random.below(8000));
      victim.host.resume();
    } else {
      // A replica that begins anew shows what it has on its disk until it has caught up.
      for (const replica of replicas) if (replica === victim || victim === replicas[0]) replica.seen = 0;
      victim.host.kill();
      await world.run(random.below(1000));
      for (const replica of replicas) if (replica === victim) replica.seen = 0;
      victim.process.start();
      await world.runUntil(`${victim.host.name} serves again`, CALM_MS_MAX, () => victim.process.serves);
    }
  }

  for (const load of loads) load.stop();
  await world.runUntil('all links are up', CALM_MS_MAX, () => replicas.every(linkIsUp));
  const offset = (one: Node): number => one.process.running!.server.replication!.offset;
  await world.runUntil('all replicas have caught up', CALM_MS_MAX, () =>
    replicas.every((replica) => linkIsUp(replica) && offset(replica) === offset(master)),
  );
  // Keys with a time to live go one by one.
  await world.run(5000);
  await world.runUntil('all replicas have caught up again', CALM_MS_MAX, () =>
    replicas.every((replica) => linkIsUp(replica) && offset(replica) === offset(master)),
  );
  for (const reader of readers) reader.stop();
  const digestOf = (one: Node): string =>
    Buffer.from(datasetDigest(one.process.running!.server.keyspace)).toString('hex');
  const expected = digestOf(master);
  for (const replica of replicas)
    if (digestOf(replica) !== expected) throw new Error(`${replica.host.name} differs from the master`);
}

export const replicationScenarios: readonly Scenario[] = [
  {
    name: 'replication',
    description: 'a master, two replicas and a replica of one: cuts, pauses, kills; all copies are equal in the end',
    run,
  },
];
