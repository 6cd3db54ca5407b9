import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ValueKind } from '../../persistence/rdb/format.js';
import { FileOutput } from '../program/output.js';
import { keyRecord } from '../record/record.js';
import type { Value } from '../record/values.js';
import { RdbSink } from '../sinks/rdb-sink.js';
import { differences } from './differences.js';
import { MergedSource } from './merged-source.js';
import { NameShares } from './name-shares.js';

const folder = mkdtempSync(join(tmpdir(), 'kvasir-name-shares-'));
after(() => rmSync(folder, { recursive: true }));

/** Keys from one number to another, in two databases; each value has the letter. */
async function makeFile(name: string, from: number, to: number, letter: string): Promise<string> {
  const path = join(folder, name);
  const sink = new RdbSink(new FileOutput(path), { version: 10, nowMs: () => 0, compresses: false });
  const records = Array.from({ length: to - from }, (_, index) => {
    const number = from + index;
    const bytes = Buffer.from(number % 7 === 0 ? 'same' : letter);
    const value: Value = number % 5 === 0 ? { kind: 'list', elements: [bytes] } : { kind: 'string', bytes };
    const kind = number % 5 === 0 ? ValueKind.list : ValueKind.string;
    return keyRecord({ database: number % 2, key: Buffer.from(`key:${number}`), kind, value });
  });
  await sink.write({ records: records.sort((a, b) => a.database - b.database), sourceBytes: 0 });
  await sink.close();
  return path;
}

async function merged(paths: readonly string[], namesBytesMax?: number): Promise<{ keys: string[]; most: number }> {
  const source = new MergedSource(paths, namesBytesMax);
  const keys: string[] = [];
  let sourceBytes = 0;
  for await (const batch of source.batches()) {
    assert.ok(batch.sourceBytes >= sourceBytes && batch.sourceBytes <= source.totalBytes);
    sourceBytes = batch.sourceBytes;
    for (const record of batch.records)
      if (record.what === 'key')
        keys.push(`${record.database} ${Buffer.from(record.key)} ${Buffer.from(record.raw!).toString('hex')}`);
  }
  return { keys: keys.sort(), most: source.namesMost };
}

async function different(one: string, other: string, namesBytesMax?: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { sign, database, key, what } of differences(one, other, 0, namesBytesMax))
    found.push(`${sign} ${database} ${Buffer.from(key)} ${what}`);
  return found.sort();
}

test('merge and diff give the same with a tenth of the names in memory', async () => {
  const one = await makeFile('one.rdb', 0, 2000, 'a');
  const other = await makeFile('other.rdb', 1000, 3000, 'b');
  const all = await merged([one, other]);
  assert.equal(all.keys.length, 3000);
  assert.equal(all.most, 3000);
  // 4,000 names of about 108 bytes.
  const namesBytesMax = 43_000;
  assert.ok((await NameShares.of([one, other], namesBytesMax)).count >= 10);
  const some = await merged([one, other], namesBytesMax);
  assert.deepEqual(some.keys, all.keys);
  assert.ok(some.most < 500, `${some.most} names at a time`);
  const wanted = await different(one, other);
  assert.ok(wanted.length > 2800, `${wanted.length} differences`);
  assert.deepEqual(await different(one, other, namesBytesMax), wanted);
});
