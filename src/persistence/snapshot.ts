// snapshot: a cut in time of all databases, taken while commands go on.
//
// When it begins, the keyspace's epoch flips: every entry that is there differs in its EPOCH bit and is of the old epoch,
// new ones are not. A walk goes through the dicts in slices between events, hands each old entry to the encoder and flips
// its bit. Before a command changes or deletes an entry that the walk has not reached, the keyspace calls `beforeChange`
// and the entry is handed over first. So what is written is exactly what was there at the cut, in any order.
//
//   - A big collection is encoded in steps. If it is to be changed meanwhile, the rest of it is encoded at once.
//   - What is handed over while a big value is half written goes behind it (`overflow`).
//   - FLUSHDB gives the snapshot the dict that it still needs; SWAPDB moves Database objects, which the walk follows.
//   - The walk stops while the sink has no room. Commands never wait for it.
//
// Memory: the sink's bound, one chunk, and what commands force out faster than the disk takes it.
// Outside of a snapshot all entries have the keyspace's epoch; after `abort` a walk sees to that again.
//
// Not here: when to walk and how long (persistence), what bytes come out (the encoder), where they go (the sink).

import type { Database } from '../keyspace/database.js';
import type { SnapshotBarrier } from '../keyspace/events.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { type DictRef, RefList } from '../structures/dict.js';
import { EPOCH } from '../structures/entry.js';
import type { RdbWriter } from './rdb-writer.js';
import type { SnapshotSink } from './snapshot-sink.js';

const CHUNK_BYTES = 224 * 1024;
const BATCH = 64;
/** Values with more elements are encoded in steps. */
const BIG_COUNT = 1024;
const STEP_ELEMENTS = 256;

/** Turns entries into bytes. */
export interface SnapshotEncoder {
  /** What stands before the first entry. */
  start(writer: RdbWriter): void;
  /** What stands before the entries of a database; called again when entries of another one came between. */
  selectDatabase(writer: RdbWriter, index: number): void;
  /** Hints on a database's size, once, after it was selected for the first time. */
  announceDatabase(writer: RdbWriter, keys: number, expires: number): void;
  /** Writes an entry, or its beginning; true when that was all of it. */
  begin(writer: RdbWriter, entry: number): boolean;
  /** Goes on with the entry that was begun last; true when it is complete. */
  step(budget: number): boolean;
  end(writer: RdbWriter): void;
}

interface Section {
  readonly database: Database;
  /** The database's number at the cut. */
  readonly index: number;
  readonly dict: DictRef;
  readonly keys: number;
  readonly expires: number;
  cursor: number;
  /** The dict is the snapshot's own to release. */
  isDetached: boolean;
}

export class Snapshot implements SnapshotBarrier {
  /** Entries that were handed over. */
  entriesDone = 0;
  /** Entries that had to be handed over because a command changed them. */
  entriesForced = 0;
  readonly entriesTotal: number;
  private readonly sections: Section[] = [];
  private sectionIndex = 0;
  private readonly indexes = new Map<Database, number>();
  private readonly refs = new RefList();
  /** Big values that are next, as (entry, database number). */
  private readonly big: { entry: number; index: number }[] = [];
  private activeEntry = 0;
  private activeIndex = 0;
  private readonly encoder: SnapshotEncoder;
  private readonly overflowEncoder: SnapshotEncoder;
  private selected = -1;
  private overflowSelected = -1;
  private isDiscarding = false;
  private hasEnded = false;

  constructor(
    private readonly keyspace: Keyspace,
    makeEncoder: () => SnapshotEncoder,
    /** Takes the bytes; `writer` and `overflow` are this snapshot's alone. */
    private readonly sink: SnapshotSink,
    private readonly writer: RdbWriter,
    private readonly overflow: RdbWriter,
  ) {
    this.encoder = makeEncoder();
    this.overflowEncoder = makeEncoder();
    let total = 0;
    keyspace.databases.forEach((database, index) => {
      this.indexes.set(database, index);
      if (database.size === 0) return;
      total += database.size;
      this.sections.push({ database, index, dict: database.dict, keys: database.size, expires: database.expiries.count, cursor: 0, isDetached: false });
    });
    this.entriesTotal = total;
    keyspace.epoch ^= EPOCH;
    keyspace.barrier = this;
    this.encoder.start(writer);
  }

  /** Whether the walk is over: all entries are of the present epoch again. */
  get isOver(): boolean {
    return this.hasEnded;
  }

  /** Whether a walk would be of use now. */
  get canWalk(): boolean {
    return !this.hasEnded && (this.isDiscarding || this.sink.room);
  }

  // --- the barrier --------------------------------------------------------------------------------------------------

  beforeChange(database: Database, entry: number, _hash: number): void {
    if (this.isDiscarding) return;
    this.entriesForced++;
    if (entry === this.activeEntry) {
      this.finishActive();
      return;
    }
    for (let at = 0; at < this.big.length; at++) {
      if (this.big[at]!.entry !== entry) continue;
      this.big.splice(at, 1);
      break;
    }
    this.takeWhole(entry, this.indexes.get(database)!);
  }

