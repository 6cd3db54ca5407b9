// Directives and commands of replication that no other test file is about, each by what it does on servers of one process.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../src/client/connection.js';
import { replyText } from '../../src/client/reply.js';
import { startServer, type EmbeddedServer, type StartOptions } from '../../src/embed/start-server.js';
import { startKvasir } from '../kvasir.js';

interface Server {
  readonly port: number;
  readonly embedded: EmbeddedServer;
  send(...words: readonly string[]): Promise<string>;
  field(section: string, name: string): Promise<string>;
}

/** All servers of this file use it, in one process: their temporary files must not meet. */
const folder = mkdtempSync(join(tmpdir(), 'kvasir-directives-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function start(t: TestContext, options: StartOptions = {}): Promise<Server> {
  const embedded = await startServer({
    port: 0,
    dir: folder,
    save: '',
    'repl-diskless-sync-delay': 0,
    'enable-debug-command': 'yes',
    logfile: '/dev/null',
    ...options,
  });
  const connection = await Connection.open({ host: '127.0.0.1', port: embedded.port });
  t.after(async () => {
    connection.close();
    await embedded.close();
  });
  const send = async (...words: readonly string[]): Promise<string> => replyText(await connection.call(...words));
  return {
    port: embedded.port,
    embedded,
    send,
    field: async (section, name) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await send('INFO', section))?.[1] ?? '',
  };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function follow(replica: Server, master: Server): Promise<void> {
  assert.equal(await replica.send('REPLICAOF', '127.0.0.1', String(master.port)), 'OK');
  await until(async () => (await replica.field('replication', 'master_link_status')) === 'up');
  await until(async () => (await master.send('INFO', 'replication')).includes('state=online'));
}

describe('directives of replication', { timeout: 600_000 }, () => {
  it('replica-announce-ip and -port, replica-announced and replica-priority are told', async (t) => {
    const master = await start(t);
    const replica = await start(t, {
      'replica-announce-ip': '10.1.2.3',
      'replica-announce-port': 7777,
      'replica-announced': 'no',
      'replica-priority': 42,
    });
    await follow(replica, master);
    assert.match(await master.field('replication', 'slave0'), /^ip=10\.1\.2\.3,port=7777,state=online,/);
    assert.equal(await replica.field('replication', 'replica_announced'), '0');
    assert.equal(await replica.field('replication', 'slave_priority'), '42');
  });

  it('masteruser and masterauth open a master with users', async (t) => {
    const master = await start(t, { requirepass: 'default-secret' });
    const admin = await Connection.open({ host: '127.0.0.1', port: master.port });
    t.after(() => admin.close());
    await admin.call('AUTH', 'default-secret');
    await admin.call('ACL', 'SETUSER', 'link', 'on', '>link-secret', '+psync', '+replconf', '+ping');
    const replica = await start(t, { masteruser: 'link', masterauth: 'wrong' });
    await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
    await until(async () => Number(await replica.field('replication', 'master_link_down_since_seconds')) >= 1);
    assert.equal(await replica.field('replication', 'master_link_status'), 'down');
    await replica.send('CONFIG', 'SET', 'masterauth', 'link-secret');
    await until(async () => (await replica.field('replication', 'master_link_status')) === 'up');
  });

  it('replica-ignore-maxmemory: a replica evicts nothing of its own accord, unless told to', async (t) => {
    const master = await start(t);
    const replica = await start(t, { 'maxmemory-policy': 'allkeys-random' });
    await follow(replica, master);
    await replica.send('CONFIG', 'SET', 'maxmemory', '1');
    await master.send('SET', 'key', 'value');
    await until(async () => (await replica.send('GET', 'key')) === 'value');
    assert.equal(await replica.field('stats', 'evicted_keys'), '0');
    await replica.send('CONFIG', 'SET', 'replica-ignore-maxmemory', 'no');
    await master.send('SET', 'another', 'value');
    await until(async () => Number(await replica.field('stats', 'evicted_keys')) > 0);
  });

  it('repl-diskless-sync-max-replicas ends the wait for others', async (t) => {
    const master = await start(t, { 'repl-diskless-sync-delay': 3600, 'repl-diskless-sync-max-replicas': 2 });
    const [first, second] = [await start(t), await start(t)];
    await first.send('REPLICAOF', '127.0.0.1', String(master.port));
    await until(async () => (await master.field('replication', 'slave0')).includes('state=wait_bgsave'));
    await follow(second, master);
    await until(async () => (await first.field('replication', 'master_link_status')) === 'up');
    assert.equal(await master.field('stats', 'sync_full'), '2');
  });

  it('repl-backlog-ttl: without replicas the backlog goes, and with it the name of the history', async (t) => {
    const master = await start(t, { 'repl-backlog-ttl': 1 });
    const replica = await start(t);
    await follow(replica, master);
    const id = await master.field('replication', 'master_replid');
    assert.equal(await master.field('replication', 'repl_backlog_active'), '1');
    await replica.send('REPLICAOF', 'NO', 'ONE');
    await until(async () => (await master.field('replication', 'repl_backlog_active')) === '0');
    assert.notEqual(await master.field('replication', 'master_replid'), id);
    await follow(replica, master);
    assert.equal(await master.field('stats', 'sync_partial_ok'), '0');
    assert.ok(Number(await master.field('stats', 'sync_partial_err')) > 0);
  });

  it('propagation-error-behavior panic-on-replicas ends a replica that cannot do what its master did', async (t) => {
    const master = await start(t);
    const replica = await startKvasir({ args: ['--save', '', '--replicaof', '127.0.0.1', String(master.port)] });
    t.after(() => replica.stop());
    await until(async () => (await master.send('INFO', 'replication')).includes('state=online'));
    await master.send('SET', 'key', 'value');
    await master.send('DEBUG', 'REPLICATE', 'LPUSH', 'key', 'element');
    await until(async () => (await replica.send('INFO', 'stats')).includes('unexpected_error_replies:1'));
    await replica.send('CONFIG', 'SET', 'propagation-error-behavior', 'panic-on-replicas');
    await master.send('DEBUG', 'REPLICATE', 'LPUSH', 'key', 'element');
    await until(() => Promise.resolve(replica.log().includes('This replica panicked sending an error to its master')));
    await until(() => Promise.resolve(!isRunning(replica.pid)));
  });

  it('repl-ping-replica-period and min-replicas-max-lag: a replica that says nothing is no good one', async (t) => {
    const master = await start(t, {
      'repl-ping-replica-period': 1,
      'min-replicas-to-write': 1,
      'min-replicas-max-lag': 1,
    });
    assert.match(await master.send('SET', 'key', 'value'), /^NOREPLICAS/);
    const socket = createConnection(master.port, '127.0.0.1');
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    let received = '';
    socket.on('data', (bytes) => (received += bytes.toString('latin1')));
    socket.write('PSYNC ? -1\r\n');
    await until(async () => (await master.send('SET', 'key', 'value')) === 'OK');
    await until(async () => received.includes('PING'));
    assert.ok(received.split('PING').length > 1);
    // It never acknowledges, so it lags more and more.
    await until(async () => (await master.send('SET', 'key', 'value')).startsWith('NOREPLICAS'));
    assert.equal(await master.field('replication', 'min_slaves_good_slaves'), '0');
  });

  it('WAIT and WAITAOF count replicas that have it, in memory and on disk', async (t) => {
    const master = await start(t);
    const replica = await start(t);
    await follow(replica, master);
    await master.send('SET', 'key', 'value');
    assert.equal(await master.send('WAIT', '1', '0'), '1');
    assert.equal(await master.send('WAIT', '2', '10'), '1');
    assert.match(await master.send('WAITAOF', '1', '0', '0'), /^ERR WAITAOF cannot be used when numlocal is set/);
    assert.match(await replica.send('WAITAOF', '0', '1', '0'), /^ERR WAITAOF cannot be used with replica instances/);
    assert.match(await replica.send('WAIT', '1', '0'), /^ERR WAIT cannot be used with replica instances/);
  });
});
