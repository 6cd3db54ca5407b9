// stream-encoder: writes a stream: as RDB, as commands, and as the elements that DEBUG DIGEST hashes.
//
//   nodes: count, then (16 bytes of id, listpack) each | length | last id | first id | highest deleted id | entries added
//   groups: count, then each: name | last id | entries read | pending: count, then (16 bytes of id, time, deliveries) each
//           | consumers: count, then each: name | seen | pending: count, then 16 bytes of id each
//
// Ids outside of nodes and pending lists are two lengths. Not here: loading (stream-builder).

import { DELIVERIES_MAX, type GroupRef } from '../../datatypes/stream-groups.js';
import { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { byteOffset, chunkOf } from '../../memory/layout.js';
import { INT64_MAX, latin1Bytes } from '../../base/bytes.js';
import { Listpacks } from '../../structures/listpack.js';
import { StreamId } from '../../structures/stream-id.js';
import type { CommandWriter } from '../aof/command-writer.js';
import { streamIdBytes } from './stream-id-bytes.js';
import type { RdbWriter } from './writer.js';
import { StreamTail } from './stream-tail.js';

const INT64_MAX_BYTES = Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
const NO_NAME = new Uint8Array(0);

export class StreamEncoder {
  /** Its own view of all streams: encoding happens in the middle of commands, whose positions must stay. */
  private readonly streams: Streams;
  private readonly id = new StreamId();

  constructor(private readonly keyspace: Keyspace) {
    this.streams = new Streams(new Listpacks(keyspace.arena));
  }

  private writeId(writer: RdbWriter, id: StreamId): void {
    const bytes = streamIdBytes(id);
    writer.writeLength64(bytes, 0);
    writer.writeLength64(bytes, 8);
  }

  write(ref: number, writer: RdbWriter): void {
    const { streams, id } = this;
    const { indexes } = streams;
    const nodes = streams.nodeIndex(ref as StreamRef);
    writer.writeLength(indexes.count(nodes));
    for (let there = indexes.first(nodes); there; there = indexes.next()) {
      indexes.readId(id);
      writer.string(streamIdBytes(id), 0, 16);
      const node = indexes.value(0);
      writer.string(this.keyspace.arena.u8[chunkOf(node)]!, byteOffset(node), streams.listpacks.byteLength(node));
    }
    this.writeTail(ref, writer);
  }

  nodeCount(ref: number): number {
    return this.streams.indexes.count(this.streams.nodeIndex(ref as StreamRef));
  }

  /** Writes everything after the nodes, at once. */
  private writeTail(ref: number, writer: RdbWriter): void {
    const tail = new StreamTail(this.keyspace.arena, this, writer.compression);
    this.openTail(ref, tail);
    while (!tail.step(writer)) continue;
  }

  /** Writes the part after the nodes except the pending entries, whose place the tail notes. */
  openTail(ref: number, tail: StreamTail): void {
    const { streams, id } = this;
    const stream = ref as StreamRef;
    const { writer } = tail;
    writer.writeLength(streams.length(stream));
    this.writeId(writer, streams.lastId(stream, id));
    this.writeId(writer, streams.firstId(stream, id));
    this.writeId(writer, streams.deletedId(stream, id));
    writer.writeLength(streams.entriesAdded(stream));
    const groups = streams.groupList(stream);
    const count = streams.groups.listCount(groups);
    writer.writeLength(count);
    for (let index = 0; index < count; index++) this.openGroup(streams.groups.groupAt(groups, index), tail);
  }

  /** Writes what is pending in a leaf of a group or of a consumer. */
  writeLeaf(leaf: number, isOfGroup: boolean, writer: RdbWriter): void {
    const { groups } = this.streams;
    groups.forEachOfLeaf(leaf, isOfGroup, () => {
      writer.raw(streamIdBytes(groups.pendingId), 0, 16);
      if (!isOfGroup) return;
      writer.int64(groups.deliveryTime);
      if (groups.deliveryCount >= DELIVERIES_MAX) writer.writeLength64(INT64_MAX_BYTES, 0);
      else writer.writeLength(groups.deliveryCount);
    });
  }

  private openGroup(group: GroupRef, tail: StreamTail): void {
    const { groups } = this.streams;
    const { id } = this;
    let { writer } = tail;
    const { arena } = this.keyspace;
    writer.string(arena.u8[chunkOf(group)]!, groups.nameStart(group), groups.nameLength(group));
    this.writeId(writer, groups.lastId(group, id));
    const entriesRead = groups.entriesRead(group);
    if (entriesRead < 0) writer.writeLengthMinusOne();
    else writer.writeLength(entriesRead);
    writer.writeLength(groups.pendingCount(group));
    tail.addLeaves(groups.pendingLeaves(group), true);
    ({ writer } = tail);
    const consumers = groups.consumers(group);
    const count = groups.listCount(consumers);
    const released = this.releasedIds(group);
    const nobody = groups.findConsumer(group, NO_NAME, 0, 0);
    writer.writeLength(count + (released.length > 0 && nobody === 0 ? 1 : 0));
    if (released.length > 0 && nobody === 0) {
      writer.string(NO_NAME, 0, 0);
      writer.int64(0);
      writer.writeLength(released.length);
      for (const one of released) writer.raw(streamIdBytes(one), 0, 16);
    }
    for (let index = 0; index < count; index++) {
      const consumer = groups.consumerAt(consumers, index);
      writer.string(arena.u8[chunkOf(consumer)]!, groups.nameStart(consumer), groups.nameLength(consumer));
      writer.int64(groups.seenTime(consumer));
      const more = consumer === nobody ? released : [];
      writer.writeLength(groups.consumerPendingCount(consumer) + more.length);
      for (const one of more) writer.raw(streamIdBytes(one), 0, 16);
      tail.addLeaves(groups.consumerPendingLeaves(consumer), false);
      ({ writer } = tail);
    }
  }

  /**
   * Entries released by XNACK belong to nobody, which files of this version cannot say: there they belong to a consumer without a name,
   * never delivered (at time 0), which is how the loader knows it. An older server makes it that consumer's, for anybody to claim.
   */
  private releasedIds(group: GroupRef): readonly StreamId[] {
    const { groups } = this.streams;
    if (groups.releasedCount(group) === 0) return [];
    return groups.idleSince(group, 0, 0).filter((id) => groups.findPending(group, id) && groups.consumer === 0);
  }

  private takePendingId(): void {
    this.id.set(this.streams.groups.pendingId);
  }

  /** Visits what DEBUG DIGEST sees: each id as text, then its fields and values. */
  forEachPart(ref: number, visit: (part: Uint8Array) => void): void {
    const { reader, listpacks } = this.streams;
    reader.openAll(ref as StreamRef, false);
    while (reader.next()) {
      // DEBUG DIGEST writes ids with a dot.
      visit(latin1Bytes(reader.id.toString().replace('-', '.')));
      reader.firstField();
      for (let field = 0; field < reader.fieldCount; field++) {
        if (field > 0) reader.nextField();
        for (const at of [reader.fieldAt, reader.valueAt]) {
          listpacks.read(reader.node, at);
          visit(listpacks.bytes.subarray(listpacks.start, listpacks.start + listpacks.length));
        }
      }
    }
  }

  /** The commands that make the stream of an entry. */
  writeCommands(entry: number, out: CommandWriter): void {
    const { keyspace, streams, id } = this;
    const { entries, arena } = keyspace;
    const stream = entries.word2(entry) as StreamRef;
    const begin = (words: readonly string[], count: number): void => {
      out.begin(words.length + 1 + count);
      for (const word of words) out.text(word);
      out.argument(arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry));
    };
    const { reader, listpacks } = streams;
    reader.openAll(stream, false);
    while (reader.next()) {
      begin(['XADD'], 1 + 2 * reader.fieldCount);
      out.text(reader.id.toString());
      reader.firstField();
      for (let field = 0; field < reader.fieldCount; field++) {
        if (field > 0) reader.nextField();
        for (const at of [reader.fieldAt, reader.valueAt]) {
          listpacks.read(reader.node, at);
          out.argument(listpacks.bytes, listpacks.start, listpacks.length);
        }
      }
    }
    if (streams.length(stream) === 0) {
      // An empty stream: an entry that MAXLEN 0 takes away again.
      begin(['XADD'], 5);
      for (const word of ['MAXLEN', '0', '0-1', 'x', 'y']) out.text(word);
    }
    begin(['XSETID'], 5);
    out.text(streams.lastId(stream, id).toString());
    out.text('ENTRIESADDED');
    out.integer(streams.entriesAdded(stream));
    out.text('MAXDELETEDID');
    out.text(streams.deletedId(stream, id).toString());
    const table = keyspace.values.streams.idempotency.get(stream);
    if (table !== undefined) {
      begin(['XCFGSET'], 4);
      for (const word of ['IDMP-DURATION', String(table.durationSeconds), 'IDMP-MAXSIZE', String(table.sizeMax)])
        out.text(word);
      table.forEach((producer, name, added) => {
        if (!streams.has(stream, added)) return;
        begin(['XIDMPRECORD'], 3);
        for (const part of [producer, name]) out.argument(latin1Bytes(part), 0, part.length);
        out.text(added.toString());
      });
    }
    const groups = streams.groupList(stream);
    for (let index = 0; index < streams.groups.listCount(groups); index++)
      this.groupCommands(streams.groups.groupAt(groups, index), begin, out);
  }

  private groupCommands(
    group: GroupRef,
    begin: (words: readonly string[], count: number) => void,
    out: CommandWriter,
  ): void {
    const { groups } = this.streams;
    const { arena } = this.keyspace;
    const { id } = this;
    const name = (ref: GroupRef): void =>
      out.argument(arena.u8[chunkOf(ref)]!, groups.nameStart(ref), groups.nameLength(ref));
    begin(['XGROUP', 'CREATE'], 4);
    name(group);
    out.text(groups.lastId(group, id).toString());
    out.text('ENTRIESREAD');
    out.integer(groups.entriesRead(group));
    const consumers = groups.consumers(group);
    for (let index = 0; index < groups.listCount(consumers); index++) {
      const consumer = groups.consumerAt(consumers, index);
      const consumerName = consumer as number as GroupRef;
      begin(['XGROUP', 'CREATECONSUMER'], 2);
      name(group);
      name(consumerName);
      id.setMin();
      while (groups.seekConsumerPending(group, consumer, id)) {
        this.takePendingId();
        begin(['XCLAIM'], 10);
        name(group);
        name(consumerName);
        for (const word of ['0', id.toString(), 'TIME']) out.text(word);
        out.integer(groups.deliveryTime);
        out.text('RETRYCOUNT');
        this.countPart(out);
        out.text('JUSTID');
        out.text('FORCE');
        if (!id.increment()) break;
      }
    }
    for (const released of this.releasedIds(group)) {
      if (!groups.findPending(group, released)) continue;
      begin(['XNACK'], 8);
      name(group);
      for (const word of ['FAIL', 'IDS', '1', released.toString(), 'RETRYCOUNT']) out.text(word);
      this.countPart(out);
      out.text('FORCE');
    }
  }

  private countPart(out: CommandWriter): void {
    const { deliveryCount } = this.streams.groups;
    if (deliveryCount <= Number.MAX_SAFE_INTEGER) out.integer(deliveryCount);
    else out.text(String(deliveryCount >= DELIVERIES_MAX ? INT64_MAX : BigInt(deliveryCount)));
  }
}
