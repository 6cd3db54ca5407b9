// command-snapshot: a snapshot as commands (aof-use-rdb-preamble no): the shortest that make the same data.
//
// Collections come in commands of up to 64 elements, a big one in steps as in value-encoder.

import { digitCount, latin1Bytes, writeInteger } from '../base/bytes.js';
import { doubleText } from '../base/double.js';
import { Encoding, Type } from '../datatypes/object.js';
import { SortedSetWalk } from '../datatypes/sorted-set.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { chunkOf } from '../memory/layout.js';
import { type DictRef, RefList } from '../structures/dict.js';
import { Listpacks } from '../structures/listpack.js';
import { plainLength, plainStart, QuicklistNodes, type QuicklistRef } from '../structures/quicklist-nodes.js';
import { Intsets } from '../structures/intset.js';
import type { RdbWriter } from './rdb-writer.js';
import type { SnapshotEncoder } from './snapshot.js';
import { StreamEncoder } from './stream-encoder.js';

const ELEMENTS_PER_COMMAND = 64;
const scratch = new Uint8Array(24);

/** Writes commands into a writer. */
export class CommandWriter {
  writer!: RdbWriter;

  private line(letter: number, value: number): void {
    scratch[0] = letter;
    const end = writeInteger(scratch, 1, value);
    scratch[end] = 13;
    scratch[end + 1] = 10;
    this.writer.raw(scratch, 0, end + 2);
  }

  begin(count: number): void {
    this.line(0x2a, count);
  }

  argument(bytes: Uint8Array, offset: number, length: number): void {
    this.line(0x24, length);
    this.writer.raw(bytes, offset, length);
    this.writer.byte(13);
    this.writer.byte(10);
  }

  text(text: string): void {
    const bytes = latin1Bytes(text);
    this.argument(bytes, 0, bytes.length);
  }

  integer(value: number): void {
    const bytes = new Uint8Array(value < 0 ? 1 + digitCount(-value) : digitCount(value));
    writeInteger(bytes, 0, value);
    this.argument(bytes, 0, bytes.length);
  }
}

const Walk = { none: 0, members: 1, scores: 2, fields: 3, nodes: 4 } as const;

export class CommandSnapshotEncoder implements SnapshotEncoder {
  private readonly out = new CommandWriter();
  private readonly listpacks: Listpacks;
  private readonly intsets: Intsets;
  private readonly nodes: QuicklistNodes;
  private readonly streams: StreamEncoder;
  private readonly refs = new RefList();
  private entry = 0;
  private walk: number = Walk.none;
  private cursor = 0;
  private group = 0;
  private slot = 0;

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

  private key(): void {
    const { entries, arena } = this.keyspace;
    this.out.argument(arena.u8[chunkOf(this.entry)]!, entries.keyStart(this.entry), entries.keyLength(this.entry));
  }

  /** Begins a command on the key, with `count` further arguments. */
  private command(name: string, count: number): void {
    this.out.begin(2 + count);
    this.out.text(name);
    this.key();
  }

  begin(writer: RdbWriter, entry: number): boolean {
    const { keyspace, out } = this;
    const { entries } = keyspace;
    out.writer = writer;
    this.entry = entry;
    this.walk = Walk.none;
    const encoding = entries.encoding(entry);
    const ref = entries.word2(entry);
    switch (entries.type(entry)) {
      case Type.STRING:
        this.command('SET', 1);
        out.argument(keyspace.arena.u8[chunkOf(entries.valueBlock(entry))]!, entries.valueStart(entry), ref);
        break;
      case Type.LIST:
        if (encoding === Encoding.LISTPACK) this.listpack('RPUSH', ref, 1);
        else if (this.nodes.first(ref as QuicklistRef)) {
          this.group = this.nodes.group;
          this.slot = this.nodes.slot;
          this.walk = Walk.nodes;
        }
        break;
      case Type.SET:
        if (encoding === Encoding.INTSET) this.intset(ref);
        else if (encoding === Encoding.LISTPACK) this.listpack('SADD', ref, 1);
        else this.beginDict(Walk.members);
        break;
      case Type.ZSET:
        if (encoding === Encoding.LISTPACK) this.smallSortedSet(ref);
        else this.beginDict(Walk.scores);
        break;
      case Type.HASH:
        if (encoding === Encoding.LISTPACK) this.listpack('HMSET', ref, 2);
        else if (encoding === Encoding.LISTPACK_EX) this.agingFields(ref);
        else this.beginDict(Walk.fields);
        break;
      default:
        this.streams.writeCommands(entry, out);
    }
    if (this.walk !== Walk.none) return false;
    this.expiry();
    return true;
  }

  private beginDict(walk: number): void {
    this.walk = walk;
    this.cursor = 0;
  }

  private expiry(): void {
    const { entries } = this.keyspace;
    if (!entries.hasNumber(this.entry)) return;
    this.command('PEXPIREAT', 1);
    this.out.integer(entries.number(this.entry));
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
    for (let at = listpacks.first(ref); at !== 0; ) {
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

  step(budget: number): boolean {
    if (this.walk === Walk.none) return true;
    if (this.walk === Walk.nodes) this.stepNodes(budget);
    else this.stepDict(budget);
    if (this.walk !== Walk.none) return false;
    this.expiry();
    return true;
  }

  private stepDict(budget: number): void {
    const { entries, arena, dicts } = this.keyspace;
    const { refs, out, walk } = this;
    refs.clear();
    this.cursor = dicts.scan(entries.word2(this.entry) as DictRef, this.cursor, budget, refs);
    const name = walk === Walk.members ? 'SADD' : walk === Walk.scores ? 'ZADD' : 'HMSET';
    for (let index = 0; index < refs.length; index++) {
      const member = refs.refs[index]!;
      if (index % ELEMENTS_PER_COMMAND === 0) this.command(name, Math.min(refs.length - index, ELEMENTS_PER_COMMAND) * (walk === Walk.members ? 1 : 2));
      if (walk === Walk.scores) out.text(doubleText(entries.number(member)));
      out.argument(arena.u8[chunkOf(member)]!, entries.keyStart(member), entries.keyLength(member));
      if (walk === Walk.fields) out.argument(arena.u8[chunkOf(entries.valueBlock(member))]!, entries.valueStart(member), entries.word2(member));
    }
    for (let index = 0; walk === Walk.fields && index < refs.length; index++) {
      const member = refs.refs[index]!;
      if (entries.hasNumber(member)) this.fieldExpiry(entries.number(member), arena.u8[chunkOf(member)]!, entries.keyStart(member), entries.keyLength(member));
    }
    if (this.cursor === 0) this.walk = Walk.none;
  }

  private stepNodes(budget: number): void {
    const { nodes } = this;
    const { arena } = this.keyspace;
    for (let written = 0; written < budget; ) {
      const block = nodes.block(this.group, this.slot);
      if (nodes.isPlain(this.group, this.slot)) {
        this.command('RPUSH', 1);
        this.out.argument(arena.u8[chunkOf(block)]!, plainStart(block), plainLength(arena, block));
      } else this.listpack('RPUSH', block, 1);
      written += nodes.count(this.group, this.slot);
      if (!nodes.next(this.group, this.slot)) {
        this.walk = Walk.none;
        return;
      }
      this.group = nodes.group;
      this.slot = nodes.slot;
    }
  }
}

