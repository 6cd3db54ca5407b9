// Sentinels in simulated worlds. SIM_SEEDS=1000 runs so many seeds of each scenario; `npm run simulate -- --scenario sentinel --seed N`
// replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import { runSentinels, sentinelScenarios, type SentinelOptions } from '../../src/simulation/scenarios/sentinel.js';
import type { Deployment } from '../../src/simulation/scenarios/sentinel-deployment.js';
import { sentinelDeparturesScenario } from '../../src/simulation/scenarios/sentinel-departures.js';
import { sentinelLiarScenario } from '../../src/simulation/scenarios/sentinel-liar.js';
import { sentinelNamesScenario } from '../../src/simulation/scenarios/sentinel-names.js';
import { World } from '../../src/simulation/world.js';

const seeds = Number(process.env.SIM_SEEDS ?? 1);
/** Planted bugs show at this seed, and in a search from 1 within as many; later ones follow where changed code changes the runs. */
const PLANTED_SEED_MIN = 94;
const PLANTED_SEEDS_MAX = 200;

for (const scenario of [
  ...sentinelScenarios,
  sentinelLiarScenario,
  sentinelNamesScenario,
  // This one lasts long.
  ...(process.env.SIM_SEEDS === undefined ? [] : [sentinelDeparturesScenario]),
]) {
  test(`${scenario.name}: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { error, timeline } = await runScenario(scenario, seed);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-40).join('\n')}`);
    }
  });
}

test('the same seed gives the same run of sentinels', async () => {
  const first = await runScenario(sentinelScenarios[0]!, 9);
  const second = await runScenario(sentinelScenarios[0]!, 9);
  assert.equal(first.traceHash, second.traceHash);
  assert.equal(first.virtualMs, second.virtualMs);
});

/** The first failure that is found among many seeds. */
async function firstFailure(options: SentinelOptions): Promise<string> {
  for (let seed = PLANTED_SEED_MIN; seed <= PLANTED_SEEDS_MAX; seed++) {
    const failure = await runSentinels(new World(seed), options).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (failure !== undefined) return failure;
  }
  return 'nothing was found';
}

/** Sentinels forget whom they have voted for. */
function forgetVotes({ world, sentinels }: Deployment): void {
  world.invariants.push(() => {
    for (const { server } of sentinels)
      for (const master of server?.state.masters.values() ?? []) master.leaderEpoch = 0;
  });
}

test('sentinels that vote twice in an epoch are found', async () => {
  assert.match(await firstFailure({ sentinelCount: 3, plant: forgetVotes }), /votes for [0-9a-f]{40} and/);
});

test('two leaders of one epoch are found', async () => {
  const failure = await firstFailure({ sentinelCount: 3, checksVotes: false, plant: forgetVotes });
  assert.match(failure, /^\d+ is led by watch\d and watch\d$/);
});
