// The history in a Redis: ours and redis-server keep what was appended, over kills of the monitor and failures of the Redis.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { SystemClock, type Timer } from '../../src/io/clock.js';
import { VirtualClock } from '../../src/io/virtual-clock.js';
import { RedisHistory } from '../../src/monitor/history/redis-history.js';
import { startKvasir } from '../kvasir.js';
import { peerMissing, type RedisPeer, startRedis } from '../peer.js';
import { ScriptedServer } from './scripted-server.js';

/** Blocks expire by the real clock of the Redis. */
const START_MS = Math.floor(Date.now() / 86_400_000) * 86_400_000;
/** A Redis on a machine that is many times slower is not away. */
class PatientClock extends SystemClock {
  override after(ms: number, run: () => void, keepsAlive?: boolean): Timer {
    return super.after(ms * 20, run, keepsAlive);
  }
}

const STEP_MS = 2000;
const MINUTE_MS = 60_000;

function open(t: TestContext, port: number): { history: RedisHistory; log: string[] } {
  const log: string[] = [];
  const connect = (): Promise<Connection> => Connection.open({ host: '127.0.0.1', port, timeoutMs: 180_000 });
  const history = new RedisHistory(connect, new PatientClock(), (text) => log.push(text));
  t.after(() => history.close());
  return { history, log };
}

/** Rows whose figure is their index, given in parts that the Redis gets one after the other. */
async function fill(history: RedisHistory, from: number, count: number): Promise<void> {
  for (let index = from; index < from + count; index++) {
    history.append('a', START_MS + index * STEP_MS, [{ name: 'n', decimals: 0, value: index }]);
    if (index % 300 === 299) await history.settled();
  }
  await history.settled();
}

async function read(history: RedisHistory, from: number, to: number): Promise<number[]> {
  return (await history.series('a', 'n', START_MS + from * STEP_MS, START_MS + to * STEP_MS, STEP_MS)).v;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const kinds: readonly (readonly [string, () => Promise<RedisPeer>, string | false])[] = [
  ['Kvasir', () => startKvasir(), false],
  ['redis-server', () => startRedis(), peerMissing('redis-server', 'redis-cli')],
];

for (const [kind, start, skip] of kinds)
  describe(`the history in ${kind}`, { skip }, () => {
    test('has what was appended, also after the monitor was killed', async (t) => {
      const redis = await start();
      t.after(() => redis.stop());
      let count = 0;
      for (const more of [5, 1900, 1700, 10]) {
        const { history, log } = open(t, redis.port);
        await fill(history, count, more);
        count += more;
        assert.deepEqual(await read(history, 0, count), upTo(count));
        assert.deepEqual(log, []);
      }
      const { history } = open(t, redis.port);
      assert.deepEqual(await read(history, 0, count), upTo(count));
      assert.deepEqual(await history.metrics('a', 0), ['n']);
      const minutes = await history.series('a', 'n', START_MS, START_MS + 60 * MINUTE_MS, 30 * MINUTE_MS, 'max');
      assert.deepEqual(minutes.v, [899, 1799]);
      assert.ok(Number(await redis.send('PTTL', 'kvasir:history:{a}:rows:1')) > 0);
      history.expire(START_MS + 400 * 86_400_000);
      await history.settled();
      assert.equal(await redis.send('ZCARD', 'kvasir:history:{a}:rows:index'), '0');
      await history.forget('a');
      assert.equal(await redis.send('KEYS', '*index'), '');
    });

    test('goes on after the Redis refused, was away, or lost its data', async (t) => {
      const redis = await start();
      t.after(() => redis.stop());
      const { history, log } = open(t, redis.port);
      await fill(history, 0, 20);
      await redis.send('CONFIG', 'SET', 'maxmemory', '1');
      await fill(history, 20, 20);
      assert.equal(log.length, 1);
      assert.match(log[0]!, /OOM/);
      await redis.send('CONFIG', 'SET', 'maxmemory', '0');
      await redis.send('CLIENT', 'KILL', 'TYPE', 'normal');
      await redis.send('FLUSHALL');
      await fill(history, 40, 20);
      await fill(history, 60, 1);
      assert.deepEqual(await read(history, 0, 61), upTo(61));
      const again = open(t, redis.port).history;
      assert.deepEqual(await read(again, 0, 61), upTo(61));
    });

    test('brings rows again that the Redis has lost while the connection stands', async (t) => {
      const redis = await start();
      t.after(() => redis.stop());
      const { history, log } = open(t, redis.port);
      await fill(history, 0, 20);
      for (const [from, words] of [
        [20, ['FLUSHALL']],
        [40, ['SET', 'kvasir:history:{a}:rows:tail', 'somebody else']],
        [60, ['SETRANGE', 'kvasir:history:{a}:rows:tail', '10000', 'x']],
      ] as const) {
        await redis.send(...words);
        await fill(history, from, 20);
        assert.deepEqual(await read(open(t, redis.port).history, 0, from + 20), upTo(from + 20), words[0]);
      }
      assert.deepEqual(log, []);
    });
  });

test('a Redis that does not answer holds nobody up for ever', async (t) => {
  const silent = await ScriptedServer.start(() => undefined);
  t.after(() => silent.stop());
  const clock = new VirtualClock({ frozen: true });
  const log: string[] = [];
  const history = new RedisHistory(silent.connect, clock, (text) => log.push(text));
  history.append('a', START_MS, [{ name: 'n', decimals: 0, value: 1 }]);
  const hurry = setInterval(() => clock.advance(1000), 10);
  t.after(() => clearInterval(hurry));
  const { v } = await history.series('a', 'n', START_MS, START_MS + STEP_MS, STEP_MS);
  assert.deepEqual(v, [NaN]);
  assert.ok(log.length > 0);
  await history.close();
});
