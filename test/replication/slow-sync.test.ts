// Full syncs that take longer than repl-timeout: nobody is to blame but a replica that takes no data.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { assertSame, field, follow, linked, until } from './mixed.js';

const args = ['--enable-debug-command', 'yes', '--save', '', '--repl-diskless-sync-delay', '0'];

async function start(t: TestContext, ...more: readonly string[]): Promise<KvasirProcess> {
  const server = await startKvasir({ args: [...args, ...more] });
  t.after(() => server.stop());
  return server;
}

describe('a full sync that takes longer than repl-timeout', { timeout: 600_000 }, () => {
  it('goes on while its file is written', async (t) => {
    const master = await start(t, '--repl-diskless-sync', 'no', '--repl-timeout', '2', '--rdb-key-save-delay', '50000');
    const replica = await start(t, '--repl-timeout', '2');
    await master.send('DEBUG', 'POPULATE', '120');
    await follow(replica, master);
    await assertSame(master, replica);
    assert.equal(await field(master, 'stats', 'sync_full'), '1');
    assert.doesNotMatch(master.log(), /timedout/);
  });

  it('ends for the replica that takes no data, and goes on for the others', async (t) => {
    const master = await start(t, '--repl-timeout', '4', '--repl-diskless-sync-delay', '100');
    await master.send('CONFIG', 'SET', 'repl-diskless-sync-max-replicas', '2');
    await master.send('DEBUG', 'POPULATE', '100', 'large', '1000000');
    const stalled = connect(master.port, '127.0.0.1');
    t.after(() => stalled.destroy());
    stalled.on('error', () => undefined);
    stalled.write('REPLCONF capa eof\r\n');
    await new Promise((resolve) => stalled.once('data', resolve));
    stalled.pause();
    stalled.write('PSYNC ? -1\r\n');
    await until(async () => (await field(master, 'replication', 'connected_slaves')) === '1');
    const replica = await start(t);
    await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
    await linked(replica);
    await assertSame(master, replica);
    assert.equal(master.log().match(/Disconnecting timedout replica/g)?.length, 1);
    assert.equal(await field(master, 'stats', 'sync_full'), '2');
  });
});
