// value-builder: makes a value of the keyspace out of the reader's events; the same for RDB files and RESTORE.
//
//   builder.begin(reader);  builder.take(event, reader) ...;  const entry = builder.finish(reader)
//
// Blobs that are small enough by the limits and sound are adopted as they are, everything else is added element by element,
// which repairs small faults (`tolerance`, `repairs`). Any other wrong value throws RdbError; after `abandon` none of
// it is left.
//
// Not here: databases, expiries (rdb/loader), the bytes (rdb/reader).

import { compareBytes } from '../../base/bytes.js';
import type { DataLimits } from '../../registry/data-limits.js';
import { AddFlag } from '../../datatypes/sorted-set.js';
import { Encoding, objectWord, Type } from '../../datatypes/object.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { NUMBER } from '../../structures/entry.js';
import type { QuicklistRef } from '../../structures/quicklist-nodes.js';
import { DuplicateFinder } from './duplicate-finder.js';
import { PackedCursor, Packing, Slice } from './packed.js';
import { NO_EXPIRY, RdbType } from './format.js';
import { looseScore, parseScore, RdbError, RdbEvent, type RdbReader } from './reader.js';
import { StreamBuilder } from './stream-builder.js';
import { Tolerance, ValueRepairs } from './value-repairs.js';

const NO_ENTRY = 0;
/** The latest time in ms since 1970 at which a field may expire: 48 bits. */
const FIELD_EXPIRY_MAX = 2 ** 48 - 1;

