// A disk that is full, read-only or broken while a file is replaced: the old file stays, the failure is reported, and
// when the cause is gone the next try succeeds. (The file that grows has its own tests: aof.test.)

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { replaceFile } from '../io/files.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import { Persistence } from './persistence.js';
import { Acl } from '../service/acl/acl.js';
import { Config } from '../service/config/config.js';
import { rewriteConfigFile } from '../service/config/rewrite.js';
import { LocalHost } from '../../test/persistence/local.js';

const seed = Number(process.env.SEED ?? 8);

interface Saver {
  readonly path: string;
  /** Writes a file that differs from the one before; false or an exception when that failed. */
  save(): Promise<boolean> | boolean;
}

async function rdbSaver(files: SimulatedFiles, background: boolean): Promise<Saver> {
  const host = new LocalHost(files, { save: '3600 1' });
  const persistence = new Persistence(host);
  await persistence.load();
  let changes = 0;
  return {
    path: '/data/dump.rdb',
    async save() {
      host.set(`key:${changes++}`, 'value '.repeat(200));
      const changed = host.keyspace.changesSinceSave;
      if (background) {
        persistence.backgroundSave(false);
        const isRunning = (): boolean =>
          persistence.info().some(([name, value]) => name === 'rdb_bgsave_in_progress' && value === 1);
        for (let turns = 0; turns < 1000 && isRunning(); turns++) {
          persistence.cron();
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      const isSaved = background ? persistence.rdb.lastStatusOk : persistence.save() === undefined;
      // Clients learn of it, by their writes where nobody waited for the end, and the changes still count as not saved.
      assert.equal(persistence.writesRefused === undefined, isSaved || !background);
      assert.equal(host.keyspace.changesSinceSave, isSaved ? 0 : changed);
      return isSaved;
    },
  };
}

const savers: Readonly<Record<string, (files: SimulatedFiles) => Promise<Saver> | Saver>> = {
  SAVE: (files) => rdbSaver(files, false),
  BGSAVE: (files) => rdbSaver(files, true),
  'CONFIG REWRITE': (files) => {
    const config = new Config('/data');
    config.file = '/data/kvasir.conf';
    let timeout = 0;
    return {
      path: config.file,
      async save() {
        await config.set([['timeout', String(++timeout)]], { loading: false, local: true });
        rewriteConfigFile(files, config, undefined, 'tmp');
        return true;
      },
    };
  },
  'ACL SAVE': (files) => {
    const acl = new Acl({} as never, () => false);
    let passwords = 0;
    return {
      path: '/data/users.acl',
      save() {
        acl.setDefaultPassword(`password${passwords++}`);
        acl.save(files, '/data/users.acl', 'tmp');
        return true;
      },
    };
  },
  'the manifest of the AOF': (files) => {
    let number = 0;
    return {
      path: '/data/appendonly.aof.manifest',
      save() {
        replaceFile(
          files,
          '/data/appendonly.aof.manifest',
          '/data/temp_appendonly.aof.manifest',
          Buffer.from(`file ${++number}\n`),
        );
        return true;
      },
    };
  },
};

const faults: Readonly<Record<string, (files: SimulatedFiles) => void>> = {
  'a full disk': (files) => (files.capacityBytes = files.usedBytes() + 5),
  'a read-only folder': (files) => files.fail('open', 'EROFS'),
  'a failing fsync': (files) => files.fail('sync', 'EIO'),
  'a failing rename': (files) => files.fail('rename', 'EACCES'),
  'a failing fsync of the folder': (files) => files.fail('syncFolder', 'EIO'),
};

async function attempt(saver: Saver): Promise<boolean> {
  try {
    return await saver.save();
  } catch (error) {
    assert.match((error as { code?: string }).code ?? '', /^E[A-Z]+$/);
    return false;
  }
}

for (const [what, make] of Object.entries(savers)) {
  for (const [fault, cause] of Object.entries(faults)) {
    test(`${what} with ${fault}`, async () => {
      const random = new Prng(seed);
      const files = new SimulatedFiles();
      files.makeFolder('/data');
      const saver = await make(files);
      assert.equal(await attempt(saver), true);
      const old = files.get(saver.path);
      const others = files.list('/data');
      const isOldOrWhole = (found: Uint8Array): boolean =>
        Buffer.compare(found, old) === 0 || Buffer.compare(found, files.get(saver.path)) === 0;
      for (let tries = 0; tries < 3; tries++) {
        cause(files);
        assert.equal(await attempt(saver), false, `try ${tries} fails`);
        if (!fault.includes('folder') || fault.includes('read-only')) assert.deepEqual(files.get(saver.path), old);
        assert.deepEqual(files.list('/data'), others, 'nothing is left behind');
        assert.ok(isOldOrWhole(files.afterCrash(random).get(saver.path)));
      }
      files.heal();
      files.capacityBytes = Infinity;
      assert.equal(await attempt(saver), true, 'the cause is gone');
      assert.notDeepEqual(files.get(saver.path), old);
      assert.deepEqual(
        files.afterCrash(random).get(saver.path),
        files.get(saver.path),
        'what was saved outlives a power cut',
      );
    });
  }
}
