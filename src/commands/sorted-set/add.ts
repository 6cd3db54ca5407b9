// add: ZADD and ZINCRBY.

import { parseDouble } from '../../base/double.js';
import { Type } from '../../datatypes/object.js';
import { AddFlag } from '../../datatypes/sorted-set.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, double, int, key, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { sortedSetsOf, storeForm } from './access.js';

/** The scores of the members to add. */
let scores = new Float64Array(64);
/** Where the options ended. */
let firstScore = 0;
let countsChanges = false;

/** Makes room for the scores of so many members and returns the list, which `addScored` then takes. */
export function scoresOf(count: number): Float64Array {
  if (count > scores.length) scores = new Float64Array(count * 2);
  return scores;
}

/** Reads the words before the first score; returns the flags. @hot */
function parseOptions(call: DataCall, given: number): number {
  let flags = given;
  countsChanges = false;
  let index = 2;
  for (; index < call.count; index++) {
    // Most calls have no options, and no score begins with a letter but inf and nan.
    const first = call.bytes[call.starts[index]!]! | 0x20;
    if (first < 0x61 || call.lengths[index] === 0) break;
    if (call.is(index, 'nx')) flags |= AddFlag.NEW;
    else if (call.is(index, 'xx')) flags |= AddFlag.OLD;
    else if (call.is(index, 'ch')) countsChanges = true;
    else if (call.is(index, 'incr')) flags |= AddFlag.INCREMENT;
    else if (call.is(index, 'gt')) flags |= AddFlag.GREATER;
    else if (call.is(index, 'lt')) flags |= AddFlag.LESS;
    else break;
  }
  firstScore = index;
  return flags;
}

/** The error of options and a count of pairs that do not go together. */
function conflict(flags: number, pairs: number): string | undefined {
  const nx = (flags & AddFlag.NEW) !== 0;
  const gt = (flags & AddFlag.GREATER) !== 0;
  const lt = (flags & AddFlag.LESS) !== 0;
  if (nx && (flags & AddFlag.OLD) !== 0) return 'ERR XX and NX options at the same time are not compatible';
  if ((gt && nx) || (lt && nx) || (gt && lt))
    return 'ERR GT, LT, and/or NX options at the same time are not compatible';
  if ((flags & AddFlag.INCREMENT) !== 0 && pairs > 1) return 'ERR INCR option supports a single increment-element pair';
  return undefined;
}

/** @hot */
function runAdd(call: DataCall, given: number): void {
  const flags = parseOptions(call, given);
  const words = call.count - firstScore;
  if (words === 0 || (words & 1) !== 0) {
    call.reply.error(errors.syntax);
    return;
  }
  const pairs = words >> 1;
  if (flags !== 0) {
    const error = conflict(flags, pairs);
    if (error !== undefined) {
      call.reply.error(error);
      return;
    }
  }
  const list = scoresOf(pairs);
  for (let pair = 0; pair < pairs; pair++) {
    const score = parseDouble(call.bytes, call.starts[firstScore + 2 * pair]!, call.lengths[firstScore + 2 * pair]!);
    if (score !== score) {
      call.reply.error(errors.notFloat);
      return;
    }
    list[pair] = score;
  }
  addScored(call, flags, countsChanges, pairs, firstScore + 1, 2);
}

/**
 * Adds members, whose scores are in the list of `scoresOf`, to the set of argument 1: `count` members from argument
 * `first` on, one at every `step`th. @hot
 */
export function addScored(
  call: DataCall,
  flags: number,
  countsUpdates: boolean,
  count: number,
  first: number,
  step: number,
): void {
  const entry = writeTyped(call, 1, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  const { bytes, starts, lengths, db, reply } = call;
  const { limits } = call.host;
  const sets = sortedSetsOf(call);
  const increments = (flags & AddFlag.INCREMENT) !== 0;
  if (entry === 0) {
    if ((flags & AddFlag.OLD) !== 0) {
      if (increments) reply.nil();
      else reply.integer(0);
      return;
    }
    sets.create(1, lengths[first]!, limits);
  } else {
    const entries = call.host.keyspace.entries;
    sets.encoding = entries.encoding(entry);
    sets.ref = entries.word2(entry);
  }
  let added = 0;
  let updated = 0;
  let skipped = false;
  let failed = false;
  for (let index = 0; index < count && !failed; index++) {
    const member = first + step * index;
    const result = sets.add(
      sets.encoding,
      sets.ref,
      scores[index]!,
      flags,
      bytes,
      starts[member]!,
      lengths[member]!,
      limits,
    );
    if (result === 'added') added++;
    else if (result === 'updated') updated++;
    else if (result === 'skipped') skipped = true;
    else if (result === 'nan') failed = true;
  }
  if (entry === 0) db.addValue(bytes, starts[1]!, lengths[1]!, db.hash, Type.ZSET, sets.encoding, sets.ref);
  else storeForm(call, entry);
  if (failed) reply.error('ERR resulting score is not a number (NaN)');
  else if (!increments) reply.integer(countsUpdates ? added + updated : added);
  else if (skipped) reply.nil();
  else reply.double(sets.newScore);
  if (added + updated === 0) return;
  changed(call, 1, added + updated);
  notify(call, EventClass.ZSET, increments ? 'zincr' : 'zadd', 1);
}

export const zadd: DataCommand = command({
  name: 'zadd',
  since: '1.2.0',
  group: 'sorted_set',
  arity: -4,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [
    key('key'),
    optional(since('3.0.2', oneof('condition', token('NX'), token('XX')))),
    optional(since('6.2.0', oneof('comparison', token('GT'), token('LT')))),
    optional(since('3.0.2', token('CH', { name: 'change' }))),
    optional(since('3.0.2', token('INCR', { name: 'increment' }))),
    many(block('data', double('score'), str('member'))),
  ],
  summary: 'Adds members with scores to a sorted set, or gives members other scores.',
  complexity: 'O(log(N)) for each member, with N members in the set.',
  history: [
    ['2.4.0', 'Several members at once.'],
    ['3.0.2', 'The options `XX`, `NX`, `CH` and `INCR`.'],
    ['6.2.0', 'The options `GT` and `LT`.'],
  ],
  run: (call) => runAdd(call, 0),
});

export const zincrby: DataCommand = command({
  name: 'zincrby',
  since: '1.2.0',
  group: 'sorted_set',
  arity: 4,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'update'])],
  args: [key('key'), int('increment'), str('member')],
  summary: 'Adds to the score of a member, which starts at 0.',
  complexity: 'O(log(N)) with N members in the set.',
  run: (call) => runAdd(call, AddFlag.INCREMENT),
});
