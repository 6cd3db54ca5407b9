// visitors: how many different visitors a page had: exactly, by HyperLogLog, or by a bitmap of numbered users; and days signed in.
//
// Memory for a million visitors: about 50 MB as a set, 12 KB as HyperLogLog (error 0.81 %), 125 KB as bitmap if the users are numbered
// without gaps. Keys: visitors:{name}:<kind>:<period>, sign-in:{user}:<year>.

import { type Commands, replyNumber, replyText, requireCount, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

export type VisitorCount = 'exact' | 'about' | 'bitmap';

/** A script can hand on some 8,000 values at once. */
const PERIODS_MAX = 4000;

const commandsOf = { exact: 'SADD', about: 'PFADD', bitmap: 'SETBIT' } as const;

/** Different visitors by period (a day, a week). With 'bitmap' a visitor is a number below 2^32. One round trip a call. */
export class Visitors {
  private readonly key: string;
  private readonly temporary: string;

  constructor(
    private readonly commands: Commands,
    name: string,
    private readonly kind: VisitorCount,
  ) {
    this.key = `${tagged('visitors', name)}:${kind}`;
    this.temporary = `${tagged('visitors', name)}:union`;
  }

  async visit(visitor: string | number, period: string): Promise<void> {
    const key = `${this.key}:${period}`;
    if (this.kind !== 'bitmap') await this.commands.send(commandsOf[this.kind], [key, visitor]);
    else await this.commands.send('SETBIT', [key, requireBit(visitor), 1]);
  }

  /** Different visitors over all of the periods. */
  async count(periods: readonly string[]): Promise<number> {
    const keys = periods.map((period) => `${this.key}:${period}`);
    if (keys.length === 0) return 0;
    if (keys.length > PERIODS_MAX) throw new RangeError(`${keys.length} periods are more than ${PERIODS_MAX}`);
    if (this.kind === 'about') return replyNumber(await this.commands.send('PFCOUNT', keys));
    if (this.kind === 'exact') return replyNumber(await runScript(this.commands, unionScript, keys));
    if (keys.length === 1) return replyNumber(await this.commands.send('BITCOUNT', keys));
    return replyNumber(await runScript(this.commands, orScript, [...keys, this.temporary]));
  }

  async expire(period: string, ttlMs: number): Promise<void> {
    await this.commands.send('PEXPIRE', [`${this.key}:${period}`, requireCount('ttlMs', ttlMs)]);
  }
}

function requireBit(visitor: string | number): number {
  const bit = visitor === '' ? NaN : requireCount('visitor', Number(visitor), 0);
  if (!(bit < 2 ** 32))
    throw new RangeError(`a bitmap has a place for numbers below 2^32, and the visitor is ${visitor}`);
  return bit;
}

const unionScript = /* @__PURE__ */ makeScript(`
if #KEYS == 1 then return redis.call('SCARD', KEYS[1]) end
return #redis.call('SUNION', unpack(KEYS))
`);

const orScript = /* @__PURE__ */ makeScript(`
local temporary = table.remove(KEYS)
redis.call('BITOP', 'OR', temporary, unpack(KEYS))
local count = redis.call('BITCOUNT', temporary)
redis.call('DEL', temporary)
return count
`);

const streakScript = /* @__PURE__ */ makeScript(`
local day, length = tonumber(ARGV[1]), 0
while day >= 0 and redis.call('GETBIT', KEYS[1], day) == 1 do
  length = length + 1
  day = day - 1
end
return length
`);

/** Days on which a user signed in: a bit for each day of a year, 46 bytes. `day` counts from 0 (1 January). */
export class SignInCalendar {
  constructor(private readonly commands: Commands) {}

  /** False if the user had signed in on that day. */
  async signIn(user: string, year: number, day: number): Promise<boolean> {
    return replyNumber(await this.commands.send('SETBIT', [this.keyOf(user, year), requireDay(day), 1])) === 0;
  }

  async has(user: string, year: number, day: number): Promise<boolean> {
    return replyNumber(await this.commands.send('GETBIT', [this.keyOf(user, year), requireDay(day)])) === 1;
  }

  async total(user: string, year: number): Promise<number> {
    return replyNumber(await this.commands.send('BITCOUNT', [this.keyOf(user, year)]));
  }

  /** Days in a row that end with `day`, within the year. */
  async streak(user: string, year: number, day: number): Promise<number> {
    return replyNumber(await runScript(this.commands, streakScript, [this.keyOf(user, year)], [requireDay(day)]));
  }

  /** The first day of the year on which the user signed in. */
  async first(user: string, year: number): Promise<number | undefined> {
    const day = replyText(await this.commands.send('BITPOS', [this.keyOf(user, year), 1]));
    return day === undefined || Number(day) < 0 ? undefined : Number(day);
  }

  private keyOf(user: string, year: number): string {
    return `${tagged('sign-in', user)}:${requireCount('year', year, 0)}`;
  }
}

function requireDay(day: number): number {
  if (requireCount('day', day, 0) > 365) throw new RangeError(`a year has no day ${day}`);
  return day;
}
