// Clients that ask and do not read: in each mode the proxy stops asking for them, and closes those that leave too much unread.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findFreePort } from '../peer.js';
import { xauthOf } from '../../src/proxy/codis/identity.js';
import { askHttp, startPart } from './codis-parts.js';
import { startFakeBackend, type FakeBackend } from './fake-backend.js';
import { askStatistics, startKvasirProxy, type RunningProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const REQUESTS = 800;
const large = `$100000\r\n${'y'.repeat(100_000)}\r\n`;

/** A server with one large value, that is also the only node of a cluster, and a sentinel that knows itself as the master. */
async function startLarge(t: TestContext): Promise<FakeBackend & { largeCount: number }> {
  const counts = { largeCount: 0 };
  const address = (): string => `$9\r\n127.0.0.1\r\n`;
  const backend = await startFakeBackend((call) => {
    if (call.is(0, 'get') && call.is(1, 'big')) {
      counts.largeCount++;
      return large;
    }
    if (call.is(0, 'cluster')) return `*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n${address()}:${backend.port}\r\n$2\r\nid\r\n`;
    if (call.is(0, 'sentinel')) return `*2\r\n${address()}$${String(backend.port).length}\r\n${backend.port}\r\n`;
    return '+OK\r\n';
  });
  t.after(() => backend.close());
  return Object.defineProperty(backend, 'largeCount', { get: () => counts.largeCount }) as FakeBackend & {
    largeCount: number;
  };
}

async function startPool(t: TestContext, text: string, port: number): Promise<RunningProxy> {
  const proxy = await startKvasirProxy(text, port);
  t.after(() => proxy.stop('SIGKILL'));
  return proxy;
}

async function startCodis(t: TestContext, port: number, backendPort: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-bounds-'));
  const adminPort = await findFreePort();
  const file = join(folder, 'proxy.toml');
  writeFileSync(
    file,
    `product_name = "shop"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${adminPort}"\n`,
  );
  const part = await startPart(['proxy', `--config=${file}`], adminPort, '/proxy/model');
  t.after(async () => {
    await part.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const { token } = (await askHttp(adminPort, 'GET', '/api/proxy/model')).body as { token: string };
  const xauth = xauthOf('shop', '', token);
  const slots = Array.from({ length: 1024 }, (_, id) => ({ id, backend_addr: `127.0.0.1:${backendPort}` }));
  await askHttp(adminPort, 'PUT', `/api/proxy/fillslots/${xauth}`, slots);
  await askHttp(adminPort, 'PUT', `/api/proxy/start/${xauth}`);
  return part.process.pid!;
}

const modes: readonly (readonly [string, (t: TestContext, port: number, server: number) => Promise<number>])[] = [
  [
    'twemproxy',
    async (t, port, server) =>
      (
        await startPool(
          t,
          `p:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n   - 127.0.0.1:${server}:1\n`,
          port,
        )
      ).pid,
  ],
  [
    'cluster',
    async (t, port, server) =>
      (
        await startPool(
          t,
          `p:\n  type: cluster\n  listen: 127.0.0.1:${port}\n  nodes:\n   - 127.0.0.1:${server}\n`,
          port,
        )
      ).pid,
  ],
  [
    'sentinel',
    async (t, port, server) =>
      (
        await startPool(
          t,
          `p:\n  type: sentinel\n  listen: 127.0.0.1:${port}\n  master_name: m\n  nodes:\n   - 127.0.0.1:${server}\n`,
          port,
        )
      ).pid,
  ],
  ['codis', startCodis],
];

/** A client that does not read. */
async function openDeaf(t: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  socket.pause();
  return socket;
}

for (const [mode, start] of modes) {
  test(`a client that does not read is not asked for more than it takes: ${mode}`, async (t) => {
    const backend = await startLarge(t);
    const port = await findFreePort();
    const pid = await start(t, port, backend.port);
    const deaf = await openDeaf(t, port);
    deaf.write('*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n'.repeat(REQUESTS));
    const client = await RawClient.open(port);
    t.after(() => client.close());
    // All that will be asked for has been when nothing is for a while in which others are served.
    let count = -1;
    for (let still = 0; still < 100; still++) {
      if (backend.largeCount !== count || count === 0) still = 0;
      count = backend.largeCount;
      assert.equal(await client.call('SET', 'small', 'x'), '+OK\r\n');
    }
    assert.ok(count > 0 && count <= 250, `${count} of ${REQUESTS} values of 100 kB were asked for`);
    let received = 0;
    deaf.on('data', (chunk: Buffer) => (received += chunk.length));
    deaf.resume();
    while (received < REQUESTS * large.length) await once(deaf, 'data');
    assert.equal(received, REQUESTS * large.length);
    assert.equal(backend.largeCount, REQUESTS);
    const resident = Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    assert.ok(resident < 300 * 1024, `${resident} kB are resident after the peak`);
  });
}

test('a subscriber that does not read is closed by its own limit, and others hear on', async (t) => {
  const sockets = new Set<Socket>();
  const backend = await startFakeBackend((call, socket) => {
    if (!call.is(0, 'subscribe')) return '+OK\r\n';
    sockets.add(socket);
    return '*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n';
  });
  t.after(() => backend.close());
  const port = await findFreePort();
  const proxy = await startPool(
    t,
    `p:\n  listen: 127.0.0.1:${port}\n  redis: true\n  subscriber_output_limit_mb: 2\n  servers:\n   - 127.0.0.1:${backend.port}:1\n`,
    port,
  );
  const deaf = await openDeaf(t, port);
  deaf.write('*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n');
  const listener = await RawClient.open(port);
  t.after(() => listener.close());
  assert.match((await listener.call('SUBSCRIBE', 'news'))!, /subscribe/);
  const message = `*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$200000\r\n${'m'.repeat(200_000)}\r\n`;
  while (!proxy.log().includes('bytes of replies are unread')) {
    for (const socket of sockets) socket.write(message);
    assert.equal(await listener.next(), message);
  }
  for (const socket of sockets) socket.write(message);
  assert.equal(await listener.next(), message);
  const client = await RawClient.open(port);
  t.after(() => client.close());
  assert.match((await client.call('INFO', 'pools'))!, /client_over_limit=1[,\r]/);
  const statistics = await askStatistics(proxy, '/');
  assert.match(statistics, /"client_over_limit":1[,}]/);
  const metrics = await askStatistics(proxy, '/metrics');
  assert.match(metrics, /^kvasir_proxy_client_over_limit_total\{pool="p"\} 1$/m);
});

test('a client that leaves more unread than the soft limit is closed when its time is over', async (t) => {
  const value = `$40000000\r\n${'z'.repeat(40_000_000)}\r\n`;
  const backend = await startFakeBackend((call) => (call.is(0, 'get') ? value : '+OK\r\n'));
  t.after(() => backend.close());
  const port = await findFreePort();
  const proxy = await startPool(
    t,
    `p:\n  listen: 127.0.0.1:${port}\n  redis: true\n  client_output_soft_limit_mb: 1\n  client_output_soft_seconds: 1\n  servers:\n   - 127.0.0.1:${backend.port}:1\n`,
    port,
  );
  const deaf = await openDeaf(t, port);
  deaf.write('*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n');
  const client = await RawClient.open(port);
  t.after(() => client.close());
  while (!proxy.log().includes('bytes of replies are unread'))
    assert.equal(await client.call('SET', 'a', 'b'), '+OK\r\n');
  assert.equal(await client.call('SET', 'a', 'b'), '+OK\r\n');
});
