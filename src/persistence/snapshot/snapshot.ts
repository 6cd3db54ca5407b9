// snapshot: a cut in time of all databases, taken while commands go on.
//
// When it begins, the keyspace's epoch flips: every existing entry differs in its EPOCH bit and is of the old epoch,
// new ones are not. A walk goes through the dicts in slices between events, hands each old entry to the encoder and flips
// its bit. Before a command changes or deletes an entry that the walk has not reached, the keyspace calls `beforeChange`
// and the entry is handed over first. So the written data is exactly that of the cut, in any order.
//
//   - A big string is written in parts too, by the walk alone: a command that would change it has the rest written first.
//   - A big collection is not handed over but opened, and then written in parts, by the walk and before changes (big-value).
//     One is being written, others that were opened by a change wait for the walk, which takes them before other keys.
//   - Entries handed over while a big value is half written follow it (`overflow`).
//   - FLUSHDB gives the snapshot the dict that it still needs, and DEL the big value; SWAPDB moves Database objects, which
//     the walk follows.
//   - The walk stops while the sink has no room. Commands never wait for it.
//
// Memory: the sink's bound, one chunk, and the bytes that commands force out faster than the disk takes them
// (`heldBytes`); the owner gives up when they are too many.
// Outside of a snapshot all entries have the keyspace's epoch; after `abort` a walk restores that.
//
// A snapshot of one slot of a cluster leaves the epoch and all other entries alone. There the bit says the opposite: entries that
// the walk must pass by, because they were handed over early or came after the cut, get it, and lose it when it comes there.
//
// Not here: the times of the walk (snapshot-run), the bytes (the encoder), their receiver (the sink).

import type { Database } from '../../keyspace/database.js';
import type { SnapshotBarrier } from '../../keyspace/events.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { firstHashOf } from '../../keyspace/slot-keys.js';
import type { PartGuard } from '../../memory/part-guard.js';
import { type DictRef, RefList } from '../../structures/dict.js';
import { EPOCH } from '../../structures/entry.js';
import { BIG_BYTES, BigString, type BigValue, BigValues, type PartEncoder, type PartHead } from './big-value.js';
import { PieceList } from './piece-list.js';
import { RdbWriter } from '../rdb/writer.js';
import type { SnapshotSink } from './snapshot-sink.js';
import type { StreamTail } from '../rdb/stream-tail.js';

const CHUNK_BYTES = 224 * 1024;
const BATCH = 64;
const HASHES = 2 ** 32;

/** Turns entries into bytes. */
export interface SnapshotEncoder extends PartEncoder {
  /** Writes the header, before the first entry. */
  start(writer: RdbWriter): void;
  /** Selects the database of the entries that follow; called again when entries of another one came between. */
  selectDatabase(writer: RdbWriter, index: number): void;
  /** Hints on a database's size, once, after it was selected for the first time. */
  announceDatabase(writer: RdbWriter, keys: number, expires: number): void;
  /** Writes an entry. */
  write(writer: RdbWriter, entry: number): void;
  /** Writes what stands before the parts of a big value; undefined, and nothing is written, when it must be written whole. */
  open(writer: RdbWriter, entry: number): PartHead | undefined;
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
  /** Where it ends: 2^32, or where the next slot begins. */
  readonly end: number;
  /** The dict is the snapshot's own to release. */
  isDetached: boolean;
}

