// The backlog on disk: replicas of both kinds that were away for longer than the memory remembers go on where they were, also when
// the master was restarted meanwhile, in order or by kill -9; files that cannot be trusted are dropped.

import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { assertSame, field, linked, until } from './mixed.js';

type Kind = 'kvasir' | 'redis';
const common = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'];
const diskArgs = ['--repl-backlog-size', '16384', '--repl-backlog-disk-size', '64mb'];

/** About 500 KB of writes: far more than the memory keeps. */
async function write(server: RedisPeer, prefix: string): Promise<void> {
  const script =
    "for i = 1, tonumber(ARGV[1]) do redis.call('set', KEYS[1] .. i, string.rep('x', 200)) end return redis.call('incr', 'counter')";
  for (let round = 0; round < 5; round++) await server.send('EVAL', script, '1', `${prefix}:${round}:`, '400');
}

function startMaster(more: readonly string[], at: { port?: number; folder?: string } = {}): Promise<KvasirProcess> {
  return startKvasir({ args: [...common, ...diskArgs, ...more], ...at });
}

function startReplica(kind: Kind, more: readonly string[], folder?: string): Promise<RedisPeer> {
  const options = { args: [...common, '--save', '900 1', ...more], ...(folder === undefined ? {} : { folder }) };
  return kind === 'kvasir' ? startKvasir(options) : startRedis(options);
}

function segments(folder: string): string[] {
  return readdirSync(join(folder, 'appendonlydir'))
    .filter((name) => name.includes('.backlog.'))
    .map((name) => join(folder, 'appendonlydir', name));
}

