// instance-fields: a master, replica or sentinel as pairs of names and values, in Redis's order.

import type { ReplyWriter } from '../../protocol/reply.js';
import { flagsOf, type Instance, type Master, type Peer, type Replica } from '../instance.js';
import type { SentinelState } from '../state.js';

type Field = readonly [name: string, value: string | number];

export function replyInstance(reply: ReplyWriter, state: SentinelState, instance: Instance): void {
  const fields = [...commonFields(state, instance), ...ownFields(state, instance)];
  reply.map(fields.length);
  for (const [name, value] of fields) {
    reply.bulkLatin1(name);
    reply.bulkLatin1(String(value));
  }
}

export function replyInstances(reply: ReplyWriter, state: SentinelState, instances: readonly Instance[]): void {
  reply.array(instances.length);
  for (const instance of instances) replyInstance(reply, state, instance);
}

function commonFields(state: SentinelState, instance: Instance): Field[] {
  const { nowMs } = state;
  const { link } = instance;
  const fields: Field[] = [
    ['name', instance.name],
    ['ip', state.announced(instance.address)],
    ['port', instance.address.port],
    ['runid', instance.runId],
    ['flags', flagsOf(instance)],
    ['link-pending-commands', link.pending],
    ['link-refcount', link.users],
  ];
  if (instance.kind === 'master' && instance.failsOver) fields.push(['failover-state', instance.failoverState]);
  fields.push(
    ['last-ping-sent', link.unansweredPingMs === 0 ? 0 : whole(nowMs - link.unansweredPingMs)],
    ['last-ok-ping-reply', whole(nowMs - link.lastAvailableMs)],
    ['last-ping-reply', whole(nowMs - link.lastPongMs)],
  );
  if (instance.isDown) fields.push(['s-down-time', whole(nowMs - instance.downSinceMs)]);
  if (instance.kind === 'master' && instance.isObjectivelyDown)
    fields.push(['o-down-time', whole(nowMs - instance.objectivelyDownSinceMs)]);
  fields.push(['down-after-milliseconds', instance.downAfterMs]);
  if (instance.kind === 'sentinel') return fields;
  fields.push(
    ['info-refresh', instance.infoRefreshMs === 0 ? 0 : whole(nowMs - instance.infoRefreshMs)],
    ['role-reported', instance.roleReported],
    ['role-reported-time', whole(nowMs - instance.roleReportedSinceMs)],
  );
  return fields;
}

function whole(ms: number): number {
  return Math.max(0, Math.floor(ms));
}

function ownFields(state: SentinelState, instance: Instance): Field[] {
  switch (instance.kind) {
    case 'master':
      return masterFields(instance);
    case 'slave':
      return replicaFields(instance);
    case 'sentinel':
      return peerFields(state, instance);
  }
}

function masterFields(master: Master): Field[] {
  const fields: Field[] = [
    ['config-epoch', master.configEpoch],
    ['num-slaves', master.replicas.size],
    ['num-other-sentinels', master.peers.size],
    ['quorum', master.quorum],
    ['failover-timeout', master.failoverTimeoutMs],
    ['parallel-syncs', master.parallelSyncs],
  ];
  if (master.notificationScript !== '') fields.push(['notification-script', master.notificationScript]);
  if (master.clientReconfigScript !== '') fields.push(['client-reconfig-script', master.clientReconfigScript]);
  return fields;
}

function replicaFields(replica: Replica): Field[] {
  return [
    ['master-link-down-time', replica.masterLinkDownMs],
    ['master-link-status', replica.masterLinkIsUp ? 'ok' : 'err'],
    ['master-host', replica.masterHost === '' ? '?' : replica.masterHost],
    ['master-port', replica.masterPort],
    ['slave-priority', replica.priority],
    ['slave-repl-offset', replica.offset],
    ['replica-announced', replica.isAnnounced ? 1 : 0],
  ];
}

function peerFields({ nowMs }: SentinelState, peer: Peer): Field[] {
  return [
    ['last-hello-message', whole(nowMs - peer.lastHelloMs)],
    ['voted-leader', peer.leader === '' ? '?' : peer.leader],
    ['voted-leader-epoch', peer.leaderEpoch],
  ];
}
