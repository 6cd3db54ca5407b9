// The API of the admin: keys of any kind, jobs, import and export, clusters and sentinels, and servers that misbehave.
import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AddressInfo } from 'node:net';
import { bytesOfText, textOfBytes } from '../../src/admin/text-bytes.js';
import { openHistoryConnection } from '../../src/admin/history-connection.js';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText } from '../../src/client/reply.js';
import { parseAddress } from '../../src/transfer/link/address.js';
import { Prng } from '../../src/base/prng.js';
import { type EmbeddedServer, startServer } from '../../src/embed/start-server.js';
import { findFreePort, peerMissing } from '../peer.js';
import { joinNodes, startNodes, stopNodes } from '../cluster-peers.js';
import { startLiar } from './liar.js';
import { firstAdmin, jobEnd, send, startTestAdmin, type TestAdmin, userWith, Visitor } from './admin-client.js';

describe('bytes as texts', () => {
  it('come back as they were, whatever they are', () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e6);
    const prng = new Prng(seed);
    for (let round = 0; round < 3000; round++) {
      const bytes = Uint8Array.from(
        { length: prng.below(12) },
        () => [0x41, 0xc3, 0xa9, 0xed, 0xb2, 0x80, 0xf0, 0x9f, 0x98, prng.below(256)][prng.below(10)]!,
      );
      const back = bytesOfText(JSON.parse(JSON.stringify(textOfBytes(bytes))) as string);
      assert.deepEqual(Buffer.from(back), Buffer.from(bytes), `seed ${seed}: ${Buffer.from(bytes).toString('hex')}`);
    }
    assert.equal(textOfBytes(Buffer.from('é😀')), 'é😀');
    assert.equal(textOfBytes(Uint8Array.of(0xff)), '\udcff');
  });
});

