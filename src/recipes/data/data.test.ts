import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import { FriendGraph, Tags } from './graph.js';
import { JobQueue } from './job-queue.js';
import { Leaderboard, mergeTops, scoresOf, weekOf } from './leaderboard.js';
import { Sessions } from './sessions.js';
import { Autocomplete } from './autocomplete.js';
import { ExpiringSet } from './expiring-set.js';
import { firstTime } from './first-time.js';
import { Nearby } from './nearby.js';
import { TimeCounter } from './time-counter.js';
import { latest, pushLatest, Timeline } from './timeline.js';
import { SignInCalendar, Visitors } from './visitors.js';

const world = await recipeWorld();
const { direct, surroundings } = world;

beforeEach(() => world.server.flush());

describe('Leaderboard', () => {
  it('gives tied members one place, and leaves the next out', async () => {
    const board = new Leaderboard(direct, 'game');
    for (const [member, score] of [
      ['a', 50],
      ['b', 40],
      ['c', 40],
      ['d', 30],
    ] as const)
      await board.set(member, score);
    const places = (await board.top(10)).map(({ member, place }) => `${place}${member}`);
    assert.deepEqual(places, ['1a', '2c', '2b', '4d']);
    assert.deepEqual(
      (await board.top(1, 3)).map(({ place }) => place),
      [4],
    );
    assert.deepEqual(
      (await board.around('b', 1)).map(({ member }) => member),
      ['c', 'b', 'd'],
    );
    assert.deepEqual(
      (await board.around('a', 1)).map(({ member }) => member),
      ['a', 'c'],
    );
    assert.equal(await board.placeOf('stranger'), undefined);
    await board.set('a', 10, true);
    assert.equal((await board.placeOf('a'))?.score, 50);
  });

  it('agrees with a sort, after concurrent additions', async () => {
    const expected = new Map<string, number>();
    await world.during(
      Promise.all(
        Array.from({ length: 200 }, () => {
          const member = `m${world.prng.below(30)}`;
          const points = world.prng.below(5);
          expected.set(member, (expected.get(member) ?? 0) + points);
          return new Leaderboard(world.client(), 'sum').add(member, points, ['2026-W01']);
        }),
      ),
    );
    const board = new Leaderboard(direct, 'sum');
    assert.deepEqual(new Map([...(await scoresOf(direct, 'sum'))].sort()), new Map([...expected].sort()));
    for (const { member, score, place } of await board.top(30, 0, '2026-W01')) {
      assert.equal(score, expected.get(member));
      assert.equal(place, 1 + [...expected.values()].filter((other) => other > score).length);
    }
  });

  it('merges weeks, on the server and from several', async () => {
    const board = new Leaderboard(direct, 'weeks');
    await board.add('a', 3, ['w1']);
    await board.add('b', 5, ['w1']);
    await board.add('a', 4, ['w2']);
    await board.merge('month', ['w1', 'w2'], 1000);
    assert.deepEqual(
      (await board.top(2, 0, 'month')).map(({ member, score }) => [member, score]),
      [
        ['a', 7],
        ['b', 5],
      ],
    );
    await board.trim('w1', 1);
    const merged = mergeTops([await board.top(5, 0, 'w1'), await board.top(5, 0, 'w2')], 2);
    assert.deepEqual(
      merged.map(({ member, place }) => [member, place]),
      [
        ['b', 1],
        ['a', 2],
      ],
    );
    assert.equal(weekOf(Date.UTC(2026, 10, 28)), '2026-W48');
    assert.equal(weekOf(Date.UTC(2027, 0, 1)), '2026-W53');
    assert.equal(weekOf(Date.UTC(2024, 11, 30)), '2025-W01');
  });
});

describe('many at once', () => {
  it('sessions with thousands of fields and items with thousands of tags are stored', async () => {
    const sessions = new Sessions(direct, { ttlMs: 60_000, surroundings });
    const data = Object.fromEntries(Array.from({ length: 9000 }, (_, index) => [`f${index}`, String(index)]));
    const id = await sessions.start('ann', data);
    assert.ok(await sessions.set(id, data));
    assert.deepEqual((await sessions.use(id))!.data, data);
    const tags = new Tags(direct, 'many');
    await tags.add('item', Object.keys(data));
    assert.equal((await tags.of('item')).length, 9000);
  });
});

