// expire-cycle: deletes expired fields that no command looks up, a little at a time.
//
// The database's index has the hashes with a field that may be due, the hash has the fields. Deletions are
// propagated as one HDEL each. Between the batches the caller is asked whether its time is over.

import { Type } from '../../datatypes/object.js';
import type { Database } from '../../keyspace/database.js';
import { EventClass } from '../../keyspace/events.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import type { Part } from '../engine.js';
import { moveExpiry } from './access.js';

const SLOTS_PER_STEP = 4096;
const FIELDS_PER_BATCH = 500;

export class FieldExpireCycle {
  private database = 0;
  private finished = false;
  private readonly due: number[] = [];

  /** `propagate` gives a command to the AOF and the replicas of a database. */
  constructor(
    private readonly keyspace: Keyspace,
    private readonly propagate: (database: number, args: readonly Part[]) => void,
  ) {}

  /** Works until nothing is due or `isOver` says so. Returns how many fields were deleted. */
  run(isOver: () => boolean): number {
    const { databases } = this.keyspace;
    if (this.keyspace.expiryPaused) return 0;
    let deleted = 0;
    for (let walked = 0; walked < databases.length; walked++) {
      const database = databases[this.database % databases.length]!;
      while (database.fieldExpiries.count > 0 && database.fieldExpiries.mayBeDue(this.keyspace.nowMs)) {
        deleted += this.step(database, isOver);
        if (isOver()) return deleted;
        if (this.finished) break;
      }
      this.database = (this.database + 1) % databases.length;
    }
    return deleted;
  }

  private step(database: Database, isOver: () => boolean): number {
    const { keyspace, due } = this;
    due.length = 0;
    this.finished = database.fieldExpiries.step(keyspace.nowMs, SLOTS_PER_STEP, due);
    let deleted = 0;
    for (const hash of due) {
      let count = 0;
      do {
        count = this.expireFields(database, hash);
        deleted += count;
      } while (count >= FIELDS_PER_BATCH && !isOver());
    }
    return deleted;
  }

  private isDue(entry: number): boolean {
    if (this.keyspace.entries.type(entry) !== Type.HASH) return false;
    const next = this.keyspace.nextFieldExpiry(entry);
    return next >= 0 && next < this.keyspace.nowMs;
  }

  /** Deletes fields of one hash, about a batch of them. */
  private expireFields(database: Database, hash: number): number {
    const { keyspace } = this;
    const { entries } = keyspace;
    const { hashes } = keyspace.values;
    const entry = keyspace.dicts.findByHash(database.dict, hash, (candidate) => this.isDue(candidate));
    if (entry === 0) return 0;
    if (keyspace.barrier !== null) keyspace.passBarrier(database, entry, hash);
    const before = keyspace.nextFieldExpiry(entry);
    const gone: Uint8Array[] = [];
    hashes.open(entries.encoding(entry), entries.word2(entry));
    hashes.expireDue(keyspace.nowMs, FIELDS_PER_BATCH, () => {
      gone.push(hashes.fieldBytes.slice(hashes.fieldStart, hashes.fieldStart + hashes.fieldLength));
    });
    database.setValue(entry, hashes.encoding, hashes.ref);
    moveExpiry(database, hash, before, hashes.nextExpiry(hashes.encoding, hashes.ref));
    if (gone.length === 0) return 0;
    keyspace.stats.expiredFields += gone.length;
    const key = entries.keyBytes(entry);
    for (const field of gone) this.propagate(database.index, ['HDEL', key, field]);
    keyspace.notify(EventClass.HASH, 'hexpired', database, key, 0, key.length);
    keyspace.notifyFields('hexpired', database, key, 0, key.length, gone);
    if (hashes.size() === 0) {
      database.remove(entry, hash);
      keyspace.notify(EventClass.GENERIC, 'del', database, key, 0, key.length);
    }
    keyspace.changed(database, key, 0, key.length, 0);
    return gone.length;
  }
}
