// nack: XNACK: a consumer gives messages back to its group, where anybody may claim them at once.
//
// They stay pending without a consumer, and come first where idle messages are claimed. The count of deliveries depends
// on the mode: SILENT: the delivery does not count; FAIL: it does; FATAL: no consumer should try again.

import { Type } from '../../datatypes/object.js';
import { DELIVERIES_MAX, type ConsumerRef, type GroupRef } from '../../datatypes/stream-groups.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, oneof, optional, str, token } from '../../registry/grammar.js';
import type { StreamId } from '../../structures/stream-id.js';
import { changed, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { findGroup, idsArgument, parseCountedIds, replyNoKeyOrGroup, streamOf, streamsOf } from './access.js';

const modes = ['silent', 'fail', 'fatal'] as const;

interface NackRequest {
  mode: (typeof modes)[number];
  ids: StreamId[];
  /** -1: as the mode says. */
  retryCount: number;
  force: boolean;
}

/** Reads the arguments after the group; undefined after an error reply. */
function parseRequest(call: DataCall): NackRequest | undefined {
  const mode = modes.find((word) => call.is(3, word));
  if (mode === undefined || !call.is(4, 'ids')) {
    call.reply.error(errors.syntax);
    return undefined;
  }
  const ids = parseCountedIds(call, 5);
  if (ids === undefined) return undefined;
  const request: NackRequest = { mode, ids, retryCount: -1, force: false };
  for (let index = 6 + ids.length; index < call.count; index++) {
    if (call.is(index, 'force')) {
      request.force = true;
    } else if (call.is(index, 'retrycount') && index + 1 < call.count) {
      request.retryCount = call.integer(++index);
      if (!(request.retryCount >= 0)) {
        call.reply.error('ERR Invalid RETRYCOUNT option argument for XNACK');
        return undefined;
      }
    } else {
      call.reply.error(errors.syntax);
      return undefined;
    }
  }
  return request;
}

function countAfter(request: NackRequest, before: number): number {
  if (request.retryCount >= 0) return request.retryCount;
  if (request.mode === 'fatal') return DELIVERIES_MAX;
  return request.mode === 'silent' && before < DELIVERIES_MAX ? Math.max(0, before - 1) : before;
}

function runNack(call: DataCall): void {
  const entry = writeTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  const request = parseRequest(call);
  if (request === undefined) return;
  const streams = streamsOf(call);
  const { groups } = streams;
  const stream = entry === 0 ? (0 as StreamRef) : streamOf(call, entry);
  const group = entry === 0 ? (0 as GroupRef) : findGroup(call, streams, stream, 2);
  if (group === 0) {
    replyNoKeyOrGroup(call, 1, 2);
    return;
  }
  let released = 0;
  for (const id of request.ids) {
    const pending = groups.findPending(group, id);
    if (!pending && !(request.force && streams.has(stream, id))) continue;
    groups.setPending(group, id, 0 as ConsumerRef, 0, countAfter(request, pending ? groups.deliveryCount : 0));
    released++;
  }
  // Clients that wait with CLAIM can have them now.
  if (released > 0) changed(call, 1, released);
  call.reply.integer(released);
}

export const xnack: DataCommand = command({
  name: 'xnack',
  since: '8.8.0',
  group: 'stream',
  arity: -7,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [
    key('key'),
    str('group'),
    oneof('mode', token('SILENT'), token('FAIL'), token('FATAL')),
    idsArgument,
    optional(int('count', { token: 'RETRYCOUNT' })),
    optional(token('FORCE')),
  ],
  summary: 'Gives pending messages back to the group, for anybody to claim at once.',
  complexity: 'O(1) per id.',
  run: runNack,
});
