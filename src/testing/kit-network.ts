// kit-network: the network between the nodes of a test: in memory, with delays, cuts and pauses; clients come by real ports.
//
// A connection to a port that a node of this network listens on is a pair of wires in memory. Other ports are the machine's. Bytes
// keep their order within a connection. Bytes that cannot get through wait, and arrive after `heal` or `resume`.
//
// Clients of the test come by sockets or by `connect()`: see gated-wire.
//
// Ports: a node listens for clients on a real port of 127.0.0.1, unless the network has no sockets; then ports are numbers that
// only this network knows. The cluster bus never has a real port.

import type { Clock } from '../io/clock.js';
import type { ConnectEvents, ConnectTarget, ListenAddress, Listener, Network } from '../io/network.js';
import { SystemNetwork } from '../io/network-system.js';
import { noWire, type Wire, type WireEvents } from '../io/wire.js';
import { GatedWire } from './gated-wire.js';
import { RESERVED_HOST, ReservedDoor } from './reserved-door.js';

/** More bytes than this that wait for a receiver count as unsent. */
const WINDOW_BYTES = 64 * 1024;

export interface Door {
  readonly node: string;
  readonly accept: (wire: Wire) => WireEvents;
}

/** The name for everything that is no node: clients of the test. */
export const OUTSIDE = 'client';

export class KitNetwork {
  readonly doors = new Map<number, Door>();
  private readonly cuts = new Set<string>();
  private readonly paused = new Set<string>();
  readonly wires = new Set<KitWire>();
  /** Connections of clients. */
  readonly gated = new Set<GatedWire>();
  readonly system = new SystemNetwork();
  private readonly reserved = new Map<number, ReservedDoor>();
  latencyMs = 0;
  private nextPort: number;

  constructor(
    readonly clock: Clock,
    readonly hasSockets: boolean,
    firstPort = 20_000,
  ) {
    this.nextPort = firstPort;
  }

  /** A number that no door has. */
  freePort(): number {
    while (this.doors.has(this.nextPort)) this.nextPort++;
    return this.nextPort++;
  }

  /**
   * A port for clients that is known before its node starts, so that others can have it: with sockets, a real port of
   * 127.0.0.1 that is listened on from now on.
   */
  async reservePort(): Promise<number> {
    if (!this.hasSockets) return this.freePort();
    const door = new ReservedDoor();
    await door.open(this.system);
    this.reserved.set(door.port, door);
    return door.port;
  }

  /** Listens for a node on the machine's network. */
  async listen(address: ListenAddress, accept: (wire: Wire) => WireEvents): Promise<Listener> {
    const door = this.reserved.get(address.port);
    this.reserved.delete(address.port);
    if (door === undefined) return this.system.listen(address, accept);
    if (address.host === RESERVED_HOST) return door.take(address, accept);
    door.close();
    return this.system.listen(address, accept);
  }

  /** Closes reserved ports that no node has taken. */
  close(): void {
    for (const door of this.reserved.values()) door.close();
    this.reserved.clear();
  }

  isBlocked(from: string, to: string): boolean {
    return this.cuts.has(`${from}>${to}`) || this.paused.has(from) || this.paused.has(to);
  }

  /** Nothing gets from one side to the other, in both directions. */
  partition(side: readonly string[], other: readonly string[]): void {
    for (const a of side) {
      for (const b of other) {
        this.cuts.add(`${a}>${b}`);
        this.cuts.add(`${b}>${a}`);
      }
    }
  }

  /** Ends what `partition` did between these sides, or all of it. */
  heal(side?: readonly string[], other: readonly string[] = []): void {
    if (side === undefined) this.cuts.clear();
    for (const a of side ?? []) {
      for (const b of other) {
        this.cuts.delete(`${a}>${b}`);
        this.cuts.delete(`${b}>${a}`);
      }
    }
    this.wake();
  }

  setPaused(node: string, isPaused: boolean): void {
    if (isPaused) this.paused.add(node);
    else this.paused.delete(node);
    this.wake();
  }

  /** What waited may get through now. */
  private wake(): void {
    for (const wire of this.wires) wire.schedule();
    for (const wire of this.gated) wire.schedule();
  }

  /** Connects to a door without a socket; undefined where there is none. */
  connect(from: string, port: number, events: WireEvents & { onOpen?(): void }): KitWire | undefined {
    const door = this.doors.get(port);
    if (door === undefined) return undefined;
    const near = new KitWire(this, from, door.node, this.freePort(), port);
    const far = new KitWire(this, door.node, from, port, near.localPort);
    near.peer = far;
    far.peer = near;
    near.events = events;
    near.whenOpen = () => {
      far.events = door.accept(far);
      events.onOpen?.();
    };
    near.schedule();
    return near;
  }
}

