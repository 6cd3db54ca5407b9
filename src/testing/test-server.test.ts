import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { virtualClock } from '../io/virtual-clock.js';
import { connector } from './ioredis.js';
import { socketOf } from './node-redis.js';
import { RedisMemoryServer } from './redis-memory-server.js';
import { createServer } from './create-server.js';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('createServer', () => {
  it('runs commands at once and gives plain values', async () => {
    await using server = await createServer({ port: false });
    assert.equal(server.run('SET', 'a', 'ü'), 'OK');
    assert.equal(server.run('GET', 'a'), 'ü');
    assert.equal(server.run('GET', 'none'), null);
    server.run('SET', 'raw', new Uint8Array([255, 0]));
    assert.deepEqual(server.run('GET', 'raw'), Buffer.from([255, 0]));
    assert.equal(server.run('RPUSH', 'l', 1, 2n, 'three'), 3);
    assert.deepEqual(server.run('LRANGE', 'l', 0, -1), ['1', '2', 'three']);
    server.run('HSET', 'h', 'f', 'v', '__proto__', 'x');
    assert.deepEqual(
      server.run('HGETALL', 'h'),
      Object.fromEntries([
        ['f', 'v'],
        ['__proto__', 'x'],
      ]),
    );
    server.run('ZADD', 'z', 1.5, 'm');
    assert.equal(server.run('ZSCORE', 'z', 'm'), 1.5);
    assert.throws(() => server.run('INCR', 'a'), /ERR value is not an integer/);
    assert.throws(() => server.run('NOSUCH'), /unknown command/);
    assert.equal(server.run('BLPOP', 'empty', 0), null);
    assert.equal(server.run('EVAL', 'return redis.call("get", KEYS[1])', 1, 'a'), 'ü');
  });

  it('restores a snapshot of every type, with functions and expiry', async () => {
    await using server = await createServer({ port: false, clock: virtualClock({ frozen: true }) });
    server.load({ s: 'text', l: ['a', 'b'], h: { name: 'Ann' } });
    server.run('SADD', 'set', 'x', 'y');
    server.run('ZADD', 'z', 1, 'one', 2.5, 'two');
    server.run('XADD', 'st', '1-1', 'k', 'v');
    server.run('PEXPIRE', 's', 5000);
    server.run('FUNCTION', 'LOAD', "#!lua name=mylib\nredis.register_function('f', function() return 7 end)");
    server.run('SELECT', 3);
    server.run('SET', 'there', 'too');
    server.run('SELECT', 0);
    const before = server.dump();
    const snapshot = server.snapshot();
    server.flush();
    server.run('FUNCTION', 'FLUSH');
    server.run('SET', 'new', 1);
    server.restore(snapshot);
    assert.deepEqual(server.dump(), before);
    assert.equal(server.run('FCALL', 'f', 0), 7);
    assert.deepEqual(Object.keys(before), ['0', '3']);
    assert.deepEqual(before['0']!.s, { type: 'string', value: 'text', ttl: 5000 });
    assert.deepEqual(before['0']!.z, {
      type: 'zset',
      value: [
        ['one', 1],
        ['two', 2.5],
      ],
    });
    await using copy = await server.clone();
    assert.deepEqual(copy.dump(), before);
    copy.run('SET', 's', 'changed');
    assert.equal(server.run('GET', 's'), 'text');
  });

  it('keeps the data when a snapshot is damaged, wherever it is cut', async () => {
    await using server = await createServer({ port: false, fixtures: { a: 'b', l: ['x', 'y'] } });
    const { bytes } = server.snapshot();
    const before = server.dump();
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => server.restore(bytes.slice(0, length)), Error, `${length} of ${bytes.length} bytes`);
      assert.deepEqual(server.dump(), before);
    }
  });

  it('wakes a client that waits for a key of the snapshot, and breaks WATCH', async () => {
    await using server = await createServer();
    const redis = new Redis(server.url);
    const waiter = new Redis(server.url);
    server.run('RPUSH', 'q', 'job');
    const snapshot = server.snapshot();
    server.flush();
    const popped = waiter.blpop('q', 0);
    await redis.watch('q');
    while (server.run('INFO', 'clients')!.toString().includes('blocked_clients:0')) await redis.ping();
    server.restore(snapshot);
    assert.deepEqual(await popped, ['q', 'job']);
    assert.equal(await redis.multi().set('a', 1).exec(), null);
    redis.disconnect();
    waiter.disconnect();
  });

  it('draws the same from the same seed', async () => {
    const draws = async (seed: number): Promise<string> => {
      await using server = await createServer({ port: false, seed });
      server.run('SADD', 's', ...Array.from({ length: 50 }, (_, index) => `m${index}`));
      return JSON.stringify([
        server.run('SPOP', 's', 10),
        server.run('SRANDMEMBER', 's', -10),
        server
          .run('INFO', 'server')!
          .toString()
          .match(/run_id:.*/)![0],
      ]);
    };
    assert.equal(await draws(7), await draws(7));
    assert.notEqual(await draws(7), await draws(8));
  });

  it('draws keys and evicts the same from the same seed', async () => {
    const drawn: unknown[] = [];
    for (const seed of [5, 5, 6]) {
      await using server = await createServer({ port: false, seed, clock: virtualClock({ now: 1e12, frozen: true }) });
      for (let index = 0; index < 2000; index++) server.run('SET', `key:${index}`, 'x'.repeat(100));
      const keys = Array.from({ length: 20 }, () => server.run('RANDOMKEY'));
      const used = /used_memory:(\d+)/.exec(String(server.run('INFO', 'memory')))![1];
      server.run('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
      server.run('CONFIG', 'SET', 'maxmemory', Number(used) - 50_000);
      server.run('SET', 'one-more', 'x');
      const left = Object.keys(server.dump()['0']!);
      assert.ok(left.length < 2000 && left.length > 500, `${left.length} keys are left`);
      drawn.push({ keys, left });
    }
    assert.deepEqual(drawn[0], drawn[1]);
    assert.notDeepEqual(drawn[0], drawn[2]);
  });

  it('takes a snapshot to a file and back', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-snapshot-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'seed.rdb');
    await using server = await createServer({ port: false, fixtures: { a: '1', l: ['x', 'y'] } });
    writeFileSync(path, server.snapshot().bytes);
    await using other = await createServer({ port: false, fixtures: { gone: '1' } });
    other.restore(readFileSync(path));
    assert.deepEqual(other.dump(), server.dump());
    await using third = await createServer({ port: false, dir: folder, dbfilename: 'seed.rdb' });
    assert.deepEqual(third.dump(), server.dump());
  });

  it('waits for a slow sync of the disk', async (t) => {
    const clock = virtualClock({ frozen: true });
    await using server = await createServer({ port: false, appendonly: 'yes', appendfsync: 'everysec', clock });
    const client = new Redis({ Connector: connector(server) as never });
    t.after(() => client.disconnect());
    server.slowFsync(5000);
    await client.set('a', '1');
    let isAnswered = false;
    const answer = client.call('WAITAOF', '1', '0', '0').finally(() => (isAnswered = true));
    // The sync begins after a second at most, and takes five.
    for (const step of [2000, 2500]) {
      clock.advance(step);
      for (let count = 0; count < 20; count++) await turn();
      assert.equal(isAnswered, false, `after ${step} more`);
    }
    clock.advance(2000);
    assert.deepEqual(await answer, [1, 0]);
  });

  it('lets all replies wait for a slow sync with appendfsync always', async (t) => {
    const clock = virtualClock({ frozen: true });
    await using server = await createServer({ port: false, appendonly: 'yes', appendfsync: 'always', clock });
    const [writer, reader] = [0, 1].map(() => new Redis({ Connector: connector(server) as never }));
    t.after(() => [writer, reader].forEach((client) => client!.disconnect()));
    assert.equal(await writer!.set('a', '0'), 'OK');
    assert.equal(await reader!.get('a'), '0');
    server.slowFsync(500);
    assert.equal(await reader!.get('a'), '0', 'there is nothing to sync');
    const answers: unknown[] = [];
    const turns = async (): Promise<void> => {
      for (let count = 0; count < 20; count++) await turn();
    };
    const written = writer!.set('a', '1').then((reply) => answers.push(reply));
    await turns();
    const read = reader!.get('a').then((reply) => answers.push(reply));
    await turns();
    clock.advance(499);
    await turns();
    assert.deepEqual(answers, []);
    clock.advance(1);
    await Promise.all([written, read]);
    assert.deepEqual(answers.sort(), ['1', 'OK']);
    server.healDisk();
    assert.equal(await writer!.set('a', '2'), 'OK');
    // A server that ends while a sync is under way leaves nothing that runs later.
    server.slowFsync(500);
    writer!.set('a', '3').catch(() => undefined);
    await turns();
    await server.close();
    clock.advance(1000);
  });

  it('records what clients did, and in how many round trips', async () => {
    await using server = await createServer();
    const redis = new Redis(server.url, { enableReadyCheck: false });
    await redis.ping();
    const recording = server.record();
    await redis.set('a', '1');
    await Promise.all([redis.incr('a'), redis.get('a')]);
    await redis.eval("redis.call('set', 'b', 2) return redis.call('get', 'b')", 0);
    await redis.multi().sadd('s', 'x').get('s2').exec();
    const shown = recording.commands.map(({ command, args, effects }) => ({ command, args, effects }));
    assert.deepEqual(shown.slice(0, 3), [
      { command: 'SET', args: ['a', '1'], effects: ['set a 1'] },
      { command: 'INCR', args: ['a'], effects: ['incr a'] },
      { command: 'GET', args: ['a'], effects: [] },
    ]);
    assert.deepEqual(recording.of('eval')[0]!.effects, []);
    assert.ok(shown.some(({ command, effects }) => command === 'SADD' || effects.includes('sadd s x')));
    assert.ok(recording.roundTrips >= 3 && recording.roundTrips <= 5, String(recording.roundTrips));
    recording.stop();
    await redis.get('a');
    assert.equal(
      recording.commands.some(({ command, args }) => command === 'GET' && args.length === 0),
      false,
    );
    redis.disconnect();
  });

  it('has a disk in memory that fails when told to', async () => {
    await using server = await createServer({ port: false, appendonly: 'yes', appendfsync: 'always' });
    server.run('SET', 'a', 1);
    server.run('SAVE');
    assert.equal(Buffer.from(server.readFile('/data/dump.rdb')).subarray(0, 5).toString(), 'REDIS');
    server.failDisk('ENOSPC');
    assert.throws(() => server.run('SAVE'), /ERR/);
    server.healDisk();
    assert.equal(server.run('SAVE'), 'OK');
  });

  it('refuses options that mean nothing', async () => {
    await assert.rejects(createServer({ seed: 1.5 }), /seed/);
    await assert.rejects(createServer({ maxmemory: 'lots' } as never), /maxmemory/);
    await using server = await createServer({ port: false });
    assert.throws(() => server.load({ bad: null as never }), /fixture 'bad'/);
    assert.throws(() => server.restore(new Uint8Array([1, 2, 3])), /RDB/);
  });

  it('leaves nothing behind when a hundred are made and closed', async () => {
    const before = process.getActiveResourcesInfo().length;
    for (let round = 0; round < 100; round++) {
      const server = await createServer(round % 2 === 0 ? {} : { port: false });
      server.run('SET', 'a', round);
      await server.close();
    }
    const remaining = (): number => process.getActiveResourcesInfo().length - before;
    // Handles that are being closed go in later turns of the loop.
    for (let turn = 0; turn < 1000 && remaining() > 2; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.ok(remaining() <= 2, process.getActiveResourcesInfo().join(' '));
  });
});

