// sorted-set: members with scores, in one listpack while they are few and short, else as a dict of members with an index.
//
// A value is an encoding and a ref (of the listpack, or of the dict). A change of a value leaves the new pair in
// `encoding` and `ref`, as a listpack may move or turn into the big form. Ranges of any kind (ranks, scores, members) are
// first turned into a range of ranks; a SortedSetWalk then visits it.
//
// The big form is what Redis calls skiplist: a dict entry a member (its number is the score), in the order of
// structures/sorted-index. The snapshot barrier's bit of a member is its entry's EPOCH.
//
// Not here: the order of the big form (structures/sorted-index), the listpack's layout (sorted-set-listpack).

import { copyBytes } from '../base/bytes.js';
import type { RandomSource } from '../base/prng.js';
import { NO_VIEW } from '../memory/arena.js';
import { CHUNK_SHIFT } from '../memory/layout.js';
import { RefMarks } from '../memory/ref-marks.js';
import { type DictRef, type Dicts, RefList } from '../structures/dict.js';
import { type Entries, NUMBER } from '../structures/entry.js';
import type { Listpacks } from '../structures/listpack.js';
import { SortedIndexes } from '../structures/sorted-index.js';
import type { Container } from './container.js';
import { allEntries, isWorthPlaces } from './dict-entries.js';
import { Encoding } from './object.js';
import { SortedListpacks } from './sorted-set-listpack.js';

/** A listpack beyond this many bytes would not be safe in Redis either. */
const LISTPACK_BYTES_MAX = 1 << 30;
const SAMPLES_ALL = 0;
/** So few members are taken out one by one. */
const REBUILD_MIN = 1024;
/** Fewer than a part of this size that stay become a new set, which costs about 1 us each. */
const REBUILD_PART = 64;
/** More than a part of this size that go are swept out of the dict, which costs about 10 ns for each of all members. */
const SWEEP_PART = 32;

export interface SortedSetLimits {
  readonly zsetMaxListpackEntries: number;
  readonly zsetMaxListpackValue: number;
}

/** How `add` treats existing and new members. */
export const AddFlag = {
  /** The number is added to the score. */
  INCREMENT: 1,
  /** Only new members. */
  NEW: 2,
  /** Only existing members. */
  OLD: 4,
  /** Only if the score becomes higher. */
  GREATER: 8,
  /** Only if the score becomes lower. */
  LESS: 16,
} as const;

export type AddResult = 'added' | 'updated' | 'same' | 'skipped' | 'nan';

/** All sorted sets of one arena. */
export class SortedSets implements Container {
  /** The value after the last change. */
  encoding = 0;
  ref = 0;
  /** The score of the member after the last `add`. */
  newScore = 0;

  readonly indexes: SortedIndexes;
  readonly small: SortedListpacks;
  /** A walk for any code that needs one, until other code does. */
  readonly walk: SortedSetWalk;

  /** Frees entries that were taken out of a set; whoever can do so in slices puts a function of his own here. */
  release = (removed: RefList): void => {
    for (let index = 0; index < removed.length; index++) this.entries.free(removed.refs[index]!);
  };

  constructor(
    readonly entries: Entries,
    readonly dicts: Dicts,
    readonly listpacks: Listpacks,
  ) {
    this.indexes = new SortedIndexes(entries.arena);
    this.small = new SortedListpacks(listpacks);
    this.walk = new SortedSetWalk(this);
  }

  /** Makes an empty set, in the form that suits `count` members of up to `memberBytes` bytes; sets `encoding` and `ref`. */
  create(count: number, memberBytes: number, limits: SortedSetLimits): void {
    if (
      count <= limits.zsetMaxListpackEntries &&
      memberBytes <= limits.zsetMaxListpackValue &&
      limits.zsetMaxListpackEntries > 0
    ) {
      this.encoding = Encoding.LISTPACK;
      this.ref = this.listpacks.create(Math.min(24 + memberBytes, 64));
    } else {
      this.encoding = Encoding.SKIPLIST;
      this.ref = this.createBig();
    }
  }

  private createBig(): DictRef {
    const set = this.dicts.create();
    this.indexes.create(set);
    return set;
  }

  /** @hot */
  count(encoding: number, ref: number): number {
    return encoding === Encoding.LISTPACK ? this.small.count(ref) : this.dicts.count(ref as DictRef);
  }

