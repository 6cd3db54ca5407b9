// scan: ZSCAN.

import { doubleText } from '../../base/double.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { CHUNK_SHIFT } from '../../memory/layout.js';
import { command } from '../../registry/command.js';
import { optional, token } from '../../registry/grammar.js';
import { RefList } from '../../structures/dict.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import { elementScan, type ElementScan, readElementScan, replyEmptyScan, scanMatches } from '../element-scan.js';
import type { DataCall, DataCommand } from '../engine.js';
import { readCursor } from '../generic/scan.js';
import { sortedSetsOf } from './access.js';

const found = new RefList();

/** All members of a small set, lowest first. In these replies scores are strings in both protocols. */
function replyAll(call: DataCall, scan: ElementScan, encoding: number, ref: number): void {
  const { walk } = sortedSetsOf(call);
  let count = 0;
  for (walk.from(encoding, ref, 0); walk.valid; walk.next())
    if (scanMatches(scan, walk.bytes, walk.start, walk.length)) count++;
  call.reply.bulkInteger(0);
  call.reply.array(scan.alone ? count : 2 * count);
  for (walk.from(encoding, ref, 0); walk.valid; walk.next()) {
    if (!scanMatches(scan, walk.bytes, walk.start, walk.length)) continue;
    call.reply.bulkOf(walk.bytes, walk.view, walk.start, walk.length);
    if (!scan.alone) call.reply.bulkDouble(walk.score);
  }
}

function replySome(call: DataCall, scan: ElementScan, ref: number, cursor: number): void {
  const { entries } = call.host.keyspace;
  found.clear();
  call.reply.bulkInteger(sortedSetsOf(call).scan(ref, cursor, scan.count, found));
  let kept = 0;
  for (let index = 0; index < found.length; index++) {
    const entry = found.refs[index]!;
    if (scanMatches(scan, entries.arena.u8[entry >>> CHUNK_SHIFT]!, entries.keyStart(entry), entries.keyLength(entry)))
      found.refs[kept++] = entry;
  }
  call.reply.array(scan.alone ? kept : 2 * kept);
  for (let index = 0; index < kept; index++) {
    const entry = found.refs[index]!;
    call.reply.bulk(entries.arena.u8[entry >>> CHUNK_SHIFT]!, entries.keyStart(entry), entries.keyLength(entry));
    // The one reply in which redis-server still prints 17 digits.
    if (!scan.alone) call.reply.bulkText(doubleText(entries.number(entry)));
  }
}

export const zscan: DataCommand = command({
  ...elementScan('members', optional(token('NOSCORES', { since: '8.0.0' }))),
  name: 'zscan',
  group: 'sorted_set',
  summary: 'Walks over the members of a sorted set, some at each call.',
  run(call) {
    const cursor = readCursor(call, 2);
    if (Number.isNaN(cursor)) return;
    const entry = readTyped(call, 1, Type.ZSET);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      replyEmptyScan(call);
      return;
    }
    const scan = readElementScan(call, 'noscores');
    if (scan === undefined) return;
    call.reply.array(2);
    const { entries } = call.host.keyspace;
    const encoding = entries.encoding(entry);
    if (encoding === Encoding.LISTPACK) replyAll(call, scan, encoding, entries.word2(entry));
    else replySome(call, scan, entries.word2(entry), cursor);
  },
});