export class Snapshot implements SnapshotBarrier, PartGuard {
  /** Entries that were handed over. */
  entriesDone = 0;
  /** Entries that had to be handed over because a command changed them. */
  entriesForced = 0;
  readonly entriesTotal: number;
  private readonly sections: Section[] = [];
  private sectionIndex = 0;
  private readonly indexes = new Map<Database, number>();
  private readonly refs = new RefList();
  private readonly bigValues: BigValues;
  /** Big values that the walk has come to, not opened yet. */
  private readonly found: { readonly entry: number; readonly index: number }[] = [];
  /** Values that were opened, by the refs of their dicts, quicklists and streams. */
  private readonly opened = new Map<number, BigValue>();
  /** Lists of nodes that were cut off from lists that are opened. */
  private readonly cutOff = new Map<number, BigValue>();
  /** Of the streams that are opened, what is pending in their groups. */
  private readonly tails = new Set<StreamTail>();
  /** Of the values that were opened, the ones that wait to be written. */
  private readonly waiting: BigValue[] = [];
  private active: BigValue | null = null;
  private readonly overflow: PieceList;
  private selected = -1;
  private overflowSelected = -1;
  private isDiscarding = false;
  private hasEnded = false;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly encoder: SnapshotEncoder,
    /** Takes the bytes; `writer` is this snapshot's alone. */
    private readonly sink: SnapshotSink,
    private readonly writer: RdbWriter,
    /** Collections of more bytes are written in parts. */
    bigBytes = BIG_BYTES,
    /** The slot that is written, of database 0; -1: everything. */
    private readonly slot = -1,
  ) {
    this.bigValues = new BigValues(keyspace, bigBytes);
    this.overflow = new PieceList(writer.compression);
    keyspace.databases.forEach((database, index) => this.indexes.set(database, index));
    this.entriesTotal = slot < 0 ? this.addDatabases() : this.addSlot(slot);
    if (slot < 0) keyspace.epoch ^= EPOCH;
    keyspace.barrier = this;
    encoder.start(writer);
  }

  /** Returns how many entries they have. */
  private addDatabases(): number {
    let total = 0;
    for (const [database, index] of this.indexes) {
      if (database.size === 0) continue;
      total += database.size;
      this.sections.push({
        database,
        index,
        dict: database.dict,
        keys: database.size,
        expires: database.expiries.count,
        cursor: 0,
        end: HASHES,
        isDetached: false,
      });
    }
    return total;
  }

  private addSlot(slot: number): number {
    const database = this.keyspace.databases[0]!;
    const keys = database.slots!.counts[slot]!;
    this.sections.push({
      database,
      index: 0,
      dict: database.dict,
      keys,
      expires: 0,
      cursor: firstHashOf(slot),
      end: firstHashOf(slot + 1),
      isDetached: false,
    });
    return keys;
  }

  /** Whether the walk is over: all entries are of the present epoch again. */
  get isOver(): boolean {
    return this.hasEnded;
  }

  /** Whether a walk would be of use now. */
  get canWalk(): boolean {
    return !this.hasEnded && (this.isDiscarding || this.sink.room);
  }

  /** Bytes that the snapshot keeps in memory: encoded ones and copies of what has changed. */
  get heldBytes(): number {
    let bytes = this.sink.pendingBytes + this.writer.length + this.overflow.length;
    for (const value of this.opened.values()) {
      bytes += value.early.length + value.copiedBytes + (value.head.tail?.copiedBytes ?? 0);
    }
    return bytes;
  }

  /** The bytes sent last may be the first part of a string: nothing else may follow them. */
  get isMidCommand(): boolean {
    return this.active instanceof BigString;
  }

  // --- the barrier --------------------------------------------------------------------------------------------------

  isDue(entry: number, hash: number): boolean {
    const { keyspace } = this;
    const isMarked = keyspace.entries.epoch(entry) !== keyspace.epoch;
    if (this.slot < 0) return isMarked;
    if (isMarked || !this.isOfSlot(hash)) return false;
    return this.isAhead(hash) || this.isOfWalk(entry);
  }

  entryAdded(entry: number, hash: number): void {
    if (this.slot < 0 || this.isDiscarding || !this.isOfSlot(hash) || !this.isAhead(hash)) return;
    this.keyspace.entries.setEpoch(entry, this.keyspace.epoch ^ EPOCH);
  }

  private isOfSlot(hash: number): boolean {
    const { slot } = this;
    return hash >>> 0 >= firstHashOf(slot) && hash >>> 0 < firstHashOf(slot + 1);
  }

  /** Whether the walk of a slot has still to come by. */
  private isAhead(hash: number): boolean {
    return this.sectionIndex === 0 && hash >>> 0 >= this.sections[0]!.cursor;
  }

  /** The walk has come by, and has not written it to the end. */
  private isOfWalk(entry: number): boolean {
    if (this.active instanceof BigString && this.active.entry === entry) return true;
    return this.found.some((value) => value.entry === entry);
  }

  beforeChange(database: Database, entry: number, hash: number): void {
    if (this.isDiscarding) return;
    this.entriesForced++;
    for (let at = 0; at < this.found.length; at++) {
      if (this.found[at]!.entry !== entry) continue;
      this.found.splice(at, 1);
      break;
    }
    if (this.active instanceof BigString && this.active.entry === entry) {
      // The rest of it goes now, as it is: about as fast as a command can read it.
      for (const value = this.active; this.active === value;) this.stepActive(value);
      return;
    }
    const index = this.indexes.get(database)!;
    if (!this.bigValues.isBig(entry) || !this.open(entry, index)) this.takeWhole(entry, index);
    // The walk will come by.
    if (this.slot >= 0 && this.isAhead(hash)) this.keyspace.entries.setEpoch(entry, this.keyspace.epoch ^ EPOCH);
  }

  takesDict(_database: Database, dict: DictRef): boolean {
    for (let at = 0; at < this.sections.length; at++) {
      const section = this.sections[at]!;
      if (section.dict !== dict) continue;
      if (this.isDiscarding) {
        // Nothing of it is needed, and its entries are of no epoch any more.
        this.sections.splice(at, 1);
        if (at < this.sectionIndex) this.sectionIndex--;
        return false;
      }
      const isBeingWritten = this.active instanceof BigString && this.active.database === section.index;
      section.isDetached =
        at >= this.sectionIndex || isBeingWritten || this.found.some((value) => value.index === section.index);
      return section.isDetached;
    }
    return false;
  }

  takesValue(type: number, encoding: number, ref: number): boolean {
    const value = this.opened.get(ref) ?? this.cutOff.get(ref);
    if (value === undefined) return false;
    if (this.isDiscarding) {
      this.opened.delete(ref);
      return false;
    }
    value.released.push({ type, encoding, ref });
    return true;
  }

  memberAdded(owner: number, hash: number, entry: number): void {
    this.opened.get(owner)?.memberAdded(hash, entry);
  }

  beforeMember(owner: number, hash: number, entry: number): void {
    this.opened.get(owner)?.beforeMember(hash, entry);
    this.sendIfFull();
  }

  beforeBlock(owner: number, block: number): void {
    this.opened.get(owner)?.beforeBlock(block);
  }

  beforeLeaf(leaf: number): void {
    for (const tail of this.tails) tail.beforeLeaf(leaf);
  }

  nodesCut(owner: number, cut: number): void {
    const value = this.opened.get(owner);
    if (value !== undefined) this.cutOff.set(cut, value);
  }

  /** Encodes an entry to its end, after the half-written value if there is one. */
  private takeWhole(entry: number, index: number): void {
    const behind = this.active !== null;
    const writer = behind ? this.overflow.writer : this.writer;
    if ((behind ? this.overflowSelected : this.selected) !== index) {
      this.encoder.selectDatabase(writer, index);
      if (behind) this.overflowSelected = index;
      else this.selected = index;
    }
    this.markTaken(entry);
    this.encoder.write(writer, entry);
    if (!behind) this.sendIfFull();
  }

  private markTaken(entry: number): void {
    this.keyspace.entries.setEpoch(entry, this.keyspace.epoch);
    this.entriesDone++;
  }

  private sendIfFull(): void {
    if (this.writer.length >= CHUNK_BYTES) this.sink.send(this.writer);
  }

  /** Opens a big value as it is now; the walk will write it next. False when it must be written whole. */
  private open(entry: number, index: number): boolean {
    const early = new PieceList(this.writer.compression);
    const head = this.encoder.open(early.writer, entry);
    if (head === undefined) return false;
    const { keyspace } = this;
    const value = this.bigValues.open(this.encoder, head, keyspace.entries.word2(entry), early);
    value.database = index;
    this.opened.set(value.ref, value);
    if (head.tail?.hasLeaves === true) this.tails.add(head.tail);
    this.waiting.push(value);
    keyspace.arena.guard = this;
    this.markTaken(entry);
    return true;
  }

  // --- the walk -----------------------------------------------------------------------------------------------------

  /** Walks until `isTime` says so, the sink has no room, or the end. */
  walk(isTime: () => boolean): void {
    while (this.canWalk) {
      if (this.isDiscarding && this.opened.size > 0) this.clearSome();
      else if (this.active !== null) this.stepActive(this.active);
      else if (this.waiting.length > 0) this.startNext();
      else if (this.found.length > 0) this.openNext();
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
    if (section.cursor === 0 && this.slot < 0 && !this.isDiscarding) this.announce(section);
    section.cursor = keyspace.dicts.scanTo(section.dict, section.cursor, section.end, BATCH, refs);
    const list = refs.refs;
    const isOfSlot = this.slot >= 0;
    // One after the other without more work between them, so that the processor fetches the entries side by side.
    let count = 0;
    for (let at = 0; at < refs.length; at++) {
      const entry = list[at]!;
      const isMarked = entries.epoch(entry) !== keyspace.epoch;
      if (isMarked !== isOfSlot) list[count++] = entry;
      else if (isOfSlot) entries.setEpoch(entry, keyspace.epoch);
    }
    for (let at = 0; at < count; at++) {
      const entry = list[at]!;
      if (this.isDiscarding) entries.setEpoch(entry, keyspace.epoch);
      else if (this.bigValues.isBig(entry) || this.bigValues.isBigString(entry))
        this.found.push({ entry, index: section.index });
      else this.takeWhole(entry, section.index);
    }
    if (section.cursor >= section.end) this.sectionIndex++;
  }

  private announce(section: Section): void {
    this.select(section.index);
    this.encoder.announceDatabase(this.writer, section.keys, section.expires);
  }

  private select(index: number): void {
    if (this.selected !== index) this.encoder.selectDatabase(this.writer, index);
    this.selected = index;
  }

  private openNext(): void {
    const { entry, index } = this.found.shift()!;
    if (this.bigValues.isBigString(entry)) this.startString(entry, index);
    else if (!this.open(entry, index)) this.takeWhole(entry, index);
  }

  private startNext(): void {
    const value = this.waiting.shift()!;
    this.select(value.database);
    this.send(value.early);
    value.out = this.writer;
    this.active = value;
    this.overflowSelected = -1;
  }

  private startString(entry: number, index: number): void {
    this.select(index);
    const head = this.encoder.open(this.writer, entry);
    if (head === undefined) {
      this.takeWhole(entry, index);
      return;
    }
    this.active = new BigString(this.keyspace, this.encoder, head, entry, this.writer);
    this.active.database = index;
    this.overflowSelected = -1;
  }

  /** Sends what a list of pieces holds, in its place. */
  private send(list: PieceList): void {
    for (const piece of list.take()) {
      if (this.writer.length + piece.length < CHUNK_BYTES) this.writer.append(piece);
      else {
        this.sink.send(this.writer);
        this.sink.send(piece);
      }
    }
  }

  private stepActive(value: BigValue): void {
    const isDone = value.step();
    if (isDone) {
      this.encoder.close(this.writer, value);
      this.active = null;
      if (value instanceof BigString) this.markTaken(value.entry);
      else this.forget(value);
      if (this.overflow.length > 0) {
        this.send(this.overflow);
        this.selected = this.overflowSelected;
      }
    }
    this.sendIfFull();
  }

  /** An opened value is of no interest any more. */
  private forget(value: BigValue): void {
    this.opened.delete(value.ref);
    if (value.head.tail !== null) this.tails.delete(value.head.tail);
    if (this.opened.size === 0) this.keyspace.arena.guard = null;
    this.release(value);
  }

  private release(value: BigValue): void {
    for (const { type, encoding, ref } of value.released) {
      this.cutOff.delete(ref);
      this.keyspace.releaseValue(type, encoding, ref);
    }
  }

  private clearSome(): void {
    for (const value of this.opened.values()) {
      if (value.clear()) this.opened.delete(value.ref);
      return;
    }
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
    const { keyspace } = this;
    this.isDiscarding = true;
    keyspace.arena.guard = null;
    if (this.active instanceof BigString) keyspace.entries.setEpoch(this.active.entry, keyspace.epoch);
    this.active = null;
    this.waiting.length = 0;
    this.tails.clear();
    this.overflow.take();
    for (const value of [...this.opened.values()]) {
      value.early.take();
      if (value.abandon() && value.released.length === 0) continue;
      this.opened.delete(value.ref);
      this.release(value);
    }
    for (const { entry } of this.found.splice(0)) keyspace.entries.setEpoch(entry, keyspace.epoch);
    for (const section of this.sections.filter((each) => each.isDetached)) {
      this.takesDict(section.database, section.dict);
      keyspace.releaseDict(section.dict);
    }
  }
}
