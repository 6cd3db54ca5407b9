// hash: the hash type: a listpack of fields and values, the same with expiries, or a dict of string entries.
//
//   listpack    field value field value ...
//   listpackex  field value time field value time ...   by ascending time; fields that do not expire have 0 and come last
//   hashtable   a dict of string entries: key = field; NUMBER = the time when it expires (see hash-expiries)
//
// `open` binds to a value; everything below works on it until the next `open`, and `encoding` and `ref` are what has become
// of it: the caller stores them. `find` binds to a field, for what is then done with it. Fields past their time are
// treated as any other here: the caller compares `expiry` with the time.
//
// Not here: keys, replies, events, when expired fields go (commands/hash).

import { assert } from '../base/assert.js';
import type { RandomSource } from '../base/prng.js';
import { type Arena, NO_VIEW } from '../memory/arena.js';
import { chunkOf } from '../memory/layout.js';
import { type DictRef, type Dicts, RefList } from '../structures/dict.js';
import { checkKeyLength, type Entries, EXTERNAL, NUMBER } from '../structures/entry.js';
import { Listpacks } from '../structures/listpack.js';
import type { Container } from './container.js';
import { allEntries, entriesBytes, isWorthPlaces, sampleEntries } from './dict-entries.js';
import { FieldExpiries } from './hash-expiries.js';
import { Encoding } from './object.js';

/** The thresholds of the encodings, from the configuration. */
export interface HashLimits {
  readonly hashMaxListpackEntries: number;
  readonly hashMaxListpackValue: number;
}

/** Entries that a walk through a dict takes at a time, about. */
const WALK_BATCH = 512;
/** More bytes than this in one listpack are refused. */
const LISTPACK_BYTES_MAX = 2 ** 30;
const EMPTY_LISTPACK_BYTES = 7;

export class Hashes implements Container {
  readonly listpacks: Listpacks;
  readonly expiries: FieldExpiries;
  readonly arena: Arena;

  /** The open value. */
  encoding: number = Encoding.LISTPACK;
  ref = 0;
  /** The value of the field that was found or walked to; borrowed until the next read or change of any hash. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view of `bytes`. */
  view: DataView = NO_VIEW;
  start = 0;
  length = 0;
  /** When that field expires, in milliseconds since 1970, or -1. */
  expiry = -1;
  /** The name of the field that was walked to or drawn (not found); borrowed as the value. */
  fieldBytes: Uint8Array = new Uint8Array(0);
  fieldView: DataView = NO_VIEW;
  fieldStart = 0;
  fieldLength = 0;

  /** The bound field: its offset in the listpack, or its entry. */
  private place = 0;
  private placeHash = 0;
  /** Reads names and times, so that they do not disturb the value that `listpacks` reads. */
  private readonly names: Listpacks;
  private readonly batch = new RefList();
  private batchIndex = 0;
  private walkCursor = 0;

  constructor(
    readonly entries: Entries,
    readonly dicts: Dicts,
  ) {
    this.arena = entries.arena;
    this.listpacks = new Listpacks(this.arena);
    this.names = new Listpacks(this.arena);
    this.expiries = new FieldExpiries(dicts, entries);
  }

  // --- what every container offers ---------------------------------------------------------------------------------

  /** Fields, those past their time too. @hot */
  count(encoding: number, ref: number): number {
    if (encoding === Encoding.HASHTABLE) return this.dicts.count(ref as DictRef);
    const count = this.listpacks.count(ref);
    return encoding === Encoding.LISTPACK ? count >>> 1 : count / 3;
  }

  freeStep(encoding: number, ref: number, budget: number): boolean {
    if (encoding !== Encoding.HASHTABLE) {
      this.arena.free(ref);
      return true;
    }
    this.expiries.drop(ref as DictRef);
    return this.dicts.dismantle(ref as DictRef, budget, (entry) => this.entries.free(entry));
  }

