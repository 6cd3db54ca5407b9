// The proxy of codis over real servers: slots from a file and by HTTP, and a slot that moves, with a source that speaks SLOTSMGRT*.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { encodeCommand } from '../../src/client/encode-command.js';
import { startServer } from '../../src/embed/start-server.js';
import { codisSlot } from '../../src/base/codis-slot.js';
import { readCodisConfig } from '../../src/proxy/codis/codis-config.js';
import { xauthOf } from '../../src/proxy/codis/identity.js';
import { findFreePort, peerMissing, startRedis } from '../peer.js';
import { startFakeBackend } from './fake-backend.js';
import { startPart } from './codis-parts.js';
import { RawClient } from './raw-client.js';
import { programPath } from '../kvasir.js';

const slotOf = (key: string): number => codisSlot(new Uint8Array(Buffer.from(key)), 0, key.length);

test('slots are those of codis, with empty tags too', () => {
  assert.equal(slotOf('a'), 579);
  assert.equal(slotOf('b'), 1017);
  assert.equal(slotOf('c'), 879);
  assert.equal(slotOf('x{a}y'), 579);
  assert.equal(slotOf('{}x'), 0);
  assert.equal(xauthOf('codis-demo'), '95b62887719520f17e312eaa76d28f2b');
});

test('proxy.toml is read, and each mistake has its line', () => {
  const { config, mistakes } = readCodisConfig('product_name = "p-1" # ours\nbackend_primary_parallel = 2\n');
  assert.deepEqual(mistakes, []);
  assert.equal(config.product_name, 'p-1');
  assert.equal(config.backend_primary_parallel, 2);
  assert.equal(config.session_recv_timeout, '30m');
  const wrong = readCodisConfig(
    'product_name = -\nno\nnosuch = 1\nsession_recv_timeout = "soon"\nproxy_max_clients = "x"\nproto_type = "udp"\n',
  );
  assert.deepEqual(
    wrong.mistakes.map(({ line }) => line),
    [1, 2, 3, 4, 5, 6],
  );
});

