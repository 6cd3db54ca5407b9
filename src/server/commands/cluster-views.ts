// cluster-views: CLUSTER INFO, NODES, SLOTS, SHARDS and LINKS: the cluster as this node sees it.

import { SLOT_COUNT } from '../../base/key-slot.js';
import { endpointOf, portOf } from '../cluster-endpoint.js';
import type { ClusterNodeView, ClusterPort } from '../cluster-port.js';
import { type ClusterCall, type ClusterRun, isSecure } from './cluster-host.js';

/** What CLUSTER INFO replies. */
export function clusterInfoText(cluster: ClusterPort, { trim }: ClusterCall['host']['clusterKeys']): string {
  const counts = slotCounts(cluster);
  const lines: (readonly [string, string | number])[] = [
    ['cluster_state', cluster.isOk ? 'ok' : 'fail'],
    ['cluster_slots_assigned', counts.assigned],
    ['cluster_slots_ok', counts.ok],
    ['cluster_slots_pfail', counts.suspected],
    ['cluster_slots_fail', counts.failed],
    ['cluster_known_nodes', cluster.nodeCount],
    ['cluster_size', cluster.size],
    ['cluster_current_epoch', cluster.currentEpoch],
    ['cluster_my_epoch', cluster.myEpoch],
    ...messageLines(cluster, cluster.messagesSent, 'sent'),
    ...messageLines(cluster, cluster.messagesReceived, 'received'),
    ['total_cluster_links_buffer_limit_exceeded', cluster.linkBufferLimitExceeded],
    ['cluster_slot_migration_active_tasks', cluster.slotMoves.activeCount],
    ['cluster_slot_migration_active_trim_running', trim.isActive ? 1 : 0],
    ['cluster_slot_migration_active_trim_current_job_keys', trim.pendingKeys],
    ['cluster_slot_migration_active_trim_current_job_trimmed', trim.trimmedKeys],
    ['cluster_slot_migration_stats_active_trim_started', trim.startedSlots],
    ['cluster_slot_migration_stats_active_trim_completed', trim.finishedSlots],
    ['cluster_slot_migration_stats_active_trim_cancelled', 0],
  ];
  return lines.map(([name, value]) => `${name}:${value}\r\n`).join('');
}

export const info: ClusterRun = (call, cluster) => call.reply.verbatim(clusterInfoText(cluster, call.host.clusterKeys));

function slotCounts(cluster: ClusterPort): { assigned: number; ok: number; suspected: number; failed: number } {
  const counts = { assigned: 0, ok: 0, suspected: 0, failed: 0 };
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const owner = cluster.owner(slot);
    if (owner === undefined) continue;
    counts.assigned++;
    if (owner.hasFailed) counts.failed++;
    else if (owner.isSuspected) counts.suspected++;
    else counts.ok++;
  }
  return counts;
}

function messageLines(
  cluster: ClusterPort,
  counts: readonly number[],
  direction: 'sent' | 'received',
): (readonly [string, number])[] {
  const lines: [string, number][] = [];
  cluster.messageTypeNames.forEach((name, type) => {
    if ((counts[type] ?? 0) > 0) lines.push([`cluster_stats_messages_${name}_${direction}`, counts[type]!]);
  });
  return [...lines, [`cluster_stats_messages_${direction}`, counts.reduce((sum, count) => sum + count, 0)]];
}

export const nodes: ClusterRun = (call, cluster) => call.reply.verbatim(cluster.nodesText(isSecure(call)));

export const myId: ClusterRun = (call, cluster) => call.reply.bulkText(cluster.myself.id);

export const myShardId: ClusterRun = (call, cluster) => call.reply.bulkText(cluster.myself.shardId);

// --- slots --------------------------------------------------------------------------------------------------------------

export const slots: ClusterRun = (call, cluster) => {
  const length = call.reply.defer();
  let count = 0;
  for (let start = 0; start < SLOT_COUNT;) {
    const owner = cluster.owner(start);
    let end = start + 1;
    while (end < SLOT_COUNT && cluster.owner(end) === owner) end++;
    if (owner !== undefined) {
      replyRange(call, owner, start, end - 1);
      count++;
    }
    start = end;
  }
  call.reply.settleArray(length, count);
};

