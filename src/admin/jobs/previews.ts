// previews: tokens of finished previews, without which no bulk change begins.
//
// A preview counts the keys that fit. Its token names the person, the server and the conditions, holds for ten minutes and for
// one change, which touches at most as many keys as were counted: who confirms a number gets no other.
import { ApiError } from '../api-error.js';
import type { Clock } from '../../io/clock.js';
import type { Conditions } from './key-search.js';

const keptMsMax = 10 * 60_000;
const keptMax = 1000;

interface Preview {
  readonly about: string;
  readonly count: number;
  readonly atMs: number;
}

export class Previews {
  private readonly previews = new Map<string, Preview>();

  constructor(
    private readonly clock: Clock,
    private readonly entropy: (count: number) => Uint8Array,
  ) {}

  /** Keeps what a preview counted; returns its token. */
  add(owner: string, serverId: string, conditions: Conditions, count: number): string {
    const token = Buffer.from(this.entropy(18)).toString('base64url');
    this.previews.set(token, { about: nameOf(owner, serverId, conditions), count, atMs: this.clock.steadyMs() });
    for (const [old, { atMs }] of this.previews) {
      if (this.previews.size <= keptMax && this.clock.steadyMs() - atMs < keptMsMax) break;
      this.previews.delete(old);
    }
    return token;
  }

  /** The count of a preview of the same keys. */
  find(token: string | undefined, owner: string, serverId: string, conditions: Conditions): number {
    const preview = token === undefined ? undefined : this.previews.get(token);
    if (preview === undefined || this.clock.steadyMs() - preview.atMs >= keptMsMax)
      throw new ApiError('conflict', 'A bulk change needs a preview of the last ten minutes: search first.');
    if (preview.about !== nameOf(owner, serverId, conditions))
      throw new ApiError('conflict', 'The preview counted other keys: search again.');
    return preview.count;
  }

  /** The change of this preview has begun: the token is used up. */
  use(token: string): void {
    this.previews.delete(token);
  }
}

function nameOf(owner: string, serverId: string, conditions: Conditions): string {
  const { database, pattern, type, bytesMin, ttl, ttlSecondsMax, contains, limits } = conditions;
  return JSON.stringify([owner, serverId, database, pattern, type, bytesMin, ttl, ttlSecondsMax, contains, limits]);
}
