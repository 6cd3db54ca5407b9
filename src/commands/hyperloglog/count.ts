// count: PFADD, PFCOUNT and PFMERGE: counting different elements by estimate.

import { Encoding } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { command, keyAt, keysFrom } from '../../registry/command.js';
import { key, many, optional, str } from '../../registry/grammar.js';
import { addToDense, cachedCount, forgetCount, isDense, storeCount } from '../../structures/hyperloglog.js';
import { changed, notify, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace } from '../string/access.js';
import { CORRUPT, editor, openSketch, readSketch, storeSketch, writeSketch } from './access.js';

export const pfadd: DataCommand = command({
  name: 'pfadd',
  since: '2.8.9',
  group: 'hyperloglog',
  arity: -2,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), optional(many(str('element')))],
  summary: 'Adds elements to a HyperLogLog, which is made if it is not there.',
  complexity: 'O(1) for each element.',
  run(call) {
    const entry = writeSketch(call, 1);
    if (entry === WRONG_TYPE || (entry !== 0 && addInPlace(call, entry))) return;
    if (entry === 0) editor.openNew();
    else openSketch(call, entry);
    let updated = entry === 0 ? 1 : 0;
    for (let index = 2; index < call.count; index++) {
      const result = editor.add(
        call.bytes,
        call.starts[index]!,
        call.lengths[index]!,
        call.host.limits.hllSparseMaxBytes,
      );
      if (result < 0) {
        call.reply.error(CORRUPT);
        return;
      }
      updated += result;
    }
    if (updated > 0) {
      editor.forgetCount();
      storeSketch(call, 1, entry);
    }
    replyAdded(call, updated);
  },
});

function replyAdded(call: DataCall, updated: number): void {
  if (updated > 0) {
    changed(call, 1, updated);
    notify(call, EventClass.STRING, 'pfadd', 1);
  }
  call.reply.integer(updated > 0 ? 1 : 0);
}

/** PFADD to a dense value, which never changes its size; false for a sparse one. */
function addInPlace(call: DataCall, entry: number): boolean {
  const { bytes, start } = stringPlace(call, entry);
  if (!isDense(bytes, start)) return false;
  let updated = 0;
  for (let index = 2; index < call.count; index++)
    updated += addToDense(bytes, start, call.bytes, call.starts[index]!, call.lengths[index]!);
  if (updated > 0) {
    forgetCount(bytes, start);
    call.host.keyspace.entries.setEncoding(entry, Encoding.RAW);
  }
  replyAdded(call, updated);
  return true;
}

function countOne(call: DataCall): void {
  // The estimate is stored in the value, so this is a change as the snapshot barrier sees it.
  const read = readSketch(call, 1);
  if (read === WRONG_TYPE) return;
  if (read === 0) {
    call.reply.integer(0);
    return;
  }
  const place = stringPlace(call, read);
  let count = cachedCount(place.bytes, place.start);
  if (count < 0) {
    count = editor.count(place.bytes, place.start, place.length);
    if (count < 0) {
      call.reply.error(CORRUPT);
      return;
    }
    const entry = writeSketch(call, 1);
    if (entry === 0 || entry === WRONG_TYPE) return;
    openSketch(call, entry);
    storeCount(editor.bytes, 0, count);
    storeSketch(call, 1, entry);
    changed(call, 1, 1);
  }
  call.reply.integer(count);
}

/** Raises the editor's registers to those of the values at some arguments; false after an error reply. */
function collectKeys(call: DataCall, from: number): { dense: boolean } | undefined {
  editor.registers.fill(0);
  let dense = false;
  for (let index = from; index < call.count; index++) {
    const entry = readSketch(call, index);
    if (entry === WRONG_TYPE) return undefined;
    if (entry === 0) continue;
    const { bytes, start, length } = stringPlace(call, entry);
    if (isDense(bytes, start)) dense = true;
    if (!editor.collect(bytes, start, length)) {
      call.reply.error(CORRUPT);
      return undefined;
    }
  }
  return { dense };
}

export const pfcount: DataCommand = command({
  name: 'pfcount',
  since: '2.8.9',
  group: 'hyperloglog',
  arity: -2,
  flags: ['readonly', 'may_replicate'],
  keys: [
    {
      ...keysFrom(1, -1, 1, ['RW', 'access']),
      notes: 'RW because it may change the internal representation of the key, and propagate to replicas',
    },
  ],
  args: [many(key('key'))],
  summary: 'Estimates how many different elements were added to one or several HyperLogLogs.',
  complexity:
    'O(1) for one key whose estimate is kept, else O(N) with N keys, each as much work as 16384 registers are.',
  run(call) {
    if (call.count === 2) countOne(call);
    else if (collectKeys(call, 1) !== undefined) call.reply.integer(editor.countCollected());
  },
});

export const pfmerge: DataCommand = command({
  name: 'pfmerge',
  since: '2.8.9',
  group: 'hyperloglog',
  arity: -2,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RW', 'access', 'insert']), keysFrom(2, -1, 1, ['RO', 'access'])],
  args: [key('destkey'), optional(many(key('sourcekey', { keySpec: 1 })))],
  summary: 'Joins HyperLogLogs into one, which then counts the elements of all of them.',
  complexity: 'O(N) with N keys, each as much work as 16384 registers are.',
  run(call) {
    const collected = collectKeys(call, 1);
    if (collected === undefined) return;
    const registers = editor.registers.slice();
    const entry = writeSketch(call, 1);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) editor.openNew();
    else openSketch(call, entry);
    if (collected.dense && !editor.toDense()) {
      call.reply.error(CORRUPT);
      return;
    }
    for (let index = 0; index < registers.length; index++) {
      if (registers[index] !== 0) editor.raise(index, registers[index]!, call.host.limits.hllSparseMaxBytes);
    }
    editor.forgetCount();
    storeSketch(call, 1, entry);
    changed(call, 1, 1);
    notify(call, EventClass.STRING, 'pfadd', 1);
    call.reply.ok();
  },
});
