// one-node: the answers by which clients made for a cluster or for Sentinel take the proxy for one server that has everything.
//
// The node's address is the one that the client has connected to, so it holds through any door, tunnel or name. A cluster client is sent
// nowhere else, and a Sentinel client finds "the master" here, whatever its name.

import { createHash } from 'node:crypto';
import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';
import type { ReplyWriter } from '../../protocol/reply.js';
import type { Call } from '../../registry/call.js';
import type { Plan } from '../routing/plan.js';
import type { Session } from '../session/session.js';

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Where the client has connected to; a unix socket has no address, so this machine's stands in. */
function placeOf(session: Session): Place {
  const { local } = session.wire;
  const colon = local.lastIndexOf(':');
  const port = Number(local.slice(colon + 1));
  if (colon <= 0 || !Number.isInteger(port)) return { host: '127.0.0.1', port: 0 };
  return { host: local.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port };
}

function idOf(session: Session): string {
  return createHash('sha1').update(`kvasir-proxy ${session.pool.name}`).digest('hex');
}

function texts(reply: ReplyWriter, values: readonly (string | number)[]): void {
  for (const value of values) {
    if (typeof value === 'number') reply.integer(value);
    else reply.bulkText(value);
  }
}

function clusterSlots(session: Session, reply: ReplyWriter): void {
  const { host, port } = placeOf(session);
  reply.array(1);
  reply.array(3);
  reply.integer(0);
  reply.integer(SLOT_COUNT - 1);
  reply.array(4);
  texts(reply, [host, port, idOf(session)]);
  reply.array(0);
}

function clusterShards(session: Session, reply: ReplyWriter): void {
  const { host, port } = placeOf(session);
  reply.array(1);
  reply.map(2);
  reply.bulkText('slots');
  reply.array(2);
  reply.integer(0);
  reply.integer(SLOT_COUNT - 1);
  reply.bulkText('nodes');
  reply.array(1);
  reply.map(7);
  texts(reply, ['id', idOf(session), 'port', port, 'ip', host, 'endpoint', host, 'role', 'master']);
  texts(reply, ['replication-offset', 0, 'health', 'online']);
}

function clusterInfo(): string {
  const fields = {
    cluster_enabled: 1,
    cluster_state: 'ok',
    cluster_slots_assigned: SLOT_COUNT,
    cluster_slots_ok: SLOT_COUNT,
    cluster_slots_pfail: 0,
    cluster_slots_fail: 0,
    cluster_known_nodes: 1,
    cluster_size: 1,
    cluster_current_epoch: 1,
    cluster_my_epoch: 1,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('');
}

/** CLUSTER, as the one master that has all slots; false for what is not about slots and nodes. */
export function runClusterCommand(session: Session, plan: Plan, call: Call): boolean {
  const { reply } = call;
  const { host, port } = placeOf(session);
  switch (plan.command.fullName) {
    case 'cluster|slots':
      clusterSlots(session, reply);
      return true;
    case 'cluster|shards':
      clusterShards(session, reply);
      return true;
    case 'cluster|nodes':
      reply.verbatim(`${idOf(session)} ${host}:${port}@${port} myself,master - 0 0 1 connected 0-${SLOT_COUNT - 1}\n`);
      return true;
    case 'cluster|info':
      reply.verbatim(clusterInfo());
      return true;
    case 'cluster|myid':
    case 'cluster|myshardid':
      reply.bulkText(idOf(session));
      return true;
    case 'cluster|links':
    case 'cluster|replicas':
    case 'cluster|slaves':
      reply.array(0);
      return true;
    case 'cluster|keyslot':
      if (call.count !== 3) return false;
      reply.integer(keySlot(call.bytes, call.starts[2]!, call.lengths[2]!));
      return true;
    default:
      if (call.count === 1) return false;
      if (plan.command.subcommands.size > 0) {
        reply.error(`ERR unknown subcommand '${call.shown(1)}'. Try CLUSTER HELP.`);
        return true;
      }
      reply.error(`ERR the proxy does not support '${plan.command.fullName}': it shows all servers as one node`);
      return true;
  }
}

function masterFields(session: Session, name: string): string[] {
  const { host, port } = placeOf(session);
  const fields: Readonly<Record<string, string | number>> = {
    name,
    ip: host,
    port,
    runid: idOf(session),
    flags: 'master',
    'link-pending-commands': 0,
    'link-refcount': 1,
    'last-ping-sent': 0,
    'last-ok-ping-reply': 0,
    'last-ping-reply': 0,
    'down-after-milliseconds': 30_000,
    'info-refresh': 0,
    'role-reported': 'master',
    'role-reported-time': 0,
    'config-epoch': 0,
    'num-slaves': 0,
    'num-other-sentinels': 0,
    quorum: 1,
    'failover-timeout': 180_000,
    'parallel-syncs': 1,
  };
  return Object.entries(fields).flatMap(([field, value]) => [field, String(value)]);
}

function replyMaster(session: Session, reply: ReplyWriter, name: string): void {
  const fields = masterFields(session, name);
  reply.map(fields.length / 2);
  texts(reply, fields);
}

/** SENTINEL: every master's name means this pool. */
export function runSentinelCommand(session: Session, call: Call): boolean {
  const { reply } = call;
  const word = call.text(1).toLowerCase();
  const needsName = ['get-master-addr-by-name', 'master', 'replicas', 'slaves', 'sentinels', 'ckquorum'].includes(word);
  if (needsName && call.count !== 3) {
    reply.error(`ERR wrong number of arguments for 'sentinel|${word}' command`);
    return true;
  }
  switch (word) {
    case 'get-master-addr-by-name': {
      const { host, port } = placeOf(session);
      reply.array(2);
      texts(reply, [host, String(port)]);
      return true;
    }
    case 'master':
      replyMaster(session, reply, call.text(2));
      return true;
    case 'masters':
      reply.array(1);
      replyMaster(session, reply, session.pool.name);
      return true;
    case 'replicas':
    case 'slaves':
    case 'sentinels':
      reply.array(0);
      return true;
    case 'ckquorum':
      reply.simple('OK 1 usable Sentinels. Quorum and failover authorization can be reached');
      return true;
    case 'myid':
      reply.bulkText(idOf(session));
      return true;
    default:
      reply.error(`ERR unknown subcommand '${call.shown(1)}' of SENTINEL: the proxy answers it as one master`);
      return true;
  }
}
