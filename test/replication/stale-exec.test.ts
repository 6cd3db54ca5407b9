// EXEC on a replica that became stale after its commands were queued.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { findFreePort } from '../peer.js';
import { startKvasir } from '../kvasir.js';

test('EXEC is refused when the server became a stale replica after MULTI', async (t) => {
  const kvasir = await startKvasir({ args: ['--replica-serve-stale-data', 'no'] });
  t.after(() => kvasir.stop());
  const client = await Connection.open(kvasir);
  t.after(() => client.close());
  const deadPort = String(await findFreePort());
  for (const [queued, isRefused] of [
    [['GET', 'x'], true],
    [['PING'], true],
    [['INFO', 'server'], false],
  ] as const) {
    await client.call('MULTI');
    await client.call(...queued);
    assert.equal(await kvasir.send('REPLICAOF', '127.0.0.1', deadPort), 'OK');
    const reply = await client.call('EXEC');
    const answer = reply.kind === 'error' ? Buffer.from(reply.bytes).toString('latin1') : '';
    assert.equal(/EXECABORT Transaction discarded because of: MASTERDOWN/.test(answer), isRefused, answer);
    assert.equal(await kvasir.send('REPLICAOF', 'NO', 'ONE'), 'OK');
  }
});
