// A server whose disk does not take the snapshot: writes are refused, and so is PING, by which a sentinel learns of it.

import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { field, until } from '../replication/mixed.js';

const args = ['--save', '1000000 1000000'];

async function refusesWhileTheSnapshotFails(server: RedisPeer): Promise<void> {
  try {
    assert.equal(await server.send('PING'), 'PONG');
    // A folder cannot be replaced by a file.
    mkdirSync(join(server.folder, 'dump.rdb'));
    // Those who ask for a SAVE, or for the end, hear of it themselves.
    assert.match(await server.send('SAVE'), /^ERR/);
    assert.match(await server.send('SHUTDOWN'), /^ERR Errors trying to SHUTDOWN/);
    assert.equal(await server.send('PING'), 'PONG');
    assert.equal(await field(server, 'persistence', 'rdb_last_bgsave_status'), 'ok');
    await server.send('BGSAVE');
    await until(async () => (await field(server, 'persistence', 'rdb_last_bgsave_status')) === 'err');
    const text = /^MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk\./;
    assert.match(await server.send('PING'), text);
    assert.match(await server.send('SET', 'key', 'value'), text);
    assert.equal(await server.send('ECHO', 'still here'), 'still here');
    assert.equal(await server.send('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no'), 'OK');
    assert.equal(await server.send('PING'), 'PONG');
    assert.equal(await server.send('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'yes'), 'OK');
    assert.match(await server.send('PING'), text);
    rmdirSync(join(server.folder, 'dump.rdb'));
    await server.send('BGSAVE');
    await until(async () => (await field(server, 'persistence', 'rdb_last_bgsave_status')) === 'ok');
    assert.equal(await server.send('PING'), 'PONG');
  } finally {
    await server.stop();
  }
}

describe('a snapshot that fails', { timeout: 600_000, skip: peerMissing('redis-cli') }, () => {
  it('makes Kvasir refuse writes and PING', async () => {
    await refusesWhileTheSnapshotFails(await startKvasir({ args }));
  });

  it('makes redis-server do the same', { skip: peerMissing('redis-server') }, async () => {
    await refusesWhileTheSnapshotFails(await startRedis({ args }));
  });
});
