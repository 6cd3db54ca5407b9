// sqlite-orders: the database's side of a sale: stock and orders in SQLite, and the settlement that brings what Redis sold into it.
//
// The database has the last word: an order id is stored once, a stock cannot fall below zero, and a batch is one transaction, so a
// settlement that dies anywhere can run again. Prepared statements have the shape that node:sqlite (Node 22.5 and newer) and
// better-sqlite3 share; `fromSqlJs` makes it of sql.js, which needs no native code and runs on any Node.

import { requireCount } from '../commands.js';
import type { Order, SaleOptions, Seckill, Settlement } from './seckill.js';

export type SqlValue = string | number | null;

/** The part of `DatabaseSync` of node:sqlite, and of better-sqlite3, that the settlement uses. */
export interface SqlDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): {
    run(...values: SqlValue[]): unknown;
    get(...values: SqlValue[]): unknown;
  };
}

/** The part of a database of sql.js that `fromSqlJs` uses. */
export interface SqlJsDatabase {
  run(sql: string, values?: SqlValue[]): unknown;
  prepare(sql: string): {
    bind(values: SqlValue[]): unknown;
    step(): boolean;
    getAsObject(): unknown;
    free(): unknown;
  };
}

/** A database of sql.js as `SqlDatabase`. */
export function fromSqlJs(database: SqlJsDatabase): SqlDatabase {
  return {
    exec: (sql) => database.run(sql),
    prepare: (sql) => ({
      run: (...values) => database.run(sql, values),
      get: (...values) => {
        const statement = database.prepare(sql);
        try {
          statement.bind(values);
          return statement.step() ? statement.getAsObject() : undefined;
        } finally {
          statement.free();
        }
      },
    }),
  };
}

const schema = `
CREATE TABLE IF NOT EXISTS sale_items (
  sale TEXT PRIMARY KEY,
  stock INTEGER NOT NULL CHECK (stock >= 0),
  settled INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS sale_orders (
  sale TEXT NOT NULL,
  id TEXT NOT NULL,
  user TEXT NOT NULL,
  request TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  cancelled INTEGER NOT NULL,
  PRIMARY KEY (sale, id),
  UNIQUE (sale, user, request)
);
`;

export interface DatabaseBooks {
  /** Stock that is left. */
  readonly stock: number;
  readonly orders: number;
  /** Units taken by orders that are not cancelled. */
  readonly sold: number;
  readonly isSettled: boolean;
}

/**
 * Holds: an order of Redis is in the database once, however often the settlement runs; the stock there is what it was less what
 * was sold. Where Redis lost orders by a failover and sold the stock again, the CHECK refuses the batch that would oversell.
 */
export class SqliteOrders {
  constructor(private readonly database: SqlDatabase) {
    database.exec(schema);
  }

  /** Puts an item on stock. */
  stock(sale: string, count: number): void {
    requireCount('count', count, 0);
    this.database
      .prepare(
        'INSERT INTO sale_items (sale, stock) VALUES (?, ?) ON CONFLICT (sale) DO UPDATE SET stock = excluded.stock',
      )
      .run(sale, count);
  }

  /** Loads the stock of the database into the sale, half an hour before it opens for instance. False if it was loaded before. */
  async load(sale: Seckill, options: Omit<SaleOptions, 'stock'>): Promise<boolean> {
    return await sale.load({ ...options, stock: this.books(sale.name).stock });
  }

  /**
   * Stores a batch of orders in one transaction; existing ones only change to cancelled. May run while the sale goes
   * on. Where an order is cancelled and its stock sold again meanwhile, the CHECK may refuse the batch: run it again.
   */
  store(sale: string, orders: readonly Order[]): void {
    const { database } = this;
    database.exec('BEGIN IMMEDIATE');
    try {
      const find = database.prepare('SELECT cancelled FROM sale_orders WHERE sale = ? AND id = ?');
      const insert = database.prepare(
        'INSERT INTO sale_orders (sale, id, user, request, count, cancelled) VALUES (?, ?, ?, ?, ?, ?)',
      );
      const cancel = database.prepare('UPDATE sale_orders SET cancelled = 1 WHERE sale = ? AND id = ?');
      const take = database.prepare('UPDATE sale_items SET stock = stock - ? WHERE sale = ?');
      // Stock that came back first: it may be what later orders in the batch have sold.
      const sorted = [...orders].sort((a, b) => Number(b.isCancelled) - Number(a.isCancelled));
      for (const { id, user, request, count, isCancelled } of sorted) {
        const known = find.get(sale, id) as { cancelled: number } | undefined;
        const isNew = known === undefined;
        const wasTaken = known !== undefined && known.cancelled === 0;
        if (isNew) insert.run(sale, id, user, request, count, isCancelled ? 1 : 0);
        else if (isCancelled && wasTaken) cancel.run(sale, id);
        const before = wasTaken ? count : 0;
        const now = isCancelled || (!isNew && !wasTaken) ? 0 : count;
        if (now !== before) take.run(now - before, sale);
      }
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Brings all orders of a sale that is over into the database, and marks it as settled if the books agree. */
  async settle(sale: Seckill, batchMax = 500): Promise<Settlement> {
    const settlement = await sale.settle(async (orders) => this.store(sale.name, orders), batchMax);
    const books = this.books(sale.name);
    const agrees = settlement.isBalanced && books.stock === settlement.left && books.sold === settlement.sold;
    if (agrees) this.database.prepare('UPDATE sale_items SET settled = 1 WHERE sale = ?').run(sale.name);
    return { ...settlement, isBalanced: agrees };
  }

  books(sale: string): DatabaseBooks {
    const item = this.database.prepare('SELECT stock, settled FROM sale_items WHERE sale = ?').get(sale);
    if (item === undefined || item === null) throw new RangeError(`the database has no stock of ${sale}`);
    const { stock, settled } = item as { stock: number; settled: number };
    const sums = this.database
      .prepare(
        'SELECT COUNT(*) AS orders, COALESCE(SUM(CASE cancelled WHEN 0 THEN count ELSE 0 END), 0) AS sold FROM sale_orders WHERE sale = ?',
      )
      .get(sale) as { orders: number; sold: number };
    return { stock, orders: sums.orders, sold: sums.sold, isSettled: settled === 1 };
  }
}
