// instance: a sentinel's knowledge of one master, replica or other sentinel: its address, its links, and the reports
// about it.
//
// Times are milliseconds of a clock that never goes back (see SentinelState.nowMs); 0 stands for never.

import type { Address } from './address.js';

/** The connections to one instance. Several masters have the same other sentinels, which share one link. */
export class Link {
  /** Instances that use it. */
  users = 1;
  /** One of the connections that it needs is missing. */
  disconnected = true;
  hasCommands = false;
  hasPubSub = false;
  /** Commands without a reply yet. */
  pending = 0;
  commandsSinceMs = 0;
  pubSubSinceMs = 0;
  /** When something last came over the pub/sub connection. */
  pubSubActivityMs = 0;
  lastReconnectMs = 0;
  /** When the oldest PING without a good reply was sent; 0 when there is none. */
  unansweredPingMs: number;
  lastPingMs = 0;
  /** When PING was last answered at all. */
  lastPongMs: number;
  /** When PING was last answered as by a server that is well. */
  lastAvailableMs: number;

  constructor(nowMs: number) {
    this.unansweredPingMs = nowMs;
    this.lastPongMs = nowMs;
    this.lastAvailableMs = nowMs;
  }
}

abstract class Watched {
  link: Link;
  runId = '';
  isDown = false;
  downSinceMs = 0;
  lastPublishMs: number;
  /** It was forgotten: replies that still come for it mean nothing. */
  isGone = false;

  constructor(
    public name: string,
    public address: Address,
    public downAfterMs: number,
    nowMs: number,
  ) {
    this.link = new Link(nowMs);
    this.lastPublishMs = nowMs;
  }
}

export type ServerRole = 'master' | 'slave';

/** The facts that INFO gives about a master or a replica. */
abstract class WatchedServer extends Watched {
  info = '';
  infoRefreshMs = 0;
  infoAskedMs = 0;
  roleReported: ServerRole;
  roleReportedSinceMs: number;
  /** How long its link to its own master is down, also of a master that says it is a replica. */
  masterLinkDownMs = 0;
  scriptKillSent = false;

  constructor(name: string, address: Address, downAfterMs: number, nowMs: number, role: ServerRole) {
    super(name, address, downAfterMs, nowMs);
    this.roleReported = role;
    this.roleReportedSinceMs = nowMs;
  }
}

/** How far a replica is with following the new master. */
export type Reconfiguration = 'none' | 'sent' | 'inprog' | 'done';

export class Replica extends WatchedServer {
  readonly kind = 'slave';
  reconfiguration: Reconfiguration = 'none';
  reconfigurationSentMs = 0;
  isPromoted = false;
  masterHost = '';
  masterPort = 0;
  masterLinkIsUp = false;
  masterChangedMs: number;
  priority = 100;
  offset = 0;
  isAnnounced = true;
  /** By its own word it has followed this master, or it was the master: more than that a server names it as its replica. */
  isProven = false;

  constructor(
    name: string,
    address: Address,
    readonly master: Master,
    nowMs: number,
  ) {
    super(name, address, master.downAfterMs, nowMs, 'slave');
    this.masterChangedMs = nowMs;
  }
}

/** Another sentinel that watches the same master. */
export class Peer extends Watched {
  readonly kind = 'sentinel';
  lastHelloMs: number;
  lastDownReplyMs = 0;
  saysMasterIsDown = false;
  /** Whom it voted for; empty when it did not. */
  leader = '';
  leaderEpoch = 0;

  constructor(
    runId: string,
    address: Address,
    readonly master: Master,
    nowMs: number,
  ) {
    super(runId, address, master.downAfterMs, nowMs);
    this.runId = runId;
    this.lastHelloMs = nowMs;
  }
}

export const failoverStates = [
  'none',
  'wait_start',
  'select_slave',
  'send_slaveof_noone',
  'send_failover',
  'wait_promotion',
  'reconf_slaves',
  'update_config',
] as const;
export type FailoverState = (typeof failoverStates)[number];

/** voted: the other sentinels agreed. forced: a user asked. coordinated: a user asked for the master's help, and it needs votes. */
export type FailoverKind = 'voted' | 'forced' | 'coordinated';