describe('timelines', () => {
  it('keep the newest entries of each reader, in pages', async () => {
    const timeline = new Timeline(direct, 5);
    for (let post = 1; post <= 8; post++) await timeline.post(`p${post}`, post * 10, ['ann', 'bob']);
    const first = await timeline.page('ann', 3);
    assert.deepEqual(
      first.map(({ id }) => id),
      ['p8', 'p7', 'p6'],
    );
    assert.deepEqual(
      (await timeline.page('ann', 3, first.at(-1)!.timeMs)).map(({ id }) => id),
      ['p5', 'p4'],
    );
    await timeline.remove('p8', ['ann']);
    assert.equal((await timeline.page('ann', 1))[0]!.id, 'p7');
    assert.equal((await timeline.page('bob', 1))[0]!.id, 'p8');
    for (const item of ['a', 'b', 'c', 'd']) await pushLatest(direct, 'news', item, 3);
    assert.deepEqual(await latest(direct, 'news', 10), ['d', 'c', 'b']);
  });
});

describe('graphs', () => {
  it('find common friends, and strangers by how many friends are in common', async () => {
    const graph = new FriendGraph(direct, 'g');
    for (const [a, b] of [
      ['me', 'ann'],
      ['me', 'bob'],
      ['ann', 'eve'],
      ['bob', 'eve'],
      ['bob', 'dan'],
      ['ann', 'bob'],
    ] as const)
      assert.ok(await graph.befriend(a, b));
    assert.equal(await graph.befriend('ann', 'me'), false);
    assert.deepEqual(await graph.common('me', 'eve').then((list) => list.sort()), ['ann', 'bob']);
    assert.deepEqual(await graph.secondDegree('me', 5), [
      { id: 'eve', common: 2 },
      { id: 'dan', common: 1 },
    ]);
    assert.ok(await graph.part('eve', 'bob'));
    assert.deepEqual(await graph.friends('eve'), ['ann']);
    await assert.rejects(graph.befriend('me', 'me'), RangeError);
  });

  it('recommend what shares enough tags', async () => {
    const tags = new Tags(direct, 'films');
    await tags.add('alien', ['space', 'horror', 'classic']);
    await tags.add('solaris', ['space', 'classic']);
    await tags.add('it', ['horror']);
    assert.deepEqual(await tags.similar('alien', 2, 5), [{ id: 'solaris', common: 2 }]);
    assert.deepEqual(await tags.withAll(['space', 'horror']), ['alien']);
    await tags.remove('solaris', ['classic']);
    assert.deepEqual(
      (await tags.similar('alien', 1, 5)).map(({ id }) => id),
      ['it', 'solaris'],
    );
    assert.deepEqual(await tags.of('solaris'), ['space']);
  });
});

describe('visitors and days', () => {
  it('are counted exactly, about, and by bitmap, over several days', async () => {
    for (const kind of ['exact', 'about', 'bitmap'] as const) {
      const visitors = new Visitors(direct, 'page', kind);
      for (let id = 0; id < 300; id++) {
        await visitors.visit(id, 'monday');
        await visitors.visit(id + 100, 'tuesday');
      }
      assert.ok(Math.abs((await visitors.count(['monday'])) - 300) <= (kind === 'about' ? 9 : 0), kind);
      assert.ok(Math.abs((await visitors.count(['monday', 'tuesday'])) - 400) <= (kind === 'about' ? 12 : 0), kind);
    }
  });

  it('counts of a bitmap leave periods of any name alone', async () => {
    const visitors = new Visitors(direct, 'periods', 'bitmap');
    const periods = ['a', 'a:or', 'union', 'a:union', ''];
    for (const [index, period] of periods.entries()) await visitors.visit(index, period);
    for (let round = 0; round < 2; round++) assert.equal(await visitors.count(periods), periods.length);
    assert.equal(world.server.run('DBSIZE'), periods.length);
    await assert.rejects(new Visitors(direct, 'x', 'exact').count(new Array<string>(5000).fill('d')), RangeError);
  });

  it('sign-ins have a total, a first day and a streak', async () => {
    const calendar = new SignInCalendar(direct);
    for (const day of [3, 10, 11, 12]) assert.ok(await calendar.signIn('ann', 2026, day));
    assert.equal(await calendar.signIn('ann', 2026, 12), false);
    assert.deepEqual(
      [await calendar.total('ann', 2026), await calendar.streak('ann', 2026, 12), await calendar.first('ann', 2026)],
      [4, 3, 3],
    );
    assert.equal(await calendar.streak('ann', 2026, 13), 0);
    assert.equal(await calendar.first('bob', 2026), undefined);
    await assert.rejects(calendar.signIn('ann', 2026, 366), RangeError);
  });
});

