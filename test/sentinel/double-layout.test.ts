// Two masters with a replica each, watched by one of ours and a redis-sentinel: the layout in which each host has the master of one pair
// and the replica of the other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerMissing } from '../peer.js';
import { ask, Fleet, fieldsOf, plain, type SentinelProcess, until } from './fleet.js';

async function isReady(sentinel: SentinelProcess, name: string): Promise<boolean> {
  const fields = fieldsOf(await sentinel.ask('SENTINEL', 'MASTER', name));
  if (fields.get('num-slaves') !== '1' || fields.get('num-other-sentinels') !== '1') return false;
  const replicas = JSON.stringify(await sentinel.ask('SENTINEL', 'REPLICAS', name));
  return fields.get('flags') === 'master' && replicas.includes('"master-link-status","ok"');
}

test(
  'the master of one pair fails, and the other pair is left alone',
  {
    skip: peerMissing('redis-server', 'redis-sentinel'),
  },
  async () => {
    const pairs = await Promise.all([
      Fleet.make({ servers: ['redis', 'redis'], sentinels: [] }),
      Fleet.make({ servers: ['redis', 'redis'], sentinels: [] }),
    ]);
    const [first] = pairs;
    const [one, other] = pairs.map(({ servers }) => servers[0]!.port) as [number, number];
    try {
      for (const kind of ['kvasir', 'redis'] as const)
        await first.addSentinel(
          kind,
          [
            ['pair1', one],
            ['pair2', other],
          ].flatMap(([name, port]) => [
            `sentinel monitor ${name} 127.0.0.1 ${port} 1`,
            `sentinel down-after-milliseconds ${name} 1500`,
            `sentinel failover-timeout ${name} 10000`,
          ]),
        );
      for (const sentinel of first.sentinels)
        for (const name of ['pair1', 'pair2'])
          await until(`${sentinel.kind} knows ${name}`, () => isReady(sentinel, name));
      const [ours] = first.sentinels;
      const peers = (await ours!.ask('SENTINEL', 'SENTINELS', 'pair1')) as unknown[];
      assert.equal(fieldsOf(peers[0]).get('link-refcount'), '2', 'one link serves both');
      process.kill(first.servers[0]!.pid, 'SIGKILL');
      for (const sentinel of first.sentinels)
        await until(`${sentinel.kind} names the replica`, async () => (await sentinel.masterPort('pair1')) !== one);
      for (const sentinel of first.sentinels) {
        assert.equal(await sentinel.masterPort('pair2'), other);
        const fields = fieldsOf(await sentinel.ask('SENTINEL', 'MASTER', 'pair2'));
        assert.equal(fields.get('config-epoch'), '0');
      }
      assert.equal((plain(await ask(other, 'ROLE')) as unknown[])[0], 'master');
    } finally {
      await Promise.all(pairs.map((pair) => pair.stop()));
    }
  },
);
