// The server's own process: its start, the score for the kernel's out-of-memory killer, memory of idle clients.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startServer } from '../../src/index.js';
import { kvasirServerPath, startKvasir } from '../kvasir.js';
import { findFreePort } from '../peer.js';

describe('oom-score-adj', { skip: process.platform === 'linux' ? false : 'only Linux has such scores' }, () => {
  it('is written when it is turned on, follows its values, and goes back when it is turned off', async () => {
    const kvasir = await startKvasir();
    const score = (): number => Number(readFileSync(`/proc/${kvasir.pid}/oom_score_adj`, 'latin1'));
    const before = score();
    await kvasir.send('CONFIG', 'SET', 'oom-score-adj-values', '10 20 30');
    assert.equal(score(), before);
    await kvasir.send('CONFIG', 'SET', 'oom-score-adj', 'relative');
    assert.equal(score(), before + 10);
    await kvasir.send('CONFIG', 'SET', 'oom-score-adj-values', '15 20 30');
    assert.equal(score(), before + 15);
    await kvasir.send('CONFIG', 'SET', 'oom-score-adj', 'absolute', 'oom-score-adj-values', `${before + 7} 20 30`);
    assert.equal(score(), before + 7);
    await kvasir.send('CONFIG', 'SET', 'oom-score-adj', 'no');
    assert.equal(score(), before);
    await kvasir.stop();
  });
});

describe(
  'the title of the process',
  { skip: process.platform === 'linux' ? false : 'only Linux shows it as a file' },
  () => {
    const titleOf = (pid: number): string =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0.*$/s, '').trim();

    it('follows its template, and is left alone when it is told so', async () => {
      const kvasir = await startKvasir({ args: ['--proc-title-template', 'one {port}'] });
      assert.equal(titleOf(kvasir.pid), `one ${kvasir.port}`);
      await kvasir.send('CONFIG', 'SET', 'proc-title-template', 'two {title}');
      assert.equal(titleOf(kvasir.pid), 'two kvasir-server');
      assert.match(
        await kvasir.send('CONFIG', 'SET', 'proc-title-template', '{nothing}'),
        /template format is invalid/,
      );
      assert.equal(titleOf(kvasir.pid), 'two kvasir-server');
      await kvasir.stop();
      const plain = await startKvasir({ args: ['--set-proc-title', 'no'] });
      assert.match(titleOf(plain.pid), /node/);
      await plain.stop();
    });
  },
);

