// batcher: collects the effects of transactions and sends them in batches: one under way, the next one growing meanwhile.
//
// So a quiet stream is applied at once, and a busy one in large batches without a timer. The batch that grows is bounded: `room`
// waits until the one under way is done.

import type { Position } from '../gtid/position.js';
import type { PlacedCommand, RedisTarget } from '../target/redis-target.js';
import { positionField } from './sync-state.js';

export interface BatchLimits {
  readonly rows: number;
  readonly bytes: number;
}

interface GrowingBatch {
  commands: PlacedCommand[];
  state: Map<string, string | undefined>;
  rows: number;
  bytes: number;
  position: Position | undefined;
  partRows: number;
  timestamp: number;
}

const empty = (): GrowingBatch => ({
  commands: [],
  state: new Map(),
  rows: 0,
  bytes: 0,
  position: undefined,
  partRows: 0,
  timestamp: 0,
});

export interface AppliedBatch {
  readonly rows: number;
  readonly commands: number;
  readonly position: Position | undefined;
  readonly timestamp: number;
}

export class Batcher {
  private growing = empty();
  private running: Promise<void> | undefined;
  private failure: Error | undefined;

  constructor(
    private readonly target: RedisTarget,
    private readonly limits: BatchLimits,
    /** Adds commands that need lookups, right before a batch is sent. */
    private readonly complete: () => Promise<PlacedCommand[]>,
    private readonly onApplied: (batch: AppliedBatch) => void,
  ) {}

  /** Adds the effects of a whole transaction, or of a part of one when `partRows` is not 0. */
  add(
    commands: readonly PlacedCommand[],
    rows: number,
    bytes: number,
    position: Position | undefined,
    partRows: number,
    timestamp: number,
  ): void {
    const { growing } = this;
    for (const command of commands) growing.commands.push(command);
    growing.rows += rows;
    growing.bytes += bytes;
    if (position !== undefined) growing.position = position;
    growing.partRows = partRows;
    if (timestamp > 0) growing.timestamp = timestamp;
  }

  setState(field: string, value: string | undefined): void {
    this.growing.state.set(field, value);
  }

  private get isEmpty(): boolean {
    return this.growing.position === undefined && this.growing.state.size === 0 && this.growing.commands.length === 0;
  }

  /** Sends what there is unless a batch is under way, which is followed by it. */
  flushSoon(): void {
    if (this.running !== undefined || this.isEmpty || this.failure !== undefined) return;
    this.running = this.run().finally(() => (this.running = undefined));
  }

  private async run(): Promise<void> {
    while (!this.isEmpty && this.failure === undefined) {
      const batch = this.growing;
      this.growing = empty();
      try {
        const looked = await this.complete();
        const { position, partRows, state } = batch;
        if (position !== undefined) {
          state.set('position', positionField(position));
          state.set('rows', partRows > 0 ? String(partRows) : undefined);
        }
        const commands = looked.length > 0 ? [...batch.commands, ...looked] : batch.commands;
        const mark = position === undefined ? undefined : JSON.stringify({ ...position, rows: partRows });
        await this.target.apply({ commands, state, mark });
        this.onApplied({ rows: batch.rows, commands: commands.length, position, timestamp: batch.timestamp });
      } catch (error) {
        this.failure = error instanceof Error ? error : new Error(String(error));
      }
    }
  }

  /** Waits until the growing batch is within its bounds; throws what a batch failed of. */
  async room(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    while (this.growing.rows >= this.limits.rows || this.growing.bytes >= this.limits.bytes) {
      this.flushSoon();
      await this.running;
      if (this.failure !== undefined) throw this.failure;
    }
  }

  get isFull(): boolean {
    return (
      this.failure !== undefined || this.growing.rows >= this.limits.rows || this.growing.bytes >= this.limits.bytes
    );
  }

  /** Waits until everything is applied. */
  async drain(): Promise<void> {
    while (this.failure === undefined && (this.running !== undefined || !this.isEmpty)) {
      this.flushSoon();
      await this.running;
    }
    if (this.failure !== undefined) throw this.failure;
  }
}
