// repl-rdb-channel: the data of a full sync comes over a second connection while the stream comes over the first.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';
import { assertSame, field, follow, linked, until } from './mixed.js';

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--save', ''];

async function start(t: TestContext, ...more: readonly string[]): Promise<KvasirProcess> {
  const server = await startKvasir({ args: [...args, '--repl-rdb-channel', 'yes', ...more] });
  t.after(() => server.stop());
  return server;
}

/** A full sync that goes on until `finish`, with data that does not fit into the buffers of a socket. */
async function beginSlowly(master: KvasirProcess, replica: KvasirProcess): Promise<void> {
  await master.send('DEBUG', 'POPULATE', '100', 'large', '300000');
  await master.send('CONFIG', 'SET', 'rdb-key-save-delay', '100000');
  await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
  await until(async () => (await field(master, 'replication', 'slave0')).includes('state=send_bulk_and_stream'));
}

async function finish(master: KvasirProcess, replica: KvasirProcess): Promise<void> {
  await master.send('CONFIG', 'SET', 'rdb-key-save-delay', '0');
  await linked(replica);
  await assertSame(master, replica);
  await until(async () => (await field(master, 'replication', 'slave0')).includes('state=online'));
  assert.equal(await field(master, 'replication', 'connected_slaves'), '1');
  await until(async () => (await master.send('CLIENT', 'LIST', 'TYPE', 'replica')).split('\n').length === 1);
  await master.send('SET', 'after', '1');
  await assertSame(master, replica);
  assert.equal(await field(replica, 'replication', 'replica_full_sync_buffer_size'), '0');
}

async function bufferedBytes(replica: KvasirProcess): Promise<number> {
  return Number(await field(replica, 'replication', 'replica_full_sync_buffer_size'));
}

async function clientId(master: KvasirProcess, flags: string): Promise<string> {
  const line = (await master.send('CLIENT', 'LIST', 'TYPE', 'replica'))
    .split('\n')
    .find((text) => text.includes(flags));
  return /^id=(\d+)/.exec(line ?? '')![1]!;
}

describe('a full sync with two connections', { timeout: 600_000 }, () => {
  for (const mode of ['disabled', 'swapdb']) {
    it(`sends data and stream side by side (repl-diskless-load ${mode})`, async (t) => {
      const [master, replica] = [await start(t), await start(t, '--repl-diskless-load', mode)];
      await beginSlowly(master, replica);
      assert.equal(await field(master, 'replication', 'connected_slaves'), '1');
      assert.match(await master.send('CLIENT', 'LIST', 'TYPE', 'replica'), / flags=S [^]* flags=SC /);
      for (let count = 0; count < 5; count++) await master.send('SETRANGE', `during:${count}`, '100000', 'end');
      await until(async () => (await bufferedBytes(replica)) > 200);
      await finish(master, replica);
      assert.equal(await field(master, 'stats', 'sync_full'), '1');
      assert.equal(await field(master, 'stats', 'sync_partial_ok'), '0');
      assert.ok(Number(await field(replica, 'replication', 'replica_full_sync_buffer_peak')) > 200);
      assert.match(replica.log(), /Successfully streamed replication buffer into the db/);
      // The link goes on where it was, as with one connection.
      await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
      await master.send('SET', 'cut', '1');
      await until(async () => (await field(master, 'stats', 'sync_partial_ok')) === '1');
      await assertSame(master, replica);
    });
  }

  it('leaves what passes replica-full-sync-buffer-limit with the master', async (t) => {
    const master = await start(t, '--client-output-buffer-limit', 'replica 0 0 0');
    const replica = await start(t, '--replica-full-sync-buffer-limit', '100kb');
    await beginSlowly(master, replica);
    for (let count = 0; count < 40; count++) await master.send('SET', `during:${count}`, 'x'.repeat(100_000));
    await until(async () => replica.log().includes('Replication buffer limit has been reached (102400 bytes)'));
    await finish(master, replica);
    assert.equal(await field(master, 'stats', 'sync_full'), '1');
    assert.ok(Number(await field(replica, 'replication', 'replica_full_sync_buffer_peak')) < 1_000_000);
  });

  for (const [name, flags] of [
    ['data', 'flags=SC'],
    ['stream', 'flags=S '],
  ] as const) {
    it(`begins anew when the connection of the ${name} ends`, async (t) => {
      const [master, replica] = [await start(t), await start(t)];
      await beginSlowly(master, replica);
      await master.send('CLIENT', 'KILL', 'ID', await clientId(master, flags));
      await until(async () => replica.log().includes('The link to the master is lost (while the data came)'));
      assert.match(await master.send('REPLCONF', 'main-ch-client-id', '1'), /Unrecognized RDB client id: 1/);
      await finish(master, replica);
    });
  }

  it('goes on from the data when the connections end while it is loaded', async (t) => {
    const [master, replica] = [await start(t), await start(t, '--key-load-delay', '20000')];
    await master.send('DEBUG', 'POPULATE', '200', 'key', '100');
    await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
    await until(async () => (await field(replica, 'persistence', 'loading')) === '1');
    await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
    await master.send('SET', 'meanwhile', '1');
    await until(async () => replica.log().includes('After loading RDB, replica will try psync with master.'));
    await replica.send('CONFIG', 'SET', 'key-load-delay', '0');
    await finish(master, replica);
    assert.equal(await field(master, 'stats', 'sync_full'), '1');
    assert.equal(await field(master, 'stats', 'sync_partial_ok'), '1');
  });

  it('is not used where either side does not want it', async (t) => {
    const master = await start(t);
    const replica = await start(t);
    for (const [server, name] of [
      [master, 'repl-rdb-channel'],
      [replica, 'repl-rdb-channel'],
      [master, 'repl-diskless-sync'],
    ] as const) {
      await server.send('CONFIG', 'SET', name, 'no');
      await follow(replica, master);
      await assertSame(master, replica);
      await replica.send('REPLICAOF', 'NO', 'ONE');
      await server.send('CONFIG', 'SET', name, 'yes');
      await master.send('DEBUG', 'CHANGE-REPL-ID');
    }
    assert.doesNotMatch(replica.log(), /initialize RDB channel/);
    await follow(replica, master);
    assert.match(replica.log(), /initialize RDB channel/);
  });

  it('is not used with redis-server 7.0', { skip: peerMissing('redis-server') }, async (t) => {
    const ours = await start(t);
    const theirs = await startRedis({ args });
    t.after(() => theirs.stop());
    await theirs.send('SET', 'key', 'theirs');
    await follow(ours, theirs);
    await assertSame(theirs, ours);
    await ours.send('REPLICAOF', 'NO', 'ONE');
    await follow(theirs, ours);
    await assertSame(ours, theirs);
  });

  it('refuses second connections that belong to nobody', async (t) => {
    const master = await start(t);
    assert.match(await master.send('REPLCONF', 'main-ch-client-id', '99'), /^ERR Unrecognized RDB client id: 99/);
    assert.match(await master.send('REPLCONF', 'main-ch-client-id', 'abc'), /^ERR value is not an integer/);
    assert.match(await master.send('REPLCONF', 'rdb-channel', '2'), /^ERR value is out of range/);
    assert.equal(await master.send('REPLCONF', 'rdb-channel', '1'), 'OK');
  });
});
