import assert from 'node:assert/strict';
import { it } from 'node:test';
import { peerMissing } from '../peer.js';
import { Following } from './sync-load.js';
import { digestOf, kvasirWithDebug, mustRun, redisWithDebug, runTool } from './tools.js';

const skip = peerMissing('redis-server', 'redis-cli');
const url = (peer: { port: number }): string => `127.0.0.1:${peer.port}`;

it('--verify names every kind of difference, and --repair mends all of them', { skip }, async (t) => {
  const source = await kvasirWithDebug();
  t.after(() => source.stop());
  const target = await redisWithDebug();
  t.after(() => target.stop());
  const commands = [
    ['SET', 'same', 'x'],
    ['SET', 'value', 'x'],
    ['SET', 'missing', 'x'],
    ['SET', 'type', 'x'],
    ['SET', 'expires', 'x', 'PXAT', '9999999999999'],
    ['SET', 'forever', 'x'],
    ['RPUSH', 'list', 'a', 'b'],
    ['SADD', 'set', 'a', 'b'],
    ['ZADD', 'zset', '1', 'a', '2', 'b'],
    ['HSET', 'hash', 'f', 'v'],
    ['XADD', 'stream', '1-1', 'f', 'v'],
    ['XGROUP', 'CREATE', 'stream', 'group', '0'],
    ['-n', '3', 'SET', 'other', 'x'],
  ];
  for (const command of commands) for (const peer of [source, target]) await peer.send(...command);
  const words = ['--from', url(source), '--to', url(target), '--verify'];
  await mustRun('kvasir-sync', words);
  const wanted = await digestOf(source);
  for (const command of [
    ['SET', 'value', 'y'],
    ['DEL', 'missing', 'type'],
    ['RPUSH', 'type', 'x'],
    ['PERSIST', 'expires'],
    ['PEXPIREAT', 'forever', '9999999999999'],
    ['LSET', 'list', '0', 'c'],
    ['SADD', 'set', 'c'],
    ['ZADD', 'zset', '1.5', 'a'],
    ['HDEL', 'hash', 'f'],
    ['XADD', 'stream', '2-1', 'f', 'w'],
    ['SET', 'extra', 'x'],
    ['-n', '3', 'SET', 'other', 'y'],
    ['-n', '5', 'SET', 'extra', 'x'],
  ])
    await target.send(...command);
  const found = await runTool('kvasir-sync', words);
  assert.equal(found.status, 1);
  const lines = found.stdout.toString().trimEnd().split('\n');
  assert.equal(lines.pop(), '12 keys compared: 9 differ, 2 missing, 2 extra, 0 repaired');
  assert.deepEqual(lines.sort(), [
    'db0 expires: time to live',
    'db0 extra: extra',
    'db0 forever: time to live',
    'db0 hash: missing',
    'db0 list: value',
    'db0 missing: missing',
    'db0 set: value',
    'db0 stream: value',
    'db0 type: value',
    'db0 value: value',
    'db0 zset: value',
    'db3 other: value',
    'db5 extra: extra',
  ]);
  assert.notEqual(await digestOf(target), wanted, 'comparing changes nothing');
  const repaired = await mustRun('kvasir-sync', [...words, '--repair']);
  assert.match(repaired.stdout.toString(), /, 13 repaired\n$/);
  assert.equal(await digestOf(target), wanted);
  assert.equal(await target.send('PEXPIRETIME', 'expires'), '9999999999999');
  assert.equal(await target.send('PEXPIRETIME', 'forever'), '-1');
  assert.match(await target.send('XINFO', 'GROUPS', 'stream'), /\bgroup\b/);
  await mustRun('kvasir-sync', words);
  // A sample looks at some keys only, and repairs what it sees; it says nothing about extra ones.
  await target.send('SET', 'extra', 'x');
  const sampled = await mustRun('kvasir-sync', [...words, '--sample', '0.000001', '--repair', '--json']);
  const { compared, extra } = JSON.parse(sampled.stdout.toString()) as { compared: number; extra: number };
  assert.ok(compared <= 1 && extra === 0);
  for (const option of ['--repair', '--sample=0.5']) {
    const alone = await runTool('kvasir-sync', ['--from', url(source), '--to', url(target), option]);
    assert.equal(alone.status, 2);
    assert.match(alone.stderr, /goes with --verify/);
  }
});