describe(`JobQueue (RECIPE_SEED=${worldSeed})`, () => {
  it('brings every job to its end though workers die, and none to two workers at once', async () => {
    const options = { visibleMs: 200, attempts: 50 };
    const queue = new JobQueue(direct, 'jobs', options);
    for (let index = 0; index < 60; index++)
      await queue.add(`body ${index}`, index % 3 === 0 ? world.prng.below(300) : 0);
    const ended = new Map<string, number>();
    const active = new Set<string>();
    const worker = async (name: string): Promise<void> => {
      const own = new JobQueue(world.client(), 'jobs', options);
      while ((await queue.size()) > 0) {
        for (const job of await own.take(name, 2)) {
          if (world.prng.below(4) === 0) continue; // dies with the job
          assert.ok(!active.has(job.id), `${job.id} is worked on twice`);
          active.add(job.id);
          await world.sleep(world.prng.below(60));
          active.delete(job.id);
          if (await job.done()) ended.set(job.body, (ended.get(job.body) ?? 0) + 1);
        }
        await world.sleep(5);
      }
    };
    await world.during(Promise.all(['a', 'b', 'c'].map(worker)));
    assert.equal(ended.size, 60);
    assert.ok([...ended.values()].every((count) => count === 1));
  });

  it('gives a job when it is due, to an heir after its time, and to the dead after its attempts', async () => {
    const queue = new JobQueue(direct, 'one', { visibleMs: 100, attempts: 2 });
    assert.equal(await queue.add('later', 1000, 'id-1'), 'id-1');
    assert.equal(await queue.add('twice', 0, 'id-1'), 'id-1');
    assert.deepEqual(await queue.take('w'), []);
    world.clock.advance(1001);
    const [first] = await queue.take('w');
    assert.deepEqual([first!.body, first!.attempt], ['later', 1]);
    world.clock.advance(90);
    assert.ok(await first!.extend());
    world.clock.advance(90);
    assert.deepEqual(await queue.take('heir'), []);
    world.clock.advance(20);
    const [second] = await queue.take('heir');
    assert.equal(second!.attempt, 2);
    assert.equal(await first!.done(), false);
    world.clock.advance(101);
    assert.deepEqual(await queue.take('heir'), []);
    assert.deepEqual([...(await queue.dead())], [['id-1', 'later']]);
    assert.equal(await queue.revive(), 1);
    const [third] = await queue.take('heir');
    assert.ok(await third!.done());
    assert.equal(await queue.size(), 0);
  });
});

describe('ids of jobs', () => {
  it('that a caller gives are not drawn again, and numbers go on beyond the digits of Lua', async () => {
    const queue = new JobQueue(direct, 'ids');
    assert.equal(await queue.add('given', 0, '2'), '2');
    assert.deepEqual([await queue.add('a'), await queue.add('b')], ['1', '3']);
    world.server.run('SET', 'jobs:{ids}:id', '9007199254740000');
    assert.equal(await queue.add('c'), '9007199254740001');
    const jobs = await queue.take('w', 9);
    assert.deepEqual(jobs.map(({ body }) => body).sort(), ['a', 'b', 'c', 'given']);
  });
});

