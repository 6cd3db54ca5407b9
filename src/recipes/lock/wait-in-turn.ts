// wait-in-turn: tries to get hold of something until it succeeds, the time is over, or a signal ends the wait.

import { inTime, pause, type Surroundings } from '../surroundings.js';
import { type Held, LockTimeoutError } from './held.js';

export interface Wait {
  readonly surroundings: Surroundings;
  readonly retryMs: number;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Ends the message of the LockTimeoutError: "lock x was not free". */
  readonly complaint: string;
  /** Takes it, or gives undefined while others have it. */
  attempt(): Promise<Held | undefined>;
  /** Leaves the queue and gives back what an attempt without an answer may have taken; must not reject. */
  giveUp(): Promise<unknown>;
}

/** How long a caller that gives up waits for its traces to go: a server that is silent must not hold it. */
const GIVE_UP_MS = 1000;

/**
 * Rejects with a LockTimeoutError after `waitMs`, or with the signal's reason, also when the server does not answer. Nothing stays
 * behind then, unless the server stays silent for a second; what an attempt takes after that is given back when its answer comes.
 */
export async function waitInTurn(wait: Wait): Promise<Held> {
  const { surroundings, retryMs, waitMs, signal } = wait;
  const deadlineMs = surroundings.steadyMs() + waitMs;
  const late = (): Error => new LockTimeoutError(`${wait.complaint} within ${waitMs} ms`);
  let attempt: Promise<Held | undefined> = Promise.resolve(undefined);
  try {
    for (;;) {
      signal?.throwIfAborted();
      attempt = wait.attempt();
      const held = await inTime(surroundings, Math.max(deadlineMs - surroundings.steadyMs(), 0), attempt, late, signal);
      if (held !== undefined) return held;
      const leftMs = deadlineMs - surroundings.steadyMs();
      if (leftMs <= 0) throw late();
      await pause(surroundings, Math.min(retryMs, leftMs), signal);
    }
  } catch (error) {
    const leave = async (): Promise<void> => {
      const held = await attempt.catch(() => undefined);
      await held?.release().catch(() => false);
      await wait.giveUp();
    };
    await inTime(surroundings, GIVE_UP_MS, leave(), late).catch(() => undefined);
    throw error;
  }
}
