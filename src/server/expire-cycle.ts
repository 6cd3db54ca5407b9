// expire-cycle: deletes expired keys that no command looks up, a little at a time.
//
// Each step looks through slots of the databases' expiry indexes (numbers side by side in memory) and deletes the due
// keys. When nothing can be due, a step costs one comparison per database.

import type { Database } from '../keyspace/database.js';
import type { Keyspace } from '../keyspace/keyspace.js';

const SLOTS_PER_STEP = 4096;

export class ExpireCycle {
  active = true;
  private database = 0;
  private readonly due: number[] = [];

  constructor(private readonly keyspace: Keyspace) {}

  /**
   * Works until nothing is due or `isOver` says so (asked every few thousand slots and every deletion of a batch).
   * Returns how many keys were deleted.
   */
  run(isOver: () => boolean): number {
    if (!this.active || this.keyspace.expiryPaused) return 0;
    const { databases } = this.keyspace;
    let deleted = 0;
    for (let walked = 0; walked < databases.length; walked++) {
      const database = databases[this.database % databases.length]!;
      while (database.expiries.count > 0 && database.expiries.mayBeDue(this.keyspace.nowMs)) {
        deleted += this.step(database);
        if (isOver()) return deleted;
        if (this.finished) break;
      }
      this.database = (this.database + 1) % databases.length;
    }
    return deleted;
  }

  private finished = false;

  private step(database: Database): number {
    const { keyspace, due } = this;
    due.length = 0;
    this.finished = database.expiries.step(keyspace.nowMs, SLOTS_PER_STEP, due);
    let deleted = 0;
    for (const hash of due) {
      // The source of a slot that comes here says when its keys go.
      if (database.slots?.hidesHash(hash) === true) continue;
      const entry = keyspace.dicts.findByHash(
        database.dict,
        hash,
        (candidate) => keyspace.entries.hasNumber(candidate) && keyspace.entries.number(candidate) < keyspace.nowMs,
      );
      if (entry === 0) continue;
      const key = keyspace.entries.keyBytes(entry);
      database.reclaim(entry, hash, key, 0, key.length, 'expired');
      deleted++;
    }
    return deleted;
  }
}
