// A master that ends in order lets a replica take its place, a redis-server or a Kvasir, before anybody notices.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keySlot } from '../../src/base/key-slot.js';
import { untilTrue } from '../cluster-peers.js';
import { peerMissing } from '../peer.js';
import { MixedCluster } from './mixed-cluster.js';

test('SHUTDOWN FAILOVER and SIGTERM hand a master over', { skip: peerMissing('redis-server') }, async (t) => {
  // The timeout is so long that no failover can come about by itself.
  const args = ['--cluster-node-timeout', '60000', '--save', ''];
  const cluster = await MixedCluster.start(['kvasir', 'kvasir', 'redis', 'redis', 'kvasir', 'kvasir'], args);
  t.after(() => cluster.stop());
  await cluster.join();
  for (const [index, replicaIndex] of [
    [0, 3],
    [1, 4],
  ] as const) {
    const master = cluster.nodes[index]!;
    const replica = cluster.nodes[replicaIndex]!;
    let last = 0;
    let key = '';
    for (let number = 0; key === ''; number++)
      if (Math.floor((keySlot(Buffer.from(`k${number}`)) * 3) / 16384) === index) key = `k${number}`;
    for (let count = 0; count < 10; count++) last = Number(await master.send('INCR', key));
    if (index === 0) void master.send('SHUTDOWN', 'NOSAVE', 'FAILOVER').catch(() => undefined);
    else {
      await master.ok('CONFIG', 'SET', 'shutdown-on-sigterm', 'nosave failover');
      process.kill(master.peer!.pid, 'SIGTERM');
    }
    await untilTrue(async () => (await replica.send('ROLE')).startsWith('master'), `${replica.name} as the master`);
    assert.equal(await replica.send('GET', key), String(last));
    await master.remove();
  }
});
