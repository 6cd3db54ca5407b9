// delete: XDEL and XSETID: deleting entries by id, and setting a stream's counters.

import { Type } from '../../datatypes/object.js';
import { boundGroups } from '../../datatypes/stream-progress.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, many, optional, since, str } from '../../registry/grammar.js';
import { RisingIds } from '../../structures/rising-ids.js';
import { StreamId } from '../../structures/stream-id.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { parseId, parseIds, streamOf, streamsOf } from './access.js';

function runDelete(call: DataCall): void {
  const entry = writeTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.integer(0);
    return;
  }
  const ids = parseIds(call, 2, call.count - 1);
  if (ids === undefined) return;
  const streams = streamsOf(call);
  const stream = streamOf(call, entry);
  const deleted =
    ids.length === 1
      ? Number(streams.delete(stream, ids[0]!))
      : streams.deleteEach(stream, new RisingIds(ids), () => true);
  if (deleted > 0) {
    changed(call, 1, deleted);
    notify(call, EventClass.STREAM, 'xdel', 1);
  }
  call.reply.integer(deleted);
}

export const xdel: DataCommand = command({
  name: 'xdel',
  since: '5.0.0',
  group: 'stream',
  arity: -3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), many(str('id'))],
  summary: 'Deletes entries by their ids; returns how many were there.',
  complexity: 'O(1) per id, whatever the length of the stream.',
  run: runDelete,
});

function runSetId(call: DataCall): void {
  const { reply } = call;
  const id = new StreamId();
  const deletedId = new StreamId();
  let entriesAdded = -1;
  if (!parseId(call, 2, id)) return;
  for (let index = 3; index < call.count; index += 2) {
    const more = index + 1 < call.count;
    if (more && call.is(index, 'entriesadded')) {
      entriesAdded = call.integer(index + 1);
      if (!(entriesAdded >= 0)) {
        reply.error(Number.isNaN(entriesAdded) ? errors.notInteger : 'ERR entries_added must be positive');
        return;
      }
    } else if (more && call.is(index, 'maxdeletedid')) {
      if (!parseId(call, index + 1, deletedId)) return;
      if (id.compare(deletedId) < 0) {
        reply.error('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id');
        return;
      }
    } else {
      reply.error(errors.syntax);
      return;
    }
  }
  const entry = writeTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    reply.error(errors.noSuchKey);
    return;
  }
  const streams = streamsOf(call);
  const stream = streamOf(call, entry);
  const other = new StreamId();
  if (id.compare(streams.deletedId(stream, other)) < 0) {
    reply.error('ERR The ID specified in XSETID is smaller than current max_deleted_entry_id');
    return;
  }
  const length = streams.length(stream);
  if (length > 0) {
    if (id.compare(streams.lastLiveId(stream, other)) < 0) {
      reply.error('ERR The ID specified in XSETID is smaller than the target stream top item');
      return;
    }
    if (entriesAdded >= 0 && length > entriesAdded) {
      reply.error('ERR The entries_added specified in XSETID is smaller than the target stream length');
      return;
    }
  }
  streams.setLastId(stream, id);
  if (entriesAdded >= 0) {
    streams.setEntriesAdded(stream, entriesAdded);
    boundGroups(streams, stream);
  }
  if (!deletedId.isZero) streams.setDeletedId(stream, deletedId);
  reply.ok();
  call.host.keyspace.dirty++;
  notify(call, EventClass.STREAM, 'xsetid', 1);
}

export const xsetid: DataCommand = command({
  name: 'xsetid',
  since: '5.0.0',
  group: 'stream',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [
    key('key'),
    str('last-id'),
    since('7.0.0', optional(int('entries-added', { token: 'ENTRIESADDED' }))),
    since('7.0.0', optional(str('max-deleted-id', { token: 'MAXDELETEDID' }))),
  ],
  summary: 'Sets the last id and the counters of a stream; for replication.',
  complexity: 'O(1)',
  history: [['7.0.0', 'Sets the count of added entries and the highest deleted id too.']],
  run: runSetId,
});
