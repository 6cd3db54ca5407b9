// operations: every recipe's calls, once each: what they cost is counted and timed, and that they run on every client is tested, by this list.
//
// `prepare` brings about what the call needs and gives the call. Names are unique, so that calls can run side by side on one server.
import * as recipes from '../../src/recipes/index.js';
import type { Commands, Surroundings } from '../../src/recipes/index.js';

export interface Operation {
  /** The page of docs/recipes that has its figures. */
  readonly page: string;
  /** As the page calls it. */
  readonly name: string;
  /** Gives the call; `round` is a different number for each time the operation is prepared on the same server. */
  readonly prepare: (commands: Commands, context: Context) => Promise<() => Promise<unknown>>;
}

export interface Context {
  readonly surroundings: Surroundings;
  readonly round: number;
  /** The server's clock. */
  readonly nowMs: number;
}

function operation(page: string, name: string, prepare: Operation['prepare']): Operation {
  return { page, name, prepare };
}

/** An operation that needs nothing before. */
function plain(
  page: string,
  name: string,
  call: (commands: Commands, context: Context) => Promise<unknown>,
): Operation {
  return { page, name, prepare: async (commands, context) => () => call(commands, context) };
}

const limits = { fixedWindow: 0, slidingLog: 0, slidingWindow: 0, tokenBucket: 0, gcra: 0 };

const locks: readonly Operation[] = [
  operation('lock', 'Lock: tryAcquire', async (commands, { surroundings, round }) => {
    const lock = new recipes.Lock(commands, `op${round}`, { surroundings, renews: false });
    return () => lock.tryAcquire();
  }),
  operation('lock', 'Lock: extend', async (commands, { surroundings, round }) => {
    const held = await new recipes.Lock(commands, `ext${round}`, { surroundings, renews: false }).acquire();
    return () => held.extend();
  }),
  operation('lock', 'Lock: run', async (commands, { surroundings, round }) => {
    const lock = new recipes.Lock(commands, `run${round}`, { surroundings, renews: false });
    return () => lock.run(() => 1);
  }),
  operation(
    'lock',
    'fencedWrite',
    async (commands, { round }) =>
      () =>
        recipes.fencedWrite(commands, `fenced${round}`, 1, 'x'),
  ),
  operation('lock', 'ReadWriteLock: runReading', async (commands, { surroundings, round }) => {
    const lock = new recipes.ReadWriteLock(commands, `r${round}`, { surroundings, renews: false });
    return () => lock.runReading(() => 1);
  }),
  operation('lock', 'ReadWriteLock: runWriting', async (commands, { surroundings, round }) => {
    const lock = new recipes.ReadWriteLock(commands, `w${round}`, { surroundings, renews: false });
    return () => lock.runWriting(() => 1);
  }),
  operation('lock', 'Semaphore: run', async (commands, { surroundings, round }) => {
    const semaphore = new recipes.Semaphore(commands, `s${round}`, 3, { surroundings, renews: false });
    return () => semaphore.run(() => 1);
  }),
  operation('lock', 'Redlock: acquire and release', async (commands, { surroundings, round }) => {
    const lock = new recipes.Redlock([commands], { surroundings, renews: false });
    return async () => (await lock.acquire(`redlock${round}`)).release();
  }),
];

const rateLimits: readonly Operation[] = [
  ...(Object.keys(limits) as (keyof typeof limits)[]).map((kind) =>
    plain('rate-limits', `take: ${kind}`, (commands, { surroundings, round }) =>
      recipes.take(commands, recipes[kind](`op ${kind}`, 1000, 60_000), `s${round}`, 1, surroundings),
    ),
  ),
  plain('rate-limits', 'takeAll: two limits', (commands, { surroundings, round }) =>
    recipes.takeAll(
      commands,
      [recipes.gcra('a', 1000, 60_000), recipes.slidingWindow('b', 1000, 60_000)].map((limit) => ({
        limit,
        subject: `s${round}`,
      })),
      surroundings,
    ),
  ),
  operation('rate-limits', 'takePlace and release', async (commands, { surroundings, round }) => async () => {
    const place = await recipes.takePlace(commands, `p${round}`, 3, { surroundings, renews: false });
    await place.release();
  }),
  plain('rate-limits', 'phoneLimit', (commands, { round }) => recipes.phoneLimit(commands, `137${round}`, 10, 3)),
  plain('rate-limits', 'smsLimit', (commands, { round }) => recipes.smsLimit(commands, `138${round}`, 60)),
];

