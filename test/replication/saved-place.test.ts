// The place in the history that the header of an RDB file names belongs to the data of that file alone.

import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { assertSame, field, linked } from './mixed.js';

const args = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'];

describe('a master and a replica that start from RDB files of one server', () => {
  for (const kind of ['kvasir', 'redis'] as const) {
    const skip = kind === 'redis' && peerMissing('redis-server');
    for (const isFollowed of [false, true]) {
      const what = isFollowed ? 'a stream' : 'no stream, so that the writes between were not counted';
      it(`a ${kind} with the older file gets what it lacks, after ${what}`, { skip, timeout: 600_000 }, async (t) => {
        let master = await startKvasir({ args });
        t.after(() => master.stop());
        const start = (folder?: string): Promise<RedisPeer> => {
          const options = {
            args: [...args, '--replicaof', '127.0.0.1', String(master.port)],
            ...(folder === undefined ? {} : { folder }),
          };
          return kind === 'kvasir' ? startKvasir(options) : startRedis(options);
        };
        let replica = await start();
        t.after(() => replica.stop());
        await linked(replica);
        const { folder } = replica;
        await replica.stop({ keepFolder: true });
        if (!isFollowed) {
          // A master that nobody ever followed.
          await master.stop();
          master = await startKvasir({ args });
        }
        await master.send('SET', 'key', 'older');
        await master.send('SAVE');
        copyFileSync(join(master.folder, 'dump.rdb'), join(folder, 'dump.rdb'));
        await master.send('SET', 'key', 'newer');
        await master.send('SAVE');
        await master.stop({ keepFolder: true });
        master = await startKvasir({ args, folder: master.folder });
        replica = await start(folder);
        await linked(replica);
        await assertSame(master, replica);
        assert.equal(await replica.send('GET', 'key'), 'newer');
        assert.equal(await field(master, 'stats', 'sync_full'), '1');
      });
    }
  }
});
