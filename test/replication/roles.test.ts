// Changes of the part that a server plays: FAILOVER, the end of a master with lagging replicas, links as clients.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';
import { assertSame, field, follow, linked, until } from './mixed.js';

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--save', ''];

function start(...more: readonly string[]): Promise<KvasirProcess> {
  return startKvasir({ args: [...args, ...more] });
}

async function pairOf(...more: readonly string[]): Promise<[KvasirProcess, KvasirProcess]> {
  const master = await start(...more);
  const replica = await start();
  await follow(replica, master);
  await online(master, 1);
  return [master, replica];
}

function online(master: KvasirProcess, count: number): Promise<void> {
  return until(async () => (await master.send('INFO', 'replication')).split('state=online').length - 1 === count);
}

function lists(server: KvasirProcess, type: string): Promise<string> {
  return server.send('CLIENT', 'LIST', 'TYPE', type);
}

describe('FAILOVER', { timeout: 600_000 }, () => {
  it('refuses what cannot be', async () => {
    const [master, replica] = await pairOf();
    const port = String(replica.port);
    for (const [words, text] of [
      [['TO', '127.0.0.1', '1'], 'ERR FAILOVER target HOST and PORT is not a replica.'],
      [['TO', '127.0.0.1', 'x'], 'ERR value is not an integer or out of range'],
      [
        ['TO', '127.0.0.1', port, 'FORCE'],
        'ERR FAILOVER with force option requires both a timeout and target HOST and IP.',
      ],
      [['TIMEOUT', '0'], 'ERR FAILOVER timeout must be greater than 0'],
      [['ABORT'], 'ERR No failover in progress.'],
      [['ABORT', 'FORCE'], 'ERR syntax error'],
    ] as const)
      assert.equal((await master.send('FAILOVER', ...words)).trim(), text);
    assert.match(await replica.send('FAILOVER'), /ERR FAILOVER is not valid when server is a replica\./);
    await replica.send('REPLICAOF', 'NO', 'ONE');
    assert.match(await replica.send('FAILOVER'), /ERR FAILOVER requires connected replicas\./);
    await master.stop();
    await replica.stop();
  });

  it('hands over without a full sync, and loses no write', async () => {
    const [master, replica] = await pairOf();
    const third = await start();
    await follow(third, master);
    await online(master, 2);
    for (let index = 0; index < 100; index++) await master.send('SET', `key:${index}`, 'value');
    assert.equal(await master.send('FAILOVER', 'TO', '127.0.0.1', String(replica.port)), 'OK');
    await until(async () => (await field(replica, 'replication', 'role')) === 'master');
    await linked(master);
    assert.equal(await field(master, 'replication', 'master_failover_state'), 'no-failover');
    await third.send('REPLICAOF', '127.0.0.1', String(replica.port));
    await linked(third);
    await replica.send('SET', 'after', '1');
    await assertSame(replica, master, third);
    assert.equal(await field(replica, 'stats', 'sync_full'), '0');
    assert.equal(await field(replica, 'stats', 'sync_partial_ok'), '2');
    for (const server of [master, replica, third]) await server.stop();
  });

  it('puts writes off, gives up after its time, and can be aborted', async () => {
    const [master, replica] = await pairOf();
    process.kill(replica.pid, 'SIGSTOP');
    await master.send('SET', 'key', '1');
    await master.send('FAILOVER', 'TIMEOUT', '60000');
    assert.equal(await field(master, 'replication', 'master_failover_state'), 'waiting-for-sync');
    assert.match(await master.send('FAILOVER'), /ERR FAILOVER already in progress\./);
    assert.match(await master.send('REPLICAOF', 'NO', 'ONE'), /ERR REPLICAOF not allowed while failing over\./);
    assert.equal(await master.send('GET', 'key'), '1');
    assert.equal(await master.send('FAILOVER', 'ABORT'), 'OK');
    assert.equal(await master.send('SET', 'key', '2'), 'OK');
    await master.send('FAILOVER', 'TIMEOUT', '1');
    await until(async () => (await field(master, 'replication', 'master_failover_state')) === 'no-failover');
    assert.match(master.log(), /FAILOVER to any replica aborted: Replica never caught up before timeout/);
    process.kill(replica.pid, 'SIGCONT');
    await assertSame(master, replica);
    await master.stop();
    await replica.stop();
  });

  it('goes to a redis-server and comes back from it', { skip: peerMissing('redis-server') }, async () => {
    const ours = await start();
    const theirs = await startRedis({ args });
    await follow(theirs, ours);
    await online(ours, 1);
    await ours.send('SET', 'key', '1');
    await ours.send('FAILOVER');
    await until(async () => (await field(theirs, 'replication', 'role')) === 'master');
    await linked(ours);
    await theirs.send('SET', 'key', '2');
    await assertSame(theirs, ours);
    await theirs.send('FAILOVER');
    await until(async () => (await field(ours, 'replication', 'role')) === 'master');
    await linked(theirs);
    await ours.send('SET', 'key', '3');
    await assertSame(ours, theirs);
    assert.equal(await field(ours, 'stats', 'sync_full'), '1');
    assert.equal(await field(theirs, 'stats', 'sync_full'), '0');
    await ours.stop();
    await theirs.stop();
  });
});

