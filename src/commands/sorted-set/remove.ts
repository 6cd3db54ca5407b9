// remove: ZREM, and ZREMRANGEBY... by rank, score and member.

import { Type } from '../../datatypes/object.js';
import { command, keyAt } from '../../registry/command.js';
import { double, int, key, many, str } from '../../registry/grammar.js';
import { writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { membersRemoved, removeRanks, sortedSetsOf } from './access.js';
import { rangeArguments, type RangeKind } from './range-arguments.js';

export const zrem: DataCommand = command({
  name: 'zrem',
  since: '1.2.0',
  group: 'sorted_set',
  arity: -3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), many(str('member'))],
  summary: 'Takes members out of a sorted set; the key goes with the last one.',
  complexity: 'O(M*log(N)) with N members in the set and M to take out.',
  history: [['2.4.0', 'Several members at once.']],
  run(call) {
    const entry = writeTyped(call, 1, Type.ZSET);
    if (entry === WRONG_TYPE) return;
    let removed = 0;
    if (entry !== 0) {
      const { entries } = call.host.keyspace;
      const sets = sortedSetsOf(call);
      sets.encoding = entries.encoding(entry);
      sets.ref = entries.word2(entry);
      for (let index = 2; index < call.count; index++) {
        if (sets.remove(sets.encoding, sets.ref, call.bytes, call.starts[index]!, call.lengths[index]!)) removed++;
      }
      if (removed > 0) membersRemoved(call, 1, entry, 'zrem', removed);
    }
    call.reply.integer(removed);
  },
});

function runRemoveRange(call: DataCall, kind: RangeKind, event: string): void {
  if (!rangeArguments.parse(call, kind, 2, 3)) return;
  const entry = writeTyped(call, 1, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  let removed = 0;
  if (entry !== 0) {
    const { entries } = call.host.keyspace;
    const sets = sortedSetsOf(call);
    const encoding = entries.encoding(entry);
    const ref = entries.word2(entry);
    rangeArguments.resolve(sets, encoding, ref, false);
    removed = rangeArguments.to - rangeArguments.from;
    if (removed > 0) removeRanks(call, 1, entry, rangeArguments.from, removed, event);
  }
  call.reply.integer(removed);
}

export const zremrangebyrank: DataCommand = command({
  name: 'zremrangebyrank',
  since: '2.0.0',
  group: 'sorted_set',
  arity: 4,
  flags: ['write'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), int('start'), int('stop')],
  summary: 'Takes the members of a range of ranks out.',
  complexity: 'O(M+log(N)) with N members in the set, where M are taken out or, if they are fewer, stay.',
  run: (call) => runRemoveRange(call, 'rank', 'zremrangebyrank'),
});

export const zremrangebyscore: DataCommand = command({
  name: 'zremrangebyscore',
  since: '1.2.0',
  group: 'sorted_set',
  arity: 4,
  flags: ['write'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), double('min'), double('max')],
  summary: 'Takes the members of a range of scores out.',
  complexity: 'O(M+log(N)) with N members in the set, where M are taken out or, if they are fewer, stay.',
  run: (call) => runRemoveRange(call, 'score', 'zremrangebyscore'),
});

export const zremrangebylex: DataCommand = command({
  name: 'zremrangebylex',
  since: '2.8.9',
  group: 'sorted_set',
  arity: 4,
  flags: ['write'],
  keys: [keyAt(1, ['RW', 'delete'])],
  args: [key('key'), str('min'), str('max')],
  summary: 'Takes the members of a range in the order of their bytes out.',
  complexity: 'O(M+log(N)) with N members in the set, where M are taken out or, if they are fewer, stay.',
  run: (call) => runRemoveRange(call, 'lex', 'zremrangebylex'),
});
