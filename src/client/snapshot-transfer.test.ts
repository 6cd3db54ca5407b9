// snapshot-transfer tests: both framings, cut everywhere, and masters that end too soon.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { ByteSource } from './byte-source.js';
import { readSnapshot, readSnapshotHeader, SnapshotError } from './snapshot-transfer.js';

function sourceOf(bytes: string, chunkBytes: number, rest = ''): ByteSource {
  const stream = new PassThrough();
  for (let start = 0; start < bytes.length; start += chunkBytes)
    stream.write(Buffer.from(bytes.slice(start, start + chunkBytes), 'latin1'));
  stream.end();
  return new ByteSource(stream, Buffer.from(rest, 'latin1'));
}

async function readWhole(source: ByteSource): Promise<{ snapshot: string; after: string; resync: string | undefined }> {
  const header = await readSnapshotHeader(source);
  let snapshot = '';
  for await (const part of readSnapshot(source, header)) snapshot += part.toString('latin1');
  let after = '';
  for (let chunk = await source.read(); chunk !== undefined; chunk = await source.read())
    after += chunk.toString('latin1');
  return { snapshot, after, resync: header.resync };
}

const mark = 'm'.repeat(20) + 'n'.repeat(20);
// Beginnings of the mark within the snapshot must not end it.
const tricky = `REDIS0011${'m'.repeat(45)}${mark.slice(0, 39)}${'m'.repeat(19)}\0\r\n$EOF:end`;

test('a snapshot of known size ends where it says', async () => {
  for (const chunkBytes of [1, 2, 3, 7, 40, 1000]) {
    const result = await readWhole(sourceOf(`\n\n$${tricky.length}\r\n${tricky}*1\r\n$4\r\nPING\r\n`, chunkBytes));
    assert.deepEqual(result, { snapshot: tricky, after: '*1\r\n$4\r\nPING\r\n', resync: undefined });
  }
});

test('a snapshot of unknown size ends at its mark', async () => {
  for (const chunkBytes of [1, 2, 3, 7, 39, 40, 41, 1000]) {
    const result = await readWhole(
      sourceOf(`\n+FULLRESYNC abc 12\r\n\n$EOF:${mark}\r\n${tricky}${mark}after`, chunkBytes),
    );
    assert.deepEqual(result, { snapshot: tricky, after: 'after', resync: '+FULLRESYNC abc 12' });
  }
});

test('bytes that were read ahead come first', async () => {
  const result = await readWhole(sourceOf('cd\r\nef', 10, '$6\r\nab'));
  assert.deepEqual(result, { snapshot: 'abcd\r\n', after: 'ef', resync: undefined });
});

test('a partial resync has no snapshot', async () => {
  const result = await readWhole(sourceOf('+CONTINUE abc\r\n*1\r\n', 4));
  assert.deepEqual(result, { snapshot: '', after: '*1\r\n', resync: '+CONTINUE abc' });
});

test('refusals and early ends are told', async () => {
  for (const bytes of [
    '',
    '$',
    '$10\r\nshort',
    `$EOF:${mark}\r\nno end`,
    '$EOF:short\r\n',
    '-ERR no\r\n',
    '+OK\r\n',
    '$-1\r\n',
    '$1e3\r\n',
    'x'.repeat(10_000),
  ]) {
    await assert.rejects(readWhole(sourceOf(bytes, 5)), SnapshotError, JSON.stringify(bytes.slice(0, 20)));
  }
});