  /** The member's score, or NaN when it is missing. @hot */
  score(encoding: number, ref: number, bytes: Uint8Array, offset: number, length: number): number {
    if (encoding === Encoding.LISTPACK) {
      const at = this.small.find(ref, bytes, offset, length);
      return at === 0 ? NaN : this.small.score(ref, at);
    }
    const set = ref as DictRef;
    const entry = this.dicts.find(set, bytes, offset, length, this.dicts.hash(bytes, offset, length));
    return entry === 0 ? NaN : this.entries.number(entry);
  }

  /** The member's rank, from the lowest, or -1 when it is missing; its score is left in `newScore`. */
  rank(encoding: number, ref: number, bytes: Uint8Array, offset: number, length: number): number {
    if (encoding === Encoding.LISTPACK) {
      const at = this.small.find(ref, bytes, offset, length);
      if (at === 0) return -1;
      this.newScore = this.small.score(ref, at);
      return this.small.rank(ref, at);
    }
    const set = ref as DictRef;
    const entry = this.dicts.find(set, bytes, offset, length, this.dicts.hash(bytes, offset, length));
    if (entry === 0) return -1;
    this.newScore = this.entries.number(entry);
    return this.indexes.rankOf(set, this.newScore, entry);
  }

  /**
   * ZADD of one member: adds it, changes its score, or leaves it, as the flags (AddFlag) say. Sets `encoding`, `ref` and
   * `newScore`. The score must be a number.
   * @hot
   */
  add(
    encoding: number,
    ref: number,
    score: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    limits: SortedSetLimits,
  ): AddResult {
    this.encoding = encoding;
    this.ref = ref;
    if (encoding === Encoding.LISTPACK) {
      const at = this.small.find(ref, bytes, offset, length);
      if (at !== 0) {
        const old = this.small.score(ref, at);
        const result = this.decide(old, score, flags);
        if (result === 'updated') this.ref = this.small.update(ref, at, this.newScore, bytes, offset, length);
        return result;
      }
      if ((flags & AddFlag.OLD) !== 0) return 'skipped';
      this.newScore = score;
      const fits = this.small.count(ref) < limits.zsetMaxListpackEntries && length <= limits.zsetMaxListpackValue;
      if (fits && this.listpacks.byteLength(ref) + length < LISTPACK_BYTES_MAX) {
        this.ref = this.small.insert(ref, score, bytes, offset, length);
        return 'added';
      }
      this.toBig();
    }
    return this.addBig(this.ref as DictRef, score, flags, bytes, offset, length);
  }

  private addBig(
    set: DictRef,
    score: number,
    flags: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): AddResult {
    const hash = this.dicts.hash(bytes, offset, length);
    const entry = this.dicts.find(set, bytes, offset, length, hash);
    if (entry !== 0) {
      const old = this.entries.number(entry);
      const result = this.decide(old, score, flags);
      if (result === 'updated') {
        if (this.entries.arena.guard !== null) this.entries.arena.guard.beforeMember(set, hash, entry);
        this.indexes.update(set, old, this.newScore, entry);
        this.entries.setNumber(entry, this.newScore);
      }
      return result;
    }
    if ((flags & AddFlag.OLD) !== 0) return 'skipped';
    this.newScore = score;
    this.insertBig(set, score, hash, bytes, offset, length);
    return 'added';
  }

  /** Adds a new member to a big set. */
  private insertBig(
    set: DictRef,
    score: number,
    hash: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const made = this.entries.create(0, NUMBER, 0, bytes, offset, length, 0);
    this.entries.setNumber(made, score);
    this.dicts.insert(set, hash, made);
    this.indexes.insert(set, score, made);
  }

  /** For a set that is being made: gives a member of it, which is big, what `combine` makes of its score and another, or adds it with that other score. */
  accumulate(
    ref: number,
    score: number,
    combine: (a: number, b: number) => number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const set = ref as DictRef;
    const hash = this.dicts.hash(bytes, offset, length);
    const entry = this.dicts.find(set, bytes, offset, length, hash);
    if (entry === 0) {
      this.insertBig(set, score, hash, bytes, offset, length);
      return;
    }
    const old = this.entries.number(entry);
    const next = combine(old, score);
    if (Object.is(old, next)) return;
    this.indexes.update(set, old, next, entry);
    this.entries.setNumber(entry, next);
  }

  /** Applies the flags to an existing member; sets `newScore`. */
  private decide(old: number, score: number, flags: number): AddResult {
    this.newScore = old;
    if ((flags & AddFlag.NEW) !== 0) return 'skipped';
    let next = score;
    if ((flags & AddFlag.INCREMENT) !== 0) {
      next = old + score;
      if (next !== next) return 'nan';
    }
    if ((flags & AddFlag.LESS) !== 0 && next >= old) return 'skipped';
    if ((flags & AddFlag.GREATER) !== 0 && next <= old) return 'skipped';
    this.newScore = next;
    return next === old ? 'same' : 'updated';
  }

