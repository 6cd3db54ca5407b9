// The HTTP door among people who connect and say nothing, who say it slowly, and who say too much. KVASIR_ADMIN_IDLE=4000 for more of them.
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { firstAdmin, send, startTestAdmin } from './admin-client.js';

// Both ends of each connection are files of this process.
const idleCount = Number(process.env.KVASIR_ADMIN_IDLE ?? 1000);

test('serves others while a thousand connections say nothing or half a request', async (t) => {
  const admin = await startTestAdmin(t);
  const root = await firstAdmin(admin);
  const sockets: Socket[] = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  for (let index = 0; index < idleCount; index += 100) {
    const some = Array.from({ length: Math.min(100, idleCount - index) }, () => connect(admin.port, '127.0.0.1'));
    sockets.push(...some);
    for (const socket of some) socket.on('error', () => undefined);
    await Promise.all(some.map((socket) => once(socket, 'connect')));
  }
  for (const [index, socket] of sockets.entries())
    if (index % 2 === 0) socket.write('POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nX-A: ');
  for (let index = 1; index < 40; index += 2)
    sockets[index]!.write('POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"na');
  assert.equal((await root.get('/api/servers')).status, 200);
  assert.equal((await send(admin.port, 'GET', '/')).status, 200);
  assert.deepEqual(admin.log, []);
});

test('reads no more of a body than it takes, and no path outside of the page', async (t) => {
  const admin = await startTestAdmin(t);
  const root = await firstAdmin(admin);
  const huge = await root.post('/api/login', { name: 'x'.repeat(1 << 20), password: 'x' }).catch(() => undefined);
  assert.ok(huge === undefined || huge.status === 413 || huge.status === 400, String(huge?.status));
  const headers = {
    'content-type': 'application/json',
    cookie: root.cookie,
    'x-csrf-token': root.token,
    'content-length': String(2 ** 40),
  };
  const socket = connect(admin.port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  const words = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST /api/servers/try HTTP/1.1\r\nHost: localhost\r\n${words.join('')}\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1.1 413 /);
  for (const path of ['/../package.json', '/..%2f..%2fpackage.json', '/%2e%2e/app.js', '//etc/passwd', '/app.js/../x'])
    assert.equal((await send(admin.port, 'GET', path)).status, 404, path);
  assert.equal((await root.get('/api/servers')).status, 200);
  assert.deepEqual(admin.log, []);
});

test('lets a file of four gigabytes come at 200 KB a second, and a request end at some time', async (t) => {
  const servers = new Set<Server>();
  const onStart = (message: unknown): void => void servers.add((message as { server: Server }).server);
  subscribe('http.server.request.start', onStart);
  t.after(() => unsubscribe('http.server.request.start', onStart));
  const admin = await startTestAdmin(t);
  await send(admin.port, 'GET', '/');
  const [server] = servers;
  assert.ok(server!.requestTimeout >= (4e9 / 200e3) * 1000, `${server!.requestTimeout} ms`);
  assert.ok(server!.requestTimeout <= 24 * 3600_000, `${server!.requestTimeout} ms`);
  // The head has no reason to take that long.
  assert.ok(server!.headersTimeout > 0 && server!.headersTimeout <= 60_000, `${server!.headersTimeout} ms`);
});