  takesDict(_database: Database, dict: DictRef): boolean {
    if (this.isDiscarding) return false;
    for (let at = 0; at < this.sections.length; at++) {
      const section = this.sections[at]!;
      if (section.dict !== dict) continue;
      const isActive = this.activeEntry !== 0 && this.activeIndex === section.index;
      section.isDetached = at >= this.sectionIndex || isActive || this.big.some((value) => value.index === section.index);
      return section.isDetached;
    }
    return false;
  }

  /** Encodes an entry to its end, behind a value that is half written if there is one. */
  private takeWhole(entry: number, index: number): void {
    const behind = this.activeEntry !== 0;
    const writer = behind ? this.overflow : this.writer;
    if ((behind ? this.overflowSelected : this.selected) !== index) {
      this.encoder.selectDatabase(writer, index);
      if (behind) this.overflowSelected = index;
      else this.selected = index;
    }
    this.markTaken(entry);
    if (behind) {
      this.overflowEncoder.begin(writer, entry);
      while (!this.overflowEncoder.step(STEP_ELEMENTS)) continue;
      return;
    }
    if (!this.encoder.begin(writer, entry)) while (!this.encoder.step(STEP_ELEMENTS)) this.sendIfFull();
    this.sendIfFull();
  }

  private markTaken(entry: number): void {
    this.keyspace.entries.setEpoch(entry, this.keyspace.epoch);
    this.entriesDone++;
  }

  private sendIfFull(): void {
    if (this.writer.length >= CHUNK_BYTES) this.sink.send(this.writer);
  }

  // --- the walk -----------------------------------------------------------------------------------------------------

  /** Walks until `isTime` says so, the sink has no room, or the end. */
  walk(isTime: () => boolean): void {
    while (this.canWalk) {
      if (this.activeEntry !== 0) this.stepActive();
      else if (this.big.length > 0) this.startBig();
      else if (this.sectionIndex < this.sections.length) this.walkBatch(this.sections[this.sectionIndex]!);
      else {
        this.end();
        return;
      }
      if (isTime()) return;
    }
  }

  private walkBatch(section: Section): void {
    const { keyspace, refs } = this;
    const { entries } = keyspace;
    refs.clear();
    if (section.cursor === 0 && !this.isDiscarding) this.announce(section);
    section.cursor = keyspace.dicts.scan(section.dict, section.cursor, BATCH, refs);
    const list = refs.refs;
    for (let at = 0; at < refs.length; at++) {
      const entry = list[at]!;
      if (entries.epoch(entry) === keyspace.epoch) continue;
      if (this.isDiscarding) entries.setEpoch(entry, keyspace.epoch);
      else if (keyspace.values.count(entry) > BIG_COUNT) this.big.push({ entry, index: section.index });
      else this.takeWhole(entry, section.index);
    }
    if (section.cursor === 0) this.sectionIndex++;
  }

  private announce(section: Section): void {
    if (this.selected !== section.index) this.encoder.selectDatabase(this.writer, section.index);
    this.selected = section.index;
    this.encoder.announceDatabase(this.writer, section.keys, section.expires);
  }

  private startBig(): void {
    const { entry, index } = this.big.shift()!;
    if (this.isDiscarding) {
      this.keyspace.entries.setEpoch(entry, this.keyspace.epoch);
      return;
    }
    if (this.selected !== index) this.encoder.selectDatabase(this.writer, index);
    this.selected = index;
    this.overflowSelected = -1;
    // The bit stays old while it is being written, so that a change of it comes here first.
    this.activeEntry = entry;
    this.activeIndex = index;
    if (this.encoder.begin(this.writer, entry)) this.closeActive();
  }

  private stepActive(): void {
    if (this.encoder.step(STEP_ELEMENTS)) this.closeActive();
    else this.sendIfFull();
  }

  private finishActive(): void {
    while (!this.encoder.step(STEP_ELEMENTS)) this.sendIfFull();
    this.closeActive();
  }

  private closeActive(): void {
    this.markTaken(this.activeEntry);
    this.activeEntry = 0;
    if (this.overflow.length === 0) {
      this.sendIfFull();
      return;
    }
    this.sink.send(this.writer);
    this.sink.send(this.overflow);
    this.selected = this.overflowSelected;
  }

  private end(): void {
    this.hasEnded = true;
    if (this.keyspace.barrier === this) this.keyspace.barrier = null;
    for (const section of this.sections) if (section.isDetached) this.keyspace.releaseDict(section.dict);
    if (this.isDiscarding) return;
    this.encoder.end(this.writer);
    this.sink.send(this.writer);
  }

  /** Gives up: nothing more is encoded, but the walk goes on until all entries are of the present epoch. */
  abort(): void {
    if (this.hasEnded || this.isDiscarding) return;
    this.isDiscarding = true;
    this.keyspace.barrier = null;
    // The value that is half written is left as if it had been taken.
    if (this.activeEntry !== 0) this.keyspace.entries.setEpoch(this.activeEntry, this.keyspace.epoch);
    this.activeEntry = 0;
    for (const { entry } of this.big.splice(0)) this.keyspace.entries.setEpoch(entry, this.keyspace.epoch);
    const left = this.sections.splice(this.sectionIndex);
    for (const section of left) if (!section.isDetached) this.sections.push(section);
    for (const section of [...left, ...this.sections.slice(0, this.sectionIndex)]) {
      if (section.isDetached) this.keyspace.releaseDict(section.dict);
      section.isDetached = false;
    }
    if (this.sectionIndex >= this.sections.length) this.end();
  }
}
