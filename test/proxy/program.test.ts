// kvasir-proxy as a program: its flags beside nutcracker's, what it writes and leaves behind, its signals, and the keys of a pool that
// only a whole process shows.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { programPath } from '../kvasir.js';
import { findFreePort, peerMissing } from '../peer.js';
import { type FakeBackend, startFakeBackend } from './fake-backend.js';
import { startKvasirProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const script = programPath('kvasir-proxy');

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-program-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function startFine(t: TestContext, seen: string[] = []): Promise<FakeBackend> {
  const backend = await startFakeBackend((call) => {
    seen.push(Array.from({ length: call.count }, (_, index) => call.text(index)).join(' '));
    return '+fine\r\n';
  });
  t.after(() => backend.close());
  return backend;
}

function poolText(listen: string, server: number, more = ''): string {
  return `pool:\n  listen: ${listen}\n  redis: true\n${more}  servers:\n   - 127.0.0.1:${server}:1\n`;
}

test('-V, -h and -t say and return what those of nutcracker do', { skip: peerMissing('nutcracker') }, (t) => {
  const folder = makeFolder(t);
  const good = join(folder, 'good.yml');
  const bad = join(folder, 'bad.yml');
  writeFileSync(good, poolText('127.0.0.1:22121', 6379));
  writeFileSync(bad, 'pool:\n  listen: nowhere\n  rubbish: 1\n');
  const run = (program: readonly string[], ...words: string[]): { status: number | null; out: string; err: string } => {
    const { status, stdout, stderr } = spawnSync(program[0]!, [...program.slice(1), ...words], { encoding: 'utf8' });
    return { status, out: stdout, err: stderr };
  };
  const [ours, theirs] = [[process.execPath, script], ['nutcracker']];
  for (const words of [
    ['-V'],
    ['-h'],
    ['--help'],
    ['-V', '-D'],
    ['-t', '-c', good],
    ['-t', '-c', bad],
    ['-x'],
    ['-s', 'x'],
  ])
    assert.equal(run(ours, ...words).status, run(theirs, ...words).status, words.join(' '));
  assert.match(run(ours, '-V').out + run(ours, '-V').err, /^This is nutcracker-0\.5\.0/);
  assert.match(run(ours, '-t', '-c', good).err, /nutcracker: configuration file '.*good\.yml' syntax is ok/);
  assert.match(run(theirs, '-t', '-c', good).err, /nutcracker: configuration file '.*good\.yml' syntax is ok/);
  const told = run(ours, '-t', '-c', bad);
  assert.match(told.err, /bad\.yml:2: conf: directive "listen" has an invalid/, 'with lines, and all of them');
  assert.match(told.err, /bad\.yml:3: conf: directive "rubbish" is unknown/);
  assert.match(told.err, /syntax is invalid/);
  const names = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    bin: Record<string, string>;
  };
  assert.equal(names.bin['kvasir-nutcracker'], names.bin['kvasir-proxy'], 'it has its other name');
});

test('-d goes on in the background, with a pid file that goes when it ends', async (t) => {
  const folder = makeFolder(t);
  const backend = await startFine(t);
  const [port, statsPort] = [await findFreePort(), await findFreePort()];
  const [file, pidFile, log] = ['nutcracker.yml', 'proxy.pid', 'proxy.log'].map((name) => join(folder, name));
  writeFileSync(file!, poolText(`127.0.0.1:${port}`, backend.port));
  const words = ['-d', '-c', file!, '-p', pidFile!, '-o', log!, '-s', String(statsPort), '-a', '127.0.0.1', '-v', '6'];
  const started = spawnSync(process.execPath, [script, ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  assert.equal(started.status, 0, started.stderr);
  while (!existsSync(pidFile!) || readFileSync(pidFile!, 'utf8') === '') await sleep(10);
  const pid = Number(readFileSync(pidFile!, 'utf8'));
  t.after(() => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended as it should.
    }
  });
  const client = await RawClient.open(port);
  assert.equal(await client.call('GET', 'a'), '+fine\r\n');
  client.close();
  process.kill(pid, 'SIGTERM');
  while (existsSync(pidFile!)) await sleep(10);
  assert.match(readFileSync(log!, 'utf8'), /serves 1 pools[\s\S]*shutting down/);
});

