// RDB files of a real redis-server load here with the same digest, and ours load there.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { Encoding } from '../../src/datatypes/object.js';
import { RealFiles } from '../../src/io/files.js';
import { SimulatedFiles } from '../../src/io/files-simulated.js';
import type { Keyspace } from '../../src/keyspace/keyspace.js';
import { Compression, RdbWriter } from '../../src/persistence/rdb/writer.js';
import { RdbSnapshotEncoder } from '../../src/persistence/rdb/snapshot-encoder.js';
import { Snapshot } from '../../src/persistence/snapshot/snapshot.js';
import { DirectFileSink } from '../../src/persistence/snapshot/snapshot-sink.js';
import { saveWhole } from '../../src/persistence/snapshot/whole-save.js';
import { peerMissing, startRedis } from '../peer.js';
import { dataset, sendAll } from './dataset.js';
import { makeEngine } from './engine.js';
import { digestOf, loadBytes, makeKeyspace } from './local.js';

const seed = Number(process.env.SEED ?? 515);
/** KVASIR_LONG=1 cuts the file at every byte. */
const isLong = process.env.KVASIR_LONG === '1';
const debug = ['--enable-debug-command', 'yes', '--dbfilename', 'dump.rdb'];
/** Every collection in its big form, and strings uncompressed. */
const big = [
  '--hash-max-listpack-entries',
  '0',
  '--zset-max-listpack-entries',
  '0',
  '--set-max-intset-entries',
  '0',
  '--list-max-listpack-size',
  '4',
  '--stream-node-max-entries',
  '5',
  '--rdbcompression',
  'no',
];

function saveTo(keyspace: Keyspace, path: string, compresses: boolean): void {
  const sink = new DirectFileSink(new RealFiles(), {
    temporaryPath: `${path}.tmp`,
    finalPath: path,
    checksum: 'on',
    incrementalSync: false,
  });
  const compression = compresses ? Compression.marked : Compression.none;
  const writer = new RdbWriter(compression);
  const options = { aux: [['redis-ver', '7.0.15'] as const], functions: [], uses: 'none' as const };
  const snapshot = new Snapshot(keyspace, new RdbSnapshotEncoder(keyspace, options, writer), sink, writer);
  snapshot.walk(() => false);
  let failure: Error | null = null;
  sink.finish((error) => (failure = error));
  assert.equal(failure, null);
}

describe('RDB files in both directions', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  for (const [name, flags] of [
    ['default limits', []],
    ['big encodings', big],
  ] as const) {
    test(`${name}: the digests agree (seed ${seed})`, async () => {
      const redis = await startRedis({ args: [...debug, ...flags] });
      let other;
      try {
        await sendAll(redis.port, dataset({ seed, keys: 24, withFunctions: true }));
        assert.equal(await redis.send('SAVE'), 'OK');
        const wanted = await redis.send('DEBUG', 'DIGEST');
        const bytes = new Uint8Array(readFileSync(join(redis.folder, 'dump.rdb')));
        for (const step of [bytes.length, 4096, 61]) {
          const keyspace = makeKeyspace();
          const loader = loadBytes(keyspace, bytes, step);
          keyspace.verify();
          assert.equal(loader.functionsLoaded, 1);
          assert.equal(digestOf(keyspace), wanted, `in steps of ${step}`);
        }
        const keyspace = makeKeyspace();
        loadBytes(keyspace, bytes);
        rmSync(join(redis.folder, 'dump.rdb'));
        saveTo(keyspace, join(redis.folder, 'ours.rdb'), flags.length === 0);
        keyspace.verify();
        assert.equal(digestOf(keyspace), wanted, 'saving changes nothing');
        other = await startRedis({
          args: ['--enable-debug-command', 'yes', '--dbfilename', 'ours.rdb', '--sanitize-dump-payload', 'yes'],
          folder: redis.folder,
        });
        assert.equal(await other.send('DEBUG', 'DIGEST'), wanted);
        const again = makeKeyspace();
        loadBytes(again, new Uint8Array(readFileSync(join(redis.folder, 'ours.rdb'))));
        assert.equal(digestOf(again), wanted, 'our own file');
      } finally {
        await other?.stop({ keepFolder: true });
        await redis.stop();
      }
    });
  }

  test(`truncated at many bytes and with flipped bits: an error or, unseen by no checksum, the same data (seed ${seed})`, async () => {
    const redis = await startRedis({ args: debug });
    try {
      await sendAll(redis.port, dataset({ seed: seed + 1, keys: 3, withFunctions: false }));
      await redis.send('SAVE');
      const bytes = new Uint8Array(readFileSync(join(redis.folder, 'dump.rdb')));
      const stride = Math.max(1, Math.floor(bytes.length / (isLong ? 1500 : 300)));
      for (let length = 0; length < bytes.length; length += length < 2000 ? (isLong ? 1 : 7) : stride) {
        assert.throws(() => loadBytes(makeKeyspace(), bytes.subarray(0, length)), /offset/, `cut at ${length}`);
      }
      for (let at = 9; at < bytes.length - 8; at += stride * 3) {
        const damaged = bytes.slice();
        damaged[at]! ^= 1 << (at % 8);
        const keyspace = makeKeyspace();
        assert.throws(() => loadBytes(keyspace, damaged), /offset/, `bit flipped at ${at}`);
        if (at % 50 === 0) keyspace.verify();
      }
    } finally {
      await redis.stop();
    }
  });
});

