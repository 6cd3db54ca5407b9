// value-encoder: writes a value of the keyspace as RDB (type, key, value), a big one in steps.
//
// Small values and single blobs are written at once. A collection that lies in a dict, a quicklist or a stream is written
// about `budget` elements a step, so that no single key stalls the loop; whoever changes such a value must have it
// finished first (see snapshot). Listpacks and intsets are copied as they are, for they have Redis's own format.
//
//   type of value      RDB type (version)
//   string             0
//   list               18 quicklist of listpacks (10)
//   set                11 intset, 2 members: a listpack too, as only redis-server 7.2 knows type 20
//   hash               16 listpack (10), 4 fields; with fields that expire 25 and 24 (12)
//   sorted set         17 listpack (10), 5 members
//   stream             19 (10)

import { Encoding, Type } from '../datatypes/object.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { byteOffset, chunkOf } from '../memory/layout.js';
import { type DictRef, RefList } from '../structures/dict.js';
import { Listpacks } from '../structures/listpack.js';
import { plainLength, plainStart, QuicklistNodes, type QuicklistRef } from '../structures/quicklist-nodes.js';
import { QuicklistContainer, RDB_VERSION, RDB_VERSION_FIELD_TTL, RdbType } from './rdb-format.js';
import type { RdbWriter } from './rdb-writer.js';
import { StreamEncoder } from './stream-encoder.js';

const Walk = { none: 0, members: 1, scores: 2, fields: 3, agingFields: 4, nodes: 5 } as const;

export class ValueEncoder {
  private walk: number = Walk.none;
  private dict = 0 as DictRef;
  private cursor = 0;
  private group = 0;
  private slot = 0;
  private firstExpiryMs = 0;
  private readonly refs = new RefList();
  /** Own readers: an entry is encoded in the midst of a command, whose borrowed positions must stay. */
  private readonly listpacks: Listpacks;
  private readonly nodes: QuicklistNodes;
  private readonly streams: StreamEncoder;

  constructor(
    private readonly keyspace: Keyspace,
    public writer: RdbWriter,
  ) {
    this.listpacks = new Listpacks(keyspace.arena);
    this.nodes = new QuicklistNodes(keyspace.arena);
    this.streams = new StreamEncoder(keyspace);
  }

  /** The version that a payload of this value needs. */
  versionFor(entry: number): number {
    const type = this.rdbTypeOf(entry);
    return type === RdbType.hashMetadata || type === RdbType.hashListpackEx ? RDB_VERSION_FIELD_TTL : RDB_VERSION;
  }

  rdbTypeOf(entry: number): number {
    const entries = this.keyspace.entries;
    const encoding = entries.encoding(entry);
    switch (entries.type(entry)) {
      case Type.STRING:
        return RdbType.string;
      case Type.LIST:
        return RdbType.listQuicklist2;
      case Type.SET:
        return encoding === Encoding.INTSET ? RdbType.setIntset : RdbType.set;
      case Type.ZSET:
        return encoding === Encoding.LISTPACK ? RdbType.zsetListpack : RdbType.zset2;
      case Type.HASH:
        if (encoding === Encoding.LISTPACK) return RdbType.hashListpack;
        if (encoding === Encoding.LISTPACK_EX) return RdbType.hashListpackEx;
        return this.keyspace.nextFieldExpiry(entry) >= 0 ? RdbType.hashMetadata : RdbType.hash;
      default:
        return RdbType.streamListpacks2;
    }
  }

