// keyspace: all databases of one server and their shared parts: memory, time, clocks of use, events, the barrier, lazy
// freeing.
//
// Nothing here reads the time or rolls dice by itself: `nowMs` is set by the owner once per turn of the event loop (and
// stands still during a script), the random source comes in.

import type { RandomSource } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { chunkOf } from '../memory/layout.js';
import { Dicts, type DictRef, RefList } from '../structures/dict.js';
import { Entries } from '../structures/entry.js';
import { Encoding, Type } from '../datatypes/object.js';
import { Values } from '../datatypes/values.js';
import { Database, type ReclaimTimer } from './database.js';
import { PrefixBudget, type PrefixOptions, PrefixTable } from './prefix-table.js';
import { type SlotFunction, SlotKeys } from './slot-keys.js';
import { EventClass, SUBKEY_CLASSES, type KeyspaceListener, type SnapshotBarrier } from './events.js';

/** How a new key's LFU counter starts: high enough not to be evicted before it had a chance. */
export const FREQUENCY_NEW = 5;
/** Collections with more elements are freed in slices. */
const FREE_AT_ONCE_MAX = 64;
const CLOCK_MASK = 0xffffff;

/** Hears of keys that get an age. */
export interface ExpiryWatch {
  expirySet(database: Database, entry: number): void;
}

export interface KeyspaceOptions {
  readonly databaseCount: number;
  readonly random: RandomSource;
  /** Key of the hash: two words that no client can know. */
  readonly hashKey: readonly [number, number];
  /** Keeps the keys by the slots that this function gives. */
  readonly slotOf?: SlotFunction | undefined;
}

export interface KeyspaceStats {
  hits: number;
  misses: number;
  expired: number;
  evicted: number;
  expiredFields: number;
  /** Keys and values that were freed in slices. */
  lazyFreed: number;
}

/** Something big that is freed bit by bit. */
interface Garbage {
  /** How many keys or values it was. */
  readonly objects: number;
  /** Frees about `budget` elements; true when nothing is left. */
  step(budget: number): boolean;
}

export class Keyspace {
  readonly arena = new Arena();
  readonly entries = new Entries(this.arena);
  readonly dicts: Dicts;
  readonly values: Values;
  readonly databases: Database[] = [];
  private readonly slotOf: SlotFunction | undefined;
  readonly random: RandomSource;
  readonly stats: KeyspaceStats = { hits: 0, misses: 0, expired: 0, evicted: 0, expiredFields: 0, lazyFreed: 0 };

  private now = 0;
  /** Seconds, cut to the 24 bits of an entry's clock; kept beside the time because every lookup wants it. */
  lruClock = 0;
  /** Count of changes. It only grows: commands add to it, replication and AOF look whether it moved. */
  dirty = 0;
  /** The value of `dirty` at the last save. */
  savedDirty = 0;
  /** The events that `notify` passes on: bits of EventClass. */
  notifyMask = 0;
  /** Set while somebody watches, tracks or waits for keys: `changed` then tells the listener. */
  listening = false;
  listener: KeyspaceListener | null = null;
  barrier: SnapshotBarrier | null = null;
  /** Set while somebody wants to know: two looks at the clock for each key. */
  reclaimTimer: ReclaimTimer | undefined;
  /** The EPOCH bit of new entries. */
  epoch = 0;
  /** Expired keys stay: on a replica, while loading, when DEBUG or CLIENT PAUSE says so. */
  expiryPaused = false;
  /** With `expiryPaused`: expired keys are not found (a replica's clients) or are (its master's commands). */
  hidesExpired = false;
  /** A write deletes expired keys that are hidden: on a writable replica. */
  deletesHidden = false;
  /** Told of keys that get an age, on a writable replica. */
  expiryWatch: ExpiryWatch | null = null;
  /** Whether entries count uses (LFU) instead of remembering the last one (LRU). */
  usesFrequency = false;
  lfuLogFactor = 10;
  lfuDecayMinutes = 1;
  /** CLIENT NO-TOUCH: reads leave no trace in the clocks. */
  leavesClocks = false;

