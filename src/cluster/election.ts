// election: a replica asks the masters for its failed master's place; a master votes at most once in an epoch.
//
// Replicas wait before they ask: half a second for the failure to get round, up to half a second at random, and a second for each
// replica that has more of the master's data. So the best one normally asks first, and alone.
//
// Safety rests on the voters: a vote is saved before it is sent, so no epoch is given to two replicas, even across crashes.

import { SLOT_COUNT } from '../base/key-slot.js';
import type { Bus } from './bus.js';
import { quorumOf } from './cluster-status.js';
import { beginEpoch } from './epochs.js';
import { endManualFailover } from './manual-failover.js';
import { type BusMessage, MessageFlag } from './message.js';
import { broadcastPong, requestVotes, sendVote } from './messages.js';
import { type ClusterNode, hasSlot, NodeFlag } from './node.js';
import { becomeMaster } from './roles.js';

const DELAY_MS = 500;
const RANDOM_DELAY_MS = 500;
const RANK_DELAY_MS = 1000;
const TIMEOUT_MS_MIN = 2000;
const REPEAT_REASON_MS = 10_000;
/** A failover normally succeeds within the timeout and this; until then nothing is said. */
const QUIET_MS = 5000;
/** A master gets votes for one replica only, once in so many node timeouts. */
const VOTE_TIMEOUTS = 2;

const reasons = {
  dataAge:
    "Disconnected from master for longer than allowed. Please check the 'cluster-replica-validity-factor' configuration option.",
  delay: 'Waiting the delay before I can start a new failover.',
  expired: 'Failover attempt expired.',
  votes: 'Waiting for votes, but majority still not reached.',
} as const;

// --- the replica's side ----------------------------------------------------------------------------------------------------

/** Goes on with this replica's failover, if there is reason for one. */
export function proceedElection(bus: Bus): void {
  const { state, settings, nowMs } = bus;
  const { election, manualFailover, myself } = state;
  bus.wantsFailover = false;
  const isManual = manualFailover.endMs > 0 && manualFailover.canStart;
  if (!mayFailOver(bus, isManual)) {
    bus.cannotFailover = '';
    return;
  }
  if (!isManual && isDataTooOld(bus)) {
    explain(bus, reasons.dataAge);
    return;
  }
  const timeoutMs = Math.max(2 * settings.nodeTimeoutMs, TIMEOUT_MS_MIN);
  const ageMs = nowMs - election.atMs;
  if (ageMs > 2 * timeoutMs) {
    planElection(bus);
    return;
  }
  if (!election.isSent && manualFailover.endMs === 0) delayByRank(bus);
  if (nowMs < election.atMs) {
    explain(bus, reasons.delay);
    return;
  }
  if (nowMs - election.atMs > timeoutMs) {
    explain(bus, reasons.expired);
    return;
  }
  if (!election.isSent) {
    election.epoch = beginEpoch(state);
    election.isSent = true;
    bus.log('notice', `Starting a failover election for epoch ${state.currentEpoch}.`);
    requestVotes(bus);
    bus.changed();
    return;
  }
  if (election.votes < quorumOf(state.size)) {
    explain(bus, reasons.votes);
    return;
  }
  bus.log('notice', "Failover election won: I'm the new master.");
  if (myself.configEpoch < election.epoch) {
    myself.configEpoch = election.epoch;
    bus.log('notice', `configEpoch set to ${myself.configEpoch} after successful failover`);
  }
  replaceMaster(bus);
}

function mayFailOver(bus: Bus, isManual: boolean): boolean {
  const { master, isMaster } = bus.state.myself;
  if (isMaster || master === undefined || master.slotCount === 0 || bus.world.isLoading()) return false;
  return isManual || (master.hasFailed && !bus.settings.replicaNoFailover);
}

function isDataTooOld(bus: Bus): boolean {
  const { nodeTimeoutMs, replicaValidityFactor, replicationPingMs } = bus.settings;
  if (replicaValidityFactor === 0) return false;
  let ageMs = bus.world.dataAgeMs();
  // The time in which the failure was noticed does not count.
  if (ageMs > nodeTimeoutMs) ageMs -= nodeTimeoutMs;
  return ageMs > replicationPingMs + nodeTimeoutMs * replicaValidityFactor;
}

function planElection(bus: Bus): void {
  const { state, nowMs, world } = bus;
  const { election } = state;
  const isManual = state.manualFailover.endMs > 0;
  const rank = isManual ? 0 : rankOf(bus);
  const delayMs = isManual ? 0 : DELAY_MS + world.random.below(RANDOM_DELAY_MS) + rank * RANK_DELAY_MS;
  Object.assign(election, { atMs: nowMs + delayMs, votes: 0, isSent: false, rank });
  bus.voters.clear();
  if (isManual) bus.wantsFailover = true;
  bus.log(
    'notice',
    `Start of election delayed for ${delayMs} milliseconds (rank #${rank}, offset ${world.replicationOffset()}).`,
  );
  // The other replicas learn this one's offset, and so their ranks.
  broadcastPong(bus, 'shard');
}

