// A full sync on the replica's side: how the data gets in by repl-diskless-load, what is served meanwhile, what a failure leaves.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { assertSame, field, follow, linked, until } from './mixed.js';

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--save', ''];

function start(...more: readonly string[]): Promise<KvasirProcess> {
  return startKvasir({ args: [...args, ...more] });
}

/** Data of its own for either side, so that a full sync is needed. */
async function startBoth(mode: string, ...more: readonly string[]): Promise<[KvasirProcess, KvasirProcess]> {
  const master = await start();
  const replica = await start('--repl-diskless-load', mode, ...more);
  await master.send('DEBUG', 'POPULATE', '500', 'master', '1000');
  await replica.send('DEBUG', 'POPULATE', '100', 'replica', '10');
  await master.send('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 'master' end)");
  await replica.send(
    'FUNCTION',
    'LOAD',
    "#!lua name=lib\nredis.register_function('f', function() return 'replica' end)",
  );
  return [master, replica];
}

async function stopAll(...servers: readonly RedisPeer[]): Promise<void> {
  for (const server of servers) await server.stop();
}

/** The master sends slowly: the load goes on for as long as a test wants. */
async function beginSlowly(master: KvasirProcess, replica: KvasirProcess): Promise<void> {
  // A key fills more than what a chunk holds, so that the replica begins to load.
  await master.send('DEBUG', 'POPULATE', '100', 'large', '300000');
  await master.send('CONFIG', 'SET', 'rdb-key-save-delay', '100000');
  await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
}

describe('loading the data of a master', { timeout: 600_000 }, () => {
  for (const mode of ['disabled', 'on-empty-db', 'swapdb', 'flush-before-load']) {
    it(`${mode}: the data and functions of the master replace the replica's`, async () => {
      const [master, replica] = await startBoth(mode);
      await follow(replica, master);
      await assertSame(master, replica);
      assert.equal(await replica.send('DBSIZE'), '500');
      assert.match(await replica.send('FUNCTION', 'LIST', 'WITHCODE'), /master/);
      await master.send('SET', 'after', '1');
      await assertSame(master, replica);
      assert.equal(await replica.send('DEBUG', 'VERIFY'), 'OK');
      await stopAll(replica, master);
    });
  }

  it('swapdb of another history answers LOADING, and a failure leaves the old data', async () => {
    const [master, replica] = await startBoth('swapdb');
    await beginSlowly(master, replica);
    await until(async () => (await field(replica, 'persistence', 'loading')) === '1');
    assert.equal(await field(replica, 'persistence', 'async_loading'), '0');
    assert.match(await replica.send('DBSIZE'), /^LOADING/);
    await master.stop({ signal: 'SIGKILL' });
    await until(async () => (await field(replica, 'persistence', 'loading')) === '0');
    assert.equal(await replica.send('DBSIZE'), '100');
    assert.match(await replica.send('FUNCTION', 'LIST', 'WITHCODE'), /replica/);
    assert.match(replica.log(), /Internal error in RDB/);
    assert.equal(await replica.send('DEBUG', 'VERIFY'), 'OK');
    await stopAll(replica);
  });

  it('swapdb of the same history serves the old data meanwhile', async () => {
    const [master, replica] = await startBoth('swapdb');
    await follow(replica, master);
    await master.send('CONFIG', 'SET', 'repl-backlog-size', '16384');
    await replica.send('REPLICAOF', '127.0.0.1', '1');
    await master.send('SET', 'large', 'x'.repeat(100_000));
    await beginSlowly(master, replica);
    await until(async () => (await field(replica, 'persistence', 'async_loading')) === '1');
    assert.equal(await field(replica, 'persistence', 'loading'), '0');
    assert.equal(await replica.send('DBSIZE'), '500');
    assert.match(await replica.send('REPLICAOF', 'NO', 'ONE'), /^LOADING/);
    // A snapshot waits: what is loaded now would be missing in it and in the next.
    assert.match(await replica.send('BGSAVE'), /^Background saving|scheduled|LOADING/);
    await master.send('CONFIG', 'SET', 'rdb-key-save-delay', '0');
    await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
    await linked(replica);
    await assertSame(master, replica);
    assert.equal(await field(replica, 'persistence', 'async_loading'), '0');
    await stopAll(replica, master);
  });

  it('loads what redis-server sends, too', { skip: peerMissing('redis-server') }, async () => {
    const master = await startRedis({ args });
    const replica = await start('--repl-diskless-load', 'swapdb', '--appendonly', 'yes');
    await master.send('DEBUG', 'POPULATE', '20000', 'key', '300');
    await replica.send('SET', 'old', '1');
    await follow(replica, master);
    await assertSame(master, replica);
    await until(async () => (await field(replica, 'persistence', 'aof_rewrite_in_progress')) === '0');
    assert.equal(await field(replica, 'persistence', 'aof_enabled'), '1');
    await stopAll(replica, master);
  });

  it('leaves the file of a sync as dump.rdb, unless rdb-del-sync-files forbids it', async () => {
    for (const deletes of ['no', 'yes']) {
      const [master, replica] = await startBoth('disabled', '--rdb-del-sync-files', deletes);
      await follow(replica, master);
      assert.equal(existsSync(join(replica.folder, 'dump.rdb')), deletes === 'no');
      await stopAll(replica, master);
    }
  });

  it('keys of DEBUG POPULATE stay on the server that made them', async () => {
    const [master, replica] = [await start(), await start()];
    await follow(replica, master);
    await master.send('DEBUG', 'POPULATE', '100');
    assert.equal(await field(master, 'persistence', 'rdb_changes_since_last_save'), '0');
    await master.send('SET', 'after', '1');
    await until(async () => (await replica.send('GET', 'after')) === '1');
    assert.equal(await replica.send('DBSIZE'), '1');
    await stopAll(replica, master);
  });

  it('a slow loader is waited for', async () => {
    const [master, replica] = await startBoth('swapdb', '--key-load-delay', '2000');
    await master.send('DEBUG', 'POPULATE', '300', 'large', '100000');
    await follow(replica, master);
    await assertSame(master, replica);
    await stopAll(replica, master);
  });

  for (const command of ['LOADAOF', 'RELOAD'])
    it(`the stream waits while DEBUG ${command} loads the replica's own file`, async () => {
      const [master, replica] = await startBoth('disabled', '--appendonly', 'yes');
      await follow(replica, master);
      for (let number = 0; number < 20; number++) await master.send('RPUSH', `list:${number}`, 'element');
      await assertSame(master, replica);
      // The AOF of the new data begins with a rewrite; before its end there is nothing to load.
      await until(async () => (await field(replica, 'persistence', 'aof_rewrite_in_progress')) === '0');
      // A load of half a minute, which ends when the delay does.
      await replica.send('CONFIG', 'SET', 'key-load-delay', '50000');
      const reloaded = replica.send('DEBUG', command);
      await until(async () => (await replica.send('DBSIZE')) !== '520');
      for (let number = 0; number < 20; number++) await master.send('RPUSH', `list:${number}`, 'late');
      await replica.send('CONFIG', 'SET', 'key-load-delay', '0');
      assert.equal(await reloaded, 'OK');
      await assertSame(master, replica);
      assert.equal((await replica.send('LRANGE', 'list:0', '0', '-1')).replace('\n', ' '), 'element late');
      await stopAll(replica, master);
    });
});
