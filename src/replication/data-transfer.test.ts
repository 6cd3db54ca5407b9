import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { DataTransfer } from './data-transfer.js';

interface Seen {
  header: number | undefined;
  data: Buffer;
  rest: Buffer | undefined;
  failure: string | undefined;
}

function receive(chunks: readonly Uint8Array[]): Seen {
  const seen: Seen = { header: undefined, data: Buffer.alloc(0), rest: undefined, failure: undefined };
  const transfer = new DataTransfer({
    onHeader: (bytes) => (seen.header = bytes),
    onBytes: (bytes) => (seen.data = Buffer.concat([seen.data, bytes])),
    onEnd: (rest) => (seen.rest = Buffer.from(rest)),
    onFailure: (reason) => (seen.failure = reason),
  });
  for (const chunk of chunks) transfer.push(chunk);
  return seen;
}

const MARK = '0123456789abcdef0123456789abcdef01234567';

test('a counted transfer ends at its length, and the rest is the stream', () => {
  const seen = receive([Buffer.from('\n\n$5\r\nhello*1\r\n$4\r\nPING\r\n')]);
  assert.equal(seen.header, 5);
  assert.equal(seen.data.toString(), 'hello');
  assert.equal(seen.rest!.toString(), '*1\r\n$4\r\nPING\r\n');
});

test('a transfer of no bytes ends at once', () => {
  const seen = receive([Buffer.from('$0\r\n')]);
  assert.equal(seen.header, 0);
  assert.equal(seen.rest!.length, 0);
});

test('a marked transfer is the same however it is cut into chunks', () => {
  const seed = Date.now() | 0;
  const random = new Prng(seed);
  for (let round = 0; round < 300; round++) {
    const data = Buffer.alloc(random.below(300));
    for (let index = 0; index < data.length; index++) data[index] = random.below(256);
    // Parts of the mark within the data must not confuse it.
    if (data.length > 50) {
      const at = random.below(data.length - 40);
      data.write(MARK.slice(0, 39), at, 'latin1');
      // With its last byte by chance it would be the mark, which a master's random mark never is.
      if (data[at + 39] === MARK.charCodeAt(39)) data[at + 39] = 0;
    }
    const bytes = Buffer.concat([Buffer.from(`\n$EOF:${MARK}\r\n`), data, Buffer.from(MARK)]);
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length;) {
      const count = 1 + random.below(random.chance(50) ? 3 : 80);
      chunks.push(bytes.subarray(at, at + count));
      at += count;
    }
    const seen = receive(chunks);
    assert.equal(seen.header, -1);
    assert.deepEqual(seen.data, data, `seed ${seed}`);
    assert.equal(seen.rest?.length, 0);
  }
});

test('a marked transfer without its mark does not end', () => {
  const seen = receive([Buffer.from(`$EOF:${MARK}\r\nsome bytes`), Buffer.from(MARK.slice(0, 39))]);
  assert.equal(seen.rest, undefined);
  assert.equal(seen.failure, undefined);
});

test('what is no header is refused with its text', () => {
  assert.match(receive([Buffer.from('-ERR no memory\r\n')]).failure!, /ERR no memory/);
  assert.match(receive([Buffer.from('+OK\r\n')]).failure!, /'\+OK'/);
  assert.match(receive([Buffer.from('$-1\r\n')]).failure!, /instead of the data/);
  assert.match(receive([Buffer.from('$EOF:short\r\n')]).failure!, /instead of the data/);
  assert.match(receive([Buffer.from('$99999999999999999999\r\n')]).failure!, /instead of the data/);
  assert.match(receive([Buffer.alloc(1_000_000, 'x')]).failure!, /too long/);
});
