// SIM_SEEDS=1000 runs so many seeds; `npm run simulate -- --scenario cluster --seed N` replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import { clusterScenarios } from '../../src/simulation/scenarios/cluster.js';

const seeds = Number(process.env.SIM_SEEDS ?? 3);

for (const scenario of clusterScenarios) {
  // The large ones take minutes.
  const count = scenario.name === 'cluster' ? seeds : Math.floor(seeds / 100);
  test(`${scenario.name}: ${count} seeds`, async () => {
    for (let seed = 1; seed <= count; seed++) {
      const { error, timeline } = await runScenario(scenario, seed);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-30).join('\n')}`);
    }
  });
}

test('the same seed gives the same run of a cluster', async () => {
  const first = await runScenario(clusterScenarios[0]!, 5);
  const second = await runScenario(clusterScenarios[0]!, 5);
  assert.equal(first.traceHash, second.traceHash);
});
