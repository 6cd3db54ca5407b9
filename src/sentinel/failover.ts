// failover: the steps from a master that is down to a replica in its place:
//
//   wait_start          votes are counted; abort when this sentinel is not elected in time
//   select_slave        a replica is chosen; abort when none is fit
//   send_slaveof_noone  the replica gets the order to be a master (send_failover: the master, to hand over to it)
//   wait_promotion      until the replica's INFO says master; abort when it takes too long (the step on is in info)
//   reconf_slaves       the other replicas get the new master, `parallel-syncs` at a time
//   update_config       the replica's address becomes the master's

import { changeMaster, endFailover, reportSwitch } from './change-master.js';
import { chooseReplica } from './choose-replica.js';
import { candidacy, countVotes } from './election.js';
import type { FailoverKind, FailoverState, Master, Replica } from './instance.js';
import { takeInfo } from './info.js';
import { request, sendFailover, sendReplicaOf } from './requests.js';
import { belongsElsewhere } from './ownership.js';
import type { SentinelState } from './state.js';
import { DESYNC_MS_MAX } from './timing.js';

/** Begins a failover when the master is objectively down and the last attempt is long enough ago; whether it did. */
export function startIfNeeded(state: SentinelState, master: Master): boolean {
  if (!master.isObjectivelyDown || master.failsOver) return false;
  const waitMs = master.failoverTimeoutMs * 2;
  if (state.nowMs - master.failoverStartMs < waitMs) {
    if (master.failoverDelayLoggedMs !== master.failoverStartMs) {
      master.failoverDelayLoggedMs = master.failoverStartMs;
      const when = new Date(master.failoverStartMs + waitMs).toString();
      state.sink.log('warning', `Next failover delay: I will not start a failover before ${when}`);
    }
    return false;
  }
  startFailover(state, master, 'voted');
  return true;
}

export function startFailover(state: SentinelState, master: Master, kind: FailoverKind): void {
  master.failoverKind = kind;
  master.failoverState = 'wait_start';
  candidacy(state, master);
  state.event('warning', '+try-failover', master);
  master.failoverStartMs = state.nowMs + state.random.below(DESYNC_MS_MAX);
  master.failoverChangeMs = state.nowMs;
}

function enter(state: SentinelState, master: Master, next: FailoverState): void {
  master.failoverState = next;
  master.failoverChangeMs = state.nowMs;
}

function abort(state: SentinelState, master: Master, reason: string): void {
  state.event('warning', reason, master);
  endFailover(master);
  master.failoverChangeMs = state.nowMs;
  if (master.promoted !== undefined) master.promoted.isPromoted = false;
  master.promoted = undefined;
}

/** Goes on with a failover as far as it can now. */
export function advanceFailover(state: SentinelState, master: Master): void {
  switch (master.failoverState) {
    case 'none':
    case 'update_config':
      return;
    case 'wait_start':
      return waitStart(state, master);
    case 'select_slave':
      return selectReplica(state, master);
    case 'send_slaveof_noone':
      return promote(state, master);
    case 'send_failover':
      return handOver(state, master);
    case 'wait_promotion':
      if (!hasTakenTooLong(state, master)) return;
      if (master.failoverKind === 'coordinated') request(state, master, ['FAILOVER', 'ABORT']);
      abort(state, master, '-failover-abort-slave-timeout');
      return;
    case 'reconf_slaves':
      reconfigureNext(state, master);
      checkEnd(state, master);
  }
}

function hasTakenTooLong(state: SentinelState, master: Master): boolean {
  return state.nowMs - master.failoverChangeMs > master.failoverTimeoutMs;
}

function waitStart(state: SentinelState, master: Master): void {
  const leader = countVotes(state, master, master.failoverEpoch);
  if (leader !== state.myId && master.failoverKind !== 'forced') {
    const limitMs = Math.min(state.timing['election-timeout'], master.failoverTimeoutMs);
    if (state.nowMs - master.failoverStartMs > limitMs) abort(state, master, '-failover-abort-not-elected');
    return;
  }
  state.event('warning', '+elected-leader', master);
  if (state.crashesAfterElection) state.sink.crash();
  enter(state, master, 'select_slave');
  state.event('warning', '+failover-state-select-slave', master);
}

