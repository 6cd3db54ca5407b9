// load.test: connections move to threads when the event loop is busy with many of them, and return when it is not.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../../src/io/clock.js';
import { systemEnvironment } from '../../src/io/environment.js';
import { pipeBinding } from '../../src/io/threads/descriptor-pipe.js';
import { launch } from '../../src/server/start.js';
import { Config } from '../../src/service/config/config.js';
import { allowedCount, IoThreads, parseForced } from '../../src/service/doors/io-threads.js';

/** The machine's clock with an event loop that is as busy as the test says. */
class LoadClock extends SystemClock {
  busyShare = 0;
  private idle = 0;
  private seenMs = 0;

  override idleMs(): number {
    const nowMs = this.steadyMs();
    this.idle += (nowMs - this.seenMs) * (1 - this.busyShare);
    this.seenMs = nowMs;
    return this.idle;
  }
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await sleep(2);
}

describe('the load', { skip: pipeBinding === undefined && 'no I/O threads here' }, () => {
  test('makes active connections move to threads, and all return when it is low', async (t) => {
    const clock = new LoadClock();
    const config = new Config(process.cwd());
    const logged: string[] = [];
    const running = await launch({
      config,
      environment: { ...systemEnvironment, clock, sharesDisk: false },
      log: (_, text) => logged.push(text),
      anyPort: true,
      loads: false,
    });
    const { server } = running;
    await server.ioThreads?.close();
    const threads = new IoThreads(server, 2, {}, { quietMs: 300, idleMs: 300 });
    server.ioThreads = threads;
    const sockets: Socket[] = [];
    let pongs = 0;
    const asks = new Set<Socket>();
    t.after(async () => {
      for (const socket of sockets) socket.destroy();
      await running.close();
    });
    for (let index = 0; index < 24; index++) {
      const socket = connect(running.port, '127.0.0.1');
      sockets.push(socket);
      if (index < 20) asks.add(socket);
      socket.on('data', () => {
        pongs++;
        if (asks.has(socket)) socket.write('PING\r\n');
      });
      socket.write('PING\r\n');
    }
    const moved = (): number => threads.threads.reduce((sum, thread) => sum + thread.connectionCount, 0);
    await until(() => pongs > 1000);
    assert.equal(threads.isActive, false, 'a loop that is idle needs no threads');

    clock.busyShare = 1;
    await until(() => threads.isActive && moved() >= 20);
    assert.ok(logged.some((line) => line.startsWith('Load is high: 2 I/O threads')));
    assert.ok(
      threads.threads.every((thread) => thread.connectionCount >= 8),
      'they are spread evenly',
    );
    const before = pongs;
    await until(() => pongs > before + 1000);

    clock.busyShare = 0;
    asks.clear();
    await until(() => !threads.isActive && moved() === 0);
    await until(() => threads.threads.length === 0);
    const last = pongs;
    for (const socket of sockets) socket.write('PING\r\n');
    await until(() => pongs >= last + sockets.length);
    assert.equal(server.clients.size, sockets.length);
  });

  test('a machine with few processors uses no threads, others keep two free', () => {
    assert.equal(allowedCount(8, 2), 0);
    assert.equal(allowedCount(-1, 3), 0);
    assert.equal(allowedCount(1, 16), 0);
    assert.equal(allowedCount(4, 4), 2);
    assert.equal(allowedCount(4, 16), 3);
    assert.equal(allowedCount(-1, 4), 2);
    assert.equal(allowedCount(-1, 64), 7);
  });

  test('the variable for tests is read with and without a number', () => {
    assert.deepEqual(parseForced('force'), { count: 2, shuffles: false });
    assert.deepEqual(parseForced('shuffle:3'), { count: 3, shuffles: true });
    assert.equal(parseForced('on'), undefined);
    assert.equal(parseForced(undefined), undefined);
  });
});
