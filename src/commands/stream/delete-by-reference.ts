// delete-by-reference: XDELEX and XACKDEL: deleting entries with an eye on the groups that refer to them.

import { Type } from '../../datatypes/object.js';
import type { GroupRef } from '../../datatypes/stream-groups.js';
import { ReferencePolicy, ReferenceWalk, removeReferences } from '../../datatypes/stream-references.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { key, oneof, optional, str, token } from '../../registry/grammar.js';
import { RisingIds } from '../../structures/rising-ids.js';
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

function replyOutcomes(call: DataCall, outcomes: Int8Array): void {
  call.reply.array(outcomes.length);
  for (const outcome of outcomes) call.reply.integer(outcome);
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
  const outcomes = new Int8Array(request.ids.length).fill(NOT_THERE);
  const ids = new RisingIds(request.ids);
  const references = request.policy === ReferencePolicy.DELETE ? removeReferences(streams, stream, ids) : 0;
  const walk = request.policy === ReferencePolicy.ACKED ? new ReferenceWalk(streams, stream) : null;
  const deleted = streams.deleteEach(stream, ids, (index) => {
    const isNeeded = walk !== null && walk.isReferenced(ids.ids[index]!);
    outcomes[ids.placeOf(index)] = isNeeded ? STILL_REFERENCED : DELETED;
    return !isNeeded;
  });
  replyOutcomes(call, outcomes);
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
  const outcomes = new Int8Array(request.ids.length).fill(NOT_THERE);
  const ids = new RisingIds(request.ids);
  // An entry that was deleted before counts as deleted too, but is no change.
  let references = streams.groups.removeEachPending(group, ids, (index) => (outcomes[ids.placeOf(index)] = DELETED));
  if (request.policy === ReferencePolicy.DELETE) references += removeReferences(streams, stream, ids);
  const walk = request.policy === ReferencePolicy.ACKED ? new ReferenceWalk(streams, stream) : null;
  const deleted = streams.deleteEach(stream, ids, (index) => {
    const place = ids.placeOf(index);
    if (outcomes[place] !== DELETED) return false;
    const isNeeded = walk !== null && walk.isReferenced(ids.ids[index]!);
    if (isNeeded) outcomes[place] = STILL_REFERENCED;
    return !isNeeded;
  });
  replyOutcomes(call, outcomes);
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
  complexity: 'O(1) per id, and per pending message of them.',
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
  complexity: 'O(1) per id, and per pending message of them.',
  run: runAckDelete,
});
