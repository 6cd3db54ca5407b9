// read: GEODIST, GEOHASH and GEOPOS: where members are.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { key, many, optional, str } from '../../registry/grammar.js';
import { decodePlace, distanceBetween, geohashText, place } from '../../structures/geohash.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { sortedSetsOf } from '../sorted-set/access.js';
import { parseUnit, replyCoordinates, replyDistance, unitArgument } from './access.js';

/** The score of the member at argument `index` of the set of an entry (0: no set), NaN when it is missing. */
export function scoreOfMember(call: DataCall, entry: number, index: number): number {
  if (entry === 0) return NaN;
  const { entries } = call.host.keyspace;
  return sortedSetsOf(call).score(
    entries.encoding(entry),
    entries.word2(entry),
    call.bytes,
    call.starts[index]!,
    call.lengths[index]!,
  );
}

export const geodist: DataCommand = command({
  name: 'geodist',
  since: '3.2.0',
  group: 'geo',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('member1'), str('member2'), optional(unitArgument)],
  summary: 'Returns the distance between two members.',
  complexity: 'O(1)',
  run(call) {
    const { reply } = call;
    let meters = 1;
    if (call.count === 5) meters = parseUnit(call, 4);
    else if (call.count > 5) {
      reply.error(errors.syntax);
      return;
    }
    if (meters === 0) return;
    const entry = readTyped(call, 1, Type.ZSET);
    if (entry === WRONG_TYPE) return;
    const score1 = scoreOfMember(call, entry, 2);
    const score2 = scoreOfMember(call, entry, 3);
    if (Number.isNaN(score1) || Number.isNaN(score2)) {
      reply.nil();
      return;
    }
    decodePlace(score1);
    const { longitude, latitude } = place;
    decodePlace(score2);
    replyDistance(call, distanceBetween(longitude, latitude, place.longitude, place.latitude) / meters);
  },
});

/** Replies with an array of what `write` writes for the score of each member, NaN when it is missing. */
function replyEach(call: DataCall, write: (score: number) => void): void {
  const entry = readTyped(call, 1, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  call.reply.array(call.count - 2);
  for (let index = 2; index < call.count; index++) write(scoreOfMember(call, entry, index));
}

export const geohash: DataCommand = command({
  name: 'geohash',
  since: '3.2.0',
  group: 'geo',
  arity: -2,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), optional(many(str('member')))],
  summary: 'Returns the places of members as geohash texts.',
  complexity: 'O(1) for each member.',
  run(call) {
    replyEach(call, (score) => {
      if (Number.isNaN(score)) call.reply.nil();
      else call.reply.bulkText(geohashText(score));
    });
  },
});

export const geopos: DataCommand = command({
  name: 'geopos',
  since: '3.2.0',
  group: 'geo',
  arity: -2,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), optional(many(str('member')))],
  summary: 'Returns longitude and latitude of members.',
  complexity: 'O(1) for each member.',
  run(call) {
    replyEach(call, (score) => {
      if (Number.isNaN(score)) {
        call.reply.nilArray();
        return;
      }
      decodePlace(score);
      replyCoordinates(call, place.longitude, place.latitude);
    });
  },
});
