// idempotency: XCFGSET and XIDMPRECORD: how long a stream remembers what producers have added (XADD IDMP), and remembering one by hand.

import { Type } from '../../datatypes/object.js';
import { ProducerTable } from '../../datatypes/stream-idempotency.js';
import type { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, optional, str } from '../../registry/grammar.js';
import { StreamId } from '../../structures/stream-id.js';
import { changed, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { parseId, streamOf, streamsOf } from './access.js';

const DURATION_SECONDS_MAX = 86_400;
const SIZE_MAX = 10_000;

/** The producers of a stream; an empty table is made if there is none. */
export function producersOf(call: DataCall, streams: Streams, stream: StreamRef): ProducerTable {
  let table = streams.idempotency.get(stream);
  if (table === undefined) {
    table = new ProducerTable(call.host.limits.streamIdmpDuration, call.host.limits.streamIdmpMaxsize);
    streams.idempotency.set(stream, table);
  }
  return table;
}

/** The stream of argument 1; 0 after an error reply. */
function openStream(call: DataCall): StreamRef {
  const entry = writeTyped(call, 1, Type.STREAM);
  if (entry === WRONG_TYPE) return 0 as StreamRef;
  if (entry !== 0) return streamOf(call, entry);
  call.reply.error(errors.noSuchKey);
  return 0 as StreamRef;
}

function runConfigure(call: DataCall): void {
  const { reply } = call;
  let duration = 0;
  let size = 0;
  for (let index = 2; index < call.count; index += 2) {
    const isDuration = call.is(index, 'idmp-duration');
    if (index + 1 >= call.count || (!isDuration && !call.is(index, 'idmp-maxsize'))) {
      reply.error(errors.syntax);
      return;
    }
    const value = call.integer(index + 1);
    const max = isDuration ? DURATION_SECONDS_MAX : SIZE_MAX;
    if (!(value >= 1 && value <= max)) {
      const range = isDuration
        ? `ERR IDMP-DURATION must be between 1 and ${max} seconds`
        : `ERR IDMP-MAXSIZE must be between 1 and ${max} entries`;
      reply.error(Number.isNaN(value) ? errors.notInteger : range);
      return;
    }
    if (isDuration) duration = value;
    else size = value;
  }
  if (duration === 0 && size === 0) {
    reply.error('ERR At least one parameter must be specified');
    return;
  }
  const stream = openStream(call);
  if (stream === 0) return;
  const table = producersOf(call, streamsOf(call), stream);
  table.configure(duration === 0 ? table.durationSeconds : duration, size === 0 ? table.sizeMax : size);
  changed(call, 1, 1);
  reply.ok();
}

export const xcfgset: DataCommand = command({
  name: 'xcfgset',
  since: '8.6.0',
  group: 'stream',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [
    key('key'),
    optional(int('idmp-duration', { token: 'IDMP-DURATION' })),
    optional(int('idmp-maxsize', { token: 'IDMP-MAXSIZE' })),
  ],
  summary: 'Sets how many messages of each producer a stream remembers, and for how long.',
  complexity: 'O(1)',
  run: runConfigure,
});

function runRecord(call: DataCall): void {
  const { reply } = call;
  if (call.lengths[2] === 0 || call.lengths[3] === 0) {
    reply.error('ERR The producer ID and the idempotent ID must not be empty');
    return;
  }
  const id = new StreamId();
  if (!parseId(call, 4, id)) return;
  const stream = openStream(call);
  if (stream === 0) return;
  const streams = streamsOf(call);
  if (!streams.has(stream, id)) {
    reply.error('ERR The specified stream ID does not exist in the stream');
    return;
  }
  const table = producersOf(call, streams, stream);
  const { nowMs } = call.host.keyspace;
  const known = table.find(call.text(2), call.text(3), nowMs);
  if (known === undefined) {
    table.remember(call.text(2), call.text(3), id, nowMs);
    changed(call, 1, 1);
  } else if (known.compare(id) !== 0) {
    reply.error('ERR The idempotent ID already belongs to a different stream ID');
    return;
  }
  reply.ok();
}

export const xidmprecord: DataCommand = command({
  name: 'xidmprecord',
  since: '8.6.2',
  group: 'stream',
  arity: 5,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), str('pid'), str('iid'), str('stream-id')],
  summary: "Remembers an entry of a stream as a producer's message; for the AOF.",
  complexity: 'O(1)',
  run: runRecord,
});
