// held: something that is held for a time and extended until it is released: what lock, read/write lock and semaphore give.
//
// The holder's own clock decides what the holder may believe: validity is counted from before the request was sent, so it ends
// here before the server ends it, unless the clocks run at different speeds. A process that stands still (a pause of the
// collector, a suspended machine) cannot notice in time; only a fencing token protects against that.

import type { Surroundings } from '../surroundings.js';

/** The lock was taken away, or could not be extended in time. */
export class LockLostError extends Error {
  override readonly name = 'LockLostError';
}

/** Nobody released in the time that the caller wanted to wait. */
export class LockTimeoutError extends Error {
  override readonly name = 'LockTimeoutError';
}

export interface HeldOptions {
  readonly what: string;
  readonly ttlMs: number;
  /** The steady time before the request that took it was sent. */
  readonly sinceMs: number;
  /** A number that grows with each holder; 0 where there is none. */
  readonly fence: number;
  readonly renews: boolean;
  /** True if it is still ours and its time is extended. */
  readonly extend: () => Promise<boolean>;
  /** True if it was still ours. */
  readonly release: () => Promise<boolean>;
}

export class Held {
  private validUntilMs: number;
  private readonly lost = new AbortController();
  private cancelTimer: (() => void) | undefined;
  private isReleased = false;
  private isGone = false;

  constructor(
    private readonly surroundings: Surroundings,
    private readonly options: HeldOptions,
  ) {
    this.validUntilMs = options.sinceMs + options.ttlMs;
    this.arm();
  }

  /** Grows with each holder: give it to the resource, which refuses a smaller one than it has seen. */
  get fence(): number {
    return this.options.fence;
  }

  /** Aborted with a LockLostError when it is known to be lost. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  /** True while this process may believe that it holds it. */
  get isValid(): boolean {
    return !this.isReleased && !this.lost.signal.aborted && this.surroundings.steadyMs() < this.validUntilMs;
  }

  /** Milliseconds that are left by this process's clock. */
  get remainingMs(): number {
    return this.isValid ? this.validUntilMs - this.surroundings.steadyMs() : 0;
  }

  /** Throws a LockLostError if it is lost. */
  assertValid(): void {
    if (!this.isValid) throw this.lostError();
  }

  /** Extends it by its whole time. False if it is lost. Rejects if the server cannot be asked; it may still be ours then. */
  async extend(): Promise<boolean> {
    if (this.isReleased || this.lost.signal.aborted) return false;
    const askedAtMs = this.surroundings.steadyMs();
    const isOurs = await this.options.extend();
    // Of two answers that overtook each other the later time counts: the server only ever extends.
    if (isOurs) this.validUntilMs = Math.max(this.validUntilMs, askedAtMs + this.options.ttlMs);
    else this.lose();
    return isOurs;
  }

  /**
   * Gives it back. False if it was lost before, or given back. When it rejects, the server may still have it: call it again, or leave
   * that to the expiry. `isValid` is false from the first call on.
   */
  async release(): Promise<boolean> {
    if (this.isGone) return false;
    this.isReleased = true;
    this.cancelTimer?.();
    const wasOurs = await this.options.release();
    this.isGone = true;
    return wasOurs;
  }

  private lostError(): LockLostError {
    return new LockLostError(
      `${this.options.what} is lost: its time of ${this.options.ttlMs} ms ended before it was extended`,
    );
  }

  private lose(): void {
    this.cancelTimer?.();
    if (!this.lost.signal.aborted) this.lost.abort(this.lostError());
  }

  /** Extends after a third of the time; after errors it tries again until nothing is left. */
  private arm(): void {
    const leftMs = this.validUntilMs - this.surroundings.steadyMs();
    if (leftMs <= 0) {
      this.lose();
      return;
    }
    const third = this.options.ttlMs / 3;
    const delayMs = !this.options.renews ? leftMs : Math.min(third, leftMs);
    this.cancelTimer = this.surroundings.after(delayMs, () => {
      if (this.isReleased) return;
      if (!this.isValid) this.lose();
      else if (this.options.renews) this.watchWhileAsking();
      else this.arm(); // a timer of Node lasts 24 days at most
    });
  }

  private watchWhileAsking(): void {
    // The answer may never come: the end of the time must be noticed all the same.
    const leftMs = this.validUntilMs - this.surroundings.steadyMs();
    const cancelWatch = this.surroundings.after(leftMs, () => this.lose());
    this.cancelTimer = cancelWatch;
    const goOn = (): void => {
      cancelWatch();
      if (!this.isReleased && !this.lost.signal.aborted) this.arm();
    };
    this.extend().then(goOn, goOn);
  }
}

/** Runs `work` while something is held, and releases it in any case. Rejects with a LockLostError if it was lost meanwhile. */
export async function whileHeld<T>(held: Held, work: (held: Held) => Promise<T> | T): Promise<T> {
  try {
    const result = await work(held);
    held.assertValid();
    return result;
  } finally {
    // A lock that is lost or cannot be released ends by its expiry.
    await held.release().catch(() => false);
  }
}
