// database: the keys of one numbered database: looking up, creating, changing, expiring, deleting.
//
// Rules for code that changes keys:
// - `lookupRead` to read, `lookupWrite` to change: the second also serves the snapshot barrier, so an entry that came from
//   `lookupRead` or `peek` must not be changed.
// - Every lookup leaves the key's hash in `hash`; pass it on to `add...` and `remove` instead of hashing again.
// - Strings and expiries change an entry's size: such calls return the entry's new ref, the old one is void.
// - After a change: `changed(key)` once per key, `notify` once per event, in Redis's order.
//
// An expired key is deleted by the next lookup (never on a replica, where lookups treat it as missing).

import { latin1 } from '../base/bytes.js';
import type { RandomSource } from '../base/prng.js';
import { chunkOf } from '../memory/layout.js';
import { Dicts, type DictRef, RefList } from '../structures/dict.js';
import { type Entries, NUMBER } from '../structures/entry.js';
import { Encoding, objectWord, Type } from '../datatypes/object.js';
import type { Values } from '../datatypes/values.js';
import { ExpiryIndex } from './expiry.js';
import type { PrefixTable } from './prefix-table.js';
import { firstHashOf, SLOT_BITS, type SlotKeys } from './slot-keys.js';

/** The most bytes that the tables of a database without keys take, if it never had many. */
const EMPTY_BYTES_MAX = 16 * 1024;
const STRING_WORD = objectWord(Type.STRING, Encoding.STRING);

/** Told how long the deletion of each key took that is past its time or in the way. */
export interface ReclaimTimer {
  /** Milliseconds from any point, with fractions. */
  clock(): number;
  took(reason: 'expired' | 'evicted', milliseconds: number): void;
}

/** The keyspace as its databases see it: what they share, and what they report. */
export interface DatabaseOwner {
  readonly dicts: Dicts;
  readonly entries: Entries;
  readonly values: Values;
  readonly random: RandomSource;
  readonly nowMs: number;
  /** The EPOCH bit of new entries. */
  readonly epoch: number;
  readonly expiryPaused: boolean;
  readonly hidesExpired: boolean;
  readonly deletesHidden: boolean;
  readonly expiryWatch: { expirySet(database: Database, entry: number): void } | null;
  readonly stats: { hits: number; misses: number; expired: number; evicted: number };
  readonly reclaimTimer: ReclaimTimer | undefined;
  readonly notifyMask: number;
  readonly barrier: {
    takesDict(database: Database, dict: DictRef): boolean;
    entryAdded(entry: number, hash: number): void;
  } | null;
  passBarrier(database: Database, entry: number, hash: number): void;
  newClock(): number;
  touch(entry: number): void;
  notifyMiss(database: Database, key: Uint8Array, offset: number, length: number): void;
  notifyNew(database: Database, key: Uint8Array, offset: number, length: number): void;
  reclaimed(reason: 'expired' | 'evicted', database: Database, key: Uint8Array): void;
  releaseEntry(entry: number): void;
  releaseDict(dict: DictRef): void;
  releaseIndex(dict: DictRef): void;
  /** The time when the first field of a hash expires, or -1. */
  nextFieldExpiry(entry: number): number;
  rememberFieldExpiry(database: Database, entry: number, hash: number): void;
  forgetFieldExpiry(database: Database, entry: number, hash: number): void;
}

export class Database {
  /** Hash of the key that was looked up last. */
  hash = 0;
  dict: DictRef;
  readonly expiries: ExpiryIndex;
  /** Keys of hashes whose fields expire, by the time of the next field. */
  readonly fieldExpiries: ExpiryIndex;
  private readonly dicts: Dicts;
  private readonly entries: Entries;
  private prefixTable: PrefixTable | null = null;
  /** Somebody counts the keys that come and go: the slots of a cluster, the table of prefixes. */
  private isCounted: boolean;

  /** How many leading bits of a hash are the key's slot. */
  private readonly slotBits: number;