/** Another replica may have told meanwhile that it has more data. */
function delayByRank(bus: Bus): void {
  const { election } = bus.state;
  const rank = rankOf(bus);
  if (rank <= election.rank) return;
  const addedMs = (rank - election.rank) * RANK_DELAY_MS;
  election.atMs += addedMs;
  election.rank = rank;
  bus.log('notice', `Replica rank updated to #${rank}, added ${addedMs} milliseconds of delay.`);
}

/** Replicas of the same master that have more of its data. */
function rankOf(bus: Bus): number {
  const { myself } = bus.state;
  const offset = bus.world.replicationOffset();
  let rank = 0;
  for (const replica of myself.master?.replicas ?? [])
    if (replica !== myself && !replica.has(NodeFlag.noFailover) && replica.replicationOffset > offset) rank++;
  return rank;
}

/** This replica takes its master's slots and place. */
export function replaceMaster(bus: Bus): void {
  const { state } = bus;
  const { myself } = state;
  const { master } = myself;
  if (myself.isMaster || master === undefined) return;
  becomeMaster(bus);
  for (let slot = 0; slot < SLOT_COUNT; slot++) if (state.owners[slot] === master) state.assign(slot, myself);
  bus.changed();
  broadcastPong(bus, 'all');
  endManualFailover(bus);
}

/** Says why there is no failover, now and then. */
function explain(bus: Bus, reason: string): void {
  const { state, nowMs, settings } = bus;
  if (reason === bus.cannotFailover && nowMs - bus.cannotFailoverMs < REPEAT_REASON_MS) return;
  bus.cannotFailover = reason;
  const { master } = state.myself;
  if (master?.hasFailed === true && nowMs - master.failedMs < settings.nodeTimeoutMs + QUIET_MS) return;
  bus.cannotFailoverMs = nowMs;
  bus.log('notice', `Currently unable to failover: ${reason}`);
  if (reason === reasons.votes || reason === reasons.expired)
    bus.log(
      'notice',
      `Needed quorum: ${quorumOf(state.size)}. Number of votes received so far: ${state.election.votes}`,
    );
}

/** A vote has come. */
export function takeVote(bus: Bus, sender: ClusterNode, epoch: number): void {
  const { election } = bus.state;
  if (!sender.isVoter || !election.isSent || epoch < election.epoch || bus.voters.has(sender)) return;
  bus.voters.add(sender);
  election.votes++;
  bus.wantsFailover = true;
}

// --- the master's side -----------------------------------------------------------------------------------------------------

export function voteIfRight(bus: Bus, sender: ClusterNode, { header }: BusMessage): void {
  const { state, nowMs } = bus;
  if (!state.myself.isVoter) return;
  const refusal = whyNoVote(bus, sender, header);
  if (refusal !== undefined) {
    bus.log('warning', `Failover auth denied to ${bus.name(sender)}: ${refusal}`);
    return;
  }
  state.lastVoteEpoch = state.currentEpoch;
  sender.master!.votedMs = nowMs;
  bus.save();
  sendVote(bus, sender);
  bus.log('notice', `Failover auth granted to ${bus.name(sender)} for epoch ${state.currentEpoch}`);
}

function whyNoVote(bus: Bus, sender: ClusterNode, header: BusMessage['header']): string | undefined {
  const { state, nowMs, settings } = bus;
  const { currentEpoch, configEpoch, slots, messageFlags } = header;
  if (currentEpoch < state.currentEpoch) return `reqEpoch (${currentEpoch}) < curEpoch(${state.currentEpoch})`;
  if (state.lastVoteEpoch >= state.currentEpoch) return `already voted for epoch ${state.currentEpoch}`;
  if (sender.isMaster) return 'it is a master node';
  const { master } = sender;
  if (master === undefined) return "I don't know its master";
  if (!master.hasFailed && (messageFlags & MessageFlag.forceAck) === 0) return 'its master is up';
  const waitMs = VOTE_TIMEOUTS * settings.nodeTimeoutMs - (nowMs - master.votedMs);
  if (waitMs > 0) return `can't vote about this master before ${Math.ceil(waitMs)} milliseconds`;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!hasSlot(slots, slot) || hasSlot(state.unclaimed, slot)) continue;
    const claimEpoch = state.claimEpoch(slot);
    if (claimEpoch > configEpoch) return `slot ${slot} epoch (${claimEpoch}) > reqEpoch (${configEpoch})`;
  }
  return undefined;
}
