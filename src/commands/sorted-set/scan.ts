// scan: ZSCAN.

import { doubleText } from '../../base/double.js';
import { globMatchesRange } from '../../base/glob.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { CHUNK_SHIFT } from '../../memory/layout.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, optional, pattern, token } from '../../registry/grammar.js';
import { RefList } from '../../structures/dict.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { readCursor } from '../generic/scan.js';
import { sortedSetsOf } from './access.js';

const COUNT_DEFAULT = 10;
const COUNT_MAX = 0x7fffffff;
const found = new RefList();
const options = { count: COUNT_DEFAULT, match: 0, withScores: true };

/** Reads MATCH, COUNT and NOSCORES into `options`; false after an error reply. */
function parseOptions(call: DataCall): boolean {
  options.count = COUNT_DEFAULT;
  options.match = 0;
  options.withScores = true;
  for (let index = 3; index < call.count; index++) {
    const hasNext = index + 1 < call.count;
    if (hasNext && call.is(index, 'count')) {
      options.count = call.integer(++index);
      if (!(options.count >= 1)) {
        call.reply.error(Number.isNaN(options.count) ? errors.notInteger : errors.syntax);
        return false;
      }
    } else if (hasNext && call.is(index, 'match')) {
      options.match = ++index;
    } else if (call.is(index, 'noscores')) {
      options.withScores = false;
    } else {
      call.reply.error(call.is(index, 'novalues') ? 'ERR NOVALUES option can only be used in HSCAN' : errors.syntax);
      return false;
    }
  }
  return true;
}

function matches(call: DataCall, bytes: Uint8Array, start: number, length: number): boolean {
  const { match } = options;
  return match === 0 || globMatchesRange(call.bytes, call.starts[match]!, call.lengths[match]!, bytes, start, length, false);
}

/** All members of a small set, lowest first. In these replies scores are strings in both protocols. */
function replyAll(call: DataCall, encoding: number, ref: number): void {
  const { walk } = sortedSetsOf(call);
  let count = 0;
  for (walk.from(encoding, ref, 0); walk.valid; walk.next()) if (matches(call, walk.bytes, walk.start, walk.length)) count++;
  call.reply.bulkInteger(0);
  call.reply.array(options.withScores ? 2 * count : count);
  for (walk.from(encoding, ref, 0); walk.valid; walk.next()) {
    if (!matches(call, walk.bytes, walk.start, walk.length)) continue;
    call.reply.bulk(walk.bytes, walk.start, walk.length);
    if (options.withScores) call.reply.bulkDouble(walk.score);
  }
}


function replySome(call: DataCall, ref: number, cursor: number): void {
  const { entries } = call.host.keyspace;
  found.clear();
  call.reply.bulkInteger(sortedSetsOf(call).scan(ref, cursor, Math.min(options.count, COUNT_MAX), found));
  let kept = 0;
  for (let index = 0; index < found.length; index++) {
    const entry = found.refs[index]!;
    if (matches(call, entries.arena.u8[entry >>> CHUNK_SHIFT]!, entries.keyStart(entry), entries.keyLength(entry))) found.refs[kept++] = entry;
  }
  call.reply.array(options.withScores ? 2 * kept : kept);
  for (let index = 0; index < kept; index++) {
    const entry = found.refs[index]!;
    call.reply.bulk(entries.arena.u8[entry >>> CHUNK_SHIFT]!, entries.keyStart(entry), entries.keyLength(entry));
    // The one reply in which redis-server still prints 17 digits.
    if (options.withScores) call.reply.bulkText(doubleText(entries.number(entry)));
  }
}

export const zscan: DataCommand = command({
  name: 'zscan',
  since: '2.8.0',
  group: 'sorted_set',
  arity: -3,
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [
    key('key'),
    int('cursor'),
    optional(pattern('pattern', { token: 'MATCH' })),
    optional(int('count', { token: 'COUNT' })),
    optional(token('NOSCORES', { since: '8.0.0' })),
  ],
  summary: 'Walks over the members of a sorted set, some at each call.',
  complexity: 'O(1) for every call; O(N) for a whole walk, with N members in the set.',
  run(call) {
    const cursor = readCursor(call, 2);
    if (Number.isNaN(cursor)) return;
    const entry = readTyped(call, 1, Type.ZSET);
    if (entry === WRONG_TYPE) return;
    if (entry !== 0 && !parseOptions(call)) return;
    call.reply.array(2);
    if (entry === 0) {
      call.reply.bulkInteger(0);
      call.reply.emptyArray();
      return;
    }
    const { entries } = call.host.keyspace;
    const encoding = entries.encoding(entry);
    if (encoding === Encoding.LISTPACK) replyAll(call, encoding, entries.word2(entry));
    else replySome(call, entries.word2(entry), cursor);
  },
});
