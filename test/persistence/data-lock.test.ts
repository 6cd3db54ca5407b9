// Two servers on the same data files: the second is refused, and nothing that ends the first leaves a lock behind.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { startServer } from '../../src/index.js';
import { type KvasirProcess, kvasirServerPath, startKvasir } from '../kvasir.js';

describe('a second server on the same data', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'kvasir-lock-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const stopWith = (server: KvasirProcess, signal: NodeJS.Signals): Promise<void> =>
    server.stop({ keepFolder: true, signal });
  const startSecond = (...args: string[]): { status: number | null; output: string } => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [kvasirServerPath, '--port', '0', '--unixsocket', join(folder, 'second.sock'), '--dir', folder, ...args],
      { cwd: folder, encoding: 'utf8' },
    );
    return { status, output: stdout };
  };

  it('is refused with the id of the first, for the append-only file and for the snapshot', async () => {
    const first = await startKvasir({ folder, args: ['--appendonly', 'yes', '--save', '100 1'] });
    const aof = startSecond('--appendonly', 'yes', '--save', '');
    assert.equal(aof.status, 1);
    assert.match(
      aof.output,
      new RegExp(`Another server \\(pid ${first.pid}\\) uses appendonlydir/appendonly\\.aof in `),
    );
    const rdb = startSecond('--save', '100 1');
    assert.equal(rdb.status, 1);
    assert.match(
      rdb.output,
      new RegExp(`Another server \\(pid ${first.pid}\\) uses dump\\.rdb in .*give this server another dir`),
    );
    // Other names, and nothing to keep, are no conflict.
    const others = await startKvasir({ folder, args: ['--appendonly', 'yes', '--appendfilename', 'other.aof'] });
    const cache = await startKvasir({ folder });
    await stopWith(others, 'SIGTERM');
    await stopWith(cache, 'SIGTERM');
    await stopWith(first, 'SIGTERM');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes('lock')),
      [],
    );
  });

  it('starts after the first was killed, stopped, or reloaded', async () => {
    const args = ['--appendonly', 'yes', '--save', '100 1', '--enable-debug-command', 'yes'];
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      const server = await startKvasir({ folder, args });
      assert.equal(await server.send('DEBUG', 'RELOAD'), 'OK');
      assert.equal(await server.send('PING'), 'PONG');
      assert.doesNotMatch(server.log(), /No lock keeps/);
      await stopWith(server, signal);
    }
  });

  it(
    'is refused as well when CONFIG SET has turned persistence on',
    { skip: process.platform === 'win32' ? 'a named pipe is in no folder' : false },
    async () => {
      const first = await startKvasir({ folder });
      await first.send('CONFIG', 'SET', 'appendonly', 'yes');
      await first.send('CONFIG', 'SET', 'save', '100 1');
      while (readdirSync(folder).filter((name) => name.endsWith('.lock')).length < 2) await first.send('PING');
      assert.match(startSecond('--appendonly', 'yes').output, new RegExp(`\\(pid ${first.pid}\\) uses`));
      await first.send('CONFIG', 'SET', 'appendonly', 'no', 'save', '');
      while (readdirSync(folder).some((name) => name.endsWith('.lock'))) await first.send('PING');
      assert.doesNotMatch(first.log(), /Another server|No lock/);
      await stopWith(first, 'SIGTERM');
    },
  );

  it('is told apart within one process, and after a start that failed', async () => {
    const options = { port: false, dir: folder, appendonly: true } as const;
    const first = await startServer(options);
    await assert.rejects(
      startServer(options),
      new RegExp(`Another server \\(pid ${process.pid}\\) uses appendonlydir`),
    );
    await first.close();
    await assert.rejects(startServer({ ...options, unixsocket: join(folder, 'no', 'such.sock') }));
    const second = await startServer(options);
    await second.close();
  });

  it(
    'is found in a folder whose path is longer than an address of a socket',
    { skip: process.platform === 'linux' ? false : 'only Linux has a way around' },
    async () => {
      const deep = join(folder, 'x'.repeat(120));
      mkdirSync(deep);
      const options = { port: false, dir: deep, appendonly: true } as const;
      const first = await startServer(options);
      await assert.rejects(startServer(options), /Another server \(pid/);
      await first.close();
      const second = await startServer(options);
      await second.close();
    },
  );

  it('is not found where there can be no lock, and the log says so', async () => {
    // A file of that name that is no socket is replaced; a folder cannot be.
    const logged: string[] = [];
    const log = (_level: string, text: string): void => void logged.push(text);
    const first = await startServer({ port: false, dir: folder, save: '100 1', log });
    const name = readdirSync(folder).find((each) => each.endsWith('.lock'));
    assert.ok(name !== undefined || process.platform === 'win32');
    await first.close();
    if (name === undefined) return;
    writeFileSync(join(folder, name), 'not a socket');
    const second = await startServer({ port: false, dir: folder, save: '100 1', log });
    await second.close();
    assert.equal(existsSync(join(folder, name)), false);
    if (process.getuid?.() === 0) return;
    chmodSync(folder, 0o500);
    const third = await startServer({ port: false, dir: folder, save: '100 1', log });
    await third.close();
    chmodSync(folder, 0o700);
    assert.ok(logged.some((line) => line.startsWith('No lock keeps other servers')));
  });
});
