// store: where samples are kept and curves are read from; one interface for files and for a Redis.

import type { Aggregate, Series } from './buckets.js';
import type { Cell } from './open-block.js';

export interface HistoryStore {
  /** Keeps a sample of a target. Never throws: what cannot be kept is logged, and lost. */
  append(targetId: string, timeMs: number, cells: readonly Cell[]): void;
  /** A figure of a target from one time up to another, in steps. */
  series(
    targetId: string,
    metric: string,
    fromMs: number,
    toMs: number,
    stepMs: number,
    aggregate?: Aggregate,
  ): Promise<Series>;
  /** Names of the figures that a target has had since a time. */
  metrics(targetId: string, sinceMs: number): Promise<string[]>;
  /** Forgets a target and all its samples. */
  forget(targetId: string): Promise<void>;
  /** Removes what is too old; called now and then. */
  expire(nowMs: number): void;
  /** Resolves when all that was given is kept. */
  close(): Promise<void>;
}

/** Times and sizes of a history; the defaults are those of the documentation. */
export interface HistoryLimits {
  readonly intervalMs: number;
  readonly keepMs: number;
  readonly keepMinutesMs: number;
  /** For each target. */
  readonly bytesMax: number;
}

const DAY_MS = 86_400_000;

export const defaultLimits: HistoryLimits = {
  intervalMs: 2000,
  keepMs: 7 * DAY_MS,
  keepMinutesMs: 365 * DAY_MS,
  bytesMax: 150 * 1024 * 1024,
};
