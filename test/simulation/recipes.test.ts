// Recipes in simulated worlds: what holds while servers fail over, machines stand still and clocks jump; and what does not, shown to break.
// SIM_SEEDS=1000 runs so many seeds of each scenario; `npm run simulate -- --scenario recipes-lock --seed N` replays one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import {
  recipeCacheScenarios,
  runCacheFailover,
  runLimitFailover,
  runWriteBehindFailover,
} from '../../src/simulation/scenarios/recipe-caches.js';
import {
  recipePlaceScenarios,
  runDelayedJobs,
  runReadWriteLock,
  runSemaphore,
} from '../../src/simulation/scenarios/recipe-places.js';
import {
  type Broken,
  nothingBroken,
  recipeScenarios,
  runLock,
  runLockFailover,
  runRedlock,
  runSaleFailover,
} from '../../src/simulation/scenarios/recipes.js';
import { World } from '../../src/simulation/world.js';

const seeds = Number(process.env['SIM_SEEDS'] ?? 1);
const SEARCHED_SEEDS_MAX = 100;

for (const scenario of [...recipeScenarios, ...recipePlaceScenarios, ...recipeCacheScenarios]) {
  test(`${scenario.name}: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { error, timeline } = await runScenario(scenario, seed);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-40).join('\n')}`);
    }
  });
}

/** Runs worlds until what may break has broken. */
async function breaks(run: (world: World, broken: Broken) => Promise<void>, what: keyof Broken): Promise<void> {
  const broken = nothingBroken();
  for (let seed = 1; seed <= SEARCHED_SEEDS_MAX; seed++) {
    await run(new World(seed), broken);
    if (broken[what] > 0) return;
  }
  assert.fail(`${what} did not happen in ${SEARCHED_SEEDS_MAX} worlds`);
}

const demonstrations: readonly [string, () => Promise<void>][] = [
  ['two hold a lock when the server’s clock jumps ahead', () => breaks((w, b) => runLock(w, b, true), 'overlaps')],
  ['two hold a lock around a failover', () => breaks(runLockFailover, 'overlaps')],
  ['a failover gives a fencing token twice', () => breaks(runLockFailover, 'fencesBack')],
  ['two hold a Redlock when servers forget at a restart', () => breaks((w, b) => runRedlock(w, b, false), 'overlaps')],
  [
    'more than two have a place when the server’s clock jumps ahead',
    () => breaks((w, b) => runSemaphore(w, b, true), 'overlaps'),
  ],
  [
    'a writer is not alone when the server’s clock jumps ahead',
    () => breaks((w, b) => runReadWriteLock(w, b, true), 'overlaps'),
  ],
  ['two workers do one job when one stands still', () => breaks((w, b) => runDelayedJobs(w, b, false), 'jobsTwice')],
  ['a failover loses an invalidation, and a cache gives the old value', () => breaks(runCacheFailover, 'staleReads')],
  ['a failover loses counts, and a limit allows more', () => breaks(runLimitFailover, 'callsTooMany')],
  ['a failover loses writes that wait for the source', () => breaks(runWriteBehindFailover, 'writesLost')],
  ['a failover loses orders that were answered', () => breaks(runSaleFailover, 'ordersLost')],
];

for (const [name, demonstrate] of demonstrations)
  test(name, { skip: process.env['SIM_SEEDS'] === undefined && 'a search; SIM_SEEDS=1 runs it' }, demonstrate);
