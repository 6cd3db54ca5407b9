import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { ReplyTooLarge, ReplyWriter } from './reply.js';

test('what is sent late stays as it was written, whatever comes after it', () => {
  const seed = Number(process.env.KVASIR_SEED ?? 1);
  const random = new Prng(seed);
  const writer = new ReplyWriter();
  const source = latin1Bytes(
    Array.from({ length: 70_000 }, (_, index) => String.fromCharCode(97 + (index % 26))).join(''),
  );
  const view = new DataView(source.buffer);
  const late: { parts: Uint8Array[]; text: string }[] = [];
  let next = 0;
  for (let round = 0; round < 2000; round++) {
    let text = '';
    for (let replies = 1 + random.below(6); replies > 0; replies--) {
      const kind = random.below(8);
      const length = kind === 0 ? random.below(69_000) : kind < 3 ? random.below(5000) : random.below(120);
      const offset = random.below(source.length - length);
      if (kind === 7) {
        writer.integer(next);
        text += `:${next++}\r\n`;
      } else {
        if (kind % 2 === 0) writer.bulk(source, offset, length);
        else writer.bulkOf(source, view, offset, length);
        text += `$${length}\r\n${latin1(source, offset, length)}\r\n`;
      }
    }
    assert.equal(writer.pendingBytes, text.length, `seed ${seed}, round ${round}`);
    // As the connection does it: sent at once, or kept by the system, which still has the bytes.
    const isSent = random.below(3) > 0;
    const parts = writer.fullBytes === 0 ? [writer.written] : writer.takeParts();
    assert.equal(parts.map((part) => latin1(part)).join(''), text, `seed ${seed}, round ${round}`);
    if (isSent) {
      writer.reuse();
    } else {
      writer.giveAway();
      late.push({ parts, text });
    }
    if (late.length > 5) {
      const first = late.shift()!;
      assert.equal(
        first.parts.map((part) => latin1(part)).join(''),
        first.text,
        `seed ${seed}, round ${round}: bytes that were still to be sent`,
      );
    }
  }
});

test('what is rewound is gone, and what came before it stays', () => {
  const writer = new ReplyWriter();
  const long = new Uint8Array(3000).fill(120);
  writer.ok();
  const mark = writer.defer();
  for (let count = 0; count < 100; count++) writer.bulk(long, 0, long.length);
  writer.rewind(mark);
  writer.integer(7);
  assert.equal(latin1(writer.takeBytes()), '+OK\r\n:7\r\n');
  writer.ok();
  assert.equal(latin1(writer.takeBytes()), '+OK\r\n');
});

test('a huge reply lies in a few large blocks, and the writer keeps none of them', () => {
  const writer = new ReplyWriter();
  const long = new Uint8Array(1 << 20).fill(120);
  const count = 80;
  const write = (): void => {
    writer.array(2 * count);
    for (let index = 0; index < count; index++) {
      writer.bulk(long, 0, long.length);
      writer.integer(index);
    }
  };
  const written = Buffer.concat([
    Buffer.from(`*${2 * count}\r\n`),
    ...Array.from({ length: count }, (_, index) => Buffer.from(`$${long.length}\r\n${latin1(long)}\r\n:${index}\r\n`)),
  ]);

  write();
  const parts = writer.takeParts();
  const blocks = parts.filter((part) => part.buffer.byteLength > 32 * 1024 * 1024);
  const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
  assert.ok(blocks.length <= 3 && bytes > 60 * long.length, `${bytes} bytes in ${blocks.length} blocks`);
  assert.ok(Buffer.concat(parts).equals(written));
  writer.giveAway();
  assert.ok(writer.buffer.length <= 65536);

  write();
  assert.ok(Buffer.from(writer.takeBytes()).equals(written));
  assert.ok(writer.buffer.length <= 65536);
  writer.ok();
  assert.equal(latin1(writer.takeBytes()), '+OK\r\n');

  writer.bytesMax = 50 * long.length;
  assert.throws(write, ReplyTooLarge);
  assert.ok(writer.pendingBytes < 52 * long.length, 'stops at the limit');
  writer.clear();
  assert.ok(writer.buffer.length <= 65536);
});
