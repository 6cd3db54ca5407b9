// Files with values that contradict themselves: they load, the log says what was mended, and kvasir-check-rdb says the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCheckRdb } from '../../checkers/check-rdb.js';
import { defaultDataLimits } from '../../registry/data-limits.js';
import { SimulatedFiles } from '../../io/files-simulated.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { Persistence } from '../persistence.js';
import { RdbError, RdbReader } from './reader.js';
import { RdbLoader } from './loader.js';
import { makeEngine } from '../../../test/persistence/engine.js';
import { digestOf, LocalHost, makeKeyspace } from '../../../test/persistence/local.js';
import {
  damagedSamples,
  double,
  int64,
  intset,
  length,
  listpack,
  rdbFile,
  soundSamples,
  string,
  ziplist,
} from '../../../test/persistence/payloads.js';

interface Loaded {
  readonly keyspace: Keyspace;
  readonly loader: RdbLoader;
  readonly log: string;
}

function load(bytes: Uint8Array, refusesDamage = false, dropsExpired = true): Loaded {
  const keyspace = makeKeyspace();
  let log = '';
  const loader = new RdbLoader(keyspace, defaultDataLimits(), {
    dropsExpired,
    loadFunction: () => undefined,
    log: (text) => (log += `${text}\n`),
  });
  loader.refusesDamage = refusesDamage;
  const reader = new RdbReader();
  reader.push(bytes);
  reader.finish();
  while (loader.run(reader) !== 'end');
  keyspace.verify();
  return { keyspace, loader, log };
}

function check(bytes: Uint8Array): { code: number; text: string } {
  const files = new SimulatedFiles();
  files.put('/x.rdb', bytes);
  let text = '';
  const out = (part: string): void => void (text += part);
  const code = runCheckRdb(['/x.rdb'], { name: 'kvasir-check-rdb', files, nowMs: 0, out, err: out });
  return { code, text };
}

/** Digest of the key that these commands make. */
function digestAfter(...commands: (string | number)[][]): string {
  const engine = makeEngine(1);
  for (const command of commands) engine.run(...command);
  return digestOf(engine.keyspace);
}

test('what redis-server loads loads, mended and with a line in the log', () => {
  const wanted: Readonly<Record<string, readonly [RegExp, ...(string | number)[][]]>> = {
    'a set member twice': [/1 duplicate/, ['SADD', 'k', 'a', 'b']],
    'a zset member twice': [/1 duplicate/, ['ZADD', 'k', 1, 'm']],
    'a hash field twice': [/1 duplicate/, ['HSET', 'k', 'f', 1, 'g', 2]],
    'a zipmap field twice': [/1 duplicate/, ['HSET', 'k', 'f', 1]],
    'an unsorted intset': [/1 elements out of order/, ['SADD', 'k', 5, 6, 7]],
    'an intset with a member twice': [/1 duplicate/, ['SADD', 'k', 5, 7]],
    'an unsorted ziplist of a zset': [/^$/, ['ZADD', 'k', 1, 'n', 2, 'm']],
    'a ziplist with a zset member twice': [/1 duplicate/, ['ZADD', 'k', 1, 'm']],
    'a ziplist with a hash field twice': [/1 duplicate/, ['HSET', 'k', 'f', 1]],
    'a listpack with a hash field twice': [/1 duplicate/, ['HSET', 'k', 'f', 1, 'g', 2]],
    'a listpack with a zset member twice': [/1 duplicate/, ['ZADD', 'k', 1, 'm']],
    'a listpack with a score that is none': [/1 scores/, ['ZADD', 'k', 1, 'm']],
    'a quicklist with an empty node': [/^$/, ['RPUSH', 'k', 'c']],
    'stream: length too high': [/4 entries more or fewer/],
    'stream: last node dead': [/1 stream nodes without a live entry/],
    'stream: live count wrong': [/1 stream nodes with wrong counts/],
    'stream: entries that end wrong': [/1 stream nodes with wrong counts/],
    'stream: last id too low': [/last id below/],
    'stream: first id wrong': [/first id/],
    'stream: pending without consumer': [/1 pending entries without a consumer/],
    'stream: pending of two consumers': [/1 pending entries of two consumers/],
  };
  const samples = new Map(damagedSamples().map((sample) => [sample.name, sample]));
  for (const [name, [said, ...commands]] of Object.entries(wanted)) {
    const { type, value } = samples.get(name)!;
    const bytes = rdbFile([{ name: 'k', type, value }]);
    const { keyspace, log, loader } = load(bytes);
    assert.match(log, said, name);
    if (log !== '') assert.match(log, /^Key 'k' in DB 0 was repaired: /, name);
    assert.equal(loader.keysLoaded, 1, name);
    if (commands.length > 0) assert.equal(digestOf(keyspace), digestAfter(...commands), name);
    const verdict = check(bytes);
    assert.equal(verdict.code, 0, `${name}: ${verdict.text}`);
    if (log !== '') assert.match(verdict.text, /Key 'k' in DB 0 was repaired: /, name);
    if (/duplicate|consumer|without a live|wrong counts|more or fewer/.test(said.source))
      assert.throws(() => load(bytes, true), RdbError, name);
  }
});

