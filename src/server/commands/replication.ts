// replication: REPLICAOF, PSYNC, REPLCONF and their kin: what they mean is the port's to know (replication-port).
//
// A server that was started without replication answers as a master that has no replicas, and refuses whatever would need another
// server.

import { utf8 } from '../../base/bytes.js';
import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { block, int, oneof, optional, str, token } from '../../registry/grammar.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Client } from '../../service/clients/client.js';
import type { CallFor, CommandFor } from '../call.js';
import type { FailoverRequest, ReplicationPort } from '../replication-port.js';

export interface Host {
  readonly replication: ReplicationPort | undefined;
  readonly mode: string;
  log(level: LogLevel, text: string): void;
  describeClient(client: Client): string;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const notHere = 'replication is not available in this server';
/** The length of a host name. */
const ADDRESS_BYTES_MAX = 255;
const facts = { group: 'server', complexity: 'O(1)' } as const;

const masterArgs = [
  oneof('args', block('host-port', str('host'), int('port')), block('no-one', token('NO'), token('ONE'))),
];

function runReplicaOf(call: ServerCall): void {
  const { host } = call;
  const { replication } = host;
  if (host.mode === 'cluster') {
    call.reply.error('ERR REPLICAOF not allowed in cluster mode.');
    return;
  }
  if (replication?.isFailingOver === true) {
    call.reply.error('ERR REPLICAOF not allowed while failing over.');
    return;
  }
  // The end of a stream in the middle of it would leave it open which of its commands belong to whose history.
  if (call.client.kind === 'master') {
    call.reply.error('ERR REPLICAOF not allowed in the stream of a master.');
    return;
  }
  if (call.is(1, 'no') && call.is(2, 'one')) {
    if (replication?.promote() === true)
      host.log('notice', `MASTER MODE enabled (user request from '${host.describeClient(call.client)}')`);
    call.reply.ok();
    return;
  }
  // A replica of this server cannot make its master one of its own.
  if (call.client.kind === 'replica') {
    call.reply.error('ERR Command is not valid when client is a replica.');
    return;
  }
  const port = call.integer(2);
  if (!(port >= 0 && port <= 65535)) {
    call.reply.error('ERR Invalid master port');
    return;
  }
  if (replication === undefined) {
    call.reply.error(`ERR ${notHere}: the server remains a master with its own data`);
    return;
  }
  const master = call.utf8(1);
  if (!replication.replicaOf(master, port)) {
    host.log(
      'notice',
      'REPLICAOF would result into synchronization with the master we are already connected with. No operation performed.',
    );
    call.reply.raw(utf8('+OK Already connected to specified master\r\n'));
    return;
  }
  host.log('notice', `REPLICAOF ${master}:${port} enabled (user request from '${host.describeClient(call.client)}')`);
  call.reply.ok();
}

const replicaof: ServerCommand = command({
  ...facts,
  name: 'replicaof',
  since: '5.0.0',
  arity: 3,
  flags: ['admin', 'noscript', 'stale', 'no_async_loading'],
  args: masterArgs,
  summary: 'Makes the server a replica of another, or a master.',
  run: runReplicaOf,
});

const slaveof: ServerCommand = command({
  ...facts,
  name: 'slaveof',
  since: '1.0.0',
  arity: 3,
  flags: ['admin', 'noscript', 'stale', 'no_async_loading'],
  args: masterArgs,
  deprecatedSince: '5.0.0',
  replacedBy: '`REPLICAOF`',
  docFlags: ['deprecated'],
  summary: 'Makes the server a replica of another, or a master.',
  run: runReplicaOf,
});

const sync: ServerCommand = command({
  group: 'server',
  name: 'sync',
  since: '1.0.0',
  arity: 1,
  flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
  summary: 'Begins to replicate, as replicas of old versions ask for it.',
  run(call: ServerCall) {
    if (call.host.replication === undefined) call.reply.error(`ERR ${notHere}`);
    else call.host.replication.psync(call, undefined, -1, false);
  },
});

const psync: ServerCommand = command({
  group: 'server',
  name: 'psync',
  since: '2.8.0',
  arity: -3,
  flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
  args: [str('replicationid'), int('offset')],
  summary: 'Begins to replicate, or goes on where it was interrupted.',
  run(call: ServerCall) {
    const { replication } = call.host;
    const offset = call.integer(2);
    if (Number.isNaN(offset)) {
      call.host.log('warning', `Replica ${call.client.remote} asks for synchronization but with a wrong offset`);
      call.reply.error(errors.notInteger);
    } else if (replication === undefined) call.reply.error(`ERR ${notHere}`);
    else replication.psync(call, call.text(1), offset, call.count > 3 && call.is(3, 'failover'));
  },
});

/** Checks one option of REPLCONF and its value: the error, or none; false where Redis sends no reply at all. */
function checkOption(call: ServerCall, index: number): string | false | undefined {
  const value = index + 1;
  if (call.is(index, 'listening-port')) return Number.isNaN(call.integer(value)) ? errors.notInteger : undefined;
  if (call.is(index, 'capa')) return undefined;
  if (call.is(index, 'ip-address')) {
    const bytes = call.lengths[value]!;
    return bytes <= ADDRESS_BYTES_MAX
      ? undefined
      : `ERR REPLCONF ip-address provided by replica instance is too long: ${bytes} bytes`;
  }
  if (call.is(index, 'ack')) {
    const offset = call.integer(value);
    const inAof = call.count > index + 3 && call.is(index + 2, 'fack') ? call.integer(index + 3) : NaN;
    if (offset >= 0) call.host.replication?.acknowledge(call.client, offset, inAof >= 0 ? inAof : undefined);
    return false;
  }
  if (call.is(index, 'getack')) {
    call.host.replication?.answerGetAck(call.client);
    return false;
  }
  // Versions of servers, and what is for later ones.
  if (call.is(index, 'version')) return undefined;
  if (call.is(index, 'main-ch-client-id')) return Number.isNaN(call.integer(value)) ? errors.notInteger : undefined;
  if (call.is(index, 'rdb-only') || call.is(index, 'rdb-channel')) {
    const flag = call.integer(value);
    return flag === 0 || flag === 1 ? undefined : errors.notZeroOrOne;
  }
  if (call.is(index, 'rdb-filter-only')) {
    const unknown = call
      .text(value)
      .split(/\s+/)
      .find((word) => word !== '' && word.toLowerCase() !== 'functions');
    return unknown === undefined ? undefined : `ERR Unsupported rdb-filter-only option: ${unknown}`;
  }
  return `ERR Unrecognized REPLCONF option: ${call.text(index)}`;
}

function describe(call: ServerCall, index: number): string | undefined {
  return call.host.replication?.describeReplica(call.client, call.text(index).toLowerCase(), call.text(index + 1));
}

const replconf: ServerCommand = command({
  ...facts,
  name: 'replconf',
  since: '3.0.0',
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'allow_busy'],
  docFlags: ['syscmd'],
  summary: 'Tells a master about its replica, and the replica about its master.',
  run(call: ServerCall) {
    if (call.count % 2 === 0) {
      call.reply.error(errors.syntax);
      return;
    }
    for (let index = 1; index < call.count; index += 2) {
      const refusal = checkOption(call, index) ?? describe(call, index);
      if (refusal === false) return;
      if (refusal !== undefined) {
        call.reply.error(refusal);
        return;
      }
    }
    call.reply.ok();
  },
});