describe('backlog on disk', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  for (const kind of ['kvasir', 'redis'] as const) {
    it(`a ${kind} that was away goes on from the disk`, async () => {
      const master = await startMaster(['--save', '']);
      let replica = await startReplica(kind, ['--replicaof', '127.0.0.1', String(master.port)]);
      try {
        await linked(replica);
        await write(master, 'before');
        await assertSame(master, replica);
        const { folder } = replica;
        await replica.stop({ keepFolder: true });
        await write(master, 'meanwhile');
        assert.ok(Number(await field(master, 'replication', 'repl_backlog_histlen')) <= 16384 + 65536);
        replica = await startReplica(kind, ['--replicaof', '127.0.0.1', String(master.port)], folder);
        await linked(replica);
        await write(master, 'after');
        await assertSame(master, replica);
        assert.equal(await field(master, 'stats', 'sync_full'), '1');
        assert.equal(await field(master, 'stats', 'sync_partial_ok'), '1');
        assert.match(master.log(), /from the disk\./);
      } finally {
        await Promise.all([master.stop(), replica.stop()]);
      }
    });
  }

  const restarts: readonly (readonly [string, NodeJS.Signals, readonly string[]])[] = [
    ['an RDB file, in order', 'SIGTERM', ['--save', '900 1']],
    ['an AOF, in order', 'SIGTERM', ['--save', '', '--appendonly', 'yes']],
    ['an AOF, kill -9', 'SIGKILL', ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']],
  ];
  for (const [name, signal, args] of restarts) {
    it(`a redis-server that was away goes on after restarts of the master: ${name}`, async () => {
      let master = await startMaster(args);
      const { port, folder } = master;
      let replica = await startReplica('redis', ['--replicaof', '127.0.0.1', String(port)]);
      try {
        await linked(replica);
        await write(master, 'before');
        await assertSame(master, replica);
        const replicaFolder = replica.folder;
        await replica.stop({ keepFolder: true });
        // Twice: the id that the replica knows is not even the second one any more.
        for (let life = 0; life < 2; life++) {
          await write(master, `life${life}`);
          await master.stop({ keepFolder: true, signal });
          master = await startMaster(args, { port, folder });
        }
        await write(master, 'after');
        replica = await startReplica('redis', ['--replicaof', '127.0.0.1', String(port)], replicaFolder);
        await linked(replica);
        await assertSame(master, replica);
        assert.equal(await replica.send('GET', 'counter'), '20');
        assert.equal(await field(master, 'stats', 'sync_full'), '0');
        assert.equal(await field(master, 'stats', 'sync_partial_ok'), '1');
      } finally {
        await Promise.all([master.stop(), replica.stop()]);
      }
    });
  }

  it('kill -9 with an older RDB file: who knows writes that were lost needs a full sync, who does not goes on', async () => {
    const args = ['--save', '900 1'];
    let master = await startMaster(args);
    const { port, folder } = master;
    let early = await startReplica('redis', ['--replicaof', '127.0.0.1', String(port)]);
    const late = await startReplica('kvasir', ['--replicaof', '127.0.0.1', String(port)]);
    try {
      await linked(early);
      await linked(late);
      await write(master, 'before');
      await assertSame(master, early, late);
      const earlyFolder = early.folder;
      await early.stop({ keepFolder: true });
      await write(master, 'saved');
      await master.send('SAVE');
      await write(master, 'lost');
      await assertSame(master, late);
      await master.stop({ keepFolder: true, signal: 'SIGKILL' });
      master = await startMaster(args, { port, folder });
      assert.equal(await master.send('GET', 'counter'), '10');
      await linked(late);
      early = await startReplica('redis', ['--replicaof', '127.0.0.1', String(port)], earlyFolder);
      await linked(early);
      await write(master, 'after');
      await assertSame(master, early, late);
      assert.equal(await field(master, 'stats', 'sync_full'), '1');
      assert.equal(await field(master, 'stats', 'sync_partial_ok'), '1');
      assert.match(master.log(), /it has gone on to offset \d+ .* which is ours only up to/);
    } finally {
      await Promise.all([master.stop(), early.stop(), late.stop()]);
    }
  });

  it('a replica with an AOF goes on after a restart', async () => {
    const master = await startRedis({ args: [...common, '--repl-backlog-size', '100mb'] });
    const args = ['--appendonly', 'yes', ...diskArgs, '--replicaof', '127.0.0.1', String(master.port)];
    let replica = await startReplica('kvasir', args);
    try {
      await linked(replica);
      await until(async () => (await field(replica, 'persistence', 'aof_rewrite_in_progress')) === '0');
      await write(master, 'before');
      await assertSame(master, replica);
      const { folder } = replica;
      await replica.stop({ keepFolder: true });
      await write(master, 'meanwhile');
      replica = await startReplica('kvasir', args, folder);
      await linked(replica);
      await assertSame(master, replica);
      assert.equal(await field(master, 'stats', 'sync_full'), '1');
      assert.equal(await field(master, 'stats', 'sync_partial_ok'), '1');
    } finally {
      await Promise.all([master.stop(), replica.stop()]);
    }
  });

  it('torn and foreign files are dropped, and the log says so', async () => {
    const args = ['--save', '', '--appendonly', 'yes', '--repl-backlog-disk-size', '1mb'];
    let master = await startMaster(args);
    const { port, folder } = master;
    const replica = await startReplica('kvasir', ['--replicaof', '127.0.0.1', String(port)]);
    try {
      await linked(replica);
      await write(master, 'before');
      await assertSame(master, replica);
      await replica.stop();
      await master.stop({ keepFolder: true, signal: 'SIGKILL' });
      const paths = segments(folder);
      assert.ok(paths.length >= 4, paths.join(' '));
      // The oldest but one is cut short, and the last has got bytes that are no chunk.
      truncateSync(paths[1]!, 5000);
      appendFileSync(paths[paths.length - 1]!, 'garbage');
      writeFileSync(join(folder, 'appendonlydir', 'appendonly.aof.backlog.0000000000000007.1'), 'foreign');
      master = await startMaster(args, { port, folder });
      const log = master.log();
      assert.match(log, /Dropping .*0000000000000007\.1 .*: its header is torn/);
      assert.match(log, /Dropping .* of the replication backlog on disk: it has 5000 bytes instead of \d+: it is torn/);
      assert.match(log, /there is a gap after it/);
      assert.match(log, /Dropping the last 7 bytes of .*: they are torn/);
      const left = segments(folder);
      assert.ok(!left.includes(paths[0]!) && !left.includes(paths[1]!) && left.includes(paths[2]!));
      assert.equal(
        await field(master, 'replication', 'repl_backlog_disk_first_byte_offset'),
        String(Number(paths[2]!.split('.').at(-2)) + 1),
      );
    } finally {
      await master.stop();
    }
  });

  it('a file that turns out to be damaged while a replica reads it costs a full sync', async () => {
    const master = await startMaster(['--save', '', '--repl-backlog-disk-size', '1mb']);
    let replica = await startReplica('redis', ['--replicaof', '127.0.0.1', String(master.port)]);
    try {
      await linked(replica);
      await assertSame(master, replica);
      const replicaFolder = replica.folder;
      await replica.stop({ keepFolder: true });
      await write(master, 'meanwhile');
      const path = segments(master.folder)[1]!;
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(path, bytes);
      replica = await startReplica('redis', ['--replicaof', '127.0.0.1', String(master.port)], replicaFolder);
      await until(async () => (await field(master, 'stats', 'sync_full')) === '2');
      await linked(replica);
      await assertSame(master, replica);
      assert.match(master.log(), /Dropping .* of the replication backlog on disk: it is not sound at byte \d+/);
      assert.match(master.log(), /Replica .*: the replication backlog on disk could not be read on/);
    } finally {
      await Promise.all([master.stop(), replica.stop()]);
    }
  });

  it('the files keep to repl-backlog-disk-size, and go when it is set to 0', async () => {
    const master = await startMaster(['--save', '', '--repl-backlog-disk-size', '1mb']);
    const replica = await startReplica('kvasir', ['--replicaof', '127.0.0.1', String(master.port)]);
    try {
      await linked(replica);
      await write(master, 'first');
      await assertSame(master, replica);
      assert.ok(Number(await field(master, 'replication', 'repl_backlog_disk_bytes')) <= 1 << 20);
      // The disk follows the stream a little later.
      await until(() => segments(master.folder).length > 3);
      await master.send('CONFIG', 'SET', 'repl-backlog-disk-size', '0');
      assert.deepEqual(segments(master.folder), []);
      await master.send('CONFIG', 'SET', 'repl-backlog-disk-size', '1mb');
      await write(master, 'second');
      await until(() => segments(master.folder).length > 3);
    } finally {
      await Promise.all([master.stop(), replica.stop()]);
    }
  });
});
