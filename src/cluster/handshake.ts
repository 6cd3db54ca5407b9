// handshake: introduces nodes to each other: MEET, the answer that proves an id, and addresses that change.

import type { Bus } from './bus.js';
import type { MessageHeader } from './message.js';
import { type BusLink, ClusterNode, isNodeId, NodeFlag } from './node.js';

/** Redis advises against more than a thousand; this bounds what a hostile peer can make this node remember. */
export const NODES_MAX = 4096;

export interface ToldAddress {
  readonly ip: string;
  readonly port: number;
  readonly otherPort: number;
  readonly busPort: number;
}

/** Sets where a node is; ports come in the order of the bus (with TLS first, if it has TLS). */
export function setAddress(bus: Bus, node: ClusterNode, { ip, port, otherPort, busPort }: ToldAddress): void {
  const { usesTls } = bus.settings;
  node.ip = ip;
  node.port = usesTls ? otherPort : port;
  node.tlsPort = usesTls ? port : otherPort;
  node.busPort = busPort;
  bus.state.version++;
}

export function clientPort(bus: Bus, node: ClusterNode): number {
  return bus.settings.usesTls ? node.tlsPort : node.port;
}

/** Begins to meet a node; false: that goes on already, or there are too many nodes. */
export function startHandshake(bus: Bus, address: ToldAddress, flags: number): boolean {
  const { state } = bus;
  if (state.nodes.size >= NODES_MAX) {
    bus.log('warning', `No more nodes than ${NODES_MAX} can be known: ${address.ip}:${address.port} is not met.`);
    return false;
  }
  for (const node of state.nodes.values()) {
    if (!node.isInHandshake || node.ip !== address.ip || node.busPort !== address.busPort) continue;
    if (clientPort(bus, node) === address.port) return false;
  }
  const node = new ClusterNode(bus.world.newId(), bus.world.newId(), NodeFlag.handshake | flags, bus.nowMs);
  setAddress(bus, node, address);
  state.add(node);
  return true;
}

/** The address that a message says it comes from. */
export function addressOf(link: BusLink, header: MessageHeader): ToldAddress {
  const { port, otherPort, busPort } = header;
  return { ip: header.ip === '' ? link.remoteAddress : header.ip, port, otherPort, busPort };
}

/** A ping from a known node came from elsewhere than before; true: its address is a new one. */
export function updateAddress(bus: Bus, node: ClusterNode, link: BusLink, header: MessageHeader): boolean {
  // A link that was opened to its address proves nothing new.
  if (link === node.link) return false;
  const told = addressOf(link, header);
  const { usesTls } = bus.settings;
  const otherPort = usesTls ? node.port : node.tlsPort;
  if (told.ip === '') return false;
  if (
    node.ip === told.ip &&
    node.busPort === told.busPort &&
    clientPort(bus, node) === told.port &&
    otherPort === told.otherPort
  )
    return false;
  setAddress(bus, node, told);
  bus.close(node.link);
  node.flags &= ~NodeFlag.noAddress;
  bus.log('notice', `Address updated for node ${bus.name(node)}, now ${node.ip}:${clientPort(bus, node)}`);
  if (bus.state.myself.master === node) bus.actions.push({ kind: 'follow', master: node });
  bus.changed();
  return true;
}

/** The node that answered on a link has the right id: that of the message. Returns false when the link is of no more use. */
export function completeHandshake(bus: Bus, link: BusLink, header: MessageHeader): boolean {
  const { state } = bus;
  const node = link.node!;
  const known = state.node(header.sender);
  if (known !== undefined) {
    bus.log('verbose', `Handshake: we already know node ${bus.name(known)}, updating the address if needed.`);
    if (known !== state.myself) updateAddress(bus, known, link, header);
    bus.removeNode(node);
    return false;
  }
  if (!isNodeId(header.sender)) return false;
  state.rename(node, header.sender);
  node.flags = (node.flags & ~NodeFlag.handshake) | (header.nodeFlags & (NodeFlag.master | NodeFlag.replica));
  bus.log('debug', `Handshake with node ${node.id} completed.`);
  bus.changed();
  return true;
}
