// Values are freed in slices: a command that drops a big value, or most of one, frees a bounded count of blocks itself,
// and so does each slice afterwards. Counted, not timed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { startKvasir } from '../kvasir.js';
import { Local } from '../differential/side-by-side.js';

const size = 60_000;
const batch = 1000;
/** Blocks that a command may free, about: what is left of two groups of nodes of a list. */
const commandMax = 700;
const budget = 500;
/** Blocks that a slice may free: an entry may have a value of its own, and a dict's segments come on top. */
const sliceMax = 3 * budget + 200;

function fill(local: Local, command: string, key: string, words: (index: number) => string[], count = size): void {
  for (let from = 0; from < count; from += batch)
    local.run([
      command,
      key,
      ...Array.from({ length: Math.min(batch, count - from) }, (_, index) => words(from + index)).flat(),
    ]);
}

const member = (index: number): string => `member:${String(index).padStart(20, '0')}`;
const fillers: Readonly<Record<string, (local: Local, key: string) => void>> = {
  list: (local, key) => fill(local, 'RPUSH', key, (index) => [member(index)]),
  'list of long elements': (local, key) => fill(local, 'RPUSH', key, (index) => [member(index).padEnd(9000)], 3000),
  set: (local, key) => fill(local, 'SADD', key, (index) => [member(index)]),
  hash: (local, key) => fill(local, 'HSET', key, (index) => [member(index), 'value']),
  'sorted set': (local, key) => fill(local, 'ZADD', key, (index) => [String(index), member(index)]),
};

/** Runs something and then frees all; the blocks that were freed by it, and by the slice that freed most. */
function countFrees(local: Local, run: () => void): { inCommand: number; inSlice: number } {
  const { keyspace } = local;
  const { arena } = keyspace;
  let frees = 0;
  const free = arena.free.bind(arena);
  const freeSome = keyspace.freeSome.bind(keyspace);
  arena.free = (ref) => {
    frees++;
    free(ref);
  };
  keyspace.freeSome = () => true;
  try {
    run();
    const inCommand = frees;
    let inSlice = 0;
    for (let isDone = false; !isDone;) {
      frees = 0;
      isDone = freeSome(budget);
      inSlice = Math.max(inSlice, frees);
    }
    return { inCommand, inSlice };
  } finally {
    arena.free = free;
    keyspace.freeSome = freeSome;
  }
}

function check(local: Local, what: string, run: () => void): void {
  const { inCommand, inSlice } = countFrees(local, run);
  assert.ok(inCommand <= commandMax, `${what} freed ${inCommand} blocks`);
  assert.ok(inSlice <= sliceMax, `a slice after ${what} freed ${inSlice} blocks`);
  assert.ok(inCommand + inSlice > 20, `${what} frees something`);
}

describe('big values are freed in slices', () => {
  for (const [type, filler] of Object.entries(fillers)) {
    test(`a ${type} that is deleted, replaced or expires`, () => {
      const ways: readonly (readonly string[])[] = [
        ['DEL', 'big'],
        ['UNLINK', 'big'],
        ['SET', 'big', 'x'],
        ['SET', 'big', 'x', 'EX', '10'],
        ['RENAME', 'small', 'big'],
        ['COPY', 'small', 'big', 'REPLACE'],
        ['SUNIONSTORE', 'big', 'few'],
        ['SDIFFSTORE', 'big', 'none'],
        ['SORT', 'few', 'ALPHA', 'STORE', 'big'],
        ['ZUNIONSTORE', 'big', '1', 'few'],
        ['ZRANGESTORE', 'big', 'none', '0', '-1'],
        ['BITOP', 'AND', 'big', 'small'],
        ['PEXPIREAT', 'big', '1'],
      ];
      for (const words of ways) {
        const local = new Local(1);
        local.run(['SET', 'small', 'x']);
        local.run(['SADD', 'few', 'a', 'b']);
        filler(local, 'big');
        check(local, words.join(' '), () => void local.run(words));
        local.keyspace.verify();
      }
      const local = new Local(1);
      filler(local, 'big');
      local.run(['PEXPIRE', 'big', '10']);
      local.keyspace.nowMs += 100;
      check(local, 'a read after its time', () => assert.equal(local.run(['EXISTS', 'big']), ':0\r\n'));
    });
  }

  test('all keys of a database', () => {
    const local = new Local(1);
    for (const [type, filler] of Object.entries(fillers)) filler(local, type);
    for (let index = 0; index < 20_000; index++) local.run(['SET', `key:${index}`, 'x', 'PX', String(1e9 + index)]);
    check(local, 'FLUSHDB', () => local.keyspace.databases[0]!.clear());
    local.keyspace.verify();
  });

  test('a part of a list', () => {
    const ways: readonly (readonly string[])[] = [
      ['LTRIM', 'big', '0', '99'],
      ['LTRIM', 'big', '-100', '-1'],
      ['LTRIM', 'big', '30000', '30010'],
      ['LTRIM', 'big', '1', '0'],
      ['LPOP', 'big', '50000'],
      ['RPOP', 'big', '50000'],
      ['LMPOP', '1', 'big', 'LEFT', 'COUNT', '40000'],
    ];
    for (const words of ways) {
      const local = new Local(1);
      fillers.list!(local, 'big');
      check(local, words.join(' '), () => void local.run(words));
      local.keyspace.verify();
    }
  });

  test('most of a sorted set', () => {
    const ways: readonly (readonly string[])[] = [
      ['ZREMRANGEBYRANK', 'big', '0', '-101'],
      ['ZREMRANGEBYRANK', 'big', '100', '-1'],
      ['ZREMRANGEBYRANK', 'big', '50', '-51'],
      ['ZREMRANGEBYRANK', 'big', '0', '-1'],
      ['ZREMRANGEBYSCORE', 'big', '-inf', '59900'],
      ['ZREMRANGEBYSCORE', 'big', '100', '+inf'],
      ['ZPOPMIN', 'big', '59900'],
      ['ZPOPMAX', 'big', '59900'],
      ['ZMPOP', '1', 'big', 'MIN', 'COUNT', '59990'],
    ];
    for (const words of ways) {
      const local = new Local(1);
      fillers['sorted set']!(local, 'big');
      check(local, words.join(' '), () => void local.run(words));
      local.keyspace.verify();
    }
  });
});

test('FLUSHALL of a few thousand keys has freed them when it answers', async () => {
  const kvasir = await startKvasir();
  const client = new Redis(kvasir.port);
  try {
    const pipeline = client.pipeline();
    for (let index = 0; index < 1500; index++) pipeline.set(`key:${index}`, 'value', 'EX', 1000);
    await pipeline.exec();
    await client.config('RESETSTAT');
    const [, , info] = (await client.pipeline().flushall().flushdb('SYNC').info('memory').exec())!;
    assert.match(String(info![1]), /lazyfree_pending_objects:0\r\nlazyfreed_objects:1500\r/);
  } finally {
    client.disconnect();
    await kvasir.stop();
  }
});
