import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import type { InvalidationListener, Invalidations } from './invalidations.js';
import { NearCache } from './near-cache.js';
import { streamInvalidations } from './stream-invalidations.js';

const world = await recipeWorld();
const { surroundings, direct } = world;

beforeEach(() => world.server.flush());

const news = streamInvalidations(() => world.server.connect(), { surroundings });

/** News that take up to so long; `arrived` is called when they have come. */
function delayed(source: Invalidations, mostMs: number, arrived: (key: string | undefined) => void): Invalidations {
  return {
    listen(prefixes, listener) {
      let lastMs = 0;
      const later = (run: () => void): void => {
        // In order, as on a connection.
        lastMs = Math.max(lastMs, world.clock.steadyMs() + world.prng.below(mostMs * 1000) / 1000);
        world.clock.after(lastMs - world.clock.steadyMs(), run);
      };
      const slow: InvalidationListener = {
        changed: (key) =>
          later(() => {
            listener.changed(key);
            arrived(key);
          }),
        lost: () => listener.lost(),
        ready: () => listener.ready(),
      };
      return source.listen(prefixes, slow);
    },
  };
}

/** Lets the in-process connection and virtual time go on until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !condition(); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    world.clock.advance(1);
  }
  assert.ok(condition());
}

describe(`NearCache (RECIPE_SEED=${worldSeed})`, () => {
  it('gives no value that was there before news that have arrived, whatever overtakes what', async () => {
    const changes = new Map<string, number>();
    const heard = new Map<string, number>();
    const near = new NearCache(
      world.client({ latencyMs: 8 }),
      delayed(news, 6, (key) => {
        // The server reports changes in order: the least that this one can mean is the count of messages so far.
        if (key !== undefined) heard.set(key, (heard.get(key) ?? 0) + 1);
      }),
      { prefixes: ['user:'], surroundings },
    );
    await until(() => near.figures.isListening);
    let isOver = false;
    const writer = async (): Promise<void> => {
      for (let count = 1; count <= 300; count++) {
        const key = `user:${world.prng.below(3)}`;
        const version = (changes.get(key) ?? 0) + 1;
        changes.set(key, version);
        await direct.send('SET', [key, version]);
        await world.sleep(world.prng.below(12));
      }
      isOver = true;
    };
    const reader = async (): Promise<void> => {
      while (!isOver) {
        const key = `user:${world.prng.below(3)}`;
        const least = heard.get(key) ?? 0;
        const value = Number((await near.get(key)) ?? 0);
        assert.ok(value >= least, `${key} is ${value} after the news of ${least}`);
        await world.sleep(world.prng.below(4));
      }
    };
    await world.during(Promise.all([writer(), ...Array.from({ length: 6 }, reader)]));
    // The server reports several changes at once, so messages are fewer than changes.
    for (let turn = 0; turn < 300; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      world.clock.advance(1);
    }
    assert.ok([...heard.values()].every((count) => count > 10));
    for (const [key, version] of changes) assert.equal(await world.during(near.get(key)), String(version));
    const { hits, misses } = near.figures;
    assert.ok(hits > 100 && misses > 100, `${hits} hits, ${misses} misses`);
    near.close();
  });

  it('takes no round trip for a hit, and one for many who ask at once', async () => {
    const client = world.client();
    const near = new NearCache(client, news, { prefixes: ['a:'], surroundings, keysMax: 2, maxAgeMs: 1000 });
    await world.during(near.get('a:1'));
    assert.equal(near.figures.keys, 0, 'nobody listens yet');
    await until(() => near.figures.isListening);
    await direct.send('HSET', ['a:2', 'field', 'value']);
    await until(() => near.figures.isListening);
    const before = client.roundTrips;
    await world.during(Promise.all(Array.from({ length: 10 }, () => near.ask('HGETALL', 'a:2'))));
    assert.equal(client.roundTrips, before + 1);
    await world.during(near.get('b:1'));
    await world.during(near.get('b:1'));
    assert.equal(client.roundTrips, before + 3, 'other keys are not kept');
    world.clock.advance(1001);
    await world.during(near.ask('HGETALL', 'a:2'));
    assert.equal(client.roundTrips, before + 4, 'too old');
    await world.during(near.get('a:3'));
    await world.during(near.get('a:4'));
    assert.equal(near.figures.keys, 2);
    await assert.rejects(world.during(near.get('a:2')), /WRONGTYPE/);
    await world.during(near.write('a:3', () => direct.send('SET', ['a:3', 'own'])));
    assert.equal(await world.during(near.get('a:3')), 'own');
    near.close();
    await world.during(near.get('a:3'));
    assert.equal(near.figures.keys, 0);
  });

  it('keeps nothing while the connection for news is broken, and everything changes with FLUSHALL', async () => {
    const streams: { destroy(): unknown }[] = [];
    const breakable = streamInvalidations(
      () => {
        const stream = world.server.connect();
        streams.push(stream);
        return stream;
      },
      { surroundings, retryMs: 50 },
    );
    await direct.send('SET', ['a:1', 'one']);
    const near = new NearCache(direct, breakable, { prefixes: ['a:'], surroundings });
    await until(() => near.figures.isListening);
    assert.equal(await near.get('a:1'), 'one');
    await direct.send('FLUSHALL', []);
    await until(() => near.figures.keys === 0);
    assert.equal(await near.get('a:1'), undefined);
    assert.equal(near.figures.keys, 1);
    streams.at(-1)!.destroy();
    await until(() => !near.figures.isListening);
    assert.equal(near.figures.keys, 0);
    await direct.send('SET', ['a:1', 'unheard']);
    assert.equal(await near.get('a:1'), 'unheard');
    await until(() => near.figures.isListening);
    assert.equal(streams.length, 2);
    near.close();
  });
});

describe('prefixes', () => {
  it('that overlap are refused: the server would not listen to them', () => {
    for (const prefixes of [['user:', 'user:vip:'], ['a', 'a'], ['', 'x'], []])
      assert.throws(() => new NearCache(direct, news, { prefixes }), RangeError);
  });
});
