// walk: HGETALL, HKEYS, HVALS and HSCAN: all fields of a hash, at once or in parts.

import { Encoding } from '../../datatypes/object.js';
import { command, keyAt } from '../../registry/command.js';
import { key, optional, token } from '../../registry/grammar.js';
import { RefList } from '../../structures/dict.js';
import { WRONG_TYPE } from '../access.js';
import { elementScan, type ElementScan, readElementScan, replyEmptyScan, scanMatches } from '../element-scan.js';
import type { DataCall, DataCommand } from '../engine.js';
import { readCursor } from '../generic/scan.js';
import { hashesOf, isHidden, openHash } from './access.js';

/** @hot */
function replyField(call: DataCall): void {
  const hashes = hashesOf(call);
  call.reply.bulkOf(hashes.fieldBytes, hashes.fieldView, hashes.fieldStart, hashes.fieldLength);
}

/** @hot */
function replyValue(call: DataCall): void {
  const hashes = hashesOf(call);
  call.reply.bulkOf(hashes.bytes, hashes.view, hashes.start, hashes.length);
}

function replyAll(call: DataCall, fields: boolean, values: boolean): void {
  const entry = openHash(call);
  if (entry === WRONG_TYPE) return;
  const hashes = hashesOf(call);
  const { keyspace } = call.host;
  let count = 0;
  if (entry !== 0) {
    count = hashes.size();
    if (!keyspace.expiryPaused || keyspace.hidesExpired) count -= hashes.countExpired(keyspace.nowMs);
  }
  if (fields && values) call.reply.map(count);
  else call.reply.array(count);
  if (count === 0) return;
  for (let more = hashes.first(); more; more = hashes.next()) {
    if (isHidden(call, hashes.expiry)) continue;
    if (fields) replyField(call);
    if (values) replyValue(call);
  }
}

const shared = {
  since: '2.0.0',
  group: 'hash',
  arity: 2,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key')],
  tips: ['nondeterministic_output_order'],
} as const;

export const hgetall: DataCommand = command({
  ...shared,
  name: 'hgetall',
  summary: 'Returns all fields of a hash with their values.',
  complexity: 'O(N) where N is the number of fields.',
  run: (call) => replyAll(call, true, true),
});

export const hkeys: DataCommand = command({
  ...shared,
  name: 'hkeys',
  summary: 'Returns the names of all fields of a hash.',
  complexity: 'O(N) where N is the number of fields.',
  run: (call) => replyAll(call, true, false),
});

export const hvals: DataCommand = command({
  ...shared,
  name: 'hvals',
  summary: 'Returns the values of all fields of a hash.',
  complexity: 'O(N) where N is the number of fields.',
  run: (call) => replyAll(call, false, true),
});

const emitted = new RefList();

/** Takes the entries out of `emitted` that the scan does not want. */
function filterEmitted(call: DataCall, scan: ElementScan): void {
  const hashes = hashesOf(call);
  let kept = 0;
  for (let index = 0; index < emitted.length; index++) {
    const entry = emitted.refs[index]!;
    hashes.readEntry(entry);
    if (isHidden(call, hashes.expiry) || !scanMatches(scan, hashes.fieldBytes, hashes.fieldStart, hashes.fieldLength))
      continue;
    emitted.refs[kept++] = entry;
  }
  emitted.length = kept;
}

/** A listpack is emitted whole, whatever the count. */
function scanListpack(call: DataCall, scan: ElementScan): void {
  const hashes = hashesOf(call);
  call.reply.bulkInteger(0);
  const deferred = call.reply.defer();
  let count = 0;
  for (let more = hashes.first(); more; more = hashes.next()) {
    if (isHidden(call, hashes.expiry) || !scanMatches(scan, hashes.fieldBytes, hashes.fieldStart, hashes.fieldLength))
      continue;
    count += scan.alone ? 1 : 2;
    replyField(call);
    if (!scan.alone) replyValue(call);
  }
  call.reply.settleArray(deferred, count);
}

export const hscan: DataCommand = command({
  ...elementScan('fields', optional(token('NOVALUES', { since: '7.4.0' }))),
  name: 'hscan',
  group: 'hash',
  summary: 'Walks over the fields of a hash, some at each call.',
  run(call) {
    const cursor = readCursor(call, 2);
    if (Number.isNaN(cursor)) return;
    const entry = openHash(call);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      replyEmptyScan(call);
      return;
    }
    const scan = readElementScan(call, 'novalues');
    if (scan === undefined) return;
    const hashes = hashesOf(call);
    call.reply.array(2);
    if (hashes.encoding !== Encoding.HASHTABLE) {
      scanListpack(call, scan);
      return;
    }
    emitted.clear();
    call.reply.bulkInteger(hashes.scan(cursor, scan.count, emitted));
    filterEmitted(call, scan);
    call.reply.array(scan.alone ? emitted.length : 2 * emitted.length);
    for (let index = 0; index < emitted.length; index++) {
      hashes.readEntry(emitted.refs[index]!);
      replyField(call);
      if (!scan.alone) replyValue(call);
    }
  },
});