it('serves its progress as a page, as JSON and for Prometheus, without the passwords', { skip }, async (t) => {
  const source = await kvasirWithDebug();
  t.after(() => source.stop());
  const target = await kvasirWithDebug();
  t.after(() => target.stop());
  for (const name of ['a', 'b', 'c']) await source.send('SET', name, 'x');
  await source.send('ACL', 'SETUSER', 'copier', 'on', '>secret', '~*', '&*', '+@all');
  const from = `redis://copier:secret@${url(source)}`;
  const following = Following.start(['--from', from, '--to', url(target), '--http', '0']);
  t.after(() => following.child.kill('SIGKILL'));
  await following.until('the address', () => Promise.resolve(/progress at http/.test(following.said)));
  const base = /progress at (http:\S+)/.exec(following.said)![1]!;
  interface Status {
    readonly from: string;
    readonly to: string;
    readonly phase: string;
    readonly keys: number;
    readonly commands: number;
    readonly bytes: number;
    readonly seconds: number;
    readonly bytesPerSecond: number;
    readonly errors: number;
  }
  const status = async (): Promise<Status> => (await (await fetch(`${base}status.json`)).json()) as Status;
  await following.until('the data', async () => (await target.send('DBSIZE')) === '3');
  await source.send('SET', 'd', 'x');
  await following.until('the write', async () => (await status()).commands >= 1);
  const now = await status();
  assert.deepEqual([now.keys, now.errors, now.phase], [3, 0, 'following']);
  assert.ok(now.bytes > 0 && now.seconds > 0 && now.bytesPerSecond >= 0, JSON.stringify(now));
  assert.equal(now.to, url(target));
  const metrics = await fetch(`${base}metrics`);
  assert.match(metrics.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
  const text = await metrics.text();
  // Each figure is a line that Prometheus reads, after its type.
  for (const line of text.trimEnd().split('\n'))
    assert.match(line, /^(# TYPE kvasir_sync_[a-z_]+ gauge|kvasir_sync_[a-z_]+ -?[\d.e+]+)$/);
  assert.match(text, /^kvasir_sync_keys 3$/m);
  const page = await (await fetch(base)).text();
  assert.match(page, /<tr><th>phase<\/th><td>following<\/td><\/tr>/);
  for (const shown of [page, text, now.from]) assert.doesNotMatch(shown, /secret/);
  assert.equal((await fetch(`${base}nowhere`)).status, 404);
  assert.equal((await following.kill('SIGINT')).status, 130);
});

it('--assume-events follows a source that lets nobody look at its settings', { skip }, async (t) => {
  const source = await kvasirWithDebug(['--notify-keyspace-events', 'KA']);
  t.after(() => source.stop());
  const target = await kvasirWithDebug();
  t.after(() => target.stop());
  await source.send('SET', 'before', 'x');
  await source.send('ACL', 'SETUSER', 'blind', 'on', '>p', '~*', '&*', '+@all', '-config', '-psync', '-sync');
  const from = `redis://blind:p@${url(source)}`;
  const following = Following.start(['--from', from, '--to', url(target), '--assume-events', '--quiet']);
  t.after(() => following.child.kill('SIGKILL'));
  await following.until('the first pass', async () => (await target.send('EXISTS', 'before')) === '1');
  await source.send('SET', 'after', 'x');
  await source.send('DEL', 'before');
  await following.until('the changes', async () => (await target.send('KEYS', '*')) === 'after');
  assert.equal((await following.kill('SIGINT')).status, 130);
});
