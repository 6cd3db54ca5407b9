// kvasir-sync from a server that lets nobody replicate: SCAN, DUMP and keyspace events.
// KVASIR_SYNC_ROUNDS=50 kills the program as often.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { dataset, sendAll } from '../persistence/dataset.js';
import { untilTrue } from '../cluster-peers.js';
import { peerMissing } from '../peer.js';
import { Following, pause, seed, untilVerified, WriteLoad } from './sync-load.js';
import { digestOf, kvasirWithDebug, redisWithDebug, runTool, withFolder } from './tools.js';

const rounds = Number(process.env.KVASIR_SYNC_ROUNDS ?? 1);
const skip = peerMissing('redis-server', 'redis-cli');
const tags = Array.from({ length: 60 }, (_, index) => `{${index}}`);

it('follows keyspace events where PSYNC is refused, through lost events and kills', { skip }, async (t) => {
  const source = await redisWithDebug();
  t.after(() => source.stop());
  const target = await kvasirWithDebug();
  t.after(() => target.stop());
  await source.send('ACL', 'SETUSER', 'copier', 'on', '>secret', '~*', '&*', '+@all', '-psync', '-sync');
  await sendAll(source.port, dataset({ seed, keys: 4, withFunctions: false }));
  const [from, to] = [`redis://copier:secret@127.0.0.1:${source.port}`, `127.0.0.1:${target.port}`];
  const load = await WriteLoad.start(source.port, tags);
  t.after(() => load.stop());
  await withFolder(async (folder) => {
    const words = ['--from', from, '--to', to, '--position', join(folder, 'position'), '--spool', folder, '--quiet'];
    let following = Following.start(words);
    t.after(() => following.child.kill('SIGKILL'));
    await untilTrue(async () => (await source.send('CONFIG', 'GET', 'notify-keyspace-events')).includes('K'), 'events');
    await load.more(500);
    for (let round = 0; round < rounds; round++) {
      await pause(Math.random() * 500);
      await following.kill('SIGKILL');
      // A key deleted meanwhile has to go from the target too.
      await source.send('DEL', '{1}:n');
      await load.more(300);
      following = Following.start(words);
      await load.more(100);
    }
    await untilTrue(async () => Number(await source.send('PUBSUB', 'NUMPAT')) > 0, 'the subscription');
    // The connection of the events is cut, and databases are flushed.
    await source.send('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await load.more(200);
    await source.send('-n', '9', 'SET', 'a', 'b', 'EX', '5000');
    await source.send('-n', '2', 'FLUSHDB');
    await load.stop();
    await untilVerified(from, to).catch(async (error: unknown) => {
      const ran = await following.kill('SIGKILL');
      throw new Error(`${String(error)}\n${ran.stderr}`);
    });
    assert.equal(await digestOf(target), await digestOf(source), `seed ${seed}`);
    const ended = await following.kill('SIGINT');
    assert.equal(ended.status, 130, ended.stderr);
    assert.match(ended.stderr, /refuses PSYNC: .*; using SCAN and keyspace events/);
  });
});

it('keeps to a type and a size, puts the setting back, and says what is missing', { skip }, async (t) => {
  const source = await kvasirWithDebug();
  t.after(() => source.stop());
  const target = await redisWithDebug();
  t.after(() => target.stop());
  const [from, to] = [`127.0.0.1:${source.port}`, `127.0.0.1:${target.port}`];
  await source.send('SET', 'text', 'x');
  await source.send('RPUSH', 'list', 'a');
  const following = Following.start(['--from', from, '--to', to, '--source-mode', 'scan', '--type', 'list', '--quiet']);
  t.after(() => following.child.kill('SIGKILL'));
  await untilTrue(async () => (await target.send('KEYS', '*')) === 'list', 'the first pass');
  await source.send('RPUSH', 'text2', 'b');
  await source.send('SET', 'list', 'now a string');
  await untilTrue(async () => (await target.send('KEYS', '*')) === 'text2', 'the changes');
  assert.equal((await following.kill('SIGTERM')).status, 130);
  assert.equal(await source.send('CONFIG', 'GET', 'notify-keyspace-events'), 'notify-keyspace-events\n');
  const run = async (user: string, ...more: string[]): Promise<{ status: number | null; stderr: string }> =>
    runTool('kvasir-sync', [
      '--from',
      `redis://${user}:p@${from}`,
      '--to',
      to,
      '--source-mode',
      'scan',
      '--quiet',
      ...more,
    ]);
  await source.send('ACL', 'SETUSER', 'reader', 'on', '>p', '~*', '&*', '+@all', '-config|set');
  const unset = await run('reader');
  assert.equal(unset.status, 1);
  assert.match(
    unset.stderr,
    /notify-keyspace-events '' and does not let it be set .*: set it to 'KA', or copy with --once/,
  );
  await source.send('ACL', 'SETUSER', 'blind', 'on', '>p', '~*', '&*', '+@all', '-config');
  const blind = await run('blind');
  assert.equal(blind.status, 1);
  assert.match(blind.stderr, /does not tell whether .* add --assume-events/);
  assert.equal((await run('blind', '--once')).status, 0);
});

it('is exact after a kill between the writes and the noted position', { skip }, async (t) => {
  const source = await redisWithDebug();
  t.after(() => source.stop());
  const target = await kvasirWithDebug();
  t.after(() => target.stop());
  const [from, to] = [`127.0.0.1:${source.port}`, `127.0.0.1:${target.port}`];
  const load = await WriteLoad.start(source.port, tags);
  t.after(() => load.stop());
  await withFolder(async (folder) => {
    const position = join(folder, 'position');
    const words = ['--from', from, '--to', to, '--position', position, '--spool', folder, '--quiet'];
    for (let round = 0; round < rounds + 2; round++) {
      const following = Following.start(words);
      t.after(() => following.child.kill('SIGKILL'));
      // A run that has begun takes back that the position is exact.
      const hasBegun = (): boolean => existsSync(position) && !readFileSync(position, 'utf8').includes('clean');
      await untilTrue(() => Promise.resolve(hasBegun()), 'the position of this run');
      await untilTrue(async () => Number(await target.send('DBSIZE')) > 20, 'the data in the target');
      await pause(300 + Math.random() * 1500);
      await following.kill(round === 1 ? 'SIGINT' : 'SIGKILL');
      // A run that is interrupted before it has caught up is not exact either.
      if (round !== 1) assert.equal(readFileSync(position, 'utf8').includes('clean'), false);
      await load.more(50);
    }
    await load.stop();
    const following = Following.start(words);
    t.after(() => following.child.kill('SIGKILL'));
    await untilVerified(from, to);
    assert.equal(await digestOf(target), await digestOf(source), `seed ${seed}`);
    assert.equal((await following.kill('SIGINT')).status, 130);
    assert.equal(readFileSync(position, 'utf8').includes('clean'), true);
  });
});
