// messages: makes and sends this node's messages: pings with gossip, failures, votes, updates, publications.
//
// Gossip: each ping describes a tenth of the nodes, at least three, chosen at random, and all that are suspected, so
// that a failure gets round in a few pings whatever the size of the cluster.

import type { Bus } from './bus.js';
import { encodeMessage } from './encode.js';
import {
  type ForgottenNode,
  type GossipEntry,
  type MessageBody,
  MessageFlag,
  type MessageHeader,
  MessageType,
} from './message.js';
import { type BusLink, type ClusterNode, NodeFlag, SLOT_BITMAP_BYTES } from './node.js';

const GOSSIP_COUNT_MIN = 3;
/** Flags above these are this version's own. */
const WIRE_FLAGS = 0xffff;

function headerOf(bus: Bus, type: number, extraFlags = 0): MessageHeader {
  const { state, settings, world } = bus;
  const { myself, shardMaster } = state;
  const { usesTls, announcedPort, announcedTlsPort } = settings;
  const pauses = myself.isMaster && state.manualFailover.endMs > 0;
  return {
    type,
    sender: myself.id,
    port: usesTls ? announcedTlsPort : announcedPort,
    otherPort: usesTls ? announcedPort : announcedTlsPort,
    busPort: settings.announcedBusPort,
    ip: settings.announcedIp,
    nodeFlags: myself.flags & WIRE_FLAGS,
    isOk: state.isOk,
    messageFlags: MessageFlag.extensions | (pauses ? MessageFlag.paused : 0) | extraFlags,
    currentEpoch: state.currentEpoch,
    configEpoch: shardMaster.configEpoch,
    offset: Math.max(0, world.replicationOffset()),
    slots: shardMaster.slots,
    masterId: myself.master?.id ?? '',
  };
}

function build(bus: Bus, type: number, body: MessageBody, extraFlags = 0): Uint8Array {
  return encodeMessage({ header: headerOf(bus, type, extraFlags), body });
}

/** To every node that a connection stands to. */
function broadcast(bus: Bus, type: number, body: MessageBody, extraFlags = 0): void {
  let bytes: Uint8Array | undefined;
  for (const node of bus.state.nodes.values()) {
    if (node.isMyself || node.isInHandshake || node.link?.isOpen !== true) continue;
    bytes ??= build(bus, type, body, extraFlags);
    bus.send(node.link, type, bytes);
  }
}

// --- PING, PONG, MEET ------------------------------------------------------------------------------------------------------

export function sendPing(bus: Bus, link: BusLink | undefined, type: number = MessageType.ping): void {
  if (link?.isOpen !== true) return;
  bus.pingNumber++;
  const { node } = link;
  if (node !== undefined && !link.isInbound && type === MessageType.ping) node.pingSentMs = bus.nowMs;
  const gossip = pickGossip(bus, node);
  const takesExtensions = node?.has(NodeFlag.extensions) === true;
  const { settings, state } = bus;
  const extensions = takesExtensions
    ? {
        hostname: settings.hostname,
        humanName: settings.humanName,
        forgotten: forgottenNodes(bus),
        shardId: state.myself.shardId,
      }
    : {};
  bus.send(link, type, build(bus, type, { kind: 'gossip', gossip, extensions }));
}

function forgottenNodes(bus: Bus): ForgottenNode[] {
  const found: ForgottenNode[] = [];
  for (const [id, untilMs] of bus.state.forgotten)
    if (untilMs > bus.nowMs) found.push({ id, seconds: Math.ceil((untilMs - bus.nowMs) / 1000) });
  return found;
}

