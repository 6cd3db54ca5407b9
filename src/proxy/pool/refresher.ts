// refresher: reads again, from servers that may be gone, who serves what: once in a while, soon when it may be old, one reading at
// a time.

import type { Clock, Timer } from '../../io/clock.js';

export interface RefreshTimes {
  /** From a reading that succeeded to the next. */
  readonly everyMs: number;
  /** From the news that what is known may be old to a reading. */
  readonly soonMs: number;
  /** From a reading that failed, or during which such news came, to the next. */
  readonly retryMs: number;
}

export class Refresher {
  private isReading = false;
  private isDirty = false;
  private timer: Timer | undefined;
  isClosed = false;

  /** `read` gives whether it learned something; it must not reject. */
  constructor(
    private readonly clock: Clock,
    private readonly times: RefreshTimes,
    private readonly read: () => Promise<boolean>,
  ) {}

  async refresh(): Promise<void> {
    if (this.isReading || this.isClosed) return;
    this.isReading = true;
    this.isDirty = false;
    this.timer?.cancel();
    const isRead = await this.read();
    this.isReading = false;
    if (this.isClosed) return;
    this.schedule(isRead && !this.isDirty ? this.times.everyMs : this.times.retryMs);
  }

  /** Reads again soon, because the known state may be old. */
  soon(): void {
    if (this.isDirty || this.isClosed) return;
    this.isDirty = true;
    if (this.isReading) return;
    this.timer?.cancel();
    this.schedule(this.times.soonMs);
  }

  private schedule(delayMs: number): void {
    this.timer = this.clock.after(delayMs, () => void this.refresh());
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
  }
}
