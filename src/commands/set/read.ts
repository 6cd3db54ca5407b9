// read: SCARD, SISMEMBER, SMISMEMBER, SMEMBERS and SSCAN.

import { Encoding } from '../../datatypes/object.js';
import { command, keyAt } from '../../registry/command.js';
import { key, many, str } from '../../registry/grammar.js';
import { RefList } from '../../structures/dict.js';
import { WRONG_TYPE } from '../access.js';
import { elementScan, type ElementScan, readElementScan, replyEmptyScan, scanMatches } from '../element-scan.js';
import type { DataCall, DataCommand } from '../engine.js';
import { readCursor } from '../generic/scan.js';
import { openSet, replyMember, setsOf } from './access.js';

export const scard: DataCommand = command({
  name: 'scard',
  since: '1.0.0',
  group: 'set',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key')],
  summary: 'Returns how many members a set has.',
  complexity: 'O(1)',
  run(call) {
    const entry = openSet(call, 1);
    if (entry !== WRONG_TYPE) call.reply.integer(entry === 0 ? 0 : setsOf(call).size());
  },
});

/** Replies with 1 or 0 for the member at argument `index`. */
function replyHas(call: DataCall, entry: number, index: number): void {
  const has = entry !== 0 && setsOf(call).has(call.bytes, call.starts[index]!, call.lengths[index]!);
  call.reply.integer(has ? 1 : 0);
}

export const sismember: DataCommand = command({
  name: 'sismember',
  since: '1.0.0',
  group: 'set',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key'), str('member')],
  summary: 'Tells whether a set has a member.',
  complexity: 'O(1)',
  run(call) {
    const entry = openSet(call, 1);
    if (entry !== WRONG_TYPE) replyHas(call, entry, 2);
  },
});

export const smismember: DataCommand = command({
  name: 'smismember',
  since: '6.2.0',
  group: 'set',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), many(str('member'))],
  summary: 'Tells of several members whether a set has them.',
  complexity: 'O(1) for each member.',
  run(call) {
    const entry = openSet(call, 1);
    if (entry === WRONG_TYPE) return;
    call.reply.array(call.count - 2);
    for (let index = 2; index < call.count; index++) replyHas(call, entry, index);
  },
});

export const smembers: DataCommand = command({
  name: 'smembers',
  since: '1.0.0',
  group: 'set',
  arity: 2,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key')],
  tips: ['nondeterministic_output_order'],
  summary: 'Returns all members of a set.',
  complexity: 'O(N) where N is the number of members.',
  run(call) {
    const entry = openSet(call, 1);
    if (entry === WRONG_TYPE) return;
    const sets = setsOf(call);
    call.reply.set(entry === 0 ? 0 : sets.size());
    if (entry === 0) return;
    for (let more = sets.first(); more; more = sets.next()) replyMember(call);
  },
});

const emitted = new RefList();

function scanDict(call: DataCall, cursor: number, scan: ElementScan): void {
  const sets = setsOf(call);
  emitted.clear();
  call.reply.bulkInteger(sets.scan(cursor, scan.count, emitted));
  let kept = 0;
  for (let index = 0; index < emitted.length; index++) {
    const entry = emitted.refs[index]!;
    sets.readEntry(entry);
    if (scanMatches(scan, sets.bytes, sets.start, sets.length)) emitted.refs[kept++] = entry;
  }
  call.reply.array(kept);
  for (let index = 0; index < kept; index++) {
    sets.readEntry(emitted.refs[index]!);
    replyMember(call);
  }
}

/** A listpack or intset is emitted whole, whatever the count. */
function scanBlock(call: DataCall, scan: ElementScan): void {
  const sets = setsOf(call);
  call.reply.bulkInteger(0);
  const deferred = call.reply.defer();
  let count = 0;
  for (let more = sets.first(); more; more = sets.next()) {
    if (!scanMatches(scan, sets.bytes, sets.start, sets.length)) continue;
    count++;
    replyMember(call);
  }
  call.reply.settleArray(deferred, count);
}

export const sscan: DataCommand = command({
  ...elementScan('members'),
  name: 'sscan',
  group: 'set',
  summary: 'Walks over the members of a set, some at each call.',
  run(call) {
    const cursor = readCursor(call, 2);
    if (Number.isNaN(cursor)) return;
    const entry = openSet(call, 1);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      replyEmptyScan(call);
      return;
    }
    const scan = readElementScan(call);
    if (scan === undefined) return;
    call.reply.array(2);
    if (setsOf(call).encoding === Encoding.HASHTABLE) scanDict(call, cursor, scan);
    else scanBlock(call, scan);
  },
});
