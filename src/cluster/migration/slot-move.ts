// slot-move: one move of slots from node to node, as both sides keep it: its progress and its end.

import type { SlotRange } from '../../base/slot-ranges.js';
import type { Clock } from '../../io/clock.js';
import type { SlotMovePhase, SlotMoveView } from '../../server/slot-moves-port.js';

/** Rates are those of about so long. */
const RATE_MS = 3000;
const SAMPLE_MS_MIN = 50;

export class SlotMove implements SlotMoveView {
  phase: SlotMovePhase;
  lastError = '';
  retries = 0;
  readonly createdMs: number;
  startedMs = 0;
  endedMs = 0;
  updatedMs: number;
  heardMs: number;
  writePauseMs = 0;
  keysTotal = 0;
  keysPerSecond = 0;
  bytesPerSecond = 0;
  keysDone = 0;
  bytes = 0;
  isPaused = false;
  rateLimit = 0;
  private sampledMs = -1;
  private sampledKeys = 0;
  private sampledBytes = 0;

  constructor(
    private readonly clock: Clock,
    readonly id: string,
    readonly isImport: boolean,
    readonly ranges: readonly SlotRange[],
    public sourceId: string,
    readonly destinationId: string,
    /** A failure that may pass is followed by another attempt. */
    readonly retriesFailures: boolean,
    phase: SlotMovePhase,
  ) {
    this.phase = phase;
    this.createdMs = clock.wallMs();
    this.updatedMs = this.createdMs;
    this.heardMs = this.createdMs;
  }

  get isActive(): boolean {
    return this.phase !== 'completed' && this.phase !== 'failed' && this.phase !== 'canceled';
  }

  /** Goes on to another phase. */
  enter(phase: SlotMovePhase): void {
    const nowMs = this.clock.wallMs();
    this.phase = phase;
    this.updatedMs = nowMs;
    if (this.startedMs === 0 && phase === 'snapshot') this.startedMs = nowMs;
    if (!this.isActive) {
      this.endedMs = nowMs;
      this.isPaused = false;
    }
  }

  heard(): void {
    this.heardMs = this.clock.wallMs();
  }

  /** Begins anew: what was copied so far counts for nothing. */
  restart(): void {
    this.keysDone = 0;
    this.bytes = 0;
    this.sampledMs = -1;
    this.keysPerSecond = 0;
    this.bytesPerSecond = 0;
  }

  /** So much has been copied by now. */
  progress(keysDone: number, bytes: number): void {
    this.keysDone = keysDone;
    this.bytes = bytes;
    const nowMs = this.clock.steadyMs();
    if (this.sampledMs < 0) {
      this.sampledMs = nowMs;
      this.sampledKeys = keysDone;
      this.sampledBytes = bytes;
      return;
    }
    const elapsedMs = nowMs - this.sampledMs;
    if (elapsedMs < SAMPLE_MS_MIN) return;
    const isFirst = this.bytesPerSecond === 0;
    const weight = isFirst ? 1 : Math.min(1, elapsedMs / RATE_MS);
    this.keysPerSecond += weight * (((keysDone - this.sampledKeys) * 1000) / elapsedMs - this.keysPerSecond);
    this.bytesPerSecond += weight * (((bytes - this.sampledBytes) * 1000) / elapsedMs - this.bytesPerSecond);
    this.sampledMs = nowMs;
    this.sampledKeys = keysDone;
    this.sampledBytes = bytes;
  }

  get percent(): number {
    if (this.phase === 'completed') return 100;
    if (this.keysTotal === 0) return this.phase === 'streaming' || this.phase === 'handoff' ? 100 : 0;
    return Math.min(100, (100 * this.keysDone) / this.keysTotal);
  }

  get leftMs(): number {
    if (!this.isActive) return 0;
    const left = Math.max(0, this.keysTotal - this.keysDone);
    if (left === 0) return 0;
    return this.isPaused || this.keysPerSecond <= 0 ? -1 : Math.ceil((1000 * left) / this.keysPerSecond);
  }
}
