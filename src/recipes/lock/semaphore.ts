// semaphore: at most so many holders at once, each with a time of its own.
//
// Holders are members of a sorted set whose score is the end of their time by the server's clock.
//
// Keys, in one slot: semaphore:{name}, semaphore:{name}:line, semaphore:{name}:alive.

import { type Commands, replyList, replyNumber, requireCount, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import { Held, whileHeld } from './held.js';
import { type LockOptions, type SettledLockOptions, settleLockOptions } from './lock-options.js';
import { waitInTurn } from './wait-in-turn.js';
import { waitingLua } from './waiting.js';

const acquireScript = /* @__PURE__ */ (() =>
  makeScript(`${waitingLua}
local holders, line, alive = KEYS[1], KEYS[2], KEYS[3]
local id, limit, ttl, patience, waits = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
redis.call('ZREMRANGEBYSCORE', holders, '-inf', now)
if not redis.call('ZSCORE', holders, id) then
  local free = limit - redis.call('ZCARD', holders)
  local turn = before(line, alive, id, patience, waits)
  if free <= turn then
    local first = redis.call('ZRANGE', holders, 0, 0, 'WITHSCORES')
    return {0, free, math.max((tonumber(first[2]) or now) - now, 0)}
  end
end
leave(line, alive, id)
redis.call('ZADD', holders, now + ttl, id)
redis.call('PEXPIRE', holders, math.max(ttl, redis.call('PTTL', holders)))
return {1, limit - redis.call('ZCARD', holders), 0}
`))();

const extendScript = /* @__PURE__ */ makeScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local until_ = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if until_ <= now then
  return 0
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.max(ARGV[2], redis.call('PTTL', KEYS[1])))
return 1
`);

const releaseScript = /* @__PURE__ */ makeScript(`
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
`);

/** The outcome of an attempt. */
export interface SemaphoreAttempt {
  readonly held: Held | undefined;
  /** Places that are left. */
  readonly free: number;
  /** When the first holder's time ends, unless it is extended. */
  readonly retryAfterMs: number;
}

/** A semaphore on one Redis. Holds and fails as `Lock` does; it gives no fencing token. Costs what `Lock` costs. */
export class Semaphore {
  private readonly keys: readonly [string, string, string];

  constructor(
    private readonly commands: Commands,
    readonly name: string,
    readonly limit: number,
    private readonly options: LockOptions = {},
  ) {
    requireCount('limit', limit);
    settleLockOptions(options);
    const key = tagged('semaphore', name);
    this.keys = [key, `${key}:line`, `${key}:alive`];
  }

  /** Takes a place if one is free that nobody waits for. */
  async tryAcquire(options: LockOptions = {}): Promise<SemaphoreAttempt> {
    const settled = settleLockOptions(this.options, options);
    const id = settled.surroundings.token();
    try {
      return await this.attempt(id, settled, false);
    } catch (error) {
      // It may have been taken, and only the reply was lost.
      void this.release(id).catch(() => false);
      throw error;
    }
  }

  /** Waits in turn for a place. Rejects with a LockTimeoutError after `waitMs`. */
  async acquire(options: LockOptions = {}): Promise<Held> {
    const settled = settleLockOptions(this.options, options);
    const id = settled.surroundings.token();
    return await waitInTurn({
      ...settled,
      complaint: `semaphore ${this.name} had no place`,
      attempt: async () => (await this.attempt(id, settled, true)).held,
      giveUp: () => this.release(id).catch(() => false),
    });
  }

  async run<T>(work: (held: Held) => Promise<T> | T, options: LockOptions = {}): Promise<T> {
    return await whileHeld(await this.acquire(options), work);
  }

  private async attempt(id: string, options: SettledLockOptions, waits: boolean): Promise<SemaphoreAttempt> {
    const { surroundings, ttlMs, patienceMs, renews } = options;
    const sinceMs = surroundings.steadyMs();
    const args = [id, this.limit, ttlMs, patienceMs, waits ? 1 : 0];
    const reply = await runScript(this.commands, acquireScript, this.keys, args);
    const [taken, free, retryAfterMs] = replyList(reply).map(replyNumber);
    if (taken !== 1) return { held: undefined, free: Math.max(free!, 0), retryAfterMs: retryAfterMs! };
    const held = new Held(surroundings, {
      what: `place of semaphore ${this.name}`,
      ttlMs,
      sinceMs,
      fence: 0,
      renews,
      extend: async () => replyNumber(await runScript(this.commands, extendScript, [this.keys[0]], [id, ttlMs])) === 1,
      release: () => this.release(id),
    });
    return { held, free: free!, retryAfterMs: 0 };
  }

  private async release(id: string): Promise<boolean> {
    return replyNumber(await runScript(this.commands, releaseScript, this.keys, [id])) === 1;
  }
}
