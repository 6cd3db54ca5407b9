import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import { RedPacket, splitRedPacket } from './red-packet.js';
import { type Order, Seckill } from './seckill.js';

const world = await recipeWorld();
const { direct } = world;

beforeEach(() => world.server.flush());

/** SECKILL_BUYERS=100000 takes twenty seconds. */
const buyersCount = Number(process.env['SECKILL_BUYERS'] ?? 5000);

describe(`Seckill (RECIPE_SEED=${worldSeed})`, () => {
  const opensIn = (ms: number): { opensAtMs: number; closesAtMs: number } => ({
    opensAtMs: world.clock.wallMs() + ms,
    closesAtMs: world.clock.wallMs() + ms + 600_000,
  });

  it('sells only while it is open, up to the limit of a user, and says why not', async () => {
    const sale = new Seckill(direct, 'phone');
    assert.equal((await sale.buy('ann', 'r0')).status, 'unknown');
    assert.ok(await sale.load({ stock: 5, limit: 2, ...opensIn(1_800_000) }));
    assert.equal(await sale.load({ stock: 500, limit: 2, ...opensIn(0) }), false);
    assert.equal((await sale.buy('ann', 'r1')).status, 'early');
    world.clock.advance(1_800_000);
    assert.equal((await sale.buy('ann', 'r1', 2)).status, 'sold');
    assert.equal((await sale.buy('ann', 'r2')).status, 'limit');
    assert.equal((await sale.buy('bob', 'r3', 2)).status, 'sold');
    assert.equal((await sale.buy('eve', 'r4', 2)).status, 'too-few');
    assert.equal((await sale.buy('eve', 'r5')).status, 'sold');
    assert.equal((await sale.buy('dan', 'r6')).status, 'sold-out');
    assert.ok(await sale.close());
    assert.equal((await sale.buy('dan', 'r7')).status, 'closed');
  });

  it('gives stock back once, however the id of an order is spelt', async () => {
    const sale = new Seckill(direct, 'spelling');
    await sale.load({ stock: 1, limit: 9, ...opensIn(0) });
    const { order } = await sale.buy('ann', 'r');
    const [ms, sequence] = order!.split('-');
    for (const spelling of [
      ms!,
      `0${order!}`,
      `${ms}-0${sequence}`,
      `${ms}-`,
      '-',
      '+',
      '',
      'x',
      ` ${order}`,
      `${order}\0`,
    ])
      assert.equal(await sale.cancel(spelling), false, spelling);
    assert.equal(await sale.stock(), 0);
    assert.ok(await sale.cancel(order!));
    assert.equal(await sale.stock(), 1);
  });

  it('takes the same request of two users as two', async () => {
    const sale = new Seckill(direct, 'requests');
    await sale.load({ stock: 3, limit: 1, ...opensIn(0) });
    const ann = await sale.buy('ann', '1');
    const bob = await sale.buy('bob', '1');
    assert.deepEqual([ann.status, bob.status], ['sold', 'sold']);
    assert.notEqual(ann.order, bob.order);
    // Nor do a user and a request run into each other.
    assert.notEqual((await sale.buy('ann1', '1')).order, ann.order);
    assert.equal((await sale.buy('a', 'nn1')).status, 'sold-out');
    for (const [user, request] of [
      ['', 'r'],
      ['ann', ''],
    ] as const)
      await assert.rejects(sale.buy(user, request), RangeError);
  });

  it('refuses numbers that make no sense', async () => {
    const sale = new Seckill(direct, 'numbers');
    for (const wrong of [NaN, 0, -1, 1.5, Infinity, 2 ** 53]) {
      await assert.rejects(sale.load({ stock: wrong, limit: 1, ...opensIn(0) }), RangeError);
      await assert.rejects(sale.load({ stock: 1, limit: wrong, ...opensIn(0) }), RangeError);
      await assert.rejects(sale.buy('ann', 'r', wrong), RangeError);
    }
    for (const opensAtMs of [NaN, Infinity, -Infinity])
      await assert.rejects(sale.load({ stock: 1, limit: 1, opensAtMs, closesAtMs: 1 }), RangeError);
    assert.equal(world.server.run('DBSIZE'), 0);
    const most = 2 ** 53 - 1;
    assert.ok(await sale.load({ stock: most, limit: most, ...opensIn(0) }));
    assert.equal((await sale.buy('ann', 'all but one', most - 1)).status, 'sold');
    assert.equal((await sale.buy('ann', 'too many', 2)).status, 'limit');
    assert.equal(await sale.stock(), 1);
    for (const random of [() => 1, () => NaN, () => -1]) assert.throws(() => splitRedPacket(10, 3, random), RangeError);
  });

  it('gives one order for one request, and takes stock back once', async () => {
    const sale = new Seckill(direct, 'again');
    await sale.load({ stock: 1, limit: 1, ...opensIn(0) });
    const first = await sale.buy('ann', 'same');
    assert.deepEqual(await sale.buy('ann', 'same'), first);
    assert.equal((await sale.buy('bob', 'b')).status, 'sold-out');
    assert.ok(await sale.cancel(first.order!));
    assert.equal(await sale.cancel(first.order!), false);
    assert.equal(await sale.cancel('0-1'), false);
    assert.equal((await sale.buy('bob', 'b')).status, 'sold');
    const settlement = await sale.settle(async () => undefined);
    assert.deepEqual(settlement, { total: 1, left: 0, sold: 1, orders: 2, isBalanced: true });
  });

  it(`never oversells to ${buyersCount} buyers, also when the settlement dies in the middle`, async () => {
    const sale = new Seckill(direct, 'crowd');
    await sale.load({ stock: 1000, limit: 2, ...opensIn(0) });
    // As many at the same time as there are buyers: all have asked before the first is answered.
    const asks: Promise<unknown>[] = [];
    const statuses = new Map<string, number>();
    for (let index = 0; index < buyersCount; index++) {
      const ask = sale.buy(`user${world.prng.below(buyersCount)}`, `request${index}`);
      asks.push(ask.then(({ status }) => statuses.set(status, (statuses.get(status) ?? 0) + 1)));
    }
    await Promise.all(asks);
    assert.equal(statuses.get('sold'), 1000);
    assert.equal(await sale.stock(), 0);

    const database = new Map<string, Order>();
    let batches = 0;
    const store = async (orders: readonly Order[]): Promise<void> => {
      for (const order of orders) database.set(order.id, order);
      if (++batches === 2) throw new Error('died');
    };
    await assert.rejects(sale.settle(store, 300), /died/);
    const settlement = await sale.settle(store, 300);
    assert.deepEqual(settlement, { total: 1000, left: 0, sold: 1000, orders: 1000, isBalanced: true });
    assert.equal(database.size, 1000);
    const bought = new Map<string, number>();
    for (const { user, count } of database.values()) bought.set(user, (bought.get(user) ?? 0) + count);
    assert.ok(Math.max(...bought.values()) <= 2);
  });

  it('stays exact when requests and replies get lost and buyers repeat, and orders are cancelled', async () => {
    const sale = new Seckill(direct, 'lossy');
    await sale.load({ stock: 40, limit: 1, ...opensIn(0) });
    const sold = new Map<string, string>();
    const buyer = async (index: number): Promise<void> => {
      const own = new Seckill(world.client({ lossRate: 0.2 }), 'lossy');
      for (;;) {
        try {
          const purchase = await own.buy(`user${index}`, `request${index}`);
          if (purchase.status === 'sold') sold.set(`user${index}`, purchase.order);
          return;
        } catch (error) {
          assert.match((error as Error).message, /connection broke/);
        }
      }
    };
    await world.during(Promise.all(Array.from({ length: 120 }, (_, index) => buyer(index))));
    assert.equal(sold.size, 40);
    for (const order of [...sold.values()].slice(0, 10)) assert.ok(await sale.cancel(order));
    const settlement = await sale.settle(async () => undefined);
    assert.deepEqual(settlement, { total: 40, left: 10, sold: 30, orders: 40, isBalanced: true });
  });

  it('survives a server that is killed: what the snapshot has is balanced', async () => {
    const sale = new Seckill(direct, 'crash');
    await sale.load({ stock: 100, limit: 1, ...opensIn(0) });
    for (let index = 0; index < 30; index++) await sale.buy(`user${index}`, `r${index}`);
    const snapshot = world.server.snapshot();
    for (let index = 30; index < 60; index++) await sale.buy(`user${index}`, `r${index}`);
    world.server.restore(snapshot);
    const settlement = await sale.settle(async () => undefined);
    assert.deepEqual(settlement, { total: 100, left: 70, sold: 30, orders: 30, isBalanced: true });
  });
});

