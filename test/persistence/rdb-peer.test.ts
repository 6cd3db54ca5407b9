// RDB files of a real redis-server load here with the same digest, and ours load there.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { RealFiles } from '../../src/io/files.js';
import type { Keyspace } from '../../src/keyspace/keyspace.js';
import { Compression, RdbWriter } from '../../src/persistence/rdb-writer.js';
import { RdbSnapshotEncoder } from '../../src/persistence/rdb-snapshot.js';
import { Snapshot } from '../../src/persistence/snapshot.js';
import { DirectFileSink } from '../../src/persistence/snapshot-sink.js';
import { peerMissing, startRedis } from '../peer.js';
import { dataset, sendAll } from './dataset.js';
import { digestOf, loadBytes, makeKeyspace } from './local.js';

const seed = Number(process.env.SEED ?? 515);
const debug = ['--enable-debug-command', 'yes', '--dbfilename', 'dump.rdb'];
/** Every collection in its big form, and strings uncompressed. */
const big = [
  '--hash-max-listpack-entries', '0', '--zset-max-listpack-entries', '0', '--set-max-intset-entries', '0', '--list-max-listpack-size', '4',
  '--stream-node-max-entries', '5', '--rdbcompression', 'no',
];

function saveTo(keyspace: Keyspace, path: string, compresses: boolean): void {
  const sink = new DirectFileSink(new RealFiles(), { temporaryPath: `${path}.tmp`, finalPath: path, checksum: 'on', incrementalSync: false });
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
  for (const [name, flags] of [['default limits', []], ['big encodings', big]] as const) {
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
        other = await startRedis({ args: ['--enable-debug-command', 'yes', '--dbfilename', 'ours.rdb', '--sanitize-dump-payload', 'yes'], folder: redis.folder });
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

  test(`truncated at any byte and with flipped bits: an error or, unseen by no checksum, the same data (seed ${seed})`, async () => {
    const redis = await startRedis({ args: debug });
    try {
      await sendAll(redis.port, dataset({ seed: seed + 1, keys: 3, withFunctions: false }));
      await redis.send('SAVE');
      const bytes = new Uint8Array(readFileSync(join(redis.folder, 'dump.rdb')));
      const stride = Math.max(1, Math.floor(bytes.length / 1500));
      for (let length = 0; length < bytes.length; length += length < 2000 ? 1 : stride) {
        assert.throws(() => loadBytes(makeKeyspace(), bytes.subarray(0, length)), /offset/, `cut at ${length}`);
      }
      for (let at = 9; at < bytes.length - 8; at += stride * 3) {
        const damaged = bytes.slice();
        damaged[at]! ^= 1 << at % 8;
        const keyspace = makeKeyspace();
        assert.throws(() => loadBytes(keyspace, damaged), /offset/, `bit flipped at ${at}`);
        if (at % 50 === 0) keyspace.verify();
      }
    } finally {
      await redis.stop();
    }
  });
});

test('files of old versions load: ziplists, zipmaps, linked lists, scores as text', () => {
  const { bytes, keys } = oldFile();
  const keyspace = makeKeyspace();
  assert.equal(loadBytes(keyspace, bytes, 7).keysLoaded, keys);
  keyspace.verify();
});

/** An RDB of version 4, made by hand: no checksum, expiry in seconds. */
function oldFile(): { bytes: Uint8Array; keys: number } {
  const parts: Buffer[] = [Buffer.from('REDIS0004'), Buffer.from([0xfe, 0])];
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
  const blob = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0x40 | (bytes.length >> 8), bytes.length & 255]), bytes]);
  parts.push(Buffer.from([1]), text('list'), Buffer.from([2]), text('a'), text('b'));
  parts.push(Buffer.from([10]), text('ziplist'), blob(ziplist(['x', 'yy', 'zzz'])));
  parts.push(Buffer.from([3]), text('zset'), Buffer.from([2]), text('m'), text('1.5'), text('n'), Buffer.from([254]));
  parts.push(Buffer.from([12]), text('zzip'), blob(ziplist(['m', '1', 'n', '2'])));
  parts.push(Buffer.from([13]), text('hzip'), blob(ziplist(['f', 'v', 'g', 'w'])));
  parts.push(Buffer.from([9]), text('zipmap'), blob(Buffer.concat([Buffer.from([2]), text('f'), Buffer.from([1, 2]), Buffer.from('v..'), text('g'), Buffer.from([1, 0]), Buffer.from('w'), Buffer.from([255])])));
  const expiry = Buffer.alloc(5);
  expiry[0] = 0xfd;
  expiry.writeInt32LE(2_000_000_000, 1);
  parts.push(expiry, Buffer.from([0]), text('aging'), text('v'), Buffer.from([255]));
  return { bytes: new Uint8Array(Buffer.concat(parts)), keys: 7 };
}