  memoryBytes(encoding: number, ref: number, samples: number): number {
    if (encoding !== Encoding.HASHTABLE) return this.arena.usable(ref);
    const external = (entry: number): number => {
      return (this.entries.flags(entry) & EXTERNAL) === 0 ? 0 : this.arena.usable(this.entries.valueBlock(entry));
    };
    const own = this.dicts.overheadBytes(ref as DictRef) + this.expiries.overheadBytes(ref as DictRef);
    return own + entriesBytes(this.dicts, this.arena, ref as DictRef, samples, external);
  }

  /** A copy of a value, expiries included; its encoding is the same. */
  copy(encoding: number, ref: number): number {
    if (encoding !== Encoding.HASHTABLE) return this.listpacks.copy(ref);
    const made = this.createDict();
    this.dicts.forEach(ref as DictRef, (entry, hash) => {
      this.readEntry(entry);
      this.insertEntry(
        made,
        hash,
        this.fieldBytes,
        this.fieldStart,
        this.fieldLength,
        this.bytes,
        this.start,
        this.length,
        this.expiry,
      );
    });
    return made;
  }

  /** No field of the value expires before this time; -1 when none expires at all. */
  nextExpiry(encoding: number, ref: number): number {
    if (encoding === Encoding.LISTPACK) return -1;
    if (encoding === Encoding.HASHTABLE) return this.expiries.next(ref as DictRef);
    const first = this.names.first(ref);
    return first === 0 ? -1 : this.timeAt(ref, first);
  }

  // --- the open hash -----------------------------------------------------------------------------------------------

  /** @hot */
  open(encoding: number, ref: number): void {
    this.encoding = encoding;
    this.ref = ref;
  }

  /** Opens a new, empty hash, with room for `contentBytes` bytes of listpack entries. */
  openNew(contentBytes = 16): void {
    this.open(Encoding.LISTPACK, this.listpacks.create(EMPTY_LISTPACK_BYTES + contentBytes));
  }

  /** Opens a new, empty hash that is a dict. */
  openNewDict(): void {
    this.open(Encoding.HASHTABLE, this.createDict());
  }

  /** Frees the open hash at once. */
  discard(): void {
    while (!this.freeStep(this.encoding, this.ref, 4096)) continue;
  }

  /** Fields of the open hash, those past their time too. @hot */
  size(): number {
    return this.count(this.encoding, this.ref);
  }

  /** How many fields are past their time. */
  countExpired(now: number): number {
    const next = this.nextExpiry(this.encoding, this.ref);
    if (next < 0 || next >= now) return 0;
    let count = 0;
    for (let more = this.first(); more; more = this.next()) {
      if (this.expiry >= 0 && this.expiry < now) count++;
      else if (this.encoding === Encoding.LISTPACK_EX) break;
    }
    return count;
  }

  /** Binds to a field and reads its value and expiry; false when it is missing. @hot */
  find(field: Uint8Array, offset: number, length: number): boolean {
    if (this.encoding === Encoding.HASHTABLE) {
      this.placeHash = this.dicts.hash(field, offset, length);
      this.place = this.dicts.find(this.ref as DictRef, field, offset, length, this.placeHash);
      if (this.place === 0) return false;
      this.readValue(this.place);
      return true;
    }
    const { listpacks, ref } = this;
    this.place = listpacks.find(
      ref,
      listpacks.first(ref),
      field,
      offset,
      length,
      this.encoding === Encoding.LISTPACK ? 1 : 2,
    );
    if (this.place === 0) return false;
    this.readListpackValue(listpacks.next(ref, this.place));
    return true;
  }

  private readListpackValue(at: number): void {
    const { listpacks } = this;
    listpacks.read(this.ref, at);
    this.bytes = listpacks.bytes;
    this.view = listpacks.view;
    this.start = listpacks.start;
    this.length = listpacks.length;
    this.expiry = -1;
    if (this.encoding === Encoding.LISTPACK_EX) this.expiry = this.readTime(this.ref, listpacks.next(this.ref, at));
  }

