// sync-pace: limits the rate of a full sync to a replica (`repl-sync-rate-limit`).
//
// Sent bytes are a debt that time pays at the rate that the limit allows; nothing is sent while there is a debt.

import type { Clock } from '../io/clock.js';

/** The limit may change, so nobody waits for longer before looking again. */
const WAIT_MS_MAX = 1000;
const SECOND_MS = 1000;

export class SyncPace {
  private debtBytes = 0;
  private paidMs: number;

  constructor(
    private readonly clock: Pick<Clock, 'steadyMs'>,
    /** Bytes a second, 0 for no limit. */
    private readonly limit: () => number,
  ) {
    this.paidMs = clock.steadyMs();
  }

  sent(bytes: number): void {
    this.debtBytes += bytes;
  }

  /** Milliseconds until more may be sent, 0: at once. */
  get waitMs(): number {
    const limit = this.limit();
    const nowMs = this.clock.steadyMs();
    const elapsedMs = nowMs - this.paidMs;
    this.paidMs = nowMs;
    this.debtBytes = limit === 0 ? 0 : Math.max(0, this.debtBytes - (elapsedMs * limit) / SECOND_MS);
    return this.debtBytes === 0 ? 0 : Math.min(WAIT_MS_MAX, Math.ceil((this.debtBytes * SECOND_MS) / limit));
  }
}