describe('kvasir-codis proxy', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  test('it takes slots by HTTP, and keys follow a slot that moves', async () => {
    const servers = [await startRedis(), await startRedis()];
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-codis-'));
    const [port, adminPort] = [await findFreePort(), await findFreePort()];
    const file = join(folder, 'proxy.toml');
    writeFileSync(
      file,
      `product_name = "shop"\njodis_auth = "hidden"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${adminPort}"\n`,
    );
    const script = programPath('kvasir-codis');
    const proxy = spawn(process.execPath, [script, 'proxy', `--config=${file}`], { stdio: 'ignore' });
    // A source that moves what it is asked for, and knows the wrapper of the semi-asynchronous method.
    const moved: string[] = [];
    let inWrapper = '0';
    const source = await startFakeBackend((call) => {
      if (call.is(0, 'slotsmgrttagone')) {
        moved.push(call.text(4));
        return ':1\r\n';
      }
      if (!call.is(0, 'slotsmgrt-exec-wrapper')) return '-ERR unexpected\r\n';
      return inWrapper === '2' ? '*2\r\n:2\r\n$6\r\nsource\r\n' : `*2\r\n:${inWrapper}\r\n$3\r\nerr\r\n`;
    });
    const url = `http://127.0.0.1:${adminPort}`;
    const ask = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> => {
      const response = await fetch(`${url}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    };
    try {
      for (;;) {
        try {
          await ask('GET', '/proxy/model');
          break;
        } catch {
          await sleep(20);
        }
      }
      const model = (await ask('GET', '/api/proxy/model')).body as { token: string; product_name: string };
      assert.equal(model.product_name, 'shop');
      const shown = (await ask('GET', '/proxy')).body as { config: Record<string, unknown> };
      assert.equal(shown.config.product_name, 'shop');
      assert.deepEqual(
        Object.keys(shown.config).filter((key) => key.endsWith('_auth')),
        [],
        'who reads the passwords can make the keys of all other requests',
      );
      const xauth = xauthOf('shop', '', model.token);
      const client = await RawClient.open(port);
      assert.equal(await client.call('GET', 'a'), '-ERR router is not online\r\n');
      assert.equal((await ask('PUT', '/api/proxy/start/wrong')).status, 800);
      const address = (index: number): string => `127.0.0.1:${servers[index]!.port}`;
      const slots = Array.from({ length: 1024 }, (_, id) => ({ id, backend_addr: address(id % 2) }));
      assert.deepEqual(await ask('PUT', `/api/proxy/fillslots/${xauth}`, slots), { status: 200, body: 'OK' });
      assert.equal((await ask('PUT', `/api/proxy/fillslots/${xauth}`, [{ id: 1024 }])).status, 800);
      await ask('PUT', `/api/proxy/start/${xauth}`);
      const keys = Array.from({ length: 100 }, (_, index) => `key:${index}`);
      assert.equal(await client.call('MSET', ...keys.flatMap((key) => [key, key])), '+OK\r\n');
      assert.equal(
        await client.call('MGET', ...keys),
        `*100\r\n${keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('')}`,
      );
      for (const key of keys.slice(0, 10)) assert.equal(await servers[slotOf(key) % 2]!.send('GET', key), key);
      assert.match((await client.call('SLOTSMAPPING', '579'))!, /^\*4\r\n:579\r\n\$\d+\r\n127\.0\.0\.1:/);
      // The slot of a moves from the source to the server.
      const id = slotOf('a');
      const moving = { id, backend_addr: address(0), migrate_from: `127.0.0.1:${source.port}` };
      await ask('PUT', `/api/proxy/fillslots/${xauth}`, [{ ...moving, locked: true }]);
      const held = client.call('SET', 'a', 'target');
      const other = await RawClient.open(port);
      assert.equal(await other.call('SET', 'key:1', 'x'), '+OK\r\n');
      await ask('PUT', `/api/proxy/fillslots/${xauth}`, [moving]);
      assert.equal(await held, '+OK\r\n');
      assert.deepEqual(moved, ['a']);
      await ask('PUT', `/api/proxy/fillslots/${xauth}`, [{ ...moving, forward_method: 1 }]);
      assert.equal(await client.call('GET', 'a'), '$6\r\ntarget\r\n');
      inWrapper = '2';
      assert.equal(await client.call('GET', 'a'), '$6\r\nsource\r\n');
      inWrapper = '1';
      const waiting = client.call('GET', 'a');
      while (source.requestCount < 5) await sleep(5);
      inWrapper = '0';
      assert.equal(await waiting, '$6\r\ntarget\r\n');
      const stats = (await ask('GET', '/proxy/stats')).body as { online: boolean; ops: { total: number } };
      assert.equal(stats.online, true);
      assert.ok(stats.ops.total > 5);
      client.close();
      other.close();
    } finally {
      proxy.kill('SIGKILL');
      await source.close();
      for (const server of servers) await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('clients log in with session_auth, servers with product_auth, and a load goes to the database that it selects', async (t) => {
    const server = await startServer({ requirepass: 'inner' });
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-codis-'));
    const [port, adminPort] = [await findFreePort(), await findFreePort()];
    const [file, slotsFile] = [join(folder, 'proxy.toml'), join(folder, 'slots.json')];
    writeFileSync(
      file,
      `product_name = "shop"\nproduct_auth = "inner"\nsession_auth = "outer"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${adminPort}"\n`,
    );
    const slots = Array.from({ length: 1024 }, (_, id) => ({ id, backend_addr: `127.0.0.1:${server.port}` }));
    writeFileSync(slotsFile, JSON.stringify(slots));
    const part = await startPart(['proxy', `--config=${file}`, `--fillslots=${slotsFile}`], adminPort, '/proxy/model');
    t.after(async () => {
      await part.kill();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const client = await RawClient.open(port);
    t.after(() => client.close());
    assert.match((await client.call('GET', 'a'))!, /^-NOAUTH/);
    assert.match((await client.call('AUTH', 'inner'))!, /^-/);
    assert.equal(await client.call('AUTH', 'outer'), '+OK\r\n');
    assert.equal(await client.call('GET', 'a'), '$-1\r\n');
    const pipe = spawn('redis-cli', ['-p', String(port), '-a', 'outer', '--no-auth-warning', '--pipe'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let said = '';
    pipe.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    pipe.stdin.write(encodeCommand(['SELECT', '5']));
    for (let index = 0; index < 1000; index++) pipe.stdin.write(encodeCommand(['SET', `k${index}`, 'v']));
    pipe.stdin.end();
    assert.deepEqual(await once(pipe, 'close'), [0, null]);
    assert.match(said, /errors: 0, replies: 1001/);
    const direct = await RawClient.open(server.port);
    t.after(() => direct.close());
    await direct.call('AUTH', 'inner');
    assert.match((await direct.call('INFO', 'keyspace'))!, /db5:keys=1000/);
  });
});
