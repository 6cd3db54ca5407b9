// receive: applies a message of the bus to this node.
//
// Only a known node changes anything: one that has proved its id on a link that this node opened to its address, or that the
// manager or a known node has named. A stranger may say MEET, and gets an answer.
//
// A message that claims another sender than those before it on its link closes the link.

import type { Bus } from './bus.js';
import { clearFailure, markFailed } from './failure.js';
import { resolveCollision } from './epochs.js';
import { takeVote, voteIfRight } from './election.js';
import { takeExtensions, takeGossip } from './gossip.js';
import { addressOf, completeHandshake, startHandshake, updateAddress } from './handshake.js';
import { takeManualFailoverStart, takePausedOffset } from './manual-failover.js';
import { type BusMessage, MessageFlag, type MessageHeader, MessageType, type MessageBody } from './message.js';
import { sendPing } from './messages.js';
import { type BusLink, type ClusterNode, NodeFlag } from './node.js';
import { noteMaster, noteReplica } from './roles.js';
import { correctStaleClaim, takeClaim } from './slot-claims.js';

/** A message came on a link. */
export function receive(bus: Bus, link: BusLink, message: BusMessage): void {
  const { header } = message;
  const { type } = header;
  bus.messagesReceived[type]!++;
  if (header.sender === bus.state.myself.id) {
    receiveFromMyself(bus, link, header);
    return;
  }
  const sender = senderOf(bus, link, header);
  if (sender === 'another') {
    bus.log(
      'warning',
      `Closing the bus link ${link.isInbound ? 'from' : 'to'} ${link.remoteAddress}: it said to be node ${link.node?.id} and now says to be ${header.sender}`,
    );
    bus.close(link);
    return;
  }
  if (sender !== undefined) noteSender(bus, sender, header);
  switch (type) {
    case MessageType.ping:
    case MessageType.pong:
    case MessageType.meet:
      receiveGossip(bus, link, sender, message);
      return;
    default:
      if (sender !== undefined) receiveFromKnown(bus, link, sender, message);
  }
}

/** This node has met itself, by an address that is its own. */
function receiveFromMyself(bus: Bus, link: BusLink, header: MessageHeader): void {
  const { type } = header;
  if (link.isInbound) {
    if (type === MessageType.ping || type === MessageType.meet) sendPing(bus, link, MessageType.pong);
  } else if (link.node?.isInHandshake === true) bus.removeNode(link.node);
  else if (link.node !== undefined) loseAddress(bus, link, link.node);
}

/** The sender, if it is known; 'another' when the link belongs to another node. */
function senderOf(bus: Bus, link: BusLink, header: MessageHeader): ClusterNode | undefined | 'another' {
  const known = bus.state.node(header.sender);
  const sender = known?.isInHandshake === true ? undefined : known;
  if (!link.isInbound) return link.node !== undefined && !link.node.isInHandshake ? link.node : sender;
  if (link.node !== undefined) return link.node.id === header.sender ? link.node : 'another';
  if (sender !== undefined) {
    // The node has opened a new connection: the old one is dead, or will be.
    bus.close(sender.inboundLink);
    link.node = sender;
    sender.inboundLink = link;
  }
  return sender;
}

function noteSender(bus: Bus, sender: ClusterNode, header: MessageHeader): void {
  const { state, nowMs } = bus;
  if (sender.id !== header.sender) return;
  if ((header.messageFlags & MessageFlag.extensions) !== 0) sender.flags |= NodeFlag.extensions;
  sender.dataReceivedMs = nowMs;
  if (header.currentEpoch > state.currentEpoch) {
    state.currentEpoch = header.currentEpoch;
    bus.save();
  }
  if (header.configEpoch > sender.configEpoch) {
    sender.raiseEpoch(header.configEpoch);
    bus.save();
  }
  sender.replicationOffset = header.offset;
  sender.replicationOffsetMs = nowMs;
  const { manualFailover, myself } = state;
  const isPaused = (header.messageFlags & MessageFlag.paused) !== 0;
  if (manualFailover.endMs > 0 && myself.master === sender && isPaused && manualFailover.masterOffset < 0)
    takePausedOffset(bus, header.offset);
}

// --- PING, PONG, MEET ------------------------------------------------------------------------------------------------------

type GossipBody = MessageBody & { kind: 'gossip' };

function receiveGossip(bus: Bus, link: BusLink, sender: ClusterNode | undefined, message: BusMessage): void {
  const { header } = message;
  const { type } = header;
  const body = message.body as GossipBody;
  if (type !== MessageType.pong) {
    learnOwnAddress(bus, link, type);
    if (sender === undefined && type === MessageType.meet) startHandshake(bus, addressOf(link, header), 0);
    sendPing(bus, link, MessageType.pong);
  }
  if (!link.isInbound && !checkAnswer(bus, link, header)) return;
  // A handshake that has just been completed: the node is known now.
  const known = sender ?? (link.isInbound ? undefined : link.node);
  if (!link.isInbound && type === MessageType.pong) takePong(bus, link.node!);
  if (known === undefined) return;
  if (sender === undefined) noteSender(bus, known, header);
  known.flags = (known.flags & ~NodeFlag.noFailover) | (header.nodeFlags & NodeFlag.noFailover);
  if (type === MessageType.ping) updateAddress(bus, known, link, header);
  takeRole(bus, known, header);
  takeSlots(bus, known, header);
  takeGossip(bus, known, body.gossip);
  takeExtensions(bus, known, body.extensions);
}

