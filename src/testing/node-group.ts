// node-group: servers of a test that know each other: one clock, one network, faults by name, and time that moves as fast as they
// can follow.
//
// A failover takes as long as its timeouts say. With a virtual clock (the default) the group moves time on by itself until what a
// test waits for has happened, so that seconds pass in milliseconds.

import { turn } from '../io/clock.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import { VirtualClock } from '../io/virtual-clock.js';
import { KitNetwork, NodeNetwork, OUTSIDE } from './kit-network.js';
import { NodeClock } from './node-clock.js';
import { type LocalTestServer, startTestServer } from './test-server.js';
import type { GroupOptions, TestServerOptions } from './test-kit.js';

/** One step of time while the group waits for something. */
const STEP_MS = 50;
/** So much time passes before the group gives up. */
const PATIENCE_MS = 120_000;

/** A participant: a server, or a sentinel. */
export interface GroupMember {
  readonly name: string;
  readonly clock: NodeClock;
  readonly network: NodeNetwork;
}

/** A sentinel, which is no server of data. */
export interface GroupWatcher extends GroupMember {
  close(): void;
}

/** A server with what starts it again. */
export interface GroupNode extends GroupMember {
  readonly server: LocalTestServer;
  readonly disk: SimulatedFiles;
  readonly options: TestServerOptions;
  readonly innerPorts: ReadonlySet<number>;
}

export class NodeGroup {
  readonly clock: VirtualClock;
  readonly net: KitNetwork;
  readonly nodes = new Map<string, GroupNode>();
  readonly watchers = new Map<string, GroupWatcher>();
  /** Nodes that were killed. */
  private readonly gone = new Map<string, GroupNode>();
  private seeds: number;

  constructor(readonly options: GroupOptions) {
    this.clock = options.clock ?? new VirtualClock();
    this.net = new KitNetwork(this.clock, options.sockets !== false);
    this.seeds = options.seed ?? 1;
  }

  /** Starts a node; `innerPorts` are ports that are never real, `disk` is what it finds. */
  async start(
    name: string,
    options: TestServerOptions,
    innerPorts: ReadonlySet<number> = new Set(),
    disk = new SimulatedFiles(),
  ): Promise<GroupNode> {
    const clock = new NodeClock(this.clock);
    const network = new NodeNetwork(this.net, name, innerPorts);
    const server = await startTestServer(
      { ...this.options.directives, seed: this.seeds++, ...options, clock },
      { network, disk, admit: (wire, accept) => network.admit(wire, accept) },
    );
    // After a restart it comes back to its port.
    const node = { name, server, clock, network, disk, innerPorts, options: { ...options, port: server.port } };
    this.nodes.set(name, node);
    this.gone.delete(name);
    return node;
  }

  /** A port for clients: any real one, or a number of this network. */
  clientPort(): number {
    return this.net.hasSockets ? 0 : this.net.freePort();
  }

  /** Starts a node that was killed, with what its disk kept. */
  restart(name: string): Promise<GroupNode> {
    const node = this.gone.get(name);
    if (node === undefined) throw new Error(`'${name}' was not killed`);
    // Data is loaded only where an option speaks of a disk.
    return this.start(name, { ...node.options, dbfilename: 'dump.rdb' }, node.innerPorts, node.disk);
  }

  node(name: string): GroupNode {
    const node = this.nodes.get(name);
    if (node === undefined)
      throw new Error(
        `there is no node '${name}'; there are ${[...this.nodes.keys(), ...this.watchers.keys()].join(', ')}`,
      );
    return node;
  }

  private member(name: string): GroupMember {
    return this.watchers.get(name) ?? this.node(name);
  }

  /** Moves time on until the condition holds; rejects with `what` when it does not come true. */
  async settle(what: string, condition: () => boolean): Promise<void> {
    const startMs = this.clock.steadyMs();
    while (!condition()) {
      if (this.clock.steadyMs() - startMs > PATIENCE_MS) throw new Error(`timed out waiting until ${what}`);
      // Effects of the last step are delivered first.
      for (let round = 0; round < 4; round++) await turn(this.clock);
      if (condition()) return;
      this.clock.advance(STEP_MS);
    }
  }

  /** The node is gone at once, as by kill -9: nothing is saved, and connections break. */
  async kill(name: string): Promise<void> {
    const watcher = this.watchers.get(name);
    if (watcher !== undefined) {
      this.watchers.delete(name);
      watcher.clock.kill();
      watcher.network.cutOff();
      watcher.close();
      return;
    }
    const node = this.node(name);
    const { server, clock, network } = node;
    this.nodes.delete(name);
    this.gone.set(name, node);
    clock.kill();
    network.cutOff();
    await server.kill();
  }

  pause(name: string): void {
    this.member(name).clock.pause();
    this.net.setPaused(name, true);
  }

  resume(name: string): void {
    this.net.setPaused(name, false);
    this.member(name).clock.resume();
  }

  partition(side: readonly string[], other: readonly string[]): void {
    for (const name of [...side, ...other]) if (name !== OUTSIDE) this.member(name);
    this.net.partition(side, other);
  }

  heal(side?: readonly string[], other?: readonly string[]): void {
    for (const name of [...(side ?? []), ...(other ?? [])]) if (name !== OUTSIDE) this.member(name);
    this.net.heal(side, other);
  }

  addLatency(milliseconds: number): void {
    this.net.latencyMs = milliseconds;
  }

  async close(): Promise<void> {
    this.heal();
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
    await Promise.all([...this.nodes.values()].map(({ server }) => server.close()));
    this.nodes.clear();
    this.net.close();
  }
}