  /** Takes a member away; false when it was missing. Sets `encoding` and `ref`. The set may become empty. @hot */
  remove(encoding: number, ref: number, bytes: Uint8Array, offset: number, length: number): boolean {
    this.encoding = encoding;
    this.ref = ref;
    if (encoding === Encoding.LISTPACK) {
      const at = this.small.find(ref, bytes, offset, length);
      if (at === 0) return false;
      this.ref = this.small.remove(ref, at, 1);
      return true;
    }
    const set = ref as DictRef;
    const hash = this.dicts.hash(bytes, offset, length);
    const entry = this.dicts.find(set, bytes, offset, length, hash);
    if (entry === 0) return false;
    this.indexes.remove(set, this.entries.number(entry), entry);
    this.dicts.remove(set, hash, entry);
    this.entries.free(entry);
    return true;
  }

  /**
   * Takes `count` members away, from this rank on; all of them must be there, and not be all. Sets `encoding` and `ref`. When
   * very few stay, they become a new set, and the ref of the old one (else 0), with the encoding SKIPLIST, is returned, which
   * the caller has to free.
   */
  removeRanks(encoding: number, ref: number, rank: number, count: number): number {
    this.encoding = encoding;
    this.ref = ref;
    if (encoding === Encoding.LISTPACK) {
      this.ref = this.small.remove(ref, this.small.atRank(ref, rank), count);
      return 0;
    }
    const set = ref as DictRef;
    const size = this.dicts.count(set);
    if (count > REBUILD_MIN && (size - count) * REBUILD_PART < size) {
      this.ref = this.createBig();
      this.copyRanks(set, 0, rank, this.ref as DictRef);
      this.copyRanks(set, rank + count, size, this.ref as DictRef);
      return set;
    }
    if (count > REBUILD_MIN && count * SWEEP_PART > size) {
      this.sweepRanks(set, rank, count);
      return 0;
    }
    this.forgetting = set;
    for (let left = count; left > 0;) left -= this.indexes.removeRun(set, rank, left, this.forget);
    return 0;
  }

  /** Takes members out by one pass over the dict, without a look at those who stay. */
  private sweepRanks(set: DictRef, rank: number, count: number): void {
    const marks = new RefMarks();
    const removed = new RefList(count);
    const visit = (entry: number): void => {
      marks.add(entry);
      removed.push(entry);
    };
    for (let left = count; left > 0;) left -= this.indexes.removeRun(set, rank, left, visit);
    this.dicts.removeMarked(set, marks);
    this.release(removed);
  }

  private forgetting = 0 as DictRef;
  /** The index has let a member go: the dict does so too. */
  private readonly forget = (entry: number): void => {
    this.dicts.remove(this.forgetting, this.dicts.hashOfEntry(entry), entry);
    this.entries.free(entry);
  };

  /** Adds the members of ranks from `from` to before `to` to another big set, which has none of them. */
  private copyRanks(set: DictRef, from: number, to: number, made: DictRef): void {
    const { walk } = this;
    if (from === to) return;
    walk.from(Encoding.SKIPLIST, set, from);
    for (let left = to - from; left > 0; left--) {
      this.insertBig(
        made,
        walk.score,
        this.dicts.hash(walk.bytes, walk.start, walk.length),
        walk.bytes,
        walk.start,
        walk.length,
      );
      walk.next();
    }
  }

  /** How many members have a score below `score`, or at most `score` when `beyond`: the rank where a range begins or ends. */
  countBelow(encoding: number, ref: number, score: number, beyond: boolean): number {
    if (encoding === Encoding.LISTPACK) return this.small.countBelow(ref, score, beyond);
    return this.indexes.seekScore(ref as DictRef, score, beyond);
  }

  /** How many members are before these bytes, or at most these bytes when `beyond`, in a set of equal scores. */
  countBefore(
    encoding: number,
    ref: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    beyond: boolean,
  ): number {
    if (encoding === Encoding.LISTPACK) return this.small.countBefore(ref, bytes, offset, length, beyond);
    return this.indexes.seekMember(ref as DictRef, bytes, offset, length, beyond);
  }

  /** A member drawn with equal chances, which the walk can `recall`; the set must not be empty. */
  randomPlace(encoding: number, ref: number, random: RandomSource): number {
    return encoding === Encoding.LISTPACK
      ? this.small.atRank(ref, random.below(this.small.count(ref)))
      : this.dicts.random(ref as DictRef, random);
  }

