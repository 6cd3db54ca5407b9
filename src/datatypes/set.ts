// set: the set type: sorted integers (intset), a listpack of members, or a dict of entries without values.
//
// `open` binds to a value; everything below works on it until the next `open`, and `encoding` and `ref` are what has become
// of it: the caller stores them. Encodings only ever widen: intset to listpack or dict, listpack to dict, by Redis's rules.
// `first` and `next` walk the members; nothing may change meanwhile. A walk through a dict takes the entries of a few
// segments at a time, so that no list of a million members is ever made.
//
// Not here: keys, replies, events (commands/set).

import { assert } from '../base/assert.js';
import type { RandomSource } from '../base/prng.js';
import { type Arena, NO_VIEW } from '../memory/arena.js';
import { chunkOf } from '../memory/layout.js';
import { Decimal } from '../structures/decimal.js';
import { type DictRef, type Dicts, RefList } from '../structures/dict.js';
import { checkKeyLength, type Entries } from '../structures/entry.js';
import { Intsets } from '../structures/intset.js';
import { Listpacks } from '../structures/listpack.js';
import type { Container } from './container.js';
import { allEntries, entriesBytes, isWorthPlaces, sampleEntries } from './dict-entries.js';
import { Encoding } from './object.js';

/** The thresholds of the encodings, from the configuration. */
export interface SetLimits {
  readonly setMaxIntsetEntries: number;
  readonly setMaxListpackEntries: number;
  readonly setMaxListpackValue: number;
}

/** Entries that a walk through a dict takes at a time, about. */
const WALK_BATCH = 512;
/** More bytes than this in one listpack are refused. */
const LISTPACK_BYTES_MAX = 2 ** 30;

export class Sets implements Container {
  readonly intsets: Intsets;
  readonly listpacks: Listpacks;
  readonly arena: Arena;

  /** The open value. */
  encoding: number = Encoding.INTSET;
  ref = 0;
  /** The member that was read last; borrowed until the next read or change of any set. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view of `bytes`. */
  view: DataView = NO_VIEW;
  start = 0;
  length = 0;

  /** Where the last `random` was: an index, an offset or an entry. */
  private place = 0;
  private readonly decimal = new Decimal();
  private readonly batch = new RefList();
  private batchIndex = 0;
  private walkCursor = 0;
  private walkIndex = 0;
  private walkCount = 0;
  private other: Sets | undefined;

  constructor(
    readonly entries: Entries,
    readonly dicts: Dicts,
  ) {
    this.arena = entries.arena;
    this.intsets = new Intsets(this.arena);
    // Its own reader: a member that is borrowed from here stays while listpacks of other types are read.
    this.listpacks = new Listpacks(this.arena);
  }

  // --- what every container offers -------------------------------------------------------------------------------

  /** @hot */
  count(encoding: number, ref: number): number {
    if (encoding === Encoding.HASHTABLE) return this.dicts.count(ref as DictRef);
    return encoding === Encoding.INTSET ? this.intsets.count(ref) : this.listpacks.count(ref);
  }

  freeStep(encoding: number, ref: number, budget: number): boolean {
    if (encoding === Encoding.HASHTABLE)
      return this.dicts.dismantle(ref as DictRef, budget, (entry) => this.entries.free(entry));
    this.arena.free(ref);
    return true;
  }

  memoryBytes(encoding: number, ref: number, samples: number): number {
    if (encoding !== Encoding.HASHTABLE) return this.arena.usable(ref);
    return this.dicts.overheadBytes(ref as DictRef) + entriesBytes(this.dicts, this.arena, ref as DictRef, samples);
  }

  /** A copy of a value; its encoding is the same. */
  copy(encoding: number, ref: number): number {
    if (encoding === Encoding.INTSET) return this.intsets.copy(ref);
    if (encoding === Encoding.LISTPACK) return this.listpacks.copy(ref);
    const made = this.dicts.create();
    this.dicts.forEach(ref as DictRef, (entry, hash) => {
      this.dicts.insert(
        made,
        hash,
        this.createEntry(this.arena.u8[chunkOf(entry)]!, this.entries.keyStart(entry), this.entries.keyLength(entry)),
      );
    });
    return made;
  }

  // --- the open set ------------------------------------------------------------------------------------------------

  /** @hot */
  open(encoding: number, ref: number): void {
    this.encoding = encoding;
    this.ref = ref;
  }

  /** Another cursor over the same memory, for those who make one set from others. */
  get second(): Sets {
    return (this.other ??= new Sets(this.entries, this.dicts));
  }

