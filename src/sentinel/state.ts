// state: everything that one sentinel knows and is configured to do, and the few operations that all parts of the machine share.
//
// Time comes in from outside: each caller of the machine first sets `nowMs`, milliseconds since 1970 as the clock
// showed when the sentinel began, counted on by a clock that never goes back. So a clock that jumps moves no deadline.

import type { LogLevel } from '../base/log-level.js';
import type { RandomSource } from '../base/prng.js';
import { type Address, addressName, isPort, type Names, sameAddress } from './address.js';
import { type Instance, Link, Master, masterOf, Peer, Replica } from './instance.js';
import type { SentinelPort } from './port.js';
import { defaultTiming, type Timing } from './timing.js';

/** Directives that hold for the sentinel as a whole. */
export interface GlobalSettings {
  announceIp: string;
  /** 0: the port that it listens on. */
  announcePort: number;
  denyScriptsReconfig: boolean;
  resolveHostnames: boolean;
  announceHostnames: boolean;
  /** How it authenticates with other sentinels. */
  sentinelUser: string;
  sentinelPass: string;
}

export function defaultSettings(): GlobalSettings {
  return {
    announceIp: '',
    announcePort: 0,
    denyScriptsReconfig: true,
    resolveHostnames: false,
    announceHostnames: false,
    sentinelUser: '',
    sentinelPass: '',
  };
}

/** Longer event texts are cut, so that a hostile name cannot fill the log. */
const EVENT_BYTES_MAX = 1024;
const SAVE_AGAIN_MS = 1000;
/** A server that invents replicas, or a flood of hello messages, fills no more than this. */
export const REPLICAS_MAX = 1000;
export const PEERS_MAX = 500;

export class SentinelState {
  readonly masters = new Map<string, Master>();
  readonly settings = defaultSettings();
  readonly timing: Timing = { ...defaultTiming };
  nowMs = 1;
  /** 40 hexadecimal digits. */
  myId = '';
  currentEpoch = 0;
  /** The port that others reach this sentinel at, unless another is announced. */
  port = 0;
  /** The password that clients need here, which other sentinels of the same deployment have too. */
  requirePass = '';
  isTilted = false;
  tiltSinceMs = 0;
  /** How often it has tilted. */
  tiltCount = 0;
  /** SENTINEL SIMULATE-FAILURE. */
  crashesAfterElection = false;
  crashesAfterPromotion = false;
  private needsSave = false;
  private hasFailedToSave = false;
  private lastSaveMs = 0;

  constructor(
    readonly sink: SentinelPort,
    readonly random: RandomSource,
    public names: Names,
  ) {}

  // --- addresses ------------------------------------------------------------------------------------------------------

  /** An address that can be used, or undefined: a name that does not resolve needs `resolve-hostnames` to wait for it. */
  addressOf(host: string, port: number): Address | undefined {
    if (!isPort(port) || host === '') return undefined;
    const ip = this.names.ip(host);
    return ip === '' && !this.settings.resolveHostnames ? undefined : { host, ip, port };
  }

  /** The host of an address as other programs get it. */
  announced(address: Address): string {
    return this.settings.announceHostnames || address.ip === '' ? address.host : address.ip;
  }

  // --- events ---------------------------------------------------------------------------------------------------------

  /** What `%@` stands for in Redis's documents: type, name and address, and for other than masters the master's. */
  describe(instance: Instance): string {
    const master = masterOf(instance);
    const own = `${instance.kind} ${instance.name} ${this.announced(instance.address)} ${instance.address.port}`;
    return instance === master
      ? own
      : `${own} @ ${master.name} ${this.announced(master.address)} ${master.address.port}`;
  }

  event(level: LogLevel, type: string, instance: Instance, more = ''): void {
    this.report(level, type, this.describe(instance) + more, masterOf(instance));
  }

  /** An event whose text names no instance in the common form. */
  report(level: LogLevel, type: string, text: string, master: Master | undefined): void {
    this.sink.event({ level, type, text: text.slice(0, EVENT_BYTES_MAX), master });
    if (level === 'warning' && master !== undefined && master.notificationScript !== '')
      this.sink.runScript(master.notificationScript, [type, text.slice(0, EVENT_BYTES_MAX)]);
  }

