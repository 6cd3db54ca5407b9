// log: ACL LOG: recent refusals, the same one within a minute counted once.
import type { Denial } from './denial.js';

export type AclContext = 'toplevel' | 'multi' | 'lua' | 'module';

export interface AclLogEntry {
  readonly id: number;
  count: number;
  readonly reason: Denial;
  readonly context: AclContext;
  /** The command's name, the key or the channel, as a byte string. */
  readonly object: string;
  readonly userName: string;
  readonly createdAt: number;
  updatedAt: number;
  clientInfo: string;
}

const groupingMs = 60_000;
/** How many entries are searched for one to add to. */
const searchedEntries = 10;

export class AclLog {
  /** Newest first. */
  private entries: AclLogEntry[] = [];
  private nextId = 0;

  add(
    reason: Denial,
    context: AclContext,
    object: string,
    userName: string,
    clientInfo: string,
    nowMs: number,
    limit: number,
  ): void {
    const shownObject = clip(object);
    const shownUser = clip(userName);
    if (limit === 0) {
      this.trim(limit);
      return;
    }
    const place = this.entries
      .slice(0, searchedEntries)
      .findIndex(
        (entry) =>
          entry.reason === reason &&
          entry.context === context &&
          entry.object === shownObject &&
          entry.userName === shownUser &&
          Math.abs(nowMs - entry.updatedAt) <= groupingMs,
      );
    if (place >= 0) {
      const [entry] = this.entries.splice(place, 1) as [AclLogEntry];
      entry.count++;
      entry.updatedAt = nowMs;
      entry.clientInfo = clientInfo;
      this.entries.unshift(entry);
      return;
    }
    const entry = {
      id: this.nextId++,
      count: 1,
      reason,
      context,
      object: shownObject,
      userName: shownUser,
      createdAt: nowMs,
      updatedAt: nowMs,
      clientInfo,
    };
    this.entries.unshift(entry);
    this.trim(limit);
  }

  private trim(limit: number): void {
    if (this.entries.length > limit) this.entries.length = limit;
  }

  latest(count: number): readonly AclLogEntry[] {
    return this.entries.slice(0, count);
  }

  reset(): void {
    this.entries = [];
  }
}

/** A key or name of any length is refused as well as a short one; the log keeps enough of it to recognise it. */
function clip(text: string): string {
  // By way of a buffer: a slice would keep the whole text alive.
  return text.length <= TEXT_BYTES_MAX ? text : Buffer.from(text.slice(0, TEXT_BYTES_MAX), 'latin1').toString('latin1');
}

const TEXT_BYTES_MAX = 4096;