describe('SHUTDOWN', () => {
  it('is refused while the first append-only file is being written, unless it is forced', async () => {
    const kvasir = await startKvasir();
    const client = new Redis({ port: kvasir.port, retryStrategy: () => null });
    client.on('error', () => undefined);
    await client.mset('a', '1', 'b', '2', 'c', '3');
    await client.config('SET', 'rdb-key-save-delay', '10000000');
    await client.config('SET', 'appendonly', 'yes');
    while (!/aof_rewrite_in_progress:1\r/.test(await client.info('persistence'))) await client.ping();
    await assert.rejects(client.call('SHUTDOWN', 'NOSAVE'), /Errors trying to SHUTDOWN/);
    assert.match(kvasir.log(), /Writing initial AOF, can't exit/);
    assert.equal(await client.get('a'), '1');
    const ended = once(client, 'end');
    client.call('SHUTDOWN', 'NOSAVE', 'FORCE').catch(() => undefined);
    await ended;
    await kvasir.stop();
  });
});

describe('SIGTERM', () => {
  it('ends the server at the next tick, unless SHUTDOWN ABORT comes first', async () => {
    const kvasir = await startKvasir({ args: ['--enable-debug-command', 'yes'] });
    const client = new Redis({ port: kvasir.port, retryStrategy: () => null });
    client.on('error', () => undefined);
    await assert.rejects(client.call('SHUTDOWN', 'ABORT'), /No shutdown in progress/);
    await client.call('DEBUG', 'PAUSE-CRON', '1');
    for (let round = 1; round <= 2; round++) {
      process.kill(kvasir.pid, round === 1 ? 'SIGTERM' : 'SIGINT');
      while (kvasir.log().split('scheduling shutdown').length <= round) await client.ping();
      assert.equal(await client.call('SHUTDOWN', 'ABORT'), 'OK');
    }
    await client.call('DEBUG', 'PAUSE-CRON', '0');
    assert.equal(await client.ping(), 'PONG');
    const ended = once(client, 'end');
    process.kill(kvasir.pid, 'SIGTERM');
    await ended;
    await kvasir.stop();
  });
});

describe('memory of clients', () => {
  it('that are quiet is given back: buffers that are empty, and what is too large for a request in part', async () => {
    const server = await startServer();
    const admin = new Redis(server.port, server.host);
    const buffer = async (name: string): Promise<number> => {
      const text = String(await admin.call('CLIENT', 'LIST'));
      const [, used, free] = new RegExp(` name=${name} .* qbuf=(\\d+) qbuf-free=(\\d+)`).exec(text)!;
      return Number(used) + Number(free);
    };
    const [small, large] = ['small', 'large'].map((name) => {
      const socket = createConnection(server.port, server.host);
      socket.write(`CLIENT SETNAME ${name}\r\n`);
      return socket;
    });
    await Promise.all([once(small!, 'data'), once(large!, 'data')]);
    assert.equal(await buffer('small'), 0);
    small!.write('*2\r\n$3\r\nGET\r\n$1\r\n');
    large!.write('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nx');
    while ((await buffer('small')) === 0 || (await buffer('large')) < 1_000_000) await admin.ping();
    small!.write('k\r\n');
    await once(small!, 'data');
    assert.equal(await buffer('small'), 16384);
    while ((await buffer('small')) > 0 || (await buffer('large')) > 16384) await admin.ping();
    large!.write(`${'x'.repeat(999_999)}\r\n`);
    assert.equal(String((await once(large!, 'data'))[0]), '+OK\r\n');
    assert.equal(await admin.strlen('k'), 1_000_000);
    small!.destroy();
    large!.destroy();
    admin.disconnect();
    await server.close();
  });
});

describe('the start of the process', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kvasir-process-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it(
    'in the background keeps the configuration that came from standard input',
    { skip: process.platform === 'win32' ? 'no signals' : false },
    async () => {
      const port = await findFreePort();
      const pidFile = join(folder, 'server.pid');
      const input = `daemonize yes\nport ${port}\nbind 127.0.0.1\nsave ""\nrequirepass gr\u00fcn\npidfile "${pidFile}"\n`;
      const { status, stderr } = spawnSync(process.execPath, [kvasirServerPath, '-'], {
        input,
        cwd: folder,
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      // The first process ends when the port is open and the pid file is there.
      const client = new Redis({ port, password: 'gr\u00fcn', retryStrategy: () => null, maxRetriesPerRequest: 0 });
      client.on('error', () => undefined);
      try {
        assert.equal(await client.ping(), 'PONG');
      } finally {
        client.disconnect();
        process.kill(Number(readFileSync(pidFile, 'latin1')), 'SIGKILL');
      }
    },
  );

  it('in the background fails with the reason and the status of the server that does not come up', async () => {
    const port = await findFreePort();
    const door = createServer().listen(port, '127.0.0.1');
    await once(door, 'listening');
    const start = (...args: string[]): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [kvasirServerPath, '--daemonize', 'yes', '--save', '', ...args], {
        cwd: folder,
        encoding: 'utf8',
      });
    const taken = start('--port', String(port), '--bind', '127.0.0.1', '--logfile', 'taken.log');
    door.close();
    assert.equal(taken.status, 1);
    assert.match(String(taken.stderr), /^Failed listening on port \d+ \(tcp\): Address already in use\n$/);
    assert.match(readFileSync(join(folder, 'taken.log'), 'utf8'), /Could not create server TCP listening socket/);
    const nowhere = start('--port', '0');
    assert.equal(nowhere.status, 1);
    assert.match(String(nowhere.stderr), /^Configured to not listen anywhere, exiting\.\n$/);
  });

  it('says what is asked for in vain: no door, a sentinel without a file, a system log', async () => {
    const start = (...args: string[]): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [kvasirServerPath, '--save', '', ...args], { cwd: folder, encoding: 'utf8' });
    const nowhere = start('--port', '0');
    assert.equal(nowhere.status, 1);
    assert.match(String(nowhere.stdout), /Configured to not listen anywhere, exiting\.\n$/);
    const sentinel = start('--sentinel');
    assert.equal(sentinel.status, 1);
    assert.match(
      String(sentinel.stdout) + String(sentinel.stderr),
      /Sentinel needs config file on disk to save state\. Exiting/,
    );
    const node = await startKvasir({ args: ['--syslog-enabled', 'yes'] });
    assert.match(node.log(), /syslog-enabled: there is no way to the system log/);
    await node.stop();
  });

  it(
    'in a terminal that goes away serves on',
    { skip: process.platform === 'win32' ? 'no signals' : false },
    async () => {
      const kvasir = await startKvasir();
      process.kill(kvasir.pid, 'SIGHUP');
      // Of a server that the first signal has ended, nothing more is heard.
      process.kill(kvasir.pid, 'SIGTERM');
      const isThere = (): boolean => {
        try {
          return process.kill(kvasir.pid, 0);
        } catch {
          return false;
        }
      };
      while (isThere()) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.match(kvasir.log(), /Received SIGTERM/);
      await kvasir.stop();
    },
  );

  it('names the unix socket that cannot be opened', () => {
    const path = join(folder, 'missing', 'server.sock');
    const { status, stdout } = spawnSync(
      process.execPath,
      [kvasirServerPath, '--port', '0', '--save', '', '--unixsocket', path],
      { cwd: folder, encoding: 'utf8' },
    );
    assert.equal(status, 1);
    assert.match(
      stdout,
      /Failed opening Unix socket .*: bind: No such file or directory\n.*Failed listening on port 0 \(unix\), aborting\.\n$/,
    );
  });
});