function selectReplica(state: SentinelState, master: Master): void {
  const chosen = chooseReplica(state, master);
  if (chosen === undefined) {
    abort(state, master, '-failover-abort-no-good-slave');
    return;
  }
  state.event('warning', '+selected-slave', chosen);
  chosen.isPromoted = true;
  master.promoted = chosen;
  const isCoordinated = master.failoverKind === 'coordinated';
  enter(state, master, isCoordinated ? 'send_failover' : 'send_slaveof_noone');
  state.event('notice', `+failover-state-${isCoordinated ? 'send-failover' : 'send-slaveof-noone'}`, chosen);
}

function promote(state: SentinelState, master: Master): void {
  const chosen = master.promoted!;
  if (chosen.link.disconnected) {
    if (hasTakenTooLong(state, master)) abort(state, master, '-failover-abort-slave-timeout');
    return;
  }
  sendReplicaOf(state, chosen, undefined);
  // The answer comes after the promotion; the next INFO in turn would be up to a second later.
  request(state, chosen, ['INFO'], (reply) => takeInfo(state, chosen, reply));
  awaitPromotion(state, master, chosen);
}

function awaitPromotion(state: SentinelState, master: Master, chosen: Replica): void {
  state.event('notice', '+failover-state-wait-promotion', chosen);
  enter(state, master, 'wait_promotion');
}

function handOver(state: SentinelState, master: Master): void {
  const chosen = master.promoted!;
  if (master.link.disconnected) {
    if (hasTakenTooLong(state, master)) abort(state, master, '-failover-abort-master-timeout');
    return;
  }
  const epoch = master.failoverEpoch;
  sendFailover(state, chosen, (text) => {
    if (master.failoverEpoch !== epoch || master.promoted !== chosen || master.isPast) return;
    state.sink.log('warning', `${master.name}: the master refuses FAILOVER: ${text.slice(0, 200)}`);
    // Before Redis 6.2 there is no FAILOVER: then the plain way serves, which the user may want less than none.
    abort(state, master, '-failover-abort-master-refused');
  });
  awaitPromotion(state, master, chosen);
}

// --- the other replicas -------------------------------------------------------------------------------------------------

/** A replica that does not take the new master holds the others up for a while only; its INFO has it put right later. */
function giveUpSlow(state: SentinelState, master: Master): void {
  for (const replica of master.replicas.values()) {
    const sentMs = state.nowMs - replica.reconfigurationSentMs;
    if (replica.reconfiguration !== 'sent' || sentMs <= state.timing['slave-reconf-timeout']) continue;
    state.event('notice', '-slave-reconf-sent-timeout', replica);
    replica.reconfiguration = 'done';
  }
}

function reconfigureNext(state: SentinelState, master: Master): void {
  giveUpSlow(state, master);
  let under = 0;
  for (const { reconfiguration } of master.replicas.values())
    if (reconfiguration === 'sent' || reconfiguration === 'inprog') under++;
  for (const replica of master.replicas.values()) {
    if (under >= master.parallelSyncs) return;
    if (replica.isPromoted || replica.reconfiguration !== 'none' || replica.link.disconnected) continue;
    if (belongsElsewhere(state, replica)) continue;
    sendReplicaOf(state, replica, master.promoted!.address);
    replica.reconfiguration = 'sent';
    replica.reconfigurationSentMs = state.nowMs;
    state.event('notice', '+slave-reconf-sent', replica);
    under++;
  }
}

function isWaitedFor(state: SentinelState, replica: Replica): boolean {
  if (replica.isPromoted || replica.isDown || replica.reconfiguration === 'done') return false;
  return !belongsElsewhere(state, replica);
}

function checkEnd(state: SentinelState, master: Master): void {
  const { promoted } = master;
  // A promoted replica that is down already must come back before anybody follows it.
  if (promoted === undefined || promoted.isDown) return;
  const isLate = hasTakenTooLong(state, master);
  if (isLate) state.event('warning', '+failover-end-for-timeout', master);
  else {
    for (const replica of master.replicas.values()) if (isWaitedFor(state, replica)) return;
  }
  state.event('warning', '+failover-end', master);
  enter(state, master, 'update_config');
  if (!isLate) return;
  for (const replica of master.replicas.values()) {
    if (replica.isPromoted || replica.link.disconnected || belongsElsewhere(state, replica)) continue;
    if (replica.reconfiguration === 'done' || replica.reconfiguration === 'sent') continue;
    sendReplicaOf(state, replica, promoted.address);
    state.event('notice', '+slave-reconf-sent-be', replica);
    replica.reconfiguration = 'sent';
  }
}

/** The last step: the promoted replica is the master. */
export function switchToPromoted(state: SentinelState, master: Master): void {
  const to = (master.promoted ?? master).address;
  reportSwitch(state, master, to);
  changeMaster(state, master, to);
}
