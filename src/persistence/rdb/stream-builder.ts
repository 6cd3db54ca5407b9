// stream-builder: makes a stream out of the reader's events, and checks that references between its parts are right.
//
// Redis loads streams without counting: with wrong counts, nodes in which all is deleted (XTRIM of some versions leaves
// them), ids that do not fit and pending entries without a consumer. All of these are repaired; only Tolerance.nothing
// refuses them.

import { type ConsumerRef, ENTRIES_READ_UNKNOWN, type GroupRef } from '../../datatypes/stream-groups.js';
import { boundEntriesRead, entriesUpTo } from '../../datatypes/stream-progress.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { StreamId } from '../../structures/stream-id.js';
import { validateStreamNode } from '../../structures/stream-node.js';
import { RdbType } from './format.js';
import { RdbError, RdbEvent, type RdbReader } from './reader.js';
import { rebuildStreamNode } from './stream-node-rebuild.js';
import { Tolerance, type ValueRepairs } from './value-repairs.js';

const NO_NAME = new Uint8Array(0);
/** The latest time that is believed: 48 bits of milliseconds. */
const TIME_MAX = 2 ** 48 - 1;

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
  private readonly otherId = new StreamId();
  private readonly lastNode = new StreamId();
  private nodesSeen = 0;
  private tolerance: number = Tolerance.everything;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly repairs: ValueRepairs,
  ) {}

  begin(tolerance: number): number {
    this.tolerance = tolerance;
    this.stream = this.keyspace.values.streams.create();
    this.group = 0 as GroupRef;
    this.unassigned = 0;
    this.entries = 0;
    this.nodesSeen = 0;
    return this.stream;
  }

  private fail(reader: RdbReader, reason: string): never {
    throw new RdbError(reader.offset, reason, false);
  }

  /** Fails unless such things are mended. */
  private mend(reader: RdbReader, reason: string): void {
    if (this.tolerance === Tolerance.nothing) this.fail(reader, reason);
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
            this.possibleTime(reader.deliveryTimeMs),
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
        this.takeConsumerPending(reader);
        return;
      }
      default:
        this.fail(reader, 'Unknown part of a stream');
    }
  }

  /** A time that no clock shows would make idle times that no reply can carry. */
  private possibleTime(ms: number): number {
    if (ms >= 0 && ms <= TIME_MAX) return ms;
    this.repairs.note('times');
    return 0;
  }

  private takeNode(reader: RdbReader): void {
    const { streams, listpacks } = this.keyspace.values;
    const { item } = reader;
    idFrom(reader.streamId, this.id);
    // Nodes come in their order; Redis takes them in any.
    const isLast = this.nodesSeen === 0 || this.id.compare(this.lastNode) > 0;
    if (!isLast && streams.indexes.find(streams.nodeIndex(this.stream), this.id))
      this.fail(reader, 'Listpack re-added with existing key');
    if (isLast) this.lastNode.set(this.id);
    this.nodesSeen++;
    let node = 0;
    if (!reader.needsRebuild && validateStreamNode(item.bytes, item.start, item.length))
      node = listpacks.createFrom(item.bytes, item.start, item.length);
    else {
      this.mend(reader, 'Stream listpack integrity check failed.');
      node = rebuildStreamNode(listpacks, item);
      if (node === 0) this.fail(reader, 'Stream listpack integrity check failed.');
      this.repairs.note('nodeCounts');
    }
    const live = streams.nodes.liveCount(node);
    if (live === 0) {
      listpacks.free(node);
      this.mend(reader, 'Empty listpack inside stream');
      this.repairs.note('emptyNodes');
      return;
    }
    this.entries += live;
    streams.appendNode(this.stream, this.id, node);
  }

  private takeInfo(reader: RdbReader): void {
    const { streams } = this.keyspace.values;
    const { stream, entries, id, otherId } = this;
    if (reader.count !== entries) {
      this.mend(reader, 'Stream length inconsistent with rax entries');
      if (this.nodesSeen === 0) this.fail(reader, 'Stream length inconsistent with rax entries');
      this.repairs.note('length', Math.abs(reader.count - entries));
    }
    streams.setLength(stream, entries);
    if (reader.entriesAdded < entries && reader.rdbType !== RdbType.streamListpacks) this.repairs.note('entriesAdded');
    streams.setEntriesAdded(stream, Math.max(reader.entriesAdded, entries));
    streams.setDeletedId(stream, idFrom(reader.maxDeletedId, id));
    idFrom(reader.streamId, id);
    if (entries > 0 && id.compare(streams.lastLiveId(stream, otherId)) < 0) {
      // The next XADD would go before the last entry.
      id.set(otherId);
      this.repairs.note('lastId');
    }
    streams.setLastId(stream, id);
    streams.refreshFirstId(stream);
    // The oldest form does not say which id is the first; of an empty stream it says nothing.
    if (reader.rdbType === RdbType.streamListpacks) return;
    idFrom(reader.firstId, id);
    if (entries === 0) streams.setFirstId(stream, id);
    else if (id.compare(streams.firstId(stream, otherId)) !== 0) this.repairs.note('firstId');
  }

  private takeConsumerPending(reader: RdbReader): void {
    const { groups } = this.keyspace.values.streams;
    const { group, consumer } = this;
    idFrom(reader.streamId, this.id);
    if (groups.assignPending(group, this.id, consumer)) {
      this.unassigned--;
      return;
    }
    if (!groups.findPending(group, this.id)) this.fail(reader, 'Consumer entry not found in group global PEL');
    if (groups.consumer === consumer)
      this.fail(reader, 'Duplicated consumer PEL entry loading a stream consumer group');
    // Here redis-server refuses too.
    if (this.tolerance !== Tolerance.everything) this.fail(reader, 'Pending entry of two consumers');
    this.repairs.note('owners');
    groups.setPending(group, this.id, consumer, groups.deliveryTime, groups.deliveryCount);
  }

  private endGroup(reader: RdbReader): void {
    if (this.unassigned !== 0) {
      this.mend(reader, 'Stream CG PEL entry without consumer');
      this.repairs.note('ownerless', this.unassigned);
      this.keyspace.values.streams.groups.releaseUnassigned(this.group);
      this.unassigned = 0;
    }
    if (this.group !== 0) this.releaseNamelessly();
  }

  /** Messages of a consumer without a name were released by XNACK (see StreamEncoder.releasedIds). */
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
    const bound = boundEntriesRead(streams, this.stream, entriesRead);
    if (bound < entriesRead) this.repairs.note('entriesRead');
    entriesRead = bound;
    streams.setGroupList(this.stream, groups.add(list, item.bytes, item.start, item.length, this.id, entriesRead));
    this.group = groups.added;
  }

  private takeConsumer(reader: RdbReader): void {
    const { groups } = this.keyspace.values.streams;
    const { item } = reader;
    if (groups.findConsumer(this.group, item.bytes, item.start, item.length) !== 0)
      this.fail(reader, 'Duplicate stream consumer detected.');
    const seenMs = this.possibleTime(reader.seenTimeMs);
    this.consumer = groups.addConsumer(this.group, item.bytes, item.start, item.length, seenMs);
    groups.setActiveTime(this.consumer, reader.activeTimeMs < 0 ? seenMs : this.possibleTime(reader.activeTimeMs));
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
