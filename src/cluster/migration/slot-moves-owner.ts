// slot-moves-owner: the node as one of its moves of slots needs it.

import type { LogLevel } from '../../base/log-level.js';
import type { Clock } from '../../io/clock.js';
import type { ConnectEvents } from '../../io/network.js';
import type { Wire } from '../../io/wire.js';
import type { PersistenceHost } from '../../persistence/host.js';
import type { ServerCall } from '../../server/call.js';
import type { DataServer } from '../../server/server.js';
import type { SlotMove } from './slot-move.js';

export interface MovesOwner {
  readonly server: DataServer;
  readonly host: PersistenceHost;
  readonly clock: Clock;
  /** cluster-slot-migration-handoff-max-lag-bytes. */
  readonly handoffLagMax: number;
  /** cluster-slot-migration-write-pause-timeout. */
  readonly writePauseTimeoutMs: number;
  /** Without a word of the other side for so long a move fails. */
  readonly timeoutMs: number;
  /** A bug for tests of the simulation: writes are not paused for the handoff. */
  readonly skipsPause: boolean;
  /** Another move's slots are on their way to their new owner. */
  readonly isHandingOver: boolean;
  /** Something is half done that will write without a command: a parked script, a MIGRATE. */
  readonly isInMidWrite: boolean;
  /** All writes so far would survive a crash to the degree that appendfsync sets. */
  readonly isDurable: boolean;
  readonly myId: string;
  readonly isMaster: boolean;
  isMine(slot: number): boolean;
  ownerId(slot: number): string | undefined;
  isMasterNode(id: string): boolean;
  keysInSlot(slot: number): number;
  /** The slot of a write's keys; -1 when they are of several, there are none, or it is no write. */
  slotOfAllKeys(call: ServerCall): number;
  log(level: LogLevel, text: string): void;
  /** Begins to connect to a node's port for clients; undefined when its address is unknown. */
  dial(nodeId: string, events: ConnectEvents): Wire | undefined;

  // --- the source's side
  /** Returns the epoch that the destination's must be above. */
  grant(move: SlotMove, slots: readonly number[]): number;
  /** The cluster is ok, as this node sees it. */
  readonly isClusterOk: boolean;
  /** Takes a new epoch, so that a node that comes back with old claims is not believed. */
  reclaim(slots: readonly number[]): void;
  giveUp(move: SlotMove, slots: readonly number[], epoch: number): void;
  exportEnded(move: SlotMove): void;

  // --- the destination's side
  /** Keys of these slots are here, or will be, that nobody may see. */
  stage(slots: readonly number[]): void;
  /** Deletes what is staged, little by little. */
  dropStaged(slots: readonly number[]): void;
  /**
   * This node owns the slots from now on; returns its epoch. 'later': first its own slots must be with their new owner.
   * 'never': they are not the source's any more, or this node cannot have them.
   */
  takeOver(move: SlotMove, slots: readonly number[], sourceEpoch: number): number | 'later' | 'never';
  importEnded(move: SlotMove): void;
}
