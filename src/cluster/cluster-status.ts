// cluster-status: whether the cluster serves, as this node sees it: every slot has a master that works, and most masters are in reach.
//
// A master that was in a minority waits a while before it serves again, so that it learns of decisions without it; so
// does one that has just started.

import { SLOT_COUNT } from '../base/key-slot.js';
import type { Bus } from './bus.js';
import type { DownReason } from './state.js';

const REJOIN_MS_MAX = 5000;
const REJOIN_MS_MIN = 500;
const START_MS = 2000;

export function quorumOf(size: number): number {
  return Math.floor(size / 2) + 1;
}

export function updateStatus(bus: Bus): void {
  const { state, settings, nowMs } = bus;
  bus.wantsUpdate = false;
  let reachable = 0;
  /** Slots of nodes that have not failed. */
  let servedSlots = 0;
  state.size = 0;
  for (const node of state.nodes.values()) {
    if (!node.hasFailed) servedSlots += node.slotCount;
    if (!node.isVoter) continue;
    state.size++;
    if (!node.hasFailed && !node.isSuspected) reachable++;
  }
  const { isMaster } = state.myself;
  if (isMaster && !state.isOk && nowMs - bus.startedMs < START_MS) return;
  let reason: DownReason = 'none';
  if (settings.requiresFullCoverage && servedSlots < SLOT_COUNT) reason = 'uncovered-slot';
  if (reachable < quorumOf(state.size)) {
    reason = 'no-majority';
    bus.minorityMs = nowMs;
  }
  const isOk = reason === 'none';
  if (isOk === state.isOk) {
    if (!isOk) state.downReason = reason;
    return;
  }
  const waitMs = Math.min(REJOIN_MS_MAX, Math.max(REJOIN_MS_MIN, settings.nodeTimeoutMs));
  if (isOk && isMaster && nowMs - bus.minorityMs < waitMs) return;
  state.isOk = isOk;
  state.downReason = reason;
  state.version++;
  bus.log(isOk ? 'notice' : 'warning', `Cluster state changed: ${isOk ? 'ok' : 'fail'}`);
}
