// range: ZRANGE with its older relatives, and ZRANGESTORE.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { type Argument, block, double, int, key, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { replyRanks, sortedSetsOf, storeNothing, storeResult } from './access.js';
import { rangeArguments, type RangeKind } from './range-arguments.js';

interface RangeForm {
  /** Argument of the source key; the ends follow. */
  readonly source: number;
  /** Absent: the words BYSCORE and BYLEX say it. */
  readonly kind?: RangeKind;
  /** Absent: the word REV says it. */
  readonly reverse?: boolean;
  readonly stores?: boolean;
}

const options = { kind: 'rank' as RangeKind, reverse: false, withScores: false, hasLimit: false, offset: 0, count: -1 };

/** Reads the words after the ends into `options`; false after an error reply. */
function parseOptions(call: DataCall, form: RangeForm): boolean {
  let kind = form.kind;
  let reverse = form.reverse;
  options.withScores = false;
  options.hasLimit = false;
  options.offset = 0;
  options.count = -1;
  for (let index = form.source + 3; index < call.count; index++) {
    if (form.stores !== true && call.is(index, 'withscores')) {
      options.withScores = true;
    } else if (call.is(index, 'limit') && index + 2 < call.count) {
      options.offset = call.integer(index + 1);
      options.count = call.integer(index + 2);
      if (Number.isNaN(options.offset) || Number.isNaN(options.count)) return fail(call, errors.notInteger);
      options.hasLimit = true;
      index += 2;
    } else if (form.reverse === undefined && reverse === undefined && call.is(index, 'rev')) {
      reverse = true;
    } else if (kind === undefined && call.is(index, 'bylex')) {
      kind = 'lex';
    } else if (kind === undefined && call.is(index, 'byscore')) {
      kind = 'score';
    } else {
      return fail(call, errors.syntax);
    }
  }
  options.kind = kind ?? 'rank';
  options.reverse = reverse ?? false;
  if (options.hasLimit && options.count !== -1 && options.kind === 'rank') {
    return fail(call, 'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX');
  }
  if (options.withScores && options.kind === 'lex') {
    return fail(call, 'ERR syntax error, WITHSCORES not supported in combination with BYLEX');
  }
  return true;
}

function fail(call: DataCall, error: string): false {
  call.reply.error(error);
  return false;
}

function runRange(call: DataCall, form: RangeForm): void {
  if (!parseOptions(call, form)) return;
  const { kind, reverse } = options;
  const swapped = reverse && kind !== 'rank';
  if (!rangeArguments.parse(call, kind, form.source + (swapped ? 2 : 1), form.source + (swapped ? 1 : 2))) return;
  const entry = readTyped(call, form.source, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    if (form.stores === true) storeNothing(call, 1);
    else call.reply.emptyArray();
    return;
  }
  const { entries } = call.host.keyspace;
  const sets = sortedSetsOf(call);
  const encoding = entries.encoding(entry);
  const ref = entries.word2(entry);
  rangeArguments.resolve(sets, encoding, ref, reverse);
  // Ranks may only come with the limit of -1 that means none; its offset counts for nothing then, as in Redis.
  if (options.hasLimit && kind !== 'rank') rangeArguments.limit(options.offset, options.count, reverse);
  if (form.stores === true) storeRanks(call, encoding, ref, rangeArguments.from, rangeArguments.to, reverse);
  else replyRanks(call, encoding, ref, rangeArguments.from, rangeArguments.to, reverse, options.withScores);
}

/** ZRANGESTORE: makes the members of some ranks the set of the first key. */
function storeRanks(call: DataCall, encoding: number, ref: number, from: number, to: number, reverse: boolean): void {
  const count = to - from;
  if (count <= 0) {
    storeNothing(call, 1);
    return;
  }
  const sets = sortedSetsOf(call);
  const { limits } = call.host;
  const { walk } = sets;
  // Redis does not know the count ahead but for ranks, and begins with a listpack then.
  sets.create(options.kind === 'rank' ? count : 0, 0, limits);
  let left = count;
  for (walk.from(encoding, ref, reverse ? to - 1 : from); left > 0; left--) {
    sets.add(sets.encoding, sets.ref, walk.score, 0, walk.bytes, walk.start, walk.length, limits);
    if (left === 1) break;
    if (reverse) walk.previous();
    else walk.next();
  }
  storeResult(call, 1, sets.encoding, sets.ref, 'zrangestore');
}

const limitArgument: Argument = optional({ ...block('limit', int('offset'), int('count')), token: 'LIMIT' });