/** One end of a connection in memory. */
export class KitWire implements Wire {
  peer!: KitWire;
  events: WireEvents | undefined;
  /** Called when the connection stands; only the end that connects has it. */
  whenOpen: (() => void) | undefined;
  private readonly queue: { readonly dueMs: number; readonly bytes: Uint8Array | 'end' }[] = [];
  private queuedBytes = 0;
  private isReadingPaused = false;
  private isScheduled = false;
  private isClosed = false;
  private owesDrain = false;

  constructor(
    private readonly net: KitNetwork,
    readonly from: string,
    readonly to: string,
    readonly localPort: number,
    readonly remotePort: number,
  ) {
    net.wires.add(this);
  }

  get remote(): string {
    return `127.0.0.1:${this.remotePort}`;
  }

  get local(): string {
    return `127.0.0.1:${this.localPort}`;
  }

  get unsentBytes(): number {
    return Math.max(0, this.queuedBytes - WINDOW_BYTES);
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed) return true;
    this.queue.push({ dueMs: this.net.clock.steadyMs() + this.net.latencyMs, bytes: bytes.slice() });
    this.queuedBytes += bytes.length;
    this.schedule();
    if (this.unsentBytes === 0) return true;
    this.owesDrain = true;
    return false;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let isSent = true;
    for (const part of parts) isSent = this.write(part) && isSent;
    return isSent;
  }

  pauseReading(): void {
    this.isReadingPaused = true;
  }

  resumeReading(): void {
    this.isReadingPaused = false;
    this.peer.schedule();
  }

  end(): void {
    if (this.isClosed) return;
    this.queue.push({ dueMs: this.net.clock.steadyMs() + this.net.latencyMs, bytes: 'end' });
    this.schedule();
  }

  destroy(): void {
    this.close();
    this.peer.schedule();
  }

  private close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.net.wires.delete(this);
    this.net.clock.soon(() => this.events?.onClose(undefined));
  }

  /** Delivers what is due in a turn of its own. */
  schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.net.clock.soon(() => {
      this.isScheduled = false;
      this.deliver();
    });
  }

  private deliver(): void {
    const { net, peer } = this;
    if (net.isBlocked(this.from, this.to)) return;
    if (peer.isClosed && !this.isClosed) {
      this.close();
      return;
    }
    if (this.whenOpen !== undefined) {
      const { whenOpen } = this;
      this.whenOpen = undefined;
      whenOpen();
    }
    while (this.queue.length > 0 && !peer.isReadingPaused && !peer.isClosed && peer.events !== undefined) {
      const next = this.queue[0]!;
      const waitMs = next.dueMs - net.clock.steadyMs();
      if (waitMs > 0) {
        net.clock.after(waitMs, () => this.schedule());
        return;
      }
      this.queue.shift();
      if (next.bytes === 'end') {
        peer.events.onEnd();
        this.close();
        peer.close();
        return;
      }
      this.queuedBytes -= next.bytes.length;
      peer.events.onData(next.bytes, next.bytes.length);
    }
    if (this.owesDrain && this.queuedBytes === 0) {
      this.owesDrain = false;
      this.events?.onDrain();
    }
  }
}

/** The network as one node sees it. */
export class NodeNetwork implements Network {
  private readonly ports = new Set<number>();

  constructor(
    private readonly net: KitNetwork,
    private readonly node: string,
    /** Ports that are never real: the bus's. */
    private readonly innerPorts: ReadonlySet<number>,
  ) {}

  async listen(address: ListenAddress, accept: (wire: Wire) => WireEvents): Promise<Listener> {
    const { net, node } = this;
    const isInner = !net.hasSockets || this.innerPorts.has(address.port);
    const real = isInner ? undefined : await net.listen(address, (wire) => this.admit(wire, accept));
    const port = real?.port ?? (address.port === 0 ? net.freePort() : address.port);
    if (net.doors.has(port)) throw Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' });
    net.doors.set(port, { node, accept });
    this.ports.add(port);
    return {
      port,
      close: () => {
        real?.close();
        net.doors.delete(port);
        this.ports.delete(port);
      },
    };
  }

  connect(target: ConnectTarget, events: ConnectEvents): Wire {
    const { net, node } = this;
    const wire = net.connect(node, target.port, events);
    if (wire !== undefined) return wire;
    if (net.hasSockets && !this.innerPorts.has(target.port)) return net.system.connect(target, events);
    return refusedWire(net, target, events);
  }

  /** Lets a client in by a gate. */
  admit(wire: Wire, accept: (wire: Wire) => WireEvents): WireEvents {
    return new GatedWire(this.net, OUTSIDE, this.node, wire).open(accept);
  }

  /** The node has died: its doors close and its connections break. */
  cutOff(): void {
    for (const port of this.ports) this.net.doors.delete(port);
    for (const wire of [...this.net.wires]) if (wire.from === this.node) wire.destroy();
  }
}

/** A connection to a port that nobody listens on. */
function refusedWire(net: KitNetwork, target: ConnectTarget, events: ConnectEvents): Wire {
  net.clock.soon(() => events.onClose(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })));
  return { ...noWire, remote: `${target.host}:${target.port}` };
}
