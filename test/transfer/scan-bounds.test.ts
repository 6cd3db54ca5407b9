// What a scan has in memory at once is bounded by bytes, however few and large the values are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../../src/client/reply.js';
import { startServer } from '../../src/index.js';
import { parseAddress } from '../../src/transfer/link/address.js';
import { Pipeline } from '../../src/transfer/link/pipeline.js';
import { valueOf } from '../../src/transfer/record/decode.js';
import { type KeyRecord, NO_EXPIRY } from '../../src/transfer/record/record.js';
import { ScanSource } from '../../src/transfer/sources/scan-source.js';

const MEGABYTE = 1 << 20;
/** The last value may begin just below the bound. */
const BATCH_BYTES_MAX = 10 * MEGABYTE;

function bytesOf(record: KeyRecord): number {
  if (record.raw !== undefined) return record.raw.length;
  const { value } = record;
  if (value?.kind === 'string') return value.bytes.length;
  return value?.kind === 'list' ? value.elements.reduce((sum, element) => sum + element.length, 0) : 0;
}

test('values of a megabyte come a few at a time, and a collection of them in pieces', async (t) => {
  const server = await startServer({ port: 0, save: '', rdbcompression: false });
  t.after(() => server.close());
  const pipeline = await Pipeline.open(parseAddress(`127.0.0.1:${server.port}`, {}));
  t.after(() => pipeline.close());
  const value = Buffer.alloc(MEGABYTE, 'x');
  for (let number = 0; number < 40; number++) await pipeline.must('SET', `string:${number}`, value);
  for (let number = 0; number < 20; number++) await pipeline.must('RPUSH', 'list', value);
  for (let number = 0; number < 200; number++) await pipeline.must('SET', `small:${number}`, 'y');
  const source = new ScanSource(pipeline, {
    databases: undefined,
    count: 1000,
    nowMs: () => 0,
    withFunctions: false,
  });
  const found = new Map<string, number>();
  let batches = 0;
  for await (const { records } of source.batches()) {
    const keys = records.filter((record) => record.what === 'key');
    const sum = keys.reduce((bytes, record) => bytes + bytesOf(record), 0);
    assert.ok(sum <= BATCH_BYTES_MAX, `${sum} bytes in one batch`);
    if (sum >= MEGABYTE) batches++;
    for (const record of keys) {
      const name = Buffer.from(record.key).toString();
      found.set(name, (found.get(name) ?? 0) + bytesOf(record));
    }
  }
  assert.equal(found.size, 241);
  assert.equal(found.get('list'), 20 * MEGABYTE);
  for (let number = 0; number < 40; number++) assert.ok(found.get(`string:${number}`)! >= MEGABYTE);
  assert.ok(batches >= 10, `${batches} batches`);
});

test('strings of all lengths come whole, with and without GETRANGE', async (t) => {
  const server = await startServer({ port: 0, save: '' });
  t.after(() => server.close());
  const pipeline = await Pipeline.open(parseAddress(`127.0.0.1:${server.port}`, {}));
  t.after(() => pipeline.close());
  const wanted = new Map<string, string>();
  for (const length of [0, 1, 100, 16_383, 16_384, 16_385, 100_000]) wanted.set(`string:${length}`, 'x'.repeat(length));
  wanted.set('integer', '12345');
  for (const [key, value] of wanted) await pipeline.must('SET', key, value);
  await pipeline.must('PEXPIREAT', 'integer', '9999999999999');
  await pipeline.must('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', '-getrange');
  await pipeline.must('RPUSH', 'list', 'a', 'b');
  for (const user of ['default', 'limited']) {
    if (user === 'limited') await pipeline.must('AUTH', user, 'secret');
    const options = { databases: undefined, count: 1000, nowMs: () => 0, withFunctions: false };
    const source = new ScanSource(pipeline, options);
    const found = new Map<string, string>();
    for await (const { records } of source.batches())
      for (const record of records) {
        if (record.what !== 'key') continue;
        const key = Buffer.from(record.key).toString();
        assert.equal(record.expireAtMs, key === 'integer' ? 9_999_999_999_999 : NO_EXPIRY);
        const value = valueOf(record);
        if (value.kind === 'string') found.set(key, Buffer.from(value.bytes).toString());
        else assert.equal(key, 'list');
      }
    assert.deepEqual([...found].sort(), [...wanted].sort(), user);
    assert.deepEqual(source.warnings, []);
  }
});

test('an element that SCAN shows twice comes once, or twice to a server, and then no names are kept', async (t) => {
  const server = await startServer({ port: 0, save: '' });
  t.after(() => server.close());
  const pipeline = await Pipeline.open(parseAddress(`127.0.0.1:${server.port}`, {}));
  t.after(() => pipeline.close());
  for (let number = 0; number < 18; number++)
    await pipeline.must('SADD', 'set', Buffer.alloc(MEGABYTE, String.fromCharCode(97 + number)));
  // As from a server whose table moves meanwhile.
  const must = pipeline.must.bind(pipeline);
  const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text) });
  const page = (cursor: string, ...elements: string[]): Reply => ({
    kind: 'array',
    elements: [bulk(cursor), { kind: 'array', elements: elements.map(bulk) }],
  });
  t.mock.method(pipeline, 'must', (name: string, ...rest: (string | Uint8Array)[]) => {
    if (name !== 'SSCAN') return must(name, ...rest);
    return Promise.resolve(rest[1] === '0' ? page('7', 'a', 'b') : page('0', 'b', 'c'));
  });
  for (const mayRepeat of [false, true]) {
    const options = { databases: undefined, count: 1000, nowMs: () => 0, withFunctions: false, mayRepeat };
    const elements: string[] = [];
    for await (const { records } of new ScanSource(pipeline, options).batches())
      for (const record of records) {
        if (record.what !== 'key') continue;
        const value = valueOf(record);
        if (value.kind === 'set') elements.push(...value.elements.map((element) => Buffer.from(element).toString()));
      }
    assert.deepEqual(elements, mayRepeat ? ['a', 'b', 'b', 'c'] : ['a', 'b', 'c']);
  }
});