describe('red packets', () => {
  it('are split without loss, each part at least a cent, all places alike', () => {
    const sums = new Array<number>(5).fill(0);
    for (let round = 0; round < 4000; round++) {
      const parts = splitRedPacket(1000, 5, () => world.prng.unit());
      assert.equal(
        parts.reduce((a, b) => a + b),
        1000,
      );
      assert.ok(parts.every((part) => part >= 1));
      parts.forEach((part, index) => (sums[index]! += part));
    }
    for (const sum of sums) assert.ok(Math.abs(sum / 4000 - 200) < 12, `mean ${sum / 4000}`);
    assert.deepEqual(
      splitRedPacket(3, 3, () => 0.999),
      [1, 1, 1],
    );
    assert.throws(() => splitRedPacket(2, 3, Math.random), RangeError);
  });

  it('give each person one part, and the sum is the amount', async () => {
    const packet = new RedPacket(direct, 'p1');
    assert.ok(await packet.make(888, 20, 60_000, () => world.prng.unit()));
    assert.equal(await packet.make(888, 20, 60_000), false);
    const takers = Array.from({ length: 60 }, (_, index) =>
      new RedPacket(world.client(), 'p1').take(`user${index % 40}`),
    );
    const taken = await world.during(Promise.all(takers));
    assert.equal(taken.filter(({ status }) => status === 'taken').length, 20);
    const parts = await packet.taken();
    assert.equal(parts.size, 20);
    assert.equal(
      [...parts.values()].reduce((a, b) => a + b),
      888,
    );
    assert.equal((await packet.take('late')).status, 'empty');
  });

  it('give back what nobody took', async () => {
    const packet = new RedPacket(direct, 'p2');
    await packet.make(100, 4, 60_000);
    const { amount } = await packet.take('ann');
    assert.equal(await packet.refund(), 100 - amount!);
    assert.equal((await packet.take('bob')).status, 'empty');
    assert.deepEqual(await packet.take('ann'), { status: 'taken-before', amount });
    world.clock.advance(60_001);
    assert.equal((await packet.take('ann')).status, 'unknown');
  });
});
