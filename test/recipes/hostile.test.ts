// Recipes with what nobody should give them: names with braces, colons and bytes of any kind, numbers that are none, connections that
// break in the middle of a call. Each gives a clear error or does what it says, and one user's name never reaches another's data.
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import * as recipes from '../../src/recipes/index.js';
import { operations } from './operations.js';
import { recipeWorld } from './world.js';

const world = await recipeWorld();
const { direct, surroundings } = world;

beforeEach(() => world.server.flush());

const names: readonly string[] = [
  'plain',
  '{plain}',
  'plain}',
  'plain%7D',
  '{}plain',
  '{}{plain}',
  '{',
  '}',
  ':',
  '%',
  '{plain}:load',
  'plain:load',
  '\0\r\n\t',
  'grüße 鍵 😀',
  '\u2028\u0085',
  '__proto__',
  'constructor',
  '*?[x]\\',
  '-1',
  'NaN',
  'x'.repeat(100_000),
];

/** Each recipe with a name that a user chose, and a value of his; what it gives must be his. */
const personal: Readonly<Record<string, (user: string) => Promise<void>>> = {
  async Lock(user) {
    const held = await new recipes.Lock(direct, user, { surroundings, renews: false }).tryAcquire();
    assert.equal(held?.fence, 1);
  },
  async ReadWriteLock(user) {
    assert.equal((await new recipes.ReadWriteLock(direct, user, { surroundings, renews: false }).write()).fence, 1);
  },
  async Semaphore(user) {
    const semaphore = new recipes.Semaphore(direct, user, 1, { surroundings, renews: false });
    assert.ok((await semaphore.tryAcquire()).held !== undefined);
  },
  async limits(user) {
    const limit = recipes.fixedWindow('once', 1, 60_000);
    assert.ok((await recipes.take(direct, limit, user)).allowed);
    assert.equal((await recipes.take(direct, limit, user)).allowed, false);
  },
  async Cache(user) {
    const cache = new recipes.Cache(direct, 'users', { ttlMs: 60_000, surroundings });
    for (const load of [async () => user, async () => 'another’s'])
      assert.equal(await cache.get(user, load, { tags: [user] }), user);
  },
  async WriteBehind(user) {
    const queue = new recipes.WriteBehind(direct, `of ${user}`);
    await queue.write(user, user);
    assert.equal(await queue.pending(user), user);
    const stored: recipes.PendingWrite[] = [];
    assert.equal(await queue.flush(async (batch) => void stored.push(...batch)), 1);
    assert.deepEqual(stored, [{ key: user, value: user, version: 1 }]);
  },
  async filters(user) {
    for (const filter of [
      new recipes.BloomFilter(direct, 'f', 1000, 0.0001),
      new recipes.CountingBloomFilter(direct, 'f', 1000, 0.0001),
      new recipes.ScalableBloomFilter(direct, 'f', 1000, 0.0001),
    ]) {
      assert.deepEqual(await filter.addAll([user]), [true]);
      assert.deepEqual(await filter.hasAll([user]), [true]);
    }
  },
  async Seckill(user) {
    const sale = new recipes.Seckill(direct, 'sale');
    const nowMs = world.clock.wallMs();
    await sale.load({ stock: 1000, limit: 1, opensAtMs: nowMs - 1, closesAtMs: nowMs + 60_000 });
    const bought = await sale.buy(user, user);
    assert.equal(bought.status, 'sold');
    assert.deepEqual(await sale.buy(user, user), bought);
    const orders: recipes.Order[] = [];
    await sale.settle(async (batch) => void orders.push(...batch));
    assert.equal(orders.at(-1)!.user, user);
  },
  async RedPacket(user) {
    const packet = new recipes.RedPacket(direct, 'packet');
    await packet.make(10_000, 1000, 60_000, () => 0.5);
    const { status, amount } = await packet.take(user);
    assert.equal(status, 'taken');
    assert.equal((await packet.taken()).get(user), amount);
  },
  async Leaderboard(user) {
    const board = new recipes.Leaderboard(direct, user);
    assert.equal(await board.add(user, 7, [user]), 7);
    assert.deepEqual(await board.placeOf(user, user), { member: user, score: 7, place: 1 });
  },
  async timelines(user) {
    const timeline = new recipes.Timeline(direct);
    await timeline.post(user, 5, [user]);
    assert.deepEqual(await timeline.page(user, 9), [{ id: user, timeMs: 5 }]);
    await recipes.pushLatest(direct, user, user, 5);
    assert.deepEqual(await recipes.latest(direct, user, 5), [user]);
  },
  async graphs(user) {
    const graph = new recipes.FriendGraph(direct, 'friends');
    assert.ok(await graph.befriend(user, `${user} `));
    assert.deepEqual(await graph.friends(user), [`${user} `]);
    assert.deepEqual(await graph.secondDegree(user, 5), []);
    const tags = new recipes.Tags(direct, user);
    for (const item of [user, `${user} `]) await tags.add(item, [user]);
    assert.deepEqual(await tags.similar(user, 1, 5), [{ id: `${user} `, common: 1 }]);
  },
  async visitors(user) {
    for (const kind of ['exact', 'about'] as const) {
      const visitors = new recipes.Visitors(direct, user, kind);
      await visitors.visit(user, user);
      assert.equal(await visitors.count([user, `${user} `]), 1);
    }
    assert.ok(await new recipes.SignInCalendar(direct).signIn(user, 2026, 3));
  },
  async JobQueue(user) {
    const queue = new recipes.JobQueue(direct, user);
    assert.equal(await queue.add(user, 0, user), user);
    const [job] = await queue.take(user);
    assert.deepEqual([job!.id, job!.body], [user, user]);
    assert.ok(await job!.extend());
    assert.ok(await job!.done());
    assert.equal(await queue.size(), 0);
  },
  async Sessions(user) {
    const sessions = new recipes.Sessions(direct, { ttlMs: 60_000, surroundings });
    const id = await sessions.start(user, { [user]: user });
    assert.deepEqual(await sessions.use(id), { user, data: Object.fromEntries([[user, user]]) });
    assert.equal(await sessions.redeem(await sessions.ticket(id, user), user), id);
    // Nobody else is signed out.
    const others = world.server.run('DBSIZE') as number;
    assert.equal(await sessions.endAll(user), 1);
    assert.equal(world.server.run('DBSIZE'), others - 2);
    await sessions.start(user);
  },
  async AttributeStore(user) {
    const store = new recipes.AttributeStore(direct, 'user');
    assert.equal(await store.set(user, Object.fromEntries([[user, user]])), 1);
    assert.deepEqual(await store.read(user), { version: 1, values: Object.fromEntries([[user, user]]) });
  },
  async Autocomplete(user) {
    const words = new recipes.Autocomplete(direct, user);
    await words.add(user);
    assert.deepEqual(await words.complete(user.slice(0, 1), 5), [user.toLowerCase()]);
  },
  async sets(user) {
    assert.equal(await recipes.firstTime(direct, 'seen', user, 60_000), true);
    assert.equal(await recipes.firstTime(direct, 'seen', user, 60_000), false);
    const set = new recipes.ExpiringSet(direct, user);
    await set.put(user, 5);
    assert.deepEqual(await set.takeEnded(5, 9), [user]);
    const places = new recipes.Nearby(direct, user);
    await places.put(user, 15, 37);
    assert.equal((await places.find(15, 37, 10, 1))[0]!.member, user);
  },
  async SpamFilter(user) {
    const filter = new recipes.SpamFilter(direct, user, (text) => [text]);
    await filter.learn(user, true, user);
    assert.deepEqual((await filter.judge(user, user)).sender, { messages: 1, spam: 1 });
  },
  async stores(user) {
    const newest = new recipes.NewestStore([direct], 'newest', { surroundings });
    assert.equal(await newest.get(user), undefined);
    await newest.set(user, user);
    assert.equal(await newest.get(user), user);
    const siblings = new recipes.SiblingStore([direct], 'siblings', { surroundings });
    await siblings.set(user, user);
    assert.deepEqual((await siblings.get(user)).values, [user]);
  },
};