test('SIGTTOU logs less, SIGTTIN more, SIGINT ends at once', async (t) => {
  const backend = await startFine(t);
  const port = await findFreePort();
  const proxy = await startKvasirProxy(poolText(`127.0.0.1:${port}`, backend.port), port);
  t.after(() => proxy.stop('SIGKILL'));
  const client = await RawClient.open(port);
  t.after(() => client.close());
  const reloadLogs = async (): Promise<boolean> => {
    const before = proxy.log().length;
    assert.equal(await client.call('PROXY', 'RELOAD'), '+OK\r\n');
    return proxy.log().length > before;
  };
  assert.ok(await reloadLogs());
  proxy.signal('SIGTTOU');
  while (await reloadLogs());
  proxy.signal('SIGTTIN');
  while (!(await reloadLogs()));
  proxy.signal('SIGUSR2');
  assert.equal(await client.call('PING'), '+PONG\r\n');
  proxy.signal('SIGINT');
  await proxy.exited;
});

test('a unix socket has the permissions that its line says, and stands at its place again after a crash', async (t) => {
  const folder = makeFolder(t);
  const backend = await startFine(t);
  const path = join(folder, 'proxy.sock');
  const proxy = await startKvasirProxy(poolText(`${path} 0620`, backend.port), path);
  t.after(() => proxy.stop('SIGKILL'));
  assert.equal(statSync(path).mode & 0o777, 0o620);
  await proxy.restart();
  const client = await RawClient.open(path);
  t.after(() => client.close());
  assert.equal(await client.call('GET', 'a'), '+fine\r\n');
});

test('preconnect, server_connections, redis_db and server_user show in what servers see', async (t) => {
  const seen: string[] = [];
  const backend = await startFine(t, seen);
  const port = await findFreePort();
  const more = '  preconnect: true\n  server_connections: 3\n  redis_auth: secret\n  server_user: ann\n  redis_db: 5\n';
  const proxy = await startKvasirProxy(poolText(`127.0.0.1:${port}`, backend.port, more), port);
  t.after(() => proxy.stop('SIGKILL'));
  while (seen.length < 6) await sleep(10);
  assert.equal(backend.sockets.size, 3, 'before anybody has come');
  assert.deepEqual([...new Set(seen)].sort(), ['AUTH ann secret', 'SELECT 5']);
  const client = await RawClient.open(port);
  t.after(() => client.close());
  assert.equal(await client.call('AUTH', 'secret'), '+OK\r\n');
  await client.call('SELECT', '2');
  assert.equal(await client.call('GET', 'a'), '+fine\r\n');
  assert.ok(seen.includes('SELECT 7'), "a client's databases are counted from redis_db");
});

test('with client_connections one client more is told so, and the place of one that went is free', async (t) => {
  const backend = await startFine(t);
  const port = await findFreePort();
  const proxy = await startKvasirProxy(poolText(`127.0.0.1:${port}`, backend.port, '  client_connections: 2\n'), port);
  t.after(() => proxy.stop('SIGKILL'));
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.open(port);
    t.after(() => client.close());
    return client;
  };
  // The place of whoever looked whether the port is open is free when the proxy has seen it go.
  const admitted = async (): Promise<RawClient> => {
    for (;;) {
      const client = await open();
      if ((await client.call('PING')) === '+PONG\r\n') return client;
    }
  };
  const first = await admitted();
  const second = await admitted();
  const third = await open();
  assert.equal(await third.next(), '-ERR max number of clients reached\r\n');
  assert.equal(await third.next(), undefined);
  first.close();
  const fourth = await admitted();
  for (const client of [second, fourth]) assert.equal(await client.call('GET', 'a'), '+fine\r\n');
});