function pickGossip(bus: Bus, receiver: ClusterNode | undefined): GossipEntry[] {
  const { state, world, pingNumber } = bus;
  const entries: GossipEntry[] = [];
  const others = [...state.nodes.values()].filter((node) => !node.isMyself && node !== receiver);
  const wanted = Math.min(Math.max(GOSSIP_COUNT_MIN, Math.floor(state.nodes.size / 10)), others.length);
  // The first `wanted` of a shuffle.
  for (let index = 0; index < others.length && entries.length < wanted; index++) {
    const other = index + world.random.below(others.length - index);
    const node = others[other]!;
    others[other] = others[index]!;
    others[index] = node;
    if (node.isSuspected || node.isInHandshake || !node.hasAddress) continue;
    if (node.link === undefined && node.slotCount === 0) continue;
    node.gossipedInPing = pingNumber;
    entries.push(gossipOf(bus, node));
  }
  if (bus.suspectedCount > 0)
    for (const node of state.nodes.values())
      if (node.isSuspected && !node.isInHandshake && node.hasAddress) entries.push(gossipOf(bus, node));
  return entries;
}

function gossipOf(bus: Bus, node: ClusterNode): GossipEntry {
  const { usesTls } = bus.settings;
  return {
    id: node.id,
    pingSentSeconds: bus.wallSeconds(node.pingSentMs),
    pongReceivedSeconds: bus.wallSeconds(node.pongReceivedMs),
    ip: node.ip,
    port: usesTls ? node.tlsPort : node.port,
    otherPort: usesTls ? node.port : node.tlsPort,
    busPort: node.busPort,
    nodeFlags: node.flags & WIRE_FLAGS,
  };
}

/** Tells all, or those of the own shard, how things are here now. */
export function broadcastPong(bus: Bus, to: 'all' | 'shard'): void {
  const { state } = bus;
  const { myself } = state;
  for (const node of state.nodes.values()) {
    if (node.isMyself || node.isInHandshake || node.link === undefined) continue;
    const isOfShard = node.master !== undefined && (node.master === myself || node.master === myself.master);
    if (to === 'all' || isOfShard) sendPing(bus, node.link, MessageType.pong);
  }
}

// --- the others ------------------------------------------------------------------------------------------------------------

export function broadcastFail(bus: Bus, failing: ClusterNode): void {
  broadcast(bus, MessageType.fail, { kind: 'fail', id: failing.id });
}

/** Tells a node that somebody else owns slots by now. */
export function sendUpdate(bus: Bus, link: BusLink | undefined, owner: ClusterNode): void {
  if (link?.isOpen !== true) return;
  const slots = new Uint8Array(SLOT_BITMAP_BYTES);
  for (let index = 0; index < slots.length; index++) slots[index] = owner.slots[index]! & ~bus.state.unclaimed[index]!;
  const body: MessageBody = { kind: 'update', id: owner.id, configEpoch: owner.claimEpoch, slots };
  bus.send(link, MessageType.update, build(bus, MessageType.update, body));
}

export function requestVotes(bus: Bus): void {
  const flags = bus.state.manualFailover.endMs > 0 ? MessageFlag.forceAck : 0;
  broadcast(bus, MessageType.authRequest, { kind: 'none' }, flags);
}

export function sendVote(bus: Bus, node: ClusterNode): void {
  bus.send(node.link, MessageType.authAck, build(bus, MessageType.authAck, { kind: 'none' }));
}

export function sendManualFailoverStart(bus: Bus, master: ClusterNode): void {
  const type = MessageType.manualFailoverStart;
  bus.send(master.link, type, build(bus, type, { kind: 'none' }));
}

/** A publication goes to all; that of a shard channel to the nodes of the shard. */
export function sendPublication(bus: Bus, sharded: boolean, channel: Uint8Array, payload: Uint8Array): void {
  const { state } = bus;
  const body: MessageBody = { kind: 'publish', channel, payload };
  if (!sharded) {
    broadcast(bus, MessageType.publish, body);
    return;
  }
  let bytes: Uint8Array | undefined;
  const master = state.shardMaster;
  for (const node of [master, ...master.replicas]) {
    if (node.isMyself || node.isInHandshake || node.link?.isOpen !== true) continue;
    bytes ??= build(bus, MessageType.publishShard, body);
    bus.send(node.link, MessageType.publishShard, bytes);
  }
}
