// eviction: which key goes when memory is short: Redis's policies, by sampling.
//
// Each round draws `samples` keys of every database and keeps the best candidates of all rounds in a pool of 16, so that a
// few samples come near to the true order. The pool holds keys, because entries move and go; a key that is gone is
// skipped. A higher score is evicted sooner.

import type { Database } from './database.js';
import type { Keyspace } from './keyspace.js';

export type EvictionPolicy =
  | 'noeviction'
  | 'allkeys-lru'
  | 'allkeys-lfu'
  | 'allkeys-random'
  | 'volatile-lru'
  | 'volatile-lfu'
  | 'volatile-random'
  | 'volatile-ttl';

const POOL_SIZE = 16;

interface Candidate {
  readonly score: number;
  readonly database: Database;
  readonly key: Uint8Array;
}

export class Eviction {
  policy: EvictionPolicy = 'noeviction';
  /** `maxmemory-samples`. */
  samples = 5;
  /** Sorted, best last. */
  private pool: Candidate[] = [];
  private nextDatabase = 0;

  constructor(private readonly keyspace: Keyspace) {}

  /** A change of policy makes what is known of candidates worthless. */
  setPolicy(policy: EvictionPolicy): void {
    if (policy !== this.policy) this.pool = [];
    this.policy = policy;
  }

  /** Deletes one key; false when the policy finds none. */
  evictOne(): boolean {
    if (this.policy === 'noeviction') return false;
    const chosen = this.policy.endsWith('-random') ? this.drawRandom() : this.drawBest();
    if (chosen === undefined) return false;
    const { database, key } = chosen;
    const hash = database.hashOf(key, 0, key.length);
    const entry = this.keyspace.dicts.find(database.dict, key, 0, key.length, hash);
    database.reclaim(entry, hash, key, 0, key.length, 'evicted');
    return true;
  }

  private get isVolatile(): boolean {
    return this.policy.startsWith('volatile-');
  }

  private drawRandom(): Candidate | undefined {
    const { databases } = this.keyspace;
    for (let tried = 0; tried < databases.length; tried++) {
      const database = databases[this.nextDatabase++ % databases.length]!;
      const entry = this.drawEntry(database);
      if (entry !== 0) return { score: 0, database, key: this.keyspace.entries.keyBytes(entry) };
    }
    return undefined;
  }

  private drawEntry(database: Database): number {
    const { dicts, entries, random } = this.keyspace;
    if (!this.isVolatile) return dicts.random(database.dict, random);
    const drawn = database.expiries.random(random);
    if (drawn === undefined) return 0;
    return dicts.findByHash(database.dict, drawn.hash, (entry) => entries.hasNumber(entry));
  }

  private drawBest(): Candidate | undefined {
    // A pool full of keys that are gone is emptied by the first round, so the second finds fresh ones.
    for (let round = 0; round < 2; round++) {
      for (const database of this.keyspace.databases) this.sample(database);
      for (let candidate = this.pool.pop(); candidate !== undefined; candidate = this.pool.pop()) {
        if (this.isThere(candidate)) return candidate;
      }
    }
    return undefined;
  }

  private isThere({ database, key }: Candidate): boolean {
    const { dicts, entries } = this.keyspace;
    const entry = dicts.find(database.dict, key, 0, key.length, database.hashOf(key, 0, key.length));
    return entry !== 0 && (!this.isVolatile || entries.hasNumber(entry));
  }

  private sample(database: Database): void {
    const count = this.isVolatile ? database.expiries.count : database.size;
    for (let drawn = Math.min(this.samples, count); drawn > 0; drawn--) {
      const entry = this.drawEntry(database);
      if (entry === 0) return;
      this.offer(database, entry);
    }
  }

  private offer(database: Database, entry: number): void {
    const { pool } = this;
    const score = this.score(entry);
    if (pool.length === POOL_SIZE && score <= pool[0]!.score) return;
    const key = this.keyspace.entries.keyBytes(entry);
    if (pool.some((other) => other.database === database && Buffer.compare(other.key, key) === 0)) return;
    let at = pool.length;
    while (at > 0 && pool[at - 1]!.score > score) at--;
    pool.splice(at, 0, { score, database, key });
    if (pool.length > POOL_SIZE) pool.shift();
  }

  private score(entry: number): number {
    if (this.policy.endsWith('-lfu')) return 255 - this.keyspace.frequency(entry);
    if (this.policy === 'volatile-ttl') return -this.keyspace.entries.number(entry);
    return this.keyspace.idleMs(entry);
  }
}
