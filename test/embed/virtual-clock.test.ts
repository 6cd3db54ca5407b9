import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { Redis } from 'ioredis';
import { fakeTimersClock, startServer, virtualClock } from '../../src/index.js';
import { systemClock } from '../../src/io/clock.js';
import { durationMs, VirtualClock } from '../../src/io/virtual-clock.js';

async function withServer(clock: VirtualClock, use: (redis: Redis) => Promise<void>): Promise<void> {
  const server = await startServer({ clock });
  const redis = new Redis(server.port, server.host);
  try {
    await use(redis);
  } finally {
    redis.disconnect();
    await server.close();
  }
}

test('keys and hash fields expire when the clock is moved, and not before', async () => {
  const clock = virtualClock({ frozen: true });
  await withServer(clock, async (redis) => {
    await redis.set('key', 'value', 'EX', 3600);
    await redis.hset('hash', 'field', 'value');
    await redis.call('HEXPIRE', 'hash', '7200', 'FIELDS', '1', 'field');
    clock.advance('59m');
    assert.equal(await redis.ttl('key'), 60);
    clock.advance('1m');
    assert.equal(await redis.get('key'), 'value', 'the last millisecond still counts');
    clock.advance(1);
    assert.equal(await redis.get('key'), null);
    assert.equal(await redis.hget('hash', 'field'), 'value');
    clock.advance('1h');
    assert.equal(await redis.hget('hash', 'field'), null);
  });
});

test('blocking commands end and streams get their ids by the clock', async () => {
  const clock = virtualClock({ now: new Date('2030-01-01T00:00:00Z'), frozen: true });
  await withServer(clock, async (redis) => {
    const waiting = redis.blpop('list', 10);
    const other = redis.duplicate();
    while (!/blocked_clients:1/.test(await other.info('clients')));
    clock.advance('9s');
    await other.ping();
    assert.match(await other.info('clients'), /blocked_clients:1/);
    clock.advance('2s');
    assert.equal(await waiting, null);
    assert.equal(await redis.xadd('stream', '*', 'field', 'value'), `${Date.parse('2030-01-01T00:00:11Z')}-0`);
    assert.equal(Number((await redis.time())[0]), Date.parse('2030-01-01T00:00:11Z') / 1000);
    other.disconnect();
  });
});

test('save rules count by the clock', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kvasir-clock-'));
  const clock = virtualClock({ frozen: true });
  const server = await startServer({ clock, dir, save: '60 1' });
  const redis = new Redis(server.port, server.host);
  t.after(async () => {
    redis.disconnect();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  await redis.set('key', 'value');
  clock.advance('59s');
  assert.match(await redis.info('persistence'), /rdb_changes_since_last_save:1\r[^]*rdb_saves:0\r/);
  clock.advance('3s');
  while (!/rdb_changes_since_last_save:0\r[^]*rdb_saves:1\r/.test(await redis.info('persistence'))) clock.advance(10);
  assert.ok(existsSync(join(dir, 'dump.rdb')));
});

test('a clock that is frozen from the start begins exactly at the given time', () => {
  // A machine whose time goes on between any two readings.
  let machineMs = 5_000.4;
  const machine = { ...systemClock, wallMs: () => (machineMs += 0.7), steadyMs: () => (machineMs += 0.7) };
  const clock = new VirtualClock({ now: 1_893_456_000_000, frozen: true }, machine);
  assert.equal(clock.wallMs(), 1_893_456_000_000);
});

test('a frozen clock stands still, one that runs goes on from where it was', async () => {
  const clock = virtualClock({ now: 1_000_000, frozen: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(clock.wallMs(), 1_000_000);
  clock.run();
  const before = clock.steadyMs();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(clock.steadyMs() > before);
  assert.ok(clock.wallMs() >= 1_000_000);
  let fired = false;
  await new Promise<void>((resolve) =>
    clock.after(
      5,
      () => {
        fired = true;
        resolve();
      },
      true,
    ),
  );
  assert.ok(fired);
});

test('timers run in order and at their times while the clock is advanced', () => {
  const clock = virtualClock({ now: 0, frozen: true });
  const seen: string[] = [];
  const repeat = (): void => {
    seen.push(`tick ${clock.wallMs()}`);
    if (clock.wallMs() < 300) clock.after(100, repeat);
  };
  clock.after(100, repeat);
  clock.after(250, () => seen.push(`once ${clock.wallMs()}`));
  clock.after(150, () => seen.push('never')).cancel();
  clock.advance(1000);
  assert.deepEqual(seen, ['tick 100', 'tick 200', 'once 250', 'tick 300']);
  assert.equal(clock.wallMs(), 1000);
});

test('setting the date forward fires timers, setting it back does not', () => {
  const clock = virtualClock({ now: 10_000, frozen: true });
  let fired = 0;
  clock.after(1000, () => fired++);
  clock.set(5000);
  assert.equal(clock.wallMs(), 5000);
  assert.equal(fired, 0);
  clock.set(new Date(6000));
  assert.equal(fired, 1);
});

test('a month passes in a bounded number of stops', () => {
  const clock = virtualClock({ frozen: true });
  let ticks = 0;
  const tick = (): void => {
    ticks++;
    clock.after(100, tick);
  };
  tick();
  clock.advance('30d');
  assert.ok(ticks > 1000 && ticks <= 20_001, `${ticks} ticks`);
});

test('durations: numbers, units, several units; nonsense is refused', () => {
  assert.equal(durationMs(250), 250);
  assert.equal(durationMs('250ms'), 250);
  assert.equal(durationMs('1.5s'), 1500);
  assert.equal(durationMs('1h 30m'), 5_400_000);
  assert.equal(durationMs('2d'), 172_800_000);
  for (const wrong of ['', 'soon', '5', '5 weeks', '1h30', 'h', '-1s'])
    assert.throws(() => durationMs(wrong), RangeError);
  assert.throws(() => durationMs(NaN), RangeError);
  assert.throws(() => virtualClock().advance(-1), RangeError);
  assert.throws(() => virtualClock().set(NaN), RangeError);
});

test('fake timers of a test framework drive the server', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  try {
    const server = await startServer({ clock: fakeTimersClock() });
    const stream = server.connect();
    const ask = (command: string): Promise<string> =>
      new Promise((resolve) => {
        stream.once('data', (bytes: Buffer) => resolve(bytes.toString()));
        stream.write(`${command}\r\n`);
      });
    assert.equal(await ask('SET key value PX 500'), '+OK\r\n');
    mock.timers.tick(400);
    assert.equal(await ask('GET key'), '$5\r\nvalue\r\n');
    mock.timers.tick(200);
    assert.equal(await ask('GET key'), '$-1\r\n');
    stream.destroy();
    await server.close();
  } finally {
    mock.timers.reset();
  }
});
