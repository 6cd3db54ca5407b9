// Round trips of each call of the recipes: counted, and equal to the tables of the pages.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Commands } from '../../src/recipes/index.js';
import { operations } from './operations.js';
import { recipeWorld } from './world.js';

const world = await recipeWorld();

/** Each request takes a millisecond of virtual time, so that requests at the same time count as one round trip. */
const slow: Commands = {
  send: async (command, args) => {
    await world.sleep(1);
    return world.server.run(command, ...args);
  },
};

async function countRoundTrips(operation: (typeof operations)[number], round: number): Promise<number> {
  const context = { surroundings: world.surroundings, round, nowMs: world.clock.wallMs() };
  const call = await world.during(operation.prepare(slow, context));
  const beganMs = world.clock.steadyMs();
  await world.during(call());
  return Math.round(world.clock.steadyMs() - beganMs);
}

describe('round trips', () => {
  for (const page of new Set(operations.map((operation) => operation.page))) {
    it(`are what docs/recipes/${page}.md says`, async () => {
      const text = readFileSync(`docs/recipes/${page}.md`, 'utf8');
      const said = Object.fromEntries(
        [...text.matchAll(/^\| `([^`|]+)` \| (\d+) \|/gm)].map(([, name, count]) => [name, Number(count)]),
      );
      const counted: Record<string, number> = {};
      for (const operation of operations) {
        if (operation.page !== page) continue;
        await countRoundTrips(operation, 1); // scripts are sent whole the first time
        counted[operation.name] = await countRoundTrips(operation, 2);
      }
      assert.deepEqual(said, counted);
    });
  }
});
