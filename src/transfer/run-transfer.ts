// run-transfer: pulls batches from a source through the filters into a sink, and counts.

import type { Filters } from './filters.js';
import type { PositionFile } from './program/position-file.js';
import type { Interrupt } from './program/program.js';
import type { Progress } from './program/progress.js';
import type { Batch, Position, Sink, Source, TransferRecord } from './record/record.js';
import { sleep } from './sleep.js';

export interface TransferOptions {
  readonly filters?: Filters | undefined;
  readonly progress: Progress;
  readonly interrupt: Interrupt;
  /** Saves the position to continue from, once the sink has everything up to it. */
  readonly positions?: PositionFile | undefined;
  /** The sink's addition to the position. */
  readonly extra?: () => Position;
  /** Bytes a second and records a second at most. */
  readonly limits?: RateLimit | undefined;
}

/** A quiet time earns no more than this. */
const CREDIT_MS = 100;

/** Waits so that no more than so many bytes and records go through in a second. */
export class RateLimit {
  /** When what went through is paid for. */
  private paidMs = -Infinity;

  constructor(
    private readonly bytesPerSecond: number,
    private readonly recordsPerSecond: number,
  ) {}

  async take(bytes: number, records: number): Promise<void> {
    const nowMs = performance.now();
    const costMs = Math.max(bytes / this.bytesPerSecond, records / this.recordsPerSecond) * 1000;
    this.paidMs = Math.max(this.paidMs, nowMs - CREDIT_MS) + costMs;
    const waitMs = this.paidMs - nowMs;
    if (waitMs > 1) await sleep(waitMs);
  }
}

/** True when the source came to its end, false after an interruption. */
export async function runTransfer(source: Source, sink: Sink, options: TransferOptions): Promise<boolean> {
  const { filters, progress, interrupt, positions, limits } = options;
  const { counts } = progress;
  let last: Position | undefined;
  let bytesBefore = 0;
  const save = async (isEnd = false): Promise<void> => {
    if (positions === undefined || last === undefined) return;
    await sink.flush();
    // At an orderly end the sink has exactly this; otherwise it may have more.
    positions.save({ ...last, ...options.extra?.(), ...(isEnd ? { clean: 1 } : {}) });
  };
  for await (const batch of source.batches()) {
    const passed = filters === undefined || filters.isEmpty ? batch : filtered(batch, filters);
    for (const record of passed.records) {
      if (record.what === 'key' && (record.part === 'whole' || record.part === 'last')) counts.keys++;
      else if (record.what === 'command') counts.commands++;
    }
    let strings = 0;
    for (const { count } of passed.strings ?? []) strings += count;
    counts.keys += strings;
    counts.commands += passed.commands?.count ?? 0;
    await sink.write(passed);
    counts.bytes = batch.sourceBytes;
    progress.update();
    await limits?.take(
      batch.sourceBytes - bytesBefore,
      passed.records.length + strings + (passed.commands?.count ?? 0),
    );
    bytesBefore = batch.sourceBytes;
    if (batch.position !== undefined) last = batch.position;
    if (interrupt.isAsked) {
      await save(true);
      return false;
    }
    if (batch.position !== undefined && positions?.isDue === true) await save();
  }
  await sink.flush();
  await save(true);
  return true;
}

function filtered(batch: Batch, filters: Filters): Batch {
  const records: TransferRecord[] = [];
  for (const record of batch.records) {
    const passed = filters.apply(record);
    if (passed !== undefined) records.push(passed);
  }
  return { ...batch, records };
}
