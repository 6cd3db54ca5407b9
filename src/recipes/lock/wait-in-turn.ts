// wait-in-turn: tries to get hold of something until it succeeds, the time is over, or a signal ends the wait.

import { pause, type Surroundings } from '../surroundings.js';
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

/** Rejects with a LockTimeoutError after `waitMs`, or with the signal's reason; nothing stays behind then. */
export async function waitInTurn(wait: Wait): Promise<Held> {
  const { surroundings, retryMs, waitMs, signal } = wait;
  const deadlineMs = surroundings.steadyMs() + waitMs;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const held = await wait.attempt();
      if (held !== undefined) return held;
      const leftMs = deadlineMs - surroundings.steadyMs();
      if (leftMs <= 0) throw new LockTimeoutError(`${wait.complaint} within ${waitMs} ms`);
      await pause(surroundings, Math.min(retryMs, leftMs), signal);
    }
  } catch (error) {
    await wait.giveUp();
    throw error;
  }
}
