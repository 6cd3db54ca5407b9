// The programs and the library as users get them: the bundles that package.json names.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Connection } from '../src/client/connection.js';
import { KVASIR_VERSION } from '../src/base/version.js';
import { findFreePort, startRedis } from './peer.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  bin: Record<string, string>;
  exports: { '.': { import: { default: string }; require: { default: string } } };
};

/** Runs a program of the package; resolves with its exit status and all that it printed. */
function run(name: string, ...words: string[]): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, manifest.bin[name]!), ...words],
      { timeout: 60_000 },
      (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code), output: stdout + stderr });
      },
    );
  });
}

describe('the bundled programs', () => {
  test('each tells the version of the package', async () => {
    assert.equal(KVASIR_VERSION, manifest.version);
    for (const name of Object.keys(manifest.bin)) {
      const { status, output } = await run(name, '--version');
      assert.equal(status, 0, name);
      assert.ok(output.includes(manifest.version), `${name} printed ${output}`);
    }
  });

  test('the server saves with its thread, the benchmark loads it with threads, the checkers and the command line read what is there', async () => {
    const server = await startRedis({
      program: process.execPath,
      programArgs: [join(root, manifest.bin['kvasir-server']!)],
      args: ['--appendonly', 'yes'],
    });
    try {
      const load = await run(
        'kvasir-benchmark',
        '-p',
        String(server.port),
        '-t',
        'set',
        '-n',
        '2000',
        '-r',
        '1000',
        '--threads',
        '2',
        '-q',
      );
      assert.equal(load.status, 0, load.output);
      const connection = await Connection.open({ host: server.host, port: server.port });
      await connection.call('EVAL', "return redis.call('SET', KEYS[1], 'x')", '1', 'key');
      await connection.call('BGSAVE');
      const file = join(server.folder, 'dump.rdb');
      for (let tries = 0; tries < 10_000 && !existsSync(file); tries++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      connection.close();
      const rdb = await run('kvasir-check-rdb', file);
      assert.equal(rdb.status, 0, rdb.output);
      const aof = await run('kvasir-check-aof', join(server.folder, 'appendonlydir', 'appendonly.aof.manifest'));
      assert.equal(aof.status, 0, aof.output);
      const cli = await run('kvasir-cli', '-p', String(server.port), 'GET', 'key');
      assert.equal(cli.output, 'x\n');
      // Modes are files that are loaded when they are asked for.
      const keys = await run('kvasir-cli', '-p', String(server.port), '--scan', '--pattern', 'ke?');
      assert.deepEqual(keys, { status: 0, output: 'key\n' });
    } finally {
      await server.stop();
    }
  });

  for (const kind of ['import', 'require'] as const)
    test(`the library starts a server, by ${kind}`, async () => {
      const path = join(root, manifest.exports['.'][kind].default);
      const library = (
        kind === 'import' ? await import(pathToFileURL(path).href) : createRequire(import.meta.url)(path)
      ) as typeof import('../src/index.js');
      const server = await library.startServer();
      try {
        const connection = await Connection.open({ host: server.host, port: server.port });
        assert.equal((await connection.call('PING')).kind, 'status');
        connection.close();
      } finally {
        await server.close();
      }
    });

  test(
    'a server whose log nobody reads any more goes on, and ends when told to',
    { skip: process.platform === 'win32' ? 'no signals' : false },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'kvasir-log-'));
      const port = await findFreePort();
      const child = spawn(
        process.execPath,
        [join(root, manifest.bin['kvasir-server']!), '--port', String(port), '--dir', folder],
        { stdio: ['ignore', 'pipe', 'ignore'] },
      );
      try {
        let log = '';
        for await (const part of child.stdout) {
          log += String(part);
          if (log.includes('Ready to accept connections')) break; // leaving the loop closes the pipe
        }
        const connection = await Connection.open({ host: '127.0.0.1', port });
        assert.equal((await connection.call('CONFIG', 'SET', 'loglevel', 'debug')).kind, 'status');
        connection.close();
        child.kill('SIGTERM');
        const [status] = (await once(child, 'exit')) as [number | null];
        assert.equal(status, 0);
      } finally {
        child.kill('SIGKILL');
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
