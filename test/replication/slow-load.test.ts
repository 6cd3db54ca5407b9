// A replica that loads for longer than repl-timeout says nothing but empty lines, and is no dead one.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from '../../src/embed/start-server.js';

const TIMEOUT_MS = 2000;

it(
  'a replica that sends empty lines while it loads is not cut off, one that sends nothing is',
  { timeout: 120_000 },
  async (t) => {
    const server = await startServer({
      port: 0,
      save: '',
      'repl-timeout': TIMEOUT_MS / 1000,
      'repl-diskless-sync-delay': 0,
      logfile: '/dev/null',
    });
    t.after(() => server.close());
    const socket = createConnection(server.port, '127.0.0.1');
    t.after(() => socket.destroy());
    let isClosed = false;
    socket.on('close', () => (isClosed = true)).on('error', () => undefined);
    await once(socket, 'connect');
    let received = '';
    socket.on('data', (bytes) => (received += bytes.toString('latin1')));
    socket.write('REPLCONF capa eof\r\n');
    while (!received.startsWith('+OK\r\n')) await sleep(10);
    socket.write('PSYNC ? -1\r\n');
    // The data has come whole when the mark of its end has.
    const mark = (): string | undefined => /\$EOF:(.{40})\r\n/.exec(received)?.[1];
    while (mark() === undefined || !received.endsWith(mark()!) || received.split(mark()!).length < 3) await sleep(10);
    const aliveUntilMs = performance.now() + 3 * TIMEOUT_MS;
    while (performance.now() < aliveUntilMs) {
      assert.equal(isClosed, false);
      socket.write('\n');
      await sleep(TIMEOUT_MS / 20);
    }
    // Silence is another thing.
    while (!isClosed) await sleep(50);
  },
);
