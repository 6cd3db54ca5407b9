// retry-pace: how long a replica waits before it connects to its master again.
//
// A second, and a link that was up is made again at once. But a full sync that fails, or that is followed by the end of the
// link, costs the master a snapshot: after each of those the wait doubles, until a link lasts. It need not be much longer
// than the sync was: so failing syncs take a small part of the master's time, and little data is tried again soon.

import type { Clock } from '../io/clock.js';

const WAIT_MS_MIN = 1000;
const WAIT_MS_MAX = 16_000;
/** The longest wait after a sync, as many times as long: failing ones never take more than a sixth of the time. */
const COST_FACTOR = 5;
/** A link that ends so soon after a full sync has not been worth it. */
const IN_VAIN_MS = 10_000;

export class RetryPace {
  private waitMs = WAIT_MS_MIN;
  /** Steady time at which the last full sync began, and at which it was done. */
  private beganMs = -Infinity;
  private doneMs = -Infinity;

  constructor(private readonly clock: Pick<Clock, 'steadyMs'>) {}

  /** The data begins to come. */
  syncBegins(): void {
    this.beganMs = this.clock.steadyMs();
  }

  /** The data is here, and the stream goes on. */
  syncIsDone(): void {
    this.doneMs = this.clock.steadyMs();
  }

  /** The link is up without a full sync. */
  hasContinued(): void {
    this.waitMs = WAIT_MS_MIN;
  }

  /** The link has ended: in the midst of a full sync, when it was up, or before either; returns the wait for the next. */
  next(ended: 'in sync' | 'up' | 'early'): number {
    const nowMs = this.clock.steadyMs();
    const isInVain = ended === 'in sync' || nowMs - this.doneMs < IN_VAIN_MS;
    const waitMs = ended === 'up' && this.waitMs === WAIT_MS_MIN ? 0 : this.waitMs;
    if (isInVain) {
      const costMs = (ended === 'in sync' ? nowMs : this.doneMs) - this.beganMs;
      this.waitMs = Math.min(WAIT_MS_MAX, this.waitMs * 2, Math.max(WAIT_MS_MIN, costMs * COST_FACTOR));
    } else if (ended === 'up') this.waitMs = WAIT_MS_MIN;
    return waitMs;
  }
}
