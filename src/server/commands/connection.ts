// connection: SELECT, and READONLY, READWRITE and ASKING: which keys a connection works with.
//
// Not here: the commands of connections that every server has (service/commands/connection).

import type { Keyspace } from '../../keyspace/keyspace.js';
import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { int } from '../../registry/grammar.js';
import type { CallFor, CommandFor } from '../call.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly keyspace: Keyspace;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const select: ServerCommand = command({
  name: 'select',
  since: '1.0.0',
  group: 'connection',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  args: [int('index')],
  summary: 'Changes the database that the connection works with.',
  complexity: 'O(1)',
  run(call) {
    const index = call.integer(1);
    if (Number.isNaN(index)) call.reply.error(errors.notInteger);
    else if (index !== (index | 0)) call.reply.error(errors.notInt32);
    else if (index < 0 || index >= call.host.keyspace.databases.length) call.reply.error(errors.databaseOutOfRange);
    else {
      call.client.databaseIndex = index;
      call.reply.ok();
    }
  },
});

const inCluster = { group: 'cluster', arity: 1, categories: ['connection'], complexity: 'O(1)' } as const;

function refuseWithoutCluster(call: ServerCall): void {
  call.reply.error(errors.noCluster);
}

const readOnly: ServerCommand = command({
  ...inCluster,
  name: 'readonly',
  since: '3.0.0',
  flags: ['loading', 'stale', 'fast'],
  summary: 'Lets the connection read from a replica of a cluster.',
  run: refuseWithoutCluster,
});

const readWrite: ServerCommand = command({
  ...inCluster,
  name: 'readwrite',
  since: '3.0.0',
  flags: ['loading', 'stale', 'fast'],
  summary: 'Ends what READONLY began.',
  run: refuseWithoutCluster,
});

const asking: ServerCommand = command({
  ...inCluster,
  name: 'asking',
  since: '3.0.0',
  flags: ['fast'],
  summary: 'Tells that the next command follows an -ASK redirection.',
  run: refuseWithoutCluster,
});

export const databaseCommands: readonly ServerCommand[] = [select, readOnly, readWrite, asking];
