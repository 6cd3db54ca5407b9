// fake-node: a node of a cluster that is none: it speaks on the bus and says what a test wants.

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { decodeMessage } from '../../src/cluster/decode.js';
import { encodeMessage } from '../../src/cluster/encode.js';
import { FrameReader } from '../../src/cluster/frame-reader.js';
import { type BusMessage, MessageFlag, MessageType } from '../../src/cluster/message.js';
import { setSlotBit, SLOT_BITMAP_BYTES } from '../../src/cluster/node.js';
import { untilTrue } from '../cluster-peers.js';

export const id = (letter: string): string => letter.repeat(40);

export interface Words {
  readonly sender?: string;
  readonly port?: number;
  readonly busPort?: number;
  readonly currentEpoch?: number;
  readonly configEpoch?: number;
  /** First and last slot that it claims. */
  readonly slots?: readonly [number, number];
}

export function message(type: number, words: Words = {}): Uint8Array {
  const { sender = id('a'), port = 7000, busPort = 1, currentEpoch = 0, configEpoch = 0, slots = [0, -1] } = words;
  const bitmap = new Uint8Array(SLOT_BITMAP_BYTES);
  for (let slot = slots[0]; slot <= slots[1]; slot++) setSlotBit(bitmap, slot);
  return encodeMessage({
    header: {
      type,
      sender,
      port,
      otherPort: 0,
      busPort,
      ip: '127.0.0.1',
      nodeFlags: 1,
      isOk: true,
      messageFlags: MessageFlag.extensions,
      currentEpoch,
      configEpoch,
      offset: 0,
      slots: bitmap,
      masterId: '',
    },
    body: { kind: 'gossip', gossip: [], extensions: {} },
  });
}

/** A connection to the bus that collects what comes back. */
export class BusClient {
  readonly received: BusMessage[] = [];
  isClosed = false;
  private readonly reader = new FrameReader();

  constructor(private readonly socket: Socket) {
    socket.on('error', () => undefined);
    socket.on('close', () => (this.isClosed = true));
    socket.on('data', (bytes) =>
      this.reader.push(
        bytes,
        () => 1e8,
        (frame) => this.received.push(decodeMessage(frame)!) > 0,
      ),
    );
  }

  static async to(port: number): Promise<BusClient> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new BusClient(socket);
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  closed(): Promise<void> {
    return untilTrue(() => Promise.resolve(this.isClosed), 'the end of the connection');
  }

  got(type: number): Promise<void> {
    return untilTrue(
      () => Promise.resolve(this.received.some(({ header }) => header.type === type)),
      `message ${type}`,
    );
  }

  end(): void {
    this.socket.destroy();
  }
}

/** A node that proves its id on every connection, and answers each message with a pong of these words. */
export async function fakeNode(sender: string, words: Words = {}): Promise<Server> {
  // A connection can outlive the listener, which has no address once it is closed.
  let busPort = 0;
  const server = createServer((socket) => {
    const client = new BusClient(socket);
    socket.on('data', () => {
      if (client.received.splice(0).length > 0) client.send(message(MessageType.pong, { ...words, sender, busPort }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  busPort = portOf(server);
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}
