// DEBUG RELOAD and DEBUG LOADAOF load in slices: no other client gets in between.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startKvasir } from '../kvasir.js';
import { until } from '../replication/mixed.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';

const KEYS = 400;
const LOADING = /^LOADING Redis is loading the dataset in memory/;

const connect = (server: RedisPeer): Redis => new Redis(server.port, { retryStrategy: () => null });
const failureOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function fill(client: Redis): Promise<void> {
  for (let key = 0; key < KEYS; key++) await client.set(`key:${key}`, 'value');
  await client.set('counter', '5');
}

/** Whether a load is under way, as a command shows that is refused then. */
const isRefused = async (client: Redis): Promise<boolean> =>
  LOADING.test(await client.call('DBSIZE').then(() => '', failureOf));

describe('a load in the midst of a server', { timeout: 600_000 }, () => {
  for (const command of ['RELOAD', 'LOADAOF'])
    it(`refuses other clients' commands while DEBUG ${command} lasts`, async () => {
      const server = await startKvasir({ args: ['--enable-debug-command', 'yes', '--appendonly', 'yes'] });
      const [own, other] = [connect(server), connect(server)];
      try {
        await fill(own);
        await until(async () => (await own.info('persistence')).includes('aof_rewrite_in_progress:0'));
        // A load of minutes, which ends when the delay does.
        await own.config('SET', 'key-load-delay', '500000');
        const reloaded = own.call('DEBUG', command);
        await until(() => isRefused(other));
        for (const words of [['INCR', 'counter'], ['GET', 'key:1'], ['DEL', 'key:1'], ['FLUSHALL'], ['BGSAVE']])
          assert.match(await other.call(words[0]!, ...words.slice(1)).then(String, failureOf), LOADING, words[0]);
        assert.match(await other.info('persistence'), /^loading:1\r$/m);
        await other.config('SET', 'key-load-delay', '0');
        assert.equal(await reloaded, 'OK');
        assert.equal(await other.incr('counter'), 6);
        assert.equal(await other.dbsize(), KEYS + 1);
        assert.match(await other.info('persistence'), /^loading:0\r$/m);
        assert.equal(await other.call('DEBUG', 'VERIFY'), 'OK');
      } finally {
        own.disconnect();
        other.disconnect();
        await server.stop();
      }
    });

  it('lets a second DEBUG RELOAD wait for the first, which has half of the data', async () => {
    const server = await startKvasir({ args: ['--enable-debug-command', 'yes'] });
    const clients = [connect(server), connect(server), connect(server)];
    const [first, second, third] = clients as [Redis, Redis, Redis];
    try {
      await fill(first);
      await first.config('SET', 'key-load-delay', '500000');
      const reloads = [first.call('DEBUG', 'RELOAD')];
      await until(() => isRefused(third));
      reloads.push(second.call('DEBUG', 'RELOAD'));
      // The second has arrived when a command after it is served.
      await third.info('persistence');
      await third.config('SET', 'key-load-delay', '0');
      assert.deepEqual(await Promise.all(reloads), ['OK', 'OK']);
      assert.equal(await third.dbsize(), KEYS + 1);
    } finally {
      for (const client of clients) client.disconnect();
      await server.stop();
    }
  });

  async function breaksWatches(server: RedisPeer): Promise<void> {
    const [own, other] = [connect(server), connect(server)];
    try {
      await own.set('watched', 'value');
      await other.watch('watched');
      assert.equal(await own.call('DEBUG', 'RELOAD'), 'OK');
      assert.equal(await other.multi().ping().exec(), null);
    } finally {
      own.disconnect();
      other.disconnect();
      await server.stop();
    }
  }

  it('breaks the transactions of clients that watch a key', async () => {
    await breaksWatches(await startKvasir({ args: ['--enable-debug-command', 'yes'] }));
  });

  it('does so in redis-server', { skip: peerMissing('redis-server') }, async () => {
    await breaksWatches(await startRedis({ args: ['--enable-debug-command', 'yes'] }));
  });
});
