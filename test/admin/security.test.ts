// The admin's refusals: routes without a session, roles, foreign pages, guessed passwords, other people's keys.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SystemClock } from '../../src/io/clock.js';
import { systemEnvironment } from '../../src/io/environment.js';
import { roles } from '../../src/admin/access/roles.js';
import { type EmbeddedServer, startServer } from '../../src/embed/start-server.js';
import {
  firstAdmin,
  jobEnd,
  password,
  send,
  startTestAdmin,
  type TestAdmin,
  userWith,
  Visitor,
} from './admin-client.js';

class MovedClock extends SystemClock {
  shiftMs = 0;
  /** While it is set, only `shiftMs` moves the time: a slow machine must not wait for its next try by itself. */
  stopped: { readonly wallMs: number; readonly steadyMs: number } | undefined;

  stop(): void {
    this.stopped = { wallMs: super.wallMs(), steadyMs: super.steadyMs() };
  }

  override wallMs(): number {
    return (this.stopped?.wallMs ?? super.wallMs()) + this.shiftMs;
  }

  override steadyMs(): number {
    return (this.stopped?.steadyMs ?? super.steadyMs()) + this.shiftMs;
  }
}

describe('the admin', () => {
  const ends: (() => Promise<void> | void)[] = [];
  const context = { after: (run: () => Promise<void> | void) => void ends.push(run) } as never;
  const clock = new MovedClock();
  let server: EmbeddedServer;
  let admin: TestAdmin;
  let root: Visitor;
  let id: string;

  before(async () => {
    server = await startServer({ port: 0 });
    admin = await startTestAdmin(context, { environment: { ...systemEnvironment, clock } });
    root = await firstAdmin(admin);
    id = String((await root.post('/api/servers', { name: 'one', nodes: [`127.0.0.1:${server.port}`] })).json().id);
    await commands(root, ['SET', 'app:a', '1'], ['SET', 'other:b', '2']);
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
    await server.close();
  });

  const commands = (visitor: Visitor, ...list: string[][]) =>
    visitor.post(`/api/servers/${id}/commands`, { commands: list });
  const filled = (path: string): string => path.replace(':id', id).replace(/:\w+/g, 'x');

  it('opens no route without a session but login, setup and hello', async () => {
    const open = admin.routes.filter((route) => route.open === true).map(({ path }) => path);
    assert.deepEqual(open.sort(), ['/api/hello', '/api/login', '/api/setup']);
    for (const { method, path, open: isOpen } of admin.routes) {
      if (isOpen === true) continue;
      const headers = { 'content-type': 'application/json', cookie: 'kvasir_admin=guessed' };
      const answer = await send(admin.port, method, filled(path), {
        headers,
        ...(method === 'POST' ? { body: '{}' } : {}),
      });
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal(answer.json().error, 'no-session');
    }
  });

  it('lets each role do what it may and no more, on every route', async () => {
    for (const role of roles) {
      const visitor = role === 'admin' ? root : await userWith(root, `role-${role}`, { role });
      for (const route of admin.routes) {
        if (route.open === true || route.path === '/api/logout' || /monitor|subscribe|password/.test(route.path))
          continue;
        const isAllowed = roles.indexOf(role) >= roles.indexOf(route.role);
        if (isAllowed) continue;
        const answer =
          route.method === 'GET' ? await visitor.get(filled(route.path)) : await visitor.post(filled(route.path));
        assert.equal(answer.status, 403, `${role} at ${route.path}: ${answer.text}`);
      }
    }
  });

  it('judges commands by role', async () => {
    const viewer = await userWith(root, 'v', { role: 'viewer' });
    const editor = await userWith(root, 'e', { role: 'editor' });
    const operator = await userWith(root, 'o', { role: 'operator' });
    const status = async (visitor: Visitor, ...words: string[]): Promise<number> =>
      (await commands(visitor, words)).status;
    assert.equal(await status(viewer, 'GET', 'app:a'), 200);
    assert.equal(await status(viewer, 'SET', 'app:a', 'x'), 403);
    assert.equal(await status(viewer, 'CONFIG', 'GET', 'maxmemory'), 403);
    assert.equal(await status(editor, 'SET', 'app:a', '1'), 200);
    for (const words of [
      ['CONFIG', 'SET', 'maxmemory', '0'],
      ['FLUSHALL'],
      ['EVAL', 'return 1', '0'],
      ['CLIENT', 'KILL', 'ID', '1'],
      ['NOSUCHCOMMAND'],
    ])
      assert.equal(await status(editor, ...words), 403, words.join(' '));
    assert.equal(await status(operator, 'CONFIG', 'GET', 'maxmemory'), 200);
    assert.equal(await status(operator, 'ACL', 'LIST'), 403);
    assert.equal(await status(root, 'ACL', 'LIST'), 200);
    // The whole request is refused before any of it runs.
    assert.equal((await commands(viewer, ['GET', 'app:a'], ['DEL', 'app:a'])).status, 403);
    assert.deepEqual((await commands(root, ['EXISTS', 'app:a'])).json().replies, [1]);
    for (const words of [
      ['MONITOR'],
      ['SUBSCRIBE', 'x'],
      ['PSYNC', '?', '-1'],
      ['AUTH', 'x'],
      ['CLIENT', 'REPLY', 'OFF'],
      ['HELLO', '3'],
      ['QUIT'],
      ['client', 'reply', 'off'],
    ])
      assert.equal(await status(root, ...words), 403, words.join(' '));
  });

  it('asks for the name of the server before what is dangerous', async () => {
    for (const words of [
      ['FLUSHALL'],
      ['FLUSHDB'],
      ['CONFIG', 'SET', 'maxmemory', '0'],
      ['SHUTDOWN'],
      ['DEBUG', 'SLEEP', '0'],
      ['REPLICAOF', 'NO', 'ONE'],
    ]) {
      const path = `/api/servers/${id}/commands`;
      const answer = await root.post(path, { commands: [words] });
      assert.equal(answer.status, 409, words.join(' '));
      assert.equal(answer.json().error, 'confirm');
      assert.equal((await root.post(path, { commands: [words], confirm: 'two' })).status, 409);
    }
    assert.equal(
      (await root.post(`/api/servers/${id}/bulk`, { change: 'delete', pattern: '*' })).json().error,
      'confirm',
    );
    const answer = await root.post(`/api/servers/${id}/commands`, {
      commands: [['CONFIG', 'SET', 'maxmemory', '0']],
      confirm: 'one',
    });
    assert.deepEqual(answer.json().replies, ['OK']);
  });

  it('keeps people to their prefixes, whatever the command', async () => {
    const limited = await userWith(root, 'p', { role: 'operator', prefixes: ['app:'] });
    const status = async (...words: string[]): Promise<number> => (await commands(limited, words)).status;
    assert.equal(await status('SET', 'app:new', '1'), 200);
    for (const words of [
      ['GET', 'other:b'],
      ['MGET', 'app:a', 'other:b'],
      ['RENAME', 'app:a', 'other:c'],
      ['COPY', 'other:b', 'app:c'],
      ['KEYS', '*'],
      ['SCAN', '0'],
      ['RANDOMKEY'],
      ['EVAL', "return redis.call('get', 'other:b')", '1', 'app:a'],
      ['SORT', 'app:a', 'BY', 'other:*'],
      ['CONFIG', 'GET', '*'],
      ['CLIENT', 'LIST'],
      ['SLOWLOG', 'GET'],
      ['XREAD', 'STREAMS', 'other:b', '0'],
      ['SINTERSTORE', 'app:x', 'other:b'],
      ['GEORADIUS', 'app:a', '1', '1', '1', 'm', 'STORE', 'app:x', 'STORE', 'other:b'],
      ['GEORADIUSBYMEMBER', 'app:a', 'store', '1', 'm', 'STORE', 'app:x', 'STOREDIST', 'other:b'],
      ['MIGRATE', '127.0.0.1', '1', 'app:a', '0', '1'],
      ['OBJECT', 'ENCODING', 'other:b'],
      ['MEMORY', 'USAGE', 'other:b'],
    ])
      assert.equal(await status(...words), 403, words.join(' '));
    const tree = (await limited.post(`/api/servers/${id}/tree`, {})).json<{
      folders: [string, number][];
      keys: string[];
    }>();
    assert.deepEqual(
      tree.folders.map(([name]) => name),
      ['app:'],
    );
    assert.deepEqual(
      (await limited.post(`/api/servers/${id}/tree`, { prefix: 'other:' })).json<{ keys: string[] }>().keys,
      [],
    );
    assert.equal((await limited.post(`/api/servers/${id}/keys`, { keys: ['other:b'] })).status, 403);
    assert.equal((await limited.get(`/api/servers/${id}/value?key=other:b`)).status, 403);
    assert.equal(
      (await limited.get(`/api/servers/${id}/value?key=app:a&key64=${Buffer.from('other:b').toString('base64url')}`))
        .status,
      403,
    );
    const sample = (await limited.post(`/api/servers/${id}/sample`, {})).json<{ biggest: { key: string }[] }>();
    assert.ok(sample.biggest.length > 0 && sample.biggest.every(({ key }) => key.startsWith('app:')));
    const exported = await limited.get(`/api/servers/${id}/export?format=commands&database=0`);
    assert.match(exported.text, /app:a/);
    assert.doesNotMatch(exported.text, /other:b/);
    assert.equal((await limited.get(`/api/servers/${id}/monitor`)).status, 403);
    assert.equal((await limited.get(`/api/servers/${id}/subscribe?channel=x`)).status, 403);
    assert.equal((await limited.get(`/api/servers/${id}/config`)).status, 403);
    assert.equal(
      (await limited.post(`/api/servers/${id}/bulk`, { change: 'rename', from: 'app:', to: 'other:' })).status,
      403,
    );
    assert.equal((await limited.post(`/api/servers/${id}/console`, { tab: 't', line: 'GET other:b' })).status, 403);
  });

  it('holds files, bulk changes and flushes to prefixes, roles, typed names and the read-only mark', async () => {
    const rights = { role: 'operator', prefixes: ['app:'] };
    const limited = await userWith(root, 'limited-files', rights);
    const viewer = await userWith(root, 'viewer-files', { role: 'viewer' });
    const upload = (visitor: Visitor, format: string, body: string, serverId = id) =>
      send(admin.port, 'POST', `/api/servers/${serverId}/import?format=${format}&mode=replace`, {
        headers: { cookie: visitor.cookie, 'x-csrf-token': visitor.token },
        body,
      });
    const imported = async (visitor: Visitor, format: string, body: string) => {
      const started = await upload(visitor, format, body);
      assert.equal(started.status, 200, started.text);
      return jobEnd(visitor, String(started.json().job));
    };
    const values = async (): Promise<unknown> =>
      (await commands(root, ['MGET', 'app:in', 'other:in', 'other:b'])).json().replies;
    const record = (key: string): string => `{"db":0,"key":"${key}","ttl":-1,"type":"string","value":"in"}\n`;
    const json = await imported(limited, 'json', record('app:in') + record('other:in') + record('other:b'));
    assert.deepEqual([json.matched, json.errors], [1, 2], JSON.stringify(json));
    assert.deepEqual(await values(), [['in', null, '2']]);
    const lines =
      'SET app:in again\nSET other:in x\nDEL other:b\nFLUSHALL\nCONFIG SET maxmemory 1\nEVAL "return 1" 0\n';
    const limitedLines = await imported(limited, 'commands', lines);
    assert.deepEqual([limitedLines.matched, limitedLines.errors], [1, 5], JSON.stringify(limitedLines));
    assert.deepEqual(await values(), [['again', null, '2']]);
    // Nobody types a name for a line of a file.
    const rootLines = await imported(
      root,
      'commands',
      'FLUSHALL\nFLUSHDB\nSHUTDOWN\nCONFIG SET maxmemory 1\nDEBUG SLEEP 0\n',
    );
    assert.deepEqual([rootLines.matched, rootLines.errors], [0, 5], JSON.stringify(rootLines));
    assert.deepEqual(await values(), [['again', null, '2']]);
    assert.equal((await upload(viewer, 'json', record('app:viewer'))).status, 403);
    const marked = await root.post('/api/servers', {
      name: 'files',
      nodes: [`127.0.0.1:${server.port}`],
      readOnly: true,
    });
    const markedId = String(marked.json().id);
    assert.equal((await upload(root, 'json', record('app:marked'), markedId)).json().error, 'read-only');
    assert.equal((await root.post(`/api/servers/${markedId}/flush`, { confirm: 'files' })).json().error, 'read-only');

    // All keys that a limited person finds and deletes are the own ones.
    const search = await jobEnd(
      limited,
      String((await limited.post(`/api/servers/${id}/search`, { pattern: '*', preview: true })).json().job),
    );
    const found = search.result as { keys: string[]; preview: string };
    assert.ok(found.keys.length > 0 && found.keys.every((key) => key.startsWith('app:')), found.keys.join());
    const order = { change: 'delete', pattern: '*', preview: found.preview };
    assert.equal((await limited.post(`/api/servers/${id}/bulk`, order)).json().error, 'confirm');
    const started = await limited.post(`/api/servers/${id}/bulk`, { ...order, confirm: 'one' });
    assert.equal((await jobEnd(limited, String(started.json().job))).state, 'done');
    assert.deepEqual(await values(), [[null, null, '2']]);
    for (const path of ['flush', 'undo', 'undo/drop', 'cluster', 'codis'])
      assert.equal((await limited.post(`/api/servers/${id}/${path}`, { confirm: 'one' })).status, 403, path);
    await commands(root, ['SET', 'app:a', '1']);
  });

  it('hides the servers that a person may not reach', async () => {
    const elsewhere = await userWith(root, 's', { role: 'operator', servers: ['another'] });
    assert.deepEqual((await elsewhere.get('/api/servers')).json().servers, []);
    for (const { method, path } of admin.routes) {
      if (!path.startsWith('/api/servers/:id/') || path.endsWith('/delete') || path.endsWith('/import')) continue;
      const body = {
        commands: [['PING']],
        tab: 't',
        line: 'PING',
        keys: [],
        change: 'persist',
        command: 'check',
        address: 'a:1',
        confirm: 'one',
      };
      const answer =
        method === 'GET'
          ? await elsewhere.get(`${filled(path)}?channel=x&format=json&from=1&to=2`)
          : await elsewhere.post(filled(path), body);
      assert.equal(answer.status, 404, `${path}: ${answer.text}`);
    }
  });

  it('lets people who are limited to prefixes do nothing to a whole server', async () => {
    const limited = await userWith(root, 'part', { role: 'operator', prefixes: ['app:'] });
    // What each of them reaches is held to the prefixes, as other tests show.
    const own = [
      'about',
      'bulk',
      'cluster',
      'commands',
      'console',
      'console/close',
      'events',
      'export',
      'import',
      'keys',
    ];
    const open = new Set(
      [...own, 'sample', 'search', 'series', 'tree', 'value'].map((name) => `/api/servers/:id/${name}`),
    );
    const body = { command: 'check', plan: true, address: 'a:1', confirm: 'one', change: 'persist' };
    for (const route of admin.routes) {
      const { method, path } = route;
      const isOpen = open.has(path) && (method !== 'POST' || path !== '/api/servers/:id/cluster');
      if (!path.startsWith('/api/servers/:id/') || ('role' in route && route.role === 'admin') || isOpen) continue;
      const answer =
        method === 'GET' ? await limited.get(`${filled(path)}?channel=x`) : await limited.post(filled(path), body);
      assert.equal(answer.status, 403, `${method} ${path}: ${answer.text}`);
    }
  });

  it('lets people who are limited to servers silence the alerts of no others', async () => {
    const watching = await startTestAdmin(context, { keepsHistory: true });
    const first = await firstAdmin(watching);
    const idOf = async (name: string): Promise<string> =>
      String((await first.post('/api/servers', { name, nodes: [`127.0.0.1:${server.port}`] })).json().id);
    const [own, other] = [await idOf('own'), await idOf('other')];
    const limited = await userWith(first, 'few', { role: 'operator', servers: [own] });
    const silence = (visitor: Visitor, target: string | undefined) =>
      visitor.post('/api/alerts/silence', {
        rule: 'down',
        forMs: 3600_000,
        ...(target === undefined ? {} : { target }),
      });
    assert.equal((await silence(limited, own)).status, 200);
    assert.equal((await silence(limited, other)).status, 404);
    assert.equal((await silence(limited, undefined)).status, 403);
    assert.equal((await silence(first, other)).status, 200);
    assert.equal((await silence(first, undefined)).status, 200);
    type Silences = { silences: { id: string; target: string }[] };
    const { silences } = (await first.get('/api/alerts')).json<Silences>();
    assert.deepEqual(
      silences.map(({ target }) => target),
      [own, other, ''],
    );
    assert.deepEqual(
      (await limited.get('/api/alerts')).json<Silences>().silences.map(({ target }) => target),
      [own, ''],
    );
    const ends: number[] = [];
    for (const one of silences) ends.push((await limited.post(`/api/alerts/silences/${one.id}/end`)).status);
    assert.deepEqual(ends, [200, 404, 403]);
  });

  it('refuses requests of foreign pages', async () => {
    const path = `/api/servers/${id}/commands`;
    const body = { commands: [['PING']] };
    assert.equal((await root.post(path, body, { 'x-csrf-token': '' })).json().error, 'bad-token');
    assert.equal((await root.post(path, body, { 'x-csrf-token': 'x'.repeat(43) })).json().error, 'bad-token');
    assert.equal((await root.post(path, body, { origin: 'http://evil.example' })).json().error, 'bad-token');
    assert.equal((await root.post(path, body, { 'sec-fetch-site': 'cross-site' })).json().error, 'bad-token');
    assert.equal((await root.post(path, body, { 'content-type': 'text/plain' })).status, 400);
    assert.equal((await root.get('/api/session', { host: 'evil.example' })).status, 403);
    assert.equal(
      (await new Visitor(admin.port).post('/api/login', { name: 'root', password }, { origin: 'http://evil.example' }))
        .status,
      403,
    );
    assert.equal(
      (await root.post(path, body, { origin: `http://127.0.0.1:${admin.port}`, host: `127.0.0.1:${admin.port}` }))
        .status,
      200,
    );
    const login = await new Visitor(admin.port).post('/api/login', { name: 'root', password });
    assert.match(String(login.headers['set-cookie']), /HttpOnly; SameSite=Strict/);
  });

  it('sends headers that let nothing in from elsewhere', async () => {
    for (const path of ['/', '/app.js', '/api/hello', '/api/session', '/nosuch']) {
      const { headers } = await root.get(path);
      const policy = String(headers['content-security-policy']);
      assert.match(policy, /default-src 'none'/);
      assert.doesNotMatch(policy, /unsafe|\*|http:|https:/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.equal(headers['referrer-policy'], 'no-referrer');
      if (path.startsWith('/api')) assert.equal(headers['cache-control'], 'no-store');
    }
    const page = (await root.get('/')).text;
    assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?:/i);
  });

  it('serves the files of the page and no others', async () => {
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',
      '/..%2fpackage.json',
      '/app.js/../../kvasir-admin.js',
      '//etc/passwd',
      '/./app.js',
      '/users.json',
      '/app.js%00',
      '/\\..\\package.json',
      '/api/../app.js',
      '/api/servers/%2e%2e/about',
      '/api/servers/%E0%A4%A/about',
    ])
      assert.equal((await root.get(path)).status, 404, path);
  });

  it('slows down who guesses passwords, by name and by address', async () => {
    await userWith(root, 'guessed', { role: 'viewer' });
    clock.stop();
    const guess = (name: string, word: string) => new Visitor(admin.port).post('/api/login', { name, password: word });
    for (let round = 0; round < 5; round++) assert.equal((await guess('guessed', `wrong ${round}`)).status, 401);
    const slowed = await guess('guessed', password);
    assert.equal(slowed.status, 429);
    assert.ok(Number(slowed.headers['retry-after']) >= 1);
    assert.equal((await guess('somebody else', 'x')).status, 429);
    clock.shiftMs += 400_000;
    assert.equal((await guess('guessed', password)).status, 200);
    assert.equal((await guess('guessed', 'wrong')).status, 401);
    // Tries at the same time are not all free.
    clock.shiftMs += 4_000_000;
    const many = await Promise.all(Array.from({ length: 12 }, () => guess('nobody', 'x')));
    assert.equal(many.filter(({ status }) => status === 429).length, 7);
    clock.shiftMs += 4_000_000;
    clock.stopped = undefined;
  });

  it('ends sessions by logout, by idling, by a changed password, and by an admin', async () => {
    const one = await userWith(root, 'ends', { role: 'viewer' });
    assert.equal((await one.get('/api/session')).status, 200);
    const cookie = one.cookie;
    await one.post('/api/logout');
    assert.equal((await send(admin.port, 'GET', '/api/session', { headers: { cookie } })).status, 401);
    await one.logIn('ends');
    await root.post('/api/users', {
      name: 'ends',
      role: 'viewer',
      servers: ['*'],
      prefixes: [],
      password: `${password}2`,
    });
    assert.equal((await one.get('/api/session')).status, 401);
    await root.post('/api/users', { name: 'ends', role: 'viewer', servers: ['*'], prefixes: [], password });
    await one.logIn('ends');
    await root.post('/api/users/ends/delete');
    assert.equal((await one.get('/api/session')).status, 401);
    const idle = new Visitor(admin.port);
    await idle.logIn('root');
    clock.shiftMs += 13 * 3600_000;
    assert.equal((await idle.get('/api/session')).status, 401);
    await root.logIn('root');
  });

  it('ends the jobs of people whose rights have changed, and hides what they found', async () => {
    await commands(root, ...Array.from({ length: 500 }, (_, index) => ['SET', `job:${index}`, '1']));
    const rights = { role: 'editor', servers: ['*'], prefixes: [] };
    const hasty = await userWith(root, 'hasty', rights);
    const search = String((await hasty.post(`/api/servers/${id}/search`, { pattern: 'job:*' })).json().job);
    const found = await jobEnd(hasty, search);
    const { preview } = found.result as { preview: string };
    // Small enough for the change to be under way, on a machine of any speed, when the rights go: nothing is told but the end.
    const order = { change: 'expire', seconds: 1000, pattern: 'job:*', preview };
    const change = String((await hasty.post(`/api/servers/${id}/bulk`, order)).json().job);
    await root.post('/api/users', { name: 'hasty', ...rights, prefixes: ['app:'] });
    await hasty.logIn('hasty');
    for (const job of [search, change]) {
      assert.equal((await hasty.get(`/api/jobs/${job}`)).status, 404);
      assert.equal((await hasty.post(`/api/jobs/${job}/cancel`)).status, 404);
    }
    assert.deepEqual((await hasty.get('/api/jobs')).json().jobs, []);
    await commands(root, ['DEL', ...Array.from({ length: 500 }, (_, index) => `job:${index}`)]);
  });

  it('makes the first user by the printed token alone, and once', async () => {
    const fresh = await startTestAdmin(context);
    const visitor = new Visitor(fresh.port);
    assert.equal((await visitor.post('/api/login', { name: 'root', password })).status, 401);
    assert.equal((await visitor.post('/api/login', { name: '', password: '' })).status, 401);
    assert.equal((await visitor.post('/api/setup', { token: 'guess', name: 'me', password })).status, 401);
    assert.equal((await visitor.post('/api/setup', { token: '', name: 'me', password })).status, 401);
    assert.equal(
      (await visitor.post('/api/setup', { token: fresh.setupToken, name: 'me', password: 'short' })).status,
      400,
    );
    assert.equal((await visitor.post('/api/setup', { token: fresh.setupToken, name: 'me', password })).status, 200);
    assert.equal(
      (await new Visitor(fresh.port).post('/api/setup', { token: fresh.setupToken, name: 'you', password })).status,
      409,
    );
  });

  it('keeps secrets out of its files, its replies and the audit log', async () => {
    const secret = 'hunter2-hunter2';
    await root.post('/api/servers', { name: 'secret', nodes: ['127.0.0.1:1'], user: 'u', password: secret });
    await root.post(`/api/servers/${id}/commands`, {
      commands: [['CONFIG', 'SET', 'masterauth', secret]],
      confirm: 'one',
    });
    await commands(root, ['ACL', 'SETUSER', 'someone', `>${secret}`]);
    // The errors of both repeat the argument.
    await commands(root, ['ACL', 'SETUSER', 'someone', `<${secret}x`]);
    await commands(root, ['NOSUCH', secret]);
    const consoleReplies: string[] = [];
    for (const line of ['MULTI', 'CONFIG GET *', 'EXEC', 'CONFIG GET masterauth'])
      consoleReplies.push((await root.post(`/api/servers/${id}/console`, { tab: 'secrets', line })).text);
    assert.match(consoleReplies[2]!, /masterauth","\(secret\)"/);
    const config = (await root.get(`/api/servers/${id}/config`)).text;
    const lists = [
      (await root.get('/api/servers')).text,
      (await root.get('/api/audit')).text,
      (await root.get('/api/users')).text,
      config,
      (await commands(root, ['CONFIG', 'GET', '*'])).text,
      ...consoleReplies,
    ];
    for (const name of ['servers.json', 'users.json', 'audit.log']) {
      lists.push(readFileSync(join(admin.folder, name), 'utf8'));
      if (process.platform !== 'win32') assert.equal(statSync(join(admin.folder, name)).mode & 0o077, 0, name);
    }
    for (const text of lists) {
      assert.doesNotMatch(text, new RegExp(secret));
      assert.doesNotMatch(text, new RegExp(password));
    }
    assert.match(config, /masterauth","value":"\(secret\)"/);
    await root.post(`/api/servers/${id}/commands`, { commands: [['CONFIG', 'SET', 'masterauth', '']], confirm: 'one' });
  });

  it('sends a stored password to no other address', async () => {
    const made = String(
      (await root.post('/api/servers', { name: 'kept', nodes: ['127.0.0.1:1'], password: 'stored' })).json().id,
    );
    await root.post(`/api/servers/${made}`, { name: 'kept', nodes: [`127.0.0.1:${server.port}`] });
    const { servers } = JSON.parse(readFileSync(join(admin.folder, 'servers.json'), 'utf8')) as {
      servers: { id: string; password?: string }[];
    };
    assert.equal(servers.find((one) => one.id === made)?.password, undefined);
    await root.post(`/api/servers/${made}/delete`);
  });

  it('writes every change into a log whose chain shows a changed line', async () => {
    const editor = await userWith(root, 'logged', { role: 'editor' });
    const beforeMs = clock.wallMs();
    await commands(editor, ['SET', 'app:logged', 'value-not-in-the-log']);
    await commands(editor, ['FLUSHALL']);
    const afterMs = clock.wallMs();
    const lines = (await root.get('/api/audit')).json<{
      lines: {
        at: string;
        user: string;
        address: string;
        server?: string;
        action: string;
        keys?: string[];
        result: string;
      }[];
    }>().lines;
    const mine = lines
      .filter(({ user }) => user === 'logged')
      .map(({ action, keys, result }) => `${action} ${keys?.join() ?? ''} ${result}`);
    assert.deepEqual(mine.slice(0, 2), ['flushall  refused: forbidden', 'set app:logged ok']);
    for (const line of lines.slice(0, 2)) {
      const { server: name, address, at } = line;
      assert.deepEqual([name, address], ['one', '127.0.0.1']);
      assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.ok(Date.parse(at) >= beforeMs && Date.parse(at) <= afterMs, at);
    }
    // Who came in, which is of no server.
    const logIn = lines.find(({ user, action }) => user === 'logged' && action === 'log in');
    assert.deepEqual([logIn?.server, logIn?.result], [undefined, 'ok']);
    assert.doesNotMatch(JSON.stringify(lines), /value-not-in-the-log/);
    assert.equal((await root.get('/api/audit/check')).json().brokenAt, undefined);
    const path = join(admin.folder, 'audit.log');
    const text = readFileSync(path, 'utf8');
    const number = text.split('\n').findIndex((line) => line.includes('app:logged')) + 1;
    writeFileSync(path, text.replace('app:logged', 'app:lagged'));
    assert.equal((await root.get('/api/audit/check')).json().brokenAt, number);
    writeFileSync(
      path,
      text
        .split('\n')
        .filter((_, index) => index !== number - 1)
        .join('\n'),
    );
    assert.equal((await root.get('/api/audit/check')).json().brokenAt, number);
    writeFileSync(path, text);
    assert.equal((await root.get('/api/audit/check')).json().brokenAt, undefined);
  });

  it('changes nothing on servers that are read-only by mark, by switch, or as replicas', async () => {
    const marked = String(
      (await root.post('/api/servers', { name: 'marked', nodes: [`127.0.0.1:${server.port}`], readOnly: true })).json()
        .id,
    );
    const set = [['SET', 'app:ro', '1']];
    assert.equal((await root.post(`/api/servers/${marked}/commands`, { commands: set })).json().error, 'read-only');
    assert.equal(
      (
        await root.post(`/api/servers/${marked}/commands`, {
          commands: [['CONFIG', 'SET', 'maxmemory', '0']],
          confirm: 'marked',
        })
      ).json().error,
      'read-only',
    );
    assert.equal((await root.post(`/api/servers/${marked}/bulk`, { change: 'persist' })).json().error, 'read-only');
    assert.equal((await root.post(`/api/servers/${marked}/commands`, { commands: [['GET', 'app:a']] })).status, 200);
    const replica = await startServer({ port: 0, replicaof: ['127.0.0.1', server.port] });
    try {
      const replicaId = String(
        (await root.post('/api/servers', { name: 'replica', nodes: [`127.0.0.1:${replica.port}`] })).json().id,
      );
      assert.equal(
        (await root.post(`/api/servers/${replicaId}/commands`, { commands: set })).json().error,
        'read-only',
      );
      assert.match(String((await root.get(`/api/servers/${replicaId}/about`)).json().readOnlyReason), /replica/);
    } finally {
      await replica.close();
    }
    const strict = await startTestAdmin(context, { isReadOnly: true });
    const strictRoot = await firstAdmin(strict);
    const strictId = String(
      (await strictRoot.post('/api/servers', { name: 'x', nodes: [`127.0.0.1:${server.port}`] })).json().id,
    );
    assert.equal(
      (await strictRoot.post(`/api/servers/${strictId}/commands`, { commands: set })).json().error,
      'read-only',
    );
  });

  it('lets ACL users of a server in only where it was told to, with their own rights there', async () => {
    await commands(root, [
      'ACL',
      'SETUSER',
      'reader',
      'on',
      `>${password}`,
      '~app:*',
      '+@read',
      '+info',
      '+config|get',
    ]);
    const refused = new Visitor(admin.port);
    assert.equal((await refused.post('/api/login', { name: 'reader', password, server: id })).status, 401);
    const open = await startTestAdmin(context, {
      aclRole: 'editor',
      servers: [{ fields: { name: 'given', nodes: [`127.0.0.1:${server.port}`] }, password: undefined }],
    });
    const reader = new Visitor(open.port);
    assert.equal(
      (await reader.post('/api/login', { name: 'reader', password: 'wrong wrong', server: 'given1' })).status,
      401,
    );
    assert.equal((await reader.logIn('reader', { server: 'given1' })).status, 200);
    const [allowed, denied] = (
      await reader.post('/api/servers/given1/commands', {
        commands: [
          ['GET', 'app:a'],
          ['GET', 'other:b'],
        ],
      })
    ).json<{ replies: [string, { error: string }] }>().replies;
    assert.equal(allowed, '1');
    assert.match(denied.error, /NOPERM/);
    assert.equal((await reader.get('/api/users')).status, 403);
  });
});