  private prefixBudget: PrefixBudget | undefined;
  private readonly prefixScratch = new RefList();
  private readonly garbage: Garbage[] = [];
  /** The values that are let go belong to a dict that counts them already. */
  private isDismantling = false;

  constructor(options: KeyspaceOptions) {
    this.random = options.random;
    this.dicts = new Dicts(this.arena, new HalfSipHash(options.hashKey[0], options.hashKey[1]));
    this.values = new Values(this.entries, this.dicts);
    this.values.sortedSets.release = (removed) => this.releaseMembers(removed);
    this.values.streams.release = (stream) => this.releaseValue(Type.STREAM, Encoding.STREAM, stream);
    this.slotOf = options.slotOf;
    for (let index = 0; index < options.databaseCount; index++) this.databases.push(this.makeDatabase(index));
  }

  /** Changes that the last save does not have. */
  get changesSinceSave(): number {
    return this.dirty - this.savedDirty;
  }

  /** The time, as milliseconds since 1970. Set by the owner, at least once per turn of the event loop. */
  get nowMs(): number {
    return this.now;
  }

  set nowMs(ms: number) {
    this.now = ms;
    this.lruClock = Math.floor(ms / 1000) & CLOCK_MASK;
  }

  /** Bytes in use by keys, values and their indexes. */
  get usedBytes(): number {
    return this.arena.usedBytes;
  }

  // --- clocks of use ---------------------------------------------------------------------------------------------

  private get lfuMinutes(): number {
    return Math.floor(this.nowMs / 60000) & 0xffff;
  }

  /** The clock of a new entry, at its place in word 0. @hot */
  newClock(): number {
    return (this.usesFrequency ? (this.lfuMinutes << 8) | FREQUENCY_NEW : this.lruClock) << 8;
  }

  /** An entry was used. @hot */
  touch(entry: number): void {
    if (this.leavesClocks) return;
    if (this.usesFrequency) this.countUse(entry);
    else this.entries.setClock(entry, this.lruClock);
  }

  private countUse(entry: number): void {
    const counter = this.frequency(entry);
    let next = counter;
    if (counter < 255) {
      const base = Math.max(counter - FREQUENCY_NEW, 0);
      if (this.random.below(0x100000000) / 0x100000000 < 1 / (base * this.lfuLogFactor + 1)) next++;
    }
    this.entries.setClock(entry, (this.lfuMinutes << 8) | next);
  }

  /** The logarithmic use counter, decayed to now: one less for every lfu-decay-time minutes without use. */
  frequency(entry: number): number {
    const clock = this.entries.clock(entry);
    const counter = clock & 0xff;
    if (this.lfuDecayMinutes === 0) return counter;
    const elapsed = (this.lfuMinutes - (clock >>> 8)) & 0xffff;
    return Math.max(0, counter - Math.floor(elapsed / this.lfuDecayMinutes));
  }

  /** Milliseconds since the last use, in steps of a second; the clock goes round after 194 days. */
  idleMs(entry: number): number {
    return ((this.lruClock - this.entries.clock(entry)) & CLOCK_MASK) * 1000;
  }

  // --- events ----------------------------------------------------------------------------------------------------

  /** A key was changed. Every command that changes keys calls it once per key; `dirty` counts what has changed. @hot */
  changed(database: Database, key: Uint8Array, offset: number, length: number, dirty: number): void {
    this.dirty += dirty;
    if (this.listening) this.listener!.keyChanged(database.index, key, offset, length);
  }

  /** A keyspace event. @hot */
  notify(eventClass: number, event: string, database: Database, key: Uint8Array, offset: number, length: number): void {
    if ((this.notifyMask & eventClass) !== 0)
      this.listener?.notify(eventClass, event, database.index, key, offset, length);
  }

