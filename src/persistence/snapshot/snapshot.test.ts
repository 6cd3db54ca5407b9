// A snapshot is the data at its cut, whatever commands do while it is taken.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '../../base/prng.js';
import { defaultDataLimits } from '../../registry/data-limits.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { SimulatedFiles } from '../../io/files-simulated.js';
import type { Database } from '../../keyspace/database.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { RdbSnapshotEncoder } from '../rdb/snapshot-encoder.js';
import { Compression, RdbWriter } from '../rdb/writer.js';
import { Snapshot } from './snapshot.js';
import { Persistence } from '../persistence.js';
import { DirectFileSink, type SnapshotSink, WorkerFileSink } from './snapshot-sink.js';
import { digestOf, LocalHost, loadBytes, makeKeyspace } from '../../../test/persistence/local.js';

const seed = Number(process.env.SEED ?? 31);
const limits = defaultDataLimits();
const encoder = new TextEncoder();

/** Random changes to a keyspace as commands make them: look up to write, change, store. */
class Changes {
  constructor(
    private readonly keyspace: Keyspace,
    private readonly random: Prng,
  ) {}

  private get database(): Database {
    return this.keyspace.databases[this.random.pick([0, 1, 7])]!;
  }

  private lookup(database: Database, name: string): { key: Uint8Array; entry: number } {
    const key = encoder.encode(name);
    return { key, entry: database.lookupWrite(key, 0, key.length) };
  }

  setString(name = `s${this.random.below(400)}`): void {
    const { database } = this;
    const { key, entry } = this.lookup(database, name);
    const value = encoder.encode(
      `${this.random.uint32()}`.repeat(1 + this.random.below(this.random.chance(5) ? 400 : 4)),
    );
    const made = database.setString(entry, key, 0, key.length, database.hash, value, 0, value.length, false);
    if (this.random.chance(20)) database.setExpiry(made, database.hash, 4e12 + this.random.below(1e9));
  }

  addMembers(count: number, name = `c${this.random.below(40)}`): void {
    const { database, random } = this;
    const { values, entries } = this.keyspace;
    const { key, entry } = this.lookup(database, name);
    const { hash } = database;
    const type = entry === 0 ? random.pick([Type.SET, Type.ZSET, Type.HASH, Type.LIST]) : entries.type(entry);
    let encoding = entry === 0 ? -1 : entries.encoding(entry);
    let ref = entry === 0 ? 0 : entries.word2(entry);
    for (let index = 0; index < count; index++) {
      const member = encoder.encode(`m${random.below(5000)}`);
      if (type === Type.SET) {
        if (encoding < 0) values.sets.openNew(member, 0, member.length, 1, limits);
        else values.sets.open(encoding, ref);
        values.sets.add(member, 0, member.length, limits);
        ({ encoding, ref } = values.sets);
      } else if (type === Type.ZSET) {
        if (encoding < 0) {
          values.sortedSets.create(1, member.length, limits);
          ({ encoding, ref } = values.sortedSets);
        }
        values.sortedSets.add(encoding, ref, random.below(1000), 0, member, 0, member.length, limits);
        ({ encoding, ref } = values.sortedSets);
      } else if (type === Type.HASH) {
        if (encoding < 0) values.hashes.openNew();
        else values.hashes.open(encoding, ref);
        values.hashes.set(member, 0, member.length, member, 0, member.length, limits, false);
        ({ encoding, ref } = values.hashes);
      } else {
        if (encoding < 0) {
          ref = values.lists.create();
          encoding = Encoding.LISTPACK;
          break;
        }
        values.lists.open(entry);
        values.lists.prepareGrowth(member.length + 11, 1);
        values.lists.pushLast(member, 0, member.length);
        encoding = entries.encoding(entry);
        ref = entries.word2(entry);
      }
    }
    if (entry !== 0) database.setValue(entry, encoding, ref);
    else {
      const made = database.addValue(key, 0, key.length, hash, type, encoding, ref);
      if (type !== Type.LIST) return;
      values.lists.open(made);
      for (let index = 0; index < Math.max(1, count); index++) {
        values.lists.prepareGrowth(16, 1);
        values.lists.pushLast(key, 0, key.length);
      }
    }
  }

  remove(): void {
    const { database, random } = this;
    const { entry } = this.lookup(database, random.chance(50) ? `s${random.below(400)}` : `c${random.below(40)}`);
    if (entry !== 0) database.remove(entry, database.hash);
  }

  rename(): void {
    const { database, random } = this;
    const from = this.lookup(database, `c${random.below(40)}`);
    if (from.entry === 0) return;
    database.remove(from.entry, database.hash);
    this.addMembers(2);
  }

