// sentinel-deployment: a master, two replicas and some sentinels of a simulated world, and what must hold of their votes.

import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { SentinelProcess } from '../sentinel-process.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';

export const MASTER_NAME = 'mymaster';
export const DOWN_AFTER_MS = 2000;
export const FAILOVER_TIMEOUT_MS = 6000;
const SENTINEL_PORT = 26379;

const directives = { save: '', 'repl-timeout': 5, 'repl-ping-replica-period': 1, 'repl-diskless-sync-delay': 0 };

/** The invariants of votes and configurations of all sentinels in all their lives. */
export class ElectionRecord {
  private readonly leaders = new Map<number, string>();
  private readonly votes = new Map<string, string>();
  private readonly masters = new Map<number, string>();

  constructor(
    private readonly world: World,
    /** False: only leaders are compared, for tests that plant a bug in the votes. */
    private readonly checksVotes = true,
  ) {}

  note(process: SentinelProcess, line: string): void {
    const { name } = process.host;
    const [, event, ...words] = line.split(' ');
    if (line.includes('Internal error')) this.world.fail(new Error(`${name}: ${line}`));
    if (event === undefined || !/^[+-]/.test(event) || event === '-cmd-link-reconnection') return;
    this.world.note(name, line.slice(0, 160));
    if (event === '+vote-for-leader' && this.checksVotes)
      this.once(this.votes, `${name} in epoch ${words[1]}`, words[0]!, 'votes for');
    const master = process.running?.server.state.master(MASTER_NAME);
    // Other masters have leaders of their own.
    if (master === undefined || !words.includes(MASTER_NAME)) return;
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

export class Deployment {
  readonly net: SimulatedNetwork;
  readonly servers: readonly ServerProcess[];
  readonly sentinels: readonly SentinelProcess[];

  constructor(
    readonly world: World,
    sentinelCount: number,
    record: ElectionRecord,
    /** Further lines of each config file: those that hold for all come before the master's. */
    more: {
      readonly before?: readonly string[];
      readonly after?: readonly string[];
      readonly masterHost?: string;
    } = {},
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
        ...(more.before ?? []),
        `sentinel monitor ${MASTER_NAME} ${more.masterHost ?? '10.0.0.1'} 6379 ${quorum}`,
        `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${MASTER_NAME} ${FAILOVER_TIMEOUT_MS}`,
        ...(more.after ?? []),
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
    return process.server?.state.master(MASTER_NAME)?.currentAddress.host ?? '';
  }

  /** The same as an IP address, when it is named and has resolved. */
  addressAt(process: SentinelProcess): string {
    return process.server?.state.master(MASTER_NAME)?.currentAddress.ip ?? '';
  }

  /** The server that all sentinels name; undefined while they differ. */
  get agreed(): ServerProcess | undefined {
    const addresses = new Set(this.sentinels.map((process) => this.addressAt(process)));
    return addresses.size === 1 ? this.servers.find(({ host }) => addresses.has(host.address)) : undefined;
  }

  /** All sentinels know each other and name the same master, which is one, and the others follow it. */
  get isCalm(): boolean {
    const master = this.agreed;
    if (master === undefined || !master.serves || roleOf(master) !== 'master') return false;
    for (const { server } of this.sentinels) {
      const seen = server?.state.master(MASTER_NAME);
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
