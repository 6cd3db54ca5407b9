// compare: the conditions of SET and DELEX on the present string; DIGEST, DELEX and DELIFEQ.
//
// These are the server's half of safe locks: only the owner of a token gives the lock back. A digest (XXH3, 64 bits, as 16
// hexadecimal digits) stands for a string that is too long to be sent for the comparison.

import { equalBytes } from '../../base/bytes.js';
import { xxh3 } from '../../base/xxh3.js';
import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { type Argument, key, oneof, optional, str } from '../../registry/grammar.js';
import { changed, notify, readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace } from './access.js';

const DIGEST_DIGITS = 16;

/** The comparison between the present string and the given one. */
export const Comparison = { NONE: 0, EQUAL: 1, NOT_EQUAL: 2, DIGEST_EQUAL: 3, DIGEST_NOT_EQUAL: 4 } as const;

/** The comparison that the word at argument `index` names. */
export function comparisonAt(call: DataCall, index: number): number {
  if (call.is(index, 'ifeq')) return Comparison.EQUAL;
  if (call.is(index, 'ifne')) return Comparison.NOT_EQUAL;
  if (call.is(index, 'ifdeq')) return Comparison.DIGEST_EQUAL;
  return call.is(index, 'ifdne') ? Comparison.DIGEST_NOT_EQUAL : Comparison.NONE;
}

/** The alternatives of a `condition` argument. */
export function comparisonArguments(sinceVersion?: string): readonly Argument[] {
  const extras = sinceVersion === undefined ? {} : { since: sinceVersion };
  return [
    str('ifeq-value', { token: 'IFEQ', ...extras }),
    str('ifne-value', { token: 'IFNE', ...extras }),
    str('ifdeq-digest', { token: 'IFDEQ', ...extras }),
    str('ifdne-digest', { token: 'IFDNE', ...extras }),
  ];
}

/**
 * Whether an entry (0: the key is missing, which is different from everything) compares with argument `index` as asked;
 * undefined after an error reply.
 */
export function compare(call: DataCall, entry: number, comparison: number, index: number): boolean | undefined {
  if (entry === 0) return comparison === Comparison.NOT_EQUAL || comparison === Comparison.DIGEST_NOT_EQUAL;
  if (call.host.keyspace.entries.type(entry) !== Type.STRING) {
    call.reply.error(errors.wrongType);
    return undefined;
  }
  if (comparison === Comparison.EQUAL) return holdsArgument(call, entry, index);
  if (comparison === Comparison.NOT_EQUAL) return !holdsArgument(call, entry, index);
  if (call.lengths[index] !== DIGEST_DIGITS) {
    call.reply.error('ERR must be exactly 16 hexadecimal characters');
    return undefined;
  }
  return (call.text(index).toLowerCase() === digestOf(call, entry)) === (comparison === Comparison.DIGEST_EQUAL);
}

function holdsArgument(call: DataCall, entry: number, index: number): boolean {
  const { bytes, start, length } = stringPlace(call, entry);
  return equalBytes(bytes, start, length, call.bytes, call.starts[index]!, call.lengths[index]!);
}

function digestOf(call: DataCall, entry: number): string {
  const { bytes, start, length } = stringPlace(call, entry);
  return xxh3(bytes, start, length).toString(16).padStart(DIGEST_DIGITS, '0');
}

export const digest: DataCommand = command({
  name: 'digest',
  since: '8.4.0',
  group: 'string',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key')],
  summary: 'Returns the XXH3 hash of a string as 16 hexadecimal digits.',
  complexity: 'O(N) where N is the length of the string.',
  run(call) {
    const entry = readTyped(call, 1, Type.STRING);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) call.reply.nil();
    else call.reply.bulkText(digestOf(call, entry));
  },
});

/** Deletes the key at argument 1 and replies 1. */
function deleteKey(call: DataCall, entry: number): void {
  call.db.remove(entry, call.db.hash);
  changed(call, 1, 1);
  notify(call, EventClass.GENERIC, 'del', 1);
  if (call.host.propagates) call.host.rewrite(call, ['DEL', call.copy(1)]);
  call.reply.integer(1);
}

function runDeleteIf(call: DataCall, comparison: number, index: number): void {
  const entry = call.db.lookupWrite(call.bytes, call.starts[1]!, call.lengths[1]!);
  const met = entry === 0 ? false : compare(call, entry, comparison, index);
  if (met === undefined) return;
  if (met) deleteKey(call, entry);
  else call.reply.integer(0);
}

export const delex: DataCommand = command({
  name: 'delex',
  since: '8.4.0',
  group: 'string',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'delete', 'variable_flags'])],
  args: [key('key'), optional(oneof('condition', ...comparisonArguments()))],
  summary: 'Deletes a key, if it holds (or does not hold) a given string, or one with a given digest.',
  complexity: 'O(1); comparing costs O(N) where N is the length of the string.',
  run(call) {
    if (call.count === 2) {
      const entry = call.db.lookupWrite(call.bytes, call.starts[1]!, call.lengths[1]!);
      if (entry === 0) call.reply.integer(0);
      else deleteKey(call, entry);
    } else if (call.count === 4 && comparisonAt(call, 2) !== Comparison.NONE) {
      runDeleteIf(call, comparisonAt(call, 2), 3);
    } else {
      call.reply.error(errors.syntax);
    }
  },
});

export const delifeq: DataCommand = command({
  name: 'delifeq',
  since: '9.0.0',
  group: 'string',
  arity: 3,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RM', 'delete'])],
  args: [key('key'), str('value')],
  summary: "Deletes a key if it holds a given string (Valkey's way to say DELEX key IFEQ value).",
  complexity: 'O(1); comparing costs O(N) where N is the length of the string.',
  run: (call) => runDeleteIf(call, Comparison.EQUAL, 2),
});
