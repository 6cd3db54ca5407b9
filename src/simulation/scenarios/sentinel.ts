// sentinel: a master, two replicas and three or five sentinels, with everything that may happen to hosts, links and clocks; there
// are never two leaders in one epoch, and when it calms down there is one master that all agree on.

import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { SentinelProcess } from '../sentinel-process.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';

const NAME = 'mymaster';
const DOWN_AFTER_MS = 2000;
const FAILOVER_TIMEOUT_MS = 6000;
const FAULTS = 7;
/** Tilt lasts 30 s, an old master is let be for 8 s, and failovers that fail are tried again after two timeouts. */
const CALM_MS_MAX = 600_000;
/** From the death of the master to a new one that most agree on, with all else well: down-after, votes, and one more try. */
const FAILOVER_MS_MAX = DOWN_AFTER_MS + 10_000 + 2 * FAILOVER_TIMEOUT_MS + 5000;
const SENTINEL_PORT = 26379;

const directives = { save: '', 'repl-timeout': 5, 'repl-ping-replica-period': 1, 'repl-diskless-sync-delay': 0 };

/** What must hold for the votes and configurations of all sentinels in all their lives. */
export class ElectionRecord {
  private readonly leaders = new Map<number, string>();
  private readonly votes = new Map<string, string>();
  private readonly masters = new Map<number, string>();

  constructor(private readonly world: World) {}

  note(process: SentinelProcess, line: string): void {
    const { name } = process.host;
    const [, event, ...words] = line.split(' ');
    if (event === undefined || !/^[+-]/.test(event) || event === '-cmd-link-reconnection') return;
    this.world.note(name, line.slice(0, 160));
    if (event === '+vote-for-leader') this.once(this.votes, `${name} in epoch ${words[1]}`, words[0]!, 'votes for');
    const master = process.running?.server.state.master(NAME);
    if (master === undefined) return;
    if (event === '+elected-leader') this.once(this.leaders, master.failoverEpoch, name, 'is led by');
    if (event === '+promoted-slave')
      this.once(this.masters, master.configEpoch, `${master.currentAddress.host}`, 'has the master');
  }

  private once<Key>(record: Map<Key, string>, key: Key, value: string, verb: string): void {
    const before = record.get(key);
    if (before !== undefined && before !== value)
      this.world.fail(new Error(`${String(key)} ${verb} ${before} and ${value}`));
    record.set(key, value);
  }
}

class Deployment {
  readonly net: SimulatedNetwork;
  readonly servers: readonly ServerProcess[];
  readonly sentinels: readonly SentinelProcess[];

