// Big values are written in parts: what is written is what was there when they were opened, whatever commands do meanwhile.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { SimulatedFiles } from '../../io/files-simulated.js';
import type { ConsumerRef, GroupRef } from '../../datatypes/stream-groups.js';
import { Type } from '../../datatypes/object.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { chunkOf } from '../../memory/layout.js';
import { CommandSnapshotEncoder } from '../aof/command-snapshot.js';
import { datasetDigest, hexadecimal } from '../digest.js';
import { RdbSnapshotEncoder } from '../rdb/snapshot-encoder.js';
import { Compression, RdbWriter } from '../rdb/writer.js';
import { Snapshot, type SnapshotEncoder } from './snapshot.js';
import { saveWhole } from './whole-save.js';
import { DirectFileSink } from './snapshot-sink.js';
import { StreamId } from '../../structures/stream-id.js';
import { type Engine, makeEngine } from '../../../test/persistence/engine.js';
import { digestOf, loadBytes, makeKeyspace } from '../../../test/persistence/local.js';

const seed = Number(process.env.SEED ?? 57);
const BIG_BYTES = 2048;
const KINDS = ['zset', 'set', 'hash', 'list', 'stream'] as const;

interface Taken {
  readonly snapshot: Snapshot;
  bytes(): Uint8Array;
}

function takeSnapshot(keyspace: Keyspace, asCommands: boolean): Taken {
  const files = new SimulatedFiles();
  const sink = new DirectFileSink(files, {
    temporaryPath: '/t',
    finalPath: '/f',
    checksum: asCommands ? 'absent' : 'on',
    incrementalSync: false,
  });
  const writer = new RdbWriter(asCommands ? Compression.none : Compression.marked);
  const encoder = asCommands
    ? new CommandSnapshotEncoder(keyspace, [])
    : new RdbSnapshotEncoder(keyspace, { aux: [], functions: [], uses: 'none' }, writer);
  const snapshot = new Snapshot(keyspace, encoder, sink, writer, BIG_BYTES);
  return {
    snapshot,
    bytes() {
      sink.finish((error) => assert.equal(error, null));
      return files.get('/f');
    },
  };
}

/** What SAVE writes now, in chunks: none is larger than some parts of a value, or a string as a command. */
function saveNow(keyspace: Keyspace, asCommands: boolean): Uint8Array {
  const chunks: Uint8Array[] = [];
  const sink = {
    send: (writer: RdbWriter): void => {
      assert.ok(writer.length < 1024 * 1024, `a chunk of ${writer.length} bytes`);
      chunks.push(writer.bytes.slice(0, writer.length));
      writer.clear();
    },
    finish: (done: (error: Error | null) => void): void => done(null),
  };
  const encode = (writer: RdbWriter): SnapshotEncoder =>
    asCommands
      ? new CommandSnapshotEncoder(keyspace, [])
      : new RdbSnapshotEncoder(keyspace, { aux: [], functions: [], uses: 'none' }, writer);
  assert.equal(saveWhole(keyspace, encode, sink, false, undefined, BIG_BYTES), null);
  // An RDB file ends with a checksum; 0 is none.
  return Buffer.concat(asCommands ? chunks : [...chunks, Buffer.alloc(8)]);
}

/** The consumer groups of all streams with what is pending, which a digest leaves out. */
function groupsOf(keyspace: Keyspace): string[] {
  const { entries, arena, dicts } = keyspace;
  const { streams } = keyspace.values;
  const { groups } = streams;
  const lines: string[] = [];
  const nameOf = (ref: GroupRef | ConsumerRef): string => {
    const start = groups.nameStart(ref);
    return Buffer.from(arena.u8[chunkOf(ref)]!.slice(start, start + groups.nameLength(ref))).toString('latin1');
  };
  for (const database of keyspace.databases) {
    dicts.forEach(database.dict, (entry) => {
      if (entries.type(entry) !== Type.STREAM) return;
      const key = `${database.index} ${Buffer.from(entries.keyBytes(entry)).toString('latin1')}`;
      const list = streams.groupList(entries.word2(entry) as StreamRef);
      for (let index = 0; index < groups.listCount(list); index++) {
        const group = groups.groupAt(list, index);
        const id = groups.lastId(group, new StreamId()).toString();
        lines.push(`${key} ${nameOf(group)} ${id} ${groups.pendingCount(group)}`);
        for (let there = groups.firstPending(group); there; there = groups.nextPending())
          lines.push(
            `${key} ${nameOf(group)} ${groups.pendingId.toString()} ${groups.deliveryTime} ${groups.deliveryCount} ${nameOf(groups.consumer)}`,
          );
      }
    });
  }
  return lines.sort();
}

