// network: the simulated network: connections between hosts with delay, cuts, half-open ends, slow and one-way links.
//
// A connection keeps the order of its bytes, as TCP does; different connections do not keep any among each other. Bytes that
// cannot get through wait, and arrive after `heal`, unless an end has given up by then. A write may arrive in pieces and several
// writes as one. A receiver that does not read, or a link that is slow, makes the sender's bytes "unsent" beyond a window.

import type { ConnectEvents, ConnectTarget, ListenAddress, Listener, Network } from '../io/network.js';
import type { Wire, WireEvents } from '../io/wire.js';
import { FNV_OFFSET, FNV_PRIME, type World } from './world.js';

/** Room in the systems' buffers at both ends. */
const WINDOW_BYTES = 256 * 1024;
/** A system gives up a connection attempt after so long where the program sets no limit. */
const CONNECT_MS_MAX = 120_000;
const FIRST_FREE_PORT = 40_000;
/** Share of writes that arrive in two pieces, in percent. */
const SPLIT_PERCENT = 10;

/** A machine as the network sees it. */
export interface NetworkHost {
  readonly name: string;
  readonly address: string;
  readonly world: World;
  readonly isUp: boolean;
  /** Runs something on the machine later, unless its process has died by then. */
  schedule(delayMs: number, run: () => void): unknown;
}

/** How bytes travel from one host to another, one way. */
export interface Link {
  latencyMs: number;
  /** Added at random, from 0 up to this. */
  jitterMs: number;
  /** Nothing gets through. */
  cut: boolean;
  /** Bytes a second; Infinity for no limit. */
  bytesPerSecond: number;
}

function systemError(code: string, action: string): Error {
  return Object.assign(new Error(`${action} ${code}`), { code });
}

export class SimulatedNetwork {
  private readonly hosts = new Map<string, NetworkHost>();
  private readonly links = new Map<string, Link>();
  readonly listeners = new Map<string, Door>();
  readonly connections = new Set<SimulatedConnection>();
  /** The state of a link before any change. */
  readonly usual: Link = { latencyMs: 0.2, jitterMs: 0.3, cut: false, bytesPerSecond: Infinity };

  constructor(readonly world: World) {}

  register(host: NetworkHost): void {
    this.hosts.set(host.address, host);
  }

  hostAt(address: string, from: NetworkHost): NetworkHost | undefined {
    return address === '127.0.0.1' || address === 'localhost' ? from : this.hosts.get(address);
  }

  /** The way from one host to another. */
  link(from: NetworkHost, to: NetworkHost): Link {
    const key = `${from.name}>${to.name}`;
    let link = this.links.get(key);
    if (link === undefined) {
      link = { ...this.usual };
      if (from === to) Object.assign(link, { latencyMs: 0.01, jitterMs: 0.01 });
      this.links.set(key, link);
    }
    return link;
  }

  /** Cuts both ways between every host of one side and every host of the other. */
  partition(side: readonly NetworkHost[], other: readonly NetworkHost[]): void {
    const names = (hosts: readonly NetworkHost[]): string => hosts.map((host) => host.name).join(',');
    this.world.note('network', `partition ${names(side)} | ${names(other)}`);
    for (const a of side) {
      for (const b of other) {
        this.link(a, b).cut = true;
        this.link(b, a).cut = true;
      }
    }
  }

  /** Nothing gets from one host to the other any more; the other way stays open. */
  cutOneWay(from: NetworkHost, to: NetworkHost): void {
    this.world.note('network', `cut ${from.name} > ${to.name}`);
    this.link(from, to).cut = true;
  }

  /** Every link works as usual again; what waited arrives. */
  heal(): void {
    this.world.note('network', 'healed');
    for (const link of this.links.values()) Object.assign(link, this.usual);
    for (const connection of this.connections) connection.retry();
  }
}

/** A port that somebody listens on. */
export interface Door {
  readonly host: NetworkHost;
  readonly accept: (wire: Wire) => WireEvents;
}

/** The network as one host sees it. */
export class HostNetwork implements Network {
  private nextPort = FIRST_FREE_PORT;
  private readonly doors = new Set<string>();

  constructor(
    private readonly net: SimulatedNetwork,
    private readonly host: NetworkHost,
  ) {
    net.register(host);
  }

  listen(address: ListenAddress, accept: (wire: Wire) => WireEvents): Promise<Listener> {
    const { net, host } = this;
    const port = address.port === 0 ? this.freePort() : address.port;
    const key = `${host.address}:${port}`;
    if (net.listeners.has(key)) return Promise.reject(systemError('EADDRINUSE', 'listen'));
    net.listeners.set(key, { host, accept });
    this.doors.add(key);
    return Promise.resolve({
      port,
      close: () => {
        this.doors.delete(key);
        net.listeners.delete(key);
      },
    });
  }

