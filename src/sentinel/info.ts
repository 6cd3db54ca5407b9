// info: what follows from an INFO reply: replicas are found, roles are noted, failovers go on, and servers that are not what the
// others agreed on are put right.

import { type Reply, replyText } from '../client/reply.js';
import { type InfoReply, parseInfo } from './info-reply.js';
import type { Master, Replica, Server } from './instance.js';
import { sameHost } from './address.js';
import { belongsElsewhere, followsAnother } from './ownership.js';
import { hurryHello, sendReplicaOf } from './requests.js';
import { runReconfigScript } from './reconfig-script.js';
import type { SentinelState } from './state.js';

export function takeInfo(state: SentinelState, server: Server, reply: Reply): void {
  if (reply.kind !== 'bulk' && reply.kind !== 'verbatim') return;
  server.info = replyText(reply);
  const info = parseInfo(server.info);
  noteRunId(state, server, info.runId);
  server.masterLinkDownMs = (info.masterLinkDownSeconds ?? 0) * 1000;
  if (server.kind === 'master') findReplicas(state, server, info);
  else noteReplicaFields(state, server, info);
  server.infoRefreshMs = state.nowMs;
  const role = info.role ?? server.roleReported;
  if (role !== server.roleReported) {
    server.roleReported = role;
    server.roleReportedSinceMs = state.nowMs;
    if (role === 'slave' && server.kind === 'slave') server.masterChangedMs = state.nowMs;
    const type = role === server.kind ? '+role-change' : '-role-change';
    state.event('verbose', type, server, ` new reported role is ${role}`);
  }
  // The clock may be wrong, so nothing is done that depends on it.
  if (state.isTilted || server.kind !== 'slave' || belongsElsewhere(state, server)) return;
  if (role === 'master') judgeMasterRole(state, server);
  else judgeReplicaRole(state, server);
}

function noteRunId(state: SentinelState, server: Server, runId: string | undefined): void {
  if (runId === undefined || runId === server.runId) return;
  if (server.runId !== '') {
    state.event('notice', '+reboot', server);
    if (server.kind === 'master' && server.rebootDownAfterMs !== 0) {
      server.isRebooting = true;
      server.rebootSinceMs = state.nowMs;
    }
  }
  server.runId = runId;
}

function findReplicas(state: SentinelState, master: Master, info: InfoReply): void {
  for (const { host, port } of info.replicas) {
    const address = state.addressOf(host, port);
    if (address === undefined) continue;
    const replica = state.addReplica(master, address);
    if (replica === undefined) continue;
    state.event('notice', '+slave', replica);
    state.saveSoon();
  }
}

function noteReplicaFields(state: SentinelState, replica: Replica, info: InfoReply): void {
  if (info.role !== 'slave') return;
  if (info.masterHost !== undefined && info.masterHost !== replica.masterHost) {
    replica.masterHost = info.masterHost;
    replica.masterChangedMs = state.nowMs;
  }
  if (info.masterPort !== undefined && info.masterPort !== replica.masterPort) {
    replica.masterPort = info.masterPort;
    replica.masterChangedMs = state.nowMs;
  }
  if (follows(state, replica, replica.master)) replica.isProven = true;
  else if (followsAnother(state, replica)) replica.isProven = false;
  if (info.masterLinkIsUp !== undefined) replica.masterLinkIsUp = info.masterLinkIsUp;
  if (info.priority !== undefined) replica.priority = info.priority;
  if (info.offset !== undefined) replica.offset = info.offset;
  if (info.isAnnounced !== undefined) replica.isAnnounced = info.isAnnounced;
}

/** A replica says that it is a master: it is the promoted one, or an old master that came back, or somebody meddles. */
function judgeMasterRole(state: SentinelState, replica: Replica): void {
  const { master } = replica;
  if (replica.isPromoted && master.failoverState === 'wait_promotion') {
    promoted(state, master, replica);
    return;
  }
  // The others need time to say that they have agreed on this one.
  const waitMs = state.timing['publish-period'] * 4;
  if (
    !replica.isPromoted &&
    !coordinatedUnderWay(master) &&
    looksSane(state, master) &&
    isUpSince(state, replica, waitMs) &&
    state.nowMs - replica.roleReportedSinceMs > waitMs &&
    !replica.link.disconnected
  ) {
    sendReplicaOf(state, replica, master.address);
    state.event('notice', '+convert-to-slave', replica);
  }
}

function promoted(state: SentinelState, master: Master, replica: Replica): void {
  // Only now does the new configuration exist: everybody that learns of this epoch follows it.
  master.configEpoch = master.failoverEpoch;
  master.failoverState = 'reconf_slaves';
  master.failoverChangeMs = state.nowMs;
  state.save();
  state.event('warning', '+promoted-slave', replica);
  if (state.crashesAfterPromotion) state.sink.crash();
  state.event('warning', '+failover-state-reconf-slaves', master);
  runReconfigScript(state, master, 'leader', master.address, replica.address);
  state.sink.masterMoved(master);
  hurryHello(state, master.instances());
}

function judgeReplicaRole(state: SentinelState, replica: Replica): void {
  const { master } = replica;
  if (replica.masterHost !== '' && !follows(state, replica, master)) {
    const waitMs = master.failoverTimeoutMs;
    if (
      !coordinatedUnderWay(master) &&
      looksSane(state, master) &&
      isUpSince(state, replica, waitMs) &&
      state.nowMs - replica.masterChangedMs > waitMs &&
      !replica.link.disconnected
    ) {
      sendReplicaOf(state, replica, master.address);
      state.event('notice', '+fix-slave-config', replica);
    }
  }
  if (replica.reconfiguration === 'sent' && master.promoted !== undefined && follows(state, replica, master.promoted)) {
    replica.reconfiguration = 'inprog';
    state.event('notice', '+slave-reconf-inprog', replica);
  }
  if (replica.reconfiguration === 'inprog' && replica.masterLinkIsUp) {
    replica.reconfiguration = 'done';
    state.event('notice', '+slave-reconf-done', replica);
  }
}

function follows(state: SentinelState, replica: Replica, server: Server): boolean {
  const { masterHost, masterPort } = replica;
  return masterPort === server.address.port && sameHost(server.address, masterHost, state.names.ip(masterHost));
}

/** The master and a replica change roles by themselves: neither is to be put right. */
function coordinatedUnderWay(master: Master): boolean {
  return master.failoverKind === 'coordinated' && master.failsOver;
}

/** The master is up, says that it is one, and was heard of lately. */
function looksSane(state: SentinelState, master: Master): boolean {
  return (
    master.roleReported === 'master' &&
    !master.isDown &&
    !master.isObjectivelyDown &&
    state.nowMs - master.infoRefreshMs < state.timing['info-period'] * 2
  );
}

function isUpSince(state: SentinelState, replica: Replica, ms: number): boolean {
  return replica.downSinceMs === 0 || state.nowMs - replica.downSinceMs > ms;
}
