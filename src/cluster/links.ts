// links: the sockets of the bus: connections to the other nodes, and those that they open.
//
// Each pair of nodes has two, one opened by either side: a node sends pings on its own and pongs on the other's. The messages of a
// turn go out in one write, so that a pipeline of PUBLISH costs one for each node. The wire keeps bytes that cannot be
// sent yet; a link that holds more of them than cluster-link-sendbuf-limit is closed.
//
// A malformed message closes its link, and a log line says what was wrong.

import type { LogLevel } from '../base/log-level.js';
import type { Clock } from '../io/clock.js';
import type { ConnectEvents } from '../io/network.js';
import { noWire, type Wire, type WireEvents } from '../io/wire.js';
import { BusFormatError, decodeMessage } from './decode.js';
import { FrameReader } from './frame-reader.js';
import type { BusMessage } from './message.js';
import { MESSAGE_BYTES_MAX, PLAIN_MESSAGE_BYTES_MAX } from './message-layout.js';
import type { BusLink } from './node.js';

export interface LinksOwner {
  readonly clock: Clock;
  log(level: LogLevel, text: string): void;
  /** Opens a connection; TLS is the owner's. */
  connect(host: string, port: number, events: ConnectEvents): Wire;
  opened(link: BusLink): void;
  closed(link: BusLink): void;
  message(link: BusLink, message: BusMessage): void;
  newInboundLink(remoteAddress: string, localAddress: string): BusLink;
}

/** Strangers may connect, but not in any number. */
const STRANGERS_MAX = 1024;

interface OpenLink {
  readonly link: BusLink;
  wire: Wire;
  readonly reader: FrameReader;
  isOver: boolean;
  /** Messages of this turn. */
  waiting: Uint8Array[];
  waitingBytes: number;
}

function makeOpenLink(link: BusLink, wire: Wire): OpenLink {
  return { link, wire, reader: new FrameReader(), isOver: false, waiting: [], waitingBytes: 0 };
}

export class Links {
  private readonly links = new Map<BusLink, OpenLink>();
  /** Links that were closed because too much waited to be sent. */
  limitExceeded = 0;

  constructor(private readonly owner: LinksOwner) {}

  /** A node or a stranger has opened a connection. */
  accept(wire: Wire): WireEvents {
    const link = this.owner.newInboundLink(hostOf(wire.remote), hostOf(wire.local));
    link.isOpen = true;
    const open = makeOpenLink(link, wire);
    if (this.strangerCount() >= STRANGERS_MAX) {
      open.isOver = true;
      wire.destroy();
    } else this.links.set(link, open);
    return this.events(open);
  }

  private strangerCount(): number {
    if (this.links.size < STRANGERS_MAX) return 0;
    let count = 0;
    for (const link of this.links.keys()) if (link.isInbound && link.node === undefined) count++;
    return count;
  }

  connect(link: BusLink, host: string, port: number): void {
    const open = makeOpenLink(link, noWire);
    this.links.set(link, open);
    open.wire = this.owner.connect(host, port, {
      ...this.events(open),
      onOpen: () => {
        if (!open.isOver) this.owner.opened(link);
      },
    });
    if (open.isOver) open.wire.destroy();
  }

  private events(open: OpenLink): WireEvents {
    return {
      onData: (bytes, count) => this.take(open, bytes.subarray(0, count)),
      onDrain: () => undefined,
      onEnd: () => this.end(open),
      onClose: () => this.end(open),
    };
  }

  private take(open: OpenLink, bytes: Uint8Array): void {
    const { link, reader } = open;
    if (open.isOver) return;
    try {
      reader.push(
        bytes,
        // An unknown node has nothing to publish.
        () => (link.node === undefined || link.node.isInHandshake ? PLAIN_MESSAGE_BYTES_MAX : MESSAGE_BYTES_MAX),
        (frame) => {
          const message = decodeMessage(frame);
          if (message === undefined)
            this.owner.log('verbose', `Node ${nameOf(link)} sends a message of an unknown type.`);
          else this.owner.message(link, message);
          return !open.isOver;
        },
      );
    } catch (error) {
      if (!(error instanceof BusFormatError)) throw error;
      this.owner.log('warning', `Closing the bus link ${nameOf(link)}, which sent a wrong message: ${error.message}.`);
      this.end(open);
    }
  }

  /** Sends a message together with the others of this turn. */
  send(link: BusLink, bytes: Uint8Array): void {
    const open = this.links.get(link);
    if (open === undefined || open.isOver) return;
    open.waiting.push(bytes);
    open.waitingBytes += bytes.length;
    if (open.waiting.length > 1) return;
    this.owner.clock.soon(() => {
      const { waiting } = open;
      open.waiting = [];
      open.waitingBytes = 0;
      if (!open.isOver) open.wire.writeAll(waiting);
    });
  }

  /** The machine has given the link up; nothing is heard of it any more. */
  close(link: BusLink): void {
    const open = this.links.get(link);
    if (open === undefined) return;
    this.links.delete(link);
    if (open.isOver) return;
    open.isOver = true;
    open.wire.destroy();
  }

  private end(open: OpenLink): void {
    if (open.isOver) return;
    open.isOver = true;
    this.links.delete(open.link);
    open.wire.destroy();
    this.owner.closed(open.link);
  }

  closeAll(): void {
    for (const link of [...this.links.keys()]) this.close(link);
  }

  /** Closes links with more bytes than `limit` that wait to be sent; 0 for no limit. */
  enforceLimit(limit: number): void {
    if (limit === 0) return;
    for (const open of [...this.links.values()]) {
      const bytes = open.waitingBytes + open.wire.unsentBytes;
      if (bytes <= limit) continue;
      this.owner.log(
        'warning',
        `Freeing cluster link(${nameOf(open.link)}, used memory: ${bytes}) due to exceeding send buffer memory limit.`,
      );
      this.limitExceeded++;
      this.end(open);
    }
  }

  get memoryBytes(): number {
    let bytes = 0;
    for (const { wire, waitingBytes, reader } of this.links.values())
      bytes += wire.unsentBytes + waitingBytes + reader.roomBytes;
    return bytes;
  }

  unsentBytes(link: BusLink): number {
    const open = this.links.get(link);
    return open === undefined ? 0 : open.wire.unsentBytes + open.waitingBytes;
  }

  /** Links whose node is known, in the order in which they were made. */
  *known(): Iterable<BusLink> {
    for (const link of this.links.keys()) if (link.node !== undefined) yield link;
  }
}

function nameOf({ isInbound, node, remoteAddress }: BusLink): string {
  return `${isInbound ? 'from' : 'to'} ${node === undefined ? remoteAddress : `node ${node.id}`}`;
}

/** The address of `host:port` or `[host]:port`. */
function hostOf(text: string): string {
  return text.slice(0, Math.max(0, text.lastIndexOf(':'))).replace(/^\[|\]$/g, '');
}
