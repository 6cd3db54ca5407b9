// state: the whole cluster as this node sees it: nodes, owners of slots, epochs, moving slots, and elections under way.
//
// It is plain data with the few changes that keep its parts in step: `owners` and the bitmaps of the nodes, `master` and
// `replicas`. When to change what, is for the files of each behaviour (gossip, failure, election, slot-claims, commands).
//
// Not here: its file (nodes-text, nodes-file), messages (messages), commands of clients (cluster).

import { SLOT_COUNT } from '../base/key-slot.js';
import { ClusterNode, NodeFlag, clearSlotBit, setSlotBit, SLOT_BITMAP_BYTES } from './node.js';

/** Why nothing is served, in the order in which it is looked for. */
export type DownReason = 'none' | 'starting' | 'uncovered-slot' | 'no-majority';

/** A replica's attempt to take its master's place. */
export interface Election {
  /** When votes are asked for; minus infinity: never tried. */
  atMs: number;
  votes: number;
  isSent: boolean;
  rank: number;
  epoch: number;
}

/** A failover that a user has asked for. */
export interface ManualFailover {
  /** When it is given up; 0: none is under way. */
  endMs: number;
  /** At the replica: when it last asked its master to pause; 0: not yet. */
  askedMs: number;
  /** At the master: the replica that takes over. */
  replica: ClusterNode | undefined;
  /** At the replica: the offset to reach; -1: not told yet. */
  masterOffset: number;
  canStart: boolean;
}

export class ClusterState {
  readonly nodes = new Map<string, ClusterNode>();
  /** Masters by slot. */
  readonly owners: (ClusterNode | undefined)[] = new Array<ClusterNode | undefined>(SLOT_COUNT).fill(undefined);
  /** Slots of this node that move away, and slots that move to it. */
  readonly migratingTo = new Map<number, ClusterNode>();
  readonly importingFrom = new Map<number, ClusterNode>();
  /**
   * Slots whose keys come here, or to this node's master, in one step: their keys must not be visible yet. And slots that
   * have gone, whose keys here are being deleted. After a crash the keys of both are deleted.
   */
  readonly staged = new Set<number>();
  /**
   * Slots that are being handed over, with the node that may claim them whatever its epoch is. As long as there are any,
   * this node's configEpoch must not change (see migration/takeover).
   */
  readonly grantedTo = new Map<number, ClusterNode>();
  /** Slots whose new owner has told this node so before it told everybody on the bus, with its epoch then. */
  readonly takenAt = new Map<number, number>();
  currentEpoch = 0;
  lastVoteEpoch = 0;
  isOk = false;
  downReason: DownReason = 'starting';
  /** Masters with slots. */
  size = 0;
  /** Ids that gossip may not bring back, and until when. */
  readonly forgotten = new Map<string, number>();
  readonly election: Election = { atMs: -Infinity, votes: 0, isSent: false, rank: 0, epoch: 0 };
  readonly manualFailover: ManualFailover = {
    endMs: 0,
    askedMs: 0,
    replica: undefined,
    masterOffset: -1,
    canStart: false,
  };
  /** Slots that their owner has stopped claiming: no message or reply names it as the owner. */
  readonly unclaimed = new Uint8Array(SLOT_BITMAP_BYTES);
  /** Counts every change of owners, nodes and roles, for code that keeps something derived from them. */
  version = 0;

  constructor(public myself: ClusterNode) {
    this.nodes.set(myself.id, myself);
  }

  // --- questions ------------------------------------------------------------------------------------------------------

  node(id: string): ClusterNode | undefined {
    return this.nodes.get(id);
  }

  owner(slot: number): ClusterNode | undefined {
    return this.owners[slot];
  }

  isMine(slot: number): boolean {
    return this.owners[slot] === this.myself;
  }

  /** The epoch of the owner's claim, as far as it is known here. */
  claimEpoch(slot: number): number {
    return Math.max(this.owners[slot]?.claimEpoch ?? -1, this.takenAt.get(slot) ?? -1);
  }

  /** The master of this shard: this node itself, or whom it follows. */
  get shardMaster(): ClusterNode {
    return this.myself.master ?? this.myself;
  }

  get isHandingOver(): boolean {
    return this.grantedTo.size > 0;
  }

  assignedSlotCount(): number {
    let count = 0;
    for (const owner of this.owners) if (owner !== undefined) count++;
    return count;
  }

