// choose-replica: the replica that becomes the master: one that is well, by priority, then by how much it has, then by run id.

import type { Master, Replica } from './instance.js';
import { belongsElsewhere } from './ownership.js';
import type { SentinelState } from './state.js';

export function chooseReplica(state: SentinelState, master: Master): Replica | undefined {
  const { nowMs, timing } = state;
  const linkDownMsMax = master.downAfterMs * 10 + (master.isDown ? nowMs - master.downSinceMs : 0);
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

function isBetter(one: Replica, other: Replica): boolean {
  if (one.priority !== other.priority) return one.priority < other.priority;
  if (one.offset !== other.offset) return one.offset > other.offset;
  // A replica that does not tell its run id is very old.
  if ((one.runId === '') !== (other.runId === '')) return one.runId !== '';
  return one.runId.toLowerCase() < other.runId.toLowerCase();
}
