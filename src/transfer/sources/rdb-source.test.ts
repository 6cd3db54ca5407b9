import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RdbType, ValueKind } from '../../persistence/rdb/format.js';
import type { Output } from '../program/output.js';
import { recordsOf } from '../record/plain-records.js';
import { type KeyRecord, keyRecord, NO_EXPIRY, type TransferRecord } from '../record/record.js';
import { RdbCopySink } from '../sinks/rdb-copy-sink.js';
import { RdbSink } from '../sinks/rdb-sink.js';
import { RdbDamage, RdbSource } from './rdb-source.js';

class MemoryOutput implements Output {
  readonly name = 'memory';
  private readonly parts: Buffer[] = [];
  hasFinished = false;

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  write(text: string | Uint8Array): boolean {
    this.parts.push(Buffer.from(text as Uint8Array));
    return true;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  finish(): Promise<void> {
    this.hasFinished = true;
    return Promise.resolve();
  }

  abandon(): void {
    return;
  }
}

const text = (length: number, letter: string): Uint8Array => Buffer.from(letter.repeat(length));

function* testKeys(): Generator<TransferRecord> {
  for (let number = 0; number < 3000; number++) {
    const key = Buffer.from(`key:${number}${'k'.repeat(number % 101 === 0 ? 90 : 0)}`);
    const database = Math.floor(number / 700);
    const expireAtMs = number % 3 === 0 ? 1_900_000_000_000 + number : NO_EXPIRY;
    const idleSeconds = number % 97 === 0 ? 12 : -1;
    const fields = { key, database, expireAtMs, idleSeconds };
    if (number % 10 === 7) {
      const elements = [text(5, 'a'), text(number % 60, 'b')];
      yield keyRecord({ ...fields, kind: ValueKind.list, value: { kind: 'list', elements } });
    } else {
      // Integers, short, medium and long strings.
      const bytes =
        number % 10 === 3
          ? Buffer.from(String(number))
          : text([0, 9, 63, 64, 700, number % 60 === 5 ? 20_000 : 30][number % 6]!, 'v');
      yield keyRecord({ ...fields, kind: ValueKind.string, value: { kind: 'string', bytes } });
    }
  }
}

async function makeFile(version: number): Promise<Buffer> {
  const output = new MemoryOutput();
  const sink = new RdbSink(output, { version, nowMs: () => 0, compresses: false });
  await sink.write({ records: [...testKeys()], sourceBytes: 0 });
  await sink.close();
  return output.bytes;
}

function* pieces(bytes: Buffer, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield new Uint8Array(bytes.subarray(at, at + size));
}

/** What a test compares of each key, and how many keys came as places. */
async function read(chunks: Iterable<Uint8Array>, packs: boolean): Promise<{ keys: string[]; packed: number }> {
  const source = new RdbSource('test', chunks, undefined);
  source.packsStrings = packs;
  const keys: string[] = [];
  let packed = 0;
  for await (const batch of source.batches()) {
    for (const { count } of batch.strings ?? []) packed += count;
    for (const record of recordsOf(batch) as KeyRecord[]) {
      if (record.what !== 'key') continue;
      const { database, key, rdbType, raw, expireAtMs, idleSeconds } = record;
      const value = Buffer.from(raw!).toString('base64');
      keys.push([database, Buffer.from(key).toString(), rdbType, expireAtMs, idleSeconds, value].join(' '));
    }
  }
  return { keys: keys.sort(), packed };
}

test('plain strings come as places with the same names, values and times, however the bytes are cut', async () => {
  const file = await makeFile(10);
  const { keys, packed: none } = await read(pieces(file, 1 << 20), false);
  assert.equal(keys.length, 3000);
  assert.equal(none, 0);
  for (const size of [1 << 20, 65_536, 1000, 37]) {
    const found = await read(pieces(file, size), true);
    assert.deepEqual(found.keys, keys, `${size} bytes at a time`);
    if (size >= 65_536) assert.ok(found.packed > 2000, `${found.packed} keys as places`);
  }
});

test('a damaged or cut file is an error, and the strings before the damage come first', async () => {
  const file = await makeFile(10);
  const counted = async (bytes: Buffer): Promise<number> => {
    const source = new RdbSource('test', pieces(bytes, 4096), undefined);
    source.packsStrings = true;
    let keys = 0;
    await assert.rejects(async () => {
      for await (const batch of source.batches()) keys += recordsOf(batch).filter(({ what }) => what === 'key').length;
    }, RdbDamage);
    return keys;
  };
  const half = Math.floor(file.length / 2);
  assert.ok((await counted(file.subarray(0, half))) > 500);
  const changed = Buffer.from(file);
  const at = changed.indexOf('vvvvvvvv', half);
  changed[at] = changed[at]! ^ 1;
  // Only the checksum shows it.
  assert.equal(await counted(changed), 3000);
});

async function copy(file: Buffer, versionMax: number): Promise<MemoryOutput> {
  const output = new MemoryOutput();
  const sink = new RdbCopySink(
    output,
    versionMax,
    new RdbSink(output, { version: versionMax, nowMs: () => 0, compresses: false }),
  );
  const chunks = function* (): Generator<Uint8Array> {
    for (const piece of pieces(file, 500)) {
      sink.take(piece);
      yield piece;
    }
  };
  const source = new RdbSource('test', chunks(), undefined);
  source.packsStrings = true;
  for await (const batch of source.batches()) await sink.write(batch);
  await sink.close();
  assert.ok(output.hasFinished);
  return output;
}

test('a snapshot is copied as it is, or written anew when the file must be of an older version', async () => {
  const file = await makeFile(10);
  assert.deepEqual((await copy(file, 10)).bytes, file);
  assert.deepEqual((await copy(file, 12)).bytes, file);
  const older = (await copy(file, 7)).bytes;
  assert.equal(older.toString('latin1', 0, 9), 'REDIS0007');
  const [newKeys, oldKeys] = [await read([file], false), await read([older], false)];
  // Version 7 has no idle times.
  const withoutIdle = (keys: string[]): string[] =>
    keys.map((key) => key.replace(/^(\S+ \S+ \S+ \S+) \S+/, '$1')).sort();
  assert.deepEqual(withoutIdle(oldKeys.keys), withoutIdle(newKeys.keys));
  assert.ok(oldKeys.keys.some((key) => key.split(' ')[2] === String(RdbType.string)));
});