  /** Reads the value of an entry. @hot */
  private readValue(entry: number): void {
    const { entries } = this;
    const chunk = chunkOf(entries.valueBlock(entry));
    this.bytes = this.arena.u8[chunk]!;
    this.view = this.arena.views[chunk]!;
    this.start = entries.valueStart(entry);
    this.length = entries.word2(entry);
    this.expiry = entries.hasNumber(entry) ? entries.number(entry) : -1;
  }

  /** The time of a field of a listpack by the field's offset. */
  private timeAt(ref: number, fieldAt: number): number {
    return this.readTime(ref, this.names.next(ref, this.names.next(ref, fieldAt)));
  }

  private readTime(ref: number, at: number): number {
    this.names.read(ref, at);
    return this.names.integer === 0 ? -1 : this.names.integer;
  }

  /**
   * Gives a field a value; true when the field is new. Its expiry goes unless `keepExpiry`. Neither may lie in this hash.
   * @hot
   */
  set(
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    limits: HashLimits,
    keepExpiry: boolean,
  ): boolean {
    if (this.encoding !== Encoding.HASHTABLE) {
      const longest = fieldLength > valueLength ? fieldLength : valueLength;
      if (
        longest <= limits.hashMaxListpackValue &&
        this.listpacks.byteLength(this.ref) + longest * 2 < LISTPACK_BYTES_MAX
      ) {
        return this.setInListpack(field, fieldOffset, fieldLength, value, valueOffset, valueLength, limits, keepExpiry);
      }
      checkKeyLength(fieldLength);
      this.convertToDict();
    }
    const { dicts, entries } = this;
    const dict = this.ref as DictRef;
    const hash = dicts.hash(field, fieldOffset, fieldLength);
    const entry = dicts.find(dict, field, fieldOffset, fieldLength, hash);
    if (entry === 0) {
      this.insertEntry(dict, hash, field, fieldOffset, fieldLength, value, valueOffset, valueLength, -1);
      return true;
    }
    this.place = entry;
    this.placeHash = hash;
    if (this.arena.guard !== null) this.arena.guard.beforeMember(dict, hash, entry);
    if (!keepExpiry && entries.hasNumber(entry)) this.setExpiry(-1);
    this.relocate(entries.setString(this.place, value, valueOffset, valueLength));
    return false;
  }

  /** As `set` of a field without expiry, but a field that exists already stays as it is; false then. */
  add(
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    limits: HashLimits,
  ): boolean {
    if (this.encoding !== Encoding.HASHTABLE) {
      if (this.find(field, fieldOffset, fieldLength)) return false;
      return this.set(field, fieldOffset, fieldLength, value, valueOffset, valueLength, limits, false);
    }
    const { dicts } = this;
    const dict = this.ref as DictRef;
    const hash = dicts.hash(field, fieldOffset, fieldLength);
    if (dicts.find(dict, field, fieldOffset, fieldLength, hash) !== 0) return false;
    this.insertEntry(dict, hash, field, fieldOffset, fieldLength, value, valueOffset, valueLength, -1);
    return true;
  }

  private setInListpack(
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    limits: HashLimits,
    keepExpiry: boolean,
  ): boolean {
    const { listpacks } = this;
    const plain = this.encoding === Encoding.LISTPACK;
    const at = listpacks.find(this.ref, listpacks.first(this.ref), field, fieldOffset, fieldLength, plain ? 1 : 2);
    if (at !== 0) {
      this.ref = listpacks.replace(this.ref, listpacks.next(this.ref, at), value, valueOffset, valueLength);
      if (!plain && !keepExpiry && this.timeAt(this.ref, at) >= 0) {
        this.place = at;
        this.moveInListpack(0);
      }
      return false;
    }
    let ref = listpacks.append(this.ref, field, fieldOffset, fieldLength);
    ref = listpacks.append(ref, value, valueOffset, valueLength);
    this.ref = plain ? ref : listpacks.appendInteger(ref, 0);
    if (this.size() > limits.hashMaxListpackEntries) this.convertToDict();
    return true;
  }

  /** The bound field's entry has another ref now. */
  private relocate(moved: number): void {
    if (moved !== this.place) this.dicts.replace(this.ref as DictRef, this.placeHash, this.place, moved);
    this.place = moved;
  }

