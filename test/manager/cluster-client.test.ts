// cluster-client: finds the node of each key in a cluster of redis-servers, while slots move and masters die.
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { keySlot } from '../../src/base/key-slot.js';
import { ClusterClient, ClusterUnreachable, type ClusterClientOptions } from '../../src/client/cluster-client.js';
import { ConnectionLost } from '../../src/client/connection.js';
import { openNode } from '../../src/client/open-node.js';
import { replyText } from '../../src/client/reply.js';
import { systemClock } from '../../src/io/clock.js';
import { joinNodes, startNodes, stopNodes, untilTrue } from '../cluster-peers.js';
import { peerMissing, type RedisPeer } from '../peer.js';

function openClient(nodes: readonly { port: number }[], options: Partial<ClusterClientOptions> = {}) {
  return ClusterClient.open({
    seeds: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    clock: systemClock,
    connect: (address) => openNode(address),
    patienceMs: 120_000,
    ...options,
  });
}

describe('the cluster client', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let nodes: RedisPeer[];
  before(async () => {
    nodes = await startNodes(6, { nodeTimeoutMs: 2000 });
    await joinNodes(nodes, { replicas: 1 });
  });
  after(() => stopNodes(nodes));

  test('sends each key to its node', async () => {
    const client = await openClient([nodes[4]!]);
    const keys = Array.from({ length: 300 }, (_, index) => `key:${index}`);
    await Promise.all(keys.map((key) => client.call('SET', key, `v${key}`)));
    const values = await Promise.all(keys.map((key) => client.call('GET', key)));
    assert.deepEqual(
      values.map(replyText),
      keys.map((key) => `v${key}`),
    );
    assert.equal(client.counts.moved, 0);
    assert.equal(client.map.shards.length, 3);
    // A node lists a replica only once it has heard the replica's offset.
    await untilTrue(async () => {
      await client.refresh();
      return client.map.nodes.length === 6;
    });
    client.close();
  });

  test('passes errors of the command itself on', async () => {
    const client = await openClient(nodes);
    assert.match(replyText(await client.call('INCR', 'key:1')), /^ERR value is not an integer/);
    client.close();
  });

  test('follows ASK for one command and MOVED for good', async () => {
    const client = await openClient(nodes);
    const slot = keySlot(Buffer.from('moving'));
    const source = nodes.find(({ port }) => port === client.map.ownerOf(slot)!.port)!;
    const target = nodes.slice(0, 3).find((node) => node !== source)!;
    const [sourceId, targetId] = await Promise.all([source, target].map((node) => node.send('CLUSTER', 'MYID')));
    await target.send('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', sourceId!);
    await source.send('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', targetId!);
    await client.call('SET', 'moving', 'there');
    assert.equal(client.counts.asked, 1);
    assert.equal(client.map.ownerOf(slot)!.port, source.port);
    for (const node of [target, source, ...nodes.slice(0, 3)])
      await node.send('CLUSTER', 'SETSLOT', String(slot), 'NODE', targetId!);
    assert.equal(replyText(await client.call('GET', 'moving')), 'there');
    assert.equal(client.counts.moved, 1);
    assert.equal(client.map.ownerOf(slot)!.port, target.port);
    client.close();
  });

  test('goes on after a failover', async () => {
    const client = await openClient(nodes);
    const address = client.map.ownerOfKey(Buffer.from('key:7'))!;
    const master = nodes.find(({ port }) => port === address.port)!;
    // A replica of a failing master votes only with fresh data.
    await untilTrue(async () => (await master.send('INFO', 'replication')).includes('state=online'));
    process.kill(master.pid, 'SIGKILL');
    let reply;
    do {
      try {
        reply = await client.call('GET', 'key:7');
      } catch (error) {
        assert.ok(error instanceof ConnectionLost); // the connection that the node's end closed
      }
    } while (reply === undefined);
    assert.equal(replyText(reply), 'vkey:7');
    assert.notEqual(client.map.ownerOfKey(Buffer.from('key:7'))!.port, address.port);
    client.close();
  });
});

/** A server that gives the same reply to everything. */
async function startAnswering(answer: string | undefined): Promise<{ port: number; stop(): void }> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => {
      if (answer !== undefined) socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe('the cluster client with nodes that are none', () => {
  const answers: [string, string | undefined, RegExp][] = [
    ['hangs', undefined, /closed/i],
    ['has no cluster', '-ERR This instance has cluster support disabled\r\n', /cluster support disabled/],
    ['wants a login', '-NOAUTH Authentication required.\r\n', /NOAUTH/],
    ['sends text', '+OK\r\n', /not a list/],
    ['sends a slot that is none', '*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:7000\r\n', /slot that is none/],
    ['sends a port that is none', '*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n', /port that is none/],
    ['sends half a node', '*1\r\n*3\r\n:0\r\n:1\r\n:2\r\n', /not a list/],
    ['speaks something else', 'HTTP/1.1 400\r\n\r\n', /reply type|Protocol/i],
  ];
  for (const [name, answer, reason] of answers) {
    test(`a node that ${name}`, async () => {
      const liar = await startAnswering(answer);
      await assert.rejects(openClient([liar], { answerMsMax: 200 }), (error) => {
        assert.ok(error instanceof ClusterUnreachable);
        assert.match(error.message, reason);
        return true;
      });
      liar.stop();
    });
  }

  test('nodes that redirect for ever', async () => {
    const moving = await startLooping();
    const client = await openClient([moving], { patienceMs: 300 });
    assert.match(replyText(await client.call('GET', 'k1')), /^MOVED 12706/);
    client.close();
    moving.stop();
  });
});

/** A node that owns all slots and says of each that it has moved to itself. */
async function startLooping(): Promise<{ port: number; stop(): void }> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const port = (server.address() as AddressInfo).port;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const slots = `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:${port}\r\n`;
      for (const command of bytes.toString().split(/(?=\*\d+\r\n)/))
        socket.write(command.includes('SLOTS') ? slots : `-MOVED 12706 127.0.0.1:${port}\r\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
