// The admin beside a server (`kvasir-server --admin-port`): it has the server in its list, and ends with it, however that ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { kvasirServerPath, testFlags } from '../kvasir.js';
import { findFreePort } from '../peer.js';
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
