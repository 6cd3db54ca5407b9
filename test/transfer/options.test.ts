// Options of the data tools that no other test needs: passwords, keys that are there, rates, and sources that stay away.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { sendAll } from '../persistence/dataset.js';
import { peerMissing } from '../peer.js';
import { Following } from './sync-load.js';
import { digestOf, kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const skip = peerMissing('redis-cli');

const url = (peer: { port: number }): string => `127.0.0.1:${peer.port}`;

interface Summary {
  readonly keys: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly bytesPerSecond: number;
}

const summaryOf = (text: string): Summary => JSON.parse(text.trimEnd().split('\n').at(-1)!) as Summary;

it('dump and load log in with -a, the variable, and the password of the address', { skip }, async (t) => {
  const server = await kvasirWithDebug();
  t.after(() => server.stop());
  await server.send('SET', 'k', 'v');
  await server.send('CONFIG', 'SET', 'requirepass', 'the key');
  const line = '{"db":0,"key":"k","ttl":-1,"type":"string","value":"v","size":1}\n';
  const refused = await runTool('kvasir-dump', ['-u', url(server)]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /NOAUTH/);
  const wrong = await runTool('kvasir-dump', ['-u', url(server), '-a', 'another']);
  assert.equal(wrong.status, 1);
  assert.match(wrong.stderr, /refuses the password: WRONGPASS/);
  for (const [words, env] of [
    [['-u', url(server), '-a', 'the key'], {}],
    [['-u', url(server)], { REDISCLI_AUTH: 'the key' }],
    [['-u', `:the%20key@${url(server)}`], {}],
    [[], { REDIS_URI: `redis://default:the%20key@${url(server)}/0` }],
  ] as const) {
    assert.equal((await mustRun('kvasir-dump', words, { env })).stdout.toString(), line, words.join(' '));
    await mustRun('kvasir-load', words, { env, input: line });
  }
});

it('load leaves keys that are there with --skip-existing, and keeps to its rates', { skip }, async (t) => {
  const server = await kvasirWithDebug();
  t.after(() => server.stop());
  const record = (key: string, type: string, value: unknown): string =>
    `${JSON.stringify({ db: 0, key, ttl: -1, type, value, size: 1 })}\n`;
  const records = [record('list', 'list', ['new']), record('text', 'string', 'new'), record('set', 'set', ['new'])];
  await sendAll(server.port, [
    ['RPUSH', 'list', 'old'],
    ['SET', 'text', 'old'],
  ]);
  const values = async (): Promise<string[]> => [
    await server.send('LRANGE', 'list', '0', '-1'),
    await server.send('GET', 'text'),
    await server.send('SMEMBERS', 'set'),
  ];
  for (const [words, wanted] of [
    [['--skip-existing'], ['old', 'old', 'new']],
    [
      ['--skip-existing', '--no-restore'],
      ['old', 'old', 'new'],
    ],
    [['--merge'], ['old\nnew', 'new', 'new']],
    [['--replace'], ['new', 'new', 'new']],
  ] as const) {
    await server.send('DEL', 'set');
    await mustRun('kvasir-load', ['-u', url(server), ...words], { input: records.join('') });
    assert.deepEqual(await values(), wanted, words.join(' '));
  }
  const both = await runTool('kvasir-load', ['-u', url(server), '--merge', '--skip-existing'], { input: '' });
  assert.equal(both.status, 2);
  assert.match(both.stderr, /--merge and --skip-existing exclude each other/);

  // Many chunks of input, because a rate is kept between them.
  const value = 'x'.repeat(1000);
  const input = Array.from({ length: 600 }, (_, index) => record(`key:${index}`, 'string', value)).join('');
  for (const [words, wanted] of [
    [['--limit-bytes', '600kb'], input.length / (600 * 1024)],
    [['--limit-keys', '500'], 600 / 500],
  ] as const) {
    const startedMs = performance.now();
    const ran = await mustRun('kvasir-load', ['-u', url(server), ...words, '--json'], { input });
    const { keys, bytes } = summaryOf(ran.stdout.toString());
    // The line end of the last record is not counted.
    assert.deepEqual([keys, bytes], [600, input.length - 1]);
    const seconds = (performance.now() - startedMs) / 1000;
    assert.ok(seconds >= wanted - 0.1, `${words.join(' ')}: ${input.length} bytes in ${seconds} s`);
  }
});

it('sync keeps to a rate of bytes', { skip }, async (t) => {
  const source = await kvasirWithDebug(['--rdbcompression', 'no']);
  t.after(() => source.stop());
  const target = await kvasirWithDebug();
  t.after(() => target.stop());
  const [from, to] = [url(source), url(target)];
  await source.send('DEBUG', 'POPULATE', '1000', 'key', '1000');
  const wanted = await digestOf(source);
  // The second way takes compressed payloads.
  for (const [place, rate] of [
    [from, 800],
    [`scan:${from}`, 40],
  ] as const) {
    await target.send('FLUSHALL');
    const words = ['--from', place, '--to', to, '--once', '--rate-bytes', `${rate}kb`, '--json', '--quiet'];
    const startedMs = performance.now();
    const { bytes } = summaryOf((await mustRun('kvasir-sync', words)).stdout.toString());
    const seconds = (performance.now() - startedMs) / 1000;
    assert.ok(bytes > rate * 1024, `${place}: ${bytes} bytes`);
    assert.ok(seconds >= bytes / (rate * 1024) - 0.1, `${place}: ${bytes} bytes in ${seconds} s`);
    assert.equal(await digestOf(target), wanted, place);
  }
});

it('sync gives up a source that stays away, and goes on when it is run again', { skip }, async (t) => {
  await withFolder(async (folder) => {
    const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
    let source = await kvasirWithDebug(args);
    t.after(() => source.stop());
    const target = await kvasirWithDebug();
    t.after(() => target.stop());
    for (const mode of ['psync', 'scan']) {
      const position = join(folder, mode);
      const words = ['--from', url(source), '--to', url(target), '--source-mode', mode, '--spool', folder];
      const options = ['--position', position, '--reconnect', '1', '--quiet'];
      const start = (): Following => {
        const following = Following.start([...words, ...options]);
        t.after(() => following.child.kill('SIGKILL'));
        return following;
      };
      await source.send('SET', `${mode}:1`, 'before');
      const first = start();
      const has = async (key: string): Promise<boolean> => (await target.send('EXISTS', key)) === '1';
      await first.until('the key', () => has(`${mode}:1`));
      // So that the position is that of a run that follows.
      await first.until('the position', () => Promise.resolve(readOr(position) !== ''));
      await source.stop({ signal: 'SIGKILL', keepFolder: true });
      const lost = await first.ended;
      assert.equal(lost.status, 1, lost.stderr);
      assert.match(lost.stderr, /connecting again/, mode);
      assert.match(lost.stderr, new RegExp(`^kvasir-sync: .*127\\.0\\.0\\.1:${source.port}`, 'm'), mode);
      source = await kvasirWithDebug(args, { port: source.port, folder: source.folder });
      await source.send('SET', `${mode}:2`, 'after');
      const second = start();
      await second.until('the key after it', () => has(`${mode}:2`));
      await second.until('the same data', async () => (await digestOf(source)) === (await digestOf(target)));
      assert.equal((await second.kill('SIGINT')).status, 130);
    }
  });
});

it('times to live of hash fields, and doubles to the last bit, pass every way', { skip }, async (t) => {
  await withFolder(async (folder) => {
    const source = await kvasirWithDebug(['--appendonly', 'yes']);
    t.after(() => source.stop());
    const target = await kvasirWithDebug();
    t.after(() => target.stop());
    await sendAll(source.port, [
      ['HSET', 'hash', 'a', '1', 'b', '2'],
      ['HPEXPIREAT', 'hash', '9999999999123', 'FIELDS', '1', 'a'],
      ['ZADD', 'zset', '0.1', 'a', '1.7976931348623157e308', 'b', '5e-324', 'c', '-inf', 'd'],
      ['SET', 'key', 'x', 'PXAT', '99999999999456'],
    ]);
    await source.send('SAVE');
    const lines = join(folder, 'lines');
    await mustRun('kvasir-dump', ['-u', url(source), '--format', 'kvasir', '-o', lines]);
    const rdb = join(source.folder, 'dump.rdb');
    const aof = join(source.folder, 'appendonlydir', 'appendonly.aof.manifest');
    const to = ['--to', url(target), '--once', '--quiet'];
    for (const [name, ...words] of [
      ['kvasir-load', '-u', url(target), lines],
      ['kvasir-load', '-u', url(target), '--no-restore', lines],
      ['kvasir-sync', '--from', `rdb:${rdb}`, ...to],
      ['kvasir-sync', '--from', `aof:${aof}`, ...to],
      ['kvasir-sync', '--from', `scan:${url(source)}`, ...to, '--no-restore'],
    ] as const) {
      await target.send('FLUSHALL');
      await mustRun(name, words);
      const way = `${name} ${words.join(' ')}`;
      assert.equal(await digestOf(target), await digestOf(source), way);
      const times = await target.send('HPEXPIRETIME', 'hash', 'FIELDS', '2', 'a', 'b');
      assert.equal(times, '9999999999123\n-1', way);
      assert.equal(await target.send('PEXPIRETIME', 'key'), '99999999999456', way);
      assert.equal(await target.send('ZSCORE', 'zset', 'c'), await source.send('ZSCORE', 'zset', 'c'), way);
    }
  });
});

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