describe('SHUTDOWN of a master', { timeout: 600_000 }, () => {
  it('waits for a replica that lags, and says how far it is', async () => {
    const [master, replica] = await pairOf('--shutdown-timeout', '600');
    process.kill(replica.pid, 'SIGSTOP');
    await master.send('SET', 'key', '1');
    const ended = master.send('SHUTDOWN');
    await until(async () => Number(await field(master, 'server', 'shutdown_in_milliseconds')) > 0);
    process.kill(replica.pid, 'SIGCONT');
    await ended;
    await until(() => Promise.resolve(master.log().includes('bye bye')));
    assert.match(master.log(), /Waiting for replicas before shutting down\./);
    assert.match(master.log(), /1 of 1 replicas are in sync when shutting down\./);
    assert.equal(await replica.send('GET', 'key'), '1');
    await replica.stop();
    await master.stop();
  });

  it('can be aborted, and does not wait with NOW', async () => {
    const [master, replica] = await pairOf('--shutdown-timeout', '600');
    process.kill(replica.pid, 'SIGSTOP');
    await master.send('SET', 'key', '1');
    const refused = master.send('SHUTDOWN');
    await until(async () => Number(await field(master, 'server', 'shutdown_in_milliseconds')) > 0);
    assert.equal(await field(master, 'clients', 'blocked_clients'), '1');
    assert.equal(await master.send('SHUTDOWN', 'ABORT'), 'OK');
    assert.match(await refused, /ERR Errors trying to SHUTDOWN\. Check logs\./);
    assert.equal(await master.send('SET', 'key', '2'), 'OK');
    assert.match(await master.send('SHUTDOWN', 'ABORT'), /ERR No shutdown in progress\./);
    await master.send('SHUTDOWN', 'NOW').catch(() => undefined);
    await until(() => Promise.resolve(master.log().includes('bye bye')));
    assert.match(
      master.log(),
      /Lagging replica 127\.0\.0\.1:\d+ reported offset \d+ behind master, lag=\d+, state=online\./,
    );
    assert.match(master.log(), /0 of 1 replicas are in sync when shutting down\./);
    process.kill(replica.pid, 'SIGCONT');
    await replica.stop();
    await master.stop();
  });
});

