// moving.test: connections on I/O threads, and connections that move at random, lose, double and reorder nothing.
//
// KVASIR_IO_THREADS_STRESS=N makes the last test run for N seconds, with pauses at random in the steps of the threads; without it
// it takes a second. KVASIR_TEST_SEED repeats a run's choices.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { pipeBinding } from '../../src/io/threads/descriptor-pipe.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { testConnections } from './cases.js';
import { bulk, Raw, request } from './raw.js';

const seed = Number(process.env.KVASIR_TEST_SEED ?? Date.now() % 1_000_000);
const stressSeconds = Number(process.env.KVASIR_IO_THREADS_STRESS ?? 0);

describe('connections on I/O threads', { skip: pipeBinding === undefined && 'no I/O threads here' }, () => {
  let kvasir: KvasirProcess;
  const open: Raw[] = [];
  const client = (): Raw => {
    const raw = new Raw(connect(kvasir.port, '127.0.0.1'));
    open.push(raw);
    return raw;
  };

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

  testConnections(() => kvasir, client, open);

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
