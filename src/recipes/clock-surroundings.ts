// clock-surroundings: time and chance for recipes from a clock and a generator, so that a run follows from a seed.

import type { Surroundings } from './surroundings.js';

/** The needed part of a clock; virtual clocks and those of simulated hosts have it. */
export interface SurroundingsClock {
  steadyMs(): number;
  wallMs(): number;
  after(delayMs: number, run: () => void): { cancel(): void };
}

/** Tokens are `name-1`, `name-2` and so on. */
export function surroundingsOf(clock: SurroundingsClock, random: { unit(): number }, name = 'token'): Surroundings {
  let tokens = 0;
  return {
    steadyMs: () => clock.steadyMs(),
    wallMs: () => clock.wallMs(),
    after: (delayMs, run) => {
      const timer = clock.after(delayMs, run);
      return () => timer.cancel();
    },
    random: () => random.unit(),
    token: () => `${name}-${++tokens}`,
  };
}