export const zrange: DataCommand = command({
  name: 'zrange',
  since: '1.2.0',
  group: 'sorted_set',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [
    key('key'),
    str('start'),
    str('stop'),
    optional(since('6.2.0', oneof('sortby', token('BYSCORE'), token('BYLEX')))),
    optional(since('6.2.0', token('REV'))),
    optional(since('6.2.0', { ...block('limit', int('offset'), int('count')), token: 'LIMIT' })),
    optional(token('WITHSCORES')),
  ],
  summary: 'Returns the members of a range of ranks, scores or members.',
  complexity: 'O(log(N)+M) with N members in the set and M in the reply.',
  history: [['6.2.0', 'The options `REV`, `BYSCORE`, `BYLEX` and `LIMIT`.']],
  run: (call) => runRange(call, { source: 1 }),
});

export const zrangestore: DataCommand = command({
  name: 'zrangestore',
  since: '6.2.0',
  group: 'sorted_set',
  arity: -5,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['OW', 'update']), keyAt(2, ['RO', 'access'])],
  args: [
    key('dst'),
    key('src', { keySpec: 1 }),
    str('min'),
    str('max'),
    optional(oneof('sortby', token('BYSCORE'), token('BYLEX'))),
    optional(token('REV')),
    limitArgument,
  ],
  summary: 'Stores the members of a range of a sorted set in another key.',
  complexity: 'O(log(N)+M) with N members in the set and M to store.',
  run: (call) => runRange(call, { source: 2, stores: true }),
});

export const zrevrange: DataCommand = command({
  name: 'zrevrange',
  since: '1.2.0',
  group: 'sorted_set',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), int('start'), int('stop'), optional(token('WITHSCORES'))],
  summary: 'Returns the members of a range of ranks, from the highest down.',
  complexity: 'O(log(N)+M) with N members in the set and M in the reply.',
  deprecatedSince: '6.2.0',
  replacedBy: '`ZRANGE` with the `REV` argument',
  docFlags: ['deprecated'],
  run: (call) => runRange(call, { source: 1, kind: 'rank', reverse: true }),
});

export const zrangebyscore: DataCommand = command({
  name: 'zrangebyscore',
  since: '1.0.5',
  group: 'sorted_set',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), double('min'), double('max'), optional(since('2.0.0', token('WITHSCORES'))), limitArgument],
  summary: 'Returns the members of a range of scores.',
  complexity: 'O(log(N)+M) with N members in the set and M in the reply.',
  history: [['2.0.0', 'The option `WITHSCORES`.']],
  deprecatedSince: '6.2.0',
  replacedBy: '`ZRANGE` with the `BYSCORE` argument',
  docFlags: ['deprecated'],
  run: (call) => runRange(call, { source: 1, kind: 'score', reverse: false }),
});

export const zrevrangebyscore: DataCommand = command({
  name: 'zrevrangebyscore',
  since: '2.2.0',
  group: 'sorted_set',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), double('max'), double('min'), optional(token('WITHSCORES')), limitArgument],
  summary: 'Returns the members of a range of scores, from the highest down.',
  complexity: 'O(log(N)+M) with N members in the set and M in the reply.',
  history: [['2.1.6', 'Ends may be exclusive.']],
  deprecatedSince: '6.2.0',
  replacedBy: '`ZRANGE` with the `REV` and `BYSCORE` arguments',
  docFlags: ['deprecated'],
  run: (call) => runRange(call, { source: 1, kind: 'score', reverse: true }),
});

export const zrangebylex: DataCommand = command({
  name: 'zrangebylex',
  since: '2.8.9',
  group: 'sorted_set',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('min'), str('max'), limitArgument],
  summary: 'Returns the members of a range in the order of their bytes.',
  complexity: 'O(log(N)+M) with N members in the set and M in the reply.',
  deprecatedSince: '6.2.0',
  replacedBy: '`ZRANGE` with the `BYLEX` argument',
  docFlags: ['deprecated'],
  run: (call) => runRange(call, { source: 1, kind: 'lex', reverse: false }),
});

export const zrevrangebylex: DataCommand = command({
  name: 'zrevrangebylex',
  since: '2.8.9',
  group: 'sorted_set',
  arity: -4,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('max'), str('min'), limitArgument],
  summary: 'Returns the members of a range in the order of their bytes, from the last back.',
  complexity: 'O(log(N)+M) with N members in the set and M in the reply.',
  deprecatedSince: '6.2.0',
  replacedBy: '`ZRANGE` with the `REV` and `BYLEX` arguments',
  docFlags: ['deprecated'],
  run: (call) => runRange(call, { source: 1, kind: 'lex', reverse: true }),
});
