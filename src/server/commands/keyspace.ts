// keyspace: DBSIZE, FLUSHDB, FLUSHALL and SWAPDB: databases as a whole.

import type { DataLimits } from '../../registry/data-limits.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { command } from '../../registry/command.js';
import { int, oneof, optional, since, token } from '../../registry/grammar.js';
import { errors } from '../../protocol/errors.js';
import type { CallFor, CommandFor } from '../call.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly keyspace: Keyspace;
  readonly limits: DataLimits;
  readonly mode: 'standalone' | 'cluster';
  flush(index: number): void;
  swapDatabases(first: number, second: number): void;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const dbsize: ServerCommand = command({
  name: 'dbsize',
  since: '1.0.0',
  group: 'server',
  arity: 1,
  flags: ['readonly', 'fast'],
  categories: ['keyspace'],
  tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
  summary: 'Returns how many keys the database has.',
  complexity: 'O(1)',
  run: (call) => call.reply.integer(call.db.shownSize),
});

/** Whether the mode is one. In either the keys go at once, and the memory of many of them little by little. */
function readFlushMode(call: ServerCall): boolean {
  if (call.count === 1) return true;
  if (call.count === 2 && (call.is(1, 'async') || call.is(1, 'sync'))) return true;
  call.reply.error(errors.syntax);
  return false;
}

/** Without ASYNC so many steps of so many keys are freed before the reply; a larger database follows in slices. */
const STEPS_AT_ONCE = 8;
const KEYS_PER_STEP = 500;

function flush(call: ServerCall, database: number): void {
  if (!readFlushMode(call)) return;
  const { host } = call;
  host.flush(database);
  const isAsync = call.count === 1 ? host.limits.lazyfreeLazyUserFlush : call.is(1, 'async');
  for (let step = 0; !isAsync && step < STEPS_AT_ONCE && !host.keyspace.freeSome(KEYS_PER_STEP); step++) continue;
  call.reply.ok();
}

const flushArgs = [optional(oneof('flush-type', since('4.0.0', token('ASYNC')), since('6.2.0', token('SYNC'))))];
const flushHistory = [
  ['4.0.0', 'Added the `ASYNC` flushing mode modifier.'],
  ['6.2.0', 'Added the `SYNC` flushing mode modifier.'],
] as const;

const flushdb: ServerCommand = command({
  name: 'flushdb',
  since: '1.0.0',
  group: 'server',
  arity: -1,
  flags: ['write'],
  categories: ['keyspace', 'dangerous'],
  args: flushArgs,
  history: flushHistory,
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  summary: 'Deletes all keys of the database.',
  complexity: 'O(1); the memory is freed little by little afterwards.',
  run: (call) => flush(call, call.db.index),
});

const flushall: ServerCommand = command({
  name: 'flushall',
  since: '1.0.0',
  group: 'server',
  arity: -1,
  flags: ['write'],
  categories: ['keyspace', 'dangerous'],
  args: flushArgs,
  history: flushHistory,
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  summary: 'Deletes all keys of all databases.',
  complexity: 'O(1) for each database; the memory is freed little by little afterwards.',
  run: (call) => flush(call, -1),
});

const swapdb: ServerCommand = command({
  name: 'swapdb',
  since: '4.0.0',
  group: 'server',
  arity: 3,
  flags: ['write', 'fast'],
  categories: ['keyspace', 'dangerous'],
  args: [int('index1'), int('index2')],
  summary: 'Exchanges two databases: clients of one see the keys of the other at once.',
  complexity: 'O(N) where N is the number of clients that watch or wait for keys of the two.',
  run(call) {
    const first = call.integer(1);
    const second = call.integer(2);
    const { keyspace } = call.host;
    if (call.host.mode === 'cluster') call.reply.error('ERR SWAPDB is not allowed in cluster mode');
    else if (!(Math.abs(first) < 2 ** 31)) call.reply.error('ERR invalid first DB index');
    else if (!(Math.abs(second) < 2 ** 31)) call.reply.error('ERR invalid second DB index');
    else if (keyspace.databases[first] === undefined || keyspace.databases[second] === undefined)
      call.reply.error(errors.databaseOutOfRange);
    else {
      call.host.swapDatabases(first, second);
      call.db = keyspace.databases[call.client.databaseIndex]!;
      call.reply.ok();
    }
  },
});

export const keyspaceCommands: readonly ServerCommand[] = [dbsize, flushdb, flushall, swapdb];