describe('names', () => {
  for (const [recipe, exercise] of Object.entries(personal))
    it(`of any kind are each their own: ${recipe}`, async () => {
      for (const name of names) await exercise(name);
    });

  it('in two parts do not run into each other', async () => {
    const cacheOf = (name: string) => new recipes.Cache(direct, name, { ttlMs: 60_000, surroundings });
    assert.equal(await cacheOf('users').get('vip:7', async () => 'a user'), 'a user');
    assert.equal(await cacheOf('users:vip').get('7', async () => 'a vip'), 'a vip');
    assert.equal(await recipes.firstTime(direct, 'a', 'b:c', 1000), true);
    assert.equal(await recipes.firstTime(direct, 'a:b', 'c', 1000), true);
    await new recipes.AttributeStore(direct, 'a').set('b:c', { of: 'b:c' });
    assert.equal((await new recipes.AttributeStore(direct, 'a:b').read('c')).version, 0);
  });

  it('without a letter are refused, where they name a recipe', async () => {
    for (const make of [
      () => new recipes.Lock(direct, ''),
      () => new recipes.Semaphore(direct, '', 1),
      () => new recipes.JobQueue(direct, ''),
      () => new recipes.Seckill(direct, ''),
    ])
      assert.throws(make, /a name must not be empty/);
    await assert.rejects(new recipes.Sessions(direct, { ttlMs: 1000 }).start(''), RangeError);
  });
});

