// compare: DELEX and DELIFEQ: deleting a key only while it holds what the caller believes it holds.
//
// With SET's IFEQ and IFNE these are the server's half of safe locks: only the owner of a token gives the lock back.

import { equalBytes } from '../../base/bytes.js';
import { Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { key, oneof, optional, str } from '../../registry/grammar.js';
import { changed, notify } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { stringPlace } from './access.js';

/** Whether the string of an entry is the argument at `index`. */
export function holdsArgument(call: DataCall, entry: number, index: number): boolean {
  const { bytes, start, length } = stringPlace(call, entry);
  return equalBytes(bytes, start, length, call.bytes, call.starts[index]!, call.lengths[index]!);
}

/** Deletes the key at argument 1 and replies 1. */
function deleteKey(call: DataCall, entry: number): void {
  call.db.remove(entry, call.db.hash);
  changed(call, 1, 1);
  notify(call, EventClass.GENERIC, 'del', 1);
  if (call.host.propagates) call.host.rewrite(call, ['DEL', call.copy(1)]);
  call.reply.integer(1);
}

function runDeleteIf(call: DataCall, wantsEqual: boolean, index: number): void {
  const entry = call.db.lookupWrite(call.bytes, call.starts[1]!, call.lengths[1]!);
  if (entry === 0) {
    call.reply.integer(0);
    return;
  }
  if (call.host.keyspace.entries.type(entry) !== Type.STRING) {
    call.reply.error(errors.wrongType);
    return;
  }
  if (holdsArgument(call, entry, index) === wantsEqual) deleteKey(call, entry);
  else call.reply.integer(0);
}

export const delex: DataCommand = command({
  name: 'delex',
  since: '8.4.0',
  group: 'string',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'delete', 'variable_flags'])],
  args: [key('key'), optional(oneof('condition', str('ifeq-value', { token: 'IFEQ' }), str('ifne-value', { token: 'IFNE' })))],
  summary: 'Deletes a key, if it holds (or does not hold) a given string.',
  complexity: 'O(1); comparing costs O(N) where N is the length of the string.',
  run(call) {
    if (call.count === 2) {
      const entry = call.db.lookupWrite(call.bytes, call.starts[1]!, call.lengths[1]!);
      if (entry === 0) call.reply.integer(0);
      else deleteKey(call, entry);
    } else if (call.count === 4 && (call.is(2, 'ifeq') || call.is(2, 'ifne'))) {
      runDeleteIf(call, call.is(2, 'ifeq'), 3);
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
  run: (call) => runDeleteIf(call, true, 2),
});
