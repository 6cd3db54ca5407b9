// random: ZRANDMEMBER.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, int, key, optional, token } from '../../registry/grammar.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { replyDrawn } from '../random-count.js';
import { replyArrayStart, replyRanks, sortedSetsOf } from './access.js';

const COUNT_MAX = 9223372036854775807n;

function runRandomMember(call: DataCall): void {
  const { reply } = call;
  if (call.count === 2) {
    replyOne(call);
    return;
  }
  const exact = call.bigInteger(2);
  if (exact === undefined) {
    reply.error(errors.notInteger);
    return;
  }
  if (exact < -COUNT_MAX) {
    reply.error(errors.notInt64);
    return;
  }
  if (call.count > 4 || (call.count === 4 && !call.is(3, 'withscores'))) {
    reply.error(errors.syntax);
    return;
  }
  const withScores = call.count === 4;
  if (withScores && (exact < -COUNT_MAX / 2n || exact > COUNT_MAX / 2n)) {
    reply.error(errors.valueOutOfRange);
    return;
  }
  const entry = readTyped(call, 1, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  const wanted = Number(exact);
  if (entry === 0 || wanted === 0) {
    reply.emptyArray();
    return;
  }
  const { entries, random } = call.host.keyspace;
  const sets = sortedSetsOf(call);
  const encoding = entries.encoding(entry);
  const ref = entries.word2(entry);
  const size = sets.count(encoding, ref);
  if (wanted < 0) {
    const length = withScores && reply.protocol === 2 ? -2 * wanted : -wanted;
    const places = sets.listPlaces(encoding, ref, -wanted);
    replyDrawn(call, -wanted, length, () => {
      const place =
        places === undefined ? sets.randomPlace(encoding, ref, random) : places.refs[random.below(places.length)]!;
      sets.walk.recallOf(encoding, ref, place);
      replyWalk(call, withScores);
    });
  } else if (wanted >= size) {
    replyRanks(call, encoding, ref, 0, size, true, withScores);
  } else {
    replyArrayStart(call, wanted, withScores);
    for (const rank of drawRanks(call, size, wanted)) replyMember(call, encoding, ref, rank, withScores);
  }
}

function replyOne(call: DataCall): void {
  const entry = readTyped(call, 1, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.nil();
    return;
  }
  const { entries, random } = call.host.keyspace;
  const encoding = entries.encoding(entry);
  const ref = entries.word2(entry);
  replyMember(call, encoding, ref, random.below(sortedSetsOf(call).count(encoding, ref)), false);
}

function replyMember(call: DataCall, encoding: number, ref: number, rank: number, withScore: boolean): void {
  sortedSetsOf(call).walk.from(encoding, ref, rank);
  replyWalk(call, withScore);
}

/** Replies with the member that the walk has read. */
function replyWalk(call: DataCall, withScore: boolean): void {
  const { walk } = sortedSetsOf(call);
  const { reply } = call;
  if (withScore && reply.protocol === 3) reply.array(2);
  reply.bulkOf(walk.bytes, walk.view, walk.start, walk.length);
  if (withScore) reply.double(walk.score);
}

/** `count` different ranks below `size`, each choice of them equally likely (Floyd's algorithm). */
function drawRanks(call: DataCall, size: number, count: number): Set<number> {
  const { random } = call.host.keyspace;
  const drawn = new Set<number>();
  for (let last = size - count; last < size; last++) {
    const rank = random.below(last + 1);
    drawn.add(drawn.has(rank) ? last : rank);
  }
  return drawn;
}

export const zrandmember: DataCommand = command({
  name: 'zrandmember',
  since: '6.2.0',
  group: 'sorted_set',
  arity: -2,
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), optional(block('options', int('count'), optional(token('WITHSCORES'))))],
  summary: 'Returns members of a sorted set drawn by chance.',
  complexity: 'O(M*log(N)) with N members in the set and M in the reply.',
  run: runRandomMember,
});
