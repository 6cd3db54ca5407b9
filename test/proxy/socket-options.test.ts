// The options of a pool's sockets: tcpkeepalive, as the system shows it for each connection, and reuseport, with a Node that can share a
// port and with one that cannot.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { sharesPorts } from '../../src/io/sockets.js';
import { programPath } from '../kvasir.js';
import { findFreePort } from '../peer.js';
import { type FakeBackend, startFakeBackend } from './fake-backend.js';
import { startKvasirProxy, startProxy, type RunningProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

async function startNamed(t: TestContext, name: string): Promise<FakeBackend> {
  const backend = await startFakeBackend(() => `+${name}\r\n`);
  t.after(() => backend.close());
  return backend;
}

function poolText(name: string, port: number, server: number, more = ''): string {
  return `${name}:\n  listen: 127.0.0.1:${port}\n  redis: true\n${more}  servers:\n   - 127.0.0.1:${server}:1\n`;
}

/** The timer that the system runs for a connection of this machine, as /proc/net/tcp has it: '02' tests a silent peer, '00' is none. */
async function timerOf(local: number, remote: number): Promise<string> {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  const line = new RegExp(`: \\w+:${hex(local)} \\w+:${hex(remote)} 01 \\S+ (\\d\\d):`);
  for (;;) {
    const timer = line.exec(readFileSync('/proc/net/tcp', 'latin1'))?.[1];
    // '01' and '04' belong to bytes that are under way.
    if (timer === '00' || timer === '02') return timer;
    await sleep(5);
  }
}

test(
  'tcpkeepalive has the system test the connections of clients and of servers',
  { skip: existsSync('/proc/net/tcp') ? false : 'the system shows no timers' },
  async (t) => {
    const [tested, untested] = [await startNamed(t, 'tested'), await startNamed(t, 'untested')];
    const [testedPort, port] = [await findFreePort(), await findFreePort()];
    const proxy = await startKvasirProxy(
      poolText('tested', testedPort, tested.port, '  tcpkeepalive: true\n') + poolText('not', port, untested.port),
      port,
    );
    t.after(() => proxy.stop('SIGKILL'));
    const timersOf = async (poolPort: number, backend: FakeBackend, reply: string): Promise<string[]> => {
      const socket = connect(poolPort, '127.0.0.1');
      t.after(() => socket.destroy());
      await once(socket, 'connect');
      const client = RawClient.on(socket);
      assert.equal(await client.call('GET', 'a'), `+${reply}\r\n`);
      const [toServer] = [...backend.sockets] as [Socket];
      return [await timerOf(poolPort, socket.localPort!), await timerOf(toServer.remotePort!, backend.port)];
    };
    assert.deepEqual(await timersOf(testedPort, tested, 'tested'), ['02', '02']);
    assert.deepEqual(await timersOf(port, untested, 'untested'), ['00', '00']);
  },
);

/** A Node that can share a port: this one, or one of those that CI has besides. */
function sharingNode(): string | undefined {
  if (sharesPorts()) return process.execPath;
  const folder = resolve(process.env.KVASIR_RUNTIMES ?? '.runtimes');
  return ['node-22', 'node-24', 'node-26']
    .map((name) => join(folder, name, 'node_modules/.bin/node'))
    .find((path) => existsSync(path));
}

test(
  'with reuseport two processes listen on one port, and one goes on when the other has gone',
  { skip: sharingNode() === undefined ? 'needs Node 22.12 or later' : false },
  async (t) => {
    const port = await findFreePort();
    const proxies: RunningProxy[] = [];
    for (const name of ['first', 'second']) {
      const backend = await startNamed(t, name);
      const text = poolText('pool', port, backend.port, '  reuseport: true\n');
      const proxy = await startProxy([sharingNode()!, programPath('kvasir-proxy')], text, port);
      t.after(() => proxy.stop('SIGKILL'));
      let hasEnded = false;
      void proxy.exited.then(() => (hasEnded = true));
      // The port is open as soon as the first is there.
      while (!proxy.log().includes("pool 'pool' listens on")) {
        assert.ok(!hasEnded, proxy.log());
        await sleep(10);
      }
      assert.doesNotMatch(proxy.log(), /reuseport/);
      proxies.push(proxy);
    }
    const ask = async (): Promise<string | undefined> => {
      const client = await RawClient.open(port);
      const reply = await client.call('GET', 'a');
      client.close();
      return reply;
    };
    const heard = new Set<string | undefined>();
    while (heard.size < 2) heard.add(await ask());
    assert.deepEqual([...heard].sort(), ['+first\r\n', '+second\r\n']);
    await proxies[0]!.stop('SIGKILL');
    for (let round = 0; round < 20; round++) assert.equal(await ask(), '+second\r\n');
  },
);

test('the log says at the start when reuseport has no effect', async (t) => {
  const backend = await startNamed(t, 'only');
  const port = await findFreePort();
  const proxy = await startKvasirProxy(poolText('pool', port, backend.port, '  reuseport: true\n'), port);
  t.after(() => proxy.stop('SIGKILL'));
  while (!proxy.log().includes('serves 1 pools')) await sleep(10);
  assert.equal(/pool 'pool': reuseport has no effect, .* this is Node \d/.test(proxy.log()), !sharesPorts());
  for (const [version, shares] of [
    ['20.19.0', false],
    ['22.11.0', false],
    ['22.12.0', true],
    ['23.0.0', false],
    ['23.1.0', true],
    ['24.0.0', true],
  ] as const)
    assert.equal(sharesPorts(version), shares, version);
});