  /** Whether somebody wants to know which fields an event of a hash is about. */
  get tellsFields(): boolean {
    return (this.notifyMask & SUBKEY_CLASSES) !== 0 && (this.notifyMask & EventClass.HASH) !== 0;
  }

  /** Publishes the fields of an event of a hash after the event itself; nothing without fields. */
  notifyFields(
    event: string,
    database: Database,
    key: Uint8Array,
    offset: number,
    length: number,
    fields: readonly Uint8Array[],
  ): void {
    if (fields.length > 0 && this.tellsFields)
      this.listener?.notifyFields?.(event, database.index, key, offset, length, fields);
  }

  notifyMiss(database: Database, key: Uint8Array, offset: number, length: number): void {
    this.notify(EventClass.KEY_MISS, 'keymiss', database, key, offset, length);
  }

  notifyNew(database: Database, key: Uint8Array, offset: number, length: number): void {
    this.notify(EventClass.NEW, 'new', database, key, offset, length);
  }

  /** A key was deleted by age or for memory. */
  reclaimed(reason: 'expired' | 'evicted', database: Database, key: Uint8Array): void {
    if (this.listener === null) return;
    this.listener.keyReclaimed(reason, database.index, key, 0, key.length);
    this.notify(reason === 'expired' ? EventClass.EXPIRED : EventClass.EVICTED, reason, database, key, 0, key.length);
    if (this.listening) this.listener.keyChanged(database.index, key, 0, key.length);
  }

  passBarrier(database: Database, entry: number, hash: number): void {
    if (this.barrier!.isDue(entry, hash)) this.barrier!.beforeChange(database, entry, hash);
  }

  // --- fields that expire ------------------------------------------------------------------------------------------

  /** No field of this hash entry expires before; -1 when none does. */
  nextFieldExpiry(entry: number): number {
    return this.values.hashes.nextExpiry(this.entries.encoding(entry), this.entries.word2(entry));
  }

  forgetFieldExpiry(database: Database, entry: number, hash: number): void {
    if (this.entries.type(entry) !== Type.HASH) return;
    const next = this.nextFieldExpiry(entry);
    if (next >= 0) database.fieldExpiries.remove(hash, next);
  }

  rememberFieldExpiry(database: Database, entry: number, hash: number): void {
    if (this.entries.type(entry) !== Type.HASH) return;
    const next = this.nextFieldExpiry(entry);
    if (next >= 0) database.fieldExpiries.add(hash, next);
  }

  // --- freeing -----------------------------------------------------------------------------------------------------

  /** Whether there is something left to free; the owner then calls `freeSome` between events. */
  get hasGarbage(): boolean {
    return this.garbage.length > 0;
  }

  /** How many keys and values wait to be freed. */
  get garbageCount(): number {
    return this.garbage.reduce((sum, { objects }) => sum + objects, 0);
  }

  /** Frees an entry that is in no dict any more, with its value; a big value is freed in slices. @hot */
  releaseEntry(entry: number): void {
    const type = this.entries.type(entry);
    if (type !== Type.STRING) this.releaseValue(type, this.entries.encoding(entry), this.entries.word2(entry));
    this.entries.free(entry);
  }

  /** Frees a collection that no entry refers to. */
  releaseValue(type: number, encoding: number, valueRef: number): void {
    if (this.barrier !== null && this.barrier.takesValue(type, encoding, valueRef)) return;
    const container = this.values.container(type);
    if (container.count(encoding, valueRef) <= FREE_AT_ONCE_MAX) {
      while (!container.freeStep(encoding, valueRef, FREE_AT_ONCE_MAX)) continue;
      return;
    }
    this.garbage.push({
      objects: this.isDismantling ? 0 : 1,
      step: (budget) => container.freeStep(encoding, valueRef, budget),
    });
  }

