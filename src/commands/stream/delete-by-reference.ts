// delete-by-reference: XDELEX and XACKDEL: deleting entries with an eye on the groups that refer to them.

import { Type } from '../../datatypes/object.js';
import type { GroupRef } from '../../datatypes/stream-groups.js';
import { isReferenced, ReferencePolicy, removeReferences } from '../../datatypes/stream-references.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { key, oneof, optional, str, token } from '../../registry/grammar.js';
import type { StreamId } from '../../structures/stream-id.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { findGroup, idsArgument, parseCountedIds, streamOf, streamsOf } from './access.js';
import { parsePolicy } from './trim-options.js';

const NOT_THERE = -1;
const DELETED = 1;
const STILL_REFERENCED = 2;

interface DeleteRequest {
  policy: number;
  ids: StreamId[];
}

/** Reads `[KEEPREF|DELREF|ACKED] IDS count id...` from argument `first` on, in any order; undefined after an error reply. */
function parseRequest(call: DataCall, first: number): DeleteRequest | undefined {
  const { reply } = call;
  const request: DeleteRequest = { policy: -1, ids: [] };
  for (let index = first; index < call.count; index++) {
    const policy = parsePolicy(call, index);
    if (policy >= 0 && request.policy < 0) {
      request.policy = policy;
    } else if (policy < 0 && request.ids.length === 0 && call.is(index, 'ids') && index + 1 < call.count) {
      const ids = parseCountedIds(call, index + 1);
      if (ids === undefined) return undefined;
      request.ids = ids;
      index += 1 + ids.length;
    } else {
      reply.error(errors.syntax);
      return undefined;
    }
  }
  if (request.ids.length === 0) {
    reply.error(errors.syntax);
    return undefined;
  }
  if (request.policy < 0) request.policy = ReferencePolicy.KEEP;
  return request;
}

function replyNoneThere(call: DataCall, count: number): void {
  call.reply.array(count);
  for (let left = count; left > 0; left--) call.reply.integer(NOT_THERE);
}

/** Sends the events of the change: `deleted` entries, and `references` that are no longer pending. */
function tellChanges(call: DataCall, deleted: number, references: number): void {
  if (deleted > 0) {
    changed(call, 1, deleted + references);
    notify(call, EventClass.STREAM, 'xdel', 1);
  } else {
    call.host.keyspace.dirty += references;
  }
}

function runDeleteEx(call: DataCall): void {
  const entry = writeTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  const request = parseRequest(call, 2);
  if (request === undefined) return;
  if (entry === 0) {
    replyNoneThere(call, request.ids.length);
    return;
  }
  const streams = streamsOf(call);
  const stream = streamOf(call, entry);
  let deleted = 0;
  let references = 0;
  call.reply.array(request.ids.length);
  for (const id of request.ids) {
    if (request.policy === ReferencePolicy.DELETE) references += removeReferences(streams, stream, id);
    if (request.policy === ReferencePolicy.ACKED && streams.has(stream, id) && isReferenced(streams, stream, id)) {
      call.reply.integer(STILL_REFERENCED);
    } else if (streams.delete(stream, id)) {
      deleted++;
      call.reply.integer(DELETED);
    } else {
      call.reply.integer(NOT_THERE);
    }
  }
  tellChanges(call, deleted, references);
}

function runAckDelete(call: DataCall): void {
  const entry = writeTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  const request = parseRequest(call, 3);
  if (request === undefined) return;
  const streams = streamsOf(call);
  const stream = entry === 0 ? (0 as StreamRef) : streamOf(call, entry);
  const group = entry === 0 ? (0 as GroupRef) : findGroup(call, streams, stream, 2);
  if (group === 0) {
    replyNoneThere(call, request.ids.length);
    return;
  }
  let deleted = 0;
  let references = 0;
  call.reply.array(request.ids.length);
  for (const id of request.ids) {
    if (!streams.groups.removePending(group, id)) {
      if (request.policy === ReferencePolicy.DELETE) references += removeReferences(streams, stream, id);
      call.reply.integer(NOT_THERE);
      continue;
    }
    references++;
    if (request.policy === ReferencePolicy.DELETE) references += removeReferences(streams, stream, id);
    if (request.policy === ReferencePolicy.ACKED && streams.has(stream, id) && isReferenced(streams, stream, id)) {
      call.reply.integer(STILL_REFERENCED);
      continue;
    }
    // An entry that was deleted before counts as deleted too, but is no change.
    if (streams.delete(stream, id)) deleted++;
    call.reply.integer(DELETED);
  }
  tellChanges(call, deleted, references);
}

const conditionArgument = optional(oneof('condition', token('KEEPREF'), token('DELREF'), token('ACKED')));

export const xdelex: DataCommand = command({
  name: 'xdelex',
  since: '8.2.0',
  group: 'stream',
  arity: -5,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), conditionArgument, idsArgument],
  summary: 'Deletes entries by their ids, with what is pending of them, or only if all groups have acknowledged them.',
  complexity: 'O(1) per id and group.',
  run: runDeleteEx,
});

export const xackdel: DataCommand = command({
  name: 'xackdel',
  since: '8.2.0',
  group: 'stream',
  arity: -6,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update', 'delete'])],
  args: [key('key'), str('group'), conditionArgument, idsArgument],
  summary: 'Acknowledges entries in a group and deletes them, if told so only when no other group needs them.',
  complexity: 'O(1) per id and group.',
  run: runAckDelete,
});