  freePort(): number {
    return this.nextPort++;
  }

  connect(target: ConnectTarget, events: ConnectEvents): Wire {
    const connection = new SimulatedConnection(this.net, this.host, this.freePort(), target, events);
    return connection.client;
  }

  /** The process is gone: the system resets its connections. */
  reset(): void {
    this.closeDoors();
    for (const connection of this.net.connections) connection.hostDied(this.host, true);
  }

  /** The host is gone without a word. */
  vanish(): void {
    this.closeDoors();
    for (const connection of this.net.connections) connection.hostDied(this.host, false);
  }

  private closeDoors(): void {
    for (const key of this.doors) this.net.listeners.delete(key);
    this.doors.clear();
  }
}

type Packet =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'connect' }
  | { readonly kind: 'accepted' };

/** A connection: two ends, and what is on its way between them. */
export class SimulatedConnection {
  readonly client: SimulatedWire;
  private readonly server: SimulatedWire;
  private isOpen = false;

  constructor(
    readonly net: SimulatedNetwork,
    from: NetworkHost,
    fromPort: number,
    private readonly target: ConnectTarget,
    private readonly clientEvents: ConnectEvents,
  ) {
    const to = net.hostAt(target.host, from);
    const near = `${from.address}:${fromPort}`;
    const far = `${to?.address ?? target.host}:${target.port}`;
    this.client = new SimulatedWire(this, from, near, far);
    this.server = new SimulatedWire(this, to ?? from, far, near);
    this.client.other = this.server;
    this.server.other = this.client;
    this.client.events = clientEvents;
    net.connections.add(this);
    const limitMs = target.timeoutMs > 0 ? target.timeoutMs : CONNECT_MS_MAX;
    from.schedule(limitMs, () => {
      if (!this.isOpen) this.client.closed(systemError('ETIMEDOUT', 'connect'));
    });
    if (to === undefined) from.schedule(1, () => this.client.closed(systemError('EHOSTUNREACH', 'connect')));
    else this.client.transmit({ kind: 'connect' });
  }

  /** The first packet has arrived at the other host. */
  private knock(): void {
    const { server, client, net } = this;
    const door = net.listeners.get(server.local);
    if (door === undefined || !door.host.isUp) {
      server.isClosed = true;
      server.transmit({ kind: 'reset' });
      return;
    }
    if (client.isClosed && client.isForgotten) return;
    server.transmit({ kind: 'accepted' });
    server.events = door.accept(server);
  }

  /** A packet has arrived at `end`. */
  arrived(end: SimulatedWire, packet: Packet): void {
    switch (packet.kind) {
      case 'connect':
        this.knock();
        break;
      case 'accepted':
        if (end.isClosed) break;
        this.isOpen = true;
        this.clientEvents.onOpen();
        break;
      case 'bytes':
        end.receive(packet.bytes);
        break;
      case 'end':
        end.receiveEnd();
        break;
      case 'reset':
        end.closed(systemError(this.isOpen || end === this.server ? 'ECONNRESET' : 'ECONNREFUSED', 'read'));
        break;
    }
  }

  hostDied(host: NetworkHost, resets: boolean): void {
    for (const end of [this.client, this.server]) {
      if (end.host !== host || end.isClosed) continue;
      end.isClosed = true;
      end.isForgotten = true;
      if (resets) end.transmit({ kind: 'reset' });
    }
    this.forgetWhenOver();
  }

  /** The link works again. */
  retry(): void {
    this.client.retry();
    this.server.retry();
  }

  forgetWhenOver(): void {
    if (this.client.isClosed && this.server.isClosed) this.net.connections.delete(this);
  }

  get targetText(): string {
    return `${this.target.host}:${this.target.port}`;
  }
}

export class SimulatedWire implements Wire {
  other!: SimulatedWire;
  events: WireEvents | undefined;
  isClosed = false;
  /** The process that had this end is dead: what arrives is answered by a reset. */
  isForgotten = false;
  /** Bytes that were written and not read by the other side. */
  private flightBytes = 0;
  private waitsForDrain = false;
  private arrivesMs = 0;
  /** Packets that a cut link has stopped. */
  private stopped: Packet[] = [];
  private isEnding = false;
  private isReading = true;
  private unread: Uint8Array[] = [];
  private unreadEnd = false;

  constructor(
    private readonly connection: SimulatedConnection,
    readonly host: NetworkHost,
    readonly local: string,
    readonly remote: string,
  ) {}