  /**
   * All members, for the walk to `recall`, when `draws` draws with repetitions are worth the list. Holds until the set
   * changes.
   */
  listPlaces(encoding: number, ref: number, draws: number): RefList | undefined {
    if (!isWorthPlaces(draws, this.count(encoding, ref))) return undefined;
    if (encoding !== Encoding.LISTPACK) return allEntries(this.dicts, ref as DictRef);
    const places = new RefList();
    for (let at = this.listpacks.first(ref); at !== 0; at = this.small.next(ref, at)) places.push(at);
    return places;
  }

  /** ZSCAN of a big set: emits member entries; see Dicts.scan. */
  scan(ref: number, cursor: number, count: number, out: RefList): number {
    return this.dicts.scan(ref as DictRef, cursor, count, out);
  }

  /** Makes a big set of the listpack in `ref`. */
  private toBig(): void {
    const { listpacks, small } = this;
    const set = this.createBig();
    for (let at = listpacks.first(this.ref); at !== 0; at = small.next(this.ref, at)) {
      const score = small.score(this.ref, at);
      listpacks.read(this.ref, at);
      this.insertBig(
        set,
        score,
        this.dicts.hash(listpacks.bytes, listpacks.start, listpacks.length),
        listpacks.bytes,
        listpacks.start,
        listpacks.length,
      );
    }
    listpacks.free(this.ref);
    this.ref = set;
    this.encoding = Encoding.SKIPLIST;
  }

  /**
   * Turns a value into the form that the limits ask for: a new result that stayed small, a loaded listpack that is beyond
   * the limits. Sets `encoding` and `ref`.
   */
  settle(encoding: number, ref: number, limits: SortedSetLimits): void {
    this.encoding = encoding;
    this.ref = ref;
    const count = this.count(encoding, ref);
    if (encoding === Encoding.LISTPACK) {
      if (count > limits.zsetMaxListpackEntries || this.longestMember(ref) > limits.zsetMaxListpackValue) this.toBig();
      return;
    }
    if (count > limits.zsetMaxListpackEntries) return;
    const set = ref as DictRef;
    const { indexes, entries } = this;
    for (indexes.seekFirst(set); indexes.leaf !== 0; indexes.next())
      if (entries.keyLength(indexes.entry()) > limits.zsetMaxListpackValue) return;
    let made = this.listpacks.create();
    for (indexes.seekFirst(set); indexes.leaf !== 0; indexes.next()) {
      const entry = indexes.entry();
      made = this.small.append(
        made,
        indexes.score(),
        entries.arena.u8[entry >>> CHUNK_SHIFT]!,
        entries.keyStart(entry),
        entries.keyLength(entry),
      );
    }
    this.free(encoding, ref);
    this.encoding = Encoding.LISTPACK;
    this.ref = made;
  }

  private longestMember(ref: number): number {
    let longest = 0;
    for (let at = this.listpacks.first(ref); at !== 0; at = this.small.next(ref, at)) {
      this.listpacks.read(ref, at);
      longest = Math.max(longest, this.listpacks.length);
    }
    return longest;
  }

  /** A copy of a value; its encoding is the same. */
  copy(encoding: number, ref: number): number {
    if (encoding === Encoding.LISTPACK) return this.listpacks.copy(ref);
    const made = this.createBig();
    this.copyRanks(ref as DictRef, 0, this.count(encoding, ref), made);
    return made;
  }

  /** Frees a value at once. For small ones and those that nobody saw; see `freeStep`. */
  free(encoding: number, ref: number): void {
    while (!this.freeStep(encoding, ref, 1 << 30)) continue;
  }

  /** Frees about `budget` members; false when there is more. Nothing else may be done with the value from then on. */
  freeStep(encoding: number, ref: number, budget: number): boolean {
    if (encoding === Encoding.LISTPACK) {
      this.listpacks.free(ref);
      return true;
    }
    if (this.indexes.freeStep(ref as DictRef, budget, (entry) => this.entries.free(entry)) > 0) return false;
    return this.dicts.dismantle(ref as DictRef, budget * 16, () => undefined);
  }

  memoryBytes(encoding: number, ref: number, samples: number): number {
    const { arena } = this.entries;
    if (encoding === Encoding.LISTPACK) return arena.usable(ref);
    const set = ref as DictRef;
    let seen = 0;
    let bytes = 0;
    const { indexes } = this;
    for (indexes.seekFirst(set); indexes.leaf !== 0 && (samples === SAMPLES_ALL || seen < samples); indexes.next()) {
      bytes += arena.usable(indexes.entry());
      seen++;
    }
    const members = seen === 0 ? 0 : (bytes / seen) * this.dicts.count(set);
    return Math.round(this.dicts.overheadBytes(set) + indexes.bytes(set) + members);
  }

