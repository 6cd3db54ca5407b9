// A replica whose data is being replaced: clients are not sent to it, and it still tells them where the others are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untilTrue } from '../cluster-peers.js';
import { MixedCluster, type MixedNode } from './mixed-cluster.js';

test('a replica that loads is hidden in CLUSTER SLOTS and loading in CLUSTER SHARDS', async (t) => {
  const args = ['--cluster-node-timeout', '60000', '--enable-debug-command', 'yes'];
  const cluster = await MixedCluster.start(['kvasir', 'kvasir'], args);
  t.after(() => cluster.stop());
  await cluster.join();
  const [master, replica] = cluster.nodes as [MixedNode, MixedNode];
  await master.ok('DEBUG', 'POPULATE', '5000');
  await master.ok('SET', 'key', 'value');
  await untilTrue(
    async () => (await master.send('CLUSTER', 'SLOTS')).includes(replica.id),
    'the replica in CLUSTER SLOTS',
  );

  // A load of minutes, which ends when the delay does.
  await replica.ok('CONFIG', 'SET', 'key-load-delay', '20000');
  await master.ok('DEBUG', 'CHANGE-REPL-ID');
  await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
  await untilTrue(async () => /\bloading:1\b/.test(await replica.send('INFO', 'persistence')), 'the load');
  for (const node of [master, replica]) {
    await untilTrue(
      async () => !(await node.send('CLUSTER', 'SLOTS')).includes(replica.id),
      'slots without the replica',
    );
    const shards = await node.send('CLUSTER', 'SHARDS');
    assert.deepEqual(shards.match(/(?<=health\n)\w+/g), ['online', 'loading'], shards);
  }

  await replica.ok('CONFIG', 'SET', 'key-load-delay', '0');
  await cluster.settle();
  for (const node of [master, replica])
    await untilTrue(async () => {
      const isListed = (await node.send('CLUSTER', 'SLOTS')).includes(replica.id);
      return isListed && !(await node.send('CLUSTER', 'SHARDS')).includes('loading');
    }, 'the replica in CLUSTER SLOTS');
});