/** Runs the commands of an AOF in another engine. */
function replay(bytes: Uint8Array): string {
  const engine = makeEngine(seed + 1);
  const text = Buffer.from(bytes).toString('latin1');
  let at = 0;
  const line = (): number => {
    const end = text.indexOf('\r\n', at);
    const value = Number(text.slice(at + 1, end));
    at = end + 2;
    return value;
  };
  while (at < text.length) {
    const words: Uint8Array[] = [];
    for (let left = line(); left > 0; left--) {
      const length = line();
      words.push(Buffer.from(text.slice(at, at + length), 'latin1'));
      at += length + 2;
    }
    engine.run(...words);
  }
  return hexadecimal(datasetDigest(engine.keyspace));
}

/** Random commands on a few keys, most of which are big. */
class Commands {
  private streamId = 1;

  constructor(
    private readonly engine: Engine,
    private readonly random: Prng,
  ) {}

  private key(kind: string): string {
    return `${kind}:${this.random.below(3)}`;
  }

  private member(): string {
    return this.random.chance(10) ? String(this.random.below(100_000)) : `member-${this.random.below(3000)}`;
  }

  private value(): string {
    return this.random.chance(3) ? 'long'.repeat(400 + this.random.below(4000)) : `value-${this.random.uint32()}`;
  }

