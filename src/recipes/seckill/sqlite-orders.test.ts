import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import initSqlJs from 'sql.js';
import { recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import { Seckill } from './seckill.js';
import { fromSqlJs, type SqlDatabase, SqliteOrders } from './sqlite-orders.js';

const world = await recipeWorld();
const { direct } = world;
beforeEach(() => world.server.flush());

const { Database } = await initSqlJs();
const engines: Record<string, () => SqlDatabase> = { 'sql.js': () => fromSqlJs(new Database()) };
const builtin = (process as { getBuiltinModule?: (name: string) => unknown }).getBuiltinModule?.('node:sqlite');
if (builtin !== undefined) {
  const { DatabaseSync } = builtin as { DatabaseSync: new (path: string) => SqlDatabase };
  engines['node:sqlite'] = () => new DatabaseSync(':memory:');
}

for (const [name, open] of Object.entries(engines)) {
  describe(`settlement into ${name} (RECIPE_SEED=${worldSeed})`, () => {
    it('has every order once, though it dies and runs again, also during the sale and with cancellations', async () => {
      const database = open();
      const orders = new SqliteOrders(database);
      orders.stock('phone', 60);
      const sale = new Seckill(direct, 'phone');
      const opensAtMs = world.clock.wallMs();
      assert.ok(await orders.load(sale, { limit: 1, opensAtMs, closesAtMs: opensAtMs + 3_600_000 }));
      const sold: string[] = [];
      const buyer = async (index: number): Promise<void> => {
        const own = new Seckill(world.client({ lossRate: 0.1 }), 'phone');
        for (;;) {
          try {
            const { status, order } = await own.buy(`user${index}`, `request${index}`);
            if (status === 'sold') sold.push(order);
            return;
          } catch (error) {
            assert.match((error as Error).message, /connection broke/);
          }
        }
      };
      await world.during(Promise.all(Array.from({ length: 80 }, (_, index) => buyer(index))));
      // A first settlement during the sale, whose third batch dies.
      let batches = 0;
      const dying = new SqliteOrders(dyingAfter(database, () => ++batches > 2));
      await assert.rejects(dying.settle(sale, 9), /the database is gone/);
      assert.equal(orders.books('phone').orders, 18);
      assert.equal(orders.books('phone').stock, 42);
      for (const order of sold.slice(0, 15)) assert.ok(await sale.cancel(order));
      await world.during(Promise.all(Array.from({ length: 10 }, (_, index) => buyer(100 + index))));
      await sale.close();
      const settlement = await orders.settle(sale, 11);
      assert.deepEqual(settlement, { total: 60, left: 5, sold: 55, orders: 70, isBalanced: true });
      assert.deepEqual(orders.books('phone'), { stock: 5, orders: 70, sold: 55, isSettled: true });
      assert.deepEqual(await orders.settle(sale, 500), settlement);
      assert.deepEqual(orders.books('phone'), { stock: 5, orders: 70, sold: 55, isSettled: true });
    });

    it('refuses what Redis sold twice after it lost its data', async () => {
      const orders = new SqliteOrders(open());
      orders.stock('tv', 2);
      const sale = new Seckill(direct, 'tv');
      const opensAtMs = world.clock.wallMs();
      const options = { limit: 2, opensAtMs, closesAtMs: opensAtMs + 1000 };
      await orders.load(sale, options);
      const before = world.server.snapshot();
      await sale.buy('ann', 'r1', 2);
      await orders.settle(sale);
      world.server.restore(before); // a failover to a replica that had not heard of it
      world.clock.advance(1);
      await sale.buy('bob', 'r2', 2);
      await assert.rejects(orders.settle(sale), /CHECK/i);
      assert.deepEqual(orders.books('tv'), { stock: 0, orders: 1, sold: 2, isSettled: true });
      assert.throws(() => orders.books('none'), RangeError);
    });
  });
}

/** A database that fails when a transaction begins, from a certain one on. */
function dyingAfter(database: SqlDatabase, isDead: () => boolean): SqlDatabase {
  return {
    prepare: (sql) => database.prepare(sql),
    exec: (sql) => {
      if (sql.startsWith('BEGIN') && isDead()) throw new Error('the database is gone');
      return database.exec(sql);
    },
  };
}
