// A codis's operators: sentinels that watch the masters of its groups and whose choice all proxies follow, and a configuration that is
// dumped at one place and restored at another.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { xauthOf } from '../../src/proxy/codis/identity.js';
import { findFreePort } from '../peer.js';
import { askHttp, runCodis, startPart } from './codis-parts.js';
import { startFakeBackend } from './fake-backend.js';
import { RawClient } from './raw-client.js';

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const list = (...items: string[]): string => `*${items.length}\r\n${items.join('')}`;

interface Codis {
  readonly folder: string;
  readonly port: number;
  readonly servers: readonly string[];
  admin(...words: string[]): Promise<string>;
  stopDashboard(): Promise<void>;
}

/** A dashboard, a proxy, and one group of two servers that say their names. */
async function startCodis(t: TestContext): Promise<Codis> {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-operators-'));
  const [adminPort, proxyAdminPort, port] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const [file, proxyFile] = [join(folder, 'dashboard.toml'), join(folder, 'proxy.toml')];
  writeFileSync(
    file,
    `coordinator_name = "filesystem"\ncoordinator_addr = "${folder}/state"\nproduct_name = "shop"\nadmin_addr = "127.0.0.1:${adminPort}"\nsentinel_quorum = 1\n`,
  );
  writeFileSync(
    proxyFile,
    `product_name = "shop"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${proxyAdminPort}"\n`,
  );
  const backends = await Promise.all(
    ['first', 'second'].map((name) =>
      startFakeBackend((call) => {
        if (call.is(0, 'get')) return bulk(name);
        if (call.is(0, 'slotsinfo')) return '*0\r\n';
        if (call.is(0, 'info')) return bulk('role:master\r\n');
        return '+OK\r\n';
      }),
    ),
  );
  const dashboard = await startPart(['dashboard', `--config=${file}`], adminPort, '/topom');
  const proxy = await startPart(['proxy', `--config=${proxyFile}`], proxyAdminPort, '/proxy/model');
  t.after(async () => {
    await dashboard.kill();
    await proxy.kill();
    for (const backend of backends) await backend.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const servers = backends.map((backend) => `127.0.0.1:${backend.port}`);
  const codis: Codis = {
    folder,
    port,
    servers,
    async admin(...words) {
      const { status, out, err } = await runCodis('admin', `--dashboard=127.0.0.1:${adminPort}`, ...words);
      assert.equal(status, 0, `${words.join(' ')}: ${err}`);
      return out;
    },
    stopDashboard: () => dashboard.kill(),
  };
  const put = async (path: string, body?: unknown): Promise<void> => {
    const answer = await askHttp(adminPort, 'PUT', `/api/topom/${path}`, body);
    assert.deepEqual(answer, { status: 200, body: 'OK' }, path);
  };
  const xauth = xauthOf('shop');
  await put(`group/create/${xauth}/1`);
  for (const server of servers) await put(`group/add/${xauth}/1/${server}`);
  await put(
    `slots/assign/${xauth}`,
    Array.from({ length: 1024 }, (_, id) => ({ id, group_id: 1 })),
  );
  await put(`proxy/create/${xauth}/127.0.0.1:${proxyAdminPort}`);
  return codis;
}

test('sentinels are told the masters, and all proxies follow the one that they choose', async (t) => {
  const codis = await startCodis(t);
  const told: string[] = [];
  const masters = new Map<string, string>();
  const sentinel = await startFakeBackend((call) => {
    const words = Array.from({ length: call.count }, (_, index) => call.text(index));
    const [name = '', word = ''] = words.map((each) => each.toLowerCase());
    if (name !== 'sentinel') return '+OK\r\n';
    if (word === 'masters')
      return list(
        ...[...masters].map(([master, address]) => {
          const [ip = '', port = ''] = address.split(':');
          return list(...['name', master, 'ip', ip, 'port', port, 'config-epoch', '1'].map((each) => bulk(each)));
        }),
      );
    if (word === 'slaves') return '*0\r\n';
    told.push(words.slice(1).join(' ').toLowerCase());
    if (word === 'monitor') masters.set(words[2]!, `${words[3]}:${words[4]}`);
    if (word === 'remove') masters.delete(words[2]!);
    return '+OK\r\n';
  });
  t.after(() => sentinel.close());
  const [first, second] = codis.servers;
  const [ip, firstPort] = first!.split(':');
  await codis.admin('--sentinel-add', `--addr=127.0.0.1:${sentinel.port}`);
  await codis.admin('--sentinel-resync');
  assert.equal(told[0], `monitor shop-1 ${ip} ${firstPort} 1`);
  assert.ok(told.some((line) => line.startsWith('set shop-1 down-after-milliseconds ')));
  const client = await RawClient.open(codis.port);
  t.after(() => client.close());
  assert.equal(await client.call('GET', 'a'), bulk('first'));
  masters.set('shop-1', second!);
  while ((await client.call('GET', 'a')) !== bulk('second')) await sleep(20);
  // The servers of the group have changed places, for whoever comes later too.
  assert.match(await codis.admin('--list-group'), new RegExp(`${second}[\\s\\S]*${first}`));
  await codis.admin('--sentinel-del', `--addr=127.0.0.1:${sentinel.port}`);
  assert.ok(told.includes('remove shop-1'));
  assert.equal(await client.call('GET', 'a'), bulk('second'));
});

test('a configuration is dumped, and restored where there is none', async (t) => {
  const codis = await startCodis(t);
  await codis.stopDashboard();
  const from = `--filesystem=${codis.folder}/state`;
  const to = `--filesystem=${codis.folder}/other`;
  const { out } = await runCodis('admin', '--config-dump', '--product=shop', from);
  const file = join(codis.folder, 'dump.json');
  writeFileSync(file, out);
  const restore = [`--config-restore=${file}`, '--product=shop'];
  const shown = await runCodis('admin', ...restore, to);
  assert.deepEqual(JSON.parse(shown.out), JSON.parse(out), 'without --confirm it is shown alone');
  assert.match((await runCodis('admin', '--config-dump', '--product=shop', to)).err, /can't find product = shop/);
  assert.match((await runCodis('admin', ...restore, from, '--confirm')).err, /has a dashboard: end it first/);
  assert.equal((await runCodis('admin', ...restore, to, '--confirm')).status, 0);
  const again = await runCodis('admin', '--config-dump', '--product=shop', to);
  assert.deepEqual(JSON.parse(again.out), JSON.parse(out));
  assert.equal((await runCodis('admin', '--remove-lock', '--product=shop', from)).status, 0);
  assert.match((await runCodis('admin', ...restore, from, '--confirm')).err, /exists already/);
  writeFileSync(file, '{"group":');
  assert.match((await runCodis('admin', ...restore, to)).err, /cannot read .*dump\.json/);
  assert.equal((await runCodis('admin', '--config-dump', '--product=../x', from)).status, 1);
});