  /** Takes out the bound field. @hot */
  deleteFound(): void {
    if (this.encoding === Encoding.HASHTABLE) {
      const dict = this.ref as DictRef;
      if (this.entries.hasNumber(this.place))
        this.expiries.remove(dict, this.placeHash, this.entries.number(this.place));
      this.dicts.remove(dict, this.placeHash, this.place);
      this.entries.free(this.place);
    } else {
      this.ref = this.listpacks.delete(this.ref, this.place, this.encoding === Encoding.LISTPACK ? 2 : 3);
    }
  }

  /** Takes a field out; false when it is missing. @hot */
  delete(field: Uint8Array, offset: number, length: number): boolean {
    if (!this.find(field, offset, length)) return false;
    this.deleteFound();
    return true;
  }

  /** Gives the listpack's leftover memory back; for after a hash was made with room ahead. */
  trim(): void {
    if (this.encoding !== Encoding.HASHTABLE) this.ref = this.listpacks.trim(this.ref);
  }

  // --- expiry ------------------------------------------------------------------------------------------------------

  /** Sets the time when the bound field expires, or takes it away (-1). A listpack becomes one with times. */
  setExpiry(ms: number): void {
    if (this.encoding !== Encoding.HASHTABLE) {
      if (this.encoding === Encoding.LISTPACK) {
        if (ms < 0) return;
        this.convertToListpackEx();
      }
      this.moveInListpack(ms < 0 ? 0 : ms);
    } else {
      const { entries } = this;
      const dict = this.ref as DictRef;
      if (this.arena.guard !== null) this.arena.guard.beforeMember(dict, this.placeHash, this.place);
      if (entries.hasNumber(this.place)) this.expiries.remove(dict, this.placeHash, entries.number(this.place));
      const inlineBytes = (entries.flags(this.place) & EXTERNAL) !== 0 ? 0 : entries.word2(this.place);
      this.relocate(entries.withNumber(this.place, ms >= 0, inlineBytes));
      if (ms >= 0) {
        entries.setNumber(this.place, ms);
        this.expiries.add(dict, this.placeHash, ms);
      }
      this.readValue(this.place);
    }
    this.expiry = ms;
  }

  /** Puts the bound field where its new time (0: none) belongs, after those of the same time. */
  private moveInListpack(time: number): void {
    const { listpacks, names } = this;
    names.read(this.ref, this.place);
    const field = names.bytes.slice(names.start, names.start + names.length);
    names.read(this.ref, listpacks.next(this.ref, this.place));
    const value = names.bytes.slice(names.start, names.start + names.length);
    let ref = listpacks.delete(this.ref, this.place, 3);
    let before = 0;
    if (time !== 0) {
      before = listpacks.first(ref);
      while (before !== 0) {
        const other = this.timeAt(ref, before);
        if (other < 0 || other > time) break;
        before = listpacks.next(ref, listpacks.next(ref, listpacks.next(ref, before)));
      }
    }
    if (before === 0) {
      ref = listpacks.append(ref, field, 0, field.length);
      this.place = listpacks.inserted;
      ref = listpacks.appendInteger(listpacks.append(ref, value, 0, value.length), time);
    } else {
      ref = listpacks.insertBefore(ref, before, field, 0, field.length);
      this.place = before;
      ref = listpacks.insertAfter(ref, listpacks.inserted, value, 0, value.length);
      ref = listpacks.insertIntegerAfter(ref, listpacks.inserted, time);
    }
    this.ref = ref;
    this.readListpackValue(listpacks.next(ref, this.place));
  }

  /**
   * Deletes up to about `budget` fields whose time is before `now`; `visit` is called for each, with its name read, while
   * it still is there. Returns how many went.
   */
  expireDue(now: number, budget: number, visit: () => void): number {
    if (this.encoding === Encoding.LISTPACK) return 0;
    if (this.encoding === Encoding.HASHTABLE) {
      return this.expiries.expireDue(this.ref as DictRef, now, budget, (entry, hash) => {
        this.place = entry;
        this.placeHash = hash;
        this.readEntry(entry);
        visit();
        this.deleteFound();
      });
    }
    let expired = 0;
    while (expired < budget && this.first() && this.expiry >= 0 && this.expiry < now) {
      visit();
      this.deleteFound();
      expired++;
    }
    return expired;
  }

