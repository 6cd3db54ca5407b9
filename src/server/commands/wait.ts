// wait: WAIT and WAITAOF: a client waits until its writes are on replicas, or synced to disk.
//
// A wait for replicas asks them how far they are, and is looked at again when one answers. Local syncs are counted in bytes: what was
// put into the AOF so far is the mark, and the wait is over when as much has been synced. The mark is kept as a
// further argument of the command that waits, which no client can send: the arity forbids it.

import type { BlockRequest } from '../../commands/engine.js';
import type { Persistence } from '../../persistence/persistence.js';
import { errors } from '../../protocol/errors.js';
import type { ReplyWriter } from '../../protocol/reply.js';
import { command } from '../../registry/command.js';
import { int } from '../../registry/grammar.js';
import type { ReplicationPort } from '../replication-port.js';
import type { CallFor, CommandFor } from '../call.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly replication: ReplicationPort | undefined;
  readonly persistence: Persistence;
  block(call: ServerCall, request: BlockRequest): void;
  nowMs(): number;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const tips = ['request_policy:all_shards', 'response_policy:agg_min'];
/** How often a waiting client looks whether the AOF has been synced. */
const LOOK_EVERY_MS = 10;

/** Where WAIT keeps the end of the stream that it waits for. */
const WAIT_MARK_INDEX = 3;
const TIMEOUT_MAX = 2 ** 63;

/** The time to wait at an argument, or -1 with the error replied. */
function waitMs(call: ServerCall, index: number): number {
  const timeoutMs = call.integer(index);
  if (Number.isNaN(timeoutMs)) call.reply.error(errors.timeoutNotInteger);
  else if (timeoutMs < 0) call.reply.error(errors.timeoutNegative);
  else if (timeoutMs >= TIMEOUT_MAX - call.host.nowMs()) call.reply.error(errors.timeoutOutOfRange);
  else return timeoutMs;
  return -1;
}

const wait: ServerCommand = command({
  name: 'wait',
  since: '3.0.0',
  group: 'generic',
  leavesGroup: true,
  arity: 3,
  flags: ['blocking'],
  categories: ['connection'],
  args: [int('numreplicas'), int('timeout')],
  tips,
  summary: "Waits until replicas have the connection's writes.",
  complexity: 'O(1)',
  run(call: ServerCall) {
    const wanted = call.integer(1);
    if (Number.isNaN(wanted)) {
      call.reply.error(errors.notInteger);
      return;
    }
    const timeoutMs = waitMs(call, 2);
    if (timeoutMs < 0) return;
    const { replication } = call.host;
    if (replication?.isMaster === false) {
      call.reply.error(
        'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.',
      );
      return;
    }
    const isAgain = call.count > WAIT_MARK_INDEX;
    const mark = isAgain ? call.integer(WAIT_MARK_INDEX) : call.client.writtenOffset;
    const reached = (): number => replication?.countReplicas(mark, false) ?? 0;
    if (reached() >= wanted || call.denyBlocking) {
      call.reply.integer(reached());
      return;
    }
    if (!isAgain) replication?.requestAcks();
    call.host.block(call, {
      keys: [],
      timeoutMs,
      args: ['WAIT', wanted, timeoutMs, mark],
      onTimeout: (reply) => reply.integer(reached()),
    });
  },
});

function replySynced(reply: ReplyWriter, local: boolean, replicas: number): void {
  reply.array(2);
  reply.integer(local ? 1 : 0);
  reply.integer(replicas);
}

const MARK_INDEX = 4;
const OFFSET_INDEX = 5;

const waitaof: ServerCommand = command({
  name: 'waitaof',
  since: '7.2.0',
  group: 'generic',
  leavesGroup: true,
  arity: 4,
  flags: ['blocking'],
  categories: ['connection'],
  args: [int('numlocal'), int('numreplicas'), int('timeout')],
  tips,
  summary: "Waits until the connection's writes are synced to the AOF of the server and of replicas.",
  complexity: 'O(1)',
  run(call: ServerCall) {
    const { host } = call;
    const local = call.integer(1);
    const replicas = call.integer(2);
    if (!(local >= 0 && local <= 1)) {
      call.reply.error(Number.isNaN(local) ? errors.notInteger : errors.notZeroOrOne);
      return;
    }
    if (!(replicas >= 0)) {
      call.reply.error(Number.isNaN(replicas) ? errors.notInteger : errors.notPositive);
      return;
    }
    const timeoutMs = waitMs(call, 3);
    if (timeoutMs < 0) return;
    if (host.replication?.isMaster === false) {
      call.reply.error(
        'ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.',
      );
      return;
    }
    const { aof } = host.persistence;
    // Before the first rewrite has ended nothing is in the log yet, but will be.
    if (local > 0 && aof.state === 'off') {
      call.reply.error('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.');
      return;
    }
    const mark = call.count > MARK_INDEX ? call.integer(MARK_INDEX) : aof.log.appendedBytes;
    const isSynced = (): boolean => aof.durableBytes >= mark;
    const offset = call.count > OFFSET_INDEX ? call.integer(OFFSET_INDEX) : call.client.writtenOffset;
    const reached = (): number => host.replication?.countReplicas(offset, true) ?? 0;
    if (((local === 0 || isSynced()) && reached() >= replicas) || call.denyBlocking) {
      replySynced(call.reply, isSynced(), reached());
      return;
    }
    if (call.count <= OFFSET_INDEX) host.replication?.requestAcks();
    host.block(call, {
      keys: [],
      timeoutMs,
      args: ['WAITAOF', local, replicas, timeoutMs, mark, offset],
      ...(local > 0 && !isSynced() ? { retryAtMs: host.nowMs() + LOOK_EVERY_MS } : {}),
      onTimeout: (reply) => replySynced(reply, isSynced(), reached()),
    });
  },
});

export const waitCommands: readonly ServerCommand[] = [wait, waitaof];
