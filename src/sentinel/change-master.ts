// change-master: another server is the master from now on: the old one becomes one of its replicas, and all else is learned anew.

import { type Address, sameAddress } from './address.js';
import type { Master } from './instance.js';
import type { SentinelState } from './state.js';

/** Forgets what is known of a master's servers, and of its sentinels if `peersToo`. Its address and its settings stay. */
export function resetMaster(state: SentinelState, master: Master, peersToo: boolean): void {
  for (const replica of master.replicas.values()) state.release(replica);
  master.replicas.clear();
  if (peersToo) {
    for (const peer of master.peers.values()) state.release(peer);
    master.peers.clear();
  }
  const { link } = master;
  state.closeLink(link);
  link.unansweredPingMs = state.nowMs;
  link.lastPingMs = 0;
  link.lastAvailableMs = state.nowMs;
  link.lastPongMs = state.nowMs;
  master.isDown = false;
  master.isObjectivelyDown = false;
  master.isRebooting = false;
  master.scriptKillSent = false;
  master.leader = '';
  endFailover(master);
  master.failoverChangeMs = 0;
  master.failoverStartMs = 0;
  master.promoted = undefined;
  master.runId = '';
  master.roleReported = 'master';
  master.roleReportedSinceMs = state.nowMs;
}

export function endFailover(master: Master): void {
  master.failoverState = 'none';
  master.failoverKind = undefined;
}

export function changeMaster(state: SentinelState, master: Master, to: Address): void {
  const servers = [...master.replicas.values()].map(({ address, isProven }) => ({ address, isProven }));
  if (!sameAddress(master.address, to)) servers.push({ address: master.address, isProven: true });
  resetMaster(state, master, false);
  master.address = to;
  master.downSinceMs = 0;
  master.objectivelyDownSinceMs = 0;
  master.infoRefreshMs = 0;
  for (const { address, isProven } of servers) {
    if (sameAddress(address, to)) continue;
    const replica = state.addReplica(master, address);
    if (replica === undefined) continue;
    replica.isProven = isProven;
    state.event('notice', '+slave', replica);
  }
  state.save();
  state.sink.masterMoved(master);
}

/** `+switch-master`, the event that clients wait for. */
export function reportSwitch(state: SentinelState, master: Master, to: Address): void {
  const from = master.address;
  state.report(
    'warning',
    '+switch-master',
    `${master.name} ${state.announced(from)} ${from.port} ${state.announced(to)} ${to.port}`,
    master,
  );
}
