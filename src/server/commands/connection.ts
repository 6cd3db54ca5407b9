// connection: SELECT, and READONLY, READWRITE and ASKING: which keys a connection works with.
//
// Not here: the commands of connections that every server has (service/commands/connection).

import type { Keyspace } from '../../keyspace/keyspace.js';
import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { int } from '../../registry/grammar.js';
import { type Client, Gate } from '../../service/clients/client.js';
import type { CallFor, CommandFor } from '../call.js';
import type { ClusterPort } from '../cluster-port.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly keyspace: Keyspace;
  readonly cluster: ClusterPort | undefined;
  readonly mode: 'standalone' | 'cluster';
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
    else if (index !== 0 && call.host.mode === 'cluster') call.reply.error('ERR SELECT is not allowed in cluster mode');
    else if (index < 0 || index >= call.host.keyspace.databases.length) call.reply.error(errors.databaseOutOfRange);
    else {
      call.client.databaseIndex = index;
      call.reply.ok();
    }
  },
});

const ofCluster = { group: 'cluster', arity: 1, categories: ['connection'], complexity: 'O(1)' } as const;

/** Runs in a cluster; elsewhere the error says that this is none. */
function inCluster(run: (client: Client) => void): (call: ServerCall) => void {
  return (call) => {
    if (call.host.cluster === undefined) call.reply.error(errors.noCluster);
    else {
      run(call.client);
      call.reply.ok();
    }
  };
}

const readOnly: ServerCommand = command({
  ...ofCluster,
  name: 'readonly',
  since: '3.0.0',
  flags: ['loading', 'stale', 'fast'],
  summary: 'Lets the connection read from a replica of a cluster.',
  run: inCluster((client) => (client.readOnly = true)),
});

const readWrite: ServerCommand = command({
  ...ofCluster,
  name: 'readwrite',
  since: '3.0.0',
  flags: ['loading', 'stale', 'fast'],
  summary: 'Ends what READONLY began.',
  run: inCluster((client) => (client.readOnly = false)),
});

const asking: ServerCommand = command({
  ...ofCluster,
  name: 'asking',
  since: '3.0.0',
  flags: ['fast'],
  summary: 'Tells that the next command follows an -ASK redirection.',
  run: inCluster((client) => (client.gates |= Gate.ASKING)),
});

export const databaseCommands: readonly ServerCommand[] = [select, readOnly, readWrite, asking];
