// The files of the data folder: written by hand, changed while the program runs, and useless to whoever has only the folder's passwords.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { hashPassword } from '../../src/admin/access/password.js';
import { startServer } from '../../src/embed/start-server.js';
import { firstAdmin, password, startTestAdmin, Visitor } from './admin-client.js';

const secret = 'hunter2 of the server';

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-admin-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a list of servers that was written by hand is used, and its passwords are encrypted when the program starts', async (t) => {
  const server = await startServer({ port: 0, requirepass: secret });
  t.after(() => server.close());
  const dataFolder = newFolder(t);
  const path = join(dataFolder, 'servers.json');
  const entry = { name: 'by hand', nodes: [`127.0.0.1:${server.port}`], password: secret, group: 'production' };
  writeFileSync(path, JSON.stringify({ servers: [entry, { name: 'other', nodes: ['127.0.0.1:1'], readOnly: true }] }));
  const reach = async (visitor: Visitor): Promise<{ status: number; text: string }> => {
    const { servers } = (await visitor.get('/api/servers')).json<{ servers: { id: string; name: string }[] }>();
    assert.deepEqual(servers.map(({ name }) => name).sort(), ['by hand', 'other']);
    return visitor.get(`/api/servers/${servers.find(({ name }) => name === 'by hand')!.id}/about`);
  };
  const first = await startTestAdmin(t, { dataFolder });
  assert.equal((await reach(await firstAdmin(first))).status, 200);
  await first.close();
  const stored = readFileSync(path, 'utf8');
  assert.doesNotMatch(stored, /hunter2/);
  assert.match(stored, /"production"/);
  // The password is still known after a restart, by the key beside it.
  const logIn = async (passphrase?: string): Promise<{ status: number; text: string }> => {
    const admin = await startTestAdmin(t, { dataFolder, passphrase });
    const visitor = new Visitor(admin.port);
    await visitor.logIn('root');
    const answer = await reach(visitor);
    await admin.close();
    return answer;
  };
  assert.equal((await logIn()).status, 200);
  const wrong = await logIn('another key');
  assert.equal(wrong.status, 409);
  assert.match(wrong.text, /cannot be decrypted/);
  // A sealed password is good for its own entry only.
  const moved = JSON.parse(stored) as { servers: { id: string; password?: string }[] };
  writeFileSync(path, JSON.stringify({ servers: moved.servers.map((one) => ({ ...one, id: `${one.id}x` })) }));
  assert.equal((await logIn()).status, 409);
});

test('a list of servers that makes no sense is refused by its place', async (t) => {
  for (const [text, message] of [
    ['{', /servers\.json/],
    ['{"servers":{}}', /"servers" must be a list/],
    ['{"servers":[{"nodes":["127.0.0.1:1"]},{"name":"x"}]}', /server 2: "nodes" must be a list of host:port/],
    ['{"servers":[{"id":"a","nodes":["h:1"]},{"id":"a","nodes":["h:1"]}]}', /server 2: duplicate id a/],
    ['{"servers":[{"nodes":["h:1"],"user":7}]}', /server 1: "user" must be a text/],
  ] as const) {
    const dataFolder = newFolder(t);
    writeFileSync(join(dataFolder, 'servers.json'), text);
    await assert.rejects(startTestAdmin(t, { dataFolder }), message, text);
  }
});

test('users that were written by hand log in, and a change of the file counts at once', async (t) => {
  const dataFolder = newFolder(t);
  const path = join(dataFolder, 'users.json');
  const hash = await hashPassword(password);
  assert.match(hash, /^scrypt\$/);
  let written = 0;
  const write = (...users: object[]): void => {
    // Of another length each time: two writes may have the same time.
    writeFileSync(path, JSON.stringify({ users, note: 'x'.repeat(++written) }));
  };
  const ada = { name: 'ada', password: hash, role: 'viewer' };
  write(ada, { name: 'boss', password: hash, role: 'admin' });
  const admin = await startTestAdmin(t, { dataFolder });
  assert.equal(admin.setupToken, '', 'there are users already');
  const visitor = new Visitor(admin.port);
  assert.equal((await visitor.logIn('ada')).status, 200);
  const session = async (): Promise<Record<string, unknown>> => (await visitor.get('/api/session')).json();
  assert.equal((await session()).role, 'viewer');
  assert.equal((await visitor.get('/api/users')).status, 403);
  const changed = async (what: () => Promise<boolean>): Promise<void> => {
    while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  write({ ...ada, role: 'admin', prefixes: ['app:'] });
  await changed(async () => (await session()).role === 'admin');
  assert.deepEqual((await session()).prefixes, ['app:']);
  write({ name: 'boss', password: hash, role: 'admin' });
  await changed(async () => (await visitor.get('/api/session')).status === 401);
  assert.equal((await new Visitor(admin.port).post('/api/login', { name: 'ada', password })).status, 401);
  for (const user of [{ name: 'x' }, { ...ada, role: 'king' }, { ...ada, servers: 'all' }]) {
    const other = newFolder(t);
    writeFileSync(join(other, 'users.json'), JSON.stringify({ users: [user] }));
    await assert.rejects(startTestAdmin(t, { dataFolder: other }), /users\.json/);
  }
});
