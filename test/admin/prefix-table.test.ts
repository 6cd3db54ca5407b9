// The table of prefixes on a server: exact over every way in which keys come and go, made while the server has keys, and used by the page.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, type Reply, replyText } from '../../src/client/reply.js';
import { startServer } from '../../src/embed/start-server.js';
import { firstAdmin, startTestAdmin } from './admin-client.js';

type Fields = Record<string, unknown> & { prefixes: Record<string, number> };

async function start(t: TestContext, options: Record<string, unknown> = {}) {
  const server = await startServer({ port: 0, ...options });
  t.after(() => server.close());
  const connection = await Connection.open({ host: '127.0.0.1', port: server.port, timeoutMs: 60_000 });
  t.after(() => connection.close());
  const send = async (...words: string[]): Promise<string> => {
    const reply = await connection.call(...words);
    return `${reply.kind === 'error' ? '-' : ''}${replyText(reply)}`;
  };
  const prefixes = async (...words: string[]): Promise<Fields> => fieldsOf(await connection.call('PREFIXES', ...words));
  return { server, connection, send, prefixes };
}

function fieldsOf(reply: Reply): Fields {
  if (!isAggregate(reply)) throw new Error(replyText(reply));
  const fields: Record<string, unknown> = {};
  for (let index = 0; index + 1 < reply.elements.length; index += 2) {
    const value = reply.elements[index + 1]!;
    fields[replyText(reply.elements[index])] = isAggregate(value)
      ? Object.fromEntries(
          value.elements.flatMap((name, at) =>
            at % 2 === 0 ? [[replyText(name), Number(replyText(value.elements[at + 1]))]] : [],
          ),
        )
      : replyText(value);
  }
  return fields as Fields;
}