  /** Writes type, key (unless `withoutKey`) and what comes before the elements; true when that was all of it. @hot */
  begin(entry: number, withoutKey: boolean): boolean {
    const keyspace = this.keyspace;
    const entries = keyspace.entries;
    const writer = this.writer;
    const type = this.rdbTypeOf(entry);
    writer.byte(type);
    if (!withoutKey) writer.string(keyspace.arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry));
    const ref = entries.word2(entry);
    switch (type) {
      case RdbType.string: {
        const block = entries.valueBlock(entry);
        writer.string(keyspace.arena.u8[chunkOf(block)]!, entries.valueStart(entry), ref);
        return true;
      }
      case RdbType.setIntset:
        this.blob(ref, keyspace.values.sets.intsets.byteLength(ref));
        return true;
      case RdbType.zsetListpack:
      case RdbType.hashListpack:
        this.blob(ref, this.listpacks.byteLength(ref));
        return true;
      case RdbType.hashListpackEx:
        writer.int64(Math.max(0, keyspace.nextFieldExpiry(entry)));
        this.blob(ref, this.listpacks.byteLength(ref));
        return true;
      case RdbType.listQuicklist2:
        return this.beginList(entries.encoding(entry), ref);
      case RdbType.set:
        if (entries.encoding(entry) === Encoding.LISTPACK) {
          this.listpackMembers(ref);
          return true;
        }
        return this.beginDict(ref, Walk.members);
      case RdbType.zset2:
        return this.beginDict(ref, Walk.scores);
      case RdbType.hash:
        return this.beginDict(ref, Walk.fields);
      case RdbType.hashMetadata:
        this.firstExpiryMs = keyspace.nextFieldExpiry(entry);
        writer.int64(this.firstExpiryMs);
        return this.beginDict(ref, Walk.agingFields);
      default:
        this.streams.write(ref, writer);
        return true;
    }
  }

  private blob(ref: number, length: number): void {
    this.writer.string(this.keyspace.arena.u8[chunkOf(ref)]!, byteOffset(ref), length);
  }

  private beginDict(ref: number, walk: number): boolean {
    this.dict = ref as DictRef;
    this.writer.writeLength(this.keyspace.dicts.count(this.dict));
    this.cursor = 0;
    this.walk = walk;
    return false;
  }

  private beginList(encoding: number, ref: number): boolean {
    const writer = this.writer;
    if (encoding === Encoding.LISTPACK) {
      writer.writeLength(1);
      writer.writeLength(QuicklistContainer.packed);
      this.blob(ref, this.listpacks.byteLength(ref));
      return true;
    }
    const { nodes } = this;
    writer.writeLength(nodes.nodeCount(ref as QuicklistRef));
    if (!nodes.first(ref as QuicklistRef)) return true;
    this.group = nodes.group;
    this.slot = nodes.slot;
    this.walk = Walk.nodes;
    return false;
  }

  private listpackMembers(ref: number): void {
    const { listpacks } = this;
    this.writer.writeLength(listpacks.count(ref));
    for (let at = listpacks.first(ref); at !== 0; at = listpacks.next(ref, at)) {
      listpacks.read(ref, at);
      this.writer.string(listpacks.bytes, listpacks.start, listpacks.length);
    }
  }

  /** Writes about `budget` further elements of the value that was begun; true when it is complete. @hot */
  step(budget: number): boolean {
    if (this.walk === Walk.none) return true;
    if (this.walk === Walk.nodes) return this.stepNodes(budget);
    const refs = this.refs;
    refs.clear();
    this.cursor = this.keyspace.dicts.scan(this.dict, this.cursor, budget, refs);
    const list = refs.refs;
    for (let index = 0; index < refs.length; index++) this.writeMember(list[index]!);
    if (this.cursor !== 0) return false;
    this.walk = Walk.none;
    return true;
  }

  private writeMember(member: number): void {
    const writer = this.writer;
    const entries = this.keyspace.entries;
    const arena = this.keyspace.arena;
    if (this.walk === Walk.agingFields) {
      const expiresMs = entries.hasNumber(member) ? entries.number(member) : 0;
      writer.writeLength(expiresMs === 0 ? 0 : Math.max(1, expiresMs - this.firstExpiryMs + 1));
    }
    writer.string(arena.u8[chunkOf(member)]!, entries.keyStart(member), entries.keyLength(member));
    if (this.walk === Walk.scores) writer.double(entries.number(member));
    else if (this.walk !== Walk.members) {
      writer.string(arena.u8[chunkOf(entries.valueBlock(member))]!, entries.valueStart(member), entries.word2(member));
    }
  }

  private stepNodes(budget: number): boolean {
    const writer = this.writer;
    const arena = this.keyspace.arena;
    const { nodes, listpacks } = this;
    for (let written = 0; written < budget; ) {
      const block = nodes.block(this.group, this.slot);
      if (nodes.isPlain(this.group, this.slot)) {
        writer.writeLength(QuicklistContainer.plain);
        writer.string(arena.u8[chunkOf(block)]!, plainStart(block), plainLength(arena, block));
      } else {
        writer.writeLength(QuicklistContainer.packed);
        this.blob(block, listpacks.byteLength(block));
      }
      written += nodes.count(this.group, this.slot);
      if (!nodes.next(this.group, this.slot)) {
        this.walk = Walk.none;
        return true;
      }
      this.group = nodes.group;
      this.slot = nodes.slot;
    }
    return false;
  }
}
