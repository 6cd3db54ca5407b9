// LATENCY: which work of the server is noted, on a clock that moves with every look at it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { connectInProcess } from '../../src/io/in-process.js';
import { type Engine, makeEngine } from '../persistence/engine.js';

/** Names of the events, in order of their first sample. */
function events({ server }: Engine): string[] {
  return server.latency.all().map(({ name }) => name);
}

/** An engine in which everything that is measured takes 2 ms. */
function slowEngine(thresholdMs = 1): Engine {
  const engine = makeEngine(22, 2);
  engine.run('CONFIG', 'SET', 'latency-monitor-threshold', thresholdMs);
  engine.server.latency.resetAll();
  return engine;
}

describe('LATENCY', () => {
  it('notes each key that expires by itself or is found expired', () => {
    const engine = slowEngine();
    engine.run('SET', 'a', '1', 'PX', 10);
    engine.server.latency.resetAll();
    engine.tick(20);
    assert.equal(engine.keyspace.databases[0]!.size, 0);
    assert.deepEqual(events(engine), ['expire-del']);
    engine.server.expireCycle.active = false;
    engine.run('SET', 'b', '1', 'PX', 10);
    engine.server.latency.resetAll();
    engine.tick(20);
    assert.deepEqual(events(engine), []);
    engine.run('GET', 'b');
    assert.deepEqual(events(engine), ['expire-del', 'fast-command']);
    assert.equal(engine.server.latency.find('expire-del')!.milliMax, 2);
  });

  it('notes keys that are evicted, what was freed for it, and the whole of it', () => {
    const engine = slowEngine();
    for (let index = 0; index < 200; index++)
      engine.run('RPUSH', 'big', ...Array.from({ length: 50 }, () => 'x'.repeat(300)));
    engine.run('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
    engine.run('CONFIG', 'SET', 'maxmemory', engine.server.usedBytes - 1_000_000);
    engine.server.latency.resetAll();
    engine.server.evictSome();
    assert.deepEqual(events(engine), ['eviction-del', 'eviction-lazyfree', 'eviction-cycle']);
  });

  it('notes what a client was given that waited for it', async () => {
    const engine = slowEngine();
    const waiter = connectInProcess((wire) => engine.server.accept(wire, false));
    waiter.write('BLPOP queue 0\r\n');
    while (engine.server.blocking.count === 0) await turn();
    engine.server.latency.resetAll();
    engine.run('RPUSH', 'queue', 'x');
    engine.server.serveReady();
    assert.match(String(await once(waiter, 'data')), /queue\r\n\$1\r\nx\r\n$/);
    assert.ok(events(engine).includes('command-unblocking'));
    waiter.destroy();
  });

  it('notes nothing below the threshold, and does not look at the clock when nobody asks', () => {
    const engine = slowEngine(3);
    engine.run('SET', 'a', '1', 'PX', 10);
    engine.tick(20);
    assert.deepEqual(events(engine), []);
    assert.notEqual(engine.keyspace.reclaimTimer, undefined);
    engine.run('CONFIG', 'SET', 'latency-monitor-threshold', 0);
    assert.equal(engine.keyspace.reclaimTimer, undefined);
  });
});
