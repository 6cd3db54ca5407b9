// A sale on a server that syncs each write and is killed (SIGKILL) in the middle and at the end: no answered order is missing, nothing is sold twice.
//
//   npm test -- recipes/seckill-crash
//   SECKILL_BUYERS=100000 npm test -- recipes/seckill-crash       some 20 seconds
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import initSqlJs from 'sql.js';
import { Prng } from '../../src/base/prng.js';
import { fromStream } from '../../src/recipes/adapters/server.js';
import type { CommandArgument, Commands } from '../../src/recipes/commands.js';
import { Seckill } from '../../src/recipes/seckill/seckill.js';
import { fromSqlJs, SqliteOrders } from '../../src/recipes/seckill/sqlite-orders.js';
import { startKvasir } from '../kvasir.js';
import { findFreePort } from '../peer.js';

const seed = Number(process.env['RECIPE_SEED'] ?? 20260101);
const buyers = Number(process.env['SECKILL_BUYERS'] ?? 2000);
const stock = Math.floor(buyers / 5);
const LIMIT = 2;

class ConnectionLost extends Error {}

/**
 * Connections that a crowd shares. Each has so many requests in flight and no more, so that at any moment most of the crowd has asked and
 * waits; after `lose` they wait until `open` brings the connections back.
 */
class SharedConnections implements Commands {
  private places: Commands[] = [];
  /** Those before `served` have their place: a shift of an array of 100,000 moves them all. */
  private readonly waiting: ((place: Commands) => void)[] = [];
  private served = 0;
  private sockets: Socket[] = [];

  constructor(
    private readonly count: number,
    private readonly inFlightMax: number,
  ) {}

  async open(port: number): Promise<void> {
    this.sockets = Array.from({ length: this.count }, () => connect(port, '127.0.0.1').setNoDelay());
    const links = this.sockets.map((socket) => fromStream(socket));
    await Promise.all(this.sockets.map((socket) => once(socket, 'connect')));
    for (let round = 0; round < this.inFlightMax; round++) for (const link of links) this.give(link);
  }

  /** No request goes out from now on; resolves when all connections have ended. */
  async lose(): Promise<void> {
    this.places = [];
    const ends = this.sockets.map(
      (socket) => new Promise((resolve) => (socket.closed ? resolve(0) : socket.once('close', resolve))),
    );
    await Promise.all(ends);
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async send(command: string, args: readonly CommandArgument[]): Promise<unknown> {
    const place = this.places.pop() ?? (await new Promise<Commands>((resolve) => this.waiting.push(resolve)));
    try {
      const reply = await place.send(command, args);
      this.give(place);
      return reply;
    } catch (error) {
      if (!this.isBroken(error)) {
        this.give(place);
        throw error;
      }
      throw new ConnectionLost();
    }
  }

  private isBroken(error: unknown): boolean {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ECONNRESET' || code === 'EPIPE' || message === 'the connection is closed';
  }

  private give(place: Commands): void {
    if (this.served === this.waiting.length) this.places.push(place);
    else this.waiting[this.served++]!(place);
  }
}

test(`${buyers} buyers, appendfsync always, kill -9 (RECIPE_SEED=${seed})`, { timeout: 1_200_000 }, async (t) => {
  const prng = new Prng(seed);
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-seckill-'));
  const port = await findFreePort();
  const start = (): ReturnType<typeof startKvasir> =>
    startKvasir({ port, folder, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  let server = await start();
  const connections = new SharedConnections(Math.min(200, buyers / 100), 8);
  t.after(async () => {
    connections.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await connections.open(port);

  const { Database } = await initSqlJs();
  const orders = new SqliteOrders(fromSqlJs(new Database()));
  const sale = new Seckill(connections, 'phone');
  orders.stock('phone', stock);
  await orders.load(sale, { limit: LIMIT, opensAtMs: Date.now() - 60_000, closesAtMs: Date.now() + 36_000_000 });

  const killAndRestart = async (): Promise<void> => {
    const ended = server.stop({ signal: 'SIGKILL', keepFolder: true });
    await Promise.all([ended, connections.lose()]);
    server = await start();
    await connections.open(port);
  };

  const sold = new Map<string, string>();
  const statuses = new Map<string, number>();
  let restart: Promise<void> | undefined;
  let soldAtKill = 0;
  let repeated = 0;
  const buy = async (user: string, request: string): Promise<void> => {
    for (;;) {
      try {
        const { status, order } = await sale.buy(user, request);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (order !== undefined) sold.set(request, order);
        if (sold.size === Math.floor(stock / 2)) {
          soldAtKill = sold.size;
          restart ??= killAndRestart();
        }
        return;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        repeated++;
      }
    }
  };
  const beganMs = performance.now();
  const crowd = Array.from({ length: buyers }, (_, index) => buy(`user${prng.below(buyers / 4)}`, `request${index}`));
  await Promise.all(crowd);
  await restart;
  const tookMs = performance.now() - beganMs;
  assert.ok(soldAtKill > 0 && soldAtKill < stock, `killed after ${soldAtKill} answers`);
  assert.ok(repeated > 0, 'the kill broke requests');
  assert.equal(sold.size, stock);
  assert.equal(new Set(sold.values()).size, stock);
  t.diagnostic(`${Math.round(tookMs)} ms with the restart; ${repeated} repeated; ${JSON.stringify([...statuses])}`);

  // Orders that nobody pays for go back and are bought again; then the server dies once more.
  const unpaid = [...sold].slice(0, 10);
  for (const [request, order] of unpaid) {
    assert.ok(await sale.cancel(order));
    sold.delete(request);
  }
  for (let index = 0; index < 10; index++) await buy(`late${index}`, `late${index}`);
  await sale.close();
  await killAndRestart();

  let batches = 0;
  const dies = sale.settle(
    async (batch) => {
      if (++batches === 2) throw new Error('the settlement died');
      orders.store('phone', batch);
    },
    Math.ceil(stock / 4),
  );
  await assert.rejects(dies, /the settlement died/);
  const settlement = await orders.settle(sale);
  assert.deepEqual(settlement, { total: stock, left: 0, sold: stock, orders: stock + 10, isBalanced: true });
  assert.deepEqual(orders.books('phone'), { stock: 0, orders: stock + 10, sold: stock, isSettled: true });

  // The replies to the crowd agree with Redis, order by order.
  const kept = new Map<string, string>();
  const bought = new Map<string, number>();
  await sale.settle(async (batch) => {
    for (const { id, user, request, isCancelled } of batch) {
      if (isCancelled) continue;
      assert.equal(kept.has(request), false, request);
      kept.set(request, id);
      bought.set(user, (bought.get(user) ?? 0) + 1);
    }
  });
  assert.deepEqual([...kept].sort(), [...sold].sort());
  assert.ok(Math.max(...bought.values()) <= LIMIT);
});