describe('links as clients', { timeout: 600_000 }, () => {
  it('shows and kills them by type, and they come back without a full sync', async () => {
    const [master, replica] = await pairOf();
    assert.match(await lists(master, 'replica'), /flags=S /);
    assert.match(await lists(replica, 'master'), new RegExp(`addr=127\\.0\\.0\\.1:${master.port} .*flags=M `));
    assert.equal(await replica.send('CLIENT', 'KILL', 'TYPE', 'master'), '1');
    await until(async () => (await field(master, 'stats', 'sync_partial_ok')) === '1');
    await linked(replica);
    assert.equal(await master.send('CLIENT', 'KILL', 'TYPE', 'replica'), '1');
    await until(async () => (await field(master, 'stats', 'sync_partial_ok')) === '2');
    await linked(replica);
    assert.equal(await replica.send('CLIENT', 'KILL', `127.0.0.1:${master.port}`), 'OK');
    await until(async () => (await field(master, 'stats', 'sync_partial_ok')) === '3');
    await master.send('SET', 'key', 'value');
    await assertSame(master, replica);
    assert.equal(await field(master, 'stats', 'sync_full'), '1');
    assert.ok(Number(await field(replica, 'stats', 'total_net_repl_input_bytes')) > 100);
    assert.ok(Number(await field(master, 'stats', 'total_net_repl_output_bytes')) > 100);
    await master.stop();
    await replica.stop();
  });

  it('cuts a replica off that asks for replies', async () => {
    const master = await start();
    for (const [words, line] of [
      [['PING'], "Replica generated a reply to command 'ping', disconnecting it: "],
      [['GET', 'key'], "Replica can't interact with the keyspace"],
      [['NOSUCH'], '== CRITICAL == This master is sending an error to its replica: '],
    ] as const) {
      const client = connect(master.port, '127.0.0.1');
      client.resume();
      client.write(`PSYNC ? -1\r\n${words.join(' ')}\r\n`);
      await once(client, 'close');
      assert.ok(master.log().includes(line), line);
    }
    assert.equal(await master.send('PING'), 'PONG');
    await master.stop();
  });
});

describe('expiry around replicas', { timeout: 600_000 }, () => {
  it('a writable replica looks after the keys that its clients gave an age, and makes no key twice', async () => {
    const [master, replica] = await pairOf();
    await master.send('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
    await master.send('SET', 'theirs', '5', 'PX', '1');
    await assertSame(master, replica);
    await replica.send('CONFIG', 'SET', 'replica-read-only', 'no');
    await replica.send('SET', 'own', '1', 'PX', '20');
    await until(async () => (await field(replica, 'stats', 'slave_expires_tracked_keys')) === '0');
    assert.equal(await replica.send('DBSIZE'), '1');
    assert.equal(await replica.send('GET', 'theirs'), '');
    assert.equal(await replica.send('DBSIZE'), '1');
    assert.equal(await replica.send('INCR', 'theirs'), '1');
    assert.equal(await replica.send('TTL', 'theirs'), '-1');
    assert.equal(await replica.send('DBSIZE'), '1');
    assert.equal(await replica.send('DEBUG', 'VERIFY'), 'OK');
    await master.stop();
    await replica.stop();
  });

  it('a master that starts again tells its replicas of keys that it did not load because of their age', async () => {
    let master = await start('--save', '900 1');
    const replica = await start();
    await follow(replica, master);
    await master.send('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
    for (let index = 0; index < 10; index++) await master.send('SET', `key:${index}`, 'value', 'PX', '1');
    await master.send('SET', 'stays', '1');
    await assertSame(master, replica);
    assert.equal(await replica.send('DBSIZE'), '11');
    const { port, folder } = master;
    await master.stop({ keepFolder: true });
    master = await startKvasir({ args: [...args, '--save', '900 1'], port, folder });
    await linked(replica);
    await assertSame(master, replica);
    assert.equal(await replica.send('DBSIZE'), '1');
    assert.equal(await field(master, 'stats', 'sync_full'), '0');
    assert.equal(await field(master, 'stats', 'sync_partial_ok'), '1');
    await master.stop();
    await replica.stop();
  });
});
