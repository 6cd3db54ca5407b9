// Replication between our server and redis-server in both directions: everything arrives, links that are cut go on where they
// were, and either can be promoted.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { assertSame, field, follow, linked, until } from './mixed.js';

type Kind = 'kvasir' | 'redis';
const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--save', ''];

function start(kind: Kind, more: readonly string[] = [], folder?: string): Promise<RedisPeer> {
  const options = { args: [...args, ...more], ...(folder === undefined ? {} : { folder }) };
  return kind === 'kvasir' ? startKvasir(options) : startRedis(options);
}

/** Writes of every type, with what is replicated otherwise than it was called. */
async function fill(server: RedisPeer, prefix: string): Promise<void> {
  const lines = `SET ${prefix}:string value
APPEND ${prefix}:string more
SET ${prefix}:number 41
INCRBYFLOAT ${prefix}:number 0.5
SETEX ${prefix}:later 10000 value
SET ${prefix}:soon value PX 1
HSET ${prefix}:hash a 1 b 2 c 3
HINCRBYFLOAT ${prefix}:hash a 1.25
RPUSH ${prefix}:list a b c d e f
LMOVE ${prefix}:list ${prefix}:other LEFT RIGHT
SADD ${prefix}:set a b c d e f g
SPOP ${prefix}:set 3
SADD ${prefix}:ints 1 2 3
ZADD ${prefix}:zset 1 a 2.5 b -inf c
ZPOPMIN ${prefix}:zset
XADD ${prefix}:stream 1-1 f v
XADD ${prefix}:stream * f v
XGROUP CREATE ${prefix}:stream group 0
XREADGROUP GROUP group consumer COUNT 1 STREAMS ${prefix}:stream >
PFADD ${prefix}:hll a b c
SETBIT ${prefix}:bits 100 1
GEOADD ${prefix}:geo 13.361389 38.115556 place
EVAL "redis.call('set', KEYS[1], ARGV[1]); return redis.call('incr', KEYS[1])" 1 ${prefix}:script 7
EXPIRE ${prefix}:list 5000
COPY ${prefix}:hash ${prefix}:copy
RENAME ${prefix}:copy ${prefix}:renamed
SELECT 3
SET ${prefix}:elsewhere value
MOVE ${prefix}:elsewhere 4
SELECT 0
MULTI
SET ${prefix}:first 1
INCR ${prefix}:first
EXEC`;
  for (const line of lines.split('\n')) if (!/^(SELECT|MULTI|EXEC|MOVE)/.test(line)) await server.send(...words(line));
  await server.send(
    'EVAL',
    "redis.call('select', 3) redis.call('set', KEYS[1], 'value') return 1",
    '1',
    `${prefix}:elsewhere`,
  );
  // The digest has a key that has expired until somebody looks for it.
  await until(async () => (await server.send('EXISTS', `${prefix}:soon`)) === '0');
}

function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

const pairs: readonly (readonly [Kind, Kind])[] = [
  ['kvasir', 'kvasir'],
  ['kvasir', 'redis'],
  ['redis', 'kvasir'],
];

