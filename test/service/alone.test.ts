// Commands about other servers, as a server without cluster and replicas answers them: compared with redis-server.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startServer } from '../../src/embed/start-server.js';
import { peerMissing } from '../peer.js';
import { Twins } from './twins.js';

const asRedis = `
CLUSTER|CLUSTER NODES|CLUSTER nosuch|CLUSTER HELP|CLUSTER KEYSLOT|CLUSTER KEYSLOT a|CLUSTER INFO|CLUSTER MEET a 1|CLUSTER|NODES
REPLICAOF NO ONE|SLAVEOF no one|REPLICAOF a b|REPLICAOF NO x|REPLICAOF a|REPLICAOF a 65536|REPLICAOF a -1
WAIT 0 10|WAIT 1 5|WAIT -1 5|WAIT 0 -1|WAIT a 1|WAIT 1 a|WAIT 0 99999999999999999999
PSYNC a b|REPLCONF|REPLCONF listening-port|REPLCONF listening-port 10|REPLCONF listening-port x|REPLCONF ack 1|REPLCONF getack *
REPLCONF capa eof capa psync2|REPLCONF ip-address 1.2.3.4|REPLCONF rdb-only 1|REPLCONF rdb-only 2|REPLCONF nosuch 1
REPLCONF rdb-filter-only functions|REPLCONF rdb-filter-only nosuch|REPLCONF capa a nosuch b
FAILOVER|FAILOVER ABORT|FAILOVER ABORT TO a 1|FAILOVER TO a 1|FAILOVER TO a b|FAILOVER TO a|FAILOVER TIMEOUT 0|FAILOVER TIMEOUT 9
FAILOVER TIMEOUT x|FAILOVER TIMEOUT 9 TIMEOUT 9|FAILOVER TO a 1 TIMEOUT 5 FORCE|FAILOVER FORCE FORCE|FAILOVER nosuch
MIGRATE a|MIGRATE h 1 none 0 10|MIGRATE h 1 none 0 x|MIGRATE h 1 none x 1|MIGRATE h 1 none 0 10 nosuch|MIGRATE h 1 none 0 10 COPY REPLACE
MIGRATE h 1 none 0 10 AUTH|MIGRATE h 1 none 0 10 AUTH2 a|MIGRATE h 1 none 0 10 AUTH2 a b|MIGRATE h 1 k 0 10 KEYS a|MIGRATE h 1  0 10 KEYS a b
MIGRATE h 1  0 10 KEYS|COMMAND GETKEYS MIGRATE h p k 0 10|COMMAND GETKEYS MIGRATE h p k 0 10 KEYS a b
COMMAND GETKEYSANDFLAGS MIGRATE h p  0 10 AUTH2 KEYS KEYS KEYS a b|COMMAND GETKEYS MIGRATE h p  0 10 COPY AUTH KEYS KEYS a b
MULTI|WAIT 1 0|REPLICAOF NO ONE|FAILOVER|REPLCONF capa x|CLUSTER INFO|EXEC|MULTI|SYNC|PSYNC ? -1|EXEC`
  .trim()
  .split(/\n|\|(?!NODES\n)/)
  .map((line) => line.split(' '));

describe('a server alone', () => {
  it('answers for cluster and replicas as redis-server does', { skip: peerMissing('redis-server') }, async () => {
    const twins = await Twins.start(1, {}, []);
    for (const words of asRedis) {
      const { ours, theirs } = await twins.step(0, words);
      assert.deepEqual(ours, theirs, words.join(' '));
    }
    await twins.stop();
  });

  it('keeps a key that no other server takes', async () => {
    const server = await startServer();
    const client = new Redis(server.port, server.host);
    await client.set('k', 'v');
    await assert.rejects(
      client.call('MIGRATE', '127.0.0.1', '1', 'k', '0', '60000'),
      /^ReplyError: IOERR error or timeout writing to target instance/,
    );
    assert.equal(await client.get('k'), 'v');
    client.disconnect();
    await server.close();
  });

  it('takes rules that name these commands, and a user is held to them', async () => {
    const server = await startServer();
    const client = new Redis(server.port, server.host);
    const rules = ['+@all', '-cluster', '+cluster|nodes', '-migrate', '-@dangerous', '+wait', '+psync', '+replconf'];
    assert.equal(await client.call('ACL', 'SETUSER', 'u', 'on', 'nopass', '~*', ...rules), 'OK');
    const dryRun = async (...words: string[]): Promise<boolean> =>
      (await client.call('ACL', 'DRYRUN', 'u', ...words)) === 'OK';
    assert.deepEqual(
      [
        await dryRun('CLUSTER', 'NODES'),
        await dryRun('CLUSTER', 'INFO'),
        await dryRun('REPLCONF', 'ACK', '1'),
        await dryRun('REPLICAOF', 'NO', 'ONE'),
        await dryRun('MIGRATE', 'h', '1', 'k', '0', '10'),
        await dryRun('WAIT', '0', '0'),
      ],
      [true, false, true, false, false, true],
    );
    client.disconnect();
    await server.close();
  });

  it('WAITAOF waits for the sync of the AOF, and for replicas until its time is over', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kvasir-waitaof-'));
    const without = await startServer();
    const server = await startServer({ dir, appendonly: true, appendfsync: 'everysec' });
    const other = new Redis(without.port, without.host);
    const client = new Redis(server.port, server.host);
    await assert.rejects(
      other.call('WAITAOF', '1', '0', '0'),
      /WAITAOF cannot be used when numlocal is set but appendonly/,
    );
    assert.deepEqual(await other.call('WAITAOF', '0', '0', '0'), [0, 0]);
    await assert.rejects(client.call('WAITAOF', '2', '0', '0'), /value is out of range, value must between 0 and 1/);
    await assert.rejects(client.call('WAITAOF', '0', '-1', '0'), /value is out of range, must be positive/);
    await assert.rejects(client.call('WAITAOF', '0', '0', '-1'), /timeout is negative/);
    await client.set('k', 'v');
    assert.deepEqual(await client.call('WAITAOF', '1', '0', '0'), [1, 0]);
    assert.deepEqual(await client.call('WAITAOF', '1', '1', '20'), [1, 0]);
    assert.deepEqual(await client.multi().call('waitaof', '0', '1', '0').exec(), [[null, [1, 0]]]);
    client.disconnect();
    other.disconnect();
    await server.close();
    await without.close();
    rmSync(dir, { recursive: true, force: true });
  });
});
