// failure: failure detection: this node suspects one that does not answer; when most masters report it, it has failed,
// and a message to all says so.

import type { Bus } from './bus.js';
import { quorumOf } from './cluster-status.js';
import { broadcastFail } from './messages.js';
import { type ClusterNode, NodeFlag } from './node.js';

/** Reports count for so many node timeouts. */
const REPORT_TIMEOUTS = 2;
/** A master that is back and that nobody has replaced serves again after so many. */
const UNDO_TIMEOUTS = 2;

/** Notes that `reporter` cannot reach `node`. */
export function addReport(bus: Bus, node: ClusterNode, reporter: ClusterNode): void {
  const known = node.failureReports.find((report) => report.reporter === reporter);
  if (known !== undefined) {
    known.atMs = bus.nowMs;
    return;
  }
  node.failureReports.push({ reporter, atMs: bus.nowMs });
  bus.log('verbose', `Node ${bus.name(reporter)} reported node ${bus.name(node)} as not reachable.`);
}

export function removeReport(bus: Bus, node: ClusterNode, reporter: ClusterNode): void {
  const index = node.failureReports.findIndex((report) => report.reporter === reporter);
  if (index < 0) return;
  node.failureReports.splice(index, 1);
  bus.log('verbose', `Node ${bus.name(reporter)} reported node ${bus.name(node)} is back online.`);
}

/** Masters that cannot reach a node, by what they said lately. */
export function countReports(bus: Bus, node: ClusterNode): number {
  const oldestMs = bus.nowMs - REPORT_TIMEOUTS * bus.settings.nodeTimeoutMs;
  const { failureReports } = node;
  for (let index = failureReports.length - 1; index >= 0; index--)
    if (failureReports[index]!.atMs < oldestMs) failureReports.splice(index, 1);
  return failureReports.length;
}

/** A suspected node has failed when most masters say so. */
export function markFailedIfAgreed(bus: Bus, node: ClusterNode): void {
  if (!node.isSuspected || node.hasFailed) return;
  const own = bus.state.myself.isMaster ? 1 : 0;
  if (countReports(bus, node) + own < quorumOf(bus.state.size)) return;
  bus.log('notice', `Marking node ${bus.name(node)} as failing (quorum reached).`);
  markFailed(bus, node);
  broadcastFail(bus, node);
}

export function markFailed(bus: Bus, node: ClusterNode): void {
  node.flags = (node.flags & ~NodeFlag.suspected) | NodeFlag.failed;
  node.failedMs = bus.nowMs;
  bus.state.version++;
  bus.changed();
}

/** A node that failed answers again. */
export function clearFailure(bus: Bus, node: ClusterNode): void {
  const isPlain = node.isReplica || node.slotCount === 0;
  const isOverdue = bus.nowMs - node.failedMs > UNDO_TIMEOUTS * bus.settings.nodeTimeoutMs;
  if (!isPlain && !isOverdue) return;
  const reason = isPlain
    ? `${node.isReplica ? 'replica' : 'master without slots'} is reachable again.`
    : 'is reachable again and nobody is serving its slots after some time.';
  bus.log('notice', `Clear FAIL state for node ${bus.name(node)}: ${reason}`);
  node.flags &= ~NodeFlag.failed;
  bus.state.version++;
  bus.changed();
}