test('what is loaded and what kvasir-check-rdb passes is the same', () => {
  for (const { name, type, value } of [...soundSamples(), ...damagedSamples()]) {
    const bytes = rdbFile([{ name: 'k', type, value }]);
    let loads = true;
    try {
      load(bytes);
    } catch (error) {
      if (!(error instanceof RdbError)) throw error;
      loads = false;
    }
    const { code, text } = check(bytes);
    assert.equal(code === 0, loads, `${name}: ${text}`);
  }
});

test('a stream that has lost its last node to XTRIM goes on where it was', () => {
  const sample = damagedSamples().find(({ name }) => name === 'stream: last node dead')!;
  const { keyspace } = load(rdbFile([{ name: 'k', type: sample.type, value: sample.value }]));
  const key = new TextEncoder().encode('k');
  const entry = keyspace.databases[0]!.peek(key, 0, key.length);
  assert.equal(keyspace.values.streams.length(keyspace.entries.word2(entry) as never), 1);
});

test('big values that contradict themselves are mended too', () => {
  const numbers = Array.from({ length: 1000 }, (_, index) => (index * 7919) % 1000);
  const unsorted = load(rdbFile([{ name: 'k', type: 11, value: string(intset([...numbers, 5], 4)) }]));
  assert.equal(digestOf(unsorted.keyspace), digestAfter(['SADD', 'k', ...numbers]));
  const fields = numbers.slice(0, 300).flatMap((number) => [`f${number}`, String(number)]);
  for (const [type, value] of [
    [16, string(listpack([...fields, 'f0', 'other']))],
    [4, Buffer.concat([length(301), ...[...fields, 'f0', 'other'].map(string)])],
  ] as const) {
    const { keyspace, log } = load(rdbFile([{ name: 'k', type, value }]));
    assert.match(log, /1 duplicate/);
    assert.equal(digestOf(keyspace), digestAfter(['HSET', 'k', ...fields]));
  }
});

test('a score of minus zero stays what it is in what was packed', () => {
  for (const name of ['minus zero in a ziplist', 'minus zero in a listpack']) {
    const { type, value } = damagedSamples().find((sample) => sample.name === name)!;
    const { keyspace } = load(rdbFile([{ name: 'k', type, value }]));
    const key = new TextEncoder().encode('k');
    const entry = keyspace.databases[0]!.peek(key, 0, key.length);
    const score = keyspace.values.sortedSets.score(
      keyspace.entries.encoding(entry),
      keyspace.entries.word2(entry),
      new TextEncoder().encode('m'),
      0,
      1,
    );
    assert.ok(Object.is(score, -0), `${name}: ${score}`);
  }
});

test('an expiry before 1970 has passed', () => {
  const seconds = Buffer.alloc(5);
  seconds[0] = 0xfd;
  seconds.writeInt32LE(-5, 1);
  const milliseconds = Buffer.concat([Buffer.of(0xfc), int64(-5000)]);
  const none = Buffer.concat([Buffer.of(0xfc), int64(-1)]);
  const value = string('v');
  const bytes = rdbFile([
    { name: 'a', type: 0, value, before: seconds },
    { name: 'b', type: 0, value, before: milliseconds },
    // As redis-server has it, this one is no expiry.
    { name: 'c', type: 0, value, before: none },
    { name: 'd', type: 0, value },
  ]);
  const { loader } = load(bytes);
  assert.deepEqual([loader.keysLoaded, loader.keysExpired], [2, 2]);
  // An AOF base and a replica keep such a key until it is deleted: with an expiry.
  const kept = load(bytes, false, false);
  assert.equal(kept.loader.keysLoaded, 4);
  const key = new TextEncoder().encode('a');
  const { databases } = kept.keyspace;
  assert.equal(databases[0]!.peek(key, 0, 1), 0);
});