  constructor(
    readonly world: World,
    sentinelCount: number,
    record: ElectionRecord,
  ) {
    this.net = new SimulatedNetwork(world);
    this.servers = ['first', 'second', 'third'].map((name, index) => {
      const host = new Host(world, this.net, name, `10.0.0.${index + 1}`);
      return new ServerProcess(host, { ...directives, ...(index === 0 ? {} : { replicaof: '10.0.0.1 6379' }) });
    });
    const quorum = Math.floor(sentinelCount / 2) + 1;
    this.sentinels = Array.from({ length: sentinelCount }, (_, index) => {
      const host = new Host(world, this.net, `watch${index}`, `10.0.1.${index + 1}`);
      const lines = [
        'bind *',
        `port ${SENTINEL_PORT}`,
        `sentinel monitor ${NAME} 10.0.0.1 6379 ${quorum}`,
        `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
      ];
      return new SentinelProcess(host, lines, (process, line) => record.note(process, line));
    });
  }

  get hosts(): readonly Host[] {
    return [...this.servers, ...this.sentinels].map(({ host }) => host);
  }

  start(): void {
    for (const process of [...this.servers, ...this.sentinels]) process.start();
  }

  /** The address that this sentinel gives to clients. */
  masterOf(process: SentinelProcess): string {
    return process.server?.state.master(NAME)?.currentAddress.host ?? '';
  }

  /** The server that all sentinels name; undefined while they differ. */
  get agreed(): ServerProcess | undefined {
    const addresses = new Set(this.sentinels.map((process) => this.masterOf(process)));
    return addresses.size === 1 ? this.servers.find(({ host }) => addresses.has(host.address)) : undefined;
  }

  /** All sentinels know each other and name the same master, which is one, and the others follow it. */
  get isCalm(): boolean {
    const master = this.agreed;
    if (master === undefined || !master.serves || roleOf(master) !== 'master') return false;
    for (const { server } of this.sentinels) {
      const seen = server?.state.master(NAME);
      if (seen === undefined || seen.isDown || seen.failsOver || server?.state.isTilted === true) return false;
      if (seen.peers.size !== this.sentinels.length - 1 || seen.replicas.size !== this.servers.length - 1) return false;
      for (const each of seen.instances()) if (each.isDown || each.link.disconnected) return false;
    }
    return this.servers.every((each) => each === master || follows(each, master));
  }
}

function fieldsOf(process: ServerProcess): ReadonlyMap<string, unknown> {
  return new Map((process.running?.server.replication?.infoFields() ?? []).map(([name, value]) => [name, value]));
}

function roleOf(process: ServerProcess): unknown {
  return fieldsOf(process).get('role');
}

function follows(process: ServerProcess, master: ServerProcess): boolean {
  const fields = fieldsOf(process);
  return (
    process.serves &&
    fields.get('role') === 'slave' &&
    fields.get('master_host') === master.host.address &&
    fields.get('master_link_status') === 'up'
  );
}

async function strike(world: World, deployment: Deployment): Promise<void> {
  const { random } = world;
  const { net, servers, sentinels, hosts } = deployment;
  const server = random.chance(60) ? (deployment.agreed ?? random.pick(servers)) : random.pick(servers);
  const sentinel = random.pick(sentinels);
  const kind = random.below(8);
  if (kind === 0) {
    server.host.kill();
    await world.run(random.below(20_000));
    server.start();
  } else if (kind === 1) {
    if (random.chance(50)) sentinel.host.kill();
    else sentinel.host.powerOff();
    await world.run(random.below(10_000));
    sentinel.start();
  } else if (kind === 2) {
    const side = hosts.filter(() => random.chance(40));
    net.partition(
      side,
      hosts.filter((host) => !side.includes(host)),
    );
    await world.run(random.below(25_000));
    net.heal();
  } else if (kind === 3) {
    net.cutOneWay(random.pick(hosts), random.pick(hosts));
    net.cutOneWay(server.host, sentinel.host);
    await world.run(random.below(25_000));
    net.heal();
  } else if (kind === 4) {
    const victim = random.chance(50) ? server.host : sentinel.host;
    victim.pause();
    await world.run(random.below(12_000));
    victim.resume();
  } else if (kind === 5) {
    const slow = random.pick(hosts);
    for (const other of hosts) Object.assign(net.link(slow, other), { latencyMs: random.below(1500), jitterMs: 500 });
    await world.run(random.below(20_000));
    net.heal();
  } else if (kind === 6) {
    sentinel.host.wallErrorMs += random.below(2) === 0 ? -random.below(100_000) : random.below(4_000_000);
  } else {
    // The master dies while sentinels do, too.
    server.host.kill();
    await world.run(DOWN_AFTER_MS + random.below(3000));
    sentinel.host.powerOff();
    await world.run(random.below(5000));
    sentinel.start();
    await world.run(random.below(5000));
    server.start();
  }
}

function scenario(sentinelCount: number): (world: World) => Promise<void> {
  return async (world) => {
    const record = new ElectionRecord(world);
    const deployment = new Deployment(world, sentinelCount, record);
    deployment.start();
    await world.runUntil('all agree', CALM_MS_MAX, () => deployment.isCalm);
    for (let fault = 0; fault < FAULTS; fault++) {
      await world.run(world.random.below(6000));
      await strike(world, deployment);
    }
    await world.runUntil('all agree again', CALM_MS_MAX, () => deployment.isCalm);
    // Whoever failed over or voted lately waits for two timeouts.
    await world.run(3 * FAILOVER_TIMEOUT_MS);
    await world.runUntil('all agree after a while', CALM_MS_MAX, () => deployment.isCalm);
    const last = deployment.agreed!;
    last.host.kill();
    await world.runUntil('most agree on a new master', FAILOVER_MS_MAX, () => {
      const moved = deployment.sentinels.filter((process) => {
        const at = deployment.masterOf(process);
        return at !== '' && at !== last.host.address;
      });
      return moved.length * 2 > sentinelCount;
    });
    last.start();
    await world.runUntil('the old master follows', CALM_MS_MAX, () => deployment.isCalm);
  };
}

export const sentinelScenarios: readonly Scenario[] = [
  {
    name: 'sentinel',
    description: 'three sentinels, a master and two replicas: cuts, pauses, kills, clocks; one master in the end',
    run: scenario(3),
  },
  {
    name: 'sentinel-five',
    description: 'the same with five sentinels',
    run: scenario(5),
  },
];
