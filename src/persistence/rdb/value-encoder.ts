// value-encoder: writes a value of the keyspace as RDB (type, key, value), whole (`write`) or in parts (`open`, then as a
// PartEncoder).
//
// Listpacks and intsets are copied as they are, for they have Redis's own format.
//
//   type of value      RDB type (version)
//   string             0
//   list               18 quicklist of listpacks (10)
//   set                11 intset, 2 members: a listpack too, as only redis-server 7.2 knows type 20
//   hash               16 listpack (10), 4 fields; with fields that expire 25 and 24 (12)
//   sorted set         17 listpack (10), 5 members
//   stream             19 (10)

import { Encoding, Type } from '../../datatypes/object.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { byteOffset, chunkOf } from '../../memory/layout.js';
import { type DictRef, RefList } from '../../structures/dict.js';
import { Listpacks } from '../../structures/listpack.js';
import { isPacked, unpackBlock } from '../../structures/packed-node.js';
import { plainLength, plainStart, QuicklistNodes, type QuicklistRef } from '../../structures/quicklist-nodes.js';
import { type BigBlocks, type BigValue, type PartHead, PartKind, STREAM_ID_BYTES } from '../snapshot/big-value.js';
import { QuicklistContainer, RDB_VERSION, RDB_VERSION_FIELD_TTL, RdbType } from './format.js';
import type { RdbWriter } from './writer.js';
import { StreamEncoder } from './stream-encoder.js';
import { StreamTail } from './stream-tail.js';

const MEMBERS_AT_ONCE = 256;
const NO_BYTES = new Uint8Array(0);

export class ValueEncoder {
  /** The kind of part that is being written (PartKind); 0 when all are. */
  private kind = 0;
  private firstFieldMs = 0;
  private readonly refs = new RefList();
  /** Own readers: an entry is encoded in the middle of a command, whose borrowed positions must stay. */
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

  /** Writes type, key (unless `withoutKey`) and value. @hot */
  write(entry: number, withoutKey: boolean): void {
    this.begin(entry, withoutKey, false);
    if (this.kind === 0) return;
    const ref = this.keyspace.entries.word2(entry);
    if (this.kind === PartKind.nodes) this.writeNodes(ref as QuicklistRef);
    else this.writeMembers(ref as DictRef);
    this.kind = 0;
  }

  /** Writes what stands before the elements of a big collection (see big-value). */
  open(entry: number): PartHead {
    const { keyspace } = this;
    const { entries } = keyspace;
    this.begin(entry, false, true);
    const { kind } = this;
    this.kind = 0;
    let tail: StreamTail | null = null;
    if (kind === PartKind.streamNodes) {
      tail = new StreamTail(keyspace.arena, this.streams, this.writer.compression);
      this.streams.openTail(entries.word2(entry), tail);
    }
    return { kind, key: NO_BYTES, expiresMs: -1, firstFieldMs: this.firstFieldMs, tail };
  }

