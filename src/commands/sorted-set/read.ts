// read: questions about single members and counts: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT.

import { Type } from '../../datatypes/object.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { double, key, many, optional, str, token } from '../../registry/grammar.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { sortedSetsOf } from './access.js';
import { rangeArguments, type RangeKind } from './range-arguments.js';

export const zcard: DataCommand = command({
  name: 'zcard',
  since: '1.2.0',
  group: 'sorted_set',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key')],
  summary: 'Returns how many members a sorted set has.',
  complexity: 'O(1)',
  run(call) {
    const entry = readTyped(call, 1, Type.ZSET);
    if (entry === WRONG_TYPE) return;
    const { entries } = call.host.keyspace;
    call.reply.integer(entry === 0 ? 0 : sortedSetsOf(call).count(entries.encoding(entry), entries.word2(entry)));
  },
});

/** Replies with the score of the member at argument `index`, nil if it is missing. */
function replyScore(call: DataCall, entry: number, index: number): void {
  const { entries } = call.host.keyspace;
  const score =
    entry === 0
      ? NaN
      : sortedSetsOf(call).score(
          entries.encoding(entry),
          entries.word2(entry),
          call.bytes,
          call.starts[index]!,
          call.lengths[index]!,
        );
  if (score === score) call.reply.double(score);
  else call.reply.nil();
}

export const zscore: DataCommand = command({
  name: 'zscore',
  since: '1.2.0',
  group: 'sorted_set',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('member')],
  summary: 'Returns the score of a member.',
  complexity: 'O(1)',
  run(call) {
    const entry = readTyped(call, 1, Type.ZSET);
    if (entry !== WRONG_TYPE) replyScore(call, entry, 2);
  },
});

export const zmscore: DataCommand = command({
  name: 'zmscore',
  since: '6.2.0',
  group: 'sorted_set',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), many(str('member'))],
  summary: 'Returns the scores of several members.',
  complexity: 'O(N) where N is the count of members asked for.',
  run(call) {
    const entry = readTyped(call, 1, Type.ZSET);
    if (entry === WRONG_TYPE) return;
    call.reply.array(call.count - 2);
    for (let index = 2; index < call.count; index++) replyScore(call, entry, index);
  },
});

function runRank(call: DataCall, reverse: boolean): void {
  const { reply } = call;
  if (call.count > 4) {
    reply.error(wrongArity(call.command.fullName));
    return;
  }
  const withScore = call.count > 3;
  if (withScore && !call.is(3, 'withscore')) {
    reply.error(errors.syntax);
    return;
  }
  const entry = readTyped(call, 1, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  const { entries } = call.host.keyspace;
  const sets = sortedSetsOf(call);
  const encoding = entry === 0 ? 0 : entries.encoding(entry);
  const rank =
    entry === 0 ? -1 : sets.rank(encoding, entries.word2(entry), call.bytes, call.starts[2]!, call.lengths[2]!);
  if (rank < 0) {
    if (withScore) reply.nilArray();
    else reply.nil();
    return;
  }
  if (withScore) reply.array(2);
  reply.integer(reverse ? sets.count(encoding, entries.word2(entry)) - 1 - rank : rank);
  if (withScore) reply.double(sets.newScore);
}

export const zrank: DataCommand = command({
  name: 'zrank',
  since: '2.0.0',
  group: 'sorted_set',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('member'), optional(token('WITHSCORE', { since: '7.2.0' }))],
  summary: 'Returns the place of a member in the order of scores, 0 for the lowest.',
  complexity: 'O(log(N))',
  history: [['7.2.0', 'The option `WITHSCORE`.']],
  run: (call) => runRank(call, false),
});

export const zrevrank: DataCommand = command({
  name: 'zrevrank',
  since: '2.0.0',
  group: 'sorted_set',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('member'), optional(token('WITHSCORE', { since: '7.2.0' }))],
  summary: 'Returns the place of a member in the order of scores, 0 for the highest.',
  complexity: 'O(log(N))',
  history: [['7.2.0', 'The option `WITHSCORE`.']],
  run: (call) => runRank(call, true),
});

function runCount(call: DataCall, kind: RangeKind): void {
  if (!rangeArguments.parse(call, kind, 2, 3)) return;
  const entry = readTyped(call, 1, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.integer(0);
    return;
  }
  const { entries } = call.host.keyspace;
  rangeArguments.resolve(sortedSetsOf(call), entries.encoding(entry), entries.word2(entry), false);
  call.reply.integer(rangeArguments.to - rangeArguments.from);
}

export const zcount: DataCommand = command({
  name: 'zcount',
  since: '2.0.0',
  group: 'sorted_set',
  arity: 4,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), double('min'), double('max')],
  summary: 'Counts the members whose score is in a range.',
  complexity: 'O(log(N)) with N members in the set.',
  run: (call) => runCount(call, 'score'),
});

export const zlexcount: DataCommand = command({
  name: 'zlexcount',
  since: '2.8.9',
  group: 'sorted_set',
  arity: 4,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('min'), str('max')],
  summary: 'Counts the members of a range in the order of their bytes.',
  complexity: 'O(log(N)) with N members in the set.',
  run: (call) => runCount(call, 'lex'),
});
