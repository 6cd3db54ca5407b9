// What strangers and broken nodes send to the bus of a running server closes their connection, and nothing else.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { decodeMessage } from '../../src/cluster/decode.js';
import { encodeMessage } from '../../src/cluster/encode.js';
import { FrameReader } from '../../src/cluster/frame-reader.js';
import { type BusMessage, MessageFlag, MessageType } from '../../src/cluster/message.js';
import { HeaderAt } from '../../src/cluster/message-layout.js';
import { findClusterPort, untilTrue } from '../cluster-peers.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';

const BUS_OFFSET = 10_000;
const id = (letter: string): string => letter.repeat(40);

interface Words {
  readonly sender?: string;
  readonly busPort?: number;
  readonly currentEpoch?: number;
}

function message(type: number, { sender = id('a'), busPort = 1, currentEpoch = 0 }: Words = {}): Uint8Array {
  return encodeMessage({
    header: {
      type,
      sender,
      port: 7000,
      otherPort: 0,
      busPort,
      ip: '127.0.0.1',
      nodeFlags: 1,
      isOk: true,
      messageFlags: MessageFlag.extensions,
      currentEpoch,
      configEpoch: 0,
      offset: 0,
      slots: new Uint8Array(2048),
      masterId: '',
    },
    body: { kind: 'gossip', gossip: [], extensions: {} },
  });
}

/** A connection to the bus that collects what comes back. */
class BusClient {
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

describe('the bus of a server', () => {
  let kvasir: KvasirProcess;
  let busPort: number;
  const fakes: Server[] = [];

  before(async () => {
    const port = await findClusterPort();
    kvasir = await startKvasir({ port, args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '60000'] });
    busPort = port + BUS_OFFSET;
  });

  after(async () => {
    for (const fake of fakes) fake.close();
    await kvasir.stop();
  });

  /** A node that proves its id to whoever connects. */
  async function fakeNode(sender: string): Promise<number> {
    const server = createServer((socket) => {
      const client = new BusClient(socket);
      socket.on('data', () => {
        if (client.received.splice(0).length > 0)
          client.send(message(MessageType.pong, { sender, busPort: portOf(server) }));
      });
    });
    fakes.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return portOf(server);
  }

  function portOf(server: Server): number {
    return (server.address() as { port: number }).port;
  }

  const lies: readonly (readonly [string, () => Uint8Array])[] = [
    ['noise', () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a length that is too short', () => change((view) => view.setUint32(HeaderAt.length, 100))],
    ['a length of gigabytes', () => change((view) => view.setUint32(HeaderAt.length, 0xfffffff0))],
    ['more entries than bytes', () => change((view) => view.setUint16(HeaderAt.count, 1000))],
    ['an epoch that nobody can reach', () => change((view) => view.setUint32(HeaderAt.currentEpoch, 0xffffffff))],
    ['another version', () => change((view) => view.setUint16(HeaderAt.version, 7))],
    ['an id that is none', () => message(MessageType.ping, { sender: 'Z'.repeat(40) })],
  ];

  function change(how: (view: DataView) => void): Uint8Array {
    const bytes = message(MessageType.ping);
    how(new DataView(bytes.buffer));
    return bytes;
  }

  for (const [what, bytes] of lies)
    it(`closes a connection that sends ${what}`, async () => {
      const client = await BusClient.to(busPort);
      client.send(bytes());
      await client.closed();
      const info = await kvasir.send('CLUSTER', 'INFO');
      assert.match(info, /cluster_known_nodes:1\s/);
      assert.match(info, /cluster_current_epoch:0\s/);
    });

  it('answers a stranger that pings, and learns nothing from it', async () => {
    const client = await BusClient.to(busPort);
    client.send(message(MessageType.ping, { currentEpoch: 77 }));
    await client.got(MessageType.pong);
    assert.match(await kvasir.send('CLUSTER', 'INFO'), /cluster_known_nodes:1\s[^]*cluster_current_epoch:0\s/);
    client.end();
  });

  it('closes the connection of a node that says to be another one', async () => {
    const port = await fakeNode(id('b'));
    const client = await BusClient.to(busPort);
    client.send(message(MessageType.meet, { sender: id('b'), busPort: port }));
    await client.got(MessageType.pong);
    await untilTrue(
      async () => (await kvasir.send('CLUSTER', 'NODES')).includes(`${id('b')} 127.0.0.1:7000`),
      'the node',
    );
    client.send(message(MessageType.ping, { sender: id('b'), busPort: port }));
    client.send(message(MessageType.ping, { sender: id('c'), busPort: port, currentEpoch: 99 }));
    await client.closed();
    assert.match(kvasir.log(), new RegExp(`it said to be node ${id('b')} and now says to be ${id('c')}`));
    assert.match(await kvasir.send('CLUSTER', 'INFO'), /cluster_known_nodes:2\s[^]*cluster_current_epoch:[01]\s/);
  });
});
