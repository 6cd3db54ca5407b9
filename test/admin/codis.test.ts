// The codis page's part of the API: a real dashboard shown and changed, and one that lies.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startServer } from '../../src/embed/start-server.js';
import { findFreePort } from '../peer.js';
import { startPart } from '../proxy/codis-parts.js';
import { firstAdmin, startTestAdmin, userWith } from './admin-client.js';

interface Codis {
  readonly product: string;
  readonly groups: { id: number; servers: { address: string; role: string }[] }[];
  readonly slots: { first: number; last: number; group: number; state: string }[];
  readonly moving: { isDisabled: boolean };
}

test('shows the groups and slots of a codis, and changes them for those who may', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-admin-codis-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startServer({ 'codis-enabled': true });
  t.after(() => server.close());
  const port = await findFreePort();
  const file = join(folder, 'dashboard.toml');
  writeFileSync(
    file,
    `coordinator_name = "filesystem"\ncoordinator_addr = "${folder}/state"\nproduct_name = "shop"\nadmin_addr = "127.0.0.1:${port}"\n`,
  );
  const dashboard = await startPart(['dashboard', `--config=${file}`], port, '/topom');
  t.after(() => dashboard.kill());
  const admin = await startTestAdmin(t);
  const root = await firstAdmin(admin);
  const fields = { name: 'shop', nodes: [`127.0.0.1:${server.port}`] };
  assert.equal((await root.post('/api/servers', { ...fields, codisDashboard: 'http://x/' })).status, 400);
  const id = String((await root.post('/api/servers', { ...fields, codisDashboard: `127.0.0.1:${port}` })).json().id);
  const read = async (): Promise<Codis> => (await root.get(`/api/servers/${id}/codis`)).json<Codis>();
  const change = (body: Record<string, unknown>) => root.post(`/api/servers/${id}/codis`, { confirm: 'shop', ...body });
  const made = await read();
  assert.deepEqual([made.product, made.groups, made.slots.length], ['shop', [], 1]);
  const unconfirmed = await change({ command: 'add-group', group: 1, confirm: '' });
  assert.equal(unconfirmed.json().error, 'confirm');
  const orders = [
    { command: 'add-group', group: 1 },
    { command: 'add-server', group: 1, server: `127.0.0.1:${server.port}` },
    { command: 'pause' },
    { command: 'move', first: 10, last: 19, group: 1 },
  ];
  for (const order of orders) assert.deepEqual((await change(order)).json(), { result: 'OK' }, order.command);
  const changed = await read();
  assert.deepEqual(
    changed.groups.map((group) => [group.id, group.servers.map((one) => [one.address, one.role])]),
    [[1, [[`127.0.0.1:${server.port}`, 'master']]]],
  );
  assert.equal(changed.moving.isDisabled, true);
  assert.deepEqual(
    changed.slots.map(({ first, last, state }) => [first, last, state]),
    [
      [0, 9, ''],
      [10, 19, 'pending'],
      [20, 1023, ''],
    ],
  );
  const plan = await change({ command: 'rebalance', plan: true, confirm: '' });
  assert.equal(plan.status, 200, plan.text);
  for (const order of [
    { command: 'nosuch' },
    { command: 'move', first: 5, last: 1, group: 1 },
    { command: 'move', first: 0, last: 1024, group: 1 },
    { command: 'promote', group: 1, server: '../../x' },
  ])
    assert.equal((await change(order)).status, 400, JSON.stringify(order));
  const viewer = await userWith(root, 'viewer', { role: 'viewer' });
  assert.equal((await viewer.get(`/api/servers/${id}/codis`)).status, 200);
  assert.equal((await viewer.post(`/api/servers/${id}/codis`, { command: 'pause', confirm: 'shop' })).status, 403);
  const limited = await userWith(root, 'limited', { role: 'operator', prefixes: ['a:'] });
  assert.equal((await limited.get(`/api/servers/${id}/codis`)).status, 403);
  await dashboard.kill();
  assert.equal((await root.get(`/api/servers/${id}/codis`)).status, 502);
});

test('takes anything from a dashboard without falling over', async (t) => {
  const answers = [
    'null',
    '[]',
    '{',
    '{"stats":1}',
    '{"stats":{"slots":[null,1,{"id":"x"}],"group":{"models":[7,{"id":1,"servers":{}}]},"proxy":{"models":[{}]}}}',
    '{"model":{"product_name":["<b>"]},"stats":{"sentinels":{"model":{"servers":[{}]}}}}',
  ];
  let answer = '';
  const listener = createServer((_request, response) => void response.end(answer));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  const admin = await startTestAdmin(t);
  const root = await firstAdmin(admin);
  const fields = { name: 'lies', nodes: ['127.0.0.1:1'], codisDashboard: `127.0.0.1:${port}` };
  const id = String((await root.post('/api/servers', fields)).json().id);
  for (answer of answers) assert.ok([200, 502].includes((await root.get(`/api/servers/${id}/codis`)).status), answer);
  assert.deepEqual(admin.log, []);
});