  constructor(
    readonly keyspace: DatabaseOwner,
    public index: number,
    /** In a cluster: the keys of each slot. */
    readonly slots: SlotKeys | null = null,
  ) {
    this.dicts = keyspace.dicts;
    this.entries = keyspace.entries;
    this.slotBits = slots === null ? 0 : SLOT_BITS;
    this.isCounted = slots !== null;
    this.dict = this.dicts.create(this.slotBits);
    this.expiries = new ExpiryIndex(this.dicts, this.slotBits);
    this.fieldExpiries = new ExpiryIndex(this.dicts, this.slotBits);
  }

  get size(): number {
    return this.dicts.count(this.dict);
  }

  /** Keys that clients may see: all but those of slots that come or go. */
  get shownSize(): number {
    return this.slots === null ? this.size : this.size - this.slots.hiddenCount;
  }

  /** Whether an entry is of a slot that comes or goes. */
  hides(entry: number): boolean {
    if (this.slots?.hidden === undefined) return false;
    const { entries } = this;
    const bytes = entries.arena.u8[chunkOf(entry)]!;
    return this.slots.hidesHash(this.hashOf(bytes, entries.keyStart(entry), entries.keyLength(entry)));
  }

  /** The hash under which a key stands in the dict. @hot */
  hashOf(key: Uint8Array, offset: number, length: number): number {
    const hash = this.dicts.hash(key, offset, length);
    return this.slots === null ? hash : this.slots.place(hash, key, offset, length);
  }

  /** The key's entry, or 0; counts a hit or miss and renews the clock. @hot */
  lookupRead(key: Uint8Array, offset: number, length: number): number {
    const entry = this.lookupQuietly(key, offset, length);
    if (entry !== 0) this.keyspace.touch(entry);
    return entry;
  }

  /** As `lookupRead`, without renewing the clock: for what asks about a key and does not use its value (TTL, TYPE). */
  lookupQuietly(key: Uint8Array, offset: number, length: number): number {
    const keyspace = this.keyspace;
    const entry = this.peek(key, offset, length);
    if (entry === 0) {
      keyspace.stats.misses++;
      if (keyspace.notifyMask !== 0) keyspace.notifyMiss(this, key, offset, length);
      return 0;
    }
    keyspace.stats.hits++;
    return entry;
  }

  /** The key's entry, or 0, ready to be changed; counts neither hit nor miss. @hot */
  lookupWrite(key: Uint8Array, offset: number, length: number): number {
    const entry = this.peek(key, offset, length);
    if (entry === 0) {
      if (this.keyspace.deletesHidden) this.dropHidden(key, offset, length);
      return 0;
    }
    if (this.keyspace.barrier !== null) this.keyspace.passBarrier(this, entry, this.hash);
    this.keyspace.touch(entry);
    return entry;
  }

  /** A client of a writable replica is about to write a key that is past its time: it must not be there twice. */
  private dropHidden(key: Uint8Array, offset: number, length: number): void {
    if (!this.keyspace.hidesExpired) return;
    const { hash } = this;
    const entry = this.dicts.find(this.dict, key, offset, length, hash);
    if (entry !== 0) this.reclaim(entry, hash, key, offset, length, 'expired');
    this.hash = hash;
  }

  /** Deletes a key if it is past its time, on replicas too; returns whether it exists and will expire later. */
  settleExpired(key: Uint8Array): boolean {
    const hash = this.hashOf(key, 0, key.length);
    const entry = this.dicts.find(this.dict, key, 0, key.length, hash);
    if (entry === 0 || !this.entries.hasNumber(entry)) return false;
    if (this.entries.number(entry) >= this.keyspace.nowMs) return true;
    this.reclaim(entry, hash, key, 0, key.length, 'expired');
    return false;
  }

