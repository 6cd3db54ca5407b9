// Clients that send a whole pipeline before they read its first reply, as hiredis, redis-py and many others do with what was
// appended. hiredis's own suite has such a case: 10,000 times LRANGE of 500 elements are written with a blocking socket, and
// only then are the replies read. A server that stops reading while replies wait makes both sides wait for ever.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';

describe('a pipeline that is sent before its replies are read', () => {
  let server: EmbeddedServer;

  before(async () => {
    server = await startServer({ port: 0 });
  });

  after(() => server.close());

  /** Sends everything, then reads so many bytes; the hash-like sum of what came. */
  async function exchange(requests: Buffer, bytes: number): Promise<Buffer> {
    const socket = createConnection(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.pause();
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.write(requests, () => resolve());
    });
    const parts: Buffer[] = [];
    let received = 0;
    socket.resume();
    while (received < bytes) {
      const [part] = (await once(socket, 'data')) as [Buffer];
      parts.push(part);
      received += part.length;
    }
    socket.destroy();
    return Buffer.concat(parts);
  }

  it('gets all replies when requests and replies are equally long', { timeout: 600_000 }, async () => {
    const text = 'x'.repeat(1990);
    const requests: string[] = [];
    const replies: string[] = [];
    for (let count = 0; count < 20_000; count++) {
      const value = `${String(count).padStart(10, '0')}${text}`;
      requests.push(`*2\r\n$4\r\nECHO\r\n$2000\r\n${value}\r\n`);
      replies.push(`$2000\r\n${value}\r\n`);
    }
    const wanted = Buffer.from(replies.join(''));
    assert.ok((await exchange(Buffer.from(requests.join('')), wanted.length)).equals(wanted));
  });

  it('gets all replies when they are much longer than the requests', { timeout: 600_000 }, async () => {
    const one = '$100000\r\n' + 'v'.repeat(100_000) + '\r\n';
    const socket = createConnection(server.port, '127.0.0.1');
    socket.write(`SET long ${'v'.repeat(100_000)}\r\n`);
    await once(socket, 'data');
    socket.destroy();
    const received = await exchange(Buffer.from('GET long\r\n'.repeat(1000)), one.length * 1000);
    assert.ok(received.equals(Buffer.from(one.repeat(1000))));
  });

  it('runs to its end when the client leaves without reading', { timeout: 600_000 }, async () => {
    const socket = createConnection(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    await once(socket, 'connect');
    await new Promise<void>((resolve) => {
      socket.write('ECHO '.concat('x'.repeat(10_000), '\r\nINCR runs\r\n').repeat(5000), () => resolve());
    });
    socket.end();
    const other = createConnection(server.port, '127.0.0.1');
    let runs = '';
    while (runs !== '$4\r\n5000\r\n') {
      other.write('GET runs\r\n');
      runs = String((await once(other, 'data'))[0]);
    }
    other.destroy();
    socket.destroy();
  });
});
