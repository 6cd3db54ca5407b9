// choose-replica: the replica that becomes the master: one that is well, by priority, then by how much it has, then by run id.

import type { Master, Replica } from './instance.js';
import { belongsElsewhere } from './ownership.js';
import type { SentinelState } from './state.js';

export function chooseReplica(state: SentinelState, master: Master): Replica | undefined {
  const { nowMs, timing } = state;
  const linkDownMsMax = master.downAfterMs * 10 + failedMs(state, master);
  // While the master is down INFO comes every second.
  const infoAgeMax = master.isDown ? timing['ping-period'] * 5 : timing['info-period'] * 3;
  let best: Replica | undefined;
  for (const replica of master.replicas.values()) {
    if (replica.isDown || replica.link.disconnected) continue;
    if (nowMs - replica.link.lastAvailableMs > timing['ping-period'] * 5) continue;
    if (replica.priority === 0 || belongsElsewhere(state, replica)) continue;
    if (replica.infoRefreshMs === 0 || nowMs - replica.infoRefreshMs > infoAgeMax) continue;
    if (replica.masterLinkDownMs > linkDownMsMax) continue;
    if (best === undefined || isBetter(replica, best)) best = replica;
  }
  return best;
}

/** How long replicas may have been without the master because it failed. */
function failedMs({ nowMs, timing }: SentinelState, master: Master): number {
  if (!master.isDown) return 0;
  const downMs = nowMs - master.downSinceMs;
  if (master.roleReported === 'master') return downMs;
  // A master that follows another, even one of its own replicas, counts as down only after two periods of INFO, and its replicas
  // are cut off from the moment of the change. With a short down-after they all looked too old, for ever.
  return Math.max(downMs, nowMs - master.roleReportedSinceMs + timing['info-period'], master.masterLinkDownMs);
}

function isBetter(one: Replica, other: Replica): boolean {
  if (one.priority !== other.priority) return one.priority < other.priority;
  if (one.offset !== other.offset) return one.offset > other.offset;
  // A replica that does not tell its run id is very old.
  if ((one.runId === '') !== (other.runId === '')) return one.runId !== '';
  return one.runId.toLowerCase() < other.runId.toLowerCase();
}