  // --- conversion --------------------------------------------------------------------------------------------------

  private createDict(): DictRef {
    const dict = this.dicts.create();
    this.expiries.init(dict);
    return dict;
  }

  private insertEntry(
    dict: DictRef,
    hash: number,
    field: Uint8Array,
    fieldOffset: number,
    fieldLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
    expiry: number,
  ): void {
    const flags = expiry >= 0 ? NUMBER : 0;
    const entry = this.entries.createString(0, flags, field, fieldOffset, fieldLength, value, valueOffset, valueLength);
    this.dicts.insert(dict, hash, entry);
    if (expiry >= 0) {
      this.entries.setNumber(entry, expiry);
      this.expiries.add(dict, hash, expiry);
    }
  }

  /** Makes the open hash a dict, whatever it was. */
  convertToDict(): void {
    if (this.encoding === Encoding.HASHTABLE) return;
    const made = this.createDict();
    for (let more = this.first(); more; more = this.next()) {
      const hash = this.dicts.hash(this.fieldBytes, this.fieldStart, this.fieldLength);
      this.insertEntry(
        made,
        hash,
        this.fieldBytes,
        this.fieldStart,
        this.fieldLength,
        this.bytes,
        this.start,
        this.length,
        this.expiry,
      );
    }
    this.arena.free(this.ref);
    this.open(Encoding.HASHTABLE, made);
  }

  /** Gives each field of a plain listpack a time of 0, and keeps the bound field bound. */
  convertToListpackEx(): void {
    const { listpacks } = this;
    const bound = this.place;
    let made = listpacks.create(listpacks.byteLength(this.ref) + listpacks.count(this.ref));
    let place = 0;
    for (let more = this.first(); more; more = this.next()) {
      made = listpacks.append(made, this.fieldBytes, this.fieldStart, this.fieldLength);
      if (this.place === bound) place = listpacks.inserted;
      made = listpacks.append(made, this.bytes, this.start, this.length);
      made = listpacks.appendInteger(made, 0);
    }
    listpacks.free(this.ref);
    this.place = place;
    this.open(Encoding.LISTPACK_EX, made);
  }

  // --- walking -----------------------------------------------------------------------------------------------------

  /** Binds to the first field and reads it; false when there is none. The hash must not change during the walk. */
  first(): boolean {
    if (this.encoding !== Encoding.HASHTABLE) return this.readField(this.listpacks.first(this.ref));
    this.batch.clear();
    this.batchIndex = 0;
    this.walkCursor = this.dicts.scan(this.ref as DictRef, 0, WALK_BATCH, this.batch);
    return this.nextEntry();
  }

  /** @hot */
  next(): boolean {
    if (this.encoding === Encoding.HASHTABLE) return this.nextEntry();
    const { listpacks, ref } = this;
    const value = listpacks.next(ref, this.place);
    return this.readField(
      listpacks.next(ref, this.encoding === Encoding.LISTPACK ? value : listpacks.next(ref, value)),
    );
  }

  private nextEntry(): boolean {
    while (this.batchIndex === this.batch.length) {
      if (this.walkCursor === 0) return false;
      this.batch.clear();
      this.batchIndex = 0;
      this.walkCursor = this.dicts.scan(this.ref as DictRef, this.walkCursor, WALK_BATCH, this.batch);
    }
    this.place = this.batch.refs[this.batchIndex++]!;
    this.readEntry(this.place);
    return true;
  }

  private readField(at: number): boolean {
    this.place = at;
    if (at === 0) return false;
    // The time is read by the reader of names, so the value, and the time with it, comes first.
    this.readListpackValue(this.listpacks.next(this.ref, at));
    const { names } = this;
    names.read(this.ref, at);
    this.fieldBytes = names.bytes;
    this.fieldView = names.view;
    this.fieldStart = names.start;
    this.fieldLength = names.length;
    return true;
  }

