import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import { BloomFilter } from '../bloom/bloom-filter.js';
import type { Commands } from '../commands.js';
import { Cache, type CacheOptions } from './cache.js';
import { WriteBehind } from './write-behind.js';
import { writeThrough } from './write-through.js';

const world = await recipeWorld();
const { surroundings } = world;

beforeEach(() => world.server.flush());

/** A slow database. */
class Source {
  readonly rows = new Map<string, string>();
  loads = 0;

  async load(key: string): Promise<string | undefined> {
    this.loads++;
    const value = this.rows.get(key);
    await world.sleep(40 + world.prng.below(20));
    return value;
  }
}

const makeCache = (commands: Commands, options: Partial<CacheOptions> = {}): Cache =>
  new Cache(commands, 'test', { ttlMs: 1000, jitter: 0, early: 0, surroundings, ...options });

describe(`Cache (RECIPE_SEED=${worldSeed})`, () => {
  it('loads a key once, however many processes ask at the same time', async () => {
    const source = new Source();
    source.rows.set('a', '1');
    const caches = Array.from({ length: 20 }, () => makeCache(world.client()));
    const asks = caches.flatMap((cache) => [1, 2, 3].map(() => cache.get('a', () => source.load('a'))));
    assert.deepEqual(new Set(await world.during(Promise.all(asks))), new Set(['1']));
    assert.equal(source.loads, 1);
  });

  it('takes one round trip for a hit', async () => {
    const client = world.client();
    const cache = makeCache(client);
    await world.during(cache.get('a', async () => 1));
    await world.during(cache.get('a', async () => 2));
    const before = client.roundTrips;
    assert.equal(await world.during(cache.get('a', async () => 3)), 1);
    assert.equal(client.roundTrips - before, 1);
  });

  it('remembers that there is none, for a shorter time', async () => {
    const source = new Source();
    const cache = makeCache(world.direct, { noneTtlMs: 100 });
    for (let ask = 0; ask < 5; ask++)
      assert.equal(await world.during(cache.get('x', () => source.load('x'))), undefined);
    assert.equal(source.loads, 1);
    world.clock.advance(101);
    await world.during(cache.get('x', () => source.load('x')));
    assert.equal(source.loads, 2);
  });

  it('asks the source when the guard cannot be asked', async () => {
    const errors: unknown[] = [];
    const guard = (): Promise<boolean> => Promise.reject(new Error('no guard'));
    const cache = makeCache(world.direct, { guard, onError: (error) => errors.push(error) });
    assert.equal(await cache.get('a', async () => 1), 1);
    assert.match(String(errors[0]), /no guard/);
  });

  it('takes the place of a value that is none of its own, and says so', async () => {
    const errors: string[] = [];
    const cache = makeCache(world.direct, { onError: (error) => errors.push((error as Error).message) });
    for (const spoilt of ['', 'text', '{', 'null', '7', '[]', '{"d":1}', Buffer.from([0xff, 0xfe])]) {
      world.server.run('SET', 'cache:{test:a}', spoilt);
      assert.equal(await cache.get('a', async () => 'loaded'), 'loaded');
      assert.equal(await cache.get('a', async () => 'again'), 'loaded');
    }
    assert.equal(errors.length, 8);
    assert.match(errors[0]!, /cache:\{test:a\} is none of this cache/);
  });

  it('refuses values that JSON has no text for, and keeps nobody waiting', async () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    for (const value of [() => 1, Symbol('s'), 1n, circle]) {
      const cache = makeCache(world.direct);
      await assert.rejects(
        cache.get('f', async () => value),
        TypeError,
      );
      await assert.rejects(cache.set('f', value), TypeError);
      assert.equal(world.server.run('EXISTS', 'cache:{test:f}', 'cache:{test:f}:load'), 0);
    }
  });

  it('tells of the write that failed, even if Redis fails as well', async () => {
    const errors: string[] = [];
    const broken: Commands = { send: () => Promise.reject(new Error('no Redis')) };
    const cache = makeCache(broken, { onError: (error) => errors.push((error as Error).message) });
    const write = (): Promise<never> => Promise.reject(new Error('no database'));
    await assert.rejects(cache.updateThenInvalidate('a', write), /no database/);
    assert.deepEqual(errors, ['no Redis']);
    await assert.rejects(
      cache.updateThenInvalidate('a', async () => 1),
      /no Redis/,
    );
  });

  it('asks neither Redis nor the source for what the guard denies', async () => {
    const known = new BloomFilter(world.direct, 'known', 100, 0.001);
    await known.add('real');
    const cache = makeCache(world.direct, { guard: (key) => known.has(key) });
    const source = new Source();
    source.rows.set('real', 'r');
    for (let index = 0; index < 100; index++) await world.during(cache.get(`fake${index}`, () => source.load('x')));
    assert.ok(source.loads <= 2, `${source.loads} loads`);
    assert.equal(await world.during(cache.get('real', () => source.load('real'))), 'r');
  });

  it('serves a stale value at once while one process loads it anew', async () => {
    const source = new Source();
    source.rows.set('a', 'old');
    const caches = Array.from({ length: 5 }, () => makeCache(world.direct, { staleMs: 1000 }));
    await world.during(caches[0]!.get('a', () => source.load('a')));
    source.rows.set('a', 'new');
    world.clock.advance(1001);
    const beganMs = world.clock.steadyMs();
    const values = await Promise.all(caches.map((cache) => cache.get('a', () => source.load('a'))));
    assert.deepEqual(new Set(values), new Set(['old']));
    assert.equal(world.clock.steadyMs(), beganMs, 'nobody waited');
    await world.during(Promise.all(caches.map((cache) => cache.settled())));
    assert.equal(source.loads, 2);
    assert.equal(await caches[1]!.get('a', () => source.load('a')), 'new');
  });

  it('refreshes a hot key before its end, so that nobody waits', async () => {
    const source = new Source();
    source.rows.set('hot', '1');
    const cache = makeCache(world.direct, { early: 2 });
    await world.during(cache.get('hot', () => source.load('hot')));
    let waited = 0;
    for (let ms = 0; ms < 5000; ms += 5) {
      const beganMs = world.clock.steadyMs();
      await world.during(cache.get('hot', () => source.load('hot')));
      if (world.clock.steadyMs() - beganMs > 1) waited++;
      world.clock.advance(5);
    }
    await world.during(cache.settled());
    assert.equal(waited, 0);
    assert.ok(source.loads >= 5 && source.loads <= 12, `${source.loads} loads in five times of life`);
  });

  it('spreads the ends of keys that were stored together', async () => {
    const cache = makeCache(world.direct, { jitter: 0.5 });
    for (let index = 0; index < 50; index++) await cache.set(`k${index}`, index);
    const lives = Array.from({ length: 50 }, (_, index) => Number(world.server.run('PTTL', `cache:{test:k${index}}`)));
    assert.ok(Math.min(...lives) < 600 && Math.max(...lives) > 900, `${Math.min(...lives)} to ${Math.max(...lives)}`);
  });

  it('never gives what was loaded before an invalidation to a reader that came after it', async () => {
    const source = new Source();
    const caches = Array.from({ length: 6 }, () => makeCache(world.client(), { ttlMs: 300 }));
    let written = 0;
    source.rows.set('n', '0');
    let isOver = false;
    const writer = (async () => {
      for (let version = 1; version <= 30; version++) {
        await world.sleep(world.prng.below(120));
        await caches[version % 6]!.updateThenInvalidate('n', async () => void source.rows.set('n', String(version)));
        written = version;
      }
      isOver = true;
    })();
    let reads = 0;
    const readers = caches.map(async (cache) => {
      while (!isOver) {
        const least = written;
        const value = Number(await cache.get('n', () => source.load('n')));
        assert.ok(value >= least, `read ${value} after ${least} was written`);
        reads++;
        await world.sleep(world.prng.below(10));
      }
    });
    await world.during(Promise.all([writer, ...readers]));
    assert.ok(reads > 100 && source.loads < reads, `${reads} reads, ${source.loads} loads`);
  });

  it('gives nobody who joins late what an invalidation has overtaken', async () => {
    let row = 'old';
    // Replies to one process come late: its store, or its hit, is done long before it hears of it.
    for (const isHit of [false, true]) {
      row = 'old';
      world.server.flush();
      if (isHit) await makeCache(world.direct).get('k', async () => row);
      const late = makeCache({
        send: async (command, args) => {
          const reply = await world.direct.send(command, args);
          await world.sleep(20);
          return reply;
        },
      });
      const load = async (): Promise<string> => row;
      const first = late.get('k', load);
      await world.during(world.sleep(isHit ? 5 : 25)); // the read has run, and without a hit the store too
      await makeCache(world.direct).updateThenInvalidate('k', async () => void (row = 'new'));
      const joined = late.get('k', load);
      assert.deepEqual(await world.during(Promise.all([first, joined])), ['old', 'new'], isHit ? 'hit' : 'load');
    }
  });

  it('sends few requests for many who ask at once', async () => {
    const client = world.client();
    const cache = makeCache(client);
    await world.during(cache.get('k', async () => 1));
    await world.during(cache.get('k', async () => 1));
    const before = client.roundTrips;
    await world.during(Promise.all(Array.from({ length: 100 }, () => cache.get('k', async () => 2))));
    assert.equal(client.roundTrips - before, 2);
  });

  it('waits for a loader that died only until its lease ends', async () => {
    const dying = world.client();
    const first = makeCache(dying, { loadMs: 500 }).get('a', () => new Promise<string>(() => undefined));
    void first;
    await world.during(world.sleep(20));
    dying.cut();
    const beganMs = world.clock.steadyMs();
    assert.equal(await world.during(makeCache(world.direct, { loadMs: 500 }).get('a', async () => 'mine')), 'mine');
    assert.ok(world.clock.steadyMs() - beganMs <= 550);
  });

  it('lets another load at once after a load that failed', async () => {
    await assert.rejects(
      makeCache(world.direct).get('a', () => Promise.reject(new Error('no database'))),
      /no database/,
    );
    assert.equal(await makeCache(world.direct).get('a', async () => 'there'), 'there');
  });

  it('goes to the source when Redis is gone, once at a time for each process', async () => {
    const client = world.client();
    const errors: unknown[] = [];
    const cache = makeCache(client, { onError: (error) => errors.push(error) });
    const source = new Source();
    source.rows.set('a', '1');
    client.cut();
    const values = await world.during(Promise.all([1, 2, 3].map(() => cache.get('a', () => source.load('a')))));
    assert.deepEqual(values, ['1', '1', '1']);
    assert.equal(source.loads, 1);
    assert.ok(errors.length > 0);
  });

  it('forgets all entries of a tag, also those that are just loaded, and when the tag is lost', async () => {
    const cache = makeCache(world.direct);
    const other = makeCache(world.direct);
    let version = 1;
    const load = async (): Promise<number> => version;
    await cache.get('a', load, { tags: ['shop', 'price'] });
    await cache.get('b', load, { tags: ['shop'] });
    await cache.get('c', load);
    version = 2;
    assert.equal(await other.get('a', load, { tags: ['shop', 'price'] }), 1);
    await other.invalidateTag('shop');
    assert.deepEqual(
      [
        await cache.get('a', load, { tags: ['shop', 'price'] }),
        await cache.get('b', load, { tags: ['shop'] }),
        await cache.get('c', load),
      ],
      [2, 2, 1],
    );
    version = 3;
    world.server.run('DEL', 'cache-tag:{test:price}');
    assert.equal(await cache.get('a', load, { tags: ['shop', 'price'] }), 3);

    const slow = cache.get(
      'd',
      async () => {
        await world.sleep(50);
        return 'before';
      },
      { tags: ['shop'] },
    );
    await world.during(world.sleep(10));
    await other.invalidateTag('shop');
    await world.during(slow);
    assert.equal(await other.get('d', async () => 'after', { tags: ['shop'] }), 'after');
  });

  it('double delete removes what a reader of a lagging replica stored', async () => {
    const cache = makeCache(world.direct);
    let replica = 'old';
    await cache.doubleDelete('a', async () => undefined, 100);
    assert.equal(await cache.get('a', async () => replica), 'old');
    replica = 'new';
    await world.during(cache.settled());
    assert.equal(await cache.get('a', async () => replica), 'new');
  });

  it('write-through leaves source and cache with the same value', async () => {
    const source = new Source();
    const writers = Array.from({ length: 8 }, (_, index) => {
      const client = world.client();
      return writeThrough(
        client,
        makeCache(client),
        'a',
        String(index),
        async (value) => {
          await world.sleep(world.prng.below(20));
          source.rows.set('a', value);
        },
        { surroundings, retryMs: 5 },
      );
    });
    await world.during(Promise.all(writers));
    assert.equal(await makeCache(world.direct).get('a', async () => 'none'), source.rows.get('a'));
  });
});

