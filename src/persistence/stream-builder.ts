// stream-builder: makes a stream out of the reader's events, checking that what refers to another part finds it.

import { type ConsumerRef, ENTRIES_READ_UNKNOWN, type GroupRef } from '../datatypes/stream-groups.js';
import { entriesUpTo } from '../datatypes/stream-progress.js';
import type { StreamRef } from '../datatypes/stream.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { Encoding, Type } from '../datatypes/object.js';
import { StreamId } from '../structures/stream-id.js';
import { validateStreamNode } from '../structures/stream-node.js';
import { RdbType } from './rdb-format.js';
import { RdbError, RdbEvent, type RdbReader } from './rdb-reader.js';

const NO_NAME = new Uint8Array(0);

function idFrom(bytes: Uint8Array, into: StreamId): StreamId {
  const word = (at: number): number =>
    (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  into.msHigh = word(0);
  into.msLow = word(4);
  into.seqHigh = word(8);
  into.seqLow = word(12);
  return into;
}

export class StreamBuilder {
  private stream = 0 as StreamRef;
  private group = 0 as GroupRef;
  private consumer = 0 as ConsumerRef;
  private unassigned = 0;
  private entries = 0;
  private readonly id = new StreamId();
  private readonly lastNode = new StreamId();
  private hasNodes = false;

  constructor(private readonly keyspace: Keyspace) {}

  begin(): number {
    this.stream = this.keyspace.values.streams.create();
    this.group = 0 as GroupRef;
    this.unassigned = 0;
    this.entries = 0;
    this.hasNodes = false;
    return this.stream;
  }

  private fail(reader: RdbReader, reason: string): never {
    throw new RdbError(reader.offset, reason, false);
  }

  take(event: number, reader: RdbReader): void {
    switch (event) {
      case RdbEvent.streamNode:
        this.takeNode(reader);
        return;
      case RdbEvent.streamInfo:
        this.takeInfo(reader);
        return;
      case RdbEvent.streamGroup:
        this.takeGroup(reader);
        return;
      case RdbEvent.streamPending: {
        const { groups } = this.keyspace.values.streams;
        if (
          !groups.addUnassigned(
            this.group,
            idFrom(reader.streamId, this.id),
            reader.deliveryTimeMs,
            reader.deliveryCount,
          )
        ) {
          this.fail(reader, 'Duplicated global PEL entry loading stream consumer group');
        }
        this.unassigned++;
        return;
      }
      case RdbEvent.streamConsumer:
        this.takeConsumer(reader);
        return;
      case RdbEvent.streamConsumerPending: {
        const { groups } = this.keyspace.values.streams;
        if (!groups.assignPending(this.group, idFrom(reader.streamId, this.id), this.consumer)) {
          this.fail(reader, 'Consumer entry not found in group global PEL');
        }
        this.unassigned--;
        return;
      }
      default:
        this.fail(reader, 'Unknown part of a stream');
    }
  }

  private takeNode(reader: RdbReader): void {
    const { streams, listpacks } = this.keyspace.values;
    const { item } = reader;
    idFrom(reader.streamId, this.id);
    if (this.hasNodes && this.id.compare(this.lastNode) <= 0) this.fail(reader, 'Listpack re-added with existing key');
    if (!validateStreamNode(item.bytes, item.start, item.length))
      this.fail(reader, 'Stream listpack integrity check failed.');
    const node = listpacks.createFrom(item.bytes, item.start, item.length);
    const live = streams.nodes.liveCount(node);
    if (live === 0) {
      listpacks.free(node);
      this.fail(reader, 'Empty listpack inside stream');
    }
    this.entries += live;
    streams.appendNode(this.stream, this.id, node);
    this.lastNode.set(this.id);
    this.hasNodes = true;
  }

  private takeInfo(reader: RdbReader): void {
    const { streams } = this.keyspace.values;
    if (reader.count !== this.entries) this.fail(reader, 'Stream length inconsistent with rax entries');
    streams.setLength(this.stream, reader.count);
    streams.setLastId(this.stream, idFrom(reader.streamId, this.id));
    streams.setEntriesAdded(this.stream, reader.entriesAdded);
    streams.setDeletedId(this.stream, idFrom(reader.maxDeletedId, this.id));
    // The oldest form does not say which id is the first.
    if (reader.rdbType === RdbType.streamListpacks) streams.refreshFirstId(this.stream);
    else streams.setFirstId(this.stream, idFrom(reader.firstId, this.id));
  }

  private endGroup(reader: RdbReader): void {
    if (this.unassigned !== 0) this.fail(reader, 'Stream CG PEL entry without consumer');
    if (this.group !== 0) this.releaseNamelessly();
  }

  /** What a consumer without a name was never given was released by XNACK (see StreamEncoder.releasedIds). */
  private releaseNamelessly(): void {
    const { groups } = this.keyspace.values.streams;
    const nobody = groups.findConsumer(this.group, NO_NAME, 0, 0);
    if (nobody === 0) return;
    groups.releaseUndelivered(this.group, nobody);
    if (groups.seenTime(nobody) === 0 && groups.consumerPendingCount(nobody) === 0)
      groups.removeConsumer(this.group, nobody);
  }

  private takeGroup(reader: RdbReader): void {
    const { streams } = this.keyspace.values;
    const { groups } = streams;
    const { item } = reader;
    this.endGroup(reader);
    const list = streams.groupList(this.stream);
    if (groups.find(list, item.bytes, item.start, item.length) !== 0)
      this.fail(reader, `Duplicated consumer group name ${item.toString()}`);
    idFrom(reader.streamId, this.id);
    let entriesRead = reader.entriesRead < 0 ? ENTRIES_READ_UNKNOWN : reader.entriesRead;
    // The oldest form does not say how far a group has read either.
    if (reader.rdbType === RdbType.streamListpacks) entriesRead = entriesUpTo(streams, this.stream, this.id);
    streams.setGroupList(this.stream, groups.add(list, item.bytes, item.start, item.length, this.id, entriesRead));
    this.group = groups.added;
  }

  private takeConsumer(reader: RdbReader): void {
    const { groups } = this.keyspace.values.streams;
    const { item } = reader;
    if (groups.findConsumer(this.group, item.bytes, item.start, item.length) !== 0)
      this.fail(reader, 'Duplicate stream consumer detected.');
    this.consumer = groups.addConsumer(this.group, item.bytes, item.start, item.length, reader.seenTimeMs);
    groups.setActiveTime(this.consumer, reader.activeTimeMs < 0 ? reader.seenTimeMs : reader.activeTimeMs);
  }

  finish(reader: RdbReader): number {
    this.endGroup(reader);
    const made = this.stream;
    this.stream = 0 as StreamRef;
    return made;
  }

  abandon(): void {
    if (this.stream === 0) return;
    // Pending entries without a consumer are freed like the others.
    this.keyspace.releaseValue(Type.STREAM, Encoding.STREAM, this.stream);
    this.stream = 0 as StreamRef;
  }
}
