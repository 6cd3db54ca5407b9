// down: whether an instance is down as this sentinel sees it (subjectively), and whether enough others agree (objectively).

import { isAggregate, type Reply, replyText } from '../client/reply.js';
import type { Instance, Link, Master, Peer } from './instance.js';
import { askPeer } from './requests.js';
import type { SentinelState } from './state.js';

export function checkSubjectivelyDown(state: SentinelState, instance: Instance): void {
  const { nowMs } = state;
  dropStaleConnections(state, instance);
  if (isDown(state, instance)) {
    if (instance.isDown) return;
    instance.isDown = true;
    instance.downSinceMs = nowMs;
    state.event('warning', '+sdown', instance);
  } else if (instance.isDown) {
    instance.isDown = false;
    if (instance.kind !== 'sentinel') instance.scriptKillSent = false;
    state.event('warning', '-sdown', instance);
  }
}

function silenceMs(state: SentinelState, link: Link): number {
  if (link.unansweredPingMs !== 0) return state.nowMs - link.unansweredPingMs;
  return link.disconnected ? state.nowMs - link.lastAvailableMs : 0;
}

function isDown(state: SentinelState, instance: Instance): boolean {
  const { nowMs, timing } = state;
  if (silenceMs(state, instance.link) > instance.downAfterMs) return true;
  if (instance.kind !== 'master') return false;
  // A master that says it is a replica is of no use, once it has had the time to be put right.
  const isReplica = instance.roleReported === 'slave';
  if (isReplica && nowMs - instance.roleReportedSinceMs > instance.downAfterMs + timing['info-period'] * 2) return true;
  return instance.isRebooting && nowMs - instance.rebootSinceMs > instance.rebootDownAfterMs;
}

/** Closes connections over which nothing comes, so that new ones are tried. */
function dropStaleConnections(state: SentinelState, { link, downAfterMs }: Instance): void {
  const { nowMs, timing } = state;
  const ageMin = timing['min-link-reconnect-period'];
  const half = downAfterMs / 2;
  if (
    link.hasCommands &&
    nowMs - link.commandsSinceMs > ageMin &&
    link.unansweredPingMs !== 0 &&
    nowMs - link.unansweredPingMs > half &&
    nowMs - link.lastPongMs > half
  )
    state.closeChannel(link, 'commands');
  if (
    link.hasPubSub &&
    nowMs - link.pubSubSinceMs > ageMin &&
    nowMs - link.pubSubActivityMs > timing['publish-period'] * 3
  )
    state.closeChannel(link, 'pubsub');
}

export function checkObjectivelyDown(state: SentinelState, master: Master): void {
  let agreed = 0;
  if (master.isDown) {
    agreed = 1;
    for (const peer of master.peers.values()) if (peer.saysMasterIsDown) agreed++;
  }
  const isDownNow = agreed >= master.quorum && master.isDown;
  if (isDownNow === master.isObjectivelyDown) return;
  master.isObjectivelyDown = isDownNow;
  if (isDownNow) {
    master.objectivelyDownSinceMs = state.nowMs;
    state.event('warning', '+odown', master, ` #quorum ${agreed}/${master.quorum}`);
  } else state.event('warning', '-odown', master);
}

/** Answers older than so many periods do not count. */
const ANSWER_PERIODS = 5;

/** Asks the others whether they see the master down too; `atOnce` when a failover begins and their votes are wanted. */
export function askOthers(state: SentinelState, master: Master, atOnce: boolean): void {
  const period = state.timing['ask-period'];
  for (const peer of master.peers.values()) {
    const sinceMs = state.nowMs - peer.lastDownReplyMs;
    if (sinceMs > period * ANSWER_PERIODS) {
      peer.saysMasterIsDown = false;
      peer.leader = '';
    }
    const wantsVotes = master.failoverKind === 'coordinated';
    if ((!master.isDown && !wantsVotes) || peer.link.disconnected || (!atOnce && sinceMs < period)) continue;
    askPeer(state, peer, master.failsOver ? state.myId : '*', (reply) => takeAnswer(state, peer, reply));
  }
}

function takeAnswer(state: SentinelState, peer: Peer, reply: Reply): void {
  if (!isAggregate(reply) || reply.elements.length !== 3) return;
  const [down, leader, epoch] = reply.elements;
  if (down?.kind !== 'integer' || epoch?.kind !== 'integer') return;
  if (leader?.kind !== 'bulk' && leader?.kind !== 'status') return;
  peer.lastDownReplyMs = state.nowMs;
  peer.saysMasterIsDown = Number(down.value) === 1;
  const runId = replyText(leader);
  if (runId === '*' || !/^[0-9a-zA-Z]{40}$/.test(runId)) return;
  if (peer.leaderEpoch !== Number(epoch.value))
    state.sink.log('notice', `${peer.name} voted for ${runId} ${Number(epoch.value)}`);
  peer.leader = runId;
  peer.leaderEpoch = Number(epoch.value);
}
