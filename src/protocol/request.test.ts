import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { splitBytes } from '../base/quoting.js';
import { COMPLETE, INCOMPLETE, NOTHING, RequestReader } from './request.js';

class Places {
  count = 0;
  bytes: Uint8Array = new Uint8Array(0);
  starts = new Int32Array(4);
  lengths = new Int32Array(4);

  reserve(count: number): void {
    if (count <= this.starts.length) return;
    const { starts, lengths } = this;
    this.starts = new Int32Array(count * 2);
    this.lengths = new Int32Array(count * 2);
    this.starts.set(starts);
    this.lengths.set(lengths);
  }

  get words(): string[] {
    return Array.from({ length: this.count }, (_, index) =>
      latin1(this.bytes, this.starts[index]!, this.lengths[index]!),
    );
  }
}

function read(bytes: Uint8Array): { answer: number; words: string[]; end: number } {
  const reader = new RequestReader();
  const places = new Places();
  const answer = reader.read(bytes, 0, bytes.length, places, null, true);
  return { answer, words: answer === COMPLETE ? places.words : [], end: reader.end };
}

test('an inline line has the words that the general splitter finds, quotes or not', () => {
  const seed = Number(process.env.KVASIR_SEED ?? 1);
  const random = new Prng(seed);
  const alphabet = ['a', 'Z', '!', '\xff', ' ', ' ', '\t', '\r', '\v', '\f', '\x01', '"', "'", '\\'];
  for (let round = 0; round < 20_000; round++) {
    let line = 'p';
    for (let length = random.below(12); length > 0; length--)
      line += alphabet[random.below(random.below(2) === 0 ? 11 : alphabet.length)]!;
    const bytes = latin1Bytes(`${line}\nPING\r\n`);
    const expected = splitBytes(bytes, 0, line.endsWith('\r') ? line.length - 1 : line.length);
    const { answer, words, end } = read(bytes);
    const shown = `seed ${seed}, line ${JSON.stringify(line)}`;
    if (expected === undefined) {
      assert.equal(answer < 0, true, shown);
      continue;
    }
    assert.equal(answer, COMPLETE, shown);
    assert.deepEqual(
      words,
      expected.map((word) => latin1(word)),
      shown,
    );
    assert.equal(end, line.length + 1, shown);
  }
});

test('a line of blanks is nothing, a line without an end is not complete, a zero byte hides the end', () => {
  assert.equal(read(latin1Bytes(' \t\r\n')).answer, NOTHING);
  assert.equal(read(latin1Bytes('PING')).answer, INCOMPLETE);
  assert.equal(read(latin1Bytes('PI\0NG\r\n')).answer, INCOMPLETE);
});

test('an inline line may have more words than there are places', () => {
  const words = Array.from({ length: 1000 }, (_, index) => `w${index}`);
  assert.deepEqual(read(latin1Bytes(`${words.join(' ')}\r\n`)).words, words);
});

test('counts of one digit and of many are read alike', () => {
  for (const count of [1, 2, 9, 10, 11, 100]) {
    const bytes = latin1Bytes(`*${count}\r\n${'$1\r\nx\r\n'.repeat(count)}`);
    assert.equal(read(bytes).words.length, count);
    for (let cut = 1; cut < bytes.length; cut++)
      assert.equal(read(bytes.subarray(0, cut)).answer, INCOMPLETE, `${count} cut at ${cut}`);
  }
  assert.equal(read(latin1Bytes('*0\r\n')).answer, NOTHING);
  assert.equal(read(latin1Bytes('*-1\r\n')).answer, NOTHING);
  for (const wrong of ['*a\r\n', '*:\r\n', '*/\r\n', '*1x\r\n', '*+1\r\n', '*01\r\n'])
    assert.equal(read(latin1Bytes(wrong)).answer < INCOMPLETE, true, wrong);
});
