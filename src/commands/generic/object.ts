// object: OBJECT and its subcommands: how a value is kept.

import { encodingNames, Encoding, Type } from '../../datatypes/object.js';
import { parseBigInteger } from '../../base/bytes.js';
import { command, keyAt } from '../../registry/command.js';
import { key } from '../../registry/grammar.js';
import type { DataCall, DataCommand } from '../engine.js';
import { replyHelp } from '../../registry/help.js';
import { stringPlace } from '../string/access.js';

/** Strings up to this length that were never changed in place are 'embstr'. */
const EMBEDDED_BYTES_MAX = 44;

/** The count that Redis reports for the numbers 0 to 9999, which it shares between keys. Nothing is shared here, but tools ask. */
const SHARED = 2147483647;

function isSmallNumber(call: DataCall, entry: number): boolean {
  if (!call.host.limits.sharesSmallNumbers || encodingName(call, entry) !== 'int') return false;
  const { bytes, start, length } = stringPlace(call, entry);
  return length <= 4 && bytes[start] !== 45;
}

/** The reply of OBJECT ENCODING for an entry. */
export function encodingName(call: DataCall, entry: number): string {
  const { entries } = call.host.keyspace;
  const encoding = entries.encoding(entry);
  if (entries.type(entry) !== Type.STRING) return encodingNames[encoding]!;
  const { bytes, start, length } = stringPlace(call, entry);
  if (encoding === Encoding.RAW) return 'raw';
  if (length <= 20 && parseBigInteger(bytes, start, length) !== undefined) return 'int';
  return length <= EMBEDDED_BYTES_MAX ? 'embstr' : 'raw';
}

/** The entry of argument 2, or 0 after a null reply: a hit or miss, but no use of the key, and no event of a miss. */
function peek(call: DataCall): number {
  const { stats } = call.host.keyspace;
  const entry = call.db.peek(call.bytes, call.starts[2]!, call.lengths[2]!);
  if (entry === 0) {
    stats.misses++;
    call.reply.nil();
  } else stats.hits++;
  return entry;
}

const reads = {
  group: 'generic',
  arity: 3,
  flags: ['readonly'],
  keys: [keyAt(2, ['RO'])],
  args: [key('key')],
  complexity: 'O(1)',
} as const;

const encoding: DataCommand = command({
  ...reads,
  name: 'encoding',
  since: '2.2.3',
  tips: ['nondeterministic_output'],
  summary: 'Returns how the value of a key is encoded.',
  run(call: DataCall) {
    const entry = peek(call);
    if (entry !== 0) call.reply.bulkText(encodingName(call, entry));
  },
});

const freq: DataCommand = command({
  ...reads,
  name: 'freq',
  since: '4.0.0',
  tips: ['nondeterministic_output'],
  summary: 'Returns the logarithmic use counter of a key.',
  run(call: DataCall) {
    const entry = peek(call);
    if (entry === 0) return;
    const { keyspace } = call.host;
    if (!keyspace.usesFrequency) {
      call.reply.error(
        'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
      );
      return;
    }
    call.reply.integer(keyspace.frequency(entry));
  },
});

const idletime: DataCommand = command({
  ...reads,
  name: 'idletime',
  since: '2.2.3',
  tips: ['nondeterministic_output'],
  summary: 'Returns how many seconds ago a key was used last.',
  run(call: DataCall) {
    const entry = peek(call);
    if (entry === 0) return;
    const { keyspace } = call.host;
    if (keyspace.usesFrequency) {
      call.reply.error(
        'ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
      );
      return;
    }
    call.reply.integer(keyspace.idleMs(entry) / 1000);
  },
});

const refcount: DataCommand = command({
  ...reads,
  name: 'refcount',
  since: '2.2.3',
  tips: ['nondeterministic_output'],
  summary: 'Returns how often the value is referred to.',
  run(call: DataCall) {
    const entry = peek(call);
    if (entry !== 0) call.reply.integer(isSmallNumber(call, entry) ? SHARED : 1);
  },
});

const help: DataCommand = command({
  name: 'help',
  since: '6.2.0',
  group: 'generic',
  arity: 2,
  flags: ['loading', 'stale'],
  summary: 'Lists the subcommands.',
  complexity: 'O(1)',
  run: (call: DataCall) =>
    replyHelp(call, 'OBJECT', [
      [
        'ENCODING <key>',
        'Return the kind of internal representation used in order to store the value',
        'associated with a <key>.',
      ],
      [
        'FREQ <key>',
        'Return the access frequency index of the <key>. The returned integer is',
        'proportional to the logarithm of the real access frequency.',
      ],
      [
        'IDLETIME <key>',
        'Return the idle time of the <key>, that is the approximated number of',
        'seconds elapsed since the last access to the key.',
      ],
      ['REFCOUNT <key>', 'Return the number of references of the value associated with the specified', '<key>.'],
    ]),
});

export const object: DataCommand = command({
  name: 'object',
  since: '2.2.3',
  group: 'generic',
  arity: -2,
  flags: [],
  summary: 'Commands about how values are kept.',
  complexity: 'Depends on subcommand.',
  subcommands: [encoding, freq, idletime, refcount, help],
});