describe('numbers that are none', () => {
  const wrong = [NaN, Infinity, -Infinity];
  const notCounts = [...wrong, -1, 0.5, 2 ** 53];
  const never = async (): Promise<void> => assert.fail('this must not run');
  const refusals: Readonly<Record<string, readonly [readonly number[], (value: number) => unknown]>> = {
    'Cache, ttlMs': [notCounts, (ttlMs) => new recipes.Cache(direct, 'c', { ttlMs })],
    'Cache, staleMs': [notCounts, (staleMs) => new recipes.Cache(direct, 'c', { ttlMs: 1, staleMs })],
    'Cache, noneTtlMs': [notCounts, (noneTtlMs) => new recipes.Cache(direct, 'c', { ttlMs: 1, noneTtlMs })],
    'Cache, loadMs': [[...notCounts, 0], (loadMs) => new recipes.Cache(direct, 'c', { ttlMs: 1, loadMs })],
    'Cache, pollMs': [[...notCounts, 0], (pollMs) => new recipes.Cache(direct, 'c', { ttlMs: 1, pollMs })],
    'Cache, early': [[...wrong, -1], (early) => new recipes.Cache(direct, 'c', { ttlMs: 1, early })],
    'Cache, jitter': [[...wrong, -1, 1], (jitter) => new recipes.Cache(direct, 'c', { ttlMs: 1, jitter })],
    'Cache, doubleDelete': [
      notCounts,
      (ms) => new recipes.Cache(direct, 'c', { ttlMs: 1 }).doubleDelete('k', never, ms),
    ],
    'WriteBehind, delayMs': [notCounts, (delayMs) => new recipes.WriteBehind(direct, 'w', { delayMs })],
    'WriteBehind, claimMs': [[...notCounts, 0], (claimMs) => new recipes.WriteBehind(direct, 'w', { claimMs })],
    'WriteBehind, batchMax': [notCounts, (most) => new recipes.WriteBehind(direct, 'w').flush(never, most)],
    'JobQueue, visibleMs': [[...notCounts, 0], (visibleMs) => new recipes.JobQueue(direct, 'j', { visibleMs })],
    'JobQueue, attempts': [[...notCounts, 0], (attempts) => new recipes.JobQueue(direct, 'j', { attempts })],
    'JobQueue, delayMs': [notCounts, (delayMs) => new recipes.JobQueue(direct, 'j').add('body', delayMs)],
    'JobQueue, count': [notCounts, (count) => new recipes.JobQueue(direct, 'j').take('w', count)],
    'Sessions, ttlMs': [[...notCounts, 0], (ttlMs) => new recipes.Sessions(direct, { ttlMs })],
    'Sessions, sessionsMax': [
      [...notCounts, 0],
      (sessionsMax) => new recipes.Sessions(direct, { ttlMs: 1, sessionsMax }),
    ],
    'Sessions, ticket': [notCounts, (ms) => new recipes.Sessions(direct, { ttlMs: 1 }).ticket('id', 'site', ms)],
    'Leaderboard, add': [wrong, (points) => new recipes.Leaderboard(direct, 'b').add('ann', points, ['w1'])],
    'Leaderboard, set': [wrong, (score) => new recipes.Leaderboard(direct, 'b').set('ann', score)],
    'Leaderboard, top': [notCounts, (count) => new recipes.Leaderboard(direct, 'b').top(count)],
    'Leaderboard, merge': [notCounts, (ms) => new recipes.Leaderboard(direct, 'b').merge('m', ['w1'], ms)],
    'Timeline, post': [wrong, (timeMs) => new recipes.Timeline(direct).post('p', timeMs, ['ann'])],
    'Timeline, page': [[NaN, -Infinity], (beforeMs) => new recipes.Timeline(direct).page('ann', 5, beforeMs)],
    'Timeline, keep': [notCounts, (keep) => new recipes.Timeline(direct, keep)],
    pushLatest: [notCounts, (keep) => recipes.pushLatest(direct, 'l', 'item', keep)],
    'FriendGraph, count': [notCounts, (count) => new recipes.FriendGraph(direct, 'g').secondDegree('ann', count)],
    'Tags, least': [notCounts, (least) => new recipes.Tags(direct, 't').similar('x', least, 5)],
    'Visitors, number': [
      [...notCounts, 2 ** 32],
      (user) => new recipes.Visitors(direct, 'v', 'bitmap').visit(user, 'd'),
    ],
    'SignInCalendar, day': [[...notCounts, 366], (day) => new recipes.SignInCalendar(direct).signIn('ann', 2026, day)],
    'SignInCalendar, year': [notCounts, (year) => new recipes.SignInCalendar(direct).signIn('ann', year, 3)],
    'TimeCounter, time': [wrong, (timeMs) => new recipes.TimeCounter(direct, 't', [1000]).count(timeMs)],
    'TimeCounter, by': [[...wrong, 0.5, 2 ** 53], (by) => new recipes.TimeCounter(direct, 't', [1000]).count(5, by)],
    'TimeCounter, slices': [[...wrong, 500], (ms) => new recipes.TimeCounter(direct, 't', [1000]).last(ms, 5, 5)],
    firstTime: [[...notCounts, 0], (ttlMs) => recipes.firstTime(direct, 's', 'id', ttlMs)],
    'Autocomplete, weight': [wrong, (weight) => new recipes.Autocomplete(direct, 'w').add('word', weight)],
    'Autocomplete, count': [notCounts, (count) => new recipes.Autocomplete(direct, 'w').complete('w', count)],
    'Nearby, longitude': [[...wrong, 180.1], (longitude) => new recipes.Nearby(direct, 'n').put('x', longitude, 5)],
    'Nearby, latitude': [[...wrong, 90], (latitude) => new recipes.Nearby(direct, 'n').put('x', 5, latitude)],
    'Nearby, meters': [wrong, (meters) => new recipes.Nearby(direct, 'n').find(5, 5, meters, 1)],
    'ExpiringSet, put': [wrong, (ms) => new recipes.ExpiringSet(direct, 'e').put('x', ms)],
    'ExpiringSet, takeEnded': [wrong, (ms) => new recipes.ExpiringSet(direct, 'e').takeEnded(ms, 1)],
    'AttributeStore, add': [wrong, (by) => new recipes.AttributeStore(direct, 'a').add('ann', 'age', by)],
    'AttributeStore, set': [wrong, (age) => new recipes.AttributeStore(direct, 'a').set('ann', { name: 'Ann', age })],
    'RedPacket, amount': [notCounts, (amount) => new recipes.RedPacket(direct, 'p').make(amount, 5, 1000)],
    'RedPacket, ttlMs': [notCounts, (ttlMs) => new recipes.RedPacket(direct, 'p').make(100, 5, ttlMs)],
    bloomSize: [[...notCounts, 0], (capacity) => recipes.bloomSize(capacity, 0.01)],
    'NewestStore, timeoutMs': [[...notCounts, 0], (timeoutMs) => new recipes.NewestStore([direct], 'n', { timeoutMs })],
    'NewestStore, quorum': [[...notCounts, 2], (readQuorum) => new recipes.NewestStore([direct], 'n', { readQuorum })],
    'SiblingStore, tombstoneMs': [notCounts, (tombstoneMs) => new recipes.SiblingStore([direct], 's', { tombstoneMs })],
    slotPlacement: [notCounts, (count) => recipes.slotPlacement(count)],
    'ketama weight': [[...notCounts, 0], (weight) => recipes.ketamaPlacement([{ name: 'a', weight }])],
    'ShardedJedis weight': [[...notCounts, 0], (weight) => recipes.shardedJedisPlacement([{ name: 'a', weight }])],
  };
  for (const [what, [values, call]] of Object.entries(refusals))
    it(`are refused with a RangeError, and nothing is written: ${what}`, async () => {
      for (const value of values) await assert.rejects(async () => await call(value), RangeError, `${what}: ${value}`);
      assert.equal(world.server.run('DBSIZE'), 0);
    });
});