describe('WriteBehind', () => {
  it('brings every key’s last value to the source, though workers die in the middle', async () => {
    const source = new Map<string, { value: string; version: number }>();
    const last = new Map<string, string>();
    const writer = (async () => {
      const queue = new WriteBehind(world.direct, 'w', { claimMs: 100 });
      for (let index = 0; index < 200; index++) {
        const key = `k${world.prng.below(20)}`;
        await queue.write(key, `v:${index}`);
        last.set(key, `v:${index}`);
        await world.sleep(1);
      }
    })();
    const worker = async (): Promise<void> => {
      const queue = new WriteBehind(world.client(), 'w', { claimMs: 100 });
      do {
        await queue
          .flush(async (batch) => {
            const dies = world.prng.below(4);
            if (dies === 0) throw new Error('died before');
            await world.sleep(world.prng.below(150)); // sometimes longer than the claim
            for (const { key, value, version } of batch)
              if ((source.get(key)?.version ?? 0) < version) source.set(key, { value, version });
            if (dies === 1) throw new Error('died after');
          }, 5)
          .catch((error: Error) => assert.match(error.message, /died/));
        await world.sleep(5);
      } while ((await queue.size()) > 0);
    };
    await world.during(Promise.all([writer, worker(), worker(), worker()]));
    await world.during(worker());
    const stored = [...source].map(([key, { value }]) => `${key}=${value}`).sort();
    assert.deepEqual(stored, [...last].map(([key, value]) => `${key}=${value}`).sort());
  });

  it('shows what waits, and keeps the newest value that came while a batch was written', async () => {
    const queue = new WriteBehind(world.direct, 'x');
    await queue.write('a', '1:with colon');
    assert.equal(await queue.pending('a'), '1:with colon');
    const done = await queue.flush(async ([write]) => {
      assert.deepEqual(write, { key: 'a', value: '1:with colon', version: 1 });
      await queue.write('a', '2');
    });
    assert.deepEqual([done, await queue.size(), await queue.pending('a')], [0, 1, '2']);
    assert.equal(await queue.flush(async ([write]) => assert.equal(write!.value, '2')), 1);
    assert.equal(await queue.pending('a'), undefined);
  });
});