  /** Frees a dict of database entries in slices. */
  releaseDict(dict: DictRef): void {
    this.garbage.push({
      objects: this.dicts.count(dict),
      step: (budget) => {
        this.isDismantling = true;
        const isDone = this.dicts.dismantle(dict, budget, (entry) => this.releaseEntry(entry));
        this.isDismantling = false;
        return isDone;
      },
    });
  }

  /** Frees entries that no dict has any more and that refer to nothing, in slices. */
  private releaseMembers(members: RefList): void {
    let left = members.length;
    this.garbage.push({
      objects: 0,
      step: (budget) => {
        for (let todo = Math.min(budget, left); todo > 0; todo--) this.entries.free(members.refs[--left]!);
        return left === 0;
      },
    });
  }

  /** Frees a dict whose payloads are numbers. */
  releaseIndex(dict: DictRef): void {
    this.garbage.push({ objects: 0, step: (budget) => this.dicts.dismantle(dict, budget * 16, () => undefined) });
  }

  /** Frees about `budget` elements of what is to be freed; true when nothing is left. */
  freeSome(budget: number): boolean {
    // The newest first: blocks that a dict of keys leaves behind are freed before the next keys.
    const last = this.garbage[this.garbage.length - 1];
    if (last === undefined) return true;
    if (last.step(budget)) {
      this.garbage.splice(this.garbage.lastIndexOf(last), 1);
      this.stats.lazyFreed += last.objects;
    }
    return this.garbage.length === 0;
  }

  /** Exchanges the keys of two databases; clients that selected them see the other's keys. */
  swap(first: number, second: number): void {
    const databases = this.databases;
    const kept = databases[first]!;
    databases[first] = databases[second]!;
    databases[second] = kept;
    databases[first]!.index = first;
    databases[second]!.index = second;
  }

  private makeDatabase(index: number): Database {
    const database = new Database(this, index, this.slotOf === undefined ? null : new SlotKeys(this.slotOf));
    if (this.prefixBudget !== undefined) this.givePrefixes(database);
    return database;
  }

  // --- prefixes ----------------------------------------------------------------------------------------------------

  /** Counts keys by prefix in all databases, or no more. Keys that are there are counted by `countMorePrefixes`. */
  setPrefixes(options: PrefixOptions | undefined): void {
    this.prefixBudget = options === undefined ? undefined : new PrefixBudget(options);
    for (const database of this.databases) this.givePrefixes(database);
  }

  private givePrefixes(database: Database): void {
    database.setPrefixes(this.prefixBudget === undefined ? null : new PrefixTable(this.prefixBudget));
  }

  /** Counts about so many keys for the tables of prefixes; true when all are counted. */
  countMorePrefixes(budget: number): boolean {
    if (this.prefixBudget === undefined) return true;
    return this.databases.every((database) => database.countMorePrefixes(budget, this.prefixScratch));
  }

  /** As many empty databases as there are, which belong to the keyspace only after `exchange`. */
  spareDatabases(): Database[] {
    return this.databases.map((_, index) => this.makeDatabase(index));
  }

  /** Puts other databases in the place of all: `others` has the old ones afterwards. */
  exchange(others: Database[]): void {
    this.databases.forEach((database, index) => {
      const next = others[index]!;
      // It was made before the tables of prefixes were changed.
      if (next.prefixes?.budget !== this.prefixBudget) this.givePrefixes(next);
      this.databases[index] = next;
      others[index] = database;
    });
  }

  /** Bytes of a string value as a view (borrowed until anything changes). Cold paths only. */
  stringView(entry: number): Uint8Array {
    const start = this.entries.valueStart(entry);
    return this.arena.u8[chunkOf(this.entries.valueBlock(entry))]!.subarray(start, start + this.entries.word2(entry));
  }

  /** Throws where anything contradicts itself. For tests. */
  verify(): void {
    this.arena.verify();
    for (const database of this.databases) database.verify();
  }
}