  // --- masters, replicas, sentinels -----------------------------------------------------------------------------------

  master(name: string): Master | undefined {
    return this.masters.get(name);
  }

  masterAt(address: Address): Master | undefined {
    for (const master of this.masters.values()) if (sameAddress(master.address, address)) return master;
    return undefined;
  }

  addMaster(name: string, address: Address, quorum: number): Master {
    const master = new Master(name, address, quorum, this.timing, this.nowMs);
    this.masters.set(name, master);
    return master;
  }

  removeMaster(master: Master): void {
    for (const instance of master.instances()) this.release(instance);
    this.masters.delete(master.name);
  }

  replicaAt(master: Master, address: Address): Replica | undefined {
    for (const replica of master.replicas.values()) if (sameAddress(replica.address, address)) return replica;
    return undefined;
  }

  /** A new replica; undefined when it is known already, or there are too many. */
  addReplica(master: Master, address: Address): Replica | undefined {
    if (this.replicaAt(master, address) !== undefined || master.replicas.size >= REPLICAS_MAX) return undefined;
    const name = addressName(this.announced(address), address.port);
    if (master.replicas.has(name)) return undefined;
    const replica = new Replica(name, address, master, this.nowMs);
    master.replicas.set(name, replica);
    return replica;
  }

  addPeer(master: Master, runId: string, address: Address): Peer | undefined {
    if (master.peers.has(runId) || master.peers.size >= PEERS_MAX) return undefined;
    const peer = new Peer(runId, address, master, this.nowMs);
    master.peers.set(runId, peer);
    this.shareLink(peer);
    return peer;
  }

  /** Uses the link that the same sentinel has as a peer of another master. */
  shareLink(peer: Peer): void {
    if (peer.link.users > 1) return;
    for (const master of this.masters.values()) {
      if (master === peer.master) continue;
      const same = master.peers.get(peer.runId);
      if (same === undefined || !sameAddress(same.address, peer.address)) continue;
      this.closeLink(peer.link);
      peer.link = same.link;
      peer.link.users++;
      return;
    }
  }

  /** Forgets an instance's link; it closes when nobody else uses it. */
  release(instance: Instance): void {
    instance.isGone = true;
    instance.link.users--;
    if (instance.link.users === 0) this.closeLink(instance.link);
  }

  removePeer(peer: Peer): void {
    this.release(peer);
    peer.master.peers.delete(peer.runId);
  }

  removeReplica(replica: Replica): void {
    this.release(replica);
    replica.master.replicas.delete(replica.name);
  }

  /** The link of a sentinel that moved: the other masters go on with theirs. */
  renewLink(instance: Instance): void {
    instance.link.users--;
    if (instance.link.users === 0) this.closeLink(instance.link);
    instance.link = new Link(this.nowMs);
  }

  closeLink(link: Link): void {
    this.closeChannel(link, 'commands');
    this.closeChannel(link, 'pubsub');
  }

  closeChannel(link: Link, channel: 'commands' | 'pubsub'): void {
    if (channel === 'commands' ? !link.hasCommands : !link.hasPubSub) return;
    if (channel === 'commands') {
      link.hasCommands = false;
      link.pending = 0;
    } else link.hasPubSub = false;
    link.disconnected = true;
    this.sink.close(link, channel);
  }

  /** Makes everything durable before it returns: for votes, and for replies to clients. */
  save(): boolean {
    this.needsSave = false;
    this.lastSaveMs = this.nowMs;
    this.hasFailedToSave = !this.sink.save();
    return !this.hasFailedToSave;
  }

  /** For what would be learned again after a crash: a flood of news costs one save at each tick. */
  saveSoon(): void {
    this.needsSave = true;
  }

  /** Saves if somebody wants it; a disk that fails is tried again after a second. */
  saveIfNeeded(): void {
    if (this.hasFailedToSave ? this.nowMs - this.lastSaveMs >= SAVE_AGAIN_MS : this.needsSave) this.save();
  }
}
