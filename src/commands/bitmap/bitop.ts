// bitop: BITOP.

import { Encoding, Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt, keysFrom } from '../../registry/command.js';
import { key, many, oneof, since, token } from '../../registry/grammar.js';
import { type BitOperation, type BitSource, combineBits, combinesInBlocks } from '../../structures/bitmap.js';
import { changed, notify, readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace } from '../string/access.js';

const operations: readonly BitOperation[] = ['and', 'or', 'xor', 'not', 'diff', 'diff1', 'andor', 'one'];
const NO_BYTES = new Uint8Array(0);
/** Results from this size on are made where they are to lie: at 512 MB that saves a copy of a quarter of a second. */
const IN_PLACE_BYTES_MIN = 1 << 20;

function parseOperation(call: DataCall): BitOperation | undefined {
  const operation = operations.find((name) => call.is(1, name));
  if (operation === undefined) {
    call.reply.error(errors.syntax);
    return undefined;
  }
  if (operation === 'not' && call.count !== 4) {
    call.reply.error('ERR BITOP NOT must be called with a single source key.');
    return undefined;
  }
  if ((operation === 'diff' || operation === 'diff1' || operation === 'andor') && call.count < 5) {
    call.reply.error(`ERR BITOP ${operation.toUpperCase()} must be called with at least two source keys.`);
    return undefined;
  }
  return operation;
}

function sourceOf(call: DataCall, entry: number): BitSource {
  if (entry === 0) return { bytes: NO_BYTES, start: 0, length: 0 };
  const { bytes, start, length } = stringPlace(call, entry);
  return { bytes, start, length };
}

/** The key at argument 2, whose entry is given, as a string of so many bytes that are still to be written. */
function makeRoom(call: DataCall, old: number, length: number): number {
  const { db, bytes, starts, lengths } = call;
  const { hash } = db;
  const isString = old !== 0 && call.host.keyspace.entries.type(old) === Type.STRING;
  const entry = isString
    ? db.clearExpiry(old, hash)
    : db.setString(old, bytes, starts[2]!, lengths[2]!, hash, NO_BYTES, 0, 0, false);
  return db.resizeString(entry, hash, length, 0);
}

function storeResult(call: DataCall, operation: BitOperation, entries: readonly number[], longest: number): void {
  const { db, bytes, starts, lengths } = call;
  let target = db.lookupWrite(bytes, starts[2]!, lengths[2]!);
  const isSource = target !== 0 && entries.includes(target);
  if (longest >= IN_PLACE_BYTES_MIN && !isSource && combinesInBlocks(longest)) {
    target = makeRoom(call, target, longest);
    const { bytes: room, start } = stringPlace(call, target);
    const sources = entries.map((entry) => sourceOf(call, entry));
    combineBits(operation, sources, room.subarray(start, start + longest));
  } else {
    const result = new Uint8Array(longest);
    const sources = entries.map((entry) => sourceOf(call, entry));
    combineBits(operation, sources, result);
    target = db.setString(target, bytes, starts[2]!, lengths[2]!, db.hash, result, 0, longest, false);
  }
  call.host.keyspace.entries.setEncoding(target, Encoding.RAW);
}

function runBitop(call: DataCall): void {
  const operation = parseOperation(call);
  if (operation === undefined) return;
  const sources: number[] = [];
  let longest = 0;
  for (let index = 3; index < call.count; index++) {
    const entry = readTyped(call, index, Type.STRING);
    if (entry === WRONG_TYPE) return;
    sources.push(entry);
    if (entry !== 0) longest = Math.max(longest, stringPlace(call, entry).length);
  }
  const { db } = call;
  if (longest > 0) {
    storeResult(call, operation, sources, longest);
    changed(call, 2, 1);
    notify(call, EventClass.STRING, 'set', 2);
  } else {
    const entry = db.lookupWrite(call.bytes, call.starts[2]!, call.lengths[2]!);
    if (entry !== 0) {
      db.remove(entry, db.hash);
      changed(call, 2, 1);
      notify(call, EventClass.GENERIC, 'del', 2);
    }
  }
  call.reply.integer(longest);
}

export const bitop: DataCommand = command({
  name: 'bitop',
  since: '2.6.0',
  group: 'bitmap',
  arity: -4,
  flags: ['write', 'denyoom'],
  keys: [keyAt(2, ['OW', 'update']), keysFrom(3, -1, 1, ['RO', 'access'])],
  args: [
    oneof(
      'operation',
      token('AND'),
      token('OR'),
      token('XOR'),
      token('NOT'),
      since('8.2.0', token('DIFF')),
      since('8.2.0', token('DIFF1')),
      since('8.2.0', token('ANDOR')),
      since('8.2.0', token('ONE')),
    ),
    key('destkey'),
    many(key('key', { keySpec: 1 })),
  ],
  summary: 'Combines the bits of strings and stores the result.',
  complexity: 'O(N)',
  history: [['8.2.0', 'The operations `DIFF`, `DIFF1`, `ANDOR` and `ONE`.']],
  run: runBitop,
});
