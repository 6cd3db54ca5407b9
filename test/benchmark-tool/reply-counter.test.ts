import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ProtocolError, ReplyCounter } from '../../src/bench/reply-counter.js';

/** Every form a reply can have in RESP2 and RESP3, one reply each. */
const replies = [
  '+OK\r\n',
  ':-9223372036854775808\r\n',
  '$3\r\nxxx\r\n',
  '$0\r\n\r\n',
  '$-1\r\n',
  '$4\r\n\r\n\r\n\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*2\r\n$1\r\na\r\n:1\r\n',
  '*1\r\n*2\r\n*0\r\n*1\r\n-ERR nested\r\n',
  '_\r\n',
  '#t\r\n',
  ',1.5\r\n',
  ',inf\r\n',
  '(123456789012345678901\r\n',
  '=7\r\ntxt:abc\r\n',
  '%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n',
  '~2\r\n:1\r\n:2\r\n',
  '|1\r\n+ttl\r\n:1\r\n+value\r\n',
  '%0\r\n',
  '>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+after a push\r\n',
];

function count(text: string, cut: (left: number) => number): { completed: number; errors: string[] } {
  const errors: string[] = [];
  const counter = new ReplyCounter((error) => errors.push(error));
  const bytes = new Uint8Array(Buffer.from(text, 'latin1'));
  let completed = 0;
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(cut(bytes.length - at), bytes.length - at);
    completed += counter.feed(bytes.slice(at, at + length), length);
    at += length;
  }
  return { completed, errors };
}

describe('ReplyCounter', () => {
  it('counts each kind of reply as one, whole and byte by byte', () => {
    for (const reply of replies) {
      assert.deepEqual(
        count(reply, (left) => left),
        { completed: 1, errors: [] },
        JSON.stringify(reply),
      );
      assert.deepEqual(
        count(reply, () => 1),
        { completed: 1, errors: [] },
        `${JSON.stringify(reply)} byte by byte`,
      );
    }
  });

  it('counts a stream of replies however it is cut', () => {
    let seed = 20240607;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) | 0;
      return ((seed >>> 8) & 0xffff) % below;
    };
    for (let round = 0; round < 200; round++) {
      const picked = Array.from({ length: 50 }, () => replies[random(replies.length)]!);
      assert.equal(count(picked.join(''), () => 1 + random(17)).completed, 50, `seed 20240607, round ${round}`);
    }
  });

  it('reports error replies at the top level with their text', () => {
    const stream = '+OK\r\n-ERR wrong\r\n!7\r\nSYNTAX!\r\n-\r\n';
    for (const cut of [1, 3, 100]) {
      assert.deepEqual(
        count(stream, () => cut),
        { completed: 4, errors: ['ERR wrong', 'SYNTAX!', ''] },
      );
    }
  });

  it('does not wait for a reply that is not there', () => {
    assert.equal(count('*3\r\n:1\r\n:2\r\n', (left) => left).completed, 0);
    assert.equal(count('$5\r\nabc', (left) => left).completed, 0);
  });

  it('refuses what is no RESP with the words of redis-benchmark', () => {
    const cases: [string, string][] = [
      ['xyz\r\n', 'Protocol error, got "x" as reply type byte'],
      ['\0', 'Protocol error, got "\\x00" as reply type byte'],
      ['\r\n', 'Protocol error, got "\\r" as reply type byte'],
      ['$12a\r\n', 'Bad bulk string length'],
      ['$\r\n', 'Bad bulk string length'],
      ['$-2\r\n', 'Bulk string length out of range'],
      ['$99999999999999999999\r\n', 'Bulk string length out of range'],
      ['*-5\r\n', 'Multi-bulk length out of range'],
      ['*99999999999\r\n', 'Multi-bulk length out of range'],
      ['*x\r\n', 'Bad multi-bulk length'],
      [':12x\r\n', 'Bad integer value'],
    ];
    for (const [text, message] of cases) {
      assert.throws(
        () => count(text, (left) => left),
        (error) => error instanceof ProtocolError && error.message === message,
        text,
      );
    }
  });

  it('keeps its memory small when an error text never ends', () => {
    const counter = new ReplyCounter((text) => assert.equal(text.length, 4096));
    counter.feed(Uint8Array.of(45), 1);
    const chunk = new Uint8Array(65536).fill(65);
    for (let round = 0; round < 100; round++) counter.feed(chunk, chunk.length);
    assert.equal(counter.feed(Uint8Array.of(13, 10), 2), 1);
  });
});
