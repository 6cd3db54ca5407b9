// bitop: BITOP.

import { Encoding, Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt, keysFrom } from '../../registry/command.js';
import { key, many, oneof, since, token } from '../../registry/grammar.js';
import { type BitOperation, type BitSource, combineBits } from '../../structures/bitmap.js';
import { changed, notify, readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace } from '../string/access.js';

const operations: readonly BitOperation[] = ['and', 'or', 'xor', 'not', 'diff', 'diff1', 'andor', 'one'];
const NO_BYTES = new Uint8Array(0);

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

function runBitop(call: DataCall): void {
  const operation = parseOperation(call);
  if (operation === undefined) return;
  const sources: BitSource[] = [];
  let longest = 0;
  for (let index = 3; index < call.count; index++) {
    const entry = readTyped(call, index, Type.STRING);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      sources.push({ bytes: NO_BYTES, start: 0, length: 0 });
      continue;
    }
    const { bytes, start, length } = stringPlace(call, entry);
    sources.push({ bytes, start, length });
    if (length > longest) longest = length;
  }
  const { db, reply } = call;
  const result = new Uint8Array(longest);
  if (longest > 0) combineBits(operation, sources, result);
  const entry = db.lookupWrite(call.bytes, call.starts[2]!, call.lengths[2]!);
  if (longest > 0) {
    const made = db.setString(entry, call.bytes, call.starts[2]!, call.lengths[2]!, db.hash, result, 0, longest, false);
    call.host.keyspace.entries.setEncoding(made, Encoding.RAW);
    changed(call, 2, 1);
    notify(call, EventClass.STRING, 'set', 2);
  } else if (entry !== 0) {
    db.remove(entry, db.hash);
    changed(call, 2, 1);
    notify(call, EventClass.GENERIC, 'del', 2);
  }
  reply.integer(longest);
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
