// Servers inside this process: without a socket, side by side, and what they take from the disk.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { encodeCommand } from '../../src/client/encode-command.js';
import { startServer, type EmbeddedServer } from '../../src/index.js';
import { findFreePort } from '../peer.js';

/** Sends commands in one piece and reads until that many bytes of replies have come. */
async function exchange(stream: Duplex, commands: readonly (readonly string[])[], expected: string): Promise<string> {
  let text = '';
  stream.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  for (const words of commands) stream.write(encodeCommand(words.map((word) => Buffer.from(word))));
  while (text.length < expected.length && !stream.destroyed) await once(stream, 'data');
  stream.removeAllListeners('data');
  return text;
}

/** ioredis on a stream of the server's own. */
function redisWithin(server: EmbeddedServer): Redis {
  class Connector {
    stream: Duplex | undefined;
    connect(): Promise<Duplex> {
      this.stream = server.connect();
      return Promise.resolve(this.stream);
    }
    check(): boolean {
      return true;
    }
    disconnect(): void {
      this.stream?.end();
    }
  }
  return new Redis({ Connector: Connector as never });
}

describe('a server without a socket', () => {
  let server: EmbeddedServer;
  before(
    async () =>
      void (server = await startServer({ port: false, 'client-output-buffer-limit': ['pubsub', '1mb', '0', '0'] })),
  );
  after(() => server.close());

  it('has no address, and answers through streams', async () => {
    assert.equal(server.port, -1);
    assert.equal(server.url, '');
    const stream = server.connect();
    assert.equal(
      await exchange(stream, [['SET', 'k', 'v'], ['GET', 'k'], ['NOSUCH']], '+OK\r\n$1\r\nv\r\n-ERR'),
      "+OK\r\n$1\r\nv\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n",
    );
    stream.write(encodeCommand([Buffer.from('QUIT')]));
    stream.resume();
    await once(stream, 'close');
  });

  it('serves ioredis: pipelines, megabytes, blocking, messages, keyspace of its own', async () => {
    const client = redisWithin(server);
    const other = redisWithin(server);
    const pipeline = client.pipeline();
    for (let index = 0; index < 20_000; index++) pipeline.incr('n');
    assert.equal((await pipeline.exec())!.at(-1)![1], 20_000);
    const large = 'x'.repeat(8_000_000);
    await client.set('large', large);
    assert.equal((await client.get('large'))!.length, large.length);
    const popped = other.blpop('queue', 0);
    while (!/blocked_clients:1\r/.test(await client.info('clients'))) await client.ping();
    await client.rpush('queue', 'x');
    assert.deepEqual(await popped, ['queue', 'x']);
    await other.subscribe('news');
    const message = once(other, 'message');
    assert.equal(await client.publish('news', 'hello'), 1);
    assert.deepEqual(await message, ['news', 'hello']);
    const closed = Promise.all([once(client, 'end'), once(other, 'end')]);
    client.disconnect();
    other.disconnect();
    await closed;
  });

  it('answers in a turn of its own, also what a handler asks for', async () => {
    const stream = server.connect();
    let rounds = 0;
    const done = new Promise<void>((resolve) => {
      stream.on('data', () => {
        const before = rounds++;
        if (rounds === 100) resolve();
        else stream.write('PING\r\n');
        assert.equal(rounds, before + 1, 'an answer came from within the call');
      });
    });
    stream.write('PING\r\n');
    await Promise.resolve();
    assert.equal(rounds, 0);
    await done;
    stream.destroy();
  });

  it('a client that does not read is held back, then goes on, and a subscriber who does not is cut off', async () => {
    const stream = server.connect();
    const fill = server.connect();
    await exchange(fill, [['SET', 'big', 'x'.repeat(1_000_000)]], '+OK\r\n');
    for (let count = 0; count < 20; count++) stream.write('GET big\r\n');
    await exchange(fill, [['PING']], '+PONG\r\n');
    let bytes = 0;
    stream.on('data', (part: Buffer) => (bytes += part.length));
    while (bytes < 20 * 1_000_012) await once(stream, 'data');
    assert.equal(bytes, 20 * 1_000_012);
    stream.destroy();
    const deaf = server.connect();
    await exchange(deaf, [['SUBSCRIBE', 'c']], '*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n');
    deaf.pause();
    const closed = once(deaf, 'close');
    const message = 'x'.repeat(100_000);
    while (!deaf.destroyed) await exchange(fill, [['PUBLISH', 'c', message]], ':1\r\n');
    await closed;
    fill.destroy();
  });
});