  /** Reads the field, value and expiry of an entry of the open hash's dict. @hot */
  readEntry(entry: number): void {
    this.fieldBytes = this.arena.u8[chunkOf(entry)]!;
    this.fieldView = this.arena.views[chunkOf(entry)]!;
    this.fieldStart = this.entries.keyStart(entry);
    this.fieldLength = this.entries.keyLength(entry);
    this.readValue(entry);
  }

  /** Emits entries of the open hash, which must be a dict; see Dicts.scan. */
  scan(cursor: number, count: number, out: RefList): number {
    return this.dicts.scan(this.ref as DictRef, cursor, count, out);
  }

  // --- chance ------------------------------------------------------------------------------------------------------

  /** Reads a field drawn with equal chances; the hash must not be empty. */
  random(source: RandomSource): void {
    if (this.encoding === Encoding.HASHTABLE) {
      this.readEntry(this.dicts.random(this.ref as DictRef, source));
    } else {
      const width = this.encoding === Encoding.LISTPACK ? 2 : 3;
      this.readField(this.listpacks.at(this.ref, width * source.below(this.size())));
    }
  }

  /**
   * Where all fields are, for `readPlace`, when `draws` draws with repetitions are worth the list. Holds until the hash
   * changes.
   */
  listPlaces(draws: number): RefList | undefined {
    if (!isWorthPlaces(draws, this.size())) return undefined;
    if (this.encoding === Encoding.HASHTABLE) return allEntries(this.dicts, this.ref as DictRef);
    const { listpacks, ref } = this;
    const width = this.encoding === Encoding.LISTPACK ? 2 : 3;
    const places = new RefList();
    let index = 0;
    for (let at = listpacks.first(ref); at !== 0; at = listpacks.next(ref, at)) {
      if (index % width === 0) places.push(at);
      index++;
    }
    return places;
  }

  /** Reads the field of a place that `listPlaces` has listed. */
  readPlace(place: number): void {
    if (this.encoding === Encoding.HASHTABLE) this.readEntry(place);
    else this.readField(place);
  }

  /** Calls `visit` for `count` different fields (fewer than there are), each choice of them equally likely. */
  sample(count: number, source: RandomSource, visit: () => void): void {
    if (this.encoding === Encoding.HASHTABLE) {
      const drawn = sampleEntries(this.dicts, this.ref as DictRef, count, source);
      for (let index = 0; index < count; index++) {
        this.readEntry(drawn[index]!);
        visit();
      }
      return;
    }
    let left = count;
    let rest = this.size();
    for (let more = this.first(); more && left > 0; more = this.next(), rest--) {
      if (source.below(rest) >= left) continue;
      left--;
      visit();
    }
  }

  /** Throws where the open hash contradicts itself. For tests. */
  verify(): void {
    if (this.encoding === Encoding.HASHTABLE) this.dicts.verify(this.ref as DictRef);
    else this.listpacks.verify(this.ref);
    const next = this.nextExpiry(this.encoding, this.ref);
    const names = new Set<string>();
    let expiring = 0;
    let before = 0;
    for (let more = this.first(); more; more = this.next()) {
      names.add(String.fromCharCode(...this.fieldBytes.subarray(this.fieldStart, this.fieldStart + this.fieldLength)));
      if (this.expiry >= 0) {
        expiring++;
        assert(next >= 0 && next <= this.expiry, 'no field expires before the next expiry');
      }
      if (this.encoding !== Encoding.LISTPACK_EX) continue;
      const time = this.expiry < 0 ? Infinity : this.expiry;
      assert(time >= before, 'a listpack of fields is in the order of their times');
      before = time;
    }
    assert(names.size === this.size(), 'fields differ and are counted');
    if (this.encoding === Encoding.HASHTABLE)
      assert(this.expiries.count(this.ref as DictRef) === expiring, 'expiries are indexed');
  }
}
