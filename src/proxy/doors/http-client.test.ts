import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { callApi } from './http-client.js';

test('a request does not meet a connection that the other side has given up', async (t) => {
  const used = new WeakSet<Socket>();
  const server = createServer((request, response) => {
    if (used.has(request.socket)) request.socket.destroy();
    used.add(request.socket);
    response.end('"OK"');
  });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (let count = 0; count < 3; count++)
    assert.equal(await callApi('PUT', address, '/api/proxy/start/x', [count], 60_000), 'OK');
});
