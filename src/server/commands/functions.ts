// functions: FCALL, FCALL_RO and FUNCTION: libraries of functions that stay with the data.

import { errors } from '../../protocol/errors.js';
import type { Scripting } from '../scripting/scripting.js';
import type { Persistence } from '../../persistence/persistence.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { latin1Bytes } from '../../base/bytes.js';
import { globMatches } from '../../base/glob.js';
import { isDumpPayload } from '../../persistence/commands/dump.js';
import { RDB_VERSION } from '../../persistence/rdb/format.js';
import { RdbError, RdbEvent, RdbReader } from '../../persistence/rdb/reader.js';
import { type CommandFlag, command, keysCounted } from '../../registry/command.js';
import { int, key, many, oneof, optional, str, token } from '../../registry/grammar.js';
import { replyHelp } from '../../registry/help.js';
import { type Library, LibraryError } from '../../scripting/libraries.js';
import { unknownSubcommand } from '../../service/commands/replies.js';
import type { CallFor, CommandFor } from '../call.js';
import { flushModes, isFlushMode } from './scripting.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly keyspace: Keyspace;
  readonly persistence: Persistence;
  readonly scripting: Scripting;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const FOOTER_BYTES = 10;
const running: readonly CommandFlag[] = ['noscript', 'stale', 'skip_monitor', 'may_replicate', 'no_mandatory_keys'];
const keysAndArguments = [str('function'), int('numkeys'), optional(many(key('key'))), optional(many(str('arg')))];
const onAllShards = ['request_policy:all_shards', 'response_policy:all_succeeded'] as const;
const runningOne = ['request_policy:all_shards', 'response_policy:one_succeeded'] as const;

const fcall: ServerCommand = command({
  name: 'fcall',
  since: '7.0.0',
  group: 'scripting',
  arity: -3,
  flags: running,
  keys: [
    {
      ...keysCounted(2, ['RW', 'access', 'update']),
      notes: 'We cannot tell how the keys will be used so we assume the worst, RW and UPDATE',
    },
  ],
  args: keysAndArguments,
  summary: 'Calls a function of a library.',
  complexity: 'Depends on the function that is executed.',
  run: (call) => call.host.scripting.callFunction(call, false),
});

const fcallReadOnly: ServerCommand = command({
  name: 'fcall_ro',
  since: '7.0.0',
  group: 'scripting',
  arity: -3,
  flags: ['readonly', 'noscript', 'stale', 'skip_monitor', 'no_mandatory_keys'],
  keys: [
    {
      ...keysCounted(2, ['RO', 'access']),
      notes: 'We cannot tell how the keys will be used so we assume the worst, RO and ACCESS',
    },
  ],
  args: keysAndArguments,
  summary: 'Calls a function of a library that may not write.',
  complexity: 'Depends on the function that is executed.',
  run: (call) => call.host.scripting.callFunction(call, true),
});

/** Does what may throw a LibraryError, which becomes the reply; false then. */
function attempt(call: ServerCall, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof LibraryError)) throw error;
    call.reply.error(error.message);
    return false;
  }
}

/** The libraries have changed: the command goes to the AOF and replicas. */
function changed(call: ServerCall): void {
  call.host.keyspace.dirty++;
}

function load(call: ServerCall): void {
  let index = 2;
  let replaces = false;
  for (; index < call.count - 1; index++) {
    if (!call.is(index, 'replace')) {
      call.reply.error(`ERR Unknown option given: ${call.shown(index)}`);
      return;
    }
    replaces = true;
  }
  if (index >= call.count) {
    call.reply.error('ERR Function code is missing');
    return;
  }
  const { scripting } = call.host;
  // Libraries from disk or a master have been loaded already.
  if (call.client.connection !== undefined && scripting.isFullFor(call.lengths[index]!)) {
    call.reply.error(
      'ERR the functions and scripts that are loaded take all the memory that they may have (see INFO memory); FUNCTION DELETE and SCRIPT FLUSH free it',
    );
    return;
  }
  attempt(call, () => {
    const name = call.host.scripting.libraries.load(call.text(index), replaces ? 'replace' : 'fail');
    changed(call);
    call.reply.bulkText(name);
  });
}

function replyLibrary(call: ServerCall, library: Library, withCode: boolean): void {
  const { reply } = call;
  reply.map(withCode ? 4 : 3);
  reply.bulkText('library_name');
  reply.bulkText(library.name);
  reply.bulkText('engine');
  reply.bulkText(library.engine);
  reply.bulkText('functions');
  reply.array(library.functions.size);
  for (const { name, description, flagNames } of library.functions.values()) {
    reply.map(3);
    reply.bulkText('name');
    reply.bulkText(name);
    reply.bulkText('description');
    if (description === null) reply.nil();
    else replyBytes(call, description);
    const flags = [...new Set(flagNames)];
    reply.bulkText('flags');
    reply.set(flags.length);
    for (const flag of flags) reply.simple(flag);
  }
  if (!withCode) return;
  reply.bulkText('library_code');
  replyBytes(call, library.code);
}

