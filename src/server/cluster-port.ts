// cluster-port: the cluster as the server and its commands need it, and the server's keys as the cluster needs them.
//
// The cluster (its bus, its state, its elections) stands above the server and is handed in by the code that starts one,
// as replication is. A server without it has no `cluster`, and its commands say so.

import type { Keyspace } from '../keyspace/keyspace.js';
import type { SlotMovesPort } from './slot-moves-port.js';

/** A node as the gate and the commands see it. */
export interface ClusterNodeView {
  /** 40 hex digits. */
  readonly id: string;
  readonly shardId: string;
  readonly ip: string;
  /** Port for clients without TLS, and with TLS; 0: none. */
  readonly port: number;
  readonly tlsPort: number;
  readonly busPort: number;
  readonly hostname: string;
  readonly humanName: string;
  readonly isMyself: boolean;
  readonly isMaster: boolean;
  readonly isReplica: boolean;
  readonly hasFailed: boolean;
  /** This node does not hear from it; the others may. */
  readonly isSuspected: boolean;
  readonly isInHandshake: boolean;
  readonly hasAddress: boolean;
  /** Bit `slot & 7` of byte `slot >> 3`. */
  readonly slots: Uint8Array;
  readonly slotCount: number;
  readonly configEpoch: number;
  /** As it said last; of this node itself `ClusterPort.replicationOffset` is newer. */
  readonly replicationOffset: number;
  readonly master: ClusterNodeView | undefined;
  readonly replicas: readonly ClusterNodeView[];
  ownsSlot(slot: number): boolean;
}

/** A connection of the bus, for CLUSTER LINKS. */
export interface ClusterLinkView {
  readonly direction: 'to' | 'from';
  readonly nodeId: string;
  /** Wall time. */
  readonly createdMs: number;
  /** 'r' or 'rw'. */
  readonly events: string;
  readonly sendBufferAllocated: number;
  readonly sendBufferUsed: number;
}

export interface ClusterPort {
  // --- for the gate; none of these makes objects ----------------------------------------------------------------------
  /** cluster_state is ok. */
  readonly isOk: boolean;
  readonly downReason: 'none' | 'starting' | 'uncovered-slot' | 'no-majority';
  readonly myself: ClusterNodeView;
  /** This node or, on a replica, its master. */
  readonly shardMaster: ClusterNodeView;
  owner(slot: number): ClusterNodeView | undefined;
  isMine(slot: number): boolean;
  migratingTo(slot: number): ClusterNodeView | undefined;
  importingFrom(slot: number): ClusterNodeView | undefined;
  /** Some slot moves away or here. */
  readonly isMovingSlots: boolean;

  // --- views ----------------------------------------------------------------------------------------------------------
  /** All nodes, this one included. */
  readonly nodes: Iterable<ClusterNodeView>;
  readonly nodeCount: number;
  node(id: string): ClusterNodeView | undefined;
  /** How far this node is in the stream of writes, as it tells the others; 0 for a replica whose data is being loaded. */
  replicationOffset(): number;
  /** Masters with slots. */
  readonly size: number;
  readonly currentEpoch: number;
  /** The configuration epoch of the shard's master. */
  readonly myEpoch: number;
  /** Changes with owners, nodes and roles: for code that keeps something derived from them. */
  readonly version: number;
  failureReportCount(node: ClusterNodeView): number;
  links(): ClusterLinkView[];
  /** By type of message. */
  readonly messagesSent: readonly number[];
  readonly messagesReceived: readonly number[];
  /** As CLUSTER INFO names the types. */
  readonly messageTypeNames: readonly string[];
  readonly linkBufferLimitExceeded: number;
  readonly linkMemoryBytes: number;
  /** CLUSTER NODES; `nodeLine` is one line of it, without the line break. With the ports for TLS, or without. */
  nodesText(isSecure: boolean): string;
  nodeLine(node: ClusterNodeView, isSecure: boolean): string;

  // --- changes: undefined when done, else the error with its code ------------------------------------------------------
  /** Checks all slots and then changes them; they are distinct and in range. */
  addSlots(slots: readonly number[]): string | undefined;
  delSlots(slots: readonly number[]): string | undefined;
  flushSlots(): string | undefined;
  setSlotMigrating(slot: number, id: string): string | undefined;
  setSlotImporting(slot: number, id: string): string | undefined;
  setSlotStable(slot: number): string | undefined;
  setSlotNode(slot: number, id: string): string | undefined;
  /** `busPort` 0: the port plus 10000. */
  meet(ip: string, port: number, busPort: number): string | undefined;
  forget(id: string): string | undefined;
  replicate(id: string): string | undefined;
  failover(how: 'plain' | 'force' | 'takeover'): string | undefined;
  reset(hard: boolean): string | undefined;
  bumpEpoch(): { readonly isBumped: boolean; readonly epoch: number };
  setConfigEpoch(epoch: number): string | undefined;
  saveConfig(): string | undefined;

  /** Moves of slots in one step. */
  readonly slotMoves: SlotMovesPort;

  // --- pub/sub over the bus, after the local delivery -------------------------------------------------------------------
  publish(channel: Uint8Array, message: Uint8Array): void;
  publishShard(channel: Uint8Array, message: Uint8Array): void;

  // --- for tests --------------------------------------------------------------------------------------------------------
  /** Messages of this type that arrive are dropped from now on; -1: none. */
  dropMessagesOfType(type: number): void;
  /** Closes connections with a node; an error if it is not known. */
  killLinks(direction: 'to' | 'from' | 'all', id: string): string | undefined;

  // --- life -----------------------------------------------------------------------------------------------------------
  /** The data is loaded and the doors are open: opens the port of the bus; rejects when it cannot. */
  start(): Promise<void>;
  /** Lets a replica take this master's place; resolves when it has, or with false when that cannot be. */
  handOver(): Promise<boolean>;
  stop(): void;
}

/** The server's keys and clients, as the cluster uses them. */
export interface ClusterKeys {
  countKeys(slot: number): number;
  /** Deletes the keys of a slot that is no longer this node's, little by little, with their deletions to AOF and replicas. */
  deleteKeys(slot: number): void;
  /** A slot is about to be this node's, or is imported: nothing is left of keys that `deleteKeys` was to delete. */
  finishDeleting(slot: number): void;
  /**
   * Owners, roles or the state have changed: clients that wait for keys are redirected, shard channels of other shards lose their
   * subscribers. Called at the end of the turn.
   */
  topologyChanged(): void;
}

/** The keys of a slot on this server. */
export function keyCountOf(keyspace: Keyspace, slot: number): number {
  return keyspace.databases[0]!.slots?.counts[slot] ?? 0;
}
