// A node of the cluster that lies in the middle of a move of slots: the other side keeps its own keys, and its senses.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { keySlot } from '../../src/base/key-slot.js';
import { encodeCommand } from '../../src/client/encode-command.js';
import { MessageType } from '../../src/cluster/message.js';
import { findClusterPort, untilTrue } from '../cluster-peers.js';
import { type KvasirProcess, startKvasir } from '../kvasir.js';
import { BusClient, fakeNode, id, message, portOf } from './fake-node.js';

const BUS_OFFSET = 10_000;
const SPLIT = 8192;

function keyIn(isLow: boolean): string {
  for (let number = 0; ; number++) if (keySlot(Buffer.from(`k${number}`)) < SPLIT === isLow) return `k${number}`;
}

describe('a move of slots with a node that lies', () => {
  const lowKey = keyIn(true);
  const highKey = keyIn(false);
  let kvasir: KvasirProcess;
  let bus: Server;
  let door: Server;
  let onSync: (socket: Socket) => void = () => undefined;
  const sockets = new Set<Socket>();

  before(async () => {
    door = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('+OK\r\n');
        onSync(socket);
      });
    });
    door.listen(0, '127.0.0.1');
    await once(door, 'listening');
    const port = await findClusterPort();
    const args = [
      '--cluster-enabled',
      'yes',
      '--cluster-node-timeout',
      '60000',
      '--cluster-require-full-coverage',
      'no',
    ];
    kvasir = await startKvasir({ port, args });
    assert.equal(await kvasir.send('CLUSTER', 'ADDSLOTSRANGE', String(SPLIT), '16383'), 'OK');
    const words = { port: portOf(door), configEpoch: 5, currentEpoch: 5, slots: [0, SPLIT - 1] as const };
    bus = await fakeNode(id('b'), words);
    const client = await BusClient.to(port + BUS_OFFSET);
    client.send(message(MessageType.meet, { ...words, sender: id('b'), busPort: portOf(bus) }));
    await untilTrue(
      async () => (await kvasir.send('CLUSTER', 'NODES')).includes(' 0-8191'),
      'the slots of the fake node',
    );
    client.end();
    await untilTrue(async () => (await kvasir.send('SET', highKey, 'mine')) === 'OK', 'the cluster');
  });

  after(async () => {
    for (const socket of sockets) socket.destroy();
    bus?.close();
    door?.close();
    await kvasir?.stop({ signal: 'SIGKILL' });
  });

  async function status(move: string, field: string): Promise<string> {
    const words = (await kvasir.send('CLUSTER', 'MIGRATION', 'STATUS', 'ID', move)).split('\n');
    return words[words.indexOf(field) + 1] ?? '';
  }

  /** Imports slots from a source that says this; returns why the first attempt failed. */
  async function importFrom(say: (socket: Socket) => void): Promise<string> {
    onSync = say;
    const move = await kvasir.send('CLUSTER', 'MIGRATION', 'IMPORT', '0', '100');
    await untilTrue(async () => (await status(move, 'last_error')) !== '', 'a failure');
    const reason = await status(move, 'last_error');
    await kvasir.send('CLUSTER', 'MIGRATION', 'CANCEL', 'ID', move);
    assert.equal(await status(move, 'state'), 'canceled');
    return reason;
  }

  const command = (...words: string[]): Uint8Array => Buffer.from(encodeCommand(words));
  const words = (...rest: string[]): Uint8Array => command('CLUSTER', 'SYNCSLOTS', ...rest);

  for (const attack of [
    ['SET', highKey, 'theirs'],
    ['DEL', lowKey, highKey],
    ['FLUSHALL'],
    ['CONFIG', 'SET', 'maxmemory', '1'],
    ['SHUTDOWN', 'NOSAVE'],
    ['EVAL', "return redis.call('DEL', 'x')", '0'],
    ['MULTI'],
    ['SUBSCRIBE', 'x'],
    ['NO-SUCH-COMMAND\nforged line'],
  ])
    it(`does not run ${attack[0]!.split('\n')[0]} of ${attack.length - 1} words for the source`, async () => {
      const reason = await importFrom((socket) => void socket.write(command(...attack)));
      assert.match(reason, /^The source sent '[^']*', which is no write of the slots that it moves$/);
      assert.equal(await kvasir.send('GET', highKey), 'mine');
    });

  it('ends an attempt whose stream is no command', async () => {
    assert.match(await importFrom((socket) => void socket.write('*1\r\n:1\r\n')), /what is no command/);
    assert.match(await importFrom((socket) => void socket.write('*9999999999\r\n')), /what is no command/);
  });

  it('takes nonsense for figures as nothing, and reasons without their line ends', async () => {
    const reason = await importFrom((socket) => {
      socket.write(words('STATUS', '1e999', '-5', 'NaN', '0', 'Infinity'));
      socket.write(words('MARK', '99999999999999999999'));
      socket.write(words('ACK', '1'));
      socket.write(words('FAIL', `bad\r\n${'x'.repeat(100_000)}`));
    });
    assert.match(reason, /^bad\?\?x+\.\.\.$/);
    assert.ok(reason.length < 300);
  });

  it('does not take the slots without a mark that it has answered', async () => {
    const reason = await importFrom((socket) => void socket.write(words('HANDOFF', '1', '1e999')));
    assert.match(reason, /too late/);
    assert.match(await kvasir.send('CLUSTER', 'NODES'), new RegExp(`${id('b')} .* 0-8191`));
  });

  it('ends a move whose destination has gone before the copy began', async () => {
    const raw = connect(kvasir.port, '127.0.0.1');
    sockets.add(raw);
    raw.on('error', () => undefined).resume();
    raw.write(Buffer.concat([words('SYNC', id('e'), id('b'), '9002', '9002'), command('QUIT')]));
    await once(raw, 'close');
    await untilTrue(async () => (await status(id('e'), 'last_error')) !== '', 'a failure');
    // What was about to begin has had its turn by the second reply.
    await kvasir.send('PING');
    assert.equal(await status(id('e'), 'state'), 'failed');
    assert.match(await kvasir.send('CLUSTER', 'INFO'), /cluster_slot_migration_active_tasks:0/);
  });

  it('does not serve slots that it has handed over when only some are seen at their new owner', async () => {
    const raw = connect(kvasir.port, '127.0.0.1');
    sockets.add(raw);
    raw.on('error', () => undefined);
    raw.write(words('SYNC', id('f'), id('b'), String(SPLIT), String(SPLIT + 1)));
    let isHandedOver = false;
    let seen = '';
    raw.setEncoding('latin1').on('data', (text: string) => {
      seen += text;
      for (const [, mark] of seen.matchAll(/MARK\r\n\$\d+\r\n(\d+)\r\n/g)) raw.write(words('ACK', mark!));
      isHandedOver ||= seen.includes('HANDOFF');
      seen = seen.slice(-20);
    });
    await untilTrue(() => Promise.resolve(isHandedOver), 'the handoff');
    const client = await BusClient.to(kvasir.port + BUS_OFFSET);
    const claim = { port: portOf(door), configEpoch: 50, currentEpoch: 50, slots: [0, SPLIT] as const };
    client.send(message(MessageType.ping, { ...claim, sender: id('b'), busPort: portOf(bus) }));
    await untilTrue(
      async () => (await kvasir.send('CLUSTER', 'NODES')).includes(` ${SPLIT + 1}-16383`),
      'the claim of one slot',
    );
    await kvasir.send('PING');
    assert.equal(await status(id('f'), 'last_error'), '');
    raw.write(words('TAKEN', '50'));
    await untilTrue(async () => (await status(id('f'), 'state')) === 'completed', 'the end of the move');
    assert.match(await kvasir.send('CLUSTER', 'NODES'), new RegExp(` ${SPLIT + 2}-16383`));
    client.end();
  });

  it('keeps nodes.conf readable when the destination lies about its epoch', async () => {
    const raw = connect(kvasir.port, '127.0.0.1');
    sockets.add(raw);
    raw.on('error', () => undefined);
    raw.write(words('SYNC', id('d'), id('b'), '9001', '9001'));
    let seen = '';
    raw.setEncoding('latin1').on('data', (text: string) => {
      seen += text;
      for (const [, mark] of seen.matchAll(/MARK\r\n\$\d+\r\n(\d+)\r\n/g)) raw.write(words('ACK', mark!));
      seen = seen.slice(-20);
      if (text.includes('HANDOFF')) raw.write(words('TAKEN', '1e999'));
    });
    await untilTrue(
      async () => (await kvasir.send('CLUSTER', 'NODES')).includes('-9000 9002-16383'),
      'the end of the slot',
    );
    const port = kvasir.port;
    await kvasir.stop({ keepFolder: true });
    const args = ['--cluster-enabled', 'yes'];
    kvasir = await startKvasir({ port, args, folder: kvasir.folder });
    assert.match(await kvasir.send('CLUSTER', 'INFO'), /cluster_current_epoch:\d+\s/);
  });
});
