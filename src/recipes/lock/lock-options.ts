// lock-options: how locks, read/write locks and semaphores are taken, with what is absent filled in and what makes no sense refused.

import { requireCount } from '../commands.js';
import { machineSurroundings, type Surroundings } from '../surroundings.js';

export interface LockOptions {
  /** How long the lock outlives a holder that died; 10,000 if absent. Longer than any pause of the process that you expect. */
  readonly ttlMs?: number | undefined;
  /** How long `acquire` waits; for ever if absent. */
  readonly waitMs?: number | undefined;
  /** How often a waiter asks; 50 if absent. A waiter that has not asked for 20 times this (at least 2 s) loses its turn. */
  readonly retryMs?: number | undefined;
  /** False: the lock is not extended by itself. */
  readonly renews?: boolean | undefined;
  /** The owner, which may lock again. Each call is an owner of its own if absent. */
  readonly owner?: string | undefined;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
  readonly surroundings?: Surroundings | undefined;
}

export interface SettledLockOptions {
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly retryMs: number;
  /** How long a waiter that does not ask keeps its turn. */
  readonly patienceMs: number;
  readonly renews: boolean;
  readonly owner: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly surroundings: Surroundings;
}

/** The options of a call over those of its lock. Throws a RangeError for times that are none. */
export function settleLockOptions(own: LockOptions, call: LockOptions = {}): SettledLockOptions {
  const merged = { ...own, ...call };
  const { ttlMs = 10_000, waitMs = Infinity, retryMs = 50, renews = true, owner, signal } = merged;
  requireCount('ttlMs', ttlMs);
  requireCount('retryMs', retryMs);
  if (waitMs !== Infinity) requireCount('waitMs', waitMs, 0);
  if (owner === '') throw new RangeError('an owner must have a name: all without one would share the lock');
  const patienceMs = Math.max(20 * retryMs, 2000);
  const { surroundings = machineSurroundings } = merged;
  return { ttlMs, waitMs, retryMs, patienceMs, renews, owner, signal, surroundings };
}