  /** As `lookupWrite`, for the commands that Redis counts among the readers although they change what they find. */
  lookupCounted(key: Uint8Array, offset: number, length: number): number {
    const entry = this.lookupRead(key, offset, length);
    if (entry !== 0 && this.keyspace.barrier !== null) this.keyspace.passBarrier(this, entry, this.hash);
    return entry;
  }

  /** The key's entry, or 0, without a trace but for the deletion of an expired one. @hot */
  peek(key: Uint8Array, offset: number, length: number): number {
    const hash = this.hashOf(key, offset, length);
    this.hash = hash;
    const entry = this.dicts.find(this.dict, key, offset, length, hash);
    if (entry === 0 || !this.entries.hasNumber(entry)) return entry;
    return this.entries.number(entry) < this.keyspace.nowMs ? this.expire(entry, hash, key, offset, length) : entry;
  }

  /** Fetches what `attachMissing` will read for each of the first `count` hashes. @hot */
  fetchPlaces(hashes: Int32Array, count: number): void {
    this.dicts.fetchSlots(this.dict, hashes, count);
  }

  /** The key's entry, or 0 where there is none or it is past its time, which stays for a lookup with effect. */
  look(key: Uint8Array, offset: number, length: number): number {
    const hash = this.hashOf(key, offset, length);
    const entry = this.dicts.find(this.dict, key, offset, length, hash);
    if (entry === 0 || !this.entries.hasNumber(entry)) return entry;
    return this.entries.number(entry) < this.keyspace.nowMs ? 0 : entry;
  }

  /** An entry is past its time: deletes it, or only hides it where deleting is not ours to do. */
  private expire(entry: number, hash: number, key: Uint8Array, offset: number, length: number): number {
    const keyspace = this.keyspace;
    if (keyspace.expiryPaused) return keyspace.hidesExpired ? 0 : entry;
    this.reclaim(entry, hash, key, offset, length, 'expired');
    return 0;
  }

  /**
   * Deletes an entry that is past its time or in the way, and sends all events. The key may lie in the entry itself.
   */
  reclaim(
    entry: number,
    hash: number,
    key: Uint8Array,
    offset: number,
    length: number,
    reason: 'expired' | 'evicted',
  ): void {
    const keyspace = this.keyspace;
    const { reclaimTimer } = keyspace;
    const startMs = reclaimTimer === undefined ? 0 : reclaimTimer.clock();
    // The entry's memory is gone after the removal, so a key that lies in it is copied first.
    const name = key.slice(offset, offset + length);
    this.remove(entry, hash);
    if (reason === 'expired') keyspace.stats.expired++;
    else keyspace.stats.evicted++;
    keyspace.reclaimed(reason, this, name);
    if (reclaimTimer !== undefined) reclaimTimer.took(reason, reclaimTimer.clock() - startMs);
  }

  /** Adds a missing key with a collection as its value; returns the entry. @hot */
  addValue(
    key: Uint8Array,
    offset: number,
    length: number,
    hash: number,
    type: number,
    encoding: number,
    valueRef: number,
  ): number {
    const entry = this.entries.create(
      objectWord(type, encoding) | this.keyspace.newClock(),
      this.keyspace.epoch,
      valueRef,
      key,
      offset,
      length,
      0,
    );
    this.insertEntry(entry, hash, key, offset, length);
    return entry;
  }

  /** Adds a missing key with a string value; returns the entry. @hot */
  addString(
    key: Uint8Array,
    offset: number,
    length: number,
    hash: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): number {
    const word0 = STRING_WORD | this.keyspace.newClock();
    const entry = this.entries.createString(
      word0,
      this.keyspace.epoch,
      key,
      offset,
      length,
      value,
      valueOffset,
      valueLength,
    );
    this.insertEntry(entry, hash, key, offset, length);
    return entry;
  }

  private insertEntry(entry: number, hash: number, key: Uint8Array, offset: number, length: number): void {
    this.putEntry(entry, hash);
    if (this.keyspace.notifyMask !== 0) this.keyspace.notifyNew(this, key, offset, length);
  }