function replyRange(call: ClusterCall, owner: ClusterNodeView, start: number, end: number): void {
  // A replica without data yet could not serve a request.
  const available = owner.replicas.filter((replica) => !replica.hasFailed && offsetOf(call, replica) !== 0);
  call.reply.array(3 + available.length);
  call.reply.integer(start);
  call.reply.integer(end);
  for (const node of [owner, ...available]) replyNode(call, node);
}

function replyNode(call: ClusterCall, node: ClusterNodeView): void {
  const { reply } = call;
  const preferred = call.host.config.choice('cluster-preferred-endpoint-type').value;
  reply.array(4);
  replyEndpoint(call, node);
  reply.integer(portOf(node, isSecure(call)));
  reply.bulkText(node.id);
  const more: string[] = [];
  if (preferred !== 'ip') more.push('ip', node.ip);
  if (preferred !== 'hostname' && node.hostname !== '') more.push('hostname', node.hostname);
  reply.map(more.length / 2);
  for (const word of more) reply.bulkText(word);
}

function replyEndpoint(call: ClusterCall, node: ClusterNodeView): void {
  const endpoint = endpointOf(node, call.host.config);
  if (endpoint === undefined) call.reply.nil();
  else call.reply.bulkText(endpoint);
}

/** How far a node is in the stream of writes. */
function offsetOf(call: ClusterCall, node: ClusterNodeView): number {
  return node.isMyself ? call.host.cluster!.replicationOffset() : node.replicationOffset;
}

// --- shards -------------------------------------------------------------------------------------------------------------

export const shards: ClusterRun = (call, cluster) => {
  const masters = [...cluster.nodes].filter((node) => node.isMaster && !node.isInHandshake);
  call.reply.array(masters.length);
  for (const master of masters) {
    const bounds = slotBounds(master);
    call.reply.map(2);
    call.reply.bulkText('slots');
    call.reply.array(bounds.length);
    for (const slot of bounds) call.reply.integer(slot);
    call.reply.bulkText('nodes');
    call.reply.array(1 + master.replicas.length);
    for (const node of [master, ...master.replicas]) replyShardNode(call, node);
  }
};

/** First and last slot of each range. */
function slotBounds(node: ClusterNodeView): number[] {
  const bounds: number[] = [];
  if (node.slotCount === 0) return bounds;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!node.ownsSlot(slot)) continue;
    if (bounds.at(-1) === slot - 1) bounds[bounds.length - 1] = slot;
    else bounds.push(slot, slot);
  }
  return bounds;
}

function replyShardNode(call: ClusterCall, node: ClusterNodeView): void {
  const { reply } = call;
  const offset = offsetOf(call, node);
  const health = node.hasFailed ? 'fail' : node.isReplica && offset === 0 ? 'loading' : 'online';
  const length = reply.defer();
  let count = 6;
  reply.bulkText('id');
  reply.bulkText(node.id);
  if (node.port !== 0) {
    count++;
    reply.bulkText('port');
    reply.integer(node.port);
  }
  if (node.tlsPort !== 0) {
    count++;
    reply.bulkText('tls-port');
    reply.integer(node.tlsPort);
  }
  reply.bulkText('ip');
  reply.bulkText(node.ip);
  reply.bulkText('endpoint');
  replyEndpoint(call, node);
  if (node.hostname !== '') {
    count++;
    reply.bulkText('hostname');
    reply.bulkText(node.hostname);
  }
  reply.bulkText('role');
  reply.bulkText(node.isReplica ? 'replica' : 'master');
  reply.bulkText('replication-offset');
  reply.integer(offset);
  reply.bulkText('health');
  reply.bulkText(health);
  reply.settleMap(length, count);
}

// --- links --------------------------------------------------------------------------------------------------------------

export const links: ClusterRun = (call, cluster) => {
  const all = cluster.links();
  const { reply } = call;
  reply.array(all.length);
  for (const link of all) {
    reply.map(6);
    reply.bulkText('direction');
    reply.bulkText(link.direction);
    reply.bulkText('node');
    reply.bulkText(link.nodeId);
    reply.bulkText('create-time');
    reply.integer(link.createdMs);
    reply.bulkText('events');
    reply.bulkText(link.events);
    reply.bulkText('send-buffer-allocated');
    reply.integer(link.sendBufferAllocated);
    reply.bulkText('send-buffer-used');
    reply.integer(link.sendBufferUsed);
  }
};
