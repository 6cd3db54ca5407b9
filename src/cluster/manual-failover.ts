// manual-failover: a replica takes its master's place because a user says so, without losing a write.
//
//   replica                         master
//   CLUSTER FAILOVER
//   MFSTART ───────────────────────> pauses writes, pings with its offset and the flag "paused"
//   applies the stream up to that offset
//   election with "force ack" ─────> votes although the master is well
//
// The master may not know this replica yet, or the link may break: MFSTART is sent each second until the offset comes.
// Both give up after five seconds; the master's pause lasts twice that, as votes may still be on their way.

import type { Bus } from './bus.js';
import { sendManualFailoverStart, sendPing } from './messages.js';
import type { BusLink, ClusterNode } from './node.js';

export const MANUAL_FAILOVER_MS = 5000;
const PAUSE_MS = 2 * MANUAL_FAILOVER_MS;
const ASK_MS = 1000;

export function endManualFailover(bus: Bus): void {
  const { manualFailover } = bus.state;
  if (manualFailover.replica !== undefined) bus.actions.push({ kind: 'unpause' });
  Object.assign(manualFailover, { endMs: 0, askedMs: 0, replica: undefined, masterOffset: -1, canStart: false });
}

/** At the replica: asks its master to pause, again when the last time had no effect. */
export function askForPause(bus: Bus): void {
  const { manualFailover, myself } = bus.state;
  const { endMs, canStart, masterOffset, askedMs } = manualFailover;
  if (endMs === 0 || canStart || masterOffset >= 0 || bus.nowMs - askedMs < ASK_MS) return;
  if (myself.master?.link?.isOpen !== true) return;
  manualFailover.askedMs = bus.nowMs;
  sendManualFailoverStart(bus, myself.master);
}

/** At the master: a replica wants its place. */
export function takeManualFailoverStart(bus: Bus, link: BusLink, replica: ClusterNode): void {
  const { manualFailover, myself } = bus.state;
  if (replica.master !== myself) return;
  endManualFailover(bus);
  manualFailover.endMs = bus.nowMs + MANUAL_FAILOVER_MS;
  manualFailover.replica = replica;
  bus.actions.push({ kind: 'pause', durationMs: PAUSE_MS });
  bus.log('notice', `Manual failover requested by replica ${bus.name(replica)}.`);
  // The other side waits for the offset; it comes again with each tick.
  sendPing(bus, link);
}

/** At the replica: the paused master has said how far it is. */
export function takePausedOffset(bus: Bus, offset: number): void {
  bus.state.manualFailover.masterOffset = offset;
  bus.wantsManualFailover = true;
  bus.log('notice', `Received replication offset for paused master manual failover: ${offset}`);
}

/** At the replica: has everything arrived? */
export function proceedManualFailover(bus: Bus): void {
  const { manualFailover } = bus.state;
  if (manualFailover.endMs === 0 || manualFailover.canStart || manualFailover.masterOffset < 0) return;
  if (manualFailover.masterOffset !== bus.world.replicationOffset()) return;
  manualFailover.canStart = true;
  bus.wantsFailover = true;
  bus.log('notice', 'All master replication stream processed, manual failover can start.');
}

export function expireManualFailover(bus: Bus): void {
  const { endMs } = bus.state.manualFailover;
  if (endMs === 0 || endMs >= bus.nowMs) return;
  bus.log('warning', 'Manual failover timed out.');
  endManualFailover(bus);
}