  one(): void {
    const { random, keyspace } = this;
    const dice = random.below(1000);
    if (dice < 500) this.setString();
    else if (dice < 800) this.addMembers(1 + random.below(5));
    else if (dice < 960) this.remove();
    else if (dice < 990) this.rename();
    else if (dice < 996) keyspace.swap(random.pick([0, 1]), 7);
    else this.database.clear();
  }
}

function snapshotOf(
  keyspace: Keyspace,
  files: SimulatedFiles,
): { snapshot: Snapshot; finish: () => Uint8Array; sink: DirectFileSink } {
  const sink = new DirectFileSink(files, {
    temporaryPath: '/t',
    finalPath: '/f',
    checksum: 'on',
    incrementalSync: false,
  });
  const writer = new RdbWriter(Compression.marked);
  const options = { aux: [], functions: [], uses: 'none' as const };
  const snapshot = new Snapshot(keyspace, new RdbSnapshotEncoder(keyspace, options, writer), sink, writer);
  const finish = (): Uint8Array => {
    assert.ok(snapshot.isOver);
    sink.finish((error) => assert.equal(error, null));
    return files.get('/f');
  };
  return { snapshot, finish, sink };
}

test(`sets, changes, deletions, FLUSHDB and SWAPDB in the midst of the walk (seed ${seed})`, () => {
  for (let round = 0; round < 16; round++) {
    const random = new Prng(seed + round);
    const keyspace = makeKeyspace();
    const changes = new Changes(keyspace, random);
    for (let index = 0; index < 600; index++) changes.one();
    for (let index = 0; index < 4; index++) changes.addMembers(1500 + random.below(3000), `c${index}`);
    const wanted = digestOf(keyspace);
    const { snapshot, finish } = snapshotOf(keyspace, new SimulatedFiles());
    const aborts = round % 8 === 7;
    for (let steps = 0; !snapshot.isOver && steps < 100_000; steps++) {
      snapshot.walk(() => true);
      for (let count = random.below(4); count > 0; count--) changes.one();
      if (aborts && steps === 20) snapshot.abort();
      if (random.chance(30)) keyspace.freeSome(500);
    }
    keyspace.verify();
    if (!aborts) {
      const loaded = makeKeyspace();
      loadBytes(loaded, finish());
      assert.equal(digestOf(loaded), wanted, `round ${round}`);
    }
    // A second cut right after sees the new data: the epochs are right again.
    const now = digestOf(keyspace);
    const second = snapshotOf(keyspace, new SimulatedFiles());
    second.snapshot.walk(() => false);
    const again = makeKeyspace();
    loadBytes(again, second.finish());
    assert.equal(digestOf(again), now, `round ${round}, second`);
    while (!keyspace.freeSome(10_000)) continue;
    keyspace.verify();
  }
});

