// scenario: what is tried in a world: it sets hosts up, lets things go wrong, and checks what must hold in the end.

import type { World } from '../world.js';

export interface Scenario {
  readonly name: string;
  readonly description: string;
  /** Runs in a fresh world. Throws, or fails the world, when something that must hold does not. */
  run(world: World): Promise<void>;
}
