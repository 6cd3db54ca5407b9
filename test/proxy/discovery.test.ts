// One address in front of a Redis Cluster, and of a master found by Sentinel: with Debian's servers, through resharding and
// failover.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { keySlot } from '../../src/base/key-slot.js';
import { findFreePort, peerMissing, startRedis } from '../peer.js';
import { startCluster, until } from './cluster-nodes.js';
import { startKvasirProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

describe('in front of a Redis Cluster', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  test('clients see one server, while a slot moves too', async () => {
    const nodes = await startCluster();
    const port = await findFreePort();
    const proxy = await startKvasirProxy(
      `pool:\n  type: cluster\n  listen: 127.0.0.1:${port}\n  nodes:\n   - 127.0.0.1:${nodes[0]!.port}\n`,
      port,
    );
    const client = await RawClient.open(port);
    try {
      const sets = Array.from({ length: 200 }, (_, index) => ['SET', `k${index}`, String(index)]);
      for (const reply of await client.pipeline(sets)) assert.equal(reply, '+OK\r\n');
      assert.equal(await client.call('DBSIZE'), ':200\r\n');
      const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
      const values = keys.map((_, index) => `$${String(index).length}\r\n${index}\r\n`).join('');
      assert.equal(await client.call('MGET', ...keys), `*50\r\n${values}`);
      assert.equal(await client.call('DEL', 'k190', 'k191', 'k192', 'k193'), ':4\r\n');
      assert.match((await client.call('SINTER', 'k1', 'k2'))!, /^-CROSSSLOT/);
      assert.deepEqual(await client.pipeline([['MULTI'], ['INCR', 'n'], ['INCR', 'n'], ['EXEC']]), [
        '+OK\r\n',
        '+QUEUED\r\n',
        '+QUEUED\r\n',
        '*2\r\n:1\r\n:2\r\n',
      ]);
      // The slot of k1 moves, key by key, while it is read and written.
      const slot = String(keySlot(new Uint8Array(Buffer.from('k1'))));
      const ids = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'MYID')));
      const from = nodes.findIndex((_, index) => Number(slot) <= [5460, 10922, 16383][index]!);
      const to = (from + 1) % 3;
      await nodes[to]!.send('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from]!);
      await nodes[from]!.send('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]!);
      assert.equal(await client.call('GET', 'k1'), '$1\r\n1\r\n');
      await nodes[from]!.send('MIGRATE', '127.0.0.1', String(nodes[to]!.port), 'k1', '0', '5000');
      assert.equal(await client.call('GET', 'k1'), '$1\r\n1\r\n', 'after ASK');
      assert.equal(await client.call('SET', 'k1', 'new'), '+OK\r\n');
      for (const node of [nodes[to]!, nodes[from]!]) await node.send('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]!);
      assert.equal(await client.call('GET', 'k1'), '$3\r\nnew\r\n', 'after MOVED');
      assert.equal(await nodes[to]!.send('GET', 'k1'), 'new');
      const subscriber = await RawClient.open(port);
      await subscriber.call('SUBSCRIBE', 'c');
      await client.call('PUBLISH', 'c', 'm');
      assert.match((await subscriber.next())!, /message/);
      subscriber.close();
    } finally {
      client.close();
      await proxy.stop('SIGKILL');
      for (const node of nodes) await node.stop();
    }
  });
});

describe(
  'in front of a master with Sentinel',
  { skip: peerMissing('redis-server', 'redis-sentinel', 'redis-cli') },
  () => {
    test('writes follow a failover, and reads may go to replicas', async () => {
      const master = await startRedis();
      const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
      const folder = mkdtempSync(join(tmpdir(), 'kvasir-sentinel-'));
      const sentinelPort = await findFreePort();
      const file = join(folder, 'sentinel.conf');
      writeFileSync(
        file,
        `port ${sentinelPort}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor main 127.0.0.1 ${master.port} 1\nsentinel down-after-milliseconds main 2000\nsentinel failover-timeout main 10000\n`,
      );
      const sentinel = spawn('redis-sentinel', [file], { stdio: 'ignore' });
      const port = await findFreePort();
      await until(async () => (await replica.send('INFO', 'replication')).includes('master_link_status:up'));
      const asking = await (async () => {
        for (;;) {
          try {
            return await RawClient.open(sentinelPort);
          } catch {
            await sleep(20);
          }
        }
      })();
      await until(async () => (await asking.call('SENTINEL', 'REPLICAS', 'main'))!.includes(String(replica.port)));
      const proxy = await startKvasirProxy(
        `pool:\n  type: sentinel\n  listen: 127.0.0.1:${port}\n  master_name: main\n  read_policy: prefer_replica\n  nodes:\n   - 127.0.0.1:${sentinelPort}\n`,
        port,
      );
      const client = await RawClient.open(port);
      try {
        assert.equal(await client.call('SET', 'a', '1'), '+OK\r\n');
        await until(async () => (await client.call('GET', 'a')) === '$1\r\n1\r\n');
        await until(
          async () =>
            /cmdstat_get/.test(await replica.send('INFO', 'commandstats')) ||
            (await client.call('GET', 'a')) === undefined,
        );
        // Sentinel refuses until it has seen the replica ready.
        await until(async () => (await asking.call('SENTINEL', 'FAILOVER', 'main'))! === '+OK\r\n');
        await until(async () =>
          (await asking.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main'))!.includes(String(replica.port)),
        );
        // Each write works or waits: none sees the failover.
        for (let index = 0; index < 50; index++) {
          assert.equal(await client.call('SET', 'b', String(index)), '+OK\r\n');
          if ((await replica.send('GET', 'b')) === String(index) && (await replica.send('ROLE')).startsWith('master'))
            break;
          await sleep(100);
        }
        assert.match(await replica.send('ROLE'), /^master/);
        assert.match(await replica.send('GET', 'b'), /^\d+$/);
      } finally {
        client.close();
        asking.close();
        await proxy.stop('SIGKILL');
        sentinel.kill('SIGKILL');
        await master.stop();
        await replica.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  },
);
