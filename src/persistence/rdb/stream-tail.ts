// stream-tail: the part of a stream after its nodes in RDB, written in pieces: groups, consumers, pending entries.
//
// Names, ids and counts are encoded when the stream is opened. The pending list can hold a million messages, in the leaves of an
// ordered map (structures/stream-index): only the leaves are noted then, about 27 messages each. A leaf that is about to change
// is copied, and the copy takes its place.
//
//   pieces[0] runs[0] pieces[1] runs[1] ... pieces[n]      a run: the leaves of one group or consumer
//
// Not here: the bytes of a group and of a leaf (stream-encoder).

import type { Arena } from '../../memory/arena.js';
import type { RefList } from '../../structures/dict.js';
import { RdbWriter } from './writer.js';

const PIECE_BYTES = 256;
/** A map of so few leaves is written at once. */
const LEAVES_AT_ONCE = 4;
const LEAF_BYTES_PER_STEP = 64 * 1024;

interface Run {
  readonly leaves: Int32Array;
  readonly count: number;
  /** Else of a consumer. */
  readonly isOfGroup: boolean;
}

export interface LeafEncoder {
  writeLeaf(leaf: number, isOfGroup: boolean, writer: RdbWriter): void;
}

export class StreamTail {
  /** Bytes of the copies. */
  copiedBytes = 0;
  private readonly pieces: RdbWriter[] = [];
  private readonly runs: Run[] = [];
  /** The run that is written at present, -1 before the first piece, and which of its leaves is next. */
  private run = -1;
  private next = 0;
  /** Where a leaf is: its run, and its place there. */
  private readonly places = new Map<number, { readonly run: number; readonly index: number }>();
  private readonly copies = new Set<number>();

  constructor(
    private readonly arena: Arena,
    private readonly encoder: LeafEncoder,
    private readonly compression: number,
  ) {
    this.pieces.push(new RdbWriter(compression, PIECE_BYTES));
  }

  /** Where what comes next is to be written; to be asked for after each `addLeaves`. */
  get writer(): RdbWriter {
    return this.pieces[this.pieces.length - 1]!;
  }

  /** Whether there are leaves that may change before they are written. */
  get hasLeaves(): boolean {
    return this.runs.length > 0;
  }

  addLeaves(list: RefList, isOfGroup: boolean): void {
    if (list.length <= LEAVES_AT_ONCE) {
      for (let index = 0; index < list.length; index++)
        this.encoder.writeLeaf(list.refs[index]!, isOfGroup, this.writer);
      return;
    }
    const run = this.runs.length;
    for (let index = 0; index < list.length; index++) this.places.set(list.refs[index]!, { run, index });
    this.runs.push({ leaves: list.refs, count: list.length, isOfGroup });
    this.pieces.push(new RdbWriter(this.compression, PIECE_BYTES));
  }

  /** A leaf is about to be changed or freed. */
  beforeLeaf(leaf: number): void {
    const place = this.places.get(leaf);
    if (place === undefined) return;
    this.places.delete(leaf);
    if (place.run < this.run || (place.run === this.run && place.index < this.next)) return;
    const { arena } = this;
    const bytes = arena.usable(leaf);
    const copy = arena.alloc(bytes);
    arena.copy(copy, 0, leaf, 0, bytes);
    this.runs[place.run]!.leaves[place.index] = copy;
    this.copies.add(copy);
    this.copiedBytes += bytes;
  }

  /** Writes the next part; true when all is written. */
  step(writer: RdbWriter): boolean {
    for (let bytes = 0; bytes < LEAF_BYTES_PER_STEP;) {
      const run = this.runs[this.run];
      if (run !== undefined && this.next < run.count) {
        const leaf = run.leaves[this.next++]!;
        bytes += this.arena.usable(leaf);
        this.encoder.writeLeaf(leaf, run.isOfGroup, writer);
        if (this.copies.has(leaf)) this.freeCopy(leaf);
        continue;
      }
      this.run++;
      this.next = 0;
      const piece = this.pieces[this.run]!;
      bytes += piece.length;
      writer.append(piece);
      if (this.run === this.runs.length) return true;
    }
    return false;
  }

  private freeCopy(copy: number): void {
    this.copies.delete(copy);
    this.copiedBytes -= this.arena.usable(copy);
    this.arena.free(copy);
  }

  /** Nothing more of it is written. */
  abandon(): void {
    for (const copy of this.copies) this.freeCopy(copy);
    this.places.clear();
  }
}
