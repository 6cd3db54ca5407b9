// cluster-node: a node of a cluster as the process of a simulated host: the real bus, with an offset that grows in place of data.
//
// A replica takes its master's offset over at every look, while packets get both ways and the master's process runs.
//
// Not here: whole servers (server-process).

import { Prng } from '../base/prng.js';
import type { LogLevel } from '../base/log-level.js';
import type { BusSettings } from '../cluster/bus.js';
import { BUS_PORT_OFFSET, type ClusterNode } from '../cluster/node.js';
import { NodeRunner, type RunnerOwner } from '../cluster/node-runner.js';
import { NodesFile } from '../cluster/nodes-file.js';
import type { ClusterState } from '../cluster/state.js';
import type { ConnectEvents } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import type { Host } from './host.js';
import type { SimulatedNetwork } from './network.js';

export const CLIENT_PORT = 6379;
const BUS_PORT = CLIENT_PORT + BUS_PORT_OFFSET;
const LOOK_MS = 200;
const CONNECT_MS_MAX = 60_000;

export class SimulatedNode implements RunnerOwner {
  readonly random: Prng;
  runner: NodeRunner | undefined;
  readonly sendBufferLimit = 0;
  settings: BusSettings;
  private offset = 0;
  private heardMs = -Infinity;
  private isPaused = false;
  private masterAddress = '';

  constructor(
    readonly host: Host,
    private readonly net: SimulatedNetwork,
    private readonly nodeAt: (address: string) => SimulatedNode | undefined,
    settings: Partial<BusSettings>,
  ) {
    this.random = new Prng(host.world.random.uint32() | 0);
    this.settings = { ...usualSettings, ...settings };
  }

  get clock(): Host['clock'] {
    return this.host.clock;
  }

  get state(): ClusterState {
    return this.runner!.bus.state;
  }

  get isUp(): boolean {
    return this.host.isUp && this.runner !== undefined;
  }

  /** Starts the process with what the disk holds. */
  start(): void {
    const { host } = this;
    this.runner = undefined;
    this.heardMs = -Infinity;
    this.isPaused = false;
    this.masterAddress = '';
    host.boot(() => {
      host.files.makeFolder('/data');
      const runner = new NodeRunner(this, new NodesFile(host.files, '/data/nodes.conf', '1'));
      host.network
        .listen({ host: '0.0.0.0', port: BUS_PORT, backlog: 511, keepAliveSeconds: () => 0 }, (wire) =>
          runner.links.accept(wire),
        )
        .then(
          () => {
            this.runner = runner;
            const { master } = runner.bus.state.myself;
            if (master !== undefined) this.follow(master);
            runner.start();
            this.look();
          },
          (error: Error) => host.world.fail(error),
        );
    });
  }

  /** The data that a master writes, and that a replica gets. */
  private look(): void {
    this.host.schedule(LOOK_MS, () => this.look());
    const { master, isMaster } = this.state.myself;
    if (isMaster) {
      if (!this.isPaused) this.offset += this.random.below(1000);
      return;
    }
    const other = this.nodeAt(this.masterAddress);
    if (master === undefined || other?.isUp !== true || other.host.isPaused) return;
    if (other.state.myself.id !== master.id) return;
    if (this.net.link(this.host, other.host).cut || this.net.link(other.host, this.host).cut) return;
    this.offset = other.offset;
    this.heardMs = this.clock.steadyMs();
  }

  newId(): string {
    let id = '';
    while (id.length < 40) id += this.random.below(16).toString(16);
    return id;
  }

  replicationOffset(): number {
    return this.offset;
  }

  dataAgeMs(): number {
    return this.clock.steadyMs() - this.heardMs;
  }

  isLoading(): boolean {
    return false;
  }

  isEmpty(): boolean {
    return true;
  }

  keysInSlot(): number {
    return 0;
  }

  log(level: LogLevel, text: string): void {
    if (level !== 'debug') this.host.world.note(this.host.name, text);
  }

  connect(host: string, port: number, events: ConnectEvents): Wire {
    return this.host.network.connect({ host, port, timeoutMs: CONNECT_MS_MAX }, events);
  }

  follow(master: ClusterNode): void {
    this.masterAddress = master.ip;
  }

  promote(): void {
    this.masterAddress = '';
  }

  flush(): void {
    this.offset = 0;
  }

  pauseWrites(): void {
    this.isPaused = true;
  }

  resumeWrites(): void {
    this.isPaused = false;
  }

  dropKeys(): void {
    return;
  }

  deliver(): void {
    return;
  }

  changed(): void {
    return;
  }
}

const usualSettings: BusSettings = {
  nodeTimeoutMs: 2000,
  pingIntervalMs: 1000,
  replicaValidityFactor: 10,
  replicationPingMs: 1000,
  migrationBarrier: 1,
  allowsReplicaMigration: true,
  requiresFullCoverage: true,
  replicaNoFailover: false,
  usesTls: false,
  announcedIp: '',
  announcedPort: CLIENT_PORT,
  announcedTlsPort: 0,
  announcedBusPort: BUS_PORT,
  hostname: '',
  humanName: '',
};
