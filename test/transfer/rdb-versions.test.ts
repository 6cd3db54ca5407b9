import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { rdbFile } from '../../src/transfer/sources/rdb-file.js';
import { peerMissing, startRedis } from '../peer.js';
import { digestOf, kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

/** A key of each type and encoding, and what only later versions know. */
const commands: readonly (readonly string[])[] = [
  ['SET', 'string', 'hello'],
  ['SET', 'number', '-12345'],
  ['SET', 'expires', 'abc'.repeat(100), 'PXAT', '9999999999999'],
  ['RPUSH', 'list', 'a', '1', 'x'.repeat(100)],
  ['RPUSH', 'long list', ...Array.from({ length: 300 }, (_, index) => `${index}`.repeat(20))],
  ['SADD', 'integers', '1', '70000', '-5'],
  ['SADD', 'set', 'a', 'b'],
  ['SADD', 'big set', ...Array.from({ length: 600 }, (_, index) => `member ${index}`)],
  ['ZADD', 'zset', '1.5', 'a', '-inf', 'b', '0.1', 'c', '9007199254740993', 'd'],
  ['ZADD', 'big zset', ...Array.from({ length: 300 }, (_, index) => [String(index / 3), `m${index}`]).flat()],
  ['HSET', 'hash', 'f', 'v', 'g', '7'],
  ['HSET', 'big hash', ...Array.from({ length: 300 }, (_, index) => [`f${index}`, 'v'.repeat(70)]).flat()],
  ['XADD', 'stream', '1-1', 'a', 'b'],
  ['XADD', 'stream', '2-1', 'c', 'd'],
  ['XGROUP', 'CREATE', 'stream', 'group', '0'],
  ['XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', '1', 'STREAMS', 'stream', '>'],
  ['HSET', 'aging', 'f', 'v', 'g', 'w'],
  ['HPEXPIREAT', 'aging', '9999999999999', 'FIELDS', '1', 'f'],
  ['FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)"],
  ['-n', '3', 'SET', 'other', '1'],
];

interface Version {
  readonly version: string;
  /** The highest type of RDB that the version knows. */
  readonly typeMax: number;
  readonly losses: readonly RegExp[];
  /** What `diff` says of the file and the original. */
  readonly differences: readonly string[];
}

const streams = /^left out: streams \(since RDB 9, Redis 5\.0\): 1 key$/m;
const functions = /^left out: function libraries/m;
const aging = /^lost: the time to live of hash fields .*: 1 key$/m;
const counters = /^lost: the entries-read counter/m;
const hashDiffers = '~ db0 aging (value)';
const versions: readonly Version[] = [
  {
    version: '6',
    typeMax: 13,
    losses: [streams, functions, aging],
    differences: ['- db0 stream (stream)', hashDiffers],
  },
  {
    version: '7',
    typeMax: 14,
    losses: [streams, functions, aging],
    differences: ['- db0 stream (stream)', hashDiffers],
  },
  { version: '9', typeMax: 15, losses: [functions, counters, aging], differences: [hashDiffers] },
  { version: '10', typeMax: 19, losses: [aging], differences: [hashDiffers] },
  { version: '11', typeMax: 21, losses: [aging], differences: [hashDiffers] },
  { version: '12', typeMax: 25, losses: [], differences: [] },
];

describe('RDB files', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('convert to every version, name each loss, and load in the servers of that version', async (t) => {
    const server = await kvasirWithDebug();
    t.after(() => server.stop());
    for (const command of commands) await server.send(...command);
    await server.send('SAVE');
    const digest = await digestOf(server);
    await server.send('HPERSIST', 'aging', 'FIELDS', '1', 'f');
    const withoutAging = await digestOf(server);
    await server.send('DEL', 'stream');
    const withoutStreams = await digestOf(server);
    await withFolder(async (folder) => {
      const original = join(folder, 'original.rdb');
      copyFileSync(join(server.folder, 'dump.rdb'), original);
      for (const { version, typeMax, losses, differences } of versions) {
        const file = join(folder, `${version}.rdb`);
        const words = ['convert', original, '--to', version, '-o', file];
        const ran = await runTool('kvasir-rdb', words);
        assert.equal(ran.status, losses.length > 0 ? 1 : 0, `${version}: ${ran.stderr}`);
        assert.equal((ran.stderr.match(/^(lost|left out): /gm) ?? []).length, losses.length, ran.stderr);
        for (const loss of losses) assert.match(ran.stderr, loss, version);
        await mustRun('kvasir-rdb', [...words, '--accept-loss']);
        assert.equal(readFileSync(file, 'latin1').slice(0, 9), `REDIS${version.padStart(4, '0')}`);
        for await (const { records } of rdbFile(file).batches())
          for (const record of records)
            if (record.what === 'key') assert.ok(record.rdbType <= typeMax, `${version}: ${record.rdbType}`);
        const diff = await runTool('kvasir-rdb', ['diff', original, file]);
        assert.deepEqual(diff.stdout.toString().split('\n').filter(Boolean).sort(), [...differences], version);
        const place = ['--dbfilename', `${version}.rdb`, '--dir', folder];
        // Kvasir stands for the servers after 7.0.
        const peer = await (Number(version) > 10
          ? kvasirWithDebug(place)
          : startRedis({ args: [...place, '--enable-debug-command', 'yes'] }));
        try {
          const wanted = version === '12' ? digest : Number(version) < 9 ? withoutStreams : withoutAging;
          assert.equal(await digestOf(peer), wanted, version);
          if (Number(version) >= 9) assert.match(await peer.send('XPENDING', 'stream', 'group'), /^1\n1-1\n1-1\nme\n1/);
          if (Number(version) >= 10) assert.match(await peer.send('FUNCTION', 'LIST'), /\blib\b/);
        } finally {
          await peer.stop({ signal: 'SIGKILL' });
        }
      }
      for (const wrong of ['5', '8', '13', 'x']) {
        const refused = await runTool('kvasir-rdb', ['convert', original, '--to', wrong, '-o', join(folder, 'no.rdb')]);
        assert.equal(refused.status, 2, wrong);
      }
    });
  });

  it('tell memory by type, encoding and prefix, times to live, and a line for each key', async (t) => {
    const server = await kvasirWithDebug();
    t.after(() => server.stop());
    const nowMs = Date.now();
    for (const command of [
      ['SET', 'user:1:name', 'Ann'],
      ['SET', 'user:2:name', 'x'.repeat(100), 'PXAT', String(nowMs + 7_200_000)],
      ['SET', 'user:3', '42', 'PXAT', String(nowMs + 40 * 86_400_000)],
      ['RPUSH', 'queue', 'a', 'bb'],
      ['HSET', 'order:1,"x"', 'field', 'y'.repeat(70)],
    ])
      await server.send(...command);
    await server.send('SAVE');
    const file = join(server.folder, 'dump.rdb');
    interface Group {
      readonly keys: number;
      readonly bytes: number;
      readonly elements: number;
    }
    const statsOf = async (...words: string[]): Promise<Record<string, Record<string, Group>>> =>
      JSON.parse((await mustRun('kvasir-rdb', ['stats', file, '--json', ...words])).stdout.toString()) as never;
    const counts = (groups: Record<string, Group>): Record<string, number> =>
      Object.fromEntries(Object.entries(groups).map(([name, { keys }]) => [name, keys]));
    const stats = await statsOf();
    assert.deepEqual(counts(stats.types!), { string: 3, hash: 1, list: 1 });
    assert.deepEqual(counts(stats.prefixes!), { 'user:*': 3, 'order:*': 1, '(no prefix)': 1 });
    assert.deepEqual(stats.ttl, { none: 3, '< 1 day': 1, '30 days or more': 1 });
    assert.deepEqual(counts(stats.encodings!), {
      'string embstr': 1,
      'string raw': 1,
      'string int': 1,
      'hash hashtable': 1,
      'list quicklist': 1,
    });
    const sum = (groups: Record<string, Group>): number =>
      Object.values(groups).reduce((all, { bytes }) => all + bytes, 0);
    for (const groups of ['types', 'prefixes', 'encodings', 'databases'])
      assert.equal(sum(stats[groups]!), Number(stats.bytes), groups);
    assert.deepEqual(counts((await statsOf('--depth', '2')).prefixes!), {
      'user:1:*': 1,
      'user:2:*': 1,
      'user:*': 1,
      'order:*': 1,
      '(no prefix)': 1,
    });
    assert.deepEqual(counts((await statsOf('--separator', '1')).prefixes!), {
      'user:1*': 1,
      'order:1*': 1,
      '(no prefix)': 3,
    });
    const { biggest } = (await statsOf('--top', '2')) as unknown as { biggest: { key: string }[] };
    assert.deepEqual(biggest.map(({ key }) => key).sort(), [String.raw`order:1,\"x\"`, 'user:2:name']);
    const text = (await mustRun('kvasir-rdb', ['stats', file, '--match', 'user:*'])).stdout.toString();
    assert.match(text, /^3 keys, about .* in redis-server\n/);
    const csv = (await mustRun('kvasir-rdb', ['stats', file, '--csv'])).stdout.toString();
    assert.match(csv, /^0,string,user:1:name,\d+,embstr,1,3,$/m);
    assert.match(csv, /^0,string,user:2:name,\d+,raw,1,100,\d{4}-\d\d-\d\dT[\d:.]+$/m);
    assert.match(csv, /^0,list,queue,\d+,quicklist,2,2,$/m);
    assert.match(csv, /^0,hash,"order:1,\\""x\\""",\d+,hashtable,1,70,$/m);
  });
});
