// job-queue: a reliable queue with delays on a stream: at least once, with retries and a list of jobs that failed for good.
//
// Jobs that are due later wait in a sorted set; each take moves those that are due into the stream. A consumer group remembers
// who works on what: a job of a worker that died is taken over after `visibleMs`.
//
// Keys, in one slot: jobs:{name} (stream), :delayed (sorted set), :bodies (hash), :dead (list), :id.

import {
  type Commands,
  replyList,
  replyNumber,
  replyPairs,
  replyText,
  replyTexts,
  requireCount,
  tagged,
} from '../commands.js';
import { makeScript, runScript } from '../script.js';

const nowLua = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`;

const addScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
local id = ARGV[3]
if id == '' then
  -- A number that a caller has given as an id is passed over.
  repeat id = string.format('%.0f', redis.call('INCR', KEYS[4])) until redis.call('HSETNX', KEYS[3], id, ARGV[1]) == 1
elseif redis.call('HSETNX', KEYS[3], id, ARGV[1]) == 0 then
  return id
end
if tonumber(ARGV[2]) > 0 then
  redis.call('ZADD', KEYS[2], now + ARGV[2], id)
else
  redis.call('XADD', KEYS[1], '*', 'id', id)
end
return id
`))();

// ARGV: worker, count, visibleMs, attempts. Returns entry id, job id, body, deliveries for each job.
const takeScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)
for _, id in ipairs(due) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('XADD', KEYS[1], '*', 'id', id)
end
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], 'workers', '0')
if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP') then return made end
local answer = {}
local function give(entry, deliveries)
  local id = entry[2][2]
  local body = redis.call('HGET', KEYS[3], id)
  if not body then
    redis.call('XACK', KEYS[1], 'workers', entry[1])
    redis.call('XDEL', KEYS[1], entry[1])
  elseif deliveries > tonumber(ARGV[4]) then
    redis.call('RPUSH', KEYS[4], id)
    redis.call('XACK', KEYS[1], 'workers', entry[1])
    redis.call('XDEL', KEYS[1], entry[1])
  else
    for _, part in ipairs({entry[1], id, body, deliveries}) do answer[#answer + 1] = part end
  end
end
local count = tonumber(ARGV[2])
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], 'workers', 'IDLE', ARGV[3], '-', '+', count)) do
  local claimed = redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1], ARGV[3], pending[1])
  if claimed[1] then give(claimed[1], pending[4] + 1) end
end
local rest = count - #answer / 4
if rest > 0 then
  local read = redis.call('XREADGROUP', 'GROUP', 'workers', ARGV[1], 'COUNT', rest, 'STREAMS', KEYS[1], '>')
  if read then for _, entry in ipairs(read[1][2]) do give(entry, 1) end end
end
return answer
`))();

// A worker that lost its job to another must not end it.
const doneScript = /* @__PURE__ */ makeScript(`
local pending = redis.call('XPENDING', KEYS[1], 'workers', ARGV[1], ARGV[1], 1)[1]
if not pending or pending[2] ~= ARGV[3] then return 0 end
redis.call('XACK', KEYS[1], 'workers', ARGV[1])
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[2])
return 1
`);

const extendScript = /* @__PURE__ */ makeScript(`
local pending = redis.call('XPENDING', KEYS[1], 'workers', ARGV[1], ARGV[1], 1)[1]
if not pending or pending[2] ~= ARGV[2] then return 0 end
redis.call('XCLAIM', KEYS[1], 'workers', ARGV[2], 0, ARGV[1], 'JUSTID')
return 1
`);

const reviveScript = /* @__PURE__ */ makeScript(`
local count = 0
while true do
  local id = redis.call('LPOP', KEYS[2])
  if not id then return count end
  redis.call('XADD', KEYS[1], '*', 'id', id)
  count = count + 1
end
`);

export interface JobQueueOptions {
  /** After this long without `done` or `extend` another worker gets the job; 30,000 if absent. */
  readonly visibleMs?: number | undefined;
  /** How often a job is tried before it goes to the dead; 5 if absent. */
  readonly attempts?: number | undefined;
}

export interface Job {
  readonly id: string;
  readonly body: string;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** Ends the job. False if another worker has it now: its work may be done twice. */
  readonly done: () => Promise<boolean>;
  /** Keeps the job for another `visibleMs`. */
  readonly extend: () => Promise<boolean>;
}

/**
 * Holds: a job that was added is given to workers until one says `done`, or `attempts` are used up; then it is among the dead. The
 * same id is added once while the job lives. Each try of a job belongs to one worker at a time.
 *
 * Does not hold: exactly once. A worker that stands still for longer than `visibleMs` works beside its heir. Order: retries and delays
 * change it. One round trip to add, to take and to end; taking does not block, so poll (or wake by pub/sub).
 */
export class JobQueue {
  private readonly stream: string;

  constructor(
    private readonly commands: Commands,
    readonly name: string,
    private readonly options: JobQueueOptions = {},
  ) {
    requireCount('visibleMs', options.visibleMs ?? 30_000);
    requireCount('attempts', options.attempts ?? 5);
    this.stream = tagged('jobs', name);
  }

  /** Adds a job, due after `delayMs`; returns its id. An id that exists already is not added again. */
  async add(body: string, delayMs = 0, id = ''): Promise<string> {
    const keys = [this.stream, this.key('delayed'), this.key('bodies'), this.key('id')];
    return replyText(await runScript(this.commands, addScript, keys, [body, requireCount('delayMs', delayMs, 0), id]))!;
  }

  /** Takes up to `count` jobs: first those of workers that died. */
  async take(worker: string, count = 1): Promise<Job[]> {
    const { visibleMs = 30_000, attempts = 5 } = this.options;
    const keys = [this.stream, this.key('delayed'), this.key('bodies'), this.key('dead')];
    const args = [worker, requireCount('count', count), visibleMs, attempts];
    const flat = replyList(await runScript(this.commands, takeScript, keys, args));
    const jobs: Job[] = [];
    for (let index = 0; index < flat.length; index += 4) {
      const [entry, id, body] = flat.slice(index, index + 3).map((part) => replyText(part)!);
      const call = async (script: typeof doneScript, callArgs: string[]): Promise<boolean> =>
        replyNumber(await runScript(this.commands, script, [this.stream, this.key('bodies')], callArgs)) === 1;
      jobs.push({
        id: id!,
        body: body!,
        attempt: replyNumber(flat[index + 3]),
        done: () => call(doneScript, [entry!, id!, worker]),
        extend: () => call(extendScript, [entry!, worker]),
      });
    }
    return jobs;
  }

  /** How many jobs are not done. */
  async size(): Promise<number> {
    return replyNumber(await this.commands.send('HLEN', [this.key('bodies')]));
  }

  /** Jobs that used up their attempts, with their bodies. */
  async dead(): Promise<ReadonlyMap<string, string>> {
    const ids = replyTexts(await this.commands.send('LRANGE', [this.key('dead'), 0, -1]));
    if (ids.length === 0) return new Map();
    const bodies = new Map(replyPairs(await this.commands.send('HGETALL', [this.key('bodies')])));
    return new Map(ids.map((id) => [id, bodies.get(id) ?? '']));
  }

  /** Tries all dead jobs anew; returns how many they are. */
  async revive(): Promise<number> {
    return replyNumber(await runScript(this.commands, reviveScript, [this.stream, this.key('dead')]));
  }

  private key(part: string): string {
    return `${this.stream}:${part}`;
  }
}