test('files of versions 1 to 9 load: linked lists, scores as text, zipmaps, ziplists, quicklists of them', () => {
  for (let version = 1; version <= 9; version++) {
    const { bytes, commands } = oldFile(version);
    const wanted = makeEngine(seed);
    for (const command of commands) wanted.run(...command);
    const keyspace = makeKeyspace();
    assert.equal(loadBytes(keyspace, bytes, 7).keysLoaded, commands.length);
    keyspace.verify();
    assert.equal(digestOf(keyspace), digestOf(wanted.keyspace), `version ${version}`);
  }
});

test('a file that redis 8.0 wrote loads: hash fields that expire in both forms, sets as listpacks, streams of version 3, functions', () => {
  const bytes = new Uint8Array(
    readFileSync(new URL('../../../test/persistence/fixtures/redis-8.0-dev.rdb', import.meta.url)),
  );
  assert.equal(Buffer.from(bytes.subarray(0, 9)).toString(), 'REDIS0012');
  const keyspace = makeKeyspace();
  assert.equal(loadBytes(keyspace, bytes, 1000).keysLoaded, 16);
  keyspace.verify();
  // What DEBUG DIGEST said there.
  const digest = '1eafe8eec0c65ff417f802694faadc1c3ef21fc1';
  assert.equal(digestOf(keyspace), digest);
  const entryOf = (name: string): number => {
    const key = new TextEncoder().encode(name);
    return keyspace.databases[0]!.peek(key, 0, key.length);
  };
  assert.equal(keyspace.entries.encoding(entryOf('small')), Encoding.LISTPACK_EX);
  assert.equal(keyspace.nextFieldExpiry(entryOf('small')), 4_102_444_800_000);
  assert.equal(keyspace.entries.encoding(entryOf('big')), Encoding.HASHTABLE);
  assert.equal(keyspace.nextFieldExpiry(entryOf('big')), 4_102_444_800_001);
  assert.equal(keyspace.entries.encoding(entryOf('lpset')), Encoding.LISTPACK);

  // A file written from it loads again, groups of streams and times of fields included.
  const again = makeKeyspace();
  loadBytes(again, writtenBy(keyspace));
  assert.equal(digestOf(again), digest);
  assert.deepEqual(writtenBy(again), writtenBy(keyspace));

  for (let length = 0; length < bytes.length; length += 41)
    assert.throws(() => loadBytes(makeKeyspace(), bytes.subarray(0, length)), /offset/, `cut at ${length}`);
  const random = new Prng(seed);
  for (let round = 0; round < 300; round++) {
    const damaged = bytes.slice();
    damaged[9 + random.below(bytes.length - 17)]! ^= 1 << random.below(8);
    assert.throws(() => loadBytes(makeKeyspace(), damaged), /offset/);
  }
});

function writtenBy(keyspace: Keyspace): Uint8Array {
  const files = new SimulatedFiles();
  const sink = new DirectFileSink(files, {
    temporaryPath: '/t',
    finalPath: '/f',
    checksum: 'on',
    incrementalSync: false,
  });
  assert.equal(
    saveWhole(
      keyspace,
      (writer) => new RdbSnapshotEncoder(keyspace, { aux: [], functions: [], uses: 'none' }, writer),
      sink,
      true,
    ),
    null,
  );
  return files.get('/f');
}

