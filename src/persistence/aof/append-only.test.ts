// The append-only file over a simulated file system: power cuts, full disks, failing renames, truncation at every byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Prng } from '../../base/prng.js';
import { type FileOperation, SimulatedFiles } from '../../io/files-simulated.js';
import { LoadError } from '../data-loading.js';
import { Persistence } from '../persistence.js';
import { LocalHost } from '../../../test/persistence/local.js';

const seed = Number(process.env.SEED ?? 5150);
const folder = '/data/appendonlydir';

interface Started {
  readonly host: LocalHost;
  readonly persistence: Persistence;
}

function newDisk(): SimulatedFiles {
  const files = new SimulatedFiles();
  files.makeFolder('/data');
  return files;
}

async function start(files: SimulatedFiles, options: Record<string, string | number | boolean> = {}): Promise<Started> {
  const host = new LocalHost(files, { appendonly: true, appendfsync: 'always', ...options });
  const persistence = new Persistence(host);
  await persistence.load();
  return { host, persistence };
}

function set({ host, persistence }: Started, key: string, value: string, database = 0): void {
  host.set(key, value, database);
  persistence.appendParts(database, ['SET', key, value]);
}

/** Lets a rewrite or BGSAVE go on to its end. */
async function settle(persistence: Persistence): Promise<void> {
  for (let turns = 0; turns < 1000 && persistence.hasSnapshot; turns++) await turn();
  assert.equal(persistence.hasSnapshot, false);
}

for (const preamble of [true, false]) {
  test(`what was written is there after a restart, also after rewrites (preamble ${preamble})`, async () => {
    const files = newDisk();
    const options = { 'aof-use-rdb-preamble': preamble };
    let server = await start(files, options);
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 30; index++) set(server, `key:${round}:${index}`, `value ${index}`, index % 4);
      assert.ok(server.persistence.beforeReplies());
      assert.equal(server.persistence.backgroundRewrite(), 'Background append only file rewriting started');
      set(server, `during:${round}`, 'x');
      assert.ok(server.persistence.beforeReplies());
      await settle(server.persistence);
      set(server, `after:${round}`, 'y');
      assert.ok(server.persistence.beforeReplies());
      server.persistence.shutdown(false);
      server = await start(files, options);
      for (let past = 0; past <= round; past++) {
        assert.equal(server.host.get(`during:${past}`), 'x');
        assert.equal(server.host.get(`after:${past}`), 'y');
        for (let index = 0; index < 30; index++)
          assert.equal(server.host.get(`key:${past}:${index}`, index % 4), `value ${index}`);
      }
      server.host.keyspace.verify();
    }
    assert.deepEqual(files.list(folder), [
      'appendonly.aof.6.base.' + (preamble ? 'rdb' : 'aof'),
      'appendonly.aof.6.incr.aof',
      'appendonly.aof.manifest',
    ]);
  });
}

test(`a power cut at any moment: with always nothing that was acknowledged is missing (seed ${seed})`, async () => {
  const random = new Prng(seed);
  let files = newDisk();
  const acknowledged = new Map<string, string>();
  for (let round = 0; round < 150; round++) {
    const server = await start(files);
    for (const [key, value] of acknowledged) assert.equal(server.host.get(key), value, `round ${round}: ${key}`);
    const maybe: [string, string][] = [];
    for (let step = random.below(12); step > 0; step--) {
      if (random.chance(25)) server.persistence.backgroundRewrite();
      if (random.chance(10)) server.persistence.backgroundSave(true);
      for (let index = random.below(8); index > 0; index--) {
        const key = `k${random.below(60)}`;
        const value = `${round}.${step}.${index}`;
        set(server, key, value);
        maybe.push([key, value]);
      }
      if (random.chance(50)) await turn();
      server.persistence.cron();
      if (!server.persistence.beforeReplies()) break;
      for (const [key, value] of maybe.splice(0)) acknowledged.set(key, value);
    }
    // Bytes in flight may or may not be there.
    for (const [key] of maybe) acknowledged.delete(key);
    files = files.afterCrash(random);
  }
});