/** A bulk string of a one-byte string. */
function replyBytes(call: ServerCall, text: string): void {
  const bytes = latin1Bytes(text);
  call.reply.bulk(bytes, 0, bytes.length);
}

function list(call: ServerCall): void {
  let withCode = false;
  let pattern: Uint8Array | undefined;
  for (let index = 2; index < call.count; index++) {
    if (!withCode && call.is(index, 'withcode')) {
      withCode = true;
    } else if (pattern === undefined && call.is(index, 'libraryname')) {
      if (index === call.count - 1) {
        call.reply.error('ERR library name argument was not given');
        return;
      }
      pattern = call.copy(++index);
    } else {
      call.reply.error(`ERR Unknown argument ${call.shown(index)}`);
      return;
    }
  }
  const libraries = [...call.host.scripting.libraries.all].filter(
    ({ name }) => pattern === undefined || globMatches(pattern, latin1Bytes(name), true),
  );
  call.reply.array(libraries.length);
  for (const library of libraries) replyLibrary(call, library, withCode);
}

function stats(call: ServerCall): void {
  const { reply } = call;
  const { scripting } = call.host;
  const running = scripting.runningFunction;
  reply.map(2);
  reply.bulkText('running_script');
  if (running === undefined) {
    reply.nil();
  } else {
    reply.map(3);
    reply.bulkText('name');
    reply.bulkText(running.name);
    reply.bulkText('command');
    reply.array(running.args.length);
    for (const arg of running.args) reply.bulk(arg, 0, arg.length);
    reply.bulkText('duration_ms');
    reply.integer(running.durationMs);
  }
  reply.bulkText('engines');
  reply.map(1);
  reply.bulkText('LUA');
  reply.map(2);
  reply.bulkText('libraries_count');
  reply.integer(scripting.libraries.count);
  reply.bulkText('functions_count');
  reply.integer(scripting.libraries.functionCount);
}

function dump(call: ServerCall): void {
  const writer = call.host.persistence.newPayloadWriter();
  for (const code of call.host.scripting.libraries.codes()) writer.function(code);
  writer.dumpFooter(RDB_VERSION);
  call.reply.bulk(writer.bytes, 0, writer.length);
}

/** The codes of libraries in a payload of FUNCTION DUMP; undefined when it is none. */
function readPayload(call: ServerCall, index: number): Uint8Array[] | undefined {
  const start = call.starts[index]!;
  const length = call.lengths[index]!;
  const { bytes } = call;
  if (!isDumpPayload(bytes, start, length, call.host.persistence.verifiesPayloads, 0)) {
    call.reply.error(errors.dumpPayload);
    return undefined;
  }
  const codes: Uint8Array[] = [];
  const reader = new RdbReader(false);
  reader.push(bytes.subarray(start, start + length - FOOTER_BYTES));
  reader.finish();
  try {
    reader.startRecords();
    while (reader.unread.length > 0) {
      if (reader.next() !== RdbEvent.function) {
        call.reply.error('ERR given type is not a function');
        return undefined;
      }
      codes.push(reader.item.copy());
    }
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    call.reply.error('ERR failed loading functions from the payload');
    return undefined;
  }
  return codes;
}

function restore(call: ServerCall): void {
  if (call.count > 4) {
    unknownSubcommand(call, 'FUNCTION');
    return;
  }
  let policy: 'append' | 'flush' | 'replace' = 'append';
  if (call.count === 4) {
    if (call.is(3, 'flush')) policy = 'flush';
    else if (call.is(3, 'replace')) policy = 'replace';
    else if (!call.is(3, 'append')) {
      call.reply.error('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.');
      return;
    }
  }
  const codes = readPayload(call, 2);
  if (codes === undefined) return;
  attempt(call, () => {
    call.host.scripting.libraries.restore(codes, policy);
    changed(call);
    call.reply.ok();
  });
}

