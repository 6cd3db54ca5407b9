// add: GEOADD: places become scores of a sorted set.

import { AddFlag } from '../../datatypes/sorted-set.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, double, key, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { encodePlace } from '../../structures/geohash.js';
import type { DataCall, DataCommand, Part } from '../engine.js';
import { addScored, scoresOf } from '../sorted-set/add.js';
import { coordinates, parseCoordinates } from './access.js';

export const geoadd: DataCommand = command({
  name: 'geoadd',
  since: '3.2.0',
  group: 'geo',
  arity: -5,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [
    key('key'),
    optional(since('6.2.0', oneof('condition', token('NX'), token('XX')))),
    optional(since('6.2.0', token('CH', { name: 'change' }))),
    many(block('data', double('longitude'), double('latitude'), str('member'))),
  ],
  summary: 'Adds members with places on earth to a sorted set, or moves members.',
  complexity: 'O(log(N)) for each member, with N members in the set.',
  history: [['6.2.0', 'The options `CH`, `NX` and `XX`.']],
  run(call) {
    let flags = 0;
    let countsUpdates = false;
    let first = 2;
    for (; first < call.count; first++) {
      if (call.is(first, 'nx')) flags |= AddFlag.NEW;
      else if (call.is(first, 'xx')) flags |= AddFlag.OLD;
      else if (call.is(first, 'ch')) countsUpdates = true;
      else break;
    }
    const words = call.count - first;
    if (words % 3 !== 0 || (flags & (AddFlag.NEW | AddFlag.OLD)) === (AddFlag.NEW | AddFlag.OLD)) {
      call.reply.error(errors.syntax);
      return;
    }
    const count = words / 3;
    const scores = scoresOf(count);
    for (let index = 0; index < count; index++) {
      if (!parseCoordinates(call, first + 3 * index)) return;
      scores[index] = encodePlace(coordinates.longitude, coordinates.latitude);
    }
    if (count === 0) {
      // Only options: what ZADD says to that.
      call.reply.error(errors.syntax);
      return;
    }
    const before = call.host.keyspace.dirty;
    addScored(call, flags, countsUpdates, count, first + 2, 3);
    if (call.host.propagates && call.host.keyspace.dirty !== before) propagate(call, first, count, scores);
  },
});

/** As in Redis, the AOF and replicas get the ZADD that this amounts to. */
function propagate(call: DataCall, first: number, count: number, scores: Float64Array): void {
  const parts: Part[] = ['ZADD', call.copy(1)];
  for (let index = 2; index < first; index++) parts.push(call.copy(index));
  for (let index = 0; index < count; index++) parts.push(scores[index]!, call.copy(first + 3 * index + 2));
  call.host.rewrite(call, parts);
}
