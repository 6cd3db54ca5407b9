// Time that a test moves: by the fake timers of node:test, and by a clock.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, mock, type TestContext } from 'node:test';
import { createServer, fakeTimersClock, virtualClock, type TestServerOptions } from '../../src/testing/index.js';

describe('fake timers of node:test', () => {
  function faked(t: TestContext): void {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] });
    t.after(() => mock.timers.reset());
  }

  it('move the time of a server that has their clock', async (t) => {
    faked(t);
    await using server = await createServer({ port: false, clock: fakeTimersClock() });
    server.run('SET', 'session', 'x', 'EX', 60);
    mock.timers.tick(59_000);
    assert.equal(server.run('TTL', 'session'), 1);
    mock.timers.tick(1_001);
    assert.equal(server.run('GET', 'session'), null);
  });

  for (const [name, options] of Object.entries<TestServerOptions>({
    'on a port': {},
    'without a socket': { port: false },
    'with a clock of its own': { port: false, clock: virtualClock({ frozen: true }) },
  })) {
    it(`do not stop a server ${name}`, async (t) => {
      faked(t);
      await using server = await createServer(options);
      const stream = server.connect();
      stream.write('SET a b\r\nGET a\r\n');
      let text = '';
      while (!text.includes('b\r\n')) text += String((await once(stream, 'data'))[0]);
      assert.equal(text, '+OK\r\n$1\r\nb\r\n');
      stream.destroy();
    });
  }
});
