// sync-progress: how a synchronization stands, for its page, for Prometheus and for alerts.

import type { EventHeader } from '../binlog/event.js';
import { type Position, positionText } from '../gtid/position.js';
import type { AppliedBatch } from './batcher.js';

export type Phase = 'connecting' | 'snapshot' | 'following' | 'waiting' | 'ended';

export class SyncProgress {
  phase: Phase = 'connecting';
  source = '';
  target = '';
  table = '';
  lastError = '';
  isPaused = false;
  reconnects = 0;
  snapshots = 0;
  snapshotRows = 0;
  bytesRead = 0;
  waitingBytes = 0;
  appliedRows = 0;
  appliedCommands = 0;
  appliedTransactions = 0;
  heardMs: number;
  sourcePosition: Position | undefined;
  appliedPosition: Position | undefined;
  /** Time of the newest statement that was read, and of the oldest one that is not applied; seconds. */
  private readTimestamp = 0;
  private waitingSince: number | undefined;

  constructor(
    readonly name: string,
    private readonly clock: { now(): number },
  ) {
    this.heardMs = clock.now();
  }

  read({ timestamp }: EventHeader): void {
    if (timestamp > this.readTimestamp) this.readTimestamp = timestamp;
    this.waitingSince ??= timestamp;
  }

  applied({ rows, commands, position, timestamp }: AppliedBatch): void {
    this.appliedRows += rows;
    this.appliedCommands += commands;
    this.appliedTransactions++;
    if (position !== undefined) this.appliedPosition = position;
    if (timestamp > 0) this.waitingSince = timestamp >= this.readTimestamp ? undefined : timestamp;
  }

  /** Seconds that the keys are behind the source: 0 when all that was read is applied; while the source is away, since it was heard. */
  get lagSeconds(): number {
    const now = this.clock.now() / 1000;
    if (this.phase !== 'following') return Math.max(0, now - this.heardMs / 1000);
    return this.waitingSince === undefined ? 0 : Math.max(0, now - this.waitingSince);
  }

  get status(): Record<string, string | number> {
    return {
      name: this.name,
      phase: this.isPaused ? 'paused' : this.phase,
      source: this.source,
      target: this.target,
      table: this.table,
      position: this.appliedPosition === undefined ? '' : positionText(this.appliedPosition),
      sourcePosition: this.sourcePosition === undefined ? '' : positionText(this.sourcePosition),
      lagSeconds: Math.round(this.lagSeconds * 1000) / 1000,
      lagBytes: this.waitingBytes,
      rowsApplied: this.appliedRows,
      commandsApplied: this.appliedCommands,
      batches: this.appliedTransactions,
      snapshots: this.snapshots,
      snapshotRows: this.snapshotRows,
      bytesRead: this.bytesRead,
      reconnects: this.reconnects,
      isFollowing: this.phase === 'following' ? 1 : 0,
      lastError: this.lastError,
    };
  }
}
