// leaderboard: scores in order, with places that ties share, the neighbours of a member, and boards by week.
//
// Key: board:{name}, and board:{name}:<period> for boards of a period: all in one slot, so that periods can be merged.

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

export interface Place {
  readonly member: string;
  readonly score: number;
  /** From 1; members with the same score share a place, and the next places are left out (1, 2, 2, 4). */
  readonly place: number;
}

const placesLua = `
local function places(range)
  local answer = {}
  for index = 1, #range, 2 do
    answer[#answer + 1] = range[index]
    answer[#answer + 1] = range[index + 1]
    answer[#answer + 1] = redis.call('ZCOUNT', KEYS[1], '(' .. range[index + 1], '+inf') + 1
  end
  return answer
end
`;

const topScript = /* @__PURE__ */ (() =>
  makeScript(`${placesLua}
return places(redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2], 'WITHSCORES'))
`))();

const aroundScript = /* @__PURE__ */ (() =>
  makeScript(`${placesLua}
local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
if not rank then return {} end
return places(redis.call('ZREVRANGE', KEYS[1], math.max(0, rank - ARGV[2]), rank + ARGV[2], 'WITHSCORES'))
`))();

const addScript = /* @__PURE__ */ makeScript(`
local score
for _, key in ipairs(KEYS) do
  score = redis.call('ZINCRBY', key, ARGV[1], ARGV[2])
end
return score
`);

const mergeScript = /* @__PURE__ */ makeScript(`
redis.call('ZUNIONSTORE', KEYS[1], #KEYS - 1, unpack(KEYS, 2))
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
`);

/**
 * Holds: each call sees one moment. Members with the same score share a place; among them the order is by bytes. Scores are
 * doubles: whole numbers are exact to 2^53. A page costs O(log n) for each of its members; one round trip a call.
 */
export class Leaderboard {
  private readonly key: string;

  constructor(
    private readonly commands: Commands,
    readonly name: string,
  ) {
    this.key = tagged('board', name);
  }

  /** Adds points on the board of all times and on those of periods ('2026-W48'), in one step. Returns the score of all times. */
  async add(member: string, points: number, periods: readonly string[] = []): Promise<number> {
    const keys = [...periods.map((period) => this.keyOf(period)), this.key];
    return replyNumber(await runScript(this.commands, addScript, keys, [requireFinite('points', points), member]));
  }

  /** Sets a score; with `best`, only if it is greater than the present one. */
  async set(member: string, score: number, best = false): Promise<void> {
    await this.commands.send('ZADD', [this.key, ...(best ? ['GT'] : []), requireFinite('score', score), member]);
  }

  async remove(member: string): Promise<void> {
    await this.commands.send('ZREM', [this.key, member]);
  }

  /** The first places, from `offset` on. */
  async top(count: number, offset = 0, period?: string): Promise<Place[]> {
    const args = [requireCount('offset', offset, 0), offset + requireCount('count', count) - 1];
    return placesOf(await runScript(this.commands, topScript, [this.keyOf(period)], args));
  }

  /** A member with `distance` neighbours on both sides; empty for a stranger. */
  async around(member: string, distance: number, period?: string): Promise<Place[]> {
    const args = [member, requireCount('distance', distance, 0)];
    return placesOf(await runScript(this.commands, aroundScript, [this.keyOf(period)], args));
  }

  async placeOf(member: string, period?: string): Promise<Place | undefined> {
    return (await this.around(member, 0, period))[0];
  }

  /** Sums periods into the board of another period, which lives for `ttlMs`. */
  async merge(into: string, periods: readonly string[], ttlMs: number): Promise<void> {
    requireCount('the number of periods', periods.length);
    const keys = [into, ...periods].map((period) => this.keyOf(period));
    await runScript(this.commands, mergeScript, keys, [requireCount('ttlMs', ttlMs)]);
  }

  /** Keeps only the first `count` of a period. */
  async trim(period: string, count: number): Promise<void> {
    await this.commands.send('ZREMRANGEBYRANK', [this.keyOf(period), 0, -requireCount('count', count) - 1]);
  }

  async expire(period: string, ttlMs: number): Promise<void> {
    await this.commands.send('PEXPIRE', [this.keyOf(period), requireCount('ttlMs', ttlMs)]);
  }

  private keyOf(period?: string): string {
    return period === undefined ? this.key : `${this.key}:${period}`;
  }
}

function placesOf(reply: unknown): Place[] {
  const flat = replyList(reply);
  const places: Place[] = [];
  for (let index = 0; index < flat.length; index += 3)
    places.push({
      member: replyText(flat[index])!,
      score: replyNumber(flat[index + 1]),
      place: replyNumber(flat[index + 2]),
    });
  return places;
}

/** The ISO week of a time, in UTC: '2026-W48'. */
export function weekOf(timeMs: number): string {
  const day = new Date(timeMs);
  // The week belongs to the year of its Thursday.
  const thursday = new Date(
    Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + 4 - (day.getUTCDay() || 7)),
  );
  const yearStart = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.ceil(((thursday.getTime() - yearStart) / 86_400_000 + 1) / 7);
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`;
}

/** Merges the tops of several servers or shards into one top, in the client. */
export function mergeTops(tops: readonly (readonly Place[])[], count: number): Place[] {
  const all = tops.flat().sort((a, b) => b.score - a.score || (a.member < b.member ? 1 : -1));
  return all.slice(0, count).map((one) => ({ ...one, place: all.findIndex(({ score }) => score === one.score) + 1 }));
}

/** Pairs of member and score as a map: for tests and reports. */
export async function scoresOf(commands: Commands, name: string): Promise<ReadonlyMap<string, number>> {
  const reply = await commands.send('ZRANGE', [tagged('board', name), 0, -1, 'WITHSCORES']);
  return new Map(replyPairs(reply).map(([member, score]) => [member, Number(score)]));
}