  fill(): void {
    const { engine } = this;
    engine.run('SELECT', this.random.below(2));
    for (const kind of KINDS)
      for (let count = 0; count < 3; count++)
        this.grow(kind, `${kind}:${count}`, 30 + this.random.below(kind === 'list' && count === 0 ? 5000 : 1200));
    for (let count = 0; count < 100; count++) engine.run('SET', `s${count}`, this.value());
    for (let count = 0; count < 3; count++)
      for (const group of ['g0', 'g1']) {
        engine.run('XGROUP', 'CREATE', `stream:${count}`, group, '0');
        for (const consumer of ['c0', 'c1', 'c0'])
          engine.run('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 300, 'STREAMS', `stream:${count}`, '>');
      }
    for (let count = 0; count < 3; count++) engine.run('SET', `long:${count}`, this.longString());
  }

  /** Several chunks of a snapshot. */
  private longString(): string {
    const { random } = this;
    const bytes = random.below(600_000);
    return random.chance(50)
      ? 'compressible '.repeat(bytes / 13)
      : Buffer.from(Uint8Array.from({ length: bytes }, () => random.below(128))).toString('latin1');
  }

  private changeString(key: string): void {
    const { engine, random } = this;
    const dice = random.below(10);
    if (dice < 2) engine.run('SET', key, this.longString());
    else if (dice < 4) engine.run('APPEND', key, this.value());
    else if (dice < 6) engine.run('SETRANGE', key, random.below(600_000), this.value());
    else if (dice < 7) engine.run('SETBIT', key, random.below(4_000_000), random.below(2));
    else if (dice < 8) engine.run('UNLINK', key);
    else if (dice < 9) engine.run('RENAME', key, `long:${random.below(3)}`);
    else engine.run('PEXPIREAT', key, 1_700_000_000_000 + random.below(9000));
  }

  private grow(kind: string, key: string, count: number): void {
    const { engine, random } = this;
    for (let left = count; left > 0; left--) {
      if (kind === 'zset') engine.run('ZADD', key, random.below(1000) / 8, this.member());
      else if (kind === 'set') engine.run('SADD', key, this.member());
      else if (kind === 'hash') engine.run('HSET', key, this.member(), this.value());
      else if (kind === 'list')
        engine.run(
          random.chance(50) ? 'LPUSH' : 'RPUSH',
          key,
          random.chance(5) ? 'long'.repeat(3000) : random.chance(50) ? this.member() : this.value(),
        );
      else
        engine.run(
          'XADD',
          key,
          `${this.streamId++}-1`,
          'field',
          this.value(),
          ...(random.chance(20) ? ['other', this.member()] : []),
        );
    }
  }

  one(): void {
    const { engine, random } = this;
    const kind = random.pick(KINDS);
    const key = this.key(kind);
    const dice = random.below(1000);
    if (dice < 20) engine.run('SELECT', random.below(2));
    else if (dice < 25) engine.run('UNLINK', key);
    else if (dice < 30) engine.run('RENAME', key, this.key(kind));
    else if (dice < 35) engine.run('COPY', key, this.key(kind), 'REPLACE');
    else if (dice < 37) engine.run('MOVE', key, random.below(2));
    else if (dice < 40) engine.run('SET', key, 'overwritten');
    else if (dice < 43) engine.run('SWAPDB', 0, 1);
    else if (dice < 44) engine.run('FLUSHDB');
    else if (dice < 48) engine.run('PEXPIREAT', key, 1_700_000_000_000 + random.below(3000));
    else if (dice < 52) engine.tick(random.below(50));
    else if (dice >= 900 && kind === 'stream') this.changePending(key);
    else if (dice < 55) this.changeString(`long:${random.below(3)}`);
    else if (dice < 60) this.grow(kind, key, 200);
    else if (dice < 100) engine.run('SET', `s${random.below(100)}`, this.value());
    else this.change(kind, key);
  }

  /** A group with much pending, and changes of it. */
  private changePending(key: string): void {
    const { engine, random } = this;
    const group = `g${random.below(3)}`;
    const consumer = `c${random.below(3)}`;
    const id = (): string => `${random.below(this.streamId)}-1`;
    const dice = random.below(12);
    if (dice < 2) engine.run('XGROUP', 'CREATE', key, group, '0');
    else if (dice < 5) engine.run('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 400, 'STREAMS', key, '>');
    else if (dice < 7) engine.run('XACK', key, group, id(), id(), id());
    else if (dice < 9) engine.run('XCLAIM', key, group, consumer, 0, id(), id(), 'JUSTID');
    else if (dice < 10) engine.run('XAUTOCLAIM', key, group, consumer, 0, id(), 'COUNT', 50, 'JUSTID');
    else if (dice < 11) engine.run('XGROUP', 'DELCONSUMER', key, group, consumer);
    else if (random.chance(30)) engine.run('XGROUP', 'DESTROY', key, group);
  }

  private change(kind: (typeof KINDS)[number], key: string): void {
    const { engine, random } = this;
    const dice = random.below(10);
    switch (kind) {
      case 'zset':
        if (dice < 3) engine.run('ZADD', key, random.below(1000), this.member());
        else if (dice < 5) engine.run('ZINCRBY', key, 1, this.member());
        else if (dice < 7) engine.run('ZREM', key, this.member());
        else if (dice < 8) engine.run('ZPOPMIN', key, random.chance(5) ? 1100 : random.below(20));
        else if (dice < 9) engine.run('ZREMRANGEBYRANK', key, 5, 5 + random.below(30));
        else engine.run('ZUNIONSTORE', key, 2, key, this.key('zset'));
        return;
      case 'set':
        if (dice < 4) engine.run('SADD', key, this.member());
        else if (dice < 7) engine.run('SREM', key, this.member());
        else if (dice < 8) engine.run('SPOP', key);
        else if (dice < 9) engine.run('SPOP', key, 1 + random.below(20));
        else engine.run('SMOVE', key, this.key('set'), this.member());
        return;
      case 'hash':
        if (dice < 4) engine.run('HSET', key, this.member(), this.value());
        else if (dice < 5) engine.run('HINCRBY', key, `count-${random.below(50)}`, 1);
        else if (dice < 7) engine.run('HDEL', key, this.member(), this.member());
        else if (dice < 9)
          engine.run(
            'HPEXPIREAT',
            key,
            1_700_000_000_000 + random.below(5000),
            'FIELDS',
            2,
            this.member(),
            this.member(),
          );
        else engine.run('HPERSIST', key, 'FIELDS', 1, this.member());
        return;
      case 'list':
        if (dice < 2) engine.run('LPUSH', key, this.value(), this.member());
        else if (dice < 4) engine.run('RPOP', key, random.chance(10) ? 1200 : random.below(10));
        else if (dice < 5) engine.run('LPOP', key);
        else if (dice < 6)
          engine.run('LSET', key, random.below(20), random.chance(50) ? 'long'.repeat(3000) : this.value());
        else if (dice < 7)
          engine.run('LINSERT', key, random.chance(50) ? 'BEFORE' : 'AFTER', this.member(), this.value());
        else if (dice < 8) engine.run('LREM', key, random.below(9) - 4, this.member());
        else if (random.chance(5)) engine.run('LTRIM', key, -5, -1);
        else if (dice < 9)
          engine.run(
            'LTRIM',
            key,
            random.chance(20) ? -1 - random.below(9) : random.below(30),
            -1 - (random.chance(20) ? 0 : random.below(30)),
          );
        else engine.run('LMOVE', key, this.key('list'), 'LEFT', 'RIGHT');
        return;
      default:
        if (dice < 4) engine.run('XADD', key, `${this.streamId++}-1`, 'field', this.value());
        else if (dice < 6) engine.run('XDEL', key, `${random.below(this.streamId)}-1`);
        else if (dice < 7) engine.run('XTRIM', key, 'MAXLEN', 50 + random.below(500));
        else if (dice < 8) engine.run('XGROUP', 'CREATE', key, `g${random.below(3)}`, '0');
        else if (dice < 9)
          engine.run('XREADGROUP', 'GROUP', `g${random.below(3)}`, 'alice', 'COUNT', 20, 'STREAMS', key, '>');
        else engine.run('XACK', key, `g${random.below(3)}`, `${random.below(this.streamId)}-1`);
    }
  }
}

for (const asCommands of [false, true]) {
  test(`changes of big values in the midst of a snapshot ${asCommands ? 'of commands' : 'as RDB'} (seed ${seed})`, () => {
    for (let round = 0; round < 6; round++) {
      const random = new Prng(seed + round);
      const engine = makeEngine(seed + round);
      const emptyBytes = engine.keyspace.usedBytes;
      const commands = new Commands(engine, random);
      engine.run('CONFIG', 'SET', 'list-max-listpack-size', random.pick([-2, -1, 5]));
      commands.fill();
      const { keyspace } = engine;
      const freeAll = (): void => {
        while (!keyspace.freeSome(10_000)) continue;
      };
      const wanted = digestOf(keyspace);
      const wantedGroups = groupsOf(keyspace);
      assert.ok(wantedGroups.length > 1000);
      const { snapshot, bytes } = takeSnapshot(keyspace, asCommands);
      const busy = 1 + random.below(6);
      for (let steps = 0; !snapshot.isOver && steps < 100_000; steps++) {
        for (let count = random.below(busy); count > 0; count--) commands.one();
        snapshot.walk(() => true);
        if (random.chance(20)) keyspace.freeSome(200);
        // SAVE is right in the midst of a snapshot, and does not disturb it.
        if (steps % 50 !== 7) continue;
        const saved = saveNow(keyspace, asCommands);
        if (asCommands) assert.equal(replay(saved), digestOf(keyspace), `round ${round}, SAVE`);
        else {
          const loaded = makeKeyspace();
          loadBytes(loaded, saved);
          assert.equal(digestOf(loaded), digestOf(keyspace), `round ${round}, SAVE`);
          assert.deepEqual(groupsOf(loaded), groupsOf(keyspace), `round ${round}, SAVE`);
        }
      }
      assert.equal(snapshot.heldBytes, 0);
      if (asCommands) assert.equal(replay(bytes()), wanted, `round ${round}`);
      else {
        const loaded = makeKeyspace();
        loadBytes(loaded, bytes());
        assert.equal(digestOf(loaded), wanted, `round ${round}`);
        assert.deepEqual(groupsOf(loaded), wantedGroups, `round ${round}`);
      }
      freeAll();
      keyspace.verify();

      // One that is given up half way leaves nothing behind that the next would see.
      const given = takeSnapshot(keyspace, asCommands);
      const steps = random.below(60);
      for (let step = 0; !given.snapshot.isOver; step++) {
        for (let count = random.below(busy); count > 0; count--) commands.one();
        if (step === steps) given.snapshot.abort();
        given.snapshot.walk(() => true);
      }
      const now = digestOf(keyspace);
      const next = takeSnapshot(keyspace, false);
      next.snapshot.walk(() => false);
      const again = makeKeyspace();
      loadBytes(again, next.bytes());
      assert.equal(digestOf(again), now, `round ${round}, after one that was given up`);
      freeAll();
      keyspace.verify();
      engine.run('FLUSHALL');
      freeAll();
      assert.equal(keyspace.usedBytes, emptyBytes, 'all is freed');
    }
  });
}

test('a list that becomes a listpack of its last node, and elements with a node of their own', () => {
  const engine = makeEngine(seed);
  const lists = Array.from({ length: 80 }, (_, index) => `list:${index}`);
  for (const key of lists)
    engine.run('RPUSH', key, ...Array.from({ length: 300 }, (_, index) => `element number ${index} of a long list`));
  for (let index = 0; index < 20; index++) engine.run('RPUSH', 'plain', `${index}`.repeat(10_000));
  const wanted = digestOf(engine.keyspace);
  const { snapshot, bytes } = takeSnapshot(engine.keyspace, false);
  // One of the lengths leaves exactly the last node, which nothing has touched before it becomes the listpack.
  lists.forEach((key, left) => {
    engine.run('LTRIM', key, -1 - left, -1);
    for (let index = 0; index <= left; index++)
      engine.run('LSET', key, index, 'other bytes, just as long as the rest.');
  });
  for (let index = 0; index < 20; index++) engine.run('LSET', 'plain', index, 'y'.repeat(10_000 + index));
  snapshot.walk(() => false);
  const loaded = makeKeyspace();
  loadBytes(loaded, bytes());
  assert.equal(digestOf(loaded), wanted);
  engine.keyspace.verify();
});

test('what is cut off or swept out in the midst of a snapshot is in it', () => {
  const engine = makeEngine(seed);
  const numbers = Array.from({ length: 6000 }, (_, index) => index);
  engine.run('CONFIG', 'SET', 'stream-node-max-entries', 5);
  for (const key of ['trimmed', 'pending'])
    for (const number of numbers) engine.run('XADD', key, `${number + 1}-0`, 'f', 'v');
  engine.run('ZADD', 'z', ...numbers.flatMap((number) => [number, `member-${number}`]));
  for (const group of ['kept', 'destroyed']) {
    engine.run('XGROUP', 'CREATE', 'pending', group, '0');
    for (const consumer of ['a', 'b'])
      engine.run('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 2500, 'STREAMS', 'pending', '>');
  }
  const wanted = digestOf(engine.keyspace);
  const wantedGroups = groupsOf(engine.keyspace);
  assert.equal(wantedGroups.length, 10_002);
  const { snapshot, bytes } = takeSnapshot(engine.keyspace, false);
  for (let steps = 0; steps < 3; steps++) snapshot.walk(() => true);
  engine.run('XTRIM', 'trimmed', 'MAXLEN', 100);
  engine.run('ZREMRANGEBYRANK', 'z', 0, 3999);
  engine.run('XGROUP', 'DELCONSUMER', 'pending', 'kept', 'a');
  engine.run('XGROUP', 'DESTROY', 'pending', 'destroyed');
  while (!engine.keyspace.freeSome(1000)) continue;
  for (const number of numbers) engine.run('XADD', 'trimmed', `${number + 7001}-0`, 'g', 'other');
  snapshot.walk(() => false);
  const loaded = makeKeyspace();
  loadBytes(loaded, bytes());
  assert.equal(digestOf(loaded), wanted);
  assert.deepEqual(groupsOf(loaded), wantedGroups);
  while (!engine.keyspace.freeSome(1000)) continue;
  engine.keyspace.verify();
  engine.run('FLUSHALL');
  while (!engine.keyspace.freeSome(1000)) continue;
  assert.equal(engine.keyspace.arena.guard, null);
});