test(`an operation that fails once, anywhere: refused or repeated, never lost (seed ${seed})`, async () => {
  const random = new Prng(seed + 1);
  const operations: FileOperation[] = ['open', 'write', 'sync', 'rename', 'remove', 'syncFolder', 'truncate'];
  for (let round = 0; round < 200; round++) {
    const files = newDisk();
    const server = await start(files);
    const acknowledged = new Map<string, string>();
    files.fail(random.pick(operations), random.pick(['ENOSPC', 'EIO', 'EACCES']), {
      skip: random.below(12),
      times: 1 + random.below(3),
    });
    for (let step = 0; step < 15; step++) {
      if (random.chance(20)) server.persistence.backgroundRewrite();
      if (random.chance(10)) server.persistence.save();
      const key = `k${step}`;
      if (server.persistence.writesRefused === undefined) set(server, key, 'v');
      if (server.persistence.beforeReplies() && server.host.get(key) !== undefined) acknowledged.set(key, 'v');
      server.persistence.cron();
      await turn();
    }
    files.heal();
    server.host.nowMs += 120_000;
    server.persistence.cron();
    await settle(server.persistence);
    assert.ok(server.persistence.beforeReplies());
    server.persistence.save();
    assert.equal(server.persistence.writesRefused, undefined, 'the cause is gone');
    set(server, 'last', 'v');
    assert.ok(server.persistence.beforeReplies());
    const again = await start(files.afterCrash(random));
    for (const key of [...acknowledged.keys(), 'last'])
      assert.equal(again.host.get(key), 'v', `round ${round}: ${key}`);
  }
});

test('a full disk: writes are refused with MISCONF, and go on when there is room again', async () => {
  const files = newDisk();
  const server = await start(files, { appendfsync: 'everysec' });
  set(server, 'a', '1');
  assert.ok(server.persistence.beforeReplies());
  files.capacityBytes = files.usedBytes() + 10;
  set(server, 'b', '2');
  server.persistence.beforeReplies();
  assert.match(server.persistence.writesRefused ?? '', /^MISCONF Errors writing to the AOF file: /);
  assert.ok(server.host.refusals > 0);
  // Nothing of the command is left in the file: it would not load after it.
  const read = await start(files.afterCrash(new Prng(1)));
  assert.equal(read.host.get('b'), undefined);
  files.capacityBytes = Infinity;
  server.persistence.cron();
  assert.equal(server.persistence.writesRefused, undefined);
  assert.equal((await start(files)).host.get('b'), '2');
});

test('cut at every byte: the rest is dropped, or refused when the configuration wants that', async () => {
  const files = newDisk();
  const server = await start(files);
  for (let index = 0; index < 6; index++) set(server, `k${index}`, 'v'.repeat(index));
  server.persistence.appendParts(0, ['MULTI']);
  server.persistence.appendParts(0, ['SET', 'm1', 'x']);
  server.persistence.appendParts(0, ['SET', 'm2', 'x']);
  server.persistence.appendParts(0, ['EXEC']);
  assert.ok(server.persistence.beforeReplies());
  const path = `${folder}/appendonly.aof.1.incr.aof`;
  const whole = files.get(path);
  let before = -1;
  for (let length = 0; length <= whole.length; length++) {
    const disk = newDisk();
    disk.makeFolder(folder);
    for (const name of files.list(folder)) disk.put(`${folder}/${name}`, files.get(`${folder}/${name}`));
    disk.put(path, whole.subarray(0, length));
    const { host } = await start(disk);
    let found = 0;
    while (found < 6 && host.get(`k${found}`) !== undefined) found++;
    assert.ok(found >= before, 'a longer file never holds less');
    before = found;
    assert.equal(host.get('m1'), host.get('m2'), 'a transaction is there as a whole or not at all');
    const cut = disk.get(path).length;
    assert.ok(cut <= length);
    if (cut === length) continue;
    disk.put(path, whole.subarray(0, length));
    await assert.rejects(start(disk, { 'aof-load-truncated': false }), LoadError);
  }
  assert.equal(before, 6);
});