  /** Makes the open set a dict at once when `expected` more members are too many for what it is. */
  expect(expected: number, limits: SetLimits): void {
    if (expected > (this.encoding === Encoding.INTSET ? limits.setMaxIntsetEntries : limits.setMaxListpackEntries))
      this.convertToDict();
  }

  /** Opens a new, empty set of this encoding. */
  openEmpty(encoding: number): void {
    if (encoding === Encoding.INTSET) this.open(encoding, this.intsets.create());
    else if (encoding === Encoding.LISTPACK) this.open(encoding, this.listpacks.create());
    else this.open(encoding, this.dicts.create());
  }

  /** Opens a new, empty set, with the encoding that suits its first member and about `expected` members. */
  openNew(bytes: Uint8Array, offset: number, length: number, expected: number, limits: SetLimits): void {
    if (expected <= limits.setMaxIntsetEntries && this.decimal.parse(bytes, offset, length)) {
      this.open(Encoding.INTSET, this.intsets.create());
    } else if (expected <= limits.setMaxListpackEntries) {
      this.open(Encoding.LISTPACK, this.listpacks.create(Math.min(9 + length, 64)));
    } else {
      this.open(Encoding.HASHTABLE, this.dicts.create());
    }
  }

  /** Frees the open set at once. */
  discard(): void {
    while (!this.freeStep(this.encoding, this.ref, 4096)) continue;
  }

  /** Members of the open set. @hot */
  size(): number {
    return this.count(this.encoding, this.ref);
  }

  /** @hot */
  has(bytes: Uint8Array, offset: number, length: number): boolean {
    return this.hasIn(this.encoding, this.ref, bytes, offset, length);
  }

  /** As `has`, of a set that need not be open. The member may be the borrowed one. @hot */
  hasIn(encoding: number, ref: number, bytes: Uint8Array, offset: number, length: number): boolean {
    if (encoding === Encoding.HASHTABLE) {
      return this.dicts.find(ref as DictRef, bytes, offset, length, this.dicts.hash(bytes, offset, length)) !== 0;
    }
    if (encoding === Encoding.LISTPACK)
      return this.listpacks.find(ref, this.listpacks.first(ref), bytes, offset, length, 0) !== 0;
    return this.decimal.parse(bytes, offset, length) && this.intsets.has(ref, this.decimal);
  }

  /** Adds a member; false when it exists already. It may lie in another set. @hot */
  add(bytes: Uint8Array, offset: number, length: number, limits: SetLimits): boolean {
    if (this.encoding === Encoding.HASHTABLE) return this.addToDict(bytes, offset, length);
    if (this.encoding === Encoding.INTSET) {
      if (!this.decimal.parse(bytes, offset, length)) return this.addToMixed(bytes, offset, length, limits);
      if (this.intsets.has(this.ref, this.decimal)) return false;
      this.ref = this.intsets.insert(this.ref, this.decimal);
      if (this.intsets.count(this.ref) > limits.setMaxIntsetEntries) this.convertToDict();
      return true;
    }
    const { listpacks, ref } = this;
    if (listpacks.find(ref, listpacks.first(ref), bytes, offset, length, 0) !== 0) return false;
    if (listpacks.count(ref) < limits.setMaxListpackEntries && this.fitsListpack(length, limits)) {
      this.ref = listpacks.append(ref, bytes, offset, length);
      return true;
    }
    checkKeyLength(length);
    this.convertToDict();
    return this.addToDict(bytes, offset, length);
  }

  private fitsListpack(length: number, limits: SetLimits): boolean {
    return length <= limits.setMaxListpackValue && this.listpacks.byteLength(this.ref) + length < LISTPACK_BYTES_MAX;
  }

  private addToDict(bytes: Uint8Array, offset: number, length: number): boolean {
    const { dicts } = this;
    const dict = this.ref as DictRef;
    const hash = dicts.hash(bytes, offset, length);
    if (dicts.find(dict, bytes, offset, length, hash) !== 0) return false;
    dicts.insert(dict, hash, this.createEntry(bytes, offset, length));
    return true;
  }

  /** The first member that is no integer comes into an intset. */
  private addToMixed(bytes: Uint8Array, offset: number, length: number, limits: SetLimits): boolean {
    const { intsets } = this;
    const longest = Math.max(length, intsets.longestText(this.ref));
    if (intsets.count(this.ref) < limits.setMaxListpackEntries && longest <= limits.setMaxListpackValue) {
      this.convertToListpack();
      this.ref = this.listpacks.append(this.ref, bytes, offset, length);
    } else {
      checkKeyLength(length);
      this.convertToDict();
      this.addToDict(bytes, offset, length);
    }
    return true;
  }