test('the worker thread writes the same file as the caller itself', async () => {
  const random = new Prng(seed);
  const keyspace = makeKeyspace();
  const changes = new Changes(keyspace, random);
  for (let index = 0; index < 3000; index++) changes.setString(`k${index}`);
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-snapshot-'));
  try {
    const direct = snapshotOf(keyspace, new SimulatedFiles());
    direct.snapshot.walk(() => false);
    const wanted = direct.finish();
    const sink = new WorkerFileSink({
      temporaryPath: join(folder, 't'),
      finalPath: join(folder, 'f'),
      checksum: 'on',
      incrementalSync: true,
    });
    const writer = new RdbWriter(Compression.marked);
    const snapshot = new Snapshot(
      keyspace,
      new RdbSnapshotEncoder(keyspace, { aux: [], functions: [], uses: 'none' }, writer),
      sink,
      writer,
    );
    snapshot.walk(() => false);
    const bytes = await new Promise<number>((resolve, reject) =>
      sink.finish((error, count) => (error === null ? resolve(count) : reject(error))),
    );
    assert.equal(bytes, wanted.length);
    assert.deepEqual(new Uint8Array(readFileSync(join(folder, 'f'))), wanted);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a worker that cannot write says so and leaves nothing behind', async () => {
  const keyspace = makeKeyspace();
  const sink = new WorkerFileSink({
    temporaryPath: '/nonexistent-folder/t',
    finalPath: '/nonexistent-folder/f',
    checksum: 'on',
    incrementalSync: true,
  });
  const writer = new RdbWriter(Compression.none);
  const snapshot = new Snapshot(
    keyspace,
    new RdbSnapshotEncoder(keyspace, { aux: [], functions: [], uses: 'none' }, writer),
    sink,
    writer,
  );
  snapshot.walk(() => false);
  const error = await new Promise<Error | null>((resolve) => {
    sink.onError = resolve;
    sink.finish(resolve);
  });
  assert.match(error?.message ?? '', /ENOENT/);
});

/** A disk that takes nothing until `goOn`. */
class StalledSink implements SnapshotSink {
  pendingBytes = 0;
  onRoom = (): void => undefined;
  onError: (error: Error) => void = () => undefined;
  wasAborted = false;
  private stalled = true;

  constructor(private readonly sink: DirectFileSink) {}

  get room(): boolean {
    return !this.stalled || this.pendingBytes < 1 << 20;
  }

  send(writer: RdbWriter): void {
    if (this.stalled) this.pendingBytes += writer.length;
    this.sink.send(writer);
  }

  goOn(): void {
    this.stalled = false;
    this.pendingBytes = 0;
    this.onRoom();
  }

  finish(done: (error: Error | null, bytes: number) => void): void {
    this.sink.finish(done);
  }

  abort(): void {
    this.wasAborted = true;
    this.sink.abort();
  }
}

test('while the disk stands still the walk waits, changes are kept, and beyond the limit the snapshot fails', async () => {
  const megabyte = 1 << 20;
  const files = new SimulatedFiles();
  files.makeFolder('/data');
  const host = new LocalHost(files, { 'snapshot-memory-limit': 8 * megabyte });
  const persistence = new Persistence(host);
  await persistence.load();
  const value = (name: string): string => name.repeat(1000 / name.length);
  const count = 30_000;
  for (let index = 0; index < count; index++) host.set(`key:${index}`, value('abcd'));
  let sink!: StalledSink;
  host.makeSink = (options) => (sink = new StalledSink(new DirectFileSink(host.files, options)));
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < 1000 && persistence.hasSnapshot; turns++) await turn();
    assert.equal(persistence.hasSnapshot, false);
  };
  const infoField = (name: string): string | number => persistence.info().find(([field]) => field === name)![1];

  // Five megabytes of changes wait beside the one that the sink has room for.
  const wanted = digestOf(host.keyspace);
  persistence.backgroundSave(false);
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.ok(
    sink.pendingBytes >= megabyte && sink.pendingBytes < 2 * megabyte,
    `${sink.pendingBytes} bytes were sent to a disk that takes none`,
  );
  for (let index = 0; index < 5000; index++) host.set(`key:${index}`, value('changed!'));
  persistence.cron();
  assert.ok(Number(infoField('current_cow_size')) > 5 * megabyte);
  assert.equal(persistence.hasSnapshot, true);
  sink.goOn();
  await settle();
  assert.equal(infoField('rdb_last_bgsave_status'), 'ok');
  assert.ok(Number(infoField('rdb_last_cow_size')) > 5 * megabyte);
  const loaded = makeKeyspace();
  loadBytes(loaded, files.get('/data/dump.rdb'));
  assert.equal(digestOf(loaded), wanted);

  // Ten are too many.
  persistence.backgroundSave(false);
  for (let turns = 0; turns < 20; turns++) await turn();
  for (let index = 0; index < 10_000; index++) host.set(`key:${index}`, value('again...'));
  persistence.cron();
  await settle();
  assert.ok(sink.wasAborted);
  assert.equal(infoField('rdb_last_bgsave_status'), 'err');
  assert.match(
    host.logged.join('\n'),
    /commands change the data faster than the disk takes the snapshot: \d+ MB wait to be written, snapshot-memory-limit allows 8 MB/,
  );
  assert.deepEqual(files.list('/data'), ['dump.rdb']);

  // The next is whole again.
  const now = digestOf(host.keyspace);
  assert.equal(persistence.save(), undefined);
  const again = makeKeyspace();
  loadBytes(again, files.get('/data/dump.rdb'));
  assert.equal(digestOf(again), now);
});

test('a snapshot that dawdles goes on when the delay is taken back', async () => {
  const files = new SimulatedFiles();
  files.makeFolder('/data');
  // A minute for a batch of keys, as long as the wait may be.
  const host = new LocalHost(files, { 'rdb-key-save-delay': 100_000_000 });
  const persistence = new Persistence(host);
  await persistence.load();
  for (let index = 0; index < 500; index++) host.set(`key:${index}`, 'value');
  const begun = Date.now();
  persistence.backgroundSave(false);
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.equal(persistence.hasSnapshot, true);
  host.options['rdb-key-save-delay'] = 0;
  while (persistence.hasSnapshot && Date.now() - begun < 50_000)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(persistence.hasSnapshot, false);
  const saved = makeKeyspace();
  loadBytes(saved, files.get('/data/dump.rdb'));
  assert.equal(digestOf(saved), digestOf(host.keyspace));
});