  /** @hot */
  private putEntry(entry: number, hash: number): void {
    this.dicts.insert(this.dict, hash, entry);
    if (this.isCounted) this.countAdded(entry, hash);
  }

  private countAdded(entry: number, hash: number): void {
    if (this.prefixTable !== null) this.countPrefixes(this.prefixTable, entry, hash, 1);
    if (this.slots === null) return;
    this.slots.added(hash);
    if (this.keyspace.barrier !== null) this.keyspace.barrier.entryAdded(entry, hash);
  }

  private countPrefixes(table: PrefixTable, entry: number, hash: number, change: number): void {
    const { entries } = this;
    table.note(hash, entries.arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry), change);
  }

  /** How many keys begin with which prefix, if that is counted. */
  get prefixes(): PrefixTable | null {
    return this.prefixTable;
  }

  /** Counts prefixes from now on, or no more; the keys that are there follow by `countMorePrefixes`. */
  setPrefixes(table: PrefixTable | null): void {
    this.prefixTable?.release();
    this.prefixTable = table;
    this.isCounted = this.slots !== null || table !== null;
    if (table !== null && this.size === 0) table.reset();
  }

  /** Counts about so many of the keys that were there before the table; true when all are counted. */
  countMorePrefixes(budget: number, scratch: RefList): boolean {
    const table = this.prefixTable;
    if (table === null || table.isComplete) return true;
    scratch.clear();
    const next = this.dicts.scanTo(this.dict, table.cursor, 2 ** 32, budget, scratch);
    const { entries } = this;
    for (let index = 0; index < scratch.length; index++) {
      const entry = scratch.refs[index]!;
      table.count(entries.arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry), 1);
    }
    table.cursor = next;
    return table.isComplete;
  }

  /**
   * Gives the key a collection as its value in place of what it has, expiry included: for commands that store a result.
   * `old` is what `lookupWrite` of this key returned; only a key that was missing counts as new. Returns the entry.
   */
  replaceValue(
    old: number,
    key: Uint8Array,
    offset: number,
    length: number,
    hash: number,
    type: number,
    encoding: number,
    valueRef: number,
  ): number {
    if (old === 0) return this.addValue(key, offset, length, hash, type, encoding, valueRef);
    this.remove(old, hash);
    const entry = this.entries.create(
      objectWord(type, encoding) | this.keyspace.newClock(),
      this.keyspace.epoch,
      valueRef,
      key,
      offset,
      length,
      0,
    );
    this.putEntry(entry, hash);
    return entry;
  }

  /**
   * SET: gives the key a string value, whatever it was before; returns the entry.
   * The expiry goes unless `keepExpiry`. `entry` is what `lookupWrite` of this key returned.
   * @hot
   */
  setString(
    entry: number,
    key: Uint8Array,
    offset: number,
    length: number,
    hash: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    keepExpiry: boolean,
  ): number {
    if (entry === 0) return this.addString(key, offset, length, hash, value, valueOffset, valueLength);
    const entries = this.entries;
    if (entries.type(entry) !== Type.STRING) {
      const expiry = keepExpiry ? this.expiryOf(entry) : -1;
      this.remove(entry, hash);
      const word0 = STRING_WORD | this.keyspace.newClock();
      const made = entries.createString(
        word0,
        this.keyspace.epoch,
        key,
        offset,
        length,
        value,
        valueOffset,
        valueLength,
      );
      this.putEntry(made, hash);
      return expiry < 0 ? made : this.setExpiry(made, hash, expiry);
    }
    let current = entry;
    if (!keepExpiry && entries.hasNumber(current)) current = this.clearExpiry(current, hash);
    const moved = entries.setString(current, value, valueOffset, valueLength);
    if (moved !== current) this.dicts.replace(this.dict, hash, current, moved);
    entries.setEncoding(moved, Encoding.STRING);
    return moved;
  }

  /** Makes a string value `valueLength` bytes long, keeping its first `keep` bytes; returns the entry's ref. */
  resizeString(entry: number, hash: number, valueLength: number, keep: number): number {
    const moved = this.entries.resizeString(entry, valueLength, keep);
    if (moved !== entry) this.dicts.replace(this.dict, hash, entry, moved);
    return moved;
  }

  /** Stores what a collection has become after a change: its encoding and the ref of its block or handle. @hot */
  setValue(entry: number, encoding: number, valueRef: number): void {
    this.entries.setWord2(entry, valueRef);
    this.entries.setEncoding(entry, encoding);
  }

  /** Milliseconds since 1970 when the key expires, or -1. */
  expiryOf(entry: number): number {
    return this.entries.hasNumber(entry) ? this.entries.number(entry) : -1;
  }

  /** Sets the time when the key expires; returns the entry's ref. */
  setExpiry(entry: number, hash: number, ms: number): number {
    let current = entry;
    if (this.entries.hasNumber(entry)) this.expiries.remove(hash, this.entries.number(entry));
    else current = this.resizeForNumber(entry, hash, true);
    this.entries.setNumber(current, ms);
    this.expiries.add(hash, ms);
    if (this.keyspace.expiryWatch !== null) this.keyspace.expiryWatch.expirySet(this, current);
    return current;
  }

  /** Takes the expiry away; returns the entry's ref. */
  clearExpiry(entry: number, hash: number): number {
    if (!this.entries.hasNumber(entry)) return entry;
    this.expiries.remove(hash, this.entries.number(entry));
    return this.resizeForNumber(entry, hash, false);
  }

  private resizeForNumber(entry: number, hash: number, wanted: boolean): number {
    const inlineBytes =
      this.entries.type(entry) === Type.STRING && this.entries.valueBlock(entry) === entry
        ? this.entries.word2(entry)
        : 0;
    const moved = this.entries.withNumber(entry, wanted, inlineBytes);
    this.dicts.replace(this.dict, hash, entry, moved);
    return moved;
  }

  /** Deletes a key by its entry (from `lookupWrite` or `peek`); big values are freed in slices later. @hot */
  remove(entry: number, hash: number): void {
    this.detach(entry, hash);
    this.keyspace.releaseEntry(entry);
  }

  /** Takes an entry out without freeing it; for RENAME and MOVE, which give it to `attach`. */
  detach(entry: number, hash: number): void {
    const keyspace = this.keyspace;
    if (keyspace.barrier !== null) keyspace.passBarrier(this, entry, hash);
    if (this.entries.hasNumber(entry)) this.expiries.remove(hash, this.entries.number(entry));
    if (this.fieldExpiries.count !== 0) keyspace.forgetFieldExpiry(this, entry, hash);
    this.dicts.remove(this.dict, hash, entry);
    if (this.isCounted) this.countRemoved(entry, hash);
  }

  private countRemoved(entry: number, hash: number): void {
    if (this.prefixTable !== null) this.countPrefixes(this.prefixTable, entry, hash, -1);
    if (this.slots !== null) this.slots.removed(hash);
  }

  /** Puts a whole entry, expiry included, under a missing key; the entry was detached or made by COPY. */
  attach(entry: number, hash: number): void {
    this.entries.setEpoch(entry, this.keyspace.epoch);
    this.putEntry(entry, hash);
    this.noteAttached(entry, hash);
  }

  /** As `attach`, unless another entry has the key: then returns that one, else 0. @hot */
  attachMissing(entry: number, hash: number): number {
    this.entries.setEpoch(entry, this.keyspace.epoch);
    const present = this.dicts.insertMissing(this.dict, entry, hash);
    if (present !== 0) return present;
    if (this.isCounted) this.countAdded(entry, hash);
    this.noteAttached(entry, hash);
    return 0;
  }

  private noteAttached(entry: number, hash: number): void {
    if (this.entries.hasNumber(entry)) {
      this.expiries.add(hash, this.entries.number(entry));
      if (this.keyspace.expiryWatch !== null) this.keyspace.expiryWatch.expirySet(this, entry);
    }
    this.keyspace.rememberFieldExpiry(this, entry, hash);
    if (this.keyspace.notifyMask !== 0) {
      this.keyspace.notifyNew(
        this,
        this.entries.arena.u8[chunkOf(entry)]!,
        this.entries.keyStart(entry),
        this.entries.keyLength(entry),
      );
    }
  }

  /** Deletes all keys; what they held is freed in slices by the keyspace. */
  clear(): void {
    // Most databases of a FLUSHALL never had a key. An empty dict that once had many is worth freeing.
    const overheadBytes =
      this.dicts.overheadBytes(this.dict) + this.expiries.overheadBytes + this.fieldExpiries.overheadBytes;
    if (this.size === 0 && overheadBytes < EMPTY_BYTES_MAX) return;
    const old = this.dict;
    this.dict = this.dicts.create(this.slotBits);
    this.slots?.counts.fill(0);
    this.prefixTable?.reset();
    if (this.keyspace.barrier?.takesDict(this, old) !== true) this.keyspace.releaseDict(old);
    this.keyspace.releaseIndex(this.expiries.reset());
    this.keyspace.releaseIndex(this.fieldExpiries.reset());
  }

  /** SCAN: emits entries, expired ones too; see Dicts.scan. */
  scan(cursor: number, count: number, out: RefList): number {
    return this.dicts.scan(this.dict, cursor, count, out);
  }

  /** In a cluster: emits about `count` entries of a slot, expired ones too, from `cursor` on (see `firstHashOf`); returns where the rest begins. */
  scanSlot(slot: number, cursor: number, count: number, out: RefList): number {
    return this.dicts.scanTo(this.dict, cursor, firstHashOf(slot + 1), count, out);
  }

  /** Throws where the indexes contradict the entries. For tests. */
  verify(): void {
    this.dicts.verify(this.dict);
    this.expiries.verify();
    this.fieldExpiries.verify();
    const counts = new Int32Array(1 << SLOT_BITS);
    let withExpiry = 0;
    let withFieldExpiry = 0;
    this.dicts.forEach(this.dict, (entry, hash) => {
      const key = this.entries.keyBytes(entry);
      if (this.hashOf(key, 0, key.length) !== hash) throw new Error('an entry lies under another hash');
      counts[hash >>> (32 - SLOT_BITS)]!++;
      if ((this.entries.flags(entry) & NUMBER) !== 0) withExpiry++;
      if (this.entries.type(entry) === Type.HASH && this.keyspace.nextFieldExpiry(entry) >= 0) withFieldExpiry++;
    });
    if (this.slots !== null && counts.some((count, slot) => count !== this.slots!.counts[slot]))
      throw new Error('a slot counts other keys than it has');
    this.verifyPrefixes();
    if (withExpiry !== this.expiries.count)
      throw new Error(`${withExpiry} keys expire, ${this.expiries.count} are in the index`);
    if (withFieldExpiry !== this.fieldExpiries.count) {
      throw new Error(
        `fields of ${withFieldExpiry} hashes expire, ${this.fieldExpiries.count} hashes are in the index`,
      );
    }
  }

  private verifyPrefixes(): void {
    const table = this.prefixTable;
    if (table === null || !table.isComplete || table.isFull) return;
    const again = table.emptyCopy();
    this.dicts.forEach(this.dict, (entry) => {
      const key = this.entries.keyBytes(entry);
      again.count(key, 0, key.length, 1);
    });
    const differs = (text: Uint8Array, count: number, other: PrefixTable): void => {
      if (other.countOf(text) !== count) throw new Error(`the prefix ${latin1(text, 0, text.length)} counts wrongly`);
    };
    table.forEach((text, count) => differs(text, count, again));
    again.forEach((text, count) => differs(text, count, table));
  }
}
