// Bad bytes from strangers and broken nodes on the bus of a running server close their connection, and nothing else.

import assert from 'node:assert/strict';
import { type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { MessageType } from '../../src/cluster/message.js';
import { HeaderAt } from '../../src/cluster/message-layout.js';
import { findClusterPort, untilTrue } from '../cluster-peers.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { BusClient, fakeNode, id, message, portOf } from './fake-node.js';

const BUS_OFFSET = 10_000;
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
    const fake = await fakeNode(id('b'));
    fakes.push(fake);
    const port = portOf(fake);
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