function cacheOf(commands: Commands, { surroundings }: Context): recipes.Cache {
  return new recipes.Cache(commands, 'op', { ttlMs: 60_000, early: 0, surroundings });
}

const caches: readonly Operation[] = [
  plain('cache', 'Cache: get, miss', (commands, context) =>
    cacheOf(commands, context).get(`miss${context.round}`, async () => 'value'),
  ),
  operation('cache', 'Cache: get, hit', async (commands, context) => {
    const cache = cacheOf(commands, context);
    await cache.set(`hit${context.round}`, 'value');
    return () => cache.get(`hit${context.round}`, async () => 'none');
  }),
  operation('cache', 'Cache: get, hit, with tags', async (commands, context) => {
    const cache = cacheOf(commands, context);
    await cache.set(`tags${context.round}`, 'value', { tags: ['a', 'b'] });
    return () => cache.get(`tags${context.round}`, async () => 'none', { tags: ['a', 'b'] });
  }),
  plain('cache', 'Cache: set', (commands, context) => cacheOf(commands, context).set(`set${context.round}`, 'value')),
  plain('cache', 'Cache: invalidate', (commands, context) => cacheOf(commands, context).invalidate('x')),
  plain('cache', 'Cache: invalidateTag', (commands, context) => cacheOf(commands, context).invalidateTag('t')),
  plain('cache', 'writeThrough', (commands, context) =>
    recipes.writeThrough(commands, cacheOf(commands, context), `wt${context.round}`, 'v', async () => undefined, {
      surroundings: context.surroundings,
      renews: false,
    }),
  ),
  plain('cache', 'WriteBehind: write', (commands, { round }) =>
    new recipes.WriteBehind(commands, 'op').write(`k${round}`, 'v'),
  ),
  operation('cache', 'WriteBehind: flush', async (commands, { round }) => {
    const queue = new recipes.WriteBehind(commands, `flush${round}`);
    await queue.write('k', 'v');
    return () => queue.flush(async () => undefined);
  }),
  plain('cache', 'BloomFilter: addAll', (commands, { round }) =>
    new recipes.BloomFilter(commands, 'op', 10_000, 0.01).addAll([`a${round}`, `b${round}`]),
  ),
  plain('cache', 'BloomFilter: has', (commands, { round }) =>
    new recipes.BloomFilter(commands, 'op', 10_000, 0.01).has(`a${round}`),
  ),
  plain('cache', 'CountingBloomFilter: addAll', (commands, { round }) =>
    new recipes.CountingBloomFilter(commands, 'op', 10_000, 0.01).addAll([`a${round}`]),
  ),
  plain('cache', 'CountingBloomFilter: remove', (commands, { round }) =>
    new recipes.CountingBloomFilter(commands, 'op', 10_000, 0.01).remove(`a${round}`),
  ),
  plain('cache', 'ScalableBloomFilter: addAll', (commands, { round }) =>
    new recipes.ScalableBloomFilter(commands, 'op', 1000, 0.01).addAll([`a${round}`]),
  ),
];

async function openSale(commands: Commands, name: string, nowMs: number): Promise<recipes.Seckill> {
  const sale = new recipes.Seckill(commands, name);
  await sale.load({ stock: 1_000_000, limit: 1_000_000, opensAtMs: nowMs - 60_000, closesAtMs: nowMs + 3_600_000 });
  return sale;
}