  private createEntry(bytes: Uint8Array, offset: number, length: number): number {
    return this.entries.create(0, 0, 0, bytes, offset, length, 0);
  }

  private convertToListpack(): void {
    const { intsets, listpacks } = this;
    const count = intsets.count(this.ref);
    let made = listpacks.create(16 + 3 * count);
    for (let index = 0; index < count; index++) {
      intsets.read(this.ref, index);
      made = listpacks.append(made, intsets.bytes, intsets.start, intsets.length);
    }
    intsets.free(this.ref);
    this.open(Encoding.LISTPACK, made);
  }

  /** Makes the open set a dict, whatever it was. */
  convertToDict(): void {
    const { dicts } = this;
    if (this.encoding === Encoding.HASHTABLE) return;
    const made = dicts.create();
    for (let more = this.first(); more; more = this.next()) {
      dicts.insert(
        made,
        dicts.hash(this.bytes, this.start, this.length),
        this.createEntry(this.bytes, this.start, this.length),
      );
    }
    this.arena.free(this.ref);
    this.open(Encoding.HASHTABLE, made);
  }

  /** Takes a member out; false when it is missing. @hot */
  delete(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.encoding === Encoding.HASHTABLE) {
      const hash = this.dicts.hash(bytes, offset, length);
      const entry = this.dicts.find(this.ref as DictRef, bytes, offset, length, hash);
      if (entry === 0) return false;
      this.dicts.remove(this.ref as DictRef, hash, entry);
      this.entries.free(entry);
      return true;
    }
    if (this.encoding === Encoding.INTSET) {
      if (!this.decimal.parse(bytes, offset, length) || !this.intsets.has(this.ref, this.decimal)) return false;
      this.ref = this.intsets.deleteAt(this.ref, this.intsets.index);
      return true;
    }
    const at = this.listpacks.find(this.ref, this.listpacks.first(this.ref), bytes, offset, length, 0);
    if (at === 0) return false;
    this.ref = this.listpacks.delete(this.ref, at);
    return true;
  }

  // --- walking -----------------------------------------------------------------------------------------------------

  /** Reads the first member; false when there is none. */
  first(): boolean {
    if (this.encoding === Encoding.HASHTABLE) {
      this.batch.clear();
      this.batchIndex = 0;
      this.walkCursor = this.dicts.scan(this.ref as DictRef, 0, WALK_BATCH, this.batch);
      return this.nextEntry();
    }
    if (this.encoding === Encoding.INTSET) {
      this.walkIndex = -1;
      this.walkCount = this.intsets.count(this.ref);
      return this.next();
    }
    this.walkIndex = this.listpacks.first(this.ref);
    return this.readListpack(this.walkIndex);
  }

  /** Reads the next member; false at the end. @hot */
  next(): boolean {
    if (this.encoding === Encoding.HASHTABLE) return this.nextEntry();
    if (this.encoding === Encoding.LISTPACK) {
      this.walkIndex = this.listpacks.next(this.ref, this.walkIndex);
      return this.readListpack(this.walkIndex);
    }
    if (++this.walkIndex >= this.walkCount) return false;
    this.readIndex(this.walkIndex);
    return true;
  }

  private nextEntry(): boolean {
    while (this.batchIndex === this.batch.length) {
      if (this.walkCursor === 0) return false;
      this.batch.clear();
      this.batchIndex = 0;
      this.walkCursor = this.dicts.scan(this.ref as DictRef, this.walkCursor, WALK_BATCH, this.batch);
    }
    this.readEntry(this.batch.refs[this.batchIndex++]!);
    return true;
  }

  private readListpack(at: number): boolean {
    if (at === 0) return false;
    const { listpacks } = this;
    listpacks.read(this.ref, at);
    this.bytes = listpacks.bytes;
    this.view = listpacks.view;
    this.start = listpacks.start;
    this.length = listpacks.length;
    return true;
  }

  private readIndex(index: number): void {
    this.intsets.read(this.ref, index);
    this.bytes = this.intsets.bytes;
    this.view = this.intsets.view;
    this.start = this.intsets.start;
    this.length = this.intsets.length;
  }

  /** Reads the member of an entry of the open set's dict. @hot */
  readEntry(entry: number): void {
    this.bytes = this.arena.u8[chunkOf(entry)]!;
    this.view = this.arena.views[chunkOf(entry)]!;
    this.start = this.entries.keyStart(entry);
    this.length = this.entries.keyLength(entry);
  }

  /** Emits entries of the open set, which must be a dict; see Dicts.scan. */
  scan(cursor: number, count: number, out: RefList): number {
    return this.dicts.scan(this.ref as DictRef, cursor, count, out);
  }

  // --- chance ------------------------------------------------------------------------------------------------------

  /** Reads a member drawn with equal chances; the set must not be empty. @hot */
  random(source: RandomSource): void {
    if (this.encoding === Encoding.HASHTABLE) {
      this.place = this.dicts.random(this.ref as DictRef, source);
      this.readEntry(this.place);
    } else if (this.encoding === Encoding.INTSET) {
      this.place = source.below(this.intsets.count(this.ref));
      this.readIndex(this.place);
    } else {
      this.place = this.listpacks.at(this.ref, source.below(this.listpacks.count(this.ref)));
      this.readListpack(this.place);
    }
  }

  /**
   * Where all members are, for `readPlace`, when `draws` draws with repetitions are worth the list. Holds until the set
   * changes.
   */
  listPlaces(draws: number): RefList | undefined {
    if (this.encoding === Encoding.INTSET || !isWorthPlaces(draws, this.size())) return undefined;
    if (this.encoding === Encoding.HASHTABLE) return allEntries(this.dicts, this.ref as DictRef);
    const { listpacks, ref } = this;
    const places = new RefList();
    for (let at = listpacks.first(ref); at !== 0; at = listpacks.next(ref, at)) places.push(at);
    return places;
  }

  /** Reads the member of a place that `listPlaces` has listed. @hot */
  readPlace(place: number): void {
    if (this.encoding === Encoding.HASHTABLE) this.readEntry(place);
    else this.readListpack(place);
  }

  /** Takes out the member that `random` has just read. @hot */
  deleteDrawn(): void {
    if (this.encoding === Encoding.HASHTABLE) {
      this.dicts.removeDrawn(this.ref as DictRef);
      this.entries.free(this.place);
    } else if (this.encoding === Encoding.INTSET) {
      this.ref = this.intsets.deleteAt(this.ref, this.place);
    } else {
      this.ref = this.listpacks.delete(this.ref, this.place);
    }
  }

  /**
   * Calls `visit` for `count` different members (fewer than there are), each choice of them equally likely, with the
   * member read.
   */
  sample(count: number, source: RandomSource, visit: () => void): void {
    const size = this.size();
    if (this.encoding !== Encoding.HASHTABLE) {
      let left = count;
      let rest = size;
      for (let more = this.first(); more && left > 0; more = this.next(), rest--) {
        if (source.below(rest) >= left) continue;
        left--;
        visit();
      }
      return;
    }
    const drawn = sampleEntries(this.dicts, this.ref as DictRef, count, source);
    for (let index = 0; index < count; index++) {
      this.readEntry(drawn[index]!);
      visit();
    }
  }

  /** Takes out `count` different members (fewer than there are), drawn as by `sample`; `visit` sees each before it goes. */
  pop(count: number, source: RandomSource, visit: () => void): void {
    if (this.encoding !== Encoding.HASHTABLE) {
      this.popFromBlock(count, source, visit);
      return;
    }
    const dict = this.ref as DictRef;
    const drawn = sampleEntries(this.dicts, dict, count, source);
    for (let index = 0; index < count; index++) {
      const entry = drawn[index]!;
      this.readEntry(entry);
      visit();
      this.dicts.remove(dict, this.dicts.hashOfEntry(entry), entry);
      this.entries.free(entry);
    }
  }

  /** One walk over a listpack or intset, which is made anew from the members that stay. */
  private popFromBlock(count: number, source: RandomSource, visit: () => void): void {
    const { intsets, listpacks } = this;
    const isIntset = this.encoding === Encoding.INTSET;
    let made = isIntset ? intsets.create() : listpacks.create();
    let left = count;
    let rest = this.size();
    for (let more = this.first(); more; more = this.next(), rest--) {
      if (source.below(rest) < left) {
        left--;
        visit();
      } else if (isIntset) {
        intsets.load(this.ref, this.walkIndex, this.decimal);
        intsets.has(made, this.decimal);
        made = intsets.insert(made, this.decimal);
      } else {
        made = listpacks.append(made, this.bytes, this.start, this.length);
      }
    }
    this.arena.free(this.ref);
    this.ref = isIntset ? made : listpacks.trim(made);
  }

  /** Throws where the open set contradicts itself. For tests. */
  verify(): void {
    if (this.encoding === Encoding.INTSET) this.intsets.verify(this.ref);
    else if (this.encoding === Encoding.LISTPACK) this.listpacks.verify(this.ref);
    else this.dicts.verify(this.ref as DictRef);
    let count = 0;
    for (let more = this.first(); more; more = this.next()) {
      count++;
      assert(this.has(this.bytes, this.start, this.length), 'a member is found');
    }
    assert(count === this.size(), 'members are counted');
  }
}