describe('the API of the admin', () => {
  const ends: (() => Promise<void> | void)[] = [];
  const context = { after: (run: () => Promise<void> | void) => void ends.push(run) } as never;
  let server: EmbeddedServer;
  let admin: TestAdmin;
  let root: Visitor;
  let id: string;

  before(async () => {
    server = await startServer({ port: 0 });
    admin = await startTestAdmin(context);
    root = await firstAdmin(admin);
    id = await addServer('main', server.port);
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
    await server.close();
  });

  async function addServer(name: string, port: number): Promise<string> {
    return String((await root.post('/api/servers', { name, nodes: [`127.0.0.1:${port}`] })).json().id);
  }
  const run = async (...commands: string[][]): Promise<unknown[]> => {
    const answer = await root.post(`/api/servers/${id}/commands`, { commands, confirm: 'main' });
    assert.equal(answer.status, 200, answer.text);
    return answer.json<{ replies: unknown[] }>().replies;
  };

  it('shows a level of the tree, in steps, with keys of any bytes', async () => {
    await run(
      ['FLUSHALL'],
      ...Array.from({ length: 500 }, (_, index) => ['SET', `a:${index % 7}:${index}`, 'x']),
      ['SET', 'a\udcff:b', '1'],
      ['SET', 'plain', '1'],
      ['SET', '<b>:c*[', '1'],
      ['SET', 'é:ü', '1'],
    );
    const level = async (body: Record<string, unknown>) => {
      const folders = new Map<string, number>();
      const keys: string[] = [];
      for (let position = ''; ;) {
        const step = (await root.post(`/api/servers/${id}/tree`, { ...body, position })).json<{
          position: string;
          isDone: boolean;
          folders: [string, number][];
          keys: string[];
        }>();
        for (const [name, count] of step.folders) folders.set(name, (folders.get(name) ?? 0) + count);
        keys.push(...step.keys);
        if (step.isDone) return { folders: Object.fromEntries([...folders].sort()), keys: keys.sort() };
        position = step.position;
      }
    };
    assert.deepEqual(await level({}), { folders: { '<b>:': 1, 'a:': 500, 'a\udcff:': 1, 'é:': 1 }, keys: ['plain'] });
    assert.deepEqual((await level({ prefix: 'a:' })).folders, {
      '0:': 72,
      '1:': 72,
      '2:': 72,
      '3:': 71,
      '4:': 71,
      '5:': 71,
      '6:': 71,
    });
    assert.deepEqual((await level({ prefix: 'a\udcff:' })).keys, ['a\udcff:b']);
    // Characters of patterns in a prefix stand for themselves.
    assert.deepEqual((await level({ prefix: '<b>:' })).keys, ['<b>:c*[']);
    assert.deepEqual((await level({ pattern: 'a:*:77' })).folders, { 'a:': 1 });
    assert.equal((await level({ separator: '' })).keys.length, 504);
    await run(['SET', 'x/y/1', ''], ['SET', 'x/2', ''], ['SET', 'x/y::z', '']);
    assert.deepEqual((await level({ separator: '/', pattern: '*/*' })).folders, { 'x/': 3 });
    const below = await level({ separator: '/', prefix: 'x/' });
    assert.deepEqual([below.folders, below.keys], [{ 'y/': 1 }, ['x/2', 'x/y::z']]);
    assert.deepEqual((await level({ separator: '::', type: 'string', pattern: 'x*' })).folders, { 'x/y::': 1 });
    for (const body of [
      { position: 'x' },
      { database: -1 },
      { separator: 'x'.repeat(11) },
      { type: 'nosuch' },
      { database: 99 },
    ])
      assert.ok([400, 502].includes((await root.post(`/api/servers/${id}/tree`, body)).status), JSON.stringify(body));
  });

  it('estimates what the keyspace is made of', async () => {
    await run(
      ['FLUSHALL'],
      ...Array.from({ length: 999 }, (_, index) => [
        'SET',
        `${index % 4 === 0 ? 'big' : 'small'}:${index}`,
        'x'.repeat(index % 4 === 0 ? 1000 : 10),
      ]),
    );
    await run(['DEL', 'small:1'], ['RPUSH', 'small:1', 'x'.repeat(5000)], ['EXPIRE', 'small:2', '600']);
    const sample = (await root.post(`/api/servers/${id}/sample`, {})).json<{
      total: number;
      isExact: boolean;
      prefixes: { prefix: string; keys: number; bytes: number }[];
      types: { type: string; keys: number }[];
      ttls: { below: number; keys: number }[];
      biggest: { key: string; bytes: number }[];
    }>();
    assert.equal(sample.total, 999);
    const [big, small] = sample.prefixes;
    assert.ok(big!.bytes > 250 * 1000 && big!.bytes < 250 * 1500, `${big!.bytes} bytes of big:`);
    assert.ok(small!.bytes > 749 * 20 && small!.bytes < 749 * 300, `${small!.bytes} bytes of small:`);
    assert.deepEqual(
      sample.types.map(({ type, keys }) => [type, keys]),
      [
        ['string', 998],
        ['list', 1],
      ],
    );
    assert.deepEqual(sample.ttls, [
      { below: -1, keys: 998 },
      { below: 3600, keys: 1 },
    ]);
    assert.equal(sample.biggest[0]!.key, 'small:1');
    assert.equal(sample.isExact, true);
    assert.deepEqual(
      sample.prefixes.map(({ prefix, keys }) => [prefix, keys]),
      [
        ['big:', 250],
        ['small:', 749],
      ],
    );
    for (let part = 0; part < 20; part++)
      await run(...Array.from({ length: 900 }, (_, index) => ['SET', `more:${part}:${index}`, 'x']));
    const estimate = (await root.post(`/api/servers/${id}/sample`, {})).json<{
      total: number;
      isExact: boolean;
      prefixes: { prefix: string; keys: number }[];
    }>();
    assert.equal(estimate.isExact, false);
    const more = estimate.prefixes.find(({ prefix }) => prefix === 'more:')!.keys;
    assert.ok(Math.abs(more - 18_000) < 1500, `${more} of 18,000`);
  });

  it('searches by size, time to live and content, and changes what it finds', async () => {
    await run(
      ['FLUSHALL'],
      ...Array.from({ length: 200 }, (_, index) => ['SET', `k:${index}`, `value ${index}`]),
      ['HSET', 'h', 'f', 'the needle is here'],
      ['EXPIRE', 'k:1', '100'],
      ['SET', 'large', 'y'.repeat(100_000)],
    );
    const search = async (body: Record<string, unknown>): Promise<string[]> => {
      const job = await jobEnd(root, String((await root.post(`/api/servers/${id}/search`, body)).json().job));
      assert.equal(job.state, 'done', String(job.message));
      return (job.result as { keys: string[] }).keys.sort();
    };
    assert.deepEqual(await search({ contains: 'needle' }), ['h']);
    assert.deepEqual(await search({ ttl: 'with' }), ['k:1']);
    assert.equal((await search({ ttl: 'without' })).length, 201);
    assert.deepEqual(await search({ ttlSecondsMax: 101 }), ['k:1']);
    assert.deepEqual(await search({ ttlSecondsMax: 50 }), []);
    await run(
      ['SET', 'in:string', 'a pin\udcff here'],
      ['RPUSH', 'in:list', 'x', 'a pin\udcff'],
      ['SADD', 'in:set', 'x', 'pin\udcff'],
      ['ZADD', 'in:zset', '1', 'pin\udcff'],
      ['HSET', 'in:field', 'pin\udcff', 'x'],
      ['XADD', 'in:stream', '1-1', 'f', 'a pin\udcff'],
      ['SET', 'in:none', 'a pin'],
    );
    const pins = ['in:field', 'in:list', 'in:set', 'in:stream', 'in:string', 'in:zset'];
    assert.deepEqual(await search({ contains: 'pin\udcff' }), pins);
    for (const type of ['string', 'list', 'set', 'zset', 'hash', 'stream'])
      assert.deepEqual(await search({ type, pattern: 'in:?*', contains: 'pin\udcff' }), [
        type === 'hash' ? 'in:field' : `in:${type}`,
      ]);
    await run(['DEL', ...pins, 'in:none']);
    assert.deepEqual(await search({ bytesMin: 50_000 }), ['large']);
    assert.deepEqual(await search({ type: 'hash' }), ['h']);
    const preview = async (body: Record<string, unknown>): Promise<string> => {
      const wanted = { ...body, preview: true };
      const job = await jobEnd(root, String((await root.post(`/api/servers/${id}/search`, wanted)).json().job));
      return (job.result as { preview: string }).preview;
    };
    const bulk = async (body: Record<string, unknown>): Promise<unknown> => {
      const order = { confirm: 'main', ...body, preview: await preview(body) };
      const started = await root.post(`/api/servers/${id}/bulk`, order);
      assert.equal(started.status, 200, started.text);
      const job = await jobEnd(root, String(started.json().job));
      assert.equal(job.state, 'done', String(job.message));
      return job.result;
    };
    assert.deepEqual(await bulk({ change: 'rename', pattern: 'k:*', from: 'k:', to: 'n:' }), { changed: 200 });
    assert.deepEqual(await bulk({ change: 'expire', pattern: 'n:1?', seconds: 500 }), { changed: 10 });
    assert.deepEqual(await bulk({ change: 'persist', pattern: 'n:*' }), { changed: 11 });
    const other = await startServer({ port: 0 });
    const otherId = await addServer('other', other.port);
    assert.deepEqual(await bulk({ change: 'copy', pattern: 'n:*', target: otherId, targetDatabase: 3 }), {
      changed: 200,
    });
    assert.deepEqual(
      (
        await root.post(`/api/servers/${otherId}/commands`, { database: 3, commands: [['DBSIZE'], ['GET', 'n:7']] })
      ).json().replies,
      [200, 'value 7'],
    );
    // Without a preview of just these keys nothing begins, and each is good for one change.
    const order = { change: 'delete', pattern: 'n:*', confirm: 'main' };
    const refused = async (token?: string): Promise<string> => {
      const answer = await root.post(`/api/servers/${id}/bulk`, { ...order, preview: token });
      assert.deepEqual([answer.status, answer.json().error], [409, 'conflict']);
      return String(answer.json().message);
    };
    assert.match(await refused(), /needs a preview/);
    assert.match(await refused('x'.repeat(24)), /needs a preview/);
    assert.match(await refused(await preview({ pattern: 'n:1*' })), /other keys/);
    const token = await preview({ pattern: 'n:1?' });
    await run(['SET', 'n:1x', '1']);
    const late = await root.post(`/api/servers/${id}/bulk`, { ...order, pattern: 'n:1?', preview: token });
    const cut = await jobEnd(root, String(late.json().job));
    assert.deepEqual([cut.state, (cut.result as { changed: number }).changed], ['failed', 10]);
    assert.match(String(cut.message), /More keys fit now than the 10/);
    assert.match(await refused(token), /needs a preview/);
    assert.deepEqual(await bulk({ change: 'delete', pattern: 'n:*' }), { changed: 191 });
    assert.deepEqual(await run(['DBSIZE']), [2]);
    await other.close();
  });

  it('stops a change of many keys when it is cancelled, and by its owner alone', async () => {
    const stranger = await userWith(root, 'stranger', { role: 'editor' });
    await run(['FLUSHALL']);
    for (let part = 0; part < 20; part++)
      await run(['MSET', ...Array.from({ length: 1000 }, (_, index) => [`many:${part}:${index}`, '1']).flat()]);
    const search = await root.post(`/api/servers/${id}/search`, { pattern: 'many:*', preview: true });
    const found = await jobEnd(root, String(search.json().job));
    assert.equal(found.matched, 20_000);
    const { preview } = found.result as { preview: string };
    const order = { change: 'expire', seconds: 1000, pattern: 'many:*', preview, confirm: 'main' };
    const job = String((await root.post(`/api/servers/${id}/bulk`, order)).json().job);
    assert.equal((await stranger.post(`/api/jobs/${job}/cancel`)).status, 404);
    assert.equal((await root.post(`/api/jobs/${job}/cancel`)).status, 200);
    const end = await jobEnd(root, job);
    assert.equal(end.state, 'cancelled');
    const [expiring] = await run(['INFO', 'keyspace']);
    const changed = Number(/expires=(\d+)/.exec(String(expiring))?.[1] ?? 0);
    assert.ok(changed < 20_000, `${changed} keys were changed`);
  });

  it('flushes with a copy, and puts the keys back, but for those that were written since', async () => {
    const commands = [
      ...Array.from({ length: 300 }, (_, index) => ['SET', `k:${index}`, `v${index}`]),
      ['HSET', 'h\udcff', 'f', 'v'],
      ['HEXPIRE', 'h\udcff', '5000', 'FIELDS', '1', 'f'],
      ['SET', 'gone', '1', 'EX', '9000'],
    ];
    await run(['FLUSHALL'], ...commands);
    await root.post(`/api/servers/${id}/commands`, { database: 3, commands: [['RPUSH', 'l', 'a', 'b']] });
    const job = async (what: string, body: Record<string, unknown> = {}): Promise<Record<string, unknown>> => {
      const started = await root.post(`/api/servers/${id}/${what}`, body);
      assert.equal(started.status, 200, started.text);
      return jobEnd(root, String(started.json().job));
    };
    const about = async () =>
      (await root.get(`/api/servers/${id}/about`)).json<{ undo?: { what: string; keys: number } }>();
    assert.equal((await root.post(`/api/servers/${id}/flush`, {})).json().error, 'confirm');
    assert.equal((await root.post(`/api/servers/${id}/undo`, {})).status, 404);
    const flushed = await job('flush', { confirm: 'main' });
    assert.deepEqual([flushed.state, flushed.result], ['done', { keys: 303, canUndo: true }], String(flushed.message));
    assert.deepEqual(await run(['DBSIZE']), [0]);
    const offered = (await about()).undo!;
    assert.deepEqual([offered.what, offered.keys], ['FLUSHALL', 303]);
    // The copy outlives a restart, here one with all that a crash would leave; two admins may not share a folder.
    await assert.rejects(
      startTestAdmin(context, { dataFolder: admin.folder }),
      new RegExp(`Another kvasir-admin \\(pid ${process.pid}\\) uses the folder ${admin.folder}: end it`),
    );
    const dataFolder = mkdtempSync(join(tmpdir(), 'kvasir-admin-'));
    cpSync(admin.folder, dataFolder, { recursive: true, filter: (path) => !path.includes('.kvasir-admin.') });
    ends.push(() => rmSync(dataFolder, { recursive: true }));
    const again = await startTestAdmin(context, { dataFolder });
    const visitor = new Visitor(again.port);
    await visitor.logIn('root');
    assert.notEqual((await visitor.get(`/api/servers/${id}/about`)).json().undo, undefined);
    await again.close();
    await run(['SET', 'k:1', 'newer']);
    const undone = await job('undo');
    assert.deepEqual([undone.state, undone.errors], ['done', 0], String(undone.message));
    assert.deepEqual(await run(['DBSIZE'], ['GET', 'k:1'], ['GET', 'k:2']), [302, 'newer', 'v2']);
    const [ttl, field] = (await run(['TTL', 'gone'], ['HTTL', 'h\udcff', 'FIELDS', '1', 'f'])) as [number, number[]];
    assert.ok(ttl > 8000 && field[0]! > 4000, `${ttl} ${field[0]}`);
    const list = await root.post(`/api/servers/${id}/commands`, {
      database: 3,
      commands: [
        ['LRANGE', 'l', '0', '-1'],
        ['DEL', 'l'],
      ],
    });
    assert.deepEqual(list.json().replies, [['a', 'b'], 1]);
    assert.equal((await about()).undo, undefined);
    assert.deepEqual(
      readdirSync(admin.folder).filter((name) => name.startsWith('undo-')),
      [],
    );
    // One database, without a copy.
    assert.equal((await job('flush', { confirm: 'main', onlyDatabase: 0, withoutCopy: true })).state, 'done');
    assert.equal((await about()).undo, undefined);
    assert.deepEqual(await run(['DBSIZE']), [0]);
  });

  it('exports and imports the same keys, in each format', async () => {
    /** Texts that CSV has to escape, that a spreadsheet takes for a formula, or that look as if they were escaped already. */
    const hard = ['a"b\\\r\n\udcff', '=1+1', "'=1+1", '-5', '\\x41', '\\x5cx41', ' ', 'é,😀', '@a\n', '\0\u0001', '"'];
    await run(
      ['FLUSHALL'],
      ['SET', 's', hard[0]!],
      ['SET', 'empty', ''],
      ['HSET', 'small', 'f', 'v'],
      ['SET', '=k,\udc80', 'x'],
      ['HSET', 'h', 'f', 'v', ...hard.flatMap((text) => [text, text])],
      ['RPUSH', 'l', '1', '2', ...hard],
      ['SADD', 'set', 'm', ...hard],
      ['ZADD', 'z', '1.5', 'm', '-inf', 'low', '1e300', '=', '0.1', '\udcff'],
      ['XADD', 'x', '1-1', 'f', 'v', 'a b', 'é "x" \udcff\n'],
      ['XADD', 'x', '1-2', ...hard, 'odd'],
      ['SET', 'e', '1', 'EX', '10000'],
    );
    const all = [
      ['DBSIZE'],
      ['GET', 's'],
      ['GET', 'empty'],
      ['GET', '=k,\udc80'],
      ['SORT', 'set', 'ALPHA'],
      ['HGET', 'h', 'f'],
      ['HMGET', 'h', ...hard],
      ['HLEN', 'h'],
      ['LRANGE', 'l', '0', '-1'],
      ['ZRANGE', 'z', '0', '-1', 'WITHSCORES'],
      ['XRANGE', 'x', '-', '+'],
      ['PEXPIRETIME', 'e'],
    ];
    const expected = await run(...all);
    for (const format of ['json', 'rdb', 'commands', 'csv']) {
      const { body } = await download(`/api/servers/${id}/export?format=${format}&database=0`);
      const target = await startServer({ port: 0 });
      const targetId = await addServer(`into ${format}`, target.port);
      const job = await importInto(targetId, format, body);
      assert.deepEqual([job.state, job.errors], ['done', 0], `${format}: ${JSON.stringify(job)}`);
      const { replies } = (await root.post(`/api/servers/${targetId}/commands`, { commands: all })).json<{
        replies: unknown[];
      }>();
      assert.deepEqual(replies, expected, format);
      await target.close();
    }
    const csv = (await download(`/api/servers/${id}/export?format=csv&database=0&pattern=small`)).body.toString();
    assert.equal(csv, 'database,key,type,expires_at,field,value\r\n0,small,hash,,f,v\r\n');
    // Nothing is left of the uploads.
    assert.deepEqual(
      readdirSync(admin.folder).filter((name) => name.startsWith('upload')),
      [],
    );
    assert.equal((await importInto(id, 'rdb', 'REDIS0010 this is none')).state, 'failed');
  });

  it('imports CSV that people wrote, tells of rows that make no sense, and does what the mode says of keys that are there', async () => {
    await run(['FLUSHALL'], ['SET', 'kept', 'old'], ['RPUSH', 'list', 'old']);
    const file = [
      '\xef\xbb\xbfValue,note,KEY,type,field,expires_at',
      'new,,kept',
      '"two\nlines, and ""quotes""",,plain,,,2100-01-01T00:00:00Z',
      'one,,list,list',
      'two,"a note",list,list',
      'v,,hash,hash,f',
      'm,,scores,zset,-inf',
      ...['m,,scores,zset,high', 'x,,bad,nosuch', 'x,,,string', 'x,,bad,string,,never', 'a b c,,log,stream,1-1'],
      'k v,,log,stream,2-1',
      'k v,,log,stream,1-5',
      '',
    ].join('\r\n');
    const job = await importInto(id, 'csv', Buffer.from(file, 'latin1'), 'skip');
    assert.deepEqual([job.state, job.errors, job.matched], ['done', 6, 6], JSON.stringify(job));
    for (const [at, reason] of [
      [9, 'the score is no number'],
      [10, 'no type nosuch'],
      [11, 'the key is missing'],
      [12, 'expires_at is no time'],
      [13, 'fields and values in turn'],
      [15, 'must grow'],
    ] as const)
      assert.ok(
        (job.lines as string[]).some((line) => line.startsWith(`line ${at}: `) && line.includes(reason)),
        reason,
      );
    assert.deepEqual(
      await run(
        ['DBSIZE'],
        ['MGET', 'kept', 'plain'],
        ['PEXPIRETIME', 'plain'],
        ['LRANGE', 'list', '0', '-1'],
        ['HGETALL', 'hash'],
        ['ZSCORE', 'scores', 'm'],
        ['XRANGE', 'log', '-', '+'],
      ),
      [6, ['old', 'two\nlines, and "quotes"'], Date.UTC(2100, 0), ['old'], ['f', 'v'], '-inf', [['2-1', ['k', 'v']]]],
    );
    await importInto(id, 'csv', 'key,type,value\nlist,list,more\nkept,string,newer', 'merge');
    await importInto(id, 'csv', 'key,value\nplain,"replaced"', 'replace');
    assert.deepEqual(await run(['LRANGE', 'list', '0', '-1'], ['MGET', 'kept', 'plain'], ['TTL', 'plain']), [
      ['old', 'more'],
      ['newer', 'replaced'],
      -1,
    ]);
    for (const [body, message] of [
      ['', /no line with the names of columns/],
      ['key,type\na,string', /names no column value/],
      ['key,value\na,"open', /quote in line 2 is not closed/],
    ] as const) {
      const failed = await importInto(id, 'csv', body);
      assert.equal(failed.state, 'failed');
      assert.match(String(failed.message), message);
    }
    // A list of several parts.
    const line = `big,list,${'x'.repeat(1000)}\n`;
    await importInto(id, 'csv', `key,type,value\n${line.repeat(10_000)}big,list,last`);
    assert.deepEqual(await run(['LLEN', 'big'], ['LINDEX', 'big', '-1']), [10_001, 'last']);
  });

  async function importInto(
    serverId: string,
    format: string,
    body: string | Uint8Array,
    mode = 'replace',
  ): Promise<Record<string, unknown>> {
    const started = await send(admin.port, 'POST', `/api/servers/${serverId}/import?format=${format}&mode=${mode}`, {
      headers: { cookie: root.cookie, 'x-csrf-token': root.token },
      body,
    });
    assert.equal(started.status, 200, started.text);
    return jobEnd(root, String(started.json().job));
  }

  async function download(path: string): Promise<{ body: Buffer }> {
    const response = await fetch(`${admin.url.slice(0, -1)}${path}`, { headers: { cookie: root.cookie } });
    assert.equal(response.status, 200);
    return { body: Buffer.from(await response.arrayBuffer()) };
  }

  it('takes a value of 10 MB, and gives it in pieces', async () => {
    const big = 'é'.repeat(5 << 20);
    await run(['SET', 'big', big]);
    const [length, part] = (await run(['STRLEN', 'big'], ['GETRANGE', 'big', '0', '65535'])) as [number, string];
    assert.equal(length, 10 << 20);
    assert.equal(part.length, 32_768);
    const { body } = await download(`/api/servers/${id}/value?key=big`);
    assert.equal(body.equals(Buffer.from(big)), true);
    const console = (await root.post(`/api/servers/${id}/console`, { tab: 'a', line: 'GET big' })).json<{
      reply: { cut: string; bytes: number };
    }>();
    assert.equal(console.reply.bytes, 10 << 20);
    assert.ok(console.reply.cut.length <= 65_536);
  });

  it('gives each tab of the console a connection of its own, and ends it with the tab', async () => {
    await run(['FLUSHALL']);
    const say = async (tab: string, line: string): Promise<unknown> => {
      const answer = await root.post(`/api/servers/${id}/console`, { tab, line });
      return answer.status === 200 ? answer.json().reply : answer.json().error;
    };
    assert.equal(await say('one', 'MULTI'), 'OK');
    assert.equal(await say('one', 'SET "a key" \'1\''), 'QUEUED');
    assert.equal(await say('two', 'GET "a key"'), null);
    assert.equal(await say('two', 'SELECT 5'), 'OK');
    assert.equal(await say('two', 'SET there 1'), 'OK');
    assert.deepEqual(await say('one', 'EXEC'), ['OK']);
    assert.deepEqual(await run(['GET', 'a key'], ['EXISTS', 'there']), ['1', 0]);
    assert.equal(await say('two', 'GET there'), '1');
    const consoles = async (): Promise<number> =>
      String((await run(['CLIENT', 'LIST']))[0])
        .split('\n')
        .filter((line) => / db=5 /.test(line)).length;
    assert.equal(await consoles(), 1);
    assert.equal((await root.post(`/api/servers/${id}/console/close`, { tab: 'two' })).status, 200);
    while ((await consoles()) > 0);
    assert.equal(await say('two', 'GET there'), null, 'a new connection');
    // Commands of a tab that come before its connection is there share it.
    const all = await Promise.all(Array.from({ length: 20 }, () => say('three', 'CLIENT ID')));
    const answered = new Set(all.filter((reply) => reply !== 'conflict'));
    assert.equal(answered.size, 1, String(all));
    // One that the server ended is made anew.
    await run(['CLIENT', 'KILL', 'ID', String([...answered][0])]);
    let next: unknown = 'unreachable';
    while (next === 'unreachable') next = await say('three', 'CLIENT ID');
    assert.equal(typeof next, 'number');
    assert.ok(!answered.has(next));
  });

  it('gives the beginnings of values that are too much together, and says so', async () => {
    const value = 'v'.repeat(6 << 20);
    await run(['FLUSHALL'], ...Array.from({ length: 8 }, () => ['RPUSH', 'big', value]));
    type Cut = { cut: string; bytes: number };
    for (const [whole, rest] of [
      (await run(['LRANGE', 'big', '0', '-1'])) as [(string | Cut)[]],
      [await run(...Array.from({ length: 8 }, (_, index) => ['LINDEX', 'big', String(index)]))],
    ].map(([list]) => [
      list!.filter((one) => typeof one === 'string'),
      list!.filter((one) => typeof one !== 'string'),
    ])) {
      assert.equal(whole!.length, 5);
      assert.ok(whole!.every((text) => text === value));
      const [partly, ...others] = rest as [Cut, ...Cut[]];
      assert.deepEqual([partly.cut.length, partly.bytes], [2 << 20, value.length]);
      for (const { cut, bytes } of others) assert.deepEqual([cut, bytes], ['v'.repeat(1000), value.length]);
    }
    await run(['DEL', 'big']);
  });

  it('refuses what is no request, and goes on', async () => {
    const headers = { cookie: root.cookie, 'x-csrf-token': root.token, 'content-type': 'application/json' };
    const path = `/api/servers/${id}/commands`;
    for (const body of [
      '',
      '{',
      '[]',
      'null',
      '{"commands":1}',
      '{"commands":[1]}',
      '{"commands":[[]]}',
      '{"commands":[[1]]}',
      '{"commands":[["GET",null]]}',
      `{"commands":[${'['.repeat(50_000)}`,
      '{"database":"x","commands":[]}',
      '{"__proto__":{"x":1},"commands":{}}',
    ])
      assert.equal((await send(admin.port, 'POST', path, { headers, body })).status, 400, body.slice(0, 60));
    assert.equal((await root.post(`/api/servers/${id}/console`, { tab: 'a', line: 'SET k "open' })).status, 400);
    assert.equal((await root.post('/api/servers', { name: 'x', nodes: ['http://evil'] })).status, 400);
    assert.equal((await root.post('/api/servers', { name: 'x', nodes: ['user:secret@host:1'] })).status, 400);
    assert.equal((await root.get('/api/jobs/j999')).status, 404);
    assert.deepEqual(await run(['PING']), ['PONG']);
    assert.deepEqual(admin.log, []);
  });

  it('says what is wrong with a server that refuses, hangs, dies, or talks nonsense', async () => {
    const sockets = new Set<Socket>();
    const open: Server[] = [];
    const fake = async (answer: (socket: Socket) => void): Promise<string> => {
      const listener = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('data', () => answer(socket));
      });
      open.push(listener);
      await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
      return addServer(`fake ${open.length}`, (listener.address() as AddressInfo).port);
    };
    const about = async (serverId: string) => root.get(`/api/servers/${serverId}/about`);
    const closing = await fake((socket) => socket.destroy());
    assert.equal((await about(closing)).status, 502);
    const nonsense = await fake((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
    assert.equal((await about(nonsense)).status, 502);
    const half = await fake((socket) => socket.end('$1000\r\nredis_version'));
    assert.equal((await about(half)).status, 502);
    const noauth = await fake((socket) => socket.write('-NOAUTH Authentication required.\r\n'));
    assert.match((await about(noauth)).text, /wants a password/);
    const hostile =
      '# Server\r\nredis_version:<script>alert(1)</script>\r\nredis_mode:standalone\r\nrole:master\r\ndb0:keys=99999999999999999999,expires=x\r\nused_memory:NaN\r\n';
    const lying = await fake((socket) => socket.write(`$${hostile.length}\r\n${hostile}\r\n`));
    assert.equal((await about(lying)).status, 200);
    const gone = await addServer('gone', 1);
    assert.match((await about(gone)).text, /refused/i);
    for (const socket of sockets) socket.destroy();
    for (const listener of open) listener.close();
    assert.deepEqual(await run(['PING']), ['PONG']);
  });

  it('finds master and replicas through each other, and follows the master that sentinels name', async () => {
    const servers = [await startServer({ port: 0 }), await startServer({ port: 0 })];
    const [first, second] = servers.map(({ port }) => `127.0.0.1:${port}`);
    const ask = async (port: number, ...words: string[]): Promise<string> => {
      const connection = await Connection.open({ host: '127.0.0.1', port, timeoutMs: 60_000 });
      const text = replyText(await connection.call(...words));
      connection.close();
      return text;
    };
    await ask(servers[1]!.port, 'REPLICAOF', '127.0.0.1', String(servers[0]!.port));
    const discover = async (address: string): Promise<string[]> => {
      const answer = await root.post('/api/servers/discover', { name: 'x', nodes: [address] });
      return answer
        .json<{ found: { kind: string; nodes: string[] }[] }>()
        .found.map((one) => `${one.kind} ${one.nodes.join()}`);
    };
    while ((await discover(first!)).length < 2);
    assert.deepEqual(await discover(first!), [`standalone ${first}`, `replica ${second}`]);
    assert.deepEqual(await discover(second!), [`standalone ${second}`, `master ${first}`]);

    let master = servers[0]!.port;
    const sentinel = await startLiar({
      info: '# Server\r\nredis_version:7.0.15\r\nredis_mode:sentinel\r\n',
      answer: (words) => (words === 'SENTINEL GET-MASTER-ADDR-BY-NAME M' ? ['127.0.0.1', String(master)] : undefined),
      refusal: 'no',
      messages: [],
    });
    const entry = { name: 'followed', nodes: ['127.0.0.1:1', `127.0.0.1:${sentinel.port}`], sentinelMaster: 'm' };
    const followed = String((await root.post('/api/servers', entry)).json().id);
    const set = async (value: string): Promise<unknown> =>
      (await root.post(`/api/servers/${followed}/commands`, { commands: [['SET', 'k', value]] })).json().replies;
    assert.deepEqual(await set('1'), ['OK']);
    assert.equal(await ask(servers[0]!.port, 'GET', 'k'), '1');
    // The old master stays, with its connections.
    await ask(servers[1]!.port, 'REPLICAOF', 'NO', 'ONE');
    await ask(servers[0]!.port, 'REPLICAOF', '127.0.0.1', String(servers[1]!.port));
    master = servers[1]!.port;
    while ((await ask(servers[1]!.port, 'GET', 'k')) !== '2') await set('2');
    assert.equal((await root.get(`/api/servers/${followed}/about`)).json().role, 'master');
    sentinel.stop();
    for (const server of servers) await server.close();
  });

  it('knows a Valkey, its settings and its modes by what it tells of itself', async () => {
    const head = '# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n';
    const settings = {
      primaryauth: 'hunter2',
      primaryuser: 'repl',
      'availability-zone': 'north',
      'repl-backlog-size': '10485760',
      'lazyfree-lazy-expire': 'no',
      'slave-read-only': 'yes',
      'extended-redis-compatibility': 'no',
    };
    const about = async (more: string): Promise<[Record<string, unknown>, string, () => void]> => {
      const liar = await startLiar({
        info: head + more,
        answer: (words) => (words === 'CONFIG GET *' ? Object.entries(settings).flat() : undefined),
        refusal: 'no',
        messages: [],
      });
      const serverId = await addServer(`valkey ${liar.port}`, liar.port);
      return [(await root.get(`/api/servers/${serverId}/about`)).json(), serverId, () => liar.stop()];
    };
    for (const [more, kind, role] of [
      ['server_mode:standalone\r\nrole:master\r\n', 'standalone', 'master'],
      ['server_mode:sentinel\r\n', 'sentinel', 'none'],
      ['server_mode:cluster\r\nrole:slave\r\ncluster_enabled:1\r\n', 'cluster', 'replica'],
    ] as const) {
      const [said, serverId, stop] = await about(more);
      assert.deepEqual([said.product, said.version, said.kind, said.role], ['valkey', '8.0.1', kind, role]);
      if (kind === 'standalone') {
        const { settings: shown } = (await root.get(`/api/servers/${serverId}/config`)).json<{
          settings: { name: string; value: string; help?: string; isChanged: boolean }[];
        }>();
        for (const { name, help } of shown) assert.ok(help !== undefined, name);
        assert.equal(shown.find(({ name }) => name === 'primaryauth')!.value, '(secret)');
        // Against Valkey's own defaults.
        const changed = shown.filter(({ isChanged }) => isChanged).map(({ name }) => name);
        assert.deepEqual(changed, ['primaryauth', 'primaryuser', 'availability-zone', 'lazyfree-lazy-expire']);
      }
      stop();
    }
  });

  it('keeps the history in a Redis that the user names', async () => {
    const watched = await startServer({ port: 0 });
    const keeper = await startServer({ port: 0, requirepass: 'secret' });
    const historyRedis = parseAddress(`redis://:secret@127.0.0.1:${keeper.port}/1`);
    const keeping = await startTestAdmin(context, { keepsHistory: true, historyRedis });
    const visitor = await firstAdmin(keeping);
    const server = { name: 'watched', nodes: [`127.0.0.1:${watched.port}`] };
    const watchedId = String((await visitor.post('/api/servers', server)).json().id);
    const stored = await openHistoryConnection(historyRedis);
    const names = async (): Promise<string> => {
      const reply = await stored.call('KEYS', 'kvasir:history*');
      return isAggregate(reply) ? reply.elements.map(replyText).join(' ') : '';
    };
    while (!(await names()).includes(watchedId)) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(!readdirSync(join(keeping.folder, 'monitor')).includes('history'));
    stored.close();
    await keeping.close();
    await Promise.all([watched.close(), keeper.close()]);
  });

  it('keeps the history of its servers, with events, and tells of alerts', async () => {
    const watched = await startServer({ port: 0 });
    const metricsPort = await findFreePort();
    const keeping = await startTestAdmin(context, { keepsHistory: true, metricsPort });
    const keeper = await firstAdmin(keeping);
    const watchedId = String(
      (await keeper.post('/api/servers', { name: 'watched', nodes: [`127.0.0.1:${watched.port}`] })).json().id,
    );
    const values = async (metric: string): Promise<number[]> => {
      const path = `/api/servers/${watchedId}/series?metric=${metric}&from=${Date.now() - 60_000}&to=${Date.now() + 2000}&step=2000`;
      const { series } = (await keeper.get(path)).json<{ series: Record<string, { v: (number | null)[] }> }>();
      return series[metric]!.v.filter((value) => value !== null);
    };
    while ((await values('memory_used')).length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
    const metrics = (): Promise<string> =>
      fetch(`http://127.0.0.1:${metricsPort}/metrics`).then((answer) => answer.text());
    while (!/^redis_up\{instance="watched"\} 1$/m.test(await metrics()))
      await new Promise((resolve) => setTimeout(resolve, 100));
    // Whoever asks for a year in milliseconds, or for every figure there could be, gets what a chart can show.
    const rest = `/api/servers/${watchedId}/series?metric=memory_used`;
    const year = await keeper.get(`${rest}&from=${Date.now() - 365 * 86_400_000}&to=${Date.now()}&step=1`);
    const found = year.json<{ series: Record<string, { t: number[] }> }>().series.memory_used!;
    assert.ok(found.t.length > 0 && found.t.length <= 5001, `${found.t.length} points`);
    const much = Array.from({ length: 100 }, (_, index) => `&metric=m${index}`).join('');
    const most = await keeper.get(`${rest}${much}&from=1&to=2`);
    assert.ok(Object.keys(most.json<{ series: object }>().series).length <= 40, most.text);
    for (const [from, to] of [
      ['0', 'Infinity'],
      ['0', '1e300'],
      ['-1', '5'],
      ['5', '5'],
      ['x', 'y'],
    ] as const)
      for (const what of ['series?metric=memory_used&step=1', 'events?']) {
        const refused = await keeper.get(`/api/servers/${watchedId}/${what}&from=${from}&to=${to}`);
        assert.equal(refused.status, 400, `${what} ${from} ${to}: ${refused.text.slice(0, 100)}`);
      }
    await watched.close();
    const kinds = async (): Promise<string[]> => {
      const path = `/api/servers/${watchedId}/events?from=0&to=${Date.now() + 1000}`;
      return (await keeper.get(path)).json<{ events: { kind: string }[] }>().events.map(({ kind }) => kind);
    };
    while (!(await kinds()).includes('down')) await new Promise((resolve) => setTimeout(resolve, 100));
    const alerts = (await keeper.get('/api/alerts')).json<{ rules: { name: string }[] }>();
    assert.ok(alerts.rules.length > 0);
    const command = { channel: { id: 'c', name: 'c', type: 'command', program: '/bin/true', args: [] } };
    assert.equal((await keeper.post('/api/alerts/channels', command)).status, 403);
    assert.equal((await keeper.post('/api/alerts/rules', { rule: { id: 1 } })).status, 400);
  });

  it('keeps the list of servers over a restart, and takes one that was written by hand', async () => {
    const folder = admin.folder;
    const stored = JSON.parse(readFileSync(join(folder, 'servers.json'), 'utf8')) as { servers: { name: string }[] };
    assert.ok(stored.servers.some(({ name }) => name === 'main'));
    // As a crash in the middle of an import leaves it.
    writeFileSync(join(folder, 'upload-left'), 'values in the clear');
    await admin.close();
    const again = await startTestAdmin(context, { dataFolder: folder });
    assert.equal(again.setupToken, '');
    assert.ok(!readdirSync(folder).includes('upload-left'));
  });
});

describe('the admin and a cluster that changes', () => {
  it('goes to the masters of the day, though a replica tells it of them, and changes keys there', async (t) => {
    const masters = [await startServer({ port: 0 }), await startServer({ port: 0 })];
    const slots = masters.map(({ port }) => [[0, 16383, ['127.0.0.1', port, 'a'.repeat(40)]]]);
    let current = 0;
    const replica = await startLiar({
      info: '# Server\r\nredis_version:7.2.4\r\nredis_mode:cluster\r\nrole:slave\r\n',
      answer: (words) => (words === 'CLUSTER SLOTS' ? slots[current] : undefined),
      refusal: 'no',
      messages: [],
    });
    t.after(async () => {
      replica.stop();
      for (const master of masters) await master.close();
    });
    const admin = await startTestAdmin(t);
    const root = await firstAdmin(admin);
    const id = String((await root.post('/api/servers', { name: 'c', nodes: [`127.0.0.1:${replica.port}`] })).json().id);
    const about = (await root.get(`/api/servers/${id}/about`)).json();
    assert.deepEqual([about.kind, about.role, about.readOnlyReason], ['cluster', 'replica', undefined]);
    const names = async (): Promise<string[]> =>
      (await root.post(`/api/servers/${id}/tree`, { prefix: '', position: '' })).json<{ keys: string[] }>().keys;
    const set = async (key: string): Promise<void> => {
      const answer = await root.post(`/api/servers/${id}/commands`, { commands: [['SET', key, '1']] });
      assert.equal(answer.status, 200, answer.text);
    };
    await set('first');
    assert.deepEqual(await names(), ['first']);
    const other = await Connection.open({ host: '127.0.0.1', port: masters[1]!.port });
    await other.call('SET', 'second', '1');
    other.close();
    current = 1;
    // The old master answers still, and knows nothing of the change.
    while ((await names())[0] !== 'second');
  });
});

describe('the admin and a cluster', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('finds its nodes, walks its keys, and moves slots after showing the plan', async (t) => {
    const nodes = await startNodes(3);
    t.after(() => stopNodes(nodes));
    await joinNodes(nodes, { replicas: 0 });
    const admin = await startTestAdmin(t);
    const root = await firstAdmin(admin);
    const found = (
      await root.post('/api/servers/discover', { name: 'x', nodes: [`127.0.0.1:${nodes[0]!.port}`] })
    ).json<{ found: { kind: string; nodes: string[] }[] }>().found;
    assert.equal(found[0]!.kind, 'cluster');
    assert.equal(found[0]!.nodes.length, 3);
    const id = String((await root.post('/api/servers', { name: 'cluster', nodes: found[0]!.nodes })).json().id);
    const set = Array.from({ length: 90 }, (_, index) => ['SET', `k:${index}`, String(index)]);
    assert.equal((await root.post(`/api/servers/${id}/commands`, { commands: set })).status, 200);
    const about = (await root.get(`/api/servers/${id}/about`)).json<{ databases: unknown }>();
    assert.deepEqual(about.databases, [{ index: 0, keys: 90 }]);
    let keys = 0;
    for (let position = ''; ;) {
      const step = (await root.post(`/api/servers/${id}/tree`, { prefix: 'k:', position })).json<{
        keys: string[];
        position: string;
        isDone: boolean;
      }>();
      keys += step.keys.length;
      if (step.isDone) break;
      position = step.position;
    }
    assert.equal(keys, 90);
    const before = (await root.get(`/api/servers/${id}/cluster`)).json<{
      nodes: { id: string; ranges: [number, number][] }[];
    }>().nodes;
    const order = { command: 'reshard', slots: 3, to: before[0]!.id, from: before[1]!.id };
    const slots = (list: typeof before, nodeId: string): number =>
      list.find((node) => node.id === nodeId)!.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    const plan = await jobEnd(
      root,
      String((await root.post(`/api/servers/${id}/cluster`, { ...order, plan: true })).json().job),
    );
    assert.equal(plan.state, 'done', String(plan.message));
    assert.equal((plan.lines as string[]).filter((line) => /Moving slot/.test(line)).length, 3);
    const same = (await root.get(`/api/servers/${id}/cluster`)).json<{ nodes: typeof before }>().nodes;
    assert.equal(slots(same, before[0]!.id), slots(before, before[0]!.id));
    assert.equal((await root.post(`/api/servers/${id}/cluster`, order)).json().error, 'confirm');
    const work = await jobEnd(
      root,
      String((await root.post(`/api/servers/${id}/cluster`, { ...order, confirm: 'cluster' })).json().job),
    );
    assert.equal(work.state, 'done', String(work.message));
    const moved = (await root.get(`/api/servers/${id}/cluster`)).json<{ nodes: typeof before }>().nodes;
    assert.equal(slots(moved, before[0]!.id), slots(before, before[0]!.id) + 3);
  });
});