describe('a connection that breaks in the middle of a call', () => {
  /** Without Redis, the cache asks the source. */
  const goesOn = new Set(['Cache: get, miss', 'Cache: get, hit', 'Cache: get, hit, with tags']);

  for (const operation of operations)
    it(`${operation.name}: rejects, or goes on without, and works again afterwards`, async () => {
      let isOn = false;
      let left = Infinity;
      let losesReply = false;
      const cut: recipes.Commands = {
        send: async (command, args) => {
          await Promise.resolve();
          if (!isOn || --left > 0) return world.server.run(command, ...args);
          if (losesReply)
            try {
              world.server.run(command, ...args);
            } catch {
              // NOSCRIPT; nobody hears of it
            }
          throw new Error('the connection broke');
        },
      };
      let round = 1;
      const context = () => ({ surroundings, round: ++round, nowMs: world.clock.wallMs() });
      await world.during((await operation.prepare(cut, context()))()); // the server knows the scripts
      for (const losing of [false, true])
        for (let at = 1; at <= 3; at++) {
          const call = await world.during(operation.prepare(cut, context()));
          [isOn, left, losesReply] = [true, at, losing];
          const outcome = await world.during(
            call().then(
              () => 'done',
              (error: unknown) => (error as Error).message,
            ),
          );
          const wasCut = left <= 0;
          isOn = false;
          if (!wasCut || goesOn.has(operation.name)) assert.equal(outcome, 'done');
          else assert.match(outcome, /connection broke|^done$/);
          if (wasCut && at === 1 && !goesOn.has(operation.name)) assert.match(outcome, /connection broke/);
          // What the lost call may have left must not stand in the way of the next for longer than it says.
          world.clock.advance(20_000);
          await world.during((await world.during(operation.prepare(cut, context())))());
        }
    });
});