describe('replication with redis-server', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  for (const [masterKind, replicaKind] of pairs) {
    it(`${masterKind} as master of ${replicaKind}: full sync, stream, cut, promotion`, async () => {
      const master = await start(masterKind);
      const replica = await start(replicaKind);
      try {
        await fill(master, 'before');
        await follow(replica, master);
        await fill(master, 'after');
        await assertSame(master, replica);
        assert.match(await replica.send('SET', 'key', 'value'), /^READONLY/);
        assert.match(await field(master, 'replication', 'slave0'), new RegExp(`port=${replica.port},state=online`));
        assert.equal(await master.send('WAIT', '1', '0'), '1');

        // The link is cut: the replica goes on where it was.
        await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
        await fill(master, 'cut');
        await until(async () => Number(await field(master, 'stats', 'sync_partial_ok')) > 0);
        await assertSame(master, replica);
        assert.equal(await field(master, 'stats', 'sync_full'), '1');

        // The parts are exchanged: neither needs the data again.
        await replica.send('REPLICAOF', 'NO', 'ONE');
        await replica.send('SET', 'new', 'master');
        await follow(master, replica);
        assert.equal(await field(replica, 'stats', 'sync_full'), '0');
        assert.equal(await field(replica, 'stats', 'sync_partial_ok'), '1');
        await fill(replica, 'promoted');
        await assertSame(replica, master);
      } finally {
        await Promise.all([master.stop(), replica.stop()]);
      }
    });
  }

  const chains: readonly (readonly [Kind, Kind, Kind])[] = [
    ['kvasir', 'kvasir', 'redis'],
    ['redis', 'kvasir', 'kvasir'],
    ['kvasir', 'redis', 'kvasir'],
    ['redis', 'kvasir', 'redis'],
  ];
  for (const kinds of chains) {
    it(`a chain of ${kinds.join(' > ')}`, async () => {
      const servers = await Promise.all(kinds.map((kind) => start(kind)));
      const [first, second, third] = servers as [RedisPeer, RedisPeer, RedisPeer];
      try {
        await follow(second, first);
        await follow(third, second);
        await fill(first, 'chain');
        await assertSame(first, second, third);
        // The first is gone: the second takes its place, and the third stays with it.
        await second.send('REPLICAOF', 'NO', 'ONE');
        await fill(second, 'promoted');
        await linked(third);
        await assertSame(second, third);
        assert.equal(await field(second, 'stats', 'sync_full'), '1', 'the third needed no second full sync');
      } finally {
        await Promise.all(servers.map((server) => server.stop()));
      }
    });
  }

  for (const [masterKind, replicaKind] of pairs) {
    it(`${replicaKind} restarted with its RDB goes on with ${masterKind}`, async () => {
      const master = await start(masterKind);
      let replica = await start(replicaKind, ['--save', '900', '1']);
      try {
        await follow(replica, master);
        await fill(master, 'before');
        await assertSame(master, replica);
        const { folder } = replica;
        await replica.send('SAVE');
        await replica.stop({ keepFolder: true });
        await fill(master, 'meanwhile');
        replica = await start(
          replicaKind,
          ['--save', '900', '1', '--replicaof', '127.0.0.1', String(master.port)],
          folder,
        );
        await linked(replica);
        await assertSame(master, replica);
        assert.equal(await field(master, 'stats', 'sync_full'), '1');
        assert.equal(await field(master, 'stats', 'sync_partial_ok'), '1');
      } finally {
        await Promise.all([master.stop(), replica.stop()]);
      }
    });
  }

  it('a replica that knows no end mark gets a file, and an old one is served by SYNC', async () => {
    const master = await start('kvasir', ['--repl-diskless-sync', 'no']);
    const replica = await start('redis');
    try {
      await fill(master, 'before');
      await follow(replica, master);
      await fill(master, 'after');
      await assertSame(master, replica);
    } finally {
      await Promise.all([master.stop(), replica.stop()]);
    }
  });

  it('expired keys are hidden on a replica, and go when the master says so', async () => {
    const master = await start('kvasir');
    const replica = await start('kvasir');
    try {
      await follow(replica, master);
      await master.send('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
      await master.send('SET', 'key', 'value', 'PX', '1');
      await master.send('WAIT', '1', '0');
      await sleep(20);
      assert.equal(await replica.send('GET', 'key'), '');
      assert.equal(await replica.send('DBSIZE'), '1');
      assert.equal(await master.send('GET', 'key'), '');
      await master.send('WAIT', '1', '0');
      await until(async () => (await replica.send('DBSIZE')) === '0');
    } finally {
      await Promise.all([master.stop(), replica.stop()]);
    }
  });

  it('a replica without its master serves old data, or refuses', async () => {
    const master = await start('kvasir');
    const replica = await start('kvasir');
    try {
      await master.send('SET', 'key', 'value');
      await follow(replica, master);
      await master.stop();
      await until(async () => (await field(replica, 'replication', 'master_link_status')) === 'down');
      assert.equal(await replica.send('GET', 'key'), 'value');
      await replica.send('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
      assert.match(await replica.send('GET', 'key'), /^MASTERDOWN/);
      assert.match(await replica.send('INFO', 'replication'), /role:slave/);
      await replica.send('REPLICAOF', 'NO', 'ONE');
      assert.equal(await replica.send('GET', 'key'), 'value');
    } finally {
      await replica.stop();
    }
  });

  it('min-replicas-to-write refuses writes without replicas', async () => {
    const master = await start('kvasir', ['--min-replicas-to-write', '1']);
    const replica = await start('kvasir');
    try {
      assert.match(await master.send('SET', 'key', 'value'), /^NOREPLICAS/);
      await follow(replica, master);
      await until(async () => (await master.send('SET', 'key', 'value')) === 'OK');
    } finally {
      await Promise.all([master.stop(), replica.stop()]);
    }
  });
});
