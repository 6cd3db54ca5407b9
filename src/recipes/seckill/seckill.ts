// seckill: a sale of a small stock to a big crowd at a fixed moment: never more is sold than there is.
//
// The stock is loaded from the database before the sale opens. One script decides each purchase: is the sale open, is the user
// below the limit, is there stock; and in the same step takes the stock and appends the order to a stream. So a crash leaves
// either both or neither. Workers bring orders into the database; what is not paid for goes back; the settlement compares.
//
// Keys, in one slot: seckill:{name} (state), :bought (user -> count), :orders (user and request -> order), :queue (stream of orders).

import {
  type Commands,
  replyList,
  replyNumber,
  replyPairs,
  replyText,
  requireCount,
  requireFinite,
  tagged,
} from '../commands.js';
import { makeScript, runScript } from '../script.js';

const nowLua = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`;

const loadScript = /* @__PURE__ */ makeScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'total', ARGV[1], 'stock', ARGV[1], 'limit', ARGV[2], 'opens', ARGV[3], 'closes', ARGV[4])
return 1
`);

const buyScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
local sale = redis.call('HMGET', KEYS[1], 'stock', 'limit', 'opens', 'closes')
if not sale[1] then return {'unknown', '0'} end
-- Clients draw their requests: one that another user has drawn as well is another request.
local request = string.len(ARGV[1]) .. ':' .. ARGV[1] .. ARGV[3]
local known = redis.call('HGET', KEYS[3], request)
if known then return {'sold', known} end
if now < tonumber(sale[3]) then return {'early', '0'} end
if now >= tonumber(sale[4]) then return {'closed', '0'} end
local stock, count = tonumber(sale[1]), tonumber(ARGV[2])
if stock == 0 then return {'sold-out', '0'} end
if tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0) + count > tonumber(sale[2]) then return {'limit', '0'} end
if stock < count then return {'too-few', '0'} end
redis.call('HINCRBY', KEYS[1], 'stock', -count)
redis.call('HINCRBY', KEYS[2], ARGV[1], count)
local order = redis.call('XADD', KEYS[4], '*', 'user', ARGV[1], 'count', count, 'request', ARGV[3])
redis.call('HSET', KEYS[3], request, order)
return {'sold', order}
`))();

const cancelScript = /* @__PURE__ */ makeScript(`
local entry = redis.call('XRANGE', KEYS[4], ARGV[1], ARGV[1])[1]
-- The server reads an id without its second half, or with leading zeros, as well: each order has one spelling here.
if not entry or entry[1] ~= ARGV[1] or redis.call('HSETNX', KEYS[1], 'cancelled:' .. ARGV[1], 1) == 0 then return 0 end
local order = {}
for index = 1, #entry[2], 2 do order[entry[2][index]] = entry[2][index + 1] end
redis.call('HINCRBY', KEYS[1], 'stock', order.count)
redis.call('HINCRBY', KEYS[2], order.user, -order.count)
return 1
`);

const closeScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if now < tonumber(redis.call('HGET', KEYS[1], 'closes')) then
  redis.call('HSET', KEYS[1], 'closes', now)
end
return 1
`))();

export interface SaleOptions {
  readonly stock: number;
  /** How many one user may buy. */
  readonly limit: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly opensAtMs: number;
  readonly closesAtMs: number;
}

/** Why nothing was sold; `sold-out` stays true until an order is cancelled, so a page may show it without asking again. */
export type Refusal = 'unknown' | 'early' | 'closed' | 'sold-out' | 'limit' | 'too-few';

export type Purchase =
  { readonly status: 'sold'; readonly order: string } | { readonly status: Refusal; readonly order?: undefined };

export interface Order {
  readonly id: string;
  readonly user: string;
  readonly count: number;
  readonly request: string;
  readonly isCancelled: boolean;
}

export interface Settlement {
  readonly total: number;
  readonly left: number;
  readonly sold: number;
  readonly orders: number;
  /** Stock that is left and what was sold make the total. False means that Redis lost data. */
  readonly isBalanced: boolean;
}

