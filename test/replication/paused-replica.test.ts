// CLIENT PAUSE on a replica: the stream arrives and is not applied before the pause ends.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';
import { assertSame, field, follow, until } from './mixed.js';

describe('a replica that is paused', () => {
  for (const kind of ['kvasir', 'redis'] as const) {
    const skip = kind === 'redis' && peerMissing('redis-server');
    it(`${kind}: receives the stream and keeps the data as it was`, { skip, timeout: 600_000 }, async (t) => {
      const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'];
      const master = await startKvasir({ args: [...args, '--repl-ping-replica-period', '3600'] });
      t.after(() => master.stop());
      const replica = await (kind === 'kvasir' ? startKvasir({ args }) : startRedis({ args }));
      t.after(() => replica.stop());
      await follow(replica, master);
      await master.send('SET', 'key', 'before');
      await assertSame(master, replica);
      const before = await field(replica, 'replication', 'slave_repl_offset');
      await replica.send('CLIENT', 'PAUSE', '200000', 'WRITE');
      await master.send('SET', 'key', 'after');
      const sent = await field(master, 'replication', 'master_repl_offset');
      await until(async () => (await field(replica, 'replication', 'slave_read_repl_offset')) === sent);
      assert.equal(await field(replica, 'replication', 'slave_repl_offset'), before);
      assert.equal(await replica.send('GET', 'key'), 'before');
      await replica.send('CLIENT', 'UNPAUSE');
      await assertSame(master, replica);
      assert.equal(await replica.send('GET', 'key'), 'after');
    });
  }
});