const sales: readonly Operation[] = [
  plain('seckill', 'Seckill: load', (commands, { round, nowMs }) => openSale(commands, `load${round}`, nowMs)),
  operation('seckill', 'Seckill: buy', async (commands, { round, nowMs }) => {
    const sale = await openSale(commands, 'op', nowMs);
    return () => sale.buy(`u${round}`, `r${round}`);
  }),
  operation('seckill', 'Seckill: cancel', async (commands, { round, nowMs }) => {
    const sale = await openSale(commands, 'op', nowMs);
    const { order } = await sale.buy(`u${round}`, `cancelled${round}`);
    return () => sale.cancel(order!);
  }),
  operation('seckill', 'Seckill: settle, a batch', async (commands, { round, nowMs }) => {
    const sale = await openSale(commands, `settle${round}`, nowMs);
    await sale.buy('u', 'r');
    return () => sale.settle(async () => undefined);
  }),
  plain('seckill', 'RedPacket: make', (commands, { round, surroundings }) =>
    new recipes.RedPacket(commands, `make${round}`).make(100, 5, 60_000, () => surroundings.random()),
  ),
  operation('seckill', 'RedPacket: take', async (commands, { round }) => {
    const packet = new recipes.RedPacket(commands, `take${round}`);
    await packet.make(100, 5, 60_000, () => 0.5);
    return () => packet.take('ann');
  }),
];

const data: readonly Operation[] = [
  plain('data', 'Leaderboard: add', (commands, { round }) =>
    new recipes.Leaderboard(commands, 'op').add(`m${round}`, round, ['w1']),
  ),
  operation('data', 'Leaderboard: top', async (commands) => {
    const board = new recipes.Leaderboard(commands, 'op top');
    for (let member = 0; member < 10; member++) await board.add(`m${member}`, member);
    return () => board.top(10);
  }),
  operation('data', 'Leaderboard: around', async (commands) => {
    const board = new recipes.Leaderboard(commands, 'op around');
    for (let member = 0; member < 10; member++) await board.add(`m${member}`, member);
    return () => board.around('m5', 2);
  }),
  plain('data', 'Timeline: post to 3 readers', (commands, { round }) =>
    new recipes.Timeline(commands).post(`p${round}`, round, ['ann', 'bob', 'eve']),
  ),
  plain('data', 'Timeline: page', (commands) => new recipes.Timeline(commands).page('ann', 10)),
  plain('data', 'pushLatest', (commands, { round }) => recipes.pushLatest(commands, 'op', `i${round}`, 100)),
  plain('data', 'FriendGraph: befriend', (commands, { round }) =>
    new recipes.FriendGraph(commands, 'op').befriend('me', `f${round}`),
  ),
  plain('data', 'FriendGraph: common', (commands) => new recipes.FriendGraph(commands, 'op').common('me', 'f1')),
  plain('data', 'FriendGraph: secondDegree', (commands) =>
    new recipes.FriendGraph(commands, 'op').secondDegree('f1', 5),
  ),
  plain('data', 'Tags: add', (commands, { round }) =>
    new recipes.Tags(commands, 'op').add(`i${round % 20}`, ['a', 'b']),
  ),
  plain('data', 'Tags: similar', (commands) => new recipes.Tags(commands, 'op').similar('i1', 2, 5)),
  ...(['exact', 'about', 'bitmap'] as const).map((kind) =>
    plain('data', `Visitors: visit, ${kind}`, (commands, { round }) =>
      new recipes.Visitors(commands, `op ${kind}`, kind).visit(round, 'monday'),
    ),
  ),
  plain('data', 'SignInCalendar: signIn', (commands, { round }) =>
    new recipes.SignInCalendar(commands).signIn('ann', 2026, round % 300),
  ),
  plain('data', 'SignInCalendar: streak', (commands) => new recipes.SignInCalendar(commands).streak('ann', 2026, 3)),
  plain('data', 'JobQueue: add', (commands, { round }) => new recipes.JobQueue(commands, 'op').add(`body ${round}`)),
  operation('data', 'JobQueue: take', async (commands, { round }) => {
    const queue = new recipes.JobQueue(commands, `take${round}`);
    await queue.add('body');
    return () => queue.take('worker');
  }),
  operation('data', 'JobQueue: done', async (commands, { round }) => {
    const queue = new recipes.JobQueue(commands, `done${round}`);
    await queue.add('body');
    const [job] = await queue.take('worker');
    return () => job!.done();
  }),
  plain('data', 'Sessions: start', (commands, { surroundings, round }) =>
    new recipes.Sessions(commands, { ttlMs: 60_000, surroundings }).start(`u${round}`),
  ),
  operation('data', 'Sessions: use', async (commands, { surroundings, round }) => {
    const sessions = new recipes.Sessions(commands, { ttlMs: 60_000, surroundings });
    const id = await sessions.start(`use${round}`);
    return () => sessions.use(id);
  }),
  operation('data', 'Sessions: redeem a ticket', async (commands, { surroundings, round }) => {
    const sessions = new recipes.Sessions(commands, { ttlMs: 60_000, surroundings });
    const ticket = await sessions.ticket(await sessions.start(`redeem${round}`), 'shop');
    return () => sessions.redeem(ticket, 'shop');
  }),
  plain('data', 'TimeCounter: count', (commands, { nowMs }) =>
    new recipes.TimeCounter(commands, 'op', [1000], 10).count(nowMs),
  ),
  plain('data', 'firstTime', (commands, { round }) => recipes.firstTime(commands, 'op', `id${round}`, 60_000)),
  plain('data', 'Autocomplete: add', (commands, { round }) =>
    new recipes.Autocomplete(commands, 'op').add(`word${round}`),
  ),
  plain('data', 'Autocomplete: complete', (commands) => new recipes.Autocomplete(commands, 'op').complete('wo', 5)),
  plain('data', 'Nearby: put', (commands, { round }) =>
    new recipes.Nearby(commands, 'op').put(`p${round}`, 15 + (round % 100) / 1000, 37),
  ),
  plain('data', 'Nearby: find', (commands) => new recipes.Nearby(commands, 'op').find(15, 37, 5000, 5)),
  plain('data', 'ExpiringSet: put', (commands, { round }) =>
    new recipes.ExpiringSet(commands, 'op').put(`m${round}`, 5),
  ),
  plain('data', 'ExpiringSet: takeEnded', (commands) => new recipes.ExpiringSet(commands, 'op').takeEnded(9, 1)),
  plain('data', 'AttributeStore: set', (commands, { round }) =>
    new recipes.AttributeStore(commands, 'op').set(`u${round}`, { name: 'Ann', age: 30 }),
  ),
  plain('data', 'AttributeStore: read', (commands) => new recipes.AttributeStore(commands, 'op').read('u1')),
  plain('data', 'SpamFilter: learn', (commands) =>
    new recipes.SpamFilter(commands, 'op').learn('cheap pills', true, 's'),
  ),
  plain('data', 'SpamFilter: judge', (commands) => new recipes.SpamFilter(commands, 'op').judge('cheap meeting')),
];

