// value-builder: makes a value of the keyspace out of the reader's events; the same for RDB files and RESTORE.
//
//   builder.begin(reader);  builder.take(event, reader) ...;  const entry = builder.finish(reader)
//
// Blobs that are small enough by the limits are adopted as they are (the reader has checked them), everything else is
// added element by element. A value that turns out to be wrong throws RdbError and leaves nothing behind after `abandon`.
//
// Not here: databases, expiries (rdb-loader), the bytes (rdb-reader).

import type { DataLimits } from '../commands/engine.js';
import { Encoding, objectWord, Type } from '../datatypes/object.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { NUMBER } from '../structures/entry.js';
import type { QuicklistRef } from '../structures/quicklist-nodes.js';
import { PackedCursor, Packing, Slice } from './packed.js';
import { RdbError, RdbEvent, type RdbReader } from './rdb-reader.js';
import { parseScore } from './rdb-reader.js';
import { StreamBuilder } from './stream-builder.js';

const NO_ENTRY = 0;
/** The latest time in ms since 1970 at which a field may expire: 48 bits. */
const FIELD_EXPIRY_MAX = 2 ** 48 - 1;

export class ValueBuilder {
  /** True: listpacks are also searched for what stands in them twice or out of order (RESTORE: anybody can send that). */
  isDeep = false;
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
  private readonly stream: StreamBuilder;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly limits: DataLimits,
  ) {
    this.stream = new StreamBuilder(keyspace);
  }

  begin(reader: RdbReader): void {
    this.type = reader.kind;
    this.ref = 0;
    this.entry = NO_ENTRY;
    this.elements = 0;
    if (this.type === Type.STREAM) this.ref = this.stream.begin();
  }

  /** Whether the value has no elements, which no value may. */
  get isEmpty(): boolean {
    return this.type !== Type.STRING && this.type !== Type.STREAM && this.elements === 0;
  }

  private fail(reader: RdbReader, reason: string): never {
    throw new RdbError(reader.offset, reason, false);
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
        const flags = this.keyspace.epoch | (reader.expireAtMs >= 0 ? NUMBER : 0);
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
        this.addMember(item, reader);
        return;
      case Type.ZSET:
        this.addScored(item, reader.score, reader);
        return;
      default:
        this.setField(item, second, reader.fieldExpireAtMs, reader);
    }
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

  private addMember(member: Slice, reader: RdbReader): void {
    const { sets } = this.keyspace.values;
    if (this.ref === 0) sets.openNew(member.bytes, member.start, member.length, reader.count, this.limits);
    else sets.open(this.encoding, this.ref);
    const added = sets.add(member.bytes, member.start, member.length, this.limits);
    this.encoding = sets.encoding;
    this.ref = sets.ref;
    if (!added) this.fail(reader, 'Duplicate set members detected, integrity check failed.');
    this.elements++;
  }

  private addScored(member: Slice, score: number, reader: RdbReader): void {
    const { sortedSets } = this.keyspace.values;
    if (this.ref === 0) {
      sortedSets.create(reader.count, member.length, this.limits);
      this.encoding = sortedSets.encoding;
      this.ref = sortedSets.ref;
    }
    const result = sortedSets.add(
      this.encoding,
      this.ref,
      score,
      0,
      member.bytes,
      member.start,
      member.length,
      this.limits,
    );
    this.encoding = sortedSets.encoding;
    this.ref = sortedSets.ref;
    if (result !== 'added') this.fail(reader, 'Duplicate zset fields detected, integrity check failed.');
    this.elements++;
  }

  private setField(field: Slice, value: Slice, expireAtMs: number, reader: RdbReader): void {
    if (expireAtMs > FIELD_EXPIRY_MAX) this.fail(reader, 'A field of a hash expires too late');
    const { hashes } = this.keyspace.values;
    if (this.ref !== 0) hashes.open(this.encoding, this.ref);
    else if (reader.count > this.limits.hashMaxListpackEntries) hashes.openNewDict();
    else hashes.openNew();
    const isNew = hashes.set(
      field.bytes,
      field.start,
      field.length,
      value.bytes,
      value.start,
      value.length,
      this.limits,
      false,
    );
    if (isNew && expireAtMs > 0) {
      hashes.find(field.bytes, field.start, field.length);
      hashes.setExpiry(expireAtMs);
    }
    this.encoding = hashes.encoding;
    this.ref = hashes.ref;
    if (!isNew) this.fail(reader, 'Duplicate hash fields detected, integrity check failed.');
    this.elements++;
  }

  private takeListpack(reader: RdbReader): void {
    const { item } = reader;
    const { values } = this.keyspace;
    if (reader.count === 0) return;
    if (this.type === Type.LIST) {
      values.lists.quicklists.appendListpack(
        this.openList(),
        values.listpacks.createFrom(item.bytes, item.start, item.length),
      );
      this.elements += reader.count;
      return;
    }
    const max =
      this.type === Type.HASH
        ? this.limits.hashMaxListpackEntries
        : this.type === Type.ZSET
          ? this.limits.zsetMaxListpackEntries
          : this.limits.setMaxListpackEntries;
    const count = this.type === Type.SET ? reader.count : reader.count >>> 1;
    if (count <= max && (!this.isDeep || this.isProper(item))) {
      this.ref = values.listpacks.createFrom(item.bytes, item.start, item.length);
      this.encoding = Encoding.LISTPACK;
      this.elements = count;
      return;
    }
    this.cursor.open(Packing.listpack, item.bytes, item.start, item.length);
    reader.count = count;
    while (this.cursor.next(this.first)) {
      if (this.type === Type.SET) {
        this.addMember(this.first, reader);
        continue;
      }
      this.cursor.next(this.second);
      if (this.type === Type.HASH) this.setField(this.first, this.second, 0, reader);
      else {
        const score = parseScore(this.second.toString());
        if (Number.isNaN(score)) this.fail(reader, 'Zset listpack integrity check failed.');
        this.addScored(this.first, score, reader);
      }
    }
  }

  /** Whether nothing stands twice in the listpack and scores ascend; if not it is built anew, which finds the reason. */
  private isProper(blob: Slice): boolean {
    const seen = new Set<string>();
    this.cursor.open(Packing.listpack, blob.bytes, blob.start, blob.length);
    let lastScore = -Infinity;
    let lastMember = '';
    let count = 0;
    while (this.cursor.next(this.first)) {
      const member = this.first.toString();
      seen.add(member);
      count++;
      if (this.type === Type.SET) continue;
      this.cursor.next(this.second);
      if (this.type === Type.HASH) continue;
      const score = parseScore(this.second.toString());
      if (Number.isNaN(score) || score < lastScore || (score === lastScore && count > 1 && member < lastMember))
        return false;
      lastScore = score;
      lastMember = member;
    }
    return seen.size === count;
  }

  private takeListpackEx(reader: RdbReader): void {
    const { item } = reader;
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
      if (this.isDeep && order < last)
        this.fail(reader, 'Hash listpackex integrity check failed. (fields out of order)');
      last = order;
      this.setField(this.first, this.second, expireAtMs, reader);
    }
  }

  private takeIntset(reader: RdbReader): void {
    const { item } = reader;
    const { sets } = this.keyspace.values;
    this.cursor.open(Packing.intset, item.bytes, item.start, item.length);
    const count = this.cursor.declared;
    if (count === 0) return;
    if (count <= this.limits.setMaxIntsetEntries) {
      this.ref = sets.intsets.createFrom(item.bytes, item.start, item.length);
      this.encoding = Encoding.INTSET;
      this.elements = count;
      return;
    }
    reader.count = count;
    while (this.cursor.next(this.first)) this.addMember(this.first, reader);
  }

  /**
   * The entry, in no dict yet, with room for an expiry if the key has one; 0 when the value has no elements.
   * The key is the reader's, or the given one (RESTORE).
   */
  finish(reader: RdbReader): number {
    const { entries, values } = this.keyspace;
    if (this.type === Type.STRING) return this.entry;
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
    const flags = this.keyspace.epoch | (reader.expireAtMs >= 0 ? NUMBER : 0);
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
