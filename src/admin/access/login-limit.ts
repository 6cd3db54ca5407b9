// login-limit: slows down who guesses passwords: after five failures a name, and an address, waits longer each time.
//
// A name is slowed down wherever the tries come from, and an address whatever names it tries. The wait grows from one second to
// five minutes and is forgotten an hour after the last failure, or after a success. Entries are bounded; the oldest go first.
import type { Clock } from '../../io/clock.js';

const freeTries = 5;
const waitMsMax = 5 * 60_000;
const forgetMs = 3600_000;
const entriesMax = 10_000;

interface Failures {
  count: number;
  lastMs: number;
}

export class LoginLimit {
  private readonly entries = new Map<string, Failures>();

  constructor(private readonly clock: Clock) {}

  /** Milliseconds until the next try is heard; 0 for now. */
  waitMs(names: readonly string[]): number {
    const nowMs = this.clock.steadyMs();
    let waitMs = 0;
    for (const name of names) {
      const failures = this.entries.get(name);
      if (failures === undefined) continue;
      if (nowMs - failures.lastMs > forgetMs) this.entries.delete(name);
      else if (failures.count >= freeTries) {
        const delayMs = Math.min(waitMsMax, 1000 * 2 ** (failures.count - freeTries));
        waitMs = Math.max(waitMs, failures.lastMs + delayMs - nowMs);
      }
    }
    return waitMs;
  }

  failed(names: readonly string[]): void {
    for (const name of names) {
      const failures = this.entries.get(name) ?? { count: 0, lastMs: 0 };
      this.entries.delete(name); // moves to the end: the oldest stand first
      this.entries.set(name, { count: failures.count + 1, lastMs: this.clock.steadyMs() });
    }
    for (const name of this.entries.keys()) {
      if (this.entries.size <= entriesMax) break;
      this.entries.delete(name);
    }
  }

  succeeded(names: readonly string[]): void {
    for (const name of names) this.entries.delete(name);
  }
}
