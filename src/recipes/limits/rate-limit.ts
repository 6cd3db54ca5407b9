// rate-limit: how often something may happen: fixed window, sliding window (exact or by two counters), token bucket, GCRA.
//
// Which one: `fixedWindow` is the cheapest and lets twice the count through around a window's end; `slidingLog` is exact and
// keeps an entry for each request; `slidingWindow` is nearly exact with two counters; `tokenBucket` and `gcra` allow bursts and
// then an even flow (gcra keeps one number, and its remaining count is that of the bucket).
//
// Keys: limit:{subject}:<name>. All limits of one subject share a slot, so that `takeAll` works on a cluster for one subject.

import { type Commands, replyList, replyNumber, requireCount, tagged } from '../commands.js';
import { runScript } from '../script.js';
import { machineSurroundings, type Surroundings } from '../surroundings.js';
import { limitScript } from './limit-script.js';

export type RateLimitKind = 'fixed' | 'log' | 'sliding' | 'bucket' | 'gcra';

/** A limit, as the functions below make it. */
export interface RateLimit {
  /** Part of the key: two limits on one subject need two names. */
  readonly name: string;
  readonly kind: RateLimitKind;
  readonly count: number;
  readonly windowMs: number;
  readonly burst: number;
}

export interface Verdict {
  readonly allowed: boolean;
  /** The most that can be taken at once. */
  readonly limit: number;
  /** The rest that can be taken now. */
  readonly remaining: number;
  /** Milliseconds until as much could be taken if nobody else takes any; 0 if it was allowed. */
  readonly retryAfterMs: number;
  /** Milliseconds until all is as if nothing had been taken, at most. */
  readonly resetAfterMs: number;
}

const WINDOW_MS_MAX = 1e10;
/** More would be off by more than some percent. */
const GCRA_PER_MS_MAX = 100;
/** Times must stay exact in a double, in microseconds since 1970. */
const FILL_MS_MAX = 1e12;
/** Entries that one call may write into a log, since the server does nothing else meanwhile. */
const LOG_COST_MAX = 10_000;

function rateLimit(kind: RateLimitKind, name: string, count: number, windowMs: number, burst = count): RateLimit {
  requireCount('count', count);
  requireCount('windowMs', windowMs);
  requireCount('burst', burst);
  if (windowMs > WINDOW_MS_MAX)
    throw new RangeError(`a window of ${windowMs} ms is too long: at most ${WINDOW_MS_MAX} (115 days)`);
  if ((burst / count) * windowMs > FILL_MS_MAX)
    throw new RangeError(
      `a burst of ${burst} would take ${(burst / count) * windowMs} ms to come back: at most ${FILL_MS_MAX}`,
    );
  if (kind === 'gcra' && count > windowMs * GCRA_PER_MS_MAX)
    throw new RangeError(
      `gcra counts quarters of microseconds: ${count} in ${windowMs} ms are too many; use tokenBucket`,
    );
  return { name, kind, count, windowMs, burst };
}

/** `count` in each window of `windowMs`, which begins with the first request. Up to twice as many around a window's end. */
export function fixedWindow(name: string, count: number, windowMs: number): RateLimit {
  return rateLimit('fixed', name, count, windowMs);
}

/** Never more than `count` in any `windowMs`. Keeps an entry (about 100 bytes) for each request of the window; a cost is at most 10,000. */
export function slidingLog(name: string, count: number, windowMs: number): RateLimit {
  return rateLimit('log', name, count, windowMs);
}

/** About `count` in any `windowMs`: the last window's requests count as if they had come evenly. Two counters for each subject. */
export function slidingWindow(name: string, count: number, windowMs: number): RateLimit {
  return rateLimit('sliding', name, count, windowMs);
}

/** `count` tokens flow into a bucket of `burst` in each `windowMs`, evenly. At most `burst + count` in any window. */
export function tokenBucket(name: string, count: number, windowMs: number, burst: number = count): RateLimit {
  return rateLimit('bucket', name, count, windowMs, burst);
}

/** As `tokenBucket`, in one number for each subject: the generic cell rate algorithm. At most 100 in a millisecond. */
export function gcra(name: string, count: number, windowMs: number, burst: number = count): RateLimit {
  return rateLimit('gcra', name, count, windowMs, burst);
}

/** One limit on one subject: a user, an address, a telephone number. */
export interface LimitCheck {
  readonly limit: RateLimit;
  readonly subject: string;
  /** How much is taken; 1 if absent. More than the limit holds is never allowed. */
  readonly cost?: number | undefined;
}

export interface AllVerdicts {
  /** True if all allowed it, and it was counted against all. */
  readonly allowed: boolean;
  /** The longest of them. */
  readonly retryAfterMs: number;
  /** In the order of the checks. */
  readonly verdicts: readonly Verdict[];
}

/** The key of a limit on a subject. */
export function limitKey(limit: RateLimit, subject: string): string {
  // An empty header of a request is a subject too, and one that no other name escapes to.
  return `${subject === '' ? 'limit:{%}' : tagged('limit', subject)}:${limit.name}`;
}

/**
 * Takes from several limits at once: from all, or from none if one of them refuses. One round trip. On a cluster all subjects
 * must share a hash tag. The server's clock decides; if it is set back, limits last longer by as much, and never allow more.
 */
export async function takeAll(
  commands: Commands,
  checks: readonly LimitCheck[],
  surroundings: Surroundings = machineSurroundings,
): Promise<AllVerdicts> {
  if (checks.length === 0) return { allowed: true, retryAfterMs: 0, verdicts: [] };
  const unique = surroundings.token();
  const args = checks.flatMap(({ limit, cost = 1 }) => [
    limit.kind,
    limit.count,
    limit.windowMs * 1000,
    limit.burst,
    requireCost(limit, cost),
    unique,
  ]);
  const keys = checks.map(({ limit, subject }) => limitKey(limit, subject));
  const reply = replyList(await runScript(commands, limitScript, keys, args));
  const verdicts = checks.map(({ limit }, index): Verdict => {
    const [ok, remaining, retryAfterMs, resetAfterMs] = replyList(reply[index]).map(replyNumber);
    const most = limit.kind === 'bucket' || limit.kind === 'gcra' ? limit.burst : limit.count;
    return {
      allowed: ok === 1,
      limit: most,
      remaining: Math.max(remaining!, 0),
      retryAfterMs: retryAfterMs!,
      resetAfterMs: resetAfterMs!,
    };
  });
  return {
    allowed: verdicts.every((verdict) => verdict.allowed),
    retryAfterMs: Math.max(...verdicts.map((verdict) => verdict.retryAfterMs)),
    verdicts,
  };
}

function requireCost(limit: RateLimit, cost: number): number {
  requireCount('cost', cost);
  if (limit.kind === 'log' && cost > LOG_COST_MAX)
    throw new RangeError(`a log keeps an entry for each piece: a cost of ${cost} is more than ${LOG_COST_MAX}`);
  return cost;
}

/** Takes from one limit. One round trip. */
export async function take(
  commands: Commands,
  limit: RateLimit,
  subject: string,
  cost = 1,
  surroundings: Surroundings = machineSurroundings,
): Promise<Verdict> {
  const { verdicts } = await takeAll(commands, [{ limit, subject, cost }], surroundings);
  return verdicts[0]!;
}

/** Forgets what a subject has used. */
export async function resetLimit(commands: Commands, limit: RateLimit, subject: string): Promise<void> {
  await commands.send('DEL', [limitKey(limit, subject)]);
}
