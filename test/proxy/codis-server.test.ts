// The commands of codis-server on our server: slots, moving keys by both families, pieces, and the replies to a proxy
// on the way.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { codisSlot } from '../../src/base/codis-slot.js';
import { Prng } from '../../src/base/prng.js';
import { startFakeBackend } from './fake-backend.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 100_000);
const slotOf = (key: string): number => codisSlot(new Uint8Array(Buffer.from(key)));

test('a server that is in no codis does not know the commands', async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const client = new Redis({ port: server.port, host: server.host });
  t.after(() => client.disconnect());
  await assert.rejects(client.call('SLOTSINFO'), /unknown command/);
  await assert.rejects(client.call('SLOTSRESTORE-ASYNC', 'delete', 'k'), /unknown command/);
});

describe('two servers of a codis', () => {
  let servers: EmbeddedServer[];
  let source: Redis;
  let target: Redis;

  before(async () => {
    servers = [];
    for (let index = 0; index < 2; index++)
      servers.push(await startServer({ 'codis-enabled': true, 'enable-debug-command': 'local' }));
    [source, target] = servers.map((server) => new Redis({ port: server.port, host: server.host })) as [Redis, Redis];
  });

  after(async () => {
    source?.disconnect();
    target?.disconnect();
    for (const server of servers) await server.close();
  });

  const call = (client: Redis, ...words: (string | number | Buffer)[]): Promise<unknown> =>
    client.call(String(words[0]), words.slice(1)).catch((error: Error) => error.message);
  const place = (): [string, number] => ['127.0.0.1', servers[1]!.port];

  async function clear(): Promise<void> {
    await source.flushall();
    await target.flushall();
  }

  test('slots are counted, listed, scanned and emptied', async () => {
    await clear();
    const prng = new Prng(seed);
    const keys = Array.from({ length: 500 }, (_, index) =>
      prng.chance(30) ? `{t${index % 7}}:${index}` : `key:${index}:${prng.below(1e6)}`,
    );
    for (const key of keys) await source.set(key, key);
    const hint = `KVASIR_SEED=${seed}`;
    assert.deepEqual(await call(source, 'SLOTSHASHKEY', 'a', 'b', 'c', '{}x', 'x{a}y'), [579, 1017, 879, 0, 579], hint);
    const counts = new Map<number, number>();
    for (const key of keys) counts.set(slotOf(key), (counts.get(slotOf(key)) ?? 0) + 1);
    assert.deepEqual(
      await call(source, 'SLOTSINFO'),
      [...counts].sort(([a], [b]) => a - b),
      hint,
    );
    const [slot, count] = [...counts].sort(([, a], [, b]) => b - a)[0]!;
    assert.deepEqual(await call(source, 'SLOTSINFO', slot, 1), [[slot, count]], hint);
    assert.deepEqual(await call(source, 'SLOTSINFO', slot, 0), []);
    const seen = new Set<string>();
    let cursor = '0';
    do {
      const [next, some] = (await call(source, 'SLOTSSCAN', slot, cursor, 'COUNT', 3)) as [string, string[]];
      for (const key of some) seen.add(key);
      cursor = next;
    } while (cursor !== '0');
    assert.deepEqual([...seen].sort(), keys.filter((key) => slotOf(key) === slot).sort(), hint);
    assert.equal(await call(source, 'SLOTSCHECK'), 'OK');
    assert.deepEqual(await call(source, 'SLOTSDEL', slot), [[slot, 0]]);
    assert.equal(await source.dbsize(), keys.length - count);
    assert.equal(await call(source, 'SLOTSINFO', '1024'), 'ERR invalid slot number = 1024');
    assert.equal(await call(source, 'SLOTSSCAN', '1', 'x'), 'ERR invalid cursor');
    assert.equal(await call(source, 'SLOTSDEL', 'x'), 'ERR value is not an integer or out of range');
  });

  test('one key, a tag and a slot move, with their times', async () => {
    await clear();
    await source.set('{m}a', '1', 'PX', 100_000);
    await source.rpush('{m}b', 'x', 'y');
    await source.set('m', 'whole');
    const [host, port] = place();
    assert.equal(await call(source, 'SLOTSMGRTONE', host, port, 1000, 'nokey'), 0);
    assert.equal(await call(source, 'SLOTSMGRTONE', host, port, 1000, '{m}a'), 1);
    assert.equal(await target.get('{m}a'), '1');
    assert.ok((await target.pttl('{m}a')) > 50_000);
    await source.set('{m}c', '3');
    assert.equal(
      await call(source, 'SLOTSMGRTTAGONE', host, port, 1000, '{m}a'),
      2,
      'the tag goes though the key is gone',
    );
    assert.deepEqual(await target.lrange('{m}b', 0, -1), ['x', 'y']);
    assert.deepEqual(await source.keys('*'), ['m']);
    const slot = slotOf('m');
    for (let index = 0; index < 5; index++) await source.set(`{m}${index}`, String(index));
    let total = 0;
    for (;;) {
      const [moved, left] = (await call(source, 'SLOTSMGRTTAGSLOT', host, port, 1000, slot)) as [number, number];
      total += moved;
      if (left === 0) break;
    }
    assert.equal(total, 6);
    assert.equal(await source.dbsize(), 0);
    assert.equal(await target.dbsize(), 9);
    assert.deepEqual(await call(source, 'SLOTSMGRTSLOT', host, port, 1000, slot), [0, 0]);
  });

  test('errors are those of codis-server, and keys stay', async () => {
    await clear();
    await source.set('k', 'v');
    const refusing = await startFakeBackend(() => '-ERR no\r\n');
    try {
      assert.equal(
        await call(source, 'SLOTSMGRTONE', '127.0.0.1', refusing.port, 1000, 'k'),
        'ERR error on slotsrestore, migration failed',
      );
      assert.match(
        String(await call(source, 'SLOTSMGRTTAGSLOT-ASYNC', '127.0.0.1', refusing.port, 1000, 0, 0, slotOf('k'), 10)),
        /^ERR interrupted: /,
      );
    } finally {
      await refusing.close();
    }
    assert.match(String(await call(source, 'SLOTSMGRTONE', '127.0.0.1', 1, 200, 'k')), /^IOERR error or timeout/);
    assert.equal(await call(source, 'SLOTSMGRTONE', '127.0.0.1', 1, -1, 'k'), 'ERR invalid timeout = -1');
    assert.equal(await call(source, 'SLOTSMGRTONE-ASYNC', 'h', 0, 1, 1, 1, 'k'), 'ERR invalid value of port (0)');
    assert.equal(await source.get('k'), 'v');
  });

  async function fillTypes(): Promise<void> {
    const prng = new Prng(seed + 1);
    const multi = source.pipeline();
    for (let index = 0; index < 3000; index++) {
      multi.rpush('{big}list', `e${index}`);
      multi.hset('{big}hash', `f${index}`, `v${index}`);
      multi.sadd('{big}set', `m${index}`);
      multi.zadd('{big}zset', prng.unit() * 1e6 - 5e5, `z${index}`);
    }
    multi.zadd('{big}zset', '+inf', 'top', '-inf', 'bottom', 0.1, 'tenth');
    multi.set('{big}string', Buffer.from([0, 255, 13, 10]));
    multi.setbit('{big}bits', 80_000, 1);
    multi.xadd('{big}stream', '1-1', 'a', 'b');
    multi.pexpire('{big}hash', 100_000);
    multi.hset('{big}small', 'a', '1');
    await multi.exec();
  }

  async function digests(client: Redis): Promise<Map<string, string>> {
    const keys = await client.keys('*');
    const found = new Map<string, string>();
    for (const key of keys) {
      const digest = String(((await client.call('DEBUG', 'DIGEST-VALUE', key)) as string[])[0]);
      found.set(key, digest);
    }
    return found;
  }

  test('big values of all types move in pieces, and are what they were', async () => {
    await clear();
    await fillTypes();
    const before = await digests(source);
    const [host, port] = place();
    const slot = slotOf('{big}');
    let moved = 0;
    for (;;) {
      const [count, left] = (await call(source, 'SLOTSMGRTTAGSLOT-ASYNC', host, port, 5000, 50, 4000, slot, 20)) as [
        number,
        number,
      ];
      moved += count;
      if (left === 0) break;
    }
    assert.equal(moved, before.size);
    assert.equal(await source.dbsize(), 0);
    assert.deepEqual(await digests(target), before, `KVASIR_SEED=${seed}`);
    assert.ok((await target.pttl('{big}hash')) > 50_000);
    assert.equal(await target.pttl('{big}list'), -1);
    assert.equal(await call(target, 'SLOTSCHECK'), 'OK');
  });

  test('while pieces are on their way keys are read, writes wait or are told so, and a lost connection loses nothing', async () => {
    await clear();
    for (let index = 0; index < 500; index++) await source.rpush('way', String(index));
    // Takes all bytes, and acknowledges on request.
    const acknowledge: (() => void)[] = [];
    const ack = '*3\r\n$22\r\nSLOTSRESTORE-ASYNC-ACK\r\n$1\r\n0\r\n$1\r\n1\r\n';
    const slow = await startFakeBackend((_request, socket) => {
      acknowledge.push(() => socket.write(ack));
      return undefined;
    });
    const other = new Redis({ port: servers[0]!.port, host: servers[0]!.host });
    try {
      const moving = call(source, 'SLOTSMGRTONE-ASYNC', '127.0.0.1', slow.port, 60_000, 10, 100, 'way');
      while (acknowledge.length === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await other.llen('way'), 500);
      assert.deepEqual(await call(other, 'SLOTSMGRT-EXEC-WRAPPER', 'way', 'LLEN', 'way'), [2, 500]);
      const [code, refusal] = (await call(other, 'SLOTSMGRT-EXEC-WRAPPER', 'way', 'RPUSH', 'way', 'x')) as [
        number,
        Error,
      ];
      assert.equal(code, 1);
      assert.match(refusal.message, /the specified key is being migrated/);
      assert.equal(
        await call(other, 'SLOTSMGRTONE-ASYNC', '127.0.0.1', slow.port, 0, 0, 0, 'other'),
        'ERR the specified DB is being migrated',
      );
      const status = (await call(other, 'SLOTSMGRT-ASYNC-STATUS')) as unknown[];
      assert.equal(status[status.indexOf('port') + 1], String(slow.port));
      const held = call(other, 'RPUSH', 'way', 'held');
      for (const socket of slow.sockets) socket.destroy();
      assert.match(String(await moving), /^ERR interrupted: connection closed/);
      assert.equal(await held, 501);
      assert.equal(await call(other, 'SLOTSMGRT-ASYNC-STATUS'), null);
      assert.equal(await call(other, 'SLOTSMGRT-ASYNC-FENCE'), 'OK');
      assert.equal(await call(other, 'SLOTSMGRT-ASYNC-CANCEL'), 0);
    } finally {
      other.disconnect();
      await slow.close();
    }
  });

  test('the wrapper says where a key is, and runs nothing that it may not', async () => {
    await clear();
    await source.set('here', '1');
    const answers = async (...words: string[]): Promise<[number, string]> => {
      const [code, reply] = (await call(source, 'SLOTSMGRT-EXEC-WRAPPER', ...words)) as [number, unknown];
      return [code, reply instanceof Error ? reply.message : String(reply)];
    };
    assert.deepEqual(await answers('here', 'INCR', 'here'), [2, '2']);
    assert.deepEqual(await answers('gone', 'GET', 'gone'), [0, "ERR the specified key doesn't exist"]);
    assert.deepEqual(await answers('here', 'NOSUCH', 'here'), [-1, 'ERR invalid command specified (NOSUCH)']);
    assert.deepEqual(await answers('here', 'GET'), [-1, 'ERR wrong number of arguments for command (GET)']);
    assert.equal((await answers('here', 'MULTI'))[0], -1);
    assert.match((await answers('here', 'EVAL', 'return redis.call("get", KEYS[1])', '1', 'here'))[1], /2/);
    assert.equal(await source.get('here'), '2');
  });

  test('pieces that make no sense are refused, and the connection ends', async () => {
    await clear();
    await target.set('there', '1');
    const refused: [string[], RegExp][] = [
      [['string', 'there', '0', 'v'], /already exists/],
      [['list', 'there', '0', '1', 'x'], /wrong type/],
      [['expire', 'gone', '1'], /doesn't exist/],
      [['list', 'gone', '0', '1'], /doesn't exist/],
      [['object', 'new', '0', 'rubbish'], /checksum/],
      [['zset', 'new', '0', '1', 'm', 'short'], /bad raw bits/],
      [['hash', 'new', '0', '1', 'f'], /wrong number of arguments/],
      [['hash', 'new', '-1', '1'], /invalid TTL/],
      [['list', 'new', '0', 'x', 'e'], /invalid Hint/],
      [['rubbish', 'new', '0', '1', 'e'], /unknown command/],
    ];
    for (const [words, text] of refused) {
      const client = new Redis({ port: servers[1]!.port, host: servers[1]!.host, retryStrategy: () => null });
      const closed = new Promise((resolve) => client.once('end', resolve));
      const [word, code, reason] = (await call(client, 'SLOTSRESTORE-ASYNC', ...words)) as string[];
      assert.equal(word, 'SLOTSRESTORE-ASYNC-ACK', words.join(' '));
      assert.equal(code, '-1');
      assert.match(reason!, text);
      await closed;
    }
    assert.deepEqual(await target.keys('*'), ['there']);
    assert.match(String(await call(target, 'SLOTSRESTORE', 'k', '0', 'rubbish')), /dump payload version or checksum/);
    assert.match(String(await call(target, 'SLOTSRESTORE', 'k', '0', 'v', 'k2')), /wrong number of arguments/);
  });
});