export class ValueBuilder {
  /** Damage that is mended instead of refused (Tolerance). */
  tolerance: number = Tolerance.everything;
  /** Repairs of the value that began last. */
  readonly repairs = new ValueRepairs();
  private type = -1;
  private encoding = 0;
  private ref = 0;
  /** The finished entry of a string. */
  private entry = NO_ENTRY;
  private elements = 0;
  private readonly cursor = new PackedCursor();
  private readonly first = new Slice();
  private readonly second = new Slice();
  private readonly third = new Slice();
  private readonly finder = new DuplicateFinder();
  private readonly stream: StreamBuilder;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly limits: DataLimits,
  ) {
    this.stream = new StreamBuilder(keyspace, this.repairs);
  }

  begin(reader: RdbReader): void {
    this.type = reader.kind;
    this.ref = 0;
    this.entry = NO_ENTRY;
    this.elements = 0;
    this.repairs.clear();
    if (this.type === Type.STREAM) this.ref = this.stream.begin(this.tolerance);
  }

  /** Whether the value has no elements, which no value may. */
  get isEmpty(): boolean {
    return this.type !== Type.STRING && this.type !== Type.STREAM && this.elements === 0;
  }

  private fail(reader: RdbReader, reason: string): never {
    throw new RdbError(reader.offset, reason, false);
  }

  /** A duplicate element is left out, or the value is refused for it. */
  private dropDuplicate(reader: RdbReader, isTaken: boolean, what: string): void {
    if (!isTaken) this.fail(reader, `Duplicate ${what} detected, integrity check failed.`);
    this.repairs.note('duplicates');
  }

  /** @hot */
  take(event: number, reader: RdbReader): void {
    if (event === RdbEvent.item) this.takeItem(reader);
    else if (event === RdbEvent.listpack) this.takeListpack(reader);
    else if (event === RdbEvent.intset) this.takeIntset(reader);
    else if (event === RdbEvent.listpackEx) this.takeListpackEx(reader);
    else if (event === RdbEvent.moduleValue)
      this.fail(
        reader,
        `The RDB file contains module data I can't load: no matching module type '${reader.moduleName}'`,
      );
    else this.stream.take(event, reader);
  }

  private takeItem(reader: RdbReader): void {
    const { item, second } = reader;
    switch (this.type) {
      case Type.STRING: {
        const { key } = reader;
        const flags = this.keyspace.epoch | (reader.expireAtMs !== NO_EXPIRY ? NUMBER : 0);
        const word0 = objectWord(Type.STRING, Encoding.STRING);
        this.entry = this.keyspace.entries.createString(
          word0,
          flags,
          key.bytes,
          key.start,
          key.length,
          item.bytes,
          item.start,
          item.length,
        );
        return;
      }
      case Type.LIST:
        this.pushElement(item);
        return;
      case Type.SET:
        this.addMember(item, reader, this.mendsAll);
        return;
      case Type.ZSET:
        this.addScored(item, reader.score, reader, this.mendsAll);
        return;
      default:
        this.setField(item, second, reader.fieldExpireAtMs, reader, this.takesDuplicateField(reader));
    }
  }

  /** Redis looks for duplicates in a plain hash only when that is a table, or becomes one by this field. */
  private takesDuplicateField(reader: RdbReader): boolean {
    if (this.tolerance !== Tolerance.redis) return this.mendsAll;
    const longest = Math.max(reader.item.length, reader.second.length);
    return (
      reader.rdbType === RdbType.hash &&
      this.encoding === Encoding.LISTPACK &&
      longest <= this.limits.hashMaxListpackValue
    );
  }

  private get mendsAll(): boolean {
    return this.tolerance === Tolerance.everything;
  }

  /** Redis takes packed values without looking inside. */
  private get mendsPacked(): boolean {
    return this.tolerance >= Tolerance.redis;
  }

  private openList(): QuicklistRef {
    if (this.ref === 0) {
      this.ref = this.keyspace.values.lists.quicklists.create();
      this.encoding = Encoding.QUICKLIST;
    }
    return this.ref as QuicklistRef;
  }

  private pushElement(element: Slice): void {
    this.keyspace.values.lists.quicklists.pushLast(this.openList(), element.bytes, element.start, element.length);
    this.elements++;
  }

  private addMember(member: Slice, reader: RdbReader, takesDuplicates: boolean): void {
    const { sets } = this.keyspace.values;
    if (this.ref === 0) sets.openNew(member.bytes, member.start, member.length, reader.count, this.limits);
    else sets.open(this.encoding, this.ref);
    const added = sets.add(member.bytes, member.start, member.length, this.limits);
    this.encoding = sets.encoding;
    this.ref = sets.ref;
    if (added) this.elements++;
    else this.dropDuplicate(reader, takesDuplicates, 'set members');
  }

  private addScored(member: Slice, score: number, reader: RdbReader, takesDuplicates: boolean): void {
    const { sortedSets } = this.keyspace.values;
    if (this.ref === 0) {
      sortedSets.create(reader.count, member.length, this.limits);
      this.encoding = sortedSets.encoding;
      this.ref = sortedSets.ref;
    }
    // A packed sorted set keeps the texts of its scores.
    sortedSets.small.keepsMinusZero = reader.rdbType === RdbType.zsetZiplist || reader.rdbType === RdbType.zsetListpack;
    const result = sortedSets.add(
      this.encoding,
      this.ref,
      score,
      AddFlag.NEW,
      member.bytes,
      member.start,
      member.length,
      this.limits,
    );
    sortedSets.small.keepsMinusZero = false;
    this.encoding = sortedSets.encoding;
    this.ref = sortedSets.ref;
    if (result === 'added') this.elements++;
    else this.dropDuplicate(reader, takesDuplicates, 'zset fields');
  }

  private setField(field: Slice, value: Slice, expireAtMs: number, reader: RdbReader, takesDuplicates: boolean): void {
    if (expireAtMs > FIELD_EXPIRY_MAX) this.fail(reader, 'A field of a hash expires too late');
    const { hashes } = this.keyspace.values;
    if (this.ref !== 0) hashes.open(this.encoding, this.ref);
    else if (reader.count > this.limits.hashMaxListpackEntries) hashes.openNewDict();
    else hashes.openNew();
    const isNew = hashes.add(
      field.bytes,
      field.start,
      field.length,
      value.bytes,
      value.start,
      value.length,
      this.limits,
    );
    if (isNew && expireAtMs > 0) {
      hashes.find(field.bytes, field.start, field.length);
      hashes.setExpiry(expireAtMs);
    }
    this.encoding = hashes.encoding;
    this.ref = hashes.ref;
    if (isNew) this.elements++;
    else this.dropDuplicate(reader, takesDuplicates, 'hash fields');
  }

  private takeListpack(reader: RdbReader): void {
    const { item } = reader;
    const { values } = this.keyspace;
    if (reader.needsRebuild) this.mendHeader(reader);
    if (reader.count === 0 || (reader.saysEmpty && this.tolerance === Tolerance.redis)) return;
    if (this.type === Type.LIST) {
      this.takeListNode(reader);
      return;
    }
    const max =
      this.type === Type.HASH
        ? this.limits.hashMaxListpackEntries
        : this.type === Type.ZSET
          ? this.limits.zsetMaxListpackEntries
          : this.limits.setMaxListpackEntries;
    const count = this.type === Type.SET ? reader.count : reader.count >>> 1;
    if (count <= max && !reader.needsRebuild && this.isProper(item, count)) {
      this.ref = values.listpacks.createFrom(item.bytes, item.start, item.length);
      this.encoding = Encoding.LISTPACK;
      this.elements = count;
      return;
    }
    this.cursor.open(Packing.listpack, item.bytes, item.start, item.length);
    reader.count = count;
    while (this.cursor.next(this.first)) {
      if (this.type === Type.SET) {
        this.addMember(this.first, reader, this.mendsPacked);
        continue;
      }
      this.cursor.next(this.second);
      if (this.type === Type.HASH) this.setField(this.first, this.second, 0, reader, this.mendsPacked);
      else this.addScored(this.first, this.packedScore(reader), reader, this.mendsPacked);
    }
  }

  /** A blob whose elements can be read but whose header, lengths or order are wrong. */
  private mendHeader(reader: RdbReader): void {
    if (!this.mendsPacked) this.fail(reader, 'Listpack integrity check failed.');
    this.repairs.note('headers');
  }

  private takeListNode(reader: RdbReader): void {
    const { item } = reader;
    if (reader.needsRebuild) {
      this.cursor.open(Packing.listpack, item.bytes, item.start, item.length);
      while (this.cursor.next(this.first)) this.pushElement(this.first);
      return;
    }
    const { values } = this.keyspace;
    const listpack = values.listpacks.createFrom(item.bytes, item.start, item.length);
    values.lists.quicklists.appendListpack(this.openList(), listpack);
    this.elements += reader.count;
  }

  private packedScore(reader: RdbReader): number {
    const text = this.second.toString();
    const score = parseScore(text);
    if (!Number.isNaN(score)) return score;
    if (!this.mendsPacked) this.fail(reader, 'Zset listpack integrity check failed.');
    this.repairs.note('scores');
    return looseScore(text);
  }

  /** Whether nothing stands twice in a listpack of `count` elements and scores ascend; if not it is built anew. */
  private isProper(blob: Slice, count: number): boolean {
    const { cursor, finder, second } = this;
    let member = this.first;
    let before = this.third;
    cursor.open(Packing.listpack, blob.bytes, blob.start, blob.length);
    finder.begin(count);
    let lastScore = -Infinity;
    for (let index = 0; cursor.next(member); index++) {
      if (finder.add(member)) return false;
      if (this.type === Type.SET) continue;
      cursor.next(second);
      if (this.type === Type.HASH) continue;
      const score = shortScore(second);
      if (Number.isNaN(score) || score < lastScore) return false;
      if (score === lastScore && index > 0 && compareSlices(before, member) > 0) return false;
      lastScore = score;
      const last = member;
      member = before;
      before = last;
    }
    return true;
  }

  private takeListpackEx(reader: RdbReader): void {
    const { item } = reader;
    if (reader.needsRebuild) this.mendHeader(reader);
    const count = reader.count / 3;
    this.cursor.open(Packing.listpack, item.bytes, item.start, item.length);
    reader.count = count;
    let last = 0;
    while (this.cursor.next(this.first)) {
      this.cursor.next(this.second);
      this.cursor.next(this.third);
      const text = this.third.toString();
      const expireAtMs = /^[0-9]{1,15}$/.test(text) ? Number(text) : -1;
      if (expireAtMs < 0) this.fail(reader, 'Hash listpackex integrity check failed.');
      // The next to expire comes first, those that never do last.
      const order = expireAtMs === 0 ? Infinity : expireAtMs;
      if (order < last) {
        if (!this.mendsPacked) this.fail(reader, 'Hash listpackex integrity check failed. (fields out of order)');
        this.repairs.note('unordered');
      }
      last = order;
      this.setField(this.first, this.second, expireAtMs, reader, this.mendsPacked);
    }
  }

  private takeIntset(reader: RdbReader): void {
    const { item } = reader;
    const { sets } = this.keyspace.values;
    this.cursor.open(Packing.intset, item.bytes, item.start, item.length);
    const count = this.cursor.declared;
    if (count === 0) return;
    if (reader.needsRebuild) {
      if (!this.mendsPacked) this.fail(reader, 'Intset integrity check failed.');
      this.repairs.note('unordered');
    } else if (count <= this.limits.setMaxIntsetEntries) {
      this.ref = sets.intsets.createFrom(item.bytes, item.start, item.length);
      this.encoding = Encoding.INTSET;
      this.elements = count;
      return;
    }
    reader.count = count;
    while (this.cursor.next(this.first)) this.addMember(this.first, reader, this.mendsPacked);
  }

  /**
   * The entry, in no dict yet, with room for an expiry if the key has one; 0 when the value has no elements.
   * The key is the reader's, or the given one (RESTORE).
   */
  finish(reader: RdbReader): number {
    const { entries, values } = this.keyspace;
    if (this.type === Type.STRING) {
      // It is the caller's from here on: `abandon` after a failure further on must not free it.
      const made = this.entry;
      this.entry = NO_ENTRY;
      return made;
    }
    if (this.isEmpty) {
      this.abandon();
      return NO_ENTRY;
    }
    if (this.type === Type.STREAM) this.ref = this.stream.finish(reader);
    if (this.type === Type.ZSET) {
      values.sortedSets.settle(this.encoding, this.ref, this.limits);
      this.encoding = values.sortedSets.encoding;
      this.ref = values.sortedSets.ref;
    }
    const { key } = reader;
    const flags = this.keyspace.epoch | (reader.expireAtMs !== NO_EXPIRY ? NUMBER : 0);
    const encoding = this.type === Type.STREAM ? Encoding.STREAM : this.encoding;
    const entry = entries.create(objectWord(this.type, encoding), flags, this.ref, key.bytes, key.start, key.length, 0);
    if (this.type === Type.LIST) {
      values.lists.open(entry);
      values.lists.settleFully();
    }
    this.ref = 0;
    return entry;
  }

  /** Frees what was built of a value that is not wanted. */
  abandon(): void {
    if (this.type === Type.STRING) {
      if (this.entry !== NO_ENTRY) this.keyspace.entries.free(this.entry);
    } else if (this.type === Type.STREAM) this.stream.abandon();
    else if (this.ref !== 0) this.keyspace.releaseValue(this.type, this.encoding, this.ref);
    this.entry = NO_ENTRY;
    this.ref = 0;
  }
}

const ZERO = 48;
const MINUS = 45;

/** The score in a listpack: most are short integers. NaN when it is no number. @hot */
function shortScore(text: Slice): number {
  const { bytes, start, length } = text;
  let at = start;
  const end = start + length;
  if (at < end && bytes[at] === MINUS) at++;
  if (at === end || end - at > 15) return parseScore(text.toString());
  let value = 0;
  const first = at;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return parseScore(text.toString());
    value = value * 10 + digit;
  }
  return first === start ? value : -value;
}

function compareSlices(a: Slice, b: Slice): number {
  return compareBytes(a.bytes, a.start, a.length, b.bytes, b.start, b.length);
}