test('a snapshot that is given up while it waits makes room for the next at once', async () => {
  const files = new SimulatedFiles();
  files.makeFolder('/data');
  const host = new LocalHost(files, { 'rdb-key-save-delay': 10_000_000 });
  const persistence = new Persistence(host);
  await persistence.load();
  for (let index = 0; index < 500; index++) host.set(`key:${index}`, 'value');
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  persistence.backgroundSave(false);
  for (let turns = 0; turns < 5; turns++) await turn();
  assert.equal(persistence.hasSnapshot, true);
  persistence.rdb.abort();
  host.options['rdb-key-save-delay'] = 0;
  assert.equal(persistence.backgroundSave(false), 'Background saving started');
  assert.equal(persistence.backgroundSave(false), '-ERR Background save already in progress');
  assert.equal(persistence.info().find(([name]) => name === 'rdb_bgsave_in_progress')![1], 1);
  for (
    let turns = 0;
    turns < 100 && persistence.info().find(([name]) => name === 'rdb_bgsave_in_progress')![1] === 1;
    turns++
  ) {
    persistence.cron();
    await turn();
  }
  const loaded = makeKeyspace();
  loadBytes(loaded, files.get('/data/dump.rdb'));
  assert.equal(digestOf(loaded), digestOf(host.keyspace));
});

test('a snapshot whose file is only to be finished is given up too', async () => {
  const files = new SimulatedFiles();
  files.makeFolder('/data');
  const host = new LocalHost(files);
  const persistence = new Persistence(host);
  await persistence.load();
  host.set('key', 'value');
  const sinks: { readonly path: string; wasFinished: boolean; wasAborted: boolean }[] = [];
  host.makeSink = ({ temporaryPath }) => {
    const sink = {
      path: temporaryPath,
      wasFinished: false,
      wasAborted: false,
      room: true,
      pendingBytes: 0,
      onRoom: () => undefined,
      onError: () => undefined,
      send: (writer: RdbWriter) => writer.clear(),
      finish: () => (sink.wasFinished = true),
      abort: () => (sink.wasAborted = true),
    };
    sinks.push(sink);
    return sink;
  };
  for (let round = 0; round < 2; round++) {
    persistence.backgroundSave(false);
    for (let turns = 0; turns < 100 && !sinks[round]!.wasFinished; turns++)
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(persistence.rdb.isRunning, true);
    persistence.rdb.abort();
    assert.deepEqual([persistence.rdb.isRunning, sinks[round]!.wasAborted], [false, true]);
  }
  // The thread may still be at the file that was given up.
  assert.notEqual(sinks[0]!.path, sinks[1]!.path);
});

test('a worker that was given up at any moment puts nothing in the place of a later file', async () => {
  const random = new Prng(seed);
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-snapshot-'));
  const final = join(folder, 'f');
  try {
    for (let round = 0; round < 12; round++) {
      const sink = new WorkerFileSink({
        temporaryPath: join(folder, `t${round}`),
        finalPath: final,
        checksum: 'on',
        incrementalSync: true,
      });
      const writer = new RdbWriter(Compression.none, 1 << 20);
      writer.length = 1 << 20;
      sink.send(writer);
      let isDone = false;
      sink.finish((error) => {
        assert.equal(error, null);
        isDone = true;
      });
      if (round > 0) await sleep(random.below(60));
      const wasDone = isDone;
      sink.abort();
      writeFileSync(final, `${round}`);
      await sleep(20);
      assert.equal(isDone, wasDone);
      assert.equal(readFileSync(final, 'latin1'), `${round}`);
    }
    for (let tries = 0; tries < 10_000 && readdirSync(folder).length > 1; tries++) await sleep(20);
    assert.deepEqual(readdirSync(folder), ['f']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('SAVE in the midst of a rewrite of the AOF leaves it alone', async () => {
  const files = new SimulatedFiles();
  files.makeFolder('/data');
  const host = new LocalHost(files, { appendonly: true });
  const persistence = new Persistence(host);
  await persistence.load();
  for (let index = 0; index < 5000; index++) host.set(`key:${index}`, 'value');
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  host.options['rdb-key-save-delay'] = 1;
  persistence.backgroundRewrite();
  for (let turns = 0; turns < 3; turns++) await turn();
  const atCut = digestOf(host.keyspace);
  host.set('key:4999', 'changed');
  host.set('new', 'key');
  assert.equal(persistence.save(), undefined);
  assert.equal(persistence.aof.isRewriting, true);
  const saved = makeKeyspace();
  loadBytes(saved, files.get('/data/dump.rdb'));
  assert.equal(digestOf(saved), digestOf(host.keyspace));
  for (let turns = 0; turns < 100_000 && persistence.hasSnapshot; turns++) await turn();
  const base = files.list('/data/appendonlydir').find((name) => name.includes('.2.base.'))!;
  const rewritten = makeKeyspace();
  loadBytes(rewritten, files.get(`/data/appendonlydir/${base}`));
  assert.equal(digestOf(rewritten), atCut);
});
