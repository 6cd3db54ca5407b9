// expiring-set: members that end each at their own time, by time stamps as scores.

import { type Commands, replyTexts, requireCount, requireFinite, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

/** Members that end each at their own time, in one sorted set with the end as score: for what needs an action at its end. */
export class ExpiringSet {
  private readonly key: string;

  constructor(
    private readonly commands: Commands,
    name: string,
  ) {
    this.key = tagged('expiring', name);
  }

  async put(member: string, endsAtMs: number): Promise<void> {
    await this.commands.send('ZADD', [this.key, requireFinite('endsAtMs', endsAtMs), member]);
  }

  /** Takes out up to `count` members that have ended by a time: each goes to one caller. A member that the caller loses is lost: see JobQueue. */
  async takeEnded(timeMs: number, count: number): Promise<string[]> {
    return replyTexts(
      await runScript(
        this.commands,
        takeEndedScript,
        [this.key],
        [requireFinite('timeMs', timeMs), requireCount('count', count)],
      ),
    );
  }
}

const takeEndedScript = /* @__PURE__ */ makeScript(`
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(ended) do redis.call('ZREM', KEYS[1], member) end
return ended
`);
