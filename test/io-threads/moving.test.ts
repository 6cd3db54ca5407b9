// moving.test: connections on I/O threads, and connections that move at random, lose, double and reorder nothing.
//
// KVASIR_IO_THREADS_STRESS=N makes the last test run for N seconds, with pauses at random in the steps of the threads; without it
// it takes a second. KVASIR_TEST_SEED repeats a run's choices.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { pipeBinding } from '../../src/io/threads/descriptor-pipe.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';

const seed = Number(process.env.KVASIR_TEST_SEED ?? Date.now() % 1_000_000);
const stressSeconds = Number(process.env.KVASIR_IO_THREADS_STRESS ?? 0);

/** A client of plain bytes that can say when so many have come. */
class Raw {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closed = false;
  private wake: () => void = () => undefined;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  /** The next `count` bytes. */
  async take(count: number): Promise<string> {
    await this.until(() => this.received.length >= count || this.closed);
    const text = this.received.subarray(0, count).toString('latin1');
    this.received = this.received.subarray(count);
    return text;
  }

  /** Sends one command; returns the line that begins its reply. */
  async line(...words: string[]): Promise<string> {
    this.write(request(...words));
    await this.until(() => this.received.includes('\r\n') || this.closed);
    return this.take(this.received.indexOf('\r\n') + 2);
  }
}

function request(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

describe('connections on I/O threads', { skip: pipeBinding === undefined && 'no I/O threads here' }, () => {
  let kvasir: KvasirProcess;
  const open: Raw[] = [];
  const client = (): Raw => {
    const raw = new Raw(kvasir.port);
    open.push(raw);
    return raw;
  };
  const info = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await kvasir.send('INFO', 'everything'))?.[1]);

  before(async () => {
    kvasir = await startKvasir({
      args: ['--enable-debug-command', 'yes'],
      env: { KVASIR_IO_THREADS: 'force:2', ...(stressSeconds > 0 ? { KVASIR_IO_THREADS_DELAYS: '0.02' } : {}) },
    });
  });
  after(async () => {
    for (const raw of open) raw.socket.destroy();
    await kvasir.stop();
  });

  test('INFO names the threads, their clients, reads and writes', async () => {
    assert.equal(await info('io_threads_active'), 1);
    const lines = await kvasir.send('INFO', 'threads');
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
    while (!(await kvasir.send('CLIENT', 'LIST')).includes('cmd=blpop')) continue;
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
    assert.equal(await kvasir.send('CLIENT', 'KILL', 'ID', id), '1');
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
    await kvasir.send('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 8000000 0 0');
    const slow = client();
    slow.socket.pause();
    await kvasir.send('SET', 'part', 'x'.repeat(100_000));
    const killed = await info('client_output_buffer_limit_disconnections');
    for (let index = 0; index < 300; index++) slow.write(request('GET', 'part'));
    while ((await info('client_output_buffer_limit_disconnections')) === killed) continue;
    await kvasir.send('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0');
    slow.socket.resume();
    await slow.until(() => slow.closed);
  });

  test('a client that reads late gets all of 64 MB in order', async () => {
    const slow = client();
    slow.socket.pause();
    await kvasir.send('SET', 'part', 'y'.repeat(64_000));
    for (let index = 0; index < 1000; index++) slow.write(request('GET', 'part') + request('ECHO', String(index)));
    await kvasir.send('PING');
    slow.socket.resume();
    const value = bulk('y'.repeat(64_000));
    for (let index = 0; index < 1000; index++) {
      assert.ok((await slow.take(value.length)) === value);
      assert.equal(await slow.take(bulk(String(index)).length), bulk(String(index)));
    }
  });

  test('pipelines on connections that move at random are answered in order, each request once', async (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = new Prng(seed);
    assert.equal(await kvasir.send('DEBUG', 'IO-THREADS', 'SHUFFLE', '2'), 'OK');
    const before = Number(await kvasir.send('DEBUG', 'IO-THREADS', 'MOVES'));
    const listener = client();
    assert.equal(await listener.line('SUBSCRIBE', 'news'), '*3\r\n');
    listener.received = Buffer.alloc(0);
    const untilMs = Date.now() + (stressSeconds > 0 ? stressSeconds * 1000 : 1000);
    let published = 0;
    const runs = Array.from({ length: 8 }, async (_, number) => {
      const raw = client();
      let sent = 0;
      while (Date.now() < untilMs) {
        let text = '';
        let expected = '';
        for (let left = 1 + random.below(random.below(4) === 0 ? 300 : 5); left > 0; left--) {
          const word = `${number}:${sent++}:${'z'.repeat(random.below(100) === 0 ? random.below(200_000) : random.below(60))}`;
          text += request('ECHO', word) + request('INCR', `count:${number}`);
          expected += `${bulk(word)}:${sent}\r\n`;
        }
        const cut = random.below(text.length);
        raw.write(text.slice(0, cut));
        if (random.below(2) === 0) await new Promise((resolve) => setImmediate(resolve));
        raw.write(text.slice(cut));
        assert.ok((await raw.take(expected.length)) === expected, `connection ${number} after ${sent} requests`);
        if (number === 0) {
          assert.equal(await raw.line('PUBLISH', 'news', String(published)), ':1\r\n');
          published++;
        }
      }
    });
    await Promise.all(runs);
    const messages = Array.from(
      { length: published },
      (_, index) => `*3\r\n${bulk('message')}${bulk('news')}${bulk(String(index))}`,
    ).join('');
    assert.equal(await listener.take(messages.length), messages);
    const moves = Number(await kvasir.send('DEBUG', 'IO-THREADS', 'MOVES')) - before;
    t.diagnostic(`${moves} moves, ${published} messages`);
    assert.ok(moves > 20, `${moves} moves`);
    assert.equal(await kvasir.send('DEBUG', 'IO-THREADS', 'FORCE', '2'), 'OK');
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
    await kvasir.send('DEBUG', 'IO-THREADS', 'KILL', '1').catch(() => undefined);
    while (!kvasir.log().includes('I/O thread 1 has ended')) await new Promise((resolve) => setTimeout(resolve, 5));
    const isClosed = await Promise.all(
      clients.map(async (raw) => (raw.closed ? '' : await raw.line('PING')) !== '+PONG\r\n'),
    );
    assert.ok(isClosed.includes(true) && isClosed.includes(false), JSON.stringify(isClosed));
    const fresh = client();
    assert.equal(await fresh.line('PING'), '+PONG\r\n');
    // And another thread takes its place.
    assert.equal(await kvasir.send('DEBUG', 'IO-THREADS', 'FORCE', '2'), 'OK');
    assert.match(await kvasir.send('INFO', 'threads'), /^io_thread_1:/m);
  });

  test('SHUTDOWN ends the server, and saves what was written through threads', async () => {
    const writer = client();
    assert.equal(await writer.line('SET', 'last', 'word'), '+OK\r\n');
    const { folder, port } = kvasir;
    writer.write(request('SHUTDOWN', 'SAVE'));
    await writer.until(() => writer.closed);
    await kvasir.stop({ keepFolder: true });
    kvasir = await startKvasir({ folder, port, env: { KVASIR_IO_THREADS: 'force:1' } });
    assert.equal(await kvasir.send('GET', 'last'), 'word');
  });
});