/** A day: long enough for a repair, or for a network that is cut over night. */
export const STALE_AFTER_MS_DEFAULT = 86_400_000;

/** The address that follows the master, moved by this sentinel where it runs on the master's host. */
export interface VirtualAddress {
  readonly address: string;
  readonly maskBits: number;
  readonly networkInterface: string;
}

export class Master extends WatchedServer {
  readonly kind = 'master';
  readonly replicas = new Map<string, Replica>();
  readonly peers = new Map<string, Peer>();
  isObjectivelyDown = false;
  objectivelyDownSinceMs = 0;
  /** It has another run id than before, and has not answered PING since. */
  isRebooting = false;
  rebootSinceMs = 0;
  parallelSyncs = 1;
  failoverTimeoutMs: number;
  rebootDownAfterMs = 0;
  /** An instance that is silent for so long is forgotten when the others agree; 0: never. See stale. */
  staleAfterMs = STALE_AFTER_MS_DEFAULT;
  authUser = '';
  authPass = '';
  notificationScript = '';
  clientReconfigScript = '';
  virtualAddress: VirtualAddress | undefined;
  /** Commands that its servers know by another name; names in lower case. */
  readonly renamed = new Map<string, string>();
  configEpoch = 0;
  leader = '';
  leaderEpoch = 0;
  failoverState: FailoverState = 'none';
  failoverKind: FailoverKind | undefined;
  failoverEpoch = 0;
  failoverStartMs = 0;
  failoverChangeMs = 0;
  failoverDelayLoggedMs = 0;
  promoted: Replica | undefined;

  constructor(
    name: string,
    address: Address,
    public quorum: number,
    timing: { readonly 'default-down-after': number; readonly 'default-failover-timeout': number },
    nowMs: number,
  ) {
    super(name, address, timing['default-down-after'], nowMs, 'master');
    this.failoverTimeoutMs = timing['default-failover-timeout'];
  }

  get failsOver(): boolean {
    return this.failoverState !== 'none';
  }

  /** The failover has gone so far that the promoted replica is the master, whatever the others know yet. */
  get isPast(): boolean {
    return (
      this.promoted !== undefined && (this.failoverState === 'reconf_slaves' || this.failoverState === 'update_config')
    );
  }

  /** Where clients find the master now. */
  get currentAddress(): Address {
    return this.isPast ? this.promoted!.address : this.address;
  }

  /** Every instance of this master, itself first. */
  *instances(): IterableIterator<Instance> {
    yield this;
    yield* this.replicas.values();
    yield* this.peers.values();
  }
}

export type Server = Master | Replica;
export type Instance = Server | Peer;

export function masterOf(instance: Instance): Master {
  return instance.kind === 'master' ? instance : instance.master;
}

/** The flags of an instance, as SENTINEL MASTER and its kin show them. */
export function flagsOf(instance: Instance): string {
  const isMaster = instance.kind === 'master';
  const flags: [boolean, string][] = [
    [instance.isDown, 's_down'],
    [isMaster && instance.isObjectivelyDown, 'o_down'],
    [true, instance.kind],
    [instance.link.disconnected, 'disconnected'],
    [instance.kind === 'sentinel' && instance.saysMasterIsDown, 'master_down'],
    [isMaster && instance.failsOver, 'failover_in_progress'],
    [instance.kind === 'slave' && instance.isPromoted, 'promoted'],
    [instance.kind === 'slave' && instance.reconfiguration === 'sent', 'reconf_sent'],
    [instance.kind === 'slave' && instance.reconfiguration === 'inprog', 'reconf_inprog'],
    [instance.kind === 'slave' && instance.reconfiguration === 'done', 'reconf_done'],
    [isMaster && instance.failoverKind === 'forced', 'force_failover'],
    [isMaster && instance.failoverKind === 'coordinated', 'coord_failover'],
    [instance.kind !== 'sentinel' && instance.scriptKillSent, 'script_kill_sent'],
    [isMaster && instance.isRebooting, 'master_reboot'],
  ];
  return flags
    .filter(([holds]) => holds)
    .map(([, name]) => name)
    .join(',');
}