  /** Throws where a value contradicts itself. For tests. */
  verify(encoding: number, ref: number): void {
    if (encoding === Encoding.LISTPACK) {
      this.listpacks.verify(ref);
      return;
    }
    this.dicts.verify(ref as DictRef);
    const count = this.indexes.verify(ref as DictRef);
    if (count !== this.dicts.count(ref as DictRef))
      throw new Error(`the index has ${count} members, the dict ${this.dicts.count(ref as DictRef)}`);
  }
}

/** A walk over the members of a set in order, either way. Holds until the set changes. */
export class SortedSetWalk {
  /** The member at the present place (borrowed until the next step) and its score. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view of `bytes`. */
  view: DataView = NO_VIEW;
  start = 0;
  length = 0;
  score = 0;
  /** False beyond either end. */
  valid = false;

  private readonly text = new Uint8Array(24);
  private readonly textView = new DataView(this.text.buffer);
  private encoding = 0;
  private ref = 0;
  /** Listpack: the element's offset. Big set: the leaf. */
  private at = 0;
  private slot = 0;

  constructor(private readonly sets: SortedSets) {}

  /** Goes to the member of a rank. @hot */
  from(encoding: number, ref: number, rank: number): void {
    this.encoding = encoding;
    this.ref = ref;
    if (encoding === Encoding.LISTPACK) {
      this.at = this.sets.small.atRank(ref, rank);
      this.read();
      return;
    }
    const { indexes } = this.sets;
    if (rank === 0) indexes.seekFirst(ref as DictRef);
    else indexes.seekRank(ref as DictRef, rank);
    this.take();
  }

  /** Goes one on. @hot */
  next(): void {
    if (this.encoding === Encoding.LISTPACK) {
      this.at = this.sets.small.next(this.ref, this.at);
      this.read();
      return;
    }
    const { indexes } = this.sets;
    indexes.leaf = this.at;
    indexes.slot = this.slot;
    indexes.next();
    this.take();
  }

  /** Goes one back. @hot */
  previous(): void {
    if (this.encoding === Encoding.LISTPACK) {
      this.at = this.sets.small.previous(this.ref, this.at);
      this.read();
      return;
    }
    const { indexes } = this.sets;
    indexes.leaf = this.at;
    indexes.slot = this.slot;
    indexes.previous();
    this.take();
  }

  /** The present member as a number that `recall` understands, until the set changes. */
  mark(): number {
    return this.encoding === Encoding.LISTPACK ? this.at : this.sets.indexes.entryAt(this.at, this.slot);
  }

  /** Reads a member of a set's places; the walk cannot go on from there. @hot */
  recallOf(encoding: number, ref: number, place: number): void {
    this.encoding = encoding;
    this.ref = ref;
    this.recall(place);
  }

  /** Reads a member that was marked; the walk cannot go on from there. */
  recall(mark: number): void {
    if (this.encoding === Encoding.LISTPACK) {
      this.at = mark;
      this.read();
      return;
    }
    const { entries } = this.sets;
    this.score = entries.number(mark);
    this.bytes = entries.arena.u8[mark >>> CHUNK_SHIFT]!;
    this.view = entries.arena.views[mark >>> CHUNK_SHIFT]!;
    this.start = entries.keyStart(mark);
    this.length = entries.keyLength(mark);
  }

  private read(): void {
    this.valid = this.at !== 0;
    if (!this.valid) return;
    const { listpacks, small } = this.sets;
    this.score = small.score(this.ref, this.at);
    listpacks.read(this.ref, this.at);
    this.length = listpacks.length;
    if (listpacks.isInteger) {
      // The text of an integer is in a scratch of the listpacks, which the next look into any of them takes.
      this.bytes = this.text;
      this.view = this.textView;
      this.start = 0;
      copyBytes(this.text, 0, listpacks.bytes, listpacks.start, listpacks.length);
      return;
    }
    this.bytes = listpacks.bytes;
    this.view = listpacks.view;
    this.start = listpacks.start;
  }

  private take(): void {
    const { indexes, entries } = this.sets;
    this.at = indexes.leaf;
    this.slot = indexes.slot;
    this.valid = indexes.leaf !== 0;
    if (!this.valid) return;
    const entry = indexes.entry();
    this.score = indexes.score();
    this.bytes = entries.arena.u8[entry >>> CHUNK_SHIFT]!;
    this.view = entries.arena.views[entry >>> CHUNK_SHIFT]!;
    this.start = entries.keyStart(entry);
    this.length = entries.keyLength(entry);
  }
}