describe('several servers in one process', () => {
  it(
    'share nothing, on ports, a unix socket and without any',
    { skip: process.platform === 'win32' ? 'unix sockets' : false },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'embedded-'));
      const servers = await Promise.all([
        startServer(),
        startServer({ port: 0, requirepass: 'secret' }),
        startServer({ port: false, unixsocket: join(folder, 'socket') }),
        startServer({ port: false }),
      ]);
      const [first, second, third, fourth] = servers;
      assert.notEqual(first.port, second.port);
      const streams = [
        createConnection(first.port, '127.0.0.1'),
        createConnection(second.port, '127.0.0.1'),
        createConnection(third.unixPath!),
        fourth.connect(),
      ];
      const answers = await Promise.all(
        streams.map((stream, index) =>
          exchange(
            stream,
            [
              ['SET', 'k', String(index)],
              ['GET', 'k'],
            ],
            index === 1 ? '-NOAUTH Authentication required.\r\n'.repeat(2) : '+OK\r\n$1\r\n0\r\n',
          ),
        ),
      );
      assert.deepEqual(answers, [
        '+OK\r\n$1\r\n0\r\n',
        '-NOAUTH Authentication required.\r\n'.repeat(2),
        '+OK\r\n$1\r\n2\r\n',
        '+OK\r\n$1\r\n3\r\n',
      ]);
      const ends = streams.map((stream) => once(stream, 'close'));
      for (const server of servers) await server.close();
      await Promise.all(ends);
      assert.throws(() => fourth.connect(), /closed/);
      assert.ok(!existsSync(join(folder, 'socket')));
      rmSync(folder, { recursive: true });
    },
  );
});

describe('what an embedding program holds', () => {
  it('is a URL with the password of the moment, which clients understand', async () => {
    const password = 'p@ss:/w ö?#%';
    const server = await startServer({ requirepass: password });
    const client = new Redis(server.url);
    assert.equal(await client.ping(), 'PONG');
    await client.config('SET', 'requirepass', 'other');
    assert.equal(server.url, `redis://:other@127.0.0.1:${server.port}`);
    await client.config('SET', 'requirepass', '');
    assert.equal(server.url, `redis://127.0.0.1:${server.port}`);
    client.disconnect();
    await server.close();
    const everywhere = await startServer({ bind: '0.0.0.0' });
    assert.equal(everywhere.url, `redis://127.0.0.1:${everywhere.port}`);
    await everywhere.close();
  });

  it('is closed at the end of an `await using` block', async () => {
    const server = await startServer({ port: false });
    await server[Symbol.asyncDispose]();
    assert.throws(() => server.connect(), /closed/);
    await server.close();
  });

  it('is a log that may fail at every line, at once or later, without harm and with one warning', async () => {
    const warned: string[] = [];
    const hear = (warning: Error): void => void warned.push(warning.message);
    process.on('warning', hear);
    const folder = mkdtempSync(join(tmpdir(), 'embedded-'));
    const logs = [
      () => {
        throw new Error('log is broken');
      },
      async () => {
        await Promise.resolve();
        throw new Error('log is broken');
      },
    ];
    for (const log of logs) {
      warned.length = 0;
      // The warning about syslog-enabled is a line of the log as well, before there is a server.
      const server = await startServer({ log, dir: folder, appendonly: true, 'syslog-enabled': true });
      const client = new Redis(server.url, { maxRetriesPerRequest: 0 });
      assert.equal(await client.set('k', 'v'), 'OK');
      assert.equal(await client.call('BGREWRITEAOF'), 'Background append only file rewriting started');
      assert.equal(await client.get('k'), 'v');
      client.disconnect();
      await server.close();
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(warned.length, 1, warned.join('\n'));
      assert.match(warned[0]!, /^the log of startServer failed, and the server goes on: Error: log is broken/);
      // The port is free again.
      const again = await startServer({ port: server.port });
      await again.close();
    }
    process.off('warning', hear);
    rmSync(folder, { recursive: true });
  });
});