/** Reads FAILOVER's options; the text of the error when they are wrong. */
function failoverOptions(call: ServerCall): (FailoverRequest & { readonly aborts: boolean }) | string {
  let target: FailoverRequest['target'];
  let timeoutMs = 0;
  let forces = false;
  let aborts = false;
  for (let index = 1; index < call.count; index++) {
    const more = call.count - 1 - index;
    if (call.is(index, 'timeout') && more >= 1 && timeoutMs === 0) {
      timeoutMs = call.integer(++index);
      if (Number.isNaN(timeoutMs)) return errors.notInteger;
      if (timeoutMs <= 0) return 'ERR FAILOVER timeout must be greater than 0';
    } else if (call.is(index, 'abort') && call.count === 2) {
      aborts = true;
    } else if (call.is(index, 'to') && more >= 2 && target === undefined) {
      const port = call.integer(index + 2);
      if (Number.isNaN(port)) return errors.notInteger;
      target = { host: call.utf8(index + 1), port };
      index += 2;
    } else if (call.is(index, 'force') && !forces) {
      forces = true;
    } else return errors.syntax;
  }
  return { target, timeoutMs, forces, aborts };
}

const failover: ServerCommand = command({
  ...facts,
  name: 'failover',
  since: '6.2.0',
  arity: -1,
  flags: ['admin', 'noscript', 'stale'],
  args: [
    optional({ ...block('target', str('host'), int('port'), optional(token('FORCE'))), token: 'TO' }),
    optional(token('ABORT')),
    optional(int('milliseconds', { token: 'TIMEOUT' })),
  ],
  summary: 'Hands the part of the master over to a replica.',
  run(call: ServerCall) {
    if (call.host.mode === 'cluster') {
      call.reply.error('ERR FAILOVER not allowed in cluster mode.');
      return;
    }
    const options = failoverOptions(call);
    if (typeof options === 'string') {
      call.reply.error(options);
      return;
    }
    const { replication } = call.host;
    const refusal =
      replication === undefined
        ? `ERR ${options.aborts ? 'No failover in progress.' : 'FAILOVER requires connected replicas.'}`
        : options.aborts
          ? replication.abortFailover()
          : replication.failover(options);
    if (refusal === undefined) call.reply.ok();
    else call.reply.error(refusal);
  },
});

export const replicationCommands: readonly ServerCommand[] = [replicaof, slaveof, sync, psync, replconf, failover];
