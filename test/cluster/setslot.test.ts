// CLUSTER SETSLOT on a replica: redis-cli and our manager know the reply by heart, because a source that gave away its last
// slot may have become a replica before they tell it of the new owner, and that is no failure.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { findClusterPort, untilTrue } from '../cluster-peers.js';
import { startKvasir } from '../kvasir.js';

it('a replica refuses SETSLOT in the words that managers look for', async () => {
  const args = ['--cluster-enabled', 'yes'];
  const master = await startKvasir({ port: await findClusterPort(), args });
  const replica = await startKvasir({ port: await findClusterPort(), args });
  try {
    const id = await master.send('CLUSTER', 'MYID');
    await replica.send('CLUSTER', 'MEET', '127.0.0.1', String(master.port));
    await untilTrue(async () => (await replica.send('CLUSTER', 'REPLICATE', id)) === 'OK', 'the replica');
    for (const action of [['NODE', id], ['MIGRATING', id], ['STABLE']])
      assert.equal(
        (await replica.send('CLUSTER', 'SETSLOT', '1', ...action)).trim(),
        'ERR Please use SETSLOT only with masters.',
      );
  } finally {
    await replica.stop();
    await master.stop();
  }
});
