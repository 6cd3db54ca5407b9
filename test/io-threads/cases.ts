// cases: what holds for connections on I/O threads, with and without TLS.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvasirProcess } from '../kvasir.js';
import { bulk, type Raw, request } from './raw.js';

export async function infoNumber(kvasir: KvasirProcess, name: string): Promise<number> {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await kvasir.send('INFO', 'everything'))?.[1]);
}

/** `client` connects a new one and keeps it in `open`. */
export function testConnections(kvasir: () => KvasirProcess, client: () => Raw, open: Raw[]): void {
  const info = (name: string): Promise<number> => infoNumber(kvasir(), name);

  test('INFO names the threads, their clients, reads and writes', async () => {
    assert.equal(await info('io_threads_active'), 1);
    const lines = await kvasir().send('INFO', 'threads');
    assert.match(lines, /^io_thread_0:clients=\d+,reads=\d+,writes=\d+\r?$/m);
    assert.match(lines, /^io_thread_1:clients=\d+,reads=\d+,writes=\d+\r?$/m);
    assert.match(lines, /^io_thread_2:clients=\d+,reads=\d+,writes=\d+\r?$/m);
    assert.ok((await info('io_threaded_reads_processed')) > 0);
    assert.ok((await info('io_threaded_writes_processed')) > 0);
  });

  test('requests that come byte by byte and values larger than the rings come back whole', async () => {
    const raw = client();
    for (const byte of request('ECHO', 'slowly')) {
      raw.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await raw.take(bulk('slowly').length), bulk('slowly'));
    const value = 'x'.repeat(5_000_000);
    raw.write(request('SET', 'large', value) + request('GET', 'large') + request('ECHO', 'after'));
    const expected = `+OK\r\n${bulk(value)}${bulk('after')}`;
    assert.ok((await raw.take(expected.length)) === expected);
  });

  test('a blocked client is served from another connection, and forgotten when it closes', async () => {
    const waiting = client();
    const gone = client();
    const other = client();
    gone.write(request('BLPOP', 'queue', '0'));
    while (!(await kvasir().send('CLIENT', 'LIST')).includes('cmd=blpop')) continue;
    waiting.write(request('BLPOP', 'queue', '0'));
    while ((await info('blocked_clients')) < 2) continue;
    gone.socket.destroy();
    while ((await info('blocked_clients')) > 1) continue;
    assert.equal(await other.line('RPUSH', 'queue', 'one'), ':1\r\n');
    const expected = `*2\r\n${bulk('queue')}${bulk('one')}`;
    assert.equal(await waiting.take(expected.length), expected);
  });

  test('CLIENT KILL closes a client after what it was sent, and QUIT is answered', async () => {
    const victim = client();
    const id = (await victim.line('CLIENT', 'ID')).slice(1, -2);
    assert.equal(await kvasir().send('CLIENT', 'KILL', 'ID', id), '1');
    await victim.until(() => victim.closed);
    const leaver = client();
    assert.equal(await leaver.line('QUIT'), '+OK\r\n');
    await leaver.until(() => leaver.closed);
    const wrong = client();
    wrong.write('*x\r\n');
    const answer = '-ERR Protocol error: invalid multibulk length\r\n';
    assert.equal(await wrong.take(answer.length), answer);
    await wrong.until(() => wrong.closed);
  });

  test('a client that reads nothing is closed at its output limit, and its memory is given back', async () => {
    await kvasir().send('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 8000000 0 0');
    const slow = client();
    slow.socket.pause();
    await kvasir().send('SET', 'part', 'x'.repeat(100_000));
    const killed = await info('client_output_buffer_limit_disconnections');
    for (let index = 0; index < 300; index++) slow.write(request('GET', 'part'));
    while ((await info('client_output_buffer_limit_disconnections')) === killed) continue;
    await kvasir().send('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0');
    slow.socket.resume();
    await slow.until(() => slow.closed);
  });

  test('a client that reads late gets all of 64 MB in order', async () => {
    const slow = client();
    slow.socket.pause();
    await kvasir().send('SET', 'part', 'y'.repeat(64_000));
    for (let index = 0; index < 1000; index++) slow.write(request('GET', 'part') + request('ECHO', String(index)));
    await kvasir().send('PING');
    slow.socket.resume();
    const value = bulk('y'.repeat(64_000));
    for (let index = 0; index < 1000; index++) {
      assert.ok((await slow.take(value.length)) === value);
      assert.equal(await slow.take(bulk(String(index)).length), bulk(String(index)));
    }
  });

  test('a client that has seen the reply of QUIT is gone for the others', async () => {
    for (let round = 0; round < 50; round++) {
      const leaver = client();
      const id = /^:(\d+)/.exec(await leaver.line('CLIENT', 'ID'))![1]!;
      const watcher = client();
      assert.equal(await watcher.line('PING'), '+PONG\r\n');
      assert.equal(await leaver.line('QUIT'), '+OK\r\n');
      assert.equal(await watcher.line('CLIENT', 'KILL', 'ID', id), ':0\r\n', `round ${round}`);
      watcher.socket.destroy();
    }
  });

  test('when a thread is killed its connections close, the log says so, and the server goes on', async () => {
    for (const raw of open.splice(0)) raw.socket.destroy();
    while ((await info('connected_clients')) > 1) continue;
    // New connections go to the thread with the fewest.
    const clients = Array.from({ length: 8 }, client);
    for (const raw of clients) assert.equal(await raw.line('PING'), '+PONG\r\n');
    // The thread may be the one that the reply goes through.
    await kvasir()
      .send('DEBUG', 'IO-THREADS', 'KILL', '1')
      .catch(() => undefined);
    while (!kvasir().log().includes('I/O thread 1 has ended')) await new Promise((resolve) => setTimeout(resolve, 5));
    const isClosed = await Promise.all(
      clients.map(async (raw) => (raw.closed ? '' : await raw.line('PING')) !== '+PONG\r\n'),
    );
    assert.ok(isClosed.includes(true) && isClosed.includes(false), JSON.stringify(isClosed));
    const fresh = client();
    assert.equal(await fresh.line('PING'), '+PONG\r\n');
    // And another thread takes its place.
    assert.equal(await kvasir().send('DEBUG', 'IO-THREADS', 'FORCE', '2'), 'OK');
    assert.match(await kvasir().send('INFO', 'threads'), /^io_thread_1:/m);
  });
}
