// run-scenario: one scenario in a world of one seed, and what came of it.

import type { Scenario } from './scenarios/scenario.js';
import { World } from './world.js';

export interface Outcome {
  readonly seed: number;
  readonly scenario: string;
  /** Undefined: everything held. */
  readonly error: Error | undefined;
  /** The same seed and the same code give the same hash. */
  readonly traceHash: string;
  readonly timeline: readonly string[];
  /** Milliseconds that passed in the world. */
  readonly virtualMs: number;
}

export async function runScenario(scenario: Scenario, seed: number): Promise<Outcome> {
  const world = new World(seed);
  let error: Error | undefined;
  try {
    await scenario.run(world);
  } catch (caught) {
    error = caught instanceof Error ? caught : new Error(String(caught));
  }
  return {
    seed,
    scenario: scenario.name,
    error,
    traceHash: world.traceHash,
    timeline: world.timeline,
    virtualMs: world.nowMs,
  };
}
