// SENTINEL FAILOVER COORDINATED over servers of both kinds: the master hands over and no write is lost; replicas that may not
// take over, and RESET, beside redis-sentinel.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { peerMissing } from '../peer.js';
import { ask, Fleet, plain, until } from './fleet.js';

async function role(port: number): Promise<unknown[]> {
  return plain(await ask(port, 'ROLE')) as unknown[];
}

/** With KVASIR_LONG=1 the redis-server hands back to ours. */
const isLong = process.env.KVASIR_LONG === '1';

test(
  'the master hands over without losing a write',
  { skip: peerMissing('redis-server', 'redis-sentinel') },
  async () => {
    const fleet = await Fleet.make({ servers: ['kvasir', 'redis'], sentinels: ['kvasir', 'redis'] });
    const [first, second] = fleet.servers.map(({ port }) => port) as [number, number];
    try {
      await fleet.ready();
      for (const [from, to] of [
        [first, second],
        [second, first],
      ] as const) {
        // Writes that were answered with OK must all be there afterwards.
        const writer = await Connection.open({ host: '127.0.0.1', port: from, timeoutMs: 10_000 });
        let written = 0;
        let isOver = false;
        const writes = (async () => {
          while (!isOver) {
            const reply = await writer.call('INCR', `from:${from}`).catch(() => undefined);
            if (reply?.kind !== 'integer') return;
            written = Number(reply.value);
          }
        })();
        await until('writes flow', () => Promise.resolve(written > 100));
        assert.equal(await fleet.sentinels[0]!.ask('SENTINEL', 'FAILOVER', 'mymaster', 'COORDINATED'), 'OK');
        assert.equal(await fleet.agreedOther(from), to);
        await until('the other is the master', async () => (await role(to))[0] === 'master');
        isOver = true;
        await until('the old master follows', async () => {
          const [kind, , port, link] = await role(from);
          return kind === 'slave' && port === to && link === 'connected';
        });
        writer.close();
        await writes;
        assert.ok(Number(plain(await ask(to, 'GET', `from:${from}`))) >= written, 'no write that was answered is lost');
        if (!isLong) break;
        await fleet.ready();
      }
      const events = JSON.stringify(await fleet.sentinels[0]!.ask('SENTINEL', 'EVENTS', '1000'));
      assert.match(events, /\+failover-state-send-failover/);
    } finally {
      await fleet.stop();
    }
  },
);

test('with replica-priority 0 there is nothing to promote, by whatever command', async () => {
  const fleet = await Fleet.make({ servers: ['kvasir', 'kvasir'], sentinels: [] });
  try {
    const [master, replica] = fleet.servers.map(({ port }) => port) as [number, number];
    await ask(replica, 'CONFIG', 'SET', 'replica-priority', '0');
    const sentinel = await fleet.addSentinel('kvasir', [`sentinel monitor mymaster 127.0.0.1 ${master} 1`]);
    await until('the sentinel has seen it', async () =>
      JSON.stringify(await sentinel.ask('SENTINEL', 'REPLICAS', 'mymaster')).includes('"slave-priority","0"'),
    );
    for (const more of [[], ['COORDINATED']])
      assert.equal(
        await sentinel.ask('SENTINEL', 'FAILOVER', 'mymaster', ...more),
        '-NOGOODSLAVE No suitable replica to promote',
      );
    assert.equal((await role(master))[0], 'master');
  } finally {
    await fleet.stop();
  }
});
