// node: one node of the cluster as this one knows it: identity, address, role, slots, and the reports about it with
// their times.
//
// Times are steady milliseconds of this machine, so that a clock that is set does not make nodes fail; 0 means never.
//
// A connection as the machine knows it is here too, as each names the other; its socket is in links.
//
// Not here: all of them together (state), their text (nodes-text).

import { SLOT_COUNT } from '../base/key-slot.js';

export const SLOT_BITMAP_BYTES = SLOT_COUNT / 8;
export const ID_LENGTH = 40;
export const BUS_PORT_OFFSET = 10_000;

/** Bits of a node's state; the low 16 travel on the bus. */
export const NodeFlag = {
  master: 1,
  replica: 2,
  /** This node has not heard from it for the timeout. */
  suspected: 4,
  /** The majority of masters has not. */
  failed: 8,
  myself: 16,
  /** It has not proved its id yet. */
  handshake: 32,
  noAddress: 64,
  /** Its first message from here is a MEET. */
  meet: 128,
  /** It has had replicas: others may move to it. */
  migrateTo: 256,
  noFailover: 512,
  extensions: 1024,
  /** Takes the short header of Valkey for PUBLISH. */
  lightHeader: 2048,
} as const;

/** One master's report that another does not answer. */
export interface FailureReport {
  readonly reporter: ClusterNode;
  atMs: number;
}

export interface NodeAddress {
  readonly ip: string;
  /** Port for clients without TLS, and with TLS; 0: none. */
  readonly port: number;
  readonly tlsPort: number;
  readonly busPort: number;
}

/** A connection of the bus. */
export interface BusLink {
  readonly number: number;
  /** The other side has opened it. */
  readonly isInbound: boolean;
  readonly createdMs: number;
  /** The peer's address as the socket has it, without the port. */
  readonly remoteAddress: string;
  /** This side's address on the connection. */
  readonly localAddress: string;
  /** Whom it leads to, once that is known. */
  node: ClusterNode | undefined;
  /** The connection stands and can take messages. */
  isOpen: boolean;
}

export class ClusterNode {
  id: string;
  shardId: string;
  flags: number;
  configEpoch = 0;
  /** The epoch with which it last named all its slots; -1: `configEpoch`. */
  private namedEpoch = -1;
  ip = '';
  port = 0;
  tlsPort = 0;
  busPort = 0;
  hostname = '';
  humanName = '';
  /** Bit `slot & 7` of byte `slot >> 3`. */
  readonly slots = new Uint8Array(SLOT_BITMAP_BYTES);
  slotCount = 0;
  master: ClusterNode | undefined;
  readonly replicas: ClusterNode[] = [];
  /** The connection that this node has opened to it, and the one that it has opened. */
  link: BusLink | undefined;
  inboundLink: BusLink | undefined;
  /** When this node last began to connect to it. */
  dialedMs = -Infinity;
  readonly createdMs: number;
  /** When the ping that waits for its pong was sent; 0: none waits. */
  pingSentMs = 0;
  pongReceivedMs = 0;
  dataReceivedMs = -Infinity;
  failedMs = 0;
  /** When this node last voted for a replica of it. */
  votedMs = -Infinity;
  replicationOffset = 0;
  replicationOffsetMs = 0;
  orphanedMs = 0;
  readonly failureReports: FailureReport[] = [];
  /** Number of the ping that last gossiped about it. */
  gossipedInPing = 0;

  constructor(id: string, shardId: string, flags: number, nowMs: number) {
    this.id = id;
    this.shardId = shardId;
    this.flags = flags;
    this.createdMs = nowMs;
  }

  /** Its slots, as they are known here, were claimed with this epoch: it may have given some away since. */
  get claimEpoch(): number {
    return this.namedEpoch < 0 ? this.configEpoch : this.namedEpoch;
  }

  /** It has this epoch by now; nothing is said about its slots. */
  raiseEpoch(epoch: number): void {
    if (epoch <= this.configEpoch) return;
    this.namedEpoch = this.claimEpoch;
    this.configEpoch = epoch;
  }

  /** It has named all its slots, with this epoch. */
  nameSlots(epoch: number): void {
    this.raiseEpoch(epoch);
    this.namedEpoch = epoch >= this.configEpoch ? -1 : Math.max(this.claimEpoch, epoch);
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  get isMyself(): boolean {
    return (this.flags & NodeFlag.myself) !== 0;
  }

  get isMaster(): boolean {
    return (this.flags & NodeFlag.master) !== 0;
  }

  get isReplica(): boolean {
    return (this.flags & NodeFlag.replica) !== 0;
  }

  get hasFailed(): boolean {
    return (this.flags & NodeFlag.failed) !== 0;
  }

  get isSuspected(): boolean {
    return (this.flags & NodeFlag.suspected) !== 0;
  }

  get isInHandshake(): boolean {
    return (this.flags & NodeFlag.handshake) !== 0;
  }

  get hasAddress(): boolean {
    return (this.flags & NodeFlag.noAddress) === 0;
  }

  /** A master that serves slots: it votes. */
  get isVoter(): boolean {
    return this.isMaster && this.slotCount > 0;
  }

  ownsSlot(slot: number): boolean {
    return hasSlot(this.slots, slot);
  }
}

export function hasSlot(bitmap: Uint8Array, slot: number): boolean {
  return (bitmap[slot >> 3]! & (1 << (slot & 7))) !== 0;
}

export function setSlotBit(bitmap: Uint8Array, slot: number): void {
  bitmap[slot >> 3]! |= 1 << (slot & 7);
}

export function clearSlotBit(bitmap: Uint8Array, slot: number): void {
  bitmap[slot >> 3]! &= ~(1 << (slot & 7));
}

/** Ranges of a bitmap: first and last slot of each, one after the other. */
export function slotRanges(bitmap: Uint8Array): number[] {
  const ranges: number[] = [];
  let first = -1;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    // Most bytes are all of one kind.
    if (first < 0 && (slot & 7) === 0 && bitmap[slot >> 3] === 0) {
      slot += 7;
      continue;
    }
    if (first >= 0 && (slot & 7) === 0 && bitmap[slot >> 3] === 0xff) {
      slot += 7;
      continue;
    }
    if (hasSlot(bitmap, slot)) {
      if (first < 0) first = slot;
    } else if (first >= 0) {
      ranges.push(first, slot - 1);
      first = -1;
    }
  }
  if (first >= 0) ranges.push(first, SLOT_COUNT - 1);
  return ranges;
}

export function isNodeId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}