  // --- nodes ----------------------------------------------------------------------------------------------------------

  add(node: ClusterNode): void {
    this.nodes.set(node.id, node);
    this.version++;
  }

  /** Takes a node out of everything that names it. Its links are the caller's. */
  remove(node: ClusterNode): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.owners[slot] === node) this.unassign(slot);
    for (const moving of [this.migratingTo, this.importingFrom, this.grantedTo])
      for (const [slot, other] of moving) if (other === node) moving.delete(slot);
    for (const other of this.nodes.values()) {
      const reports = other.failureReports;
      for (let index = reports.length - 1; index >= 0; index--)
        if (reports[index]!.reporter === node) reports.splice(index, 1);
    }
    this.detach(node);
    for (const replica of node.replicas.splice(0)) replica.master = undefined;
    if (this.manualFailover.replica === node) this.manualFailover.replica = undefined;
    this.nodes.delete(node.id);
    this.version++;
  }

  /** The id under which it was met is replaced by its own. */
  rename(node: ClusterNode, id: string): void {
    this.nodes.delete(node.id);
    node.id = id;
    this.nodes.set(id, node);
    this.version++;
  }

  // --- roles ----------------------------------------------------------------------------------------------------------

  /** Makes `node` a replica of `master`. */
  follow(node: ClusterNode, master: ClusterNode): void {
    if (node.master !== master) {
      this.detach(node);
      node.master = master;
      if (!master.replicas.includes(node)) master.replicas.push(node);
      master.flags |= NodeFlag.migrateTo;
    }
    node.shardId = master.shardId;
    node.flags = (node.flags & ~(NodeFlag.master | NodeFlag.migrateTo)) | NodeFlag.replica;
    this.version++;
  }

  /** Makes `node` a master. Its shard stays: it may have taken its master's place. */
  promote(node: ClusterNode): void {
    const wasReplica = node.master !== undefined;
    this.detach(node);
    if (wasReplica && node !== this.myself) node.flags |= NodeFlag.migrateTo;
    node.flags = (node.flags & ~NodeFlag.replica) | NodeFlag.master;
    this.version++;
  }

  private detach(node: ClusterNode): void {
    const { master } = node;
    if (master === undefined) return;
    const index = master.replicas.indexOf(node);
    if (index >= 0) master.replicas.splice(index, 1);
    if (master.replicas.length === 0) master.flags &= ~NodeFlag.migrateTo;
    node.master = undefined;
  }

  // --- slots ----------------------------------------------------------------------------------------------------------

  assign(slot: number, node: ClusterNode): void {
    const old = this.owners[slot];
    if (old === node) return;
    if (old !== undefined) this.unassign(slot);
    this.owners[slot] = node;
    setSlotBit(node.slots, slot);
    // A master that has never had slots is one that replicas may move to as soon as others of its kind have some.
    if (node.slotCount++ === 0 && this.someMasterHasReplicas()) node.flags |= NodeFlag.migrateTo;
    clearSlotBit(this.unclaimed, slot);
    this.version++;
  }

  unassign(slot: number): void {
    const owner = this.owners[slot];
    if (owner === undefined) return;
    this.owners[slot] = undefined;
    this.takenAt.delete(slot);
    clearSlotBit(owner.slots, slot);
    owner.slotCount--;
    clearSlotBit(this.unclaimed, slot);
    this.version++;
  }

  /** `node` has named all its slots, with this epoch. */
  nameSlots(node: ClusterNode, epoch: number): void {
    node.nameSlots(epoch);
    for (const [slot, takenAt] of this.takenAt)
      if (this.owners[slot] === node && takenAt <= epoch) this.takenAt.delete(slot);
  }

  unassignAll(node: ClusterNode): number {
    let count = 0;
    for (let slot = 0; slot < SLOT_COUNT && node.slotCount > 0; slot++) {
      if (this.owners[slot] !== node) continue;
      this.unassign(slot);
      count++;
    }
    return count;
  }

  private someMasterHasReplicas(): boolean {
    for (const node of this.nodes.values()) if (!node.isReplica && node.replicas.length > 0) return true;
    return false;
  }

  /** The greatest epoch that is known. */
  get maxEpoch(): number {
    let max = this.currentEpoch;
    for (const { configEpoch } of this.nodes.values()) max = Math.max(max, configEpoch);
    return max;
  }
}
