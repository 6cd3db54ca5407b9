import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { type StreamReader, WriteStream } from './write-stream.js';

const BLOCK_BYTES = 64 * 1024;

function readAll(stream: WriteStream, reader: StreamReader, most = Infinity): Uint8Array {
  const parts: Uint8Array[] = [];
  let left = most;
  for (let slice = stream.peek(reader); slice !== undefined && left > 0; slice = stream.peek(reader)) {
    const count = Math.min(left, slice.end - slice.start);
    parts.push(slice.bytes.subarray(slice.start, slice.start + count));
    stream.advance(reader, count);
    left -= count;
  }
  return Buffer.concat(parts);
}

test('readers get every byte from their offset on, whatever is trimmed meanwhile', () => {
  const seed = Date.now() | 0;
  const random = new Prng(seed);
  const begin = random.below(1_000_000);
  const stream = new WriteStream(begin, 1000 + random.below(300_000));
  let written = Buffer.alloc(0);
  const readers: { reader: StreamReader; expected: number }[] = [];
  for (let round = 0; round < 600; round++) {
    const bytes = Buffer.alloc(random.below(9000));
    for (let index = 0; index < bytes.length; index++) bytes[index] = random.below(256);
    stream.append(bytes);
    written = Buffer.concat([written, bytes]);
    assert.equal(stream.endOffset, begin + written.length);
    const oldest = Math.min(Infinity, ...readers.map(({ reader }) => reader.offset));
    assert.ok(stream.length <= Math.max(stream.size, stream.endOffset - oldest), `seed ${seed}`);
    if (random.chance(10)) {
      const offset = stream.startOffset + random.below(stream.length + 1);
      readers.push({ reader: stream.enter(offset), expected: offset });
    }
    for (const entry of readers) {
      if (!random.chance(30)) continue;
      const bytesRead = readAll(stream, entry.reader, random.below(40_000));
      const from = entry.expected - begin;
      assert.deepEqual(Buffer.from(bytesRead), written.subarray(from, from + bytesRead.length), `seed ${seed}`);
      entry.expected += bytesRead.length;
    }
    if (random.chance(5) && readers.length > 0)
      stream.leave(readers.splice(random.below(readers.length), 1)[0]!.reader);
  }
});

test('memory is bounded by the size of the backlog once readers are up to date', () => {
  const stream = new WriteStream(0, 200_000);
  const slow = stream.enter(0);
  const chunk = new Uint8Array(10_000);
  for (let round = 0; round < 500; round++) stream.append(chunk);
  assert.ok(stream.memoryBytes > 5_000_000, 'what a reader has not read is kept');
  assert.equal(stream.startOffset, 0, 'and others may ask for it');
  readAll(stream, slow);
  stream.append(Uint8Array.of(1));
  assert.equal(stream.length, 200_000);
  assert.ok(stream.memoryBytes < 200_000 + 3 * BLOCK_BYTES);
  stream.leave(slow);
  stream.resize(10_000);
  assert.equal(stream.startOffset, stream.endOffset - 10_000);
  assert.ok(stream.memoryBytes < 3 * BLOCK_BYTES);
});

test('a hundred readers share the blocks', () => {
  const stream = new WriteStream(0, 1_000_000);
  for (let index = 0; index < 100; index++) stream.enter(0);
  stream.append(new Uint8Array(900_000));
  assert.ok(stream.memoryBytes < 1_100_000);
});

test('what is not there cannot be entered; the end can', () => {
  const stream = new WriteStream(100, 50);
  stream.append(new Uint8Array(80));
  assert.equal(stream.startOffset, 130);
  assert.equal(stream.has(129), false);
  // The block is still there, and who comes from the disk may use it.
  assert.equal(stream.covers(129), true);
  assert.throws(() => stream.enter(99), RangeError);
  assert.throws(() => stream.enter(181), RangeError);
  const reader = stream.enter(180);
  assert.equal(stream.peek(reader), undefined);
  stream.append(Uint8Array.of(7));
  assert.deepEqual([...readAll(stream, reader)], [7]);
});

test('bytes that were handed out do not change', () => {
  const stream = new WriteStream(0, 100);
  const reader = stream.enter(0);
  stream.append(Buffer.from('abc'));
  const { bytes, start, end } = stream.peek(reader)!;
  const slice = bytes.subarray(start, end);
  stream.advance(reader, 3);
  for (let round = 0; round < 1000; round++) stream.append(Buffer.alloc(1000, 'x'));
  assert.equal(Buffer.from(slice).toString(), 'abc');
});

test('what a reader lags behind counts as its own, in whole blocks, until it has read it or leaves', () => {
  const size = 100_000;
  const stream = new WriteStream(0, size);
  const chunk = new Uint8Array(50_000);
  for (let count = 0; count < 20; count++) stream.append(chunk);
  assert.equal(stream.laggingBytes, 0, 'without readers all is backlog');
  const reader = stream.enter(stream.endOffset);
  for (let count = 0; count < 20; count++) stream.append(chunk);
  const lag = stream.endOffset - reader.offset;
  assert.ok(
    stream.laggingBytes > lag - size - 3 * 65_536 && stream.laggingBytes <= lag,
    `${stream.laggingBytes} of ${lag}`,
  );
  for (let slice = stream.peek(reader); slice !== undefined; slice = stream.peek(reader))
    stream.advance(reader, slice.end - slice.start);
  assert.equal(stream.laggingBytes, 0);
  for (let count = 0; count < 20; count++) stream.append(chunk);
  assert.ok(stream.laggingBytes > 0);
  stream.leave(reader);
  assert.equal(stream.laggingBytes, 0);
});
