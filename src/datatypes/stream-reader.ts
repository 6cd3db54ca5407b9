// stream-reader: walks through the live entries of a stream from one id to another, in either direction.
//
//   reader.open(stream, start, end, false);
//   while (reader.next()) { reader.id ...; for (let at = reader.firstField(); ...) }
//
// The stream must not change while a reader walks through it. Two readers may walk at once.

import type { Listpacks } from '../structures/listpack.js';
import { StreamId } from '../structures/stream-id.js';
import type { StreamIndexes, StreamIndexRef } from '../structures/stream-index.js';
import { ENTRY_DELETED, ENTRY_SAME_FIELDS, type StreamNodes } from '../structures/stream-node.js';
import type { StreamRef } from './stream-ref.js';

/** The structures that a stream is made of. */
export interface StreamParts {
  readonly listpacks: Listpacks;
  readonly indexes: StreamIndexes;
  readonly nodes: StreamNodes;
  nodeIndex(stream: StreamRef): StreamIndexRef;
}

export class StreamReader {
  /** The entry: its id, its place in its node, the node and its id. */
  readonly id = new StreamId();
  at = 0;
  node = 0;
  readonly nodeId = new StreamId();
  fieldCount = 0;
  /** Offsets in the node of the present field and value; see `firstField`. */
  fieldAt = 0;
  valueAt = 0;

  private readonly start = new StreamId();
  private readonly end = new StreamId();
  private stream = 0 as StreamRef;
  private backward = false;
  private following = 0;
  private flags = 0;
  private dataAt = 0;
  private masterFieldsAt = 0;
  private masterFields = 0;
  private entriesAt = 0;

  constructor(private readonly streams: StreamParts) {}

  /** Begins a walk over the ids from `start` to `end`, both included; backward begins at `end`. */
  open(stream: StreamRef, start: StreamId, end: StreamId, backward: boolean): void {
    this.start.set(start);
    this.end.set(end);
    this.stream = stream;
    this.backward = backward;
    const { indexes } = this.streams;
    const map = this.streams.nodeIndex(stream);
    this.node = 0;
    if (indexes.seekBack(map, backward ? this.end : this.start)) this.enterNode();
    else if (!backward && indexes.first(map)) this.enterNode();
  }

  /** Begins a walk over all entries. */
  openAll(stream: StreamRef, backward: boolean): void {
    this.start.setMin();
    this.end.setMax();
    this.stream = stream;
    this.backward = backward;
    const { indexes } = this.streams;
    const map = this.streams.nodeIndex(stream);
    this.node = 0;
    if (backward ? indexes.last(map) : indexes.first(map)) this.enterNode();
  }

  /** Goes to the next entry; false at the end. @hot */
  next(): boolean {
    while (this.node !== 0) {
      if (!this.step()) {
        this.nextNode();
        continue;
      }
      if (this.backward) {
        if (this.id.compare(this.start) < 0) break;
        if ((this.flags & ENTRY_DELETED) === 0 && this.id.compare(this.end) <= 0) return true;
      } else {
        if (this.id.compare(this.end) > 0) break;
        if ((this.flags & ENTRY_DELETED) === 0 && this.id.compare(this.start) >= 0) return true;
      }
    }
    this.node = 0;
    return false;
  }

  /** Forward: lets the walk go on beyond the end that it was given. The node may lie elsewhere by now, with the same offsets in it. */
  goOn(node: number): void {
    this.node = node;
    this.end.setMax();
  }

  /** Sets `fieldAt` and `valueAt` to the entry's first field. */
  firstField(): void {
    if ((this.flags & ENTRY_SAME_FIELDS) !== 0) {
      this.fieldAt = this.masterFieldsAt;
      this.valueAt = this.dataAt;
    } else {
      this.fieldAt = this.dataAt;
      this.valueAt = this.streams.listpacks.next(this.node, this.dataAt);
    }
  }

  /** Goes on to the next field; the caller counts them. */
  nextField(): void {
    const { listpacks } = this.streams;
    if ((this.flags & ENTRY_SAME_FIELDS) !== 0) {
      this.fieldAt = listpacks.next(this.node, this.fieldAt);
      this.valueAt = listpacks.next(this.node, this.valueAt);
    } else {
      this.fieldAt = listpacks.next(this.node, this.valueAt);
      this.valueAt = listpacks.next(this.node, this.fieldAt);
    }
  }

  /** Reads the next entry of the node, whatever it is; false when there is none. */
  private step(): boolean {
    const { nodes } = this.streams;
    const { node } = this;
    if (this.backward) {
      this.at = nodes.entryBefore(node, this.following);
      if (this.at === 0) return false;
      this.following = this.at;
    } else {
      this.at = this.following;
      if (nodes.isEnd(node, this.at)) return false;
    }
    this.id.set(this.nodeId);
    nodes.masterFields = this.masterFields;
    nodes.openEntry(node, this.at, this.id);
    this.flags = nodes.flags;
    this.fieldCount = nodes.fieldCount;
    this.dataAt = nodes.dataAt;
    if (!this.backward) this.following = nodes.entryAfter(node);
    return true;
  }

  /** Enters the node at the index's position. */
  private enterNode(): void {
    const { indexes, nodes } = this.streams;
    this.node = indexes.value(0);
    indexes.readId(this.nodeId);
    nodes.openMaster(this.node);
    this.masterFieldsAt = nodes.masterFieldsAt;
    this.masterFields = nodes.masterFields;
    this.entriesAt = nodes.entriesAt;
    this.following = this.backward ? nodes.endOf(this.node) : this.entriesAt;
  }

  private nextNode(): void {
    const { indexes } = this.streams;
    const there =
      indexes.find(this.streams.nodeIndex(this.stream), this.nodeId) &&
      (this.backward ? indexes.previous() : indexes.next());
    if (there) this.enterNode();
    else this.node = 0;
  }
}