describe('data on disk', () => {
  it('is saved once: not by a second close, nor by a close after SHUTDOWN NOSAVE', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'embedded-'));
    const file = join(folder, 'dump.rdb');
    const server = await startServer({ port: false, dir: folder, save: '3600 1' });
    await exchange(server.connect(), [['SET', 'k', 'v']], '+OK\r\n');
    await Promise.all([server.close(), server.close()]);
    assert.ok(existsSync(file));
    rmSync(file);
    await server.close();
    assert.ok(!existsSync(file));
    const other = await startServer({ port: false, dir: folder, save: '3600 1' });
    const stream = other.connect();
    const ended = once(stream, 'close');
    await exchange(stream, [['SET', 'k', 'v']], '+OK\r\n');
    stream.write('SHUTDOWN NOSAVE\r\n');
    await ended;
    assert.throws(() => other.connect(), /closed/);
    await other.close();
    assert.ok(!existsSync(file));
    rmSync(folder, { recursive: true });
  });

  it('is loaded only where the options speak of it, and saved only where they say so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'embedded-'));
    const home = process.cwd();
    const keyIn = async (options: Parameters<typeof startServer>[0], ...then: string[]): Promise<string | null> => {
      const server = await startServer({ port: false, ...options });
      const client = redisWithin(server);
      const value = await client.get('k');
      if (then.length > 0) await client.call(then[0]!, ...then.slice(1));
      client.disconnect();
      await server.close();
      return value;
    };
    try {
      process.chdir(folder);
      await keyIn({}, 'SET', 'k', 'lost');
      assert.ok(!existsSync('dump.rdb'));
      await keyIn({ save: '3600 1' }, 'SET', 'k', 'saved');
      assert.ok(existsSync('dump.rdb'));
      assert.equal(await keyIn({}), null);
      assert.equal(await keyIn({ save: '', appendonly: false }), null);
      assert.equal(await keyIn({ save: '3600 1' }), 'saved');
      assert.equal(await keyIn({ dir: '.' }), 'saved');
      assert.equal(await keyIn({ dbfilename: 'dump.rdb' }, 'SET', 'k', 'changed'), 'saved');
      assert.equal(await keyIn({ dir: folder }), 'saved');
      assert.equal(await keyIn({ dbfilename: 'other.rdb' }), null);
      writeFileSync('kvasir.conf', 'save 3600 1\nport 0\n');
      assert.equal(await keyIn({ configFile: 'kvasir.conf' }, 'SET', 'k', 'by file'), 'saved');
      assert.equal(await keyIn({ dir: folder }), 'by file');
      assert.equal(await keyIn({ appendonly: 'yes' }, 'SET', 'k', 'logged'), null);
      assert.equal(await keyIn({ appendonly: true }), 'logged');
    } finally {
      process.chdir(home);
      rmSync(folder, { recursive: true });
    }
  });
});

describe('an embedded server that cannot be started', () => {
  it("tells by the system's code why, and leaves no door open", async () => {
    const other = await startServer();
    await assert.rejects(startServer({ port: other.port }), { code: 'EADDRINUSE' });
    const port = await findFreePort();
    await assert.rejects(startServer({ port, unixsocket: join(tmpdir(), 'kvasir-no-such-folder', 'server.sock') }), {
      code: 'ENOENT',
    });
    const again = await startServer({ port });
    assert.equal(again.port, port);
    await again.close();
    await other.close();
  });

  it('leaves no door and no timer behind when its data cannot be loaded', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'embedded-'));
    writeFileSync(join(folder, 'dump.rdb'), 'no data of ours');
    const port = await findFreePort();
    await assert.rejects(startServer({ port, dir: folder }));
    const again = await startServer({ port });
    await again.close();
    rmSync(folder, { recursive: true });
  });

  it('refuses a wrong directive before it opens anything', async () => {
    await assert.rejects(
      // @ts-expect-error: a misspelt name
      startServer({ maxmemori: '1mb' }),
      /'maxmemori "1mb"': Bad directive or wrong number of arguments/,
    );
    const wrong: readonly Record<string, unknown>[] = [
      { maxmemory: null },
      { maxmemory: {} },
      { maxmemory: NaN },
      { save: [3600, null] },
      { bind: () => '127.0.0.1' },
      { port: null },
      { log: 'yes' },
    ];
    for (const options of wrong) {
      await assert.rejects(startServer(options), new RegExp(`^TypeError: option '${Object.keys(options)[0]}' must be`));
    }
  });
});

describe('options without effect', () => {
  it('are told to the log, and without one as warnings of the process', async () => {
    const logged: string[] = [];
    const options = { port: false, 'syslog-enabled': true, 'vm-pages': 5 } as const;
    const first = await startServer({ ...options, log: (level, text) => logged.push(`${level} ${text}`) });
    await first.close();
    assert.ok(
      logged.some((line) => line.startsWith('warning syslog-enabled: there is no way to the system log')),
      logged.join(),
    );
    assert.ok(
      logged.some((line) => line.startsWith("warning option 'vm-pages': vm-pages (Redis 1.3 to 2.6) has no effect")),
    );
    const warned: string[] = [];
    const hear = (warning: Error): void => void warned.push(`${warning.name}: ${warning.message}`);
    process.on('warning', hear);
    const second = await startServer(options);
    await second.close();
    // Warnings come in the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', hear);
    assert.ok(
      warned.some((line) => line.startsWith('KvasirWarning: syslog-enabled: there is no way')),
      warned.join(),
    );
    await assert.rejects(startServer({ ...options, 'strict-config': true }), /^Error: option 'vm-pages'/);
  });
});
