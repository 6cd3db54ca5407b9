// concurrency-limit: how many requests of one subject may run at the same time, whatever their rate.
//
// A place that is not given back (the process died) is free again after the lease; a running request extends its lease.

import type { Commands } from '../commands.js';
import type { LockOptions } from '../lock/lock-options.js';
import { Semaphore } from '../lock/semaphore.js';
import type { Verdict } from './rate-limit.js';

export interface ConcurrencyVerdict extends Verdict {
  /** Gives the place back; of a refusal, does nothing. */
  readonly release: () => Promise<void>;
}

/**
 * Takes one of `count` places of a subject, without waiting. `ttlMs` is the lease: how long the place of a dead process stays
 * taken. Holds and fails as `Semaphore`. One round trip, one to release, and one each third of the lease.
 */
export async function takePlace(
  commands: Commands,
  subject: string,
  count: number,
  options: LockOptions = {},
): Promise<ConcurrencyVerdict> {
  const { held, free, retryAfterMs } = await new Semaphore(commands, subject, count, options).tryAcquire();
  return {
    allowed: held !== undefined,
    limit: count,
    remaining: free,
    retryAfterMs,
    resetAfterMs: retryAfterMs,
    release: async () => {
      await held?.release();
    },
  };
}
