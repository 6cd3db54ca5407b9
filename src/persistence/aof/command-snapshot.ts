// command-snapshot: a snapshot as commands (aof-use-rdb-preamble no): the shortest that make the same data.
//
// Collections come in commands of up to 64 elements. A big stream is written whole all the same: its nodes cannot be read
// without it. That matters only with aof-use-rdb-preamble off.

import { latin1Bytes } from '../../base/bytes.js';
import { doubleText } from '../../base/double.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { SortedSetWalk } from '../../datatypes/sorted-set.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { chunkOf } from '../../memory/layout.js';
import { type DictRef, RefList } from '../../structures/dict.js';
import { Listpacks } from '../../structures/listpack.js';
import { isPacked, unpackBlock } from '../../structures/packed-node.js';
import { plainLength, plainStart, QuicklistNodes, type QuicklistRef } from '../../structures/quicklist-nodes.js';
import { Intsets } from '../../structures/intset.js';
import { type BigBlocks, type BigValue, type PartHead, PartKind } from '../snapshot/big-value.js';
import type { RdbWriter } from '../rdb/writer.js';
import type { SnapshotEncoder } from '../snapshot/snapshot.js';
import { StreamEncoder } from '../rdb/stream-encoder.js';
import { CommandWriter } from './command-writer.js';

const ELEMENTS_PER_COMMAND = 64;

const MEMBERS_AT_ONCE = 256;

