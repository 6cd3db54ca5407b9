// local-expiry: keys with an expiry that clients have set on a writable replica, which deletes them itself, as no
// master will.
//
// All other expired keys stay until the master deletes them. A key that the master writes later is not taken off the
// list: it is deleted here only while it is expired, when no client can see it anyway. As in Redis, databases from 64
// on are ignored.

import { chunkOf } from '../memory/layout.js';
import type { Database } from '../keyspace/database.js';
import type { ExpiryWatch, Keyspace } from '../keyspace/keyspace.js';
import { latin1, latin1Bytes } from '../base/bytes.js';

const KEYS_PER_TICK = 200;

export class LocalExpiry implements ExpiryWatch {
  private readonly keys = new Map<Database, Set<string>>();

  constructor(private readonly keyspace: Keyspace) {}

  get count(): number {
    let count = 0;
    for (const { size } of this.keys.values()) count += size;
    return count;
  }

  clear(): void {
    this.keys.clear();
  }

  expirySet(database: Database, entry: number): void {
    const { entries } = this.keyspace;
    const start = entries.keyStart(entry);
    const name = latin1(entries.arena.u8[chunkOf(entry)]!, start, entries.keyLength(entry));
    const names = this.keys.get(database);
    if (names === undefined) this.keys.set(database, new Set([name]));
    else names.add(name);
  }

  /** Deletes what is past its time; some of it. */
  tick(): void {
    for (const [database, names] of this.keys) {
      let left = KEYS_PER_TICK;
      for (const name of names) {
        if (left-- === 0) break;
        if (!database.settleExpired(latin1Bytes(name))) names.delete(name);
        else {
          // It has its turn again after the others.
          names.delete(name);
          names.add(name);
        }
      }
      if (names.size === 0) this.keys.delete(database);
    }
  }
}
