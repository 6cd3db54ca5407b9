// read-write-lock: many readers or one writer; a writer that waits keeps new readers out, so that it gets its turn.
//
// Readers are members of a sorted set with the end of their time as score, so each reader that dies drops out alone. A writer
// that waits leaves a note with a short life, which each of its attempts renews.
//
// Keys, in one slot: rwlock:{name}:readers, :writer, :next, :fence.

import { type Commands, replyList, replyNumber, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import { Held, whileHeld } from './held.js';
import { type LockOptions, settleLockOptions } from './lock-options.js';
import { waitInTurn } from './wait-in-turn.js';

const timeLua = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
`;

const readScript = /* @__PURE__ */ (() =>
  makeScript(`${timeLua}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then
  return {0, 0}
end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {1, tonumber(redis.call('GET', KEYS[4]) or 0)}
`))();

const writeScript = /* @__PURE__ */ (() =>
  makeScript(`${timeLua}
local writer = redis.call('GET', KEYS[2])
if writer == ARGV[1] then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return {1, tonumber(redis.call('GET', KEYS[4]))}
end
local next = redis.call('GET', KEYS[3])
if writer or redis.call('ZCARD', KEYS[1]) > 0 or (next and next ~= ARGV[1]) then
  if not next or next == ARGV[1] then
    redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[3])
  end
  return {0, 0}
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
if next then
  redis.call('DEL', KEYS[3])
end
return {1, redis.call('INCR', KEYS[4])}
`))();

const extendScript = /* @__PURE__ */ (() =>
  makeScript(`${timeLua}
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return 1
end
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
return 0
`))();

const releaseScript = /* @__PURE__ */ makeScript(`
for index = 2, 3 do
  if redis.call('GET', KEYS[index]) == ARGV[1] then
    redis.call('DEL', KEYS[index])
    if index == 2 then return 1 end
  end
end
return redis.call('ZREM', KEYS[1], ARGV[1])
`);

/**
 * A read/write lock on one Redis. Holds and fails as `Lock` does. Waiting writers come before new readers; among writers, and
 * among readers, there are no turns. It is not re-entrant: a reader that asks to write waits for itself.
 */
export class ReadWriteLock {
  private readonly keys: readonly string[];

  constructor(
    private readonly commands: Commands,
    readonly name: string,
    private readonly options: LockOptions = {},
  ) {
    const key = tagged('rwlock', name);
    settleLockOptions(options);
    this.keys = [`${key}:readers`, `${key}:writer`, `${key}:next`, `${key}:fence`];
  }

  /** Waits until no writer holds or wants it. */
  read(options: LockOptions = {}): Promise<Held> {
    return this.wait('read', options);
  }

  /** Waits until nobody holds it. */
  write(options: LockOptions = {}): Promise<Held> {
    return this.wait('write', options);
  }

  async runReading<T>(work: (held: Held) => Promise<T> | T, options: LockOptions = {}): Promise<T> {
    return await whileHeld(await this.read(options), work);
  }

  async runWriting<T>(work: (held: Held) => Promise<T> | T, options: LockOptions = {}): Promise<T> {
    return await whileHeld(await this.write(options), work);
  }

  private async wait(mode: 'read' | 'write', options: LockOptions): Promise<Held> {
    const settled = settleLockOptions(this.options, options);
    const { surroundings, ttlMs, patienceMs, renews } = settled;
    const id = surroundings.token();
    const script = mode === 'read' ? readScript : writeScript;
    const release = async (): Promise<boolean> =>
      replyNumber(await runScript(this.commands, releaseScript, this.keys, [id])) === 1;
    const attempt = async (): Promise<Held | undefined> => {
      const sinceMs = surroundings.steadyMs();
      const reply = await runScript(this.commands, script, this.keys, [id, ttlMs, patienceMs]);
      const [taken, fence] = replyList(reply).map(replyNumber);
      if (taken !== 1) return undefined;
      return new Held(surroundings, {
        what: `${mode} lock ${this.name}`,
        ttlMs,
        sinceMs,
        fence: fence!,
        renews,
        extend: async () => replyNumber(await runScript(this.commands, extendScript, this.keys, [id, ttlMs])) === 1,
        release,
      });
    };
    return await waitInTurn({
      ...settled,
      complaint: `${mode} lock ${this.name} was not free`,
      attempt,
      giveUp: () => release().catch(() => false),
    });
  }
}
