// big-value: a collection that a snapshot writes in parts, while commands go on to change it.
//
// The snapshot holds the collection as it was when it was opened: by the walk, or by the first command that was about to change
// it. Its head (key, count of elements) is written then. From then on the structures report each part that changes
// (memory/part-guard), and a part that is not written yet is kept as it was:
//
//   members (dict)          are written in the order of their hashes, so one that lies before the cursor is done. Another one
//                           that is about to change or go is written at once, out of order, which RDB allows; its
//                           EPOCH bit then makes the walk skip it. So does the bit of an added member.
//   nodes (list, stream)    are written in their order, from a list of blocks made when the value was opened (4 bytes a
//                           node). A block that is about to change or go is copied, and the copy takes its place. The
//                           pending lists of a stream's groups follow its nodes, in the same way (stream-tail).
//   bytes (string)          are written in their order. The string keeps the old epoch until all are, so that a command which is
//                           about to change it makes the snapshot write the rest first.
//
// The walk clears each bit that it passes, so outside of it all members' bits are 0. A collection that is deleted is given to
// the snapshot, which frees it when it is written.
//
// A change costs one member or one node of 8 KB, never the whole value. A part written out of order before
// the walk gets there waits in memory: at most the changed parts. Opening a list costs about 0.1 us a node.
//
// Not here: the choice of values and the way of the bytes (snapshot), their form (the encoders).

