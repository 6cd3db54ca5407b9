// write-behind: writes go to Redis at once and to the source later, in batches, through a queue in Redis that outlives processes.
//
// For each key only the newest value waits. A worker claims keys for a time; one that dies loses them to another. Versions grow with each
// write of any key, so the source can refuse a write that comes late.
//
// Keys, in one slot: behind:{name}:values (key -> version:value), :due (key -> when it may be claimed), :version.

import { type Commands, replyList, replyNumber, replyText, requireCount, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

const nowLua = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`;

const writeScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
local version = redis.call('INCR', KEYS[3])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', version) .. ':' .. ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', now + ARGV[3], ARGV[1])
return version
`))();

const claimScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
local claimed = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local value = redis.call('HGET', KEYS[1], key)
  if value then
    redis.call('ZADD', KEYS[2], now + ARGV[2], key)
    claimed[#claimed + 1] = key
    claimed[#claimed + 1] = value
  else
    redis.call('ZREM', KEYS[2], key)
  end
end
return claimed
`))();

const doneScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
local done = 0
for index = 1, #ARGV, 2 do
  local value = redis.call('HGET', KEYS[1], ARGV[index])
  if value and string.match(value, '^%d+') == ARGV[index + 1] then
    redis.call('HDEL', KEYS[1], ARGV[index])
    redis.call('ZREM', KEYS[2], ARGV[index])
    done = done + 1
  elseif value then
    redis.call('ZADD', KEYS[2], now, ARGV[index])
  end
end
return done
`))();

export interface PendingWrite {
  readonly key: string;
  readonly value: string;
  /** Grows with each write; let the source refuse a smaller one than it has. */
  readonly version: number;
}

export interface WriteBehindOptions {
  /** How long a write waits, so that later ones of the same key replace it; 0 if absent. */
  readonly delayMs?: number | undefined;
  /** How long a worker has for a batch; 30,000 if absent. */
  readonly claimMs?: number | undefined;
}

/**
 * Holds: a value that `write` accepted stays in Redis until a batch with it, or with a newer one of its key, was written without
 * an error. At least once: a worker that stands still writes again what another has written, so the source should compare versions.
 *
 * Does not hold: what Redis loses (no AOF, a failover) never reaches the source. One round trip to write, two for a batch.
 */
export class WriteBehind {
  private readonly keys: readonly [string, string, string];

  constructor(
    private readonly commands: Commands,
    readonly name: string,
    private readonly options: WriteBehindOptions = {},
  ) {
    requireCount('delayMs', options.delayMs ?? 0, 0);
    requireCount('claimMs', options.claimMs ?? 30_000);
    const key = tagged('behind', name);
    this.keys = [`${key}:values`, `${key}:due`, `${key}:version`];
  }

  /** Accepts a value; returns its version. */
  async write(key: string, value: string): Promise<number> {
    return replyNumber(await runScript(this.commands, writeScript, this.keys, [key, value, this.options.delayMs ?? 0]));
  }

  /** The value that waits for a key: what readers must see before the source has it. */
  async pending(key: string): Promise<string | undefined> {
    const text = replyText(await this.commands.send('HGET', [this.keys[0], key]));
    return text === undefined ? undefined : parse(key, text).value;
  }

  /** How many keys wait. */
  async size(): Promise<number> {
    return replyNumber(await this.commands.send('HLEN', [this.keys[0]]));
  }

  /** Writes one batch; returns how many keys are done by it. When `store` rejects, its batch comes again after `claimMs`. */
  async flush(store: (batch: readonly PendingWrite[]) => Promise<void>, batchMax = 100): Promise<number> {
    requireCount('batchMax', batchMax);
    const claim = [batchMax, this.options.claimMs ?? 30_000];
    const flat = replyList(await runScript(this.commands, claimScript, this.keys, claim)).map((item) =>
      replyText(item)!,
    );
    const batch: PendingWrite[] = [];
    for (let index = 0; index < flat.length; index += 2) batch.push(parse(flat[index]!, flat[index + 1]!));
    if (batch.length === 0) return 0;
    await store(batch);
    const done = batch.flatMap(({ key, version }) => [key, version]);
    return replyNumber(await runScript(this.commands, doneScript, this.keys, done));
  }
}

function parse(key: string, text: string): PendingWrite {
  const colon = text.indexOf(':');
  return { key, version: Number(text.slice(0, colon)), value: text.slice(colon + 1) };
}