describe('clients without sockets', () => {
  it('ioredis', async () => {
    await using server = await createServer({ port: false });
    const redis = new Redis({ Connector: connector(server) as never });
    assert.equal(await redis.set('a', 'b'), 'OK');
    const subscriber = redis.duplicate();
    await subscriber.subscribe('news');
    const message = once(subscriber, 'message');
    await redis.publish('news', 'hello');
    assert.deepEqual(await message, ['news', 'hello']);
    redis.disconnect();
    subscriber.disconnect();
  });

  it('node-redis', async () => {
    await using server = await createServer({ port: false });
    const client = createClient({ socket: socketOf(server) });
    await client.connect();
    assert.equal(await client.set('a', 'b'), 'OK');
    assert.equal(await client.get('a'), 'b');
    const other = client.duplicate();
    await other.connect();
    assert.equal(await other.get('a'), 'b');
    client.destroy();
    other.destroy();
  });
});

describe('RedisMemoryServer', () => {
  it('has the methods of the package of that name', async () => {
    const memory = new RedisMemoryServer({ instance: { args: ['--requirepass', 'secret'] } });
    const redis = new Redis({ host: await memory.getHost(), port: await memory.getPort(), password: 'secret' });
    assert.equal(await redis.ping(), 'PONG');
    redis.disconnect();
    assert.deepEqual(memory.getInstanceInfo(), await memory.ensureInstance());
    assert.equal(await memory.stop(), true);
    assert.equal(await memory.stop(), false);
    assert.equal(memory.getInstanceInfo(), false);
    const second = await RedisMemoryServer.create();
    assert.ok((await second.getPort()) > 0);
    await second.stop();
  });
});
