// Thousands of connections at once: each is served, and those that close leave nothing behind.
//
// The server is a process of its own, so that its handles can be counted apart from the clients'. It accepts by the handles
// below net.Socket where Node has them, and by net.Socket itself where KVASIR_PLAIN_SOCKETS is set.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { startKvasir, type KvasirProcess } from '../kvasir.js';

const CONNECTIONS = Number(process.env.KVASIR_CONNECTIONS ?? 5000);

/** Connects and sends PING before the connection is accepted; resolves with the socket when PONG has come. */
function ping(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    let reply = '';
    socket.on('error', reject);
    socket.on('data', (bytes: Buffer) => {
      reply += bytes.toString('latin1');
      if (reply.length < 7) return;
      assert.equal(reply, '+PONG\r\n');
      resolve(socket);
    });
    socket.write('PING\r\n');
  });
}

/** Open files of the server that are sockets; undefined where the system does not tell. */
function openFiles(server: KvasirProcess): number | undefined {
  try {
    return readdirSync(`/proc/${server.pid}/fd`).length;
  } catch {
    return undefined;
  }
}

async function info(asker: Socket, field: string): Promise<string> {
  asker.write('INFO everything\r\n');
  let text = '';
  while (!/^\$(\d+)\r\n/.test(text) || text.length < Number(/^\$(\d+)/.exec(text)![1])) {
    text += String((await once(asker, 'data'))[0]);
  }
  return new RegExp(`^${field}:(.*)\r$`, 'm').exec(text)![1]!;
}

async function untilAlone(asker: Socket): Promise<void> {
  while ((await info(asker, 'connected_clients')) !== '1');
}

const ways: readonly (readonly [name: string, env: Record<string, string>, count: number])[] = [
  ['handles', {}, CONNECTIONS],
  ['sockets of Node', { KVASIR_PLAIN_SOCKETS: '1' }, Math.ceil(CONNECTIONS / 5)],
];
for (const [name, env, count] of ways) {
  describe(`many connections at once, by ${name}`, { timeout: 600_000 }, () => {
    it('are all served and leave nothing behind', async () => {
      const server = await startKvasir({ args: ['--maxclients', String(count + 100)], env });
      const asker = await ping(server.port);
      asker.removeAllListeners('data');
      try {
        await untilAlone(asker);
        const before = openFiles(server);
        const sockets = await Promise.all(Array.from({ length: count }, () => ping(server.port)));
        assert.equal(await info(asker, 'connected_clients'), String(count + 1));
        if (before !== undefined) assert.equal(openFiles(server), before + count);
        // By turns: an end, a reset, and an end in the middle of a request.
        for (const [index, socket] of sockets.entries()) {
          socket.on('error', () => undefined);
          if (index % 3 === 0) socket.end();
          else if (index % 3 === 1) socket.resetAndDestroy();
          else socket.end('*2\r\n$3\r\nGET\r\n$1');
        }
        await untilAlone(asker);
        // A handle is closed in the turn after its client is forgotten.
        while (before !== undefined && openFiles(server)! > before) await untilAlone(asker);
        assert.equal(await info(asker, 'rejected_connections'), '0');
      } finally {
        asker.destroy();
        await server.stop();
      }
    });

    it('are refused with an error beyond maxclients', async () => {
      const server = await startKvasir({ args: ['--maxclients', '10'], env });
      const asker = await ping(server.port);
      asker.removeAllListeners('data');
      try {
        await untilAlone(asker);
        const served = await Promise.all(Array.from({ length: 9 }, () => ping(server.port)));
        const replies = await Promise.all(Array.from({ length: 20 }, () => replyUntilEnd(server.port)));
        assert.deepEqual(replies, Array<string>(20).fill('-ERR max number of clients reached\r\n'));
        assert.equal(await info(asker, 'rejected_connections'), '20');
        for (const socket of served) socket.destroy();
      } finally {
        asker.destroy();
        await server.stop();
      }
    });
  });
}

async function replyUntilEnd(port: number): Promise<string> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  await once(socket, 'end');
  return text;
}