describe('the table of prefixes', () => {
  test('follows every way in which keys come and go', async (t) => {
    const { send, prefixes } = await start(t, { 'prefix-table': true });
    const top = async (): Promise<Record<string, number>> => (await prefixes('IN', '')).prefixes;
    await send('MSET', 'a:1', 'x', 'a:2', 'x', 'b:c:1', 'x', 'plain', 'x');
    assert.deepEqual(await top(), { 'a:': 2, 'b:': 1 });
    assert.deepEqual((await prefixes()).prefixes, { 'a:': 2, 'b:': 1, 'b:c:': 1 });
    const below = await prefixes('IN', 'b:');
    assert.deepEqual([below.keys, below.prefixes, below.complete], ['1', { 'b:c:': 1 }, '1']);
    await send('RENAME', 'a:1', 'b:1');
    await send('COPY', 'a:2', 'd:1');
    await send('SADD', 'd:set', 'x');
    await send('SUNIONSTORE', 'd:1', 'd:set');
    await send('SET', 'd:set', 'now a string');
    assert.deepEqual(await top(), { 'b:': 2, 'd:': 2, 'a:': 1 });
    await send('MULTI');
    await send('DEL', 'd:1', 'd:set');
    await send('LPUSH', 'q:1', 'x');
    await send('EXEC');
    await send('LPOP', 'q:1');
    assert.deepEqual(await top(), { 'b:': 2, 'a:': 1 });
    await send('EVAL', "redis.call('set', 'e:1', 1); redis.call('unlink', 'b:1')", '0');
    await send('MOVE', 'e:1', '1');
    assert.deepEqual(await top(), { 'a:': 1, 'b:': 1 });
    await send('SWAPDB', '0', '1');
    assert.deepEqual(await top(), { 'e:': 1 });
    await send('SWAPDB', '0', '1');
    await send('PEXPIRE', 'a:2', '1');
    while ((await send('DBSIZE')) !== '2');
    assert.deepEqual(await top(), { 'b:': 1 });
    await send('DEBUG', 'RELOAD');
    await send('FLUSHDB');
    assert.deepEqual(await top(), {});
    await send('SELECT', '1');
    assert.deepEqual(await top(), { 'e:': 1 });
    await send('FLUSHALL');
    assert.deepEqual(await top(), {});
    await send('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
    for (let index = 0; index < 2000; index++) await send('SET', `v:${index}`, 'x'.repeat(100));
    await send('CONFIG', 'SET', 'maxmemory', '1');
    while ((await send('DBSIZE')) !== '0') await send('PING');
    await send('CONFIG', 'SET', 'maxmemory', '0');
    assert.deepEqual(await top(), {});
  });

  test('counts the keys that are there in slices, while they change', async (t) => {
    const { send, prefixes } = await start(t);
    assert.match(await send('PREFIXES'), /^-ERR Prefixes are not counted: turn that on with/);
    const script = "for i = 1, 50000 do redis.call('set', (i % 7) .. ':' .. (i % 3) .. ':' .. i, '') end";
    await send('EVAL', script, '0');
    await send('CONFIG', 'SET', 'prefix-table', 'yes');
    for (let index = 1; index <= 700; index++) {
      await send('DEL', `${index % 7}:${index % 3}:${index}`);
      await send('SET', `new:${index}`, '');
    }
    while ((await prefixes()).complete !== '1');
    const { prefixes: counts, keys, full } = await prefixes();
    assert.deepEqual([keys, full, counts['new:']], ['50000', '0', 700]);
    for (let part = 0; part < 7; part++) {
      const expected = Array.from({ length: 50_000 }, (_, index) => index + 1).filter(
        (number) => number > 700 && number % 7 === part,
      );
      assert.equal(counts[`${part}:`], expected.length);
      assert.equal(counts[`${part}:1:`], expected.filter((number) => number % 3 === 1).length);
    }
    await send('CONFIG', 'SET', 'prefix-table-separators', '/:');
    assert.equal((await prefixes()).separators, '/:');
    await send('CONFIG', 'SET', 'prefix-table', 'no');
    assert.match(await send('PREFIXES'), /^-ERR/);
  });

  test('refuses what makes no sense', async (t) => {
    const { send, prefixes } = await start(t, { 'prefix-table': true, 'prefix-table-depth': 2 });
    await send('MSET', 'a:1', '', 'b:1', '', 'b:2', '');
    assert.match(await send('PREFIXES', 'IN', 'a'), /does not end with/);
    assert.match(await send('PREFIXES', 'IN', 'a:b:'), /that deep/);
    for (const words of [['COUNT'], ['COUNT', '0'], ['COUNT', '-1'], ['NO', '1'], ['IN']])
      assert.match(await send('PREFIXES', ...words), /^-ERR syntax error/, words.join(' '));
    assert.match(await send('PREFIXES', 'COUNT', 'x'), /^-ERR value is not an integer/);
    const cut = await prefixes('COUNT', '1');
    assert.deepEqual([cut.prefixes, cut.cut], [{ 'b:': 2 }, '1']);
  });

  test('is used by the tree and the analysis of the page, without a walk over the keys', async (t) => {
    const { server, send } = await start(t, { 'prefix-table': true });
    const script =
      "for i = 1, 30000 do redis.call('set', 'big:' .. i, 'x') end for i = 1, 5 do redis.call('set', 'small:' .. i, 'x') end";
    await send('EVAL', script, '0');
    const admin = await startTestAdmin(t);
    const root = await firstAdmin(admin);
    const id = String(
      (await root.post('/api/servers', { name: 'one', nodes: [`127.0.0.1:${server.port}`] })).json().id,
    );
    const tree = async (body: Record<string, unknown>) =>
      (await root.post(`/api/servers/${id}/tree`, body)).json<{
        folders: [string, number][];
        keys: string[];
        isDone: boolean;
        scanned: number;
        exact?: { keys: number; folders: [string, number][] };
      }>();
    const top = await tree({});
    assert.deepEqual([top.isDone, top.scanned, top.keys], [true, 0, []]);
    assert.deepEqual(Object.fromEntries(top.folders), { 'big:': 30_000, 'small:': 5 });
    const small = await tree({ prefix: 'small:' });
    assert.deepEqual(small.exact, { folders: [], keys: 5 });
    // With a pattern, a type or another separator it looks for itself.
    for (const body of [{ pattern: 'small*' }, { type: 'string' }, { separator: '/' }])
      assert.equal((await tree(body)).exact, undefined, JSON.stringify(body));
    const sample = (await root.post(`/api/servers/${id}/sample`, {})).json<{
      hasExactPrefixes: boolean;
      prefixes: { prefix: string; keys: number; bytes: number }[];
    }>();
    assert.equal(sample.hasExactPrefixes, true);
    assert.deepEqual(
      sample.prefixes.map(({ prefix, keys }) => [prefix, keys]),
      [
        ['big:', 30_000],
        ['small:', 5],
      ],
    );
    assert.ok(sample.prefixes[0]!.bytes > 30_000 * 20);
    await send('CONFIG', 'SET', 'prefix-table', 'no');
    assert.equal((await tree({})).exact, undefined);
  });
});