const functionCommand: ServerCommand = command({
  name: 'function',
  since: '7.0.0',
  group: 'scripting',
  arity: -2,
  flags: [],
  summary: 'Manages libraries of functions.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    {
      name: 'load',
      since: '7.0.0',
      group: 'scripting',
      arity: -3,
      flags: ['write', 'denyoom', 'noscript'],
      tips: onAllShards,
      args: [optional(token('REPLACE')), str('function-code')],
      summary: 'Loads a library.',
      complexity: 'O(1) (considering compilation time is redundant)',
      run: load,
    },
    {
      name: 'delete',
      since: '7.0.0',
      group: 'scripting',
      arity: 3,
      flags: ['write', 'noscript'],
      tips: onAllShards,
      args: [str('library-name')],
      summary: 'Deletes a library with its functions.',
      complexity: 'O(1)',
      run(call) {
        if (!call.host.scripting.libraries.delete(call.text(2))) {
          call.reply.error('ERR Library not found');
          return;
        }
        changed(call);
        call.reply.ok();
      },
    },
    {
      name: 'flush',
      since: '7.0.0',
      group: 'scripting',
      arity: -2,
      flags: ['write', 'noscript'],
      tips: onAllShards,
      args: [flushModes],
      summary: 'Deletes all libraries.',
      complexity: 'O(N) where N is the number of functions deleted',
      run(call) {
        if (call.count > 3) {
          unknownSubcommand(call, 'FUNCTION');
          return;
        }
        if (!isFlushMode(call)) {
          call.reply.error('ERR FUNCTION FLUSH only supports SYNC|ASYNC option');
          return;
        }
        call.host.scripting.libraries.clear();
        changed(call);
        call.reply.ok();
      },
    },
    {
      name: 'list',
      since: '7.0.0',
      group: 'scripting',
      arity: -2,
      flags: ['noscript'],
      tips: ['nondeterministic_output_order'],
      args: [optional(str('library-name-pattern', { token: 'LIBRARYNAME' })), optional(token('WITHCODE'))],
      summary: 'Returns the libraries and their functions.',
      complexity: 'O(N) where N is the number of functions',
      run: list,
    },
    {
      name: 'stats',
      since: '7.0.0',
      group: 'scripting',
      arity: 2,
      flags: ['noscript', 'allow_busy'],
      tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
      summary: 'Returns the function that is running, and counts.',
      complexity: 'O(1)',
      run: stats,
    },
    {
      name: 'kill',
      since: '7.0.0',
      group: 'scripting',
      arity: 2,
      flags: ['noscript', 'allow_busy'],
      tips: runningOne,
      summary: 'Ends the function that is running.',
      complexity: 'O(1)',
      run(call) {
        const refusal = call.host.scripting.parked.kill(true);
        if (refusal === undefined) call.reply.ok();
        else call.reply.error(refusal);
      },
    },
    {
      name: 'dump',
      since: '7.0.0',
      group: 'scripting',
      arity: 2,
      flags: ['noscript'],
      summary: 'Returns all libraries as bytes for FUNCTION RESTORE.',
      complexity: 'O(N) where N is the number of functions',
      run: dump,
    },
    {
      name: 'restore',
      since: '7.0.0',
      group: 'scripting',
      arity: -3,
      flags: ['write', 'denyoom', 'noscript'],
      tips: onAllShards,
      args: [str('serialized-value'), optional(oneof('policy', token('FLUSH'), token('APPEND'), token('REPLACE')))],
      summary: 'Loads the libraries of a FUNCTION DUMP.',
      complexity: 'O(N) where N is the number of functions on the payload',
      run: restore,
    },
    {
      name: 'help',
      since: '7.0.0',
      group: 'scripting',
      arity: 2,
      flags: ['loading', 'stale'],
      summary: 'Tells about the subcommands.',
      complexity: 'O(1)',
      run(call) {
        replyHelp(call, 'FUNCTION', [
          ['LOAD [REPLACE] <FUNCTION CODE>', 'Load a library; its first line tells its name: #!lua name=mylib'],
          ['DELETE <LIBRARY NAME>', 'Delete the given library.'],
          [
            'LIST [LIBRARYNAME PATTERN] [WITHCODE]',
            'Return the libraries (of matching names), their functions and, if asked for,',
            'their code.',
          ],
          [
            'STATS',
            'Return the name, command and duration of the function that is running,',
            'and the counts of libraries and functions.',
          ],
          ['KILL', 'Kill the current running function.'],
          ['FLUSH [ASYNC|SYNC]', 'Delete all the libraries, by default as lazyfree-lazy-user-flush says.'],
          ['DUMP', 'Return all libraries as bytes for FUNCTION RESTORE.'],
          [
            'RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]',
            'Load the libraries of a payload. Treatment of existing libraries:',
            '* FLUSH: they are deleted first.',
            '* APPEND: they stay; one of the same name is an error (this is the default).',
            '* REPLACE: those of the same name are replaced.',
          ],
        ]);
      },
    },
  ],
});

export const functionCommands: readonly ServerCommand[] = [fcall, fcallReadOnly, functionCommand];