const replicas: readonly Operation[] = [
  operation('replicas', 'NewestStore: set, asked', async (commands, { surroundings, round }) => {
    const store = new recipes.NewestStore([commands], 'op', { surroundings });
    return () => store.set(`k${round}`, 'v');
  }),
  operation('replicas', 'NewestStore: set, clock', async (commands, { surroundings, round }) => {
    const store = new recipes.NewestStore([commands], 'op', { surroundings, versions: 'clock' });
    return () => store.set(`c${round}`, 'v');
  }),
  operation('replicas', 'NewestStore: get', async (commands, { surroundings }) => {
    const store = new recipes.NewestStore([commands], 'op', { surroundings });
    return () => store.get('k1');
  }),
  operation('replicas', 'SiblingStore: set', async (commands, { surroundings, round }) => {
    const store = new recipes.SiblingStore([commands], 'op', { surroundings });
    return () => store.set(`k${round}`, 'v');
  }),
  operation('replicas', 'SiblingStore: update', async (commands, { surroundings, round }) => {
    const store = new recipes.SiblingStore([commands], 'op', { surroundings });
    return () => store.update(`u${round}`, () => 'v');
  }),
  operation('replicas', 'SiblingStore: get', async (commands, { surroundings }) => {
    const store = new recipes.SiblingStore([commands], 'op', { surroundings });
    return () => store.get('k1');
  }),
];

export const operations: readonly Operation[] = [...locks, ...rateLimits, ...caches, ...sales, ...data, ...replicas];