describe('Sessions', () => {
  it('live while they are used, end everywhere at once, and stay within a number', async () => {
    const sessions = new Sessions(direct, { ttlMs: 1000, sessionsMax: 2, surroundings });
    const first = await sessions.start('ann', { theme: 'dark' });
    world.clock.advance(900);
    assert.deepEqual(await sessions.use(first), { user: 'ann', data: { theme: 'dark' } });
    world.clock.advance(900);
    assert.ok(await sessions.set(first, { theme: 'light' }));
    assert.equal((await sessions.use(first))?.data['theme'], 'light');
    const second = await sessions.start('ann');
    world.clock.advance(1);
    await sessions.start('ann');
    assert.equal(await sessions.use(first), undefined, 'the third made room');
    assert.ok(await sessions.use(second));
    assert.equal(await sessions.endAll('ann'), 2);
    assert.equal(await sessions.use(second), undefined);
    assert.equal(await sessions.set(second, { theme: 'x' }), false);
    for (const id of ['', '.', 'x', 'YW5u.all', 'YW5u.*', `${'a'.repeat(5000)}.b`])
      assert.equal(await sessions.use(id), undefined);
  });

  it('tickets are good once, for one site, for a time', async () => {
    const sessions = new Sessions(direct, { ttlMs: 100_000, surroundings });
    const id = await sessions.start('bob');
    const ticket = await sessions.ticket(id, 'shop');
    assert.equal(await sessions.redeem(ticket, 'shop'), id);
    assert.equal(await sessions.redeem(ticket, 'shop'), undefined);
    assert.equal(await sessions.redeem(await sessions.ticket(id, 'shop'), 'other'), undefined);
    const late = await sessions.ticket(id, 'shop', 10);
    world.clock.advance(11);
    assert.equal(await sessions.redeem(late, 'shop'), undefined);
    assert.ok(await sessions.end(id));
  });
});

describe('small recipes', () => {
  it('firstTime is true for one of many at the same time', async () => {
    const asks = Array.from({ length: 20 }, () => firstTime(world.client(), 'mail', 'id-1', 1000));
    assert.equal((await world.during(Promise.all(asks))).filter((is) => is).length, 1);
    world.clock.advance(1001);
    assert.ok(await firstTime(direct, 'mail', 'id-1', 1000));
  });

  it('TimeCounter gives slices across its buckets', async () => {
    const counter = new TimeCounter(direct, 'hits', [1000, 60_000], 10);
    for (let second = 0; second < 25; second++) for (let n = 0; n <= second; n++) await counter.count(second * 1000);
    assert.deepEqual(await counter.last(1000, 6, 24_000), [20, 21, 22, 23, 24, 25]);
    assert.deepEqual(await counter.last(60_000, 2, 59_000), [0, 325]);
    await assert.rejects(counter.last(1000, 11, 0), RangeError);
  });

  it('Autocomplete finds the heaviest words that begin so', async () => {
    const words = new Autocomplete(direct, 'cities');
    for (const [word, weight] of [
      ['Berlin', 9],
      ['Bern', 5],
      ['Bergen', 7],
      ['Rom', 99],
    ] as const)
      await words.add(word, weight);
    assert.deepEqual(await words.complete('BER', 2), ['berlin', 'bergen']);
    await words.add('bern', 10);
    assert.deepEqual(await words.complete('ber', 1), ['bern']);
    await words.remove('Bern');
    assert.deepEqual(await words.complete('bern', 5), []);
  });

  it('Nearby finds the nearest first', async () => {
    const places = new Nearby(direct, 'sicily');
    await places.put('Palermo', 13.361389, 38.115556);
    await places.put('Catania', 15.087269, 37.502669);
    const found = await places.find(15, 37, 200_000, 5);
    assert.deepEqual(
      found.map(({ member, meters }) => [member, Math.round(meters)]),
      [
        ['Catania', 56441],
        ['Palermo', 190442],
      ],
    );
    assert.deepEqual(await places.find(15, 37, 1000, 5), []);
  });

  it('ExpiringSet gives each ended member to one caller', async () => {
    const set = new ExpiringSet(direct, 'e');
    for (let index = 0; index < 30; index++) await set.put(`m${index}`, index);
    const takes = Array.from({ length: 10 }, () => new ExpiringSet(world.client(), 'e').takeEnded(19, 3));
    const taken = (await world.during(Promise.all(takes))).flat();
    assert.equal(taken.length, 20);
    assert.equal(new Set(taken).size, 20);
  });
});