test('files of Valkey load: its magic, hash fields that expire, slots that move; another version is named', () => {
  const hash = Buffer.concat([
    length(3),
    ...[string('f'), string('v'), int64(-1), string('g'), string('w'), int64(4_102_444_800_000)],
    ...[string('h'), string('x'), int64(1000)],
  ]);
  const moved = Buffer.concat([Buffer.of(243), string('job'), length(1), length(0), length(16383)]);
  const keys = [
    { name: 'h', type: 22, value: hash, before: moved },
    { name: 's', type: 0, value: string('v') },
  ];
  const bytes = rdbFile(keys, 'VALKEY080');
  const { keyspace, loader } = load(bytes);
  assert.equal(loader.keysLoaded, 2);
  const key = new TextEncoder().encode('h');
  assert.equal(keyspace.nextFieldExpiry(keyspace.databases[0]!.peek(key, 0, 1)), 1000);
  assert.equal(check(bytes).code, 0);
  assert.throws(() => load(rdbFile(keys, 'VALKEY081')), /RDB format version 81 of Valkey/);
  assert.match(check(rdbFile(keys, 'VALKEY081')).text, /RDB format version 81 of Valkey/);
  // Type 24 is Redis's alone, 243 Valkey's alone.
  assert.throws(() => load(rdbFile([{ name: 'h', type: 24, value: hash }], 'VALKEY080')), /Invalid object type: 24/);
  assert.throws(() => load(rdbFile(keys, 'REDIS0011')), /Invalid object type: 243/);
  // Valkey 8 writes a format that Redis has too.
  assert.equal(load(rdbFile(keys.slice(1), 'REDIS0011')).loader.keysLoaded, 1);
});

test('data of modules that belongs to no key is left out, with a line in the log', () => {
  // A module's id, when, the end.
  const aux = Buffer.concat([Buffer.of(247, 0x81, 1, 2, 3, 4, 5, 6, 7, 8), Buffer.of(2, 2, 2, 5, 0)]);
  const bytes = rdbFile([{ name: 's', type: 0, value: string('v'), before: aux }]);
  const { loader, log } = load(bytes);
  assert.equal(loader.keysLoaded, 1);
  assert.match(log, /^Skipping data of the module '.*' that belongs to no key\n$/);
  assert.equal(check(bytes).code, 0);
});

test('a file without a byte is no data set: the server does not start', async () => {
  const files = new SimulatedFiles();
  files.makeFolder('/data');
  files.put('/data/dump.rdb', new Uint8Array(0));
  await assert.rejects(new Persistence(new LocalHost(files)).load(), /dump\.rdb.*EOF/);
  assert.equal(check(new Uint8Array(0)).code, 1);
  files.remove('/data/dump.rdb');
  await new Persistence(new LocalHost(files)).load();
});

test('an append-only file with a torn or empty part: refused unless it may be empty', async () => {
  const base = rdbFile([{ name: 's', type: 0, value: string('v') }]);
  const make = (baseBytes: Uint8Array, manifest?: string, name = 'appendonly.aof.1.base.rdb'): Promise<void> => {
    const files = new SimulatedFiles();
    files.makeFolder('/data');
    files.makeFolder('/data/appendonlydir');
    files.put(`/data/appendonlydir/${name}`, baseBytes);
    files.put('/data/appendonlydir/appendonly.aof.1.incr.aof', new Uint8Array(0));
    const text = manifest ?? `file ${name} seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n`;
    files.put('/data/appendonlydir/appendonly.aof.manifest', new TextEncoder().encode(text));
    return new Persistence(new LocalHost(files, { appendonly: true })).load();
  };
  await make(base);
  for (let size = 0; size < base.length; size++)
    await assert.rejects(make(base.subarray(0, size)), Error, `a base of ${size} bytes`);
  // Commands: without a key there is none.
  await make(new Uint8Array(0), undefined, 'appendonly.aof.1.base.aof');
  await assert.rejects(make(base, ''), /empty AOF manifest/);
});

test('a score as a double is read as it is', () => {
  const value = Buffer.concat([length(1), string('m'), double(2.5)]);
  assert.equal(digestOf(load(rdbFile([{ name: 'k', type: 5, value }])).keyspace), digestAfter(['ZADD', 'k', 2.5, 'm']));
  const packed = string(ziplist(['m', '2.5']));
  assert.equal(
    digestOf(load(rdbFile([{ name: 'k', type: 12, value: packed }])).keyspace),
    digestAfter(['ZADD', 'k', 2.5, 'm']),
  );
});
