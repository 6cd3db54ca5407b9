// watched-keys: who watches which keys (WATCH), and what has become of a key since.
//
// A client may watch a great many keys in one command, so a watch is one small object and one entry of a map: no array of
// the key's bytes, no set of its watchers. A key is known by its name, a one-byte string; watches of one key by several
// clients are a list, whose first the map has. 100,000 keys are watched in about 60 ms.

import { writeLatin1 } from '../base/bytes.js';
import { shortText } from '../base/short-text.js';
import type { Keyspace } from '../keyspace/keyspace.js';

/** One watch of one key. */
export interface Watch<Owner> {
  readonly watcher: Owner;
  readonly database: number;
  readonly name: string;
  /** The key was past its time when WATCH came: its deletion is no change. */
  wasExpired: boolean;
  next: Watch<Owner> | undefined;
  previous: Watch<Owner> | undefined;
}

/** One that watches keys: each key once. */
export interface Watcher<Owner> {
  readonly watches: Watch<Owner>[];
}

const OWN_SCANNED_MAX = 32;

export const KeyState = { GONE: 0, EXPIRED: 1, THERE: 2 } as const;

export class WatchedKeys<Owner extends Watcher<Owner>> {
  /** By the database's number: the first watch of each key. */
  private readonly firsts: Map<string, Watch<Owner>>[] = [];
  private keyCount = 0;
  private watcherCount = 0;
  private scratch = new Uint8Array(256);

  constructor(private readonly keyspace: Keyspace) {}

  /** How many keys are watched. */
  get keys(): number {
    return this.keyCount;
  }

  /** How many watch keys. */
  get watchers(): number {
    return this.watcherCount;
  }

  /** The first watch of a key; `next` leads to the others. */
  find(database: number, key: Uint8Array, offset: number, length: number): Watch<Owner> | undefined {
    return this.keyCount === 0 ? undefined : this.firsts[database]?.get(shortText(key, offset, length));
  }

  /** False when this key is watched by this one already. */
  add(watcher: Owner, database: number, key: Uint8Array, offset: number, length: number): boolean {
    const name = shortText(key, offset, length);
    const firsts = (this.firsts[database] ??= new Map());
    const next = firsts.get(name);
    if (next !== undefined && this.isWatched(watcher, database, name, next)) return false;
    const wasExpired = this.state(database, key, offset, length) === KeyState.EXPIRED;
    const watch: Watch<Owner> = { watcher, database, name, wasExpired, next, previous: undefined };
    if (next === undefined) this.keyCount++;
    else next.previous = watch;
    firsts.set(name, watch);
    if (watcher.watches.push(watch) === 1) this.watcherCount++;
    return true;
  }

  /** A key that thousands watch is looked for among the few of a client, or else the client among the watchers of the key. */
  private isWatched(watcher: Owner, database: number, name: string, first: Watch<Owner>): boolean {
    const { watches } = watcher;
    if (watches.length <= OWN_SCANNED_MAX)
      return watches.some((watch) => watch.database === database && watch.name === name);
    for (let watch: Watch<Owner> | undefined = first; watch !== undefined; watch = watch.next)
      if (watch.watcher === watcher) return true;
    return false;
  }

  /** Takes all watches of one away. */
  removeAll(watcher: Owner): void {
    const { watches } = watcher;
    if (watches.length === 0) return;
    // Nobody else watches anything: the maps end in one go.
    if (--this.watcherCount === 0) {
      this.firsts.length = 0;
      this.keyCount = 0;
    } else for (const watch of watches) this.remove(watch);
    watches.length = 0;
  }

  private remove({ database, name, next, previous }: Watch<Owner>): void {
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) previous.next = next;
    else if (next !== undefined) this.firsts[database]!.set(name, next);
    else {
      this.firsts[database]!.delete(name);
      this.keyCount--;
    }
  }

  forEach(visit: (watch: Watch<Owner>) => void): void {
    for (const firsts of this.firsts)
      for (const first of firsts?.values() ?? [])
        for (let watch: Watch<Owner> | undefined = first; watch !== undefined; watch = watch.next) visit(watch);
  }

  /** Whether a key has passed its time since one began to watch it. */
  anyHasExpired(watcher: Owner): boolean {
    const { databases } = this.keyspace;
    for (const { database, name, wasExpired } of watcher.watches) {
      if (wasExpired || databases[database]!.expiries.count === 0) continue;
      if (this.stateOf(database, name) === KeyState.EXPIRED) return true;
    }
    return false;
  }

  stateOf(database: number, name: string): number {
    const { length } = name;
    if (length > this.scratch.length) this.scratch = new Uint8Array(length);
    writeLatin1(this.scratch, 0, name);
    return this.state(database, this.scratch, 0, length);
  }

  private state(database: number, key: Uint8Array, offset: number, length: number): number {
    const { databases, dicts, entries, nowMs } = this.keyspace;
    const { dict } = databases[database]!;
    const entry = dicts.find(dict, key, offset, length, databases[database]!.hashOf(key, offset, length));
    if (entry === 0) return KeyState.GONE;
    return entries.hasNumber(entry) && entries.number(entry) < nowMs ? KeyState.EXPIRED : KeyState.THERE;
  }
}
