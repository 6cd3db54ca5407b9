// tick: periodic work, ten times a second: connections, pings, suspicion, elections.

import type { Bus } from './bus.js';
import { updateStatus } from './cluster-status.js';
import { proceedElection } from './election.js';
import { markFailedIfAgreed } from './failure.js';
import { askForPause, endManualFailover, expireManualFailover, proceedManualFailover } from './manual-failover.js';
import { sendPing } from './messages.js';
import { type ClusterNode, NodeFlag } from './node.js';
import { migrateReplica } from './replica-migration.js';
import { leaveSubReplica } from './slot-claims.js';

export const TICK_MS = 100;
const HANDSHAKE_MS_MIN = 1000;
/** At each tenth tick one node is pinged: of so many at random, the one that was heard of longest ago. */
const RANDOM_PING_TICKS = 10;
const RANDOM_PING_CHOICES = 5;

export function tick(bus: Bus): void {
  const { state } = bus;
  bus.tickNumber++;
  updateMyself(bus);
  connectAll(bus);
  if (bus.tickNumber % RANDOM_PING_TICKS === 0) pingAtRandom(bus);
  let isSuspicious = false;
  for (const node of state.nodes.values()) {
    if (node.isMyself || !node.hasAddress || node.isInHandshake) continue;
    if (watch(bus, node)) isSuspicious = true;
  }
  expireManualFailover(bus);
  if (state.myself.isReplica) {
    leaveSubReplica(bus);
    askForPause(bus);
    proceedManualFailover(bus);
    proceedElection(bus);
    migrateReplica(bus);
  } else if (state.manualFailover.endMs > 0 && state.manualFailover.replica === undefined) endManualFailover(bus);
  if (isSuspicious || !state.isOk) updateStatus(bus);
}

/** Brings this node's own entry in line with the configuration. */
export function updateMyself(bus: Bus): void {
  const { settings, state } = bus;
  const { myself } = state;
  const { announcedIp, announcedPort, announcedTlsPort, announcedBusPort, hostname, humanName } = settings;
  const flags = settings.replicaNoFailover ? myself.flags | NodeFlag.noFailover : myself.flags & ~NodeFlag.noFailover;
  const ip = announcedIp === '' ? myself.ip : announcedIp;
  if (
    flags === myself.flags &&
    ip === myself.ip &&
    announcedPort === myself.port &&
    announcedTlsPort === myself.tlsPort &&
    announcedBusPort === myself.busPort &&
    hostname === myself.hostname &&
    humanName === myself.humanName
  )
    return;
  myself.flags = flags;
  Object.assign(myself, { ip, hostname, humanName });
  Object.assign(myself, { port: announcedPort, tlsPort: announcedTlsPort, busPort: announcedBusPort });
  state.version++;
  bus.save();
}

/** Connections that one tick begins. */
const CONNECTS_PER_TICK = 50;

function connectAll(bus: Bus): void {
  const { state, nowMs, settings } = bus;
  const handshakeMs = Math.max(HANDSHAKE_MS_MIN, settings.nodeTimeoutMs);
  bus.suspectedCount = 0;
  const unconnected: ClusterNode[] = [];
  for (const node of [...state.nodes.values()]) {
    if (node.isMyself || !node.hasAddress) continue;
    if (node.isInHandshake && nowMs - node.createdMs > handshakeMs) {
      bus.log(
        'verbose',
        `The handshake with ${node.ip}:${node.busPort} (bus port) has not succeeded in ${handshakeMs} ms.`,
      );
      bus.removeNode(node);
      continue;
    }
    if (node.isSuspected) bus.suspectedCount++;
    if (node.link === undefined) unconnected.push(node);
  }
  // The longest waiting comes first. A nodes.conf may name thousands that are gone; each attempt takes clients' time.
  if (unconnected.length > CONNECTS_PER_TICK) unconnected.sort((a, b) => a.dialedMs - b.dialedMs);
  for (const node of unconnected.slice(0, CONNECTS_PER_TICK)) bus.connect(node);
}

function pingAtRandom(bus: Bus): void {
  const nodes = [...bus.state.nodes.values()];
  let oldest: ClusterNode | undefined;
  for (let count = 0; count < RANDOM_PING_CHOICES; count++) {
    const node = nodes[bus.world.random.below(nodes.length)]!;
    if (node.isMyself || node.isInHandshake || node.link?.isOpen !== true || node.pingSentMs > 0) continue;
    if (oldest === undefined || node.pongReceivedMs < oldest.pongReceivedMs) oldest = node;
  }
  if (oldest !== undefined) sendPing(bus, oldest.link);
}

/** Pings a node that is due, and suspects it when it does not answer; true: since now. */
function watch(bus: Bus, node: ClusterNode): boolean {
  const { state, nowMs, settings } = bus;
  const { nodeTimeoutMs } = settings;
  const pingAgeMs = nowMs - node.pingSentMs;
  const dataAgeMs = nowMs - node.dataReceivedMs;
  // The connection may be dead without a word: another is tried while there is still time.
  const { link } = node;
  if (
    link !== undefined &&
    nowMs - link.createdMs > nodeTimeoutMs &&
    node.pingSentMs > 0 &&
    pingAgeMs > nodeTimeoutMs / 2 &&
    dataAgeMs > nodeTimeoutMs / 2
  )
    bus.close(link);
  if (node.pingSentMs === 0 && nowMs - node.pongReceivedMs > settings.pingIntervalMs) {
    if (node.link?.isOpen === true) sendPing(bus, node.link);
    // It is sent when there is a connection; the time until then counts.
    else node.pingSentMs = nowMs;
    return false;
  }
  if (state.manualFailover.replica === node && state.myself.isMaster && node.link?.isOpen === true) {
    sendPing(bus, node.link);
    return false;
  }
  if (node.pingSentMs === 0 || Math.min(pingAgeMs, dataAgeMs) <= nodeTimeoutMs) return false;
  if (node.isSuspected || node.hasFailed) return false;
  node.flags |= NodeFlag.suspected;
  state.version++;
  // Alone, this node is the majority.
  if (state.myself.isMaster && state.size === 1) markFailedIfAgreed(bus, node);
  else bus.log('debug', `*** NODE ${bus.name(node)} possibly failing`);
  return true;
}
