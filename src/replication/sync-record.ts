// sync-record: the outcomes of each replica's syncs, so that the next full sync can name its reason, and comes later
// each time.
//
// A full sync costs a snapshot. A replica that is cut off during or soon after each of them would cost one after the other for ever,
// to no avail. So failures are counted for each address and port until the replica has followed for a minute; after
// several of them it waits, and the log names the reason and the setting that helps. It need not wait for longer than
// a few times as long as the last sync took: so those that fail take a small part of the master's time, and one of little
// data, which costs next to nothing, comes back at once.

import type { Replica } from './replica.js';

const SECOND_MS = 1000;
/** A replica that has followed for so long has recovered. */
const STABLE_MS = 60_000;
const FORGET_MS = 600_000;
const ENTRIES_MAX = 1000;
/** An end that we brought about counts double: the next sync ends in the same way if nobody changes a setting. */
const OWN_CUT = 2;
const LOST = 1;
const FAILURES_BEFORE_DELAY = 4;
const DELAY_SECONDS_MAX = 30;
const COST_FACTOR = 5;

interface Entry {
  cause: string;
  advice: string;
  atMs: number;
  failures: number;
  /** How long the last full sync took, or was under way. */
  costMs: number;
}

export class SyncRecord {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly steadyMs: () => number) {}

  /** We have cut the replica off; `advice` is the setting that would have avoided it. */
  cut(replica: Replica, cause: string, advice: string): void {
    this.add(replica, cause, advice, OWN_CUT);
  }

  /** The connection ended while the replica got the data. */
  lost(replica: Replica): void {
    this.add(replica, 'its connection ended while it got the data', 'the log of the replica may say why', LOST);
  }

  private add(replica: Replica, cause: string, advice: string, weight: number): void {
    const { name } = replica;
    const atMs = this.steadyMs();
    const isStable = replica.onlineSinceMs > 0 && atMs - replica.onlineSinceMs >= STABLE_MS;
    const before = this.entries.get(name);
    const failures = (before === undefined || isStable ? 0 : before.failures) + weight;
    this.entries.delete(name);
    if (this.entries.size >= ENTRIES_MAX) this.entries.delete(this.entries.keys().next().value!);
    const { syncBeganMs, onlineSinceMs } = replica;
    const hadSync = syncBeganMs > 0;
    const costMs = hadSync ? (onlineSinceMs > 0 ? onlineSinceMs : atMs) - syncBeganMs : (before?.costMs ?? 0);
    this.entries.set(name, { cause, advice, atMs, failures, costMs });
  }

  private of({ name }: Replica): Entry | undefined {
    const entry = this.entries.get(name);
    if (entry === undefined || this.steadyMs() - entry.atMs < FORGET_MS) return entry;
    this.entries.delete(name);
    return undefined;
  }

  /** The earlier syncs, as the end of a log line; empty when there were none. */
  explain(replica: Replica): string {
    const entry = this.of(replica);
    if (entry === undefined) return '';
    const seconds = Math.round((this.steadyMs() - entry.atMs) / SECOND_MS);
    return `; ${seconds} seconds ago ${entry.cause} (${entry.advice})`;
  }

  /** Milliseconds that the replica waits for its next full sync. */
  delayMs(replica: Replica): number {
    const entry = this.of(replica);
    if (entry === undefined || entry.failures < FAILURES_BEFORE_DELAY) return 0;
    const seconds = Math.min(DELAY_SECONDS_MAX, 2 ** (entry.failures - FAILURES_BEFORE_DELAY));
    return Math.min(SECOND_MS * seconds, Math.ceil(entry.costMs * COST_FACTOR));
  }
}
