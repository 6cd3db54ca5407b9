// election: elects the leader of a failover: one vote for each epoch, given to the first that asks, and a majority of
// all to win.
//
// A vote is durable before it is sent, so that a sentinel that is killed does not vote twice in one epoch.

import type { Master } from './instance.js';
import type { SentinelState } from './state.js';
import { DESYNC_MS_MAX } from './timing.js';

/** Epochs are integers that doubles hold exactly; a larger one is a lie. */
export function isEpoch(epoch: number): boolean {
  return Number.isSafeInteger(epoch) && epoch >= 0;
}

/** Nobody has led so many failovers meanwhile: an epoch that is further ahead is a lie, after which no election could be won. */
const EPOCHS_AHEAD_MAX = 2 ** 32;

export function isBelievable(state: SentinelState, epoch: number): boolean {
  return epoch - state.currentEpoch <= EPOCHS_AHEAD_MAX;
}

/** Takes over an epoch that another sentinel has reached. It becomes durable with the first vote given in it. */
export function raiseEpoch(state: SentinelState, epoch: number, master: Master): void {
  if (epoch <= state.currentEpoch) return;
  state.currentEpoch = epoch;
  state.saveSoon();
  state.report('warning', '+new-epoch', String(epoch), master);
}

export interface Vote {
  /** Empty: nobody. */
  readonly leader: string;
  readonly epoch: number;
}

/** Votes for a candidate if this sentinel has not voted in that epoch yet; returns its vote. */
export function vote(state: SentinelState, master: Master, epoch: number, candidate: string): Vote {
  raiseEpoch(state, epoch, master);
  if (master.leaderEpoch < epoch && state.currentEpoch <= epoch) {
    master.leader = candidate;
    master.leaderEpoch = state.currentEpoch;
    state.save();
    state.report('warning', '+vote-for-leader', `${candidate} ${master.leaderEpoch}`, master);
    // A sentinel that votes for another gives it the time to finish.
    if (candidate !== state.myId) master.failoverStartMs = state.nowMs + state.random.below(DESYNC_MS_MAX);
  }
  return { leader: master.leader, epoch: master.leaderEpoch };
}

/** The elected leader of an epoch, or undefined; votes for the one that is ahead, or for itself. */
export function countVotes(state: SentinelState, master: Master, epoch: number): string | undefined {
  const counts = new Map<string, number>();
  const count = (runId: string): void => void counts.set(runId, (counts.get(runId) ?? 0) + 1);
  for (const peer of master.peers.values())
    if (peer.leader !== '' && peer.leaderEpoch === state.currentEpoch) count(peer.leader);
  const ahead = mostVoted(counts);
  const mine = vote(state, master, epoch, ahead ?? state.myId);
  if (mine.leader !== '' && mine.epoch === epoch) count(mine.leader);
  const winner = mostVoted(counts);
  if (winner === undefined) return undefined;
  const votesMin = Math.max(Math.floor((master.peers.size + 1) / 2) + 1, master.quorum);
  return counts.get(winner)! >= votesMin ? winner : undefined;
}

function mostVoted(counts: ReadonlyMap<string, number>): string | undefined {
  let winner: string | undefined;
  for (const [runId, votes] of counts) if (winner === undefined || votes > counts.get(winner)!) winner = runId;
  return winner;
}

/** Begins a new epoch in which this sentinel asks for votes. */
export function candidacy(state: SentinelState, master: Master): void {
  master.failoverEpoch = ++state.currentEpoch;
  state.report('warning', '+new-epoch', String(state.currentEpoch), master);
}
