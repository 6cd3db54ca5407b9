// Each full sync says why it had to be and which setting would have avoided it; the rate of the data can be limited.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';
import { assertSame, field, linked, until } from './mixed.js';

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'];

describe('full syncs', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('the log names the bytes that are missing and the setting', async () => {
    const master = await startKvasir({ args: [...args, '--repl-backlog-size', '16384'] });
    const replica = await startRedis({ args: [...args, '--replicaof', '127.0.0.1', String(master.port)] });
    try {
      await linked(replica);
      // It stands still, so it comes back only when the backlog has moved on. (By REPLICAOF NO ONE it would take another id.)
      process.kill(replica.pid, 'SIGSTOP');
      await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
      await master.send('SET', 'key', 'x'.repeat(40_000));
      process.kill(replica.pid, 'SIGCONT');
      await until(async () => (await field(master, 'stats', 'sync_full')) === '2');
      await linked(replica);
      assert.match(
        master.log(),
        /Full resynchronization of replica 127\.0\.0\.1:\d+: its offset \d+ has left the backlog, which begins at \d+: \d+ bytes are missing \(repl-backlog-size of at least \d+ bytes, or repl-backlog-disk-size, would have kept them\)/,
      );
      await master.send('DEBUG', 'CHANGE-REPL-ID');
      await master.send('CLIENT', 'KILL', 'TYPE', 'replica');
      await until(async () => (await field(master, 'stats', 'sync_full')) === '3');
      assert.match(
        master.log(),
        /its replication id is [0-9a-f]{40}, ours is [0-9a-f]{40}: it followed another master/,
      );
    } finally {
      await Promise.all([master.stop(), replica.stop()]);
    }
  });

  it('a replica that does not take the stream is cut off, told why, and waits longer each time', async () => {
    const master = await startKvasir({
      args: [...args, '--repl-backlog-size', '16384', '--client-output-buffer-limit', 'replica 100000 0 0'],
    });
    const replica = await startRedis({ args: [...args, '--replicaof', '127.0.0.1', String(master.port)] });
    try {
      await linked(replica);
      for (let round = 1; round <= 3; round++) {
        // A process that stands still reads nothing, so the stream waits for it.
        process.kill(replica.pid, 'SIGSTOP');
        const disconnections = Number(await field(master, 'stats', 'client_output_buffer_limit_disconnections'));
        await until(async () => {
          await master.send('SETRANGE', 'big', '3000000', String(round));
          await master.send('EVAL', "redis.call('set', KEYS[1], string.rep('x', 4000000))", '1', 'large');
          return Number(await field(master, 'stats', 'client_output_buffer_limit_disconnections')) > disconnections;
        });
        process.kill(replica.pid, 'SIGCONT');
        await until(async () => (await field(master, 'stats', 'sync_full')) === String(round + 1));
        await linked(replica);
        await assertSame(master, replica);
      }
      const log = master.log();
      assert.match(
        log,
        /it was cut off with \d+ bytes of the stream waiting for it \(a larger client-output-buffer-limit replica/,
      );
      assert.match(log, /Full resynchronization .*; \d+ seconds ago it was cut off with/);
      assert.match(log, /its syncs fail again and again, so it waits for [\d.]+ seconds/);
    } finally {
      process.kill(replica.pid, 'SIGCONT');
      await Promise.all([master.stop(), replica.stop()]);
    }
  });

  for (const diskless of ['yes', 'no']) {
    it(`repl-sync-rate-limit holds with repl-diskless-sync ${diskless}, and the master goes on serving`, async () => {
      const master = await startKvasir({
        args: [...args, '--repl-diskless-sync', diskless, '--repl-sync-rate-limit', '1mb', '--rdbcompression', 'no'],
      });
      const replica = await startRedis({ args });
      try {
        await master.send('EVAL', "for i = 1, 300 do redis.call('set', 'key' .. i, string.rep('x', 10000)) end", '0');
        const startMs = performance.now();
        await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
        await until(async () => {
          await master.send('INCR', 'counter');
          return (await field(replica, 'replication', 'master_link_status')) === 'up';
        });
        // 3 MB at 1 MB a second, less what may be under way at once.
        assert.ok(performance.now() - startMs > 1500);
        await assertSame(master, replica);
      } finally {
        await Promise.all([master.stop(), replica.stop()]);
      }
    });
  }
});