export class CommandSnapshotEncoder implements SnapshotEncoder {
  private readonly out = new CommandWriter();
  private readonly listpacks: Listpacks;
  private readonly intsets: Intsets;
  private readonly nodes: QuicklistNodes;
  private readonly streams: StreamEncoder;
  private readonly refs = new RefList();
  /** The key of the value that is being written. */
  private keyBytes: Uint8Array = new Uint8Array(0);
  private keyStart = 0;
  private keyLength = 0;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly functions: readonly Uint8Array[],
    /** Seconds for a note of the time, 0 for none. */
    private readonly noteSeconds = 0,
  ) {
    this.listpacks = new Listpacks(keyspace.arena);
    this.intsets = new Intsets(keyspace.arena);
    this.nodes = new QuicklistNodes(keyspace.arena);
    this.streams = new StreamEncoder(keyspace);
  }

  start(writer: RdbWriter): void {
    this.out.writer = writer;
    if (this.noteSeconds > 0) {
      const note = latin1Bytes(`#TS:${this.noteSeconds}\r\n`);
      writer.raw(note, 0, note.length);
    }
    for (const code of this.functions) {
      this.out.begin(3);
      this.out.text('FUNCTION');
      this.out.text('LOAD');
      this.out.argument(code, 0, code.length);
    }
  }

  selectDatabase(writer: RdbWriter, index: number): void {
    this.out.writer = writer;
    this.out.begin(2);
    this.out.text('SELECT');
    this.out.integer(index);
  }

  announceDatabase(): void {
    return;
  }

  end(): void {
    return;
  }

  private setKey(bytes: Uint8Array, start: number, length: number): void {
    this.keyBytes = bytes;
    this.keyStart = start;
    this.keyLength = length;
  }

  /** Begins a command on the key, with `count` further arguments. */
  private command(name: string, count: number): void {
    this.out.begin(2 + count);
    this.out.text(name);
    this.out.argument(this.keyBytes, this.keyStart, this.keyLength);
  }

  write(writer: RdbWriter, entry: number): void {
    const { keyspace, out } = this;
    const { entries } = keyspace;
    out.writer = writer;
    this.setKey(keyspace.arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry));
    const encoding = entries.encoding(entry);
    const ref = entries.word2(entry);
    switch (entries.type(entry)) {
      case Type.STRING:
        this.command('SET', 1);
        out.argument(keyspace.arena.u8[chunkOf(entries.valueBlock(entry))]!, entries.valueStart(entry), ref);
        break;
      case Type.LIST:
        if (encoding === Encoding.LISTPACK) this.listpack('RPUSH', ref, 1);
        else this.writeNodes(ref as QuicklistRef);
        break;
      case Type.SET:
        if (encoding === Encoding.INTSET) this.intset(ref);
        else if (encoding === Encoding.LISTPACK) this.listpack('SADD', ref, 1);
        else this.writeDict(ref as DictRef, PartKind.members);
        break;
      case Type.ZSET:
        if (encoding === Encoding.LISTPACK) this.smallSortedSet(ref);
        else this.writeDict(ref as DictRef, PartKind.scores);
        break;
      case Type.HASH:
        if (encoding === Encoding.LISTPACK) this.listpack('HMSET', ref, 2);
        else if (encoding === Encoding.LISTPACK_EX) this.agingFields(ref);
        else this.writeDict(ref as DictRef, PartKind.fields);
        break;
      default:
        this.streams.writeCommands(entry, out);
    }
    if (entries.hasNumber(entry)) this.expiry(entries.number(entry));
  }

  private expiry(ms: number): void {
    this.command('PEXPIREAT', 1);
    this.out.integer(ms);
  }

  // --- parts of a big value -------------------------------------------------------------------------------------------

  open(writer: RdbWriter, entry: number): PartHead | undefined {
    const { entries } = this.keyspace;
    const kind = partKindOf(entries.type(entry));
    if (kind === undefined) return undefined;
    if (kind === PartKind.bytes) {
      this.out.writer = writer;
      this.setKey(this.keyspace.arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry));
      this.command('SET', 1);
      this.out.argumentHead(entries.word2(entry));
    }
    return {
      kind,
      key: entries.keyBytes(entry),
      expiresMs: entries.hasNumber(entry) ? entries.number(entry) : -1,
      firstFieldMs: -1,
      tail: null,
    };
  }

  private resume(writer: RdbWriter, value: BigValue): void {
    this.out.writer = writer;
    this.setKey(value.head.key, 0, value.head.key.length);
  }

  members(writer: RdbWriter, value: BigValue, members: Int32Array, count: number): void {
    this.resume(writer, value);
    this.writeMembers(members, count, value.head.kind);
  }

  block(writer: RdbWriter, value: BigBlocks, index: number): void {
    this.resume(writer, value);
    this.writeNode(value.blocks[index]!, value.plain[index] !== 0);
  }

  close(writer: RdbWriter, value: BigValue): void {
    this.resume(writer, value);
    if (value.head.kind === PartKind.bytes) this.out.argumentEnd();
    if (value.head.expiresMs >= 0) this.expiry(value.head.expiresMs);
  }

  /** The entries of a listpack, `group` at a time (fields with their values). */
  private listpack(name: string, ref: number, group: number): void {
    const { listpacks } = this;
    let left = listpacks.count(ref);
    let inCommand = 0;
    for (let at = listpacks.first(ref); at !== 0; at = listpacks.next(ref, at)) {
      if (inCommand === 0) {
        inCommand = Math.min(left, ELEMENTS_PER_COMMAND * group);
        this.command(name, inCommand);
      }
      listpacks.read(ref, at);
      this.out.argument(listpacks.bytes, listpacks.start, listpacks.length);
      inCommand--;
      left--;
    }
  }

  private intset(ref: number): void {
    const count = this.intsets.count(ref);
    for (let index = 0; index < count; index++) {
      if (index % ELEMENTS_PER_COMMAND === 0) this.command('SADD', Math.min(count - index, ELEMENTS_PER_COMMAND));
      this.intsets.read(ref, index);
      this.out.argument(this.intsets.bytes, this.intsets.start, this.intsets.length);
    }
  }

  private smallSortedSet(ref: number): void {
    const { sortedSets } = this.keyspace.values;
    const walk = new SortedSetWalk(sortedSets);
    const count = sortedSets.count(Encoding.LISTPACK, ref);
    walk.from(Encoding.LISTPACK, ref, 0);
    for (let index = 0; index < count; index++, walk.next()) {
      if (index % ELEMENTS_PER_COMMAND === 0) this.command('ZADD', 2 * Math.min(count - index, ELEMENTS_PER_COMMAND));
      this.out.text(doubleText(walk.score));
      this.out.argument(walk.bytes, walk.start, walk.length);
    }
  }

  private agingFields(ref: number): void {
    const { listpacks, out } = this;
    for (let at = listpacks.first(ref); at !== 0;) {
      listpacks.read(ref, at);
      const field = listpacks.bytes.slice(listpacks.start, listpacks.start + listpacks.length);
      at = listpacks.next(ref, at);
      this.command('HSET', 2);
      out.argument(field, 0, field.length);
      listpacks.read(ref, at);
      out.argument(listpacks.bytes, listpacks.start, listpacks.length);
      at = listpacks.next(ref, at);
      listpacks.read(ref, at);
      if (listpacks.integer !== 0) this.fieldExpiry(listpacks.integer, field, 0, field.length);
      at = listpacks.next(ref, at);
    }
  }

  private fieldExpiry(ms: number, field: Uint8Array, offset: number, length: number): void {
    this.command('HPEXPIREAT', 4);
    this.out.integer(ms);
    this.out.text('FIELDS');
    this.out.integer(1);
    this.out.argument(field, offset, length);
  }

  private writeDict(dict: DictRef, kind: number): void {
    const { refs } = this;
    let cursor = 0;
    do {
      refs.clear();
      cursor = this.keyspace.dicts.scan(dict, cursor, MEMBERS_AT_ONCE, refs);
      this.writeMembers(refs.refs, refs.length, kind);
    } while (cursor !== 0);
  }

  private writeMembers(members: Int32Array, count: number, kind: number): void {
    const { entries, arena } = this.keyspace;
    const { out } = this;
    const name = kind === PartKind.members ? 'SADD' : kind === PartKind.scores ? 'ZADD' : 'HMSET';
    for (let index = 0; index < count; index++) {
      const member = members[index]!;
      if (index % ELEMENTS_PER_COMMAND === 0)
        this.command(name, Math.min(count - index, ELEMENTS_PER_COMMAND) * (kind === PartKind.members ? 1 : 2));
      if (kind === PartKind.scores) out.text(doubleText(entries.number(member)));
      out.argument(arena.u8[chunkOf(member)]!, entries.keyStart(member), entries.keyLength(member));
      if (kind === PartKind.fields)
        out.argument(arena.u8[chunkOf(entries.valueBlock(member))]!, entries.valueStart(member), entries.word2(member));
    }
    for (let index = 0; kind === PartKind.fields && index < count; index++) {
      const member = members[index]!;
      if (entries.hasNumber(member))
        this.fieldExpiry(
          entries.number(member),
          arena.u8[chunkOf(member)]!,
          entries.keyStart(member),
          entries.keyLength(member),
        );
    }
  }

  private writeNodes(list: QuicklistRef): void {
    const { nodes } = this;
    for (let there = nodes.first(list); there; there = nodes.next(nodes.group, nodes.slot)) {
      this.writeNode(nodes.block(nodes.group, nodes.slot), nodes.isPlain(nodes.group, nodes.slot));
    }
  }

  private writeNode(block: number, isPlain: boolean): void {
    const { arena } = this.keyspace;
    if (!isPlain) {
      const raw = isPacked(arena, block) ? unpackBlock(arena, block) : block;
      this.listpack('RPUSH', raw, 1);
      if (raw !== block) arena.free(raw);
      return;
    }
    this.command('RPUSH', 1);
    this.out.argument(arena.u8[chunkOf(block)]!, plainStart(block), plainLength(arena, block));
  }
}

function partKindOf(type: number): number | undefined {
  switch (type) {
    case Type.STRING:
      return PartKind.bytes;
    case Type.LIST:
      return PartKind.nodes;
    case Type.SET:
      return PartKind.members;
    case Type.ZSET:
      return PartKind.scores;
    case Type.HASH:
      return PartKind.fields;
    default:
      return undefined;
  }
}
