// Commands that return or combine a whole big collection do not make JavaScript objects of its elements: a server whose heap
// could not hold them answers all the same.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ReplyCounter } from '../../src/bench/reply-counter.js';
import { fill } from '../bench/fill.js';
import { startKvasir } from '../kvasir.js';

const size = 600_000;
const batch = 500;
/** So many short strings in an array take 25 MB and more; the server itself has about 10. */
const heapMegabytes = 32;

/** Sends a command and counts the bytes of its reply, without keeping them. */
function countBytes(port: number, line: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\r\n`));
    const counter = new ReplyCounter((text) => reject(new Error(`${line}: ${text}`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${line}: the server closed the connection`)));
    socket.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (counter.feed(chunk, chunk.length) === 0) return;
      socket.removeAllListeners('close');
      socket.destroy();
      resolve(bytes);
    });
  });
}

test(`collections of ${size} elements in a heap of ${heapMegabytes} MB`, async () => {
  const kvasir = await startKvasir({
    nodeArgs: [`--max-old-space-size=${heapMegabytes}`],
    args: ['--enable-debug-command', 'yes'],
  });
  try {
    const { port } = kvasir;
    const members = (at: number): number[] => Array.from({ length: batch }, (_, index) => at * batch + index);
    await fill(port, size / batch, (at) => ['RPUSH', 'list', ...members(at).map((index) => `element:${index}`)]);
    await fill(port, size / batch, (at) => ['SADD', 'set', ...members(at).map((index) => `member:${index}`)]);
    await fill(port, size / batch, (at) => [
      'HSET',
      'hash',
      ...members(at).flatMap((index) => [`field:${index}`, 'value']),
    ]);
    await fill(port, size / batch, (at) => [
      'ZADD',
      'zset',
      ...members(at).flatMap((index) => [String(index), `member:${index}`]),
    ]);
    const commands = [
      'LRANGE list 0 -1',
      'SMEMBERS set',
      'HGETALL hash',
      'HKEYS hash',
      'HVALS hash',
      'ZRANGE zset 0 -1 WITHSCORES',
      'ZREVRANGE zset 0 -1',
      'ZRANGEBYSCORE zset -inf +inf',
      'SUNION set',
      'SDIFF set none',
      'SINTER set set',
      'ZUNION 1 zset',
      'SRANDMEMBER set 600000',
      'LPOP list 599999',
      'SPOP set 600000',
      'ZPOPMIN zset 599999',
    ];
    for (const line of commands) {
      const bytes = await countBytes(port, line);
      assert.ok(bytes >= size * 8, `${line} returned ${bytes} bytes`);
    }
    for (const line of ['SUNIONSTORE to none', 'COPY hash to', 'ZUNIONSTORE to 1 zset', 'UNLINK hash', 'PING'])
      await countBytes(port, line);
  } finally {
    await kvasir.stop();
  }
});