  /** Writes type, key and what comes before the elements; `kind` says which elements are left. @hot */
  private begin(entry: number, withoutKey: boolean, inParts: boolean): void {
    const keyspace = this.keyspace;
    const entries = keyspace.entries;
    const writer = this.writer;
    const type = this.rdbTypeOf(entry);
    this.kind = 0;
    writer.byte(type);
    if (!withoutKey)
      writer.string(keyspace.arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry));
    const ref = entries.word2(entry);
    switch (type) {
      case RdbType.string: {
        if (inParts) {
          writer.longStringHead(ref);
          this.kind = PartKind.bytes;
          return;
        }
        const block = entries.valueBlock(entry);
        writer.string(keyspace.arena.u8[chunkOf(block)]!, entries.valueStart(entry), ref);
        return;
      }
      case RdbType.setIntset:
        this.blob(ref, keyspace.values.sets.intsets.byteLength(ref));
        return;
      case RdbType.zsetListpack:
      case RdbType.hashListpack:
        this.blob(ref, this.listpacks.byteLength(ref));
        return;
      case RdbType.hashListpackEx:
        writer.int64(Math.max(0, keyspace.nextFieldExpiry(entry)));
        this.blob(ref, this.listpacks.byteLength(ref));
        return;
      case RdbType.listQuicklist2:
        this.beginList(entries.encoding(entry), ref);
        return;
      case RdbType.set:
        if (entries.encoding(entry) === Encoding.LISTPACK) this.listpackMembers(ref);
        else this.beginDict(ref, PartKind.members);
        return;
      case RdbType.zset2:
        this.beginDict(ref, PartKind.scores);
        return;
      case RdbType.hash:
        this.beginDict(ref, PartKind.fields);
        return;
      case RdbType.hashMetadata:
        this.firstFieldMs = keyspace.nextFieldExpiry(entry);
        writer.int64(this.firstFieldMs);
        this.beginDict(ref, PartKind.agingFields);
        return;
      default:
        if (!inParts) {
          this.streams.write(ref, writer);
          return;
        }
        writer.writeLength(this.streams.nodeCount(ref));
        this.kind = PartKind.streamNodes;
    }
  }

  private blob(ref: number, length: number): void {
    this.writer.string(this.keyspace.arena.u8[chunkOf(ref)]!, byteOffset(ref), length);
  }

  private beginDict(ref: number, kind: number): void {
    this.writer.writeLength(this.keyspace.dicts.count(ref as DictRef));
    this.kind = kind;
  }

  private beginList(encoding: number, ref: number): void {
    const writer = this.writer;
    if (encoding === Encoding.LISTPACK) {
      writer.writeLength(1);
      writer.writeLength(QuicklistContainer.packed);
      this.blob(ref, this.listpacks.byteLength(ref));
      return;
    }
    writer.writeLength(this.nodes.nodeCount(ref as QuicklistRef));
    this.kind = PartKind.nodes;
  }

  private listpackMembers(ref: number): void {
    const { listpacks } = this;
    this.writer.writeLength(listpacks.count(ref));
    for (let at = listpacks.first(ref); at !== 0; at = listpacks.next(ref, at)) {
      listpacks.read(ref, at);
      this.writer.string(listpacks.bytes, listpacks.start, listpacks.length);
    }
  }

  private writeMembers(dict: DictRef): void {
    const { refs } = this;
    let cursor = 0;
    do {
      refs.clear();
      cursor = this.keyspace.dicts.scan(dict, cursor, MEMBERS_AT_ONCE, refs);
      for (let index = 0; index < refs.length; index++) this.writeMember(refs.refs[index]!);
    } while (cursor !== 0);
  }

  private writeNodes(list: QuicklistRef): void {
    const { nodes } = this;
    for (let there = nodes.first(list); there; there = nodes.next(nodes.group, nodes.slot)) {
      this.writeNode(nodes.block(nodes.group, nodes.slot), nodes.isPlain(nodes.group, nodes.slot));
    }
  }

  // --- parts of a big value -------------------------------------------------------------------------------------------

  /** @hot */
  members(value: BigValue, members: Int32Array, count: number): void {
    this.kind = value.head.kind;
    this.firstFieldMs = value.head.firstFieldMs;
    for (let index = 0; index < count; index++) this.writeMember(members[index]!);
    this.kind = 0;
  }

  block(value: BigBlocks, index: number): void {
    const block = value.blocks[index]!;
    if (value.head.kind === PartKind.nodes) {
      this.writeNode(block, value.plain[index] !== 0);
      return;
    }
    this.writer.string(value.ids, index * STREAM_ID_BYTES, STREAM_ID_BYTES);
    this.blob(block, this.listpacks.byteLength(block));
  }

  private writeMember(member: number): void {
    const writer = this.writer;
    const entries = this.keyspace.entries;
    const arena = this.keyspace.arena;
    if (this.kind === PartKind.agingFields) {
      const expiresMs = entries.hasNumber(member) ? entries.number(member) : 0;
      writer.writeLength(expiresMs === 0 ? 0 : Math.max(1, expiresMs - this.firstFieldMs + 1));
    }
    writer.string(arena.u8[chunkOf(member)]!, entries.keyStart(member), entries.keyLength(member));
    if (this.kind === PartKind.scores) writer.double(entries.number(member));
    else if (this.kind !== PartKind.members) {
      writer.string(arena.u8[chunkOf(entries.valueBlock(member))]!, entries.valueStart(member), entries.word2(member));
    }
  }

  private writeNode(block: number, isPlain: boolean): void {
    const writer = this.writer;
    const arena = this.keyspace.arena;
    if (isPlain) {
      writer.writeLength(QuicklistContainer.plain);
      writer.string(arena.u8[chunkOf(block)]!, plainStart(block), plainLength(arena, block));
    } else {
      writer.writeLength(QuicklistContainer.packed);
      const raw = isPacked(arena, block) ? unpackBlock(arena, block) : block;
      this.blob(raw, this.listpacks.byteLength(raw));
      if (raw !== block) arena.free(raw);
    }
  }
}
