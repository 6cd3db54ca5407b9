// lock: mutual exclusion between processes on one Redis: owner, expiry with renewal, fencing, turns, re-entrance.
//
// The lock is a hash: who owns it, the fencing token, and one field for each hold of the owner. Holds have names, so a command
// that a client repeats after a broken connection takes or releases the same hold once. The fencing counter never expires.
//
// Keys, in one slot: lock:{name}, lock:{name}:fence, lock:{name}:line and lock:{name}:alive (those who wait).

import { type Commands, replyList, replyNumber, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import { Held, whileHeld } from './held.js';
import { type LockOptions, type SettledLockOptions, settleLockOptions } from './lock-options.js';
import { waitInTurn } from './wait-in-turn.js';
import { waitingLua } from './waiting.js';

const acquireScript = /* @__PURE__ */ (() =>
  makeScript(`${waitingLua}
local lock, fence, line, alive = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local owner, hold, ttl, patience, waits = ARGV[1], 'hold:' .. ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
local holder = redis.call('HGET', lock, 'owner')
if holder == owner then
  redis.call('HSET', lock, hold, 1)
  redis.call('PEXPIRE', lock, math.max(ttl, redis.call('PTTL', lock)))
  leave(line, alive, ARGV[2])
  return {1, tonumber(redis.call('HGET', lock, 'fence')), 0}
end
local turn = before(line, alive, ARGV[2], patience, waits)
if holder or turn > 0 then
  return {0, turn, math.max(redis.call('PTTL', lock), 0)}
end
leave(line, alive, ARGV[2])
local token = redis.call('INCR', fence)
redis.call('HSET', lock, 'owner', owner, 'fence', token, hold, 1)
redis.call('PEXPIRE', lock, ttl)
return {1, token, 0}
`))();

const extendScript = /* @__PURE__ */ makeScript(`
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'hold:' .. ARGV[2]) == 0 then
  return 0
end
redis.call('PEXPIRE', KEYS[1], math.max(ARGV[3], redis.call('PTTL', KEYS[1])))
return 1
`);

const releaseScript = /* @__PURE__ */ makeScript(`
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] or redis.call('HDEL', KEYS[1], 'hold:' .. ARGV[2]) == 0 then
  return 0
end
if redis.call('HLEN', KEYS[1]) <= 2 then
  redis.call('DEL', KEYS[1])
end
return 1
`);

const leaveScript = /* @__PURE__ */ (() =>
  makeScript(`${waitingLua}
leave(KEYS[1], KEYS[2], ARGV[1])
`))();

/**
 * A lock on one Redis.
 *
 * Holds: at most one owner at a time by the server's clock; waiters get it in the order in which they first asked; a repeated
 * command does no harm; a dead holder is replaced after `ttlMs`; fencing tokens grow.
 *
 * Does not hold: a holder that stands still for longer than `ttlMs` goes on as if it had the lock, and a failover can lose a
 * lock that the replica had not heard of. Where that must not happen, the resource has to compare fencing tokens (after such a
 * failover even a token can come twice).
 *
 * Costs one round trip to take and one to release, one every `retryMs` while waiting, one every third of `ttlMs` while held.
 */
export class Lock {
  private readonly keys: readonly [string, string, string, string];

  constructor(
    private readonly commands: Commands,
    readonly name: string,
    private readonly options: LockOptions = {},
  ) {
    const key = tagged('lock', name);
    this.keys = [key, `${key}:fence`, `${key}:line`, `${key}:alive`];
    settleLockOptions(options);
  }

  /** Takes the lock if it is free and nobody waits for it; undefined if not. */
  async tryAcquire(options: LockOptions = {}): Promise<Held | undefined> {
    const settled = settleLockOptions(this.options, options);
    const id = settled.surroundings.token();
    try {
      return await this.attempt(id, settled, false);
    } catch (error) {
      // It may have been taken, and only the reply was lost.
      void this.release(settled.owner ?? id, id).catch(() => false);
      throw error;
    }
  }

  /** Waits in turn for the lock. Rejects with a LockTimeoutError after `waitMs`, with the signal's reason when that is aborted. */
  async acquire(options: LockOptions = {}): Promise<Held> {
    const settled = settleLockOptions(this.options, options);
    const id = settled.surroundings.token();
    return await waitInTurn({
      ...settled,
      complaint: `lock ${this.name} was not free`,
      attempt: () => this.attempt(id, settled, true),
      // Those behind need not wait until this waiter counts as dead; and the attempt may have succeeded without an answer.
      giveUp: async () => {
        await runScript(this.commands, leaveScript, this.keys.slice(2), [id]).catch(() => undefined);
        await this.release(settled.owner ?? id, id).catch(() => false);
      },
    });
  }

  /** Runs `work` with the lock. Rejects with a LockLostError if the lock was lost before `work` ended. */
  async run<T>(work: (held: Held) => Promise<T> | T, options: LockOptions = {}): Promise<T> {
    return await whileHeld(await this.acquire(options), work);
  }

  private async attempt(id: string, options: SettledLockOptions, waits: boolean): Promise<Held | undefined> {
    const { surroundings, ttlMs, patienceMs, renews, owner = id } = options;
    const sinceMs = surroundings.steadyMs();
    const args = [owner, id, ttlMs, patienceMs, waits ? 1 : 0];
    const [taken, fence] = replyList(await runScript(this.commands, acquireScript, this.keys, args)).map(replyNumber);
    if (taken !== 1) return undefined;
    return new Held(surroundings, {
      what: `lock ${this.name}`,
      ttlMs,
      sinceMs,
      fence: fence!,
      renews,
      extend: async () =>
        replyNumber(await runScript(this.commands, extendScript, [this.keys[0]], [owner, id, ttlMs])) === 1,
      release: () => this.release(owner, id),
    });
  }

  private async release(owner: string, id: string): Promise<boolean> {
    return replyNumber(await runScript(this.commands, releaseScript, [this.keys[0]], [owner, id])) === 1;
  }
}
