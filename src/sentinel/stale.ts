// stale: forgets sentinels and replicas that are gone for good, once all the others say so too.
//
// An entry that stays for ever raises the majority that an election needs, and a failover waits for a replica that will never
// come. But a sentinel that is only cut off may still vote, so the rule is strict: an entry goes when it was silent for
// `stale-after`, when every other sentinel but those that are stale too is connected here and is asked, when these are a majority
// of all that are known, and when each of them sees it down as well or does not know it. The smaller side of a partition can
// never meet that.
//
// A replica must besides be missing in the INFO of a master that is well. A server that comes back after that is found again when
// it follows the master; one that comes back as a master of its own is not known any more.

import { isAggregate, type Reply, replyText } from '../client/reply.js';
import { sameAddress } from './address.js';
import { parseInfo } from './info-reply.js';
import type { Master, Peer, Replica } from './instance.js';
import { request } from './requests.js';
import type { SentinelState } from './state.js';

/** Rounds of questions are at least so far apart. */
const ROUND_MS = 60_000;
/** Answers that have not come by then end a round without a result. */
const ANSWER_MS_MAX = 5000;

interface Round {
  readonly startMs: number;
  readonly peers: Set<Peer>;
  readonly replicas: Set<Replica>;
  /** Answers that are missing. */
  waiting: number;
  /** Questions whose answers were no lists. */
  isVoid: boolean;
}

/** Fields of one entry of SENTINEL SENTINELS or REPLICAS. */
type Entry = ReadonlyMap<string, string>;

export class StaleEntries {
  private readonly rounds = new Map<Master, Round>();
  private readonly lastRoundMs = new Map<Master, number>();

  constructor(private readonly state: SentinelState) {}

  /** To be called at each tick. */
  tick(): void {
    const { state } = this;
    if (state.isTilted) return;
    for (const master of state.masters.values()) this.tickMaster(master);
    for (const known of [this.rounds, this.lastRoundMs])
      for (const master of known.keys()) if (state.masters.get(master.name) !== master) known.delete(master);
  }

  private tickMaster(master: Master): void {
    const { nowMs } = this.state;
    const round = this.rounds.get(master);
    if (round !== undefined) {
      if (round.waiting > 0 && nowMs - round.startMs < ANSWER_MS_MAX) return;
      this.rounds.delete(master);
      if (round.waiting === 0 && !round.isVoid) this.forget(master, round);
      return;
    }
    if (master.staleAfterMs === 0 || master.isDown || master.failsOver) return;
    const last = this.lastRoundMs.get(master) ?? 0;
    if (nowMs - last < Math.min(ROUND_MS, master.staleAfterMs)) return;
    this.begin(master);
  }

  private begin(master: Master): void {
    const { nowMs } = this.state;
    this.lastRoundMs.set(master, nowMs);
    const peers = new Set([...master.peers.values()].filter((peer) => isStalePeer(peer, nowMs)));
    const replicas = new Set(this.staleReplicas(master));
    if (peers.size === 0 && replicas.size === 0) return;
    const others = [...master.peers.values()].filter((peer) => !peers.has(peer));
    const votesMin = Math.max(Math.floor((master.peers.size + 1) / 2) + 1, master.quorum);
    if (others.length + 1 < votesMin || others.some(({ isDown, link }) => isDown || link.disconnected)) return;
    const round: Round = { startMs: nowMs, peers, replicas, waiting: 0, isVoid: false };
    this.rounds.set(master, round);
    for (const peer of others) {
      if (peers.size > 0) this.ask(round, peer, 'SENTINELS', (entries) => keepKnownPeers(peers, entries));
      if (replicas.size > 0)
        this.ask(round, peer, 'REPLICAS', (entries) => this.keepKnownReplicas(master, replicas, entries));
    }
  }

  private ask(round: Round, peer: Peer, list: string, take: (entries: readonly Entry[]) => void): void {
    round.waiting++;
    request(this.state, peer, ['SENTINEL', list, peer.master.name], (reply) => {
      round.waiting--;
      const entries = entriesOf(reply);
      if (entries === undefined) round.isVoid = true;
      else take(entries);
    });
  }

  private *staleReplicas(master: Master): IterableIterator<Replica> {
    const { state } = this;
    const isFresh = state.nowMs - master.infoRefreshMs < state.timing['info-period'] * 2;
    if (master.roleReported !== 'master' || master.infoRefreshMs === 0 || !isFresh) return;
    const listed = parseInfo(master.info).replicas.map(({ host, port }) => state.addressOf(host, port));
    for (const replica of master.replicas.values()) {
      if (!replica.isDown || state.nowMs - replica.downSinceMs < master.staleAfterMs) continue;
      if (!listed.some((each) => each !== undefined && sameAddress(each, replica.address))) yield replica;
    }
  }

  private keepKnownReplicas(master: Master, stale: Set<Replica>, entries: readonly Entry[]): void {
    const { state } = this;
    for (const entry of entries) {
      if (isSeenDown(entry)) continue;
      const address = state.addressOf(entry.get('ip') ?? '', Number(entry.get('port')));
      const replica = address === undefined ? undefined : state.replicaAt(master, address);
      if (replica !== undefined) stale.delete(replica);
    }
  }

  /** All agree about what is left in the round. */
  private forget(master: Master, { peers, replicas }: Round): void {
    const { state } = this;
    for (const peer of peers) {
      if (peer.isGone || !isStalePeer(peer, state.nowMs)) continue;
      state.event('warning', '-stale-sentinel', peer);
      state.removePeer(peer);
    }
    for (const replica of replicas) {
      if (replica.isGone || !replica.isDown || master.failsOver) continue;
      state.event('warning', '-stale-slave', replica);
      state.removeReplica(replica);
    }
    state.saveSoon();
  }
}

/** It was silent for long, or somebody else has its address (port 0) for long. */
function isStalePeer(peer: Peer, nowMs: number): boolean {
  const { staleAfterMs } = peer.master;
  if (nowMs - peer.lastHelloMs < staleAfterMs) return false;
  return peer.address.port === 0 || (peer.isDown && nowMs - peer.downSinceMs >= staleAfterMs);
}

function isSeenDown(entry: Entry): boolean {
  return (entry.get('flags') ?? '').split(',').includes('s_down');
}

function keepKnownPeers(stale: Set<Peer>, entries: readonly Entry[]): void {
  for (const peer of stale) {
    const entry = entries.find((each) => each.get('runid') === peer.runId);
    if (entry !== undefined && !isSeenDown(entry) && entry.get('port') !== '0') stale.delete(peer);
  }
}

function entriesOf(reply: Reply): Entry[] | undefined {
  if (!isAggregate(reply)) return undefined;
  const entries: Entry[] = [];
  for (const element of reply.elements) {
    if (!isAggregate(element)) return undefined;
    const fields = new Map<string, string>();
    for (let index = 0; index + 1 < element.elements.length; index += 2)
      fields.set(replyText(element.elements[index]), replyText(element.elements[index + 1]));
    entries.push(fields);
  }
  return entries;
}