test('an old single file is taken over', async () => {
  const disk = newDisk();
  disk.put(
    '/data/appendonly.aof',
    Buffer.from('*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n'),
  );
  const { host, persistence } = await start(disk);
  assert.equal(host.get('k', 3), 'v');
  set({ host, persistence }, 'n', 'w');
  persistence.shutdown(false);
  assert.deepEqual(disk.list('/data'), []);
  const again = await start(disk);
  assert.equal(again.host.get('k', 3), 'v');
  assert.equal(again.host.get('n'), 'w');
});

test('an old single file is taken over after a power cut in the midst of it', async () => {
  for (let round = 0; round < 40; round++) {
    const random = new Prng(seed + round);
    let disk = newDisk();
    disk.put('/data/appendonly.aof', Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n'));
    disk.fail(random.pick(['rename', 'sync', 'syncFolder', 'open']), 'EIO', { skip: random.below(5) });
    await start(disk).catch(() => undefined);
    disk = disk.afterCrash(random);
    assert.equal((await start(disk)).host.get('k'), 'v');
  }
});

test('turned on and off while running', async () => {
  const disk = newDisk();
  const server = await start(disk, { appendonly: false });
  server.host.set('before', '1');
  server.host.options.appendonly = true;
  assert.equal(server.persistence.optionChanged('appendonly'), undefined);
  set(server, 'during', '2');
  server.persistence.beforeReplies();
  await settle(server.persistence);
  set(server, 'after', '3');
  server.persistence.beforeReplies();
  const read = await start(disk.afterCrash(new Prng(3)));
  for (const [key, value] of [
    ['before', '1'],
    ['during', '2'],
    ['after', '3'],
  ] as const)
    assert.equal(read.host.get(key), value);
  server.host.options.appendonly = false;
  assert.equal(server.persistence.optionChanged('appendonly'), undefined);
  assert.equal(server.persistence.isLogging, false);
  server.host.options.appendonly = true;
  assert.equal(server.persistence.optionChanged('appendonly'), undefined);
  await settle(server.persistence);
  assert.equal((await start(disk)).host.get('after'), '3');
});

for (const policy of ['always', 'everysec', 'no']) {
  test(`turned on with ${policy}: the first rewrite leaves the syncs to the policy, and nothing is durable before its end`, async () => {
    const disk = newDisk();
    const server = await start(disk, { appendonly: false, appendfsync: policy });
    const { host, persistence } = server;
    const { aof } = persistence;
    host.set('before', '1');
    host.options.appendonly = true;
    assert.equal(persistence.optionChanged('appendonly'), undefined);
    set(server, 'during', '2');
    persistence.beforeReplies();
    assert.equal(aof.durableBytes, -1);
    await settle(persistence);
    const syncs = disk.journal.filter((line) => line.startsWith('sync ') && line.includes('.incr'));
    assert.equal(syncs.length > 0, policy === 'always');
    if (policy === 'always') assert.equal(aof.durableBytes, aof.log.appendedBytes);
    else assert.ok(aof.durableBytes >= 0 && aof.durableBytes < aof.log.appendedBytes);
    host.nowMs += 1000;
    persistence.cron();
    await turn();
    assert.equal(aof.durableBytes === aof.log.appendedBytes, policy !== 'no');
    assert.equal((await start(disk)).host.get('during'), '2');
  });
}

test('everysec: one sync a second, off the loop; a sync that hangs delays writes for two seconds at most', async () => {
  const disk = newDisk();
  const server = await start(disk, { appendfsync: 'everysec' });
  const { host, persistence } = server;
  disk.holdSyncs = true;
  host.nowMs += 1000;
  set(server, 'a', '1');
  persistence.beforeReplies();
  assert.equal(persistence.aof.log.pendingSyncs, 1);
  set(server, 'b', '2');
  persistence.beforeReplies();
  assert.ok(persistence.aof.log.pendingBytes > 0, 'the write waits for the sync');
  host.nowMs += 2001;
  persistence.beforeReplies();
  assert.equal(persistence.aof.log.pendingBytes, 0);
  assert.equal(persistence.aof.log.delayedSyncs, 1);
  disk.runSyncs();
  assert.equal(persistence.aof.log.pendingSyncs, 0);
});

test('what waits for the disk is noted under what may be to blame', async () => {
  const disk = newDisk();
  const server = await start(disk, { appendonly: false });
  const { host, persistence } = server;
  host.lookMs = 1;
  const writes = (key: string): string[] => {
    host.latencies.length = 0;
    set(server, key, '1');
    persistence.beforeReplies();
    return [...host.latencies];
  };
  host.options.appendonly = true;
  assert.equal(persistence.optionChanged('appendonly'), undefined);
  assert.deepEqual(writes('during'), ['aof-write-active-child', 'aof-write', 'aof-fsync-always']);
  await settle(persistence);
  assert.deepEqual(host.latencies.slice(-2), ['aof-rename', 'aof-fstat']);
  assert.deepEqual(writes('alone'), ['aof-write-alone', 'aof-write', 'aof-fsync-always']);
  host.options.appendfsync = 'everysec';
  assert.equal(persistence.optionChanged('appendfsync'), undefined);
  host.nowMs += 1000;
  disk.holdSyncs = true;
  assert.deepEqual(writes('synced'), ['aof-write-alone', 'aof-write']);
  assert.equal(persistence.aof.log.pendingSyncs, 1);
  assert.deepEqual(writes('postponed'), []);
  host.nowMs += 2001;
  assert.deepEqual(writes('blocked'), ['aof-write-pending-fsync', 'aof-write']);
  disk.capacityBytes = 0;
  disk.runSyncs();
  assert.deepEqual(writes('failed'), ['aof-write-alone', 'aof-write'], 'also when it fails');
});

for (const policy of ['always', 'everysec']) {
  for (const holds of [true, false]) {
    test(`no-appendfsync-on-rewrite ${holds ? 'yes' : 'no'} with ${policy}: syncs while a snapshot is written`, async () => {
      const files = newDisk();
      const server = await start(files, { appendfsync: policy, 'no-appendfsync-on-rewrite': holds });
      const { host, persistence } = server;
      for (let index = 0; index < 3000; index++) host.set(`key:${index}`, 'value');
      const syncs = (): number =>
        files.journal.filter((line) => line.startsWith('sync ') && line.includes('.incr.aof')).length;
      const write = async (): Promise<void> => {
        set(server, 'key', String(host.nowMs));
        assert.ok(persistence.beforeReplies());
        host.nowMs += 1100;
        persistence.cron();
        await turn();
      };
      await write();
      for (const kind of ['rewrite', 'save']) {
        host.options['rdb-key-save-delay'] = 1;
        if (kind === 'rewrite') persistence.backgroundRewrite();
        else persistence.backgroundSave(false);
        persistence.cron();
        const before = syncs();
        for (let count = 0; count < 5; count++) await write();
        assert.equal(persistence.hasSnapshot, true);
        if (holds) assert.equal(syncs(), before, `${kind}: the disk is left to the snapshot`);
        else assert.ok(syncs() >= before + 4, `${kind}: synced as ever`);
        host.options['rdb-key-save-delay'] = 0;
        await settle(persistence);
        const after = syncs();
        persistence.cron();
        await write();
        await write();
        assert.ok(syncs() > after, `${kind}: synced again`);
      }
    });
  }
}