/** An RDB made by hand, and the commands that make the same: no checksum before version 5, expiry in seconds. */
function oldFile(version: number): { bytes: Uint8Array; commands: (string | number)[][] } {
  const parts: Buffer[] = [Buffer.from(`REDIS000${version}`), Buffer.from([0xfe, 0])];
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const ziplist = (items: readonly string[]): Buffer => {
    const body: Buffer[] = [];
    let previous = 0;
    let tail = 10;
    let at = 10;
    for (const item of items) {
      const entry = Buffer.concat([Buffer.from([previous, item.length]), Buffer.from(item)]);
      body.push(entry);
      tail = at;
      at += entry.length;
      previous = entry.length;
    }
    const head = Buffer.alloc(10);
    head.writeUInt32LE(at + 1, 0);
    head.writeUInt32LE(tail, 4);
    head.writeUInt16LE(items.length, 8);
    return Buffer.concat([head, ...body, Buffer.from([255])]);
  };
  const blob = (bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x40 | (bytes.length >> 8), bytes.length & 255]), bytes]);
  const commands: (string | number)[][] = [];
  const add = (
    type: number,
    key: string,
    value: readonly Buffer[],
    command: string,
    ...rest: (string | number)[]
  ): void => {
    parts.push(Buffer.from([type]), text(key), ...value);
    commands.push([command, key, ...rest]);
  };
  const count = (elements: number): Buffer => Buffer.from([elements]);
  add(0, 'string', [text('value')], 'SET', 'value');
  add(0, 'integer', [Buffer.from([0xc1, 0x39, 0x30])], 'SET', 12345);
  add(0, 'packed', [Buffer.from([0xc3, 9, 30, 1, 0x61, 0x61, 0xe0, 17, 0, 1, 0x61, 0x61])], 'SET', 'a'.repeat(30));
  add(1, 'list', [count(2), text('a'), text('b')], 'RPUSH', 'a', 'b');
  add(2, 'set', [count(2), text('a'), text('b')], 'SADD', 'a', 'b');
  add(
    3,
    'zset',
    [count(3), text('m'), text('1.5'), text('n'), Buffer.from([254]), text('o'), Buffer.from([255])],
    'ZADD',
    1.5,
    'm',
    'inf',
    'n',
    '-inf',
    'o',
  );
  add(4, 'hash', [count(1), text('f'), text('v')], 'HSET', 'f', 'v');
  if (version >= 2) {
    const zipmap = Buffer.concat([
      Buffer.from([2]),
      text('f'),
      Buffer.from([1, 2]),
      Buffer.from('v..'),
      text('g'),
      Buffer.from([1, 0]),
      Buffer.from('w'),
      Buffer.from([255]),
    ]);
    add(9, 'zipmap', [blob(zipmap)], 'HSET', 'f', 'v', 'g', 'w');
    add(10, 'ziplist', [blob(ziplist(['x', 'yy', 'zzz']))], 'RPUSH', 'x', 'yy', 'zzz');
    add(11, 'intset', [blob(Buffer.from([2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 7, 0]))], 'SADD', 5, 7);
    add(12, 'zzip', [blob(ziplist(['m', '1', 'n', '2']))], 'ZADD', 1, 'm', 2, 'n');
  }
  if (version >= 4) add(13, 'hzip', [blob(ziplist(['f', 'v', 'g', 'w']))], 'HSET', 'f', 'v', 'g', 'w');
  if (version >= 7)
    add(14, 'quick', [count(2), blob(ziplist(['a', 'b'])), blob(ziplist(['c']))], 'RPUSH', 'a', 'b', 'c');
  if (version >= 8) {
    const score = Buffer.alloc(8);
    score.writeDoubleLE(2.25);
    add(5, 'zset2', [count(1), text('m'), score], 'ZADD', 2.25, 'm');
  }
  const expiry = Buffer.alloc(5);
  expiry[0] = 0xfd;
  expiry.writeInt32LE(2_000_000_000, 1);
  parts.push(expiry);
  add(0, 'aging', [text('v')], 'SET', 'v', 'EXAT', 2_000_000_000);
  parts.push(Buffer.from([255]));
  // A checksum of zero says that there is none.
  if (version >= 5) parts.push(Buffer.alloc(8));
  return { bytes: new Uint8Array(Buffer.concat(parts)), commands };
}
