// Scripts on servers whose links come and go, and deletions as replicas and the AOF get them: as in Redis.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findFreePort, peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { startKvasir } from '../kvasir.js';
import { follow, until } from './mixed.js';

const start = {
  kvasir: (args: readonly string[]): Promise<RedisPeer> => startKvasir({ args }),
  redis: (args: readonly string[]): Promise<RedisPeer> => startRedis({ args }),
};

for (const kind of ['kvasir', 'redis'] as const) {
  describe(`${kind}`, { skip: kind === 'redis' && peerMissing('redis-server'), timeout: 600_000 }, () => {
    it('a script that may run on a stale replica may not look at the data', async (t) => {
      const replica = await start[kind](['--replica-serve-stale-data', 'no']);
      t.after(() => replica.stop());
      await replica.send('REPLICAOF', '127.0.0.1', String(await findFreePort()));
      const run = (code: string): Promise<string> =>
        replica.send('EVAL', `#!lua flags=allow-stale,no-writes\n${code}`, '0');
      assert.match(await replica.send('EVAL', 'return 7', '0'), /^MASTERDOWN/);
      assert.match(await replica.send('EVAL', "return redis.call('get', KEYS[1])", '1', 'key'), /^MASTERDOWN/);
      assert.equal(await run('return 7'), '7');
      assert.match(await run("return redis.call('get', 'key')"), /^ERR Can not execute the command on a stale replica/);
      assert.match(await run("return redis.call('info', 'server')"), /redis_version/);
    });

    it('a script that has written goes on when the replicas that it needs have gone', async (t) => {
      const master = await start[kind](['--repl-diskless-sync-delay', '0', '--lua-time-limit', '10']);
      t.after(() => master.stop());
      const replica = await startKvasir();
      t.after(() => replica.stop());
      await follow(replica, master);
      await master.send('CONFIG', 'SET', 'min-replicas-to-write', '1');
      await until(async () => (await master.send('SET', 'key', 'before')) === 'OK');
      const script =
        "redis.call('set', KEYS[1], 'first') repeat local text = redis.call('info', 'replication') " +
        "until string.match(text, 'connected_slaves:0') redis.call('set', KEYS[1], 'second') return 1";
      const result = master.send('EVAL', script, '1', 'key');
      await until(async () => (await master.send('PING')).startsWith('BUSY'));
      await replica.send('REPLICAOF', 'NO', 'ONE');
      assert.equal(await result, '1');
      assert.equal(await master.send('GET', 'key'), 'second');
      assert.match(await master.send('EVAL', script, '1', 'key'), /NOREPLICAS/);
    });

    // Redis 7.0 has the choice for some of them only.
    const skip = kind === 'redis' && 'the peer is older';
    it('keys that a command empties or makes too old go as DEL or UNLINK', { skip }, async (t) => {
      const server = await start[kind](['--appendonly', 'yes', '--appendfsync', 'always']);
      t.after(() => server.stop());
      for (const flag of ['no', 'yes']) {
        await server.send('CONFIG', 'SET', 'lazyfree-lazy-server-del', flag, 'lazyfree-lazy-expire', 'no');
        await server.send('SADD', 'emptied', 'a', 'b');
        await server.send('SPOP', 'emptied', '2');
        await server.send('CONFIG', 'SET', 'lazyfree-lazy-server-del', 'no', 'lazyfree-lazy-expire', flag);
        for (const command of [
          ['EXPIRE', 'old1', '-1'],
          ['GETEX', 'old2', 'PXAT', '1'],
        ]) {
          await server.send('SET', command[1]!, 'value');
          await server.send(...command);
        }
      }
      const text = readFileSync(join(server.folder, 'appendonlydir', 'appendonly.aof.1.incr.aof'), 'latin1');
      const deletions = [...text.matchAll(/\*2\r\n\$\d+\r\n(del|unlink)\r\n\$\d+\r\n(\w+)\r\n/gi)];
      assert.deepEqual(
        deletions.map(([, name, key]) => `${name!.toUpperCase()} ${key}`),
        ['DEL emptied', 'DEL old1', 'DEL old2', 'UNLINK emptied', 'UNLINK old1', 'UNLINK old2'],
      );
    });
  });
}
