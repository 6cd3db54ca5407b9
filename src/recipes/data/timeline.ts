// timeline: the latest entries of each user, written to followers when they are posted (fan-out on write), and the latest N of anything.
//
// Keys: timeline:{user} (sorted set of entry -> time), latest:{name} (list).

import { type Commands, replyPairs, replyTexts, requireCount, requireFinite, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

const postScript = /* @__PURE__ */ makeScript(`
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[3] - 1)
return 1
`);

export interface TimelineEntry {
  readonly id: string;
  readonly timeMs: number;
}

/**
 * Each timeline keeps its newest `keep` entries. A post costs one round trip for each follower (all at once, and not atomic
 * over them: repeat a post that failed, the same id does no harm), a page one. For authors with millions of followers read
 * the author's own timeline at the time of reading, and merge.
 */
export class Timeline {
  constructor(
    private readonly commands: Commands,
    private readonly keep = 1000,
  ) {
    requireCount('keep', keep);
  }

  async post(id: string, timeMs: number, readers: readonly string[]): Promise<void> {
    requireFinite('timeMs', timeMs);
    await Promise.all(
      readers.map((reader) =>
        runScript(this.commands, postScript, [tagged('timeline', reader)], [timeMs, id, this.keep]),
      ),
    );
  }

  async remove(id: string, readers: readonly string[]): Promise<void> {
    await Promise.all(readers.map((reader) => this.commands.send('ZREM', [tagged('timeline', reader), id])));
  }

  /** The newest entries before a time: pass the last entry's time for the next page. Entries of the same millisecond can be cut off. */
  async page(reader: string, count: number, beforeMs = Infinity): Promise<TimelineEntry[]> {
    const before = beforeMs === Infinity ? '+inf' : `(${requireFinite('beforeMs', beforeMs)}`;
    const args = [tagged('timeline', reader), before, '-inf', 'WITHSCORES', 'LIMIT', 0, requireCount('count', count)];
    const pairs = replyPairs(await this.commands.send('ZREVRANGEBYSCORE', args));
    return pairs.map(([id, time]) => ({ id, timeMs: Number(time) }));
  }
}

const pushLatestScript = /* @__PURE__ */ makeScript(`
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
return 1
`);

/** Puts an item in front of a list that keeps its newest `keep` items. */
export async function pushLatest(commands: Commands, name: string, item: string, keep: number): Promise<void> {
  await runScript(commands, pushLatestScript, [tagged('latest', name)], [item, requireCount('keep', keep)]);
}

/** The newest items, newest first. */
export async function latest(commands: Commands, name: string, count: number): Promise<string[]> {
  return replyTexts(await commands.send('LRANGE', [tagged('latest', name), 0, requireCount('count', count) - 1]));
}
