// Commands that change whole databases, scripts or settings while a full sync is under way: master and replica agree at its end.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { assertSame, field, follow, linked, until } from './mixed.js';

type Kind = 'kvasir' | 'redis';

function start(kind: Kind, ...more: readonly string[]): Promise<RedisPeer> {
  const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0', '--save', '', ...more];
  return kind === 'kvasir' ? startKvasir({ args }) : startRedis({ args });
}

const fill = `
for database = 0, 1 do
  redis.call('select', database)
  for index = 1, 75 do redis.call('set', 'key:' .. database .. ':' .. index, string.rep('x', 1000)) end
end
return 'filled'`;

/** Commands in the middle of a sync; the writes after each are seen on the replica too. */
const changes = {
  'SWAPDB and FLUSHDB': `
redis.call('swapdb', 0, 1) redis.call('set', 'swapped', 1)
redis.call('select', 1) redis.call('flushdb') redis.call('set', 'flushed', 1)
redis.call('swapdb', 1, 2) redis.call('set', 'again', 1)
return 'changed'`,
  FLUSHALL: `
redis.call('set', 'before', 1) redis.call('flushall')
redis.call('select', 3) redis.call('set', 'flushed', 1) redis.call('rpush', 'list', 1, 2, 3)
return 'changed'`,
};

async function isSending(master: RedisPeer): Promise<boolean> {
  const state = await field(master, 'replication', 'slave0');
  return (
    /state=(wait_bgsave|send_bulk)/.test(state) &&
    (await field(master, 'persistence', 'rdb_bgsave_in_progress')) === '1'
  );
}

async function syncWhile(master: RedisPeer, replica: RedisPeer, script: string): Promise<void> {
  assert.equal(await master.send('EVAL', fill, '0'), 'filled');
  await master.send(
    'FUNCTION',
    'LOAD',
    'REPLACE',
    "#!lua name=lib\nredis.register_function('f', function() return 1 end)",
  );
  await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
  await until(
    async () => (await isSending(master)) || (await field(replica, 'replication', 'master_link_status')) === 'up',
  );
  assert.equal(await master.send('EVAL', script, '0'), 'changed');
  assert.equal(await master.send('SCRIPT', 'FLUSH'), 'OK');
  assert.equal(await master.send('FUNCTION', 'FLUSH'), 'OK');
  for (const server of [master, replica])
    assert.equal(await server.send('CONFIG', 'SET', 'hash-max-listpack-entries', '7'), 'OK');
  await master.send('HSET', 'hash', ...Array.from({ length: 20 }, (_, index) => String(index)));
  await linked(replica);
  await assertSame(master, replica);
  assert.equal(await replica.send('FUNCTION', 'LIST'), '');
  assert.equal(await replica.send('DBSIZE'), await master.send('DBSIZE'));
  await replica.send('REPLICAOF', 'NO', 'ONE');
}

const pairs: readonly (readonly [Kind, Kind])[] = [
  ['kvasir', 'kvasir'],
  ['kvasir', 'redis'],
  ['redis', 'kvasir'],
];

describe('a full sync during which everything changes', { skip: peerMissing('redis-server'), timeout: 600_000 }, () => {
  for (const [masterKind, replicaKind] of pairs) {
    for (const diskless of ['yes', 'no']) {
      it(`${masterKind} as master of ${replicaKind}, repl-diskless-sync ${diskless}`, async (t) => {
        const master = await start(masterKind, '--repl-diskless-sync', diskless, '--rdb-key-save-delay', '4000');
        t.after(() => master.stop());
        const replica = await start(replicaKind, '--repl-diskless-load', diskless === 'yes' ? 'swapdb' : 'disabled');
        t.after(() => replica.stop());
        for (const script of Object.values(changes)) await syncWhile(master, replica, script);
      });
    }
  }

  it('a writable replica is changed by its clients while the data comes', async (t) => {
    const master = await start('kvasir', '--rdb-key-save-delay', '4000');
    t.after(() => master.stop());
    const replica = await start('kvasir', '--repl-diskless-load', 'swapdb', '--replica-read-only', 'no');
    t.after(() => replica.stop());
    await master.send('EVAL', fill, '0');
    await follow(replica, master);
    // The same history, which has left the backlog: the old data is served meanwhile.
    await replica.send('CLIENT', 'KILL', 'TYPE', 'master');
    await replica.send('DEBUG', 'SLEEP', '0');
    await master.send('CONFIG', 'SET', 'repl-backlog-size', '16kb');
    await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
    await master.send(
      'EVAL',
      "for i = 1, 100 do redis.call('set', 'more:' .. i, string.rep('y', 5000)) end return 1",
      '0',
    );
    const answers = new Set<string>();
    await until(async () => {
      for (const words of [['SWAPDB', '0', '1'], ['SET', 'own', '1'], ['FLUSHALL'], ['SCRIPT', 'FLUSH']])
        answers.add((await replica.send(...words)).split(' ')[0]!);
      return (await field(replica, 'replication', 'master_link_status')) === 'up';
    });
    for (const answer of answers) assert.match(answer, /^(OK|LOADING|ERR)$/);
    assert.equal(await replica.send('DEBUG', 'VERIFY'), 'OK');
    // Its clients' changes are gone after a sync that nobody disturbs.
    await replica.send('REPLICAOF', 'NO', 'ONE');
    await follow(replica, master);
    await assertSame(master, replica);
  });
});