/** Others see this node under the address at which they reach it. */
function learnOwnAddress(bus: Bus, link: BusLink, type: number): void {
  const { myself } = bus.state;
  if (bus.settings.announcedIp !== '' || link.localAddress === '' || link.localAddress === myself.ip) return;
  if (type !== MessageType.meet && myself.ip !== '') return;
  myself.ip = link.localAddress;
  bus.state.version++;
  bus.log('notice', `IP address for this node updated to ${myself.ip}`);
  bus.save();
}

/** Whether the node at the other end of a link is the one that was expected there. */
function checkAnswer(bus: Bus, link: BusLink, header: MessageHeader): boolean {
  const { node } = link;
  if (node === undefined) return false;
  if (node.isInHandshake) return completeHandshake(bus, link, header);
  if (node.id === header.sender) return true;
  bus.log('debug', `At the address of node ${node.id} answers ${header.sender}.`);
  loseAddress(bus, link, node);
  return false;
}

function loseAddress(bus: Bus, link: BusLink, node: ClusterNode): void {
  node.flags |= NodeFlag.noAddress;
  Object.assign(node, { ip: '', port: 0, tlsPort: 0, busPort: 0 });
  bus.state.version++;
  bus.close(link);
  bus.save();
}

function takePong(bus: Bus, node: ClusterNode): void {
  node.pongReceivedMs = bus.nowMs;
  node.pingSentMs = 0;
  if (node.isSuspected) {
    node.flags &= ~NodeFlag.suspected;
    bus.changed();
  } else if (node.hasFailed) clearFailure(bus, node);
}

function takeRole(bus: Bus, sender: ClusterNode, header: MessageHeader): void {
  const { state } = bus;
  if (header.masterId === '') {
    noteMaster(bus, sender);
    return;
  }
  const master = state.node(header.masterId);
  if (master === sender) return;
  if (sender.isMaster) {
    const isShardMate = master !== undefined && master.shardId === sender.shardId;
    // A replica's message carries its master's epoch. A message with an older epoch than the known one is stale, unless
    // the sender has no slots: the epoch that it had as an empty master may be greater than its master's for ever.
    if (isShardMate && sender.slotCount > 0 && sender.configEpoch > header.configEpoch) return;
    if (isShardMate && master !== state.myself) {
      noteMaster(bus, master);
      const count = moveSlots(bus, sender, master);
      state.nameSlots(master, Math.max(master.configEpoch, header.configEpoch));
      bus.log(
        'notice',
        `A failover occurred in shard ${sender.shardId}; node ${bus.name(sender)} lost ${count} slot(s) to node ${bus.name(master)} with a config epoch of ${master.configEpoch}`,
      );
    } else {
      const count = state.unassignAll(sender);
      bus.log(
        'notice',
        `Node ${bus.name(sender)} is no longer master of shard ${sender.shardId}; removed all ${count} slot(s) it used to own`,
      );
    }
  }
  noteReplica(bus, sender, master);
}

function moveSlots(bus: Bus, from: ClusterNode, to: ClusterNode): number {
  const { owners } = bus.state;
  let count = 0;
  for (let slot = 0; slot < owners.length && from.slotCount > 0; slot++) {
    if (owners[slot] !== from) continue;
    bus.state.assign(slot, to);
    count++;
  }
  return count;
}

function takeSlots(bus: Bus, sender: ClusterNode, header: MessageHeader): void {
  const { myself } = bus.state;
  const master = sender.isMaster ? sender : sender.master;
  const differs = master !== undefined && !sameBitmap(master.slots, header.slots);
  if (sender.isMaster) bus.state.nameSlots(sender, header.configEpoch);
  if (differs && sender.isMaster) takeClaim(bus, sender, header.configEpoch, header.slots);
  if (differs) correctStaleClaim(bus, sender, header.configEpoch, header.slots);
  if (myself.isMaster && sender.isMaster && header.configEpoch === myself.configEpoch) resolveCollision(bus, sender);
}

function sameBitmap(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

// --- the others ------------------------------------------------------------------------------------------------------------

function receiveFromKnown(bus: Bus, link: BusLink, sender: ClusterNode, message: BusMessage): void {
  const { header, body } = message;
  const { state } = bus;
  switch (header.type) {
    case MessageType.authRequest:
      voteIfRight(bus, sender, message);
      return;
    case MessageType.authAck:
      takeVote(bus, sender, header.currentEpoch);
      return;
    case MessageType.manualFailoverStart:
      // Its pings may not have told yet that it is a replica.
      if (header.masterId === state.myself.id) takeRole(bus, sender, header);
      takeManualFailoverStart(bus, link, sender);
      return;
  }
  if (body.kind === 'publish') {
    const { channel, payload } = body;
    bus.actions.push({ kind: 'publish', sharded: header.type === MessageType.publishShard, channel, payload });
  } else if (body.kind === 'fail') {
    const failing = state.node(body.id);
    if (failing === undefined || failing.isMyself || failing.hasFailed || failing.isInHandshake) return;
    bus.log('notice', `FAIL message received from ${bus.name(sender)} about ${bus.name(failing)}`);
    markFailed(bus, failing);
  } else if (body.kind === 'update') takeUpdate(bus, body);
}

/** A node reports the slots of a third one, with an epoch that is newer than the known one. */
function takeUpdate(bus: Bus, { id, configEpoch, slots }: MessageBody & { kind: 'update' }): void {
  const node = bus.state.node(id);
  if (node === undefined || node.isMyself || node.claimEpoch >= configEpoch) return;
  noteMaster(bus, node);
  bus.state.nameSlots(node, configEpoch);
  bus.save();
  takeClaim(bus, node, configEpoch, slots);
}
