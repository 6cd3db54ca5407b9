// The admin as a process: beside a server (`kvasir-server --admin-port`) it has that server in its list and ends with it, however
// that ends; by itself it prints a link once, and listens on this machine alone.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { kvasirServerPath, programPath, testFlags } from '../kvasir.js';
import { accepts, findFreePort } from '../peer.js';
import { password, send, Visitor } from './admin-client.js';

test('a server with --admin-port has a page that knows it and ends with it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-beside-'));
  const [port, pagePort] = [await findFreePort(), await findFreePort()];
  const words = [...testFlags, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const child = spawn(
    process.execPath,
    [kvasirServerPath, ...words, '--requirepass', 'secret', '--admin-port', String(pagePort)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, KVASIR_ADMIN_DATA: join(folder, 'admin') },
    },
  );
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  let said = '';
  child.stdout.on('data', (part: Buffer) => (said += part.toString()));
  const link = /http:\/\/127\.0\.0\.1:(\d+)\/#setup=(\S+)\s/;
  while (!link.test(said)) await once(child.stdout, 'data');
  const [, shownPort, token] = link.exec(said)!;
  assert.equal(Number(shownPort), pagePort);

  const root = new Visitor(pagePort);
  await root.post('/api/setup', { token, name: 'root', password });
  const { servers } = (await root.get('/api/servers')).json<{ servers: { id: string; name: string }[] }>();
  assert.deepEqual(
    servers.map(({ name }) => name),
    ['this server'],
  );
  // With the server's password.
  const about = (await root.get(`/api/servers/${servers[0]!.id}/about`)).json();
  assert.deepEqual([about.product, about.role], ['kvasir', 'master']);

  child.kill('SIGKILL');
  const answers = (): Promise<boolean> =>
    send(pagePort, 'GET', '/').then(
      () => true,
      () => false,
    );
  while (await answers());
});

/** Starts the program; all that it prints until it listens, and what ends it. */
async function startProgram(t: TestContext, ...words: string[]): Promise<{ said: string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [programPath('kvasir-admin'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (part: Buffer) => (said += part.toString()));
  while (!/listens on .*\n/.test(said)) await once(child.stdout, 'data');
  return {
    get said() {
      return said;
    },
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'close');
    },
  };
}

test('by itself it prints a link that works once, has the servers of its command line, and listens on loopback alone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-alone-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [port, metricsPort] = [await findFreePort(), await findFreePort()];
  const words = ['--port', String(port), '--data', join(folder, 'admin')];
  const first = await startProgram(
    t,
    ...words,
    '--metrics-port',
    String(metricsPort),
    '--server',
    'gone=127.0.0.1:1',
    '--read-only',
  );
  const link = /http:\/\/127\.0\.0\.1:\d+\/#setup=(\S+)\s/;
  while (!link.test(first.said)) await new Promise((resolve) => setTimeout(resolve, 20));
  const outer = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  for (const each of [port, metricsPort]) {
    assert.ok(await accepts(each));
    if (outer !== undefined) assert.equal(await accepts(each, outer.address), false, outer.address);
  }
  const token = link.exec(first.said)![1];
  const root = new Visitor(port);
  assert.equal((await root.post('/api/setup', { token, name: 'root', password })).status, 200);
  await root.readToken();
  assert.equal((await new Visitor(port).post('/api/setup', { token, name: 'other', password })).status, 409);
  const { servers } = (await root.get('/api/servers')).json<{ servers: { id: string; name: string }[] }>();
  assert.deepEqual(
    servers.map(({ name }) => name),
    ['gone'],
  );
  const set = { commands: [['SET', 'k', 'v']] };
  assert.equal((await root.post(`/api/servers/${servers[0]!.id}/commands`, set)).json().error, 'read-only');
  // Monitoring systems have no login.
  const metrics = async (path: string): Promise<string> =>
    (await fetch(`http://127.0.0.1:${metricsPort}${path}`)).text();
  while (!/^redis_up\{instance="gone"\} 0$/m.test(await metrics('/metrics')))
    await new Promise((resolve) => setTimeout(resolve, 50));
  while (!/"down":\["gone"\]/.test(await metrics('/health'))) await new Promise((resolve) => setTimeout(resolve, 50));
  await first.stop();
  const again = await startProgram(t, ...words, '--no-history');
  assert.doesNotMatch(again.said, /setup/);
  const back = new Visitor(port);
  assert.equal((await back.logIn('root')).status, 200);
  assert.deepEqual((await back.get('/api/servers')).json().servers, [], 'the list holds no server of a command line');
  await again.stop();
});