/**
 * Holds, on one Redis whose data is not lost: no more is sold than the stock; no user gets more than the limit; a purchase that is
 * repeated with the same request is the same order; an order that was answered is in the queue.
 *
 * Does not hold: after a failover to a replica that had not heard of the last purchases, those are sold again. The database's own
 * constraint (stock >= 0, order id unique) has the last word. One round trip for a purchase.
 */
export class Seckill {
  private readonly keys: readonly [string, string, string, string];

  constructor(
    private readonly commands: Commands,
    readonly name: string,
  ) {
    const key = tagged('seckill', name);
    this.keys = [key, `${key}:bought`, `${key}:orders`, `${key}:queue`];
  }

  /** Loads the stock; the documents do so 30 minutes before the sale. False if it was loaded before: a second loader does no harm. */
  async load({ stock, limit, opensAtMs, closesAtMs }: SaleOptions): Promise<boolean> {
    requireCount('stock', stock);
    requireCount('limit', limit);
    for (const time of [opensAtMs, closesAtMs]) requireFinite('the time of a sale', time);
    if (opensAtMs >= closesAtMs) throw new RangeError('a sale must open before it closes');
    const args = [stock, limit, Math.floor(opensAtMs), Math.floor(closesAtMs)];
    return replyNumber(await runScript(this.commands, loadScript, [this.keys[0]], args)) === 1;
  }

  /** Buys. `request` names this attempt of the user: repeat it after a broken connection. Users share no requests. */
  async buy(user: string, request: string, count = 1): Promise<Purchase> {
    if (user === '' || request === '') throw new RangeError('a user and a request must have names');
    requireCount('count', count);
    const reply = replyList(await runScript(this.commands, buyScript, this.keys, [user, count, request]));
    const status = replyText(reply[0]) as 'sold' | Refusal;
    return status === 'sold' ? { status, order: replyText(reply[1])! } : { status };
  }

  /** Gives the stock of an order back (not paid in time). False if it was given back before, or is none. */
  async cancel(order: string): Promise<boolean> {
    if (!/^\d+-\d+$/.test(order)) return false;
    return replyNumber(await runScript(this.commands, cancelScript, this.keys, [order])) === 1;
  }

  /** Ends the sale now. */
  async close(): Promise<boolean> {
    return replyNumber(await runScript(this.commands, closeScript, [this.keys[0]])) === 1;
  }

  /** Stock that is left. */
  async stock(): Promise<number> {
    return replyNumber(await this.commands.send('HGET', [this.keys[0], 'stock']));
  }

  /**
   * Hands all orders to `store`, in batches, and compares. Call it after the sale; again after an error, since orders come with
   * their ids and `store` must ignore those it has (INSERT OR IGNORE).
   */
  async settle(store: (orders: readonly Order[]) => Promise<void>, batchMax = 500): Promise<Settlement> {
    requireCount('batchMax', batchMax);
    const cancelled = new Set<string>();
    const state = new Map(replyPairs(await this.commands.send('HGETALL', [this.keys[0]])));
    for (const field of state.keys())
      if (field.startsWith('cancelled:')) cancelled.add(field.slice('cancelled:'.length));
    let sold = 0;
    let orders = 0;
    let from = '-';
    for (;;) {
      const entries = replyList(await this.commands.send('XRANGE', [this.keys[3], from, '+', 'COUNT', batchMax]));
      if (entries.length === 0) break;
      const batch = entries.map((entry) => orderOf(entry, cancelled));
      await store(batch);
      for (const order of batch) if (!order.isCancelled) sold += order.count;
      orders += batch.length;
      from = `(${batch.at(-1)!.id}`;
    }
    const total = Number(state.get('total') ?? 0);
    const left = Number(state.get('stock') ?? 0);
    return { total, left, sold, orders, isBalanced: total === left + sold && left >= 0 };
  }

  /** Deletes everything of the sale. */
  async remove(): Promise<void> {
    await this.commands.send('DEL', this.keys);
  }
}

function orderOf(entry: unknown, cancelled: ReadonlySet<string>): Order {
  const [id, fields] = replyList(entry);
  const order = new Map(replyPairs(fields));
  return {
    id: replyText(id)!,
    user: order.get('user') ?? '',
    count: Number(order.get('count')),
    request: order.get('request') ?? '',
    isCancelled: cancelled.has(replyText(id)!),
  };
}
