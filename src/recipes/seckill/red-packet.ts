// red-packet: an amount that is split into random parts, of which each person may take one.
//
// The split is the usual one: each part is drawn between 1 and twice the mean of what is left, so all places in the line have
// the same expectation. Parts are whole cents. All parts are drawn when the packet is made; to take one is one script.
//
// Keys, in one slot: red-packet:{id}:parts (list) and :taken (person -> part).

import { type Commands, replyList, replyNumber, replyPairs, replyText, requireCount, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import { machineSurroundings } from '../surroundings.js';

/** Splits an amount into so many parts of at least 1 whose sum it is. `random` gives numbers from 0 to 1, without 1. */
export function splitRedPacket(amount: number, count: number, random: () => number): number[] {
  requireCount('count', count);
  requireCount('amount', amount, count);
  const parts: number[] = [];
  let left = amount;
  for (let rest = count; rest > 1; rest--) {
    const most = Math.min(Math.floor((2 * left) / rest) - 1, left - (rest - 1));
    const part = 1 + Math.floor(random() * Math.max(most, 1));
    if (!(part >= 1 && left - part >= rest - 1))
      throw new RangeError('random must give numbers from 0 to 1, without 1');
    parts.push(part);
    left -= part;
  }
  parts.push(left);
  return parts;
}

const makeScriptOfPacket = /* @__PURE__ */ makeScript(`
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
for index = 3, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[index]) end
-- The sender's field keeps the second key, and its time to live, from the start.
redis.call('HSET', KEYS[2], '', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
`);

const takeScript = /* @__PURE__ */ makeScript(`
local taken = redis.call('HGET', KEYS[2], ARGV[1])
if taken then return {1, taken} end
if redis.call('EXISTS', KEYS[2]) == 0 then return {-1, 0} end
local part = redis.call('LPOP', KEYS[1])
if not part then return {0, 0} end
redis.call('HSET', KEYS[2], ARGV[1], part)
return {2, part}
`);

const refundScript = /* @__PURE__ */ makeScript(`
local sum = 0
for _, part in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do sum = sum + part end
redis.call('DEL', KEYS[1])
return sum
`);

export type Taken =
  | { readonly status: 'taken' | 'taken-before'; readonly amount: number }
  | { readonly status: 'empty' | 'unknown'; readonly amount?: undefined };

/**
 * Holds: the parts that are taken and refunded make the amount; nobody takes two; a repeated call gives the same part. After `ttlMs` the
 * packet is gone: call `refund` before, and keep the amounts in a database. One round trip a call.
 */
export class RedPacket {
  private readonly keys: readonly [string, string];

  constructor(
    private readonly commands: Commands,
    readonly id: string,
  ) {
    const key = tagged('red-packet', id);
    this.keys = [`${key}:parts`, `${key}:taken`];
  }

  /** Makes the packet, of whole cents. False if there is one with this id. */
  async make(
    amount: number,
    count: number,
    ttlMs: number,
    random: () => number = machineSurroundings.random,
  ): Promise<boolean> {
    if (count > 5000) throw new RangeError(`a packet has at most 5000 parts, and not ${count}`);
    const args = [requireCount('ttlMs', ttlMs), amount, ...splitRedPacket(amount, count, random)];
    return replyNumber(await runScript(this.commands, makeScriptOfPacket, this.keys, args)) === 1;
  }

  async take(person: string): Promise<Taken> {
    if (person === '') throw new RangeError('a person must have a name');
    const reply = replyList(await runScript(this.commands, takeScript, this.keys, [person])).map(replyNumber);
    const [status, amount] = reply as [number, number];
    if (status > 0) return { status: status === 2 ? 'taken' : 'taken-before', amount };
    return { status: status === 0 ? 'empty' : 'unknown' };
  }

  /** The share that each user took. */
  async taken(): Promise<ReadonlyMap<string, number>> {
    const pairs = replyPairs(await this.commands.send('HGETALL', [this.keys[1]]));
    return new Map(pairs.filter(([person]) => person !== '').map(([person, part]) => [person, Number(part)]));
  }

  /** Takes what is left back, and gives its sum. */
  async refund(): Promise<number> {
    return replyNumber(replyText(await runScript(this.commands, refundScript, [this.keys[0]])));
  }
}