  get unsentBytes(): number {
    return Math.max(0, this.flightBytes - WINDOW_BYTES);
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed || this.isEnding) return true;
    const { random } = this.host.world;
    const copy = bytes.slice();
    this.flightBytes += copy.length;
    const cutAt = copy.length > 1 && random.chance(SPLIT_PERCENT) ? 1 + random.below(copy.length - 1) : copy.length;
    this.transmit({ kind: 'bytes', bytes: copy.subarray(0, cutAt) });
    if (cutAt < copy.length) this.transmit({ kind: 'bytes', bytes: copy.subarray(cutAt) });
    this.waitsForDrain = this.unsentBytes > 0;
    return !this.waitsForDrain;
  }

  writeAll(parts: readonly Uint8Array[]): boolean {
    let isSent = true;
    for (const part of parts) isSent = this.write(part) && isSent;
    return isSent;
  }

  pauseReading(): void {
    this.isReading = false;
  }

  resumeReading(): void {
    if (this.isReading) return;
    this.isReading = true;
    this.host.schedule(0, () => this.readOn());
  }

  end(): void {
    if (this.isClosed || this.isEnding) return;
    this.isEnding = true;
    this.transmit({ kind: 'end' });
    this.host.schedule(0, () => this.closed(undefined));
  }

  destroy(): void {
    if (this.isClosed) return;
    this.transmit({ kind: this.isEnding ? 'end' : 'reset' });
    this.host.schedule(0, () => this.closed(undefined));
  }

  /** Sends a packet on its way. */
  transmit(packet: Packet): void {
    const { world } = this.host;
    const link = this.connection.net.link(this.host, this.other.host);
    if (link.cut || this.stopped.length > 0) {
      this.stopped.push(packet);
      return;
    }
    const size = packet.kind === 'bytes' ? packet.bytes.length : 40;
    const travelMs = link.latencyMs + link.jitterMs * world.random.unit() + (size * 1000) / link.bytesPerSecond;
    this.arrivesMs = Math.max(this.arrivesMs, world.nowMs + travelMs);
    world.schedule(this.arrivesMs - world.nowMs, () => {
      // A cut that came meanwhile stops what is on its way.
      if (this.connection.net.link(this.host, this.other.host).cut) this.stopped.push(packet);
      else this.other.take(packet);
    });
  }

  retry(): void {
    const { stopped } = this;
    this.stopped = [];
    for (const packet of stopped) this.transmit(packet);
  }

  /** A packet is at this end's system. */
  private take(packet: Packet): void {
    const { host, connection } = this;
    if (packet.kind === 'connect') {
      if (host.isUp) host.schedule(0, () => connection.arrived(this, packet));
      return;
    }
    if (this.isClosed) {
      // The host has no such connection any more: its peer learns that, if the host runs.
      if (packet.kind === 'bytes' && host.isUp) this.transmit({ kind: 'reset' });
      if (packet.kind === 'bytes') this.other.taken(packet.bytes.length);
      return;
    }
    host.schedule(0, () => connection.arrived(this, packet));
  }

  receive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    if (!this.isReading || this.unread.length > 0) {
      this.unread.push(bytes);
      return;
    }
    this.deliver(bytes);
  }

  private deliver(bytes: Uint8Array): void {
    this.host.world.note(this.host.name, `< ${this.remote} ${shown(bytes)}`);
    this.other.taken(bytes.length);
    this.events?.onData(bytes, bytes.length);
  }

  receiveEnd(): void {
    if (this.unread.length > 0) this.unreadEnd = true;
    else this.peerEnded();
  }

  private peerEnded(): void {
    if (this.isClosed) return;
    this.host.world.note(this.host.name, `ended by ${this.remote}`);
    this.events?.onEnd();
  }

  private readOn(): void {
    while (this.isReading && !this.isClosed && this.unread.length > 0) this.deliver(this.unread.shift()!);
    if (this.unread.length > 0 || !this.unreadEnd) return;
    this.unreadEnd = false;
    this.peerEnded();
  }

  /** The other side has read so many bytes. */
  private taken(count: number): void {
    this.flightBytes -= count;
    if (!this.waitsForDrain || this.unsentBytes > 0 || this.isClosed) return;
    this.waitsForDrain = false;
    this.host.schedule(0, () => {
      if (!this.isClosed) this.events?.onDrain();
    });
  }

  closed(error: Error | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const reason = error === undefined ? '' : ` (${error.message})`;
    this.host.world.note(this.host.name, `closed ${this.remote}${reason}`);
    this.connection.forgetWhenOver();
    this.events?.onClose(error);
  }
}

const SHOWN_BYTES = 60;

/** The beginning of some bytes, readable, and a hash of all: two runs that differ in one byte have different traces. */
function shown(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes.subarray(0, SHOWN_BYTES)) {
    if (byte === 13) text += '\\r';
    else if (byte === 10) text += '\\n';
    else text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.';
  }
  return bytes.length > SHOWN_BYTES ? `${bytes.length} bytes ${text}... ${hashOf(bytes)}` : text;
}

function hashOf(bytes: Uint8Array): string {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME) >>> 0;
  return hash.toString(16).padStart(8, '0');
}
