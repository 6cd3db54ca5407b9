// slot-moves-port: moves of slots from node to node, as CLUSTER MIGRATION, MIGRATESLOTS and their kin need them.
//
// Two vocabularies name the same moves: Redis 8.4 begins them at the destination (IMPORT), Valkey 9 at the source (MIGRATESLOTS).

import type { SlotRange } from '../base/slot-ranges.js';
import type { Client } from '../service/clients/client.js';

/**
 * clearing: the destination deletes what an earlier attempt has left. connecting, handshake: it asks the source. snapshot: slots
 * are copied one after the other. streaming: all have arrived, and changes follow. handoff: writes wait. granted: the
 * source has left the slots to the destination, and waits to hear that it owns them.
 */
export type SlotMovePhase =
  | 'clearing'
  | 'connecting'
  | 'handshake'
  | 'snapshot'
  | 'streaming'
  | 'handoff'
  | 'granted'
  | 'waiting'
  | 'completed'
  | 'failed'
  | 'canceled';

export interface SlotMoveView {
  /** 40 hex digits. */
  readonly id: string;
  /** This node is the destination; else it is the source. */
  readonly isImport: boolean;
  readonly ranges: readonly SlotRange[];
  readonly sourceId: string;
  readonly destinationId: string;
  readonly phase: SlotMovePhase;
  readonly isActive: boolean;
  readonly lastError: string;
  readonly retries: number;
  /** Wall times; 0: not yet. */
  readonly createdMs: number;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly updatedMs: number;
  readonly heardMs: number;
  /** How long writes had to wait. */
  readonly writePauseMs: number;
  readonly keysDone: number;
  readonly keysTotal: number;
  readonly bytes: number;
  readonly keysPerSecond: number;
  readonly bytesPerSecond: number;
  /** 0 to 100. */
  readonly percent: number;
  /** Milliseconds that the copy will take at this rate; -1: unknown. */
  readonly leftMs: number;
  readonly isPaused: boolean;
  /** Bytes a second; 0: as fast as it goes. */
  readonly rateLimit: number;
}

/** An instruction to a move that runs. */
export type SlotMoveOrder =
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'limit'; readonly bytesPerSecond: number };

export interface SlotExportRequest {
  readonly ranges: readonly SlotRange[];
  readonly nodeId: string;
}

export interface SlotMovesPort {
  /** Begins to move slots here; their owner must be one other master. */
  importSlots(ranges: readonly SlotRange[]): { readonly id: string } | { readonly error: string };
  /** Begins to move slots of this node to others: all of the requests or none. The error, or nothing. */
  exportSlots(requests: readonly SlotExportRequest[]): string | undefined;
  /** Ends moves before they are done: the one of this id or all, of both directions or only those from here. How many. */
  cancel(id: string | undefined, direction: 'both' | 'export'): number;
  /** As `cancel`; how many follow the order. */
  order(id: string | undefined, order: SlotMoveOrder): number;
  /** Moves that are under way, and the last ones that have ended. */
  readonly moves: readonly SlotMoveView[];
  readonly activeCount: number;
  /** Words of the protocol between nodes, after CLUSTER SYNCSLOTS; returns an error, OK, or nothing to reply with. */
  takeWords(client: Client, words: readonly string[]): string | undefined;
}