import { Encoding, Type } from '../../datatypes/object.js';
import { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { chunkOf } from '../../memory/layout.js';
import { type DictRef, RefList } from '../../structures/dict.js';
import { EPOCH, EXTERNAL } from '../../structures/entry.js';
import { Listpacks } from '../../structures/listpack.js';
import { QuicklistNodes, type QuicklistRef } from '../../structures/quicklist-nodes.js';
import { StreamId } from '../../structures/stream-id.js';
import { PieceList } from './piece-list.js';
import type { RdbWriter } from '../rdb/writer.js';
import { streamIdBytes } from '../rdb/stream-id-bytes.js';
import type { StreamTail } from '../rdb/stream-tail.js';

/** Collections of more bytes (estimated) are big. */
export const BIG_BYTES = 256 * 1024;
/** Collections of fewer members are never big, whatever they hold. */
const MEMBERS_MIN = 64;
const NODES_LOOKED_AT = 32;
const MEMBERS_SAMPLED = 8;
/** One pending message with its consumer. */
const PENDING_BYTES = 48;
const MEMBERS_PER_STEP = 64;
const BLOCK_BYTES_PER_STEP = 64 * 1024;
const STRING_BYTES_PER_STEP = 128 * 1024;
/** A string is copied so much faster than members are encoded that it counts as big from so many times their bytes on. */
const BIG_STRING_TIMES = 16;
export const STREAM_ID_BYTES = 16;
const NO_IDS = new Uint8Array(0);

/** The kind of the elements. */
export const PartKind = {
  members: 1,
  scores: 2,
  fields: 3,
  agingFields: 4,
  nodes: 5,
  streamNodes: 6,
  bytes: 7,
} as const;

/** Writes parts of a collection of the type `value.kind`. */
export interface PartEncoder {
  members(writer: RdbWriter, value: BigValue, members: Int32Array, count: number): void;
  block(writer: RdbWriter, value: BigBlocks, index: number): void;
  /** Writes the end of a value, after its last part. */
  close(writer: RdbWriter, value: BigValue): void;
}

/** The description of a value that an encoder opens. */
export interface PartHead {
  readonly kind: number;
  readonly key: Uint8Array;
  /** When the key expires, or -1. */
  readonly expiresMs: number;
  /** With agingFields: no field expires before. */
  readonly firstFieldMs: number;
  /** The part of a stream after its nodes. */
  readonly tail: StreamTail | null;
}

export abstract class BigValue {
  /** The database's number at the cut. */
  database = 0;
  /** Bytes written before the walk came to this value. */
  readonly early: PieceList;
  /** Set while the value is being written: where parts go. */
  out: RdbWriter | null = null;
  /** The value if it is no key's any more, and what was cut off from it: to be freed when it is written. */
  readonly released: { readonly type: number; readonly encoding: number; readonly ref: number }[] = [];

  constructor(
    protected readonly keyspace: Keyspace,
    protected readonly encoder: PartEncoder,
    readonly head: PartHead,
    /** Dict, quicklist or stream. */
    readonly ref: number,
    early: PieceList,
  ) {
    this.early = early;
  }

  /** Bytes that the arena holds for this value alone. */
  copiedBytes = 0;

  protected get writer(): RdbWriter {
    return this.out ?? this.early.writer;
  }

  /** Writes the next part; true when all are written. */
  abstract step(): boolean;
  memberAdded(_hash: number, _entry: number): void {
    return;
  }
  beforeMember(_hash: number, _entry: number): void {
    return;
  }
  beforeBlock(_block: number): void {
    return;
  }
  /** The snapshot was given up; true when `clear` must be called until it returns true. */
  abstract abandon(): boolean;
  /** Clears bits that are left; true when none is. */
  clear(): boolean {
    return true;
  }
}

/** Hash, set or sorted set. */
export class BigDict extends BigValue {
  /** Hashes below are done. */
  private cursor = 0;
  private isDone = false;
  private readonly one = new Int32Array(1);

  constructor(
    keyspace: Keyspace,
    encoder: PartEncoder,
    head: PartHead,
    ref: number,
    early: PieceList,
    private readonly refs: RefList,
    /** No command runs until all is written: bits, which may be those of a snapshot that is under way, say nothing. */
    private readonly isStill: boolean,
  ) {
    super(keyspace, encoder, head, ref, early);
  }

  private isPassed(hash: number): boolean {
    return this.isDone || hash >>> 0 < this.cursor;
  }

  override memberAdded(hash: number, entry: number): void {
    if (!this.isPassed(hash)) this.keyspace.entries.setEpoch(entry, EPOCH);
  }

  override beforeMember(hash: number, entry: number): void {
    const { entries } = this.keyspace;
    if (this.isPassed(hash) || entries.epoch(entry) !== 0) return;
    this.one[0] = entry;
    this.encoder.members(this.writer, this, this.one, 1);
    entries.setEpoch(entry, EPOCH);
  }

  /** Fills `refs` with the next members that are not written yet, and clears the bits of those that are. */
  private pass(): void {
    const { refs } = this;
    const { entries, dicts } = this.keyspace;
    refs.clear();
    this.cursor = dicts.scan(this.ref as DictRef, this.cursor, MEMBERS_PER_STEP, refs);
    this.isDone = this.cursor === 0;
    if (this.isStill) return;
    const list = refs.refs;
    let kept = 0;
    for (let index = 0; index < refs.length; index++) {
      const entry = list[index]!;
      if (entries.epoch(entry) === 0) list[kept++] = entry;
      else entries.setEpoch(entry, 0);
    }
    refs.length = kept;
  }

  override step(): boolean {
    this.pass();
    if (this.refs.length > 0) this.encoder.members(this.writer, this, this.refs.refs, this.refs.length);
    return this.isDone;
  }

  override abandon(): boolean {
    return !this.isDone;
  }

  override clear(): boolean {
    this.pass();
    return this.isDone;
  }
}

/** List or stream. */
export class BigBlocks extends BigValue {
  private next = 0;
  private readonly places = new Map<number, number>();
  /** Places whose block is a copy, which is this value's to free. */
  private readonly copies = new Set<number>();

  constructor(
    keyspace: Keyspace,
    encoder: PartEncoder,
    head: PartHead,
    ref: number,
    early: PieceList,
    /** A listpack or plain block a node, in their order. */
    readonly blocks: Int32Array,
    /** Which of them are plain. */
    readonly plain: Uint8Array,
    /** The ids of a stream's nodes, 16 bytes each. */
    readonly ids: Uint8Array,
  ) {
    super(keyspace, encoder, head, ref, early);
    for (let index = 0; index < blocks.length; index++) this.places.set(blocks[index]!, index);
  }

  override beforeBlock(block: number): void {
    const index = this.places.get(block);
    if (index === undefined) return;
    this.places.delete(block);
    if (index < this.next) return;
    const { arena } = this.keyspace;
    const bytes = arena.usable(block);
    const copy = arena.alloc(bytes);
    arena.copy(copy, 0, block, 0, bytes);
    this.blocks[index] = copy;
    this.copies.add(index);
    this.copiedBytes += bytes;
  }

  override step(): boolean {
    const { blocks } = this;
    const { arena } = this.keyspace;
    for (let bytes = 0; bytes < BLOCK_BYTES_PER_STEP && this.next < blocks.length;) {
      const index = this.next++;
      const block = blocks[index]!;
      bytes += arena.usable(block);
      this.encoder.block(this.writer, this, index);
      if (this.copies.has(index)) this.freeCopy(index);
    }
    if (this.next < blocks.length) return false;
    return this.head.tail === null || this.head.tail.step(this.writer);
  }

  private freeCopy(index: number): void {
    const { arena } = this.keyspace;
    this.copiedBytes -= arena.usable(this.blocks[index]!);
    arena.free(this.blocks[index]!);
    this.copies.delete(index);
  }

  override abandon(): boolean {
    for (const index of this.copies) this.freeCopy(index);
    this.places.clear();
    this.head.tail?.abandon();
    return false;
  }
}

/** A string, while it is being written. */
export class BigString extends BigValue {
  private next = 0;

  constructor(
    keyspace: Keyspace,
    encoder: PartEncoder,
    head: PartHead,
    readonly entry: number,
    out: RdbWriter,
  ) {
    super(keyspace, encoder, head, 0, new PieceList(out.compression));
    this.out = out;
  }

  override step(): boolean {
    const { entries, arena } = this.keyspace;
    const length = entries.word2(this.entry);
    const bytes = Math.min(STRING_BYTES_PER_STEP, length - this.next);
    const block = entries.valueBlock(this.entry);
    this.writer.raw(arena.u8[chunkOf(block)]!, entries.valueStart(this.entry) + this.next, bytes);
    this.next += bytes;
    return this.next >= length;
  }

  override abandon(): boolean {
    return false;
  }
}

/** Tells big values from others, and opens them. */
export class BigValues {
  private readonly refs = new RefList();
  /** Own readers: a value is opened in the middle of a command, whose borrowed positions must stay. */
  private readonly nodes: QuicklistNodes;
  private readonly streams: Streams;

  constructor(
    private readonly keyspace: Keyspace,
    /** More (estimated) is big. */
    private readonly bigBytes: number,
  ) {
    this.nodes = new QuicklistNodes(keyspace.arena);
    this.streams = new Streams(new Listpacks(keyspace.arena));
  }

  isBigString(entry: number): boolean {
    const { entries } = this.keyspace;
    return entries.type(entry) === Type.STRING && entries.word2(entry) > this.bigBytes * BIG_STRING_TIMES;
  }

  /** Whether it is a big collection. */
  isBig(entry: number): boolean {
    const { entries, dicts } = this.keyspace;
    switch (entries.encoding(entry)) {
      case Encoding.HASHTABLE:
      case Encoding.SKIPLIST: {
        const count = dicts.count(entries.word2(entry) as DictRef);
        return count >= MEMBERS_MIN && count * this.averageBytes(entries.word2(entry) as DictRef) > this.bigBytes;
      }
      case Encoding.QUICKLIST:
        return this.isBigList(entries.word2(entry) as QuicklistRef);
      case Encoding.STREAM:
        return this.isBigStream(entries.word2(entry) as StreamRef);
      default:
        return false;
    }
  }

  /** Bytes of a member, from a few of them. */
  private averageBytes(dict: DictRef): number {
    const { refs } = this;
    const { entries, dicts, arena } = this.keyspace;
    refs.clear();
    dicts.scan(dict, 0, MEMBERS_SAMPLED, refs);
    let bytes = 0;
    for (let index = 0; index < refs.length; index++) {
      const entry = refs.refs[index]!;
      bytes += arena.usable(entry);
      if ((entries.flags(entry) & EXTERNAL) !== 0) bytes += entries.word2(entry);
    }
    return refs.length === 0 ? MEMBERS_MIN : bytes / refs.length;
  }

  private isBigList(list: QuicklistRef): boolean {
    const { nodes } = this;
    if (nodes.nodeCount(list) > NODES_LOOKED_AT) return true;
    let bytes = 0;
    for (let there = nodes.first(list); there; there = nodes.next(nodes.group, nodes.slot))
      bytes += this.keyspace.arena.usable(nodes.block(nodes.group, nodes.slot));
    return bytes > this.bigBytes;
  }

  private isBigStream(stream: StreamRef): boolean {
    const { indexes } = this.streams;
    const index = this.streams.nodeIndex(stream);
    const { groups } = this.streams;
    if (indexes.count(index) > NODES_LOOKED_AT) return true;
    if (groups.weight(this.streams.groupList(stream)) * PENDING_BYTES > this.bigBytes) return true;
    let bytes = 0;
    for (let there = indexes.first(index); there; there = indexes.next())
      bytes += this.keyspace.arena.usable(indexes.value(0));
    return bytes > this.bigBytes;
  }

  /** A value whose head was written; `early` is where. `isStill`: no command runs until it is written. */
  open(encoder: PartEncoder, head: PartHead, ref: number, early: PieceList, isStill = false): BigValue {
    const { keyspace } = this;
    if (head.kind === PartKind.nodes) return this.openList(encoder, head, ref as QuicklistRef, early);
    if (head.kind === PartKind.streamNodes) return this.openStream(encoder, head, ref as StreamRef, early);
    return new BigDict(keyspace, encoder, head, ref, early, this.refs, isStill);
  }

  private openList(encoder: PartEncoder, head: PartHead, list: QuicklistRef, early: PieceList): BigBlocks {
    const { nodes } = this;
    const blocks = new Int32Array(nodes.nodeCount(list));
    const plain = new Uint8Array(blocks.length);
    let count = 0;
    for (let there = nodes.first(list); there; there = nodes.next(nodes.group, nodes.slot)) {
      plain[count] = nodes.isPlain(nodes.group, nodes.slot) ? 1 : 0;
      blocks[count++] = nodes.block(nodes.group, nodes.slot);
    }
    return new BigBlocks(this.keyspace, encoder, head, list, early, blocks, plain, NO_IDS);
  }

  private openStream(encoder: PartEncoder, head: PartHead, stream: StreamRef, early: PieceList): BigBlocks {
    const { indexes } = this.streams;
    const index = this.streams.nodeIndex(stream);
    const blocks = new Int32Array(indexes.count(index));
    const ids = new Uint8Array(blocks.length * STREAM_ID_BYTES);
    const id = new StreamId();
    let count = 0;
    for (let there = indexes.first(index); there; there = indexes.next()) {
      indexes.readId(id);
      ids.set(streamIdBytes(id), count * STREAM_ID_BYTES);
      blocks[count++] = indexes.value(0);
    }
    return new BigBlocks(this.keyspace, encoder, head, stream, early, blocks, new Uint8Array(count), ids);
  }
}
