import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { Compression, RdbWriter } from '../../persistence/rdb/writer.js';
import { RdbType } from '../../persistence/rdb/format.js';
import { SalvageSource } from './salvage.js';

const folder = mkdtempSync(join(tmpdir(), 'kvasir-salvage-'));
after(() => rmSync(folder, { recursive: true }));

/** Strings of a hundred bytes, without a header. */
function keys(name: string, count: number): Buffer {
  const writer = new RdbWriter(Compression.none);
  for (let index = 0; index < count; index++) {
    const key = Buffer.from(`${name}:${index}`);
    const value = Buffer.alloc(100, 'v');
    writer.byte(RdbType.string);
    writer.string(key, 0, key.length);
    writer.string(value, 0, value.length);
  }
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

/** Lists that claim more elements than there are, each of which begins as another list. */
const manyLists = Buffer.from(Array.from({ length: 1 << 15 }, () => [1, 0, 0x7f, 0xff]).flat());

it('finds the keys after damage that looks like keys everywhere, in time that grows with the file', async () => {
  for (const [name, damage] of [
    ['ziplists', Buffer.alloc(1 << 17, 10)],
    ['lists without an end', manyLists],
    ['nothing', Buffer.alloc(1 << 17, 'x')],
  ] as const) {
    const path = join(folder, 'damaged.rdb');
    const file = [Buffer.from('REDIS0010'), keys('a', 50), damage, keys('b', 200), Buffer.of(0xff), Buffer.alloc(8)];
    writeFileSync(path, Buffer.concat(file));
    const source = new SalvageSource(path);
    const found = new Set<string>();
    for await (const { records } of source.batches())
      for (const record of records) if (record.what === 'key') found.add(Buffer.from(record.key).toString());
    const missing = [...Array(50).keys()].filter((index) => !found.has(`a:${index}`)).length;
    assert.ok(missing <= 1, `${name}: ${missing} keys before the damage are missing`);
    const after = [...Array(200).keys()].filter((index) => found.has(`b:${index}`)).length;
    assert.ok(after >= 190, `${name}: ${after} keys of 200 after the damage`);
    assert.ok(source.tried < (64 << 20) + 4096 * damage.length, `${name}: ${source.tried} bytes tried`);
  }
});

it('takes a header of an unknown version for damage', async () => {
  const path = join(folder, 'unknown.rdb');
  writeFileSync(path, Buffer.concat([Buffer.from('REDIS9999'), keys('a', 10), Buffer.of(0xff), Buffer.alloc(8)]));
  const source = new SalvageSource(path);
  let count = 0;
  for await (const { records } of source.batches()) count += records.length;
  assert.equal(count, 10);
  assert.match(source.gaps[0]!.reason, /does not begin as an RDB/);
});
