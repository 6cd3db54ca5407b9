// gossip: a known node's news of the others: failures, addresses, and nodes that this one has not met.

import type { Bus } from './bus.js';
import { addReport, countReports, markFailedIfAgreed, removeReport } from './failure.js';
import { clientPort, NODES_MAX, setAddress } from './handshake.js';
import type { Extensions, GossipEntry } from './message.js';
import { ClusterNode, isNodeId, NodeFlag } from './node.js';

const FAILING = NodeFlag.failed | NodeFlag.suspected;
/** Of what another node says about a third one, so much is taken over. */
const TOLD_FLAGS = NodeFlag.master | NodeFlag.replica | NodeFlag.failed | NodeFlag.migrateTo | NodeFlag.noFailover;
/** The clocks of two machines may differ by this. */
const CLOCK_ERROR_MS = 500;
const FORGOTTEN_SECONDS_MAX = 86_400;

export function takeGossip(bus: Bus, sender: ClusterNode, entries: readonly GossipEntry[]): void {
  for (const entry of entries) {
    const node = bus.state.node(entry.id);
    if (node === bus.state.myself) continue;
    if (node === undefined) addTold(bus, entry);
    else takeEntry(bus, sender, node, entry);
  }
}

function takeEntry(bus: Bus, sender: ClusterNode, node: ClusterNode, entry: GossipEntry): void {
  const saysFailing = (entry.nodeFlags & FAILING) !== 0;
  if (sender.isMaster && node !== sender) {
    if (saysFailing) {
      addReport(bus, node, sender);
      markFailedIfAgreed(bus, node);
    } else removeReport(bus, node, sender);
  }
  if (saysFailing) return;
  if (node.pingSentMs === 0 && countReports(bus, node) === 0) {
    const pongMs = entry.pongReceivedSeconds * 1000 - bus.wallOffsetMs;
    if (pongMs <= bus.nowMs + CLOCK_ERROR_MS && pongMs > node.pongReceivedMs) node.pongReceivedMs = pongMs;
  }
  // Others reach it, and somewhere else.
  const isElsewhere = node.ip !== entry.ip || node.busPort !== entry.busPort || clientPort(bus, node) !== entry.port;
  if ((node.flags & FAILING) === 0 || (entry.nodeFlags & NodeFlag.noAddress) !== 0 || entry.ip === '') return;
  if (!isElsewhere) return;
  bus.close(node.link);
  setAddress(bus, node, entry);
  node.flags &= ~NodeFlag.noAddress;
  bus.save();
}

/** A node that only others know yet. */
function addTold(bus: Bus, entry: GossipEntry): void {
  const { state, nowMs } = bus;
  if ((entry.nodeFlags & (NodeFlag.noAddress | NodeFlag.handshake)) !== 0 || entry.ip === '' || entry.busPort === 0)
    return;
  if (isForgotten(bus, entry.id) || state.nodes.size >= NODES_MAX || !isNodeId(entry.id)) return;
  const node = new ClusterNode(entry.id, bus.world.newId(), entry.nodeFlags & TOLD_FLAGS, nowMs);
  if (node.hasFailed) node.failedMs = nowMs;
  setAddress(bus, node, entry);
  state.add(node);
  bus.save();
}

export function isForgotten(bus: Bus, id: string): boolean {
  const { forgotten } = bus.state;
  const untilMs = forgotten.get(id);
  if (untilMs === undefined) return false;
  if (untilMs > bus.nowMs) return true;
  forgotten.delete(id);
  return false;
}

export function takeExtensions(bus: Bus, sender: ClusterNode, extensions: Extensions): void {
  const { state } = bus;
  const { hostname = '', humanName = '', shardId = sender.master?.shardId ?? sender.shardId } = extensions;
  if (sender.hostname !== hostname || sender.humanName !== humanName || sender.shardId !== shardId) {
    sender.hostname = hostname;
    sender.humanName = humanName;
    setShard(bus, sender, shardId);
    state.version++;
    bus.save();
  }
  for (const { id, seconds } of extensions.forgotten ?? []) {
    const node = state.node(id);
    if (node === undefined || node === state.myself || node === state.myself.master) continue;
    state.forgotten.set(id, bus.nowMs + Math.min(seconds, FORGOTTEN_SECONDS_MAX) * 1000);
    bus.removeNode(node);
    bus.changed();
  }
}

/** A master that names another shard takes its replicas there, this node included. */
function setShard(bus: Bus, sender: ClusterNode, shardId: string): void {
  sender.shardId = shardId;
  const { myself } = bus.state;
  if (myself.master === sender) myself.shardId = shardId;
  for (const replica of sender.replicas) replica.shardId = shardId;
}
