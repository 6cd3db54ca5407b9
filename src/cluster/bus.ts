// bus: the parts that all behaviours of a node share: its state, its view of the world, and the actions that it wants
// done.
//
// The protocol is a machine without sockets, files and timers: an input (step) changes the state and leaves actions here, in the
// order in which they must be done. The configuration is saved before anything is sent that follows from it: a vote that is
// sent and forgotten would be given twice.
//
// Not here: the inputs (step), carrying out the actions (node-runner).

import type { LogLevel } from '../base/log-level.js';
import type { RandomSource } from '../base/prng.js';
import { messageTypeNames } from './message.js';
import type { BusLink, ClusterNode } from './node.js';
import type { ClusterState } from './state.js';

export interface BusSettings {
  readonly nodeTimeoutMs: number;
  /** A node is pinged when its last pong is older. */
  readonly pingIntervalMs: number;
  /** 0: data of any age may take over. */
  readonly replicaValidityFactor: number;
  readonly replicationPingMs: number;
  readonly migrationBarrier: number;
  readonly allowsReplicaMigration: boolean;
  readonly requiresFullCoverage: boolean;
  readonly replicaNoFailover: boolean;
  readonly usesTls: boolean;
  /** Empty: others take what the connection comes from. */
  readonly announcedIp: string;
  readonly announcedPort: number;
  readonly announcedTlsPort: number;
  readonly announcedBusPort: number;
  readonly hostname: string;
  readonly humanName: string;
}

/** The surroundings as the machine reads them; none of these calls changes anything. */
export interface BusWorld {
  readonly settings: BusSettings;
  readonly random: RandomSource;
  /** 40 hexadecimal digits that nobody can guess. */
  newId(): string;
  /** Bytes of the stream of writes that this server has written, or applied; 0 for a replica whose data is being loaded. */
  replicationOffset(): number;
  /** Milliseconds since the master was heard of; large if never. */
  dataAgeMs(): number;
  /** The data is not whole: it comes from the disk, or replaces the old. */
  isLoading(): boolean;
  /** No key in any database. */
  isEmpty(): boolean;
  keysInSlot(slot: number): number;
}

export type BusAction =
  | { readonly kind: 'connect'; readonly link: BusLink; readonly host: string; readonly port: number }
  | { readonly kind: 'send'; readonly link: BusLink; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly link: BusLink }
  | { readonly kind: 'save' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string }
  | { readonly kind: 'follow'; readonly master: ClusterNode }
  | { readonly kind: 'promote' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'pause'; readonly durationMs: number }
  | { readonly kind: 'unpause' }
  | { readonly kind: 'dropKeys'; readonly slots: readonly number[] }
  | { readonly kind: 'publish'; readonly sharded: boolean; readonly channel: Uint8Array; readonly payload: Uint8Array }
  /** Owners, roles or the state of the cluster have changed. */
  | { readonly kind: 'changed' };

export class Bus {
  /** Milliseconds of a clock that is never set; 0 is long before everything. */
  nowMs = 0;
  /** Difference between wall time and `nowMs`. */
  wallOffsetMs = 0;
  /** In the order in which they are to be done. */
  actions: BusAction[] = [];
  readonly messagesSent: number[] = messageTypeNames.map(() => 0);
  readonly messagesReceived: number[] = messageTypeNames.map(() => 0);
  /** Work that is due at the end of the step. */
  wantsSave = false;
  wantsUpdate = false;
  wantsFailover = false;
  wantsManualFailover = false;
  pingNumber = 0;
  linkNumber = 0;
  tickNumber = 0;
  /** Nodes that are suspected and have an address; counted at each tick. */
  suspectedCount = 0;
  readonly startedMs: number;
  /** When this node last was without a majority. */
  minorityMs = -Infinity;
  /** The nodes that have voted in the election under way. */
  readonly voters = new Set<ClusterNode>();
  /** The reason last logged for the lack of a failover, and when. */
  cannotFailover = '';
  cannotFailoverMs = -Infinity;

  constructor(
    readonly state: ClusterState,
    readonly world: BusWorld,
    nowMs: number,
  ) {
    this.nowMs = nowMs;
    this.startedMs = nowMs;
  }

  get settings(): BusSettings {
    return this.world.settings;
  }

  log(level: LogLevel, text: string): void {
    this.actions.push({ kind: 'log', level, text });
  }

  /** Sends on a link that may be missing or not open yet. */
  send(link: BusLink | undefined, type: number, bytes: Uint8Array): void {
    if (link === undefined || !link.isOpen) return;
    this.messagesSent[type]!++;
    this.actions.push({ kind: 'send', link, bytes });
  }

  /** Begins to connect to a node. */
  connect(node: ClusterNode): void {
    const link: BusLink = {
      number: ++this.linkNumber,
      isInbound: false,
      createdMs: this.nowMs,
      remoteAddress: node.ip,
      localAddress: '',
      node,
      isOpen: false,
    };
    node.link = link;
    node.dialedMs = this.nowMs;
    this.actions.push({ kind: 'connect', link, host: node.ip, port: node.busPort });
  }

  /** The link of a connection that somebody has opened to this node. */
  newInboundLink(remoteAddress: string, localAddress: string, nowMs: number): BusLink {
    return {
      number: ++this.linkNumber,
      isInbound: true,
      createdMs: nowMs,
      remoteAddress,
      localAddress,
      node: undefined,
      isOpen: false,
    };
  }

  /** Closes a link; its nodes forget it at once. */
  close(link: BusLink | undefined): void {
    if (link === undefined) return;
    this.forgetLink(link);
    this.actions.push({ kind: 'close', link });
  }

  /** The link is gone. */
  forgetLink(link: BusLink): void {
    const { node } = link;
    link.isOpen = false;
    link.node = undefined;
    if (node?.link === link) node.link = undefined;
    if (node?.inboundLink === link) node.inboundLink = undefined;
  }

  /** Takes a node and its links away. */
  removeNode(node: ClusterNode): void {
    this.close(node.link);
    this.close(node.inboundLink);
    this.state.remove(node);
    this.voters.delete(node);
  }

  save(): void {
    this.wantsSave = true;
  }

  /** The state of the cluster must be looked at again, and the configuration has changed. */
  changed(): void {
    this.wantsSave = true;
    this.wantsUpdate = true;
  }

  /** A steady time as seconds of wall time, for gossip; 0 for never. */
  wallSeconds(steadyMs: number): number {
    const ms = steadyMs + this.wallOffsetMs;
    return steadyMs > 0 && Number.isFinite(ms) && ms > 0 ? Math.floor(ms / 1000) >>> 0 : 0;
  }

  wallMs(steadyMs: number): number {
    return steadyMs > 0 && Number.isFinite(steadyMs) ? Math.max(0, Math.floor(steadyMs + this.wallOffsetMs)) : 0;
  }

  /** How the log names a node. */
  name(node: ClusterNode): string {
    return node.humanName === '' ? node.id : `${node.id} (${node.humanName})`;
  }
}
